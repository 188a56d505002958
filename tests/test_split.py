"""A front and a background model: what is handed to whom, when, and what is measured of both."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from fakes import MS, Ran, Scripted, run_session, sample_of
from msgspec import structs
from test_session_live import Service, play

from tml_bench import events as ev
from tml_bench.adapter import (
    InfrastructureError,
    MicroTurn,
    Output,
    ProviderEvent,
    SampleRefusedError,
    SessionStart,
    ToolCall,
    ToolSpec,
    Transcript,
)
from tml_bench.adapters.split.background import BackgroundError, BackgroundReply
from tml_bench.adapters.split.live import LiveSplit
from tml_bench.adapters.split.relay import ASK, MOST_OPEN, MOST_ROUNDS
from tml_bench.adapters.split.stepped import StepSplit
from tml_bench.recording import Recording
from tml_bench.report import content
from tml_bench.report.files import full_markdown
from tml_bench.report.split_lines import split_line
from tml_bench.samples import Sample, Tool, UserText
from tml_bench.scoring.epochs import united
from tml_bench.scoring.summary_file import from_json, to_json
from tml_bench.session.settings import Compute, Settings
from tml_bench.split_times import SplitTimes


@dataclass
class Thinker:
    """Gives its plan's answers in turn: first words after so many seconds, and all of it after so many.

    Sleeps where the loop's time is virtual; else it moves ``now``, the clock that measures it.
    """

    plan: list[tuple[float, float, BackgroundReply | Exception]]
    sleeps: bool = False
    now: int = 0
    seen: list[Any] = field(default_factory=list)
    tools: list[Sequence[ToolSpec]] = field(default_factory=list)
    given_up: int = 0
    name: str = "thinker"

    def load(self) -> None:
        """Nothing to load."""

    def clock(self) -> int:
        return self.now

    async def answer(
        self, messages: Sequence[Any], tools: Sequence[ToolSpec], came: Callable[[str], None]
    ) -> BackgroundReply:
        self.seen.append([dict(message) for message in messages])
        self.tools.append(tools)
        first_s, whole_s, reply = self.plan[len(self.seen) - 1]
        try:
            await self._pass(first_s)
            words = [] if isinstance(reply, Exception) else [*re.findall(r"\S+\s*", reply.text), ""]
            # The words come one after the other, and the end after the last.
            each_s = round((whole_s - first_s) / max(1, len(words)), 9)
            for word in words:
                came(word)
                await self._pass(each_s)
            await self._pass(whole_s - first_s - each_s * len(words))
        except asyncio.CancelledError:
            self.given_up += 1
            raise
        if isinstance(reply, Exception):
            raise reply
        return reply

    async def _pass(self, seconds: float) -> None:
        if self.sleeps:
            await asyncio.sleep(seconds)
        elif seconds == float("inf"):
            self.now += 3600 * 1_000_000_000
            await asyncio.Event().wait()
        self.now += 0 if self.sleeps else round(seconds * 1e9)


def ask(request: object = "What now?", call_id: str = "a", **more: Any) -> Output:
    return Output(tool_calls=(ToolCall(call_id, ASK, {"request": request}),), compute_s=0.0, **more)


def front(outputs: dict[int, Output]) -> Scripted:
    """A front whose steps cost nothing."""
    return Scripted({k: outputs.get(k, Output(compute_s=0.0)) for k in range(60)})


def talk(length_s: float = 3.0, *texts: tuple[float, str], **script: Any) -> Sample:
    said = tuple(UserText(at_s, text) for at_s, text in texts)
    return sample_of(tail_s=length_s, texts=said, **script)


def run(
    folder: Path, outputs: dict[int, Output], thinker: Thinker, example: Sample | None = None, **options: Any
) -> tuple[Ran, Scripted]:
    in_front = front(outputs)
    adapter = StepSplit(in_front, thinker, clock=thinker.clock, **options)
    settings = Settings(compute=Compute.CHARGED)
    return run_session(folder, example or talk(), adapter, settings), in_front


def told(ran: Ran | Recording, what: str) -> list[dict[str, object]]:
    events = ran.events if isinstance(ran, Ran) else ran.events()
    found = (e for e in events if isinstance(e, ev.ProviderMessage) and e.type == f"split.{what}")
    return [dict(e.body) for e in found]


def results(in_front: Scripted) -> list[tuple[int, object, bool]]:
    return [(t.index, r.output, r.is_error) for t in in_front.turns for r in t.tool_results]


def test_an_answer_is_there_exactly_when_the_background_model_has_given_it(tmp_path: Path) -> None:
    thinker = Thinker([(0.35, 0.6, BackgroundReply("Blue."))])
    ran, in_front = run(tmp_path / "r", {1: ask()}, thinker)
    # Asked at the hand-over at 0.4 s, so the answer is there at 1.0 s, the hand-over of micro-turn 4.
    assert results(in_front) == [(4, {"answer": "Blue."}, False)]
    assert told(ran, "first_token") == [{"ask": 1, "after_s": 0.35}]
    (answer,) = told(ran, "answer")
    assert answer == {"ask": 1, "after_s": 0.6, "background_s": 0.6, "answer": "Blue."}
    assert told(ran, "given") == [{"ask": 1, "handed_s": 1.0}]
    assert all(e.compute_ns == 0 for e in ran.of(ev.StepDone)), "waiting is charged to nobody"
    assert ran.of(ev.ModelToolCall) == [], "what is asked is no call of the task's"


def test_an_answer_that_comes_a_nanosecond_later_waits_for_the_next_micro_turn(tmp_path: Path) -> None:
    _, in_front = run(tmp_path / "r", {1: ask()}, Thinker([(0.1, 0.600000001, BackgroundReply("Blue."))]))
    assert results(in_front) == [(5, {"answer": "Blue."}, False)]


def test_the_request_leaves_when_the_fronts_step_is_done(tmp_path: Path) -> None:
    slow = Output(tool_calls=ask().tool_calls, compute_s=0.15)
    ran, in_front = run(tmp_path / "r", {1: slow}, Thinker([(0.1, 0.6, BackgroundReply("Blue."))]))
    assert results(in_front) == [(5, {"answer": "Blue."}, False)]
    assert [e.compute_ns for e in ran.of(ev.StepDone)][1] == 150 * MS


def test_the_whole_conversation_is_handed_over(tmp_path: Path) -> None:
    spoken = Output(transcript=(Transcript("Let me "), Transcript("think.")), compute_s=0.0)
    call = Output(tool_calls=(ToolCall("t", "weather", {"city": "Oslo"}),), compute_s=0.0)
    weather = Tool("weather", "Tells the weather.", {"type": "object"}, answer=lambda given: {"sky": "grey"})
    example = talk(3.0, (0.1, "Hello."), (0.5, "And Oslo?"), tools=(weather,), instructions="Be kind.")
    thinker = Thinker([(0.1, 0.2, BackgroundReply("Take a coat."))])
    ran, in_front = run(tmp_path / "r", {1: spoken, 3: call, 6: ask("What to wear?")}, thinker, example)
    system, *said = thinker.seen[0]
    assert "Be kind." in system["content"]
    assert "weather" in system["content"], "it is told what the front can do"
    assert said[:3] == [
        {"role": "user", "content": "Hello."},
        {"role": "assistant", "content": "Let me think."},
        {"role": "user", "content": "And Oslo?"},
    ]
    assert said[3]["tool_calls"][0]["function"] == {"name": "weather", "arguments": '{"city": "Oslo"}'}
    assert said[4] == {"role": "tool", "tool_call_id": "t", "content": '{"sky": "grey"}'}
    assert said[5:] == [{"role": "user", "content": "What to wear?"}]
    assert told(ran, "request")[0]["messages"] == thinker.seen[0]
    assert [tool.name for tool in in_front.sessions[0].tools] == [ASK, "weather"]
    assert thinker.tools == [()]


def test_two_messages_of_one_side_are_one(tmp_path: Path) -> None:
    thinker = Thinker([(0.1, 0.2, BackgroundReply("Yes."))])
    run(tmp_path / "r", {3: ask("Is it?")}, thinker, talk(3.0, (0.1, "Hello."), (0.3, "Is it late?")))
    assert thinker.seen[0][1:] == [{"role": "user", "content": "Hello.\nIs it late?\n\nIs it?"}]


def test_the_front_speaks_on_while_it_waits(tmp_path: Path) -> None:
    outputs: dict[int, Output] = {k: Output(text=f"{k}", compute_s=0.0) for k in range(2, 8)}
    ran, _ = run(tmp_path / "r", {1: ask(), **outputs}, Thinker([(0.1, 1.0, BackgroundReply("Blue."))]))
    assert [e.t_ns for e in ran.of(ev.ModelText)] == [k * 200 * MS for k in range(3, 9)]


def test_the_tasks_functions_can_be_the_background_models(tmp_path: Path) -> None:
    slow = Tool("weather", "", {"type": "object"}, answer=lambda given: {"sky": "grey"}, latency_s=0.5)
    call = BackgroundReply("", (ToolCall("x", "weather", {"city": "Oslo"}),))
    thinker = Thinker([(0.1, 0.2, call), (0.1, 0.3, BackgroundReply("It is grey."))])
    ran, in_front = run(tmp_path / "r", {0: ask()}, thinker, talk(4.0, tools=(slow,)), behind=True)
    # Asked at 0.2 s, called at 0.4 s, the result of 0.9 s is handed over at 1.0 s, answered at 1.3 s.
    assert [(e.t_ns, e.name, e.call_id) for e in ran.of(ev.ModelToolCall)] == [
        (400 * MS, "weather", "background-1")
    ]
    assert [e.t_ns for e in ran.of(ev.ToolReturned)] == [900 * MS]
    assert thinker.seen[1][-2]["tool_calls"][0]["id"] == "x"
    assert thinker.seen[1][-1] == {"role": "tool", "tool_call_id": "x", "content": '{"sky": "grey"}'}
    assert [tool.name for tool in thinker.tools[1]] == ["weather"]
    assert [tool.name for tool in in_front.sessions[0].tools] == [ASK]
    assert results(in_front) == [(6, {"answer": "It is grey."}, False)], "the function's result is not its"
    (answer,) = told(ran, "answer")
    assert (answer["after_s"], answer["background_s"]) == (1.1, 0.5)


def test_a_background_model_that_calls_for_ever_is_stopped(tmp_path: Path) -> None:
    tool = Tool("weather", "", {"type": "object"}, answer=lambda given: "grey")
    call = BackgroundReply("", (ToolCall("x", "weather", {}),))
    thinker = Thinker([(0.0, 0.0, call)] * (MOST_ROUNDS + 1))
    _, in_front = run(tmp_path / "r", {0: ask()}, thinker, talk(6.0, tools=(tool,)), behind=True)
    ((_, output, is_error),) = results(in_front)
    assert is_error
    assert f"more than {MOST_ROUNDS} times" in str(output)


@pytest.mark.parametrize(
    ("request_", "error", "reason"),
    [
        ("Why?", BackgroundError("no answer within 0.6 s"), "no answer within 0.6 s"),
        ("Why?", BackgroundReply("", (ToolCall("x", "weather", {}),)), "it calls functions, and has none"),
        (7, BackgroundReply("unused"), "request must be a text"),
    ],
)
def test_what_fails_is_a_result_and_the_session_goes_on(
    tmp_path: Path, request_: object, error: BackgroundReply | Exception, reason: str
) -> None:
    outputs = {1: ask(request_), 9: Output(text="Still here.", compute_s=0.0)}
    ran, in_front = run(tmp_path / "r", outputs, Thinker([(0.1, 0.6, error)]))
    ((_, output, is_error),) = results(in_front)
    assert (output, is_error) == (f"the background model gives no answer: {reason}", True)
    assert [failed["reason"] for failed in told(ran, "failed")] == [reason]
    assert len(ran.of(ev.ModelText)) == 1
    assert not ran.of(ev.Fault)


def test_a_server_that_is_away_is_told_at_the_end_and_not_blamed_on_the_model(tmp_path: Path) -> None:
    away = InfrastructureError("http://x cannot be reached")
    outputs = {1: ask(), 9: Output(text="Sorry.", compute_s=0.0)}
    with pytest.raises(InfrastructureError, match="the background model: http://x cannot be reached"):
        run(tmp_path / "r", outputs, Thinker([(0.1, 0.2, away)]))
    texts = [e.text for e in Recording(tmp_path / "r").events() if isinstance(e, ev.ModelText)]
    assert texts == ["Sorry."], "the session went on to its end"
    later = {1: ask(), 6: ask(call_id="b")}
    ran, in_front = run(
        tmp_path / "s", later, Thinker([(0.1, 0.2, away), (0.1, 0.2, BackgroundReply("Blue."))])
    )
    assert [is_error for _, _, is_error in results(in_front)] == [True, False]
    assert not ran.of(ev.Fault), "it came back"


def test_a_request_is_given_up_when_the_front_cancels_it(tmp_path: Path) -> None:
    cancel = Output(cancelled_calls=("a", "other"), compute_s=0.0)
    thinker = Thinker([(float("inf"), 0.0, BackgroundReply("late"))])
    ran, in_front = run(tmp_path / "r", {1: ask(), 4: cancel}, thinker)
    assert results(in_front) == []
    assert told(ran, "cancelled") == [{"ask": 1, "after_s": 0.6, "background_s": 0.6}]
    assert thinker.given_up == 1


def test_a_function_that_a_cancelled_request_waits_for_is_not_executed(tmp_path: Path) -> None:
    done: list[object] = []
    slow = Tool("book", "", {"type": "object"}, answer=lambda given: done.append(given), latency_s=1.0)
    thinker = Thinker([(0.1, 0.2, BackgroundReply("", (ToolCall("x", "book", {}),)))])
    cancel = Output(cancelled_calls=("a",), compute_s=0.0)
    ran, _ = run(tmp_path / "r", {0: ask(), 4: cancel}, thinker, talk(4.0, tools=(slow,)), behind=True)
    assert [e.ended for e in ran.of(ev.ToolReturned)] == ["cancelled"]
    assert done == []
    assert told(ran, "cancelled") == [{"ask": 1, "after_s": 0.8, "background_s": 0.2}]


def test_so_many_requests_may_be_open_and_no_more(tmp_path: Path) -> None:
    calls = tuple(ToolCall(str(k), ASK, {"request": "?"}) for k in range(MOST_OPEN + 1))
    # One clock measures all: it stands still, so that all are answered at once.
    thinker = Thinker([(0.0, 0.0, BackgroundReply("Yes."))] * MOST_OPEN)
    _, in_front = run(tmp_path / "r", {0: Output(tool_calls=calls, compute_s=0.0)}, thinker)
    assert sum(is_error for _, _, is_error in results(in_front)) == 1
    assert len(results(in_front)) == MOST_OPEN + 1


def test_a_tasks_own_function_of_that_name_is_refused() -> None:
    session = SessionStart("s", 200 * MS, tools=(ToolSpec(ASK),))
    with pytest.raises(SampleRefusedError, match=ASK):
        StepSplit(front({}), Thinker([])).start(session)


def test_what_breaks_the_background_client_ends_the_session_and_does_not_hang_it(tmp_path: Path) -> None:
    with pytest.raises(Exception, match="a bug"):
        run(tmp_path / "r", {1: ask()}, Thinker([(0.1, 0.2, RuntimeError("a bug"))]))


class Asking(Service):
    """A service that asks at a time, and says what it was answered as soon as it is."""

    async def send(self, turn: MicroTurn) -> None:
        await super().send(turn)
        for result in turn.tool_results:
            self.answers.append((round(self.now(), 3), result.output, result.is_error))

    def __init__(self, plan: list[tuple[float, Any]]) -> None:
        super().__init__(plan)
        self.answers: list[tuple[float, object, bool]] = []


def heard_event(text: str) -> ProviderEvent:
    return ProviderEvent("conversation.item.input_audio_transcription.completed", {"transcript": text})


def test_a_live_front_asks_and_speaks_on(tmp_path: Path) -> None:
    service = Asking(
        [
            (0.3, heard_event("What colour is the sky?")),
            (0.5, ask("Which colour?")),
            (0.9, Output(text="One moment.")),
        ]
    )
    thinker = Thinker([(0.4, 0.75, BackgroundReply("Blue.", usage={"completion_tokens": 2}))], sleeps=True)
    recording, _ = play(tmp_path / "r", LiveSplit(service, thinker))
    # Asked at 0.5 s, answered at 1.25 s, handed over with the micro-turn at 1.4 s.
    assert service.answers == [(1.4, {"answer": "Blue."}, False)]
    assert thinker.seen[0][1:] == [{"role": "user", "content": "What colour is the sky?\n\nWhich colour?"}]
    assert told(recording, "first_token") == [{"ask": 1, "after_s": pytest.approx(0.4)}]
    (answer,) = told(recording, "answer")
    assert (answer["after_s"], answer["background_s"]) == (pytest.approx(0.75), pytest.approx(0.75))
    assert answer["usage"] == {"completion_tokens": 2}
    texts = [e.t_ns for e in recording.events() if isinstance(e, ev.ModelText)]
    assert texts == [900 * MS]
    times = [e.t_ns for e in recording.events() if isinstance(e, ev.ProviderMessage) and "split" in e.type]
    assert times == [500 * MS, 900 * MS, 1250 * MS, 1400 * MS]


def test_a_live_front_cancels(tmp_path: Path) -> None:
    service = Asking([(0.5, ask()), (0.9, Output(cancelled_calls=("a",)))])
    thinker = Thinker([(0.6, 0.75, BackgroundReply("Blue."))], sleeps=True)
    recording, _ = play(tmp_path / "r", LiveSplit(service, thinker))
    assert service.answers == []
    assert thinker.given_up == 1
    assert told(recording, "cancelled")[0]["background_s"] == pytest.approx(0.4)


def test_functions_behind_a_live_front(tmp_path: Path) -> None:
    from test_session_live import sample

    tool = Tool("weather", "", {"type": "object"}, answer=lambda given: "grey", latency_s=0.5)
    call = BackgroundReply("", (ToolCall("x", "weather", {"city": "Oslo"}),))
    thinker = Thinker([(0.1, 0.2, call), (0.1, 0.3, BackgroundReply("Grey."))], sleeps=True)
    service = Asking([(0.5, ask())])
    recording, _ = play(tmp_path / "r", LiveSplit(service, thinker, behind=True), sample(tools=(tool,)))
    # Called at 0.7 s, the result of 1.2 s is handed over at once, answered at 1.5 s, handed over at 1.6 s.
    assert service.answers == [(1.6, {"answer": "Grey."}, False)]
    (answer,) = told(recording, "answer")
    assert (answer["after_s"], answer["background_s"]) == (pytest.approx(1.0), pytest.approx(0.5))


def test_a_server_that_is_away_from_a_live_front(tmp_path: Path) -> None:
    service = Asking([(0.5, ask()), (1.5, Output(text="Sorry."))])
    away = Thinker([(0.1, 0.2, InfrastructureError("http://x cannot be reached"))], sleeps=True)
    with pytest.raises(InfrastructureError, match="the background model: http://x cannot be reached"):
        play(tmp_path / "r", LiveSplit(service, away))
    assert service.answers == [
        (0.8, "the background model gives no answer: http://x cannot be reached", True)
    ]
    assert service.turns[-1][1].index == 18, "the session went on to its end"
    assert service.closed == 1


def test_what_breaks_the_background_client_ends_a_live_session(tmp_path: Path) -> None:
    service = Asking([(0.5, ask())])
    broken = Thinker([(0.1, 0.2, RuntimeError("a bug"))], sleeps=True)
    with pytest.raises(Exception, match="a bug"):
        play(tmp_path / "r", LiveSplit(service, broken))


def test_the_times_of_front_and_background_are_kept_apart(tmp_path: Path) -> None:
    outputs = {
        1: Output(text="One moment.", compute_s=0.0),
        2: ask(),
        9: Output(text="It is blue.", compute_s=0.0),
        10: ask(call_id="b"),
    }
    thinker = Thinker([(0.35, 1.0, BackgroundReply("Blue.")), (0.1, 0.2, BackgroundError("garbage"))])
    ran, _ = run(tmp_path / "r", outputs, thinker, talk(3.0, (0.1, "What colour?")))
    # A text at 0.1 s; the front writes at 0.4 s, asks at 0.6 s, is answered at 1.6 s, tells it at 2.0 s.
    assert ran.recording.facts.split == SplitTimes(
        replies=(0.3,), asks=(0.5, 2.1), tells=(0.4,), first_words=(0.35,), answers=(1.0,), functions=(0.0,),
        asked=2, failed=1,
    )  # fmt: skip


def test_a_recording_without_a_background_model_has_no_such_times(tmp_path: Path) -> None:
    ran = run_session(tmp_path / "r", talk(1.0), front({1: Output(text="Hi.")}), Settings())
    assert ran.recording.facts.split is None


def test_a_report_tells_the_times_of_front_and_background_apart() -> None:
    from test_report import run as scored

    times = SplitTimes(
        replies=(0.3, 0.5), asks=(0.6,), tells=(0.2,), first_words=(1.0,), answers=(4.0, 5.0, 9.0),
        functions=(0.0, 0.5, 1.0), asked=5, failed=1, cancelled=1,
    )  # fmt: skip
    summary = structs.replace(scored("x", {}), split=times)
    line = (
        "front: replies 0.40 s after the user, asks 0.60 s after the user, tells an answer 0.20 s after it "
        "has it; background model: begins 1.00 s after it is asked, its answer after 5.00 s, 0.50 s of it "
        "functions (medians; 3 of 5 requests answered, 1 failed, 1 cancelled)"
    )
    assert split_line(summary) == line
    assert line in full_markdown([summary])
    assert from_json(to_json([summary]))[0].split == times
    plain = scored("x", {})
    assert split_line(plain) == ""
    assert "split" not in content.made(plain)
    epochs = [
        structs.replace(summary, facts=structs.replace(summary.facts, run="r", epoch=1)),
        structs.replace(summary, facts=structs.replace(summary.facts, run="r--epoch-2", epoch=2)),
    ]
    (one,) = united(epochs)
    assert one.split == SplitTimes.together([times, times])
    assert one.split.replies == (0.3, 0.5, 0.3, 0.5)
    assert one.split.asked == 10


def test_an_answer_can_be_handed_over_sentence_by_sentence(tmp_path: Path) -> None:
    # A word comes each 0.2 s: the first sentence is whole 0.3 s after the request, all is there after 1.5 s.
    thinker = Thinker([(0.1, 1.5, BackgroundReply("It is. The sky is blue."))])
    ran, in_front = run(tmp_path / "r", {1: ask()}, thinker, sentences=True)
    assert results(in_front) == [
        (3, {"answer": "It is.", "more": True}, False),
        (9, {"answer": "The sky is blue.", "more": False}, False),
    ]
    assert told(ran, "answer")[0]["answer"] == "It is. The sky is blue."


def test_what_is_not_handed_over_of_a_cancelled_answer_is_dropped(tmp_path: Path) -> None:
    thinker = Thinker([(0.1, 0.7, BackgroundReply("It is. Or not. Who knows?"))], sleeps=True)
    service = Asking([(0.5, ask()), (0.95, Output(cancelled_calls=("a",)))])
    play(tmp_path / "r", LiveSplit(service, thinker, sentences=True))
    assert service.answers == [(0.8, {"answer": "It is.", "more": True}, False)], "the second was whole"
