"""Ways to say a reply: those that keep what it means, and those that turn it to something else.

A template has ``{x}``, the reply without its last mark, or ``{X}``, the reply as it is; ``{y}`` is a wrong
reply of the same event.
"""

from __future__ import annotations

import re
from typing import NamedTuple

ANSWERS = ("code_switch", "misused_word", "factual_error", "list_reaction", "arithmetic_slip")
"""Families in which a word is named, so that it may be framed as an answer."""
CLOCKED = (
    "single_delay",
    "periodic_until_stop",
    "schedule",
    "silence_deadline",
    "after_event",
    "delay_while_talking",
    "correction",
)
"""Families in which a time that has come may be announced."""


LEAD = re.compile(r"^(?:okay,?|and,?|so,|hey,?|it's|that's|it was|you mean|no,) ", re.IGNORECASE)
"""What a reply may open with and has no place within a sentence."""


class ReplyWrapper(NamedTuple):
    """A way to say a reply.

    Attributes:
        template: with ``{x}``, ``{X}`` or ``{y}``.
        families: where it is natural; empty for everywhere.
        commands: only where the user is told to do something.
        language: only where a reply is in this language, by its English name.
    """

    template: str
    families: tuple[str, ...] = ()
    commands: bool = False
    language: str = ""

    def wrap(self, reply: str, wrong: str = "") -> str:
        """The reply said this way."""
        bare = LEAD.sub("", reply.rstrip(" .!?")) or reply
        return self.template.format(x=bare[:1].lower() + bare[1:], X=reply, y=wrong.rstrip(" .!?"))


KEEPING = (
    *map(
        ReplyWrapper,
        (
            "Okay, {x}.",
            "So, {x}!",
            "Alright, {x}.",
            "Hey, {x}.",
            "Well, {x}.",
            "Um, {x}.",
            "Oh, {X}",
            "Excuse me, {x}.",
            "Sorry to interrupt, {x}.",
            "Sorry to butt in, but {x}.",
            "Pardon me for interrupting. {X}",
            "Quick note: {x}.",
            "Just a quick interruption: {x}.",
            "By the way, {x}.",
            "{x}, by the way.",
            "Here you go: {x}.",
            "Here it is: {x}.",
            "Just to let you know, {x}.",
            "As you asked: {x}.",
            "{x}, as you asked.",
            "As promised, {x}.",
            "Okay, here we go. {X}",
            "Tom, {x}.",
            "Hey Sarah, {x}.",
            "{X} Keep going.",
            "{X} Carry on.",
            "{X} Go on, please.",
            "{X} Hope that helps.",
            "{X} Let me know if you need anything else.",
            "{X} You're doing great.",
            "{X} Good luck!",
            "{X} Thanks.",
            "{X} Nice story, by the way.",
            "{X} Sorry for interrupting.",
            "{X} I hope that's what you wanted.",
            "{X} There you go.",
            "{X} Take your time.",
            "{x}, {x}.",
            "Sorry, just quickly: {x}. Please continue.",
        ),
    ),
    *(
        ReplyWrapper(template, CLOCKED)
        for template in (
            "Time's up. {X}",
            "Your time is up: {x}.",
            "Twelve seconds are up. {X}",
            "That's ten seconds. {X}",
            "Ten seconds have passed, so {x}.",
            "Okay, that's time. {X}",
        )
    ),
    *(
        ReplyWrapper(template, ANSWERS)
        for template in (
            "I think you mean {x}.",
            "It should be {x}.",
            "The right word is {x}.",
            "That would be {x}.",
            "Actually, it's {x}.",
            "No, {x}.",
            "You mean {x}, I think.",
            "{x}, actually.",
            "The answer is {x}.",
            "Did you mean {x}?",
            "Small correction: {x}. Go ahead.",
            "I believe it's {x}, if I'm not mistaken.",
        )
    ),
    *(
        ReplyWrapper(template, commands=True)
        for template in (
            "Time to {x}.",
            "It's time to {x} now.",
            "You should {x} now.",
            "You can {x} now.",
            "Could you {x} now, please?",
            "This is your reminder to {x}.",
            "Please {x}.",
            "Let me remind you to {x}.",
        )
    ),
)
"""What these say is what the reply says."""

TURNING = (
    *map(
        ReplyWrapper,
        (
            "Shall I say {x}?",
            "Do you want me to say {x}?",
            "Would you like me to say {x} now?",
            "Should I say: {x}?",
            "Let me know if I should say {x}.",
            "Not yet, but soon: {x}.",
            "In a moment I'll say {x}.",
            "When the time comes, I'll say {x}.",
            "I was about to say {x}.",
            "It's almost time to say {x}.",
            "I can't say {x}.",
            "I won't say {x}.",
            "I refuse to say {x}.",
            "I don't know whether to say {x}.",
            "You told me to say {x}, but I won't.",
            "Anything but {x}.",
            "{x} is wrong.",
            "Don't say {x}.",
            "It is never {x}.",
            "{x} or {y}.",
            "{y}, or maybe {x}.",
            "Either {x} or {y}, I guess.",
            "It could be {y} or {x}, I'm not sure.",
        ),
    ),
    *(ReplyWrapper(t, ANSWERS) for t in ("It's not {x}.", "It isn't {x}, it's {y}.", "{x}, no wait, {y}.")),
    *(
        ReplyWrapper(template, commands=True)
        for template in (
            "Shall I tell you to {x}?",
            "Almost time to {x}.",
            "Do not {x}.",
            "Get ready to {x}.",
            "Did you {x}?",
        )
    ),
    ReplyWrapper("Ne dites pas {x}.", language="French"),
    ReplyWrapper("Sag bloß nicht {x}.", language="German"),
    ReplyWrapper("Nunca digas {x}.", language="Spanish"),
    ReplyWrapper("Non dire mai {x}.", language="Italian"),
)
"""What these say is not what the reply says."""
