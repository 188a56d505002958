"""FD-bench v1.5 (Full-Duplex-Bench v1.5): somebody speaks while the model answers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from tml_bench.questions import Question, Verdicts
from tml_bench.samples import Sample
from tml_bench.task import NO_VERDICTS, ImportedExchange, Mark, Published, Score, Task
from tml_bench.tasks._common import dataset_name, published_rows
from tml_bench.tasks.fd_bench_v15 import behaviour, loader, recordings, scoring, strategies
from tml_bench.tasks.fd_bench_v15.measures import HEADLINE, METRICS, OVERALL
from tml_bench.timeline import Timeline

MINI = Path(__file__).parent / "mini"


class FdBenchV15(Task):
    """Full-Duplex-Bench v1.5: behaviour by a judge, timing in two families, the voice before and after."""

    name = "fd-bench-v1.5"
    title = "FD-bench v1.5: overlaps"
    subsets = loader.SUBSETS
    metrics = METRICS
    headline = HEADLINE
    overall = OVERALL
    rubrics = (behaviour.RUBRIC,)
    rules = behaviour.RULES
    hears_user = True
    data_help = """\
The official data are behind the Google Drive link in dataset/README.md of the repository
DanielLin94144/Full-Duplex-Bench on GitHub (v1.5). Unpack them to

    DATA/user_interruption/{ID}/input.wav clean_input.wav metadata.json
    DATA/user_backchannel/{ID}/ ...
    DATA/talking_to_other/{ID}/ ...
    DATA/background_speech/{ID}/ ...

and give DATA; a folder v1_5 or v1.5 in between, one subset's folder alone, and FLAC all do. context.wav,
input.json and clean_input.json are used where they are there.
"""
    not_run = {  # noqa: RUF012
        "UTMOSv2 before and after": "needs a neural predictor of listening scores, with PyTorch and weights",
        "significance tests before and after": "the values per sample are in scores.jsonl",
    }

    def dataset(self, data: Path | None) -> str:
        """``official`` when every subset there has its official size, else ``custom``; or the mini set."""
        return dataset_name(data, MINI, loader.is_official)

    def samples(self, data: Path | None = None, subsets: Sequence[str] = ()) -> Iterator[Sample]:
        """Load the samples by subset and number, each with its companion; see ``loader``.

        Raises:
            UserError: the folder or a subset does not exist.
        """
        return loader.load(data or MINI, subsets)

    def stretches(self, sample: Sample, timeline: Timeline) -> tuple[tuple[float, float], ...]:
        """Before and after the model turns to the overlap; the whole clip without overlap."""
        return scoring.stretches(sample, timeline)

    def questions(self, sample: Sample, timeline: Timeline) -> tuple[Question, ...]:
        """What the model did about the overlap; nothing where it said nothing more."""
        return scoring.questions(sample, timeline)

    def score(self, sample: Sample, timeline: Timeline, verdicts: Verdicts = NO_VERDICTS) -> Score:
        """Score one item.

        Raises:
            BadSampleError: the sample has a problem.
        """
        return scoring.score(self.name, sample, timeline, verdicts)

    def blind(self, sample: Sample) -> dict[str, Timeline]:
        """Silence, talking always, one answer at a fixed time; see ``strategies``."""
        return strategies.blind(sample)

    def ideal(self, sample: Sample) -> Timeline:
        """What the sample's reference asks for."""
        return strategies.ideal(sample)

    def marks(self, sample: Sample) -> tuple[Mark, ...]:
        """The annotation, and what the ideal respondent says."""
        return (*scoring.annotated(sample), *super().marks(sample))

    def published(self) -> tuple[Published, ...]:
        """Shares and averages that others reported, each with its source."""
        return published_rows(self.name)

    def imports(self, folder: Path) -> Iterator[ImportedExchange]:
        """Read recordings of another harness; see ``recordings``.

        Raises:
            UserError: there is no such folder, or it is not in the layout.
        """
        return recordings.load_imports(folder)
