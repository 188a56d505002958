"""The scenes of the mini set: what is asked, what happens when, and how each moment looks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import cv2
import numpy as np
from drawing import film, motion, props, tabletop
from drawing.figure import Image, Look, Pose, SceneCamera, draw

SIZE = (480, 360)
WATCH = "Tell me as soon as you see something dangerous, forbidden or like an accident, and what it is."
"""The one question of all VAD scenes, in our own words."""


@dataclass(frozen=True, slots=True)
class SceneEvent:
    """Something to be told.

    Attributes:
        start_s: when it begins to show.
        end_s: when it has happened.
        answer: what a good reply says.
        until_s: until when a reply counts.
    """

    start_s: float
    end_s: float
    answer: str
    until_s: float


@dataclass(frozen=True, slots=True)
class Scene:
    """One item.

    Attributes:
        subset: WEB, EGO, TV or VAD.
        question: asked at 0 s.
        events: in time order, their reply spans not overlapping.
        duration_s: of the video.
        picture: what is seen at a time.
        subtitles: (start, text) of what people say.
    """

    subset: str
    question: str
    events: tuple[SceneEvent, ...]
    duration_s: float
    picture: Callable[[float], Image]
    subtitles: tuple[tuple[float, str], ...] = field(default=())


_ROOM = SceneCamera(138, complex(240, 318))
_STREET = SceneCamera(62, complex(240, 262))
_MARY = Look((226, 186, 158), (150, 112, 62), (58, 110, 160), (92, 76, 58))
_PETER = Look((122, 82, 58), (28, 24, 22), (70, 130, 84), (60, 60, 64))
_EVE = Look((214, 170, 140), (60, 42, 30), (176, 60, 52), (48, 58, 92))


def scenes() -> list[Scene]:
    """All scenes, in order."""
    return [*_web(), *_ego(), *_tv(), *_vad()]


def _share(t: float, start: float, end: float) -> float:
    return min(1.0, max(0.0, (t - start) / (end - start)))


def _between(t: float, start: float, end: float, a: float, b: float) -> float:
    return a + (b - a) * _share(t, start, end)


def _person(image: Image, pose: Pose, look: Look, camera: SceneCamera) -> None:
    film.shadow(image, complex(pose.pelvis.real, 0.02), 0.35, camera)
    draw(image, pose, look, camera)


def _walking(t: float, start: float, end: float, a: float, b: float) -> Pose:
    """Walk from a to b between two times, and stand before and after."""
    facing = 1 if b > a else -1
    if start <= t < end:
        return motion.walk(_between(t, start, end, a, b), facing, t - start)
    return motion.stand(a if t < start else b, facing, t)


def _web() -> list[Scene]:
    balls = film.room(SIZE, _ROOM, 11)
    seats, lights, doors = (film.room(SIZE, _ROOM, seed) for seed in (12, 13, 14))
    props.stool(seats, 0.5, _ROOM)

    def rolling(t: float) -> Image:
        image = balls.copy()
        for start, colour, a, b in (
            (4, (200, 50, 45), -2.1, 0.7),
            (12, (50, 90, 190), 2.1, -0.5),
            (19, (225, 190, 50), -2.1, -0.1),
        ):
            eased = 1 - (1 - _share(t, start, start + 2.5)) ** 2
            at = complex(a + (b - a) * eased, 0.13)
            film.shadow(image, complex(at.real, 0.0), 0.16, _ROOM)
            props.ball(image, at, 0.15, colour, _ROOM)
        return image

    def sitting(t: float) -> Image:
        image = seats.copy()
        if t < 9.5:
            pose = _walking(t, 4.0, 6.6, -2.2, 0.12)
            pose = pose if t < 6.6 else motion.stand(0.12, -1, t)
        else:
            pose = motion.sit(0.12, -1, _share(t, 9.5, 11.5) - _share(t, 16.0, 18.0), t)
        _person(image, pose, _EVE, _ROOM)
        return image

    def lighting(t: float) -> Image:
        image = lights.copy()
        props.lamp(image, 0.9, 4 <= t < 11 or t >= 18, _ROOM)
        return image

    def entering(t: float) -> Image:
        image = doors.copy()
        props.door(image, -1.2, film.smooth(_share(t, 4, 5.5)) - film.smooth(_share(t, 17, 18.5)), _ROOM)
        if t >= 9:
            _person(image, _walking(t, 9, 11.5, -0.75, 1.0), _MARY, _ROOM)
        return image

    return [
        Scene("WEB", "Which balls roll into the room? Tell me each time one does.", (
            SceneEvent(4.0, 6.5, "A red ball rolls in.", 10.0),
            SceneEvent(12.0, 14.5, "A blue ball rolls in.", 17.0),
            SceneEvent(19.0, 21.5, "A yellow ball rolls in.", 24.0),
        ), 26.0, rolling),
        Scene("WEB", "What does the person do? Tell me whenever it changes.", (
            SceneEvent(4.0, 6.6, "The person walks in.", 8.5),
            SceneEvent(9.5, 11.5, "The person sits down.", 15.0),
            SceneEvent(16.0, 18.0, "The person stands up.", 21.0),
        ), 22.0, sitting),
        Scene("WEB", "Tell me whenever the lamp changes, and how.", (
            SceneEvent(4.0, 4.2, "The lamp turns on.", 8.0),
            SceneEvent(11.0, 11.2, "The lamp turns off.", 15.0),
            SceneEvent(18.0, 18.2, "The lamp is on again.", 22.0),
        ), 23.0, lighting),
        Scene("WEB", "What happens at the door? Keep me up to date.", (
            SceneEvent(4.0, 5.5, "The door opens.", 8.0),
            SceneEvent(9.0, 11.5, "A person comes in.", 14.0),
            SceneEvent(17.0, 18.5, "The door closes.", 21.0),
        ), 22.0, entering),
    ]  # fmt: skip


def _ego() -> list[Scene]:
    return [
        Scene("EGO", "Tell me each step as I do it.", (
            SceneEvent(3.0, 6.0, "You put an apple in the bowl.", 9.0),
            SceneEvent(10.0, 13.0, "You put a lemon in the bowl.", 16.0),
            SceneEvent(17.0, 23.0, "You stir the bowl.", 26.0),
        ), 27.0, tabletop.fruit_bowl),
        Scene("EGO", "What am I packing now? Say it each time.", (
            SceneEvent(3.0, 6.0, "You pack the book.", 9.0),
            SceneEvent(9.5, 12.5, "You pack the mug.", 15.0),
            SceneEvent(16.0, 19.0, "You pack the ball.", 21.0),
            SceneEvent(22.0, 25.0, "You close the box.", 28.0),
        ), 29.0, tabletop.packing),
        Scene("EGO", "I am making tea. Tell me what I have just done.", (
            SceneEvent(4.0, 7.0, "You put a tea bag in the mug.", 10.0),
            SceneEvent(11.0, 16.0, "You pour in the water.", 19.0),
            SceneEvent(20.0, 25.0, "You stir the tea.", 27.0),
        ), 28.0, tabletop.tea),
    ]  # fmt: skip


def _tv() -> list[Scene]:
    dim, hall, den = (film.room(SIZE, _ROOM, seed) for seed in (21, 22, 23))
    props.stool(den, -0.5, _ROOM)

    def evening(t: float) -> Image:
        image = dim.copy()
        mary = (
            motion.reach(0.45, 1, _share(t, 8.5, 11.5), complex(0.42, 0.02))
            if 8.5 <= t < 11.5
            else motion.stand(0.45, 1, t)
        )
        _person(image, motion.stand(-0.8, 1, t), _PETER, _ROOM)
        _person(image, mary, _MARY, _ROOM)
        props.lamp(image, 1.05, t >= 10, _ROOM)
        return image

    def hurry(t: float) -> Image:
        image = hall.copy()
        _person(image, motion.stand(-0.7, 1, t), _MARY, _ROOM)
        peter = motion.stand(0.3, -1, t) if t < 9 else _walking(t, 9, 11.2, 0.3, 2.5)
        _person(image, peter, _PETER, _ROOM)
        return image

    def tired(t: float) -> Image:
        image = den.copy()
        _person(image, motion.stand(0.9, -1, t), _PETER, _ROOM)
        _person(image, motion.sit(-0.12, 1, _share(t, 10, 12), t), _MARY, _ROOM)
        return image

    return [
        Scene("TV", "What does Mary do after Peter says that it is dark?", (
            SceneEvent(10.0, 11.5, "Mary turns on the lamp.", 15.0),
        ), 18.0, evening,
            ((2.0, "Peter: It is getting dark in here."), (5.0, "Mary: Wait, I will see to it."))),
        Scene("TV", "What does Peter do when he hears about the train?", (
            SceneEvent(9.0, 11.2, "Peter walks out of the room.", 14.0),
        ), 17.0, hurry,
            ((2.5, "Mary: Your train leaves in ten minutes."), (6.0, "Peter: Oh no, I have to go!"))),
        Scene("TV", "What does Mary do after Peter offers her the stool?", (
            SceneEvent(10.0, 12.0, "Mary sits down on the stool.", 16.0),
        ), 19.0, tired,
            ((2.0, "Mary: My feet hurt."), (5.0, "Peter: Take the stool."), (8.0, "Mary: Thank you."))),
    ]  # fmt: skip


def _street(seed: int) -> Image:
    width, height = SIZE
    image = np.full((height, width, 3), (112, 112, 116), np.uint8)
    film.rectangle(image, -5 + 1.6j, 5 + 6j, (150, 140, 128), _STREET)
    for x in np.arange(-4.5, 4.5, 1.3):
        film.rectangle(image, complex(x, 2.3), complex(x + 0.7, 3.4), (84, 94, 104), _STREET)
    film.rectangle(image, -5 + 0j, 5 + 1.6j, (160, 158, 152), _STREET)
    film.rectangle(image, -5 - 0.1j, 5 + 0.02j, (200, 198, 190), _STREET)
    for x in np.arange(-4.5, 5, 1.6):
        film.rectangle(image, complex(x, -0.95), complex(x + 0.8, -0.87), (214, 212, 200), _STREET)
    return film.lit(image, complex(0.3 + 0.1 * (seed % 3), 0.2), 0.7, 1.05)


def _watched(image: Image) -> Image:
    """A surveillance camera's picture: nearly grey, its scan lines visible."""
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)[..., None]
    dull = (0.75 * grey + 0.25 * image).astype(np.uint8)
    dull[::2] = (dull[::2] * 0.93).astype(np.uint8)
    return dull


def _vad() -> list[Scene]:
    streets = [_street(seed) for seed in range(3)]

    def falling(t: float) -> Image:
        image = streets[0].copy()
        if t < 9:
            pose = motion.walk(_between(t, 1, 9, -4.6, 0.2), 1, t) if t >= 1 else motion.stand(-4.6, 1, t)
        else:
            pose = motion.fall(0.2, 1, _share(t, 9, 10))
        _person(image, pose, _PETER, _STREET)
        return _watched(image)

    def stealing(t: float) -> Image:
        image = streets[1].copy()
        _person(image, motion.stand(-1.4, -1, t), _MARY, _STREET)
        if t < 8:
            thief, bag = _walking(t, 2, 8, 4.6, -0.6), -1.0 + 0.05j
        elif t < 9.5:
            thief = motion.pick_up(-0.6, -1, _share(t, 8, 9.5))
            bag = -1.0 + 0.05j if t < 8.75 else thief.arms[1][2] - 0.3j
        else:
            thief = motion.run(_between(t, 9.5, 11.5, -0.6, 5.2), 1, t)
            bag = thief.arms[1][2] - 0.3j
        props.bag(image, bag, _STREET)
        _person(image, thief, _EVE, _STREET)
        return _watched(image)

    def crashing(t: float) -> Image:
        image = streets[2].copy()
        props.post(image, 1.8, 0.30 * film.smooth(_share(t, 7.0, 7.5)), _STREET)
        _person(image, motion.stand(-3.0, 1, t), _MARY, _STREET)
        props.car(image, _between(t, 5, 7, -4.5, 1.85), (170, 60, 50), _STREET)
        if t >= 13:
            props.smoke(image, 1.3 + 0.7j, t - 13, _STREET)
        return _watched(image)

    return [
        Scene(
            "VAD", WATCH, (SceneEvent(9.0, 10.0, "A person falls down in the street.", 16.0),), 19.0, falling,
        ),
        Scene(
            "VAD", WATCH, (SceneEvent(8.0, 11.5, "Someone steals a bag and runs away.", 17.0),), 20.0,
            stealing,
        ),
        Scene("VAD", WATCH, (
            SceneEvent(6.8, 7.6, "A car hits a post.", 12.0),
            SceneEvent(13.0, 16.0, "Smoke comes out of the car.", 19.0),
        ), 21.0, crashing),
    ]  # fmt: skip
