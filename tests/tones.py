"""Tones that stand for phones, laid at known times, and HTK models fitted to them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soxr
from aligner_check.htk import RATE, SIZE, STEP, WINDOW, features

TONES = {"AA1": 300.0, "M": 800.0, "S": 3000.0}
RATE_IN = 16_000


def tone(hertz: float, seconds: float, rate: int = RATE_IN) -> np.ndarray:
    """Three harmonics, as a voice has them, at -20 dBFS."""
    t = np.arange(round(seconds * rate)) / rate
    return sum(0.1 / k * np.sin(2 * np.pi * k * hertz * t) for k in (1, 1.5, 2))


def silence(seconds: float, rate: int = RATE_IN) -> np.ndarray:
    return np.zeros(round(seconds * rate))


def laid(*parts: tuple[str, float]) -> tuple[np.ndarray, list[tuple[str, float, float]]]:
    """Audio of phones (empty for silence), and where each lies."""
    sound, places, at = [], [], 0.0
    for phone, seconds in parts:
        sound.append(tone(TONES[phone], seconds) if phone else silence(seconds))
        if phone:
            places.append((phone, at, at + seconds))
        at += seconds
    return np.concatenate(sound).astype(np.float32), places


def state_text(rows: np.ndarray) -> str:
    mean, variance = rows.mean(axis=0), rows.var(axis=0) + 0.05
    constant = SIZE * np.log(2 * np.pi) + np.log(variance).sum()
    numbers = [" ".join(f"{x:.6e}" for x in values) for values in (mean, variance)]
    return (
        f"<NUMMIXES> 1\n<MIXTURE> 1 1.0\n<MEAN> {SIZE}\n {numbers[0]}\n"
        f"<VARIANCE> {SIZE}\n {numbers[1]}\n<GCONST> {constant:.6e}\n"
    )


def write_models(folder: Path) -> Path:
    """One state a phone, fitted to tones; silence is shared, as in real files."""
    order = ["", "AA1", "", "M", "", "S", ""]
    audio, places = laid(*((name, 0.4) for name in order))
    noise = np.random.default_rng(0).normal(0.0, 1e-3, round(len(audio) * RATE / RATE_IN))
    rows = features(soxr.resample(audio.astype(float), RATE_IN, RATE)[: len(noise)] + noise)
    centres = (np.arange(len(rows)) * STEP + WINDOW / 2) / RATE
    quiet = np.ones(len(rows), bool)
    text = []
    for name, start, end in places:
        inside = (centres > start + 0.05) & (centres < end - 0.05)
        quiet &= (centres < start - 0.05) | (centres > end + 0.05)
        text.append(
            f'~h "{name}"\n<BEGINHMM>\n<NUMSTATES> 3\n<STATE> 2\n{state_text(rows[inside])}<TRANSP> 3\n'
            " 0 1 0\n 0 0.9 0.1\n 0 0 0\n<ENDHMM>\n"
        )
    shared = f'~s "silst"\n{state_text(rows[quiet])}'
    text.append(
        '~h "sp"\n<BEGINHMM>\n<NUMSTATES> 3\n<STATE> 2\n~s "silst"\n<TRANSP> 3\n'
        " 0 0.2 0.8\n 0 0.9 0.1\n 0 0 0\n<ENDHMM>\n"
    )
    text.append(
        '~h "sil"\n<BEGINHMM>\n<NUMSTATES> 3\n<STATE> 2\n~s "silst"\n<TRANSP> 3\n'
        " 0 1 0\n 0 0.9 0.1\n 0 0 0\n<ENDHMM>\n"
    )
    path = folder / "hmmdefs"
    path.write_text(shared + "".join(text))
    return path
