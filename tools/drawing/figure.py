"""People-like figures for the video that ships: a jointed body in metres, drawn with OpenCV.

Only the scripts that render shipped video use this module. Points are complex numbers: real part to the
right, imaginary part up, in metres, the floor at 0. A body is either seen from the front (``facing`` 0) or
from the side (``facing`` 1 looks right, -1 left). Poses are made from where pelvis, hands and feet are;
elbows and knees follow from the lengths of the limbs (two-link inverse kinematics), so every pose is one a
body can take.

Drawing is a pure function of its arguments: the same pose gives the same pixels.
"""

from __future__ import annotations

import cmath
import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
Colour = tuple[int, int, int]
"""Red, green, blue, 0 to 255."""
Joints = tuple[complex, complex, complex]
Points = Sequence[complex] | NDArray[np.complex128]

TORSO, UPPER_ARM, FOREARM, THIGH, SHIN = 0.52, 0.29, 0.28, 0.43, 0.43
"""Lengths of a body 1.75 m tall, in metres."""
STANDING = 0.92
"""Height of the pelvis of a standing body."""
_SHOULDER, _HIP, _HEAD = 0.19, 0.10, 0.115
_SUBPIXEL = 4
_CIRCLE = np.exp(1j * np.linspace(0, 2 * np.pi, 24, endpoint=False))


@dataclass(frozen=True, slots=True)
class SceneCamera:
    """An orthographic view.

    Attributes:
        scale: pixels per metre.
        origin: pixel (x to the right, y down, as a complex number) at which the point 0 is seen.
    """

    scale: float
    origin: complex

    def pixel(self, point: complex) -> tuple[float, float]:
        """Where a point is seen, in pixels from the top left."""
        seen = self.origin + self.scale * point.conjugate()
        return seen.real, seen.imag


@dataclass(frozen=True, slots=True)
class Look:
    """Colours of a person."""

    skin: Colour = (214, 170, 140)
    hair: Colour = (60, 42, 30)
    shirt: Colour = (176, 60, 52)
    trousers: Colour = (48, 58, 92)
    shoes: Colour = (40, 40, 44)


@dataclass(frozen=True, slots=True)
class Pose:
    """Where the joints are.

    Attributes:
        pelvis: between the hips.
        neck: between the shoulders.
        head: centre of the head.
        arms: two of (shoulder, elbow, hand); the second is nearer to the camera.
        legs: two of (hip, knee, ankle); the second is nearer to the camera.
        facing: 0 front, 1 right, -1 left.
        sole: direction in which the feet point.
    """

    pelvis: complex
    neck: complex
    head: complex
    arms: tuple[Joints, Joints]
    legs: tuple[Joints, Joints]
    facing: int
    sole: complex


def bend(root: complex, target: complex, upper: float, lower: float, side: int) -> Joints:
    """Root, middle joint and end of a two-link limb that reaches for ``target``.

    Args:
        root: the fixed end.
        target: where the free end shall be; clamped to what the limb can reach.
        upper: length of the first link.
        lower: length of the second link.
        side: 1 bends the middle joint to the left of the line from root to target, -1 to the right.
    """
    away = target - root if abs(target - root) > 1e-6 else complex(0, -1e-6)
    reach = min(max(abs(away), abs(upper - lower) + 1e-3), upper + lower - 1e-4)
    toward = away / abs(away)
    angle = math.acos((upper**2 + reach**2 - lower**2) / (2 * upper * reach))
    return root, root + upper * toward * cmath.exp(1j * side * angle), root + reach * toward


def front(pelvis: complex, hands: Sequence[complex], feet: Sequence[complex], lean: float = 0.0) -> Pose:
    """A body seen from the front.

    Args:
        pelvis: between the hips.
        hands: right then left hand, as seen from the left of the picture; absolute points.
        feet: ankles in the same order.
        lean: sideways tilt of the torso in radians, positive to the right.
    """
    up = cmath.exp(1j * (math.pi / 2 - lean))
    across = up * -1j
    neck = pelvis + TORSO * up
    arms = [
        bend(neck + s * _SHOULDER * across, h, UPPER_ARM, FOREARM, s)
        for s, h in zip((-1, 1), hands, strict=True)
    ]
    legs = [bend(pelvis + s * _HIP, f, THIGH, SHIN, s) for s, f in zip((-1, 1), feet, strict=True)]
    return Pose(pelvis, neck, neck + 0.20 * up, (arms[0], arms[1]), (legs[0], legs[1]), 0, -1j)


def side(
    pelvis: complex,
    lean: float,
    hands: Sequence[complex],
    feet: Sequence[complex],
    facing: int = 1,
    sole: complex = 1,
    elbow: int = -1,
    nod: float = 0.0,
) -> Pose:
    """A body seen from the side. Everything is given as if it looked right and mirrored for ``facing`` -1.

    Args:
        pelvis: between the hips; its real part is mirrored about itself.
        lean: forward tilt of the torso in radians from upright; pi / 2 is lying face down.
        hands: far and near hand, relative to the neck.
        feet: far and near ankle, relative to the pelvis' foot point (the floor below the pelvis).
        facing: 1 looks right, -1 left.
        sole: direction of the toes.
        elbow: -1 lets the elbows point backward and down, 1 forward and up.
        nod: extra forward tilt of the head.
    """
    up = cmath.exp(1j * (math.pi / 2 - lean))
    hip = 1j * pelvis.imag
    neck = hip + TORSO * up
    head = neck + 0.20 * up * cmath.exp(-1j * nod) + 0.03
    arms = [bend(neck, neck + h, UPPER_ARM, FOREARM, elbow) for h in hands]
    legs = [bend(hip, f, THIGH, SHIN, 1) for f in feet]
    base = pelvis.real

    def placed(point: complex) -> complex:
        return complex(base + facing * point.real, point.imag)

    def triple(joints: Joints) -> Joints:
        return placed(joints[0]), placed(joints[1]), placed(joints[2])

    return Pose(
        placed(hip),
        placed(neck),
        placed(head),
        (triple(arms[0]), triple(arms[1])),
        (triple(legs[0]), triple(legs[1])),
        facing,
        complex(facing * sole.real, sole.imag),
    )


def draw(image: Image, pose: Pose, look: Look, camera: SceneCamera) -> None:
    """Draw a body into ``image`` (height, width, 3), RGB; the far limbs first and darker."""
    far = 0.72 if pose.facing else 1.0
    _leg(image, pose.legs[0], pose.sole, look, camera, far)
    if pose.facing:
        _arm(image, pose.arms[0], look, camera, far)
    _leg(image, pose.legs[1], pose.sole, look, camera, 1.0)
    _torso(image, pose, look, camera)
    _head(image, pose, look, camera)
    if not pose.facing:
        _arm(image, pose.arms[0], look, camera, 1.0)
    _arm(image, pose.arms[1], look, camera, 1.0)


def limb(
    image: Image, joints: Sequence[complex], radii: Sequence[float], colour: Colour, camera: SceneCamera
) -> None:
    """Draw the hull of discs about the joints so that it looks round.

    Three tones are laid over each other, the lightest towards a lamp at the upper left. Two joints make a
    tapered limb, four make a chest.
    """
    light = complex(-0.3, 0.35)
    centres, sizes = np.array(joints)[:, None], np.array(radii)[:, None]
    for shrink, tone in ((1.0, 0.66), (0.78, 0.88), (0.42, 1.08)):
        corners = centres + sizes * (light * (1 - shrink) + shrink * _CIRCLE)
        hull = cv2.convexHull(_corners(corners.ravel(), camera))
        _fill(image, hull.astype(np.int32), shaded(colour, tone))


def polygon(image: Image, points: Points, colour: Colour, camera: SceneCamera) -> None:
    """Fill a polygon given in metres, with soft edges."""
    _fill(image, _corners(np.asarray(points), camera), colour)


def shaded(colour: Colour, tone: float) -> Colour:
    """A colour made darker (below 1) or lighter (above 1)."""
    red, green, blue = (min(255, round(c * tone)) for c in colour)
    return red, green, blue


def disc(centre: complex, radius: float, squash: float = 1.0) -> NDArray[np.complex128]:
    """Corners of an ellipse that is ``squash`` times as high as wide."""
    return np.asarray(centre + radius * (_CIRCLE.real + 1j * squash * _CIRCLE.imag), np.complex128)


def _corners(points: NDArray[np.complex128], camera: SceneCamera) -> NDArray[np.int32]:
    """Pixels in the fixed-point numbers that OpenCV draws between pixels with."""
    pixels = camera.origin + camera.scale * points.conj()
    return np.round(np.stack([pixels.real, pixels.imag], axis=1) * (1 << _SUBPIXEL)).astype(np.int32)


def _fill(image: Image, corners: NDArray[np.int32], colour: Colour) -> None:
    cv2.fillPoly(image, [corners], colour, cv2.LINE_AA, _SUBPIXEL)


def _leg(image: Image, leg: Joints, sole: complex, look: Look, camera: SceneCamera, tone: float) -> None:
    hip, knee, ankle = leg
    cloth, shoe = shaded(look.trousers, tone), shaded(look.shoes, tone)
    length = 0.15 if sole.real else 0.05
    limb(image, (ankle - 0.03j, ankle - 0.03j + sole * length), (0.045, 0.035), shoe, camera)
    limb(image, (knee, ankle), (0.065, 0.045), cloth, camera)
    limb(image, (hip, knee), (0.090, 0.068), cloth, camera)


def _arm(image: Image, arm: Joints, look: Look, camera: SceneCamera, tone: float) -> None:
    shoulder, elbow, hand = arm
    skin = shaded(look.skin, tone)
    limb(image, (elbow, hand), (0.042, 0.034), skin, camera)
    palm = hand + 0.04 * (hand - elbow) / max(abs(hand - elbow), 1e-6)
    limb(image, (hand, palm), (0.040, 0.036), skin, camera)
    limb(image, (shoulder, elbow), (0.062, 0.050), shaded(look.shirt, tone * 0.95), camera)


def _torso(image: Image, pose: Pose, look: Look, camera: SceneCamera) -> None:
    if pose.facing:
        limb(image, (pose.pelvis, pose.pelvis + 0.02j), (0.115, 0.11), look.trousers, camera)
        limb(image, (pose.neck, pose.pelvis), (0.115, 0.105), look.shirt, camera)
    else:
        hips = [leg[0] for leg in pose.legs]
        limb(image, hips, (0.1, 0.1), look.trousers, camera)
        right, left = (0.9 * arm[0] + 0.1 * pose.neck for arm in pose.arms)
        waist = [hip + 0.10j for hip in hips]
        limb(image, (right, left, *waist), (0.07, 0.07, 0.075, 0.075), look.shirt, camera)


def _head(image: Image, pose: Pose, look: Look, camera: SceneCamera) -> None:
    up = (pose.head - pose.neck) / abs(pose.head - pose.neck)
    ahead = up * -1j * (pose.facing or 1)
    limb(image, (pose.neck, pose.head), (0.055, 0.05), shaded(look.skin, 0.85), camera)
    limb(image, (pose.head, pose.head + 0.035 * up), (_HEAD * 0.92, _HEAD), look.hair, camera)
    if pose.facing:
        face = pose.head + 0.028 * ahead - 0.02 * up
        limb(image, (face, face + 0.03 * up), (_HEAD * 0.82, _HEAD * 0.86), look.skin, camera)
        limb(image, (face + 0.085 * ahead, face + 0.10 * ahead - 0.01 * up), (0.02, 0.018), look.skin, camera)
        eyes = [face + 0.05 * ahead + 0.03 * up]
    else:
        face = pose.head - 0.025 * up
        limb(image, (face, face + 0.02 * up), (_HEAD * 0.84, _HEAD * 0.88), look.skin, camera)
        polygon(image, disc(face - 0.055 * up, 0.03, 0.3), shaded(look.skin, 0.6), camera)
        eyes = [face + s * 0.042 * ahead + 0.025 * up for s in (-1, 1)]
    for eye in eyes:
        polygon(image, disc(eye, 0.014), (30, 26, 26), camera)
