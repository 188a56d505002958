"""Summaries as JSON, and what stands beside a run's: how its judge agrees with others."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec
from msgspec import structs

from tml_bench.errors import UserError
from tml_bench.scoring.judge_labels import Agreement
from tml_bench.scoring.summary import Summary

AGREEMENT = "agreement.json"
"""Beside a run: how its judge agrees with others."""


def to_json(summaries: Sequence[Summary]) -> str:
    """All summaries as JSON, values per sample included; shares stay in [0, 1]."""
    return msgspec.json.format(msgspec.json.encode(list(summaries)), indent=1).decode() + "\n"


def from_json(text: str | bytes, where: str = "the summary") -> list[Summary]:
    """Read what `to_json` wrote.

    Args:
        text: JSON.
        where: names the file in the message.

    Raises:
        UserError: it is not such a JSON.
    """
    try:
        return msgspec.json.decode(text, type=list[Summary])
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UserError(
            f"{where} is not a summary of this version: {error}", "Score the run again"
        ) from error


class StoredAgreement(msgspec.Struct, frozen=True):
    """Contents of ``agreement.json``.

    Attributes:
        pairs: agreement of the run's judge, each time the first, with others.
    """

    pairs: tuple[Agreement, ...]


def with_agreement(s: Summary, run: Path) -> Summary:
    """The summary with what is known of its judge's agreement, also from the file beside the run.

    What is known of another judge, or of another version of a rubric, is left out.

    Raises:
        UserError: the file is malformed.
    """
    if s.judgements is None:
        return s
    path = run / AGREEMENT
    pairs: tuple[Agreement, ...] = ()
    if path.is_file():
        try:
            stored = msgspec.json.decode(path.read_bytes(), type=StoredAgreement)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise UserError(f"{path}: {error}", "remove it, or save the agreement again") from error
        known = s.judgements.rubrics
        pairs = tuple(
            p for p in stored.pairs if p.first == s.facts.judge and f"{p.rubric} {p.version}" in known
        )
    kept = {(p.second, p.rubric) for p in pairs}
    own = tuple(p for p in s.judgements.agreement if (p.second, p.rubric) not in kept)
    return structs.replace(s, judgements=structs.replace(s.judgements, agreement=(*own, *pairs)))
