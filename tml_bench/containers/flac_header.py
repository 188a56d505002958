"""What a FLAC file states at its beginning."""

from pathlib import Path


def flac_shape(path: Path) -> tuple[int, int] | None:
    """Rate and length that a FLAC file states; None where there is no file or it states none."""
    try:
        with path.open("rb") as file:
            head = file.read(26)
    except OSError:
        return None
    stated = int.from_bytes(head[18:26])  # STREAMINFO: 20 bits rate, 8 of channels and depth, 36 length
    rate, samples = stated >> 44, stated & 0xF_FFFF_FFFF
    return (rate, samples) if head[:5] == b"fLaC\0" and len(head) == 26 and samples else None
