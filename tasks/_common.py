"""What tasks share: how their data is named, what others published, what a missing transcript means."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache
from importlib import resources
from pathlib import Path
from typing import TypeVar

import msgspec

from tml_bench.errors import BadSampleError
from tml_bench.metrics.vocalisations import Vocalisation, classify
from tml_bench.samples import Sample
from tml_bench.task import Metric, Published, Score
from tml_bench.timeline import Timeline, WordSource

T = TypeVar("T")
NO_WORDS = (
    "speech without words: the adapter gives no transcript and no speech recognition is at hand; "
    "install tml-bench[speech]"
)


class _Manifest(msgspec.Struct, frozen=True):
    version: str


@cache
def manifest_version(folder: Path) -> str:
    """The version that the ``manifest.json`` of a shipped set states."""
    return msgspec.json.decode((folder / "manifest.json").read_bytes(), type=_Manifest).version


def dataset_name(data: Path | None, mini: Path, is_official: Callable[[Path], bool]) -> str:
    """``official`` or ``custom-FOLDER``; the shipped set's version when ``data`` is None or that set."""
    if data is not None and data.resolve() != mini.resolve():
        return "official" if is_official(data) else f"custom-{data.resolve().name}"
    return manifest_version(mini)


def published_rows(task: str) -> tuple[Published, ...]:
    """The numbers that others reported on a task's official data, as collected in ``results/published``."""
    file = resources.files("tml_bench.published") / f"{task}.json"
    return msgspec.json.decode(file.read_bytes(), type=tuple[Published, ...])


def annotation_of(sample: Sample, kind: type[T], benchmark: str) -> T:
    """The sample's annotation.

    Args:
        sample: what was played.
        kind: type of the annotation.
        benchmark: its name, for the message.

    Raises:
        BadSampleError: the sample has none; says what is wrong with it where that is known.
    """
    found = sample.reference.annotation
    if not isinstance(found, kind):
        raise BadSampleError(sample.problem or f"{sample.id}: not a sample of {benchmark}")
    return found


def vocalisations_of(timeline: Timeline) -> tuple[Vocalisation, ...]:
    """The model's speech, told into backchannels and takeovers; where no words are known, by duration alone.

    Returns:
        In order; empty for a track without speech.
    """
    words = None
    if timeline.word_source is not WordSource.NONE:
        words = [
            (w.start_s, w.start_s if w.end_s is None else w.end_s)
            for w in timeline.words
            if w.start_s is not None and w.text.strip()
        ]
    return classify([(s.start_s, s.end_s) for s in timeline.segments], words)


def without_words(task: str, sample: Sample, metrics: Iterable[Metric]) -> Score:
    """The score where the model spoke and nobody can tell what: everything is missing."""
    missing = dict.fromkeys((m.name for m in metrics), NO_WORDS)
    return Score(task, sample.subset, sample.id, sample.unit, {}, missing)
