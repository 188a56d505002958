"""What people in the video that ships do: poses as functions of place, progress and time.

Only the scripts that render shipped video use this module. ``x`` is where a person stands, in metres; ``t``
is time in seconds and drives what repeats (steps, waving, breathing); ``share`` is progress from 0 to 1; at
both ends a pose is that of :func:`stand` unless its docstring says otherwise.
"""

from __future__ import annotations

import cmath
import math

from drawing import figure
from drawing.figure import STANDING, TORSO, Pose
from drawing.film import smooth

SEAT = 0.50
"""Height of a stool."""
_FLOOR = 0.08


def stand(x: float, facing: int, t: float = 0.0) -> Pose:
    """Standing at ease, swaying a little."""
    sway = 0.010 * math.sin(1.5 * t + 3 * x) + 0.005 * math.sin(3.7 * t)
    if not facing:
        return _facing_us(x, sway, [-75.0, -75.0])
    hands = [complex(0.03, -0.54), complex(0.08, -0.54)]
    return figure.side(complex(x, STANDING), 0.03 + sway, hands, _feet(), facing)


def walk(x: float, facing: int, t: float) -> Pose:
    """Walking; the caller moves ``x`` at about 1 m/s."""
    phase = 2 * math.pi * 0.95 * t
    feet = [
        complex(s * 0.24 * math.sin(phase), _FLOOR + 0.07 * max(0.0, s * math.cos(phase)))
        for s in (-1.0, 1.0)
    ]
    hands = [0.53 * cmath.exp(1j * (-math.pi / 2 + s * 0.45 * math.sin(phase) + 0.1)) for s in (1.0, -1.0)]
    height = STANDING - 0.035 * abs(math.sin(phase))
    return figure.side(complex(x, height), 0.06, hands, feet, facing)


def run(x: float, facing: int, t: float) -> Pose:
    """Running; the caller moves ``x`` at about 3 m/s."""
    phase = 2 * math.pi * 1.5 * t
    feet = [
        complex(s * 0.38 * math.sin(phase), _FLOOR + 0.28 * max(0.0, s * math.cos(phase)))
        for s in (-1.0, 1.0)
    ]
    hands = [0.36 * cmath.exp(1j * (-0.9 + s * 0.7 * math.sin(phase))) for s in (1.0, -1.0)]
    return figure.side(complex(x, STANDING - 0.06), 0.28, hands, feet, facing)


def sit(x: float, facing: int, share: float, t: float = 0.0) -> Pose:
    """From standing (share 0) to sitting on a stool (share 1) that stands 0.38 m behind ``x``."""
    e = smooth(share)
    lean = 0.03 + 0.55 * math.sin(math.pi * e) + 0.008 * math.sin(1.5 * t)
    pelvis = complex(x - 0.38 * e * facing, STANDING + (SEAT + 0.11 - STANDING) * e)
    hands = [complex(0.03 + 0.33 * e, -0.54 + 0.10 * e), complex(0.08 + 0.32 * e, -0.54 + 0.09 * e)]
    return figure.side(pelvis, lean, hands, [f + 0.38 * e for f in _feet()], facing)


def fall(x: float, facing: int, share: float) -> Pose:
    """From standing (share 0) forward to lying on the floor (share 1)."""
    e = min(1.0, share) ** 2
    pelvis = complex(x + 0.25 * e * facing, STANDING + (0.14 - STANDING) * e)
    hands = [complex(0.05 + 0.35 * e, -0.54 + 0.50 * e), complex(0.08 + 0.40 * e, -0.54 + 0.48 * e)]
    feet = [complex(-0.03 - 0.80 * e, _FLOOR + 0.02 * e), complex(0.05 - 0.86 * e, _FLOOR + 0.02 * e)]
    return figure.side(pelvis, 0.03 + 1.5 * e, hands, feet, facing, sole=cmath.exp(-1j * 0.9 * e))


def wave(x: float, share: float, t: float) -> Pose:
    """Towards us, one arm up and waving."""
    e = _there_and_back(share, 0.15)
    swing = e * 18 * math.sin(2 * math.pi * 1.4 * t)
    return _facing_us(x, 0.008 * math.sin(1.5 * t), [-75.0, -75 + 145 * e + swing])


def stretch(x: float, share: float, t: float) -> Pose:
    """Towards us, both arms up, bending from side to side."""
    e = _there_and_back(share, 0.22)
    return _facing_us(x, 0.22 * e * math.sin(2 * math.pi * 0.5 * t), [-75 + 155 * e] * 2)


def march(x: float, facing: int, share: float, t: float) -> Pose:
    """Lifting the knees in turn, on the spot."""
    e = _there_and_back(share, 0.08)
    phase = 2 * math.pi * 0.9 * t
    feet = [
        foot + e * max(0.0, s * math.sin(phase)) * complex(0.16, 0.38)
        for s, foot in zip((-1.0, 1.0), _feet(), strict=True)
    ]
    hands = [0.52 * cmath.exp(1j * (-math.pi / 2 + 0.1 + s * e * 0.6 * math.sin(phase))) for s in (1.0, -1.0)]
    return figure.side(complex(x, STANDING), 0.03, hands, feet, facing)


def drink(x: float, facing: int, share: float, t: float) -> Pose:
    """Lifting the near hand to the mouth, tilting it in sips, and lowering it."""
    e = _there_and_back(share, 0.22)
    sip = 0.05 * e * math.sin(2 * math.pi * 0.8 * t)
    low, high = complex(0.22, -0.36), complex(0.22, 0.13 + sip)
    hands = [complex(0.03, -0.54), low + (high - low) * e]
    return figure.side(complex(x, STANDING), 0.03 - 0.08 * e, hands, _feet(), facing, nod=-0.3 * e + 2 * sip)


def sweep(x: float, facing: int, share: float, t: float) -> Pose:
    """Bent over a broom, both hands pushing it to and fro."""
    e = _there_and_back(share, 0.1)
    push = 0.17 * e * math.sin(2 * math.pi * 0.7 * t)
    hands = [complex(0.27 + push, -0.28), complex(0.30 + push, -0.42)]
    return figure.side(complex(x - 0.05 * e, STANDING - 0.03 * e), 0.05 + 0.3 * e, hands, _feet(), facing)


def pick_up(x: float, facing: int, share: float) -> Pose:
    """Down to the floor with one hand and up again."""
    e = _there_and_back(share, 0.42)
    down = complex(0.20, -0.54)
    hands = [complex(0.05, -0.50), complex(0.08, -0.54) + (down - complex(0.08, -0.54)) * e]
    pelvis = complex(x - 0.22 * e * facing, STANDING - 0.36 * e)
    return figure.side(pelvis, 0.03 + 1.15 * e, hands, [f + 0.22 * e for f in _feet()], facing)


def reach(x: float, facing: int, share: float, hold: complex) -> Pose:
    """Stretching the near hand to ``hold`` (relative to the neck), pulling it back a little, letting go."""
    e = _there_and_back(share, 0.2)
    low = complex(0.08, -0.54)
    hands = [complex(0.03, -0.54), low + (hold - 0.2 * smooth(share) - low) * e]
    return figure.side(complex(x, STANDING), 0.03 + 0.1 * e, hands, _feet(), facing)


def _there_and_back(share: float, ramp: float) -> float:
    return smooth(share / ramp) * smooth((1 - share) / ramp)


def _feet() -> list[complex]:
    return [complex(-0.03, _FLOOR), complex(0.05, _FLOOR)]


def _facing_us(x: float, lean: float, angles: list[float]) -> Pose:
    pelvis = complex(x, STANDING + 0.015)
    shoulders = pelvis + TORSO * cmath.exp(1j * (math.pi / 2 - lean))
    hands = [
        shoulders + s * 0.19 + 0.55 * complex(s * math.cos(math.radians(a)), math.sin(math.radians(a)))
        for s, a in zip((-1, 1), angles, strict=True)
    ]
    return figure.front(pelvis, hands, [complex(x + s * 0.13, _FLOOR) for s in (-1, 1)], lean)
