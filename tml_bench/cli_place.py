"""Places on the command line: a folder, or an address of shared storage."""

import os
from pathlib import Path

import click

from tml_bench.storage.address import is_shared


class ResultsPlaceType(click.Path):
    """A path, or as it is an address such as ``s3://bucket/results``."""

    def convert(
        self, value: str | os.PathLike[str], param: click.Parameter | None, ctx: click.Context | None
    ) -> str | bytes | os.PathLike[str]:
        """What a command gets."""
        return value if is_shared(value) else super().convert(value, param, ctx)


PLACE = ResultsPlaceType(path_type=Path)
