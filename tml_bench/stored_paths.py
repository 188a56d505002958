"""Paths among the fields of records that are kept as JSON: names of files need not be text."""

import os
from pathlib import Path
from typing import Any


def text_of_path(path: Path) -> str:
    """A path as text, for `msgspec`'s ``enc_hook``."""
    return os.fsencode(path).decode("latin-1")


def path_of_text(kind: type[Any], value: Any) -> Any:
    """A path from such text, for `msgspec`'s ``dec_hook``."""
    return Path(os.fsdecode(value.encode("latin-1"))) if kind is Path else value
