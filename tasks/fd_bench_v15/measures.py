"""The metrics of FD-bench v1.5, declared. What they compute is said in ``tml_bench.metrics``."""

from __future__ import annotations

from tml_bench.task import Direction, Kind, Metric, Overall
from tml_bench.tasks.fd_bench_v15.behaviour import ANSWERS, RESPOND, RESUME
from tml_bench.tasks.fd_bench_v15.loader import RESPONDS, SUBSETS

EXACT, REPAIRED, VOICE = "reference-exact", "repaired", "before and after"
HIGHER, LOWER, NEITHER = Direction.HIGHER, Direction.LOWER, Direction.NONE

EXPECTED = {subset: RESPOND if subset == RESPONDS else RESUME for subset in SUBSETS}
"""The one behaviour each scenario asks for (the paper's table of scenarios)."""

OVERALL = (Overall("average", SUBSETS, equal=True),)

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


def _metric(
    name: str,
    title: str,
    unit: str,
    direction: Direction,
    family: str,
    describes: str,
    kind: Kind | None = None,
    judged: bool = False,
    decimals: int | None = None,
) -> Metric:
    kind = kind or (Kind.RATE if unit == "%" else Kind.MEAN)
    return Metric(
        name, title, unit, direction, kind, 1, SUBSETS, family, describes, judged=judged, decimals=decimals
    )


BEHAVIOURS = (
    _metric(
        "expected", "Expected behaviour", "%", HIGHER, REPAIRED,
        "The behaviour is the one the scenario asks for: responding to an interruption, resuming otherwise.",
        Kind.RATIO, judged=True,
    ),
    *(
        _metric(
            answer.lower(), _TITLES[answer].capitalize(), "%", NEITHER, REPAIRED,
            f"The model {_TITLES[answer]}.", judged=True,
        )
        for answer in ANSWERS
    ),
    _metric(
        "fdb15_expected", "FDB expected", "%", HIGHER, EXACT,
        "The same, the share rounded to 2 decimals before scenarios are averaged, as published averages are.",
        Kind.RATIO, judged=True, decimals=2,
    ),
    *(
        _metric(
            f"fdb15_{answer.lower()}", f"FDB {answer}", "%", NEITHER, EXACT,
            f"Share of C_{answer}{'_HANDLING' if answer == 'UNCERTAIN' else ''}, rounded to 2 decimals.",
            judged=True, decimals=2,
        )
        for answer in ANSWERS
    ),
)  # fmt: skip
"""What a judge decides. The average of ``expected`` is taken over scenarios of equal weight."""

TIMING = (
    _metric(
        "talked_over", "Talked over", "%", NEITHER, REPAIRED,
        "The model is speaking when the overlap begins; otherwise it cannot stop or go on.",
    ),
    _metric(
        "stop_latency", "Stop latency", "s", NEITHER, REPAIRED,
        "Time from the overlap's start until the model stops, where it stops within the overlap.",
    ),
    _metric(
        "censored_stop", "Censored stops", "%", NEITHER, REPAIRED,
        "The model, talked over, is still speaking when the overlap ends: its stop latency is not seen.",
    ),
    _metric(
        "kept_talking", "Kept talking", "%", NEITHER, REPAIRED,
        "The model, talked over, speaks on for 1 s after the overlap's end or to the end of the clip.",
    ),
    _metric(
        "early_start", "Early start", "%", LOWER, REPAIRED,
        "The model begins anew before the overlap is over.",
    ),
    _metric(
        "response_latency", "Response latency", "s", LOWER, REPAIRED,
        "Time from the overlap's end to the model's next turn; not where it kept talking.",
    ),
    _metric(
        "fdb15_stop", "FDB stop list", "s", NEITHER, EXACT,
        "Mean length of all stretches of double talk in the clip, censored ones included.", Kind.RATIO,
    ),
    _metric(
        "fdb15_censored", "FDB censored", "%", NEITHER, EXACT,
        "Share of those stretches that end with the user and not with the model.", Kind.RATIO,
    ),
    _metric(
        "fdb15_response", "FDB response list", "s", LOWER, EXACT,
        "Mean time from the end of any user segment to the next start of the model.", Kind.RATIO,
    ),
)  # fmt: skip

VOICES = tuple(
    _metric(f"{name}_{part}", f"{title} {part}", unit, NEITHER, VOICE, f"{describes} {when}.")
    for part, when in _PARTS.items()
    for name, title, unit, describes in _VOICE
)

METRICS = (*BEHAVIOURS, *TIMING, *VOICES)
HEADLINE = ("expected", "respond", "resume", "uncertain", "unknown", "stop_latency", "response_latency")
