"""The offline judge: each rubric is decided by the rule its task brings along."""

from collections.abc import Callable, Mapping, Sequence

from tml_bench.questions import Question, QuestionLine, Rule, Verdict

REMEMBERED = 20_000
"""As many decisions are remembered, for questions that are asked again."""


class RuleJudge:
    """Decides by rules, by name of the rubric; free, deterministic, and as strict as its rules are.

    A rubric without a rule is never answered: its verdicts are missing.
    """

    def __init__(self, rules: Mapping[str, Rule]) -> None:
        self._rules = rules
        self._decided: dict[tuple[str, tuple[QuestionLine, ...], str], Verdict] = {}

    @property
    def id(self) -> str:
        """``rules`` with the version of every rule."""
        return " ".join(("rules", *(f"{name}={rule.version}" for name, rule in sorted(self._rules.items()))))

    def answer(
        self, questions: Sequence[Question], advance: Callable[[], None] = lambda: None
    ) -> list[Verdict]:
        """Decide each question; equal ones are decided once, as long as they are remembered."""
        if len(self._decided) > REMEMBERED:
            self._decided.clear()
        verdicts = []
        for question in questions:
            same = (question.rubric.name, question.lines, question.hint)
            verdict = self._decided.get(same)
            if verdict is None:
                verdict = self._decided[same] = self._decide(question)
            verdicts.append(verdict)
            advance()
        return verdicts

    def _decide(self, question: Question) -> Verdict:
        name = question.rubric.name
        rule = self._rules.get(name)
        if rule is None:
            return Verdict(None, judge="rules", missing=f"no rule decides {name}: give a --judge that does")
        decision = rule.decide(question)
        version = str(rule.version)
        if decision.answer is None:
            why = decision.explanation or "the rule cannot tell"
            return Verdict(None, judge="rules", version=version, missing=why)
        return Verdict(decision.answer, decision.explanation, judge="rules", version=version)
