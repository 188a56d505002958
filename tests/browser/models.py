"""Models to look at: one that answers, and one whose every text is an attack on whoever shows it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from tml_bench.adapter import MicroTurn, Output, SessionStart, StepAdapter, ToolCall, Transcript
from tml_bench.adapters.reference.voice import clip

ATTACK = " ".join(
    (
        "<script>window.pwned=1</script>",
        '"><img src=x onerror="window.pwned=1"><svg onload=window.pwned=1>',
        "' onfocus='window.pwned=1' autofocus='",
        "javascript:window.pwned=1",
        "</script><script>window.pwned=1//",
        "<!--<base href=http://elsewhere.example/>-->",
        "{{7*7}}{%raw%}${window.pwned=1}",
    )
)
SIGNS = ("<script>window.pwned=1</script>", "{{7*7}}")
"""What must be read on a page that shows an attack as the text that it is."""
_KEYS_KEPT = {
    "axis", "schema", "task", "subset", "sample", "unit", "subsets", "name", "metric", "version", "direction",
    "kind", "family", "standing", "compute", "clock", "network", "outcome", "created", "ended",
    "sample_set", "data_kind", "key", "rubric", "role", "run", "sample_sha256", "dataset_sha256",
    "data", "replay", "task_file", "part", "headline", "language", "category", "stratum", "parts",
    "rubrics", "form", "event", "system",
}  # fmt: skip
"""Fields whose values are names and kinds that files, tables and addresses are made of."""


class Answering(StepAdapter):
    """Says a sentence once the user has been silent for so long."""

    audio_in, audio_out = 16000, 24000
    takes_history = True

    def __init__(self, silence_ms: float = 400) -> None:
        self.silence_ms = silence_ms

    def start(self, session: SessionStart) -> None:
        self.quiet_ms, self.spoken_to = 0.0, False

    def step(self, turn: MicroTurn) -> Output | None:
        if np.abs(turn.audio).max(initial=0) > 0.02:
            self.spoken_to, self.quiet_ms = True, 0.0
            return None
        self.quiet_ms += 1000 * len(turn.audio) / self.audio_in
        if not self.spoken_to or self.quiet_ms < self.silence_ms:
            return None
        self.spoken_to = False
        return self.answer()

    def answer(self) -> Output:
        voice = clip("answer", self.audio_out)
        return Output(audio=voice.audio, transcript=(Transcript(voice.text, voice.words),))


class Hostile(Answering):
    """Answers with attacks: said, written and called."""

    def answer(self) -> Output:
        voice = clip("answer", self.audio_out)
        calls = (ToolCall(ATTACK, ATTACK, {ATTACK: ATTACK}),)
        return Output(audio=voice.audio, transcript=(Transcript(ATTACK),), text=ATTACK, tool_calls=calls)


def poison(run: Path) -> None:
    """Put an attack into every text of a scored run's files that is no name or kind."""
    for file in (run / "summary.json", run / "run.json"):
        file.write_text(json.dumps(_poisoned(json.loads(file.read_text()))))
    for file in run.glob("*.jsonl"):
        lines = file.read_text().splitlines()
        file.write_text("".join(json.dumps(_poisoned(json.loads(line))) + "\n" for line in lines))
    _change(run / "summary.json", _poisoned_counts)
    (run / "seals.json").unlink()  # it would refuse them; who attacks gives none


def _poisoned(value: Any, key: str = "") -> Any:
    if isinstance(value, dict):
        return {k: _poisoned(v, k) for k, v in value.items()}
    if isinstance(value, list):
        return [_poisoned(v, key) for v in value]
    return ATTACK if isinstance(value, str) and key not in _KEYS_KEPT else value


def _poisoned_counts(summaries: Any) -> Any:
    for summary in summaries:
        summary["notes"][ATTACK] = 1
        summary["not_run"][ATTACK] = ATTACK
        for outcomes in summary["outcomes"]:
            outcomes["reasons"]["invalid"] = {ATTACK: 1}
        for metric in summary["metrics"]:
            metric["missing"][ATTACK] = 1
    return summaries


def _change(file: Path, change: Callable[[Any], Any]) -> None:
    file.write_text(json.dumps(change(json.loads(file.read_text()))))
