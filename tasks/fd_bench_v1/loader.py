"""Loading FD-bench v1 from disk.

Layout: ``{root}/{subset}/{ID}/input.wav`` (or ``.flac``), ``{ID}`` a decimal number. The root may
hold the subsets in a folder ``v1_0`` or ``v1.0``, or be one subset's folder itself.

Recordings that another harness made may lie in any tree of folders. A folder below one with an official
subset's name belongs to that subset; any other belongs to the protocol that its annotation file tells (no
such file: backchannel).

Every reader of annotations raises `BadSampleError` where a file is missing or broken.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, TypeVar

import msgspec

from tml_bench.errors import BadSampleError
from tml_bench.media.audio import probe
from tml_bench.metrics.backchannel import windows_of
from tml_bench.metrics.vocalisations import Interval
from tml_bench.samples import Reference, Sample, Script, UserTurn, Utterance
from tml_bench.task import ImportedExchange
from tml_bench.tasks._common.records import Seconds, TimeSpan, short
from tml_bench.tasks._fd_bench import (
    FdLayout,
    audio_file,
    check_within,
    context_length,
    find_recordings,
    place_of,
    read,
    read_recording,
)

T = TypeVar("T")
GT_FILE = "icc_gt_distribution.json"
_DROP = "correct it, or delete it: the turn then ends with the clip"


class ClipAnnotation(msgspec.Struct, frozen=True):
    """What is annotated in a clip of ``duration_s``."""

    duration_s: float


class PauseAnnotation(ClipAnnotation, frozen=True):
    """Start and end of a pause in the user's turn, and the end of the turn."""

    pause: Interval
    user_end_s: float


class TurnEndAnnotation(ClipAnnotation, frozen=True):
    """The end of the user's turn."""

    user_end_s: float


class InterruptionAnnotation(ClipAnnotation, frozen=True):
    """The user interrupts; ``context`` is what they say first, ``text`` then; each empty if not known."""

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


PROTOCOLS = {
    "candor_pause_handling": "pause_handling",
    "synthetic_pause_handling": "pause_handling",
    "icc_backchannel": "backchannel",
    "candor_turn_taking": "smooth_turn_taking",
    "synthetic_user_interruption": "user_interruption",
}
"""The protocol of each official subset."""

OFFICIAL_SIZES = {
    "candor_pause_handling": (216,),
    "synthetic_pause_handling": (137,),
    "icc_backchannel": (55,),
    "candor_turn_taking": (119,),
    "synthetic_user_interruption": (200,),
}
"""Samples in each subset of the official data."""

_LAYOUT = FdLayout(OFFICIAL_SIZES, ("v1_0", "v1.0"))
REACTION_S = 0.2
"""The mode of gaps between turns in conversation (Stivers et al. 2009)."""
_HELD_S = 1.5  # how long before an interruption an ideal answer of 2 s can begin and still be interrupted

is_official = _LAYOUT.is_official


def load(root: Path, subsets: Sequence[str] = ()) -> Iterator[Sample]:
    """Load samples by subset and number. Broken ones carry ``problem``.

    Raises:
        UserError: the folder or a subset does not exist, or a subset has no samples.
    """
    return (
        read_sample(f"{subset}-{folder.name}", subset, folder, (root, folder.parent.parent, folder.parent))
        for subset, folder in _LAYOUT.samples(root, subsets)
    )


def read_sample(sample_id: str, subset: str, folder: Path, gt_bases: Sequence[Path]) -> Sample:
    """Read one sample of an official subset, or of a protocol where that is given as the subset.

    The folders ``gt_bases`` may hold the listeners' distribution, or ``evaluation/`` with it.
    """
    context_s, remarks = context_length(folder, "the context")
    try:
        audio = audio_file(folder, "input")
        info = probe(audio)
        reference = _reference(PROTOCOLS.get(subset, subset), folder, info.duration_s, context_s, gt_bases)
    except BadSampleError as error:
        return Sample(sample_id, subset, problem=str(error))
    script = Script((UserTurn(audio),))
    return Sample(sample_id, subset, script, reference, notes=(*info.notes, *remarks))


def _reference(
    protocol: str, folder: Path, duration_s: float, context_s: float | None, gt_bases: Sequence[Path]
) -> Reference:
    """The annotation, and what an ideal respondent says."""
    if protocol == "pause_handling":
        pause = read_pause(folder, duration_s)
        return Reference(pause.user_end_s, annotation=pause)
    if protocol == "smooth_turn_taking":
        turn = read_turn_end(folder, duration_s)
        return Reference(turn.user_end_s, (Utterance(turn.user_end_s + REACTION_S),), turn)
    if protocol == "user_interruption":
        item = read_interruption(folder, duration_s)
        begins, end = item.interruption
        ideal = [Utterance(end + REACTION_S)]
        if context_s is not None and context_s + REACTION_S < begins:
            at = max(context_s + REACTION_S, begins - _HELD_S)
            ideal.insert(0, Utterance(at, until_s=begins + REACTION_S))
        return Reference(end, tuple(ideal), item)
    places = (base / part / GT_FILE for base in gt_bases for part in ("", "evaluation"))
    talk = read_backchannel(folder, duration_s, next((path for path in places if path.is_file()), None))
    onsets = (min(start + REACTION_S, (start + end) / 2) for start, end in talk.windows or ())
    return Reference(None, tuple(Utterance(at, "backchannel") for at in onsets), talk)


_TOLD_BY = {
    "pause.json": "pause_handling",
    "turn_taking.json": "smooth_turn_taking",
    "interrupt.json": "user_interruption",
}


def load_imports(root: Path) -> Iterator[ImportedExchange]:
    """Find and read recordings. Raises `UserError`: no such folder, no recording, or two of one sample."""
    found = find_recordings(root, lambda folder: _identity(root, folder))
    return (_imported(root, name, subset, folder) for name, (subset, folder) in found.items())


def _identity(root: Path, folder: Path) -> tuple[str, str]:
    """Subset and id: by the nearest folder with an official name, else by the annotation and the path."""
    for parent in folder.resolve().parents:
        if parent.name in PROTOCOLS:
            below = folder.resolve().relative_to(parent).parts
            return parent.name, _safe((parent.name, *below))
    subset = next((name for file, name in _TOLD_BY.items() if (folder / file).exists()), "backchannel")
    return subset, _safe(folder.relative_to(root).parts or (folder.resolve().name,))


def _safe(parts: Sequence[str]) -> str:
    return re.sub(r"[^A-Za-z0-9._-]", "_", "-".join(parts)).lstrip(".") or "recording"


def _imported(root: Path, sample_id: str, subset: str, folder: Path) -> ImportedExchange:
    sample = read_sample(sample_id, subset, folder, (root, *folder.parents[:2]))
    if not sample.problem:
        try:
            return read_recording(sample, folder)
        except BadSampleError as error:
            sample = replace(sample, problem=str(error))
    return ImportedExchange(sample, None, None)
