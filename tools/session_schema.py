"""The JSON Schema of every line of ``session.jsonl``, generated from ``tml_bench.events``.

``docs/generate.py`` writes it to ``docs/session.schema.json``; a test compares.
"""

from __future__ import annotations

import inspect
import json

import msgspec

from tml_bench import events as ev


def session_schema() -> str:
    """The schema as JSON text. A line is valid when it is a known kind of event; it may have more fields."""
    schema = msgspec.json.schema(ev.AnyEvent, schema_hook=lambda _: {"description": "any JSON value"})
    for definition in schema["$defs"].values():
        # Python versions differ in whether a docstring keeps its indentation.
        definition["description"] = inspect.cleandoc(definition["description"])
    whole = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": ev.SCHEMA,
        "title": "One line of session.jsonl",
        "description": (
            f"Version {ev.SCHEMA}. Times in fields that end in _ns are integer nanoseconds on the session "
            "clock. A minor version may add kinds and fields: skip a line whose kind you do not know."
        ),
        **schema,
    }
    return json.dumps(whole, indent=2) + "\n"


if __name__ == "__main__":
    print(session_schema(), end="")
