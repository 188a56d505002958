"""How an attempt at a sample ended."""

from __future__ import annotations

from enum import StrEnum


class Outcome(StrEnum):
    """How the last attempt at a sample ended."""

    VALID = "valid"
    """There is a recording to score."""
    INVALID = "invalid"
    """The sample's data cannot be used, or the harness did not keep its own promises."""
    INFRASTRUCTURE = "infrastructure"
    """The model could not be reached, or this machine failed: missing data, not a failure of the model."""
    ADAPTER_ERROR = "adapter_error"
    """The adapter raised, hung, died or broke its contract."""
    NOT_RUN = "not_run"
    """There was no attempt; no line of ``attempts.jsonl`` says so."""
