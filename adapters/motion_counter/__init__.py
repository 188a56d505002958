"""motion-counter: an adapter that watches, and an example of one that takes video.

It knows nothing but motion (see ``motion``): asked to count, it counts repetitions aloud as they complete;
asked to say "start" and "stop", it says them when motion begins and ends; asked anything else, it is silent.
It cannot hear: what it is asked it reads in the system prompt or in text messages. Where the instruction is
only spoken, as in the mini sets, it says nothing unless told by its option: ``motion-counter:task=count`` on
RepCount-A, ``motion-counter:task=mark`` on Charades.
"""

from __future__ import annotations

import re

import numpy as np

from tml_bench.adapter import MicroTurn, Output, SessionStart, StepAdapter, Transcript, VideoSpec
from tml_bench.adapters.motion_counter.motion import Grey, repetitions, small, stretches
from tml_bench.adapters.reference.voice import HIGHEST, clip, number_name
from tml_bench.errors import UserError
from tml_bench.timebase import sample_time_ns


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
