"""The conformance suite gives each adapter the verdict it deserves, and says what to do."""

from __future__ import annotations

import asyncio
import json
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from one_slot import BUSY, one_slot
from websockets.asyncio.server import ServerConnection
from wire_servers import EXAMPLES, LANGUAGES, READY, greet, reference_server, serving, step_server

from tml_bench.adapter import LiveAdapter, Output
from tml_bench.cli import main
from tml_bench.conformance import CaseFinding, CaseVerdict, check as check_module, direct
from tml_bench.conformance.check import CASES, check
from tml_bench.conformance.check_report import report_of
from tml_bench.conformance.direct import run_live
from tml_bench.conformance.players import StepPlayer
from tml_bench.errors import UserError
from tml_bench.runs.in_process import InProcessPool
from tml_bench.runs.queues import Patience
from tml_bench.wire.messages import AUDIO, BinaryFrame

MINE = '''
import numpy as np
from tml_bench.adapter import Output, StepAdapter, VideoSpec

class Mute(StepAdapter):
    """Says nothing."""
    def step(self, turn):
        return None

class Seeing(StepAdapter):
    """Answers on the spot, and fails when it is shown a picture."""
    video_in = VideoSpec()
    def step(self, turn):
        if turn.frames:
            raise RuntimeError("no camera driver")
        return Output(audio=np.full(100, 0.1)) if np.any(turn.audio) else None

class Scaled(StepAdapter):
    """Answers on the spot, at another scale than 1."""
    def __init__(self, by=1.0):
        self.by = by
    def step(self, turn):
        tone = np.sin(np.arange(2400) / 5) * 0.9
        return Output(audio=tone * self.by) if np.any(turn.audio) else None

class Sick(StepAdapter):
    """Does not get through its first micro-turn."""
    def step(self, turn):
        raise RuntimeError("out of memory")
'''


@pytest.fixture(autouse=True)
def _in_this_process(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Starting a process takes longer than what most of these tests check; the servers' test starts one."""
    if "reference_servers" not in request.node.name:
        inside = partial(InProcessPool, Patience(0.0, 0.0))
        monkeypatch.setattr(check_module, "StepPlayer", lambda: StepPlayer(inside()))


def by_case(findings: list[CaseFinding]) -> dict[str, CaseFinding]:
    return {finding.case: finding for finding in findings}


def named(tmp_path: Path, name: str) -> str:
    (tmp_path / "mine.py").write_text(MINE)
    return f"{tmp_path / 'mine.py'}:{name}"


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_reference_servers_pass_in_lockstep(language: str) -> None:
    with reference_server(language) as url:
        found = by_case(list(check(f"wire-lockstep:{url}")))
    assert tuple(found) == CASES
    skipped = {case for case, finding in found.items() if finding.verdict is CaseVerdict.SKIPPED}
    assert skipped == {"video", "history", "alive", "flood", "slow consumer", "close"}
    assert {found[case].verdict for case in set(CASES) - skipped - {"speech"}} == {CaseVerdict.PASS}
    assert {finding.mode for finding in found.values()} == {"lockstep"}
    # The user ends at 2.4 s; 300 ms of silence are complete in the micro-turn handed over at 2.8 s.
    assert found["speech"].verdict is CaseVerdict.WARNING
    assert found["speech"].detail == "gives a sound +0.40 s after the user's end that is no speech"


def test_the_example_adapter_does_all_it_claims() -> None:
    found = by_case(list(check(f"{EXAMPLES / 'step_adapter.py'}:Beeper")))
    speech = found.pop("speech")
    assert {finding.verdict for finding in found.values()} == {CaseVerdict.PASS, CaseVerdict.SKIPPED}
    assert speech.detail == "gives a sound +0.40 s after the user's end that is no speech"
    assert "a run scores it as silence" in speech.remedy


def test_an_address_is_checked_in_every_mode() -> None:
    with reference_server("node") as url:
        found = list(check(url, ("hello", "flood", "close", "garbage")))
    assert [(f.subject.partition(":")[0], f.case, f.verdict.value) for f in found] == [
        ("wire-lockstep", "hello", "pass"),
        ("wire-lockstep", "flood", "skipped"),
        ("wire-lockstep", "close", "skipped"),
        ("wire-lockstep", "garbage", "pass"),
        ("wire", "hello", "pass"),
        ("wire", "flood", "pass"),
        ("wire", "close", "pass"),
        ("wire", "garbage", "pass"),
    ]


def test_a_claim_that_is_not_kept_is_a_failure() -> None:
    def answer(tick: dict) -> list:  # type: ignore[type-arg]
        beep = BinaryFrame(AUDIO, 1, 0, 0, np.full(2400, 9000, "<i2").tobytes()).pack()
        return [*([beep] if tick["n"] in (3, 4) else []), {"type": "tick_done", "n": tick["n"]}]

    with serving(step_server(answer, modes=["lockstep"], capabilities=["tools"])) as url:
        found = by_case(list(check(url, ("silence", "text", "tool", "cancel"))))
    assert found["silence"].detail == "keeps silent, but for sound of at most -11 dBFS"
    assert found["tool"].verdict is CaseVerdict.FAIL
    assert found["tool"].detail.startswith("claims tools, but")
    assert found["cancel"].verdict is CaseVerdict.SKIPPED


def test_a_server_that_hangs_up_fails_the_hello_and_nothing_else_is_tried() -> None:
    async def handle(socket: ServerConnection) -> None:
        await greet(socket, modes=["lockstep"])
        await socket.close()

    with serving(handle) as url:
        (finding,) = check(url)
    assert (finding.case, finding.verdict) == ("hello", CaseVerdict.FAIL)
    assert finding.detail.startswith("infrastructure:")
    assert "server" in finding.remedy


def test_a_server_that_garbage_kills_fails() -> None:
    alive = True

    async def handle(socket: ServerConnection) -> None:
        nonlocal alive
        message = await socket.recv()
        if not isinstance(message, str) or '"protocol"' not in message:
            alive = False
        if alive:
            await socket.send(json.dumps(READY))
            await socket.wait_closed()

    with serving(handle) as url:
        (finding,) = check(f"wire-lockstep:{url}", ("garbage",))
    assert finding.verdict is CaseVerdict.FAIL
    assert "serve the next one" in finding.remedy


def test_adapters_of_our_own(tmp_path: Path) -> None:
    mute = by_case(list(check(named(tmp_path, "Mute"), ("hello", "speech", "tool", "video", "garbage"))))
    assert {case: finding.verdict.value for case, finding in mute.items()} == {
        "hello": "pass",
        "speech": "fail",
        "video": "skipped",
        "tool": "skipped",
        "garbage": "skipped",
    }
    seeing = by_case(list(check(named(tmp_path, "Seeing"), ("speech", "video"))))
    assert seeing["speech"].verdict is CaseVerdict.WARNING
    assert seeing["video"].verdict is CaseVerdict.FAIL
    assert "no camera driver" in seeing["video"].detail


@pytest.mark.parametrize(
    ("by", "verdict", "detail"),
    [
        ("1", CaseVerdict.PASS, "its audio peaks at -1 dBFS"),
        ("2", CaseVerdict.WARNING, "63 % of its samples are over full scale and were clipped"),
        ("32767", CaseVerdict.FAIL, "full scale of floats is [-1, 1]: divide 16-bit samples by 32768"),
        ("0.00003", CaseVerdict.WARNING, "its audio peaks at -90 dBFS, too quiet to be told from silence"),
        ("0.000000001", CaseVerdict.WARNING, "its audio peaks at -96 dBFS, too quiet"),
    ],
)
def test_audio_of_another_scale_is_told(tmp_path: Path, by: str, verdict: CaseVerdict, detail: str) -> None:
    """Floats of up to 32767 passed, and a third of their samples were clipped."""
    (finding,) = check(f"{named(tmp_path, 'Scaled')}:{by}", ("scale",))
    assert detail in finding.detail
    assert (finding.verdict, bool(finding.remedy)) == (verdict, verdict is not CaseVerdict.PASS)


class Hangs(LiveAdapter):
    """Takes nothing."""

    async def connect(self, session) -> None:  # type: ignore[no-untyped-def]
        self.closed = False

    async def send(self, turn) -> None:  # type: ignore[no-untyped-def]
        await asyncio.Event().wait()

    async def events(self):  # type: ignore[no-untyped-def]
        await asyncio.Event().wait()
        yield Output()

    async def close(self) -> None:
        if self.closed:
            raise RuntimeError("closed twice")
        self.closed = True


def test_live_adapters_that_hang_or_cannot_be_closed_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(direct, "PATIENCE_S", 0.2)
    assert run_live("flood", Hangs)[:2] == (CaseVerdict.FAIL, "is not done after 0.2 s")
    verdict, detail, remedy, _ = run_live("close", Hangs)
    assert (verdict, detail) == (CaseVerdict.FAIL, "RuntimeError: closed twice")
    assert remedy


def test_the_command_says_what_to_do_and_exits_with_1_on_a_failure(tmp_path: Path) -> None:
    run = CliRunner().invoke
    good = run(main, ["check-adapter", "echo", "--case", "hello", "--case", "speech"])
    assert (good.exit_code, "pass    speech        answers" in good.output) == (0, True)
    bad = run(main, ["check-adapter", named(tmp_path, "Sick")])
    assert bad.exit_code == 1
    assert "fail    hello         adapter_error: micro-turn 0: step raised" in bad.output
    assert "RuntimeError: out of memory" in " ".join(bad.output.split())
    assert "speech" not in bad.output
    nobody = run(main, ["check-adapter", "ws://127.0.0.1:1"])
    assert (nobody.exit_code, "fail    hello " in nobody.output) == (1, True)
    told = " ".join(nobody.output.split())
    assert "cannot be reached" in told
    assert "-> start the model's server" in told


def test_a_malformed_ready_fails_the_hello_and_says_where_it_is_described() -> None:
    async def handle(socket: ServerConnection) -> None:
        await greet(socket, audio_out={"rate": "24k"})
        await socket.wait_closed()

    with serving(handle) as url:
        for text in (url, f"wire-lockstep:{url}"):
            (finding,) = check(text, ("speech",))
            assert (finding.subject, finding.case, finding.verdict) == (text, "hello", CaseVerdict.FAIL)
            assert "$.audio_out.rate" in finding.detail
            assert "docs/wire-protocol.md" in finding.remedy


def test_a_server_that_dies_after_the_hello_is_not_told_to_start() -> None:
    async def handle(socket: ServerConnection) -> None:
        await greet(socket, modes=["lockstep"])
        await socket.recv()
        await socket.close(1011, "out of memory")

    with serving(handle) as url:
        (finding,) = check(url, ("speech",))
    assert finding.detail.startswith("infrastructure:")
    assert "its own log" in finding.remedy


def test_an_option_that_cannot_be_is_not_blamed_on_a_server() -> None:
    (finding,) = check("echo:rate=5")
    assert "audio_in is 5" in finding.detail
    assert "options" in finding.remedy


def test_an_unknown_case_is_named() -> None:
    with pytest.raises(UserError, match="no case 'helo'"):
        list(check("echo", ("helo",)))


@pytest.mark.parametrize("served", ["lockstep", "realtime"])
def test_a_server_of_one_mode_that_refuses_the_other_is_checked_in_it(served: str) -> None:
    """The question for its formats was asked in real time alone, so that one in lockstep could not pass."""

    async def handle(socket: ServerConnection) -> None:
        hello = json.loads(await socket.recv())
        if hello["mode"] != served:
            await socket.send(json.dumps({"type": "error", "code": "mode", "message": f"only {served}"}))
            return
        await socket.send(json.dumps(READY | {"modes": [served]}))
        async for data in socket:
            if served == "lockstep" and isinstance(data, str) and json.loads(data)["type"] == "tick":
                await socket.send(json.dumps({"type": "tick_done", "n": json.loads(data)["n"]}))

    with serving(handle) as url:
        found = list(check(url, ("hello", "reconnect", "goodbye")))
        other = {"lockstep": "wire", "realtime": "wire-lockstep"}[served]
        (refused,) = check(f"{other}:{url}", ("hello",))
    assert [(f.case, f.mode, f.verdict.value) for f in found] == [
        (case, served, "pass") for case in ("hello", "reconnect", "goodbye")
    ]
    assert refused.verdict is CaseVerdict.FAIL
    assert f"the server supports {served}, not" in refused.detail


def test_the_report_for_programs_holds_what_the_table_says(tmp_path: Path) -> None:
    run, place = CliRunner().invoke, tmp_path / "check.json"
    with reference_server("python") as url:
        only = [part for case in ("hello", "text", "video", "version") for part in ("--case", case)]
        ended = run(main, ["check-adapter", f"wire-lockstep:{url}", "--json", str(place), *only])
    assert ended.exit_code == 0
    report = json.loads(place.read_text())
    assert (report["schema"], report["exit_code"], report["complete"]) == ("tml-bench/check/1.0", 0, True)
    assert report["counts"] == {"pass": 3, "warning": 0, "fail": 0, "skipped": 1}
    (subject,) = report["subjects"]
    assert subject["identity"] == {"model": "beep", "server_version": "1"}
    assert (subject["mode"], subject["kind"], subject["unchecked"]) == ("lockstep", "wire", ["realtime"])
    assert subject["claims"] == ["interrupt", "text_in", "tools"]
    cases = {case["case"]: case for case in report["cases"]}
    assert list(cases) == ["hello", "version", "text", "video"]
    assert cases["text"]["sent"] == ["text 'Please answer this message.'"]
    assert {case["mode"] for case in cases.values()} == {"lockstep"}
    assert all(case["duration_s"] >= case["waited_s"] >= 0 for case in cases.values())
    assert "its server has realtime too" in ended.output


def test_a_check_that_was_stopped_says_so() -> None:
    found = [CaseFinding("echo", "hello", CaseVerdict.PASS, "", mode="lockstep", duration_s=0.12345)]
    report = report_of("echo", [], found, complete=False)
    assert (report.complete, report.exit_code, report.cases[0].duration_s) == (False, 130, 0.123)


def test_a_wait_for_a_slot_is_told_in_the_table() -> None:
    """The question for its formats has just left the only slot when the case begins."""
    with serving(one_slot(BUSY, frees_s=1.0, modes=["lockstep"])) as url:
        arguments = ["check-adapter", f"wire-lockstep:{url}", "--case", "slots"]
        ended = CliRunner().invoke(main, arguments)
    told = " ".join(ended.output.split())
    assert (ended.exit_code, "1 passed" in told) == (0, True), ended.output
    assert "slots waits up to 30 s for a free slot: the model answers busy: one session at a time" in told


def test_a_failure_is_in_the_report_and_in_the_exit_code(tmp_path: Path) -> None:
    place = tmp_path / "check.json"
    ended = CliRunner().invoke(main, ["check-adapter", named(tmp_path, "Sick"), "--json", str(place)])
    report = json.loads(place.read_text())
    assert (ended.exit_code, report["exit_code"], len(report["cases"])) == (1, 1, 1)
    assert report["cases"][0]["remedy"]


@pytest.mark.parametrize("name", ["echo", "always-on", "oracle", "delayed", "early", "interrupter", "talker"])
def test_reference_adapters_have_no_failure(name: str) -> None:
    only = ("speech", "scale", "rate", "odd input", "repeat")
    found = {f.case: (f.verdict.value, f.detail) for f in check(name, only)}
    assert {verdict for verdict, _ in found.values()} == {"pass"}, found


def test_the_table_fits_a_terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    ended = CliRunner().invoke(main, ["check-adapter", f"{EXAMPLES / 'step_adapter.py'}:Beeper"])
    lines = ended.output.splitlines()[1:]
    assert max(map(len, lines)) <= 80
    assert len(lines) <= 23
    assert lines[-1].startswith("8 passed, 1 with a warning, 20 skipped, in ")
    wordy = "  skipped version, slots, messages, frames, items, ticks, unknown, goodbye,"
    assert wordy in lines
