"""A sheet as one local HTML page that is filled in with the keyboard.

Nothing is fetched or sent: style and script are inline, and a content security policy allows nothing else.
The sheet is JSON in a script element that is never executed, with every ``<`` escaped, and the script puts
texts into the page as text. Answers are kept in the browser until they are downloaded as the filled-in CSV.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
from collections.abc import Sequence
from importlib import resources
from string import Template

from msgspec import structs

from tml_bench.judges.sheet import COLUMNS, FORMULA, SheetRow


def to_page(rows: Sequence[SheetRow], name: str) -> str:
    """Write the page of a sheet; ``name`` is the file name of its CSV, also told to the reader."""
    files = resources.files("tml_bench.judges")
    page, style, script = (
        files.joinpath(f"sheet.{kind}").read_text("utf-8") for kind in ("html", "css", "js")
    )
    sheet = {
        "name": name,
        "columns": COLUMNS,
        "formula": FORMULA,
        "rows": [structs.asdict(row) for row in rows],
    }
    data = json.dumps(sheet, ensure_ascii=True).replace("<", "\\u003c")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-{digest}'"
    return Template(page).substitute(
        policy=policy, title=html.escape(name), style=style, data=data, script=script
    )
