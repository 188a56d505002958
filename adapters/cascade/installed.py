"""Models that are files of installed packages, none of whose code is run."""

from collections.abc import Sequence
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

from tml_bench.errors import UserError
from tml_bench.files import file_sha256


def require(packages: Sequence[str], what: str, remedy: str) -> None:
    """Raise a UserError that names those of the packages that are not installed, by their import names."""
    if absent := [name for name in packages if find_spec(name) is None]:
        raise UserError(f"{what} needs {', '.join(absent)}", remedy)


def package_file(package: str, path: str, remedy: str) -> Path:
    """A file of an installed package, without importing it; a UserError where it does not hold one."""
    found = find_spec(package)
    folders = found.submodule_search_locations or () if found else ()
    file = next((Path(folder, path) for folder in folders if Path(folder, path).is_file()), None)
    if file is None:
        raise UserError(f"the installed {package} holds no {Path(path).name}", remedy)
    return file


@lru_cache(maxsize=4)
def short_sha256(file: Path) -> str:
    """The first 12 hexadecimal digits of a file's SHA-256; an OSError where it cannot be read."""
    return file_sha256(file)[:12]
