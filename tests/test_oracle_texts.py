"""The oracle says what a reference asks for, word for word."""

from __future__ import annotations

import numpy as np
import pytest

from tml_bench.adapter import MicroTurn, SessionStart
from tml_bench.adapters.reference import Oracle, PlannedLine, clip_saying
from tml_bench.samples import Reference, Utterance


def test_a_text_has_its_clip_and_no_text_the_clip_of_the_role() -> None:
    ideal = (Utterance(1.0, text="right"), Utterance(2.0, "backchannel"), Utterance(3.0, until_s=4.0))
    assert Oracle().plan(Reference(ideal=ideal)) == [
        PlannedLine(1.0, "backchannel"),
        PlannedLine(2.0, "backchannel"),
        PlannedLine(3.0, "answer", 4.0),
    ]


def test_case_and_punctuation_do_not_matter() -> None:
    assert clip_saying("RIGHT!") == "backchannel"


def test_a_text_without_a_clip_is_other_speech_with_the_right_words() -> None:
    said = Utterance(1.0, until_s=2.2, text="Time to flip the pancakes!")
    assert Oracle().plan(Reference(ideal=(said,))) == [
        PlannedLine(1.0, "talk", 2.2, "Time to flip the pancakes!")
    ]
    assert clip_saying("supercalifragilistic") is None
    adapter = Oracle(audio_out=8000)
    adapter.start(SessionStart("x", 200_000_000, reference=Reference(ideal=(said,))))
    outputs = [adapter.step(turn(k)) for k in range(15)]
    audio = np.concatenate([o.audio if o and o.audio is not None else np.zeros(0) for o in outputs])
    assert len(audio) == pytest.approx(1.2 * 8000, abs=2)
    (transcript,) = [t for o in outputs if o for t in o.transcript]
    assert [w.text for w in transcript.words] == said.text.split()
    assert transcript.words[-1].end_s - transcript.words[0].start_s == pytest.approx(1.2, abs=1e-3)


def test_talk_lasts_as_long_as_asked_whatever_its_words() -> None:
    adapter = Oracle(audio_out=8000)
    adapter.start(
        SessionStart("x", 200_000_000, reference=Reference(ideal=(Utterance(0.0, until_s=20.0, text="Hi!"),)))
    )
    ((start, end, voice),) = adapter._lines
    assert (start, end, len(voice.audio)) == (0, 160_000, 160_000)


def test_a_shift_moves_everything_and_drops_what_would_begin_before_the_session() -> None:
    ideal = (Utterance(1.0, text="right"), Utterance(3.0, until_s=4.0, text="supercalifragilistic"))
    assert Oracle(shift_ms=-1500).plan(Reference(ideal=ideal)) == [
        PlannedLine(1.5, "talk", 2.5, "supercalifragilistic")
    ]


def turn(k: int) -> MicroTurn:
    return MicroTurn(
        index=k, start_ns=k * 200_000_000, end_ns=(k + 1) * 200_000_000, audio=np.zeros(3200, np.float32)
    )
