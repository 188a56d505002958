"""The wire protocol: plug in a model in any language, behind a WebSocket; see ``docs/wire-protocol.md``."""

from tml_bench.adapters.wire.lockstep import WireLockstep
from tml_bench.adapters.wire.realtime import Wire

__all__ = ["Wire", "WireLockstep"]
