"""The report as one self-contained HTML page.

Nothing is fetched: style and script are inline, pictures are inline SVG, and a content security policy
allows nothing else. Adapter names, reasons and notes come from outside, so every text is escaped. The page
is complete without its script, which only sorts tables. The same summaries give the same bytes.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Sequence
from typing import Any

from tml_bench.metrics.statistics import Estimate
from tml_bench.report import content
from tml_bench.report.grids import Bar, plain
from tml_bench.report.layout import tables
from tml_bench.scoring.floors import Baseline
from tml_bench.scoring.summary import Summary

_EXAMPLE = Bar(Estimate(0.55, 0.4, 0.7, None, None, 1, 1), Baseline("", "", 0.15, "", 0.92, {}), 0.0, 1.0)
"""What the legend shows."""


def to_html(summaries: Sequence[Summary]) -> str:
    """Write the page, a complete HTML document; with no runs it says so.

    Runs that may not be compared get sections of their own.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup, escape

    def harmless(value: Any) -> Any:
        return plain(value) if type(value) is str else value

    def name(text: str) -> Markup:
        """A name that may be broken after its separators."""
        return Markup(re.sub(r"([/:_.])", r"\1<wbr>", str(escape(plain(text)))))

    files = PackageLoader("tml_bench.report")
    pages = Environment(loader=files, autoescape=True, finalize=harmless, undefined=StrictUndefined)
    pages.filters["name"] = name
    style, script = (files.get_source(pages, file)[0] for file in ("page.css", "page.js"))
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return pages.get_template("page.html").render(
        policy=Markup(
            f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-{digest}'"
        ),
        style=Markup(style),
        script=Markup(script),
        tables=tables(summaries),
        content=content,
        example=_EXAMPLE,
    )
