"""Places on the command line: a folder, or an address of shared storage."""

from pathlib import Path

import click

from tml_bench.storage.address import is_shared


class ResultsPlaceType(click.ParamType):
    """A path, or as it is an address such as ``s3://bucket/results``."""

    name = "path"

    def convert(
        self, value: str | Path, param: click.Parameter | None, ctx: click.Context | None
    ) -> str | Path:
        """What a command gets."""
        return value if isinstance(value, str) and is_shared(value) else Path(value)


PLACE = ResultsPlaceType()
