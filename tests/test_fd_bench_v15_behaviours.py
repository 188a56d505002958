"""Models with a known behaviour get exactly their shares, averages and latencies, by the whole harness."""

from __future__ import annotations

from pathlib import Path

import behaviours
import pytest
from behaviours import Behaving, Said, spread
from fakes import no_floor_search, run_and_score

from tml_bench.report import sample_picture as picture
from tml_bench.runs.selection import Selection
from tml_bench.runs.store import read_lines
from tml_bench.samples import Sample
from tml_bench.scoring.summary import MetricSummary, Summary
from tml_bench.scoring.summary_file import from_json
from tml_bench.task import Score
from tml_bench.tasks.fd_bench_v15.behaviour import ANSWERS, ask, decide
from tml_bench.tasks.fd_bench_v15.loader import SUBSETS
from tml_bench.tasks.fd_bench_v15.scoring import item_of
from tml_bench.tasks.fd_bench_v15.task import FdBenchV15
from tml_bench.timeline import Segment, Timeline, Word, WordSource

pytestmark = pytest.mark.usefixtures("in_this_process")

HERE = Path(__file__).parent / "behaviours.py"
EDGE_S = 0.040
EACH = 1
"""Items of each subset that are played; all of them are judged."""
MODELS = {
    "Responds": ("RESPOND", 0.25),
    "Resumes": ("RESUME", 0.75),
    "Repeats:stop_ms=250,answer_ms=1500": ("UNCERTAIN", 0.0),
    "GoesQuiet": ("UNKNOWN", 0.0),
    "TalksOn": ("RESUME", 0.75),
}
LATENCIES = {
    "Responds": (0.4, 0.7),
    "Resumes": (0.4, 0.7),
    "Repeats:stop_ms=250,answer_ms=1500": (0.25, 1.5),
    "GoesQuiet": (0.4, None),
}


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    adapters = [f"{HERE}:{model}" for model in MODELS]
    selection = Selection(limit=EACH)
    out = tmp_path_factory.mktemp("runs")
    with no_floor_search("fd-bench-v1.5"):
        made = run_and_score(out, adapters, task="fd-bench-v1.5", selection=selection)
    return {model: made[adapter] for model, adapter in zip(MODELS, adapters, strict=True)}


@pytest.fixture(scope="module")
def summaries(runs: dict[str, Path]) -> dict[str, Summary]:
    found = {}
    for model, run in runs.items():
        (found[model],) = from_json((run / "summary.json").read_bytes(), str(run))
    return found


def test_a_picture_shows_what_was_scored(
    runs: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It needs the companion, the user's track and the voice, as scoring does."""
    run = runs["Resumes"]
    scored = read_lines(run / "scores.jsonl", Score)[0]
    drawn: list[object] = []
    monkeypatch.setattr(picture, "timeline_picture", lambda out, **shown: drawn.append(shown["rows"]))
    picture.draw(run / "fd-bench-v1.5" / scored.sample / "1", tmp_path / "x.png")
    assert drawn == [scored.rows]
    assert any(str(row["event"]).startswith("fdb15_") for row in scored.rows)


def planned(model: Behaving, sample: Sample) -> Timeline:
    """What a model says, without playing it."""
    lines = [line for line in model.plan(sample.reference) if isinstance(line, Said) and line.until_s]
    spans = tuple(Segment(line.at_s, line.until_s or 0.0) for line in lines)
    words = [
        Word(w.text, span.start_s + w.start_s, span.start_s + w.end_s)
        for line, span in zip(lines, spans, strict=True)
        for w in spread(line.text, span.end_s - span.start_s)
    ]
    return Timeline(30.0, spans, tuple(words), WordSource.ADAPTER)


@pytest.mark.parametrize("model", MODELS)
def test_the_rule_knows_the_behaviour_on_every_item(model: str) -> None:
    samples = {s.id: s for s in FdBenchV15().samples()}
    speaker = getattr(behaviours, model.partition(":")[0])()
    answers = {
        s.id: decide(
            ask(item_of(s), planned(speaker, s), planned(speaker, samples[s.companions["clean"]]))
        ).answer
        for s in samples.values()
        if s.scored
    }
    assert answers == dict.fromkeys(answers, MODELS[model][0])
    assert len(answers) == 24


def metric(summary: Summary, subset: str, name: str) -> MetricSummary:
    (found,) = (m for m in summary.metrics if (m.subset, m.metric.name) == (subset, name))
    return found


@pytest.mark.parametrize("model", MODELS)
def test_shares_and_averages_are_exact(summaries: dict[str, Summary], model: str) -> None:
    summary = summaries[model]
    answer, average = MODELS[model]
    assert [(o.subset, o.samples, o.counts["valid"]) for o in summary.outcomes] == [
        (s, EACH, EACH) for s in SUBSETS
    ]
    for subset in SUBSETS:
        shares = {a: metric(summary, subset, a.lower()).estimate.mean for a in ANSWERS}
        assert shares == {a: float(a == answer) for a in ANSWERS}
        assert all(metric(summary, subset, a.lower()).missing == {} for a in ANSWERS)
    assert metric(summary, "average", "expected").estimate.mean == average
    assert metric(summary, "average", "fdb15_expected").estimate.mean == average
    assert summary.facts.judge == "rules overlap-behaviour=2"


@pytest.mark.parametrize("model", LATENCIES)
@pytest.mark.parametrize("subset", SUBSETS)
def test_latencies_are_measured_within_40_ms(summaries: dict[str, Summary], model: str, subset: str) -> None:
    stop_s, answer_s = LATENCIES[model]
    assert metric(summaries[model], subset, "talked_over").estimate.mean == 1
    stops = metric(summaries[model], subset, "stop_latency").observations
    # Overlaps that are over before the model stops are censored, not averaged.
    censored = metric(summaries[model], subset, "censored_stop").observations
    late = {o.sample for o in censored if o.numerator}
    assert late == (late if subset == "user_backchannel" else set())
    assert len(stops) + len(late) == EACH
    assert [o.numerator for o in stops] == pytest.approx([stop_s] * len(stops), abs=EDGE_S)
    answers = metric(summaries[model], subset, "response_latency").observations
    assert [o.numerator for o in answers] == pytest.approx(
        [] if answer_s is None else [answer_s] * EACH, abs=EDGE_S
    )
    assert metric(summaries[model], subset, "kept_talking").estimate.mean == 0


@pytest.mark.parametrize("subset", SUBSETS)
def test_talking_on_is_censored_and_has_no_latency(summaries: dict[str, Summary], subset: str) -> None:
    found = {m: metric(summaries["TalksOn"], subset, m).estimate for m in ("censored_stop", "kept_talking")}
    assert {e.mean for e in found.values()} == {1.0}
    assert metric(summaries["TalksOn"], subset, "stop_latency").estimate.n == 0
    assert metric(summaries["TalksOn"], subset, "response_latency").estimate.n == 0
    # Every entry of the reference's list ends with the user; it lists them all the same.
    assert metric(summaries["TalksOn"], subset, "fdb15_censored").estimate.mean == 1
    assert (metric(summaries["TalksOn"], subset, "fdb15_stop").estimate.mean or 0) > 0.3


def test_voices_before_after_and_clean_are_described(summaries: dict[str, Summary]) -> None:
    pytest.importorskip("parselmouth")
    for part in ("before", "after", "clean"):
        pitch = metric(summaries["Responds"], "user_interruption", f"pitch_{part}")
        assert pitch.estimate.n == EACH
        assert pitch.estimate.mean is not None
        assert 150 < pitch.estimate.mean < 260
        assert metric(summaries["Responds"], "user_interruption", f"intensity_{part}").estimate.n == EACH
    assert metric(summaries["GoesQuiet"], "user_interruption", "pitch_after").estimate.n == 0
