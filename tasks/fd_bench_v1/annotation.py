"""Annotations of FD-bench v1: their types, and reading them; see ``_common.records``.

Every reader raises `BadSampleError` where a file is missing or broken.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, TypeVar

import msgspec

from tml_bench.metrics.backchannel import windows_of
from tml_bench.metrics.vocalisations import Interval
from tml_bench.tasks._common.records import Seconds, TimeSpan, short
from tml_bench.tasks._fd_bench import check_within, place_of, read

T = TypeVar("T")
GT_FILE = "icc_gt_distribution.json"
_DROP = "correct it, or delete it: the turn then ends with the clip"


class ClipAnnotation(msgspec.Struct, frozen=True):
    """What is annotated in a clip.

    Attributes:
        duration_s: length of the clip.
    """

    duration_s: float


class PauseAnnotation(ClipAnnotation, frozen=True):
    """A pause in the user's turn.

    Attributes:
        pause: its start and end.
        user_end_s: end of the user's turn.
    """

    pause: Interval
    user_end_s: float


class TurnEndAnnotation(ClipAnnotation, frozen=True):
    """The end of the user's turn.

    Attributes:
        user_end_s: end of the user's turn.
    """

    user_end_s: float


class InterruptionAnnotation(ClipAnnotation, frozen=True):
    """The user interrupts.

    Attributes:
        interruption: start and end of the interrupting speech.
        context: what the user says first; empty if not known.
        text: what they cut in with; empty if not known.
    """

    interruption: Interval
    context: str = ""
    text: str = ""


class BackchannelAnnotation(ClipAnnotation, frozen=True):
    """The user talks at length.

    Attributes:
        distribution: where listeners gave backchannels, over equal parts of the clip; None if not known.
        windows: opportunities for one backchannel each; None if not known.
        unknown: why either of them is not known.
    """

    distribution: tuple[float, ...] | None
    windows: tuple[Interval, ...] | None
    unknown: str


class _Stretch(msgspec.Struct):
    timestamp: TimeSpan
    context: object = ""
    interrupt: object = ""


class _TurnEnd(msgspec.Struct):
    timestamp: tuple[Seconds, Seconds]


class _SpokenWord(msgspec.Struct):
    timestamp: tuple[object, Seconds]


class _Speaker(msgspec.Struct):
    item: list[_SpokenWord]
    speaker: object = None


_Shares = Annotated[list[Seconds], msgspec.Meta(min_length=1)]


def read_pause(folder: Path, duration_s: float) -> PauseAnnotation:
    """Read ``pause.json``, and ``transcription.json`` if there is one.

    The user's turn ends with the last word of the speaker who pauses, or with the clip where there is no
    transcription or it ends before the pause does.
    """
    pause = _stretches(folder / "pause.json", duration_s)[0].timestamp.interval
    transcription = folder / "transcription.json"
    end = _last_word_end(transcription, pause) if transcription.exists() else duration_s
    return PauseAnnotation(duration_s, pause, min(end, duration_s) if end >= pause[1] else duration_s)


def read_turn_end(folder: Path, duration_s: float) -> TurnEndAnnotation:
    """Read ``turn_taking.json``; only the first time of its timestamp is used."""
    path = folder / "turn_taking.json"
    items = _items(path, list[_TurnEnd])
    for k, item in enumerate(items):
        check_within(path, f"[{k}].timestamp", item.timestamp[0], duration_s)
    end = items[0].timestamp[0]
    if not end:
        raise place_of(path).bad(
            "[0].timestamp[0]", "the user's turn ends at 0, before it began", "correct it"
        )
    return TurnEndAnnotation(duration_s, end)


def read_interruption(folder: Path, duration_s: float) -> InterruptionAnnotation:
    """Read ``interrupt.json``."""
    item = _stretches(folder / "interrupt.json", duration_s)[0]
    texts = (text.strip() if isinstance(text, str) else "" for text in (item.context, item.interrupt))
    return InterruptionAnnotation(duration_s, item.timestamp.interval, *texts)


def read_backchannel(folder: Path, duration_s: float, gt: Path | None) -> BackchannelAnnotation:
    """Read the listeners' distribution, and the opportunities of ``backchannel.json`` if there is one.

    Without ``backchannel.json`` the opportunities are the peaks of the distribution.

    Args:
        folder: the sample's; its name is the key in the distribution file.
        duration_s: length of the clip.
        gt: the distribution file; None if there is none.
    """
    distribution, unknown = None, ""
    if gt is None:
        unknown = f"{GT_FILE} was not found; copy it from evaluation/ of the Full-Duplex-Bench repository"
    else:
        distribution = _distribution(gt, folder.name)
        if distribution is None:
            unknown = f"{short(gt)} has no entry {folder.name}; name the folder as in the dataset"
    path = folder / "backchannel.json"
    windows: tuple[Interval, ...] | None = None
    if path.exists():
        windows = tuple(item.timestamp.interval for item in _stretches(path, duration_s))
    elif distribution is not None:
        windows = windows_of(distribution, duration_s)
    return BackchannelAnnotation(duration_s, distribution, windows, unknown)


def _items(path: Path, kind: type[list[T]]) -> list[T]:
    items = read(path, kind)
    if not items:
        raise place_of(path).bad("", "the list is empty", 'give [{"timestamp": [start, end]}]')
    return items


def _stretches(path: Path, duration_s: float) -> list[_Stretch]:
    items = _items(path, list[_Stretch])
    for k, item in enumerate(items):
        check_within(path, f"[{k}].timestamp", item.timestamp.end_s, duration_s)
    return items


def _last_word_end(path: Path, pause: Interval) -> float:
    ends: dict[str, list[float]] = {}
    for speaker in read(path, list[_Speaker], _DROP):
        ends.setdefault(str(speaker.speaker), []).extend(word.timestamp[1] for word in speaker.item)
    spoken = [times for times in ends.values() if times]
    if not spoken:
        raise place_of(path).bad("", "no words", _DROP)
    # Both sides of the conversation may be listed; the one who pauses has a word that ends there.
    return max(min(spoken, key=lambda times: min(abs(time - pause[0]) for time in times)))


def _distribution(path: Path, key: str) -> tuple[float, ...] | None:
    table = read(path, dict[str, object])
    if key not in table:
        return None
    shares = place_of(path).record(table[key], _Shares, f'"{key}"')
    if not sum(shares):
        raise place_of(path).bad(f'"{key}"', "all values are 0")
    return tuple(shares)
