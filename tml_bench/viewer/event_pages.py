"""The lines of ``session.jsonl``, by pages."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec

from tml_bench.bounded_files import UNREADABLE, lines_of
from tml_bench.redact import cut
from tml_bench.timebase import seconds
from tml_bench.viewer.sample_schema import LONGEST_EVENT, EventPage, ViewedEvent

PAGE = 200
"""Events on a page."""
NO_EVENTS = EventPage(0, 0, 0, ())


_Ns = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]


class _Head(msgspec.Struct, frozen=True):
    kind: str = ""
    t_ns: _Ns | None = None
    handed_ns: _Ns | None = None


_DECODER = msgspec.json.Decoder(_Head)


def event_page(log: Path, page: int) -> EventPage | None:
    """A page of a recording's raw events, in the order written; None where there is no such page.

    Kinds of a later version, and lines that are no event, are shown as they stand. An empty log is one
    empty page.
    """
    lines, shown = 0, []
    for lines, line in enumerate(lines_of(log), 1):
        if (lines - 1) // PAGE == page:
            shown.append(_event(line.rstrip(b"\r\n")))
    pages = max(1, -(-lines // PAGE))
    return EventPage(page, pages, lines, tuple(shown)) if 0 <= page < pages else None


def _event(line: bytes) -> ViewedEvent:
    text = line.decode("utf-8", "replace")
    try:
        head = _DECODER.decode(line)
    except UNREADABLE:
        head = _Head("?")
    at_ns = head.handed_ns if head.t_ns is None else head.t_ns
    shown = cut(text, LONGEST_EVENT)
    return ViewedEvent(
        None if at_ns is None else seconds(at_ns), head.kind, shown, max(0, len(text) - LONGEST_EVENT)
    )
