"""Things in the rooms and streets of the video that ships.

Only the scripts that render shipped video use this module. Every function draws into an RGB image; places are
in metres, as in :mod:`drawing.figure`.
"""

from __future__ import annotations

import cmath
import math

import numpy as np
from drawing.figure import Colour, Image, SceneCamera, disc, limb, polygon, shaded
from drawing.film import rectangle
from drawing.motion import SEAT


def ball(image: Image, centre: complex, radius: float, colour: Colour, camera: SceneCamera) -> None:
    """A ball with a spot that shows how far it has rolled."""
    limb(image, (centre, centre), (radius, radius), colour, camera)
    spot = centre + 0.55 * radius * cmath.exp(-1j * centre.real / radius)
    polygon(image, disc(spot, radius * 0.2), shaded(colour, 0.5), camera)


def door(image: Image, x: float, share: float, camera: SceneCamera) -> None:
    """A door 0.9 m wide, its hinge on the left at ``x``; ``share`` 0 is closed, 1 wide open."""
    rectangle(image, complex(x - 0.08, 0.1), complex(x + 0.98, 2.12), (232, 228, 220), camera)
    rectangle(image, complex(x, 0.1), complex(x + 0.9, 2.04), (38, 36, 40), camera)
    angle = share * 1.35
    wide, tall = 0.9 * math.cos(angle), 0.16 * math.sin(angle)
    leaf = [x + 0.1j, complex(x + wide, 0.1 - tall), complex(x + wide, 2.04 + 0.3 * tall), x + 2.04j]
    polygon(image, leaf, shaded((150, 104, 66), 1.0 - 0.25 * share), camera)
    inner = [complex(x + 0.12 * wide, 0.3), complex(x + 0.85 * wide, 0.3 - 0.7 * tall)]
    inner += [complex(inner[1].real, 1.85), complex(inner[0].real, 1.85)]
    polygon(image, inner, shaded((150, 104, 66), 0.85 - 0.25 * share), camera)
    knob = complex(x + 0.9 * wide, 1.03)
    limb(image, (knob, knob), (0.035, 0.035), (206, 186, 120), camera)


def lamp(image: Image, x: float, lit: bool, camera: SceneCamera) -> None:
    """A floor lamp; when lit it glows and lightens the room around it."""
    limb(image, (x + 0.03j, x + 1.45j), (0.025, 0.02), (70, 66, 62), camera)
    limb(image, (complex(x - 0.13, 0.02), complex(x + 0.13, 0.02)), (0.03, 0.03), (70, 66, 62), camera)
    shade: Colour = (255, 244, 196) if lit else (150, 140, 118)
    edge = [
        complex(x - 0.24, 1.40),
        complex(x + 0.24, 1.40),
        complex(x + 0.14, 1.75),
        complex(x - 0.14, 1.75),
    ]
    polygon(image, edge, shade, camera)
    height, width = image.shape[:2]
    if not lit:
        image[:] = (image * 0.62).astype(np.uint8)
        return
    column, row = camera.pixel(complex(x, 1.5))
    y, across = np.mgrid[0:height, 0:width]
    glow = 0.35 * np.exp(-np.hypot(across - column, y - row) / (0.9 * camera.scale))[..., None]
    image[:] = np.clip(image * (1 + glow * np.array([1.0, 0.9, 0.6])) + 40 * glow, 0, 255).astype(np.uint8)


def stool(image: Image, x: float, camera: SceneCamera) -> None:
    """A stool whose seat is centred on ``x``."""
    for foot in (-0.17, 0.17):
        limb(
            image,
            (complex(x + foot, 0.03), complex(x + 0.7 * foot, SEAT)),
            (0.022, 0.022),
            (96, 70, 48),
            camera,
        )
    limb(image, (complex(x - 0.18, SEAT), complex(x + 0.18, SEAT)), (0.035, 0.035), (140, 102, 70), camera)


def broom(image: Image, hands: tuple[complex, complex], camera: SceneCamera) -> None:
    """A broom through two hands down to the floor."""
    upper, lower = hands
    along = (lower - upper) / max(abs(lower - upper), 1e-6)
    along = complex(along.real, min(along.imag, -0.6))
    foot = lower + along * max(0.0, (lower.imag - 0.12) / -along.imag)
    limb(image, (upper - 0.35 * along, foot), (0.018, 0.018), (180, 146, 92), camera)
    limb(image, (foot - 0.10 + 0.02j, foot + 0.10 + 0.02j), (0.05, 0.05), (150, 60, 50), camera)


def mug(image: Image, at: complex, facing: int, camera: SceneCamera) -> None:
    """A mug held in a hand."""
    place = at + 0.05 * facing
    rectangle(image, place - 0.05 - 0.03j, place + 0.05 + 0.09j, (216, 214, 206), camera)
    rectangle(image, place - 0.05 - 0.03j, place - 0.02 + 0.09j, (180, 178, 172), camera)


def bag(image: Image, at: complex, camera: SceneCamera) -> None:
    """A bag standing on the floor or carried, its bottom at ``at``."""
    limb(image, (at - 0.10 + 0.10j, at + 0.10 + 0.10j), (0.11, 0.11), (150, 96, 40), camera)
    limb(
        image,
        (at - 0.06 + 0.21j, at + 0.30j, at + 0.06 + 0.21j),
        (0.015, 0.015, 0.015),
        (110, 66, 28),
        camera,
    )


def post(image: Image, x: float, lean: float, camera: SceneCamera) -> None:
    """A street post 2.4 m high, leaning to the right by ``lean`` radians."""
    top = x + 2.4 * cmath.exp(1j * (math.pi / 2 - lean))
    limb(image, (x + 0.0j, top), (0.05, 0.04), (96, 100, 104), camera)
    limb(image, (top - 0.1, top + 0.1), (0.07, 0.07), (200, 196, 170), camera)


def car(image: Image, x: float, colour: Colour, camera: SceneCamera) -> None:
    """A car seen from the side, driving to the right; its nose is at ``x``."""
    body = (complex(x - 2.6, 0.42), complex(x - 0.2, 0.42))
    cabin = (complex(x - 2.0, 0.85), complex(x - 1.1, 0.85))
    limb(image, cabin, (0.32, 0.30), (70, 86, 100), camera)
    limb(image, (cabin[0] + 0.28j, cabin[1] + 0.27j), (0.05, 0.05), colour, camera)
    limb(image, body, (0.28, 0.22), colour, camera)
    for wheel in (x - 2.15, x - 0.6):
        limb(image, (wheel + 0.2j, wheel + 0.2j), (0.23, 0.23), (34, 34, 36), camera)
        limb(image, (wheel + 0.2j, wheel + 0.2j), (0.11, 0.11), (150, 152, 156), camera)


def smoke(image: Image, at: complex, age_s: float, camera: SceneCamera) -> None:
    """Grey puffs rising from a point, the more the older the smoke."""
    for puff in range(int(min(age_s, 6.0) * 3)):
        rise = (age_s - puff / 3) % 3.0
        centre = at + complex(0.12 * math.sin(2.1 * puff + rise), 0.45 * rise)
        veil = image.copy()
        polygon(veil, disc(centre, 0.10 + 0.12 * rise), (186, 186, 184), camera)
        image[:] = (0.6 * image + 0.4 * veil).astype(np.uint8)
