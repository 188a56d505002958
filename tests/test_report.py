from __future__ import annotations

import csv
import io
import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import msgspec
import pytest
from rich.console import Console

from tml_bench.csv_text import read_cell
from tml_bench.errors import UserError
from tml_bench.metrics.statistics import Estimate, Observation, estimate
from tml_bench.outcome import Outcome
from tml_bench.questions import Verdicts
from tml_bench.report import content
from tml_bench.report.board import board_of
from tml_bench.report.files import (
    full_markdown,
    leaderboard_markdown,
    to_csv,
)
from tml_bench.report.grids import interval, number, rank
from tml_bench.report.layout import tables
from tml_bench.report.site import site
from tml_bench.report.terminal import print_details, print_leaderboard
from tml_bench.samples import Sample
from tml_bench.scoring.floors import baselines
from tml_bench.scoring.summary import (
    MOST_REASONS,
    MOST_REMARKS,
    RunFacts,
    Standing,
    Summary,
    standing,
    summarise,
)
from tml_bench.scoring.summary_file import from_json, to_json
from tml_bench.scoring.timelines import SampleOutcome
from tml_bench.task import NO_VERDICTS, DataKind, Direction, Kind, Metric, PublishedNumber, Score, Task, Value
from tml_bench.timeline import Segment, Timeline


def metric(
    name: str,
    direction: Direction,
    kind: Kind,
    unit: str,
    *subsets: str,
    version: int = 1,
    spread: bool = False,
) -> Metric:
    title = name.replace("_", " ").capitalize()
    return Metric(
        name=name, title=title, unit=unit, direction=direction, kind=kind, version=version, subsets=subsets,
        family="made-up", describes=f"What {name} is.", spread=spread,
    )  # fmt: skip


class Answering(Task):
    """Model speech is the answer: right after 5 s in ``reply``, never right in ``wait``.

    Known baselines: silence takes 0 % of turns, talking from 0 s or at 9 s takes all; delay from 5 s is
    defined when an answer starts at or after 5 s.
    """

    name = "answering"
    title = "Answering <made up>"
    subsets = ("reply", "wait")
    metrics = (
        metric("takeover", Direction.HIGHER, Kind.RATE, "%", "reply"),
        metric("delay", Direction.LOWER, Kind.MEAN, "s", "reply", spread=True),
        metric("intrusion", Direction.LOWER, Kind.RATE, "%", "wait"),
        metric("rate", Direction.NONE, Kind.RATIO, "1/min", "reply", "wait"),
    )
    headline = ("takeover", "delay", "intrusion")
    data_help = "There is no data."
    not_run: ClassVar = {"politeness": "needs a judge"}

    def dataset(self, data: Path | None) -> str:
        return "mini-1"

    def samples(self, data: Path | None = None, subsets: Sequence[str] = ()) -> Iterator[Sample]:
        for i in range(6):
            yield Sample(f"r{i}", "reply", unit=f"speaker{i // 2}")
        for i in range(4):
            yield Sample(f"w{i}", "wait")

    def score(self, sample: Sample, timeline: Timeline, verdicts: Verdicts = NO_VERDICTS) -> Score:
        starts = [s.start_s for s in timeline.segments]
        values = {"rate": Value(len(starts), timeline.duration_s / 60)}
        if sample.subset == "wait":
            values["intrusion"] = Value(float(bool(starts)))
        else:
            values["takeover"] = Value(float(bool(starts)))
            if starts and starts[0] >= 5:
                values["delay"] = Value(starts[0] - 5)
        return Score(self.name, sample.subset, sample.id, sample.unit, values)

    def blind(self, sample: Sample) -> dict[str, Timeline]:
        lucky = said(5.0) if sample.id == "r0" else silence()
        return {"silence": silence(), "always": said(0.0), "metronome": said(9.0), "lucky": lucky}

    def ideal(self, sample: Sample) -> Timeline:
        return said(5.2) if sample.subset == "reply" else silence()

    def published(self) -> tuple[PublishedNumber, ...]:
        return (PublishedNumber("Elsewhere 9", "reply", "takeover", 0.75, "Paper, table 1"),)


def said(*starts: float) -> Timeline:
    return Timeline(10.0, tuple(Segment(t, t + 0.5) for t in starts))


def silence() -> Timeline:
    return Timeline(10.0)


TASK = Answering()


def run(adapter: str, starts: dict[str, float], **facts: object) -> Summary:
    """A run of an adapter that speaks at the given time of each sample named, and not in the others."""
    samples = list(TASK.samples())
    scores = [TASK.score(s, said(starts[s.id]) if s.id in starts else silence()) for s in samples]
    known = {"run": f"run-{adapter}", "task": TASK.name, "dataset": "mini-1", "tick_ns": 200_000_000}
    return summarise(
        TASK,
        msgspec.convert({**known, "compute": "ideal", "adapter": adapter, **facts}, RunFacts),
        samples,
        scores,
        {s.id: SampleOutcome(Outcome.VALID) for s in samples},
        baselines(TASK, samples),
    )


PROMPT = {f"r{i}": 5.5 for i in range(6)}
HALF = {"r0": 6.0, "r2": 7.0, "r4": 8.0, "w0": 1.0}


def to_html(summaries: Sequence[Summary]) -> str:
    """All pages, one after the other."""
    return "".join(site(board_of(summaries)).values())


def value_of(summary: Summary, name: str, subset: str = "reply"):  # type: ignore[no-untyped-def]
    return next(m for m in summary.metrics if m.metric.name == name and m.subset == subset)


def test_floor_is_the_best_blind_strategy_and_ceiling_the_ideal() -> None:
    found = {(b.subset, b.metric): b for b in baselines(TASK, list(TASK.samples()))}
    takeover = found["reply", "takeover"]
    assert (takeover.floor, takeover.floor_by, takeover.ceiling) == (1.0, "always", 1.0)
    assert takeover.blind == {"silence": 0.0, "always": 1.0, "metronome": 1.0, "lucky": 1 / 6}
    # "lucky" has the delay 0, but on 1 of 6 samples only; "always" has none.
    delay = found["reply", "delay"]
    assert (delay.floor, delay.floor_by) == (4.0, "metronome")
    assert delay.ceiling == pytest.approx(0.2)
    assert (found["wait", "intrusion"].floor, found["wait", "intrusion"].floor_by) == (0.0, "silence")
    assert found["wait", "rate"].floor is None  # no better direction
    assert ("wait", "delay") not in found


def test_summary_numbers_by_hand() -> None:
    s = run("half", HALF)
    takeover, delay = value_of(s, "takeover"), value_of(s, "delay")
    assert (takeover.estimate.mean, takeover.estimate.n, takeover.estimate.n_units) == (0.5, 6, 3)
    assert (delay.estimate.mean, delay.estimate.n) == (2.0, 3)
    assert delay.estimate.std == pytest.approx((2 / 3) ** 0.5)
    assert value_of(s, "rate", "wait").estimate.mean == pytest.approx(1 / (4 * 10 / 60))
    assert [(o.subset, o.samples, o.counts["valid"]) for o in s.outcomes] == [("reply", 6, 6), ("wait", 4, 4)]


def test_standing_relative_to_the_floor() -> None:
    prompt, half, late = run("prompt", PROMPT), run("half", HALF), run("late", {"r0": 9.5, "r2": 9.5})
    assert value_of(prompt, "takeover").standing is Standing.NO_ROOM
    assert value_of(prompt, "delay").standing is Standing.UNCLEAR  # all units agree, hence no interval
    assert value_of(half, "delay").standing is Standing.UNCLEAR  # 3 units are too few for an interval
    delay = value_of(half, "delay")
    known = replace(delay.estimate, low=1.0, high=3.0)
    assert standing(delay.metric, known, 4.0, 0.2) is Standing.ABOVE
    assert standing(delay.metric, replace(known, high=4.0), 4.0, 0.2) is Standing.UNCLEAR
    assert value_of(late, "delay").standing is Standing.NOT_ABOVE
    assert value_of(run("one", {"r0": 6.0}), "delay").standing is Standing.UNCLEAR  # no interval from 1 unit
    assert value_of(run("none", {}), "delay").standing is Standing.NO_FLOOR
    assert value_of(prompt, "rate").standing is Standing.NO_FLOOR


def test_failed_samples_are_missing_data_and_counted_with_reasons() -> None:
    samples = [*TASK.samples(), Sample("r9", "reply", problem="pause.json is missing")]
    outcomes = {s.id: SampleOutcome(Outcome.VALID) for s in samples}
    outcomes["r9"] = SampleOutcome(Outcome.INVALID, "pause.json is missing")
    outcomes["r0"] = SampleOutcome(Outcome.INFRASTRUCTURE, "connection refused")
    outcomes["r1"] = SampleOutcome(Outcome.ADAPTER_ERROR, "ZeroDivisionError")
    del outcomes["w3"]
    scores = [TASK.score(s, said(6.0)) for s in samples if outcomes.get(s.id) == SampleOutcome(Outcome.VALID)]
    scores[0] = msgspec.structs.replace(scores[0], values={}, missing={"delay": "no words"})
    s = summarise(TASK, run("x", {}).facts, samples, scores, outcomes, baselines(TASK, samples))
    reply, wait = s.outcomes
    assert reply.counts == {"valid": 4, "invalid": 1, "infrastructure": 1, "adapter_error": 1, "not_run": 0}
    assert reply.reasons["infrastructure"] == {"connection refused": 1}
    assert wait.counts["not_run"] == 1
    assert value_of(s, "delay").estimate.n == 3
    assert value_of(s, "delay").missing == {"no words": 1}
    assert value_of(s, "takeover").baseline.floor == 1.0
    assert "4 of 11 samples have no score" in leaderboard_markdown([s])


def test_as_many_reasons_as_samples_are_put_together() -> None:
    samples = [Sample(f"r{k}", "reply") for k in range(30)]
    reasons = [*["no words"] * 3, *(f"HTTP 400: request {k}" for k in range(27))]
    scores = [
        Score(TASK.name, "reply", s.id, "", {}, {"delay": reason})
        for s, reason in zip(samples, reasons, strict=True)
    ]
    missing = value_of(summarise(TASK, run("x", {}).facts, samples, scores, {}, []), "delay").missing
    assert len(missing) == MOST_REASONS
    assert (missing["no words"], sum(missing.values())) == (3, 30)
    assert missing["21 other reasons, see scores.jsonl"] == 21


def test_of_very_many_ways_to_end_the_rarer_are_put_together() -> None:
    samples = [Sample(f"r{k}", "reply", notes=(f"clip {k} is short",)) for k in range(MOST_REMARKS + 1)]
    ended = {s.id: SampleOutcome(Outcome.INFRASTRUCTURE, f"request {s.id}") for s in samples}
    s = summarise(TASK, run("x", {}).facts, samples, [], ended)
    found = s.outcomes[0].reasons["infrastructure"]
    assert (len(found), found["2 other reasons, see attempts.jsonl"]) == (MOST_REMARKS, 2)
    assert (len(s.notes), sum(s.notes.values())) == (MOST_REMARKS, len(samples))


class Twice(Answering):
    """Has one measure under two names."""

    metrics = (*Answering.metrics, metric("answered", Direction.HIGHER, Kind.RATE, "%", "reply"))

    def score(self, sample: Sample, timeline: Timeline, verdicts: Verdicts = NO_VERDICTS) -> Score:
        found = super().score(sample, timeline)
        if (taken := found.values.get("takeover")) is not None:
            found.values["answered"] = taken
        return found


def test_values_that_measures_share_are_estimated_once_and_as_if_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    facts = run("x", {}).facts
    asked: list[tuple[object, str]] = []

    def counted(values: tuple[Observation, ...], kind: str) -> Estimate:
        asked.append((values, kind))
        return estimate(values, kind)

    monkeypatch.setattr("tml_bench.scoring.summary.estimate", counted)
    task = Twice()
    samples = list(task.samples())
    scores = [task.score(s, said(6.0) if s.id in ("r0", "r4", "w1") else silence()) for s in samples]
    outcomes = {s.id: SampleOutcome(Outcome.VALID) for s in samples}
    found = summarise(task, facts, samples, scores, outcomes).metrics
    measured = [one for one in found if one.observations]
    assert len(asked) == len(set(asked)) == len(measured) - 1
    assert all(one.estimate == estimate(one.observations, one.metric.kind) for one in measured)


def test_summary_does_not_depend_on_the_order_of_scores() -> None:
    samples = list(TASK.samples())
    scores = [TASK.score(s, said(5 + i / 7)) for i, s in enumerate(samples)]
    shuffled = random.Random(1).sample(scores, len(scores))
    facts = run("x", {}).facts
    assert summarise(TASK, facts, samples, scores, {}) == summarise(TASK, facts, samples, shuffled, {})


def test_scores_that_do_not_belong_are_refused() -> None:
    samples, facts = list(TASK.samples()), run("x", {}).facts
    score = TASK.score(samples[0], silence())
    with pytest.raises(UserError, match="not among the samples"):
        summarise(TASK, facts, samples[1:], [score], {})
    with pytest.raises(UserError, match="two scores"):
        summarise(TASK, facts, samples, [score, score], {})
    alien = msgspec.structs.replace(score, values={"charm": Value(1.0)})
    with pytest.raises(UserError, match="charm"):
        summarise(TASK, facts, samples, [alien], {})


def test_blind_strategies_must_be_the_same_for_every_sample() -> None:
    class Fickle(Answering):
        def blind(self, sample: Sample) -> dict[str, Timeline]:
            return {sample.subset: silence()}

    with pytest.raises(UserError, match="w0"):
        baselines(Fickle(), list(TASK.samples()))


@pytest.mark.parametrize(
    "facts",
    [{"compute": "charged"}, {"tick_ns": 100_000_000}, {"dataset": "official"}, {"clock": "wall"}],
)
def test_runs_that_may_not_be_compared_get_tables_of_their_own(facts: dict[str, object]) -> None:
    assert len(tables([run("a", PROMPT), run("b", PROMPT)])) == 1
    assert len(tables([run("a", PROMPT), run("b", PROMPT, **facts)])) == 2


def test_metric_versions_are_never_mixed() -> None:
    old = run("a", PROMPT)
    first = old.metrics[0]
    newer = msgspec.structs.replace(first.metric, version=2)
    new = msgspec.structs.replace(
        old, metrics=(msgspec.structs.replace(first, metric=newer), *old.metrics[1:])
    )
    heads = [" ".join(t.holds) for t in tables([old, new])]
    assert len(heads) == 2
    assert sum("takeover 2" in h for h in heads) == 1


def test_leaderboard_orders_by_rank_and_keeps_reference_rows_apart() -> None:
    many = {f"r{i}": 5.5 for i in range(6)}
    table = tables(
        [
            run("zz-good", many),
            run("aa-bad", {"r0": 9.9, **{f"w{i}": 1.0 for i in range(4)}}),
            run("oracle", PROMPT, privileged=True),
        ]
    )[0]
    assert [r.label for r in table.measured] == ["zz-good", "aa-bad"]
    assert [r.label for r in table.reference] == ["oracle"]
    # 3 speakers allow no order at 5 %: the smallest p of 8 sign patterns is 0.25.
    assert table.measured[0].ranks[0] == (1, 2)
    assert table.reference[0].ranks == (None, None, None)
    assert [p.result.n for p in table.pairs] == [6, 1, 4]


def test_two_runs_of_an_adapter_are_told_apart() -> None:
    table = tables([run("a", PROMPT, run="first"), run("a", HALF, run="second")])[0]
    assert {r.label for r in table.measured} == {"a (first)", "a (second)"}


def test_published_rows_only_beside_official_data() -> None:
    mini, official = run("a", PROMPT), run("a", PROMPT, dataset="official")
    for text in (leaderboard_markdown([mini]), to_html([mini])):
        assert "a small set that ships in the official form, not the official set" in text
        assert "not comparable" in text
    assert "Elsewhere" not in leaderboard_markdown([mini])
    for text in (leaderboard_markdown([official]), to_html([official])):
        assert "Elsewhere 9" in text
        assert "75.0" in text
        assert "Paper, table 1" in text
        assert re.search("reported by others", text, re.IGNORECASE)
        assert "not comparable" not in text


def test_beside_other_data_published_rows_stand_on_the_task_s_page_marked() -> None:
    board, task, _ = site(board_of([run("a", PROMPT)])).values()
    assert "Elsewhere" not in board
    assert "Reported by others, not comparable" in task
    assert "NOT COMPARABLE: on the official data, which mini-1 is not" in task
    assert "Elsewhere 9" in task


@pytest.mark.parametrize(
    ("kind", "says"),
    [
        # Of TimeSpeak and CueSpeak it said "not the official set", though theirs is the only one.
        (DataKind.OWN, "The data is mini-1, the set of this task itself: there is no other"),
        (DataKind.VARIANT, "The data is mini-1, not the set that ships with this task"),
        (DataKind.PART, "The data is mini-1, which is not known to be the whole official set"),
        (None, "The data is mini-1, not the official set"),
    ],
)
def test_other_data_is_called_what_it_is(kind: DataKind | None, says: str) -> None:
    made = run("a", PROMPT)
    text = leaderboard_markdown([msgspec.structs.replace(made, data_kind=kind)])
    assert says in text
    assert ("official" in text) == (kind in (DataKind.PART, None))


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.975, "%", "97.5"),
        (1.0, "%", "100.0"),
        (0.5674, "s", "0.567"),
        (12.345, "s", "12.35"),
        (9.9996, "s", "10.00"),
        (None, "s", "–"),
    ],
)
def test_numbers(value: float | None, unit: str, text: str) -> None:
    assert number(value, unit) == text


def test_intervals_and_ranks() -> None:
    assert interval(0.51, 1.0, "%") == "[51.0, 100.0]"
    assert interval(None, None, "s") == ""
    assert (rank((2, 2)), rank((1, 3)), rank(None)) == ("#2", "#1–3", "")


def test_markdown_golden_row() -> None:
    lines = leaderboard_markdown([run("half", HALF)]).splitlines()
    assert "| half | 10/10 | 50.0 \\[–\\] ⊘ | 2.000 \\[–\\] ≈ | 25.0 \\[4.6, 69.9\\] ⊘ |" in lines
    assert "- Note: \\[–\\] too few units (5 needed): Takeover (reply)." in lines
    assert "- Note: \\[–\\] too few units (16 needed): Delay (reply)." in lines
    lines = full_markdown([run("half", HALF)]).splitlines()
    row = next(line for line in lines if line.startswith("| reply | Delay"))
    assert row.startswith(
        "| reply | Delay ↓ (s) | 2.000 | – too few units (3, 16 needed) | 0.816 | 3 | 3 | 4.000 metronome"
    )


def test_csv_has_one_line_per_metric_in_percent() -> None:
    rows = list(csv.DictReader(io.StringIO(to_csv([run("half", HALF), run('b,"x', PROMPT)]))))
    assert len(rows) == 2 * 5
    first = next(r for r in rows if r["adapter"] == "half" and r["metric"] == "takeover")
    assert (first["mean"], first["floor"], first["floor_by"], first["n_units"]) == (
        "50.0",
        "100.0",
        "always",
        "3",
    )
    assert {r["adapter"] for r in rows} == {"half", 'b,"x'}
    assert to_csv([]) == ""


def test_no_cell_of_the_csv_is_executed_by_a_spreadsheet() -> None:
    names = ("=cmd|' /C calc'!A0", "@SUM(1)", "-2+3", " =1", "a\r=1")
    text = to_csv([run(name, HALF) for name in names])
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert {read_cell(r["adapter"]) for r in rows} == set(names)
    assert {r["adapter"][0] for r in rows} == {"'", "a"}
    # A lone carriage return begins a row of its own where its cell is not quoted.
    assert '"a\r=1"' in text


def test_json_round_trip() -> None:
    summaries = [run("half", HALF), run("prompt", PROMPT)]
    assert from_json(to_json(summaries)) == summaries
    with pytest.raises(UserError, match=r"report\.json"):
        from_json("{}", "report.json")
    with pytest.raises(UserError, match=r"report\.json"):
        from_json(b'[{"facts": {"run": "\xff"}}]', "report.json")


HOSTILE = "<script>alert(1)</script>[red]\x1b[31m|\n&"


@pytest.mark.parametrize("width", [60, 100, 300])
def test_terminal_lines_are_short_and_obey_nobody(width: int) -> None:
    out = io.StringIO()
    console = Console(file=out, width=width, force_terminal=False)
    print_leaderboard([run(HOSTILE, PROMPT), run("half", HALF, privileged=True)], console)
    text = out.getvalue()
    assert "\x1b" not in text
    assert "[red]" in text.replace("\n", "")
    assert "2.000 [–]" in text
    assert "[–] too few units (16 needed)" in text
    assert "25.0 [4.6, 69.9]" in text
    assert max(map(len, text.splitlines())) <= min(width, 120)


@pytest.mark.parametrize("width", [80, 100, 300])
def test_every_measure_of_one_run_is_printed(width: int) -> None:
    out = io.StringIO()
    noted = msgspec.structs.replace(
        run(HOSTILE, PROMPT), notes={f"clipped {HOSTILE}": 3, "a.py:Smile: late": 1}
    )
    print_details(noted, Console(file=out, width=width, force_terminal=False))
    text = out.getvalue()
    assert "\x1b" not in text
    assert "0.500" in text
    assert "[0.0, 49.0]" in text
    assert "(3 samples)" in text
    assert "a.py:Smile: late" in text  # no emoji of that name
    assert "needed)" in text
    for metric in run("x", PROMPT).metrics:
        assert metric.metric.name in text
    assert max(map(len, text.splitlines())) <= min(width, 120)


def test_markdown_escapes_names() -> None:
    text = leaderboard_markdown([run(HOSTILE, PROMPT)]) + full_markdown([run(HOSTILE, PROMPT)])
    assert "<script" not in text
    assert "\x1b" not in text
    assert all(line.count(" | ") == lines[0].count(" | ") for lines in tables_of(text) for line in lines)


def tables_of(markdown: str) -> Iterator[list[str]]:
    block: list[str] = []
    for line in [*markdown.splitlines(), ""]:
        if line.startswith("|"):
            block.append(line)
        elif block:
            yield block
            block = []


def test_no_runs_are_no_error() -> None:
    assert leaderboard_markdown([]) == full_markdown([]) == ""
    assert "no runs" in to_html([])


def test_what_a_model_said_of_itself_is_told_with_how_the_run_was_made() -> None:
    made = content.made(run("x", {}, reported=(("endpoint", "vad:300"), ("brain", "rules"))))
    assert made["says of itself"] == "endpoint vad:300; brain rules"
    assert "says of itself" not in content.made(run("x", {}))
