"""Errors that people see."""

from tml_bench.terminal_text import escaped


class UserError(Exception):
    """Something the person at the keyboard can put right.

    Attributes:
        problem: what is wrong, naming the file and the field.
        remedy: what to do about it.
    """

    def __init__(self, problem: str, remedy: str = "") -> None:
        # As with `_ToldError`; here both parts are kept as well.
        self.problem, self.remedy = escaped(problem), escaped(remedy)
        super().__init__(f"{self.problem}. {self.remedy}" if remedy else self.problem)


class _ToldError(Exception):
    """May quote a stranger's text: it is shown in terminals, notebooks and logs, and obeyed nowhere."""

    def __init__(self, *told: object) -> None:
        super().__init__(*(escaped(each) if isinstance(each, str) else each for each in told))


class BadSampleError(_ToldError):
    """The sample's data cannot be used (a corrupt file, a broken annotation): outcome ``invalid``."""


class HarnessLateError(_ToldError):
    """The harness did not do in time what it is to do: outcome ``invalid``, tried again."""


class InfrastructureError(_ToldError):
    """Raise it when the model could not be reached (connection refused, quota, out of disk).

    The attempt ends with the outcome ``infrastructure``: it is missing data, retried, and never counted
    against the model.
    """


class QuotaError(InfrastructureError):
    """Raise it when the service refuses for its rate limit or quota; the session is tried again later.

    Attributes:
        retry_after_s: how long the service asks to wait; None when it does not say.
    """

    def __init__(self, message: str, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class AccountError(InfrastructureError):
    """Raise it when the service refuses every session: no credit, a wrong key, a model it does not have.

    The adapter is asked no further: one attempt is recorded, what waits stays undone, others go on.

    Attributes:
        remedy: what the person at the keyboard can do about it.
    """

    def __init__(self, message: str, remedy: str = "") -> None:
        super().__init__(f"{message}; {remedy}" if remedy else message)
        self.remedy = remedy


class SampleRefusedError(InfrastructureError):
    """Raise it when the service will never take this sample, such as one that is too long for a session.

    The attempt is missing data as any other of the infrastructure, but is not tried again.
    """


class UserAwayError(InfrastructureError):
    """What a simulated user needs cannot be reached or is not there: ``infrastructure``.

    Attributes:
        again: it may go better another time.
    """

    def __init__(self, message: str, *, again: bool = True) -> None:
        super().__init__(message)
        self.again = again


class UserSideError(_ToldError):
    """A simulated user failed by its own fault, never the model's: outcome ``invalid``."""


class ProtocolError(_ToldError):
    """Raise it when the model's side breaks its own protocol (garbage, a message too large).

    The attempt ends with the outcome ``adapter_error``.
    """
