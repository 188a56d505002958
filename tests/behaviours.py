"""Models with one known behaviour at overlaps of FD-bench v1.5, for tests: ``tests/behaviours.py:Responds``.

All of them begin to answer the question 0.3 s after it, in both sessions, with a long sentence about nothing.
They are shown the reference. The sound is the reference voice's endless talk whatever they say: scoring goes
by the transcript. ``stop_ms`` is how long after the overlap's start they stop, ``answer_ms`` how long
after its end they speak again.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from tml_bench.adapter import SpokenWord
from tml_bench.adapters.reference import PlannedLine, PlannedSpeaker
from tml_bench.adapters.reference.voice import Clip, clip
from tml_bench.samples import Reference
from tml_bench.tasks.fd_bench_v15.loader import CleanAnnotation, OverlapAnnotation

BEGINS_S = 0.3
LONG = "It depends on many things, and I will go through every one of them, slowly and in order. " * 3
SLACK_S = 0.25


@dataclass(frozen=True, slots=True)
class Said(PlannedLine):
    """A line with a text of its own, from somewhere in the clip.

    Attributes:
        text: the transcript, spread evenly over the time it takes.
        until_s: it ends there.
    """

    text: str = ""


class Behaving(PlannedSpeaker):
    """Says ``again`` after the overlap, having stopped into it."""

    def __init__(self, stop_ms: float = 400, answer_ms: float = 700) -> None:
        super().__init__()
        self.stop_s, self.answer_s = stop_ms / 1000, answer_ms / 1000

    def again(self, item: OverlapAnnotation) -> str:
        """What to say after the overlap; nothing where it is empty."""
        raise NotImplementedError

    def plan(self, reference: Reference) -> list[PlannedLine]:
        """The answer, cut short by the overlap, and what follows."""
        annotation = reference.annotation
        if isinstance(annotation, CleanAnnotation):
            assert annotation.item.context is not None
            return [said(annotation.item.context[1] + BEGINS_S, annotation.item.context[1] + 12.0, LONG)]
        assert isinstance(annotation, OverlapAnnotation)
        assert annotation.context is not None
        begins, ends = annotation.overlap
        lines: list[PlannedLine] = [said(annotation.context[1] + BEGINS_S, begins + self.stop_s, LONG)]
        text = self.again(annotation)
        if text:
            at = ends + self.answer_s
            lines.append(said(at, at + 3.0, text))
        return lines

    def _placed(self, line: PlannedLine) -> tuple[int, int, Clip]:
        assert isinstance(line, Said)
        assert line.until_s is not None
        talk = clip("talk", self.audio_out).audio
        length = round((line.until_s - line.at_s) * self.audio_out)
        audio = sounding(np.resize(talk, length + 4 * self.audio_out), length, self.audio_out)
        words = spread(line.text, length / self.audio_out)
        start, _, _ = PlannedSpeaker._placed(self, replace(line, until_s=None))
        return start, start + length, Clip(line.text, words, audio)


def said(at_s: float, until_s: float, text: str) -> Said:
    """A line of ``text``; of a long one, as much as fits."""
    return Said(at_s, "talk", until_s, text)


def spread(text: str, seconds: float) -> tuple[SpokenWord, ...]:
    """Words laid evenly, at most four a second."""
    tokens = text.split()[: max(1, int(4 * seconds))]
    step = seconds / len(tokens)
    return tuple(SpokenWord(w, k * step, (k + 1) * step) for k, w in enumerate(tokens))


def sounding(talk: np.ndarray, length: int, rate: int) -> np.ndarray:
    """A cut of ``length`` samples that begins and ends within loud speech, so that both edges are heard."""
    window = round(0.03 * rate)
    level = np.sqrt(np.convolve(talk**2, np.full(window, 1 / window), mode="same"))
    loud = level > 0.3 * level.max()
    both = loud[window : -length - window] & loud[length : -2 * window]
    offset = window + int(np.argmax(both))
    assert both.any()
    return talk[offset : offset + length]


class Responds(Behaving):
    """Takes up whatever was said."""

    def again(self, item: OverlapAnnotation) -> str:
        return item.reply_text or f"You said: {item.overlap_text}"


class Resumes(Behaving):
    """Goes on with the answer."""

    def again(self, item: OverlapAnnotation) -> str:
        return "So, as I said, it depends on many things, and I will go through every one."


class Repeats(Behaving):
    """Asks to repeat."""

    def again(self, item: OverlapAnnotation) -> str:
        return "Sorry, could you repeat that, please?"


class GoesQuiet(Behaving):
    """Says nothing more."""

    def again(self, item: OverlapAnnotation) -> str:
        return ""


class TalksOn(Behaving):
    """Does not even stop."""

    def plan(self, reference: Reference) -> list[PlannedLine]:
        (first, *_) = super().plan(reference)
        return [replace(first, until_s=first.at_s + 12.0)]

    def again(self, item: OverlapAnnotation) -> str:
        return ""
