"""Scoring one recording of TimeSpeak or CueSpeak: time by code, meaning by the judge.

1. The model's speech becomes utterances: speech with no silence of the item's `TimedAnnotation.silence_s` or
   more inside; where words have times of their own, a silence that long between two words separates too. Its
   onset is that of its first speech. Every word belongs to the speech nearest to its middle. Speech without
   any word is an utterance all the same: something was said, and nothing that was expected.
2. A judge is asked about an utterance and an event where the onset is within `REACH_S` of the event's window,
   and about an utterance near no event where it may be an acknowledgement (``questions``).
3. An utterance is neutral, that is, it counts neither for nor against, when the judge calls it an
   acknowledgement (and right for no event), it begins within `ACKNOWLEDGE_S` after a turn of the user and
   lasts at most `SHORT_S`. All others count as said.
4. A reply to a question about elapsed time is right only if every length of time in it is within the
   tolerance.
5. Utterances and events are matched one to one (`tml_bench.metrics.event_matching`). An event is hit if its
   utterance is right and on time and, where the length of the talk matters, lasts as long as asked.
6. ``on_time`` = hits / max(events, utterances said): the share of events hit, or, for who speaks more often
   than asked, the share of what was said that hit. Without the second, saying the word again and again would
   hit anything. Silent controls have no events: 1 if nothing was said, else 0.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tml_bench.metrics import event_matching as onsets
from tml_bench.metrics.event_matching import TOLERANCES_S, EventMatch, Right
from tml_bench.questions import Question, QuestionLine, Verdicts, verdict_of
from tml_bench.samples import Sample
from tml_bench.task import Mark, Value
from tml_bench.tasks._common import ScoreSheet, no_words
from tml_bench.tasks._common.speech import SpeechStretch, stretches, text_of
from tml_bench.tasks._timed.expected import DueEvent, TimedAnnotation, expected_of
from tml_bench.tasks._timed.meaning_rule import ACKNOWLEDGEMENT, NOTHING, RIGHT, RUBRIC, lines
from tml_bench.tasks._timed.measures import names, tolerance_name
from tml_bench.tasks._timed.spoken_time import seconds_in
from tml_bench.timeline import Timeline, Word, WordSource

REACH_S = 3.0
"""How far outside its window an utterance may still be meant for an event: the widest tolerance."""
ACKNOWLEDGE_S, BEFORE_END_S, SHORT_S = 3.0, 0.2, 5.0
"""An acknowledgement begins so long after a turn of the user at most, so long before its end at the earliest,
and is not longer than this."""
ON_TIME, EARLY, LATE, WRONG_LENGTH, FALSE_ALARM = "on time", "early", "late", "wrong length", "false alarm"
TIMED = (WordSource.ADAPTER, WordSource.ALIGNED, WordSource.ASR, WordSource.IMPORTED)
"""Sources whose words have times of their own."""


def utterances(timeline: Timeline, silence_s: float) -> tuple[SpeechStretch, ...]:
    """The utterances of a recording, in order, between silences of ``silence_s``."""
    between_s = silence_s if timeline.word_source in TIMED else math.inf
    return tuple(part for speech in stretches(timeline, silence_s) for part in _parts(speech, between_s))


def _parts(speech: SpeechStretch, silence_s: float) -> Iterator[SpeechStretch]:
    """Speech taken apart where its words are; a word's time outside it is moved into it."""
    groups: list[list[Word]] = [[]]
    for word in sorted(speech.words, key=lambda w: w.start_s or 0.0):
        before = groups[-1][-1].end_s if groups[-1] else None
        if before is not None and (word.start_s or 0.0) - before >= silence_s:
            groups.append([])
        groups[-1].append(word)
    if groups == [speech.words]:
        yield speech
        return
    for k, group in enumerate(groups):
        first, last = speech.start_s, speech.end_s
        if k > 0:
            first = min(max(group[0].start_s or 0.0, first), last)
        if k < len(groups) - 1:
            last = min(max(group[-1].end_s or 0.0, first), last)
        yield SpeechStretch(first, last, group, text_of(group))


def questions(sample: Sample, timeline: Timeline) -> tuple[Question, ...]:
    """What must be decided about a recording: one question per utterance and event within reach."""
    item = expected_of(sample)
    return tuple(
        Question(_key(i, due), RUBRIC, _lines(item, said, due))
        for i, said in enumerate(utterances(timeline, item.silence_s))
        for due in _asked(item, said)
    )


def _asked(item: TimedAnnotation, said: SpeechStretch) -> Iterator[DueEvent | None]:
    """The events an utterance may be meant for; None is no event, where it may yet be an acknowledgement."""
    reached = (
        d for d in item.due if d.target.opens_s - REACH_S <= said.start_s <= d.target.closes_s + REACH_S
    )
    near = list(reached) if said.words else []
    yield from near
    if said.words and not near and _may_acknowledge(item, said):
        yield None


def _may_acknowledge(item: TimedAnnotation, said: SpeechStretch) -> bool:
    soon = any(-BEFORE_END_S <= said.start_s - turn.end_s <= ACKNOWLEDGE_S for turn in item.turns)
    return soon and said.end_s - said.start_s <= SHORT_S


def _key(utterance: int, due: DueEvent | None) -> str:
    return f"{utterance}-{due.event.id if due else 'none'}"


def _lines(item: TimedAnnotation, said: SpeechStretch, due: DueEvent | None) -> tuple[QuestionLine, ...]:
    user = [turn.text for turn in item.turns if turn.start_s < said.start_s]
    if due is None:
        return lines(user, NOTHING, (), (), said.text)
    event = due.event
    return lines(user, event.meaning, event.accept, event.reject, said.text)


@dataclass(frozen=True)
class MatchedRecording:
    """A recording beside what was expected in it.

    Attributes:
        item: what was expected.
        said: the utterances that count, in order.
        neutral: the acknowledgements.
        means: whether an utterance means what an event asks for, shape (said, events).
        right: the same where the number it names is right too.
        matches: utterances matched to events, by meaning and time.
    """

    item: TimedAnnotation
    said: tuple[SpeechStretch, ...]
    neutral: tuple[SpeechStretch, ...]
    means: Right
    right: Right
    matches: tuple[EventMatch, ...]

    def hit(self, match: EventMatch) -> bool:
        """Whether a match earns the event: on time and, where that is asked, as long as asked."""
        speech = self.item.due[match.target].event.speech
        return match.on_time and (not speech or abs(self.lasts_beyond(match)) <= speech.tolerance_s)

    def outcome(self, match: EventMatch) -> str:
        """What a match is: a hit, early, late, or on time but of the wrong length."""
        if match.on_time:
            return ON_TIME if self.hit(match) else WRONG_LENGTH
        opens_s = self.item.due[match.target].target.opens_s
        return EARLY if self.said[match.utterance].start_s < opens_s else LATE

    def lasts_beyond(self, match: EventMatch) -> float:
        """How much longer a talk lasts than was asked, seconds; 0 where no length is asked."""
        speech = self.item.due[match.target].event.speech
        said = self.said[match.utterance]
        return said.end_s - said.start_s - speech.seconds if speech else 0.0


def hear(item: TimedAnnotation, timeline: Timeline, verdicts: Verdicts) -> MatchedRecording | str:
    """Put utterances, verdicts and expected events together.

    Returns:
        What was heard, or why it cannot be known.
    """
    everything = utterances(timeline, item.silence_s)
    means = np.zeros((len(everything), len(item.due)), np.bool_)
    neutral = np.zeros(len(everything), np.bool_)
    for i, said in enumerate(everything):
        for due in _asked(item, said):
            verdict = verdict_of(verdicts, _key(i, due))
            if verdict.answer is None:
                return verdict.missing
            neutral[i] |= verdict.answer == ACKNOWLEDGEMENT and _may_acknowledge(item, said)
            if due is not None:
                means[i, item.due.index(due)] = verdict.answer == RIGHT
    neutral &= ~means.any(axis=1)
    means = means[~neutral]
    spoken = _chosen(everything, ~neutral)
    right = means & np.array([[_names(due, said) for due in item.due] for said in spoken], np.bool_).reshape(
        means.shape
    )
    found = onsets.match([said.start_s for said in spoken], [due.target for due in item.due], right)
    return MatchedRecording(item, spoken, _chosen(everything, neutral), means, right, tuple(found))


def _chosen(said: Sequence[SpeechStretch], which: NDArray[np.bool_]) -> tuple[SpeechStretch, ...]:
    return tuple(utterance for utterance, chosen in zip(said, which, strict=True) if chosen)


def _names(due: DueEvent, said: SpeechStretch) -> bool:
    """Whether every length of time in a reply is within the tolerance; true where none is asked for."""
    if due.truth_s is None or due.event.number is None:
        return True
    named = seconds_in(said.text)
    limit = due.event.number.tolerance_s(due.truth_s) + onsets.EPSILON_S
    return bool(named) and all(abs(seconds - due.truth_s) <= limit for seconds in named)


def score(sample: Sample, timeline: Timeline, verdicts: Verdicts) -> ScoreSheet:
    """Score one recording; see the module's docstring."""
    item = expected_of(sample)
    heard = no_words(timeline) if timeline.word_source is WordSource.NONE else hear(item, timeline, verdicts)
    sheet = ScoreSheet()
    if isinstance(heard, str):
        sheet.lack(names(sample.subset), heard)
        return sheet
    found = _headline(heard) | _events(heard) | _beside(heard, timeline.duration_s)
    sheet.values |= {name: found[name] for name in names(sample.subset) if name in found}
    _enter_rows(sheet, heard)
    return sheet


def _headline(heard: MatchedRecording) -> dict[str, Value]:
    """The share of the item that is right, in its window and at every tolerance."""
    events, said = len(heard.item.due), len(heard.said)
    if not events:
        quiet = Value(float(not said))
        return {"on_time": quiet, "quiet": quiet, "timed_f1": Value(0.0, said)}
    hits = sum(map(heard.hit, heard.matches))
    onset, targets = [u.start_s for u in heard.said], [due.target for due in heard.item.due]
    most = max(events, said)
    return {
        "on_time": Value(hits / most),
        "timed_f1": Value(2 * hits, events + said),
        **{
            tolerance_name(tau): Value(onsets.within(onset, targets, heard.right, tau) / most)
            for tau in TOLERANCES_S
        },
    }


def _events(heard: MatchedRecording) -> dict[str, Value]:
    """What became of the events; nothing for silent controls."""
    due, matches = heard.item.due, heard.matches
    if not due:
        return {}
    n = len(due)
    outcomes = [heard.outcome(match) for match in matches]
    return {
        "meaning": Value(len(matches), n),
        "early": Value(outcomes.count(EARLY), n),
        "late": Value(outcomes.count(LATE), n),
        "missed": Value(n - len(matches), n),
        "onset_error": Value(sum(abs(m.error_s) for m in matches), len(matches)),
        "signed_onset_error": Value(sum(m.error_s for m in matches), len(matches)),
        "number_error": _mean([error for k in range(n) if (error := _number_error(heard, k)) is not None]),
        "duration_error": _mean([abs(heard.lasts_beyond(m)) for m in matches if due[m.target].event.speech]),
    }


def _mean(errors: Sequence[float]) -> Value:
    return Value(sum(errors), len(errors))


def _number_error(heard: MatchedRecording, event: int) -> float | None:
    """How far off the length of time named first for an event is; None where none was asked for or named."""
    truth_s = heard.item.due[event].truth_s
    replies = np.flatnonzero(heard.means[:, event])
    if truth_s is None or not replies.size:
        return None
    named = seconds_in(heard.said[int(replies[0])].text)
    return max((abs(seconds - truth_s) for seconds in named), default=None)


def _beside(heard: MatchedRecording, length_s: float) -> dict[str, Value]:
    """What was said, whatever was expected."""
    matched = {match.utterance for match in heard.matches}
    again = sum(bool(heard.right[i].any()) for i in range(len(heard.said)) if i not in matched)
    kept = sum(all(said.start_s <= at for said in heard.said) for at in heard.item.quiet_from)
    return {
        "stopped": Value(kept, len(heard.item.quiet_from)),
        "false_alarms_per_minute": Value(len(heard.said) - len(matched), length_s / 60),
        "repeated": Value(again, len(heard.said)),
        "acknowledged": Value(float(bool(heard.neutral))),
    }


def _enter_rows(sheet: ScoreSheet, heard: MatchedRecording) -> None:
    """Expected events with their windows, and every utterance with what it counts as."""
    for due in heard.item.due:
        sheet.event(f"expected {due.event.id}", due.target.opens_s, due.target.closes_s)
    counts = {m.utterance: f"{heard.outcome(m)} {heard.item.due[m.target].event.id}" for m in heard.matches}
    for i, said in enumerate(heard.said):
        sheet.event(f"{counts.get(i, FALSE_ALARM)}: {said.text}", said.start_s, said.end_s)
    for said in heard.neutral:
        sheet.event(f"acknowledgement: {said.text}", said.start_s, said.end_s)


def marks(sample: Sample) -> tuple[Mark, ...]:
    """The user's turns, the windows, and where silence is to begin."""
    item = expected_of(sample)
    turns = (Mark(turn.start_s, turn.end_s, "user") for turn in item.turns)
    windows = (Mark(d.target.opens_s, d.target.closes_s, d.event.meaning) for d in item.due)
    return (*turns, *windows, *(Mark(at, None, "quiet from here") for at in item.quiet_from))
