"""First-person scenes of the mini set: a table seen from above and the viewer's own hand.

The unit is a metre on the table, the origin its middle, the real part to the right and the imaginary part
away from the viewer; the hand comes in from below.
"""

from __future__ import annotations

import cmath
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from drawing.figure import Colour, Image, SceneCamera, disc, limb, polygon, shaded
from drawing.film import lit, rectangle, smooth

_ABOVE = SceneCamera(300, complex(240, 180))
_SKIN: Colour = (214, 170, 140)
_SLEEVE: Colour = (66, 96, 140)
_AWAY = 0.30 - 0.85j
"""Where the hand rests, out of sight."""


@dataclass(frozen=True, slots=True)
class Move:
    """The hand takes something from one place and lets it go at another.

    Attributes:
        start_s: the hand comes in.
        end_s: it has left again.
        take: where the thing is.
        put: where it goes; the same place for stirring and pouring.
        works_s: how long the hand works at ``put``.
    """

    start_s: float
    end_s: float
    take: complex
    put: complex
    works_s: float = 0.0

    def hand(self, t: float) -> complex:
        """Where the hand is."""
        reach = (self.end_s - self.start_s - self.works_s) / 3
        taken, there = self.start_s + reach, self.start_s + 2 * reach
        if t < taken:
            return _glide(_AWAY, self.take, (t - self.start_s) / reach)
        if t < there:
            return _glide(self.take, self.put, (t - taken) / reach)
        if t < there + self.works_s:
            return self.put + 0.05 * (cmath.exp(2j * math.pi * 0.9 * (t - there)) - 1)
        return _glide(self.put, _AWAY, (t - there - self.works_s) / reach)

    def thing(self, t: float) -> complex:
        """Where the thing is: in the hand between taking and letting go."""
        reach = (self.end_s - self.start_s - self.works_s) / 3
        if t < self.start_s + reach:
            return self.take
        return self.hand(t) if t < self.end_s - reach else self.put


def fruit_bowl(t: float) -> Image:
    """An apple and a lemon go into a bowl, which is then stirred with a spoon."""
    apple, lemon = Move(3, 6, -0.55 + 0.2j, -0.05 + 0.04j), Move(10, 13, 0.55 + 0.25j, 0.05 - 0.03j)
    spoon = Move(17, 23, 0.45 - 0.2j, 0.03 + 0.02j, works_s=3.5)
    image = _table((150, 112, 76))
    _round(image, 0j, 0.24, (222, 224, 226))
    _round(image, 0j, 0.19, (178, 184, 190))
    _round(image, apple.thing(t), 0.085, (186, 44, 40))
    _round(image, lemon.thing(t), 0.07, (232, 208, 62))
    _spoon(image, spoon.thing(t))
    _hand(image, t, (apple, lemon, spoon))
    return image


def packing(t: float) -> Image:
    """A book, a mug and a ball go into a box, whose lid is then closed."""
    book = Move(3, 6, -0.55 + 0.15j, -0.12 + 0.1j)
    mug = Move(9.5, 12.5, 0.55 + 0.3j, 0.13 + 0.12j)
    ball = Move(16, 19, 0.5 - 0.15j, 0.02 - 0.02j)
    lid = Move(22, 25, -0.55 - 0.25j, 0.06j)
    image = _table((116, 122, 126))
    _slab(image, 0.06j, 0.62, 0.46, (176, 134, 86))
    _slab(image, 0.06j, 0.56, 0.40, (112, 82, 52))
    _slab(image, book.thing(t), 0.20, 0.27, (62, 84, 150))
    _round(image, mug.thing(t), 0.075, (222, 220, 212))
    _round(image, mug.thing(t), 0.055, (120, 112, 104))
    _round(image, ball.thing(t), 0.08, (206, 90, 40))
    _slab(image, lid.thing(t), 0.64, 0.48, (196, 152, 100))
    _hand(image, t, (book, mug, ball, lid))
    return image


def tea(t: float) -> Image:
    """A tea bag goes into a mug, water is poured in and turns brown, and it is stirred."""
    sachet = Move(4, 7, -0.5 + 0.2j, 0j)
    kettle = Move(11, 16, 0.5 + 0.25j, 0.16 + 0.12j, works_s=2.5)
    spoon = Move(20, 25, 0.45 - 0.2j, 0.01j, works_s=3.0)
    image = _table((92, 104, 92))
    _round(image, 0j, 0.15, (226, 224, 216))
    steeped = min(1.0, max(0.0, (t - 12.8) / 2.5))
    inside = tuple(round(a + (b - a) * steeped) for a, b in zip((170, 168, 160), (132, 72, 28), strict=True))
    _round(image, 0j, 0.12, (inside[0], inside[1], inside[2]))
    if t < 14:
        _slab(image, sachet.thing(t), 0.09, 0.11, (214, 196, 150))
    _spoon(image, spoon.thing(t))
    pot = kettle.thing(t)
    if 12.9 <= t < 15.2:
        limb(image, (pot - 0.12 - 0.02j, 0.02 + 0.02j), (0.018, 0.014), (168, 200, 220), _ABOVE)
    _round(image, pot, 0.17, (70, 74, 84))
    limb(image, (pot - 0.12, pot - 0.22 - 0.04j), (0.05, 0.025), (70, 74, 84), _ABOVE)
    _round(image, pot, 0.06, (120, 124, 134))
    _hand(image, t, (sachet, kettle, spoon))
    return image


def _glide(a: complex, b: complex, share: float) -> complex:
    return a + (b - a) * smooth(share)


def _table(colour: Colour) -> Image:
    image = np.empty((360, 480, 3), np.uint8)
    image[:] = colour
    for number in range(7):
        low = complex(-0.85, -0.62 + 0.18 * number)
        rectangle(
            image, low, low + 1.7 + 0.175j, shaded(colour, (0.96, 1.03, 0.99, 1.05)[number % 4]), _ABOVE
        )
    return lit(image, complex(0.35, 0.1), 0.8, 1.1)


def _round(image: Image, at: complex, radius: float, colour: Colour) -> None:
    polygon(image, disc(at + 0.012 - 0.018j, radius * 1.03), shaded(colour, 0.35), _ABOVE)
    limb(image, (at, at), (radius, radius), colour, _ABOVE)


def _slab(image: Image, at: complex, width: float, height: float, colour: Colour) -> None:
    half = complex(width / 2, height / 2)
    shade = 0.012 - 0.018j
    rectangle(image, at - half + shade, at + half + shade, shaded(colour, 0.4), _ABOVE)
    rectangle(image, at - half, at + half, colour, _ABOVE)


def _spoon(image: Image, at: complex) -> None:
    limb(image, (at, at + 0.16 - 0.16j), (0.014, 0.018), (190, 192, 198), _ABOVE)
    limb(image, (at - 0.01 + 0.01j, at - 0.03 + 0.03j), (0.032, 0.036), (200, 202, 208), _ABOVE)


def _hand(image: Image, t: float, moves: Sequence[Move]) -> None:
    for move in moves:
        if not move.start_s <= t < move.end_s:
            continue
        wrist = move.hand(t) + 0.06 - 0.16j
        limb(image, (wrist + 0.22 - 0.55j, wrist + 0.03 - 0.08j), (0.10, 0.075), _SLEEVE, _ABOVE)
        limb(image, (wrist + 0.03 - 0.08j, wrist + 0.04j), (0.06, 0.075), _SKIN, _ABOVE)
        for finger in (-0.055, -0.02, 0.015, 0.05):
            root = wrist + finger + 0.05j
            limb(image, (root, root - 0.5 * finger + 0.10j), (0.024, 0.02), _SKIN, _ABOVE)
        limb(image, (wrist - 0.06 + 0.0j, wrist - 0.11 + 0.08j), (0.03, 0.022), _SKIN, _ABOVE)
