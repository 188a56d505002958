"""Judges as given on the command line, and all that a command's judging has in common.

rules                                         the task's own rules, the default
openai:model=...,base_url=...,temperature=0   a language model behind OpenAI's interface
human:sheet.csv                               what people have filled in
"""

from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Self

from msgspec import ValidationError, convert

from tml_bench.errors import UserError
from tml_bench.judges.budget import Budget
from tml_bench.judges.cache import JudgeCache
from tml_bench.judges.model_judge import Effort, ModelJudge
from tml_bench.judges.openai import OpenAIChat
from tml_bench.judges.rules import RuleJudge
from tml_bench.judges.sheet import KIND, HumanJudge
from tml_bench.questions import Judge, Rule

RULES = "rules"
CACHE_NAME = "judge-cache.sqlite"
"""Beside the runs' folders, unless ``--judge-cache`` says otherwise."""


class JudgeSetup:
    """The judge that a command asks, with a cache for language models, None for none, and a budget.

    Raises:
        UserError: there is no such judge, or its options do not fit.
    """

    def __init__(
        self,
        spec: str = RULES,
        cache: Path | None = None,
        calls: int | None = None,
        tokens: int | None = None,
    ) -> None:
        self.spec = spec
        self.model: ModelJudge | None = None
        self._human: HumanJudge | None = None
        self._obstacle = ""
        kind, _, options = spec.partition(":")
        if kind == RULES and not options:
            return
        if kind == KIND and options:
            self._human = HumanJudge(Path(options))
            return
        if kind != "openai":
            raise UserError(
                f"--judge {spec}: there is no such judge", "give rules, openai:model=NAME or human:SHEET.csv"
            )
        model, effort = openai_of(options)
        budget = Budget(calls, tokens)
        self._obstacle = "" if budget.nothing else model.obstacle()
        self.model = ModelJudge(model, JudgeCache(cache) if cache else None, budget, effort)

    @property
    def warning(self) -> str:
        """Why answers can come from the cache alone; empty when the judge can be asked."""
        why = self._obstacle
        return f"the judge cannot be asked: {why}; only the cache answers" if why else ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        if self.model is not None:
            self.model.close()

    def judge_of(self, rules: Mapping[str, Rule]) -> Judge:
        """The judge of a task that brings these rules along, by name of the rubric."""
        return self.model or self._human or RuleJudge(rules)


def openai_of(options: str) -> tuple[OpenAIChat, Effort]:
    """Read what follows ``openai:``; raises `UserError` for an unknown option, or a value that is none."""
    given = _options(options)
    known = {f.name: f.type for f in (*fields(OpenAIChat), *fields(Effort))}
    if unknown := given.keys() - known.keys():
        raise UserError(
            f"--judge openai: there is no option {sorted(unknown)[0]!r}", f"choose from {', '.join(known)}"
        )
    try:
        model = convert(_part(given, OpenAIChat), OpenAIChat, strict=False)
        return model, convert(_part(given, Effort), Effort, strict=False)
    except ValidationError as error:
        raise UserError(f"--judge openai: {error}", "see docs/judges.md") from None


def _part(given: Mapping[str, str], kind: type[OpenAIChat] | type[Effort]) -> dict[str, str | None]:
    names = {f.name for f in fields(kind)}
    return {n: None if (n, v) == ("temperature", "none") else v for n, v in given.items() if n in names}


def _options(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for item in filter(None, text.split(",")):
        name, equals, value = item.partition("=")
        if not equals:
            raise UserError(f"--judge openai: {item!r} is no option", "give name=value, separated by commas")
        found[name.strip()] = value.strip()
    return found
