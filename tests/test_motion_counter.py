"""motion-counter counts what it is shown, says when motion begins and ends, and never talks over itself."""

import numpy as np
import pytest

from tml_bench.adapter import Frame, MicroTurn, SessionStart
from tml_bench.adapters.motion_counter import (
    HEIGHT,
    WIDTH,
    MotionCounter,
    Stretch,
    asked,
    main_axis,
    repetitions,
    stretches,
)
from tml_bench.errors import UserError
from tml_bench.plugins import make_adapter, parse_adapter_spec

TICK_NS = 200_000_000
FPS = 10


def picture(place):
    """A bright block on a dark ground, ``place`` of the way from left to right."""
    image = np.full((90, 120, 3), 40, np.uint8)
    left = round(10 + 70 * place)
    image[30:60, left : left + 25] = 200
    return image


def small_frames(places, noise=0.3):
    rng = np.random.default_rng(0)
    columns = np.arange(WIDTH)
    rows = [
        np.tile(200.0 * np.exp(-((columns - 10 - 20 * p) ** 2) / 20), (HEIGHT, 1)).ravel() for p in places
    ]
    frames = np.array(rows)
    return (frames + rng.normal(0, noise, frames.shape)).astype(np.float32)


def to_and_fro(count, frames_each, pause=0):
    phase = np.linspace(0, 1, frames_each, endpoint=False)
    cycle = np.concatenate([0.5 - 0.5 * np.cos(2 * np.pi * phase), np.zeros(pause)])
    return np.concatenate([np.zeros(15), np.tile(cycle, count), np.zeros(15)])


def session(adapter, places, instructions="", texts=(), before=5, after=10):
    """(micro-turn, what it says) with the video between black micro-turns; two frames in each."""
    adapter.start(SessionStart("t/s", TICK_NS, instructions=instructions))
    images = [None] * (2 * before) + [picture(p) for p in places] + [None] * (2 * after)
    black = np.zeros((90, 120, 3), np.uint8)
    said = []
    for index in range(len(images) // 2):
        frames = tuple(
            Frame(
                k * TICK_NS // 2,
                None if images[k] is None else k * TICK_NS // 2,
                black if images[k] is None else images[k],
            )
            for k in (2 * index, 2 * index + 1)
        )
        turn = MicroTurn(
            index,
            index * TICK_NS,
            (index + 1) * TICK_NS,
            np.zeros(3200, np.float32),
            texts if index == 0 else (),
            frames,
        )
        output = adapter.step(turn)
        if output is not None:
            said.append((index, output.transcript[0].text.strip(), len(output.audio) / adapter.audio_out))
    return said


@pytest.mark.parametrize("count", [1, 3, 8])
@pytest.mark.parametrize(("frames_each", "pause"), [(8, 0), (15, 0), (15, 12), (40, 5)])
def test_repetitions_are_counted_at_any_tempo_and_with_pauses(count, frames_each, pause):
    assert repetitions(small_frames(to_and_fro(count, frames_each, pause))) == count


def test_a_repetition_counts_only_once_it_returns():
    frames = small_frames(to_and_fro(1, 20))
    counts = [repetitions(frames[:n]) for n in range(1, len(frames) + 1)]
    returned = next(n for n, c in enumerate(counts) if c == 1)
    assert 15 + 12 <= returned <= 15 + 20
    assert set(counts[returned:]) == {1}


def test_noise_stillness_and_too_few_frames_count_nothing():
    assert repetitions(small_frames(np.zeros(100), noise=1.0)) == 0
    assert repetitions(np.zeros((50, WIDTH * HEIGHT), np.float32)) == 0
    assert repetitions(np.zeros((0, WIDTH * HEIGHT), np.float32)) == 0


def test_the_main_axis_is_the_direction_of_greatest_variance():
    rng = np.random.default_rng(1)
    truth = np.array([3.0, -4.0, 0.0]) / 5
    points = rng.normal(0, 5, (200, 1)) * truth + rng.normal(0, 0.2, (200, 3))
    assert abs(main_axis(points.astype(np.float32)) @ truth) > 0.999


def test_stretches_of_motion():
    still = np.zeros(12)
    places = np.concatenate([still, np.linspace(0, 1, 10), still + 1, np.linspace(1, 0, 10)])
    first, second = stretches(small_frames(places))
    assert first.start == pytest.approx(13, abs=1)
    assert first.end == pytest.approx(23, abs=2)
    assert second.start == pytest.approx(35, abs=1)
    assert second.end is None
    assert stretches(small_frames(still)) == []
    assert stretches(small_frames(places[:14])) == [Stretch(first.start, None)]


@pytest.mark.parametrize(
    ("instructions", "task"),
    [
        ("Count out the squats as you see them.", "count"),
        ("Say start when the person starts waving, and say stop when they stop.", "mark"),
        ("Tell me when the lamp turns on.", ""),
        ("Tell me about my account and its discount.", ""),
        ("", ""),
    ],
)
def test_what_is_asked_is_read_from_the_words(instructions, task):
    assert asked(instructions) == task


def test_it_counts_aloud_as_it_sees():
    said = session(MotionCounter(), to_and_fro(4, 16), "Count the laps, please.")
    assert [text for _, text, _ in said] == ["1", "2", "3", "4"]
    ends = [5 + (15 + 16 * k) / 2 for k in range(1, 5)]
    assert [index for index, _, _ in said] == pytest.approx(ends, abs=3)


def test_too_fast_for_words_it_skips_numbers_and_ends_on_the_right_one():
    said = session(MotionCounter(), to_and_fro(12, 4), "count")
    numbers = [int(text) for _, text, _ in said]
    assert numbers[-1] == 12
    assert len(numbers) < 12
    ends = [index * 0.2 + seconds for index, _, seconds in said]
    assert all(end <= later * 0.2 + 1e-9 for end, (later, _, _) in zip(ends, said[1:], strict=False))


def test_it_says_start_and_stop_once():
    places = np.concatenate(
        [np.zeros(20), np.linspace(0, 1, 30), np.ones(20), np.linspace(1, 0, 10), np.zeros(15)]
    )
    said = session(MotionCounter(), places, "Say start when it starts and stop when it stops.")
    assert [text for _, text, _ in said] == ["start", "stop"]
    start, stop = (index * 0.2 - 1.0 for index, _, _ in said)
    assert 2.0 <= start <= 2.6
    assert 5.0 <= stop <= 6.2


def test_it_reads_text_messages_and_is_silent_when_asked_something_else():
    places = to_and_fro(3, 16)
    assert [t for _, t, _ in session(MotionCounter(), places, texts=("Please count these.",))] == [
        "1",
        "2",
        "3",
    ]
    assert session(MotionCounter(), places, "What is the person doing?") == []
    assert [t for _, t, _ in session(MotionCounter("count"), places)] == ["1", "2", "3"]


def test_a_task_it_does_not_know_is_told_and_not_played_in_silence():
    with pytest.raises(UserError, match="knows no task 'counts'"):
        MotionCounter("counts")


def test_a_second_session_forgets_the_first():
    adapter = MotionCounter()
    first = session(adapter, to_and_fro(3, 16), "count")
    assert session(adapter, to_and_fro(3, 16), "count") == first
    assert session(adapter, to_and_fro(3, 16)) == []


def test_it_is_registered_and_shown_nothing():
    adapter = make_adapter(parse_adapter_spec("motion-counter"))
    assert isinstance(adapter, MotionCounter)
    assert not adapter.privileged
