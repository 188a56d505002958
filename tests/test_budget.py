"""Budgets: sessions are let through while there is room, whatever their services tell; in virtual time."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner
from fakes import write_data
from priced import metered_service, write_prices
from virtual_pool import Service, VirtualPool, failed

from tml_bench.cli import main
from tml_bench.errors import UserError
from tml_bench.outcome import Outcome
from tml_bench.pricing.table import PriceTable, load_prices
from tml_bench.runs import recorded as recorded_runs
from tml_bench.runs.budgets import RunBudget, parse_budget, spending_limit
from tml_bench.runs.config import RunPlan, Selection
from tml_bench.runs.jobs import JobResult, SessionJob
from tml_bench.runs.plan import RunRequest, plan_runs
from tml_bench.runs.record import record_all
from tml_bench.runs.store import Attempt, read_lines
from tml_bench.turns import Usage

SESSION_S = 5.0
"""As long as the clips are."""


@pytest.fixture(autouse=True)
def _whole_recordings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sessions in virtual time leave no recordings, which would be run again as damaged."""
    monkeypatch.setattr(recorded_runs, "damaged", lambda *_: {})


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_data(tmp_path_factory.mktemp("data"), each=2)


@pytest.fixture
def prices(tmp_path: Path) -> Path:
    return write_prices(tmp_path / "prices.json", models=["minute-*"], input_minute=1.0)


@pytest.fixture
def plan(tmp_path: Path, data: Path) -> RunPlan:
    adapter = metered_service(tmp_path, "minute-voice")
    (plan,) = plan_runs(
        RunRequest(("fd-bench-v1",), (adapter,), tmp_path / "runs", selection=Selection(data))
    )
    return plan


def told(seconds: float, **more: object) -> Service:
    """Sessions that take and tell so many seconds."""
    usage = Usage(input_audio_s=seconds)
    result = JobResult(Outcome.VALID, recording=True, audio_s=seconds, usage=usage)
    return lambda job, now_s: (seconds, result)


def run(
    plan: RunPlan, service: Service, budget: str, prices: PriceTable, at_once: int = 2
) -> tuple[list[Attempt], str, VirtualPool]:
    """The attempts, why the run was ended, and the pool."""
    limit = spending_limit(parse_budget(budget, prices), [plan], prices)
    pool = VirtualPool({plan.adapter: service}, at_once=at_once)
    errors = record_all({pool: [plan]}, lambda line: None, limit=limit)
    return read_lines(plan.path / "attempts.jsonl", Attempt), " ".join(map(str, errors)), pool


@pytest.mark.parametrize(
    ("text", "budget"),
    [
        ("5", RunBudget(5.0, "USD")),
        ("2.50 usd", RunBudget(2.5, "USD")),
        ("200_000tokens", RunBudget(200000, "tokens")),
        ("30min", RunBudget(30, "min")),
        (".5 minutes", RunBudget(0.5, "min")),
    ],
)
def test_a_budget_is_money_tokens_or_minutes(text: str, budget: RunBudget) -> None:
    assert parse_budget(text, load_prices()) == budget


@pytest.mark.parametrize("text", ["", "-1", "5 EUR", "much", "5 usd and more", "nan"])
def test_what_is_no_budget_is_refused(text: str) -> None:
    with pytest.raises(UserError, match="--budget"):
        parse_budget(text, load_prices())


def test_a_run_ends_before_the_session_that_would_pass_it(plan: RunPlan, prices: Path) -> None:
    budget = 3.5 * SESSION_S / 60
    attempts, why, _ = run(plan, told(SESSION_S), f"{budget} USD", load_prices(prices))
    assert len(attempts) == 3
    assert f"{len(plan.samples) - 3} sessions not held" in why
    assert "--budget" in why
    assert "the same command continues" in why


def test_a_model_that_takes_more_than_expected_passes_by_sessions_under_way_alone(
    plan: RunPlan, prices: Path
) -> None:
    attempts, why, pool = run(plan, told(60.0), "2.5", load_prices(prices), at_once=2)
    assert len(attempts) == 2  # both had begun before anything was known; the third would take a minute
    assert [len(pool.begun), "2.00 USD of 2.50 USD" in why] == [2, True]


def test_the_same_command_spends_nothing_more_and_a_higher_budget_continues(
    plan: RunPlan, prices: Path
) -> None:
    table = load_prices(prices)
    first, _, _ = run(plan, told(60.0), "2.5", table)
    again, why, pool = run(plan, told(60.0), "2.5", table)
    assert (again, pool.begun) == (first, [])
    assert "not held" in why
    more, _, _ = run(plan, told(60.0), "4.5", table)
    assert len(more) == 4
    everything, why, _ = run(plan, told(60.0), "1000", table)
    assert (len(everything), why) == (len(plan.samples), "")


def test_failed_attempts_are_spent_too(plan: RunPlan, prices: Path) -> None:
    broke = JobResult(
        Outcome.INFRASTRUCTURE, "hung up", audio_s=60.0, usage=Usage(input_audio_s=60.0), retry=True
    )
    attempts, why, _ = run(plan, lambda job, now_s: (60.0, broke), "2.2", load_prices(prices), at_once=1)
    assert len(attempts) == 2
    assert "2.00 USD of 2.20 USD" in why


def test_what_was_not_told_counts_as_expected(plan: RunPlan, prices: Path) -> None:
    silent = JobResult(Outcome.VALID, recording=True, audio_s=1000.0)
    table = load_prices(prices)
    _, why, _ = run(plan, lambda job, now_s: (5.0, silent), "0.3", table, at_once=1)
    spent = float(why.partition("held: ")[2].partition(" USD")[0])
    assert 0.2 < spent <= 0.3


def test_minutes_and_tokens_need_no_money(plan: RunPlan) -> None:
    attempts, why, _ = run(plan, told(60.0), "3min", load_prices(), at_once=1)
    assert len(attempts) == 3
    assert "3.0 min of 3.0 min" in why


def test_a_service_that_is_given_up_keeps_no_room(plan: RunPlan, prices: Path, tmp_path: Path) -> None:
    other = plan_runs(
        RunRequest(
            ("fd-bench-v1",), (f"{tmp_path}/metered.py:Metered:minute-other",), tmp_path / "runs",
            selection=Selection(Path(plan.config.data)),
        )
    )[0]  # fmt: skip
    table = load_prices(prices)
    limit = spending_limit(parse_budget("2", table), [plan, other], table)

    def gone(job: SessionJob, now_s: float) -> tuple[float, JobResult]:
        return 0.1, failed()

    pool = VirtualPool({plan.adapter: gone, other.adapter: told(5.0)}, at_once=2)
    errors = record_all({pool: [plan, other]}, lambda line: None, limit=limit)
    assert len(read_lines(other.path / "attempts.jsonl", Attempt)) == len(other.samples)
    assert len(errors) == 1
    assert "connection refused" in str(errors[0])


def test_a_model_without_a_price_is_refused_before_anything_runs(tmp_path: Path, data: Path) -> None:
    adapter = metered_service(tmp_path, "minute-voice")
    command = ["run", "--task", "fd-bench-v1", "--data", str(data), "--adapter", adapter]
    done = CliRunner().invoke(main, [*command, "--out", str(tmp_path / "out"), "--budget", "5", "-q"])
    assert done.exit_code == 2
    assert "there is no price of 'minute-voice'" in done.output
    assert "--prices FILE" in done.output
    assert not (tmp_path / "out").exists() or not list((tmp_path / "out").glob("*/attempts.jsonl"))
