"""The events of ``session.jsonl``, which anybody may have written."""

import hashlib
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import msgspec

from tml_bench import events as ev
from tml_bench.bounded_files import UNREADABLE, check_length, lines_of, read_whole
from tml_bench.errors import UserError
from tml_bench.files import file_sha256


class EventLog:
    """A log; nearly always it is small, and read once. One that is not is read line by line, each time.

    Raises:
        UserError: it is missing.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._content: bytes | None = None
        try:
            self._content = read_whole(path)
        except (FileNotFoundError, ValueError):
            if not path.is_file():
                raise UserError(
                    f"{path} is missing", "the recording is damaged; run the sample again"
                ) from None

    def identity(self) -> tuple[str, int]:
        """Its SHA-256 in hexadecimal, and its size."""
        if self._content is None:
            return file_sha256(self.path), self.path.stat().st_size
        return hashlib.sha256(self._content).hexdigest(), len(self._content)

    def events(self) -> Iterator[ev.AnyEvent]:
        """Events in the order written; kinds of a later minor version are skipped.

        Raises:
            UserError: a line is not a JSON object of this format; names the line.
        """
        lines = lines_of(self.path) if self._content is None else BytesIO(self._content)
        for number, line in enumerate(lines, 1):
            try:
                event = _DECODER.decode(check_length(line))
                if len(line) > _NARROW and not _is_in_range(event):
                    raise ValueError("a number is out of range")
            except UNREADABLE as error:
                if not _is_of_later_version(line):
                    raise UserError(f"{self.path}, line {number}: {error}") from error
            else:
                yield event


_NARROW = 300
"""A number that is no float has more digits than fit into a line of so many bytes."""


def _is_in_range(value: object) -> bool:
    """Whether the whole numbers of an event are; those of JSON that others wrote may be any."""
    if isinstance(value, msgspec.Struct):
        return all(map(_is_in_range, msgspec.structs.astuple(value)))
    if isinstance(value, tuple):
        return all(map(_is_in_range, value))
    return not isinstance(value, int) or abs(value) < 1 << 63


_DECODER = msgspec.json.Decoder(ev.AnyEvent)
KINDS = frozenset(str(kind.__struct_config__.tag) for kind in ev.AnyEvent.__args__)
"""Kinds of event this version knows."""


def _is_of_later_version(line: bytes) -> bool:
    try:
        event = msgspec.json.decode(line)
    except UNREADABLE:
        return False
    return isinstance(event, dict) and isinstance(event.get("kind"), str) and event["kind"] not in KINDS
