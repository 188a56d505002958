"""The metrics of FD-bench v1.5, declared. What they compute is said in ``tml_bench.metrics``."""

from __future__ import annotations

from functools import partial

from tml_bench.task import Direction, Kind, Metric, Overall
from tml_bench.tasks.fd_bench_v15.behaviour import ANSWERS, RESPOND, RESUME
from tml_bench.tasks.fd_bench_v15.loader import RESPONDS, SUBSETS

HIGHER, LOWER, NEITHER = Direction.HIGHER, Direction.LOWER, Direction.NONE
EXPECTED = {subset: RESPOND if subset == RESPONDS else RESUME for subset in SUBSETS}
"""The one behaviour each scenario asks for (the paper's table of scenarios)."""

_TITLES = {
    "RESPOND": "responds",
    "RESUME": "resumes",
    "UNCERTAIN": "asks to repeat",
    "UNKNOWN": "does none of these",
}
_PARTS = {
    "before": "until the model turns to the overlap",
    "after": "from then on",
    "clean": "without overlap",
}
_VOICE = (
    ("wpm", "Words/min", "1/min", "Words per minute, pauses included,"),
    ("pitch", "Pitch", "Hz", "Mean pitch of voiced frames"),
    ("pitch_std", "Pitch std", "Hz", "Standard deviation of pitch"),
    ("intensity", "Intensity", "dB", "Mean intensity of speech"),
    ("intensity_std", "Intensity std", "dB", "Standard deviation of intensity"),
)

_metric = partial(Metric, direction=NEITHER)
_repaired = partial(_metric, family="repaired")
_exact = partial(_metric, family="reference-exact")
_share = partial(_repaired, unit="%", kind=Kind.RATE)
_rounded = partial(_exact, unit="%", judged=True, decimals=2)

BEHAVIOURS = (
    _share(name="expected", title="Expected behaviour", direction=HIGHER, kind=Kind.RATIO, judged=True,
           describes="The behaviour is the one the scenario asks for: responding to an interruption, "
           "resuming otherwise."),
    *(
        _share(name=answer.lower(), title=_TITLES[answer].capitalize(), judged=True,
               describes=f"The model {_TITLES[answer]}.")
        for answer in ANSWERS
    ),
    _rounded(name="fdb15_expected", title="FDB expected", direction=HIGHER, kind=Kind.RATIO,
             describes="The same, the share rounded to 2 decimals before scenarios are averaged, as "
             "published averages are."),
    *(
        _rounded(name=f"fdb15_{answer.lower()}", title=f"FDB {answer}", kind=Kind.RATE,
                 describes=f"Share of C_{answer}{'_HANDLING' if answer == 'UNCERTAIN' else ''}, rounded to "
                 "2 decimals.")
        for answer in ANSWERS
    ),
)  # fmt: skip
"""What a judge decides. The average of ``expected`` is taken over scenarios of equal weight."""

TIMING = (
    _share(name="talked_over", title="Talked over",
           describes="The model is speaking when the overlap begins; otherwise it cannot stop or go on."),
    _repaired(name="stop_latency", title="Stop latency", unit="s",
              describes="Time from the overlap's start until the model stops, where it stops within the "
              "overlap."),
    _share(name="censored_stop", title="Censored stops",
           describes="The model, talked over, is still speaking when the overlap ends: its stop latency is "
           "not seen."),
    _share(name="kept_talking", title="Kept talking",
           describes="The model, talked over, speaks on for 1 s after the overlap's end or to the end of "
           "the clip."),
    _share(name="early_start", title="Early start", direction=LOWER,
           describes="The model begins anew before the overlap is over."),
    _repaired(name="response_latency", title="Response latency", unit="s", direction=LOWER,
              describes="Time from the overlap's end to the model's next turn; not where it kept talking."),
    _exact(name="fdb15_stop", title="FDB stop list", unit="s", kind=Kind.RATIO,
           describes="Mean length of all stretches of double talk in the clip, censored ones included."),
    _exact(name="fdb15_censored", title="FDB censored", unit="%", kind=Kind.RATIO,
           describes="Share of those stretches that end with the user and not with the model."),
    _exact(name="fdb15_response", title="FDB response list", unit="s", direction=LOWER, kind=Kind.RATIO,
           describes="Mean time from the end of any user segment to the next start of the model."),
)  # fmt: skip

VOICES = tuple(
    _metric(name=f"{name}_{part}", title=f"{title} {part}", unit=unit, family="before and after",
            describes=f"{describes} {when}.")
    for part, when in _PARTS.items()
    for name, title, unit, describes in _VOICE
)  # fmt: skip

METRICS = (*BEHAVIOURS, *TIMING, *VOICES)
HEADLINE = ("expected", "respond", "resume", "uncertain", "unknown", "stop_latency", "response_latency")
OVERALL = (Overall("average", SUBSETS, equal=True),)
NOT_RUN = {
    "UTMOSv2 before and after": "needs a neural predictor of listening scores, with PyTorch and weights",
    "significance tests before and after": "the values per sample are in scores.jsonl",
}
