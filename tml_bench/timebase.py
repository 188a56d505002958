"""Integer time: nanoseconds on the session clock and sample indices at a rate.

Sample ``i`` at rate ``r`` happens at ``i / r`` seconds. Times are integer nanoseconds and are never
accumulated as floats, so that an hour of 44.1 kHz audio in 20 ms micro-turns ends on the exact sample.
"""

NS = 1_000_000_000
"""Nanoseconds in a second."""


def first_sample_at(t_ns: int, rate: int) -> int:
    """Index of the first sample at or after ``t_ns``."""
    return -(-t_ns * rate // NS)


def sample_time_ns(index: int, rate: int) -> int:
    """Time of a sample, rounded down to a nanosecond; ``first_sample_at`` inverts it."""
    return index * NS // rate


def seconds(t_ns: int) -> float:
    """Nanoseconds as seconds."""
    return t_ns / NS


def nanoseconds(t_s: float) -> int:
    """Seconds as nanoseconds, to the nearest."""
    return round(t_s * NS)
