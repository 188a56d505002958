"""Replies of the language model that plays a user, one file each, found again by what was asked.

A file is named by the SHA-256 of the model's name, the messages and the settings, and holds all of them
beside the reply. It is written whole or not at all, and never again: of two processes that ask the same at
once, the first reply stays and both go on with it.
"""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from tml_bench.bounded_files import UNREADABLE, read_whole
from tml_bench.errors import UserError
from tml_bench.files import write_atomically
from tml_bench.own_folder import own_lock, own_place
from tml_bench.seals import seal_holds, sealed

FOLDER = "replies"
"""Of a run's folder ``user``."""


class ReplyRequest(msgspec.Struct, frozen=True):
    """All that decides a reply.

    Attributes:
        model: its name.
        messages: the conversation, each with ``role`` and ``content``.
        settings: of sampling, and what tells apart models of one name.
    """

    model: str
    messages: Sequence[Mapping[str, str]]
    settings: Mapping[str, str | int | float | None]

    @property
    def key(self) -> str:
        """SHA-256 of its canonical JSON, in hexadecimal."""
        return hashlib.sha256(msgspec.json.encode(self, order="sorted")).hexdigest()


class StoredReply(msgspec.Struct, frozen=True):
    """A file of the cache: what was asked, what came, and which model says that it replied."""

    request: ReplyRequest
    reply: str
    replied: str = ""


_decode = msgspec.json.Decoder(StoredReply)


class ReplyCache:
    """Replies in a run's folder, and in those of other runs, from which they are taken over.

    Args:
        own: where new ones are kept; None keeps them for this object's life only.
        others: folders that are only read, in order.
    """

    def __init__(self, own: Path | None = None, others: Sequence[Path] = ()) -> None:
        self._own = own
        self._others = tuple(others)
        self._known: dict[str, StoredReply] = {}

    def find(self, request: ReplyRequest) -> str | None:
        """The reply to a request; None where there is none. Raises UserError for a damaged file."""
        key = request.key
        if key not in self._known:
            places = (*((self._own,) if self._own else ()), *self._others)
            found = next((stored for place in places if (stored := _read(place / f"{key}.json"))), None)
            if found is None:
                return None
            self._known[key] = self._kept(key, found)
        return self._known[key].reply

    def keep(self, request: ReplyRequest, reply: str, replied: str = "") -> str:
        """Store a reply; gives the one to use, an earlier one where another process was first."""
        key = request.key
        self._known[key] = stored = self._kept(key, StoredReply(request, reply, replied))
        return stored.reply

    def _kept(self, key: str, stored: StoredReply) -> StoredReply:
        from filelock import FileLock

        if self._own is None:
            return stored
        self._own.mkdir(parents=True, exist_ok=True)
        path = own_place(self._own, f"{key}.json")
        with FileLock(own_lock(self._own)):
            if (earlier := _read(path)) is not None:
                return earlier
            write_atomically(path, sealed(msgspec.json.format(msgspec.json.encode(stored, order="sorted"))))
        return stored


def holds_replies(folders: Sequence[Path]) -> bool:
    """Whether there is any reply in these folders."""
    return any(next(folder.glob("*.json"), None) is not None for folder in folders)


def _read(path: Path) -> StoredReply | None:
    try:
        content = read_whole(path)
        found = _decode.decode(content)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, *UNREADABLE) as error:
        raise UserError(f"{path} is no reply of a user's language model: {error}", "remove it") from error
    if seal_holds(content) is False:
        raise UserError(
            f"{path} was changed after it was written, by hand or by a fault of the disk", "remove it"
        )
    return found
