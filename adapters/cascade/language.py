"""From what the user said to a plan: rules of general English, no model.

The rules are tried in order and the first that fits decides. What fits none is small talk.
"""

import re
from collections.abc import Callable

from tml_bench.adapters.cascade import phrases, plans
from tml_bench.adapters.cascade.lore import CAPITALS
from tml_bench.adapters.cascade.orders import SAYS, SPEAKER, TERM, find, standing_order
from tml_bench.adapters.cascade.phrases import ABOUT, LENGTH, NUMBER, reply, seconds, sentence
from tml_bench.perception.align import spell

TIME_IS_UP = "Time's up."
"""Said when an instruction does not say what to say."""


_CANCEL = r"\b(?:cancel|never mind|nevermind|forget (?:it|that|the whole))\b"
_LAST_SENTENCE = re.compile(
    r"(?<=[.!?]) (?=(?:oh|actually|sorry|no|wait|hang on|hold on|on second thoughts?)\b[^.!?]*[.!?]?$)",
    re.IGNORECASE,
)


def understand(text: str) -> plans.Plan | None:
    """What the user wants in one punctuated turn; None when nothing is asked."""
    text = re.sub(r"\s+", " ", text.replace("’", "'")).strip()
    return _amended(text) or next((plan for rule in _RULES if (plan := rule(text))), None)


def _amended(text: str) -> plans.Plan | None:
    """A request of which the last sentence takes something back."""
    before, _, last = _LAST_SENTENCE.sub("\n", text, count=1).partition("\n")
    if not last or not (first := understand(before)):
        return None
    cancels = find(rf"{_CANCEL}|\bdon't bother\b", last) and not phrases.lengths(last)
    then = plans.StopPlan() if cancels else _change(last)
    return plans.AmendedPlan(first, then) if isinstance(then, plans.StopPlan | plans.ChangePlan) else None


def _stop(text: str) -> plans.Plan | None:
    wanted = r"\b(?:stop|that's enough|that is enough|that's all|cancel|never mind|nevermind|forget it)\b"
    other = r"\b(?:until|tell me to|how long|how many)\b"
    stops = find(wanted, text) and not phrases.lengths(text) and not find(other, text)
    return plans.StopPlan() if stops and len(text.split()) <= 10 else None


def _change(text: str) -> plans.Plan | None:
    restart = find(r"\b(?:again|over|restart)\b", text) and find(r"\b(?:start|begin|restart|count)\b", text)
    if restart and not find(r"\b(?:say|tell|ask|remind)\b", text):
        found = phrases.lengths(text)
        return plans.ChangePlan(found[0] if found else None, restart=True)
    if moved := find(rf"({LENGTH}) (?P<way>sooner|earlier|later|longer|more|less)\b", text):
        sign = -1.0 if moved["way"].lower() in ("sooner", "earlier", "less") else 1.0
        return plans.ChangePlan(sign * seconds(moved[1]), relative=True)
    corrects = (
        r"\b(?:make (?:it|that)|i (?:meant|mean)|change (?:it|that) to|instead|rather|sorry|actually"
        r"|wait,? no)\b"
    )
    if not find(corrects, text) or find(r"\b(?:say|tell|ask|remind|every)\b", text):
        return None
    if found := phrases.lengths(text):
        return plans.ChangePlan(found[0], restart=bool(find(r"\bfrom now\b", text)))
    if bare := find(rf"\b(?:make (?:it|that)|meant?|to) ({NUMBER})\b", text):
        return plans.ChangePlan(phrases.number(bare[1]), restart=bool(find(r"\bfrom now\b", text)))
    return None


def _how_long(text: str) -> plans.Plan | None:
    asked = find(r"\b(?:how long|how many seconds|how many minutes|how much time)\b(?P<rest>.*)", text)
    if not asked:
        return None
    about = find(r"\b(?:since|ago|has|have|did|was)\b(?P<about>.*)", asked["rest"])
    return plans.HowLong(re.sub(r"[^\w' ]", "", about["about"]).strip() if about else "")


def _repeat(text: str) -> plans.Plan | None:
    every = find(
        r"\b(?:once )?(?:every|each) "
        rf"(?:(?P<length>{LENGTH})|(?P<other>other second)|(?P<one>second|minute)\b)",
        text,
    )
    if not every:
        return None
    one = 60.0 if (every["one"] or "").lower() == "minute" else 1.0
    period = seconds(every["length"]) if every["length"] else 2.0 if every["other"] else one
    first = find(rf"\b(?:start(?:ing)?|begin(?:ning)?|first)\b[^.]*?({LENGTH})", text)
    rest = re.sub(r"(?i)\buntil\b.*", "", f"{text[: every.start()]}.{text[every.end() :]}")
    texts = tuple(filter(None, (reply(rest),))) or (TIME_IS_UP,)
    return plans.RepeatPlan(texts, seconds(first[1]) if first else period, period)


def _if_silent(text: str) -> plans.Plan | None:
    silent = (
        r"\b(?:nothing|anything|silent|quiet|silence|pause|stop(?:ped)? talking for|not (?:say|speak|talk)\w*"
        r"|(?:don't|do not|haven't|have not) (?:say|said|speak|spoken|talk|talked|hear|heard)\w*)\b"
    )
    found = find(
        rf"({LENGTH}) with(?:out (?:a word|a sound|anything)| (?:nothing|no word|no sound)) from (?:me|us)",
        text,
    ) or find(
        r"\b(?:if|when|whenever|once|as soon as)\b[^.]*?\b(?:I|I'm|I've|you|you've|nobody|no one)\b"
        rf"[^.]*?{silent}[^.]*?({LENGTH})",
        text,
    )
    if not found:
        return None
    before, after = text[: found.start()], text[found.end() :]
    said = reply(before + after if reply(before) else after)
    return plans.IfSilent(seconds(found[1]), said or "Are you still there?")


def _after_word(text: str) -> plans.Plan | None:
    after = find(
        rf"\b(?P<length>{LENGTH}) (?:after|later than) {SPEAKER} {SAYS}\s*{TERM}"
        r"(?:[,.;:!?]|$| (?:you|say)\b)",
        text,
    )
    if not after:
        after = find(
            rf"\b(?:when|once|if|after|as soon as) {SPEAKER} {SAYS}\s*{TERM},? (?:please |just |then )*"
            rf"(?:wait|count|give me|let|leave|allow|I need|I want) {ABOUT}(?P<length>{LENGTH})",
            text,
        ) or find(
            rf"\bI(?:'ll| will) say {TERM}[.,;:] (?:please |just |then )*"
            rf"(?:wait|count|give me|leave|allow) {ABOUT}(?P<length>{LENGTH})",
            text,
        )
    if (
        not after
        or not after["word"]
        or re.fullmatch(r"(?:stop|finish|talk|done|am quiet|speak)\w*.*", after["word"].lower())
    ):
        return None
    rest = text[after.end() :]
    said = reply(rest) or reply(text[: after.start()]) or TIME_IS_UP
    return plans.AfterWord(after["word"].strip().lower(), seconds(after["length"]), said)


def _countdown(text: str) -> plans.Plan | None:
    count = find(
        rf"\b(?:count|countdown|go)\b[^.]*?"
        rf"\bfrom (?P<first>{NUMBER})(?: down| up)?(?: to (?P<last>{NUMBER}))?",
        text,
    ) or find(rf"\bcount (?:out loud |aloud )?(?:up )?to (?P<last>{NUMBER})(?P<first>)", text)
    if not count:
        return None
    first = int(phrases.number(count["first"] or "1"))
    last = int(phrases.number(count["last"] or "1"))
    step = find(rf"({NUMBER}) seconds? (?:for|between|apart|each|per)\b", text)
    begins = find(rf"\b(?:start|begin|first)\w*\b[^.]*?({LENGTH})|\b(?:in|after) ({LENGTH})", text)
    start = seconds(begins[1] or begins[2]) if begins else 0.5
    pace = phrases.number(step[1]) if step else 1.0
    numbers = range(first, last + (1 if last >= first else -1), 1 if last >= first else -1)
    return plans.SayAt(tuple((start + pace * k, sentence(spell(n))) for k, n in enumerate(numbers)))


def _schedule(text: str) -> plans.Plan | None:
    times = find(rf"\bat ((?:{NUMBER}(?: seconds?)?(?:,? and |, | ))+{NUMBER}) seconds?", text)
    if times:
        at = [phrases.number(found) for found in re.findall(NUMBER, times[1], re.IGNORECASE)]
        said = reply(text[: times.start()] + text[times.end() :]) or TIME_IS_UP
        return plans.SayAt(tuple((t, said) for t in at))
    pairs = re.findall(
        rf"(?:^|[,.:] |and |then )([\w' ]+?),? (?:at|in|after) ({NUMBER})(?: seconds?)?(?=[,.]|$| and| then)",
        text,
        re.IGNORECASE,
    )
    if len(pairs) < 2:
        return None
    lead = r"^(?i:say|and|then),? "
    due = ((phrases.number(t), sentence(re.sub(lead, "", what.strip()))) for what, t in pairs)
    return plans.SayAt(tuple(due))


def _talk(text: str) -> plans.Plan | None:
    talk = r"\b(?:talk|speak|chat|keep talking|go on|describe|tell (?:me|us|him|her|them))\b"
    talking = find(rf"{talk}[^.]*?\bfor {ABOUT}({LENGTH})", text) or find(
        rf"\b({LENGTH})[ -](?:\w+ )?(?:story|speech|talk|advert|ad|summary|description|introduction|pitch)\b",
        text,
    )
    if not talking:
        return None
    rest = re.sub(rf"\b(?:for )?{ABOUT}{LENGTH}", "", text, flags=re.IGNORECASE)
    topic = find(r"\b(?:describe|about|of) (?P<topic>(?:the |a |an |my |your )?[a-z]\w*)", rest)
    return plans.TalkPlan(seconds(talking[1]), topic["topic"] if topic else "")


def _delay(text: str) -> plans.Plan | None:
    when = (
        find(rf"\b(?:in|after|wait|give me|within) {ABOUT}({LENGTH})", text)
        or find(rf"({LENGTH}) (?:from now|later)", text)
        or find(rf"\b(?:timer|alarm|quiet|silent|hold on)\b[^.]*?({LENGTH})", text)
        or find(rf"({LENGTH}) (?:timer|alarm|of (?:quiet|silence))", text)
        or find(rf"\b(?:when|once) (?:it's been |it has been )?({LENGTH})", text)
    )
    if not when:
        return None
    said = reply(text[when.end() :]) or reply(text[: when.start()]) or reply(text) or TIME_IS_UP
    return plans.SayAt(((seconds(when[1]), said),))


def _capital(text: str) -> plans.Plan | None:
    asked = find(
        r"(?:\b(?:what|which|tell me|name|know|say)\b[^.!?]*|^the )\bcapital of (?P<country>\w+)", text
    )
    capital = CAPITALS.get(asked["country"].lower()) if asked else None
    return plans.AnswerPlan(sentence(capital)) if capital else None


def _now(text: str) -> plans.Plan | None:
    if find(r"^(?:please |now |okay,? |can you |could you |would you |just )*(?:say|shout)\b", text):
        return plans.AnswerPlan(said) if (said := reply(text)) else None
    return None


_RULES: tuple[Callable[[str], plans.Plan | None], ...] = (
    _stop, _how_long, _countdown, _repeat, _after_word, _if_silent, _change, _schedule, _talk, _delay,
    standing_order, _capital, _now,
)  # fmt: skip
