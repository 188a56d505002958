"""Scoring one item of FD-bench v1.5: behaviour, timing in both families, the voice before and after."""

from collections.abc import Sequence
from functools import partial

from tml_bench.metrics import fdb15_reference, turn_score
from tml_bench.metrics.fdb15_reference import MODEL_GAP_S, USER_GAP_S, Interval, WordTimes
from tml_bench.metrics.turn_taking import OverlapResponse, overlapped
from tml_bench.perception import prosody
from tml_bench.questions import Question, Verdicts, verdict_of
from tml_bench.samples import Sample
from tml_bench.task import Axis, BoardScore, Direction, Kind, Mark, Metric, Overall, Value
from tml_bench.tasks._common import ScoreSheet, annotation_of, no_words
from tml_bench.tasks._common.speech import vocalisations_of
from tml_bench.tasks.fd_bench_v15 import behaviour
from tml_bench.tasks.fd_bench_v15.behaviour import ANSWERS, RESPOND, RESUME, UNKNOWN
from tml_bench.tasks.fd_bench_v15.loader import CLEAN, RESPONDS, SUBSETS, CleanAnnotation, OverlapAnnotation
from tml_bench.tasks.fd_bench_v15.owed import nothing_owed, question_end
from tml_bench.timeline import Segment, Timeline, Voice, WordSource

HIGHER, LOWER, NEITHER = Direction.HIGHER, Direction.LOWER, Direction.NONE
EXPECTED = {subset: RESPOND if subset == RESPONDS else RESUME for subset in SUBSETS}
"""The one behaviour each scenario asks for (the paper's table of scenarios)."""

_TITLES = {
    "RESPOND": "responds",
    "RESUME": "resumes",
    "UNCERTAIN": "asks to repeat",
    "UNKNOWN": "does none of these",
}
_SILENT = {"RESUME": ", or had finished and is silent", "UNKNOWN": ", and does not resume by silence"}
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
           version=2,
           describes="The behaviour is the one the scenario asks for: responding to an interruption, "
           "resuming otherwise."),
    *(
        _share(name=answer.lower(), title=_TITLES[answer].capitalize(), judged=True,
               version=2 if answer in (RESUME, UNKNOWN) else 1,
               describes=f"The model {_TITLES[answer]}{_SILENT.get(answer, '')}.")
        for answer in ANSWERS
    ),
    _share(name="nothing_owed", title="Nothing owed", subsets=tuple(s for s in SUBSETS if s != RESPONDS),
           describes="The model had answered and finished before the overlap, and is silent: counted as "
           "resuming."),
    _rounded(name="fdb15_expected", title="FDB expected", direction=HIGHER, kind=Kind.RATIO,
             describes="The same with silence never expected, the share rounded to 2 decimals before "
             "scenarios are averaged, as published averages are."),
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

SCORE = _metric(
    name="overlap_score", title="Overlap score", unit="%", kind=Kind.RATIO, direction=HIGHER, family="board",
    judged=True,
    describes="The model answers the question in time, and then does what the overlap asks for; where "
    "that is to respond, it also stops within the overlap and responds in time.",
)  # fmt: skip
METRICS = (SCORE, *BEHAVIOURS, *TIMING, *VOICES)
HEADLINE = ("expected", "respond", "resume", "uncertain", "unknown", "stop_latency", "response_latency")
OVERALL = (Overall("average", SUBSETS, equal=True),)
BOARD = BoardScore(
    SCORE.name,
    OVERALL[0].name,
    "Going on counts only for a model that answered the question in time, so silence, echoes and endless "
    "talk get nothing. Talk that begins at a fixed time gets what it happens to hit of the three scenarios "
    "in which going on is right, and nothing of the fourth: that is the floor.",
    axis=Axis.OVERLAP,
)
NOT_RUN = {
    "UTMOSv2 before and after": "needs a neural predictor of listening scores, with PyTorch and weights",
    "significance tests before and after": "the values per sample are in scores.jsonl",
}


_JUDGED = tuple(metric.name for metric in BEHAVIOURS if metric.judged)
_NOTHING = Timeline(0.0)
NO_QUESTION = "when the question ends is not known: neither the data nor the user's track tells"
MASKED_DB = -190.0
"""Intensities up to this stand for silence."""


def item_of(sample: Sample) -> OverlapAnnotation:
    """The item a sample belongs to."""
    found = sample.reference.annotation
    return found.item if isinstance(found, CleanAnnotation) else annotation_of(sample, OverlapAnnotation)


def annotated(sample: Sample) -> tuple[Mark, ...]:
    """What the sample's annotation marks, for pictures."""
    item = item_of(sample)
    marks = [] if item.context is None else [Mark(*item.context, "question")]
    if isinstance(sample.reference.annotation, OverlapAnnotation):
        marks.append(Mark(*item.overlap, "overlap"))
    return tuple(marks)


def stretches(sample: Sample, timeline: Timeline) -> tuple[Interval, ...]:
    """The model's track before and after it turns to the overlap; all of it in the clip without."""
    if not timeline.segments:
        return ()
    if isinstance(sample.reference.annotation, CleanAnnotation):
        return ((0.0, timeline.duration_s),)
    split = _split(item_of(sample), timeline)
    return ((0.0, split), (split, timeline.duration_s))


def questions(sample: Sample, timeline: Timeline) -> tuple[Question, ...]:
    """The question about the behaviour; none where the model says nothing more, or words are unknown."""
    item, clean = item_of(sample), timeline.companions.get(CLEAN, _NOTHING)
    if _words_unknown(timeline, clean) or not _speaks_after(item, timeline):
        return ()
    return (behaviour.ask(item, timeline, clean),)


def score(sample: Sample, timeline: Timeline, verdicts: Verdicts) -> ScoreSheet:
    """Score one item."""
    item, clean = item_of(sample), timeline.companions.get(CLEAN, _NOTHING)
    sheet = ScoreSheet()
    _behaviour(sheet, sample, timeline, clean, verdicts)
    _timing(sheet, sample, timeline)
    _lists(sheet, timeline)
    _voice(sheet, item, timeline, clean)
    return sheet


def _behaviour(
    sheet: ScoreSheet, sample: Sample, timeline: Timeline, clean: Timeline, verdicts: Verdicts
) -> None:
    item = item_of(sample)
    speaks, resumes = _speaks_after(item, timeline), sample.subset != RESPONDS
    owes_nothing = resumes and not speaks and nothing_owed(item, timeline, clean)
    if resumes:
        sheet.put(nothing_owed=owes_nothing)
    if _words_unknown(timeline, clean):
        return sheet.lack(_JUDGED, no_words(timeline, clean))
    answer: str | None = UNKNOWN
    if speaks:
        verdict = verdict_of(verdicts, "behaviour")
        answer = verdict.answer
        if answer is None:
            return sheet.lack(_JUDGED, verdict.missing)
    for prefix, found in (("", RESUME if owes_nothing else answer), ("fdb15_", answer)):
        sheet.put(**{f"{prefix}{one.lower()}": found == one for one in ANSWERS})
        sheet.put(**{f"{prefix}expected": found == EXPECTED[sample.subset]})
    return sheet.event("nothing owed" if owes_nothing else f"behaviour {answer}", *item.overlap)


def _timing(sheet: ScoreSheet, sample: Sample, timeline: Timeline) -> None:
    item = item_of(sample)
    found = overlapped(vocalisations_of(timeline), item.overlap, timeline.duration_s)
    sheet.put(
        talked_over=found.talked_over,
        stop_latency=found.stop_latency_s,
        censored_stop=found.censored_stop,
        kept_talking=found.kept_talking,
        early_start=found.early_start,
        response_latency=found.response_latency_s,
    )
    sheet.rows += found.rows
    _whole(sheet, sample, timeline, found)


def _whole(sheet: ScoreSheet, sample: Sample, timeline: Timeline, found: OverlapResponse) -> None:
    item = item_of(sample)
    asked_s = question_end(item, timeline)
    if asked_s is None:
        return sheet.lack([SCORE.name], NO_QUESTION)
    if "expected" in sheet.missing:
        return sheet.lack([SCORE.name], sheet.missing["expected"])
    right = bool(sheet.values["expected"].numerator)
    right = right and turn_score.answered_before(vocalisations_of(timeline), asked_s, item.overlap[0])
    if sample.subset == RESPONDS:
        right = right and turn_score.responded(found)
    return sheet.put(**{SCORE.name: right})


def _lists(sheet: ScoreSheet, timeline: Timeline) -> None:
    if timeline.user is None:
        reason = "the user's track was not perceived; score the run again"
        return sheet.lack(("fdb15_stop", "fdb15_censored", "fdb15_response"), reason)
    user = fdb15_reference.merge(_spans(timeline.user.silero_unrounded), USER_GAP_S)
    model = fdb15_reference.merge(_spans(timeline.silero_unrounded), MODEL_GAP_S)
    stops = fdb15_reference.stops(user, model)
    responses = fdb15_reference.responses(user, model)
    lists: dict[str, list[float]] = {
        "fdb15_stop": [stop.length_s for stop in stops],
        "fdb15_censored": [stop.censored for stop in stops],
        "fdb15_response": [start - end for end, start in responses],
    }
    sheet.values |= {n: Value(float(sum(some)), float(len(some))) for n, some in lists.items() if some}
    for stop in stops:
        sheet.event("fdb15_stop censored" if stop.censored else "fdb15_stop", stop.start_s, stop.end_s)
    for response in responses:
        sheet.event("fdb15_response", *response)
    return None


def _voice(sheet: ScoreSheet, item: OverlapAnnotation, timeline: Timeline, clean: Timeline) -> None:
    before, after = fdb15_reference.words_before(_word_times(timeline), _split(item, timeline))
    for part, heard, words in (
        ("before", timeline, before),
        ("after", timeline, after),
        ("clean", clean, _word_times(clean)),
    ):
        if heard.word_source is WordSource.NONE:
            sheet.lack([f"wpm_{part}"], no_words(heard))
        sheet.put(**{f"wpm_{part}": fdb15_reference.words_per_minute(words)})
    parts = [*zip(("before", "after"), timeline.voices, strict=False), *(("clean", v) for v in clean.voices)]
    for part, voice in parts:
        found = {f"{name}_{part}": value for name, value in _pitch_and_level(voice).items()}
        if voice.measured:
            sheet.put(**found)
        else:
            sheet.lack(found, prosody.REMEDY)


def _pitch_and_level(voice: Voice) -> dict[str, float | None]:
    """Values by metric; what the reference's significance test masks is None."""
    level = voice.intensity_db
    return {
        "pitch": voice.pitch_hz or None,
        "pitch_std": voice.pitch_std_hz or None,
        "intensity": None if level is None or level <= MASKED_DB else level,
        "intensity_std": voice.intensity_std_db or None,
    }


def _split(item: OverlapAnnotation, timeline: Timeline) -> float:
    return fdb15_reference.split_time(_word_times(timeline), item.overlap[1], timeline.duration_s)


def _words_unknown(timeline: Timeline, clean: Timeline) -> bool:
    return WordSource.NONE in (timeline.word_source, clean.word_source)


def _speaks_after(item: OverlapAnnotation, timeline: Timeline) -> bool:
    return any(word.start_s is not None and word.start_s >= item.overlap[0] for word in timeline.words)


def _word_times(timeline: Timeline) -> list[WordTimes]:
    return [(word.start_s, word.end_s) for word in timeline.words]


def _spans(segments: Sequence[Segment]) -> list[Interval]:
    return [(s.start_s, s.end_s) for s in segments]
