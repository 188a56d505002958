"""The contract between the harness and a model under test, and everything that crosses it.

A first adapter is a class with ``step`` alone::

    import numpy as np
    from tml_bench.adapter import MicroTurn, Output, StepAdapter

    class Beep(StepAdapter):
        audio_in = 16000
        audio_out = 16000

        def step(self, turn: MicroTurn) -> Output | None:
            if turn.index != 10:
                return None
            t = np.arange(8000) / self.audio_out
            return Output(audio=0.3 * np.sin(2 * np.pi * 440 * t))

``tml-bench run --adapter path/to/file.py:Beep`` runs it. ``StepAdapter`` is for models that answer one
micro-turn at a time, on the simulated clock; ``LiveAdapter`` is for services with a clock of their own, on
the wall clock. Both give the same ``Output`` to the same recorder; nothing downstream knows which it was.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Iterable, Mapping
from types import MappingProxyType

from tml_bench.errors import (
    AccountError as AccountError,
    InfrastructureError as InfrastructureError,
    ProtocolError as ProtocolError,
    QuotaError as QuotaError,
    SampleRefusedError as SampleRefusedError,
)
from tml_bench.turns import (
    FlushReport as FlushReport,
    Frame as Frame,
    MicroTurn as MicroTurn,
    ModelEvent as ModelEvent,
    Output as Output,
    ProviderEvent as ProviderEvent,
    SessionStart as SessionStart,
    SpokenWord as SpokenWord,
    ToolCall as ToolCall,
    ToolResult as ToolResult,
    ToolSpec as ToolSpec,
    Transcript as Transcript,
    Usage as Usage,
    VideoSpec as VideoSpec,
)


class StepAdapter(ABC):
    """A model that answers one micro-turn at a time.

    One instance serves many sessions, one after the other; ``start`` must forget the session before.

    Attributes:
        audio_in: the rate in Hz at which it wants the user's audio.
        audio_out: the rate in Hz of the audio it gives.
        video_in: the video it wants; None when it takes none.
        privileged: True for reference adapters that are shown what is expected of them.
        takes_history: it puts ``SessionStart.history`` into the model's context.
        reported: what the model says of itself (``model``, ``server_version``, a checksum of its weights):
            filled by ``warm_up`` or ``start``. A run is continued only while what it says stays the same.
    """

    audio_in: int = 16000
    audio_out: int = 24000
    video_in: VideoSpec | None = None
    privileged: bool = False
    takes_history: bool = False
    reported: Mapping[str, str] = MappingProxyType({})

    def warm_up(self) -> None:  # noqa: B027
        """Load weights and run once, before the first session; its time is charged to nobody."""

    def start(self, session: SessionStart) -> None:  # noqa: B027
        """Begin a session; its time is charged to nobody."""

    @abstractmethod
    def step(self, turn: MicroTurn) -> Output | Iterable[Output | ProviderEvent] | None:
        """Take one micro-turn of the user and return what the model does; None means nothing.

        What belongs to several replies is several outputs, in order: a list, or what ``yield`` gives. Events
        between them are only recorded.
        """

    def stop(self) -> None:  # noqa: B027
        """End the session; called also after ``step`` has raised."""


class LiveAdapter(ABC):
    """A service with a clock of its own, spoken to in real time; all methods run on one asyncio loop.

    One instance serves one session. No method may block the loop.

    Attributes:
        audio_in: the rate in Hz at which it wants the user's audio.
        audio_out: the rate in Hz of the audio it gives.
        video_in: the video it wants; None when it takes none.
        privileged: as for ``StepAdapter``.
        turn_based: the service answers whole turns, so that overlap cannot be handled; reports say so.
        takes_history: as for ``StepAdapter``.
        reported: as for ``StepAdapter``, filled by ``prepare`` or ``connect``, or as the service tells it.
        complaint: the error that the service reported last; empty when it has answered since. A session that
            ends with one is of no fault of the model's.
        patience_s: how long ``ping`` may wait, where that is longer than the session's own limits: the time
            in which a service must answer that gives no other sign of life.
        usage_at_close: what the service counted beyond all ``Usage`` given before, told to ``close``.
    """

    audio_in: int = 24000
    audio_out: int = 24000
    video_in: VideoSpec | None = None
    privileged: bool = False
    turn_based: bool = False
    takes_history: bool = False
    reported: Mapping[str, str] = MappingProxyType({})
    complaint: str = ""
    patience_s: float = 0.0
    usage_at_close: Usage = Usage()

    @classmethod
    def asked_model(cls, options: Mapping[str, object]) -> str:
        """The model that sessions would be held with, so that they can be priced beforehand.

        Args:
            options: of the constructor, by name, those at their defaults included.

        Returns:
            Its name; empty where the service chooses. By default the option ``model``.
        """
        return str(options.get("model") or "")

    async def prepare(self) -> None:  # noqa: B027
        """Learn what the service wants; the attributes above hold once it has returned.

        Called once, before ``connect``.

        Raises:
            InfrastructureError, QuotaError: as ``connect``.
            ProtocolError: the service answers with garbage.
        """

    @abstractmethod
    async def connect(self, session: SessionStart) -> None:
        """Open the session; returns when the service is ready to listen.

        Raises:
            InfrastructureError: the service cannot be reached.
            QuotaError: it refuses for its limits.
            AccountError: it refuses every session: no credit, a wrong key, an unknown model.
            SampleRefusedError: it will never take this sample.
        """

    @abstractmethod
    async def send(self, turn: MicroTurn) -> None:
        """Send one micro-turn of the user: audio, silence included, and whatever else it holds."""

    @abstractmethod
    def events(self) -> AsyncIterator[ModelEvent]:
        """What the service gives, as it comes, until the session is closed.

        Ending before ``close`` was called means that the service hung up: outcome ``infrastructure``. Where
        the session fails otherwise it is called once more, for what is left: it goes on, and does not begin
        again.

        Raises:
            ProtocolError: the service sent garbage.
            InfrastructureError: the connection broke.
        """

    async def heard(self, item: str, ms: float, cut: bool) -> None:  # noqa: B027
        """Told after a flush how much of a reply was heard, so that the service can be told (truncate).

        Called once for each reply that the flush cut, in the order of ``FlushReport.items``, never beside
        ``send``: it waits for its turn as audio does, and comes through the emulated network.

        Args:
            item: the reply, as in ``Output.item``.
            ms: heard of it, in all; 0 for one that was not begun.
            cut: True when the rest was dropped.
        """

    async def ping(self) -> bool:
        """Ask the service for a sign of life, over what carries the session; several may be under way.

        Called about every second and once more when the script has ended. A service that gives none then is
        hung: outcome ``infrastructure``, and not a silent model.

        Returns:
            True once the service has given one; False, at once, where it cannot be asked.

        Raises:
            InfrastructureError: the connection is gone.
        """
        return False

    @abstractmethod
    async def close(self) -> None:
        """End the session; called also after another method has raised.

        Raises:
            InfrastructureError: the service does not answer the goodbye.
        """


class WrapsAnother(ABC):
    """An adapter around another one, whose kind is that of the other."""

    @classmethod
    @abstractmethod
    def class_for(cls, options: Mapping[str, object]) -> type[StepAdapter] | type[LiveAdapter]:
        """The class to make with these options of the constructor, by name; it takes the same ones.

        Raises:
            UserError: they name no adapter.
        """


Adapter = StepAdapter | LiveAdapter
