"""From conversations to samples, in two protocols.

Fixed context: everything before the last user turn is given to the model as history (the user's side as audio
where the adapter can, the assistant's as text); only the last turn is played. This is the official protocol.

Open loop: every user turn is played, each ``GAP_S`` after the model has finished its answer to the one
before, so the model hears its own replies rather than those of reference. Its scores are not comparable
with published ones, which is why it is a task of another name; that name follows the paper, in which fixed
context closes the conversation. Where loops are told apart by whether the user waits for the model
(``Task.closed_loop``), this is the closed loop of the conversations in fixed context.
"""

import operator
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import reduce
from pathlib import Path

import msgspec
from msgspec import structs

from tml_bench.bounded_files import is_there
from tml_bench.containers.sound_file import AudioInfo
from tml_bench.errors import BadSampleError, UserError
from tml_bench.media.audio import probe
from tml_bench.samples import (
    AfterModelStops,
    At,
    Cue,
    Message,
    Reference,
    Sample,
    Script,
    UserTurn,
    Utterance,
    Waveform,
)
from tml_bench.tasks._common import chosen
from tml_bench.tasks._common.records import short
from tml_bench.tasks.audio_multichallenge.conversations import (
    AXES,
    FILE,
    ConversationTurn,
    RubricConversation,
    RubricItem,
    problem_of,
    read,
)
from tml_bench.tasks.audio_multichallenge.parquet import unpacked
from tml_bench.tasks.audio_multichallenge.unpacking import unpack_apart

MINI = Path(__file__).parent / "mini"
LEAD_S = 0.5
"""Silence before the first turn that is played."""
GAP_S = 0.7
"""Open loop: from the end of the model's answer to the user's next turn."""
PATIENCE_S = 20.0
"""Open loop: a model that has not answered by then is not waited for."""
IDEAL_S = 0.5
"""From the user's end to the ideal reply."""
TAIL_S, QUIET_S = 60.0, 4.0
"""The longest time for the last reply, and the silence after which it counts as finished."""
OFFICIAL_SIZE = 452


class ConversationAnnotation(msgspec.Struct, frozen=True):
    """The annotation of a sample.

    Attributes:
        turns: all turns of the conversation.
        items: of the rubric.
        ideal: a reply that meets them; empty when none is known.
        played: index of the first turn that is played; those before are history.
        user_audio_s: length of all the user's audio in seconds.
        audio_s: length of each turn that is played, in seconds.
    """

    turns: tuple[ConversationTurn, ...]
    items: tuple[RubricItem, ...]
    ideal: str
    played: int
    user_audio_s: float
    audio_s: tuple[float, ...]


def folder_of(data: Path) -> Path:
    """The folder in the form of ``conversations``; a parquet, or a folder of them, is unpacked first.

    Raises:
        UserError: there is no such data.
    """
    if (data / FILE).is_file():
        return data
    files = [data] if data.suffix == ".parquet" else sorted(data.rglob("*.parquet"))
    if not files or not all(file.is_file() for file in files):
        raise UserError(f"{data} holds neither {FILE} nor a .parquet file", "see tml-bench list tasks")
    tell = _tell if sys.stderr.isatty() else lambda line: None
    return unpacked(files, cache_folder(), tell, unpack_apart)


def is_official(data: Path) -> bool:
    """Whether it is the parquet with all the official conversations."""
    return not (data / FILE).is_file() and len(read(folder_of(data))) == OFFICIAL_SIZE


def cache_folder() -> Path:
    """Where unpacked parquet files are kept: ``tml-bench/audiomc`` in the user's cache folder."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "tml-bench" / "audiomc"


def load(data: Path, subsets: Sequence[str], fixed: bool) -> Iterator[Sample]:
    """Load samples by axis, in the order of the data, for fixed context or else for open loop.

    Raises:
        UserError: there is no such data or axis, or a file is unusable.
    """
    axes = chosen(data, subsets, AXES, AXES)
    folder = folder_of(data)
    found = read(folder)
    for axis in AXES:
        if axis in axes:
            yield from (_sample(folder, c, fixed) for c in found if c.axis == axis)
    if not subsets:
        # An axis that is none belongs nowhere; such conversations are shown, as invalid, with the first.
        yield from (_unusable(c, problem_of(c)) for c in found if c.axis not in AXES)


def _sample(folder: Path, found: RubricConversation, fixed: bool) -> Sample:
    if problem := problem_of(found):
        return _unusable(found, problem)
    try:
        infos = [_info(folder / turn.audio) for turn in found.turns]
    except BadSampleError as error:
        return _unusable(found, str(error))
    lengths = [info.duration_s for info in infos]
    notes = tuple(dict.fromkeys(note for info in infos for note in info.notes))
    first = len(found.turns) - 1 if fixed else 0
    annotation = ConversationAnnotation(
        found.turns, found.items, found.ideal, first, _total(lengths), tuple(lengths[first:])
    )
    spoken = [(folder / turn.audio, turn.user) for turn in found.turns[first:]]
    history = tuple(_history(folder, found, first))
    return Sample(found.id, found.axis, *_played(spoken, history, annotation), found.speaker, notes)


def _played(
    spoken: Sequence[tuple[Path | Waveform, str]], history: tuple[Message, ...],
    annotation: ConversationAnnotation,
) -> tuple[Script, Reference]:  # fmt: skip
    """The turns that are played, in audio and words, each but the first once the model has answered."""
    waiting: list[Cue] = [AfterModelStops(GAP_S, PATIENCE_S)] * (len(spoken) - 1)
    cues = (At(LEAD_S), *waiting)
    turns = tuple(UserTurn(audio, cue, text) for (audio, text), cue in zip(spoken, cues, strict=True))
    # Where nothing is history an ideal respondent answers the last turn only: any other waits out PATIENCE_S.
    user_end_s = LEAD_S + _total(annotation.audio_s) + PATIENCE_S * (len(turns) - 1)
    ideal = (Utterance(user_end_s + IDEAL_S, text=annotation.ideal),) if annotation.ideal else ()
    fixed = annotation.played == len(annotation.turns) - 1
    script = Script(turns, tail_s=TAIL_S, quiet_s=QUIET_S, history=history)
    return script, Reference(user_end_s if fixed else None, ideal, annotation)


def closed_loop(sample: Sample) -> Sample:
    """The same conversation with every user turn played, each once the model has answered the one before.

    Its own answers stand where those of reference did. A sample of one turn stays as it is; one of which an
    earlier turn has no audio has a problem.
    """
    item = sample.reference.annotation
    before = [message for message in sample.script.history if message.role == "user"]
    if not isinstance(item, ConversationAnnotation) or not before:
        return sample
    earlier = [(message.audio, message.text) for message in before]
    spoken = [(audio, text) for audio, text in earlier if audio is not None]
    if len(spoken) < len(earlier):
        problem = "a user turn of its history has no audio: in closed loop every turn is played"
        return replace(sample, script=Script(), reference=Reference(), problem=problem)
    try:
        lengths = [_length(audio) for audio, _ in spoken]
    except BadSampleError as error:
        return replace(sample, script=Script(), reference=Reference(), problem=str(error))
    spoken += [(turn.audio, turn.label) for turn in sample.script.turns]
    item = structs.replace(item, played=0, audio_s=(*lengths, *item.audio_s))
    script, reference = _played(spoken, (), item)
    return replace(sample, script=script, reference=reference)


def _length(audio: Path | Waveform) -> float:
    return len(audio.samples) / audio.rate if isinstance(audio, Waveform) else _info(audio).duration_s


def _history(folder: Path, found: RubricConversation, first: int) -> Iterator[Message]:
    for turn in found.turns[:first]:
        yield Message("user", turn.user, folder / turn.audio)
        yield Message("assistant", turn.assistant)


def _unusable(found: RubricConversation, problem: str) -> Sample:
    axis = found.axis if found.axis in AXES else AXES[0]
    return Sample(found.id, axis, unit=found.speaker, problem=problem)


def _total(lengths: Sequence[float]) -> float:
    """Their sum; `sum` rounds otherwise from Python 3.12 on, and the data would have another hash there."""
    return reduce(operator.add, lengths, 0.0)


def _info(path: Path) -> AudioInfo:
    if not is_there(path):
        raise BadSampleError(f"{short(path)} is missing; unpack the data again")
    return probe(path)


def _tell(line: str) -> None:
    sys.stderr.write(f"\r{line}\033[K")
    sys.stderr.flush()
