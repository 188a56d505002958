"""Scoring one recording of FD-bench v1 with both families of measures.

A judge decides how well the answer to an interruption fits. No rule decides it offline: that takes
understanding. The wording is our own; the original's prompt and judge (GPT-4 Turbo) are others.
"""

from collections.abc import Callable, Sequence

from msgspec import structs

from tml_bench.metrics import backchannel, fdb_reference, turn_score, turn_taking
from tml_bench.metrics.fdb_reference import UndefinedInReferenceError, WordTimes
from tml_bench.metrics.vocalisations import Vocalisation
from tml_bench.questions import Question, QuestionLine, Rubric, Verdicts, verdict_of
from tml_bench.samples import Sample
from tml_bench.task import Mark, Value
from tml_bench.tasks._common import ScoreSheet, annotation_of, no_words
from tml_bench.tasks._common.speech import text_of, vocalisations_of
from tml_bench.tasks.fd_bench_v1 import loader
from tml_bench.tasks.fd_bench_v1.closed import played_interruption
from tml_bench.timeline import Timeline, Word, WordSource

RATING = Rubric(
    name="fdb-rating",
    version=1,
    text="""\
A user says something to a voice assistant (the context), and some seconds later cuts in with something else \
(the interruption). You are given both, and what the assistant says from the interruption's end on (the \
reply). How well does the reply respond to the interruption?

0: Not at all: it goes on with the context, is about something else, or makes no sense.
1: It shares a word or a theme with the interruption, but responds to something else.
2: It takes up the theme of the interruption, but not what the user says or asks there.
3: It responds to the interruption in the main, and misses or muddles a part of it.
4: It responds to all of the interruption, with a small lapse or detour.
5: It responds to exactly what the user says or asks in the interruption.

The reply comes from speech recognition and may begin or end in mid-sentence; that does not matter. Rate how \
well it fits, not whether its facts are right, nor its length, tone or grammar.""",
    answers=("0", "1", "2", "3", "4", "5"),
    ordered=True,
)
KEY = "rating"
PLACEHOLDER = "word"
"""What respondents say that are made of times alone; there is nothing to rate in it."""


def rating(context: str, interruption: str, reply: str) -> Question:
    """The question how well a reply, from the interruption's end on, responds to it."""
    lines = (
        QuestionLine("context", context),
        QuestionLine("interruption", interruption),
        QuestionLine("reply", reply),
    )
    return Question(KEY, RATING, lines)


NOT_REACHED = "the session ended before the interruption"
INTERRUPTED = (
    "early_start", "response", "latency", "signed_latency", "yield", "talked_over", "nothing_owed",
    "stop_latency", "turn_score", "fdb_tor", "fdb_latency", "fdb_rating",
)  # fmt: skip
"""What is measured of an interruption."""
NO_TEXTS = "interrupt.json does not say what the user says: give it context and interrupt"


def annotated(sample: Sample) -> tuple[Mark, ...]:
    """What the sample's annotation marks, for pictures; the user's end is marked by the task."""
    match annotation_of(sample, loader.ClipAnnotation):
        case loader.PauseAnnotation(pause=pause):
            return (Mark(*pause, "pause"),)
        case loader.InterruptionAnnotation(interruption=interruption) if len(sample.script.turns) == 1:
            return (Mark(*interruption, "interruption"),)
        case loader.BackchannelAnnotation(windows=windows):
            return tuple(Mark(start, end, "backchannel") for start, end in windows or ())
    return ()


def questions(sample: Sample, timeline: Timeline) -> tuple[Question, ...]:
    """How well the answer to an interruption responds to it; nothing where there is nothing to rate."""
    item = annotation_of(sample, loader.ClipAnnotation)
    if not isinstance(item, loader.InterruptionAnnotation) or not (item.context and item.text):
        return ()
    played = played_interruption(sample, timeline)
    said = "" if played is None else _answer_text(_after(timeline, played[1]))
    return (rating(item.context, item.text, said),) if said else ()


def _answer_text(words: Sequence[Word]) -> str:
    """What is to be rated: the words of a takeover; empty where there is none, or none with words in it."""
    try:
        takeover = fdb_reference.turn_tor(_times(words))
    except UndefinedInReferenceError:
        return ""
    if not takeover or all(word.text == PLACEHOLDER for word in words):
        return ""
    return text_of(words).strip()


def score(sample: Sample, timeline: Timeline, verdicts: Verdicts) -> ScoreSheet:
    """Score one recording."""
    sheet = ScoreSheet()
    speech = vocalisations_of(timeline)
    match annotation_of(sample, loader.ClipAnnotation):
        case loader.PauseAnnotation() as pause:
            _pause(sheet, pause, speech, timeline)
        case loader.TurnEndAnnotation(user_end_s=end):
            _turn_end(sheet, end, speech, timeline)
        case loader.InterruptionAnnotation() as item:
            played = played_interruption(sample, timeline)
            if played is None:
                sheet.lack(INTERRUPTED, NOT_REACHED)
            else:
                _interruption(sheet, structs.replace(item, interruption=played), speech, timeline, verdicts)
        case loader.BackchannelAnnotation() as item:
            _backchannel(sheet, item, speech, timeline)
    if timeline.word_source is WordSource.NONE:
        sheet.notes.append("words unknown: backchannels are told from takeovers by duration alone")
    return sheet


def _pause(
    sheet: ScoreSheet, item: loader.PauseAnnotation, speech: Sequence[Vocalisation], timeline: Timeline
) -> None:
    result = turn_taking.pause_handling(speech, item.pause, item.user_end_s)
    sheet.put(
        pause_takeover=result.pause_takeover,
        pause_backchannel=result.pause_backchannel,
        other_takeover=result.other_takeover,
        turn_score=turn_score.held_back(result),
    )
    sheet.event("pause", *item.pause)
    sheet.event("user_end", item.user_end_s)
    sheet.rows += result.rows
    words = _word_times(sheet, timeline, "fdb_pause_tor")
    if words is not None:
        _attempt(sheet, "fdb_pause_tor", lambda: fdb_reference.pause_tor(words))


def _turn_end(
    sheet: ScoreSheet, user_end_s: float, speech: Sequence[Vocalisation], timeline: Timeline
) -> None:
    result = turn_taking.turn_end(speech, user_end_s)
    _answer(sheet, result)
    sheet.put(turn_score=turn_score.answered(result))
    sheet.event("user_end", user_end_s)
    sheet.rows += result.rows
    words = _word_times(sheet, timeline, "fdb_tor", "fdb_latency")
    if words is not None:
        _transcript(sheet, words, user_end_s)


def _interruption(
    sheet: ScoreSheet,
    item: loader.InterruptionAnnotation,
    speech: Sequence[Vocalisation],
    timeline: Timeline,
    verdicts: Verdicts,
) -> None:
    ends = item.interruption[1]
    result = turn_taking.interruption(speech, item.interruption)
    _answer(sheet, result.turn)
    talked_over = result.yielded is not None
    finished = not talked_over and any(v.takeover and v.end_s <= item.interruption[0] for v in speech)
    sheet.put(**{"yield": result.yielded}, stop_latency=result.stop_latency_s)
    sheet.put(talked_over=talked_over, nothing_owed=finished, turn_score=turn_score.gave_way(result))
    sheet.event("interruption", *item.interruption)
    sheet.rows += result.rows
    answer = _after(timeline, ends)
    if _word_times(sheet, timeline, "fdb_tor", "fdb_latency", "fdb_rating") is not None:
        _transcript(sheet, _times(answer), ends)
    if "fdb_tor" in sheet.missing:
        sheet.lack(["fdb_rating"], sheet.missing["fdb_tor"])
    elif _answer_text(answer):
        verdict = verdict_of(verdicts, KEY)
        if not (item.context and item.text):
            sheet.lack(["fdb_rating"], NO_TEXTS)
        elif verdict.answer is None:
            sheet.lack(["fdb_rating"], verdict.missing)
        else:
            sheet.put(fdb_rating=float(verdict.answer))


def _backchannel(
    sheet: ScoreSheet, item: loader.BackchannelAnnotation, speech: Sequence[Vocalisation], timeline: Timeline
) -> None:
    given = sum(not v.takeover for v in speech)
    if timeline.duration_s > 0:
        sheet.values["bc_per_minute"] = Value(given, timeline.duration_s / 60)
    took_turn = given < len(speech)
    sheet.put(takeover=took_turn)
    if item.windows is None:
        sheet.lack(("bc_precision", "bc_recall", "bc_f1", "turn_score"), item.unknown)
        sheet.rows += [v.row("takeover" if v.takeover else "backchannel") for v in speech]
    else:
        hits, false_alarms, misses, rows = backchannel.match(speech, item.windows)
        sheet.values["bc_precision"] = Value(hits, hits + false_alarms)
        sheet.values["bc_recall"] = Value(hits, hits + misses)
        sheet.values["bc_f1"] = Value(2 * hits, 2 * hits + false_alarms + misses)
        sheet.put(turn_score=turn_score.listened(took_turn, hits, false_alarms, misses))
        sheet.rows += rows
    segments = [(s.start_s, s.end_s) for s in timeline.silero_segments]
    words = _word_times(sheet, timeline, "fdb_bc_tor")
    tor, given_s = fdb_reference.vad_backchannels(segments, words)
    length_s, listeners = timeline.duration_s, item.distribution
    sheet.put(fdb_bc_tor=tor)
    _attempt(sheet, "fdb_bc_freq", lambda: fdb_reference.backchannel_frequency(given_s, length_s))
    if listeners is None:
        sheet.lack(["fdb_bc_jsd"], item.unknown)
    else:
        _attempt(sheet, "fdb_bc_jsd", lambda: fdb_reference.backchannel_jsd(given_s, length_s, listeners))


def _answer(sheet: ScoreSheet, result: turn_taking.TurnEndResponse) -> None:
    sheet.put(
        early_start=result.early_start,
        response=result.response,
        latency=result.latency_s,
        signed_latency=result.signed_latency_s,
    )


def _transcript(sheet: ScoreSheet, words: Sequence[WordTimes], user_end_s: float) -> None:
    _attempt(sheet, "fdb_tor", lambda: fdb_reference.turn_tor(words))
    if "fdb_tor" in sheet.missing:
        sheet.lack(["fdb_latency"], sheet.missing["fdb_tor"])
    elif sheet.values["fdb_tor"].numerator:
        _attempt(sheet, "fdb_latency", lambda: fdb_reference.clipped_latency(words, user_end_s))


def _attempt(sheet: ScoreSheet, name: str, compute: Callable[[], float]) -> None:
    """Enter what the reference computes, or why it stops."""
    try:
        sheet.put(**{name: compute()})
    except UndefinedInReferenceError as error:
        sheet.lack([name], str(error))


def _word_times(sheet: ScoreSheet, timeline: Timeline, *names: str) -> list[WordTimes] | None:
    if timeline.word_source is WordSource.NONE:
        sheet.lack(names, no_words(timeline))
        return None
    words = _times(timeline.words)
    if words:
        sheet.event("transcript", words[0][0], words[-1][1], words=float(len(words)))
    return words


def _after(timeline: Timeline, from_s: float) -> list[Word]:
    """The words heard from ``from_s`` on; one that is under way begins there.

    The reference's recogniser hears nothing before the interruption's end; an imported transcript was made
    that way already.
    """
    if timeline.word_source is WordSource.IMPORTED:
        return list(timeline.words)
    return [
        w if w.start_s is None or w.start_s >= from_s else structs.replace(w, start_s=from_s)
        for w in timeline.words
        if w.end_s is None or w.end_s > from_s
    ]


def _times(words: Sequence[Word]) -> list[WordTimes]:
    return [(w.start_s, w.end_s) for w in words]
