"""Scoring one request of FD-bench v3: which functions are called, with what, and when what is said.

Formulas and both families: `tml_bench.metrics.tool_use`. Decided here:

1. A call counts as made unless it was cancelled, or refused because its arguments do not fit the function's
   schema: those have done nothing, and the reference has no record of them. Arguments are compared with the
   defaults of what was left out. Those that equal the expected ones need no judge.
2. Calls *corrected* are those that a later call of the same function replaces, where the function is
   expected, and those cancelled, or refused and then made: of all calls.
3. The model *takes the turn* where it says a word; where no words are known, where it speaks. As in the
   reference, repaired measures of speech are of those requests too, but for response quality, where silence
   is wrong.
4. The user's words are those of the data, else those recognised in the user's track.
5. As in the reference, the first response is the first word. Repaired, it is the onset of the first speech
   that takes the turn, or comes after the user's last word: a "mm-hm" while the user talks is no answer. Up
   to 0.1 s before that word's end it is no interruption. Task completion is that of right replies alone.
6. Spoken fulfilment: the values of expected arguments that the reply says (`spoken_values.says`), of those
   that a right reply says; parts of results are none. It needs no calls, so models without functions have it.
   A reply that recites values counts less (`spoken_values.recited`), and what says the request back does
   not count (`spoken_values.own_words`).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from tml_bench.metrics import tool_use
from tml_bench.metrics.tool_use import ToolLatencies
from tml_bench.metrics.turn_taking import ONSET_TOLERANCE_S
from tml_bench.metrics.vocalisations import Interval
from tml_bench.questions import Question, Verdict, Verdicts, verdict_of
from tml_bench.samples import Sample
from tml_bench.task import Mark, Value
from tml_bench.tasks._common import ScoreSheet, annotation_of, no_words
from tml_bench.tasks._common.speech import text_of, vocalisations_of
from tml_bench.tasks.fd_bench_v3 import judging
from tml_bench.tasks.fd_bench_v3.annotation import ScenarioAnnotation
from tml_bench.tasks.fd_bench_v3.measures import pass_names
from tml_bench.tasks.fd_bench_v3.spoken_values import own_words, recited, says
from tml_bench.timeline import TimedCall, Timeline, Word, WordSource

NO_USER_WORDS = "when the user stops is not known: the data has no times of words, and none were recognised"
_NOT_MADE = ("cancelled", "arguments")
_EXACT_TIMES = (
    "fdb3_interruption", "fdb3_filler", "fdb3_preemptive", "fdb3_first_response", "fdb3_tool_call",
    "fdb3_task_completion",
)  # fmt: skip
_TIMES = ("interruption", "preemptive", "first_response", "tool_call", "task_completion")


@dataclass(frozen=True)
class _Heard:
    """A request and what the model made of it."""

    item: ScenarioAnnotation
    timeline: Timeline
    user_end_s: float | None
    verdicts: Verdicts

    @cached_property
    def places(self) -> list[int]:
        """Which of all calls were made."""
        return [k for k, call in enumerate(self.timeline.calls) if call.ended not in _NOT_MADE]

    @cached_property
    def made(self) -> list[TimedCall]:
        return [self.timeline.calls[k] for k in self.places]

    @cached_property
    def names(self) -> tuple[list[str], list[str]]:
        """The functions expected, and those called."""
        return [call.function for call in self.item.expected], [call.name for call in self.made]

    @cached_property
    def words_unknown(self) -> bool:
        return self.timeline.word_source is WordSource.NONE

    @cached_property
    def words(self) -> tuple[Word, ...]:
        return tuple(word for word in self.timeline.words if word.text.strip())

    @cached_property
    def speaks(self) -> bool:
        return bool(self.timeline.segments) if self.words_unknown else bool(self.words)

    @cached_property
    def sentences(self) -> tuple[tuple[Word, ...], ...]:
        return judging.sentences(self.words)

    @cached_property
    def key_sentence(self) -> tuple[int | None, str]:
        """The place of the sentence that tells the outcome, None for none, and why it is not known, if so."""
        if not self.speaks:
            return None, ""
        if self.words_unknown:
            return None, no_words(self.timeline)
        verdict = verdict_of(self.verdicts, judging.SENTENCE_KEY)
        if verdict.answer is None:
            return None, verdict.missing
        place = len(self.sentences) if verdict.answer == judging.NONE else int(verdict.answer) - 1
        return (place if place < len(self.sentences) else None), ""

    @property
    def reply(self) -> Verdict:
        return verdict_of(self.verdicts, judging.REPLY_KEY)

    def pairs(self) -> Iterator[tuple[int, int]]:
        """The pairs of an expected and a made call that are compared, whose arguments are not just equal."""
        first, last = tool_use.first_pairs(*self.names), tool_use.last_calls(*self.names)
        for i, (one, others) in enumerate(zip(first, last, strict=True)):
            for j in sorted({*others, *([] if one is None else [one])}):
                if not self.equal(i, j):
                    yield i, j

    def equal(self, i: int, j: int) -> bool:
        given = self.made[j].filled
        return all(name in given and given[name] == v for name, v in self.item.expected[i].args.items())

    def right(self, i: int, j: int) -> bool | None:
        if self.equal(i, j):
            return True
        answer = verdict_of(self.verdicts, judging.arguments_key(i, j)).answer
        return None if answer is None else answer == judging.RIGHT

    def why_undecided(self) -> str:
        found = (verdict_of(self.verdicts, judging.arguments_key(i, j)) for i, j in self.pairs())
        return next((verdict.missing for verdict in found if verdict.answer is None), "")


def questions(sample: Sample, timeline: Timeline) -> tuple[Question, ...]:
    """What is asked: arguments that are not just equal, the reply, and its key sentence."""
    return tuple(_questions(_heard(sample, timeline, {})))


def score(sample: Sample, timeline: Timeline, verdicts: Verdicts) -> ScoreSheet:
    """Score one request; see the module's docstring."""
    heard, sheet = _heard(sample, timeline, verdicts), ScoreSheet()
    _score_calls(sheet, heard)
    _score_reply(sheet, heard)
    _score_times(sheet, heard)
    return sheet


def annotated(sample: Sample) -> tuple[Mark, ...]:
    """Where the user corrects an argument."""
    at_s = annotation_of(sample, ScenarioAnnotation).corrected_s
    return () if at_s is None else (Mark(at_s, None, "correction"),)


def user_words(item: ScenarioAnnotation, timeline: Timeline) -> tuple[Interval, ...]:
    """Start and end of each of the user's words, of the data or as recognised; empty where not known."""
    words = item.user_words or (timeline.user.words if timeline.user is not None else ())
    return tuple((w.start_s, w.end_s) for w in words if w.start_s is not None and w.end_s is not None)


def _heard(sample: Sample, timeline: Timeline, verdicts: Verdicts) -> _Heard:
    item = annotation_of(sample, ScenarioAnnotation)
    words = user_words(item, timeline)
    known = sample.reference.user_end_s
    end_s = max(end for _, end in words) if words and (item.user_words or known is None) else known
    return _Heard(item, timeline, end_s, verdicts)


def _questions(heard: _Heard) -> Iterator[Question]:
    item = heard.item
    for i, j in heard.pairs():
        key = judging.arguments_key(i, j)
        yield judging.arguments_question(item, key, item.expected[i], heard.made[j].filled)
    if heard.words:
        yield judging.reply_question(item, text_of(heard.words))
        yield judging.sentence_question(item, heard.sentences)


def _score_calls(sheet: ScoreSheet, heard: _Heard) -> None:
    expected, made = heard.names
    replaced = tool_use.corrected(expected, made)
    kept = [name for place, name in enumerate(made) if place not in replaced]
    f1 = tool_use.selection(expected, made).f1
    sheet.put(tool_f1=tool_use.selection(expected, kept).f1, fdb3_tool_f1_all=f1)
    _put(sheet, heard, ["arguments"], tool_use.last_accuracy(expected, made, heard.right))
    first = tool_use.first_accuracy(expected, made, heard.right)
    _put(sheet, heard, ["fdb3_arguments_all"], first)
    if heard.speaks:
        sheet.put(fdb3_tool_f1=f1)
        _put(sheet, heard, ["fdb3_arguments"], first)
    for exact, passes in ((False, tool_use.last_passes), (True, tool_use.first_passes)):
        _put(sheet, heard, pass_names(heard.item, exact), passes(expected, made, heard.right))
    calls = heard.timeline.calls
    corrected = {heard.places[place] for place in replaced}
    corrected |= {k for k, call in enumerate(calls) if _taken_back(call, calls[k + 1 :])}
    if calls:
        sheet.values["corrected"] = Value(float(len(corrected)), float(len(calls)))
    for k, call in enumerate(calls):
        what = call.ended or ("corrected by a later call" if k in corrected else "called")
        sheet.event(f"{what}: {call.name}", call.at_s, call.returned_s)


def _taken_back(call: TimedCall, later: Sequence[TimedCall]) -> bool:
    """Whether a call was cancelled, or refused and then made."""
    made = any(other.name == call.name and other.ended not in _NOT_MADE for other in later)
    return call.ended == "cancelled" or (call.ended == "arguments" and made)


def _put(sheet: ScoreSheet, heard: _Heard, names: Sequence[str], value: float | None) -> None:
    if value is None:
        sheet.lack(names, heard.why_undecided())
    else:
        sheet.put(**dict.fromkeys(names, value))


def _score_reply(sheet: ScoreSheet, heard: _Heard) -> None:
    sheet.put(turn_take=heard.speaks)
    names = ("response_quality", *(("fdb3_response_quality",) if heard.speaks else ()))
    values = _spoken_values(heard.item)
    if heard.speaks and heard.words_unknown:
        return sheet.lack((*names, *(("spoken_fulfilment",) if values else ())), no_words(heard.timeline))
    reply = text_of(heard.words)
    if values:
        own = own_words(reply, heard.item.request)
        said = sum(says(own, value) for value in values) * _counts(heard, reply)
        sheet.values["spoken_fulfilment"] = Value(said, float(len(values)))
    if not heard.speaks:
        return sheet.put(response_quality=False)
    if heard.reply.answer is None:
        return sheet.lack(names, heard.reply.missing)
    return sheet.put(**dict.fromkeys(names, heard.reply.answer == judging.RIGHT))


def _spoken_values(item: ScenarioAnnotation) -> list[object]:
    """The values of expected arguments that a right reply says: no parts of results."""
    every = [value for call in item.expected for value in call.args.values()]
    known = (v for v in every if not (isinstance(v, str) and v.startswith("$")))
    return [value for value in known if says(item.answer, value)]


def _counts(heard: _Heard, reply: str) -> float:
    item, results = heard.item, (str(call.output) for call in heard.timeline.calls)
    values = map(str, _spoken_values(item))
    return recited(reply, item.request, item.answer, *item.facts, *values, *results)


def _score_times(sheet: ScoreSheet, heard: _Heard) -> None:
    called_s = heard.made[0].at_s if heard.made else None
    key, why = heard.key_sentence
    told_s = None if key is None else _starts(heard.sentences[key])
    if heard.speaks:
        _put_filler(sheet, "", heard)
    _score_exact_times(sheet, heard, called_s, told_s)
    end_s = heard.user_end_s
    if end_s is None:
        return sheet.lack(_applying(heard, _TIMES), NO_USER_WORDS)
    if called_s is not None:
        sheet.put(preemptive=called_s < end_s)
    if heard.speaks:
        found = tool_use.latencies(end_s, _takes_turn(heard, end_s), called_s, told_s)
        if found.first_response is not None:
            sheet.put(interruption=found.first_response < -ONSET_TOLERANCE_S)
        reply = heard.reply
        unjudged = why or (reply.missing if told_s is not None and reply.answer is None else "")
        right = reply.answer == judging.RIGHT
        _put_latencies(sheet, "", found if right else found._replace(task_completion=None), unjudged)
    return None


def _score_exact_times(
    sheet: ScoreSheet, heard: _Heard, called_s: float | None, told_s: float | None
) -> None:
    end_s = tool_use.reference_user_end(user_words(heard.item, heard.timeline))
    if end_s is None:
        return sheet.lack(_applying(heard, _EXACT_TIMES), NO_USER_WORDS)
    if called_s is not None:
        sheet.put(fdb3_preemptive=called_s < end_s)
    if not heard.speaks:
        return None
    if heard.words_unknown:
        return sheet.lack([n for n in _EXACT_TIMES if n != "fdb3_preemptive"], no_words(heard.timeline))
    found = tool_use.latencies(end_s, _starts(heard.words), called_s, told_s)
    if found.first_response is not None:
        sheet.put(fdb3_interruption=found.first_response < 0)
    kept = tool_use.reference_latencies(found)
    if kept.first_response is not None:
        _put_filler(sheet, "fdb3_", heard)
        _put_latencies(sheet, "fdb3_", kept, heard.key_sentence[1])
    return None


def _put_filler(sheet: ScoreSheet, prefix: str, heard: _Heard) -> None:
    key, why = heard.key_sentence
    if why:
        sheet.lack([f"{prefix}filler"], why)
    else:
        sheet.put(**{f"{prefix}filler": tool_use.has_filler(key)})


def _put_latencies(sheet: ScoreSheet, prefix: str, found: ToolLatencies, why: str) -> None:
    sheet.put(**{f"{prefix}{name}": value for name, value in found._asdict().items()})
    if why:
        sheet.lack([f"{prefix}task_completion"], why)


def _applying(heard: _Heard, names: Sequence[str]) -> list[str]:
    """Of the metrics of times, those that there would be if the user's end were known."""
    calls = [name for name in names if name.endswith("preemptive") and heard.made]
    return [*calls, *(name for name in names if not name.endswith("preemptive") and heard.speaks)]


def _starts(words: Sequence[Word]) -> float | None:
    return min((word.start_s for word in words if word.start_s is not None), default=None)


def _takes_turn(heard: _Heard, end_s: float) -> float | None:
    """The onset of the first speech that takes the turn, or comes after the user's end."""
    found = vocalisations_of(heard.timeline)
    after_s = end_s - ONSET_TOLERANCE_S
    return next((v.start_s for v in found if v.takeover or v.start_s >= after_s), None)
