"""What a model's transcript says against what is recognised in its audio."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner
from fakes import Scripted, attempts_of, run_and_score, run_session, sample_of, silence, tone

from tml_bench.adapter import Output, SpokenWord, Transcript
from tml_bench.cli import main
from tml_bench.outcome import Outcome
from tml_bench.perception import asr
from tml_bench.perception.transcripts import TranscriptPair, transcript_pair
from tml_bench.recording import AudioTrack, SessionFacts
from tml_bench.report.content import transcript_line
from tml_bench.report.files import read_summaries
from tml_bench.runs.config import Selection
from tml_bench.runs.stored_run import open_run
from tml_bench.runs.worker import Result, TranscriptJob
from tml_bench.samples import UserTurn
from tml_bench.scoring import transcript_sample
from tml_bench.scoring.timelines import RunTimelines
from tml_bench.scoring.transcript_check import normalised, transcript_check, word_edits
from tml_bench.scoring.transcript_sample import MOST_RECORDINGS, check_transcripts
from tml_bench.session.simulated import Settings
from tml_bench.timeline import Timeline, Word, WordSource

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
    assert normalised(" It’s 21,\n 21st:\tÉTÉ_x\u00a0!") == "its twenty one 21st été x"


def test_rate_of_a_run_is_edits_over_words_of_all_recordings() -> None:
    pairs = [TranscriptPair("a b c d", "a b c d"), TranscriptPair("x", "a b"), TranscriptPair("", "ignored")]
    found = transcript_check(pairs, of=7)
    assert (found.edits, found.words, found.n, found.of, found.rate) == (2, 6, 2, 7, pytest.approx(1 / 3))
    # Half of all draws of two recordings hold both, a quarter each the one or the other alone.
    assert (found.low, found.high) == (0.0, 1.0)
    assert transcript_check(pairs[:1], of=1).low is None
    assert transcript_check(pairs, 7) == found


def test_why_it_is_not_measured_is_said() -> None:
    assert transcript_check([TranscriptPair("")], 1).missing == "the model gives no transcript"
    assert "no word times" in transcript_check([TranscriptPair(None)], 1).missing
    silent = transcript_check([TranscriptPair("I said it all", "")], 1)
    assert silent.missing == "nothing is recognised in its audio, but its transcript has 4 words"
    assert silent.rate is None


def recorded(folder: Path, outputs: dict[int, Output]) -> str | None:
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
    assert recorded(tmp_path / "unknown", {0: untimed, 4: flush}) is None
    late = Output(tone(2.0), (Transcript("b", words[1:]),))
    assert recorded(tmp_path / "never heard", {0: late, 1: flush}) == ""
    assert recorded(tmp_path / "none", {0: Output(tone(2.0))}) == ""


class FakePool:
    """Answers every job at once: its recordings say what they claim, ``a``."""

    def __init__(self) -> None:
        self.jobs: list[TranscriptJob] = []

    def submit(self, job: TranscriptJob) -> None:
        self.jobs.append(job)

    def results(self) -> Iterator[tuple[TranscriptJob, Result]]:
        for job in self.jobs:
            yield job, Result(Outcome.VALID, transcript=TranscriptPair("a", "a"))


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of a reference adapter, scored without any recognition."""
    out = tmp_path_factory.mktemp("reference")
    (path,) = run_and_score(out, ("delayed:700",), selection=ONE).values()
    return path


def perceived(run: Path, samples: Sequence[str], **changes: object) -> RunTimelines:
    """A run, its settings changed, with recordings of samples that nobody looks into."""
    stored = open_run(run)
    (attempt,) = stored.attempts.values()
    config = msgspec.structs.replace(stored.file.config, **changes)
    file = msgspec.structs.replace(stored.file, config=config)
    attempts = dict.fromkeys(samples, attempt)
    nothing = SessionFacts(AudioTrack(run, ""), AudioTrack(run, ""), None, None, "", (), "")
    return RunTimelines(
        replace(stored, file=file, attempts=attempts),
        dict.fromkeys(samples, Timeline(1.0)),
        facts=dict.fromkeys(samples, nothing),
    )


def test_a_seeded_sample_of_a_run_is_recognised(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transcript_sample.asr, "missing", lambda: "")
    samples = [f"s{k:02}" for k in range(3 * MOST_RECORDINGS)]
    drawn = []
    for order in (samples, samples[::-1]):
        pool = FakePool()
        heard = perceived(run, order, privileged=False, adapter="mine")
        (found,) = check_transcripts([heard], pool, "auto")  # type: ignore[arg-type]
        assert (found.n, found.of, found.rate) == (MOST_RECORDINGS, len(samples), 0.0)  # type: ignore[union-attr]
        drawn.append([job.key for job in pool.jobs])
    assert drawn[0] == drawn[1]
    assert len(set(drawn[0])) == MOST_RECORDINGS


def test_what_needs_no_check_is_not_checked_unless_asked(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transcript_sample.asr, "missing", lambda: "needs x")
    true = [
        perceived(run, ["a", "b"]),
        perceived(run, ["a", "b"], privileged=False, clock="imported"),
        perceived(run, ["a", "b"], privileged=False, adapter="silent"),
    ]
    for one in true:
        assert check_transcripts([one], FakePool(), "auto") == [msgspec.UNSET]  # type: ignore[arg-type]
        (asked,) = check_transcripts([one], FakePool(), "auto", asked=True)  # type: ignore[arg-type]
        assert asked.missing == "needs x: install tml-bench[speech]"  # type: ignore[union-attr]
    (off,) = check_transcripts([true[0]], FakePool(), "transcript", asked=True)  # type: ignore[arg-type]
    assert off.missing == "recognition is switched off"  # type: ignore[union-attr]
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
def test_a_lying_transcript_shows_in_every_output_and_moves_no_score(tmp_path: Path) -> None:
    (tmp_path / "models.py").write_text(LIAR, encoding="utf-8")
    done = run_and_score(tmp_path / "runs", [f"{tmp_path}/models.py:Liar"], selection=ONE)
    (path,) = done.values()
    before = (path / "scores.jsonl").read_bytes()
    called = CliRunner().invoke(main, ["score", str(path), "--jobs", "1"])
    assert called.exit_code == 0, called.output
    (summary,) = read_summaries([path])
    check = summary.transcript_check
    assert not isinstance(check, msgspec.UnsetType)
    assert check.rate is not None
    assert check.rate > 0.9
    assert (path / "scores.jsonl").read_bytes() == before

    out = tmp_path / "report"
    printed = CliRunner(env={"COLUMNS": "120"}).invoke(main, ["report", str(path), "--out", str(out)])
    for text in (printed.output, (out / "index.html").read_text(), (out / "report.md").read_text()):
        assert transcript_line(summary) in " ".join(text.replace("\\", "").split())
    with (out / "report.csv").open(encoding="utf-8") as file:
        assert {float(row["transcript_wer"]) for row in csv.DictReader(file)} == {round(100 * check.rate, 6)}
