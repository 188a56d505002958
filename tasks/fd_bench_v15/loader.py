"""Loading FD-bench v1.5 from disk.

Layout: ``{root}/{subset}/{ID}/input.wav clean_input.wav metadata.json`` (or ``.flac``), ``{ID}`` a decimal
number. The root may hold the subsets in a folder ``v1_5`` or ``v1.5``, or be one subset's folder itself.

Every item is two samples: ``{subset}-{ID}``, which is scored, and its companion ``{subset}-{ID}-clean``,
the same without the overlap. A flaw in any file of an item is the problem of both.

Of recordings that another harness made, every folder that holds ``input`` or ``output`` audio is one item::

    input.wav clean_input.wav output.wav clean_output.wav metadata.json
    [input.json clean_input.json output.json clean_output.json]

below a folder with an official subset's name, which tells what is expected.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import msgspec

from tml_bench.errors import BadSampleError, UserError
from tml_bench.media.audio import probe
from tml_bench.metrics.vocalisations import Interval
from tml_bench.samples import Reference, Sample, Script, UserTurn, Utterance
from tml_bench.task import ImportedExchange
from tml_bench.tasks import _fd_bench
from tml_bench.tasks._common.records import Text, TimeSpan
from tml_bench.tasks._fd_bench import audio_file, read_recording
from tml_bench.timeline import Word

Words = tuple[Word, ...]


class OverlapAnnotation(msgspec.Struct, frozen=True):
    """Somebody speaks while the model answers.

    Attributes:
        duration_s: length of the clip with the overlap.
        context_text: what the user asked before.
        overlap_text: what is said in the overlap.
        overlap: its start and end.
        context: start and end of the user's question; None where the data does not tell.
        reply_text: an answer to the overlap that is right; empty where the data has none.
        user: the user's words as transcribed in the data; None where there is no transcript.
        user_clean: the same for the clip without overlap.
    """

    duration_s: float
    context_text: str
    overlap_text: str
    overlap: Interval
    context: Interval | None = None
    reply_text: str = ""
    user: Words | None = None
    user_clean: Words | None = None


class CleanAnnotation(msgspec.Struct, frozen=True):
    """The same clip without the overlap, its length, and the item with the overlap."""

    duration_s: float
    item: OverlapAnnotation


class _Metadata(msgspec.Struct):
    context_text: Text
    current_turn_text: Text
    timestamps: TimeSpan
    context_timestamps: TimeSpan | None = None
    reply_text: Text = ""


def read_metadata(folder: Path, duration_s: float, context_s: float | None) -> OverlapAnnotation:
    """Read ``metadata.json``, and the user's transcripts if there are any.

    ``duration_s`` is the clip's, ``context_s`` the user's question's, where a file of its own tells it.

    Raises:
        BadSampleError: a file is missing or broken.
    """
    path = folder / "metadata.json"
    found = _fd_bench.read(path, _Metadata)
    _fd_bench.check_within(path, "timestamps", found.timestamps.end_s, duration_s)
    context = None if context_s is None else (0.0, context_s)
    if found.context_timestamps is not None:
        _fd_bench.check_within(path, "context_timestamps", found.context_timestamps.end_s, duration_s)
        context = found.context_timestamps.interval
    if context is not None and context[1] > found.timestamps.start_s:
        context = None
    return OverlapAnnotation(
        duration_s,
        found.context_text.strip(),
        found.current_turn_text.strip(),
        found.timestamps.interval,
        context,
        found.reply_text.strip(),
        read_words(folder / "input.json"),
        read_words(folder / "clean_input.json"),
    )


def read_words(path: Path) -> Words | None:
    """Words of a transcript; None where there is no such file. Raises `BadSampleError`: it is broken."""
    return _fd_bench.read_transcript(path)[0] if path.exists() else None


OFFICIAL_SIZES = {
    "user_interruption": (200,),
    "user_backchannel": (98, 99),
    "talking_to_other": (100,),
    "background_speech": (100,),
}
"""Items in each subset of the official data; its README says 99 backchannels, the archive holds 98."""

SUBSETS = tuple(OFFICIAL_SIZES)
RESPONDS = "user_interruption"
"""The subset in which the overlap is meant for the model."""
CLEAN = "clean"
"""Role of the companion."""

_LAYOUT = _fd_bench.FdLayout(OFFICIAL_SIZES, ("v1_5", "v1.5"))
_REACTION_S = 0.2  # the mode of gaps between turns in conversation (Stivers et al. 2009)
_LENGTH_NOTE_S = 0.1

is_official = _LAYOUT.is_official


def load(root: Path, subsets: Sequence[str] = ()) -> Iterator[Sample]:
    """Load samples by subset and number, each followed by its companion. Broken ones carry ``problem``.

    Raises:
        UserError: the folder or a subset does not exist, or a subset has no samples.
    """
    return (
        sample
        for subset, folder in _LAYOUT.samples(root, subsets)
        for sample in read_item(f"{subset}-{folder.name}", subset, folder)
    )


def read_item(sample_id: str, subset: str, folder: Path) -> tuple[Sample, Sample]:
    """Read one item: the sample with the overlap, and its companion without."""
    first = Sample(sample_id, subset, companions={CLEAN: f"{sample_id}-{CLEAN}"})
    second = Sample(f"{sample_id}-{CLEAN}", subset, scored=False)
    try:
        audio, clean_audio = audio_file(folder, "input"), audio_file(folder, "clean_input")
        info, clean_info = probe(audio), probe(clean_audio)
        context_s, remarks = _fd_bench.context_length(folder, "the question")
        item = read_metadata(folder, info.duration_s, context_s)
    except BadSampleError as error:
        return with_problem((first, second), str(error))
    notes = [*info.notes, *remarks]
    if abs(info.duration_s - clean_info.duration_s) > _LENGTH_NOTE_S:
        notes.append("input and clean_input differ in length")
    question_s = None if item.context is None else item.context[1]
    return (
        replace(
            first,
            script=Script((UserTurn(audio, label="with overlap"),)),
            reference=Reference(item.overlap[1], ideal(subset, item), item),
            notes=tuple(notes),
        ),
        replace(
            second,
            script=Script((UserTurn(clean_audio, label="without overlap"),)),
            reference=Reference(question_s, clean_ideal(item), CleanAnnotation(clean_info.duration_s, item)),
            notes=clean_info.notes,
        ),
    )


def with_problem(samples: tuple[Sample, Sample], problem: str) -> tuple[Sample, Sample]:
    """The two samples of an item that cannot be used."""
    first, second = samples
    return replace(first, problem=problem), replace(second, problem=problem)


def ideal(subset: str, item: OverlapAnnotation) -> tuple[Utterance, ...]:
    """What an ideal respondent says: it answers the question, and the overlap if that is meant for it.

    Where the data does not tell when the question ends, only the answer to the overlap is known.
    """
    begins, ends = item.overlap
    responds = subset == RESPONDS
    until = begins + _REACTION_S if responds else None
    said = [replace(u, until_s=until) for u in clean_ideal(item) if u.at_s < begins]
    if responds:
        said.append(Utterance(ends + _REACTION_S, text=item.reply_text))
    return tuple(said)


def clean_ideal(item: OverlapAnnotation) -> tuple[Utterance, ...]:
    """What an ideal respondent says without the overlap: the answer, where its time is known."""
    return () if item.context is None else (Utterance(item.context[1] + _REACTION_S, "talk"),)


def load_imports(root: Path) -> Iterator[ImportedExchange]:
    """Find and read recordings, two per item.

    Raises:
        UserError: there is no such folder, no recording in it, one outside any subset, or two of one item.
    """
    items = _fd_bench.find_recordings(root, _identity)
    return (
        imported
        for sample_id, (subset, folder) in items.items()
        for imported in _item(sample_id, subset, folder)
    )


def _identity(folder: Path) -> tuple[str, str]:
    resolved = folder.resolve()
    subset = resolved.parent.name
    if subset not in SUBSETS:
        raise UserError(
            f"{folder} is in none of {', '.join(SUBSETS)}",
            "put each item at {subset}/{ID}; the subset says what is expected",
        )
    if not _fd_bench.is_number(resolved.name):
        raise UserError(f"{folder}: its name is not a number", "name items as in the dataset")
    return subset, f"{subset}-{resolved.name}"


def _item(sample_id: str, subset: str, folder: Path) -> tuple[ImportedExchange, ImportedExchange]:
    samples = read_item(sample_id, subset, folder)
    if not samples[0].problem:
        try:
            return read_recording(samples[0], folder), read_recording(samples[1], folder, "clean_")
        except BadSampleError as error:
            samples = with_problem(samples, str(error))
    return ImportedExchange(samples[0], None, None), ImportedExchange(samples[1], None, None)
