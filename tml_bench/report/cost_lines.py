"""What a run took and cost, in words; one wording for all writers. Money never stands without its day."""

import msgspec

from tml_bench.scoring.accounts import Money, RunAccount, RunCost
from tml_bench.scoring.summary import Summary
from tml_bench.turns import Usage


def account_of(s: Summary) -> RunAccount | None:
    """What the sessions of a run consisted of; None where no service stood behind it, or it is not known."""
    behind = s.facts.clock == "wall" or not isinstance(s.usage, msgspec.UnsetType)
    return None if isinstance(s.account, msgspec.UnsetType) or not behind else s.account


def cost_of_run(s: Summary) -> RunCost | None:
    """What a run cost; None where nothing of it has a price."""
    return None if isinstance(s.cost, msgspec.UnsetType) else s.cost


def amount_text(amount: float) -> str:
    """An amount of money without its currency: cents, and three digits of what is smaller than 1."""
    return f"{amount:,.2f}" if amount >= 1 or amount == 0 else f"{amount:.3g}"


def account_line(s: Summary) -> str:
    """What a session took in the mean, and all of them; empty where `account_of` gives nothing."""
    account = account_of(s)
    if account is None or not account.sessions:
        return ""
    n = account.sessions
    said = [
        f"{account.user_s / n:.1f} s of audio sent",
        f"{account.model_s / n:.1f} s of speech given",
        f"{account.tool_calls / n:.2g} tool calls" if account.tool_calls else "",
        f"{account.judge_calls / n:.2g} judge calls" if account.judge_calls else "",
    ]
    if not isinstance(s.usage, msgspec.UnsetType):
        said += _tokens(s.usage.total, s.usage.sessions)
    totals = [f"{account.user_s / 60:.1f} min sent", f"{account.model_s / 60:.1f} min given"]
    totals += [f"{account.tool_calls} tool calls"] if account.tool_calls else []
    totals += [f"{account.judge_calls} judge calls"] if account.judge_calls else []
    return f"a session: {', '.join(filter(None, said))}; {n} valid ones: {', '.join(totals)}"


def _tokens(total: Usage, sessions: int) -> list[str]:
    """Tokens of a session in the mean; none where none told any."""
    amounts = (total.input_tokens, "input tokens"), (total.output_tokens, "output tokens")
    return [f"{amount / sessions:,.0f} {what}" for amount, what in amounts if amount]


def cost_line(s: Summary) -> str:
    """What a run cost in all, a session and an hour; empty where nothing of it has a price."""
    cost = cost_of_run(s)
    if cost is None:
        return ""
    parts = []
    if cost.service is not None and not isinstance(s.usage, msgspec.UnsetType):
        each = [f"{amount_text(cost.service.amount / s.usage.sessions)} a session"]
        each += [f"{amount_text(cost.per_hour)} an hour of session"] if cost.per_hour is not None else []
        parts.append(_said(cost.service, ", ".join(each)))
    if cost.judge is not None:
        parts.append(f"judging {_said(cost.judge)}")
    return f"cost: {'; '.join(parts)}" if parts else ""


def _said(money: Money, more: str = "") -> str:
    total = f"{amount_text(money.amount)} {money.currency}"
    about = f"{money.model} at prices of {money.as_of}"
    return f"{total}{more and f', {more}'} ({about})"
