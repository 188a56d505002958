"""Flipped bits, lost files and foreign settings: what is read is what was written, or is refused by name."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import msgspec
import pytest
from fakes import Scripted, run_session, sample_of, tone
from msgspec.structs import replace
from test_runs_store import CONFIG, FILE, as_it_is, attempt

import tml_bench
from tml_bench.adapter import Output, SpokenWord, Transcript
from tml_bench.errors import UserError
from tml_bench.perception.perceive import cached, stored
from tml_bench.recording import Recording
from tml_bench.report.files import read_summaries, to_csv
from tml_bench.runs.continuing import settings_sha256
from tml_bench.runs.recorded import check_settings, damaged
from tml_bench.runs.store import Attempt, RunFolder, read_lines, read_run
from tml_bench.scoring.agreement import judged_of
from tml_bench.scoring.result_seals import ResultDigests
from tml_bench.scoring.summary_file import stored_verdicts
from tml_bench.seals import seal_holds, sealed
from tml_bench.session.settings import Settings
from tml_bench.timeline import Segment, Timeline
from tml_bench.viewer.index import sample_index
from tml_bench.viewer.run_files import open_viewed
from tml_bench.viewer.score_document import judgements

FLIPS = 60
"""Of each kind of file; with 200 the same holds."""
GOLDEN = Path(__file__).parent / "golden" / "runs" / "fd-bench-v1-mini-1--delayed-700"
LINE = Timeline(2.0, (Segment(0.702, 1.402),))
KINDS = {
    "run.json": "run.json", "attempts": "attempts.jsonl", "timeline": "timelines/s-1.json",
    "manifest": "t/s/1/manifest.json", "log": "t/s/1/session.jsonl", "user": "t/s/1/user.flac",
    "model": "t/s/1/model.flac",
}  # fmt: skip


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with one recording and its timeline."""
    path = tmp_path_factory.mktemp("made") / "run"
    outputs = {0: Output(tone(0.7), (Transcript("hello there", (SpokenWord("hello", 0.0, 0.5),)),))}
    sample = sample_of()
    with RunFolder(path, FILE, as_it_is) as folder:
        place = run_session(folder.aside / "s", sample, Scripted(outputs), Settings()).recording.folder
        manifest = replace(Recording(place).manifest, config=settings_sha256(CONFIG))
        (place / "manifest.json").write_bytes(manifest.encode())
        folder.commit(attempt("s"), place)
    cached(path / "timelines/s-1.json", "key", lambda: LINE)
    return path


def seen(run: Path) -> list[object]:
    """All that is scored from; a timeline that is none is perceived anew."""
    file = read_run(run)
    attempts = read_lines(run / "attempts.jsonl", Attempt)
    places = sorted(path.parent for path in run.glob("*/*/*/manifest.json"))
    facts = [msgspec.structs.replace(r.facts, user=None, model=None) for r in map(Recording, places)]
    for place in places:
        check_settings(Recording(place), file.config)
    found = [attempts, facts, [(r.manifest.rate, r.manifest.samples) for r in map(Recording, places)]]
    return [*found, stored(run / "timelines/s-1.json", "key") or LINE]


@pytest.mark.parametrize("kind", KINDS)
def test_a_flipped_bit_changes_nothing_or_is_named(made: Path, tmp_path: Path, kind: str) -> None:
    run = Path(shutil.copytree(made, tmp_path / "run"))
    flipped(run, run / KINDS[kind])


@pytest.mark.parametrize("name", ["manifest.json", "session.jsonl", "user.flac", "model.flac"])
def test_a_flipped_bit_in_a_recording_without_a_seal_is_found_too(tmp_path: Path, name: str) -> None:
    run = Path(shutil.copytree(GOLDEN, tmp_path / "run"))
    (manifest,) = run.glob("*/*/*/manifest.json")
    assert seal_holds(manifest.read_bytes()) is None
    flipped(run, manifest.with_name(name))


def flipped(run: Path, path: Path) -> None:
    before, whole = seen(run), path.read_bytes()
    rng, said = random.Random(path.name), []
    for _ in range(FLIPS):
        content = bytearray(whole)
        content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
        path.write_bytes(content)
        try:
            assert seen(run) == before
        except UserError as error:
            said.append(str(error))
    path.write_bytes(whole)
    assert seen(run) == before
    assert all(str(path.parent) in one for one in said)
    assert said or path.parent.name == "timelines"


def test_a_timeline_whose_digits_changed_is_perceived_anew(made: Path, tmp_path: Path) -> None:
    path = Path(shutil.copy(made / "timelines/s-1.json", tmp_path))
    path.write_bytes(path.read_bytes().replace(b"0.702", b"1.702"))
    assert stored(path, "key") is None


def test_rate_and_samples_of_a_manifest_cannot_be_others(made: Path, tmp_path: Path) -> None:
    place = Path(shutil.copytree(made / "t/s/1", tmp_path / "1"))
    manifest = Recording(place).manifest
    (place / "manifest.json").write_bytes(replace(manifest, rate=64000).encode())
    with pytest.raises(UserError, match=r"rate 64000 and samples \d+ are not those of session"):
        Recording(place)
    unsealed = replace(manifest, schema="tml-bench/recording/1.0", samples=manifest.samples + 1)
    (place / "manifest.json").write_bytes(msgspec.json.encode(unsealed))
    with pytest.raises(UserError, match=r"are not those of user\.flac"):
        Recording(place)


def test_a_recording_of_this_version_needs_its_seal(made: Path, tmp_path: Path) -> None:
    place = Path(shutil.copytree(made / "t/s/1", tmp_path / "1"))
    (place / "manifest.json").write_bytes(msgspec.json.encode(Recording(place).manifest))
    with pytest.raises(UserError, match="not as its seal says"):
        Recording(place)


@pytest.mark.parametrize("damage", ["flip", "half deleted", "gone"])
def test_a_damaged_recording_is_not_done(made: Path, tmp_path: Path, damage: str) -> None:
    run = Path(shutil.copytree(made, tmp_path / "moved and renamed"))
    attempts = read_lines(run / "attempts.jsonl", Attempt)
    assert damaged(run, read_run(run), attempts) == {}
    place = run / "t/s/1"
    if damage == "flip":
        (place / "model.flac").write_bytes((place / "model.flac").read_bytes()[:-1] + b"?")
    elif damage == "half deleted":
        (place / "user.flac").unlink()
    else:
        shutil.rmtree(place)
    assert list(damaged(run, read_run(run), attempts)) == ["s"]


def test_a_recording_under_other_settings_is_not_done(made: Path, tmp_path: Path) -> None:
    run = Path(shutil.copytree(made, tmp_path / "run"))
    other = replace(FILE, config=replace(CONFIG, seed=7, tick_ns=100_000_000))
    assert "under other settings" in damaged(run, other, [attempt("s")])["s"]


def test_settings_have_one_hash_wherever_the_data_and_the_adapter_are() -> None:
    same = replace(CONFIG, data="/elsewhere", limit=3, samples=("a",), shard="1/2", tml_bench="9")
    assert settings_sha256(same) == settings_sha256(CONFIG)
    files = [replace(CONFIG, adapter=f"{folder}/m.py:M:ms=3") for folder in ("a", "b")]
    assert settings_sha256(files[0]) == settings_sha256(files[1]) != settings_sha256(CONFIG)
    others = [replace(CONFIG, seed=1), replace(CONFIG, epoch=2), replace(CONFIG, adapter="echo")]
    assert len({settings_sha256(config) for config in [CONFIG, *others]}) == 4


def test_a_folder_without_run_json_adopts_nothing(made: Path, tmp_path: Path) -> None:
    run = Path(shutil.copytree(made, tmp_path / "run"))
    (run / "run.json").unlink()
    before = sorted(path for path in run.rglob("*"))
    with pytest.raises(UserError, match=r"no run\.json.*\n?.*--fresh replaces"):
        RunFolder(run, replace(FILE, config=replace(CONFIG, seed=7)), as_it_is)
    assert sorted(path for path in run.rglob("*")) == before


@pytest.mark.parametrize("text", [b'{"a":1}', b'{\n  "a": "\\"seal\\"",\n  "seal": {"seal": 2}\n}\n'])
def test_a_seal_covers_every_byte(text: bytes) -> None:
    whole = sealed(text)
    assert seal_holds(text) is None
    assert seal_holds(whole) is True
    assert msgspec.json.decode(whole).keys() >= msgspec.json.decode(text).keys()
    for k in range(whole.rindex(b'"seal"')):
        assert seal_holds(whole[:k] + b"#" + whole[k + 1 :]) is False


RESULTS = ("scores.jsonl", "verdicts.jsonl", "summary.json", "seals.json")


@pytest.fixture(scope="module")
def scored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with verdicts, scored by this version; of its recordings nothing is left but what was stored."""
    run = tmp_path_factory.mktemp("scored") / "run"
    shutil.copytree(GOLDEN.with_name("proactive-video-qa-mini-1--oracle"), run)
    digests = ResultDigests()
    for name in RESULTS[:3]:
        assert [*digests.passing(name, (run / name).read_bytes())]
    (run / "seals.json").write_bytes(b"".join(digests.seals()))
    return run


def shown(run: Path) -> tuple[object, ...]:
    """All that readers make of what scoring stored."""
    (index,) = sample_index(open_viewed([run])).runs
    if index.problem:
        raise UserError(index.problem)
    return tml_bench.Run(run).scores, judged_of(run), to_csv(read_summaries([run])), index


@pytest.mark.parametrize("name", RESULTS)
def test_a_flipped_bit_in_what_scoring_wrote_is_never_another_figure(
    scored: Path, tmp_path: Path, name: str
) -> None:
    run = Path(shutil.copytree(scored, tmp_path / "run"))
    before, whole, rng = shown(run), (run / name).read_bytes(), random.Random(name)
    said: list[str] = []
    for _ in range(FLIPS):
        content = bytearray(whole)
        content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
        (run / name).write_bytes(content)
        try:
            assert shown(run) == before
        except UserError as error:
            said.append(str(error))
    assert all(str(run / name) in one for one in said)
    assert len(said) == FLIPS or name == "seals.json", "only what says nothing may be another"


def test_results_of_earlier_versions_have_no_seals_and_are_read(scored: Path, tmp_path: Path) -> None:
    run = Path(shutil.copytree(scored, tmp_path / "run"))
    before = shown(run)
    (run / "seals.json").unlink()
    assert shown(run) == before


def test_a_verdict_that_was_changed_is_named_where_it_is_shown(scored: Path, tmp_path: Path) -> None:
    run = Path(shutil.copytree(scored, tmp_path / "run"))
    path = run / "verdicts.jsonl"
    path.write_bytes(path.read_bytes().replace(b'"explanation":"', b'"explanation":"?', 1))
    (sample, *_) = tml_bench.Run(run).scores
    with pytest.raises(UserError, match="score the run again"):
        stored_verdicts(run, sample)
    (viewed,) = open_viewed([run])
    with pytest.raises(UserError, match="score the run again"):
        judgements(viewed, sample, None)
