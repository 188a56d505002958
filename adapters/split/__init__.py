"""split: any realtime adapter in front, any text model in the background; see ``docs/split.md``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tml_bench.adapter import Adapter, LiveAdapter, StepAdapter, WrapsAnother
from tml_bench.adapters.split.background import ChatBackground
from tml_bench.adapters.split.live import LiveSplit
from tml_bench.adapters.split.stepped import StepSplit
from tml_bench.code_digest import code_sha256
from tml_bench.errors import UserError
from tml_bench.plugins import AdapterSpec, asked_model, fitting_class, make_adapter, parse_adapter_spec
from tml_bench.redact import redacted

_TAKEN_OVER = ("audio_in", "audio_out", "video_in", "privileged", "takes_history", "turn_based")
"""What is known of a class, and is the front's."""


@dataclass(frozen=True, slots=True)
class _Parts:
    """The options of `Split`, which says what they are."""

    front: str
    behind: str
    behind_model: str = ""
    tools: str = "front"
    timeout_s: float = 60.0
    max_tokens: int = 0
    effort: str = ""
    sentences: bool = False

    @property
    def spec(self) -> AdapterSpec:
        """The front; a ``UserError`` where it is none."""
        return _front(self.front)

    @property
    def background(self) -> ChatBackground:
        """The background model."""
        model = str(self.behind_model)
        return ChatBackground(self.behind, model, self.timeout_s, self.max_tokens, str(self.effort))

    @property
    def tools_behind(self) -> bool:
        """Whether the task's functions are the background model's."""
        if self.tools not in ("front", "behind"):
            raise UserError(f"tools={self.tools} is nobody", "give tools=front or tools=behind")
        return self.tools == "behind"


class Split(StepSplit, WrapsAnother):
    """A realtime adapter in front, and a text model in the background that it may ask (extra chat).

    Args:
        front: an adapter as on the command line; a comma in it is written ``%2C``.
        behind: the address of chat completions, up to ``/v1``; ``local`` serves a model here.
        behind_model: its name there; with ``local`` a GGUF file, SmolLM2-135M-Instruct if empty.
        tools: whose the task's functions are: ``front`` or ``behind``.
        timeout_s: longest time that the background model may take for an answer.
        max_tokens: longest answer of it; 0 leaves that to its server.
        effort: its reasoning effort; empty says nothing of it.
        sentences: hand the front each sentence as it comes, as a further result of its call; not all fronts
            take several.
    """

    def __init__(
        self, front: str, behind: str, behind_model: str = "", tools: str = "front", timeout_s: float = 60.0,
        max_tokens: int = 0, effort: str = "", sentences: bool = False,
    ) -> None:  # fmt: skip
        parts = _Parts(front, behind, behind_model, tools, timeout_s, max_tokens, effort, sentences)
        made = make_adapter(parts.spec)
        assert isinstance(made, StepAdapter), "class_for chooses by the front"
        super().__init__(
            made,
            parts.background,
            behind=parts.tools_behind,
            sentences=parts.sentences,
            told=_identity(parts.spec, made),
        )

    @classmethod
    def class_for(cls, options: Mapping[str, object]) -> type[StepAdapter] | type[LiveAdapter]:
        """As ``WrapsAnother.class_for``: stepped or live as the front is, with what that declares."""
        front = fitting_class(_front(str(options["front"])))
        mine: type[Split] | type[SplitLive] = SplitLive if issubclass(front, LiveAdapter) else cls
        declared = {name: getattr(front, name) for name in _TAKEN_OVER if hasattr(front, name)}
        # What a property gives is known of an instance alone.
        plain = {name: value for name, value in declared.items() if not isinstance(value, property)}
        return type(mine.__name__, (mine,), {"__module__": __name__, "__doc__": mine.__doc__, **plain})


class SplitLive(LiveSplit):
    """`Split` where the front is a service with a clock of its own; the options are the same."""

    def __init__(self, *args: Any, **options: Any) -> None:
        parts = _Parts(*args, **options)
        made = make_adapter(parts.spec)
        assert isinstance(made, LiveAdapter), "Split.class_for chooses by the front"
        super().__init__(
            made,
            parts.background,
            behind=parts.tools_behind,
            sentences=parts.sentences,
            told=_identity(parts.spec, made),
        )

    @classmethod
    def asked_model(cls, options: Mapping[str, object]) -> str:
        """As ``LiveAdapter.asked_model``: the front's; what the background model costs is not known here."""
        found = _Parts(*_values(options, "args"), **_named(options))
        return asked_model(found.spec)


def _values(options: Mapping[str, object], name: str) -> tuple[Any, ...]:
    value = options.get(name)
    return value if isinstance(value, tuple) else ()


def _named(options: Mapping[str, object]) -> dict[str, Any]:
    value = options.get("options")
    return value if isinstance(value, dict) else {}


def _front(text: str) -> AdapterSpec:
    """The adapter in front; in an option a comma is ``%2C``, and what is ``%2C`` in it ``%252C``."""
    return parse_adapter_spec(re.sub("%(25)?2[Cc]", lambda found: "%2C" if found[1] else ",", text))


def _identity(spec: AdapterSpec, front: Adapter) -> dict[str, str]:
    """What the front is: as it was named, with a hash of its code where that is not the harness's."""
    code = code_sha256(type(front))[:12]
    return {"front": f"{redacted(spec.text)} {code}"}
