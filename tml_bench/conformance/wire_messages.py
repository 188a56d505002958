"""What the messages of a played session of the wire protocol must be, each of them and together."""

from itertools import pairwise

from tml_bench.adapter import InfrastructureError, ProtocolError
from tml_bench.adapters.wire.session import Inbox
from tml_bench.conformance import CaseResult, failed, passed, skipped, warned
from tml_bench.conformance.wire_play import WireLog
from tml_bench.redact import plain
from tml_bench.wire.messages import AUDIO, JPEG, BinaryFrame, Ready

COSTLY = 10.0
"""``compute_ms`` of so many times what the answer took is hardly in milliseconds."""
MOST_MS = 3_600_000
"""Most ``compute_ms`` that the protocol takes."""
_HEADER = (
    "see Transport in docs/wire-protocol.md: little endian, u8 kind, u8 flags, u16 item, u32 seq, u64 t_us"
)


def messages(log: WireLog) -> CaseResult:
    """Every message is one of the protocol, whole and within its bounds, and ``ready`` comes once."""
    inbox = Inbox()
    for number, data in enumerate(log.raw, 1):
        try:
            message = inbox.read(data).message
        except (ProtocolError, InfrastructureError) as error:
            return failed(f"message {number}: {error}", "see Messages in docs/wire-protocol.md", *log.sent)
        if isinstance(message, Ready):
            return failed(f"message {number} is a second `ready`", "answer `hello` once", *log.sent)
    if log.ended and log.undone < 0:
        remedy = "keep the session open until the harness closes it"
        return failed(f"ends a session before its time: {log.ended}", remedy, *log.sent)
    return passed(f"{len(log.raw)} messages, all well-formed")


def frames(log: WireLog) -> CaseResult:
    """Headers of frames are as the protocol has them."""
    frames = [message for message in log.read if isinstance(message, BinaryFrame)]
    if not frames:
        return skipped("sends no frames")
    flags = {data[1] for data in log.raw if isinstance(data, bytes) and len(data) > 1}
    numbers = [frame.seq for frame in frames]
    if JPEG in {frame.kind for frame in frames}:
        return warned("sends images, kind 2, which is from the harness only and ignored", _HEADER)
    if AUDIO not in {frame.kind for frame in frames}:
        return failed(f"sends frames of kind {frames[0].kind} only, which are ignored", _HEADER)
    if flags != {0} or {frame.t_us for frame in frames} != {0}:
        return warned("fills flags or t_us, which a model leaves 0 and nobody looks at", _HEADER)
    if any(numbers) and numbers != list(range(len(numbers))):
        first = ", ".join(map(str, numbers[:4]))
        return warned(f"numbers its frames {first}, ...", f"count seq from 0, or leave it 0; {_HEADER}")
    return passed(f"{len(frames)} frames, seq {'counts' if any(numbers) else 'left 0'}")


def items(log: WireLog) -> CaseResult:
    """Replies are numbered from 1, and the numbers grow."""
    numbers = [frame.item for frame in log.audio]
    if not numbers:
        return skipped("sends no audio")
    remedy = "number replies 1, 2, 3, ...: each frame of audio names its own, never one before it"
    if 0 in numbers:
        return failed("sends audio of a reply with the number 0", remedy)
    for before, after in pairwise(numbers):
        if after < before:
            return failed(f"sends audio of reply {after} after that of reply {before}", remedy)
    return passed(f"{len(set(numbers))} replies, numbers that grow")


def ticks(log: WireLog) -> CaseResult:
    """Each tick gets its ``tick_done``, and nothing comes between it and the next tick."""
    remedy = "answer each `tick` with one `tick_done` of the same `n`, after all that answers it"
    if log.undone >= 0:
        return failed(f"tick {log.undone}: {log.ended}", remedy)
    for n, done in enumerate(log.done):
        if done.n != n:
            return failed(f"tick_done says {plain(str(done.n))} where {n} is due", remedy)
    if log.between:
        return failed(
            f"sends {plain(log.between[0])!r} after `tick_done` and before the next `tick`",
            f"{remedy}: what comes later is counted to the next, or not, by chance",
        )
    if log.ended:
        return skipped("the session ended before its time")
    costs = [
        (float(cost), done.took_ms)
        for done in log.done
        if isinstance(cost := done.compute_ms, int | float) and 0 <= cost <= MOST_MS
    ]
    seen = f"tick_done for each of {len(log.done)} ticks"
    if not costs:
        return passed(f"{seen}, without compute_ms: the harness measures it")
    claimed, took = sum(c for c, _ in costs), sum(t for _, t in costs)
    average = f"compute_ms of {claimed / len(costs):.1f} where the answer took {took / len(costs):.1f} ms"
    if claimed > COSTLY * max(took, len(costs)):
        remedy = "give what the micro-turn cost, in milliseconds; right for a simulation"
        return warned(f"{seen}; {average}", remedy)
    return passed(f"{seen}, {average}")
