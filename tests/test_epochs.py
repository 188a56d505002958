"""Every sample several times: seeds, folders, and what reports make of the repeats; tags beside them."""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path
from statistics import fmean

import pytest
from click.testing import CliRunner, Result
from fakes import write_data
from msgspec.structs import replace

import tml_bench
from tml_bench.cli import main
from tml_bench.errors import UserError
from tml_bench.metrics.statistics import Observation, estimate
from tml_bench.recording import Recording
from tml_bench.report.files import full_markdown, read_summaries, to_csv
from tml_bench.report.layout import tables
from tml_bench.runs.config import epoch_seed
from tml_bench.runs.store import read_run
from tml_bench.runs.tags import clean_tags, parse_tags, shown_tags, with_tags
from tml_bench.scoring.epochs import means, united

pytestmark = pytest.mark.usefixtures("without_pictures", "in_this_process")

NAME = "fd-bench-v1-custom-data--noisy-Noisy"
NOISY = '''
import random
from tml_bench.adapters.reference import Delayed

class Noisy(Delayed):
    """Answers after a while that the session's seed decides."""
    privileged = True
    def start(self, session):
        self.ms = random.Random(session.seed).choice([200, 700, 1200, 1700, 2200])
        super().start(session)
'''


def call(*arguments: object) -> Result:
    result = CliRunner(env={"COLUMNS": "200"}).invoke(main, [str(argument) for argument in arguments])
    assert result.exit_code == 0, result.output
    return result


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three epochs of two samples."""
    root = tmp_path_factory.mktemp("epochs")
    write_data(root / "data", each=2)
    (root / "noisy.py").write_text(NOISY)
    runs = tml_bench.run(
        ["fd-bench-v1"], [f"{root}/noisy.py:Noisy"], data=root / "data", subsets=("candor_turn_taking",),
        out=root / "out", epochs=3, jobs=1, tags={"note": "a b", "nightly": ""}, progress=False,
    )  # fmt: skip
    assert [run.path.name for run in runs] == [NAME, f"{NAME}--epoch-2", f"{NAME}--epoch-3"]
    return root / "out"


def test_each_epoch_has_seeds_of_its_own(results: Path) -> None:
    runs = [tml_bench.Run(results / name) for name in (NAME, f"{NAME}--epoch-2", f"{NAME}--epoch-3")]
    seeds = {opened.opened.seed for run in runs for opened in run.recordings()}
    assert len(seeds) == 6
    assert [run.config.epoch for run in runs] == [1, 2, 3]
    assert {run.config.seed for run in runs} == {0}
    assert epoch_seed(7, 1) == 7  # so that a run of one epoch is the run that it was
    assert len({epoch_seed(seed, k) for seed in range(20) for k in range(1, 20)}) == 20 * 19


def test_the_report_has_one_row_with_each_samples_mean_first(results: Path) -> None:
    apart = [summary for name in sorted(p.name for p in results.iterdir()) if name.startswith(NAME)
             for summary in read_summaries([results / name])]  # fmt: skip
    (one,) = read_summaries([results / s.facts.run for s in apart])
    assert one.facts.epochs == 3
    assert one.facts.run == NAME
    assert united(reversed(apart)) == united(apart) == [one]
    latency = next(n for n, m in enumerate(one.metrics) if m.metric.name == "latency")
    assert len({s.metrics[latency].estimate.mean for s in apart}) > 1
    for n, metric in enumerate(one.metrics):
        values = [s.metrics[n].observations for s in apart]
        assert {o.sample for o in metric.observations} == {o.sample for found in values for o in found}
        for o in metric.observations:
            known = [p.numerator for found in values for p in found if p.sample == o.sample]
            assert o.numerator == pytest.approx(fmean(known))
        assert metric.estimate.n <= 2
    (outcomes,) = one.outcomes
    assert outcomes.samples == 6
    assert any("2 samples (set" in part for table in tables([one]) for part in table.holds)
    assert "epochs 3" in full_markdown([one])
    assert '3,"note=a b, nightly"' in to_csv([one])
    page = call("report", results, "--out", results.parent / "page").output
    assert page.count("Noisy") == 1


def test_epochs_are_compared_together(results: Path) -> None:
    """A run of three epochs against the first two of them; its own epochs tell how far it is from itself."""
    three = [results / name for name in (NAME, f"{NAME}--epoch-2", f"{NAME}--epoch-3")]
    (answered,) = tml_bench.compare(three, three[:2], "response")
    found = [read_summaries([path])[0] for path in three]
    shares = [next(m.estimate.mean for m in s.metrics if m.metric.name == "response") for s in found]
    a, b, c = (100 * x for x in shares if x is not None)
    assert len({a, b, c}) > 1
    assert answered.difference == pytest.approx((a + b + c) / 3 - (a + b) / 2)
    assert answered.itself_largest == pytest.approx(max(abs(a - b), abs(b - c), abs(a - c)))
    mean_square = fmean([(a - b) ** 2] * 2 + [(b - c) ** 2, (a - c) ** 2])
    assert answered.itself == pytest.approx(math.sqrt(mean_square / 2 * (1 / 3 + 1 / 2)))
    (one,) = tml_bench.compare(three[0], three[1], "response")
    assert (one.itself, one.no_itself) == (None, "no A-against-A: run with --epochs 2")
    with pytest.raises(UserError, match="not epochs of one run"):
        tml_bench.compare([three[0], three[0]], three[1])


def test_repeats_are_no_more_samples() -> None:
    """The same answers every time: the interval of one epoch, not a narrower one."""
    once = [Observation(f"{n}", f"speaker {n // 2}", n % 2) for n in range(40)]
    for kind in ("rate", "mean"):
        assert estimate(means([once] * 5), kind) == estimate(once, kind)
    ratio = [Observation(f"{n}", "", n % 3, 1 + n % 2) for n in range(40)]
    assert estimate(means([ratio] * 4), "ratio") == estimate(ratio, "ratio")


def test_repeats_take_out_what_differs_from_time_to_time() -> None:
    """Values of a sample vary as much as samples do: the interval shrinks, but never by sqrt(epochs)."""
    samples = range(30)
    epochs = [
        [Observation(f"{n}", "", math.sin(n) + math.sin(31.7 * (n + 1) * (k + 1))) for n in samples]
        for k in range(4)
    ]
    first, all_four = estimate(epochs[0], "mean"), estimate(means(epochs), "mean")
    assert first.low is not None
    assert first.high is not None
    assert all_four.low is not None
    assert all_four.high is not None
    assert (first.high - first.low) / 2 < all_four.high - all_four.low < first.high - first.low
    assert all_four.n == 30


def test_a_sample_counts_by_the_epochs_in_which_it_has_a_value() -> None:
    one = [Observation("a", "u", 1.0), Observation("b", "", 4.0, 2.0), Observation("c", "", 0.0, 0.0)]
    two = [Observation("a", "u", 3.0), Observation("c", "", 3.0, 2.0)]
    assert means([one, two]) == (
        Observation("a", "u", 2.0), Observation("b", "", 4.0, 2.0), Observation("c", "", 3.0, 2.0),
    )  # fmt: skip
    assert means([]) == ()


def test_what_is_not_the_same_run_stays_apart(results: Path) -> None:
    first, second = (s for name in (NAME, f"{NAME}--epoch-2") for s in read_summaries([results / name]))
    for other in (
        replace(second, sample_set="other"),
        replace(second, facts=replace(second.facts, adapter="other")),
        replace(second, facts=replace(second.facts, epoch=1)),
        replace(second, facts=replace(second.facts, run="other")),
    ):
        assert united([first, other]) == [first, other]
    assert len(united([first, second])) == 1
    assert united([first, second, replace(second)]) == [first, second, second]


def test_several_epochs_and_a_replay_do_not_go_together(results: Path) -> None:
    with pytest.raises(UserError, match="--replay is one run"):
        tml_bench.run(["fd-bench-v1"], ["silent"], compute="recorded", replay=results / NAME, epochs=2)
    with pytest.raises(UserError, match="0 times"):
        tml_bench.run(["fd-bench-v1"], ["silent"], epochs=0)


def test_tags_are_recorded_shown_and_asked_for(results: Path, tmp_path: Path) -> None:
    run = results / NAME
    assert read_run(run).tags == {"note": "a b", "nightly": ""}
    (recording,) = {opened.folder for opened in tml_bench.Run(run).recordings()} & {
        opened.folder for opened in [Recording(p) for p in run.glob("fd-bench-v1/*/1")][:1]
    }
    assert "tags of the run: note=a b, nightly" in call("inspect", recording).output
    assert with_tags([run], ["nightly", "note=a b"]) == [run]
    with pytest.raises(UserError, match="no run has these tags") as told:
        with_tags([run], ["note=b"])
    assert "note=a b" in told.value.remedy
    other = Path(shutil.copytree(run, tmp_path / "other"))
    file = json.loads((other / "run.json").read_text())
    del file["tags"], file["seal"]
    (other / "run.json").write_text(json.dumps(file))
    assert with_tags([run, other], ["nightly"]) == [run]
    assert with_tags([run, other], []) == [run, other]
    page = tmp_path / "page"
    assert "Noisy" in call("report", results, "--tag", "note", "--out", page).output
    pages = "".join(path.read_text() for path in page.rglob("*.html"))
    assert "note=a b, nightly" in pages


def test_tags_of_a_command_line() -> None:
    assert parse_tags(["a=b=c", "x", " y = z "]) == {"a": "b=c", "x": "", "y": "z"}
    assert shown_tags(parse_tags(["a=b", "x"])) == "a=b, x"
    assert clean_tags({"k": "sk-abcdefghijklmnopqrstu\n"}) == {"k": "[redacted] "}
    for name in ("", " ", "a=b"):
        with pytest.raises(UserError, match="no name of a tag"):
            clean_tags({name: "x"})
