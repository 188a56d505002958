"""What belongs to a version: the wording of every rubric, and what every metric makes of known recordings.

So do the events of turn-taking, by our rules and by those on ticks, on talk drawn at random.
``tests/golden/versions.json`` records them all, and ``tests/test_versions.py`` compares. After raising a
version, or for a new rubric, metric or task, run

    .venv/bin/python tests/versions.py

It adds what is new and refuses to change what is recorded: other wording, other scores, other version.
Scores are those of blind strategies and the task's ideal respondent on its mini set, and of the same with
their speech moved, thinned out and some words changed, so that refactoring that keeps every score needs no
new version.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import random
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TypeAlias

from msgspec import structs

from tml_bench.judges.prompt import INSTRUCTION, PROMPT_VERSION, prompt_of
from tml_bench.judges.rules import RuleJudge
from tml_bench.metrics.interaction import IGNORABLE, SHARED, TURN, VERSION, UserTalk, interaction_events
from tml_bench.metrics.interaction_ticks import tick_events
from tml_bench.metrics.vocalisations import classify
from tml_bench.plugins import load_task, task_names
from tml_bench.questions import Question, Verdict
from tml_bench.samples import Sample
from tml_bench.scoring.judging import score_all
from tml_bench.task import Score, Task
from tml_bench.tasks._common.speech import Speech
from tml_bench.tasks.audio_multichallenge.loader import IDEAL_S, ConversationAnnotation
from tml_bench.tasks.charades import strategies as intervals
from tml_bench.tasks.fd_bench_v1 import task as turns
from tml_bench.tasks.fd_bench_v1.loader import InterruptionAnnotation, TurnEndAnnotation
from tml_bench.tasks.repcount_a import strategies as counts
from tml_bench.timeline import Timeline
from tml_bench.users.fault_rubric import USER_LINE

FILE = Path(__file__).parent / "golden" / "versions.json"
SAMPLES = 20
"""Of each subset, the first ones."""
STRATEGIES = 6
"""Of each sample, how many respondents are also changed."""

Fingerprint: TypeAlias = list[float]
"""How many values, their sum, the sum of their denominators, and both weighted by their place."""
Versions: TypeAlias = dict[str, dict[str, str | Fingerprint]]


class Guessing:
    """The task's rules, and where these do not decide, an answer that depends on the question alone."""

    id = "guessing"

    def __init__(self, task: Task) -> None:
        self._rules = RuleJudge(task.rules)

    def answer(
        self, questions: Sequence[Question], advance: Callable[[], None] = lambda: None
    ) -> list[Verdict]:
        decided = self._rules.answer(questions)
        return [v if v.answer else self._guess(q) for q, v in zip(questions, decided, strict=True)]

    def _guess(self, question: Question) -> Verdict:
        if isinstance(question.rubric.example, str):
            return Verdict(question.rubric.example)
        digest = hashlib.sha256("".join(question.identity).encode()).digest()
        return Verdict(question.rubric.answers[digest[0] % len(question.rubric.answers)])


def rubrics() -> Versions:
    """Hash of every rubric, and of the prompt, by task, name and version."""
    found: Versions = {"prompt": {str(PROMPT_VERSION): _prompt_sha256()}}
    for name in task_names():
        for rubric in load_task(name).rubrics:
            found[f"{name} {rubric.name}"] = {str(rubric.version): rubric.sha256}
    return found | {f"users {USER_LINE.name}": {str(USER_LINE.version): USER_LINE.sha256}}


def _prompt_sha256() -> str:
    from tml_bench.questions import QuestionLine, Rubric

    rubric = Rubric("r", 1, "text", ("a", "b"))
    sent = prompt_of(
        Question("k", rubric, (QuestionLine("role", "text", 0.12345, 1.0), QuestionLine("role", "text")))
    )
    return hashlib.sha256(json.dumps([INSTRUCTION, sent.user, sent.schema]).encode()).hexdigest()


def metrics(task: Task) -> Versions:
    """Fingerprint of every metric by task, data, name and version."""
    values: dict[str, list[tuple[float, float]]] = {metric.name: [] for metric in task.metrics}
    for score in _scores(task):
        for name, value in score.values.items():
            values[name].append((value.numerator, value.denominator))
    data = task.dataset(None)
    return {
        f"{task.name} {data} {metric.name}": {str(metric.version): _fingerprint(values[metric.name])}
        for metric in task.metrics
    }


RECORDINGS, LENGTH_S = 400, 60.0
"""Recordings of random talk, and how long each is."""


def interaction() -> Versions:
    """Fingerprint of the events of turn-taking."""
    rng, ours, ticks = random.Random(17), [], []
    for _ in range(RECORDINGS):
        kinds = [rng.choice((TURN, TURN, TURN, SHARED, *IGNORABLE)) for _ in range(8)]
        user = [UserTalk(*span, kind) for span, kind in zip(_talk(rng), kinds, strict=False)]
        model = list(_talk(rng))
        ours += interaction_events(user, classify(model, None), LENGTH_S)
        found = tick_events(user, model, LENGTH_S)
        ticks += found.events
    return {
        name: {str(VERSION): _fingerprint([(e.latency_s or 0.0, e.right + 2 * len(e.kind)) for e in events])}
        for name, events in (("interaction", ours), ("interaction on ticks", ticks))
    }


def _talk(rng: random.Random) -> Iterator[tuple[float, float]]:
    """Up to eight stretches of speech, in order and apart, to 10 ms."""
    at_s = 0.0
    for _ in range(rng.randint(0, 8)):
        at_s += rng.choice((0.3, 0.7, 1.5, 5.0)) * rng.uniform(0.5, 1.5)
        end_s = at_s + rng.choice((0.4, 0.9, 2.0, 5.0)) * rng.uniform(0.5, 1.5)
        yield round(at_s, 2), round(end_s, 2)
        at_s = end_s


def _fingerprint(values: Sequence[tuple[float, float]]) -> Fingerprint:
    weighted = [(1 + k % 7) * (n + 3 * d) for k, (n, d) in enumerate(values)]
    return [float(len(values)), sum(n for n, _ in values), sum(d for _, d in values), sum(weighted)]


def _scores(task: Task) -> list[Score]:
    pairs = [(s, timeline) for s in _spread(task) for timeline in _played(task, s)]
    return score_all(task, pairs, Guessing(task)).scores


def _spread(task: Task) -> Iterator[Sample]:
    """At most `SAMPLES` of each subset, evenly drawn."""
    usable = [sample for sample in task.samples() if sample.scored and not sample.problem]
    for subset in dict.fromkeys(sample.subset for sample in usable):
        mine = [sample for sample in usable if sample.subset == subset]
        count = min(SAMPLES, len(mine))
        yield from (mine[round(k * (len(mine) - 1) / max(1, count - 1))] for k in range(count))


CONSTANTS = (
    (0, 3), (0, 5), (0, 8), (0, 13), (0, 20), (0, 27), (2, 6), (2, 10), (3, 12), (4, 14), (6, 22), (8, 20),
)  # fmt: skip


def _blind(task: Task, sample: Sample) -> list[Timeline]:
    """What fingerprints are taken of, whatever the floors are made of."""
    found = task.blind(sample)
    if task.name == "charades":
        found |= {f"constant@{a}-{b}": intervals.constant(a, b)(sample) for a, b in CONSTANTS}
    if task.name == "repcount-a":
        plans = {f"constant@{n}": counts.played(partial(counts.constant, n))(sample) for n in (4, 8)}
        found = {"silent": found["silent"], **plans, **found}
    if isinstance(sample.reference.annotation, ConversationAnnotation):
        return [_later(timeline, IDEAL_S) for timeline in found.values()]
    return list(found.values())


def _later(timeline: Timeline, by_s: float) -> Timeline:
    """All that is said, later; in Audio MultiChallenge all respondents of old were."""
    segments = (structs.replace(s, start_s=s.start_s + by_s, end_s=s.end_s + by_s) for s in timeline.segments)
    words = (
        structs.replace(w, start_s=w.start_s + by_s, end_s=w.end_s + by_s)
        for w in timeline.words
        if w.start_s is not None and w.end_s is not None
    )
    return structs.replace(timeline, segments=tuple(segments), words=tuple(words))


def _ideal(task: Task, sample: Sample) -> Timeline:
    """The ideal respondent of old: in FD-bench v1 it answered, and stopped, 0.2 s late."""
    item = sample.reference.annotation
    if isinstance(item, ConversationAnnotation):
        return _later(task.ideal(sample), IDEAL_S)
    if isinstance(item, InterruptionAnnotation | TurnEndAnnotation):
        said = []
        for u in sample.reference.ideal:
            end_s = u.at_s + turns.ANSWER_S
            said.append(Speech(u.at_s, end_s if u.until_s is None else min(end_s, u.until_s), turns.ANSWER))
        return turns.heard(item.duration_s, said)
    return task.ideal(sample)


def _played(task: Task, sample: Sample) -> Iterator[Timeline]:
    respondents = [_ideal(task, sample), *_blind(task, sample)]
    yield from respondents
    rng = random.Random(sample.id)
    for timeline in itertools.islice(respondents, STRATEGIES):
        yield _moved(timeline, rng)


def _moved(timeline: Timeline, rng: random.Random) -> Timeline:
    """Later or earlier by up to a second, without a fifth of its segments and words, some words others."""
    by_s = rng.uniform(-1.0, 1.0)
    segments = [structs.replace(s, start_s=s.start_s + by_s, end_s=s.end_s + by_s) for s in timeline.segments]
    words = [
        structs.replace(
            w,
            text=w.text if rng.random() < 0.8 else "perhaps",
            start_s=w.start_s + by_s,
            end_s=None if w.end_s is None else w.end_s + by_s,
        )
        for w in timeline.words
        if w.start_s is not None
    ]
    return structs.replace(
        timeline,
        segments=tuple(s for s in segments if s.start_s >= 0 and rng.random() < 0.8),
        words=tuple(w for w in words if (w.start_s or 0.0) >= 0 and rng.random() < 0.8),
    )


def recorded() -> dict[str, Versions]:
    """What the file holds."""
    found: dict[str, Versions] = json.loads(FILE.read_text(encoding="utf-8"))
    return found


def differences(now: Versions, then: Versions) -> list[str]:
    """What is not as it is recorded under the same version; new things are not."""
    found = []
    for name, versions in now.items():
        for version, value in versions.items():
            old = then.get(name, {}).get(version)
            if old is not None and not same(value, old):
                found.append(f"{name} has changed under version {version}")
    return found


def same(a: str | Fingerprint, b: str | Fingerprint) -> bool:
    """Whether two hashes are equal, or two fingerprints up to rounding."""
    if isinstance(a, str) or isinstance(b, str):
        return a == b
    return all(abs(x - y) <= 1e-6 * max(1.0, abs(x), abs(y)) for x, y in zip(a, b, strict=True))


def _record() -> None:
    now: dict[str, Versions] = {"rubrics": rubrics(), "metrics": {}, "interaction": interaction()}
    for name in task_names():
        now["metrics"] |= metrics(load_task(name))
    then = recorded() if FILE.exists() else {"rubrics": {}, "metrics": {}}
    for kind, versions in now.items():
        if changed := differences(versions, then.setdefault(kind, {})):
            sys.exit("\n".join([*changed, "raise the version, and say so in CHANGELOG.md"]))
        for name, values in versions.items():
            then[kind][name] = values | then[kind].get(name, {})
    FILE.write_text(_json(then), encoding="utf-8")


def _json(content: dict[str, Versions]) -> str:
    """One line a thing, so that additions of different people merge."""
    parts = []
    for kind, versions in sorted(content.items()):
        lines = [f"  {json.dumps(n)}: {json.dumps(v, sort_keys=True)}" for n, v in sorted(versions.items())]
        parts.append(f' "{kind}": {{\n' + ",\n".join(lines) + "\n }")
    return "{\n" + ",\n".join(parts) + "\n}\n"


if __name__ == "__main__":
    _record()
