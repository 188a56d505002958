"""In what the services that look like OpenAI Realtime differ, as data.

A new service is a new entry in ``DIALECTS``; no other code asks for a dialect's name.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from tml_bench.adapter import SessionStart, VideoSpec
from tml_bench.adapters._media import Encoding
from tml_bench.adapters._refusal_tables import DASHSCOPE, OPENAI, OWN_SERVER
from tml_bench.adapters._refusals import ServiceRefusals
from tml_bench.adapters.openai_realtime import messages as say
from tml_bench.adapters.openai_realtime.messages import Message, SessionWishes, UserStretch
from tml_bench.samples import Message as Said


def _model_query(wishes: SessionWishes) -> Mapping[str, str]:
    return {"model": wishes.model} if wishes.model else {}


def _duplex_query(wishes: SessionWishes) -> Mapping[str, str]:
    return {"duplex": "1", "autostart": "0", **_model_query(wishes)}


def _mode_query(wishes: SessionWishes) -> Mapping[str, str]:
    return {"mode": "video" if wishes.video else "audio"}


@dataclass(frozen=True, slots=True)
class Dialect:
    """One service's way of speaking the protocol; the defaults are OpenAI's GA form.

    Attributes:
        base_url: where it is; ``/realtime`` is added.
        model: asked for when none is given; empty leaves it to the service.
        keys: environment variables that may hold the key, in order.
        query: what the address carries.
        greeting: what the service says first; empty when the client speaks first.
        configure: the message that configures the session.
        ready: what the service then says.
        patience_s: longest wait for either.
        vads: who may find the user's turns; the first is the default, empty leaves it to the service.
        rate_in: of the user's audio, in Hz.
        rate_out: of the model's audio, in Hz.
        encoding: of the audio both ways.
        unit_ms: audio is sent in units of this length; 0 as it comes.
        append: audio and frames as messages.
        video: frames it wants; None when it takes none.
        video_on_request: only if a frame rate was asked for: its sessions are either with video or without.
        text: a text message of the user; None when it takes none.
        history: what was said before the session, as messages; None when it takes none.
        tools: it calls functions.
        efforts: it takes a reasoning effort.
        voices: it takes a voice.
        transcribes: it takes a model that transcribes the user.
        numbered: every message of ours carries an ``event_id``.
        cuts_on_speech: when it hears the user begin it cancels its reply, and the client must drop what is
            unheard. False for full-duplex models, which decide that themselves and say so, unless turn
            detection was asked for.
        confirms_cancel: it says when a response that we cancelled is done.
        truncates: it is told how much of a cut reply was heard.
        text_is_spoken: written output beside audio is the transcript of that audio.
        farewell: said before closing; empty for nothing.
        refusals: what its errors mean.
    """

    base_url: str
    model: str = ""
    keys: tuple[str, ...] = ()
    query: Callable[[SessionWishes], Mapping[str, str]] = _model_query
    greeting: str = "session.created"
    configure: Callable[[SessionWishes, SessionStart], Message] = say.ga_session
    ready: str = "session.updated"
    patience_s: float = 20.0
    vads: tuple[str, ...] = ("server", "semantic", "manual")
    rate_in: int = 24000
    rate_out: int = 24000
    encoding: Encoding = "pcm16"
    unit_ms: int = 0
    append: Callable[[UserStretch], list[Message]] = say.append_with_image_items
    video: VideoSpec | None = field(default_factory=lambda: VideoSpec(fps=1.0, max_side=768))
    video_on_request: bool = False
    text: Callable[[str], Message] | None = say.text_item
    history: Callable[[Said, int], Message] | None = None
    tools: bool = True
    efforts: bool = False
    voices: bool = True
    transcribes: bool = True
    numbered: bool = True
    cuts_on_speech: bool = True
    confirms_cancel: bool = True
    truncates: bool = True
    text_is_spoken: bool = False
    farewell: str = ""
    refusals: ServiceRefusals = OWN_SERVER


_MINICPMO = Dialect(
    base_url="wss://localhost:8006/v1", query=_mode_query, greeting="", configure=say.minicpmo_session,
    ready="session.created", patience_s=120.0, vads=("",), rate_in=16000, encoding="float32", unit_ms=1000,
    append=say.append_with_frames, video_on_request=True, text=None, tools=False, voices=False,
    transcribes=False, numbered=False, cuts_on_speech=False, truncates=False, farewell="session.close",
)  # fmt: skip

DIALECTS: Mapping[str, Dialect] = {
    "ga": Dialect(
        history=say.history_item, base_url="wss://api.openai.com/v1", model="gpt-realtime-2.1",
        keys=("OPENAI_API_KEY",), efforts=True, refusals=OPENAI,
    ),
    "s2s": Dialect(base_url="ws://localhost:8765/v1", patience_s=60.0, vads=("server",)),
    "qwen": Dialect(
        base_url="wss://dashscope-intl.aliyuncs.com/api-ws/v1", model="qwen3.5-omni-flash-realtime",
        keys=("DASHSCOPE_API_KEY",), configure=say.qwen_session, rate_in=16000,
        append=say.append_then_image_buffer, video=VideoSpec(fps=1.0, max_side=720), confirms_cancel=False,
        truncates=False, farewell="session.finish", refusals=DASHSCOPE,
    ),
    "vllm-duplex": Dialect(
        base_url="ws://localhost:8000/v1", query=_duplex_query, greeting="", configure=say.vllm_session,
        ready="session.created", patience_s=60.0, vads=("", "server", "manual"), rate_in=16000,
        append=say.append_duplex, text=say.input_text, cuts_on_speech=False, farewell="session.close",
    ),
    "sglang": Dialect(
        base_url="ws://localhost:8000/v1", configure=say.sglang_session, patience_s=60.0,
        vads=("", "server", "semantic"), rate_in=16000, append=say.append_numbered, text=None, tools=False,
        voices=False, transcribes=False, cuts_on_speech=False, text_is_spoken=True, farewell="session.close",
    ),
    "minicpmo": _MINICPMO,
    "minicpmo-v2": replace(
        _MINICPMO, greeting="session.queue_done", configure=say.minicpmo_init, append=say.append_input
    ),
}  # fmt: skip
