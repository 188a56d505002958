"""FD-bench v1 (Full-Duplex-Bench v1.0): pauses, backchannels, turn ends and interruptions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from tml_bench.questions import Question, Verdicts
from tml_bench.samples import Sample
from tml_bench.task import NO_VERDICTS, ImportedExchange, Mark, Published, Score, Task
from tml_bench.tasks._common import dataset_name, published_rows
from tml_bench.tasks.fd_bench_v1 import loader, recordings, scoring, strategies
from tml_bench.tasks.fd_bench_v1.measures import HEADLINE, METRICS, SUBSETS
from tml_bench.tasks.fd_bench_v1.rubric import RATING
from tml_bench.timeline import Timeline

MINI = Path(__file__).parent / "mini"


class FdBenchV1(Task):
    """Full-Duplex-Bench v1.0, with the reference's rules and repaired ones side by side."""

    name = "fd-bench-v1"
    title = "FD-bench v1: turn taking"
    subsets = SUBSETS
    metrics = METRICS
    headline = HEADLINE
    data_help = """\
The official data are behind the Google Drive link in dataset/README.md of the repository
DanielLin94144/Full-Duplex-Bench on GitHub. The parts from CANDOR and ICC are CC BY-NC 4.0, the synthetic
parts MIT. Unpack them to

    DATA/candor_pause_handling/{ID}/input.wav pause.json transcription.json
    DATA/synthetic_pause_handling/{ID}/input.wav pause.json transcription.json
    DATA/icc_backchannel/{ID}/input.wav transcription.json
    DATA/candor_turn_taking/{ID}/input.wav turn_taking.json transcription.json
    DATA/synthetic_user_interruption/{ID}/input.wav context.wav interrupt.wav interrupt.json
    DATA/icc_gt_distribution.json      (from evaluation/ of the same repository)

and give DATA; a folder v1_0 or v1.0 in between, one subset's folder alone, and FLAC all do.
"""
    rubrics = (RATING,)

    def dataset(self, data: Path | None) -> str:
        """``official`` when every subset there has its official size, else ``custom``; or the mini set."""
        return dataset_name(data, MINI, loader.is_official)

    def samples(self, data: Path | None = None, subsets: Sequence[str] = ()) -> Iterator[Sample]:
        """Load the samples by subset and number; see ``loader``.

        Raises:
            UserError: the folder or a subset does not exist.
        """
        return loader.load(data or MINI, subsets)

    def questions(self, sample: Sample, timeline: Timeline) -> tuple[Question, ...]:
        """How well the answer to an interruption responds to it.

        Raises:
            BadSampleError: the sample has a problem.
        """
        return scoring.questions(sample, timeline)

    def score(self, sample: Sample, timeline: Timeline, verdicts: Verdicts = NO_VERDICTS) -> Score:
        """Score one recording with both families of measures.

        Raises:
            BadSampleError: the sample has a problem.
        """
        return scoring.score(self.name, sample, timeline, verdicts)

    def blind(self, sample: Sample) -> dict[str, Timeline]:
        """Silence, talking always, one answer at a fixed time, a metronome; see ``strategies``."""
        return strategies.blind(sample)

    def ideal(self, sample: Sample) -> Timeline:
        """What the sample's reference asks for."""
        return strategies.ideal(sample)

    def marks(self, sample: Sample) -> tuple[Mark, ...]:
        """The annotation, and what the ideal respondent says."""
        return (*scoring.annotated(sample), *super().marks(sample))

    def published(self) -> tuple[Published, ...]:
        """The table of the Full-Duplex-Bench repository; ``fdb_rating`` there is by GPT-4 Turbo."""
        return published_rows(self.name)

    def imports(self, folder: Path) -> Iterator[ImportedExchange]:
        """Read recordings of another harness; see ``recordings``.

        Raises:
            UserError: there is no such folder, no recording in it, or two of one sample.
        """
        return recordings.load_imports(folder)
