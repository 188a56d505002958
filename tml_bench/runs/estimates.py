"""What runs will take before any of them is held: sessions, audio each way, tokens, time, money.

The model's side is what an earlier run of the same adapter on the same task told, a second of session each,
where one did; else what is expected (``sizes``). Money is what a price table says of that.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from typing import Any

import msgspec

from tml_bench.adapter import LiveAdapter
from tml_bench.errors import BadSampleError, UserError
from tml_bench.judges.prompt import REPLY_TOKENS, prompt_of
from tml_bench.plugins import asked_model, fitting_class, load_task, parse_adapter_spec
from tml_bench.pricing.charges import SessionSize, cost_of, expected_usage
from tml_bench.pricing.table import ModelPrice, PriceTable
from tml_bench.questions import Question
from tml_bench.redact import redacted
from tml_bench.runs.config import RunPlan
from tml_bench.runs.recorded import left_to_run
from tml_bench.runs.sizes import session_size
from tml_bench.runs.store import Attempt, read_lines, read_run
from tml_bench.samples import Sample
from tml_bench.task import OfficialSize, Task
from tml_bench.turns import Usage

EXPECTED = "expected answers"


class RunEstimate(msgspec.Struct, frozen=True):
    """What one adapter will take on one task; None is what is not known.

    Attributes:
        adapter: as given, without secrets.
        task: its name.
        sessions: that are to be held; ``done`` are those that need not be.
        user_s: seconds of audio to send, silence included; ``video_s`` of them with a video.
        model_s: seconds of audio that the model is taken to give.
        basis: where that comes from: `EXPECTED`, or how many sessions of earlier runs.
        usage: what the service will count of it; tokens are 0 where it is not known how it counts them.
        wall_s: seconds from the first session to the last, with nothing else beside.
        model: what would be used; empty where that is not known.
        cost: with the service, in ``currency``, at prices of the day ``as_of``.
        judge_calls: different questions that the task would ask a judge; ``judge_tokens`` they take, replies
            included, and ``judge_cost``, where a language model judges, at prices of ``judge_as_of``.
        rough: lengths of the data are not known, those of the set that ships are taken.
        live: a service holds the sessions, on the wall clock.
    """

    adapter: str
    task: str
    sessions: int
    done: int
    user_s: float
    model_s: float
    usage: Usage
    basis: str = EXPECTED
    video_s: float = 0.0
    wall_s: float | None = None
    model: str = ""
    cost: float | None = None
    currency: str = ""
    as_of: str = ""
    judge_calls: int = 0
    judge_tokens: int = 0
    judge_cost: float | None = None
    judge_as_of: str = ""
    rough: bool = False
    live: bool = False


class SessionPace(msgspec.Struct, frozen=True):
    """How many sessions run side by side: as `tml_bench.run` takes them."""

    concurrency: int = 4
    rate: float = 0.0
    jobs: int = 1

    def live_s(self, total_s: float, longest_s: float, sessions: int) -> float:
        """How long sessions on the wall clock take together."""
        starts_s = (sessions - 1) * 60 / self.rate if self.rate and sessions else 0.0
        return max(total_s / self.concurrency, starts_s + longest_s, longest_s)


class AdapterPrice(msgspec.Struct, frozen=True):
    """An adapter with what its model costs; None where that is not known."""

    text: str
    model: str
    price: ModelPrice | None
    live: bool

    @property
    def by_silence(self) -> bool:
        """The service finds the user's turns by their silence, as far as its price tells."""
        return self.price is not None and not self.price.hears_silence

    @property
    def shown(self) -> str:
        """The adapter without secrets."""
        return redacted(self.text)


def adapter_price(text: str, prices: PriceTable) -> AdapterPrice:
    """What the model behind an adapter costs, as far as its options tell; raises as ``fitting_class``."""
    spec = parse_adapter_spec(text)
    model = asked_model(spec)
    live = issubclass(fitting_class(spec), LiveAdapter)
    return AdapterPrice(text, model, prices.price_of(model) if model else None, live)


def scaled(usage: Usage, factor: float) -> Usage:
    """A usage so many times over, counts rounded."""
    values: dict[str, Any] = {
        name: round(value * factor) if isinstance(value, int) else value * factor
        for name, value in asdict(usage).items()
    }
    return Usage(**values)


class ToldRate(msgspec.Struct, frozen=True):
    """What sessions told, how long they lasted, how long they took, and how many there were.

    Those count that told nothing, too: a service that is not asked for an answer may have nothing to tell.
    """

    usage: Usage
    audio_s: float
    wall_s: float
    sessions: int


def told_before(plan: RunPlan, *, own: bool = True) -> ToldRate | None:
    """What sessions of this run, else of others of the adapter on the task beside it, told; None for none.

    Not ``own``, those of others alone.
    """
    others = sorted(path for path in plan.path.parent.glob("*/") if path != plan.path)
    for path in (plan.path, *others) if own else others:
        if not (path / "run.json").is_file():
            continue
        try:
            config = read_run(path).config
            attempts = read_lines(path / "attempts.jsonl", Attempt)
        except UserError:
            continue  # of a damaged run recording will tell
        if (config.adapter, config.task) != (plan.config.adapter, plan.config.task):
            continue
        held = [a for a in attempts if a.audio_s > 0]
        told = [a for a in held if a.usage is not msgspec.UNSET]
        if told or (held and config.clock == "simulated"):
            usage = sum((a.usage for a in told if a.usage is not msgspec.UNSET), Usage())
            return ToldRate(usage, sum(a.audio_s for a in held), sum(a.wall_s for a in held), len(held))
    return None


def session_usage(size: SessionSize, price: ModelPrice | None, told: ToldRate | None) -> Usage:
    """What a service will count of a session."""
    if told is not None and told.usage != Usage():
        return scaled(told.usage, size.user_s / told.audio_s)
    return expected_usage(size, price)


def expected_cost(usage: Usage, price: ModelPrice) -> float | None:
    """What an expected usage costs: nothing where no answer is expected; None where it cannot be known."""
    free = not usage.calls and not usage.input_tokens and price.input_tokens_per_s is not None
    return 0.0 if usage == Usage() or (free and price.input_minute is None) else cost_of(usage, price)


def estimate_run(
    plan: RunPlan, prices: PriceTable, pace: SessionPace, judge_model: str = "", *,
    retry_errors: bool = False, fresh: bool = False,
) -> RunEstimate:  # fmt: skip
    """What a planned run will take; writes nothing. ``judge_model`` names a language model that judges.

    With ``fresh`` everything is to be held, whatever is recorded.

    Raises:
        UserError: the run's folder is damaged.
    """
    task = load_task(plan.config.task_source)
    todo = plan.samples if fresh else left_to_run(plan, retry_errors=retry_errors)
    priced = adapter_price(plan.adapter or plan.config.adapter, prices)
    told = told_before(plan)
    sizes = [size for _, size in _sized(task, todo, priced)]
    usages = [session_usage(size, priced.price, told) for size in sizes]
    known = _Known(task, priced, prices, pace, told)
    asked = [q for sample in plan.samples if not sample.problem for q in _questions(task, sample)]
    return known.estimate(
        sizes, usages, [1.0] * len(sizes), len(plan.samples) - len(todo), asked, judge_model
    )


def estimate_official(
    task: Task, adapters: Sequence[str], prices: PriceTable, pace: SessionPace, judge_model: str = ""
) -> list[RunEstimate]:
    """What the whole official data of a task takes with each adapter; the data need not be there.

    Sessions of a part are those of the set that ships, repeated until there are as many; their lengths are
    brought to the mean length of the official videos, where that is known.
    """
    shipped = list(task.samples())
    parts = task.official_sizes or (OfficialSize("", sum(sample.scored for sample in shipped)),)
    rough = bool(task.official_sizes) and any(part.video_s is None for part in parts)
    found = []
    for adapter in adapters:
        priced = adapter_price(adapter, prices)
        sized = list(_sized(task, shipped, priced))
        sizes, weights = _brought_to(parts, sized)
        questions = [q for sample, _ in sized for q in _questions(task, sample)]
        share = sum(weights) / max(1, len(sized))
        usages = [session_usage(size, priced.price, None) for size in sizes]
        known = _Known(task, priced, prices, pace, None)
        found.append(known.estimate(sizes, usages, weights, 0, questions, judge_model, share, rough))
    return found


def _brought_to(
    parts: Sequence[OfficialSize], sized: Sequence[tuple[Sample, SessionSize]]
) -> tuple[list[SessionSize], list[float]]:
    """Sessions of the official data, and how many there are of each."""
    sizes: list[SessionSize] = []
    weights: list[float] = []
    for part in parts:
        inside = [pair for pair in sized if part.subset in ("", pair[0].subset)] or sized
        factor = part.samples / max(1, sum(sample.scored for sample, _ in inside))
        for _, size in inside:
            sizes.append(size if part.video_s is None else _with_video(size, part.video_s))
            weights.append(factor)
    return sizes, weights


def _with_video(size: SessionSize, video_s: float) -> SessionSize:
    """A session as it would be with a video of another length."""
    if not size.video_s:
        return size
    stretched = size.stretched((size.user_s - size.video_s + video_s) / size.user_s)
    return stretched._replace(video_s=video_s)


class _Known(msgspec.Struct, frozen=True):
    task: Task
    priced: AdapterPrice
    prices: PriceTable
    pace: SessionPace
    told: ToldRate | None

    def estimate(
        self, sizes: Sequence[SessionSize], usages: Sequence[Usage], weights: Sequence[float], done: int,
        questions: Sequence[Question], judge_model: str, share: float = 1.0, rough: bool = False,
    ) -> RunEstimate:  # fmt: skip
        """All sessions together, each so many times; ``share`` is how many times the questions are asked."""

        def total(amount: Callable[[SessionSize], float]) -> float:
            return sum(amount(size) * weight for size, weight in zip(sizes, weights, strict=True))

        usage = sum((scaled(u, w) for u, w in zip(usages, weights, strict=True)), Usage())
        price, sessions, user_s = self.priced.price, round(sum(weights)), total(lambda size: size.user_s)
        judged = self._judged(questions, judge_model, share)
        told = self.told is not None and self.told.usage != Usage()
        return RunEstimate(
            adapter=self.priced.shown,
            task=self.task.name,
            sessions=sessions,
            done=done,
            user_s=user_s,
            model_s=self._given_s(usage) if told else total(lambda size: size.model_s),
            usage=usage,
            basis=f"{self.told.sessions} earlier sessions" if told and self.told else EXPECTED,
            video_s=total(lambda size: size.video_s),
            wall_s=self._wall_s(user_s, max((size.user_s for size in sizes), default=0.0), sessions),
            model=self.priced.model,
            cost=None if price is None else expected_cost(usage, price),
            currency=self.prices.currency,
            as_of=price.as_of.isoformat() if price else "",
            rough=rough,
            live=self.priced.live,
            **judged,
        )

    def _given_s(self, usage: Usage) -> float:
        price = self.priced.price
        if usage.output_audio_s or price is None or not price.output_tokens_per_s:
            return usage.output_audio_s
        return usage.output_audio_tokens / price.output_tokens_per_s

    def _wall_s(self, user_s: float, longest_s: float, sessions: int) -> float | None:
        if self.priced.live:
            return self.pace.live_s(user_s, longest_s, sessions)
        if self.told is None or not self.told.wall_s:
            return None
        return user_s * self.told.wall_s / self.told.audio_s / self.pace.jobs

    def _judged(self, questions: Sequence[Question], model: str, share: float) -> dict[str, Any]:
        different = {question.identity: question for question in questions}.values()
        calls = round(len(different) * share)
        if not model or not calls:
            return {"judge_calls": calls}
        tokens = sum(prompt_of(question).tokens for question in different) * share
        written = REPLY_TOKENS * len(different) * share
        price = self.prices.price_of(model)
        usage = Usage(input_tokens=round(tokens - written), output_tokens=round(written))
        return {
            "judge_calls": calls,
            "judge_tokens": round(tokens),
            "judge_cost": None if price is None else cost_of(usage, price),
            "judge_as_of": price.as_of.isoformat() if price else "",
        }


def _sized(
    task: Task, samples: Iterable[Sample], priced: AdapterPrice
) -> Iterable[tuple[Sample, SessionSize]]:
    """Samples that can be played, each with the size of its session."""
    for sample in samples:
        try:
            yield sample, session_size(task, sample, by_silence=priced.by_silence)
        except BadSampleError:
            continue  # it will end as invalid, without a session


def _questions(task: Task, sample: Sample) -> Sequence[Question]:
    """What would be asked about a session that goes as expected; nothing where that cannot be told."""
    if not task.rubrics:
        return ()
    try:
        return task.questions(sample, task.ideal(sample))
    except Exception:  # an estimate of the sessions is worth having of a task that needs more than that
        return ()


def together_s(estimates: Sequence[RunEstimate]) -> float | None:
    """How long runs take in one command: services side by side, all else one after the other.

    None where the time of one with sessions to hold is not known.
    """
    if any(one.wall_s is None and one.sessions for one in estimates):
        return None
    services: dict[str, float] = {}
    own_s = 0.0
    for one in estimates:
        if one.live:
            services[one.adapter] = services.get(one.adapter, 0.0) + (one.wall_s or 0.0)
        else:
            own_s += one.wall_s or 0.0
    return own_s + max(services.values(), default=0.0)
