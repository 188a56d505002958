"""Users who answer, for tests: a small scenario, its lines as spoken, and agents that talk to it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import soundfile

from tml_bench.adapter import MicroTurn, Output, SessionStart, SpokenWord, StepAdapter, Transcript
from tml_bench.adapters.reference.voice import clip
from tml_bench.samples import Sample, Script
from tml_bench.scenario import Fact, Manners, Scenario, Stage
from tml_bench.users.staged import staged_lines
from tml_bench.users.voicing import FILLERS, INDEX, RATE, pieces, voice_key

STAGES = (
    Stage(
        "T1", "order a pizza", ("I would like / a pizza.",), ("pizza",), ("A pizza, / please.",), ("pizza",)
    ),
    Stage("T2", "make it two", ("Make it two pizzas.",), ("two|2",), ("Two of them.",), values=("two",)),
    Stage("T3", "confirm", ("Can you confirm the order?",), ("two|2",), ("What is my order?",)),
)
NAME = Fact("name", ("name",), ("My name is Ann.",), ("Ann",), "T2")
SCENARIO = Scenario("somebody hungry", STAGES, (NAME,), deferrals=("In a minute.",), budget_s=60.0)
REPLIES = ("A pizza, gladly.", "Two pizzas it is.", "You ordered two pizzas.", "Goodbye.")


def voiced(scenario: Scenario, folder: Path) -> Scenario:
    """The scenario with a store of its lines: each piece is a stretch of a real voice, long as its text."""
    folder.mkdir(parents=True, exist_ok=True)
    talk = clip("talk", RATE).audio
    lines = [*staged_lines(scenario), *scenario.backchannels, *scenario.asides, *FILLERS]
    with (folder / INDEX).open("w", encoding="utf-8") as index:
        for piece in {piece for line in lines for piece in pieces(line)}:
            key, start = voice_key(scenario.voice, piece), 1600 * (len(piece) % 7)
            sound = talk[start : start + max(6400, 960 * len(piece))]
            soundfile.write(folder / f"{key}.flac", sound, RATE)
            index.write(json.dumps({"key": key, "voice": scenario.voice, "text": piece}) + "\n")
    return replace(scenario, voiced=folder)


def conversation(folder: Path, scenario: Scenario = SCENARIO, **manners: object) -> Sample:
    """A sample in which this user answers, with some manners of its own."""
    kept = replace(scenario, manners=Manners(**manners)) if manners else scenario  # type: ignore[arg-type]
    return Sample("talk", "all", Script(instructions="Take orders."), scenario=voiced(kept, folder))


class Answering(StepAdapter):
    """Says the next of its replies once the user has been silent for so long after speech.

    With ``words`` its transcript has times, with ``texts`` only a text; the voice is that of a shipped clip.
    """

    def __init__(
        self, replies: tuple[str, ...] = REPLIES, endpoint_s: float = 0.4, words: bool = True,
        texts: bool = True, rate: int = 24_000,
    ) -> None:  # fmt: skip
        self.audio_in, self.audio_out = 16_000, rate
        self.replies, self.endpoint_s, self.words, self.texts = replies, endpoint_s, words, texts

    def start(self, session: SessionStart) -> None:
        self.silent_s, self.heard, self.said = 0.0, False, 0

    def step(self, turn: MicroTurn) -> Output | None:
        loud = np.flatnonzero(np.abs(turn.audio) > 0.01)
        self.heard = self.heard or bool(loud.size)
        length_s = len(turn.audio) / self.audio_in
        self.silent_s = self.silent_s + length_s if not loud.size else length_s - loud[-1] / self.audio_in
        if not self.heard or self.silent_s < self.endpoint_s or self.said == len(self.replies):
            return None
        text = self.replies[self.said]
        self.said, self.heard = self.said + 1, False
        return self.speech(text)

    def speech(self, text: str) -> Output:
        """A reply: 0.3 s of a voice for each of its words."""
        tokens = text.split()
        audio = np.resize(clip("talk", self.audio_out).audio, round(0.3 * len(tokens) * self.audio_out))
        words = tuple(SpokenWord(word, 0.3 * k, 0.3 * (k + 1)) for k, word in enumerate(tokens))
        said = (Transcript(text, words if self.words else ()),) if self.texts else ()
        return Output(audio=audio, transcript=said)
