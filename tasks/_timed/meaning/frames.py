"""What stands around an answer and is none: openings, frames, announcements of the time, tails.

Patterns match words joined by single spaces, in the form of `wording.words`. A frame is taken off an end of a
clause only (``strippings``);
a clause that is nothing else counts neither for nor against (``is_polite``).
"""

import re
from collections.abc import Iterator
from functools import lru_cache

from tml_bench.tasks._timed.meaning.word_lists import NAMES, PRAISE
from tml_bench.tasks._timed.meaning.wording import NUMBER_WORDS

_NUMBER = rf"(?:(?:{'|'.join(sorted(NUMBER_WORDS - {'second'}))}) ?(?:and (?:a )?)?)+"
_LENGTH = (
    rf"(?:about |around |exactly |those |the |your |my |our |all |a |full |whole )*(?:{_NUMBER} )?"
    r"(?:seconds?|minutes?|time|clock|timer|delay|countdown|wait)"
)
_NAMED = rf"(?:{'|'.join(sorted(NAMES))}|my (?:friend|dear|love)|little one)"

ANNOUNCEMENT = re.compile(
    rf"(?:(?:and|so|okay|that is|there go|there goes|those were|it has been|that was|that makes|here is|"
    rf"we are at|we have reached|it is|it is been|"
    rf"you asked for|after|the|your|our|time to|now|exactly) )*(?:{_LENGTH}|{_NUMBER})"
    r"(?: (?:are|is|have|has|now|up|over|gone|passed|elapsed|been|done|later|through|out|on the dot|"
    r"exactly|already|here|come|ended|"
    r"past|by|went|reached|finished|mark|so|for|you|that|it|just))*"
    r"|(?:and )?(?:(?:the )?time|it|that) (?:is|has) (?:now |just )?(?:up|come|time|here|over|passed|"
    r"now|run out)(?: now)?"
    r"|(?:it is|now is|this is|that is|and) (?:the )?(?:time|moment|now|your cue)|now|time|beep|ding|"
    r"ring|your cue"
)
"""Says that the time has come: a clause of its own."""

_OPENINGS = r"""
    ahem+|[bcdfghjklmnpqrstvwxz]{2,}|goodness(?: me| gracious)?|gosh|gee|blimey|my word|dear me|good grief|
    okay|ok|oh|o k|so|well|now|right|alright|all right|hey|hi|hello|hey there|hi there|yes|yeah|yep|yup|
    sure|sure thing|please|just|then|and|but|
    actually|um+|uh+|er+m?|ah+|aha|hm+|mm+|m+ h?m+|ooh|oops|whoa|wait|look|listen|listen up|attention|no|
    nope|nah|
    excuse me|pardon me|pardon|sorry|so sorry|i am sorry|my apologies|apologies|forgive me|
    (?:sorry|apologies|pardon me|excuse me|i hate|not|i do not mean|forgive me|i am sorry)? ?(?:to|for|
    if i) (?:interrupt\w*|butt\w*(?: in)?|break(?:ing)? in|jump(?:ing)? in|cut(?:ting)?(?: you)?(?: in| off|
     short)?)(?: you)?|
    (?:just )?(?:a |one |another )?(?:quick|small|little|tiny|friendly|gentle|minor|brief)? ?(?:note|
    reminder|one|correction|thing|heads up|fix|word|interruption|update|point)(?: for you| here| from me)?|
    (?:just )?(?:to let you know|so you know|letting you know|reminding you|a reminder|checking in|
    to remind you)(?: that| to| about)?|
    (?:this is )?(?:your|a|the|my) (?:reminder|cue|signal|alarm|alert|call)(?: to| that| for)?|
    by the way|heads up|fyi|for your information|for the record|guess what|good news|
    as (?:requested|promised|agreed|you (?:asked|requested|wanted|wished|said)|instructed|ordered|planned)|
    per your request|on your request|at your request|
    here (?:you go|it is|it comes|we go|is your \w+|i go|you are|goes|is the \w+)|there (?:you go|it is|
    we go|you are)|coming right up|
    (?:and )?(?:it is|that is|it is now|now is the|now it is|this is the|here is the|okay|
    right)? ?(?:high )?(?:time|moment)(?: has come| is here| now)?(?: for you| for us)?(?: to| for|
     that you)?|
    of course|sure thing|absolutely|certainly|definitely|no problem|got it|good question|let me see|
    let us see|hold on|hang on|
    (?:a )?(?:small|quick|slight|tiny|little) correction|correction|if i may|to be (?:precise|exact|clear|
    honest)|technically|in fact|
    strictly speaking|careful|easy|oh dear|my (?:turn|cue)|one second|one moment|just a (?:second|moment)|
    i (?:think|believe|guess|suppose|reckon|would say|am (?:pretty|fairly|quite|very)? ?sure)(?: that)?|
    pretty sure|surely|perhaps|maybe|probably|possibly|
    you (?:can|may|should|could|need to|have to|must|had better|might want to|will want to|want to|are to|
    can go ahead and) (?:now |also |please )?|
    do not forget to|remember(?: to)?|be sure to|make sure(?: to| that you| you)?|go ahead and|please|
    kindly|
    (?:could|can|would|will|wo) you (?:please |kindly |now |just )?|would you mind|how about|let us|
    i (?:want|need|would like) you to|it would be good to|
    let me (?:just |gently |quickly )?(?:remind|tell|interrupt|stop|prompt|correct|help|fix|give|
    break in)(?: you| that| it)?(?: here| there)?(?: to| that| with)?|i (?:just |only )?(?:want|wanted|need|
    have|had|must)(?: to)? (?:remind|tell|let|say|insist|ask)(?: you)?(?: know)?(?: to| that)?|
    (?:you asked|i was asked) me to (?:remind you|tell you)(?: to)?|i (?:am )?(?:remind|
    tell)(?:ing)? you(?: to)?|(?:a )?message for you
"""
_FRAMES = r"""
    (?:you|he|she|they|we|i)(?: (?:probably|surely|must|might|may|really|actually|just|likely|most likely|
    certainly))*(?: have)?
        (?:mean|meant|want|wanted|are looking for|are after|were looking for|were going for|need|should say|
        should have said|are thinking of|are talking about|would say|say|intended|are trying to say|
        could say)
        (?: to say| here)?(?: the (?:\w+ )?word| the| that)?|
    (?:did|do|does) (?:not )?you (?:perhaps |maybe |not |possibly |
    actually )?mean(?: to say)?(?: the word)?|(?:is|was) not (?:it|that|he|she)(?: called| really)?|
    should not (?:it|that) be|
    (?:it|that|this|he|she|they|there|these|those|which|what|answer|one|word|translation|thing)
        (?:is|are|was|were|should be|should read|should say|would be|would have been|must be|will be|means|
        makes|equals|comes to|comes out as|gives|has to be|ought to be|
        should have been|could be|translates to|translates as|becomes|needs to be|stands for|leaves|
        adds up to|works out as|works out to|spells|reads|goes|has|have|had|happened in|starts with)
        (?: (?:actually|really|in fact|of course|just|called|supposed to be|meant to be|known as|the word|
        simply|still|pronounced|spelled|written|now|surely|only|clearly|technically|already))*(?: that|
         at)?|
    (?:the|your|that|this|its|our|my)(?: (?:right|correct|proper|actual|real|english|missing|accurate|exact|
    first|next|last|magic|secret|agreed|answer|code|standard|usual|word|count|running))*
        (?:word|term|answer|name|form|result|total|number|sum|translation|expression|phrase|saying|spelling|
        count|tally|figure|solution|line|sentence|one|version|thing|reply|correction|alarm|amount|
        pronunciation|idiom|word here|counter)
        (?: (?:you (?:want|wanted|need|are looking for|mean|meant|were after|are after)|for that|for it|
        here|there|so far|in (?:english|question|french|spanish|german|italian)|now))?
        (?: (?:is|was|should be|would be|must be|stands at|comes to|goes|has to be|now))?(?: (?:actually|
        really|in fact|of course|just|called|at|now))*|
    in (?:english|french|spanish|german|italian|portuguese|dutch|our language)(?: (?:it|that|this|you|we|
    they|one)(?: is| says?| would say| would be| calls? (?:it|that)| call (?:it|that)| means)?)?|
    we (?:say|call (?:it|that|them)|would say)|(?:in )?english(?: for that| for it| word)?(?: is)?|
    (?:the )?english|as in|i heard|i hear|i count|i make (?:it|that)|i get|i got|make that|make it|call it|
    count|number|say|try|read|
    let me correct (?:that|you|it)(?: to)?|let me (?:translate|help)(?: that)?|(?:the )?(?:correct|right|
    proper|english|french|spanish|german|italian) (?:word|one|answer|term|version|translation)|it is|
    that is|
    you are (?:at|on|on to|up to)|we are (?:at|on|up to|now at)|i am at|up to|that brings (?:us|you|it) to|
    and counting|so far|there are|there goes|there is|that one is|for (?:a|the|an) \w+|
    (?:tell|show|ask) them|say it|repeat after me|here is how|
    translates? (?:as|to)|means|equals|makes|is|means that|answer|result|total|
    (?:the )?(?:capital|opposite|colour|city|country|continent|season|language|sound|home|plural|tool|
    day)(?: of (?:it|that)| there| here| city)? (?:is|are|was)|
    a|an|the|some|your|my|his|her|their|our|in|in a|in the|in an|at|to|it
"""
_TAILS = r"""
    now|right now|please|pleas|thanks|thank you|thanks so much|thank you so much|for you|actually|
    by the way|i think|i believe|i guess|i would say|i suppose|of course|again|instead|then|though|
    everyone|everybody|folks|so far|already|in total|altogether|to be precise|to be exact|to be clear|
    that is|you know|really|okay|ok|right|all right|alright|yes|yeah|
    as (?:requested|promised|agreed|you (?:asked|requested|wanted|wished|said)|instructed|ordered|planned)|
    just as you (?:asked|wanted)|like you (?:asked|said|wanted)|
    in (?:english|french|spanish|german|italian|portuguese|dutch)|my friend|here|there|today|at once|
    right away|immediately|straight away|everyone|if i am not mistaken|for sure|
    (?:if|when) you (?:would|can|please|like|are ready|do not mind|want|wish|ask me)|like that|
    one more time|just so you know|in case you (?:wondered|were wondering|forgot)|not to worry|
    is (?:the|what) (?:\w+ )?(?:word|answer|one|term|translation|name)(?: (?:you want|you are looking for|
    for that|here|in english|you need|you mean|you meant))?|is what you (?:mean|meant|want|need|
    are looking for|asked for|wanted)|
    is (?:correct|right|it|better|the one|the right one|the right word|the correct word)|it is|
    is the capital|to go|for short|is the english word|is the word|that makes|time|too|
    (?:for|to) (?:me|us|you|now)|sorry|
    keep (?:going|it up|at it|talking|on|moving|up the good work)|carry on|go on|go ahead|continue|
    please continue|back to you|over to you|proceed
"""
_POLITE = r"""
    (?:per|por) favore?|s ?il (?:vous|te) plait|bitte|(?:molte |muchas )?grazie|
    gracias|merci|danke|obrigad[oa]|prego|
    (?:please )?(?:do )?(?:keep (?:going|it up|at it|talking|on|moving|up the good work|counting|on going)|
    carry on|go on|go ahead|continue|proceed)(?: then| now| please| talking| with (?:the|your) \w+)*|
    (?:i )?hope (?:that|this|it|you|your|so|i).*|let me know.*|i am (?:here|listening|all ears|ready|
    still here|with you|happy|glad|counting|sorry|waiting|impressed|keeping|enjoying).*|
    you are (?:doing|welcome|almost|nearly|on|making|so|very|the|good|amazing|great|a|rocking|right on).*|
    you have (?:got this|this)|you (?:did|do|rock|can do it|got (?:it|this)|sound|look).*|
    (?:good|best of|lots of) luck.*|take (?:your time|care|it easy).*|no (?:rush|hurry|worries|problem|
    need to (?:worry|rush|hurry)).*|
    (?:what )?(?:a |an )?(?:very |really |so |such |how )?(?:nice|good|great|lovely|wonderful|beautiful|
    fantastic|amazing|excellent|brilliant|sweet|funny|cute|interesting|fun|exciting|charming|
    delicious) (?:\w+ ?){0,3}|
    back to (?:you|your \w+)|over to you|sorry.*|excuse.*|pardon.*|(?:just )?(?:as|like) you (?:asked|said|
    wanted|requested).*|
    right on (?:time|cue|schedule)|on (?:the dot|time|schedule|cue)|(?:here|there) you (?:go|are)|
    as promised|well (?:done|spotted|said)|
    (?:good|great|nice|excellent) (?:job|work|going|one|try|question|story|stuff)|almost (?:there|right|
    done)|close(?: enough| one| though)?|nice try|no rush|that is (?:all|it|right|what you (?:asked|
    wanted).*|your cue|my cue|better|the one|a tricky one|a common (?:mistake|mix up|slip)|
    an easy mistake.*)|
    (?:anything|something) else|is there anything (?:else|more).*|(?:does|did) that (?:help|work|sound).*|
    (?:was|is) that (?:okay|all right|alright|right|what you wanted|loud enough|better|clear).*|
    (?:do|would|did|can|could|shall|should|want|need) (?:you|i|we) .*|have (?:fun|a .*)|enjoy.*|thanks?.*|
    thank you.*|you can (?:do it|go on|continue|carry on|keep going|count on me).*|
    i (?:am|will) (?:keep|be|stay|continue|wait).*|i like .*|i love .*|tell me (?:more|when).*|
    easy (?:mistake|mix up|to mix up|one).*|common (?:mistake|mix up|slip).*|(?:just )?(?:a )?(?:small|tiny|
    little|quick|minor) (?:slip|mistake|correction|fix).*|
    (?:it|that) happens.*|cheers|bye|goodbye|see you.*|talk (?:soon|later)|love it|sounds (?:good|great|fun|
    lovely|delicious|nice).*|and (?:that is|we are) (?:it|that|done)|mission accomplished|
    (?:quick )?(?:reminder|correction|note|update)(?: .{0,20})?|wrong|incorrect|nope|no|not quite|(?:that|
    this|it) (?:is|was|looks|seems|sounds) (?:wrong|incorrect|not right|not quite right|a mistake|an error|
    off|a slip)(?: .{0,12})?|
    (?:you|i) (?:asked|told|wanted) (?:for it|for that|me|you|this|it)(?: .*)?|my (?:pleasure|apologies)|
    oh (?:dear|my|wow)|wow|phew|haha|ha ha|
    i (?:heard|caught|noticed|spotted|hear) (?:a|an|that|it|one|you|another).*|how (?:nice|lovely|funny|
    exciting|sweet|fun|interesting).*|what a .*|this is .{0,15}speaking|
    that (?:was|is) (?:a |an |the )?(?:close|quick|easy|tricky|common|fun|good|hard|great|nice).*|(?:(?:the|
    your) )?(?:word|number|answer|count|translation|correction|time|reply) (?:you (?:want\w*|need|
    asked for)|please|here|again)
"""


def _alternatives(text: str) -> str:
    """A list of patterns between bars, its lines joined."""
    parts = re.split(r"\|\n", text.strip())
    return "|".join(re.sub(r"\s*\n\s+", " ", part.strip()) for part in parts)


_OPENING = re.compile(rf"(?:{_alternatives(_OPENINGS)}|{_NAMED})(?: |$)")
_FRAME = re.compile(rf"(?:{_alternatives(_FRAMES)})(?: |$)")
_TAIL = re.compile(rf"(?:^| )(?:{_alternatives(_TAILS)}|{_NAMED})$")
_POLITENESS = re.compile(rf"(?:{_alternatives(_POLITE)}|{_NAMED}|{'|'.join(sorted(PRAISE))})")


@lru_cache(maxsize=8192)
def strippings(said: tuple[str, ...]) -> frozenset[tuple[str, ...]]:
    """Every text that remains when openings, frames and tails are taken off, the text itself among them."""
    found = {said}
    left = [said]
    while left and len(found) < 200:
        for shorter in _shorter(left.pop()):
            if shorter not in found:
                found.add(shorter)
                left.append(shorter)
    return frozenset(found)


def _shorter(said: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    text = " ".join(said)
    for pattern in (_OPENING, _FRAME):
        if (match := pattern.match(text)) and match.end():
            yield tuple(text[match.end() :].split())
    if match := _TAIL.search(text):
        yield tuple(text[: match.start()].split())


@lru_cache(maxsize=8192)
def is_polite(said: tuple[str, ...]) -> bool:
    """Whether a clause is mere politeness, or says that somebody begins or that the time has come."""
    return any(
        not words or _POLITENESS.fullmatch(" ".join(words)) or ANNOUNCEMENT.fullmatch(" ".join(words))
        for words in strippings(said)
    )


_ASSENT = re.compile(
    r"(?:ok|okay|sure(?: thing)?|all ?right|alright|got (?:it|that)|will do|of course|understood|"
    r"no (?:problem|worries)|yes|yeah|yep|yup|oui|"
    r"m+ h?m+|u?h huh|sounds good|great|perfect|wonderful|cool|ready|certainly|absolutely|definitely|"
    r"noted|right|fine|go (?:ahead|on)|d accord|"
    r"(?:it is a )?deal)\b(?: .*)?|.* (?:it is|got (?:it|that)|understood|okay|ok)"
)


def is_assent(said: tuple[str, ...]) -> bool:
    """Whether a clause takes note of what the user said."""
    return bool(_ASSENT.fullmatch(" ".join(said)))
