"""API keys: from the environment, or from a file that only its owner can read; never sent in clear."""

import os
import stat
from pathlib import Path

from tml_bench.addresses import check_private
from tml_bench.bounded_files import read_whole
from tml_bench.errors import UserError
from tml_bench.redact import remember_secret

KEYS_FILE = "TML_BENCH_KEYS"
"""Environment variable that names the file of keys, lines of ``NAME=value``."""


def key_for(url: str, *names: str, required: bool = False) -> str | None:
    """The key for a service at this address, under the first of these names that is set; None without one.

    Every adapter and judge that sends a key takes it from here. It goes over TLS, or to this machine.

    Raises:
        UserError: as ``secret`` where it is ``required``; or there is a key, and the address is of another
            machine without TLS (``TML_BENCH_PLAIN_KEYS=1`` allows it).
    """
    key = secret(*names) if required else optional_secret(*names)
    if key is not None:
        check_private(url, f"the key in {' or '.join(names)}")
    return key


def secret(*names: str) -> str:
    """The key under the first of these names that is set.

    Each name is looked up in the environment, then in the file that ``TML_BENCH_KEYS`` names. The key is
    blanked from now on in everything recorded.

    Raises:
        UserError: none is set, or others than its owner may read the file.
    """
    found = optional_secret(*names)
    if found is None:
        raise UserError(
            f"{' or '.join(names)} is not set",
            f"export it, or put {names[0]}=... into a file of mode 0600 and name that file in {KEYS_FILE}",
        )
    return found


def optional_secret(*names: str) -> str | None:
    """As ``secret``, for services that need no key; None when there is none. Raises UserError likewise."""
    filed = _from_file()
    for name in names:
        value = os.environ.get(name) or filed.get(name)
        if value:
            remember_secret(value)
            return value
    return None


def _from_file() -> dict[str, str]:
    named = os.environ.get(KEYS_FILE)
    if not named:
        return {}
    path = Path(named)
    try:
        mode = path.stat().st_mode
        lines = read_whole(path, piped=True).decode().splitlines()
    except (OSError, ValueError) as error:
        raise UserError(
            f"{KEYS_FILE} names {path}, which cannot be read: {error}", "name a readable file"
        ) from error
    if os.name == "posix" and stat.S_IMODE(mode) & 0o077:
        raise UserError(f"others may read the keys in {path}", f"run: chmod 600 {path}")
    pairs = (line.partition("=") for line in lines if "=" in line and not line.lstrip().startswith("#"))
    return {name.strip().removeprefix("export ").strip(): _bare(value) for name, _, value in pairs}


def _bare(value: str) -> str:
    value = value.strip()
    return value[1:-1] if len(value) >= 2 and value[0] == value[-1] and value[0] in "'\"" else value
