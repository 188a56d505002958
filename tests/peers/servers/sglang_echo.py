"""SGLang-Omni's session server over an engine that gives back what it hears, once it hears anything.

Negotiation, events, clocks, queues and the closing of sessions are sglang-omni's own
(``serve.realtime.protocol`` and what it imports). The package of that module also holds sessions that need an
engine, and with it torch, sglang and a GPU; so it is entered without its ``__init__``. The route is the
test's, as ``serve.openai_api`` has it.
"""

from __future__ import annotations

import argparse
import sys
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

import numpy as np
import uvicorn
from fastapi import FastAPI, WebSocket

realtime = ModuleType("sglang_omni.serve.realtime")
(package,) = find_spec("sglang_omni").submodule_search_locations
realtime.__path__ = [str(Path(package, "serve", "realtime"))]
sys.modules[realtime.__name__] = realtime

from sglang_omni.serve.realtime.output import (  # noqa: E402  (it takes what was put in place above)
    AudioDelta,
    AudioFinished,
    ResponseFinished,
    ResponseStarted,
    TextDelta,
    TextFinished,
)
from sglang_omni.serve.realtime.protocol import SharedRealtimeSession  # noqa: E402
from sglang_omni.serve.realtime.runtime import SessionRuntime  # noqa: E402
from sglang_omni.serve.realtime.schema import SessionConfiguration  # noqa: E402
from sglang_omni.serve.realtime.types import (  # noqa: E402
    Capabilities,
    InteractionAdapter,
    OutputSink,
    RuntimeLimits,
    Unit,
)

RATE = 16000
UNIT_MS = 80
LOUD = 100
QUIET_UNITS = 4
"""So many in a row end an answer."""
USAGE = {"prompt_tokens": 40, "completion_tokens": 12, "total_tokens": 52, "engine_time_s": 0.1}
app = FastAPI()


class Echo(InteractionAdapter):
    """Answers each stretch of sound with itself."""

    def __init__(self) -> None:
        self._answers = 0
        self._quiet = QUIET_UNITS

    async def open(self, session_id: str, config: SessionConfiguration, emit: OutputSink) -> None:
        self._emit = emit

    async def process(self, unit: Unit) -> int:
        loud = np.abs(np.frombuffer(unit.pcm, "<i2")).max(initial=0) > LOUD
        speaking = self._quiet < QUIET_UNITS
        self._quiet = 0 if loud else self._quiet + 1
        self._answers += loud and not speaking
        response, item = f"resp_{self._answers}", f"item_{self._answers}"
        if loud and not speaking:
            await self._emit(ResponseStarted(response))
            await self._emit(TextDelta(response, item, "echo"))
        if loud or speaking:
            await self._emit(AudioDelta(response, item, unit.pcm))
        if speaking and self._quiet == QUIET_UNITS:
            await self._emit(TextFinished(response, item, "echo"))
            await self._emit(AudioFinished(response, item))
            await self._emit(ResponseFinished(response, item, "echo", True, "completed", "stop", USAGE))
        return unit.real_samples

    async def close(self) -> None:
        pass


@app.websocket("/v1/realtime")
async def serve(websocket: WebSocket) -> None:
    able = Capabilities(
        input_sample_rate_hz=RATE,
        output_sample_rate_hz=RATE,
        output_modalities=("audio", "text"),
        native_unit_ms=UNIT_MS,
        tail_policy="pad",
    )
    session = SharedRealtimeSession(websocket, SessionRuntime("echo", able, Echo, RuntimeLimits()))
    await websocket.accept()
    await session.run()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    uvicorn.run(app, host="127.0.0.1", port=parser.parse_args().port)
