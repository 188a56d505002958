"""Checks what an adapter returns before it reaches the recording."""

import math
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict

import msgspec
import numpy as np
from numpy.typing import NDArray

from tml_bench.adapter import Output, ProviderEvent, ToolCall, Transcript, Usage
from tml_bench.blame import in_one_line
from tml_bench.events import ModelToolCall
from tml_bench.redact import cut, recordable
from tml_bench.timebase import nanoseconds

OVER_SCALE = 1.0001
"""Samples beyond it are clipped; one of 16 bits divided by 32767 instead of 32768 is not."""
LONGEST_UNREADABLE = 200
"""Most characters that are kept of arguments that are no JSON object."""
WRONG_SCALE = 4.0
"""Samples beyond it, 12 dB over full scale, are of another scale: no model overshoots that far."""


class AdapterFaultError(Exception):
    """The adapter raised or broke its contract: outcome ``adapter_error``."""

    @property
    def origin(self) -> BaseException | None:
        """What was raised first; None when nothing was, and the contract broken."""
        cause = self.__cause__
        return cause.origin if isinstance(cause, AdapterFaultError) else cause


def fault(index: int, what: str) -> AdapterFaultError:
    """What the adapter did wrong in a micro-turn."""
    return AdapterFaultError(f"micro-turn {index}: {what}")


@contextmanager
def blamed_on_output(index: int) -> Iterator[None]:
    """What an output of a wrong shape makes the harness raise is the adapter's fault."""
    try:
        yield
    except (TypeError, ValueError, AttributeError, OverflowError) as error:
        raise fault(index, f"the output cannot be used ({in_one_line(error)})") from error


def checked_audio(output: Output, index: int) -> tuple[NDArray[np.float32], int]:
    """The audio of an output as float32 in [-1, 1], shape (n,), empty when there is none.

    Returns:
        The audio, and how many of its samples were over full scale (beyond ``OVER_SCALE``) and clipped.

    Raises:
        AdapterFaultError: not numbers, not one-dimensional, not finite, or not of full scale 1 (beyond
            ``WRONG_SCALE``); names the micro-turn ``index``.
    """
    if output.audio is None:
        return np.zeros(0, dtype=np.float32), 0
    audio = np.asarray(output.audio)
    if audio.ndim != 1:
        raise fault(index, f"audio has shape {audio.shape}, it must be (n,), mono")
    if audio.dtype == np.int16:
        return audio.astype(np.float32) / np.float32(32768), 0
    if audio.dtype.kind != "f":
        raise fault(index, f"audio is {audio.dtype}, it must be a float type or int16")
    # What is not finite is among these, NaN as both.
    highest, lowest = float(audio.max(initial=0)), float(audio.min(initial=0))
    if not (math.isfinite(highest) and math.isfinite(lowest)):
        _check_finite(audio, index)
    peak = max(highest, -lowest)
    if peak > WRONG_SCALE:
        raise fault(
            index,
            f"audio peaks at {peak:g}, but full scale of floats is [-1, 1]: divide 16-bit samples by 32768, "
            "or give them as int16",
        )
    if peak <= 1:
        return audio.astype(np.float32), 0
    clipped = int(np.count_nonzero(np.abs(audio) > OVER_SCALE))
    return np.clip(audio, -1, 1).astype(np.float32, copy=False), clipped


def _check_finite(audio: NDArray[np.floating], index: int) -> None:
    finite = np.isfinite(audio)
    if not finite.all():
        bad = int(finite.argmin())
        raise fault(index, f"audio sample {bad} is {audio[bad]}, it must be finite")


def checked_text(text: object, index: int) -> str:
    """The text itself. Raises AdapterFaultError if it is no string."""
    if not isinstance(text, str):
        raise fault(index, f"text is {type(text).__name__}, it must be str")
    return text


def checked_items(output: Output, index: int) -> tuple[str, ...]:
    """The replies that a flush is of; none for all. Raises AdapterFaultError if they are no texts."""
    items: object = output.flush_only
    if not isinstance(items, tuple) or not all(isinstance(item, str) for item in items):
        raise fault(index, f"flush_only is {items!r}, it must be a tuple of str")
    return items


def checked_call_ids(output: Output, index: int) -> tuple[str, ...]:
    """The calls that the model gives up. Raises AdapterFaultError if they are no texts."""
    ids: object = output.cancelled_calls
    if not isinstance(ids, tuple) or not all(isinstance(call_id, str) for call_id in ids):
        raise fault(index, f"cancelled_calls is {ids!r}, it must be a tuple of str")
    return ids


def checked_transcript(piece: object, index: int) -> Transcript:
    """The piece itself. Raises AdapterFaultError if it is none, or its words' times are impossible."""
    if not isinstance(piece, Transcript) or not isinstance(piece.text, str):
        raise fault(index, f"transcript must hold Transcript, not {type(piece).__name__}")
    for word in piece.words:
        checked_text(word.text, index)
        if not (math.isfinite(word.start_s) and math.isfinite(word.end_s) and word.start_s <= word.end_s):
            raise fault(index, f"word {word.text!r} has times {word.start_s} to {word.end_s}")
    return piece


def checked_outputs(given: object, index: int) -> tuple[Output | ProviderEvent, ...]:
    """What a step returned, in order. Raises AdapterFaultError if it is anything else."""
    outputs = given if isinstance(given, tuple | list) else () if given is None else (given,)
    for output in outputs:
        if not isinstance(output, Output | ProviderEvent):
            named = type(output).__name__
            raise fault(index, f"step returned {named}, it must be Output, a list of them, or None")
    return tuple(outputs)


def tool_call_event(call: object, index: int, t_ns: int) -> ModelToolCall:
    """A call as it is recorded and answered. Raises AdapterFaultError if it is none, or not of JSON."""
    if not isinstance(call, ToolCall):
        raise fault(index, f"tool_calls must hold ToolCall, not {type(call).__name__}")
    try:
        builtins = recordable(msgspec.to_builtins(dict(call.arguments)))
        arguments = msgspec.convert(builtins, dict[str, object])
    except (TypeError, ValueError, RecursionError) as error:
        raise fault(index, f"arguments of {call.name!r} are not JSON: {error}") from error
    unreadable = cut(str(call.unreadable), LONGEST_UNREADABLE)
    return ModelToolCall(t_ns, str(call.call_id), str(call.name), arguments, unreadable=unreadable)


def checked_usage(usage: Usage) -> Usage:
    """The usage itself. Raises AdapterFaultError unless all of it is finite and at least 0, counts whole."""
    for name, value in asdict(usage).items():
        kinds = (int, float) if name.endswith("_s") else (int,)
        if type(value) not in kinds or not 0 <= value < math.inf:
            raise AdapterFaultError(f"{name} of a Usage is {value!r}")
    return usage


def reported_cost_ns(outputs: Iterable[Output | ProviderEvent], index: int) -> int | None:
    """What a step says it cost, in ns; None when nothing. Raises AdapterFaultError unless finite and >= 0."""
    given = (output.compute_s for output in outputs if isinstance(output, Output))
    costs: list[object] = [cost_s for cost_s in given if cost_s is not None]
    total_ns = 0
    for cost_s in costs:
        if not isinstance(cost_s, int | float) or not 0 <= cost_s < math.inf:
            raise fault(index, f"compute_s is {cost_s!r}, it must be at least 0")
        total_ns += nanoseconds(cost_s)
    return total_ns if costs else None
