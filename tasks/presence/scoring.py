"""Scoring one recording of Presence: time by code (``heard``), meaning by judges.

``handled`` is what stands for an item: the user is acknowledged, their turn answered, the call made, the
right result told in time and in a gap, nothing told that is no longer wanted, and no phrase said over and
over. Where the user cancels, no result is to be told, and that is it.
"""

from functools import partial

from tml_bench.metrics.presence import dead_air, times_repeated
from tml_bench.questions import Question, Verdicts, verdict_of
from tml_bench.samples import Sample
from tml_bench.task import Axis, BoardScore, Direction, Kind, Mark, Metric, Overall, Value
from tml_bench.tasks._common import ScoreSheet, no_words
from tml_bench.tasks._timed.meaning.wording import words
from tml_bench.tasks.presence.annotation import (
    BEHAVIOURS,
    CHATS,
    DROPPED,
    SPOKEN,
    TOLD,
    PresenceAnnotation,
    expected_of,
)
from tml_bench.tasks.presence.fillers import filler_words
from tml_bench.tasks.presence.heard import HeardPresence
from tml_bench.tasks.presence.rules import CONNECTED, REPLY, RESULT, RIGHT, WEAVING, questions_about
from tml_bench.timeline import Timeline, WordSource

MOST_REPEATED = 2
ALL = "all behaviours"
_rate = partial(Metric, unit="%", kind=Kind.RATE)
_lower = partial(Metric, direction=Direction.LOWER)

METRICS = (
    _rate(name="handled", title="Handled", judged=True,
          describes="Acknowledged, answered, called, the right result told in time and in a gap, nothing "
          "told that is no longer wanted, no phrase said more than twice."),
    _rate(name="acknowledged", title="Acknowledged",
          describes="Speaks within 3 s after the request, or after the user's next turn if that begins "
          "before."),
    _lower(name="time_to_acknowledge", title="Time to acknowledge", unit="s",
           describes="From the end of the request to the first speech after it."),
    _rate(name="answered", title="Answered meanwhile", judged=True, subsets=SPOKEN,
          describes="The user's turn in the wait gets a fitting reply within 3 s and, unless it is small "
          "talk, the call that is wanted is made."),
    _lower(name="reply_latency", title="Reply latency", unit="s", subsets=SPOKEN,
           describes="From the end of the user's turn in the wait to the reply, where one begins in time."),
    _rate(name="called", title="Called",
          describes="The call that is wanted in the end was made, and at most one other that nobody asked "
          "for; where the user cancels, it was made before."),
    _rate(name="result_right", title="Result right", judged=True, subsets=TOLD,
          describes="The result is there, and is told right."),
    _rate(name="woven", title="Told in time, in a gap", subsets=TOLD,
          describes="The result's number is said within 10 s of the first moment at which it is there and "
          "the user does not speak, after no silence of over 3 s, and does not begin over the user."),
    _lower(name="result_latency", title="Result latency", unit="s", subsets=TOLD,
           describes="From the result's arrival to the first word of its telling, where it is told."),
    _rate(name="over_user", title="Told over the user", direction=Direction.LOWER, subsets=TOLD,
          describes="The telling begins while the user speaks, where the result is told."),
    _rate(name="connects", title="Telling connects", judged=True, subsets=TOLD,
          describes="The telling connects to the conversation, where the result is told; only judges that "
          "understand know."),
    _rate(name="stale", title="Stale result", direction=Direction.LOWER, subsets=DROPPED,
          describes="The number that is no longer wanted is said, where its call was made."),
    _rate(name="respected", title="Cancelled work respected", subsets=DROPPED,
          describes="The call for what is no longer wanted is cancelled, or its result is not told, where it "
          "was made before the user said so."),
    _lower(name="dead_air", title="Longest dead air", unit="s",
           describes="The longest silence of both, of 1.5 s or more, from the request's end to the result, "
           "to the session's end where there is none, or to the end of the user's turn that cancels."),
    _lower(name="dead_air_total", title="Dead air in all", unit="s",
           describes="All such silences together."),
    _rate(name="repeated", title="Repeated phrase", direction=Direction.LOWER,
          describes="The same utterance, or the same four words in a row, are said more than twice in the "
          "wait, where anything is."),
    _lower(name="filler_share", title="Fillers", unit="%", kind=Kind.RATIO,
           describes="Words in phrases of fillers alone, of all said in the wait; the first such phrase is "
           "an acknowledgement and does not count."),
)  # fmt: skip
HEADLINE = ("handled", "acknowledged", "answered", "result_right", "stale", "dead_air")
OVERALL = (Overall(ALL, BEHAVIOURS),)
BOARD = BoardScore(
    "handled",
    ALL,
    "A result is a number of three digits that only the call gives, so that silence, talk, an echo and any "
    "sentence after each turn earn nothing that is told; where the user cancels there is nothing to tell, "
    "and the call must have been made, and hardly another. What repeats itself, leaves the user's turn "
    "without a fitting reply, talks over the user or tells what is no longer wanted earns nothing either.",
    Axis.PRESENCE,
    provisional="Judged by rules on words and numbers, this score is provisional: it wants a judge that "
    "understands, --judge openai:... or people.",
)
WORDS = (
    "handled", "answered", "result_right", "woven", "result_latency", "over_user", "connects", "stale",
    "respected", "repeated", "filler_share",
)  # fmt: skip
"""Metrics that depend on what is said."""


def score(sample: Sample, timeline: Timeline, verdicts: Verdicts) -> ScoreSheet:
    """Score one recording."""
    item = expected_of(sample)
    heard = HeardPresence(item, timeline)
    sheet = ScoreSheet()
    _timing(sheet, heard)
    if timeline.word_source is WordSource.NONE:
        applying = {m.name for m in METRICS if not m.subsets or sample.subset in m.subsets}
        sheet.lack([name for name in WORDS if name in applying], no_words(timeline))
    else:
        _meaning(sheet, heard, verdicts)
        _manners(sheet, heard)
    _enter_rows(sheet, heard)
    return sheet


def questions(sample: Sample, timeline: Timeline) -> tuple[Question, ...]:
    """What must be decided about a recording."""
    if timeline.word_source is WordSource.NONE:
        return ()
    return questions_about(HeardPresence(expected_of(sample), timeline))


def _timing(sheet: ScoreSheet, heard: HeardPresence) -> None:
    """What needs no words."""
    expected = heard.expected
    onset_s, end_s = heard.onset_s, expected.request_end_s
    sheet.put(acknowledged=float(heard.acknowledged), called=float(heard.called))
    sheet.put(time_to_acknowledge=None if onset_s is None else onset_s - end_s)
    if heard.reply_s is not None and expected.turn_end_s is not None:
        sheet.put(reply_latency=heard.reply_s - expected.turn_end_s)
    silence = dead_air(end_s, heard.wait_end_s, heard.speech)
    sheet.put(dead_air=silence.longest_s, dead_air_total=silence.total_s)


def _meaning(sheet: ScoreSheet, heard: HeardPresence, verdicts: Verdicts) -> None:
    """What judges decide, and what is made of it."""
    item = heard.item
    asked = {question.key for question in questions_about(heard)}
    found: dict[str, bool | str] = {"acknowledged": heard.acknowledged, "called": heard.called}
    if item.turn is not None:
        replied = _decided(REPLY in asked, REPLY, RIGHT, verdicts)
        done = heard.called or item.behaviour == CHATS
        found["answered"] = replied if done else False
    if item.wanted is not None:
        found["result_right"] = _decided(RESULT in asked, RESULT, RIGHT, verdicts)
        found["woven"] = heard.woven
    found["fresh"] = item.behaviour not in DROPPED or heard.stale_s is None
    found["varied"] = not _repeats(heard)
    _enter(sheet, "handled", _all(list(found.values())))
    for name in ("answered", "result_right", "woven"):
        if name in found:
            _enter(sheet, name, found[name])
    if WEAVING in asked:
        _enter(sheet, "connects", _decided(True, WEAVING, CONNECTED, verdicts))


def _decided(asked: bool, key: str, answer: str, verdicts: Verdicts) -> bool | str:
    """Whether a judge gave that answer, no where there was nothing to ask; why it is not known as a text."""
    if not asked:
        return False
    verdict = verdict_of(verdicts, key)
    return verdict.missing if verdict.answer is None else verdict.answer == answer


def _all(found: list[bool | str]) -> bool | str:
    """Whether all hold; why it is not known where that hangs on what is not known."""
    if any(one is False for one in found):
        return False
    return next((one for one in found if isinstance(one, str)), True)


def _enter(sheet: ScoreSheet, name: str, found: bool | str) -> None:
    if isinstance(found, str):
        sheet.lack([name], found)
    else:
        sheet.put(**{name: float(found)})


def _manners(sheet: ScoreSheet, heard: HeardPresence) -> None:
    """What is said by code: when the result comes, what is stale, and what repeats itself."""
    if heard.told_s is not None and heard.arrival_s is not None:
        sheet.put(result_latency=heard.told_s - heard.arrival_s, over_user=float(heard.over_user))
    if heard.item.behaviour in DROPPED and heard.made(heard.item.call) is not None:
        sheet.put(stale=float(heard.stale_s is not None))
    if heard.item.behaviour in DROPPED and heard.dropped is not None:
        sheet.put(respected=float(heard.dropped.ended == "cancelled" or heard.stale_s is None))
    if heard.waiting:
        sheet.put(repeated=float(_repeats(heard)))
        sheet.values["filler_share"] = Value(*filler_words(heard.waiting))


def _repeats(heard: HeardPresence) -> bool:
    return times_repeated([words(text) for text in heard.waiting]) > MOST_REPEATED


def _enter_rows(sheet: ScoreSheet, heard: HeardPresence) -> None:
    """The wait, the calls, and what was said."""
    sheet.event("wait", heard.expected.request_end_s, heard.wait_end_s)
    for call in heard.timeline.calls:
        sheet.event(f"call {call.name}{f' ({call.ended})' if call.ended else ''}", call.at_s, call.returned_s)
    if heard.reply_s is not None:
        sheet.event(f"reply: {heard.reply}", heard.reply_s)
    if heard.told_s is not None:
        sheet.event("result told", heard.told_s, heard.number_s)
    if heard.item.behaviour in DROPPED and heard.stale_s is not None:
        sheet.event("stale result", heard.stale_s)


def marks(sample: Sample) -> tuple[Mark, ...]:
    """The user's turns, and what an ideal respondent says."""
    item: PresenceAnnotation = expected_of(sample)
    names = ("request", item.item.behaviour.replace("_", " "))
    turns = (Mark(a, b, name) for (a, b), name in zip(item.talking, names, strict=False))
    return (*turns, *(Mark(u.at_s, u.until_s, f"ideal {u.role}") for u in sample.reference.ideal))
