"""What ``--budget`` asks for: an amount of money, of tokens, or of minutes of session."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from tml_bench.errors import BadSampleError, UserError
from tml_bench.plugins import load_task
from tml_bench.pricing.charges import SessionSize, Span, cost_of, expected_usage
from tml_bench.pricing.table import PriceTable
from tml_bench.runs.config import RunPlan
from tml_bench.runs.estimates import AdapterPrice, adapter_price, expected_cost, session_usage, told_before
from tml_bench.runs.sizes import session_size
from tml_bench.runs.spending import SpendingLimit, SpendingMeter
from tml_bench.samples import Sample
from tml_bench.task import Task
from tml_bench.turns import Usage

TOKENS, MINUTES = "tokens", "min"
REMEDY = "give an amount of money such as 5, 200000tokens or 30min"
_BUDGET = re.compile(r"\s*([0-9][0-9_,]*(?:\.[0-9]+)?|\.[0-9]+)\s*([A-Za-z]*)\s*")
_UNITS = {"token": TOKENS, "tokens": TOKENS, "min": MINUTES, "minutes": MINUTES, "minute": MINUTES}


class RunBudget(msgspec.Struct, frozen=True):
    """An amount, and what it is of: `TOKENS`, `MINUTES`, or a currency."""

    amount: float
    unit: str

    def __str__(self) -> str:
        return self.text(self.amount)

    def text(self, amount: float) -> str:
        """An amount with the unit of the budget."""
        digits = 0 if self.unit == TOKENS else 1 if self.unit == MINUTES else 2
        small = digits == 2 and 0 < amount < 1
        return f"{amount:.3g} {self.unit}" if small else f"{amount:,.{digits}f} {self.unit}"


def parse_budget(text: str, prices: PriceTable) -> RunBudget:
    """Read a budget; money is in the currency of the price table. Raises `UserError` for what is none."""
    found = _BUDGET.fullmatch(text)
    if found is None:
        raise UserError(f"--budget {text!r} is no amount", REMEDY)
    amount, word = float(re.sub("[_,]", "", found[1])), found[2]
    unit = _UNITS.get(word.lower()) or prices.currency
    if unit == prices.currency and word and word.upper() != prices.currency.upper():
        raise UserError(f"--budget {text!r}: prices are in {prices.currency}, not in {word}", REMEDY)
    if not 0 <= amount < math.inf:
        raise UserError(f"--budget {text!r} is no amount", REMEDY)
    return RunBudget(amount, unit)


def spending_limit(budget: RunBudget, plans: Sequence[RunPlan], prices: PriceTable) -> SpendingLimit:
    """The limit that a budget sets to runs.

    Raises:
        UserError: what a service takes cannot be known beforehand in the unit of the budget, as of a model
            without a price; says which, and what to do.
    """
    meters: dict[Path, SpendingMeter] = {}
    for plan in plans:
        priced = adapter_price(plan.adapter or plan.config.adapter, prices)
        if priced.live and budget.unit != MINUTES:
            _check(priced, budget)
        told = told_before(plan, own=False)
        meter = _Meter(load_task(plan.config.task_source), priced, budget)
        if told is not None and (amount := meter.amount(told.usage, told.audio_s)) is not None:
            meter.told, meter.told_s = amount, told.audio_s
        meters[plan.path] = meter
    return SpendingLimit(budget.amount, budget.text, meters)


def _check(priced: AdapterPrice, budget: RunBudget) -> None:
    name = f"{priced.model!r} of {priced.shown}" if priced.model else f"the model of {priced.shown}"
    other = "bring a table that has one with --prices FILE (docs/cost.md), or give minutes: --budget 30min"
    if priced.price is None:
        raise UserError(f"--budget {budget}: there is no price of {name}", other)
    size = SessionSize(60.0, (Span(0, 30),), (Span(30, 40),))
    usage = expected_usage(size, priced.price)
    if budget.unit == TOKENS and not usage.output_tokens:
        raise UserError(f"--budget {budget}: the price of {name} has no tokens a second", other)
    if budget.unit != TOKENS and expected_cost(usage, priced.price) is None:
        raise UserError(f"--budget {budget}: the price of {name} does not tell what a session costs", other)


@dataclass(slots=True)
class _Meter:
    """What sessions of a run take; once some have told, a second of the script takes what it took there.

    Adapters that run here take neither money nor tokens.
    """

    _task: Task
    _priced: AdapterPrice
    _budget: RunBudget
    told: float = 0.0
    told_s: float = 0.0
    _sizes: dict[str, SessionSize] = field(default_factory=dict)

    def amount(self, usage: Usage, audio_s: float) -> float | None:
        """What a usage amounts to; None where that cannot be known."""
        if self._budget.unit == MINUTES:
            return audio_s / 60
        if not self._priced.live:
            return 0.0
        if self._budget.unit == TOKENS:
            return usage.input_tokens + usage.output_tokens or None
        return None if self._priced.price is None else cost_of(usage, self._priced.price)

    def expected(self, sample: Sample) -> float:
        """As ``SpendingMeter.expected``."""
        size = self._size(sample)
        if self.told_s:
            return size.user_s * self.told / self.told_s
        return self._guess(size)

    def charge(self, sample: Sample, usage: Usage | msgspec.UnsetType, audio_s: float) -> float:
        """As ``SpendingMeter.charge``; what was not told is taken to be as expected."""
        told = Usage() if isinstance(usage, msgspec.UnsetType) else usage
        amount, size = self.amount(told, audio_s), self._size(sample)
        if amount is not None:
            # One that broke off was not all of its script; one that lasted longer was no more than it.
            self.told, self.told_s = self.told + amount, self.told_s + min(audio_s, size.user_s)
            return amount
        return self.expected(sample) * min(1.0, audio_s / size.user_s) if size.user_s else 0.0

    def _guess(self, size: SessionSize) -> float:
        price = self._priced.price
        usage = session_usage(size, price, None)
        if self._budget.unit in (MINUTES, TOKENS) or not self._priced.live:
            return self.amount(usage, size.user_s) or 0.0
        return 0.0 if price is None else expected_cost(usage, price) or 0.0

    def _size(self, sample: Sample) -> SessionSize:
        if sample.id not in self._sizes:
            try:
                self._sizes[sample.id] = session_size(self._task, sample, by_silence=self._priced.by_silence)
            except BadSampleError:  # it will end as invalid, without a session
                self._sizes[sample.id] = SessionSize(0.0)
        return self._sizes[sample.id]
