"""A brain that leaves every answer to a language model."""

import re
import unicodedata

from tml_bench.adapters.cascade.dialogue import Dialogue, DueSpeech, RecognisedTurn
from tml_bench.adapters.cascade.language_models import LanguageModel
from tml_bench.adapters.cascade.phrases import sentence

SYSTEM = (
    "You are a voice assistant in a spoken conversation. "
    "Answer in one or two short sentences, in plain words."
)
MAX_SENTENCES, MAX_WORDS = 2, 60
"""Of an answer."""
LONGEST_WORD = 60
"""Characters of a word; the rest of a longer one would be spoken for hours, and is not said."""
_REMEMBERED, _REMEMBERED_WORDS = 8, 800
"""Messages the model is shown of the conversation, and words of them: they must fit its context."""
_PUNCTUATION = frozenset(" .,;:!?'\"()-&%$€£+/")
_PLAIN = str.maketrans({"’": "'", "‘": "'", "“": '"', "”": '"', "–": "-", "—": "-"})


class AssistantDialogue(Dialogue):
    """Says what a language model answers to each turn of the user, sentence by sentence.

    It is asked once the agent may speak, so that turns in close succession are one question. What it is shown
    of its own answers is what was said of them. ``instructions`` are those of the session.
    """

    def __init__(self, model: LanguageModel, instructions: str) -> None:
        self._model = model
        self._system = f"{instructions}\n\n{SYSTEM}".strip()
        self._said: list[dict[str, str]] = []
        self._to_say: list[str] = []
        self._asked_s: float | None = None

    def hear(self, turn: RecognisedTurn) -> None:
        """Take a turn of the user that has ended; one without words is none."""
        if any(map(str.isalnum, turn.text)):
            self._to_say.clear()
            self._add("user", turn.text)
            self._asked_s = turn.end_s

    def take(self, before_s: float, silent_since_s: float) -> DueSpeech | None:
        """The first sentence of the answer, if there is one to give."""
        if self._asked_s is None:
            return None
        at_s, self._asked_s = self._asked_s, None
        self._to_say = spoken_sentences(self._model.ask(self._messages()))
        text = self.follow_up()
        return DueSpeech(at_s, text) if text else None

    def follow_up(self) -> str:
        """The next sentence of the answer that is being given."""
        if not self._to_say:
            return ""
        text = self._to_say.pop(0)
        self._add("assistant", text)
        return text

    def interrupted(self, share: float) -> None:
        """Only that share of the answer was heard: forget the rest."""
        self._to_say.clear()
        if self._said and self._said[-1]["role"] == "assistant":
            words = self._said.pop()["content"].split()
            if heard := " ".join(words[: int(len(words) * share)]):
                self._add("assistant", heard)

    def _add(self, role: str, text: str) -> None:
        """Put it behind what was said; what one side says twice in a row is one message."""
        if self._said and self._said[-1]["role"] == role:
            self._said[-1]["content"] += f" {text}"
        else:
            self._said.append({"role": role, "content": text})

    def _messages(self) -> list[dict[str, str]]:
        shown: list[dict[str, str]] = []
        left = _REMEMBERED_WORDS
        for message in reversed(self._said[-_REMEMBERED:]):
            words = message["content"].split()[-left:]
            shown.insert(0, {**message, "content": " ".join(words)})
            left -= len(words)
            if left <= 0:
                break
        return [{"role": "system", "content": self._system}, *shown]


def spoken_sentences(answer: str) -> list[str]:
    """What a voice says of a model's answer: the first `MAX_SENTENCES`, without what cannot be spoken.

    The last one is left out where it does not end and another was said. Empty for an answer without words.
    """
    plain = "".join(
        c if _speakable(c) else " " for c in unicodedata.normalize("NFKC", answer).translate(_PLAIN)
    )
    words = (word[:LONGEST_WORD] for word in plain.split()[:MAX_WORDS])
    parts = re.split(r"(?<=[.!?])\s+", " ".join(words))
    found = [sentence(part) for part in parts if any(map(str.isalnum, part))]
    unfinished = len(found) > 1 and parts[-1][-1] not in ".!?\"')"
    return found[: -1 if unfinished else None][:MAX_SENTENCES]


def _speakable(c: str) -> bool:
    return c in _PUNCTUATION or c.isdigit() or (c.isalpha() and "LATIN" in unicodedata.name(c, ""))
