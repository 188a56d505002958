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

from msgspec import structs

from tml_bench.judges.sheet import COLUMNS, FORMULA, SheetRow


def to_page(rows: Sequence[SheetRow], name: str) -> str:
    """Write the page of a sheet; ``name`` is the file name of its CSV, also told to the reader."""
    files = resources.files("tml_bench.judges")
    style = files.joinpath("sheet.css").read_text("utf-8")
    script = files.joinpath("sheet.js").read_text("utf-8")
    sheet = {
        "name": name,
        "columns": COLUMNS,
        "formula": FORMULA,
        "rows": [structs.asdict(row) for row in rows],
    }
    data = json.dumps(sheet, ensure_ascii=True).replace("<", "\\u003c")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-{digest}'"
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<title>{html.escape(name)} · tml-bench</title>\n<link rel="icon" href="data:,">\n'
        f"<style>\n{style}</style>\n</head>\n<body>\n{_BODY}"
        f'<script type="application/json" id="sheet">{data}</script>\n<script>{script}</script>\n'
        "</body>\n</html>\n"
    )


_BODY = """\
<header>
<h1>Judging sheet</h1>
<p id="state" role="status" aria-live="polite"></p>
<progress id="done" aria-label="answered"></progress>
</header>
<main>
<section aria-labelledby="rubric">
<h2 id="rubric"></h2>
<p id="instruction" class="text"></p>
</section>
<section aria-label="texts to judge"><p id="texts" class="text card"></p></section>
<div id="answers" role="group" aria-label="answer"></div>
<label for="why">Why (optional)</label>
<textarea id="why" rows="2"></textarea>
<nav>
<button type="button" id="back">← back</button>
<button type="button" id="next">next →</button>
<button type="button" id="open">next without answer (n)</button>
<button type="button" id="clear">no answer (Backspace)</button>
<button type="button" id="save">download CSV (s)</button>
</nav>
<p class="soft">Keys: the one on an answer chooses it and goes on; ← → move; n goes to the next without an
answer; e writes why, Escape returns; Backspace takes an answer back; s downloads the CSV. What you choose is
kept in this browser until then, on this computer alone.</p>
<p id="trouble" class="caveat" hidden></p>
</main>
<noscript><p>This page needs JavaScript. Any spreadsheet can fill in the CSV beside it.</p></noscript>
"""
