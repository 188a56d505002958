"""Scoring one recording of FD-bench v1 with both families of measures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from msgspec import structs

from tml_bench.errors import BadSampleError
from tml_bench.metrics import backchannel, fdb_reference, turn_taking
from tml_bench.metrics.fdb_reference import UndefinedInReferenceError, WordTimes
from tml_bench.metrics.vocalisations import Interval, Row, Vocalisation
from tml_bench.questions import Question, Verdicts, verdict_of
from tml_bench.samples import Sample
from tml_bench.task import Mark, Score, Value
from tml_bench.tasks._common import NO_WORDS, vocalisations_of
from tml_bench.tasks.fd_bench_v1.annotation import (
    Annotation,
    BackchannelAnnotation,
    InterruptionAnnotation,
    PauseAnnotation,
    TurnEndAnnotation,
)
from tml_bench.tasks.fd_bench_v1.rubric import KEY, PLACEHOLDER, rating
from tml_bench.timeline import Timeline, Word, WordSource

NO_TEXTS = "interrupt.json does not say what the user says: give it context and interrupt"


@dataclass(slots=True)
class _Sheet:
    """The score while it is filled in."""

    values: dict[str, Value] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)
    rows: list[Row] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def put(self, name: str, value: float | None) -> None:
        """Enter a value, unless the metric does not apply."""
        if value is not None:
            self.values[name] = Value(float(value))

    def attempt(self, name: str, compute: Callable[[], float]) -> None:
        """Enter what the reference computes, or why it stops."""
        try:
            self.values[name] = Value(float(compute()))
        except UndefinedInReferenceError as error:
            self.missing[name] = str(error)


def annotation_of(sample: Sample) -> Annotation:
    """The sample's annotation.

    Raises:
        BadSampleError: the sample has a problem, or is not of this task.
    """
    found = sample.reference.annotation
    if not isinstance(found, Annotation):
        raise BadSampleError(sample.problem or f"{sample.id}: not a sample of FD-bench v1")
    return found


def annotated(sample: Sample) -> tuple[Mark, ...]:
    """What the sample's annotation marks, for pictures; the user's end is marked by the task."""
    annotation = annotation_of(sample)
    if isinstance(annotation, PauseAnnotation):
        return (Mark(*annotation.pause, "pause"),)
    if isinstance(annotation, InterruptionAnnotation):
        return (Mark(*annotation.interruption, "interruption"),)
    if isinstance(annotation, BackchannelAnnotation):
        return tuple(Mark(start, end, "backchannel") for start, end in annotation.windows or ())
    return ()


def questions(sample: Sample, timeline: Timeline) -> tuple[Question, ...]:
    """How well the answer to an interruption responds to it; nothing where there is none, or nothing to rate.

    Raises:
        BadSampleError: the sample has a problem.
    """
    item = annotation_of(sample)
    if not isinstance(item, InterruptionAnnotation) or not (item.context and item.text):
        return ()
    said = _answer_text(_after(timeline, item.interruption[1]))
    return (rating(item.context, item.text, said),) if said else ()


def _answer_text(words: Sequence[Word]) -> str:
    """What is to be rated: the words of a takeover; empty where there is none, or none with words in it."""
    try:
        takeover = fdb_reference.turn_tor(_times(words))
    except UndefinedInReferenceError:
        return ""
    if not takeover or all(word.text == PLACEHOLDER for word in words):
        return ""
    return " ".join(word.text.strip() for word in words).strip()


def score(task: str, sample: Sample, timeline: Timeline, verdicts: Verdicts) -> Score:
    """Score one recording.

    Args:
        task: the task's name.
        sample: what was played.
        timeline: what was heard.
        verdicts: on what `questions` asks.

    Raises:
        BadSampleError: the sample has a problem.
    """
    sheet = _Sheet()
    speech = vocalisations_of(timeline)
    match annotation_of(sample):
        case PauseAnnotation() as pause:
            _pause(sheet, pause, speech, timeline)
        case TurnEndAnnotation(user_end_s=end):
            _turn_end(sheet, end, speech, timeline)
        case InterruptionAnnotation() as item:
            _interruption(sheet, item.interruption, speech, timeline)
            _rating(sheet, item, timeline, verdicts)
        case BackchannelAnnotation() as item:
            _backchannel(sheet, item, speech, timeline)
    if timeline.word_source is WordSource.NONE:
        sheet.notes.append("words unknown: backchannels are told from takeovers by duration alone")
    return Score(
        task,
        sample.subset,
        sample.id,
        sample.unit,
        sheet.values,
        sheet.missing,
        tuple(sheet.rows),
        tuple(sheet.notes),
    )


def _pause(sheet: _Sheet, item: PauseAnnotation, speech: Sequence[Vocalisation], timeline: Timeline) -> None:
    result = turn_taking.pause_handling(speech, item.pause, item.user_end_s)
    sheet.put("pause_takeover", result.pause_takeover)
    sheet.put("pause_backchannel", result.pause_backchannel)
    sheet.put("other_takeover", result.other_takeover)
    sheet.rows += [_event("pause", *item.pause), _event("user_end", item.user_end_s), *result.rows]
    words = _word_times(sheet, timeline, ("fdb_pause_tor",))
    if words is not None:
        sheet.attempt("fdb_pause_tor", lambda: fdb_reference.pause_tor(words))


def _turn_end(sheet: _Sheet, user_end_s: float, speech: Sequence[Vocalisation], timeline: Timeline) -> None:
    result = turn_taking.turn_end(speech, user_end_s)
    _answer(sheet, result)
    sheet.rows += [_event("user_end", user_end_s), *result.rows]
    words = _word_times(sheet, timeline, ("fdb_tor", "fdb_latency"))
    if words is not None:
        _transcript(sheet, words, user_end_s)


def _interruption(
    sheet: _Sheet, interrupted: Interval, speech: Sequence[Vocalisation], timeline: Timeline
) -> None:
    result = turn_taking.interruption(speech, interrupted)
    _answer(sheet, result.turn)
    sheet.put("yield", result.yielded)
    sheet.put("stop_latency", result.stop_latency_s)
    sheet.rows += [_event("interruption", *interrupted), *result.rows]
    if _word_times(sheet, timeline, ("fdb_tor", "fdb_latency", "fdb_rating")) is not None:
        _transcript(sheet, _times(_after(timeline, interrupted[1])), interrupted[1])


def _rating(sheet: _Sheet, item: InterruptionAnnotation, timeline: Timeline, verdicts: Verdicts) -> None:
    """The rating of the answer, where there is one to rate."""
    verdict = verdict_of(verdicts, KEY)
    if "fdb_tor" in sheet.missing:
        sheet.missing["fdb_rating"] = sheet.missing["fdb_tor"]
    elif not _answer_text(_after(timeline, item.interruption[1])):
        return
    elif not (item.context and item.text):
        sheet.missing["fdb_rating"] = NO_TEXTS
    elif verdict.answer is None:
        sheet.missing["fdb_rating"] = verdict.missing
    else:
        sheet.put("fdb_rating", float(verdict.answer))


def _backchannel(
    sheet: _Sheet, item: BackchannelAnnotation, speech: Sequence[Vocalisation], timeline: Timeline
) -> None:
    given = sum(not v.takeover for v in speech)
    if timeline.duration_s > 0:
        sheet.values["bc_per_minute"] = Value(given, timeline.duration_s / 60)
    sheet.put("takeover", given < len(speech))
    if item.windows is None:
        sheet.missing |= dict.fromkeys(("bc_precision", "bc_recall", "bc_f1"), item.unknown)
        sheet.rows += [v.row("takeover" if v.takeover else "backchannel") for v in speech]
    else:
        hits, false_alarms, misses, rows = backchannel.match(speech, item.windows)
        sheet.values["bc_precision"] = Value(hits, hits + false_alarms)
        sheet.values["bc_recall"] = Value(hits, hits + misses)
        sheet.values["bc_f1"] = Value(2 * hits, 2 * hits + false_alarms + misses)
        sheet.rows += rows
    segments = [(s.start_s, s.end_s) for s in timeline.silero_segments]
    words = _word_times(sheet, timeline, ("fdb_bc_tor",))
    tor, predictions = fdb_reference.vad_backchannels(segments, words)
    sheet.put("fdb_bc_tor", tor)
    sheet.attempt(
        "fdb_bc_freq", lambda: fdb_reference.backchannel_frequency(predictions, timeline.duration_s)
    )
    if (distribution := item.distribution) is None:
        sheet.missing["fdb_bc_jsd"] = item.unknown
    else:
        sheet.attempt(
            "fdb_bc_jsd",
            lambda: fdb_reference.backchannel_jsd(predictions, timeline.duration_s, distribution),
        )


def _answer(sheet: _Sheet, result: turn_taking.TurnEndResponse) -> None:
    sheet.put("early_start", result.early_start)
    sheet.put("response", result.response)
    sheet.put("latency", result.latency_s)
    sheet.put("signed_latency", result.signed_latency_s)


def _transcript(sheet: _Sheet, words: Sequence[WordTimes], user_end_s: float) -> None:
    try:
        tor = fdb_reference.turn_tor(words)
    except UndefinedInReferenceError as error:
        sheet.missing |= {"fdb_tor": str(error), "fdb_latency": str(error)}
        return
    sheet.put("fdb_tor", tor)
    if tor:
        sheet.attempt("fdb_latency", lambda: fdb_reference.clipped_latency(words, user_end_s))


def _word_times(sheet: _Sheet, timeline: Timeline, names: Sequence[str]) -> list[WordTimes] | None:
    if timeline.word_source is WordSource.NONE:
        sheet.missing |= dict.fromkeys(names, NO_WORDS)
        return None
    words = _times(timeline.words)
    if words:
        sheet.rows.append({**_event("transcript", words[0][0], words[-1][1]), "words": float(len(words))})
    return words


def _after(timeline: Timeline, from_s: float) -> list[Word]:
    """The words heard from ``from_s`` on; one that is under way begins there.

    The reference's recogniser hears nothing before the interruption's end; an imported transcript was made
    that way already.
    """
    if timeline.word_source is WordSource.IMPORTED:
        return list(timeline.words)
    return [
        w if w.start_s is None else structs.replace(w, start_s=max(w.start_s, from_s))
        for w in timeline.words
        if w.end_s is None or w.end_s > from_s
    ]


def _times(words: Sequence[Word]) -> list[WordTimes]:
    return [(w.start_s, w.end_s) for w in words]


def _event(event: str, start_s: float | None, end_s: float | None = None) -> Row:
    return {"event": event, "start_s": start_s, "end_s": end_s}
