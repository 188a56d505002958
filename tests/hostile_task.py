"""A task whose list names what it likes: id, subset and audio of each sample stand in ``list.json``."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from tml_bench.questions import Verdicts
from tml_bench.samples import Sample, Script, UserTurn
from tml_bench.task import NO_VERDICTS, Kind, Metric, Score, Task, Value
from tml_bench.timeline import Timeline


class Listed(Task):
    """Is the model quiet?"""

    name = "listed"
    title = "Listed"
    subsets = ("all",)
    metrics = (Metric(name="quiet", title="Quiet", unit="%", kind=Kind.RATE),)
    headline = ("quiet",)

    def samples(self, data: Path | None = None, subsets: Sequence[str] = ()) -> Iterator[Sample]:
        """As listed, and nothing looked at."""
        assert data is not None
        for one in json.loads((data / "list.json").read_text()):
            script = Script((UserTurn(data / one["audio"]),), tail_s=0.2)
            companions = {"other": one["companion"]} if "companion" in one else {}
            yield Sample(one["id"], one.get("subset", "all"), script, companions=companions)

    def score(self, sample: Sample, timeline: Timeline, verdicts: Verdicts = NO_VERDICTS) -> Score:
        """Whether nothing was heard."""
        return Score(
            self.name, sample.subset, sample.id, sample.unit, {"quiet": Value(float(not timeline.segments))}
        )
