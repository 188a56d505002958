"""Unpacking a parquet in a process of its own.

Damaged pages may end the process that reads them, and a page of some kilobytes can hold gigabytes. A real
file takes four times its largest column, as compressed, which lies in few pages: so much more than a
gigabyte it may take, and on Linux no more.
"""

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from tml_bench.errors import UserError
from tml_bench.tasks.audio_multichallenge.parquet import unpack

_MEMORY = 1 << 30
_REFUSED = 3
"""The status after an error that was told."""
_AGAIN = "download it again"


def unpack_apart(files: Sequence[Path], folder: Path, tell: Callable[[str], None]) -> None:
    """As `parquet.unpack`; where the process dies that is a `UserError` as well."""
    paths = os.pathsep.join(filter(None, sys.path))
    last = ""
    with subprocess.Popen(
        [sys.executable, "-P", "-m", __name__, str(folder), *map(str, files)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": paths, "PYTHONIOENCODING": "utf-8:backslashreplace"},
        encoding="utf-8",
        errors="replace",
    ) as child:
        assert child.stdout is not None
        for line in child.stdout:
            last = line.rstrip("\n")
            tell(last)
    if child.returncode == _REFUSED:
        raise UserError(*msgspec.json.decode(last, type=tuple[str, str]))
    if child.returncode:
        what = f"{', '.join(map(str, files))}: whoever reads it dies ({child.returncode})"
        raise UserError(what, _AGAIN)


def main() -> None:
    """Unpack files into a folder, the first argument; what is wrong with them is told as the last line."""
    folder, *files = map(Path, sys.argv[1:])
    try:
        _limit_memory(files)
        unpack(files, folder, lambda line: print(line, flush=True))
    except (UserError, MemoryError) as error:
        much = f"{files[-1]}: it takes more memory than a real one"
        told = error if isinstance(error, UserError) else UserError(much, _AGAIN)
        print(msgspec.json.encode((told.problem, told.remedy)).decode())
        sys.exit(_REFUSED)


def _limit_memory(files: Sequence[Path]) -> None:
    if not sys.platform.startswith("linux"):
        return
    import resource

    columns = max((4 * _largest_column(path) for path in files), default=0)
    held = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    most = held + _MEMORY + columns
    resource.setrlimit(resource.RLIMIT_AS, (most, most))


def _largest_column(path: Path) -> int:
    """Bytes of a file's largest column chunk, at most of all of it; 0 where that cannot be read."""
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ImportError:
        return 0
    try:
        with parquet.ParquetFile(path) as file:
            about = file.metadata
            groups = [about.row_group(k) for k in range(min(about.num_row_groups, 1000))]
            sizes = [g.column(k).total_compressed_size for g in groups for k in range(g.num_columns)]
    except (pa.ArrowException, OSError):
        return 0
    return min(max(sizes, default=0), path.stat().st_size)


if __name__ == "__main__":
    main()
