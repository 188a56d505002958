"""The task of ``many_samples.py``: as many samples as ``samples.txt`` in its data says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

from tml_bench.questions import Verdicts
from tml_bench.respondents import spoken
from tml_bench.samples import At, Reference, Sample, Script, UserTurn, Utterance
from tml_bench.task import NO_VERDICTS, Direction, Kind, Metric, Score, Strategy, Task, Value
from tml_bench.timeline import Segment, Timeline

CLIPS, CLIP_S, TAIL_S = 64, 1.2, 0.8
"""Different clips of the user, their length, and the silence after them: sessions of 2 s."""
COUNT = "samples.txt"
SPEAKER = 4
"""Samples of one speaker."""
GRID = 40
"""Blind strategies that are searched for the floor."""


class ManySamples(Task):
    """Samples of 2 s, whose user is one of few clips, half of them to be answered."""

    name = "many-samples"
    title = "Many samples"
    subsets = ("answer", "wait")
    metrics = (
        Metric(name="right", title="Right", unit="%", kind=Kind.RATE, describes="Speaks where it should."),
        Metric(
            name="delay", title="Delay", unit="s", direction=Direction.LOWER, subsets=("answer",),
            describes="Time from the user's end to the answer.",
        ),
        Metric(name="talk", title="Talk", unit="s", direction=Direction.NONE, describes="Time of speech."),
    )  # fmt: skip
    headline = ("right", "delay")
    data_help = "Made by benchmarks/many_samples.py.\n"

    def samples(self, data: Path | None = None, subsets: Sequence[str] = ()) -> Iterator[Sample]:
        """As many as the data says."""
        assert data is not None
        clips = [data / f"clip-{k}.flac" for k in range(CLIPS)]
        for k in range(int((data / COUNT).read_text())):
            subset = self.subsets[k % 2]
            ideal = (Utterance(CLIP_S + 0.2, until_s=CLIP_S + TAIL_S),) if subset == "answer" else ()
            yield Sample(
                f"s{k:06d}",
                subset,
                Script((UserTurn(clips[k % CLIPS], At(0.0)),), tail_s=TAIL_S),
                Reference(CLIP_S, ideal),
                unit=f"speaker-{k // SPEAKER}",
            )

    def score(self, sample: Sample, timeline: Timeline, verdicts: Verdicts = NO_VERDICTS) -> Score:
        """Whether there is speech just where it should be, how soon, and how much."""
        onsets = [segment.start_s - CLIP_S for segment in timeline.segments if segment.start_s >= CLIP_S]
        values = {
            "right": Value(float(bool(onsets) == (sample.subset == "answer"))),
            "talk": Value(sum(segment.end_s - segment.start_s for segment in timeline.segments)),
        }
        if onsets and sample.subset == "answer":
            values["delay"] = Value(onsets[0])
        return Score(self.name, sample.subset, sample.id, sample.unit, values)

    def family(self, samples: Sequence[Sample]) -> Mapping[str, Strategy]:
        """Answers at a fixed time."""
        return {f"at@{k}": partial(_at, CLIP_S + TAIL_S * k / GRID) for k in range(GRID)}


def _at(onset_s: float, sample: Sample) -> Timeline:
    turns = (Segment(0.0, CLIP_S),)
    return spoken([Utterance(onset_s)], turns, CLIP_S + TAIL_S, cut=True)
