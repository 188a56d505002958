"""Results that stand in a run's folder are taken where all that they come from is the same."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import cast

import msgspec
import pytest
from fakes import no_workers, replaced_by_a_copy
from hypothesis import given, settings, strategies as st

import tml_bench
from tml_bench.judges.rules import RuleJudge
from tml_bench.outcome import Outcome
from tml_bench.plugins import load_task
from tml_bench.pricing.table import load_prices
from tml_bench.questions import Judge, Question, Verdict
from tml_bench.runs import known_code
from tml_bench.runs.in_process import InProcessPool
from tml_bench.runs.pool import Pool
from tml_bench.runs.record import Attempt
from tml_bench.runs.store import open_run
from tml_bench.samples import Script, UserTurn
from tml_bench.scoring import input_fingerprint, kept_results, score as scoring, stored_values, summary_file
from tml_bench.scoring.input_fingerprint import ScoringSettings
from tml_bench.scoring.judge_labels import MeasuredCoefficient
from tml_bench.scoring.judging import JudgedScores
from tml_bench.scoring.kept_results import FOLDER, KeptResults
from tml_bench.scoring.packed import PackedMap
from tml_bench.scoring.stored_values import StoredValues
from tml_bench.scoring.summary import Summary
from tml_bench.scoring.summary_file import WrittenResults, to_json
from tml_bench.scoring.timelines import RunTimelines, SampleOutcome, timelines_of
from tml_bench.scoring.transcript_check import TranscriptCheck
from tml_bench.seals import sealed
from tml_bench.task import Task

TASK, SUBSET = "fd-bench-v1", "synthetic_user_interruption"
SETTINGS = ScoringSettings("transcript", check_all=False, prices=load_prices())


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that is scored once, with verdicts, and floors of no grid, which takes long to search."""
    with pytest.MonkeyPatch.context() as patch, no_workers():
        patch.setattr(type(load_task(TASK)), "family", lambda task, samples: {})
        folder = tmp_path_factory.mktemp("made")
        (run,) = tml_bench.run(
            [TASK], ["delayed:200"], out=folder, subsets=[SUBSET], limit=2, progress=False, words="transcript"
        )
    return run.path


@pytest.fixture(params=[False, True], ids=["by what was heard", "by how files look"])
def run(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Iterator[Path]:
    """A copy of it, scored in its new place; of the second it is also kept how everything looks."""
    run = Path(shutil.copytree(made.parent, tmp_path / "results")) / made.name
    if request.param:
        _as_if_long_after(monkeypatch)
    with no_workers():
        score(run)
        assert bool(kept_of(run)["fingerprint"]) is request.param
        yield run


def _as_if_long_after(patch: pytest.MonkeyPatch) -> None:
    """What is opened was written long before."""
    patch.setattr(input_fingerprint, "_TICK_NS", -(10**15))


def kept_of(run: Path) -> dict[str, object]:
    found: dict[str, object] = msgspec.json.decode(kept(run).read_bytes())
    return found


@pytest.fixture
def written(run: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The runs whose results are written from then on."""
    found: list[str] = []
    real = scoring.write_results

    def write(path: Path, scored: JudgedScores, summary: Summary) -> WrittenResults:
        found.append(path.name)
        return real(path, scored, summary)

    monkeypatch.setattr(scoring, "write_results", write)
    return found


def score(run: Path, prices: Path | None = None) -> Summary:
    return tml_bench.score(run, words="transcript", progress=False, prices=prices).summary


def results(run: Path) -> dict[str, bytes]:
    """What scoring wrote."""
    return {path.name: path.read_bytes() for path in run.iterdir() if path.is_file() and path.name != ".lock"}


def kept(run: Path) -> Path:
    return run.parent / FOLDER / f"{run.name}.json"


def test_what_is_the_same_is_not_scored_again(run: Path, written: list[str]) -> None:
    before, stamps = results(run), {path: path.stat().st_mtime_ns for path in run.iterdir()}
    again = score(run)
    assert written == []
    assert results(run) == before
    assert {path: path.stat().st_mtime_ns for path in run.iterdir()} == stamps
    kept(run).unlink()
    anew = score(run)
    assert written == [run.name]
    assert results(run) == before
    assert again == anew
    assert to_json([again]) == to_json([anew])
    assert score(run) == anew
    assert written == [run.name]


def test_a_run_just_made_is_not_scored_again(made: Path, tmp_path: Path, written: list[str]) -> None:
    def made_again() -> tml_bench.Run:
        return tml_bench.run(
            TASK, "silent", subsets=["icc_backchannel"], limit=1, progress=False, out=tmp_path / "new"
        )

    first = made_again()
    assert len(written) == 1
    again = made_again()
    assert tml_bench.score(first, progress=False).summary == again.summary == first.summary
    assert len(written) == 1


def _more_attempts(run: Path, patch: pytest.MonkeyPatch) -> None:
    """An attempt that failed before those that count: what it took is part of what the run took."""
    log = run / "attempts.jsonl"
    lines = log.read_bytes()
    (first, *_) = map(msgspec.json.Decoder(Attempt).decode, lines.splitlines())
    failed = msgspec.structs.replace(first, outcome=Outcome.INFRASTRUCTURE, reason="away")
    log.write_bytes(sealed(msgspec.json.encode(failed)) + b"\n" + lines)


def _tagged(run: Path, patch: pytest.MonkeyPatch) -> None:
    file = msgspec.json.decode((run / "run.json").read_bytes())
    del file["seal"]
    (run / "run.json").write_bytes(sealed(msgspec.json.encode(file | {"tags": {"day": "two"}})))


def _other_code(run: Path, patch: pytest.MonkeyPatch) -> None:
    patch.setattr(known_code, "_package_code", lambda: "another")


def _copied(run: Path, patch: pytest.MonkeyPatch) -> None:
    replaced_by_a_copy(run)


def _damaged_recording(run: Path, patch: pytest.MonkeyPatch) -> None:
    track = run / TASK / f"{SUBSET}-1" / "1" / "model.flac"
    content = bytearray(track.read_bytes())
    content[len(content) // 2] ^= 1
    track.write_bytes(content)


@pytest.mark.parametrize("change", [_more_attempts, _tagged, _other_code, _copied, _damaged_recording])
def test_where_anything_may_be_another_it_is_scored(
    run: Path,
    written: list[str],
    monkeypatch: pytest.MonkeyPatch,
    change: Callable[[Path, pytest.MonkeyPatch], None],
) -> None:
    change(run, monkeypatch)
    score(run)
    after = results(run)
    assert written == [run.name]
    kept(run).unlink()
    score(run)
    assert results(run) == after
    assert written == [run.name] * 2


def test_a_run_of_another_name_is_scored(run: Path, written: list[str]) -> None:
    other = run.rename(run.with_name("other"))
    kept(run).rename(kept(other))
    assert score(other).facts.run == "other"
    assert written == ["other"]


def test_other_prices_are_other_results(run: Path, written: list[str], tmp_path: Path) -> None:
    table, shipped = tmp_path / "prices.json", load_prices()
    dearer = msgspec.structs.replace(shipped.prices[0], models=("mine",), input_text=1.0)
    table.write_bytes(msgspec.json.encode(msgspec.structs.replace(shipped, prices=(dearer,))))
    for again in (1, 1):
        score(run, table)
        assert len(written) == again
    score(run)
    assert len(written) == 2


RESULTS = "scores.jsonl", "summary.json", "verdicts.jsonl", "seals.json"


@pytest.mark.parametrize("name", RESULTS)
@pytest.mark.parametrize("how", ["a bit", "gone", "a link"])
def test_results_that_are_not_as_written_are_made_anew(
    run: Path, written: list[str], name: str, how: str, tmp_path: Path
) -> None:
    """Also where size and time of writing are put back as they were."""
    before, file = results(run), run / name
    about, content = file.stat(), bytearray(file.read_bytes())
    if how == "a bit":
        content[len(content) // 2] ^= 1
        file.write_bytes(content)
        os.utime(file, ns=(about.st_atime_ns, about.st_mtime_ns))
    else:
        file.unlink()
    if how == "a link":
        (tmp_path / name).write_bytes(content)
        file.symlink_to(tmp_path / name)
    score(run)
    assert written == [run.name]
    assert results(run) == before
    assert not file.is_symlink()
    if how == "a link":
        assert (tmp_path / name).read_bytes() == content


@pytest.mark.parametrize("name", ["user_faults.jsonl", "scoring-tracebacks.txt"])
def test_a_result_that_should_not_be_there_has_it_scored(run: Path, written: list[str], name: str) -> None:
    (run / name).write_text("{}\n")
    score(run)
    assert written == [run.name]
    assert not (run / name).exists()


def _otherwise(question: Question) -> Verdict:
    """A verdict that the rules do not give here."""
    return Verdict(question.rubric.answers[0], judge="rules")


def _torn(text: bytes) -> bytes:
    return text[: len(text) // 2]


def _other_key(text: bytes) -> bytes:
    found = msgspec.json.decode(text)
    del found["seal"]
    return sealed(msgspec.json.encode(found | {"key": "0" * 64, "fingerprint": "0" * 64}))


def _other_seals(text: bytes) -> bytes:
    found = msgspec.json.decode(text)
    del found["seal"]
    return sealed(msgspec.json.encode(found | {"seals_sha256": "0" * 64}))


@pytest.mark.parametrize(
    "damage",
    [_torn, _other_key, _other_seals, lambda text: b"\xff\0", lambda text: text.replace(b"[", b"[1", 1)],
)  # fmt: skip
def test_what_is_kept_is_made_anew_where_it_is_damaged(
    run: Path, written: list[str], damage: Callable[[bytes], bytes]
) -> None:
    before, whole = results(run), kept(run).read_bytes()
    kept(run).write_bytes(damage(whole))
    score(run)
    assert written == [run.name]
    assert results(run) == before
    score(run)
    assert written == [run.name]


def test_what_was_kept_before_other_results_were_written_is_not_used(
    run: Path, written: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when a command is killed between writing results and saying what they were made of."""
    before, old = results(run), kept(run).read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr(RuleJudge, "answer", lambda judge, questions, advance: [*map(_otherwise, questions)])
        kept(run).unlink()
        score(run)
    assert results(run) != before
    kept(run).write_bytes(old)
    score(run)
    assert written == [run.name] * 2
    assert results(run) == before


def test_results_of_a_command_beside_are_not_taken_for_its_own(
    run: Path, written: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another command scores the run otherwise while its summary is read."""
    before, real = results(run), kept_results.stored_summaries

    def read(path: Path) -> list[Summary]:
        content = (path / "seals.json").read_bytes()
        (path / "seals.json").unlink()
        (path / "seals.json").write_bytes(content)
        return real(path)

    monkeypatch.setattr(kept_results, "stored_summaries", read)
    score(run)
    assert written == [run.name]
    assert results(run) == before


def test_nothing_is_kept_through_links(run: Path, written: list[str], tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / kept(run).name).write_text("mine")
    kept(run).unlink()
    kept(run).symlink_to(home / kept(run).name)
    before = results(run)
    score(run)
    shutil.rmtree(kept(run).parent)
    kept(run).parent.symlink_to(home)
    score(run)
    assert written == [run.name] * 2
    assert results(run) == before
    assert {path.name: path.read_text() for path in home.iterdir()} == {kept(run).name: "mine"}


def test_agreement_saved_since_is_in_what_is_given(run: Path, written: list[str]) -> None:
    judgements = score(run).judgements
    assert judgements is not None
    assert judgements.agreement == ()
    name, _, version = judgements.rubrics[0].rpartition(" ")
    judge = tml_bench.Run(run).summary.facts.judge
    one = MeasuredCoefficient(1.0)
    pair = summary_file.Agreement(name, version, judge, "human", 2, 0, 0, one, one, None, one, (), ())
    stored = msgspec.json.encode(summary_file.StoredAgreement((pair,)))
    (run / summary_file.AGREEMENT).write_bytes(sealed(stored))
    again = score(run).judgements
    assert again is not None
    assert again.agreement == (pair,)
    assert written == []


def test_values_of_a_large_summary_stay_in_its_file(
    run: Path, written: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    small = score(run)
    for module in (summary_file, stored_values):
        monkeypatch.setattr(module, "LARGE", 1000)
    large = score(run)
    assert written == []
    for one, other in zip(large.metrics, small.metrics, strict=True):
        assert isinstance(one.observations, StoredValues) or not other.observations
        assert tuple(one.observations) == tuple(other.observations)


class Unsure(RuleJudge):
    """A judge that is not the rules."""

    @property
    def id(self) -> str:
        return "unsure"


def test_other_judges_have_nothing_kept(run: Path, written: list[str]) -> None:
    """Nor are results of rules taken for theirs, or theirs for those of rules."""

    def scored_by(judge: Callable[..., Judge]) -> Summary:
        with InProcessPool() as pool:
            opened = [open_run(run)]
            return scoring.score_runs(opened, cast(Pool, pool), lambda line: None, "transcript", judge)[0]

    by_rules, stored = scored_by(RuleJudge), results(run)
    assert written == []
    record = kept(run).read_bytes()
    assert scored_by(Unsure).facts.judge == "unsure"
    assert scored_by(Unsure).facts.judge == "unsure"
    assert len(written) == 2
    assert kept(run).read_bytes() == record
    assert scored_by(RuleJudge) == by_rules
    assert len(written) == 3
    assert results(run) == stored


def test_what_a_task_raised_is_not_kept(
    run: Path, written: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = results(run)
    kept(run).unlink()
    with monkeypatch.context() as patch:
        patch.setattr(type(load_task(TASK)), "score", lambda *given: 1 / 0)
        score(run)
    assert (run / "scoring-tracebacks.txt").exists()
    assert not kept(run).exists()
    score(run)
    assert len(written) == 2
    assert results(run) == before


def _heard(run: Path) -> RunTimelines:
    with InProcessPool() as pool:
        (found,) = timelines_of([open_run(run)], cast(Pool, pool), lambda line: None, "transcript")
    return found


def test_every_input_counts(run: Path) -> None:
    heard, unset = _heard(run), msgspec.UNSET

    def known(heard: RunTimelines, check: kept_results.OptionalCheck = unset) -> bool:
        return KeptResults(SETTINGS).of(heard, check) is not None

    assert known(heard)
    (first, *others), stored = heard.run.samples, heard.run
    assert not known(heard, TranscriptCheck(0.5))
    ended = {**heard.outcomes, first.id: SampleOutcome(Outcome.INFRASTRUCTURE, "away")}
    assert not known(replace(heard, outcomes=ended))
    for other in (
        replace(first, notes=("a remark",)),
        replace(first, unit="a speaker"),
        replace(first, scored=False),
        replace(first, languages=("de",)),
        replace(first, companions={"clean": "another"}),
        replace(first, script=Script(turns=(UserTurn(Path("a.wav"), label="a label"),))),
    ):
        assert not known(replace(heard, run=replace(stored, samples=(other, *others))))
    late = {name: msgspec.structs.replace(a, wall_s=a.wall_s + 1) for name, a in stored.attempts.items()}
    assert not known(replace(heard, run=replace(stored, attempts=late)))
    assert isinstance(heard.timelines, PackedMap)
    text = heard.timelines.text(first.id)
    heard.timelines.set_text(first.id, text.replace(b"0", b"1", 1))
    assert not known(heard)
    heard.timelines.set_text(first.id, text)
    assert known(heard)


def test_a_task_from_elsewhere_has_nothing_kept(run: Path) -> None:
    heard = _heard(run)
    theirs: Task = load_task(f"{Path(__file__).with_name('many_task.py')}:Many")
    results = KeptResults(SETTINGS)
    assert results.of(replace(heard, run=replace(heard.run, task=theirs)), msgspec.UNSET) is None
    kept(run).unlink()
    results.keep(heard.run, "0" * 64)
    assert not kept(run).exists()


@pytest.fixture(scope="module")
def heard(made: Path) -> RunTimelines:
    return _heard(made)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200), st.integers(0, 400))
def test_no_bytes_of_what_is_kept_raise(heard: RunTimelines, noise: bytes, at: int) -> None:
    place = kept(heard.run.path)
    content = place.read_bytes()
    changed = content[:at] + noise + content[at + len(noise) :]
    try:
        place.write_bytes(changed)
        found = KeptResults(SETTINGS).of(heard, msgspec.UNSET)
    finally:
        place.write_bytes(content)
    assert (found is not None) == (changed == content)
