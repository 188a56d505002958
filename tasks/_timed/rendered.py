"""Renderings: where in an item's audio every turn and word lies.

A rendered set is a folder::

    items.jsonl                 the items; of the shipped set when the folder has none
    rendering.json              `Rendering`: its version and how it was made
    rendered.jsonl              one `RenderedItem` a line
    audio/{split}/{id}.ogg      mono; sample 0 is the session's first instant, the last turn ends within 0.2 s
    of the end

Times are seconds from the first sample of the item's audio.
"""

import hashlib
from collections.abc import Container, Iterable
from pathlib import Path

import msgspec

from tml_bench.data_folder import check_within
from tml_bench.errors import BadSampleError
from tml_bench.files import write_atomically
from tml_bench.tasks._common.records import Seconds, StrictRecord, json_file
from tml_bench.tasks._common.tables import json_lines, read_lines
from tml_bench.tasks._timed.items import SpeechAnchor, TimedItem, spoken_words

REMEDY = "get the file again, or render the item again with `tml-bench prepare`"


class RenderedWord(StrictRecord, frozen=True):
    """A word of a turn, as the item's text has it, punctuation included."""

    text: str
    start_s: Seconds
    end_s: Seconds


class RenderedTurn(StrictRecord, frozen=True):
    """A turn; its words are those of its text (`items.spoken_words`), placed by forced alignment."""

    id: str
    start_s: Seconds
    end_s: Seconds
    words: tuple[RenderedWord, ...]


class RenderedItem(StrictRecord, frozen=True):
    """An item's audio.

    Attributes:
        id: of the item.
        said_sha256: `said_sha256` of the item it was rendered from.
        audio: the file, relative to the folder.
        sha256: of the file's bytes, 64 hexadecimal digits.
        rate: samples per second.
        duration_s: of the audio.
        turns: as in the item.
    """

    id: str
    said_sha256: str
    audio: str
    sha256: str
    rate: int
    duration_s: Seconds
    turns: tuple[RenderedTurn, ...]


class Rendering(StrictRecord, frozen=True):
    """How a set was rendered.

    Attributes:
        version: part of the dataset's name (``dev-<version>``); the shipped rendering has a whole number,
            variants have that, a hyphen and a word for what is different.
        voices: what speaks, by the name items use.
        how: the programs with their versions, and everything that was done to the audio.
    """

    version: str
    voices: dict[str, str]
    how: str


def said_sha256(item: TimedItem) -> str:
    """Hash of all that decides an item's audio: its voice, turns, pauses; 64 hexadecimal digits."""
    # Every field: what is left out as a default depends on how the item came to be.
    said: tuple[object, ...] = (item.voice, [msgspec.structs.astuple(turn) for turn in item.turns])
    if item.talked_on:
        said = (*said, item.talked_on)
    return hashlib.sha256(msgspec.json.encode(said)).hexdigest()


def read_rendering(folder: Path) -> Rendering:
    """The version of a rendered set. Raises `UserError`: ``rendering.json`` is missing or broken."""
    return json_file(folder / "rendering.json", Rendering, "give the folder of a rendered set")


_AGAIN = "give the folder of a rendered set, or render it again with `tml-bench prepare`"


def read_rendered(folder: Path) -> dict[str, RenderedItem]:
    """The renderings of a folder by item. Raises `UserError`: ``rendered.jsonl`` is missing or broken."""
    return {entry.id: entry for entry in read_lines(folder / "rendered.jsonl", RenderedItem, _AGAIN)}


def listed_renderings(folder: Path, items: Container[str]) -> dict[str, RenderedItem | BadSampleError]:
    """Those of some items, or what is wrong with them, by item. Raises `UserError`: it cannot be read."""
    found, wrong = json_lines(folder / "rendered.jsonl", RenderedItem, _AGAIN, items)
    entries: dict[str, RenderedItem | BadSampleError] = {entry.id: entry for _, entry in found}
    return {line.id: BadSampleError(line.text) for line in wrong} | entries


def write_rendered(folder: Path, entries: Iterable[RenderedItem], rendering: Rendering) -> None:
    """Write ``rendering.json`` and then ``rendered.jsonl``, sorted by item, each whole or not at all."""
    text = msgspec.json.format(msgspec.json.encode(rendering), indent=1)
    write_atomically(folder / "rendering.json", text + b"\n")
    lines = [msgspec.json.encode(entry) + b"\n" for entry in sorted(entries, key=lambda entry: entry.id)]
    write_atomically(folder / "rendered.jsonl", b"".join(lines))


def check_rendered(item: TimedItem, rendered: RenderedItem) -> None:
    """Make sure that a rendering is of this item as it is now, and that its times are possible.

    Raises:
        BadSampleError: it is not; names what differs and the remedy.
    """
    where = f"rendered.jsonl: {item.id}"
    if rendered.said_sha256 != said_sha256(item):
        raise BadSampleError(f"{where}: was rendered from another text, voice or schedule; {REMEDY}")
    if [turn.id for turn in rendered.turns] != [turn.id for turn in item.turns]:
        raise BadSampleError(f"{where}: has other turns than the item; {REMEDY}")
    last = 0.0
    for turn, said in zip(rendered.turns, item.turns, strict=True):
        if [w for word in turn.words for w in spoken_words(word.text)] != spoken_words(said.text):
            raise BadSampleError(
                f"{where}: the words of turn {turn.id!r} are not those of the item; {REMEDY}"
            )
        for start, end in ((turn.start_s, turn.end_s), *((w.start_s, w.end_s) for w in turn.words)):
            if not 0 <= start < end <= rendered.duration_s + 1e-6:
                raise BadSampleError(f"{where}: turn {turn.id!r} has impossible times; {REMEDY}")
        if turn.start_s < last - 1e-6:
            raise BadSampleError(f"{where}: turn {turn.id!r} begins before the one before ends; {REMEDY}")
        last = turn.end_s


def check_audio(folder: Path, rendered: RenderedItem) -> Path:
    """The audio file of an item, after its hash.

    Raises:
        BadSampleError: it is missing or not the file that was rendered; names the file and the remedy.
    """
    path = folder / rendered.audio
    check_within(path)
    try:
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except (OSError, ValueError) as error:
        what = getattr(error, "strerror", None) or error
        raise BadSampleError(f"{rendered.audio}: cannot be read ({what}); {REMEDY}") from None
    if found != rendered.sha256:
        raise BadSampleError(
            f"{rendered.audio}: its SHA-256 is {found[:12]}…, not {rendered.sha256[:12]}…; {REMEDY}"
        )
    return path


def time_of(anchor: SpeechAnchor, rendered: RenderedItem) -> float:
    """When an anchor is, seconds. Raises `BadSampleError`: the rendering has no such turn or word."""
    turn, index = word_at(anchor, rendered)
    if not anchor.word:
        return turn.start_s if anchor.edge == "start" else turn.end_s
    word = turn.words[index]
    return word.start_s if anchor.edge == "start" else word.end_s


def word_at(anchor: SpeechAnchor, rendered: RenderedItem) -> tuple[RenderedTurn, int]:
    """The turn and the index of the word whose edge an anchor is; a turn's edges are its outermost words'.

    Raises:
        BadSampleError: the rendering has no such turn or word.
    """
    turn = next((t for t in rendered.turns if t.id == anchor.turn), None)
    if turn is None:
        raise BadSampleError(f"rendered.jsonl: {rendered.id}: no turn {anchor.turn!r}; {REMEDY}")
    if not anchor.word:
        return turn, 0 if anchor.edge == "start" else len(turn.words) - 1
    same = anchor.places([" ".join(spoken_words(word.text)) for word in turn.words])
    if len(same) < anchor.nth:
        raise BadSampleError(f"rendered.jsonl: {rendered.id}: no word {anchor.word!r}; {REMEDY}")
    return turn, same[anchor.nth - 1]
