"""What scoring leaves in a run's folder, written and read.

scores.jsonl       one line per sample scored
verdicts.jsonl     one line per question asked, where any is
user_faults.jsonl  one line per fault of a simulated user, where there are any
summary.json       the run in numbers
seals.json         checksums over these four
agreement.json     how its judge agrees with others, where that was saved
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from sys import intern
from typing import NamedTuple

import msgspec
from msgspec import structs

from tml_bench.blame import whole
from tml_bench.bounded_files import UNREADABLE
from tml_bench.errors import UserError
from tml_bench.files import read_json, write_together
from tml_bench.metrics.statistics import Observation
from tml_bench.questions import Verdict
from tml_bench.scoring.judge_labels import Agreement
from tml_bench.scoring.judging import TRACEBACKS, JudgedScores, QuestionVerdict
from tml_bench.scoring.packed import PackedList
from tml_bench.scoring.result_seals import SEALS, ResultDigests, check_result, read_results
from tml_bench.scoring.stored_values import EMPTY, END, LARGE, StoredValues, outline
from tml_bench.scoring.summary import MOST_REMARKS, Summary
from tml_bench.scoring.user_faults import USER_FAULTS, SampleFault

VERDICTS = "verdicts.jsonl"
"""Every question asked about a run, with its verdict."""
SUMMARY = "summary.json"
"""The run in numbers."""
AGREEMENT = "agreement.json"
"""Beside a run: how its judge agrees with others."""
_AT_ONCE = 1000
"""So many values are laid out at once."""


class WrittenResults(NamedTuple):
    """The summary as it is shown, and the SHA-256 of ``seals.json``, in hexadecimal."""

    summary: Summary
    seals_sha256: str


def write_results(run: Path, scored: JudgedScores, summary: Summary) -> WrittenResults:
    """Write ``scores.jsonl``, ``summary.json``, the verdicts of a task that asks, and what the task raised.

    Of the faults of simulated users, all are written, and in the summary the first `MOST_REMARKS`. The
    summary is given as `with_agreement` gives it, whose errors are raised; the values of a large one are in
    its file from then on.
    """
    faults = summary.user_faults or ()
    if len(faults) > MOST_REMARKS:
        summary = structs.replace(summary, user_faults=faults[:MOST_REMARKS])
    known = with_agreement(summary, run)
    files: dict[str, bytes | Iterable[bytes]] = {
        "scores.jsonl": _lines(scored.scores),
        SUMMARY: _json_parts([summary]),
    }
    if summary.judgements is not None:
        files[VERDICTS] = _lines(scored.judged)
    if faults:
        files[USER_FAULTS] = _lines(faults)
    else:
        (run / USER_FAULTS).unlink(missing_ok=True)
    if scored.raised:
        text = "\n".join(f"{sample}\n{whole(error)}" for sample, error in scored.raised.items())
        files[TRACEBACKS] = text.encode(errors="backslashreplace")
    else:
        (run / TRACEBACKS).unlink(missing_ok=True)
    digests = ResultDigests()
    for name in files.keys() - {TRACEBACKS}:
        files[name] = digests.passing(name, files[name])
    files[SEALS] = digests.seals()
    write_together({run / name: content for name, content in files.items()})
    if (run / SUMMARY).stat().st_size >= LARGE:
        known = _with_stored(known, outline(run / SUMMARY).values)
    return WrittenResults(known, digests.sha256)


def _lines(items: Iterable[object]) -> Iterator[bytes]:
    if isinstance(items, PackedList):
        lines = items.lines()
    else:
        lines = (msgspec.json.encode(item, order="deterministic") for item in items)
    return (line + b"\n" for line in lines)


def stored_verdicts(run: Path, sample: str) -> dict[str, Verdict]:
    """The verdicts about a sample when the run was last scored; none if it was not."""
    lines = read_results(run / VERDICTS, QuestionVerdict)
    return {line.question.key: line.verdict for line in lines if line.sample == sample}


def stored_user_faults(run: Path) -> list[SampleFault]:
    """What simulated users did wrong when the run was last scored; nothing if it was not."""
    return read_results(run / USER_FAULTS, SampleFault)


def to_json(summaries: Sequence[Summary]) -> str:
    """All summaries as JSON, values per sample included; shares stay in [0, 1]."""
    return b"".join(_json_parts(summaries)).decode()


def write_json(summaries: Sequence[Summary], path: Path) -> None:
    """Write what `to_json` gives, a summary at a time: values of many long runs are more than fits twice."""
    with path.open("wb") as file:
        file.writelines(_json_parts(summaries))


def _json_parts(summaries: Sequence[Summary]) -> Iterator[bytes]:
    for k, summary in enumerate(summaries):
        bare = _with_values(summary, [() for _ in summary.metrics])
        listed = msgspec.json.format(msgspec.json.encode([bare]), indent=1)
        yield b",\n" if k else b"[\n"
        yield from _filled(listed[2:-2], [m.observations for m in summary.metrics])
    yield b"\n]\n" if summaries else b"[]\n"


def _filled(listed: bytes, values: Sequence[Sequence[Observation]]) -> Iterator[bytes]:
    """The text with values where it has none: those that are stored are copied from their files."""
    first, *others = listed.split(EMPTY)
    yield first
    for found, following in zip(values, others, strict=True):
        yield EMPTY[:-1]
        if isinstance(found, StoredValues):
            yield from found.pieces()
            yield END[:-1]
        elif found:
            yield from _listed(found)
            yield END[:-1]
        yield EMPTY[-1:]
        yield following


def _listed(values: Sequence[Observation]) -> Iterator[bytes]:
    """Values as they stand between the brackets."""
    for begin in range(0, len(values), _AT_ONCE):
        text = msgspec.json.format(msgspec.json.encode(values[begin : begin + _AT_ONCE]), indent=1)
        yield b"," if begin else b""
        yield text[1:-2].replace(b"\n", b"\n    ")


def from_json(text: str | bytes, where: str = "the summary") -> list[Summary]:
    """Read what `to_json` wrote; raises `UserError`, which calls it ``where``, if it is something else."""
    try:
        return [_shared(summary) for summary in msgspec.json.decode(text, type=list[Summary])]
    except UNREADABLE as error:
        raise UserError(
            f"{where} is not a summary of this version: {error}", "Score the run again"
        ) from error


def _shared(s: Summary) -> Summary:
    """The summary with equal values of a sample held once: subsets, and most measures, hold the same ones."""
    known: dict[Observation, Observation] = {}

    def held(o: Observation) -> Observation:
        found = known.get(o)
        if found is None:
            whole = 1.0 if o.denominator == 1 else o.denominator
            found = Observation(intern(o.sample), intern(o.unit), o.numerator, whole, intern(o.stratum))
            known[found] = found
        return found

    return _with_values(s, [tuple([held(o) for o in m.observations]) for m in s.metrics])


def _with_values(s: Summary, values: Iterable[Sequence[Observation]]) -> Summary:
    """The summary with other values of its measures, in their order."""
    pairs = zip(s.metrics, values, strict=True)
    return structs.replace(s, metrics=tuple(structs.replace(m, observations=v) for m, v in pairs))


def stored_summaries(run: Path) -> list[Summary]:
    """What a run's ``summary.json`` holds, of a large one without its values until they are asked for.

    Raises `UserError` where it is missing, malformed, or not as it was written.
    """
    path = run / SUMMARY
    check_result(path)
    try:
        text, values = outline(path)
    except OSError:
        raise UserError(f"{path} does not exist", f"score the run first: tml-bench score {run}") from None
    found = from_json(text, str(path))
    if not values:
        return found
    left = iter(values)
    return [_with_stored(s, left) for s in found]


def _with_stored(s: Summary, values: Iterable[StoredValues | None]) -> Summary:
    mine = islice(values, len(s.metrics))
    return _with_values(s, [() if found is None else found for found in mine])


class StoredAgreement(msgspec.Struct, frozen=True):
    """Contents of ``agreement.json``: how the run's judge, each time the first, agrees with others."""

    pairs: tuple[Agreement, ...]


def with_agreement(s: Summary, run: Path) -> Summary:
    """The summary with what is known of its judge's agreement, also from the file beside the run.

    What is known of another judge, or another version of a rubric, is left out; raises for a malformed file.
    """
    if s.judgements is None:
        return s
    path = run / AGREEMENT
    pairs: tuple[Agreement, ...] = ()
    if path.is_file():
        stored = read_json(path, StoredAgreement, "remove it, or save the agreement again")
        known = s.judgements.rubrics
        pairs = tuple(
            p for p in stored.pairs if p.first == s.facts.judge and f"{p.rubric} {p.version}" in known
        )
    kept = {(p.second, p.rubric) for p in pairs}
    own = tuple(p for p in s.judgements.agreement if (p.second, p.rubric) not in kept)
    return structs.replace(s, judgements=structs.replace(s.judgements, agreement=(*own, *pairs)))
