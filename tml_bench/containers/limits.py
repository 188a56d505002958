"""What no honest sound or video exceeds, so that what a file claims decides neither memory nor time."""

from tml_bench.errors import BadSampleError

RATES = range(2000, 384_001)
MAX_CHANNELS = 64
LONGEST_S = 24 * 3600
"""A session of two hours is long."""
PIECE = 1 << 22
"""Values that are decoded at a time."""


def check_rate(name: str, rate: int) -> None:
    """Refuse a rate in Hz outside what is read, with a BadSampleError that names ``name``."""
    if rate not in RATES:
        raise BadSampleError(f"{name} has a rate of {rate} Hz, outside {RATES.start}-{RATES.stop - 1} Hz")


def check_channels(name: str, channels: int) -> None:
    """Refuse more channels than `MAX_CHANNELS`, or none, with a BadSampleError that names ``name``."""
    if not 0 < channels <= MAX_CHANNELS:
        raise BadSampleError(f"{name} has {channels} channels; 1 to {MAX_CHANNELS} can be read")


def check_length(name: str, seconds: float) -> None:
    """Refuse what lasts longer than `LONGEST_S`, with a BadSampleError that names ``name``."""
    if not seconds <= LONGEST_S:
        hours = f"{seconds / 3600:.1f} h by what it says, more than {LONGEST_S / 3600:g} h"
        raise BadSampleError(f"{name} lasts {hours}; cut it into parts")
