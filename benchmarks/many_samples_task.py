"""The task of ``many_samples.py``: as many samples, so long, as ``samples.txt`` in its data says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

from tml_bench.questions import Verdicts
from tml_bench.respondents import spoken
from tml_bench.samples import At, Reference, Sample, Script, UserTurn, Utterance
from tml_bench.task import NO_VERDICTS, Direction, Kind, Metric, Score, Strategy, Task, Value
from tml_bench.timeline import Segment, Timeline

SECONDS, USERS, CLIPS = 2.0, 0.6, 4
"""The length of a session if nothing else is asked; the user's share of it; different clips of the user.

They are few, so that a sample of a small run does not decode more of them.
"""
STARTS, RATE = 12_000, 24_000
"""So many users begin one after the other by one sample of audio at this rate: none sounds as another."""
SPREAD = 0.75
"""They begin within this share of what a session has beside the user; where it is short they begin anew."""
COUNT = "samples.txt"
SPEAKER = 4
"""Samples of one speaker."""
GRID = 40
"""Blind strategies that are searched for the floor."""


class ManySamples(Task):
    """Samples whose user says one of few clips, each at a time of its own; half are to be answered."""

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
        count, seconds = (data / COUNT).read_text().split()
        for k in range(int(count)):
            begins_s = k % STARTS / RATE % (SPREAD * (float(seconds) - user_s(float(seconds))))
            said_s = begins_s + user_s(float(seconds))
            tail_s = float(seconds) - said_s
            subset = self.subsets[k % 2]
            ideal = (Utterance(said_s + 0.2, until_s=said_s + tail_s),) if subset == "answer" else ()
            yield Sample(
                f"s{k:06d}",
                subset,
                Script((UserTurn(data / clip(k), At(begins_s)),), tail_s=tail_s),
                Reference(said_s, ideal),
                unit=f"speaker-{k // SPEAKER}",
            )

    def score(self, sample: Sample, timeline: Timeline, verdicts: Verdicts = NO_VERDICTS) -> Score:
        """Whether there is speech just where it should be, how soon, and how much."""
        said_s = sample.reference.user_end_s or 0.0
        onsets = [segment.start_s - said_s for segment in timeline.segments if segment.start_s >= said_s]
        values = {
            "right": Value(float(bool(onsets) == (sample.subset == "answer"))),
            "talk": Value(sum(segment.end_s - segment.start_s for segment in timeline.segments)),
        }
        if onsets and sample.subset == "answer":
            values["delay"] = Value(onsets[0])
        return Score(self.name, sample.subset, sample.id, sample.unit, values)

    def family(self, samples: Sequence[Sample]) -> Mapping[str, Strategy]:
        """Answers at a fixed time."""
        return {f"at@{k}": partial(_at, k / GRID) for k in range(GRID)}


def clip(number: int) -> str:
    """The name of the clip of a sample with this number."""
    return f"clip-{number % CLIPS}.flac"


def user_s(seconds: float) -> float:
    """How long the user speaks in a session of so many seconds."""
    return USERS * seconds


def _at(share: float, sample: Sample) -> Timeline:
    """Speaks once a share of the silence after the user has passed."""
    said_s, tail_s = sample.reference.user_end_s or 0.0, sample.script.tail_s
    return spoken([Utterance(said_s + share * tail_s)], (Segment(0.0, said_s),), said_s + tail_s, cut=True)
