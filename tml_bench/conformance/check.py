"""Runs the conformance suite against an adapter, or against whatever listens at an address."""

import tempfile
import time
from collections.abc import Callable, Collection, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

from tml_bench.adapter import InfrastructureError, LiveAdapter, ProtocolError
from tml_bench.conformance import CaseFinding, CaseResult, CaseVerdict, direct, failed, sessions, skipped
from tml_bench.conformance.evidence import Evidence
from tml_bench.conformance.players import LivePlayer, SessionPlayer, StepPlayer, played
from tml_bench.conformance.sessions import SessionCase
from tml_bench.conformance.slots import SlotQueue
from tml_bench.conformance.subjects import CheckedSubject, subjects_of
from tml_bench.conformance.wire_cases import CASES as WIRE_CASES, WireChecks
from tml_bench.errors import UserError
from tml_bench.outcome import Outcome
from tml_bench.plugins import make_adapter, parse_adapter_spec
from tml_bench.recording import Recording
from tml_bench.redact import redacted
from tml_bench.runs.jobs import JobResult

CASES = (
    "hello", "version", "slots", "silence", "speech", "scale", "rate", "text", "video", "tool", "history",
    "cancel", "truncate", "odd input", "short ticks", "reconnect", "repeat", "messages", "frames", "items",
    "ticks", "unknown", "alive", "flood", "slow consumer", "close", "goodbye", "hang-up", "garbage",
)  # fmt: skip
"""Names of the cases, in order."""

UNREACHED = "start the model's server, or check its address and key"


def check(
    text: str,
    only: Collection[str] = CASES,
    slots: SlotQueue | None = None,
    met: Callable[[CheckedSubject], None] = lambda subject: None,
) -> Iterator[CaseFinding]:
    """Run the cases; yields each finding as it is known. After a failed ``hello`` nothing else is tried.

    Args:
        text: an adapter as given on the command line, or the address of a wire server, which is checked in
            every mode it supports.
        only: the cases wanted.
        slots: how a service without a free place is waited for.
        met: told of each subject when its cases are over, with what its model has said of itself.

    Raises:
        UserError: no such adapter, no address, or no such case.
    """
    unknown = set(only) - set(CASES)
    if unknown:
        raise UserError(f"there is no case {min(unknown)!r}", f"the cases are {', '.join(CASES)}")
    slots = slots or SlotQueue()
    found: list[CheckedSubject] = []

    def ask() -> CaseResult:
        found[:] = subjects_of(text)
        return CaseResult(CaseVerdict.PASS, "")

    try:
        asked = slots.result_of("hello", ask)
    except InfrastructureError as error:
        asked = failed(str(error), UNREACHED)
    except ProtocolError as error:
        asked = failed(str(error), "see `ready` in docs/wire-protocol.md")
    if asked.verdict is CaseVerdict.FAIL:
        yield _finding(text, "", "hello", asked, 0.0, slots.waited_s)
        return
    if not found:
        none = failed("supports no mode", "name `realtime`, `lockstep` or both in the `modes` of `ready`")
        yield _finding(text, "", "hello", none, 0.0, slots.waited_s)
    for subject in found:
        with (
            tempfile.TemporaryDirectory(prefix="tml-bench-check-") as folder,
            LivePlayer() if subject.live else StepPlayer() as player,
        ):
            checks = _Checks(subject, player, Path(folder), slots)
            try:
                yield from checks.run(only)
            finally:
                met(checks.known_subject)


def _finding(
    spec: str, mode: str, case: str, result: CaseResult, duration_s: float, waited_s: float
) -> CaseFinding:
    detail, remedy = redacted(result.detail), redacted(result.remedy)
    return CaseFinding(
        redacted(spec), case, result.verdict, detail, remedy, mode, result.sent, duration_s, waited_s
    )


class _Checks:
    """The cases of one subject; what one has played is looked at by others."""

    def __init__(
        self, subject: CheckedSubject, player: SessionPlayer, folder: Path, slots: SlotQueue
    ) -> None:
        self._subject = subject
        self._player = player
        self._folder = folder
        self._slots = slots
        self._scripts = sessions.scripts(folder)
        self._played: dict[str, JobResult] = {}
        self._wire = WireChecks(subject.url, subject.mode, slots.patience_s)

    def run(self, only: Collection[str]) -> Iterator[CaseFinding]:
        """Run those of the cases, in order."""
        for case in CASES:
            if case not in only:
                continue
            began, self._slots.waited_s = time.monotonic(), 0.0
            result = self._slots.result_of(case, partial(self._result, case))
            took_s = time.monotonic() - began
            yield _finding(self._subject.spec, self._subject.mode, case, result, took_s, self._slots.waited_s)
            if case == "hello" and result.verdict is CaseVerdict.FAIL:
                return

    @property
    def known_subject(self) -> CheckedSubject:
        """The subject with what its model has said of itself."""
        said = {name: text for played in self._played.values() for name, text in played.reported.items()}
        return replace(self._subject, identity=self._subject.identity | said)

    def _result(self, case: str) -> CaseResult:
        subject = self._subject
        if case in sessions.CASES:
            return self._session(case, sessions.CASES[case])
        if case in WIRE_CASES and subject.url:
            return self._wire.run(case)
        if case not in direct.CASES:
            return skipped("only for servers of the wire protocol")
        if not subject.live:
            return skipped("only on the wall clock")
        return direct.run_live(case, self._make, self._slots.patience_s)

    def _make(self) -> LiveAdapter:
        adapter = make_adapter(parse_adapter_spec(self._subject.spec))
        assert isinstance(adapter, LiveAdapter)
        return adapter

    def _session(self, name: str, case: SessionCase) -> CaseResult:
        claims = self._subject.claims
        if case.needs and case.needs not in claims:
            return skipped(_NEEDS[case.needs])
        shown = []
        for play in case.plays:
            result = self._play(play)
            if result.outcome is not Outcome.VALID:
                return failed(
                    f"{result.outcome}: {result.reason}", self._remedy(result, seen=name != "hello")
                )
            shown.append(Evidence(Recording(self._folder / play), live=self._subject.live))
        judged = case.judge(*shown)
        unknowable = shown[0].live and not shown[0].records_messages
        if judged.verdict is CaseVerdict.SKIPPED and case.claim in claims and not unknowable:
            return failed(f"claims {case.claim}, but {judged.detail}", judged.remedy)
        return judged

    def _play(self, name: str) -> JobResult:
        if name not in self._played:
            place = self._folder / name
            script = self._scripts[name]
            self._played[name] = played(self._player, self._subject.spec, name, script, place)
        return self._played[name]

    def _remedy(self, result: JobResult, *, seen: bool) -> str:
        if result.fatal:
            return "put right what it names; `tml-bench list adapters` shows the options"
        match result.outcome:
            case Outcome.INFRASTRUCTURE if seen or self._subject.url:
                return "the server has answered before: see what its own log says of this session"
            case Outcome.INFRASTRUCTURE:
                return UNREACHED
            case Outcome.INVALID:
                return "this machine was too busy to keep time at all: stop what else runs, and check again"
            case _:
                return "see docs/writing-an-adapter.md, or docs/wire-protocol.md for a server"


_NEEDS = {
    "video_in": "takes no video",
    "history": "takes no conversation from before the session",
    "lockstep": "on the wall clock no two sessions are the same",
}
