"""A judge that puts each question to a language model, whatever serves it; and what it needs of the model.

Equal questions (same rubric, same texts) are asked once. A call that fails for a while is tried again, with
growing pauses; what still has no answer is a verdict with ``missing`` set. When many questions in a row get
no answer, or the service says that it never will, the rest is not asked. Every answer is in the cache before
the next is awaited, so an interruption loses only the calls in flight.
"""

import asyncio
import random
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Annotated, NamedTuple, Protocol

from msgspec import Meta, structs

from tml_bench.judges.budget import Budget, BudgetSpentError, CostEstimate, Pace, Sleep
from tml_bench.judges.cache import JudgeCache, JudgeKey
from tml_bench.judges.prompt import Prompt, kept_raw, prompt_of, read_reply
from tml_bench.questions import Identity, Question, Verdict


class ModelReply(NamedTuple):
    """What a model replied.

    ``model`` is what the service says replied, and may be empty; tokens it does not tell are 0.
    """

    text: str
    model: str = ""
    prompt_tokens: int = 0
    completion_tokens: int = 0


class CallError(Exception):
    """A call without reply; the reason, shown in reports, is in words that are the same for every question.

    ``again``: it may go better another time, after the ``wait_s`` that the service asks for, 0 when it does
    not say. ``final``: no other question will fare better.
    """

    def __init__(self, reason: str, *, again: bool = False, wait_s: float = 0.0, final: bool = False) -> None:
        super().__init__(reason)
        self.again = again
        self.wait_s = wait_s
        self.final = final


Gate = Callable[[], Awaitable[None]]
"""Awaited before every request: waits for its turn and books it."""
Ask = Callable[[Prompt, Gate], Awaitable[ModelReply]]
"""Asks once; raises `CallError`."""


class ChatModel(Protocol):
    """A language model that can be asked."""

    @property
    def kind(self) -> str:
        """What reaches it, such as ``openai``."""

    @property
    def model(self) -> str:
        """Its name."""

    @property
    def version(self) -> str:
        """All else that changes answers: prompt and settings."""

    def obstacle(self) -> str:
        """Why it cannot be asked here; empty when it can."""

    def connect(self) -> AbstractAsyncContextManager[Ask]:
        """Open what asking needs, inside a running event loop."""


FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 60.0
"""Pause before the second try, doubled before each further one, at most the latter."""
LONGEST_WAIT_S = 300.0
"""A service that asks for more patience than this is not asked again."""
READINGS = 2
"""How often a question is asked whose reply cannot be read."""
IN_A_ROW = 10
"""After so many questions in a row without an answer the rest is not asked."""


@dataclass(frozen=True, slots=True)
class Effort:
    """How hard a judge tries: questions at once, requests a minute (0 for any), tries while calls fail."""

    concurrency: Annotated[int, Meta(ge=1, le=256)] = 4
    rate: Annotated[float, Meta(ge=0)] = 0.0
    tries: Annotated[int, Meta(ge=1, le=20)] = 5


Run = Callable[[Coroutine[None, None, None]], None]


def run_now(work: Coroutine[None, None, None]) -> None:
    """Run to the end; in a thread of its own where an event loop is running, as in notebooks."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        asyncio.run(work)
        return
    with ThreadPoolExecutor(1) as pool:
        pool.submit(asyncio.run, work).result()


class ModelJudge:
    """Answers questions by a language model, from the cache where it can.

    Without a cache it keeps answers for this object's life, without a budget there is no limit. ``run`` runs
    a coroutine to its end, ``sleep`` makes pauses.
    """

    def __init__(
        self, model: ChatModel, cache: JudgeCache | None = None, budget: Budget | None = None,
        effort: Effort | None = None, run: Run = run_now, sleep: Sleep = asyncio.sleep,
    ) -> None:  # fmt: skip
        self._model = model
        self._cache = cache
        self._budget = budget or Budget()
        self._effort = effort or Effort()
        self._run = run
        self._sleep = sleep
        self._pace = Pace(self._effort.rate, sleep)
        self._known: dict[Identity, Verdict] = {}
        self._stopped = ""
        self._failed_in_row = 0

    @property
    def id(self) -> str:
        """``openai``, model, and version of prompt and settings."""
        return " ".join(self._key)

    @property
    def _key(self) -> JudgeKey:
        return self._model.kind, self._model.model, self._model.version

    def forecast(self, questions: Sequence[Question]) -> str:
        """Who is about to answer, what that will take, and what the budget allows, in words."""
        allowed = f"; the budget allows {self._budget}" if str(self._budget) else ""
        taken = self.estimate(questions)
        again = ""
        if self._cache is not None and self._cache.damaged:
            again = f"; {self._cache.damaged} answers in {self._cache.path} are damaged and asked again"
        return f"judge {self.id}: {taken}{allowed}{again}"

    def pending(self, questions: Sequence[Question]) -> list[Question]:
        """The questions that are not answered yet, each once."""
        self._recall(questions)
        different = {q.identity: q for q in questions}
        return [q for identity, q in different.items() if identity not in self._known]

    def estimate(self, questions: Sequence[Question]) -> CostEstimate:
        """What answering will take; asks nothing."""
        different = {q.identity for q in questions}
        todo = self.pending(questions)
        tokens = sum(prompt_of(question).tokens for question in todo)
        return CostEstimate(len(questions), len(different), len(different) - len(todo), tokens)

    def answer(
        self, questions: Sequence[Question], advance: Callable[[], None] = lambda: None
    ) -> list[Verdict]:
        """Answer questions; see the module's docstring."""
        self._recall(questions)
        waiting = Counter(q.identity for q in questions if q.identity not in self._known)
        for _ in range(len(questions) - waiting.total()):
            advance()
        todo = deque({q.identity: q for q in questions if q.identity in waiting}.values())

        def done(question: Question, verdict: Verdict) -> None:
            self._known[question.identity] = verdict
            for _ in range(waiting[question.identity]):
                advance()

        self._stopped = self._stopped or (self._why_not() if todo else "")
        if todo and not self._stopped:
            self._run(self._ask_all(todo, done))
        for question in todo:  # what is left when asking has stopped
            done(question, self._missing(self._stopped))
        return [self._known[question.identity] for question in questions]

    def _why_not(self) -> str:
        obstacle = "the budget allows no call" if self._budget.nothing else self._model.obstacle()
        return f"not in the cache, and {obstacle}" if obstacle else ""

    def _recall(self, questions: Sequence[Question]) -> None:
        if self._cache is not None:
            unknown = {q.identity: q for q in questions if q.identity not in self._known}
            self._known |= self._cache.find(self._key, unknown)

    def close(self) -> None:
        """Close the cache."""
        if self._cache is not None:
            self._cache.close()

    async def _ask_all(self, todo: deque[Question], done: Callable[[Question, Verdict], None]) -> None:
        try:
            async with self._model.connect() as ask, asyncio.TaskGroup() as group:
                for _ in range(min(self._effort.concurrency, len(todo))):
                    group.create_task(self._work(todo, ask, done))
        except ExceptionGroup as errors:  # each ends the whole, so the first says it all
            raise errors.exceptions[0] from errors

    async def _work(self, todo: deque[Question], ask: Ask, done: Callable[[Question, Verdict], None]) -> None:
        while todo and not self._stopped:
            question = todo.popleft()
            verdict = await self._decide(question, ask)
            done(question, verdict if verdict.missing else self._kept(question, verdict))

    def _kept(self, question: Question, verdict: Verdict) -> Verdict:
        return self._cache.keep(self._key, question, verdict) if self._cache else verdict

    async def _decide(self, question: Question, ask: Ask) -> Verdict:
        prompt = prompt_of(question)
        unread: list[ModelReply] = []
        for number in range(1, self._effort.tries + 1):
            if self._stopped:
                return self._missing(self._stopped)
            try:
                reply = await self._call(prompt, ask)
            except BudgetSpentError as error:
                self._stopped = f"not asked: {error}; the same command continues"
                return self._missing(self._stopped)
            except CallError as error:
                last = number == self._effort.tries or error.wait_s > LONGEST_WAIT_S
                if last or not error.again:
                    self._count_failure(error)
                    return self._missing(str(error))
                self._pace.hold(error.wait_s)
                await self._sleep(max(error.wait_s, pause_s(question, number)))
                continue
            self._failed_in_row = 0
            read = read_reply(reply.text, question.rubric)
            if read is not None:
                return self._verdict(reply, read.answer, read.explanation)
            unread.append(reply)
            if len(unread) == READINGS:
                break
        reason = f"the reply holds none of the answers alone ({len(unread)} times)"
        return structs.replace(self._verdict(unread[-1], None, ""), missing=reason)

    def _count_failure(self, error: CallError) -> None:
        self._failed_in_row += 1
        if error.final:
            self._stopped = f"not asked: {error}"
        elif self._failed_in_row >= IN_A_ROW:
            self._stopped = f"not asked: {IN_A_ROW} questions in a row failed ({error})"

    async def _call(self, prompt: Prompt, ask: Ask) -> ModelReply:
        booked = 0

        async def gate() -> None:
            nonlocal booked
            await self._pace.turn()
            self._budget.take(prompt.tokens)
            booked += prompt.tokens

        try:
            reply = await ask(prompt, gate)
        except CallError:
            self._budget.settle(booked, 0)
            raise
        used = reply.prompt_tokens + reply.completion_tokens
        if used:
            self._budget.settle(booked, used)
        return reply

    def _missing(self, reason: str) -> Verdict:
        kind, model, version = self._key
        return Verdict(None, judge=kind, model=model, version=version, missing=reason)

    def _verdict(self, reply: ModelReply, answer: str | None, explanation: str) -> Verdict:
        return Verdict(
            answer=answer,
            explanation=explanation,
            raw=kept_raw(reply.text),
            judge=self._model.kind,
            model=reply.model or self._model.model,
            version=self._model.version,
            prompt_tokens=reply.prompt_tokens,
            completion_tokens=reply.completion_tokens,
        )


def pause_s(question: Question, tried: int) -> float:
    """Seconds before the next try: doubled each time, spread so that questions do not return together.

    The question seeds the spread, so that the same run waits the same; ``tried`` counts from 1.
    """
    longest = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2.0 ** (tried - 1))
    return longest * (0.5 + random.Random(f"{question.input_sha256} {tried}").random() / 2)
