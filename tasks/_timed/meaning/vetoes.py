"""Clauses that mention an answer and do not give it: offers, refusals, promises, denials, comments.

Patterns match words joined by single spaces, in the form of `wording.words`.
"""

import re
from collections.abc import Sequence
from enum import StrEnum

from tml_bench.tasks._timed.meaning.clauses import Clause
from tml_bench.tasks._timed.meaning.word_lists import EVALUATIVE, FOREIGN_NO, NO
from tml_bench.tasks._timed.meaning.wording import ANY_NUMBER


class Veto(StrEnum):
    """Why a clause that mentions an answer does not give it."""

    OFFER = "only asks whether to say it"
    QUESTION = "asks it"
    REFUSAL = "refuses or does not know"
    PROMISE = "promises"
    NOT_YET = "says that it is not yet time"
    DENIAL = "denies it"
    REPORT = "reports that it was asked for"
    CONDITION = "says when to"
    COMMENT = "comments on it"


_SAY = (
    r"(?:say|tell|ask|call|remind|give|shout|announce|correct|count|translate|read|repeat|mention|prompt|let|wait|do|"
    r"name|answer|yell|sing|make|start|stop|be|hear|help|interrupt|explain|know)"
)
_OFFERS = (
    r"(?:shall|should|may|could|can|might|must|ought) (?:i|we)\b",
    r"(?:do|would|did|will) you (?:still |really |perhaps |maybe )?(?:want|like|prefer|need|mind|wish|"
    r"expect|care)\b(?: (?:me|us|it|to (?:hear|know|be))\b)?",
    rf"(?:want|need|like) (?:me|us) to\b|(?:want|like) to hear\b|i (?:can|could|may|might) {_SAY}\b|"
    rf"is it (?:okay|ok|all right|alright|time|fine)\b|how about i\b|what if i\b|"
    r"(?:are|is) (?:you|it|he|she|everyone) (?:ready|time|sure|okay)\b|would it (?:be|help)\b|"
    r"let me know (?:if|when|whether)\b|(?:just )?(?:say|tell me) (?:if|when|whether)\b|"
    r"am i (?:supposed|meant|allowed|to)\b|do i\b|(?:i was )?wondering (?:if|whether)\b|i wonder (?:if|"
    r"whether)\b|any chance\b|ready (?:for|to)\b|"
    r"(?:was|were) i (?:supposed|meant)\b|when (?:should|shall|do|would) i\b|would (?:now|this|"
    r"that) be\b|(?:is|are) (?:that|this|these) (?:what|when|how)\b",
)
_OFFER = re.compile("|".join(_OFFERS))
_ASKS_IT = re.compile(
    r"^(?:so |and |or |but |okay |hmm )*(?:is|are|was|were|could|might|can|does|do|did|has|have|will|"
    r"would) (?:it|that|this|he|she|they|there|the|these|those|you|your|we)\b(?! not)|^(?:what|who|"
    r"which|why|where|when|how) (?!about|a\b)"
)
_REQUEST = re.compile(
    r"^(?:so |and |okay |now |hey )*(?:could|can|would|will|won) you (?:please |kindly |now |"
    r"just )?(?!want|like|prefer|need)|^(?:how about|let us)\b"
)
_SUGGESTS = re.compile(
    r"^(?:so |and |but |no |sorry |wait |oh )*(?:did|do|does) (?:not )?you (?:perhaps |maybe |not |"
    r"possibly |actually )?mean|^(?:no |wait |but )?(?:is|was|are|were|should|would) not (?:it|that|"
    r"this|he|she|they)\b|^is it not\b|^(?:you )?meaning\b"
)
_REFUSAL = re.compile(
    r"\bi (?:(?:really|simply|just|honestly|also|still|am afraid|fear) )*(?:can|could|may|might|will|"
    r"would|shall|do|did|must|should|am|was|have) not\b|"
    r"\bi (?:am )?(?:unable|refuse|decline|forgot|forget|missed|doubt|have no|had no|lost|lack|stopped|"
    r"prefer not|never|hesitate|hate to)\b|\bno idea\b|\bi am (?:unable|unsure|uncertain|afraid|"
    r"forbidden)\b|"
    r"\bunsure\b|\bcan not (?:say|tell|help|know)\b|\b(?:we|they|nobody|no one|you) (?:can|may|must|"
    r"should|need|do|are|have|had|would|will) not (?:to )?(?!forget)|\b(?:rather|prefer) not\b|"
    r"\bbeyond me\b|\bnot (?:able|allowed|sure|certain|going) (?:to|if|whether|that)\b|\bhard to (?:say|"
    r"tell|know)\b|"
    r"\bimpossible\b|\brefuse\w* to\b|\bunable to\b|\bforgot to\b|\bnot (?:my|for me)\b|\bno (?:need|"
    r"reason|point|way)\b"
)
_PROMISE = re.compile(
    r"\b(?:i|we) (?:(?:then|also|just|promise i|promise to|certainly|gladly|definitely|soon|only|"
    r"now) )*(?:will|shall|am going to|are going to|am gonna|am about to|am to|would be|plan to|"
    r"intend to|promise to|would like to|would love to|can do|am ready|am set|am prepared|"
    r"am supposed to|should|must|am waiting|am listening|am counting|am timing|was about to|"
    r"was going to|was just about to|nearly|almost|wanted to|meant to|ought to)\b|"
    r"\b(?:i am )?(?:happy|glad|ready|willing|going|about|set|waiting|preparing) to\b|\bwill do\b|"
    r"\blet me\b(?! correct)|\bexpect (?:a|an|the|me|to)\b|\byou will (?:hear|get|be)\b|"
    r"\bwill be (?:said|told|coming|next)\b|"
    r"\bready when\b|\bwhenever you are\b|\btimer (?:is )?(?:set|started|running)\b|\bstarting (?:now|"
    r"the)\b|\bjust (?:say|tell|ring)\b|\bwill (?:say|tell|remind|let)\b"
)
PROMISE = _PROMISE
_NOT_YET = re.compile(
    r"\bin (?:about |just )?\w+(?: \w+)? (?:seconds|minutes)\b|^be ready\b|"
    r"\b(?:one|another) more (?:and|then|makes|to)\b|"
    r"\b(?:reminder|timer|alarm) (?:is )?(?:now )?set\b|"
    r"^(?:\w+ ){0,2}(?:almost|nearly)\b|\bnot (?:just |quite |the time |time |now |ready )?(?:yet|"
    r"now)\b|\bnot (?:quite )?time\b|\b(?:too|still too|far too) (?:early|soon)\b|\b(?:almost|nearly|"
    r"about|close to|not quite|approaching|getting close to|near) (?:the )?time\b|\b(?:soon|shortly)\b|"
    r"\bin (?:just )?(?:a|one|another|a few|some|just a|about a) (?:moment|second|minute|sec|bit|"
    r"little while|while|seconds|moments|minutes)\b|\b(?:coming up|any (?:second|moment|minute)|"
    r"eventually|before (?:you|we|i|long)|until|till|upcoming)\b|"
    r"\b(?:get|getting|almost|nearly|prepare|preparing) (?:ready|set|prepared)\b|\bprepare (?:to|"
    r"for)\b|\babout to\b|\b(?:seconds?|minutes?|more|moments?) (?:left |to go |more |"
    r"left to go )?(?:until|till|before|to go|left|remaining|from now|then)\b|\bnext (?:up|comes|"
    r"will)\b|\b(?:a|one|few) (?:little |bit )?(?:longer|moment|more seconds|more moment)\b|"
    r"\bstill (?:waiting|time)\b|\bwait (?:for|until|before|to)\b|\bhold (?:on|off)\b|\byet to\b|"
    r"\bno(?:t)? time (?:yet )?(?:to|for)\b"
)
_DENIED_AFTER = re.compile(
    r"\b(?:is|are|was|were|sounds|seems|looks|would be|must be|be)(?: \w+){0,2} (?:wrong|incorrect|"
    r"false|mistaken|a mistake|an error|untrue|not right|not correct|out|bad|no good|off|inaccurate|"
    r"nonsense|a lie|impossible)\b|\bwrong\b|\bincorrect\b|\bno such\b"
)
_DENIED_BEFORE = re.compile(
    r"\b(?:anything|everything|everyone|all|any \w+|every \w+) (?:but|except|other than|besides|"
    r"apart from)\b|\b(?:far|different|other|apart|away|aside) (?:from|than)\b|\binstead of\b|"
    r"\brather than\b|\bas opposed to\b|\bunlike\b|\bexcept\b|"
    r"\b(?:do|did|does|must|should|could|can|would|will|need|dare) not\b|\b(?:stop|avoid|quit|forget|"
    r"skip|resist|cancel|ignore|no more|enough|against|without|never mind|refrain from|hold off|"
    r"no need to|nobody|no longer|never|neither|nor|hardly|by no means|not (?:quite|exactly|really|"
    r"at all|a|an|the|my|your|in|to|even|only)?)\b|\bthe reverse of\b|\bless than\b|"
    r"\bmore than\b|\bmistook\b|\bnot\b"
)
_DENIES_SAYING = re.compile(
    r"\b(?:not|never) (?:say|tell|use|call|write)\b|\bnever$|\b(?:anything|everything) (?:but|except)\b|"
    r"\bne (?:dites|dis) pas\b|\bsag\w* .*nicht\b|\bnunca diga\w*\b|\bnon dire\b"
)
_REPORT = re.compile(
    r"\b(?:you|they|he|she) (?:\w+ )?(?:(?:asked|told|wanted) (?:me|us|for)|said|instructed|"
    r"were saying|keep saying|just said|mentioned|claimed|thought|called|used|pronounced)\b|\b(?:i was|"
    r"i am|i have been|i have to|i have) (?:asked|told|supposed|said|heard|instructed|meant)\b|"
    r"\b(?:asked|told) me\b|"
    r"\byour (?:request|instruction|reminder|alarm) (?:was|is|to)\b|\bi (?:just )?(?:said|heard|"
    r"remember|noticed|read|saw)\b|\bdid (?:you|i|he|she|we|they)\b|\b(?:have|has) (?:you|he|she|"
    r"they) \w+\b"
)
_CONDITION = re.compile(
    r"^(?:and |so |but |only |okay |then )*(?:if|when|whenever|once|after|before|unless|as soon as|"
    r"while|every time|each time|until|suppose|imagine)\b"
)
_COMMENT = re.compile(
    rf"^(?:what|such|how) (?:a|an)?\b|^(?:i|we|you) (?:really |do |also |just |always )*(?:like|love|"
    rf"hate|enjoy|adore|miss|prefer|know|want|wonder|remember|see|hear|bet|wish|had|have|saw|bought|went|"
    rf"was|feel|felt|eat|ate|need) (?!you\b|it to\b)|"
    rf"\b(?:{'|'.join(sorted(EVALUATIVE))})\b|\b(?:so|very|quite|pretty|really) (?:nice|good|fun|great|"
    rf"funny|hot|cold)\b|^i am (?!sorry|sure|pretty|fairly|quite|afraid)|\bspeaking of\b|"
    rf"\btalking about\b|\babout (?:a|an|the|your|that)\b|\breminds me\b|\bsounds like\b"
)
_POSITIVE = re.compile(
    r"\bnot only\b|\bnothing but\b|\bwhy not\b|\bnot bad\b|\bcan not wait\b|\bnot forget\b|"
    r"\bis not (?:it|that)\b|\bnot to mention\b"
)


def veto_of(
    clause: Clause, mention: str = "", denies: bool = False, spared: frozenset[Veto] = frozenset()
) -> Veto | None:
    """Why a clause that mentions an answer does not give it; None where it does.

    Args:
        clause: the clause.
        mention: the answer as text, if it stands in the clause; what it says itself is not held against it.
        denies: whether the answer itself says no.
        spared: what is not held against it, as the answer is of that kind.
    """
    text = clause.text
    before, found, after = text.partition(mention) if mention else (text, "", text)
    around = f"{before} {after}" if found else text
    asks_kindly = bool(_REQUEST.search(text) or _SUGGESTS.search(text))
    suggests = bool(_SUGGESTS.search(text))
    checks = (
        (Veto.OFFER, not asks_kindly and _OFFER.search(before)),
        (Veto.QUESTION, not asks_kindly and clause.end == "?" and _ASKS_IT.search(before or text)),
        (Veto.NOT_YET, _NOT_YET.search(around)),
        (Veto.REFUSAL, not suggests and _REFUSAL.search(before)),
        (Veto.PROMISE, _PROMISE.search(before)),
        (Veto.REPORT, not suggests and _REPORT.search(before)),
        (Veto.CONDITION, _CONDITION.search(before)),
        (Veto.DENIAL, _denied(before, after if found else "", text, denies)),
        (Veto.COMMENT, _COMMENT.search(around)),
    )
    return next((veto for veto, holds in checks if holds and veto not in spared), None)


def _denied(before: str, after: str, text: str, denies: bool) -> bool:
    if _DENIED_AFTER.search(after) or _DENIES_SAYING.search(before):
        return True
    if denies or _SUGGESTS.search(text) or _POSITIVE.search(text):
        return False
    said = before.split()
    foreign = bool(FOREIGN_NO & set(said)) or " no " in f" {' '.join(said[1:])} "
    left_so = (not said and _GOES_ON.match(after.strip())) or re.match(
        r" (?:that|which|who) \w+ not\b", after
    )
    return foreign or bool(_DENIED_BEFORE.search(before) or (NO & set(after.split()) and not left_so))


_GOES_ON = re.compile(
    r"(?:and |so |remember |please |that )*(?:you|there|we)(?: really| just)? "
    r"(?:do|does|need|must|should|are|is|did)\b"
)
"""What follows an answer without a mark of punctuation, and says something of its own."""


_SAYS_NEXT = re.compile(
    r"\b(?:say|saying|(?<!you )said|announce|shout|whether|if i should)(?: (?:that|to))?(?: \w+){0,2}$"
)


def announces_veto(clause: Clause) -> Veto | None:
    """A veto that a clause casts over what follows it: "Shall I say: Paris?"."""
    text = clause.text
    if clause.end == ":" or _SAYS_NEXT.search(text):
        for pattern, veto in (
            (_OFFER, Veto.OFFER),
            (_REFUSAL, Veto.REFUSAL),
            (_PROMISE, Veto.PROMISE),
            (_NOT_YET, Veto.NOT_YET),
        ):
            if pattern.search(text):
                return veto
    if re.search(
        r"\bnot (?:just |quite )?yet\b|\btoo early\b|\b(?:can|will|would|shall|do) not (?:say|"
        r"want to say|tell)\b",
        text,
    ):
        return Veto.NOT_YET
    if re.search(r"^(?:anything|everything|all|never|not|neither|opposite of)(?: but| except)?$", text):
        return Veto.DENIAL
    return None


_PLANNED = re.compile(
    rf"^(?: \w+){{0,2}} (?:at|after|in|every|for) (?:the |about |exactly |second |number )*{ANY_NUMBER}\b"
)
_LATER = re.compile(
    r"\bi (?:can|could|will|shall|may|am going to) (?:say|tell|do|repeat|shout|give|call|announce|ask)\b.* "
    r"(?:when|whenever|if|once|as soon as|in|at|after|later|then|soon)\b"
)


def is_planned(after: str) -> bool:
    """Whether what follows an answer says when it is due: "smile at thirteen"."""
    return bool(_PLANNED.search(after))


_ONLY_A_LENGTH = re.compile(
    rf"(?:in |for |after |so |okay |just )*(?:{ANY_NUMBER} ?)+(?:seconds?|minutes?)(?: then| it is)?"
)
_TAKES_NOTE = re.compile(
    r"(?:okay |and )*(?:got (?:it|that)|understood|noted|will do|on it|copy that|roger(?: that)?|you got it)"
)


def is_only_planned(clause: Clause, following: Sequence[Clause]) -> bool:
    """Whether an answer is only planned, by what follows it: "marble, six seconds", "marble, got it"."""
    return clause.end in (",", "") and any(
        (_ONLY_A_LENGTH.fullmatch(c.text) or _TAKES_NOTE.fullmatch(c.text)) and c.end != "?"
        for c in following
    )


def says_it_later(clause: Clause) -> bool:
    """Whether a clause says that what stands before it is for later: "I can say it whenever you like"."""
    return bool(_LATER.search(clause.text))


def offers_to_ask(clause: Clause) -> bool:
    """Whether a question only asks whether to ask; "may I ask your name" asks it."""
    return bool(
        re.search(
            r"\b(?:shall|should) (?:i|we) (?:say|ask|tell|check)\b|\b(?:want|like|need) me to\b|"
            r"\bif i should\b",
            clause.text,
        )
    )
