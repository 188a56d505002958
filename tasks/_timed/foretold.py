"""Which utterances tell what a cue still to come will ask for.

Nobody can know the answer to a cue that has not been said. Who tells it all the same, beside the answer that
is due, is guessing on all answers at once ("Twelve. Sixteen. Thirty." at each slip), and earns nothing by it.
An utterance tells the answer to a later cue if it holds one of its accepted replies, as whole words, and

* that cue's window opens only after the utterance has ended,
* the reply is not part of an accepted reply of the event that the utterance is judged for ("five" in "twenty
  five"), and
* the user says it nowhere in the item: what the user says anybody may repeat.
"""

from tml_bench.tasks._common.speech import SpeechStretch
from tml_bench.tasks._timed.expected import DueEvent, TimedAnnotation
from tml_bench.tasks._timed.items import CueWindow
from tml_bench.tasks._timed.neutral import holds


def foretells(item: TimedAnnotation, said: SpeechStretch, due: DueEvent) -> bool:
    """Whether an utterance, judged for one event, tells what a cue still to come will ask for."""
    if said.text in due.event.accept:
        return False
    known = [*due.event.accept, *(turn.text for turn in item.turns)]
    return any(
        holds(said.text, (reply,)) and not any(holds(text, (reply,)) for text in known)
        for later in item.due
        if isinstance(later.event.window, CueWindow) and later.target.opens_s > said.end_s
        for reply in later.event.accept
    )
