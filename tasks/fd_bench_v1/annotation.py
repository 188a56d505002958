"""Annotations of FD-bench v1: their types, and reading them with every flaw named.

Errors are ``BadSampleError`` with the text ``<file>: <field>: <what>; <remedy>``, where the file is named by
the last three parts of its path.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path

from tml_bench.errors import BadSampleError
from tml_bench.metrics.backchannel import windows_of
from tml_bench.metrics.vocalisations import Interval

GT_FILE = "icc_gt_distribution.json"
RESTORE = "unpack it again from the dataset"
_SLACK_S = 0.1  # annotations were made on other copies of the audio; the shipped examples differ by 0.02 s


@dataclass(frozen=True, slots=True)
class PauseAnnotation:
    """A pause in the user's turn.

    Attributes:
        duration_s: length of the clip.
        pause: its start and end.
        user_end_s: end of the user's turn.
    """

    duration_s: float
    pause: Interval
    user_end_s: float


@dataclass(frozen=True, slots=True)
class TurnEndAnnotation:
    """The end of the user's turn.

    Attributes:
        duration_s: length of the clip.
        user_end_s: end of the user's turn.
    """

    duration_s: float
    user_end_s: float


@dataclass(frozen=True, slots=True)
class InterruptionAnnotation:
    """The user interrupts.

    Attributes:
        duration_s: length of the clip.
        interruption: start and end of the interrupting speech.
        context: what the user says first; empty if not known.
        text: what they cut in with; empty if not known.
    """

    duration_s: float
    interruption: Interval
    context: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True)
class BackchannelAnnotation:
    """The user talks at length.

    Attributes:
        duration_s: length of the clip.
        distribution: where listeners gave backchannels, over equal parts of the clip; None if not known.
        windows: opportunities for one backchannel each; None if not known.
        unknown: why either of them is not known.
    """

    duration_s: float
    distribution: tuple[float, ...] | None
    windows: tuple[Interval, ...] | None
    unknown: str


Annotation = PauseAnnotation | TurnEndAnnotation | InterruptionAnnotation | BackchannelAnnotation


def read_pause(folder: Path, duration_s: float) -> PauseAnnotation:
    """Read ``pause.json``, and ``transcription.json`` if there is one.

    The user's turn ends with the last word of the speaker who pauses, or with the clip where there is no
    transcription or it ends before the pause does.

    Raises:
        BadSampleError: a file is missing or broken.
    """
    pause = _timestamps(folder / "pause.json", duration_s)[0]
    transcription = folder / "transcription.json"
    end = _last_word_end(transcription, pause) if transcription.exists() else duration_s
    return PauseAnnotation(duration_s, pause, min(end, duration_s) if end >= pause[1] else duration_s)


def read_turn_end(folder: Path, duration_s: float) -> TurnEndAnnotation:
    """Read ``turn_taking.json``; only the first time of its timestamp is used.

    Raises:
        BadSampleError: the file is missing or broken.
    """
    path = folder / "turn_taking.json"
    end = _timestamps(path, duration_s, ordered=False)[0][0]
    if end <= 0:
        raise bad(path, "[0].timestamp[0]", "the user's turn ends at 0, before it began", "correct it")
    return TurnEndAnnotation(duration_s, end)


def read_interruption(folder: Path, duration_s: float) -> InterruptionAnnotation:
    """Read ``interrupt.json``.

    Raises:
        BadSampleError: the file is missing or broken.
    """
    path = folder / "interrupt.json"
    timestamp = _timestamps(path, duration_s)[0]
    items = load_json(path)
    item = items[0] if isinstance(items, list) else None
    texts = (item.get(name) if isinstance(item, dict) else None for name in ("context", "interrupt"))
    context, text = (text.strip() if isinstance(text, str) else "" for text in texts)
    return InterruptionAnnotation(duration_s, timestamp, context, text)


def read_backchannel(folder: Path, duration_s: float, gt: Path | None) -> BackchannelAnnotation:
    """Read the listeners' distribution, and the opportunities of ``backchannel.json`` if there is one.

    Without ``backchannel.json`` the opportunities are the peaks of the distribution.

    Args:
        folder: the sample's; its name is the key in the distribution file.
        duration_s: length of the clip.
        gt: the distribution file; None if there is none.

    Raises:
        BadSampleError: a file is broken.
    """
    distribution, unknown = None, ""
    if gt is None:
        unknown = f"{GT_FILE} was not found; copy it from evaluation/ of the Full-Duplex-Bench repository"
    else:
        distribution = _distribution(gt, folder.name)
        if distribution is None:
            unknown = f"{_short(gt)} has no entry {folder.name}; name the folder as in the dataset"
    path = folder / "backchannel.json"
    if path.exists():
        windows: tuple[Interval, ...] | None = _timestamps(path, duration_s)
    else:
        windows = None if distribution is None else windows_of(distribution, duration_s)
    return BackchannelAnnotation(duration_s, distribution, windows, unknown)


def bad(path: Path, field: str, what: str, remedy: str) -> BadSampleError:
    """The error for a field of a file; without field, for the file."""
    return BadSampleError(f"{_short(path)}: {field + ': ' if field else ''}{what}; {remedy}")


def load_json(path: Path) -> object:
    """Decode a JSON file.

    Raises:
        BadSampleError: it is missing, empty or not JSON.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise bad(path, "", "the file is missing", RESTORE) from None
    except (OSError, UnicodeDecodeError) as error:
        raise bad(path, "", f"cannot be read ({error})", RESTORE) from None
    if not text.strip():
        raise bad(path, "", "the file is empty", RESTORE)
    try:
        value: object = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise bad(path, "", f"not JSON ({error})", RESTORE) from None
    return value


def number(path: Path, field: str, value: object) -> float:
    """Check that a value is a finite number of seconds, at least 0.

    Raises:
        BadSampleError: it is not.
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise bad(path, field, f"{_brief(value)} is not a number", "give seconds")
    try:
        seconds = float(value)
    except OverflowError:
        seconds = math.inf
    if not math.isfinite(seconds) or seconds < 0:
        raise bad(path, field, f"{value} is not a time in the clip", "give seconds from its start")
    return seconds


def pair(path: Path, field: str, value: object) -> tuple[object, object]:
    """Check that a value is a list of two.

    Raises:
        BadSampleError: it is not.
    """
    if not isinstance(value, list) or len(value) != 2:
        raise bad(path, field, f"{_brief(value)} is not a pair", "give [start, end] in seconds")
    return value[0], value[1]


def _timestamps(path: Path, duration_s: float, ordered: bool = True) -> tuple[Interval, ...]:
    items = load_json(path)
    if not isinstance(items, list) or not items:
        what = "the list is empty" if items == [] else f"{_brief(items)} is not a list"
        raise bad(path, "", what, 'give [{"timestamp": [start, end]}]')
    return tuple(_timestamp(path, i, item, duration_s, ordered) for i, item in enumerate(items))


def _timestamp(path: Path, index: int, item: object, duration_s: float, ordered: bool) -> Interval:
    field = f"[{index}].timestamp"
    if not isinstance(item, dict) or "timestamp" not in item:
        raise bad(path, field, "missing", 'give "timestamp": [start, end] in seconds')
    first, second = pair(path, field, item["timestamp"])
    start, end = number(path, f"{field}[0]", first), number(path, f"{field}[1]", second)
    if ordered and end <= start:
        raise bad(path, field, f"ends at {end:g} s, not after its start at {start:g} s", "correct it")
    if (last := max(start, end) if ordered else start) > duration_s + _SLACK_S:
        raise bad(path, field, f"{last:g} s is beyond the clip's end at {duration_s:g} s", "check both files")
    return start, end


def _last_word_end(path: Path, pause: Interval) -> float:
    remedy = "correct it, or delete it: the turn then ends with the clip"
    speakers = load_json(path)
    if not isinstance(speakers, list):
        raise bad(path, "", f"{_brief(speakers)} is not a list", remedy)
    ends: dict[str, list[float]] = {}
    for i, speaker in enumerate(speakers):
        items = speaker.get("item") if isinstance(speaker, dict) else None
        if not isinstance(items, list):
            raise bad(path, f"[{i}].item", "missing", remedy)
        for j, item in enumerate(items):
            field = f"[{i}].item[{j}].timestamp"
            timestamp = item.get("timestamp") if isinstance(item, dict) else None
            end = number(path, f"{field}[1]", pair(path, field, timestamp)[1])
            ends.setdefault(str(speaker.get("speaker")), []).append(end)
    if not ends:
        raise bad(path, "", "no words", remedy)
    # Both sides of the conversation may be listed; the one who pauses has a word that ends there.
    pauser = min(ends.values(), key=lambda times: min(abs(time - pause[0]) for time in times))
    return max(pauser)


def _distribution(path: Path, key: str) -> tuple[float, ...] | None:
    table = load_json(path)
    if not isinstance(table, dict):
        raise bad(path, "", f"{_brief(table)} is not an object", RESTORE)
    if key not in table:
        return None
    values = table[key]
    if not isinstance(values, list) or not values:
        raise bad(path, f'"{key}"', f"{_brief(values)} is not a list of numbers", RESTORE)
    shares = tuple(number(path, f'"{key}"[{i}]', value) for i, value in enumerate(values))
    if sum(shares) <= 0:
        raise bad(path, f'"{key}"', "all values are 0", RESTORE)
    return shares


def _brief(value: object) -> str:
    text = json.dumps(value, default=str)
    return text if len(text) <= 40 else text[:37] + "..."


def _short(path: Path) -> str:
    return "/".join(path.parts[-3:])
