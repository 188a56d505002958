"""When an answer is told: the onset of the first word at which the text so far is right.

The judge is not asked about every beginning of a reply. The offline rule is, on growing beginnings: the
deciding word is the first one up to which it finds the text right (and the length of time, where one is asked
for, within its tolerance). Where it finds none, as with a paraphrase that only a better judge takes for
right, the time is not known. A talk of a length has no such word.
"""

from tml_bench.questions import Question
from tml_bench.tasks._common.speech import SpeechStretch, text_of
from tml_bench.tasks._timed.asked import begins_s, question
from tml_bench.tasks._timed.expected import DueEvent, TimedAnnotation
from tml_bench.tasks._timed.matched import MatchedRecording, names_the_time
from tml_bench.tasks._timed.meaning.rule import RIGHT, RULE


def answered_at(item: TimedAnnotation, said: SpeechStretch, due: DueEvent) -> float | None:
    """Onset of the word that decides that an utterance says what an event asks for, on the session's clock.

    Returns:
        Seconds; None where it is not known.
    """
    if due.event.speech:
        return None
    for k, word in enumerate(said.words, start=1):
        text = text_of(said.words[:k])
        if names_the_time(due, text) and _is_right(question(item, said, due, text, "")):
            return begins_s(said, word)
    return None


def _is_right(asked: Question) -> bool:
    return RULE.decide(asked).answer == RIGHT


def answer_times(heard: MatchedRecording) -> list[float]:
    """For every event said right at any time, where that is known: how far its answer is from its time.

    In seconds, to either side: an answer before its time is no better than one as long after it.
    """
    told = (
        (due.target.at_s, answered_at(heard.item, heard.said[match.utterance], due))
        for match in heard.anyhow
        for due in (heard.item.due[match.target],)
    )
    return [abs(answer_s - at_s) for at_s, answer_s in told if answer_s is not None]
