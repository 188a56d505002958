"""Users played by a language model: what it is told, what its replies come to, and where they are kept."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor, Future
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from answering import conversation
from fake_servers.judge import FakeJudge

from tml_bench import events as ev
from tml_bench.errors import HarnessLateError, UserAwayError, UserError, UserSideError
from tml_bench.judges.openai import OpenAIChat
from tml_bench.outcome import Outcome
from tml_bench.runs.jobs import JobResult
from tml_bench.runs.worker import failure
from tml_bench.samples import Waveform
from tml_bench.scenario import Fact, Manners, Scenario, Stage
from tml_bench.timeline import UserAct
from tml_bench.users.llm_policy import LanguageModelPolicy
from tml_bench.users.llm_user import LanguageModelUser, ServedReplies, SpokenReplies, language_model_user
from tml_bench.users.policy import HeardTurn, Prompted, UserMove
from tml_bench.users.reply_cache import ReplyCache, ReplyRequest, StoredReply
from tml_bench.users.settings import UserSettings
from tml_bench.users.simulated_user import SimulatedUser
from tml_bench.users.spoken_reply import SpokenReply, spoken_reply
from tml_bench.users.staged import StagedPolicy
from tml_bench.users.voicing import VoiceStore

Messages = Sequence[Mapping[str, str]]
END = "the conversation is over"
TABLE = Scenario(
    persona="Ann, who is hungry.",
    stages=(
        Stage("T1", "Have a table for four booked.", ("A table / for four please.",)),
        Stage("T2", "Have it at half past seven.", covered=("seven thirty|half past seven",)),
        Stage("T3", "Have it by the window."),
    ),
    facts=(
        Fact("phone number", ("number",), ("It is five / five five.",)),
        Fact("birthday", ("birthday",), ("In May.",), stage="T3"),
    ),
)


class Model:
    """Replies by a plan, and writes down what it is asked."""

    def __init__(self, *replies: str) -> None:
        self.replies = list(replies)
        self.asked: list[tuple[Messages, int]] = []

    def __call__(self, messages: Messages, seed: int) -> str:
        self.asked.append((messages, seed))
        return self.replies.pop(0)


def talk(*said: tuple[str, ...]) -> list[HeardTurn]:
    """Turns of a second each: ``("model", text)`` or ``(stage, text[, act])``."""
    turns = []
    for at, (who, text, *act) in enumerate(said):
        times = 2.0 * at, 2.0 * at + 1
        if who == "model":
            turns.append(HeardTurn(False, text, *times))
        else:
            turns.append(HeardTurn(True, text, *times, UserAct(act[0] if act else "goal"), who))
    return turns


def move(model: Model, turns: Sequence[HeardTurn], why: str = "answered", **manners: float) -> UserMove:
    scenario = replace(TABLE, manners=Manners(**manners))  # type: ignore[arg-type]
    return LanguageModelPolicy(scenario, 7, model).next_move(turns, Prompted(why))


# ---- which goal the user is about


def test_the_first_turn_is_the_first_goal_and_tells_nothing_of_the_others() -> None:
    model = Model("A table for four, please.")
    assert move(model, [], "opening") == UserMove("A table for four, please.", UserAct.GOAL, "T1")
    [(messages, seed)] = model.asked
    assert [m["role"] for m in messages] == ["system", "user"]
    system = messages[0]["content"]
    assert "Ann, who is hungry." in system
    assert "table for four" in system
    assert "phone number: It is five five five." in system
    for later in ("half past seven", "window", "In May", END):
        assert later not in system
    assert seed == 7


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        ("[next] At half past seven.", UserMove("At half past seven.", UserAct.GOAL, "T2")),
        ("[stay] For four, I said.", UserMove("For four, I said.", UserAct.AGAIN, "T1")),
        ("At half past seven.", UserMove("At half past seven.", UserAct.GOAL, "T2")),
        (f"[stay] No. {END}", UserMove(f"No. {END}.", UserAct.CLOSING, "T1", True)),
    ],
)
def test_without_words_to_cover_the_language_model_says_whether_the_goal_is_met(
    reply: str, expected: UserMove
) -> None:
    model = Model(reply)
    assert move(model, talk(("T1", "A table."), ("model", "Done."))) == expected
    system = model.asked[0][0][0]["content"]
    assert "[next]" in system
    assert "half past seven" in system
    assert "window" not in system


def test_a_question_is_answered() -> None:
    told = move(Model("[stay] Ann."), talk(("T1", "A table."), ("model", "What is your name?")))
    assert told == UserMove("Ann.", UserAct.ANSWER, "T1")


def test_with_words_to_cover_code_says_so_and_the_model_is_not_asked() -> None:
    before = talk(("T1", "A table."), ("model", "Half past seven?"), ("T2", "At half past seven."))
    model = Model("[next] Seven thirty!")
    said = move(model, [*before, HeardTurn(False, "At eight then.", 9, 10)])
    assert said == UserMove(
        "Seven thirty!", UserAct.AGAIN, "T2"
    )  # what was said before the goal is no answer
    assert "[next]" not in model.asked[0][0][0]["content"]
    model = Model("By the window.")
    said = move(model, [*before, HeardTurn(False, "Good, at seven-thirty.", 9, 10)])
    assert said == UserMove("By the window.", UserAct.GOAL, "T3")
    assert "In May." in model.asked[0][0][0]["content"]


def test_after_the_last_goal_it_closes_whatever_it_says() -> None:
    turns = talk(("T3", "By the window."), ("model", "Done."))
    assert move(Model("[next] Thank you."), turns) == UserMove(TABLE.closing, UserAct.CLOSING, "T3", True)
    own = move(Model(f"[next] Bye, {END.upper()}, see you."), turns)
    assert own == UserMove(f"Bye, {END.upper()}.", UserAct.CLOSING, "T3", True)


def test_it_hangs_up_when_it_does_not_get_on() -> None:
    tried = talk(
        *[turn for _ in range(3) for turn in (("T2", "At seven thirty.", "again"), ("model", "No."))]
    )
    gone = UserMove("", UserAct.HANG_UP, "T2", True)
    assert move(Model(), tried, tries=3) == gone
    assert move(Model("Please!"), tried, tries=4).act is UserAct.AGAIN
    open_goal = talk(("T1", "A table!", "again"), ("model", "No."))
    assert move(Model("[stay] Please."), open_goal, tries=1).act is UserAct.HANG_UP
    assert move(Model("[next] At eight."), open_goal, tries=1).stage == "T2"
    answered = [*tried, *talk(("T2", "Yes.", "answer"), ("model", "No."))]
    assert move(Model("Please!"), answered, tries=3).act is UserAct.AGAIN


def test_silence_is_told_and_is_no_answer() -> None:
    model = Model("Hello?")
    assert move(model, talk(("T1", "A table.")), "silence") == UserMove("Hello?", UserAct.AGAIN, "T1")
    assert [m["role"] for m in model.asked[0][0]] == ["system", "user", "assistant", "user"]


def test_roles_alternate_whoever_spoke_twice() -> None:
    model = Model("[next] Yes.")
    move(model, talk(("T1", "A"), ("T1", "B"), ("model", "C"), ("model", ""), ("model", "D")), "barge-in")
    roles = [m["role"] for m in model.asked[0][0]]
    assert roles == ["system", "user", "assistant", "user"]


def test_a_reply_that_cannot_be_said_is_asked_for_once_more_then_the_session_is_the_user_s_fault() -> None:
    model = Model("*sighs*", "[next]", "fine")
    with pytest.raises(UserSideError, match="nothing that can be said"):
        move(model, talk(("T1", "A table."), ("model", "Done.")))
    assert [seed for _, seed in model.asked] == [7, 8]
    assert move(Model(f"{END}.", "A table."), [], "opening").text == "A table."


# ---- what a reply comes to


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        ("Hello there.", SpokenReply("Hello there.")),
        ("", SpokenReply("")),
        ("...!", SpokenReply("")),
        ("**[NEXT]** I'd like *that*, / please.", SpokenReply("I'd like that, please.", True)),
        ("(stay) What?", SpokenReply("What?", False)),
        ("next: go on", SpokenReply("go on", True)),
        ("Next week is fine.", SpokenReply("Next week is fine.")),
        ('User: "Two of them."', SpokenReply("Two of them.")),
        ("Two.\nAssistant: Noted.\nUser: Bye.", SpokenReply("Two.")),
        ("<think>They want\nmore</think>Two.", SpokenReply("Two.")),
        ("*sighs* Two, [pause] I said (quietly). 😀", SpokenReply("Two, I said.")),
        ("(I walk over to the", SpokenReply("")),
        ("Call (555) 0100.", SpokenReply("Call (555) 0100.")),
        ("# Plan\n- one\n- two", SpokenReply("Plan one two")),
        ("One. Two! Three? Four. Five.", SpokenReply("One. Two! Three? Four.")),
        ("word " * 60, SpokenReply(" ".join(["word"] * 50) + ".")),
        ("Fine. The Conversation\nis over! Bye.", SpokenReply("Fine. The Conversation is over.", ends=True)),
    ],
)
def test_what_a_reply_comes_to(raw: str, said: SpokenReply) -> None:
    assert spoken_reply(raw, END) == said


# ---- options


def test_options_of_a_user() -> None:
    user = language_model_user(
        "llm:ears=asr,model=m,base_url=http://127.0.0.1:1/v1,thinking=4,temperature=none,tag=q4"
    )
    assert user.chat == OpenAIChat("m", "http://127.0.0.1:1/v1", None, tag="q4", timeout_s=60)
    assert user.replies == SpokenReplies(thinking=4)
    assert user.name == "llm:model=m,temperature=none,tag=q4,thinking=4.0"
    assert language_model_user(user.name).name == user.name
    for bad in ("model", "voice=x", "thinking=-1", "max_tokens=no", "base_url=ftp://x"):
        with pytest.raises(UserError):
            language_model_user(f"llm:{bad}")


# ---- asking, and the cache


def request(text: str = "Hello") -> ReplyRequest:
    return ReplyRequest("m", [{"role": "user", "content": text}], {"seed": 0})


def served(fake: FakeJudge, cache: ReplyCache) -> ServedReplies:
    async def no_pause(_: float) -> None:
        pass

    return ServedReplies(OpenAIChat("m", fake.base_url, timeout_s=5), SpokenReplies(), cache, no_pause)


def test_what_was_asked_once_is_asked_never_again_and_is_taken_over_from_another_run(tmp_path: Path) -> None:
    own, other = tmp_path / "a", tmp_path / "b"
    messages = [{"role": "user", "content": "Hello"}]
    with FakeJudge(["500", "say Good day.", "say Another."]) as fake:
        assert served(fake, ReplyCache(own)).ask(messages, 2**31 + 5) == "Good day."
        assert served(fake, ReplyCache(own)).ask(messages, 5) == "Good day."
        assert served(fake, ReplyCache(own)).ask(messages, 6) == "Another."
    assert len(fake.requests) == 3
    assert fake.requests[0] == {
        "model": "m",
        "messages": messages,
        "temperature": 0,
        "seed": 5,
        "max_tokens": 120,
    }
    assert served(fake, ReplyCache(other, [own])).ask(messages, 5) == "Good day."  # the server is gone
    assert sorted(f.name for f in other.glob("*.json")) == [
        ReplyRequest(
            "m", messages, {"temperature": 0.0, "effort": "", "tag": "", "seed": 5, "max_tokens": 120}
        ).key
        + ".json"
    ]
    with pytest.raises(UserAwayError, match="not in the cache"):
        served(fake, ReplyCache(other)).ask([{"role": "user", "content": "Bye"}], 5)


@pytest.mark.parametrize(
    ("step", "error"), [("denied", UserError), ("400", UserAwayError), ("hang", UserAwayError)]
)
def test_a_server_that_fails(step: str, error: type[Exception]) -> None:
    with FakeJudge([step] * 3) as fake:
        chat = OpenAIChat("m", fake.base_url, timeout_s=0.05 if step == "hang" else 20)

        async def no_pause(_: float) -> None:
            pass

        with pytest.raises(error):
            ServedReplies(chat, SpokenReplies(), ReplyCache(), no_pause).ask(
                [{"role": "user", "content": "x"}], 0
            )


def test_without_server_and_cache_a_run_says_so_before_it_starts(tmp_path: Path) -> None:
    with FakeJudge() as fake:
        user = LanguageModelUser(OpenAIChat("m", fake.base_url))
        assert user.check([]) == ""
    with pytest.raises(UserError, match=r"nobody listens at .*no cache"):
        user.check([tmp_path])
    ReplyCache(tmp_path).keep(request(), "Hello.")
    assert "only the cache answers" in user.check([tmp_path])


def test_the_first_reply_stays(tmp_path: Path) -> None:
    first, second = ReplyCache(tmp_path), ReplyCache(tmp_path)
    assert first.keep(request(), "one", "model-1") == "one"
    assert second.keep(request(), "two") == "one"
    assert ReplyCache(tmp_path).find(request()) == "one"
    assert ReplyCache(tmp_path).find(request("other")) is None
    assert ReplyCache().keep(request(), "three") == "three"


def _keep(folder: Path, reply: str) -> None:
    cache = ReplyCache(folder)
    for number in range(20):
        cache.keep(request(str(number)), reply)


def test_processes_share_a_cache(tmp_path: Path) -> None:
    work = [multiprocessing.get_context("fork").Process(target=_keep, args=(tmp_path, r)) for r in ("a", "b")]
    for process in work:
        process.start()
    for process in work:
        process.join()
    assert [process.exitcode for process in work] == [0, 0]
    assert len(list(tmp_path.glob("*.json"))) == 20
    assert {ReplyCache(tmp_path).find(request(str(n))) for n in range(20)} <= {"a", "b"}


def _say(folder: Path) -> None:
    store = VoiceStore(cache=folder)
    for number in range(10):
        store.say("us-f-1", f"Line {number}.")


def test_no_line_is_synthesised_twice_by_two_processes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = tmp_path / "made"

    def render(text: str, voice: str) -> Waveform:
        with made.open("a") as log:
            log.write(f"{text}\n")
        return Waveform(np.full(1600, 0.25, np.float32), 16000)

    monkeypatch.setattr("tml_bench.synthesis.voices.render", render)
    fork = multiprocessing.get_context("fork")
    work = [fork.Process(target=_say, args=(tmp_path / "voice",)) for _ in range(2)]
    for process in work:
        process.start()
    for process in work:
        process.join()
    assert [process.exitcode for process in work] == [0, 0]
    assert sorted(made.read_text().splitlines()) == [f"Line {number}." for number in range(10)]
    assert len((tmp_path / "voice" / "lines.jsonl").read_text().splitlines()) == 10


def test_a_damaged_file_is_told(tmp_path: Path) -> None:
    (tmp_path / f"{request().key}.json").write_text('{"request": 3}')
    with pytest.raises(UserError, match="no reply of a user's language model"):
        ReplyCache(tmp_path).find(request())
    assert StoredReply(request(), "x").request.key == request().key


# ---- the wall clock


class Held(Executor):
    """Keeps what is to be thought until it is told to."""

    def __init__(self) -> None:
        self.held: list[tuple[Future[Any], Callable[[], Any]]] = []
        self.is_shut = False

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        self.held.append((future, fn))
        return future

    def think(self) -> None:
        for future, work in self.held:
            future.set_result(work())
        self.held.clear()

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        self.is_shut = True


def hurried(tmp_path: Path, thinks: Held) -> SimulatedUser:
    """A user who opens at 0.5 s and its gap, a median one."""
    sample = conversation(tmp_path, gap_mean_s=0.1)
    assert sample.scenario is not None
    policy = StagedPolicy(sample.scenario, 0)
    return SimulatedUser(sample.scenario, policy, UserSettings().voices(sample), 0, (16000,), 16000, thinks)


def until(user: SimulatedUser, end_ms: int, begin_ms: int = 0) -> list[ev.UserTurnStarted | ev.UserTurnCut]:
    """Let it hear silence in micro-turns of 20 ms."""
    placed = []
    for at_ms in range(begin_ms, end_ms, 20):
        user.hear(np.zeros(320, np.float32))
        placed += user.schedule((at_ms + 20) * 1_000_000)
        user.render(16000, (at_ms + 20) * 1_000_000)
    return placed


def test_a_user_whose_words_come_late_speaks_late_and_one_that_is_too_late_spoils_the_session(
    tmp_path: Path,
) -> None:
    thinks = Held()
    user = hurried(tmp_path / "a", thinks)
    assert until(user, 800) == []  # it meant to speak at 0.7 s, its reaction after it had waited 0.5 s
    thinks.think()
    [spoken] = until(user, 820, 800)
    assert spoken.t_ns == 800_000_000
    user.close()
    assert thinks.is_shut
    user = hurried(tmp_path / "b", Held())
    assert until(user, 940) == []
    with pytest.raises(HarnessLateError, match=r"user late: .* 0\.25 s after their time"):
        until(user, 1000, 940)
    assert failure(HarnessLateError("user late")) == JobResult(Outcome.INVALID, "user late", retry=True)


def test_the_time_to_think_is_part_of_every_gap() -> None:
    quick = replace(TABLE, manners=Manners(thinking_s=1.0))
    user = language_model_user("llm:thinking=4")
    assert user.unhurried(TABLE).manners.thinking_s == 4
    assert user.unhurried(quick).manners.thinking_s == 4
    assert language_model_user("llm:").unhurried(quick) == quick
