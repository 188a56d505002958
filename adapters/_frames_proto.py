"""Pipecat's ``frames.proto`` by hand: five messages, read and written without generated code.

Source: pipecat-ai, src/pipecat/frames/frames.proto; protobuf.dev/programming-guides/encoding. A ``Frame`` is
one of text (1), audio (2), transcription (3), message (4) and interruption (5), each a message of its own.
Unknown fields are skipped, as protobuf asks; a field that is absent has its type's zero.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from tml_bench.adapter import ProtocolError

Value = int | str | bytes

FRAMES: Mapping[str, tuple[int, Mapping[str, tuple[int, Value]]]] = {
    "text": (1, {"id": (1, 0), "name": (2, ""), "text": (3, "")}),
    "audio": (
        2,
        {
            "id": (1, 0),
            "name": (2, ""),
            "audio": (3, b""),
            "sample_rate": (4, 0),
            "num_channels": (5, 0),
            "pts": (6, 0),
        },
    ),
    "transcription": (
        3,
        {"id": (1, 0), "name": (2, ""), "text": (3, ""), "user_id": (4, ""), "timestamp": (5, "")},
    ),
    "message": (4, {"data": (1, "")}),
    "interruption": (5, {"id": (1, 0), "name": (2, "")}),
}
"""Of each frame its number in ``Frame``, and of each of its fields the number and the zero of its type."""

_NAMES = {number: name for name, (number, _) in FRAMES.items()}
_VARINT, _FIXED64, _LENGTH, _FIXED32 = 0, 1, 2, 5
_FIXED = {_FIXED64: 8, _FIXED32: 4}


def encode(kind: str, **fields: Value) -> bytes:
    """The bytes of a ``Frame``; fields that are zero are left out.

    Args:
        kind: a name in ``FRAMES``.
        fields: of that frame.
    """
    number, known = FRAMES[kind]
    body = b"".join(_field(known[name][0], value) for name, value in fields.items() if value)
    return _tag(number, _LENGTH) + _varint(len(body)) + body


def decode(data: bytes) -> tuple[str, dict[str, Value]]:
    """The kind of a ``Frame`` and its fields; the kind is empty for a frame of an unknown kind.

    Raises:
        ProtocolError: the bytes are no protobuf message, or a field has another type.
    """
    kind, fields = "", dict[str, Value]()
    for number, value in _parse(data):
        if number in _NAMES:
            kind = _NAMES[number]
            fields = _message(kind, _bytes(value))
    return kind, fields


def _message(kind: str, data: bytes) -> dict[str, Value]:
    known = FRAMES[kind][1]
    names = {number: name for name, (number, _) in known.items()}
    fields: dict[str, Value] = {name: zero for name, (_, zero) in known.items()}
    for number, value in _parse(data):
        if number in names:
            name = names[number]
            fields[name] = _typed(value, known[name][1], f"{kind}.{name}")
    return fields


def _typed(value: int | bytes, zero: Value, where: str) -> Value:
    if isinstance(zero, int) != isinstance(value, int):
        raise ProtocolError(f"{where} has the wrong type")
    if isinstance(zero, str):
        try:
            return _bytes(value).decode("utf-8")
        except UnicodeDecodeError as error:
            raise ProtocolError(f"{where} is not UTF-8") from error
    return value


def _bytes(value: int | bytes) -> bytes:
    if isinstance(value, int):
        raise ProtocolError("a number where a message belongs")
    return value


def _parse(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    at = 0
    while at < len(data):
        key, at = _read_varint(data, at)
        number, wire = key >> 3, key & 7
        if wire == _VARINT:
            value, at = _read_varint(data, at)
            yield number, value
            continue
        if wire == _LENGTH:
            size, at = _read_varint(data, at)
        elif wire in _FIXED:
            size = _FIXED[wire]
        else:
            raise ProtocolError(f"no protobuf message: wire type {wire}")
        if number == 0 or at + size > len(data):
            raise ProtocolError("no protobuf message: it ends early")
        yield number, data[at : at + size]
        at += size


def _read_varint(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    for index, byte in enumerate(data[at : at + 10]):
        value |= (byte & 0x7F) << (7 * index)
        if byte < 0x80:
            return value & 0xFFFF_FFFF_FFFF_FFFF, at + index + 1
    raise ProtocolError("no protobuf message: a number does not end")


def _varint(value: int) -> bytes:
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _tag(number: int, wire: int) -> bytes:
    return _varint(number << 3 | wire)


def _field(number: int, value: Value) -> bytes:
    if isinstance(value, int):
        return _tag(number, _VARINT) + _varint(value)
    data = value.encode("utf-8") if isinstance(value, str) else value
    return _tag(number, _LENGTH) + _varint(len(data)) + data
