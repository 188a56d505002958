"""When the model talks, as its user follows it, and how much of that is an answer."""

from __future__ import annotations

from tml_bench.users.ear import HeardFrame

ANSWER_NS = 96_000_000
"""Shorter sounds of the model are no answer."""


class HeardTalk:
    """Follows the frames of what is heard; silences up to ``pause_ns`` belong to the talk around them.

    Attributes:
        from_ns: when the talk began that is, or was last, heard; -1 before any.
        until_ns: when it was last heard; -1 before any.
        answer_from_ns: when the answer to the user's last turn began; what was heard within that turn is not
            one.
    """

    def __init__(self, pause_ns: int) -> None:
        self._pause_ns = pause_ns
        self._answered_ns = 0
        self.from_ns = self.until_ns = -1
        self.answer_from_ns = 0

    def hear(self, frame: HeardFrame, turn_end_ns: int) -> bool:
        """Take the next frame; the user's last turn is over at ``turn_end_ns``. True where a talk begins."""
        if not frame.voiced:
            return False
        begins = frame.start_ns - self.until_ns > self._pause_ns or self.from_ns < 0
        if begins:
            self.from_ns = frame.start_ns
        self.until_ns = frame.end_ns
        if frame.end_ns > turn_end_ns:
            if not self._answered_ns:
                self.answer_from_ns = frame.start_ns
            self._answered_ns += frame.end_ns - frame.start_ns
        return begins

    @property
    def is_answer(self) -> bool:
        """The model has answered the user's last turn, or is answering it."""
        return self._answered_ns >= ANSWER_NS

    def was_answered(self) -> None:
        """The user takes the turn: what is heard from now on is another answer."""
        self._answered_ns = 0
