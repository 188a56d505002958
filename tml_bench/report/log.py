"""A recording's events as lines that a person can read."""

from collections.abc import Iterator, Sequence

import msgspec

from tml_bench import events as ev
from tml_bench.recording import Recording
from tml_bench.timebase import nanoseconds, seconds


def describe(recording: Recording, speech_ends: Sequence[float | None] = ()) -> Iterator[str]:
    """Lines: what the recording is, then its timeline, then how compute was spent.

    ``speech_ends`` says where the user's speech ends in each of their turns, None where none is heard;
    without, only the ends of the turns' audio are known.

    Chunks of model audio that follow each other without a gap are one line; micro-turns are summed up at
    the end. Control characters, which could act on a terminal, are shown as escapes.
    """
    opened, manifest = recording.opened, recording.manifest
    yield printable(f"{opened.task}/{opened.sample} by {opened.adapter}")
    yield (
        f"{recording.duration_s:.3f} s at {manifest.rate} Hz, clock {manifest.clock}, "
        f"compute {manifest.compute}, micro-turns of {opened.tick_ns / 1e6:g} ms, seed {opened.seed}, "
        f"{opened.schema}"
    )
    yield ""
    for t_ns, who, what in _timeline(recording, speech_ends):
        yield f"{seconds(t_ns):10.3f} s  {who:<6} {printable(what)}"
    yield ""
    if share := recording.facts.clipped:
        yield f"{_share(share)} of the model's samples were over full scale and clipped"
    yield from _compute([e for e in recording.events() if isinstance(e, ev.StepDone)])
    yield from _frames([e for e in recording.events() if isinstance(e, ev.FrameShown)])
    yield from _sending([e for e in recording.events() if isinstance(e, ev.TurnSent)])
    yield from _pings([e for e in recording.events() if isinstance(e, ev.ServicePinged)])


def _share(share: float) -> str:
    """A share of samples in [0, 1] in per cent, with two digits that count, or as less than 0.01 %."""
    return f"{100 * share:.2g} %" if share >= 1e-4 else "less than 0.01 %"


def printable(text: str) -> str:
    """The text with control characters, which could act on a terminal, as escapes."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def _timeline(recording: Recording, speech_ends: Sequence[float | None]) -> list[tuple[int, str, str]]:
    lines: list[tuple[int, str, str]] = []
    stretch: ev.ModelAudio | None = None
    turns = 0
    for event in recording.events():
        if isinstance(event, ev.ModelAudio):
            if stretch is not None and event.heard_ns == stretch.end_ns:
                onset = stretch.onset_ns if stretch.onset_ns is not None else event.onset_ns
                stretch = ev.ModelAudio(stretch.t_ns, stretch.heard_ns, event.end_ns, onset)
                continue
            lines.extend(_line(stretch))
            stretch = event
        elif isinstance(event, ev.UserTurnStarted):
            lines.extend(_user_turn(event, speech_ends[turns : turns + 1]))
            turns += 1
        elif not isinstance(event, ev.StepDone):
            lines.extend(_line(event))
    lines.extend(_line(stretch))
    return sorted(lines, key=lambda line: line[0])


def _user_turn(turn: ev.UserTurnStarted, speech_end: Sequence[float | None]) -> list[tuple[int, str, str]]:
    """The lines of a turn; where its speech ends matters, not where its audio does, if that is known."""
    late = ", cue timed out" if turn.timed_out else ""
    label = f" ({turn.label})" if turn.label else ""
    begun = (turn.t_ns, "user", f"starts turn {turn.turn}{label}{late}")
    match speech_end:
        case [float(end)]:
            audio = f"the turn's audio ends at {seconds(turn.end_ns):.3f} s"
            return [begun, (nanoseconds(end), "user", f"stops speaking in turn {turn.turn}; {audio}")]
        case [None]:
            return [
                begun,
                (turn.end_ns, "user", f"ends the audio of turn {turn.turn}; no speech is heard in it"),
            ]
        case _:
            return [begun, (turn.end_ns, "user", f"ends the audio of turn {turn.turn}")]


def _line(event: object) -> list[tuple[int, str, str]]:
    """The lines of an event: when in nanoseconds, who, and what; none for those that are summed up."""
    match event:
        case ev.UserVideoStarted():
            about = [event.codec, f"{event.width}x{event.height}", "with sound" if event.sound else "muted"]
            about += [f"{event.subtitles} subtitles"] if event.subtitles else []
            shown = ", ".join([*about, *event.notes])
            starts = (event.t_ns, "user", f"starts video {event.video} {event.name} ({shown})")
            return [starts, (event.end_ns, "user", f"ends video {event.video}, then {event.after}")]
        case ev.ModelAudio(onset_ns=None):
            return [(event.heard_ns, "model", f"sends silence until {seconds(event.end_ns):.3f} s")]
        case ev.ModelAudio(onset_ns=int(onset)):
            emitted = "" if event.heard_ns == event.t_ns else f", emitted at {seconds(event.t_ns):.3f} s"
            return [(onset, "model", f"is heard until {seconds(event.end_ns):.3f} s{emitted}")]
        case ev.ModelTranscript():
            times = "" if event.words else ", without times"
            at = event.words[0].start_ns if event.words else event.t_ns
            return [(at, "model", f"says {event.text.strip()!r}{times}")]
        case ev.ImportedTranscript():
            text = " ".join(word.text.strip() for word in event.words)
            at_s = next((word.start_s for word in event.words if word.start_s is not None), 0.0)
            return [(round(at_s * 1e9), "model", f"says {text!r} (imported transcript)")]
        case ev.Note():
            return [(0, "note", event.text)]
        case ev.UserTextSent():
            return [(event.t_ns, "user", f"writes {event.text!r}")]
        case ev.Flush():
            amounts = f"{event.heard_ms:.0f} ms heard, {event.dropped_ms:.0f} ms dropped"
            return [(event.t_ns, "model", f"flushes: {amounts}")]
        case ev.ModelText():
            return [(event.t_ns, "model", f"writes {event.text!r}")]
        case ev.ModelToolCall():
            given = event.arguments if event.filled is None else event.filled
            defaults = given.keys() - event.arguments.keys()
            arguments = [f"{key}={value!r}{' (default)' * (key in defaults)}" for key, value in given.items()]
            told = event.unreadable or ", ".join(arguments)
            return [(event.t_ns, "model", f"calls {event.name}({told})")]
        case ev.ToolReturned():
            gives = event.ended or ("error" if event.is_error else "result")
            return [(event.t_ns, "tool", f"{event.name} gives {gives} {event.output!r}")]
        case ev.Fault() | ev.SessionClosed():
            return [(event.t_ns, "fault" if isinstance(event, ev.Fault) else "end", event.reason)]
        case ev.ProviderMessage():
            return [(event.t_ns, "wire", f"{'->' if event.sent else '<-'} {event.type}")]
        case ev.ServiceUsage(t_ns=t_ns):
            counted = msgspec.to_builtins(event)
            told = ", ".join(
                f"{n} {name}" for name, n in counted.items() if n and name not in ("kind", "t_ns")
            )
            return [(t_ns, "usage", told)]
        case _:
            return []


def _frames(shown: list[ev.FrameShown]) -> Iterator[str]:
    if shown:
        black = sum(frame.pts_ns is None for frame in shown)
        yield f"{len(shown)} frames handed over" + (f", {black} of them black" if black else "")


def _pings(pings: list[ev.ServicePinged]) -> Iterator[str]:
    if pings:
        took = sorted(ping.took_ns / 1e6 for ping in pings)
        median, worst = took[len(took) // 2], took[-1]
        yield f"{len(pings)} pings answered, after {median:.1f} ms (median), {worst:.1f} ms at most"


def _sending(sent: list[ev.TurnSent]) -> Iterator[str]:
    if not sent:
        return
    late = sorted(s.late_ns / 1e6 for s in sent)
    took = max(s.took_ns for s in sent) / 1e6
    yield (
        f"{len(sent)} micro-turns sent; the harness was late by {late[len(late) // 2]:.1f} ms (median), "
        f"{late[-1]:.1f} ms at most; sending took up to {took:.1f} ms"
    )


def _compute(steps: list[ev.StepDone]) -> Iterator[str]:
    if not steps:
        return
    costs = [step.compute_ns / 1e6 for step in steps]
    lag = max((step.done_ns - step.handed_ns) / 1e6 for step in steps)
    yield (
        f"{len(steps)} micro-turns; compute mean {sum(costs) / len(costs):.1f} ms, max {max(costs):.1f} ms; "
        f"output up to {lag:.1f} ms after hand-over"
    )
