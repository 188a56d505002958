"""Whether a line of a simulated user is what the person would say, rather than an assistant or a script."""

from __future__ import annotations

import re

from tml_bench.plain_text import plain
from tml_bench.users.line_context import LineContext

_SERVES = (
    r"assist|help you|do for you|check (that|this|it) for you|book (that|this|it) for you"
    r"|look (that|this|it) up for you"
)
_OFFERED = r"book|reserve|schedule|send|order|check|look|find|set|cancel|confirm|add|transfer|proceed|arrange"
_DONE = (
    r"booked|reserved|scheduled|ordered|cancelled|canceled|confirmed|registered|signed up|transferred|sent"
)
_MACHINE, _HELP = "speaks as a machine", "offers help"
_WORK, _PART, _DIRECTIONS = "does the model's work", "speaks of its part", "has stage directions"
PATTERNS = (
    (
        r"\b(as|i am|i'm) (just |only )?(an? )?(ai|artificial intelligence|(large )?language model|chatbot"
        r"|bot|((virtual|voice|digital|ai) )?assistant|simulated|simulation)\b",
        _MACHINE,
    ),
    (r"\b(language model|openai|chatgpt|my training|knowledge cutoff|simulated user)\b", _MACHINE),
    (rf"\b(can|may|could|should|shall) i ({_SERVES})", _HELP),
    (
        rf"\b(happy|glad|here|able|ready|like|love|pleased) to "
        rf"({_SERVES}|(book|check|do|look) \w+ for you)",
        _HELP,
    ),
    (r"\b(i can|i could|i'll|i will|let me|we can|we will|we'll) (\w+ )?(help|assist) (you\b|with)", _HELP),
    (r"\banything else (that )?(i|we) can\b", _HELP),
    (
        r"\bi (can't|cannot|am unable to|can not) (assist|fulfil"
        r"|(provide|offer|give) (you )?(\w+ )?(advice|assistance|support|information))",
        _MACHINE,
    ),
    (rf"\b(would you like|do you want) me to (\w+ )?({_OFFERED})\b", _HELP),
    (rf"\b(i have|i've|we have|we've) (now |just |already )*({_DONE}) ?(\w+ )*for you\b", _WORK),
    (rf"\byour? (\w+ ){{0,3}}(is|are|has been|have been) (now |all )*({_DONE})\b", _WORK),
    (rf"\byou('re| are) (now |all )+({_DONE})\b", _WORK),
    (r"\bthank you for (calling|contacting|reaching out)\b", _WORK),
    (r"\bas (the|an?|your) (user|customer|caller|examiner|tester|persona|character)\b", _PART),
    (
        r"\bmy (goal|task|role|scenario|persona|prompt|instructions?) (here )?(is|are|says?|tells?)\b"
        r"|\bthe (scenario|persona|prompt|instructions?|next stage|next goal) (is|are|says?|tells?)\b",
        _PART,
    ),
    (r"\b(role-?play|examiner|test case|system prompt|in this scenario)\b", _PART),
    (r"^\W*(user|assistant|examiner|caller|customer|system|me|human|speaker)\s*:", _PART),
    (r"(^|\s)\*[^*\s][^*]*\*(\s|[.,!?]|$)|\[[^\]]*\]|<[^>]*>|\{[^}]*\}|^\W*\([^)]*\)", _DIRECTIONS),
    (
        r"\((\w+ly|\w+s|\w+ing|pause|beat|worried|annoyed|confused|relieved|happy)( [^)]*)?\)",
        _DIRECTIONS,
    ),
    (
        r"\*\*|__|```|`[^`]+`|^\s*#+ |^\s*[-*\u2022] |^\s*\d+[.)] .*\s\d+[.)] |\]\(http|https?://",
        "is marked up",
    ),
)
"""What gives a person away, and what it is."""
_FOUND = tuple((re.compile(pattern, re.MULTILINE), reason) for pattern, reason in PATTERNS)


def out_of_character(c: LineContext) -> str:
    """Whether it speaks as an assistant or of its part, or has stage directions or names of stages in it."""
    text = c.line.text
    said = plain(text)
    own = [plain(line.replace("/", " ")) for line in c.own_texts]
    for pattern, reason in _FOUND:
        found = pattern.search(said)
        if found and not any(found[0].strip() in line for line in own):
            return f"{reason}: {found[0].strip()}"
    for name in (stage.name for stage in c.scenario.stages):
        named = re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text)
        if named and not any(name in line for line in c.own_texts):
            return f"names its stage {name}"
    return ""
