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

FRAMES: Mapping[str, Mapping[str, str]] = {
    "text": {"id": "uint64", "name": "string", "text": "string"},
    "audio": {
        "id": "uint64",
        "name": "string",
        "audio": "bytes",
        "sample_rate": "uint32",
        "num_channels": "uint32",
        "pts": "uint64",
    },
    "transcription": {
        "id": "uint64",
        "name": "string",
        "text": "string",
        "user_id": "string",
        "timestamp": "string",
    },
    "message": {"data": "string"},
    "interruption": {"id": "uint64", "name": "string"},
}
"""The fields of each frame with their types; both are numbered from 1 in this order."""


@cache
def frame_class() -> Any:
    """Protobuf's class of ``Frame``.

    Raises:
        UserError: the extra is not installed.
    """
    try:
        from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
    except ImportError as error:
        raise UserError("protobuf is not installed", "run: pip install 'tml-bench[pipecat]'") from error
    field_type = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(name="frames.proto", package="pipecat", syntax="proto3")
    frame = file.message_type.add(name="Frame")
    frame.oneof_decl.add(name="frame")
    for number, (kind, fields) in enumerate(FRAMES.items(), start=1):
        frame.field.add(
            name=kind,
            number=number,
            type=field_type.TYPE_MESSAGE,
            type_name=f".pipecat.{kind}",
            oneof_index=0,
        )
        message = file.message_type.add(name=kind)
        for at, (name, of) in enumerate(fields.items(), start=1):
            message.field.add(name=name, number=at, type=getattr(field_type, f"TYPE_{of.upper()}"))
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("pipecat.Frame"))


def encode(kind: str, **fields: Value) -> bytes:
    """The bytes of a ``Frame``.

    Args:
        kind: a name in ``FRAMES``.
        fields: of that frame; those left out are their type's zero.
    """
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
