"""Audio MultiChallenge: the last reply of a spoken conversation, against a rubric."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from tml_bench.samples import Sample
from tml_bench.task import OfficialSize
from tml_bench.tasks._common import FolderTask, annotation_of
from tml_bench.tasks._common.speech import Speech, speaking
from tml_bench.tasks.audio_multichallenge import loader, scoring
from tml_bench.tasks.audio_multichallenge.conversations import AXES
from tml_bench.tasks.audio_multichallenge.loader import QUIET_S, ConversationAnnotation
from tml_bench.tasks.audio_multichallenge.scoring import (
    BOARD,
    HEADLINE,
    METRICS,
    OVERALL,
    RUBRIC,
    RULES,
    user_turns,
)
from tml_bench.timeline import Segment, Timeline, WordSource

WORD_S = 0.3
SORRY = "I'm sorry, I can't help with that."
OKAY = "Okay, sure. I will do that."


def _reply_s(item: ConversationAnnotation) -> float:
    """Where the last reply begins: at once, so that no other is sooner."""
    return user_turns(item, Timeline(0.0))[-1].end_s


def _saying(item: ConversationAnnotation, text: str) -> Timeline:
    at, words = _reply_s(item), text.split()
    end_s = at + len(words) * WORD_S
    turns = user_turns(item, Timeline(0.0))
    return speaking(end_s + QUIET_S, [Speech(at, end_s, words)] if words else [], turns=turns)


class AudioMultiChallenge(FolderTask):
    """Audio MultiChallenge in fixed context, the official protocol."""

    name = "audio-multichallenge"
    title = "Audio MultiChallenge: the last reply, in fixed context"
    subsets = AXES
    metrics = METRICS
    headline = HEADLINE
    overall = OVERALL
    board = BOARD
    mini = loader.MINI
    official_sizes = (OfficialSize("", 452),)
    rubrics = (RUBRIC,)
    rules = RULES
    needs_history = True
    data_help = """\
ScaleAI/audiomc on Hugging Face (MIT): one parquet of 5 GB. Give the file, or its folder; it is unpacked
once into the user's cache folder, which takes as much space again. Needs pip install 'tml-bench[parquet]'.

    DATA/*.parquet          or          DATA/conversations.jsonl and audio files, as the card describes

Its rubrics need a language model as judge: --judge openai:model=...
"""

    sheet = staticmethod(scoring.score)
    is_official = staticmethod(loader.is_official)
    questions = staticmethod(scoring.ask)
    annotated = staticmethod(scoring.annotated)

    def closed_loop(self, sample: Sample) -> Sample | None:
        """The whole conversation with the model; see ``loader``. None where that is what is played anyway."""
        return loader.closed_loop(sample) if self.needs_history else None

    def own_folders(self) -> tuple[Path, ...]:
        """The mini set, and where parquet files are unpacked."""
        return (*super().own_folders(), loader.cache_folder())

    def load(self, root: Path, subsets: Sequence[str]) -> Iterator[Sample]:
        """Load the samples by axis, in the order of the data; see ``loader``."""
        return loader.load(root, subsets, fixed=self.needs_history)

    def blind(self, sample: Sample) -> dict[str, Timeline]:
        """``silent``; ``refuses`` and ``agrees``, whatever was said; ``repeats`` the user's last turn."""
        item = annotation_of(sample, ConversationAnnotation)
        return {
            "silent": _saying(item, ""),
            "refuses": _saying(item, SORRY),
            "agrees": _saying(item, OKAY),
            "repeats": _saying(item, item.turns[-1].user),
        }

    def ideal(self, sample: Sample) -> Timeline:
        """The conversation's own ideal reply; without one, speech of unknown words, hence no ceiling."""
        item = annotation_of(sample, ConversationAnnotation)
        if item.ideal:
            return _saying(item, item.ideal)
        at = _reply_s(item)
        unknown = (Segment(at, at + 1.0),)
        return Timeline(at + QUIET_S, unknown, (), WordSource.NONE, perceiver="synthetic")


class AudioMultiChallengeOpen(AudioMultiChallenge):
    """The same conversations in open loop: every turn is played, and the model hears its own replies."""

    name = "audio-multichallenge-open"
    title = "Audio MultiChallenge, open loop: the model's own conversation"
    needs_history = False
