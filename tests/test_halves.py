"""Halves of an emoji, and other things that JSON can spell and files cannot hold, end no session."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from fakes import Scripted, run_session, sample_of, silence
from virtual_time import VirtualTimeLoop, run_virtual

from tml_bench import events as ev
from tml_bench.adapter import (
    LiveAdapter,
    MicroTurn,
    ModelEvent,
    Output,
    ProviderEvent,
    SessionStart,
    SpokenWord,
    ToolCall,
    ToolResult,
    Transcript,
)
from tml_bench.adapters.chat.dialogue import ChatDialogue
from tml_bench.adapters.gemini_live import GeminiLive
from tml_bench.adapters.openai_live import OpenAILive
from tml_bench.adapters.openai_realtime import OpenAIRealtime
from tml_bench.adapters.pipecat import Pipecat, encode
from tml_bench.adapters.wire import Wire
from tml_bench.adapters.wire.session import Sender
from tml_bench.recording import Recording
from tml_bench.recording_writer import RecordingWriter
from tml_bench.samples import Tool, UserText, UserTurn
from tml_bench.session.live import LiveSession
from tml_bench.session.reply_texts import ReplyTexts
from tml_bench.session.settings import Settings, opened_event

FACE = "\U0001f600"
HIGH, LOW = "\ud83d", "\ude00"
PIECES = (f"so {HIGH}", f"{LOW} it is {HIGH}")
WHOLE = f"so {FACE} it is \ufffd"


def openai_live(piece: str) -> str:
    return json.dumps({"type": "session.output_transcript.delta", "delta": piece})


def openai_realtime(piece: str) -> str:
    names = {"response_id": "r", "item_id": "i", "output_index": 0, "content_index": 0}
    return json.dumps({"type": "response.output_audio_transcript.delta", "delta": piece, **names})


def gemini(piece: str) -> str:
    return json.dumps({"serverContent": {"outputTranscription": {"text": piece}}})


def wire(piece: str) -> str:
    return json.dumps({"type": "transcript", "item": 1, "text": piece})


def pipecat(piece: str) -> bytes:
    return encode("message", data=json.dumps({"type": "bot-tts-text", "data": {"text": piece}}))


Understands = Callable[[str | bytes], Iterable[ModelEvent]]
ADAPTERS: dict[str, tuple[Callable[[], Any], Callable[[str], str | bytes]]] = {
    "openai-live": (lambda: OpenAILive(base_url="ws://127.0.0.1"), openai_live),
    "openai-realtime": (lambda: OpenAIRealtime(base_url="ws://127.0.0.1"), openai_realtime),
    "gemini-live": (lambda: GeminiLive(base_url="ws://127.0.0.1"), gemini),
    "wire": (lambda: Wire("ws://127.0.0.1:1"), wire),
    "pipecat": (lambda: Pipecat(rtvi=True), pipecat),
}


@pytest.mark.parametrize(("made", "spelled"), ADAPTERS.values(), ids=ADAPTERS)
def test_an_emoji_between_two_messages_of_any_service(
    made: Callable[[], Any], spelled: Callable[[str], str | bytes]
) -> None:
    understand: Understands = made().understand
    texts, said = ReplyTexts(), ""
    for piece in PIECES:
        for event in understand(spelled(piece)):
            if isinstance(event, ProviderEvent):
                assert "so \ufffd" in msgspec.json.encode(event.body).decode() or LOW in piece
            elif isinstance(event, Output):
                said += "".join(texts.add(event.item, spoken.text) for spoken in event.transcript)
    assert said + "".join(texts.rest().values()) == WHOLE


def test_chat_sends_back_what_it_heard() -> None:
    dialogue = ChatDialogue(SessionStart("t/s", 200_000_000), {"model": "m"}, 24000)
    arguments = json.dumps({"a": HIGH})
    call = {"id": f"c{HIGH}", "type": "function", "function": {"name": "f", "arguments": arguments}}
    message = {"role": "assistant", "content": HIGH, "tool_calls": [call]}
    output = dialogue.take(json.loads(json.dumps({"choices": [{"message": message}]})))
    assert output.tool_calls[0].arguments == {"a": HIGH}
    dialogue.answer(ToolResult(output.tool_calls[0].call_id, "f", {"b": HIGH}))
    json.dumps(dialogue.request()).encode()


def test_the_wire_protocol_gives_back_what_it_got() -> None:
    result = ToolResult(f"c{HIGH}", "f", {"b": HIGH})
    messages = Sender().messages(MicroTurn(0, 0, 1, silence(0.2).samples, tool_results=(result,)))
    sent = [json.loads(m.data) for m in messages if isinstance(m.data, str)]
    assert sent[0]["call_id"] == f"c{HIGH}"
    assert sent[0]["output"] == {"b": HIGH}


def outputs() -> list[Output]:
    """What no file can hold, in every text that an adapter gives."""
    word = SpokenWord(f"a{HIGH}", 0.0, 0.1)
    return [
        Output(transcript=(Transcript(PIECES[0], (word,)),), text=PIECES[0], item="a"),
        Output(transcript=(Transcript("b"),), item=f"b{LOW}"),
        Output(transcript=(Transcript(PIECES[1]),), text=PIECES[1], item="a"),
        Output(
            tool_calls=(
                ToolCall(f"c{HIGH}", f"f{LOW}", {f"k{HIGH}": [HIGH, "\0", 10**5000, float("nan"), 2**80]}),
            )
        ),
        Output(tool_calls=(ToolCall("c2", "weather", {"city": HIGH}),)),
    ]


def check(events: list[ev.AnyEvent]) -> None:
    """Everything was recorded, and halves of one reply are whole."""
    spoken = [e for e in events if isinstance(e, ev.ModelTranscript)]
    assert "".join(e.text for e in spoken if e.item == "a") == WHOLE
    assert spoken[0].words[0].text == "a\ufffd"
    assert [e.item for e in spoken if e.text == "b"] == ["b\ufffd"]
    assert "".join(e.text for e in events if isinstance(e, ev.ModelText)) == WHOLE
    first, second = (e for e in events if isinstance(e, ev.ModelToolCall))
    assert (first.call_id, first.name) == ("c\ufffd", "f\ufffd")
    assert first.arguments["k\ufffd"] == ["\ufffd", "\0", "[a number of 16610 bits]", None, 2**80]
    assert second.arguments == {"city": "\ufffd"}
    returned = [e for e in events if isinstance(e, ev.ToolReturned)]
    assert [e.is_error for e in returned] == [True, False]
    assert returned[1].output == {"for": "\ufffd"}


def weather() -> Tool:
    return Tool("weather", "of a city", {"type": "object"}, lambda given: {"for": given["city"]})


def test_a_step_adapter_may_give_halves(tmp_path: Path) -> None:
    sample = sample_of(
        UserTurn(silence(2.0)), tools=(weather(),), texts=(UserText(0.3, f"from a data set {HIGH}"),)
    )
    adapter = Scripted(dict(enumerate(outputs())))
    result = run_session(tmp_path / "r", sample, adapter, Settings())
    check(result.events)
    assert [e.text for e in result.of(ev.UserTextSent)] == ["from a data set \ufffd"]


class Halves(LiveAdapter):
    """A service that says what no file can hold."""

    audio_in = audio_out = 16000

    async def connect(self, session: SessionStart) -> None:
        """Nothing to open."""

    async def send(self, turn: MicroTurn) -> None:
        """Take it."""

    async def events(self) -> AsyncIterator[ModelEvent]:
        yield ProviderEvent(f"t{HIGH}", {"a": HIGH, "b": 10**5000, f"c{LOW}": ["\0", float("inf")]})
        for output in outputs():
            yield output
        await asyncio.Event().wait()

    async def close(self) -> None:
        """Nothing to close."""


def test_a_live_service_may_give_halves(tmp_path: Path) -> None:
    sample, settings, adapter = sample_of(UserTurn(silence(2.0)), tools=(weather(),)), Settings(), Halves()
    loop = VirtualTimeLoop()
    with RecordingWriter(
        tmp_path / "r", opened_event("t", sample, "halves", adapter, settings), clock="wall", compute="live"
    ) as writer:
        session = LiveSession("t", sample, adapter, settings, writer, clock_ns=lambda: int(loop.time() * 1e9))
        run_virtual(session.run(), loop)
        writer.close()
    events = list(Recording(tmp_path / "r").events())
    check(events)
    (message,) = (e for e in events if isinstance(e, ev.ProviderMessage))
    assert message.type == "t\ufffd"
    assert message.body == {"a": "\ufffd", "b": "[a number of 16610 bits]", "c\ufffd": ["\0", None]}
