"""What the agent says when, while the user speaks: the cascade's dialogue, word by word.

The plans, and what is said to them, are those of `SpokenDialogue`. Two things differ. Standing orders are
followed at the word and not at the turn's end. And a request is understood at every pause, provisionally: at
the turn's end it is understood again, with all that was said, unless something of it has been done by then.
"""

from collections.abc import Sequence

from tml_bench.adapters.cascade import plans
from tml_bench.adapters.cascade.dialogue import DueSpeech, RecognisedTurn, SpokenDialogue
from tml_bench.adapters.cascade.language import understand
from tml_bench.adapters.cascade.noticing import noticed, places
from tml_bench.adapters.duplex.running import AgreedWord, bare

_FINISHED_S = 1.5
_CONTEXT = 30
"""So many words are remembered of what is being said."""
_LATER = plans.SayAt | plans.RepeatPlan | plans.AfterWord | plans.StandingOrder
"""What asks for nothing at once, so that it may be understood too early."""


def _soon(plan: plans.Plan | None) -> bool:
    """Whether something is due before it can be known that the user has finished."""
    match plan:
        case plans.SayAt(due):
            return min(after_s for after_s, _ in due) < _FINISHED_S
        case plans.RepeatPlan(_, first_s):
            return first_s < _FINISHED_S
        case _:
            return False


class ListeningDialogue(SpokenDialogue):
    """Keeps what was asked, hears the user word by word, and says what is due."""

    def __init__(self) -> None:
        super().__init__()
        self._running: list[tuple[str, float]] = []
        self._provisional: plans.Plan | None = None
        self._understood_s = 0.0
        self._added: list[object] = []
        self._followed = False

    def pause(self, turn: RecognisedTurn) -> None:
        """The user has paused in a turn that may go on; ``turn`` is all of it so far."""
        plan = understand(turn.text)
        if plan == self._provisional or not isinstance(plan, _LATER) or self.begun() or _soon(plan):
            return
        self._undo()
        before = {id(item) for item in self._pending()}
        self._adopt(plan, turn)
        self._added = [item for item in self._pending() if id(item) not in before]
        self._provisional, self._understood_s = plan, turn.end_s

    def begun(self) -> bool:
        """Whether something of what was understood at a pause of the running turn has been done."""
        pending = {id(item) for item in self._pending()}
        return self._followed or any(id(item) not in pending for item in self._added)

    def hear(self, turn: RecognisedTurn) -> None:
        """Take a turn of the user that has ended."""
        if self.begun():
            rest = [(word, end_s) for word, end_s in turn.words if end_s > self._understood_s]
            if (plan := understand(" ".join(word for word, _ in rest))) is not None:
                self._adopt(plan, turn)
            self._heard.append(turn)
            self._silence_met = False
        else:
            self._undo()
            super().hear(turn)
        self._provisional, self._added, self._followed = None, [], False

    def follow(self, words: Sequence[AgreedWord], now_s: float, paused: bool = False) -> None:
        """Do what standing orders want done at these words, now; the user may have paused after them."""
        for word in [*words, *([AgreedWord("", now_s)] if paused else [])]:
            self._running = [*self._running[1 - _CONTEXT :], (word.text, word.end_s)]
            said = [bare(text) for text, _ in self._running]
            last = len(said) - 1
            for event in [event for event in self._events if last in places(event.word, said)]:
                self._events.remove(event)
                self._due.append(DueSpeech(word.end_s + event.seconds, event.text))
            for order in self._orders:
                for text in [text for k, text in noticed(order, said) if k == last]:
                    text = self._counted(order, 1) if isinstance(order, plans.CountWord) else text
                    self._due.append(DueSpeech(now_s, text))
                    self._followed |= any(order is added for added in self._added)

    def waits(self) -> bool:
        """Whether there is anything to be done at what the user says."""
        return bool(self._orders or self._events)

    def waits_for_a_time(self) -> bool:
        """Whether it matters when words are said."""
        return bool(self._events)

    def waits_for(self, words: Sequence[str]) -> bool:
        """Whether there is something to be done at words that are not sure yet, next in the running turn."""
        known = len(self._running)
        ahead = [bare(text) for text in (*(text for text, _ in self._running), *words)]
        return any(k >= known for event in self._events for k in places(event.word, ahead)) or any(
            k >= known for order in self._orders for k, _ in noticed(order, ahead)
        )

    def _listen(self, turn: RecognisedTurn) -> None:
        """Nothing: the words of the turn have been followed one by one."""

    def _pending(self) -> list[object]:
        return [*self._due, *self._orders, *self._events]

    def _undo(self) -> None:
        added = {id(item) for item in self._added}
        self._due = [due for due in self._due if id(due) not in added]
        self._orders = [order for order in self._orders if id(order) not in added]
        self._events = [event for event in self._events if id(event) not in added]
        self._added = []
