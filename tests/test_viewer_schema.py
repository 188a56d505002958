"""The documents that the viewer's page is built on: the examples hold every field and nothing else."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from tml_bench.viewer.index_schema import SampleIndex
from tml_bench.viewer.sample_schema import SampleDocument

GOLDEN = Path(__file__).parent / "golden"
EXAMPLES: list[tuple[str, type[Any]]] = [
    ("viewer_index.json", SampleIndex),
    ("viewer_sample.json", SampleDocument),
]


@pytest.mark.parametrize(("name", "kind"), EXAMPLES)
def test_the_example_is_a_document_with_every_field(name: str, kind: type[Any]) -> None:
    """The page is written to these files."""
    text = (GOLDEN / name).read_bytes()
    document = msgspec.json.decode(text, type=kind)
    assert msgspec.json.decode(msgspec.json.encode(document)) == msgspec.json.decode(text)


def test_columns_of_the_example_are_equally_long() -> None:
    index = msgspec.json.decode((GOLDEN / "viewer_index.json").read_bytes(), type=SampleIndex)
    lengths = {len(column) for column in msgspec.structs.asdict(index.columns).values()}
    assert lengths == {5}
