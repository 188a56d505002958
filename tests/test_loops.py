"""Open against closed loop: the closed form of tasks, runs of it, and the table of both."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from pathlib import Path

import pytest
from answering import conversation
from click.testing import CliRunner
from fakes import write_data

import tml_bench
from tml_bench.api import loops
from tml_bench.cli import main
from tml_bench.errors import UserError
from tml_bench.plugins import load_task
from tml_bench.report.layout import tables
from tml_bench.runs.continuing import difference
from tml_bench.runs.identity import sample_hashes
from tml_bench.runs.selection import CLOSED, Selection, closed_samples
from tml_bench.runs.store import read_run
from tml_bench.samples import At, IntoModelSpeech, Message, Sample
from tml_bench.scoring.judging import score_all
from tml_bench.tasks.audio_multichallenge.loader import ConversationAnnotation
from tml_bench.tasks.fd_bench_v1.closed import BARGE_IN_S, played_interruption
from tml_bench.tasks.fd_bench_v1.scoring import NOT_REACHED
from tml_bench.timeline import Segment, Timeline

pytestmark = pytest.mark.usefixtures("in_this_process")

V1 = load_task("fd-bench-v1")
MC = load_task("audio-multichallenge")
PART = "synthetic_user_interruption"
ANSWERING = """
import numpy as np
from tml_bench import Output, StepAdapter
from tml_bench.adapters.reference.voice import clip

class Answering(StepAdapter):
    '''Answers every turn of the user, half a second after it; stops when the user speaks.'''
    audio_in = audio_out = 16000
    def start(self, session):
        self.quiet = self.owes = None
    def step(self, turn):
        if np.abs(turn.audio).max() > 0.01:
            self.owes, self.quiet = True, 0
            return Output(flush=True)
        self.quiet = (self.quiet or 0) + 1
        if self.owes and self.quiet == 3:
            self.owes = False
            return Output(audio=clip("answer", 16000).audio)
"""


def closed_interruption(k: int = 0) -> Sample:
    found = Selection(subsets=(PART,), loop=CLOSED).of(V1)
    return found[k]


def test_the_interruption_waits_for_the_model_to_speak() -> None:
    opened, closed = next(V1.samples(None, (PART,))), closed_interruption()
    assert (closed.id, closed.subset, closed.unit) == (opened.id, opened.subset, opened.unit)
    context, interruption = closed.script.turns
    assert isinstance(context.cue, At)
    assert isinstance(interruption.cue, IntoModelSpeech)
    # Who says nothing is addressed when it is in the recording, and hears as much after it.
    assert interruption.cue.timeout_s == pytest.approx(7.0)
    assert closed.script.tail_s == pytest.approx(15.0, abs=0.1)
    assert type(closed.reference.annotation) is type(opened.reference.annotation)
    assert sample_hashes([opened], None) != sample_hashes([closed], None)


def test_what_has_one_turn_stays_as_it_is() -> None:
    for sample in V1.samples(None, ()):
        assert (V1.closed_loop(sample) is sample) == (sample.subset != PART)


def test_scoring_goes_by_when_the_interruption_was_played() -> None:
    """The same conversation, wherever the model's slowness puts it: the same score."""
    sample = closed_interruption()
    results = []
    for late_s in (0.0, 2.0):
        at = 4.0 + late_s
        turns = Segment(0.0, 2.7), Segment(at, at + 3.0)
        said = Segment(at - BARGE_IN_S, at + 0.5), Segment(at + 3.4, at + 6.0)
        timeline = Timeline(at + 18.0, said, silero_segments=said, turns=turns)
        (score,) = score_all(V1, [(sample, timeline)]).scores
        results.append({name: value.numerator for name, value in score.values.items()})
    assert results[0] == pytest.approx(results[1])
    assert results[0]["talked_over"] == results[0]["yield"] == results[0]["turn_score"] == 1.0
    assert results[0]["stop_latency"] == pytest.approx(0.5)
    assert results[0]["latency"] == pytest.approx(0.4)


def test_an_interruption_that_was_never_played_is_missing_and_not_0() -> None:
    sample = closed_interruption()
    (score,) = score_all(V1, [(sample, Timeline(4.0, turns=(Segment(0.0, 2.7),)))]).scores
    assert not score.values
    assert score.missing["turn_score"] == score.missing["fdb_tor"] == NOT_REACHED


def test_strategies_that_look_at_nothing_are_interrupted_by_the_same_rule() -> None:
    sample = closed_interruption()
    _, cued = sample.script.turns
    assert isinstance(cued.cue, IntoModelSpeech)
    begins = V1.ideal(sample).segments[0].start_s + BARGE_IN_S
    ideal = played_interruption(sample, V1.ideal(sample))
    assert ideal is not None
    assert ideal[0] == pytest.approx(begins)
    context_s = begins - BARGE_IN_S - 0.2
    found = {name: played_interruption(sample, timeline) for name, timeline in V1.blind(sample).items()}
    silent, early, always = found["silent"], found["constant@5"], found["always-on"]
    assert silent is not None
    assert early is not None
    assert silent[0] == pytest.approx(context_s + cued.cue.timeout_s)
    assert early[0] == pytest.approx(5.0 + BARGE_IN_S)
    # Speech that began before the context was over is no answer to it.
    assert always == silent


def test_the_ideal_is_perfect_in_closed_loop_and_silence_is_not() -> None:
    samples = Selection(subsets=(PART,), loop=CLOSED).of(V1)
    for timeline, wanted in ((V1.ideal, 1.0), (lambda s: V1.blind(s)["silent"], 0.0)):
        scores = score_all(V1, [(s, timeline(s)) for s in samples]).scores
        assert [s.values["turn_score"].numerator for s in scores] == [wanted] * len(samples)


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """The command on a sample of the mini set, twice; and what it printed."""
    root = tmp_path_factory.mktemp("loops")
    (root / "answering.py").write_text(ANSWERING)
    done = CliRunner(env={"COLUMNS": "80"}).invoke(
        main,
        [
            "loops", "--task", "fd-bench-v1", "--adapter", f"{root}/answering.py:Answering", "--epochs", "2",
            "--limit", "1", "--out", str(root / "out"), "--words", "transcript", "--jobs", "1",
        ],
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    return root / "out", done.output.splitlines()


RUN = "fd-bench-v1-mini-1--answering-Answering"


def test_a_model_that_answers_is_talked_over_in_closed_loop_only(results: tuple[Path, list[str]]) -> None:
    """Its answer of two seconds is over when the recorded interruption comes, seven after the context."""
    folder, lines = results
    shown = {line.split()[0]: line.split()[1:] for line in lines if line.strip()}
    assert shown["talked_over"][:3] == ["0.0", "100.0", "+100.0"]
    assert shown["nothing_owed"][:3] == ["100.0", "0.0", "-100.0"]
    assert shown["yield"][:3] == ["–", "100.0", "–"]
    assert shown["response"][:3] == ["100.0", "100.0", "0.0"]
    printed = lines[lines.index(PART) :]
    assert printed[1].split() == ["open", "closed", "change", "95", "%", "interval", "A-A", "p", "MDD", "n"]
    assert all(len(line) <= 80 for line in printed if not line.startswith("table: "))
    page = folder / f"loops--{RUN}--closed.md"
    assert lines[-1] == f"table: {page}"
    part = PART.replace("_", r"\_")
    assert rf"| {part} | talked\_over | % | 0.0 | 100.0 | +100.0 |" in page.read_text(encoding="utf-8")
    rows = {row["metric"]: row for row in csv.DictReader(io.StringIO(page.with_suffix(".csv").read_text()))}
    # The same answers in every epoch: nothing differs from itself.
    assert (rows["talked_over"]["difference"], rows["talked_over"]["itself"]) == ("100.0", "0.0")
    table = json.loads(page.with_suffix(".json").read_text())
    assert (table["epochs"], table["complete"]) == (2, True)
    assert "candor_pause_handling" in table["remarks"][0]


def test_runs_of_the_two_loops_are_told_apart(results: tuple[Path, list[str]]) -> None:
    folder, _ = results
    names = {path.name for path in folder.iterdir() if (path / "run.json").is_file()}
    assert names == {RUN + more for more in ("", "--epoch-2", "--closed", "--closed--epoch-2")}
    opened, closed = (read_run(folder / name).config for name in (RUN, f"{RUN}--closed"))
    assert (opened.loop, closed.loop) == ("", CLOSED)
    assert difference(opened, closed) == "loop is 'closed' there and '' now"
    runs = [tml_bench.Run(folder / name) for name in (RUN, f"{RUN}--closed")]
    assert [("closed loop" in t.holds) for t in tables([run.summary for run in runs])] == [False, True]
    with pytest.raises(UserError, match="closed loop"):
        tml_bench.compare(*runs)
    heard = runs[1].timeline(f"{PART}-1", "transcript")
    assert heard.turns[1].start_s == pytest.approx(heard.segments[0].start_s + BARGE_IN_S, abs=0.06)


TALKS = """
import sys
sys.path.insert(0, {tests!r})
from dataclasses import replace
from pathlib import Path
from answering import REPLIES, SCENARIO
from tml_bench.samples import Reference, Sample, Script
from tml_bench.task import NO_VERDICTS, Metric, Score, Task, Value

class Talks(Task):
    name, title, subsets, headline = "talks", "Talks", ("all",), ("told",)
    metrics = (Metric(name="told", title="Told", describes="Lines of the user.", family="own"),)

    def samples(self, data=None, subsets=()):
        user = replace(SCENARIO, voiced=Path({voices!r}))
        yield Sample("talk", "all", Script(), Reference(replies=REPLIES), scenario=user)

    def score(self, sample, timeline, verdicts=NO_VERDICTS):
        return Score(self.name, "all", "talk", "", {{"told": Value(len(timeline.lines))}})
"""


def test_a_user_who_answers_is_replayed_in_open_loop(tmp_path: Path) -> None:
    """Nobody answers: in closed loop the user asks again and gives up, in open loop it goes on as it did."""
    conversation(tmp_path / "voices")
    task = tmp_path / "talks.py"
    task.write_text(TALKS.format(tests=str(Path(__file__).parent), voices=str(tmp_path / "voices")))
    table, _ = loops(
        f"{task}:Talks", "silent", out=tmp_path / "out", jobs=1, words="transcript", progress=False
    )
    (told,) = table.rows
    lived = tml_bench.Run(tmp_path / "out" / "talks-mini--cooperative")
    spoken = [line.text for line in lived.timeline("talk", "transcript").lines]
    opened, closed = (tml_bench.Run(runs[0]) for runs in (table.open_runs, table.closed_runs))
    assert [line.text for line in opened.timeline("talk", "transcript").lines] == spoken
    assert [line.text for line in closed.timeline("talk", "transcript").lines] != spoken
    assert told.before == len(spoken)
    assert told.after == len(closed.timeline("talk", "transcript").lines)
    assert f"open loop: what the user said to cooperative, at the same cues, in {lived.path}" in table.remarks
    assert (opened.summary.facts.loop, closed.summary.facts.loop) == ("open", "")


def test_tasks_without_a_closed_loop_say_so(tmp_path: Path) -> None:
    for name in ("charades", "audio-multichallenge-open"):
        with pytest.raises(UserError, match="has a closed loop of its own"):
            loops(name, "silent", out=tmp_path, progress=False)
    with pytest.raises(UserError, match="no closed-loop form"):
        tml_bench.run("timespeak", "silent", loop="closed", out=tmp_path, progress=False)
    with pytest.raises(UserError, match="shard"):
        loops("fd-bench-v1", "silent", shard="1/2")
    with pytest.raises(UserError, match="no loop 'ajar'"):
        tml_bench.run("fd-bench-v1", "silent", loop="ajar", out=tmp_path)  # type: ignore[call-overload]


def test_a_clip_without_its_parts_has_a_problem(tmp_path: Path) -> None:
    root = write_data(tmp_path / "data")
    (sample,) = V1.samples(root, (PART,))
    closed = V1.closed_loop(sample)
    assert closed is not None
    assert "context.wav" in closed.problem
    with pytest.raises(UserError, match=r"no closed-loop form.*context\.wav"):
        closed_samples(V1, [sample])


def test_the_closed_form_of_a_sample_has_its_name() -> None:
    class Renaming(type(V1)):  # type: ignore[misc]
        closed_loop = staticmethod(lambda sample: replace(sample, id=f"{sample.id}-closed"))

    with pytest.raises(UserError, match=rf"{PART}-1 of {PART} is {PART}-1-closed"):
        Selection(subsets=(PART,), loop=CLOSED).of(Renaming())


def test_every_turn_of_a_conversation_is_played_in_closed_loop() -> None:
    samples = Selection(loop=CLOSED).of(MC)
    other = Selection().of(load_task("audio-multichallenge-open"))
    assert samples == other
    for before, sample in zip(Selection().of(MC), samples, strict=True):
        item = sample.reference.annotation
        assert isinstance(item, ConversationAnnotation)
        assert len(sample.script.turns) == len(item.turns) == len(item.audio_s)
        assert not sample.script.history
        assert len(before.script.history) == 2 * (len(item.turns) - 1)


def test_a_conversation_with_a_turn_in_text_only_cannot_be_played() -> None:
    (sample, *_) = Selection().of(MC)
    first, *others = sample.script.history
    mute = replace(sample, script=replace(sample.script, history=(Message("user", first.text), *others)))
    closed = MC.closed_loop(mute)
    assert closed is not None
    assert "no audio" in closed.problem
    alone = replace(sample, script=replace(sample.script, history=()))
    assert MC.closed_loop(alone) is alone


def test_selections_keep_their_loop_when_they_are_joined() -> None:
    one = Selection(subsets=(PART,), limit=1, loop=CLOSED)
    other = Selection(subsets=("icc_backchannel",), limit=2, loop=CLOSED)
    assert one.joined(other, V1).loop == CLOSED
    named = replace(one, samples=(f"{PART}-1",)).joined(other, V1)
    assert named.loop == CLOSED
