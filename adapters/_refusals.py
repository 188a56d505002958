"""What a service's refusal means, as the contract's errors: how it is read, and what it is looked up in.

The tables of what each service says are in ``_refusal_tables``. A refusal is looked up by all the codes in it
and by its text; the first rule that knows one of them counts, then HTTP's and websocket's own status. What
nobody knows is an ``InfrastructureError``: nothing is known to be wrong but that there was no answer.
"""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cached_property

from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.frames import Close

from tml_bench.adapter import AccountError, InfrastructureError, ProtocolError, QuotaError
from tml_bench.adapters._inbound import parse_json
from tml_bench.redact import plain

MAX_BODY = 64 * 2**10
"""Most bytes read of the body of a refusal; a longer one is cut, and then is no JSON."""
_OUR_COMPLAINTS = {1002, 1003, 1007, 1009}
_CLOSE_STATUS = {1009: 413, 1013: 429, 3000: 401, 3003: 403, 4401: 401, 4403: 403, 4429: 429}
_WAIT = re.compile(
    r"(?:try again|retry)\w* in (?:(?P<h>\d+)h)?(?:(?P<m>\d+)m(?!s))?(?:(?P<n>\d+(?:\.\d+)?)(?P<unit>ms|s))?",
    re.IGNORECASE,
)
_FAILURES = {1011, 1012, 1014}
_TELLING = frozenset({"401", "402", "403", "429"})
"""Statuses that mean the same as a code within an error; 400 or 404 there may be about one message."""
LONGEST_SAID = 2000
"""Most characters looked at of what a service says of an error."""
LONGEST_CODE, MOST_CODES = 200, 20
"""The same of a code of it, and how many codes."""
LONGEST_WAIT_S = 366 * 86_400.0
"""Longest wait that a service can ask for, in seconds: beyond it is a year."""
_EVENTS = {"error", "session.closed"}
_SECONDS = re.compile(r"(\d+(?:\.\d+)?)s")


@dataclass(frozen=True)
class RefusalRule:
    """What some of a service's errors mean.

    Attributes:
        what: they say, in a few words.
        error: the class of them.
        codes: codes, types, statuses or reasons, as the service spells them; case does not matter. One of
            several words (``model_not_found``, ``API_KEY_INVALID``) is found within a text too.
        says: a regular expression of what their text says; case does not matter.
        remedy: what to do about it, for an ``AccountError``; ``{key}`` is where the key comes from.
    """

    what: str
    error: type[InfrastructureError]
    codes: tuple[str, ...] = ()
    says: str = ""
    remedy: str = ""

    @cached_property
    def _known(self) -> frozenset[str]:
        return frozenset(code.lower() for code in self.codes)

    @cached_property
    def _pattern(self) -> re.Pattern[str] | None:
        words = [re.escape(code) for code in self.codes if re.search(r"\w[_.]\w|[a-z][A-Z]", code)]
        within = [rf"(?<![\w.])(?:{'|'.join(words)})(?![\w.])"] if words else []
        says = [self.says] if self.says else []
        return re.compile("|".join(within + says), re.IGNORECASE) if within or says else None

    def knows(self, said: "ReportedError") -> bool:
        """Whether the rule is about that error."""
        if not self._known.isdisjoint(code.lower() for code in said.codes):
            return True
        return self._pattern is not None and self._pattern.search(str(said)) is not None


@dataclass(frozen=True, slots=True)
class ReportedError:
    """What a service says of an error.

    Attributes:
        message: for people.
        codes: codes, types, statuses and reasons, as far as there are any.
        wait_s: how long it asks to wait, in seconds; None when it does not say.
    """

    message: str
    codes: tuple[str, ...] = ()
    wait_s: float | None = None

    def __post_init__(self) -> None:
        """Cut what nobody reads: rules look for many things in it."""
        object.__setattr__(self, "message", self.message[:LONGEST_SAID])
        object.__setattr__(self, "codes", tuple(code[:LONGEST_CODE] for code in self.codes[:MOST_CODES]))
        if self.wait_s is not None:
            object.__setattr__(self, "wait_s", min(self.wait_s, LONGEST_WAIT_S))

    def __str__(self) -> str:
        return ": ".join(part for part in (" ".join(self.codes), self.message) if part)


@dataclass(frozen=True)
class ServiceRefusals:
    """All that is known of how one service refuses.

    Attributes:
        service: its name.
        rules: looked up in this order.
        key: the environment variables that may hold the key; empty when it needs none.
    """

    service: str
    rules: tuple[RefusalRule, ...]
    key: str = ""
    statuses: tuple[RefusalRule, ...] = field(repr=False, default=())

    def rule(self, said: ReportedError, status: int | None = None) -> RefusalRule | None:
        """The first rule that is about this error, or else about the HTTP status; None when none is."""
        numbers = ReportedError("", (str(status), *_TELLING.intersection(said.codes)))
        known = (rule for rule in self.rules if rule.knows(said))
        return next(known, None) or next((rule for rule in self.statuses if rule.knows(numbers)), None)

    def error(self, where: str, said: ReportedError, status: int | None = None) -> InfrastructureError:
        """The contract's error; its message is ``where`` and what was said."""
        text = f"{where} {plain(str(said))}" if str(said) else where.removesuffix(":")
        return self._made(self.rule(said, status), text, said, waits=status == 503)

    def _made(
        self, rule: RefusalRule | None, text: str, said: ReportedError, waits: bool = False
    ) -> InfrastructureError:
        kind = InfrastructureError if rule is None else rule.error
        wait = _wait_in(said.message) if said.wait_s is None else said.wait_s
        if rule is not None and kind is AccountError:
            return AccountError(text.rstrip("."), rule.remedy.format(key=self.key or "the key"))
        if kind is QuotaError or (waits and wait is not None):
            return QuotaError(text, wait)
        return kind(text)

    def closed(self, where: str, close: Close) -> InfrastructureError:
        """The error for a connection to ``where`` that the service closed."""
        said = ReportedError(close.reason)
        rule = self.rule(said, _CLOSE_STATUS.get(close.code))
        return self._made(rule, f"{where} closed the connection: {plain(str(close))}", said)

    def answered(
        self, where: str, status: int, headers: Mapping[str, str], body: bytes | bytearray | None
    ) -> InfrastructureError:
        """The error for a request to ``where`` that was answered with another status than asked for."""
        said = read_error(bytes(body or b""))
        wait = retry_after_s(headers.get("Retry-After"))
        said = ReportedError(said.message, said.codes, said.wait_s if wait is None else wait)
        return self.error(f"{where} answers HTTP {status}:", said, status)


def read_error(answer: object) -> ReportedError:
    """What an error says: a JSON object of any service's shape, its bytes, or a text.

    Understood are ``error`` objects (OpenAI, Google, their lists), the fields themselves without one
    (DashScope, vLLM), and plain texts under ``error`` or ``detail`` (Ollama, FastAPI).
    """
    if isinstance(answer, bytes):
        text = answer[:MAX_BODY].decode("utf-8", "replace").strip()
        try:
            answer = parse_json(text)
        except ProtocolError:
            return ReportedError(text)
    if isinstance(answer, Sequence) and not isinstance(answer, str):
        answer = answer[0] if answer else ""
    if not isinstance(answer, Mapping):
        return ReportedError("" if answer is None else str(answer))
    inner = answer.get("error")
    said = inner if isinstance(inner, Mapping) else answer
    details = [part for part in _listed(said.get("details")) if isinstance(part, Mapping)]
    fields = [said.get(name) for name in ("code", "type", "status", "reason")]
    codes = [str(code) for code in (*fields, *(part.get("reason") for part in details)) if code]
    message = said.get("message") or (inner if isinstance(inner, str) else said.get("detail")) or ""
    waits = [found for part in details if (found := _SECONDS.fullmatch(str(part.get("retryDelay"))))]
    wait = max((float(found[1]) for found in waits), default=None)
    return ReportedError(str(message), tuple(dict.fromkeys(c for c in codes if c not in _EVENTS)), wait)


def _listed(value: object) -> Sequence[object]:
    return value if isinstance(value, list) else ()


def _wait_in(text: str) -> float | None:
    """The seconds of "try again in 6m0s"; None where nothing is said."""
    found = _WAIT.search(text)
    if found is None or not any(found[part] for part in ("h", "m", "n")):
        return None
    seconds = float(found["n"] or 0) * (0.001 if found["unit"] == "ms" else 1.0)
    return min(3600.0 * float(found["h"] or 0) + 60.0 * float(found["m"] or 0) + seconds, LONGEST_WAIT_S)


def http_refusal(error: InvalidStatus, url: str, refusals: ServiceRefusals) -> InfrastructureError:
    """The error for a websocket's handshake that was answered with another status."""
    response = error.response
    waits = response.headers.get_all("Retry-After")  # which must not come twice, and may
    headers = {"Retry-After": waits[-1]} if waits else {}
    return refusals.answered(url, response.status_code, headers, response.body)


def closed_error(
    error: ConnectionClosed, url: str, refusals: ServiceRefusals
) -> InfrastructureError | ProtocolError:
    """The contract's error for a connection that ended.

    When this side closed it first because of what the service sent (a malformed frame, text that is not
    UTF-8, a message too large), the service broke its protocol.
    """
    if error.sent is not None and not error.rcvd_then_sent and error.sent.code in _OUR_COMPLAINTS:
        return ProtocolError(f"{url} broke the websocket protocol: {error.sent}")
    if error.rcvd is None:
        return InfrastructureError(f"the connection to {url} broke")
    return refusals.closed(url, error.rcvd)


def in_good_order(error: ConnectionClosed, refusals: ServiceRefusals) -> bool:
    """Whether the service ended the connection because it was done, and gave no other reason."""
    ended = error.rcvd
    return ended is not None and ended.code in (1000, 1001) and not refusals.rule(ReportedError(ended.reason))


def is_broken(error: Exception) -> bool:
    """Whether a connection was lost for no reason that would stand in the way of another one.

    One that was given up because it no longer answered is not: its service hangs.
    """
    cause = error.__cause__
    if type(error) is not InfrastructureError or not isinstance(cause, ConnectionClosed):
        return False
    return cause.rcvd.code in _FAILURES if cause.rcvd is not None else cause.sent is None


def retry_after_s(header: str | None) -> float | None:
    """The seconds that a ``Retry-After`` names, as a number or as a HTTP date; None where it names none."""
    text = (header or "").strip()
    try:
        seconds = float(text)
    except ValueError:
        try:
            when = parsedate_to_datetime(text)
        except (ValueError, ArithmeticError):
            return None
        when = when if when.tzinfo else when.replace(tzinfo=UTC)
        seconds = (when - datetime.now(UTC)).total_seconds()
    return max(0.0, seconds) if math.isfinite(seconds) else None
