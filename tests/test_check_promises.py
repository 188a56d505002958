"""Each promise of the wire protocol: a server that breaks it is caught by its case, and by no other."""

from __future__ import annotations

import re
from pathlib import Path

import broken_servers as broken
import pytest
from broken_servers import Server
from wire_servers import serving

from tml_bench.conformance import CaseVerdict, check as check_module, wire_cases, wire_play
from tml_bench.conformance.check import CASES, check
from tml_bench.conformance.players import StepPlayer
from tml_bench.conformance.slots import SlotQueue
from tml_bench.runs.in_process import InProcessPool
from tml_bench.runs.queues import Patience

ROOT = Path(__file__).resolve().parent.parent
RAW = ("version", "slots", "messages", "frames", "items", "ticks", "unknown", "goodbye", "hang-up")
"""The cases that look at messages; a server whose messages are broken fails in every session too."""
NOT_PASSED = (CaseVerdict.FAIL, CaseVerdict.WARNING)

BREAKS: list[tuple[type[Server], tuple[str, ...], dict[str, str]]] = [
    (broken.TakesAnyVersion, CASES, {"version": "answers a hello of version 999 with `ready`"}),
    (broken.SaysReadyTwice, RAW, {"messages": "is a second `ready`"}),
    (broken.SendsNoJson, RAW, {"messages": "a text frame is no JSON"}),
    (broken.SendsAShortFrame, RAW, {"messages": "a binary frame has 10 bytes"}),
    (broken.SendsAWordWithoutText, RAW, {"messages": "message 'transcript' is malformed"}),
    (broken.HangsUp, RAW, {"messages": "ends a session before its time"}),
    (broken.FillsTimes, CASES, {"frames": "fills flags or t_us"}),
    (broken.CountsWrongly, CASES, {"frames": "numbers its frames 7, 7"}),
    (broken.SendsImages, CASES, {"frames": "sends images"}),
    (
        broken.NumbersFall,
        ("items", "frames", "ticks"),
        {"items": "sends audio of reply 1 after that of reply 2"},
    ),
    (broken.NumbersFromZero, ("items", "frames"), {"items": "number 0"}),
    (broken.CountsTicksFromOne, RAW, {"ticks": "tick_done says 1 where 0 is due"}),
    (broken.ForgetsATick, ("messages", "ticks", "items"), {"ticks": "tick 6: no tick_done within 0.3 s"}),
    (broken.SpeaksBetweenTicks, CASES, {"ticks": "sends 'statistics' after `tick_done`"}),
    (broken.CountsMicroseconds, CASES, {"ticks": "compute_ms of 90000.0 where the answer took"}),
    (broken.KnowsNothingElse, CASES, {"unknown": "ends a session with unknown messages"}),
    (broken.TakesEveryFrameForAudio, CASES, {"unknown": "ends a session with unknown messages"}),
    (broken.NeverSaysGoodbye, RAW, {"goodbye": "does not answer a close after ready"}),
    (broken.MixesSessions, RAW, {"slots": "a second session ends the first"}),
    (broken.KeepsBrokenSessions, RAW, {"hang-up": "keeps its slot for 0.5 s"}),
    (broken.ChangesItsRates, CASES, {"hello": "where it said"}),
    (broken.SendsAnotherRate, CASES, {"rate": "gives 1.2 s of audio in 1.8 s that it speaks, with 9 gaps"}),
    (broken.SaysMoreThanItSpeaks, CASES, {"rate": "its words end 1.0 s after"}),
    (broken.Dithers, ("speech", "silence"), {"speech": "its sound, of at most -90 dBFS, is no speech"}),
    (broken.MakesComfortNoise, ("speech", "silence"), {"speech": "its sound, of at most -50 dBFS"}),
    (broken.IsDeafToTexts, CASES, {"text": "claims text_in, but does not answer a text message"}),
    (broken.CallsWhatItLikes, CASES, {"tool": "calls 'get_money', which was not offered"}),
    (broken.ReusesIds, CASES, {"tool": "gives two calls the same id"}),
    (broken.SpeaksOn, CASES, {"cancel": "claims interrupt, but drops nothing"}),
    (broken.DiesOfTruncation, ("speech", "truncate", "text"), {"truncate": "infrastructure"}),
    (broken.IsNeverTheSame, CASES, {"repeat": "gives something else when a session is repeated"}),
    (broken.KnowsOneTick, CASES, {"short ticks": "infrastructure"}),
    (broken.FearsZeros, CASES, {"odd input": "infrastructure"}),
    (broken.FearsPictures, ("speech", "video", "frames"), {"video": "infrastructure"}),
    (broken.RemembersNothing, CASES, {"history": "infrastructure"}),
]


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check_module, "StepPlayer", lambda: StepPlayer(InProcessPool(Patience(0.0, 0.0))))
    monkeypatch.setattr(wire_play, "QUIET_S", 0.002)
    monkeypatch.setattr(wire_play, "DONE_S", 0.3)
    monkeypatch.setattr(wire_cases, "DRAIN_S", 0.05)


def findings(server: Server, cases: tuple[str, ...]) -> dict[str, tuple[CaseVerdict, str]]:
    with serving(server.handle) as url:
        found = check(f"wire-lockstep:{url}", cases, SlotQueue(0.5))
        return {finding.case: (finding.verdict, finding.detail) for finding in found}


def test_a_server_that_keeps_every_promise_passes() -> None:
    found = findings(Server(), CASES)
    skipped = {case for case, (verdict, _) in found.items() if verdict is CaseVerdict.SKIPPED}
    assert skipped == {"video", "alive", "flood", "slow consumer", "close"}
    assert {case: f for case, f in found.items() if f[0] in NOT_PASSED} == {}
    assert found["speech"][1].startswith("answers +0.4")


@pytest.mark.parametrize(("server", "cases", "caught"), BREAKS, ids=lambda x: getattr(x, "__name__", ""))
def test_a_broken_promise_is_caught_by_its_case_alone(
    server: type[Server], cases: tuple[str, ...], caught: dict[str, str]
) -> None:
    found = findings(server(), cases)
    bad = {case: detail for case, (verdict, detail) in found.items() if verdict in NOT_PASSED}
    assert bad.keys() == caught.keys(), bad
    for case, detail in caught.items():
        assert detail in bad[case]


def test_an_answer_that_would_have_come_anyway_proves_nothing() -> None:
    """A server that writes by itself "answered" a text message that it never looked at."""
    found = findings(broken.WritesByItself(), ("text",))
    assert found["text"][0] is CaseVerdict.SKIPPED
    assert "by itself too" in found["text"][1]


def test_pings_must_be_answered_while_it_computes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire_cases, "PING_S", 0.3)
    with serving(broken.ComputesInItsLoop().handle) as url:
        (finding,) = check(f"wire:{url}", ("alive",))
    assert finding.verdict is CaseVerdict.FAIL
    assert finding.detail == "answers no ping within 0.3 s while computing"


def test_a_flood_must_be_read() -> None:
    with serving(broken.DiesOfAFlood().handle) as url:
        (finding,) = check(f"wire:{url}", ("flood",))
    assert finding.verdict is CaseVerdict.FAIL
    assert "read the socket while the model computes" in finding.remedy


def test_every_case_of_a_server_is_tried_on_a_broken_one() -> None:
    caught = {case for _, _, cases in BREAKS for case in cases}
    assert set(RAW) <= caught


def test_the_page_names_every_case_and_only_tests_that_there_are() -> None:
    page = (ROOT / "docs" / "checking-an-adapter.md").read_text()
    cases, rest = page.split("## The cases")[1].split("## What the harness promises")
    assert tuple(re.findall(r"^\| `([a-z -]+)` \|", cases, re.MULTILINE)) == CASES
    named = set(re.findall(r"`(test_\w+)`", rest))
    tests = "".join(path.read_text() for path in (ROOT / "tests").glob("test_*.py"))
    assert len(named) > 15
    assert {name for name in named if f"def {name}(" not in tests} == set()
