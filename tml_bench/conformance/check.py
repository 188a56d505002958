"""Runs the conformance suite against an adapter, or against whatever listens at an address."""

import asyncio
import tempfile
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from tml_bench.adapter import InfrastructureError, LiveAdapter, ProtocolError
from tml_bench.adapters.wire import Wire, WireLockstep
from tml_bench.adapters.wire.session import PROBE, checked_url, hello_of, open_session
from tml_bench.conformance import CaseFinding, CaseVerdict
from tml_bench.conformance.direct import LIVE, run_garbage, run_live
from tml_bench.conformance.sessions import CaseResult, SessionCase, session_cases
from tml_bench.errors import UserError
from tml_bench.outcome import Outcome
from tml_bench.plugins import make_adapter, parse_adapter_spec
from tml_bench.recording import Recording
from tml_bench.runs.jobs import JobResult, SessionJob
from tml_bench.runs.pool import LivePool, Pool
from tml_bench.samples import Sample
from tml_bench.session.live import LatenessLimits
from tml_bench.session.settings import Settings
from tml_bench.wire.messages import Ready

CASES = (
    "hello", "silence", "speech", "scale", "text", "video", "tool", "cancel", "truncate", "odd input",
    "flood", "slow consumer", "close", "reconnect", "garbage",
)  # fmt: skip
"""Names of the cases, in order."""

STEP_LIMIT_S = 60.0
"""A step that takes longer is taken to hang."""
UNREACHED = "start the model's server, or check its address and key"
PATIENT = LatenessLimits(late_p99_ms=1000.0, late_max_ms=1000.0)
"""Nothing is measured here, so a busy machine spoils nothing."""


@dataclass(frozen=True, slots=True)
class _Subject:
    """An adapter as given, whether it is on the wall clock, what it claims, the address of its server."""

    spec: str
    live: bool
    claims: frozenset[str] = frozenset()
    url: str = ""


def check(text: str, only: Collection[str] = CASES) -> Iterator[CaseFinding]:
    """Run the cases; yields each finding as it is known. After a failed ``hello`` nothing else is tried.

    Args:
        text: an adapter as given on the command line, or the address of a wire server, which is checked in
            every mode it supports.
        only: the cases wanted.

    Raises:
        UserError: no such adapter, no address, or no such case.
    """
    unknown = set(only) - set(CASES)
    if unknown:
        raise UserError(f"there is no case {min(unknown)!r}", f"the cases are {', '.join(CASES)}")
    try:
        subjects = _at(text) if text.startswith(("ws://", "wss://")) else [_named(text)]
    except InfrastructureError as error:
        yield CaseFinding(text, "hello", CaseVerdict.FAIL, str(error), UNREACHED)
        return
    except ProtocolError as error:
        yield CaseFinding(text, "hello", CaseVerdict.FAIL, str(error), "see `ready` in docs/wire-protocol.md")
        return
    for subject in subjects:
        yield from _checked(subject, only)


def _at(url: str) -> list[_Subject]:
    ready = asyncio.run(_asked(url))
    specs = {"lockstep": f"wire-lockstep:{url}", "realtime": f"wire:{url}"}
    modes = [mode for mode in specs if mode in ready.modes]
    return [_Subject(specs[mode], mode == "realtime", _claims(ready), url) for mode in modes]


async def _asked(url: str) -> Ready:
    hello = hello_of(PROBE, "realtime")
    socket, _, ready, _ = await open_session(checked_url(url), hello, any_mode=True)
    await socket.close()
    return ready


def _named(text: str) -> _Subject:
    adapter = make_adapter(parse_adapter_spec(text))
    live = isinstance(adapter, LiveAdapter)
    if isinstance(adapter, Wire | WireLockstep):
        return _Subject(text, live, _claims(asyncio.run(_asked(adapter.url))), adapter.url)
    return _Subject(text, live, frozenset({"video_in"} if adapter.video_in is not None else ()))


def _claims(ready: Ready) -> frozenset[str]:
    video = ("video_in",) if ready.video_in is not None else ()
    return frozenset((*ready.capabilities, *video))


def _checked(subject: _Subject, only: Collection[str]) -> Iterator[CaseFinding]:
    with tempfile.TemporaryDirectory(prefix="tml-bench-check-") as name:
        sessions = session_cases(Path(name))
        with LivePool(1, limits=PATIENT) if subject.live else Pool(1, STEP_LIMIT_S) as pool:
            for case in CASES:
                if case not in only:
                    continue
                if case in LIVE or case == "garbage":
                    judged = _direct(subject, case)
                else:
                    session = sessions["hello" if case == "reconnect" else case]
                    judged = _session(subject, pool, case, session, Path(name))
                yield CaseFinding(subject.spec, case, *judged)
                if case == "hello" and judged[0] is CaseVerdict.FAIL:
                    return


def _session(
    subject: _Subject, pool: Pool | LivePool, name: str, case: SessionCase, folder: Path
) -> CaseResult:
    if case.claim == "video_in" and "video_in" not in subject.claims:
        return CaseVerdict.SKIPPED, "takes no video", ""
    place = folder / "recording"
    sample = Sample(name.replace(" ", "-"), "all", case.script, case.reference)
    pool.submit(SessionJob((0, sample.id), "check", sample, subject.spec, Settings(), place))
    ((_, result),) = pool.results()
    if result.outcome is not Outcome.VALID:
        remedy = _remedy(result, seen=bool(subject.url) or name != "hello")
        return CaseVerdict.FAIL, f"{result.outcome}: {result.reason}", remedy
    verdict, detail, remedy = case.judge(Recording(place))
    if verdict is CaseVerdict.SKIPPED and case.claim in subject.claims:
        return CaseVerdict.FAIL, f"claims {case.claim}, but {detail}", remedy
    return verdict, detail, remedy


def _remedy(result: JobResult, *, seen: bool) -> str:
    if result.fatal:
        return "put right what it names; `tml-bench list adapters` shows the options"
    match result.outcome:
        case Outcome.INFRASTRUCTURE if seen:
            return "the server has answered before: see what its own log says of this session"
        case Outcome.INFRASTRUCTURE:
            return UNREACHED
        case Outcome.INVALID:
            return "this machine was too busy to keep time at all: stop what else runs, and check again"
        case _:
            return "see docs/writing-an-adapter.md, or docs/wire-protocol.md for a server"


def _direct(subject: _Subject, case: str) -> CaseResult:
    if case == "garbage":
        if not subject.url:
            return CaseVerdict.SKIPPED, "only for servers of the wire protocol", ""
        return run_garbage(subject.url)
    if not subject.live:
        return CaseVerdict.SKIPPED, "only for adapters on the wall clock", ""

    def make() -> LiveAdapter:
        adapter = make_adapter(parse_adapter_spec(subject.spec))
        assert isinstance(adapter, LiveAdapter)
        return adapter

    return run_live(case, make)
