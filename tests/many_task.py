"""A task of as many samples as the name of its data's folder says, with little to do for each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

from tml_bench.questions import Verdicts
from tml_bench.samples import Reference, Sample, Script, UserText, Utterance
from tml_bench.task import NO_VERDICTS, Kind, Metric, Score, Strategy, Task, Value
from tml_bench.timeline import Segment, Timeline

END_S = 0.4


class Many(Task):
    """Is the model quiet, and how much does it talk?"""

    name = "many"
    title = "Many"
    subsets = ("even", "odd")
    metrics = (
        Metric(name="quiet", title="Quiet", unit="%", kind=Kind.RATE),
        Metric(name="talk", title="Talk", unit="%", kind=Kind.RATIO),
    )
    headline = ("quiet", "talk")

    def samples(self, data: Path | None = None, subsets: Sequence[str] = ()) -> Iterator[Sample]:
        """A text each, and nothing to hear."""
        assert data is not None
        for k in range(int(data.name)):
            script = Script(texts=(UserText(0.0, "hello"),), tail_s=END_S)
            expected = Reference(0.2, (Utterance(0.3),))
            # No other size has this id: texts that were seen before are remembered, and cost less.
            yield Sample(f"s{data.name}-{k}", self.subsets[k % 2], script, expected, unit=f"u{k // 3}")

    def score(self, sample: Sample, timeline: Timeline, verdicts: Verdicts = NO_VERDICTS) -> Score:
        """Both measures of what was heard."""
        talk_s = sum(s.end_s - s.start_s for s in timeline.segments)
        values = {"quiet": Value(float(not timeline.segments)), "talk": Value(talk_s, timeline.duration_s)}
        return Score(self.name, sample.subset, sample.id, sample.unit, values)

    def family(self, samples: Sequence[Sample]) -> Mapping[str, Strategy]:
        """Talk of different length: more than is played whole."""
        return {f"for {k}": partial(_talk, k / 100) for k in range(1, 41)}


def _talk(end_s: float, sample: Sample) -> Timeline:
    return Timeline(END_S, (Segment(0.0, end_s),))
