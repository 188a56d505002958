"""OpenAI Realtime in every order in which its messages may come: what is late is of its own answer."""

from __future__ import annotations

import base64
from typing import Any

import numpy as np
import pytest
from hypothesis import settings, strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, rule

from tml_bench.adapter import Output, ToolResult
from tml_bench.adapters.openai_realtime.conversation import RealtimeConversation
from tml_bench.adapters.openai_realtime.dialects import DIALECTS

SPEECH = {"type": "input_audio_buffer.speech_started", "item_id": "u", "audio_start_ms": 0}


def created(response: str) -> dict[str, Any]:
    return {"type": "response.created", "response": {"id": response}}


def delta(number: int, response: str | None, item: str | None) -> dict[str, Any]:
    """A sample whose value is its number."""
    audio = base64.b64encode(np.array([number], "<i2").tobytes()).decode()
    ids = {"response_id": response, "item_id": item}
    known = {name: value for name, value in ids.items() if value}
    return {"type": "response.output_audio.delta", "delta": audio, **known}


def done(response: str, status: str) -> dict[str, Any]:
    return {"type": "response.done", "response": {"id": response, "status": status}}


def truncated(item: str) -> dict[str, Any]:
    return {"type": "conversation.item.truncated", "item_id": item, "content_index": 0, "audio_end_ms": 0}


class Loudspeaker:
    """What is heard: a queue of samples and their replies, taken literally."""

    def __init__(self, dialect: str = "ga", cuts: bool = True) -> None:
        self.talk = RealtimeConversation(DIALECTS[dialect], 24000, cuts)
        self.queue: list[tuple[str, int]] = []
        self.heard: list[int] = []

    def take(self, *messages: dict[str, Any]) -> Loudspeaker:
        for message in messages:
            self.play(self.talk.take(message))
        return self

    def play(self, outputs: Any) -> None:
        for output in outputs:
            assert isinstance(output, Output)
            if output.flush:
                only = output.flush_only
                self.queue = [(item, n) for item, n in self.queue if only and item not in only]
            if output.audio is not None:
                self.queue += [(output.item, int(n)) for n in output.audio]

    def listen(self, samples: int = 1) -> None:
        self.heard += [n for _, n in self.queue[:samples]]
        del self.queue[:samples]

    @property
    def all(self) -> list[int]:
        return [*self.heard, *(n for _, n in self.queue)]


A, B = ("A", "a"), ("B", "b")


def test_a_late_cancellation_of_an_answer_leaves_the_next_one_alone() -> None:
    """It was flushed with its predecessor, and the model was silent."""
    heard = Loudspeaker().take(created("A"), delta(1, *A), SPEECH, created("B"), delta(2, *B))
    assert heard.take(done("A", "cancelled"), delta(3, *B)).all == [2, 3]


def test_a_late_end_of_an_answer_does_not_end_the_next_one() -> None:
    """What came of B after the user began was played on over the user."""
    heard = Loudspeaker().take(created("A"), delta(1, *A), created("B"), done("A", "completed"))
    assert heard.talk.responding == "B"
    assert heard.take(delta(2, *B), SPEECH, delta(3, *B)).all == []


def test_what_comes_late_of_a_cut_answer_is_not_heard_under_the_next_one() -> None:
    heard = Loudspeaker().take(created("A"), SPEECH, created("B"), delta(1, *A), delta(2, *B))
    assert heard.all == [2]
    assert heard.take(delta(3, None, "a"), delta(4, None, "b")).all == [2, 4]


def test_an_answer_cancelled_behind_the_next_one_s_back_is_dropped_from_before_it() -> None:
    heard = Loudspeaker("vllm-duplex", cuts=False)
    heard.take(created("A"), delta(1, *A), created("B"), delta(2, *B), done("A", "cancelled"), delta(3, *A))
    assert heard.all == [2]


def test_a_truncated_item_is_dropped_and_no_other() -> None:
    heard = Loudspeaker().take(created("A"), delta(1, *A), delta(2, *B))
    assert heard.take(truncated("a"), delta(3, *A), truncated("a"), delta(4, *B)).all == [2, 4]


def test_a_cleared_buffer_is_that_of_its_response() -> None:
    cleared = {"type": "output_audio_buffer.cleared"}
    heard = Loudspeaker().take(created("A"), delta(1, *A), created("B"), delta(2, *B))
    assert heard.take({**cleared, "response_id": "A"}).all == [2]
    assert heard.take(cleared).all == []


def test_answers_without_ids_are_cut_one_by_one() -> None:
    """Once one had been cut, all that followed was dropped."""
    begun = {"type": "response.created", "response": {}}
    over = {"type": "response.done", "response": {"status": "cancelled"}}
    heard = Loudspeaker().take(begun, delta(1, None, None), SPEECH, delta(2, None, None), over)
    assert heard.take(begun, delta(3, None, None)).all == [3]


def test_a_response_done_before_it_was_created_is_not_waited_for() -> None:
    heard = Loudspeaker().take(done("A", "completed"), created("A"))
    heard.talk.give_text({"type": "text"})
    assert [m["type"] for m in heard.talk.replies] == ["text", "response.create"]


def test_half_a_sample_of_an_answer_without_ids_ends_with_it() -> None:
    half = base64.b64encode(b"\1").decode()
    over = {"type": "response.done", "response": {"status": "completed"}}
    heard = Loudspeaker().take({"type": "response.audio.delta", "delta": half}, over, delta(2, None, None))
    assert heard.all == [2]


def test_of_an_answer_without_an_item_no_truncation_is_told() -> None:
    heard = Loudspeaker().take(created("A"), delta(1, "A", None))
    heard.talk.told_heard("A", 5.0)
    assert heard.talk.replies == []


def call(response: str, number: int) -> dict[str, Any]:
    about = {"response_id": response, "item_id": f"f{number}", "call_id": f"c{number}", "name": "f"}
    return {"type": "response.function_call_arguments.done", "arguments": "{}", **about}


def calls(talk: RealtimeConversation, *messages: dict[str, Any]) -> list[str]:
    outputs = [output for message in messages for output in talk.take(message)]
    return [call.call_id for output in outputs for call in output.tool_calls]


def test_a_late_end_calls_its_own_functions_and_forgets_no_other_s() -> None:
    talk = Loudspeaker().talk
    begun = [created("A"), call("A", 1), created("B"), call("B", 2)]
    assert calls(talk, *begun, done("A", "completed")) == ["c1"]
    assert calls(talk, done("B", "completed")) == ["c2"]
    talk = Loudspeaker().talk
    assert calls(talk, *begun, done("A", "completed"), done("B", "cancelled")) == ["c1"]


@pytest.mark.parametrize("dialect", ["ga", "qwen"])
def test_an_answer_asked_for_before_the_user_began_is_cancelled_when_it_begins(dialect: str) -> None:
    """It was spoken over the user."""
    heard = Loudspeaker(dialect)
    heard.talk.commit()
    heard.play(heard.talk.cut_in())
    heard.take(created("A"), delta(1, *A))
    assert heard.all == []
    heard.talk.commit()
    heard.take(done("A", "cancelled"), created("B"), delta(2, *B))
    assert heard.all == [2]
    asked = [m["type"].split(".")[-1] for m in heard.talk.replies]
    assert asked == ["commit", "create", "cancel", "commit", "create"]


def test_nothing_is_asked_for_while_the_user_speaks_in_a_manual_turn() -> None:
    talk = Loudspeaker().talk
    list(talk.cut_in())
    talk.give_result(ToolResult("c", "f", 1))
    assert [m["type"] for m in talk.replies] == ["conversation.item.create"]
    talk.commit()
    assert [m["type"] for m in talk.replies][1:] == ["input_audio_buffer.commit", "response.create"]


class Orders(RuleBasedStateMachine):
    """Messages of up to many answers in any order, against a plain account of what should be heard.

    The account: a sample is heard unless, before it was, its answer was cancelled, its item truncated, or the
    user began after the answer had first been heard of.
    """

    responses = Bundle("responses")
    items = Bundle("items")

    def __init__(self) -> None:
        super().__init__()
        self.speaker = Loudspeaker()
        self.count = 0
        self.known: set[str] = set()
        self.dead: set[str] = set()
        self.ended: set[str] = set()
        self.latest = ""
        self.waiting: list[tuple[str, str, int]] = []
        self.heard: list[int] = []

    def drop(self) -> None:
        self.waiting = [entry for entry in self.waiting if not self.dead.intersection(entry[:2])]

    @initialize(dialect=st.sampled_from(["ga", "s2s", "qwen", "vllm-duplex", "sglang"]), older=st.booleans())
    def speaks(self, dialect: str, older: bool) -> None:
        self.speaker = Loudspeaker(dialect)
        self.confirms = DIALECTS[dialect].confirms_cancel
        self.name = "response.audio.delta" if older else "response.output_audio.delta"

    @rule(target=responses)
    def comes_up(self) -> str:
        self.count += 1
        return f"R{self.count}"

    @rule(target=items, response=responses, part=st.integers(0, 1))
    def has(self, response: str, part: int) -> tuple[str, str]:
        return response, f"{response}-{part}"

    @rule(response=responses)
    def is_created(self, response: str) -> None:
        self.known.add(response)
        if response not in self.ended:
            self.latest = response
        self.speaker.take(created(response))

    @rule(item=items)
    def gives(self, item: tuple[str, str]) -> None:
        self.known.add(item[0])
        self.count += 1
        if not self.dead.intersection(item):
            self.waiting.append((*item, self.count))
        self.speaker.take({**delta(self.count, *item), "type": self.name})

    @rule(item=items)
    def gives_again_and_names_the_item_alone(self, item: tuple[str, str]) -> None:
        if any(item == entry[:2] for entry in self.waiting):
            self.count += 1
            self.waiting.append((*item, self.count))
            self.speaker.take({**delta(self.count, None, item[1]), "type": self.name})

    @rule(response=responses, status=st.sampled_from(["completed", "incomplete", "cancelled"]))
    def is_done(self, response: str, status: str) -> None:
        self.ended.add(response)
        if response == self.latest:
            self.latest = ""
        if status == "cancelled":
            self.dead.add(response)
            self.drop()
        self.speaker.take(done(response, status))

    @rule(item=consumes(items))
    def is_truncated(self, item: tuple[str, str]) -> None:
        self.dead.add(item[1])
        self.drop()
        self.speaker.take(truncated(item[1]))

    @rule()
    def the_user_begins(self) -> None:
        self.dead |= self.known
        self.waiting = []
        if not self.confirms and self.latest:
            self.ended.add(self.latest)
            self.latest = ""
        self.speaker.take(SPEECH)

    @rule(samples=st.integers(1, 3))
    def time_passes(self, samples: int) -> None:
        self.heard += [entry[2] for entry in self.waiting[:samples]]
        del self.waiting[:samples]
        self.speaker.listen(samples)

    @invariant()
    def what_is_heard_is_right(self) -> None:
        assert self.speaker.heard == self.heard
        assert [n for _, n in self.speaker.queue] == [n for *_, n in self.waiting]

    @invariant()
    def the_response_under_way_is_the_latest_that_is_not_over(self) -> None:
        assert self.speaker.talk.responding == self.latest


TestOrders = Orders.TestCase
TestOrders.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
