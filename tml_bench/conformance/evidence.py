"""What the recording of a session shows: what went out to the model, and whether the model spoke.

The model speaks where the harness's own detector (``perception.vad``) finds speech, as when a run is scored;
dither, comfort noise, hum and beeps are no speech. What went out is what the recording says was sent to the
service, not what the script meant to send.
"""

import json
import re
from collections.abc import Callable
from functools import cached_property
from typing import TypeVar

import numpy as np

from tml_bench import events as ev
from tml_bench.perception.vad import listen, speech_segments
from tml_bench.recording import Recording
from tml_bench.session.user import VOICED_LEVEL
from tml_bench.timeline import Segment
from tml_bench.wire.messages import JPEG

IMAGES = re.compile(r"image|video|jpeg|frame", re.IGNORECASE)
"""Names that services give to messages with pictures."""
POSITIONS = re.compile(r"truncat|\bmark\b|played|heard|audio_end_ms", re.IGNORECASE)
"""Names that services give to messages that say how much of a reply was heard."""
_ABRUPT_S = 0.3

Kind = TypeVar("Kind")


class Evidence:
    """What one recording shows; ``live`` when a service was spoken to, whose messages are recorded."""

    def __init__(self, recording: Recording, *, live: bool) -> None:
        self.recording = recording
        self.live = live
        self.events = tuple(recording.events())

    def of(self, kind: type[Kind]) -> list[Kind]:
        """The events of a kind, in order."""
        return [event for event in self.events if isinstance(event, kind)]

    @cached_property
    def speech(self) -> tuple[Segment, ...]:
        """Where the model speaks, as the harness's detector has it."""
        return speech_segments(listen(self.recording.model_path)) if self.peak else ()

    @cached_property
    def peak(self) -> float:
        """The highest sample of the model's track, in [0, 1]."""
        audio, _ = self.recording.audio()
        return float(np.abs(audio[1]).max(initial=0.0))

    @property
    def level(self) -> str:
        """The same in dBFS, as text."""
        return f"{20 * np.log10(max(self.peak, 2**-16)):.0f} dBFS"

    def sound_onset_s(self, after_s: float) -> float | None:
        """When a sound that anyone would hear begins after a time, having been away; None where none does.

        It is louder than -45 dBFS (root mean square of 10 ms), and was not for 0.3 s before.
        """
        audio, rate = self.recording.audio()
        size = rate // 100
        frames = audio[1][: len(audio[1]) // size * size].reshape(-1, size)
        loud = np.flatnonzero(np.sqrt(np.mean(frames**2, axis=1)) > VOICED_LEVEL) * size / rate
        away_s = np.diff(loud, prepend=-np.inf)
        begins = loud[(loud >= after_s) & (away_s >= _ABRUPT_S)]
        return float(begins[0]) if len(begins) else None

    @property
    def records_messages(self) -> bool:
        """Whether anything that went to the service during the session is recorded."""
        return any(m.t_ns > 0 for m in self._sent)

    @property
    def _sent(self) -> list[ev.ProviderMessage]:
        return [m for m in self.of(ev.ProviderMessage) if m.sent and m.type != "unsupported"]

    def lacks(self, name: str) -> bool:
        """Whether the adapter said that the service cannot be told this."""
        said = (m for m in self.of(ev.ProviderMessage) if m.sent and m.type == "unsupported")
        return any(name in field for m in said for field in m.body)

    def messages(self, holds: Callable[[ev.ProviderMessage, str], bool]) -> list[ev.ProviderMessage]:
        """Messages to the service whose type and body as JSON are so."""
        return [m for m in self._sent if holds(m, json.dumps(m.body, ensure_ascii=False))]

    def with_text(self, text: str) -> list[ev.ProviderMessage]:
        """Messages to the service that hold a text."""
        return self.messages(lambda message, body: text in body)

    def with_image(self) -> list[ev.ProviderMessage]:
        """Messages to the service that hold a picture."""
        return self.messages(
            lambda m, body: m.t_ns > 0 and bool(IMAGES.search(m.type + body) or m.body.get("kind") == JPEG)
        )

    def with_position(self, after_ns: int) -> list[ev.ProviderMessage]:
        """Messages to the service from then on that say how much of a reply was heard."""
        return self.messages(
            lambda m, body: m.t_ns >= after_ns and m.type != "tick" and bool(POSITIONS.search(m.type + body))
        )


def unsent(shown: Evidence, what: str, field: str, messages: list[ev.ProviderMessage]) -> str:
    """Why it is not shown that something went to the service; empty where it is.

    Of an adapter that answers micro-turns itself, what is handed to it has gone out.
    """
    if not shown.live or messages:
        return ""
    if shown.lacks(field):
        return f"the adapter has no way to send {what}, so none was sent"
    if not shown.records_messages:
        return f"whether it sends {what} cannot be told: it records none of its messages (ProviderEvent)"
    return f"no message with {what} is recorded as sent, so an answer would prove nothing"
