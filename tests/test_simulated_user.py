"""A user who answers: it never hears ahead, says the same for the same, and has the manners it declares."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from answering import NAME, REPLIES, SCENARIO, Answering, conversation
from fakes import MS, Ran, run_session
from hypothesis import given, settings as hypothesis_settings, strategies as st

from tml_bench import events as ev
from tml_bench.adapter import MicroTurn, Output, SessionStart, SpokenWord, StepAdapter, Transcript
from tml_bench.adapters.reference.voice import clip
from tml_bench.samples import Sample, Waveform
from tml_bench.session.settings import Settings
from tml_bench.timebase import NS, first_sample_at
from tml_bench.timeline import UserAct
from tml_bench.users.voicing import VoiceStore

RATE = 16_000
LENGTH = 20 * RATE


class Talk(StepAdapter):
    """Is heard saying given bursts of a voice, exact to the sample, with words of 0.2 s; deaf to the user."""

    audio_in = audio_out = RATE

    def __init__(self, bursts: list[tuple[int, int, str]], times: bool = True) -> None:
        self.times = times
        voice = clip("talk", RATE).audio
        self.track = np.zeros(LENGTH, np.float32)
        self.words: list[tuple[int, str]] = []
        for start, length, word in bursts:
            end = min(LENGTH, start + length)
            self.track[start:end] = np.resize(voice, end - start)
            self.words += [(at, word) for at in range(start, end - 3200, 3200)]

    def start(self, session: SessionStart) -> None:
        self.tick_ns = session.tick_ns

    def step(self, turn: MicroTurn) -> Output:
        """What is heard in the micro-turn that begins now, with the words that begin in it."""
        begin, end = (first_sample_at(t, RATE) for t in (turn.end_ns, turn.end_ns + self.tick_ns))
        said = [(at - begin, word) for at, word in self.words if begin <= at < end]
        spoken = tuple(SpokenWord(word, at / RATE, at / RATE + 0.2) for at, word in said)
        text = " ".join(word for _, word in said) + " "
        transcript = (Transcript(text, spoken if self.times else ()),) if said else ()
        audio = self.track[begin:end]
        return Output(audio=np.pad(audio, (0, end - begin - len(audio))), transcript=transcript)


BURSTS = st.lists(
    st.tuples(
        st.integers(RATE, LENGTH), st.integers(4000, 3 * RATE), st.sampled_from(["pizza", "two", "name?"])
    ),
    max_size=5,
)
MANNERS = {
    "polite": {},
    "rude": {"barge_in_s": 0.8, "patience_s": 3.0, "tries": 5},
    "attentive": {"backchannel_s": 0.5, "yield_s": 0.3, "hesitation": 0.7, "patience_s": 2.0, "aside": 0.5},
}


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Sample]:
    folder = tmp_path_factory.mktemp("voices")
    return {name: conversation(folder / name, **manners) for name, manners in MANNERS.items()}


def ran(sample: Sample, agent: StepAdapter, folder: Path, tick_ms: int = 200, seed: int = 1) -> Ran:
    settings = Settings(tick_ns=tick_ms * MS, seed=seed, max_session_s=LENGTH / RATE)
    return run_session(folder, sample, agent, settings)


def acts(session: Ran) -> list[UserAct]:
    return [line.act for line in session.recording.facts.lines]


@hypothesis_settings(max_examples=12, deadline=None)
@given(
    before=BURSTS, after=BURSTS, other=BURSTS, at=st.integers(2 * RATE, LENGTH),
    name=st.sampled_from([*MANNERS]), tick_ms=st.sampled_from([20, 200, 1000]), times=st.booleans(),
)  # fmt: skip
def test_nothing_heard_later_changes_what_was_said_before(
    before: list[tuple[int, int, str]], after: list[tuple[int, int, str]],
    other: list[tuple[int, int, str]], at: int, name: str, tick_ms: int, times: bool,
    samples: dict[str, Sample], tmp_path_factory: pytest.TempPathFactory,
) -> None:  # fmt: skip
    """Up to the reaction time after the first difference the user's audio is the same to the byte."""
    same = [(start, min(length, at - start), word) for start, length, word in before if start < at]
    tracks, starts = [], []
    for more in (after, other):
        agent = Talk(same + [(max(start, at), length, word) for start, length, word in more], times)
        session = ran(samples[name], agent, tmp_path_factory.mktemp("talk"), tick_ms)
        tracks.append(session.recording.audio()[0][0])
        starts.append([e for e in session.events if isinstance(e, ev.UserTurnStarted | ev.UserTurnCut)])
    reaction = round(SCENARIO.manners.reaction_s * RATE)
    until = min([at + reaction, *map(len, tracks)])
    assert np.array_equal(tracks[0][:until], tracks[1][:until])
    early = [[e for e in found if e.t_ns < until * NS // RATE] for found in starts]
    assert early[0] == early[1]


@pytest.mark.parametrize("name", MANNERS)
def test_the_length_of_micro_turns_changes_nothing(
    name: str, samples: dict[str, Sample], tmp_path: Path
) -> None:
    bursts = [(2 * RATE, 2 * RATE, "pizza"), (7 * RATE, 3 * RATE, "two"), (13 * RATE, RATE, "name?")]
    said = [
        ran(samples[name], Talk(bursts), tmp_path / str(tick), tick).recording.facts.lines
        for tick in (20, 200, 500)
    ]
    assert len(said[0]) > 2
    assert said[0] == said[1] == said[2]


@pytest.mark.parametrize("agent", [Answering(), Answering(words=False), Answering(rate=16_000)])
def test_a_model_that_covers_every_goal_is_thanked(agent: Answering, tmp_path: Path) -> None:
    session = ran(conversation(tmp_path / "voice"), agent, tmp_path / "run")
    assert acts(session) == [UserAct.GOAL] * 3 + [UserAct.CLOSING]
    assert session.recording.facts.ended == "closed"


def test_a_turn_is_taken_after_the_silence_that_is_declared(tmp_path: Path) -> None:
    agent, sample = Answering(), conversation(tmp_path / "voice", gap_median_s=0.0, endpoint_s=0.7)
    session = ran(sample, agent, tmp_path / "run")
    ends = [e.end_ns / NS for e in session.events if isinstance(e, ev.ModelAudio)]
    second = session.recording.facts.lines[1]
    assert second.start_s == pytest.approx(ends[0] + 0.7, abs=0.08)


def test_a_goal_that_was_not_covered_is_told_in_other_words_and_then_given_up(tmp_path: Path) -> None:
    agent = Answering(("I see.",) * 9)
    session = ran(conversation(tmp_path / "voice"), agent, tmp_path / "run")
    lines = session.recording.facts.lines
    assert [line.text for line in lines] == ["I would like a pizza.", "A pizza, please."]
    assert session.recording.facts.ended == "hung-up"


def test_a_model_that_says_nothing_is_waited_for_and_given_up(tmp_path: Path) -> None:
    session = ran(conversation(tmp_path / "voice", patience_s=3.0), Answering(()), tmp_path / "run")
    first, second = session.recording.facts.lines
    assert second.start_s - first.end_s == pytest.approx(3.2, abs=0.05)
    assert (second.why, session.recording.facts.ended) == ("silence", "hung-up")


def test_a_fact_is_told_when_it_may_be(tmp_path: Path) -> None:
    replies = ("A pizza. What is your name?", "A pizza, fine.", "Two. Your name, please?", *REPLIES[2:])
    session = ran(conversation(tmp_path / "voice"), Answering(replies), tmp_path / "run")
    lines = session.recording.facts.lines
    assert [(line.act, line.stage) for line in lines[:4]] == [
        (UserAct.GOAL, "T1"), (UserAct.DEFER, "T1"), (UserAct.GOAL, "T2"), (UserAct.ANSWER, "T2")
    ]  # fmt: skip
    assert lines[3].text in NAME.lines


def test_a_user_who_yields_stops_and_says_it_again(tmp_path: Path) -> None:
    sample = conversation(tmp_path / "voice", yield_s=0.2)
    agent = Talk([(RATE + 3200, 2 * RATE, "hello"), (6 * RATE, RATE, "pizza")])
    session = ran(sample, agent, tmp_path / "run")
    first, second = session.recording.facts.lines[:2]
    assert first.cut
    assert first.end_s - first.start_s < 1.0
    assert (second.stage, second.cut) == ("T1", False)
    user, rate = session.recording.audio()[0][0], session.recording.manifest.rate
    after = user[round(first.end_s * rate) : round(second.start_s * rate)]
    assert not after.any()


def test_backchannels_and_asides_are_told_apart(tmp_path: Path) -> None:
    scenario = replace(SCENARIO, asides=("One moment, Tom.",))
    sample = conversation(tmp_path / "voice", scenario, backchannel_s=1.0, aside=1.0)
    session = ran(sample, Answering(("A pizza " * 10,)), tmp_path / "run")
    assert acts(session)[:4] == [UserAct.ASIDE, UserAct.GOAL, UserAct.BACKCHANNEL, UserAct.BACKCHANNEL]


def test_the_same_seed_gives_the_same_recording_and_another_one_another(tmp_path: Path) -> None:
    sample = conversation(tmp_path / "voice", hesitation=0.5)
    logs = []
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        session = ran(sample, Answering(), tmp_path / name, seed=seed)
        logs.append([(session.recording.folder / f).read_bytes() for f in ("session.jsonl", "user.flac")])
    assert logs[0] == logs[1] != logs[2]


def test_a_line_is_spoken_once_and_then_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spoken: list[str] = []

    def render(text: str, voice: str) -> Waveform:
        spoken.append(text)
        return Waveform(clip("answer", RATE).audio, RATE)

    monkeypatch.setattr("tml_bench.synthesis.voices.render", render)
    first, second = VoiceStore(cache=tmp_path / "a"), VoiceStore(cache=tmp_path / "a")
    said = [store.say("us-f-1", "Hello.") for store in (first, first, second)]
    later = VoiceStore(cache=tmp_path / "b", given=tmp_path / "a")
    said.append(later.say("us-f-1", " Hello. "))
    assert spoken == ["Hello."]
    assert [store.synthesised for store in (first, second, later)] == [1, 0, 0]
    assert len({one.samples.tobytes() for one in said}) == 1
    assert VoiceStore((tmp_path / "b",)).holds("us-f-1", "Hello.")


def test_a_wrong_value_is_interrupted_and_a_right_one_is_not(tmp_path: Path) -> None:
    sample = conversation(tmp_path / "voice", barge_in_on=("pizza",), reaction_s=0.3)
    talk = "A pizza, gladly, and you may call me whenever you like."
    session = ran(sample, Answering((talk, talk, *REPLIES[1:])), tmp_path / "run")
    lines = session.recording.facts.lines
    assert [line.why for line in lines[:3]] == ["opening", "answered", "barge-in"]
    words = [w for e in session.events if isinstance(e, ev.ModelTranscript) for w in e.words]
    heard = [w.end_ns / NS for w in words if w.text == "pizza,"]
    assert lines[2].start_s == pytest.approx(heard[1] + 0.3, abs=0.04)
