"""What services say that they have counted: tokens and seconds, under the names that each gives them.

Sources: ``RealtimeResponseUsage``, ``CompletionUsage`` and ``SessionUsage`` of openai 3.57; server events of
DashScope; sglang-omni 0.1.9 ``serve/realtime``; ``UsageMetadata`` of google-genai 3.6. A count is at least 0
and of a credible size: anything else counts as not told, for no session fails over its bill.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields, replace

from tml_bench.adapter import Usage

MOST = 2**53
"""Larger numbers are no counts; all up to it survive being written as JSON."""


class RunningUsage:
    """Turns counts that a service tells again as they grow into what came since it last told them."""

    def __init__(self) -> None:
        self._seconds = 0.0
        self._prompt = Usage()

    def seconds(self, usage: object) -> Iterator[Usage]:
        """The seconds of a whole session so far, ``{"seconds": 12.0}``."""
        now = _seconds(_mapping(usage), "seconds")
        if now > self._seconds:
            yield Usage(input_audio_s=now - self._seconds)
            self._seconds = now

    def prompt(self, metadata: object) -> Iterator[Usage]:
        """Gemini's ``usageMetadata``, which is of one answer.

        Every answer reads the whole conversation, which has grown since the one before; so two messages with
        the same prompt are of the same answer, and what the second says holds the first.
        """
        told = _mapping(metadata)
        now = Usage(
            input_tokens=_count(told, "promptTokenCount") + _count(told, "toolUsePromptTokenCount"),
            output_tokens=_count(told, "responseTokenCount", "candidatesTokenCount")
            + _count(told, "thoughtsTokenCount"),
            input_audio_tokens=_of_audio(told.get("promptTokensDetails")),
            output_audio_tokens=_of_audio(told.get("responseTokensDetails")),
            cached_tokens=_count(told, "cachedContentTokenCount"),
            calls=1,
        )
        if now == Usage(calls=1):
            return
        before, self._prompt = self._prompt, now
        if now.input_tokens != before.input_tokens or now.output_tokens < before.output_tokens:
            yield now
        elif now.output_tokens > before.output_tokens:
            spoken = max(0, now.output_audio_tokens - before.output_audio_tokens)
            grown = now.output_tokens - before.output_tokens
            yield Usage(output_tokens=grown, output_audio_tokens=spoken)


def response_tokens(response: object) -> Iterator[Usage]:
    """The tokens of a response of OpenAI's Realtime or Responses interface, whatever became of it."""
    return tokens(_mapping(response).get("usage"))


def tokens(usage: object, calls: int = 1) -> Iterator[Usage]:
    """The ``usage`` of OpenAI's interfaces and those shaped like them; nothing where it tells nothing.

    Args:
        usage: of one answer, or of one transcription of the user.
        calls: how many answers that is.
    """
    told = _mapping(usage)
    read = _details(told, "input_token_details", "input_tokens_details", "prompt_tokens_details")
    given = _details(told, "output_token_details", "output_tokens_details", "completion_tokens_details")
    counted = Usage(
        input_tokens=_count(told, "input_tokens", "prompt_tokens"),
        output_tokens=_count(told, "output_tokens", "completion_tokens"),
        input_audio_tokens=_count(read, "audio_tokens"),
        output_audio_tokens=_count(given, "audio_tokens"),
        cached_tokens=_count(read, "cached_tokens"),
        input_audio_s=_seconds(told, "seconds"),
    )
    if counted != Usage():
        yield replace(counted, calls=calls)


def as_named(counted: object) -> Iterator[Usage]:
    """Counts under the names that ``Usage`` gives them, as they come behind the wire protocol."""
    told = _mapping(counted)
    usage = Usage(
        **{f.name: _count(told, f.name) for f in fields(Usage) if not f.name.endswith("_s")},
        input_audio_s=_seconds(told, "input_audio_s"),
        output_audio_s=_seconds(told, "output_audio_s"),
    )
    if usage != Usage():
        yield usage


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}


def _details(told: Mapping[str, object], *names: str) -> Mapping[str, object]:
    return next((_mapping(told[name]) for name in names if name in told), {})


def _count(told: Mapping[str, object], *names: str) -> int:
    """The first of these that is told, 0 if none is or it is no count."""
    value = next((told[name] for name in names if told.get(name) is not None), 0)
    return value if type(value) is int and 0 <= value <= MOST else 0


def _seconds(told: Mapping[str, object], name: str) -> float:
    value = told.get(name)
    return float(value) if isinstance(value, int | float) and 0 <= value <= MOST else 0.0


def _of_audio(details: object) -> int:
    """Audio's count in a list of ``{"modality": "AUDIO", "tokenCount": 5}``."""
    entries: Iterable[object] = details if isinstance(details, list) else ()
    parts = [_mapping(entry) for entry in entries]
    return sum(_count(part, "tokenCount") for part in parts if part.get("modality") == "AUDIO")
