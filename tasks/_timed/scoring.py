"""Scoring one recording of TimeSpeak or CueSpeak: time by code, meaning by the judge.

1. The model's speech becomes utterances: speech with no silence of the item's `TimedAnnotation.silence_s` or
   more inside. Sound alone cuts them, for declared times of words can be anything. The onset is that of the
   first speech; every word belongs to the utterance nearest to its middle. Speech without any word is an
   utterance all the same: something was said, and nothing that was expected.
2. A judge is asked about an utterance and an event where the onset is within reach of the event's window,
   once on what was said soon after the onset, which decides credit, and once on the whole (``asked``).
3. The first short utterance after a turn of the user is neutral: it counts neither for nor against
   (``neutral``). All others count as said.
4. A reply to a question about elapsed time is right only if every length of time in it is within the
   tolerance. Who tells what a cue still to come will ask for has guessed, and earns nothing (``foretold``).
5. Utterances and events are matched one to one (`tml_bench.metrics.event_matching`), those that are right
   soon. An event is hit if its utterance is on time; where the user talks on
   (`tml_bench.tasks._timed.items.OVERLAPPED`), if the user also speaks at some moment of the utterance's
   first `OVER_S`; and, where the length of the talk matters, if it lasts as long as asked.
6. ``on_time`` = hits / max(events, utterances said): the share of events hit, or, for who speaks more often
   than asked, the share of what was said that hit. Without the second, saying the word again and again would
   hit anything. Silent controls have no events: 1 if nothing was said, else 0. ``events_on_time`` is the same
   on items with events alone, ``quiet`` on the silent controls.
"""

from collections.abc import Sequence

from tml_bench.metrics import event_matching as onsets
from tml_bench.metrics.event_matching import TOLERANCES_S
from tml_bench.questions import Verdicts
from tml_bench.samples import Sample
from tml_bench.task import Mark, Value
from tml_bench.tasks._common import ScoreSheet, no_words
from tml_bench.tasks._timed.answered import answer_times
from tml_bench.tasks._timed.asked import questions as questions
from tml_bench.tasks._timed.expected import expected_of
from tml_bench.tasks._timed.matched import EARLY, FALSE_ALARM, IN_PAUSE, LATE, MatchedRecording, hear
from tml_bench.tasks._timed.measures import CURVE, names
from tml_bench.tasks._timed.spoken_time import seconds_in
from tml_bench.timeline import Timeline, WordSource


def score(sample: Sample, timeline: Timeline, verdicts: Verdicts) -> ScoreSheet:
    """Score one recording; see the module's docstring."""
    item = expected_of(sample)
    heard = no_words(timeline) if timeline.word_source is WordSource.NONE else hear(item, timeline, verdicts)
    sheet = ScoreSheet()
    if isinstance(heard, str):
        sheet.lack(names(sample.subset, bool(item.due)), heard)
        return sheet
    found = _headline(heard) | _events(heard) | _beside(heard, timeline.duration_s)
    sheet.values |= {name: found[name] for name in names(sample.subset, bool(item.due))}
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
    placed = {(i, k) for i, k in heard.right if i in heard.placed}
    within = onsets.within(onset, targets, placed, TOLERANCES_S)
    most = max(events, said)
    return {
        "on_time": Value(hits / most),
        "events_on_time": Value(hits / most),
        "timed_f1": Value(2 * hits, events + said),
        **{name: Value(n / most) for name, n in zip(CURVE, within, strict=True)},
    }


def _events(heard: MatchedRecording) -> dict[str, Value]:
    """What became of the events; nothing for silent controls."""
    due, matches = heard.item.due, heard.matches
    if not due:
        return {}
    n = len(due)
    outcomes = [heard.outcome(match) for match in matches]
    return {
        "meaning": Value(len(heard.anyhow), n),
        "early": Value(outcomes.count(EARLY), n),
        "late": Value(outcomes.count(LATE), n),
        "in_pause": Value(outcomes.count(IN_PAUSE), n),
        "missed": Value(n - len(matches), n),
        "answer_time": _mean(answer_times(heard)),
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
    replies = [i for i, k in heard.means if k == event]
    if truth_s is None or not replies:
        return None
    named = seconds_in(heard.said[min(replies)].text)
    return max((abs(seconds - truth_s) for seconds in named), default=None)


def _beside(heard: MatchedRecording, length_s: float) -> dict[str, Value]:
    """What was said, whatever was expected."""
    matched = {match.utterance for match in heard.matches}
    again = len({i for i, _ in heard.right} - matched)
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
