"""Items are read strictly, and every message says where, what and what to do."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
import timed_items
from timed_items import event, item, made, write_items
from timed_review import masked, near_duplicates, review

from tml_bench.errors import BadSampleError, UserError
from tml_bench.tasks._timed import rendered
from tml_bench.tasks._timed.items import SpeechAnchor, checked_items, load_items, spoken_words
from tml_bench.tasks._timed.validate import doubts, problems, report

LATER = {"id": "b", "text": "Go.", "after": "a"}
TURN = {"id": "a", "text": "Go now. I said go!", "at_s": 0.0}


def test_a_right_item_is_read_as_it_stands(tmp_path: Path) -> None:
    (one,) = load_items(write_items(tmp_path / "items.jsonl", [item()]))
    assert (one.task, one.events[0].window) == ("ts", made(item()).events[0].window)
    assert msgspec.to_builtins(one)["events"][0]["anchor"] == {"turn": "a"}
    assert problems(one) == []


def refused(path: Path, *items: dict[str, object]) -> list[str]:
    """What is said of items that break a rule, a line each."""
    with pytest.raises(UserError) as caught:
        load_items(write_items(path, items))
    return caught.value.problem.splitlines()


def test_an_id_of_no_task_is_all_that_is_said_of_it(tmp_path: Path) -> None:
    (only,) = refused(tmp_path / "i.jsonl", item(id="delay-1", voice="x"))
    assert only.startswith(f"{tmp_path}/i.jsonl:1: delay-1: Expected `str` matching regex '^(ts|cs)-")
    assert "`$.id`" in only


def cued(cue: str) -> dict[str, object]:
    """An event whose cue ends at "word"."""
    return event(anchor={"turn": "a", "word": "word"}, after_s=0, window={"kind": "cue", "w_s": 2}, cue=cue)


def test_the_anchor_of_a_cue_is_the_end_of_its_last_word() -> None:
    assert problems(made(item(events=[cued("say the word,")]))) == []
    assert doubts(made(item(events=[cued("")]))) != []


def test_a_silent_control_has_no_events() -> None:
    control = item(id="cs-sum-001", family="arithmetic_slip", events=[])
    assert problems(made(control)) == []


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"id": "delay-1"}, "matching regex '^(ts|cs)-"),
        ({"family": "keyword_trigger"}, "family: 'keyword_trigger' is unknown; choose from single_delay"),
        ({"voice": "de-f-1"}, "voice: 'de-f-1' is unknown"),
        ({"turns": []}, "Expected `array` of length >= 1 - at `$.turns`"),
        ({"turns": [TURN, TURN | {"at_s": 9.0}]}, "turns: the id 'a' is there 2 times"),
        ({"turns": [TURN | {"text": " – "}]}, "matching regex '\\\\w' - at `$.turns[0].text`"),
        ({"turns": [TURN | {"pace": 2.0}]}, "Expected `float` <= 1.25 - at `$.turns[0].pace`"),
        (
            {"turns": [{"id": "a", "text": "Go."}]},
            "a turn has at_s or else after and gap_s - at `$.turns[0]`",
        ),
        ({"turns": [TURN | {"after": "a"}]}, "a turn has at_s or else after and gap_s - at `$.turns[0]`"),
        ({"turns": [TURN | {"at_s": -1.0}]}, "Expected `float` >= 0.0 - at `$.turns[0].at_s`"),
        ({"turns": [TURN | {"gap_s": -1.0}]}, "Expected `float` >= 0.0 - at `$.turns[0].gap_s`"),
        (
            {"turns": [TURN, {"id": "b", "text": "Go.", "after": "c"}]},
            "after: 'c' is no earlier turn; name one of a",
        ),
        ({"tail_s": 0.0}, "Expected `float` > 0.0 - at `$.tail_s`"),
        ({"tail_s": 1e9}, "Expected `float` <= 3600.0 - at `$.tail_s`"),
        ({"turns": [TURN | {"at_s": 1e9}]}, "Expected `float` <= 3600.0 - at `$.turns[0].at_s`"),
        ({"tail_s": 11.6}, "tail_s: 11.6 is too short; give at least 11.7"),
        ({"quiet_after": [{"turn": "z"}]}, "quiet_after[0].turn: there is no turn 'z'"),
        (
            {"family": "elapsed_time", "events": []},
            "events: there are none, and elapsed_time has no silent controls",
        ),
        ({"quiet_after": [{"turn": "a"}]}, "quiet_after: is for periodic_until_stop"),
        ({"events": [event(speech={"seconds": 9})]}, "speech: is for schedule, own_duration"),
        (
            {"events": [event(number={"from": {"turn": "a"}, "to": {"turn": "a"}})]},
            "number: is for elapsed_time",
        ),
        ({"id": "ts-elapsed-001", "family": "elapsed_time"}, "number: is missing, and elapsed_time asks"),
        ({"id": "ts-duration-001", "family": "own_duration"}, "speech: is missing, and own_duration asks"),
        (
            {"events": [event(number={"from": {"turn": "a"}, "to": {"turn": "a", "edge": "start"}})]},
            "number.to: is not after number.from",
        ),
        (
            {
                "events": [
                    event(
                        anchor={"turn": "a", "word": "word"},
                        window={
                            "kind": "cue",
                            "w_s": 2,
                            "until": {"turn": "a", "word": "word", "edge": "start"},
                        },
                        after_s=0,
                    )
                ]
            },
            "window.until: is not after the anchor",
        ),
        ({"events": [event(), event()]}, "events: the id 'e1' is there 2 times"),
        ({"events": [event(id="e2"), event(after_s=5.0)]}, "put events in order"),
        ({"events": [event(meaning=" ")]}, "matching regex '\\\\w' - at `$.events[0].meaning`"),
        ({"events": [event(accept=[])]}, "of length >= 1 - at `$.events[0].accept`"),
        ({"events": [event(reject=["."])]}, "- at `$.events[0].reject[0]`"),
        ({"events": [event(reject=["LIGHTHOUSE"])]}, "reject: 'lighthouse' is accepted too"),
        ({"events": [event(accept=["About {N}."])]}, "accept: {N} needs the field number"),
        ({"events": [event(anchor={"turn": "b"})]}, "anchor.turn: there is no turn 'b'; name one of a"),
        ({"events": [event(anchor={"turn": "a", "word": "house"})]}, "says 'house' 0 times, not 1"),
        ({"events": [event(anchor={"turn": "a", "word": "in", "nth": 2})]}, "says 'in' 1 times, not 2"),
        ({"events": [event(anchor={"turn": "a", "word": "the word"})]}, "name a single word"),
        (
            {"events": [event(anchor={"turn": "a", "nth": 2})]},
            "nth counts only with word - at `$.events[0].anchor`",
        ),
        ({"events": [event(after_s=-1.0)]}, "Expected `float` >= 0.0 - at `$.events[0].after_s`"),
        (
            {"events": [event(window={"kind": "scheduled"})]},
            "has d_s or else period_s - at `$.events[0].window`",
        ),
        (
            {"events": [event(window={"kind": "scheduled", "d_s": 0.0})]},
            "> 0.0 - at `$.events[0].window.d_s`",
        ),
        ({"events": [event(window={"kind": "scheduled", "d_s": 20.0})]}, "is over twice after_s"),
        ({"events": [event(window={"kind": "scheduled", "period_s": 2.0})]}, "not a multiple of period_s 2"),
        ({"events": [event(window={"kind": "cue", "w_s": 2})]}, "cues and answers are due at the anchor"),
        (
            {"events": [event(window={"kind": "answer", "w_s": 0}, after_s=0)]},
            "> 0.0 - at `$.events[0].window.w_s`",
        ),
        (
            {"events": [event(window={"kind": "cue", "w_s": 2, "until": {"turn": "q"}}, after_s=0)]},
            "window.until.turn: there is no turn 'q'",
        ),
        (
            {"events": [event(number={"from": {"turn": "a"}, "to": {"turn": "x"}})]},
            "number.to.turn: there is no turn 'x'",
        ),
        ({"events": [event(number={"from": {"turn": "a"}, "to": {"turn": "a"}})]}, "write {N}"),
        ({"events": [event(speech={"seconds": 0})]}, "> 0.0 - at `$.events[0].speech.seconds`"),
        ({"events": [event(cue="the word")]}, "cue: is for cue windows; drop it"),
        ({"events": [cued("at the word")]}, "cue: 'at the word' does not stand before the anchor"),
        ({"events": [cued("the words")]}, "anchor: is not the end of the cue's last word, 'words'"),
        (
            {"family": "delay_while_talking", "turns": [TURN, LATER], "events": [cued("the word")]},
            "anchor.turn: 'a' is the first, in which nothing is due",
        ),
        (
            {"events": [event(window={"kind": "cue", "w_s": 3}, after_s=0)]},
            "w_s 3 is not 1, 2 or 4 - at `$.events[0].window`",
        ),
    ],
)
def test_what_breaks_a_rule_is_named(tmp_path: Path, changes: dict[str, object], message: str) -> None:
    found = refused(tmp_path / "i.jsonl", item(**changes))
    assert any(message in text for text in found), found
    where = f"{tmp_path}/i.jsonl:1: {changes.get('id', 'ts-delay-001')}: "
    assert all(text.startswith(where) for text in found)


def test_messages_name_file_line_item_and_field(tmp_path: Path) -> None:
    path = write_items(tmp_path / "items.jsonl", [item(), item(voice="x"), item(id="ts-delay-002", colour=1)])
    with pytest.raises(UserError) as caught:
        load_items(path)
    twice, broken = caught.value.problem.splitlines()
    assert broken.startswith(f"{path}:3: ts-delay-002: ")
    assert "colour" in broken
    assert twice == f"{path}:2: ts-delay-001: id: is on line 1 too, which is taken; give each its own"
    write_items(path, [item(voice="x"), item(id="ts-delay-002")])
    (kept,), (voice,) = checked_items(path)
    assert voice.text.startswith(f"{path}:1: ts-delay-001: voice: 'x' is unknown")
    assert (voice.id, kept.id) == ("ts-delay-001", "ts-delay-002")
    other = "dev" if kept.split == "test" else "test"
    assert checked_items(path, kept.split) == ((kept,), (voice,))
    assert checked_items(path, other) == ((), ()), "the other split has none of these problems"


def test_a_line_that_is_no_item_is_named(tmp_path: Path) -> None:
    path = tmp_path / "items.jsonl"
    path.write_bytes(b'\n{"id": "ts-x-001", "split": \xff}\n[]\n')
    with pytest.raises(UserError, match=r"(?s)items.jsonl:2: ts-x-001: .*items.jsonl:3: no id: "):
        load_items(path)
    with pytest.raises(UserError, match="cannot be read"):
        load_items(tmp_path / "none.jsonl")


def test_the_review_counts_and_finds_twins() -> None:
    twin = {"id": "a", "text": "Could you say the word elephant in nine seconds?", "at_s": 0.5}
    other = {"id": "a", "text": "Give me nine seconds, then say elephant.", "at_s": 0.5}
    elephant = event(accept=["Elephant."])
    items = [
        item(),
        item(id="ts-delay-002", turns=[twin], events=[elephant], split="test"),
        item(id="ts-delay-003", turns=[other], events=[elephant], voice="gb-m-2", difficulty=3),
    ]
    assert near_duplicates(map(made, items)) == [("ts-delay-001", "ts-delay-002")]
    assert masked(made(items[2])) == "give me # seconds then say _"
    lines = list(review([made(one) for one in items]))
    assert "doubt: split dev of ts holds 2 items of 47" in lines
    (counts,) = (line.split() for line in lines if line.startswith("single_delay"))
    assert counts == ["single_delay", "2", "1", "0", "3", "us-f-1:2", "gb-m-2:1"]
    assert lines[-1] == "3 items: 2 dev, 1 test; 2 of difficulty 1, 0 of difficulty 2, 1 of difficulty 3"


def test_estimates_are_doubts_not_errors(tmp_path: Path) -> None:
    turns = [
        {"id": "a", "text": "Say lighthouse ten seconds after I start to talk about the sea.", "at_s": 0.0},
        {"id": "b", "text": "The sea.", "at_s": 1.0},
    ]
    late = event(anchor={"turn": "a", "edge": "start"}, after_s=20.0, window={"kind": "scheduled", "d_s": 20})
    wrong, lines = report(write_items(tmp_path / "i.jsonl", [item(turns=turns, events=[late])]))
    assert wrong == []
    assert any("turn 'b': starts at about 1.0 s, in the turn before" in line for line in lines)


def test_words_are_what_stands_between_spaces() -> None:
    assert spoken_words("Don’t — say “go”, twenty-one!") == ["don't", "say", "go", "twenty-one"]
    assert spoken_words("… ?") == []


# ---- renderings


def test_anchors_become_times(tmp_path: Path) -> None:
    one = made(item(turns=[TURN, {"id": "b", "text": "Bye.", "after": "a", "gap_s": 2.0}]))
    folder = timed_items.render(tmp_path, [one])
    assert rendered.read_rendering(folder).version == "1"
    entry = rendered.read_rendered(folder)[one.id]
    rendered.check_rendered(one, entry)
    assert rendered.check_audio(folder, entry).is_file()
    assert rendered.time_of(SpeechAnchor("a"), entry) == 1.25
    assert rendered.time_of(SpeechAnchor("b", "start"), entry) == 3.25
    assert rendered.time_of(SpeechAnchor("a", "end", "go"), entry) == 0.25
    assert rendered.time_of(SpeechAnchor("a", "start", "Go!", 2), entry) == 1.0
    with pytest.raises(BadSampleError, match="no turn 'c'"):
        rendered.time_of(SpeechAnchor("c"), entry)
    with pytest.raises(BadSampleError, match="no word 'bye'"):
        rendered.time_of(SpeechAnchor("a", word="bye"), entry)


def test_a_rendering_of_another_text_is_refused(tmp_path: Path) -> None:
    one = made(item())
    entry = rendered.read_rendered(timed_items.render(tmp_path, [one]))[one.id]
    for changed in (item(voice="us-m-1"), item(turns=[TURN])):
        with pytest.raises(BadSampleError, match="another text, voice or schedule; get the file again"):
            rendered.check_rendered(made(changed), entry)
    rendered.check_rendered(made(item(tail_s=20.0, difficulty=3)), entry)


def test_impossible_times_are_refused(tmp_path: Path) -> None:
    one = made(item(turns=[TURN, {"id": "b", "text": "Bye.", "after": "a"}]))
    entry = rendered.read_rendered(timed_items.render(tmp_path, [one]))[one.id]
    a, b = entry.turns
    replace = msgspec.structs.replace
    for turns, message in (
        ((a,), "other turns"),
        ((a, replace(b, start_s=1.0)), "begins before the one before ends"),
        ((a, replace(b, end_s=99.0)), "impossible times"),
        ((a, replace(b, words=a.words)), "the words of turn 'b' are not"),
    ):
        with pytest.raises(BadSampleError, match=message):
            rendered.check_rendered(one, replace(entry, turns=turns))


def test_audio_that_changed_is_refused(tmp_path: Path) -> None:
    one = made(item())
    folder = timed_items.render(tmp_path, [one])
    entry = rendered.read_rendered(folder)[one.id]
    (folder / entry.audio).write_bytes(b"other")
    with pytest.raises(
        BadSampleError, match=r"audio/dev/ts-delay-001.flac: its SHA-256 is .*render the item"
    ):
        rendered.check_audio(folder, entry)
    (folder / entry.audio).unlink()
    with pytest.raises(BadSampleError, match="cannot be read"):
        rendered.check_audio(folder, entry)


def test_broken_lists_are_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"rendered.jsonl cannot be read"):
        rendered.read_rendered(tmp_path)
    with pytest.raises(UserError, match=r"rendering.json"):
        rendered.read_rendering(tmp_path)
    (tmp_path / "rendered.jsonl").write_bytes(b'{"id": "\xff"}\n')
    with pytest.raises(UserError, match=r"rendered.jsonl:1: "):
        rendered.read_rendered(tmp_path)
    (tmp_path / "rendered.jsonl").write_text('{"id": 1}\n')
    with pytest.raises(UserError, match=r"rendered.jsonl:1: "):
        rendered.read_rendered(tmp_path)
