"""The JSON Schema of the wire protocol's control messages, ``docs/wire-protocol.schema.json``."""

import inspect

import msgspec

from tml_bench.wire.messages import MINOR, VERSION, FromHarness, FromModel


def schema() -> dict[str, object]:
    """The JSON Schema of a control message, either way."""

    def anything(kind: type) -> dict[str, object]:
        if kind is object:
            return {"description": "any JSON value"}
        raise NotImplementedError(kind)

    (harness, model), parts = msgspec.json.schema_components(
        [FromHarness, FromModel], schema_hook=anything, ref_template="#/$defs/{name}"
    )
    for part in parts.values():
        # Python versions differ in whether a docstring keeps its indentation.
        part["description"] = inspect.cleandoc(part["description"])
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"tml-bench wire protocol {VERSION}.{MINOR}: control messages",
        "anyOf": [{"$ref": "#/$defs/FromHarness"}, {"$ref": "#/$defs/FromModel"}],
        "$defs": {"FromHarness": harness, "FromModel": model, **parts},
    }
