"""What is checked: an adapter as given, or whatever listens at an address, once for each mode that it has."""

import asyncio
from dataclasses import dataclass, field, replace

from tml_bench.adapter import Adapter, InfrastructureError, LiveAdapter, ProtocolError
from tml_bench.adapters.wire import Wire, WireLockstep
from tml_bench.adapters.wire.session import PROBE, checked_url, hello_of, open_session
from tml_bench.conformance.slots import FullError
from tml_bench.errors import UserError
from tml_bench.plugins import make_adapter, parse_adapter_spec
from tml_bench.wire.messages import Mode, Ready

MODES: dict[Mode, str] = {"lockstep": "wire-lockstep", "realtime": "wire"}
"""The modes of a wire server, each with the adapter that speaks to it."""


@dataclass(frozen=True, slots=True)
class CheckedSubject:
    """What is checked.

    Attributes:
        spec: the adapter as ``run`` takes it.
        mode: ``lockstep`` where the harness waits for each answer, else ``realtime``.
        kind: ``step``, ``live`` or ``wire``.
        url: of its server, for ``wire``; else empty.
        claims: what it says it can do.
        identity: what the model says of itself.
        others: modes of its server that are not checked here.
    """

    spec: str
    mode: str
    kind: str
    url: str = ""
    claims: frozenset[str] = frozenset()
    identity: dict[str, str] = field(default_factory=dict)
    others: tuple[str, ...] = ()

    @property
    def live(self) -> bool:
        """It runs on the wall clock."""
        return self.mode == "realtime"


def subjects_of(text: str) -> list[CheckedSubject]:
    """What an adapter as given on the command line, or the address of a wire server, stands for.

    Raises:
        FullError: the server has no place for the session that asks for its modes.
        InfrastructureError: it cannot be reached.
        ProtocolError: it does not answer as it must.
        UserError: no such adapter, or no address.
    """
    if text.startswith(("ws://", "wss://")):
        return _at(checked_url(text))
    adapter = make_adapter(parse_adapter_spec(text))
    mode = "realtime" if isinstance(adapter, LiveAdapter) else "lockstep"
    if not isinstance(adapter, Wire | WireLockstep):
        kind = "live" if mode == "realtime" else "step"
        return [CheckedSubject(text, mode, kind, claims=_claims_of(adapter) | {mode})]
    served = {subject.mode: subject for subject in _at(adapter.url)}
    if mode not in served:
        has = " and ".join(served) or "no mode"
        raise ProtocolError(f"the server supports {has}, not {mode}: check {adapter.url} itself")
    return [replace(served[mode], spec=text, others=tuple(other for other in served if other != mode))]


def _at(url: str) -> list[CheckedSubject]:
    ready = asyncio.run(_asked(url))
    video = {"video_in"} if ready.video_in is not None else set()
    claims = frozenset(ready.capabilities) | video
    identity = {"model": ready.model, "server_version": ready.version}
    return [
        CheckedSubject(f"{name}:{url}", mode, "wire", url, claims | {mode}, identity)
        for mode, name in MODES.items()
        if mode in ready.modes
    ]


async def _asked(url: str) -> Ready:
    """What a server says of itself; one that refuses a mode that it lacks is asked in the other."""
    try:
        return await _asked_in(url, "realtime")
    except (InfrastructureError, ProtocolError, UserError) as refused:
        if full := FullError.of(refused):
            raise full from refused
        try:
            return await _asked_in(url, "lockstep")
        except (InfrastructureError, ProtocolError, UserError):
            raise refused from None


async def _asked_in(url: str, mode: Mode) -> Ready:
    socket, _, ready, _ = await open_session(url, hello_of(PROBE, mode), any_mode=True)
    await socket.close()
    return ready


def _claims_of(adapter: Adapter) -> frozenset[str]:
    video = {"video_in"} if adapter.video_in is not None else set()
    return frozenset(video | ({"history"} if adapter.takes_history else set()))
