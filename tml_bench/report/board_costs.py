"""What the rows of the board cost: an hour of session, by the money or compute of all their runs."""

from collections.abc import Iterable
from dataclasses import dataclass

from tml_bench.report.cost_lines import amount_text
from tml_bench.report.grids import NOTHING
from tml_bench.scoring.accounts import RunAccount, RunCost

COMPUTE = "min"
"""Unit of compute."""


@dataclass(frozen=True)
class RowCost:
    """What an hour of session costs with a model.

    Attributes:
        per_hour: in ``unit``.
        unit: a currency, of a service; ``min`` for minutes of compute, as charged, of a model that runs here.
        as_of: the days of the prices, ISO 8601, the earliest first; none for compute.
    """

    per_hour: float
    unit: str
    as_of: tuple[str, ...] = ()


def row_cost(costs: Iterable[RunCost]) -> RowCost | None:
    """The cost of a row, of the runs that it is known of; None where it is of none, or in two currencies."""
    known = [cost for cost in costs if cost.service is not None and cost.hours]
    money = [cost.service for cost in known if cost.service is not None]
    currencies = {one.currency for one in money}
    if len(currencies) != 1:
        return None
    hours = sum(cost.hours for cost in known)
    days = tuple(sorted({one.as_of for one in money}))
    return RowCost(round(sum(one.amount for one in money) / hours, 6), currencies.pop(), days)


def row_compute(accounts: Iterable[RunAccount]) -> RowCost | None:
    """What an hour of session takes of compute, of the runs in which that is charged; None for none."""
    charged = [account for account in accounts if account.compute_s and account.user_s]
    hours = sum(account.user_s for account in charged) / 3600
    minutes = sum(account.compute_s for account in charged) / 60
    return RowCost(round(minutes / hours, 6), COMPUTE) if hours else None


def cost_head(costs: Iterable[RowCost | None]) -> str:
    """The head of the column, with its unit; empty where no row has a cost: then there is no column."""
    units = sorted({cost.unit for cost in costs if cost is not None})
    return f"{'|'.join(units)}/h" if units else ""


def cost_cell(cost: RowCost | None, head: str) -> str:
    """A row's cost, with its unit where the head names several; a dash where it is not known."""
    if cost is None:
        return NOTHING
    text = amount_text(cost.per_hour)
    return f"{text} {cost.unit}" if "|" in head else text


def cost_legend(costs: Iterable[RowCost | None]) -> str:
    """What the column is, with the days of its prices; empty where there is none."""
    found = [cost for cost in costs if cost is not None]
    days = sorted({day for cost in found for day in cost.as_of})
    said = []
    if money := sorted({cost.unit for cost in found if cost.unit != COMPUTE}):
        when = days[0] if len(days) == 1 else f"{days[0]} to {days[-1]}"
        said.append(f"{'|'.join(money)}/h: an hour of session with the service, at prices of {when}")
    if any(cost.unit == COMPUTE for cost in found):
        said.append(f"{COMPUTE}/h: minutes of compute charged in an hour of session")
    return "; ".join(said)
