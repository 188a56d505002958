"""The attempts of a run on shared storage, where nothing can be appended.

    attempts.jsonl                 what was there when the last command ended
    attempts.parts/OFFSET.jsonl    what came after, in pieces that begin at a byte of the whole

A piece is written again with each attempt until it holds `PIECE_BYTES`; then the next begins. So an attempt
costs a small file, however many there are, and what is there is at any instant the beginning of what was
recorded. When a command ends the pieces are put together.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from tml_bench.errors import UserError
from tml_bench.storage.store import RemoteStore

ATTEMPTS, PARTS = "attempts.jsonl", "attempts.parts"
PIECE_BYTES = 1 << 14
_PIECE = re.compile(r"([0-9]{15})\.jsonl")
_READS = 5


class AttemptLog(NamedTuple):
    """What is there: whole lines, and the paths of the pieces."""

    content: bytes
    pieces: tuple[str, ...] = ()


def piece_path(run: str, offset: int) -> str:
    """Where the piece is that begins at a byte."""
    return f"{run}/{PARTS}/{offset:015d}.jsonl"


def read_log(store: RemoteStore, run: str) -> AttemptLog:
    """Read the attempts of a run; empty for none.

    Raises:
        UserError: a piece is missing.
    """
    for _ in range(_READS):
        content = store.read(f"{run}/{ATTEMPTS}") or b""
        named = ((_PIECE.fullmatch(name), size) for name, size in store.files(f"{run}/{PARTS}").items())
        sizes = {int(match[1]): size for match, size in named if match}
        wanted = [offset for offset, size in sorted(sizes.items()) if offset + size > len(content)]
        found: dict[int, bytes | None] = {}

        def get(offset: int, found: dict[int, bytes | None] = found) -> None:
            found[offset] = store.read(piece_path(run, offset))

        store.each(get, wanted)
        for offset in wanted:
            piece = found[offset]
            if piece is None or offset > len(content):
                break  # put together meanwhile: what is there now is read again
            content = content[:offset] + piece
        else:
            return AttemptLog(content[: content.rfind(b"\n") + 1], tuple(piece_path(run, o) for o in sizes))
    raise UserError(
        f"{store.address(run)}/{PARTS} has no piece at byte {len(content)}",
        "put it back, or give --fresh",
    )


def write_piece(store: RemoteStore, run: str, offset: int, content: bytes) -> int:
    """Write the piece that begins at a byte; gives where the piece to write next begins."""
    store.write(piece_path(run, offset), content)
    return offset if len(content) < PIECE_BYTES else offset + len(content)


def join_pieces(store: RemoteStore, run: str, content: bytes) -> None:
    """Put all pieces together: the whole first, which then holds what they do."""
    pieces = store.files(f"{run}/{PARTS}")
    if pieces:
        store.write(f"{run}/{ATTEMPTS}", content)
        store.each(store.remove, (f"{run}/{PARTS}/{name}" for name in pieces))


def remove_log(store: RemoteStore, run: str) -> None:
    """Remove all attempts."""
    for name in store.files(f"{run}/{PARTS}"):
        store.remove(f"{run}/{PARTS}/{name}")
    store.remove(f"{run}/{ATTEMPTS}")
