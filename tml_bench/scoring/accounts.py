"""What a run took, and what that costs at the prices of a day."""

from array import array
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from tml_bench.plugins import parse_adapter_spec
from tml_bench.pricing.charges import cost_of
from tml_bench.pricing.table import PriceTable
from tml_bench.questions import Verdict
from tml_bench.recording import SessionFacts
from tml_bench.runs.config import RunFile
from tml_bench.runs.usage import RunUsage
from tml_bench.timeline import Timeline
from tml_bench.turns import Usage


class RunAccount(msgspec.Struct, frozen=True):
    """What the valid sessions of a run consisted of, in all.

    Attributes:
        sessions: how many they are.
        user_s: seconds of audio sent, silence included: how long they lasted.
        model_s: seconds in which the model spoke, as perceived.
        tool_calls: functions called.
        judge_calls: different questions that a language model answered, whenever that was.
        compute_s: seconds of compute that were charged to the session clock.
    """

    sessions: int
    user_s: float
    model_s: float
    tool_calls: int
    judge_calls: int = 0
    compute_s: float = 0.0


class Money(msgspec.Struct, frozen=True):
    """An amount at the prices of a day.

    Attributes:
        amount: in ``currency``.
        model: what was used, by the name it was priced by.
        as_of: the day of its prices, ISO 8601; they may have changed since.
    """

    amount: float
    currency: str
    model: str
    as_of: str


class RunCost(msgspec.Struct, frozen=True):
    """What a run cost, as far as that is known.

    Attributes:
        service: of all sessions, as far as they told what they took; None where its model has no price, or
            what it told cannot be priced.
        judge: of a language model that judged, whenever that was; None as well where none did.
        hours: how long all sessions lasted.
    """

    service: Money | None = None
    judge: Money | None = None
    hours: float = 0.0

    @property
    def per_hour(self) -> float | None:
        """What an hour of session costs with the service; None where that is not known."""
        return self.service.amount / self.hours if self.service is not None and self.hours else None


def account_of(
    timelines: Iterable[Timeline], facts: Iterable[SessionFacts], verdicts: Sequence[Verdict] = ()
) -> RunAccount:
    """What sessions consisted of, and by how many calls they were judged; all 0 for none."""
    lengths, spoken, compute = array("d"), array("d"), array("d")
    for timeline in timelines:
        lengths.append(timeline.duration_s)
        spoken.extend(s.end_s - s.start_s for s in timeline.segments)
    calls = 0
    for fact in facts:
        calls += len(fact.calls)
        compute.append(fact.compute_s)
    return RunAccount(
        sessions=len(lengths),
        user_s=round(sum(lengths, 0.0), 3),
        model_s=round(sum(spoken, 0.0), 3),
        tool_calls=calls,
        judge_calls=sum(bool(verdict.prompt_tokens) for verdict in verdicts),
        compute_s=round(sum(compute, 0.0), 6),
    )


def run_cost(
    model: str, usage: RunUsage | msgspec.UnsetType, verdicts: Sequence[Verdict], prices: PriceTable
) -> RunCost | msgspec.UnsetType:
    """What a run's model and its judge cost; unset where neither can be priced."""
    service = None if isinstance(usage, msgspec.UnsetType) else _money(model, usage.total, prices)
    read: dict[str, Usage] = {}
    for verdict in verdicts:
        tokens = Usage(input_tokens=verdict.prompt_tokens, output_tokens=verdict.completion_tokens)
        read[verdict.model] = read.get(verdict.model, Usage()) + tokens
    judge = _together(read, prices)
    if service is None and judge is None:
        return msgspec.UNSET
    hours = 0.0 if isinstance(usage, msgspec.UnsetType) else usage.audio_s / 3600
    return RunCost(service, judge, round(hours, 6))


def _together(read: Mapping[str, Usage], prices: PriceTable) -> Money | None:
    """What several models cost together; None where one that was used has no price."""
    used = [model for model, usage in sorted(read.items()) if usage != Usage()]
    found = [_money(model, read[model], prices) for model in used]
    known = [money for money in found if money is not None]
    if not known or len(known) < len(found):
        return None
    return Money(
        amount=sum(money.amount for money in known),
        currency=prices.currency,
        model=", ".join(used),
        as_of=min(money.as_of for money in known),
    )


def _money(model: str, usage: Usage, prices: PriceTable) -> Money | None:
    price = prices.price_of(model) if model else None
    amount = None if price is None else cost_of(usage, price)
    if price is None or amount is None:
        return None
    return Money(round(amount, 6), prices.currency, model, price.as_of.isoformat())


def model_of(file: RunFile) -> str:
    """The model behind a run: what it said of itself, else what was asked for; empty if neither."""
    reported = file.identity.reported.get("model", "") if file.identity else ""
    if reported or file.config.clock == "imported":
        return reported
    return str(parse_adapter_spec(file.config.adapter).kwargs.get("model", ""))
