"""duplex: acts at the word, once; listens while it talks; and keeps silent where nothing is asked."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from tml_bench.adapter import MicroTurn, SessionStart, SpokenWord, Transcript
from tml_bench.adapters.cascade import mouth
from tml_bench.adapters.duplex import Duplex, RunningTurn
from tml_bench.adapters.duplex.dialogue import ListeningDialogue
from tml_bench.adapters.duplex.running import AgreedWord, RunningWords
from tml_bench.adapters.duplex.voice_activity import VoiceActivity
from tml_bench.adapters.duplex.window import RATE, WhisperWindow
from tml_bench.perception import asr

TICK_S = 0.2
TICK_NS = 200_000_000
Timed = list[tuple[str, float]]


class ScriptedReader:
    """Gives the hypothesis of its time; the sound tells the time: each sample is its own number."""

    def __init__(self, hypothesis: Callable[[float], Timed]) -> None:
        self.hypothesis = hypothesis
        self._heard: Timed = []
        self._first_s = 0.0

    def read(self, sound: NDArray[np.float32], said: Sequence[str]) -> list[str]:
        self._first_s, now_s = float(sound[0]) / RATE, (float(sound[-1]) + 1) / RATE
        self._heard = [(word, end) for word, end in self.hypothesis(now_s) if end > self._first_s + 0.05]
        return [word for word, _ in self._heard][len(said) :]

    def ends(self, words: Sequence[str]) -> list[float]:
        return [end - self._first_s for _, end in self._heard]


def spoken(text: str, start_s: float, end_s: float) -> Timed:
    words = text.split()
    ends = np.linspace(start_s, end_s, len(words) + 1)[1:]
    return list(zip(words, ends.tolist(), strict=True))


def said_until(words: Timed) -> Callable[[float], Timed]:
    """Hypotheses that hear every word right once it has ended."""
    return lambda now_s: [(word, end) for word, end in words if end <= now_s]


def clip(text: str, seconds: float) -> mouth.SpokenClip:
    words = (SpokenWord(text, 0.0, seconds),)
    return mouth.SpokenClip(np.full(round(seconds * 24000), 0.1, np.float32), Transcript(text, words))


class ScriptedDuplex(Duplex):
    """Hears turns of known words at known times, whatever the sound."""

    def __init__(self, turns: Sequence[Timed], starts_s: Sequence[float]) -> None:
        super().__init__()
        self._turns = turns
        self._spans = [(start, words[-1][1]) for start, words in zip(starts_s, turns, strict=True)]

    def reader(self) -> ScriptedReader:
        return ScriptedReader(said_until([word for turn in self._turns for word in turn]))

    def ears(self) -> VoiceActivity:
        return ScriptedEars(self._spans)

    def read_again(self, sound: NDArray[np.float32], first_s: float) -> tuple[str, Timed]:
        until_s = (float(sound[-1]) + 1) / RATE
        turn = [turn for turn, span in zip(self._turns, self._spans, strict=True) if span[1] < until_s][-1]
        return " ".join(word for word, _ in turn), turn


class ScriptedEars(VoiceActivity):
    """Speech in known spans of the session, and a pause 0.3 s after each."""

    def __init__(self, spans: Sequence[tuple[float, float]]) -> None:
        self._spans = spans
        self._now_s = 0.0
        self.speaking, self.since_s, self.last_voice_s = False, 0.0, 0.0

    def feed(self, audio: NDArray[np.float32]) -> bool:
        was, self._now_s = self.speaking, self._now_s + len(audio) / RATE
        past = [(start, end) for start, end in self._spans if start < self._now_s]
        if past:
            self.since_s, end_s = past[-1]
            self.last_voice_s = min(end_s, self._now_s)
            self.speaking = self._now_s < end_s + 0.3
        return was and not self.speaking


def talk_with(agent: Duplex, until_s: float) -> tuple[list[tuple[float, str]], list[float]]:
    """What it says and when its sound begins, and when it flushes."""
    agent.start(SessionStart("test/1", TICK_NS))
    track = np.arange(round(until_s * RATE), dtype=np.float32)
    said, flushes = [], []
    for k in range(round(until_s / TICK_S)):
        turn = MicroTurn(k, k * TICK_NS, (k + 1) * TICK_NS, track[k * 3200 : (k + 1) * 3200])
        if (output := agent.step(turn)) is None:
            continue
        now_s = (k + 1) * TICK_S
        if output.flush:
            flushes.append(now_s)
        if output.audio is not None:
            onset = np.flatnonzero(output.audio)[0] / agent.audio_out
            said.append((round(now_s + onset, 2), output.transcript[0].text))
    return said, flushes


@pytest.fixture(autouse=True)
def _voice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mouth, "say", lambda text, voice: clip(text, 0.5))
    monkeypatch.setattr(mouth, "talk", lambda seconds, topic, voice: clip("talk", seconds))


def looked_at(reader: ScriptedReader, looks_s: Sequence[float]) -> list[list[str]]:
    """The words that count after each look at a user who speaks all the time."""
    running = RunningWords(reader)
    fed, counted = 0, []
    for at_s in looks_s:
        running.feed(np.arange(fed, round(at_s * RATE), dtype=np.float32), True)
        fed = round(at_s * RATE)
        counted.append([word.text for word in running.look()])
    return counted


def test_a_word_counts_once_two_looks_in_a_row_agree() -> None:
    hypotheses = {
        1.0: [("the", 0.5), ("witch", 0.9)],
        1.4: [("the", 0.5), ("window", 1.0)],
        1.8: [("the", 0.5), ("widow", 1.1), ("of", 1.5)],
        2.2: [("the", 0.5), ("Widow,", 1.1), ("of", 1.5), ("a", 2.0)],
    }
    reader = ScriptedReader(lambda now_s: hypotheses[round(now_s, 1)])
    assert looked_at(reader, list(hypotheses)) == [[], ["the"], [], ["Widow,", "of"]]


def test_a_long_turn_is_heard_once_through_a_moving_window() -> None:
    words = spoken(" ".join(f"w{k}" for k in range(100)), 0.3, 30.0)
    looks = np.arange(0.4, 31.0, 0.4).tolist()
    counted = looked_at(ScriptedReader(said_until(words)), looks)
    assert [word for words_ in counted for word in words_] == [word for word, _ in words]


def test_what_goes_round_in_circles_is_not_believed() -> None:
    words = spoken("one two three four five", 0.2, 2.0)
    reader = ScriptedReader(lambda now_s: [*words, *((word, end + 2.0) for word, end in words)])
    running = RunningWords(reader)
    running.feed(np.arange(2 * RATE, dtype=np.float32), True)
    assert [word.text for word in running.finish()] == ["one", "two", "three", "four", "five"]


def conversation(*turns: tuple[str, float, float]) -> ScriptedDuplex:
    return ScriptedDuplex([spoken(*turn) for turn in turns], [start for _, start, _ in turns])


STORY = (
    "so we drove out to the farm and the kids each picked a pumpkin bigger than their own heads and went home"
)


def test_a_keyword_is_answered_at_the_word_and_its_speaker_goes_on() -> None:
    agent = conversation(("Whenever I say pumpkin, you say boo.", 0.5, 3.0), (STORY, 5.0, 11.0))
    ((at_s, text),), flushes = talk_with(agent, 14.0)
    (end_s,) = [end for word, end in spoken(STORY, 5.0, 11.0) if word == "pumpkin"]
    assert text == "Boo."
    assert end_s < at_s <= end_s + 0.6 + 1e-6
    assert flushes == []


def test_it_counts_each_word_once_and_goes_on_listening_while_it_talks() -> None:
    tale = "a river and a river and then a river ran by it all"
    order = "Count how many times I say the word river."
    agent = conversation((order, 0.5, 3.0), (tale, 5.0, 9.0))
    said, _ = talk_with(agent, 12.0)
    assert [text for _, text in said] == ["One.", "Two.", "Three."]
    ends = [end for word, end in spoken(tale, 5.0, 9.0) if word == "river"]
    assert said[1][0] < said[0][0] + 1.2  # the second was heard while the first was said
    assert all(end < at for end, (at, _) in zip(ends, said, strict=True))


def test_what_falls_due_is_said_over_the_user_on_time() -> None:
    order = "In four seconds, say window."
    agent = conversation((order, 0.5, 2.5), (STORY, 3.0, 12.0))
    said, _ = talk_with(agent, 14.0)
    assert said == [(pytest.approx(6.5, abs=0.01), "Window.")]


def test_it_stops_talking_for_a_stop_or_a_new_request_and_not_for_a_murmur() -> None:
    ask = ("Talk for about twenty seconds about the ocean.", 0.5, 3.0)
    said, flushes = talk_with(conversation(ask, ("mm-hm okay yeah", 6.0, 7.0)), 12.0)
    assert [text for _, text in said] == ["talk"]
    assert flushes == []
    _, (stopped,) = talk_with(conversation(ask, ("stop", 6.0, 6.4)), 12.0)
    assert stopped < 7.3
    _, (taken,) = talk_with(conversation(ask, ("what is the capital of Peru please", 6.0, 8.0)), 12.0)
    assert taken < 7.7


def test_it_keeps_silent_where_nothing_is_asked() -> None:
    agent = conversation(("Whenever I say window, you say bang.", 0.5, 3.0), (STORY, 5.0, 11.0))
    assert talk_with(agent, 20.0) == ([], [])


def follow(dialogue: ListeningDialogue, text: str, now_s: float) -> list[str]:
    dialogue.follow([AgreedWord(word, now_s) for word in text.split()], now_s)
    said = []
    while due := dialogue.take(now_s + TICK_S, now_s):
        said.append(str(due.say))
    return said


def test_phrases_are_met_over_the_seams_of_what_is_heard() -> None:
    dialogue = ListeningDialogue()
    order = RunningTurn(
        0.0, [AgreedWord(w, e) for w, e in spoken("When I say and that was that, you say oh", 0, 2)]
    )
    dialogue.hear(order.recognised(2.0))
    assert dialogue.waits_for(["and", "that", "was", "that"])
    assert not dialogue.waits_for(["and", "that", "was"])
    assert follow(dialogue, "it cleaned itself and that", 5.0) == []
    assert follow(dialogue, "was that, we ate", 5.4) == ["Oh."]
    assert follow(dialogue, "that was that", 6.0) == []


def test_a_number_before_a_pause_is_doubled_once() -> None:
    dialogue = ListeningDialogue()
    order = RunningTurn(
        0.0, [AgreedWord(w, e) for w, e in spoken("Whenever I say a number, double it.", 0, 2)]
    )
    dialogue.hear(order.recognised(2.0))
    dialogue.follow([AgreedWord("six", 5.0)], 5.0, paused=True)
    assert follow(dialogue, "bagels and eleven lemons", 6.0) == ["Twelve.", "Twenty two."]


def test_what_ends_a_turn_that_goes_on_is_still_understood() -> None:
    order = "Every three seconds say tick."
    dialogue = ListeningDialogue()
    turn = RunningTurn(0.0, [AgreedWord(w, e) for w, e in spoken(order, 0.0, 2.0)])
    dialogue.pause(turn.recognised(2.0))
    assert [due.at_s for due in [dialogue.take(5.1, 5.0)] if due] == [5.0]
    turn.words += [AgreedWord(w, e) for w, e in spoken("Okay, stop now.", 2.5, 6.0)]
    dialogue.hear(turn.recognised(6.0))
    assert dialogue.take(60.0, 6.0) is None


def test_a_request_is_understood_at_a_pause_and_once_more_at_the_end() -> None:
    agent = conversation(("Every 5 seconds say tick. Start in 2 seconds please.", 0.5, 4.0))
    said, _ = talk_with(agent, 12.0)
    assert [at for at, _ in said] == [pytest.approx(6.0, abs=0.01), pytest.approx(11.0, abs=0.01)]


def test_what_it_cannot_do_in_time_is_left_out_and_the_backlog_stays_bounded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    agent = conversation(("Whenever I say pumpkin, you say boo.", 0.5, 3.0), (STORY, 5.0, 35.0))
    spent, behind = [0.0], [0.0]

    class SlowReader(ScriptedReader):
        def read(self, sound: NDArray[np.float32], said: Sequence[str]) -> list[str]:
            spent[0] += 0.7
            return super().read(sound, said)

    slow = SlowReader(agent.reader().hypothesis)
    monkeypatch.setattr(agent, "reader", lambda: slow)
    monkeypatch.setattr("tml_bench.adapters.duplex.time.process_time", lambda: spent[0])
    agent.start(SessionStart("test/1", TICK_NS))
    track = np.arange(36 * RATE, dtype=np.float32)
    said = []
    for k in range(180):
        before = spent[0]
        output = agent.step(MicroTurn(k, k * TICK_NS, (k + 1) * TICK_NS, track[k * 3200 : (k + 1) * 3200]))
        behind.append(max(0.0, behind[-1] + spent[0] - before - TICK_S))
        said += [piece.text for piece in output.transcript] if output else []
    assert max(behind) < 1.8
    assert said == ["Boo."]


@pytest.mark.skipif(bool(asr.missing()), reason="needs the extra speech")
def test_a_word_of_a_shipped_sample_is_heard_while_its_speaker_goes_on() -> None:
    folder = Path(__file__).resolve().parent.parent / "tasks" / "cuespeak"
    audio, _ = soundfile.read(folder / "audio" / "dev" / "cs-keyword-001.ogg", dtype="float32")
    (turn,) = [
        turn
        for line in (folder / "rendered.jsonl").read_text().splitlines()
        if (item := json.loads(line))["id"] == "cs-keyword-001"
        for turn in item["turns"]
        if turn["id"] == "b"
    ]
    (end_s,) = [word["end_s"] for word in turn["words"] if word["text"] == "pumpkin"]
    running = RunningWords(WhisperWindow(asr.chosen_model("tiny.en")))
    first = round((end_s - 1.5) * RATE)
    heard = []
    for k in range(6):
        running.feed(audio[first + k * 6400 : first + (k + 1) * 6400], True)
        heard += [(word, (k + 1) * 0.4) for word in running.look()]
    ((word, at_s),) = [(word, at_s) for word, at_s in heard if word.text == "pumpkin"]
    assert at_s - 1.5 < 0.8
    assert word.end_s == pytest.approx(1.5, abs=0.25)
