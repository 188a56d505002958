"""The texts of a session's replies, which come in pieces that may end within a character or a secret."""

from tml_bench.redact import redacted_speech

_REMEMBERED = 64
_MOST_REPLIES = 1000


class ReplyTexts:
    """Joins what belongs together; one for the spoken and one for the written texts of a session.

    A service that cuts its words into pieces may cut an emoji in halves of a surrogate pair: the first half
    waits for the second. What a secret goes on with in the next piece is blanked there.
    """

    def __init__(self) -> None:
        self._ends: dict[str, tuple[str, str]] = {}

    def add(self, reply: str, text: str) -> str:
        """What may be written of a reply's next piece: without a last half, with the one from before.

        A half whose other half does not come is U+FFFD.
        """
        if not text:
            return ""
        before, half = self._ends.pop(reply, ("", ""))
        text, half = _without_half(half + text)
        self._ends[reply] = (before + text)[-_REMEMBERED:], half
        if len(self._ends) > _MOST_REPLIES:
            del self._ends[next(iter(self._ends))]
        return redacted_speech(text, before)

    def rest(self) -> dict[str, str]:
        """What is left of each reply when nothing follows: U+FFFD where a half waits, else nothing."""
        left = {reply: "\ufffd" for reply, (_, half) in self._ends.items() if half}
        self._ends.clear()
        return left


def _without_half(text: str) -> tuple[str, str]:
    return (text[:-1], text[-1]) if "\ud800" <= text[-1] <= "\udbff" else (text, "")
