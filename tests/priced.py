"""Services and prices to plan with: what a service is called, what it takes, and what it costs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tml_bench.pricing.table import PRICES_SCHEMA

SERVICE = """
from tml_bench.adapter import LiveAdapter

class Metered(LiveAdapter):
    takes_history = True
    def __init__(self, model={model!r}): ...
    async def connect(self, session): ...
    async def send(self, turn): ...
    async def events(self):
        if False:
            yield
    async def close(self): ...
"""


def metered_service(folder: Path, model: str) -> str:
    """A service of that model unless its option says another; it says nothing."""
    file = folder / "metered.py"
    file.write_text(SERVICE.format(model=model))
    return f"{file}:Metered"


def write_prices(path: Path, **changes: Any) -> Path:
    """A table of one price, a minute sent for 1.5, but for what is given of the price or the table."""
    price = {"models": ["my-*"], "as_of": "2026-05-06", "source": "a letter", "input_minute": 1.5}
    table = {"schema": PRICES_SCHEMA, "currency": "USD", "prices": [price]}
    for name, value in changes.items():
        (table if name in table else price)[name] = value
    path.write_text(json.dumps(table))
    return path
