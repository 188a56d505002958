"""What a model's transcript says against what is recognised in its audio."""

from __future__ import annotations

import csv
import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner
from fakes import Scripted, attempts_of, run_and_score, run_session, sample_of, silence, tone

from tml_bench import Run
from tml_bench.adapter import Output, SpokenWord, Transcript
from tml_bench.cli import main
from tml_bench.outcome import Outcome
from tml_bench.perception import asr
from tml_bench.perception.perceive import WordMode
from tml_bench.perception.recordings import TranscriptPair, transcript_pair
from tml_bench.recording import Recording
from tml_bench.report.files import read_summaries
from tml_bench.report.word_lines import transcript_line
from tml_bench.runs.jobs import JobResult, TranscriptJob
from tml_bench.runs.selection import Selection
from tml_bench.runs.store import Attempt, open_run
from tml_bench.samples import Sample, UserTurn
from tml_bench.scoring import transcript_check as checking
from tml_bench.scoring.timelines import RunTimelines
from tml_bench.scoring.transcript_check import (
    SPEECH_S,
    TranscriptCheck,
    check_transcripts,
    normalised,
    transcript_check,
    word_edits,
)
from tml_bench.session.settings import Settings
from tml_bench.timeline import Segment, Timeline, Word, WordSource

pytestmark = pytest.mark.usefixtures("in_this_process")

with_asr = pytest.mark.skipif(bool(asr.missing()), reason=f"{asr.missing()} (the extra [speech])")

ONE = Selection(subsets=("candor_turn_taking",), limit=1)
LIAR = """
import dataclasses
from tml_bench.adapter import Transcript
from tml_bench.adapters.reference import AlwaysOn

class Liar(AlwaysOn):
    def step(self, turn):
        output = super().step(turn)
        return dataclasses.replace(output, transcript=tuple(self.lie(said) for said in output.transcript))

    def lie(self, said):
        words = tuple(dataclasses.replace(word, text="bananas") for word in said.words)
        return Transcript("bananas " * len(words), words)
"""


@pytest.mark.parametrize(
    ("recognised", "claimed", "edits", "words"),
    [
        ("the cat sat", "the cat sat", 0, 3),
        ("the cat sat", "the hat sat", 1, 3),
        ("the cat sat", "the cat sat down", 1, 3),
        ("the cat sat", "cat", 2, 3),
        ("the cat sat", "", 3, 3),
        ("", "the cat", 2, 0),
        ("a b c d", "x y z", 4, 4),
        ("Don't stop!", "dont  STOP", 0, 2),
        ("twenty-one apples, ok", "21 apples ok", 0, 4),
        ("one thousand two hundred", "1,200", 0, 4),
        ("at 3.5 or 1234567", "at 3.5 or 1234567", 0, 5),
    ],
)
def test_known_error_rates(recognised: str, claimed: str, edits: int, words: int) -> None:
    assert word_edits(recognised, claimed) == (edits, words)


def test_normal_form_is_case_punctuation_space_and_numbers() -> None:
    assert normalised(" It’s 21,\n 21st:\tÉTÉ_x\u00a0!") == "its twenty one 21st ete x"


def test_rate_of_a_run_is_edits_over_words_of_all_recordings() -> None:
    pairs = [TranscriptPair("a b c d", "a b c d"), TranscriptPair("x", "a b"), TranscriptPair("", "ignored")]
    found = transcript_check(pairs, of=7)
    assert (found.edits, found.words, found.n, found.of, found.rate) == (2, 6, 2, 7, pytest.approx(1 / 3))
    assert (found.low, found.high, found.no_interval) == (None, None, "too few units (2, 16 needed)")
    alike = transcript_check([pairs[0]] * 20, of=20)
    assert (alike.n, alike.low, alike.high, alike.no_interval) == (20, None, None, "all units agree")
    many = transcript_check(pairs[:2] * 10, of=20)
    assert many.low is not None
    assert many.high is not None
    assert 0 < many.low < 1 / 3 < many.high < 1
    assert transcript_check(pairs[:2] * 10, 20) == many


def test_why_it_is_not_measured_is_said() -> None:
    assert transcript_check([TranscriptPair("")], 1).missing == "the model gives no transcript"
    silent = transcript_check([TranscriptPair("I said it all", "")], 1)
    assert silent.missing == "nothing is recognised in its audio, but its transcript has 4 words"
    assert silent.rate is None


def recorded(folder: Path, outputs: dict[int, Output]) -> str:
    """What is claimed in a session whose recogniser hears ``a``."""
    ran = run_session(folder, sample_of(UserTurn(silence(2.0))), Scripted(outputs), Settings())
    heard = Timeline(2.0, words=(Word("a", 0.2, 0.9),), word_source=WordSource.ASR)
    return transcript_pair(ran.recording.facts, folder / "x.json", heard).claimed


def test_only_what_was_heard_counts(tmp_path: Path) -> None:
    words = (SpokenWord("a", 0.0, 0.7), SpokenWord("b", 0.8, 1.0))
    timed, untimed = Output(tone(2.0), (Transcript("a b", words),)), Output(tone(2.0), (Transcript("a b"),))
    flush = Output(flush=True)
    assert recorded(tmp_path / "cut", {0: timed, 4: flush}) == "a"
    assert recorded(tmp_path / "whole", {0: untimed}) == "a b"
    assert recorded(tmp_path / "cut without times", {0: untimed, 4: flush}) == "a"
    late = Output(tone(2.0), (Transcript("b", words[1:]),))
    assert recorded(tmp_path / "never heard", {0: late, 1: flush}) == ""
    assert recorded(tmp_path / "none", {0: Output(tone(2.0))}) == ""


class FakePool:
    """Does every job at once, from the first or the last; recording k has one wrong word of k + 1."""

    def __init__(self, step: int = 1) -> None:
        self.jobs: list[TranscriptJob] = []
        self._step = step

    def submit(self, job: TranscriptJob) -> None:
        self.jobs.append(job)

    def results(self) -> Iterator[tuple[TranscriptJob, JobResult]]:
        for job in self.jobs[:: self._step]:
            rest = " a" * int(job.key[1][1:])
            yield job, JobResult(Outcome.VALID, transcript=TranscriptPair(f"b{rest}", f"a{rest}"))


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of a reference adapter, scored without any recognition."""
    out = tmp_path_factory.mktemp("reference")
    (path,) = run_and_score(out, ("delayed:700",), selection=ONE).values()
    return path


def stored(run: Path, n: int, **config: object) -> RunTimelines:
    """A run like that one, of so many valid recordings."""
    opened = open_run(run)
    ended = {f"s{k:02}": Attempt(f"s{k:02}", "x", 1, Outcome.VALID) for k in range(n)}
    samples = tuple(Sample(name, "x") for name in ended)
    file = msgspec.structs.replace(opened.file, config=msgspec.structs.replace(opened.file.config, **config))
    like = dataclasses.replace(opened, file=file, samples=samples, attempts=ended)
    facts = Recording(opened.recording_path(opened.valid()[0])).facts
    heard = dict.fromkeys(ended, Timeline(60.0, (Segment(0.0, SPEECH_S / 20),)))
    return RunTimelines(like, heard, {}, dict.fromkeys(ended, facts))


def checked(run: RunTimelines, pool: FakePool, words: WordMode = "auto", *, asked: bool = False) -> object:
    return check_transcripts([run], pool, words, asked=asked)[0]  # type: ignore[arg-type]


def test_as_much_speech_of_a_run_is_recognised_as_tells_enough(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was twenty recordings, however short, which everybody could know before: ``Random(0)`` drew them."""
    monkeypatch.setattr(checking.asr, "missing", lambda: "")
    mine = stored(run, 60, privileged=False, adapter="mine")
    pools = (FakePool(), FakePool(-1))
    found, again = (checked(mine, pool) for pool in pools)
    assert isinstance(found, TranscriptCheck)
    assert found == again
    assert (found.n, found.of) == (20, 60)
    drawn, redrawn = ([job.key for job in pool.jobs] for pool in pools)
    assert drawn == redrawn
    assert len(set(drawn)) == 20
    assert found.rate == 20 / sum(int(name[1:]) + 1 for _, name in drawn)
    # One recording with another sound, and others are drawn.
    name = next(iter(mine.facts))
    sound = msgspec.structs.replace(mine.facts[name].model, sha256="x")
    mine.facts[name] = msgspec.structs.replace(mine.facts[name], model=sound)
    other = FakePool()
    checked(mine, other)
    assert [job.key for job in other.jobs] != drawn


def test_only_recordings_that_can_tell_are_recognised(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checking.asr, "missing", lambda: "")
    monkeypatch.setenv("TML_BENCH_WHISPER", "")
    mine, pool = stored(run, 4, privileged=False, adapter="mine"), FakePool()
    mute = msgspec.structs.replace(mine.facts["s00"], timed=(), untimed=())
    mine.facts["s00"] = mute
    spanish = [dataclasses.replace(s, languages=("en", "es")) for s in mine.run.samples[1:3]]
    some = dataclasses.replace(mine.run, samples=(mine.run.samples[0], *spanish, mine.run.samples[3]))
    found = checked(dataclasses.replace(mine, run=some), pool)
    assert [job.key[1] for job in pool.jobs] == ["s03"]
    assert isinstance(found, TranscriptCheck)
    assert (found.n, found.of) == (1, 4)
    none = dataclasses.replace(mine.run, samples=(mine.run.samples[0], *spanish))
    foreign = dataclasses.replace(mine, run=none, timelines={k: mine.timelines[k] for k in ("s01", "s02")})
    unknown = checked(foreign, FakePool())
    assert isinstance(unknown, TranscriptCheck)
    assert "; set TML_BENCH_WHISPER to base" in unknown.missing


@pytest.mark.parametrize(
    ("recognised", "claimed", "differs"),
    [
        ("a b c " * 9, "x y z " * 9, False),  # too few words to tell
        ("a b c " * 10, "a b c " * 10, False),
        ("a b c d e f g h i j " * 3, "a b c d e f g x y z " * 3, False),  # 30 %
        ("a b c d e f g h i j " * 3, "a b c d e f w x y z " * 3, True),
        ("", "x y z " * 10, True),  # noise that is no speech
        ("a b c", "x y z " * 10, True),
    ],
)
def test_when_a_transcript_is_not_what_was_heard(
    run: Path, monkeypatch: pytest.MonkeyPatch, recognised: str, claimed: str, differs: bool
) -> None:
    class Says(FakePool):
        def results(self) -> Iterator[tuple[TranscriptJob, JobResult]]:
            for job in self.jobs:
                yield job, JobResult(Outcome.VALID, transcript=TranscriptPair(claimed, recognised))

    monkeypatch.setattr(checking.asr, "missing", lambda: "")
    found = checked(stored(run, 1, privileged=False, adapter="mine"), Says())
    assert isinstance(found, TranscriptCheck)
    assert found.mismatch is differs
    # Those that are true by construction say what their plan says, whatever clip is played.
    oracle = checked(stored(run, 1, privileged=True), Says(), asked=True)
    assert isinstance(oracle, TranscriptCheck)
    assert not oracle.mismatch


@pytest.mark.parametrize(
    "true", [{}, {"privileged": False, "clock": "imported"}, {"privileged": False, "adapter": "silent"}]
)
def test_what_needs_no_check_is_not_checked_unless_asked(
    run: Path, monkeypatch: pytest.MonkeyPatch, true: dict[str, object]
) -> None:
    monkeypatch.setattr(checking.asr, "missing", lambda: "needs x")
    known = stored(run, 2, **true)
    assert checked(known, FakePool()) is msgspec.UNSET
    assert checked(known, FakePool(), asked=True) == TranscriptCheck(
        of=2, missing="needs x; install tml-bench[speech]"
    )
    assert checked(known, FakePool(), "transcript", asked=True) == TranscriptCheck(
        of=2, missing="recognition is switched off; score with --words auto"
    )
    assert "transcript_check" not in json.loads((run / "summary.json").read_bytes())[0]


@with_asr
def test_a_reference_voice_says_what_its_transcript_says(run: Path) -> None:
    called = CliRunner(env={"COLUMNS": "120"}).invoke(
        main, ["score", str(run), "--check-transcripts", "--jobs", "1"]
    )
    assert called.exit_code == 0, called.output
    (summary,) = read_summaries([run])
    found = summary.transcript_check
    assert not isinstance(found, msgspec.UnsetType)
    assert (found.n, found.missing) == (len(attempts_of(run)), "")
    assert found.rate is not None
    assert found.rate < 0.2
    assert transcript_line(summary) in " ".join(called.output.split())
    # What was recognised is kept: another time it is read.
    kept = sorted(run.glob("timelines/*-recognised.json"))
    assert len(kept) == found.n
    times = [path.stat().st_mtime_ns for path in kept]
    assert CliRunner().invoke(main, ["score", str(run), "--check-transcripts", "--jobs", "1"]).exit_code == 0
    assert [path.stat().st_mtime_ns for path in kept] == times


@with_asr
def test_a_lying_transcript_is_marked_and_what_was_heard_is_scored(tmp_path: Path) -> None:
    """It was a figure at the end of a page, and moved no score."""
    (tmp_path / "models.py").write_text(LIAR, encoding="utf-8")
    done = run_and_score(tmp_path / "runs", [f"{tmp_path}/models.py:Liar"], selection=ONE)
    (path,) = done.values()
    called = CliRunner(env={"COLUMNS": "120"}).invoke(main, ["score", str(path), "--jobs", "1"])
    assert called.exit_code == 0, called.output
    (summary,) = read_summaries([path])
    check = summary.transcript_check
    assert not isinstance(check, msgspec.UnsetType)
    assert check.rate is not None
    assert check.rate > 0.9
    assert check.mismatch
    assert not isinstance(summary.word_report, msgspec.UnsetType)
    assert set(summary.word_report.sources) == {"asr"}
    assert "transcript does not match its audio" in called.output
    (sample,) = (attempt.sample for attempt in open_run(path).valid())
    heard = Run(path).timeline(sample)
    assert heard.word_source is WordSource.ASR
    assert "bananas" not in {word.text for word in heard.words}

    out = tmp_path / "report"
    printed = CliRunner(env={"COLUMNS": "120"}).invoke(main, ["report", str(path), "-v", "--out", str(out)])
    (page,) = (out / "runs").glob("*.html")
    for text in (printed.output, page.read_text(), (out / "report.md").read_text()):
        assert transcript_line(summary) in " ".join(text.replace("\\", "").split())
    assert "transcript does not match its audio" in (out / "index.html").read_text()
    with (out / "report.csv").open(encoding="utf-8") as file:
        (row, *_) = csv.DictReader(file)
    assert float(row["transcript_wer"]) == round(100 * check.rate, 6)
    assert (row["transcript_mismatch"], row["word_sources"].partition(":")[0]) == ("1", "asr")
