"""Seconds of session per second of one processor: the loop and the lossless recording of both tracks.

A model that costs nothing, 200 ms micro-turns, ten minutes of audio read from a FLAC file, both tracks
encoded to FLAC, hashes included: how fast can a session be at most? The target is for a model that is
silent; one that echoes the user has speech to encode in both tracks. Processor time is what is
counted, so that others on the machine do not matter; the best of seven counts.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from common import Null, machine, record, speech_file

from tml_bench.media.audio import ClipReader
from tml_bench.recording_writer import AudioWriter

SECONDS = 600
TARGET = 500


def speed(user: Path, rate: int, speaks: bool, folder: Path) -> float:
    """Seconds of session per second of processor time; the best of seven."""
    costs = []
    for attempt in range(7):
        began = time.process_time()
        record(user, Null(rate, speaks), folder / str(attempt))
        costs.append(time.process_time() - began)
    return SECONDS / min(costs)


def flac_cost(user: Path, rate: int, folder: Path) -> tuple[float, float]:
    """Processor seconds to decode the user's file and to encode two tracks of it, as a session does."""
    began = time.process_time()
    with ClipReader(user, rate) as clip:
        audio = clip.read(clip.length)
    decoded = time.process_time()
    for name in ("user.flac", "model.flac"):
        writer = AudioWriter(folder / name, rate)
        for start in range(0, len(audio), rate // 5):
            writer.write(audio[start : start + rate // 5])
        writer.close()
    return decoded - began, time.process_time() - decoded


def main() -> None:
    """Print the speeds, and what bounds them."""
    print(machine())
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        for rate in (16000, 24000):
            user = speech_file(folder / f"{rate}.flac", rate, SECONDS)
            for speaks in (False, True):
                found = speed(user, rate, speaks, folder / f"{rate}-{speaks}")
                verdict = "ok" if found >= TARGET else "MISSED"
                judged = "echoing model" if speaks else f"null model (target {TARGET}: {verdict})"
                print(f"{rate} Hz, {judged}: {found:.0f} x real time")
            decode, encode = min(flac_cost(user, rate, folder) for _ in range(7))
            total = SECONDS / found
            rest = 1 - (decode + encode) / total
            print(
                f"  echoing: encoding FLAC {encode / total:.0%}, decoding FLAC {decode / total:.0%}, "
                f"loop, events and hashes {rest:.0%}"
            )


if __name__ == "__main__":
    main()
