"""How an attempt at a sample ended."""

from __future__ import annotations

from enum import StrEnum

TOO_BUSY = "the machine was too busy"
"""Ends the reason of a session that is invalid because the harness was late."""


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
    USER_FAULT = "user_fault"
    """A simulated user said what it must not: found in scoring, no failure of the model, not tried again."""
    NOT_RUN = "not_run"
    """There was no attempt; no line of ``attempts.jsonl`` says so."""

    def remedy(self, reason: str) -> str:
        """What to do about samples that ended so, for that reason; empty for valid ones."""
        match self:
            case Outcome.VALID:
                return ""
            case Outcome.ADAPTER_ERROR:
                return "once the adapter is mended, --retry-errors tries again"
            case Outcome.INVALID if TOO_BUSY in reason:
                return "leave the machine to the run, or lower --concurrency; the same command tries again"
            case Outcome.INVALID:
                return "put the data right; its sample is left out of the scores"
            case Outcome.USER_FAULT:
                return "the model is not to blame, and has no score there; user_faults.jsonl has the lines"
            case _:
                return "the same command tries again"
