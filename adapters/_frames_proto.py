"""Pipecat's ``frames.proto`` by protobuf (the extra ``[pipecat]``), described here without generated code.

Source: pipecat-ai, src/pipecat/frames/frames.proto. A ``Frame`` is one of several messages.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from tml_bench.adapter import ProtocolError
from tml_bench.errors import UserError

Value = int | str | bytes

FRAMES: Mapping[str, tuple[str, ...]] = {
    "text": ("id", "name", "text"),
    "audio": ("id", "name", "audio", "sample_rate", "num_channels", "pts"),
    "transcription": ("id", "name", "text", "user_id", "timestamp"),
    "message": ("data",),
    "interruption": ("id", "name"),
}
"""The fields of each frame; both are numbered from 1 in this order."""
TYPES = {"id": "uint64", "pts": "uint64", "audio": "bytes", "sample_rate": "uint32", "num_channels": "uint32"}
"""The types of fields that are no strings."""


@cache
def frame_class() -> Any:
    """Protobuf's class of ``Frame``; without the extra it is a ``UserError``."""
    try:
        from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
    except ImportError as error:
        raise UserError("protobuf is not installed", "run: pip install 'tml-bench[pipecat]'") from error
    field_type = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(name="frames.proto", package="pipecat", syntax="proto3")
    frame = file.message_type.add(name="Frame")
    frame.oneof_decl.add(name="frame")
    for number, (kind, fields) in enumerate(FRAMES.items(), start=1):
        message_type = {"type": field_type.TYPE_MESSAGE, "type_name": f".pipecat.{kind}"}
        frame.field.add(name=kind, number=number, oneof_index=0, **message_type)
        message = file.message_type.add(name=kind)
        for at, name in enumerate(fields, start=1):
            kind_of = getattr(field_type, f"TYPE_{TYPES.get(name, 'string').upper()}")
            message.field.add(name=name, number=at, type=kind_of)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("pipecat.Frame"))


def encode(kind: str, **fields: Value) -> bytes:
    """The bytes of a ``Frame`` of a kind in ``FRAMES``; fields left out are their type's zero."""
    data: bytes = frame_class()(**{kind: fields}).SerializeToString()
    return data


def decode(data: bytes) -> tuple[str, dict[str, Value]]:
    """The kind of a ``Frame`` and its fields; the kind is empty for a frame of an unknown kind.

    Raises:
        ProtocolError: the bytes are no such protobuf message.
    """
    from google.protobuf.message import DecodeError

    try:
        frame = frame_class().FromString(data)
    except DecodeError as error:
        raise ProtocolError(f"no protobuf message of Pipecat: {error}") from error
    kind = frame.WhichOneof("frame") or ""
    return kind, {name: getattr(getattr(frame, kind), name) for name in FRAMES.get(kind, ())}
