"""motion-counter: an adapter that watches, and an example of one that takes video.

It knows nothing but motion: asked to count, it counts repetitions aloud as they complete; asked to say
"start" and "stop", it says them when motion begins and ends; asked anything else, it is silent. It cannot
hear: what it is asked it reads in the system prompt or in text messages. Where the instruction is only
spoken, as in the mini sets, it says nothing unless told by its option: ``motion-counter:task=count`` on
RepCount-A, ``motion-counter:task=mark`` on Charades.

Repetitions and stretches of motion are looked for in all frames seen so far, small and grey, and again after
each new one, so nothing has to be tracked and an early mistake is corrected as soon as later frames say
otherwise.

**Repetitions.** A frame is a point in a space with one axis per pixel. A body that repeats a movement goes to
and fro between two places in that space; the axis of greatest variance (the first principal component) is
the line between them. One repetition is a passage along it from rest, where the first frames are, beyond one
level and back below a lower one (hysteresis).

**Stretches of motion.** The difference between frames 0.2 s apart where it is greatest (an arm covers few
pixels), compared with a level above what noise and swaying cause and with a share of the strongest motion.

The constants were chosen on drawn videos of other seeds than those that ship: ``--seed 101`` and
``--seed 102`` of repcount-a and charades.
"""

import re
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from tml_bench.adapter import MicroTurn, Output, SessionStart, StepAdapter, Transcript, VideoSpec
from tml_bench.adapters.reference.voice import HIGHEST, clip, number_name
from tml_bench.errors import UserError
from tml_bench.timebase import sample_time_ns

Grey = NDArray[np.float32]

WIDTH, HEIGHT = 40, 30
FAR, BACK = 0.55, 0.25
"""A repetition goes beyond FAR of the way from rest to the far end and returns below BACK of it."""
LEAST_CHANGE = 1.5
"""Root mean square difference between rest and far end below which nothing is counted, in levels of 255."""
REST_FRAMES, LAG_FRAMES = 3, 2
STILL, SHARE = 6.0, 0.05
"""Motion is a difference above STILL levels of 255 and above SHARE of the strongest so far."""
MOVED = 99
"""Percentile of the pixels' differences that counts."""
PAUSE_FRAMES = 6
"""Motion has ended when it is absent this long."""


class MotionCounter(StepAdapter):
    """Counts repetitions, or says when motion starts and stops; it hears nothing: give task=count or mark.

    Args:
        task: ``count`` or ``mark``, whatever is asked; empty to go by what is asked in writing, which leaves
            it silent where the instruction is only spoken, as in the mini sets.

    Raises:
        UserError: ``task`` is something else.
    """

    audio_in = 16000
    audio_out = 24000
    video_in = VideoSpec(fps=10, max_side=160)

    def __init__(self, task: str = "") -> None:
        if task not in ("", "count", "mark"):
            raise UserError(f"motion-counter knows no task {task!r}", "give task=count or task=mark")
        self.task = task

    def warm_up(self) -> None:
        """Load the voice."""
        for name in ("start", "stop", *map(number_name, range(1, HIGHEST + 1))):
            clip(name, self.audio_out)

    def start(self, session: SessionStart) -> None:
        """Forget the session before and read what is asked."""
        self._asked = self.task or asked(session.instructions)
        self._frames: list[Grey] = []
        self._counted = 0
        self._unsaid = ""
        self._said: list[str] = []
        self._talks_until_ns = 0

    def step(self, turn: MicroTurn) -> Output | None:
        """Look at the new frames, and speak if there is something to say and nothing is being said."""
        self._asked = self._asked or asked(" ".join(turn.texts))
        # A frame without presentation time shows no video: black before and after it.
        self._frames += [small(frame.image) for frame in turn.frames if frame.pts_ns is not None]
        if self._frames and turn.frames:
            self._look(np.stack(self._frames))
        if not self._unsaid or turn.end_ns < self._talks_until_ns:
            return None
        return self._say(turn.end_ns)

    def _look(self, frames: Grey) -> None:
        """Put what is to be said into ``_unsaid``; a newer number replaces one there was no time for."""
        if self._asked == "count":
            counted = repetitions(frames)
            if self._counted < counted <= HIGHEST:
                self._unsaid = number_name(counted)
            self._counted = counted
        elif self._asked == "mark" and not self._unsaid:
            found = stretches(frames)
            if found and not self._said:
                self._unsaid = "start"
            elif found and found[0].end is not None and self._said == ["start"]:
                self._unsaid = "stop"

    def _say(self, now_ns: int) -> Output:
        voice = clip(self._unsaid, self.audio_out)
        self._talks_until_ns = now_ns + sample_time_ns(len(voice.audio), self.audio_out)
        self._said.append(self._unsaid)
        self._unsaid = ""
        return Output(audio=voice.audio, transcript=(Transcript(voice.text + " ", voice.words),))


def asked(instructions: str) -> str:
    """What instructions ask for: ``count``, ``mark`` (say start and stop), or empty when neither."""
    words = set(re.findall(r"[a-z]+", instructions.lower()))
    if "count" in words:
        return "count"
    return "mark" if {"start", "stop"} <= words else ""


class Stretch(NamedTuple):
    """A stretch of motion, from its first frame to the first without motion, which is None while it lasts."""

    start: int
    end: int | None


def small(image: NDArray[np.uint8]) -> Grey:
    """A frame (height, width, 3) as grey (HEIGHT * WIDTH,), averaged over areas, which removes noise."""
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32)
    return cv2.resize(grey, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA).ravel().astype(np.float32)


def repetitions(frames: Grey) -> int:
    """How many repetitions are complete in frames of shape (n, HEIGHT * WIDTH), about 10 per second."""
    if len(frames) <= REST_FRAMES:
        return 0
    way = frames @ main_axis(frames)
    way = way - np.median(way[:REST_FRAMES])
    low, high = np.percentile(way, (2, 98))
    far = max(high, -low)
    if far < LEAST_CHANGE * np.sqrt(WIDTH * HEIGHT):
        return 0
    share = way / far if high >= -low else -way / far
    count, away = 0, False
    for place in share:
        if not away and place > FAR:
            away = True
        elif away and place < BACK:
            away = False
            count += 1
    return count


def main_axis(frames: Grey, rounds: int = 15) -> Grey:
    """Unit vector along which the frames vary most (power iteration); zeros when they are all the same."""
    centred = frames - frames.mean(axis=0)
    axis: Grey = centred[np.argmax(np.einsum("ij,ij->i", centred, centred))]
    for _ in range(rounds):
        length = float(np.linalg.norm(axis))
        if length == 0.0:
            break
        axis = centred.T @ (centred @ (axis / length))
    return np.asarray(axis / max(float(np.linalg.norm(axis)), 1e-12), np.float32)


def stretches(frames: Grey) -> list[Stretch]:
    """The stretches of motion so far, in order; frames as for :func:`repetitions`."""
    if len(frames) <= LAG_FRAMES:
        return []
    motion = np.percentile(np.abs(frames[LAG_FRAMES:] - frames[:-LAG_FRAMES]), MOVED, axis=1)
    moving = motion > max(STILL, SHARE * float(motion.max()))
    found: list[Stretch] = []
    quiet = 0
    for number, moves in enumerate(moving, start=LAG_FRAMES):
        quiet = 0 if moves else quiet + 1
        running = bool(found) and found[-1].end is None
        if moves and not running:
            found.append(Stretch(number, None))
        elif running and quiet == PAUSE_FRAMES:
            found[-1] = Stretch(found[-1].start, number - PAUSE_FRAMES + 1)
    return found
