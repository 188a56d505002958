"""Audio MultiChallenge: the last reply of a spoken conversation, against a rubric."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from tml_bench.samples import Sample
from tml_bench.tasks._common import FolderTask
from tml_bench.tasks.audio_multichallenge import loader, scoring, strategies
from tml_bench.tasks.audio_multichallenge.conversations import AXES
from tml_bench.tasks.audio_multichallenge.judging import RUBRIC, RULES
from tml_bench.tasks.audio_multichallenge.measures import HEADLINE, METRICS, OVERALL


class AudioMultiChallenge(FolderTask):
    """Audio MultiChallenge in fixed context, the official protocol."""

    name = "audio-multichallenge"
    title = "Audio MultiChallenge: the last reply, in fixed context"
    subsets = AXES
    metrics = METRICS
    headline = HEADLINE
    overall = OVERALL
    mini = loader.MINI
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
    blind = staticmethod(strategies.blind)
    ideal = staticmethod(strategies.ideal)

    def load(self, root: Path, subsets: Sequence[str]) -> Iterator[Sample]:
        """Load the samples by axis, in the order of the data; see ``loader``."""
        return loader.load(root, subsets, fixed=self.needs_history)


class AudioMultiChallengeOpen(AudioMultiChallenge):
    """The same conversations in open loop: every turn is played, and the model hears its own replies."""

    name = "audio-multichallenge-open"
    title = "Audio MultiChallenge, open loop: the model's own conversation"
    needs_history = False
