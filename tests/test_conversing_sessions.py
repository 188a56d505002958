"""Users who answer beside the reference adapters that converse: what comes of it is known beforehand."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from answering import Answering, voiced
from closed_task import REFERENCE, Table, scenario
from fakes import Ran, attempts_of, recordings_of, run_and_score, run_session

import tml_bench
from tml_bench import events as ev
from tml_bench.adapter import StepAdapter
from tml_bench.adapters.reference.conversing import Cooperative, Forgetful, Interrupter, Stonewall, Talker
from tml_bench.errors import UserError
from tml_bench.metrics.interaction import TURN, interaction_events
from tml_bench.metrics.vocalisations import classify
from tml_bench.perception.recordings import timeline_of
from tml_bench.runs.selection import Selection
from tml_bench.samples import Sample
from tml_bench.scenario import Manners, Scenario
from tml_bench.scoring.interaction import user_talk
from tml_bench.session.settings import Settings
from tml_bench.timebase import NS
from tml_bench.timeline import UserAct
from tml_bench.users.ear import HeardWords

TASK = f"{Path(__file__).parent / 'closed_task.py'}:Table"
GOAL, AGAIN, CLOSING = UserAct.GOAL, UserAct.AGAIN, UserAct.CLOSING
TICK_S, ENDPOINT_S = 0.2, 0.6
PLAIN = {"hesitation": 0.0, "aside": 0.0, "backchannel_s": None}

Meet = Callable[..., Ran]


@pytest.fixture(scope="module")
def voice(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The user's lines as spoken."""
    folder = tmp_path_factory.mktemp("voice")
    assert voiced(scenario(), folder).voiced == folder
    return folder


@pytest.fixture
def meet(voice: Path, tmp_path: Path) -> Meet:
    """Has an agent and the user talk, with some manners of the user's own."""

    def talk(agent: StepAdapter, seed: int = 0, **manners: object) -> Ran:
        user: Scenario = scenario(voice)
        changed: Manners = replace(user.manners, **manners)  # type: ignore[arg-type]
        sample = Sample("talk", "all", reference=REFERENCE, scenario=replace(user, manners=changed))
        return run_session(tmp_path / f"run-{seed}", sample, agent, Settings(seed=seed))

    return talk


def acts(session: Ran) -> list[UserAct]:
    return [line.act for line in session.recording.facts.lines]


def model_spans(session: Ran) -> list[tuple[float, float]]:
    """When the model is heard, by what it gave, seconds; what touches is one."""
    found: list[tuple[float, float]] = []
    for event in session.of(ev.ModelAudio):
        start_s, end_s = event.heard_ns / NS, event.end_ns / NS
        begun_s = found.pop()[0] if found and start_s - found[-1][1] < 1e-6 else start_s
        found.append((begun_s, end_s))
    return found


def onsets(session: Ran) -> list[float]:
    """When the model begins to be heard after silence."""
    return [start_s for start_s, _ in model_spans(session)]


def voiced_spans(session: Ran) -> list[tuple[float, float]]:
    """Where the user is heard, pauses up to 0.59 s bridged, by frames of 10 ms of its track."""
    size = session.recording.manifest.rate // 100
    frames = session.user[: len(session.user) // size * size].reshape(-1, size)
    loud = np.flatnonzero(np.sqrt(np.mean(np.square(frames), axis=1)) > 10 ** (-45 / 20))
    breaks = np.flatnonzero(np.diff(loud) > 60)
    firsts, lasts = loud[np.append(0, breaks + 1)], loud[np.append(breaks, len(loud) - 1)]
    return [(a / 100, (b + 1) / 100) for a, b in zip(firsts, lasts, strict=True)]


def test_a_cooperative_agent_is_thanked_and_answers_when_it_says(meet: Meet) -> None:
    session = meet(Cooperative(), **PLAIN)
    assert acts(session) == [GOAL, GOAL, GOAL, CLOSING]
    assert session.recording.facts.ended == "closed"
    ends = [end for _, end in voiced_spans(session)]
    assert len(ends) == 4
    due = [np.ceil(round((end + ENDPOINT_S) / TICK_S, 6)) * TICK_S for end in ends]
    assert onsets(session) == pytest.approx(due)


@pytest.mark.parametrize("seed", range(2))
def test_hesitations_murmurs_and_words_to_others_do_not_set_it_ahead(meet: Meet, seed: int) -> None:
    session = meet(Cooperative(), seed, hesitation=1.0, aside=1.0)
    mute = {UserAct.ASIDE, UserAct.BACKCHANNEL}
    assert [act for act in acts(session) if act not in mute] == [GOAL, GOAL, GOAL, CLOSING]
    assert mute <= set(acts(session))


def test_nor_does_a_user_who_does_not_let_it_finish(meet: Meet) -> None:
    session = meet(Cooperative(), **PLAIN, barge_in_s=2.5)
    assert "barge-in" in {line.why for line in session.recording.facts.lines}
    assert session.recording.facts.ended == "closed"


def test_who_forgets_the_correction_gets_no_further(meet: Meet) -> None:
    session = meet(Forgetful(), **PLAIN)
    assert acts(session) == [GOAL, GOAL, AGAIN]
    assert [line.stage for line in session.recording.facts.lines] == ["T1", "T2", "T2"]
    assert session.recording.facts.ended == "hung-up"


def test_a_stonewall_is_given_up(meet: Meet) -> None:
    session = meet(Stonewall(), **PLAIN)
    assert acts(session) == [GOAL, AGAIN]
    assert session.recording.facts.ended == "hung-up"


def test_a_talker_is_listened_to_until_the_time_is_over(meet: Meet) -> None:
    session = meet(Talker(), **PLAIN)
    assert acts(session) == [GOAL]
    assert session.recording.facts.ended == "budget"
    assert session.events[-1].t_ns == 40 * NS


@pytest.mark.parametrize("after", [0.4, 1.5])
def test_interruptions_are_as_many_as_there_are_long_turns(meet: Meet, tmp_path: Path, after: float) -> None:
    """Counted to one by what was recorded, and by the harness's own measure."""
    session = meet(Interrupter(after), **PLAIN)
    spans = voiced_spans(session)
    inside = [(onset, span) for onset in onsets(session) for span in spans if span[0] < onset < span[1]]
    long = [span for span in spans if span[1] - span[0] > after + TICK_S]
    assert [span for _, span in inside] == long
    assert all(after <= onset - begin < after + 2 * TICK_S for onset, (begin, _) in inside)
    timeline = timeline_of(session.recording.facts, tmp_path / "timeline.json", "transcript")
    talk = user_talk(Table(), Sample("talk", "all"), timeline)
    speech = classify([(s.start_s, s.end_s) for s in timeline.segments], None)
    turns = [e for e in interaction_events(talk, speech, timeline.duration_s) if e.kind == TURN]
    assert [e.at_s for e in turns] == pytest.approx([begin for begin, _ in spans], abs=0.05)
    assert [not e.right for e in turns] == [span in long for span in spans]


def test_the_user_does_not_open_over_a_model_that_answered_what_was_not_meant_for_it(meet: Meet) -> None:
    """The model begins in the user's words to somebody else, before the user has said anything to it."""
    session = meet(Interrupter(0.4), hesitation=0.0, backchannel_s=None, aside=1.0)
    aside, first = session.recording.facts.lines[:2]
    assert aside.start_s < onsets(session)[0] < aside.end_s
    assert not [s for s in model_spans(session) if s[0] < first.start_s < s[1]]


@pytest.mark.parametrize("agent", [Cooperative(), Answering(words=False)])
def test_words_are_the_same_however_often_they_were_asked_for(meet: Meet, agent: StepAdapter) -> None:
    kinds = ev.ModelAudio | ev.ModelTranscript | ev.Flush
    events = [e for e in meet(agent, **PLAIN, barge_in_s=1.0).events if isinstance(e, kinds)][:60]
    often = HeardWords()
    for number, event in enumerate(events):
        often.note(event)
        for ahead_s in (0.0, 0.5, 9.0):
            once = HeardWords()
            for known in events[: number + 1]:
                once.note(known)
            now_ns = event.t_ns + round(ahead_s * NS)
            assert often.text(now_ns) == once.text(now_ns) == once._text(now_ns)
    assert often.text(99 * NS)


FRAGILE = '''
import os, signal
from pathlib import Path
from tml_bench.adapters.reference.conversing import Cooperative

class Fragile(Cooperative):
    """Kills all processes of its run, once, in the middle of its second session."""
    def __init__(self):
        super().__init__()
        self.sessions, self.mark = 0, Path(__file__).with_suffix(".killed")
    def start(self, session):
        super().start(session)
        self.sessions += 1
    def step(self, turn):
        if (self.sessions, turn.index) == (2, 60) and not self.mark.exists():
            self.mark.touch()
            os.killpg(0, signal.SIGKILL)
        return super().step(turn)
'''


def test_one_process_two_and_a_kill_in_mid_session_give_the_same_bytes(voice: Path, tmp_path: Path) -> None:
    adapter = tmp_path / "fragile.py"
    adapter.write_text(FRAGILE)
    spec, out = f"{adapter}:Fragile", tmp_path / "killed"
    asked = ["run", "--task", TASK, "--adapter", spec, "--data", str(voice), "--out", str(out), "--jobs", "1"]
    python = [sys.executable, "-P", "-c", "from tml_bench.cli import main; main()"]
    done = subprocess.run([*python, *asked], capture_output=True, start_new_session=True, check=False)
    assert done.returncode == -signal.SIGKILL
    (file,) = out.glob("*/attempts.jsonl")
    assert len(attempts_of(file.parent)) == 1
    again, calm = (
        run_and_score(folder, [spec], task=TASK, jobs=jobs, selection=Selection(voice))[spec]
        for folder, jobs in ((out, 2), (tmp_path / "calm", 1))
    )
    assert again == file.parent
    assert len(recordings_of(calm)) == 3
    assert recordings_of(again) == recordings_of(calm)
    scores = [(run / "scores.jsonl").read_bytes() for run in (again, calm)]
    assert scores[0] == scores[1]


@pytest.mark.usefixtures("here")
def test_a_run_from_which_lines_are_to_be_taken_is_not_removed(voice: Path, tmp_path: Path) -> None:
    asked = {"data": voice, "samples": ["table-0"], "out": tmp_path, "progress": False}
    run = tml_bench.run(TASK, "silent", **asked)
    before = sorted(run.path.rglob("*"))
    with pytest.raises(UserError, match="--fresh would remove"):
        tml_bench.run(TASK, "silent", fresh=True, user_cache=run.path, **asked)
    assert sorted(run.path.rglob("*")) == before
