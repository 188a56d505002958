"""Does the model speak when the doorbell rings, and only then? A whole task, its sound made in memory."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from tml_bench.questions import Verdicts
from tml_bench.samples import Reference, Sample, Script, UserTurn, Utterance, Waveform
from tml_bench.task import NO_VERDICTS, BoardScore, Direction, Kind, Metric, Score, Task, Value
from tml_bench.timeline import Timeline

RATE, LENGTH_S, RING_S = 16000, 12.0, 0.5
LIMIT_S = 2.5
RINGS_S = (1.0, 3.7, 6.4, 9.1, None, None)


class Doorbell(Task):
    """Twelve seconds of hum, in which a bell rings at another time in each sample, or not at all."""

    name = "doorbell"
    title = "Doorbell: speaking when it rings"
    subsets = ("door",)
    metrics = (
        Metric(
            name="right",
            title="Right",
            unit="%",
            kind=Kind.RATE,
            describes="Speaks first within 2.5 s after the bell; without a bell, not at all.",
        ),
        Metric(
            name="delay",
            title="Delay",
            unit="s",
            direction=Direction.LOWER,
            describes="Time from the bell's end to the answer, where that is right.",
        ),
    )
    headline = ("right", "delay")
    board = BoardScore(
        "right", "door", "The bell never rings at the same time: silence is right only without it."
    )

    def samples(self, data: Path | None = None, subsets: Sequence[str] = ()) -> Iterator[Sample]:
        """One sample a ring, and two without."""
        for number, ring_s in enumerate(RINGS_S):
            script = Script((UserTurn(sound(ring_s), label="hum"),), tail_s=2.0)
            end_s = None if ring_s is None else ring_s + RING_S
            ideal = () if end_s is None else (Utterance(end_s + 0.3),)
            yield Sample(f"door-{number}", "door", script, Reference(end_s, ideal))

    def score(self, sample: Sample, timeline: Timeline, verdicts: Verdicts = NO_VERDICTS) -> Score:
        """Whether the model's first word comes when it should, and how late."""
        end_s, onsets = sample.reference.user_end_s, [s.start_s for s in timeline.segments]
        if end_s is None:
            values = {"right": Value(float(not onsets))}
        elif onsets and 0 <= onsets[0] - end_s <= LIMIT_S:
            values = {"right": Value(1.0), "delay": Value(onsets[0] - end_s)}
        else:
            values = {"right": Value(0.0)}
        return Score(self.name, sample.subset, sample.id, sample.unit, values)


def sound(ring_s: float | None) -> Waveform:
    """The hum, with a bell from ``ring_s`` on."""
    t = np.arange(round(LENGTH_S * RATE)) / RATE
    audio = 0.01 * np.sin(2 * np.pi * 100 * t)
    if ring_s is not None:
        audio += 0.3 * np.sin(2 * np.pi * 660 * t) * ((t >= ring_s) & (t < ring_s + RING_S))
    return Waveform(audio.astype(np.float32), RATE)
