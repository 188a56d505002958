"""What strangers' servers send is bounded, and what is wrong with it told in texts that can be shown."""

from __future__ import annotations

import asyncio
import importlib
import io
import json
import pickle
from pathlib import Path

import numpy as np
import openai
import pytest
import soundfile
from fakes import Scripted, run_session, sample_of, silence
from websockets.asyncio.server import ServerConnection
from wire_servers import greet, serving

from tml_bench.adapter import (
    AccountError,
    InfrastructureError,
    MicroTurn,
    Output,
    ProtocolError,
    ProviderEvent,
    QuotaError,
    SampleRefusedError,
    SessionStart,
    ToolCall,
)
from tml_bench.adapters._inbound import (
    LONGEST_NAME,
    MAX_DEPTH,
    MAX_OPENING,
    OpeningBound,
    is_deeper,
    kind_of,
    name_in,
    of_known_shape,
    parse_object,
)
from tml_bench.adapters._media import tool_call
from tml_bench.adapters._refusal_tables import OWN_SERVER
from tml_bench.adapters._refusals import LONGEST_SAID, LONGEST_WAIT_S, ReportedError, retry_after_s
from tml_bench.adapters._session import QueueAdapter
from tml_bench.adapters.cascade.assistant import spoken_sentences
from tml_bench.adapters.chat import dialogue
from tml_bench.conformance import wire_play
from tml_bench.conformance.wire_cases import WireChecks
from tml_bench.errors import BadSampleError, HarnessLateError, UserAwayError, UserSideError
from tml_bench.events import Fault, SessionClosed
from tml_bench.judges import openai_http
from tml_bench.outcome import Outcome
from tml_bench.recording import Recording
from tml_bench.runs.jobs import SessionJob
from tml_bench.runs.live_worker import LiveHost
from tml_bench.runs.worker import Worker
from tml_bench.samples import UserTurn
from tml_bench.session import exchange
from tml_bench.session.checks import AdapterFaultError
from tml_bench.session.live import LatenessLimits
from tml_bench.session.playback import Playback
from tml_bench.session.settings import Settings
from tml_bench.users.spoken_reply import spoken_reply

HOSTILE = "x\x1b]0;owned\x07\u202e\ud800"
ERRORS = (
    AccountError, BadSampleError, HarnessLateError, InfrastructureError, ProtocolError, QuotaError,
    SampleRefusedError, UserAwayError, UserSideError,
)  # fmt: skip


@pytest.mark.parametrize("error", ERRORS)
def test_what_an_error_says_is_fit_to_be_shown(error: type[Exception]) -> None:
    made = error(HOSTILE)
    assert str(made) == "x\\x1b]0;owned\\x07\\u202e\\ud800"
    assert str(pickle.loads(pickle.dumps(made))) == str(made)


def nested(levels: int) -> str:
    return "[" * levels + "]" * levels


def test_the_depth_of_a_message_is_bounded() -> None:
    assert is_deeper({"a": 1}, 0)
    assert not is_deeper({"a": 1}, 1)
    assert not is_deeper(5, 0)
    assert not is_deeper([[], [[{}]]], 4)
    assert is_deeper([[], [[{}]]], 3)
    parse_object(f'{{"a": {nested(MAX_DEPTH - 1)}}}')
    with pytest.raises(ProtocolError, match="nested deeper than 64"):
        parse_object(f'{{"a": {nested(MAX_DEPTH)}}}')


def test_types_and_names_are_bounded() -> None:
    assert kind_of({"type": "session.created"}) == "session.created"
    assert kind_of({}) == "None"
    assert kind_of({"event": HOSTILE * 100}, "event").isprintable()
    assert len(kind_of({"type": ["x" * 1000]})) == 256
    assert name_in("c" * LONGEST_NAME) == "c" * LONGEST_NAME
    with pytest.raises(ProtocolError, match="a name of 1025 characters: 'ccc"):
        name_in("c" * (LONGEST_NAME + 1))


def test_arguments_nested_beyond_reason_are_the_models_mistake() -> None:
    given = f'{{"a": {nested(MAX_DEPTH)}}}'
    assert tool_call("c", "f", given) == ToolCall("c", "f", unreadable=given)
    assert tool_call("c", "f", '{"a": [1]}') == ToolCall("c", "f", {"a": [1]})


@pytest.mark.parametrize(
    "error", [KeyError("a"), OverflowError("high"), RecursionError(), ValueError(HOSTILE)]
)
def test_what_a_message_of_another_shape_makes_its_reader_raise(error: Exception) -> None:
    with pytest.raises(ProtocolError, match=f"unexpected shape: {type(error).__name__}"), of_known_shape():
        raise error
    with pytest.raises(InfrastructureError), of_known_shape():
        raise InfrastructureError("gone")


def test_what_is_said_before_a_session_is_open_is_bounded() -> None:
    bound = OpeningBound()
    assert bound.take("{}") == "{}"
    bound.take(b"x" * (MAX_OPENING - 4096))
    with pytest.raises(ProtocolError, match="too much before the session is open"):
        bound.take("x" * 4096)
    bound = OpeningBound()
    for _ in range(MAX_OPENING // 1026):
        bound.take("{}")
    with pytest.raises(ProtocolError):
        bound.take("{}")


def test_what_an_error_of_a_service_says_is_bounded() -> None:
    said = ReportedError("m" * 10_000, ("c" * 1000,) * 50, float("inf"))
    assert (len(said.message), said.wait_s) == (LONGEST_SAID, LONGEST_WAIT_S)
    assert len(str(said)) < 10_000
    asked = OWN_SERVER.error("it", ReportedError(f"rate limit: try again in {'9' * 400}h{'9' * 400}m"), 429)
    assert isinstance(asked, QuotaError)
    assert asked.retry_after_s == LONGEST_WAIT_S
    assert retry_after_s("Fri, 27 Nov 99999999999999999999 12:00:00 GMT") is None
    assert retry_after_s("Fri, 27 Nov 2026 12:00:00 +99999999999999999999") is None


def test_an_answer_of_hours_of_audio_is_not_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    data = io.BytesIO()
    soundfile.write(data, np.zeros(2000 * 601, np.int16), 2000, "PCM_U8", format="WAV")
    with pytest.raises(ProtocolError, match="audio of 1202000 samples at 2000 Hz"):
        dialogue.samples(data.getvalue(), 24000)
    monkeypatch.setattr(dialogue, "MAX_SAMPLES", 100)
    data = io.BytesIO()
    soundfile.write(data, np.zeros(101, np.int16), 24000, format="FLAC")
    with pytest.raises(ProtocolError, match="audio of 101 samples"):
        dialogue.samples(data.getvalue(), 24000)


def test_an_answer_to_a_judge_is_bounded_and_taken_as_it_is() -> None:
    client = openai.DefaultAsyncHttpxClient.__mro__[1]
    library = importlib.import_module(client.__module__.partition(".")[0])
    said = {"/long": b"x" * (openai_http.MAX_BODY + 5), "/short": b"no gzip"}

    async def handle(request: object) -> object:
        headers = {"content-encoding": "gzip", "retry-after": "3"}
        return library.Response(429, headers=headers, stream=library.ByteStream(said[request.url.path]))  # type: ignore[attr-defined]

    async def ask() -> None:
        async with openai_http.BoundedHttpClient(transport=library.MockTransport(handle)) as http:
            long, short = await http.get("http://localhost/long"), await http.get("http://localhost/short")
        assert len(long.content) == openai_http.MAX_BODY
        assert (short.status_code, short.headers["retry-after"], short.content) == (429, "3", b"no gzip")

    asyncio.run(ask())


async def says_garbage(socket: ServerConnection) -> None:
    await socket.recv()
    await socket.send("garbage \x1b[31m")


def test_a_server_that_says_garbage_when_asked_for_its_formats_fails_samples_and_not_the_run(
    tmp_path: Path,
) -> None:
    with serving(says_garbage) as url:
        job = SessionJob((0, "s"), "t", sample_of(), f"wire-lockstep:{url}", Settings(), tmp_path / "r")
        stepped = Worker(lambda until: None, 5.0).do(job)
        job = SessionJob((0, "s"), "t", sample_of(), f"wire:{url}", Settings(), tmp_path / "r")
        live = asyncio.run(LiveHost(LatenessLimits()).session(job))
    for result in (stepped, live):
        assert (result.outcome, result.fatal) == (Outcome.ADAPTER_ERROR, False)
        assert "a text frame is no JSON: 'garbage  [31m'" in result.reason


def test_a_server_that_never_ends_a_tick_ends_the_case(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire_play, "DONE_S", 0.2)

    async def drips(socket: ServerConnection) -> None:
        await greet(socket)
        while True:
            await socket.send(json.dumps({"type": "x"}))
            await asyncio.sleep(0.02)

    async def floods(socket: ServerConnection) -> None:
        await greet(socket)
        while True:
            await socket.send(bytes(2**19))

    with serving(drips) as url:
        assert "no tick_done within 0.2 s" in str(WireChecks(url, "lockstep", 0.0).run("ticks"))
    monkeypatch.setattr(wire_play, "DONE_S", 30.0)
    monkeypatch.setattr(wire_play, "MOST_BYTES", 2**21)
    with serving(floods) as url:
        assert "more than 2 MiB in a session" in str(WireChecks(url, "lockstep", 0.0).run("ticks"))


class PanicError(BaseException):
    """As of a library in Rust."""


class Panics(QueueAdapter):
    """What reads for it panics."""

    async def connect(self, session: SessionStart) -> None:
        self._start()

    async def send(self, turn: MicroTurn) -> None:
        """Nothing."""

    async def _work(self) -> None:
        raise PanicError(HOSTILE)


def test_a_library_that_panics_is_not_waited_for() -> None:
    async def session() -> None:
        adapter = Panics()
        await adapter.connect(SessionStart("s", 1))
        async with asyncio.timeout(5):
            async for _ in adapter.events():
                pass

    with pytest.raises(ProtocolError, match="PanicError: x "):
        asyncio.run(session())


class InPieces(Scripted):
    """Gives its audio sample by sample."""

    def step(self, turn: MicroTurn) -> list[Output]:  # type: ignore[override]
        """What is given in answer to a micro-turn."""
        return [Output(audio=np.zeros(1, np.float32), item=str(n)) for n in range(60)]


def test_audio_in_too_many_pieces_floods_a_session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sample = sample_of(UserTurn(silence(0.4)))
    run_session(tmp_path / "well", sample, InPieces(), Settings())
    monkeypatch.setattr(exchange, "MOST_PIECES", 50)
    with pytest.raises(AdapterFaultError, match="more than 50 pieces of audio wait to be heard"):
        run_session(tmp_path / "ill", sample, InPieces(), Settings())


def test_what_waits_to_be_heard_is_counted_as_it_comes_and_goes() -> None:
    playback = Playback(1000)
    for length in (10, 20, 30):
        playback.push(5_000_000, np.ones(length, np.float32))
    assert (playback.backlog_s, playback.pieces) == (0.060, 3)
    playback.render(20_000_000)
    assert (playback.backlog_s, playback.pieces) == (0.045, 2)
    playback.flush(30_000_000)
    assert (playback.backlog_s, playback.pieces) == (0.010, 1)
    playback.render(60_000_000)
    assert (playback.backlog_s, playback.pieces) == (0.0, 0)


class Verbose(Scripted):
    """Writes more than anybody reads."""

    def step(self, turn: MicroTurn) -> list[Output | ProviderEvent]:  # type: ignore[override]
        """What is given in answer to a micro-turn."""
        return [ProviderEvent("x", {"a": 1}), Output(text="x" * 2**24)]


def test_what_a_recording_could_not_be_read_with_ends_its_session(tmp_path: Path) -> None:
    with pytest.raises(AdapterFaultError, match="EventTooLongError: an event of 16,777,"):
        run_session(tmp_path / "r", sample_of(UserTurn(silence(0.4))), Verbose(), Settings())
    kinds = [type(event) for event in Recording(tmp_path / "r").events()]
    assert kinds[-2:] == [Fault, SessionClosed]


def test_a_word_without_end_is_not_spoken_for_hours() -> None:
    said = f"I need {'9' * 5000} tickets."
    assert spoken_sentences(said) == [f"I need {'9' * 60} tickets."]
    assert spoken_reply(said).text.startswith(f"I need {'9' * 60}")
    assert len(spoken_reply(said).text) < 100
