"""Audio MultiChallenge: the official parquet in its possible shapes, both protocols, APR and ARS by hand."""

from __future__ import annotations

import io
import json
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pytest
import soundfile
from fakes import run_session
from openai.types.realtime import RealtimeClientEvent
from pyarrow import parquet as pq
from pydantic import TypeAdapter

from tml_bench import events as ev
from tml_bench.adapter import MicroTurn, Output, SessionStart, StepAdapter
from tml_bench.adapters.chat.dialogue import ChatDialogue
from tml_bench.adapters.openai_realtime.messages import history_item
from tml_bench.errors import BadSampleError, UserError
from tml_bench.judges.rules import RuleJudge
from tml_bench.questions import Question, Verdict
from tml_bench.runs.plan import RunRequest, plan_runs
from tml_bench.samples import Message, Sample, Waveform
from tml_bench.scoring.judging import score_all
from tml_bench.session.settings import Settings
from tml_bench.task import Score
from tml_bench.tasks.audio_multichallenge import loader, parquet, scoring
from tml_bench.tasks.audio_multichallenge.conversations import (
    ConversationTurn,
    ReplyCheck,
    RubricConversation,
    RubricItem,
    read,
)
from tml_bench.tasks.audio_multichallenge.rubrics import rubric_items
from tml_bench.tasks.audio_multichallenge.scoring import audio_range
from tml_bench.tasks.audio_multichallenge.task import AudioMultiChallenge, AudioMultiChallengeOpen
from tml_bench.tasks.audio_multichallenge.unpacking import unpack_apart
from tml_bench.timebase import NS, first_sample_at
from tml_bench.timeline import Segment, Timeline, Word, WordSource

TASK, OPEN = AudioMultiChallenge(), AudioMultiChallengeOpen()
MET, NOT = Verdict("met"), Verdict("not_met")


@pytest.fixture(autouse=True)
def unpacked_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another process takes a second."""
    monkeypatch.setattr(loader, "unpack_apart", parquet.unpack)


def clip(seconds: float = 0.5) -> bytes:
    out = io.BytesIO()
    soundfile.write(out, np.full(round(16000 * seconds), 0.1, np.float32), 16000, format="WAV")
    return out.getvalue()


def row(
    name: str = "c1", axis: str = "SELF_COHERENCE", turns: int = 2, rubric: object = '["a", "b"]'
) -> dict[str, Any]:
    cells: dict[str, Any] = {"id": name, "axis": axis, "rubric": rubric}
    for n in range(1, 9):
        there = n <= turns
        cells[f"user_turn_{n}_transcript"] = f"user {n}" if there else None
        cells[f"assistant_turn_{n}_transcript"] = f"assistant {n}" if there else None
        cells[f"user_turn_{n}_audio"] = {"bytes": clip(0.25 * n), "path": f"{n}.wav"} if there else None
    return cells


def write(path: Path, rows: Sequence[Mapping[str, Any]]) -> Path:
    pq.write_table(pa.Table.from_pylist(list(rows)), path)
    return path


@pytest.mark.parametrize(
    "value",
    [
        ["says a", "says b"],
        '["says a", "says b"]',
        [{"criterion": "says a", "weight": 1}, {"criterion": "says b"}],
        '{"items": [{"text": "says a"}, {"text": "says b"}]}',
        "['says a', 'says b']",
        {"id": ["r1", "r2"], "criterion": ["says a", "says b"]},
        "1. says a\n2) says b\n",
        "- says a\n\n* says b",
        "array(['says a', 'says b'], dtype=object)",
        "array(['says a',\n       'says b'], dtype='<U6')",
        "('says a', 'says b')",
        "{'items': [{'text': 'says a'}, {'text': 'says b'}]}",
        '"[\\"says a\\", \\"says b\\"]"',
        {"criteria": ["says a", "says b"]},
    ],
)
def test_rubrics_are_read_in_every_shape(value: object) -> None:
    assert rubric_items(value) == (RubricItem("says a"), RubricItem("says b"))


@pytest.mark.parametrize("text", ["says a, then b; politely", "[optional] says a", "(bonus) says 2. class"])
def test_a_line_of_text_is_one_item(text: str) -> None:
    assert rubric_items(text) == (RubricItem(text),)


NUMPY = str(np.array(["says a", "it's b, once"]))
"""What was read as the one item "says ait's b, once"."""


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (NUMPY, "a list without commas, as NumPy prints arrays"),
        ("['says a'\n 'says b']", "a list without commas"),
        ("['says a', 'says b' 'says c']", "a list without commas"),
        (str(np.array([f"item {k}" for k in range(2000)])), "looks like a list and is none|a list without"),
        ([NUMPY], "an item of the rubric is a list itself"),
        ("[says a, says b]", "looks like a list and is none"),
        ("['says a', 'says b'", "looks like a list and is none"),
        ("['says a', nan]", "looks like a list and is none"),
        ("['says a', None]", "an item of the rubric is None"),
        ("['says a', ..., 'says z']", "an item of the rubric is Ellipsis"),
        ("says a\nsays b", "2 lines, not all marked"),
        ("The reply\n- says a\n- says b", "3 lines, not all marked"),
        ("1. says a 2. says b", "several items in one line"),
        ({"weights": [1, 2], "tags": ["x"]}, "an object with lists of weight, tag, not of items"),
        (b"[1]", "type bytes"),
    ],
)
def test_rubrics_that_can_be_read_in_two_ways_are_refused(value: object, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        rubric_items(value)


def test_what_cannot_be_read_is_named_with_file_row_column_and_remedy(tmp_path: Path) -> None:
    rows = [row("c1"), row("c2", rubric=NUMPY), row("c3")]
    rows[2]["assistant_turn_1_transcript"] = "nan"
    first, second, third = TASK.samples(write(tmp_path / "x.parquet", rows))
    assert first.problem == ""
    assert second.problem == (
        "x.parquet: row 2 (c2), rubric: the rubric is a list without commas, as NumPy prints arrays: "
        "how many items?; write the column as a list, in Arrow or JSON, and give the file again"
    )
    assert third.problem == "turn 1 has no assistant transcript"
    several = [{**row("c4"), "user_turn_1_audio": [{"bytes": clip(), "path": "1"}] * 2}]
    (fourth,) = TASK.samples(write(tmp_path / "y.parquet", several))
    assert fourth.problem == (
        "y.parquet: row 1 (c4), user_turn_1_audio: holds 2 recordings for one turn; leave one"
    )


def test_speakers_may_be_numbers(tmp_path: Path) -> None:
    rows = [{**row(f"c{k}"), "speaker_id": k % 2} for k in range(4)]
    assert [s.unit for s in TASK.samples(write(tmp_path / "x.parquet", rows))] == ["0", "1", "0", "1"]


@pytest.mark.parametrize("value", [[], "", "[]", [{"weight": 1}], [3], None, 7])
def test_rubrics_without_items_are_refused(value: object) -> None:
    with pytest.raises(ValueError, match=r"rubric"):
        rubric_items(value)


def test_a_parquet_is_unpacked_once_byte_for_byte(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    file = write(tmp_path / "audiomc.parquet", [row("c1", turns=2), row("c2", "VOICE_EDITING", turns=8)])
    told: list[str] = []
    folder = parquet.unpacked([file], loader.cache_folder(), told.append)
    first, second = read(folder)
    assert (first.id, first.axis, [t.assistant for t in first.turns]) == (
        "c1",
        "SELF_COHERENCE",
        ["assistant 1", ""],
    )
    assert len(second.turns) == 8
    assert (folder / second.turns[7].audio).read_bytes() == clip(2.0)
    assert told[0] == "unpacking audiomc.parquet: turn 1, 0 of 8 columns done"
    assert parquet.unpacked([file], loader.cache_folder(), told.append) == folder
    assert len(told) == 8
    assert [s.id for s in TASK.samples(file)] == ["c1", "c2"]
    assert TASK.dataset(file) == "custom-audiomc.parquet"


def test_two_that_unpack_at_once_agree(tmp_path: Path) -> None:
    file, cache = write(tmp_path / "x.parquet", [row("c1", turns=2)]), tmp_path / "cache"
    others: list[Path] = []
    folder = parquet.unpacked([file], cache, lambda _: others.append(parquet.unpacked([file], cache)))
    assert set(others) == {folder}
    assert [path.name for path in cache.iterdir()] == [folder.name]
    assert [c.id for c in read(folder)] == ["c1"]


@pytest.mark.parametrize("audio", ["bytes", "list"])
def test_audio_columns_are_found_by_what_they_hold(tmp_path: Path, audio: str) -> None:
    cells = row()
    for name in [n for n in cells if n.endswith("_audio")]:
        data = cells.pop(name)
        plain = data["bytes"] if data else None
        cells[f"recording of turn {name[10]}"] = plain if audio == "bytes" else ([plain] if plain else None)
    folder = parquet.unpacked([write(tmp_path / "x.parquet", [cells])], tmp_path / "cache")
    [found] = read(folder)
    assert [(folder / t.audio).read_bytes() for t in found.turns] == [clip(0.25), clip(0.5)]


def test_unknown_columns_are_listed(tmp_path: Path) -> None:
    file = write(tmp_path / "x.parquet", [{"axis": "VOICE_EDITING", "prompt": "hello", "wave": b"RIFF"}])
    with pytest.raises(
        UserError, match=r"user audio by turn or .*the rubric; the columns are .*prompt \(string\)"
    ):
        parquet.unpacked([file], tmp_path / "cache")
    assert not list((tmp_path / "cache").iterdir())


def test_columns_beside_those_of_the_benchmark_are_not_taken_for_them(tmp_path: Path) -> None:
    cells = {"rubric_id": "r7", "num_rubrics": 2} | row()
    for n in (1, 2):
        cells[f"audio_user_turn_{n}_24000"] = cells.pop(f"user_turn_{n}_audio")
        cells |= {f"user_turn_{n}_emotion": "happy", f"user_turn_{n}_embedding": b"\0\1"}
    folder = parquet.unpacked([write(tmp_path / "x.parquet", [cells])], tmp_path / "cache")
    [found] = read(folder)
    assert [(t.user, (folder / t.audio).read_bytes()) for t in found.turns] == [
        ("user 1", clip(0.25)),
        ("user 2", clip(0.5)),
    ]
    assert found.items == (RubricItem("a"), RubricItem("b"))


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"user_turn_1_audio_noisy": clip()}, "turn_1_audio and .*_noisy may each hold the user's audio"),
        ({"user_turn_2_transcript_de": "hallo"}, "may each hold the user's transcript of turn 2"),
    ],
)  # fmt: skip
def test_columns_of_which_either_would_do_are_refused(
    tmp_path: Path, more: dict[str, object], says: str
) -> None:
    with pytest.raises(UserError, match=rf"x\.parquet: .*{says}"):
        parquet.unpacked([write(tmp_path / "x.parquet", [row() | more])], tmp_path / "cache")


def test_an_empty_shard_and_a_column_of_categories_cost_nothing(tmp_path: Path) -> None:
    whole = pa.Table.from_pylist([row("c1"), row("c2", "NO_AXIS")])
    pq.write_table(whole.slice(0, 0), tmp_path / "0.parquet")
    coded = whole.column("axis").dictionary_encode()
    pq.write_table(
        whole.set_column(whole.schema.get_field_index("axis"), "axis", coded), tmp_path / "1.parquet"
    )
    files = [tmp_path / "0.parquet", tmp_path / "1.parquet"]
    assert [(c.id, c.axis) for c in read(parquet.unpacked(files, tmp_path / "cache"))] == [
        ("c1", "SELF_COHERENCE"),
        ("c2", "NO_AXIS"),
    ]


def test_ids_that_differ_in_odd_characters_alone_stay_apart(tmp_path: Path) -> None:
    rows = [row(name) for name in ("a/b", "a b", "../..", "a-b")]
    folder = parquet.unpacked([write(tmp_path / "x.parquet", rows)], tmp_path / "cache")
    assert [c.id for c in read(folder)] == ["a-b-row-0001", "a-b-row-0002", "row-0003", "a-b"]
    assert sorted(p.name for p in (folder / "audio").iterdir()) == sorted(c.id for c in read(folder))


def test_turns_that_are_not_whole_do_not_shorten_a_conversation(tmp_path: Path) -> None:
    last, gap = row("last", turns=3), row("gap", turns=3)
    last["user_turn_3_transcript"] = " "
    gap |= {"user_turn_2_transcript": None, "user_turn_2_audio": None}
    found = {s.id: s.problem for s in TASK.samples(write(tmp_path / "x.parquet", [last, gap]))}
    assert "user turn 3 has audio and no transcript" in found["last"]
    assert "a user turn between 1 and 3 is missing" in found["gap"]


def test_a_broken_file_is_named(tmp_path: Path) -> None:
    broken = tmp_path / "x.parquet"
    broken.write_bytes(b"PAR1 nothing")
    with pytest.raises(UserError, match=r"x\.parquet: not a parquet file"):
        parquet.unpacked([broken], tmp_path / "cache")
    with pytest.raises(UserError, match=r"holds neither"):
        list(TASK.samples(tmp_path / "nothing"))


def test_a_text_that_is_no_utf_8_costs_its_row_alone(tmp_path: Path) -> None:
    table = pa.Table.from_pylist([row("good"), row("half")])
    texts = ('["a", "b"]', '["a\ud800"]')
    data = [text.encode(errors="surrogatepass") for text in texts]
    ends = [0, len(data[0]), len(data[0]) + len(data[1])]
    buffers = [None, pa.py_buffer(np.array(ends, "<i4").tobytes()), pa.py_buffer(b"".join(data))]
    raw = pa.Array.from_buffers(pa.string(), 2, buffers)
    pq.write_table(
        table.set_column(table.column_names.index("rubric"), "rubric", raw), tmp_path / "x.parquet"
    )
    good, half = read(parquet.unpacked([tmp_path / "x.parquet"], tmp_path / "cache"))
    assert (good.problem, len(good.items)) == ("", 2)
    assert "x.parquet: row 2 (half), rubric: cannot be read ('utf-8' codec" in half.problem


def test_who_unpacks_a_file_may_die_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "x.parquet", [row()])
    told: list[str] = []
    unpack_apart([tmp_path / "x.parquet"], tmp_path, told.append)
    assert [found.id for found in read(tmp_path)] == ["c1"]
    assert told[0].startswith("unpacking x.parquet: turn 1, 0 of ")
    with pytest.raises(UserError, match=r"y\.parquet: not a parquet file"):
        unpack_apart([tmp_path / "y.parquet"], tmp_path, told.append)
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(UserError, match=r"x\.parquet: whoever reads it dies \(1\)"):
        unpack_apart([tmp_path / "x.parquet"], tmp_path, told.append)


def test_nesting_and_length_of_a_rubric_have_an_end() -> None:
    for rubric, says in (("[" * 5000, "nested too deeply"), ("a" * 200_001, "200,001 characters")):
        with pytest.raises(ValueError, match=says):
            rubric_items(rubric)


def test_broken_rows_are_invalid_samples_with_their_reason(tmp_path: Path) -> None:
    mute, odd = row("mute"), row("odd", "SOMETHING_ELSE")
    mute["user_turn_2_audio"] = None
    gap = row("gap", turns=3)
    gap["assistant_turn_1_transcript"] = " "
    noise = row("noise")
    noise["user_turn_1_audio"]["bytes"] = b"RIFFnothing"
    rows = [row("good"), mute, row("empty", rubric="[]"), gap, noise]
    found = {s.id: s.problem for s in TASK.samples(write(tmp_path / "x.parquet", rows))}
    assert found.pop("good") == ""
    assert "user turn 2 has a transcript and no audio" in found["mute"]
    assert "the rubric is empty" in found["empty"]
    assert "turn 1 has no assistant transcript" in found["gap"]
    assert "1.wav" in found["noise"]
    with pytest.raises(UserError, match=r"the axis"):
        list(TASK.samples(write(tmp_path / "y.parquet", [odd])))


def test_lines_that_are_no_conversation_are_named(tmp_path: Path) -> None:
    line = json.dumps({"id": "a", "axis": "VOICE_EDITING", "turns": [], "items": []})
    (tmp_path / "conversations.jsonl").write_text(f"{line}\n{line}\n")
    whole, twice = read(tmp_path)
    assert whole.problem == ""
    assert ":2: a: id: is on line 1 too" in twice.problem
    (tmp_path / "conversations.jsonl").write_bytes(b'{"id": "a"}\n{"id": "\xff"}\n[')
    problems = {sample.id: sample.problem for sample in TASK.samples(tmp_path)}
    for name, says in (
        ("a", ":1: .*axis"),
        ("\ufffd", ":2: .*'utf-8'"),
        ("line-3", ":3: no id: Expected `object`"),
    ):
        assert re.search(says, problems.pop(name))
    assert not problems


def spoken(lengths: Sequence[float] = (1.0, 1.0), played: int = 1, items: int = 3) -> Sample:
    turns = tuple(ConversationTurn(f"user {n}", "", f"reference {n}") for n in range(len(lengths)))
    rubric = tuple(RubricItem(f"item {n}") for n in range(items))
    annotation = loader.ConversationAnnotation(
        turns, rubric, "", played, sum(lengths), tuple(lengths[played:])
    )
    return Sample("s", "VOICE_EDITING", reference=replace(Sample("s", "x").reference, annotation=annotation))


def heard(*said: tuple[float, str], turns: Sequence[tuple[float, float]] = ((0.5, 1.5),)) -> Timeline:
    words = tuple(
        Word(w, at + 0.2 * k, at + 0.2 * k + 0.2) for at, text in said for k, w in enumerate(text.split())
    )
    segments = tuple(Segment(at, at + 0.2 * len(text.split())) for at, text in said)
    source = WordSource.ADAPTER if words else WordSource.SILENT
    return Timeline(60.0, segments, words, source, turns=tuple(Segment(a, b) for a, b in turns))


def numbers(score: Score) -> dict[str, float]:
    return {name: v.numerator for name, v in score.values.items()}


@pytest.mark.parametrize(
    ("verdicts", "apr", "ars"),
    [((MET, MET, MET), 1.0, 1.0), ((MET, NOT, MET), 0.0, 2 / 3), ((NOT, NOT, NOT), 0.0, 0.0)],
)
def test_one_failed_item_fails_the_conversation(verdicts: Sequence[Verdict], apr: float, ars: float) -> None:
    given = {scoring.key(n): v for n, v in enumerate(verdicts)}
    found = numbers(TASK.score(spoken(), heard((2.0, "so be it")), given))
    assert found["apr"] == found["apr_turns_2"] == found["apr_audio_0_20"] == apr
    assert found["ars"] == found["ars_turns_2"] == found["ars_audio_0_20"] == pytest.approx(ars)
    assert (found["answered"], found["reply_words"], found["latency"]) == (1.0, 3.0, pytest.approx(0.5))


def test_a_missing_judgement_is_missing_data() -> None:
    given = {
        scoring.key(0): MET,
        scoring.key(1): Verdict(None, missing="no answer after 5 tries"),
        scoring.key(2): NOT,
    }
    score = TASK.score(spoken(), heard((2.0, "yes")), given)
    assert "apr" not in score.values
    assert set(score.missing.values()) == {"no answer after 5 tries"}
    assert {"apr", "ars", "apr_turns_2", "ars_audio_0_20"} <= score.missing.keys()
    assert score.values["answered"].numerator == 1.0


def test_silence_meets_nothing_and_is_not_asked_about() -> None:
    for line in (heard(), heard((0.6, "too early"))):
        assert TASK.questions(spoken(), line) == ()
        found = numbers(TASK.score(spoken(), line))
        assert (found["apr"], found["ars"], found["answered"]) == (0.0, 0.0, 0.0)
        assert "latency" not in found


def test_who_is_already_speaking_when_the_user_ends_has_no_latency() -> None:
    line = heard((1.0, "on and on and on"), (3.0, "so be it"))
    found = numbers(TASK.score(spoken(), line, {scoring.key(n): MET for n in range(3)}))
    assert found["answered"] == 1.0
    assert "latency" not in found


def test_speech_without_words_is_missing_not_failed() -> None:
    line = Timeline(9.0, (Segment(2.0, 3.0),), (), WordSource.NONE)
    score = TASK.score(spoken(), line)
    assert "apr" in score.missing
    assert score.values["answered"].numerator == 1.0


@pytest.mark.parametrize(
    ("seconds", "wanted"), [(0, (0, 20)), (19.99, (0, 20)), (20, (20, 40)), (300, (80, None))]
)
def test_lengths_fall_into_one_range(seconds: float, wanted: tuple[int, int | None]) -> None:
    assert audio_range(seconds) == wanted


def test_in_fixed_context_the_judge_reads_the_references() -> None:
    [first, *_] = TASK.questions(spoken(), heard((2.0, "so be it")))
    assert [(line.role, line.text) for line in first.lines] == [
        ("user", "user 0"),
        ("assistant", "reference 0"),
        ("user", "user 1"),
        ("final reply", "so be it"),
        ("criterion", "item 0"),
    ]


def test_in_open_loop_the_judge_reads_the_model_s_own_conversation() -> None:
    line = heard((2.0, "my first"), (6.0, "my last"), turns=((0.5, 1.5), (4.0, 5.0)))
    [first, *_] = OPEN.questions(spoken(played=0), line)
    assert [(x.role, x.text) for x in first.lines][:4] == [
        ("user", "user 0"),
        ("assistant", "my first"),
        ("user", "user 1"),
        ("final reply", "my last"),
    ]


def test_a_session_cut_short_is_missing() -> None:
    score = OPEN.score(spoken(played=0), heard((2.0, "hm"), turns=((0.5, 1.5),)))
    assert score.missing["apr"] == "the session ended before the last user turn was over"


@pytest.mark.parametrize(
    ("reply", "check", "answer"),
    [
        ("The call is at 4.", ReplyCheck(("four",)), "met"),
        ("The call is at four.", ReplyCheck(("4",)), "met"),
        ("The call is at fourteen.", ReplyCheck(("four",)), "not_met"),
        ("Half past eleven.", ReplyCheck(("eleven thirty|half past eleven",)), "met"),
        ("It's a tortoise, I think.", ReplyCheck(none_of=("turtle|tortoise",)), "not_met"),
        ("One two three four.", ReplyCheck(most_words=3), "not_met"),
        ("One two three.", ReplyCheck(most_words=3), "met"),
        ("Yes.", ReplyCheck(fewest_words=2), "not_met"),
        ("Don't!", ReplyCheck(("dont",)), "met"),
        ("Ten.", ReplyCheck(("at ten",)), "not_met"),
    ],
)
def test_the_offline_rule(reply: str, check: ReplyCheck, answer: str) -> None:
    [question] = scoring.questions((), reply, [RubricItem("x", check)])
    assert scoring.decide(question).answer == answer


def test_items_without_a_check_wait_for_another_judge() -> None:
    scored = score_all(TASK, [(spoken(), heard((2.0, "hello")))])
    assert set(scored.scores[0].missing.values()) == {"only a language model or a person can judge this item"}


class Recorded:
    """A judge that finds every item met and remembers what it was asked."""

    id = "recorded"

    def __init__(self) -> None:
        self.asked: list[Question] = []

    def answer(self, questions: Sequence[Question], advance: object = None) -> list[Verdict]:
        self.asked += questions
        return [MET for _ in questions]


def test_one_item_one_question_and_no_hint_reaches_the_prompt() -> None:
    judge = Recorded()
    sample = next(TASK.samples())
    score_all(TASK, [(sample, TASK.ideal(sample))], judge)  # type: ignore[arg-type]
    assert len(judge.asked) == len(sample.reference.annotation.items)  # type: ignore[attr-defined]
    assert all(q.hint and q.hint not in str(q.lines) for q in judge.asked)


def test_the_mini_set_covers_the_axes_and_its_ideal_replies_pass() -> None:
    samples = list(TASK.samples())
    assert len(samples) >= 12
    assert {s.subset for s in samples} == set(TASK.subsets)
    assert not [s.problem for s in samples if s.problem]
    judge = RuleJudge(TASK.rules)
    for score in score_all(TASK, [(s, TASK.ideal(s)) for s in samples], judge).scores:
        assert score.values["apr"].numerator == 1.0, score
    repeated = score_all(TASK, [(s, TASK.blind(s)["repeats"]) for s in samples], judge).scores
    assert sum(s.values["apr"].numerator for s in repeated) == 0.0


def test_fixed_context_gives_history_and_plays_the_last_turn_only() -> None:
    fixed, opened = next(TASK.samples()), next(OPEN.samples())
    assert [m.role for m in fixed.script.history] == ["user", "assistant"] * 2
    assert len(fixed.script.turns) == 1
    assert (len(opened.script.history), len(opened.script.turns)) == (0, 3)


class Talker(StepAdapter):
    """Answers each user turn after ``delay_s``, in bursts of tone of given lengths and pauses."""

    audio_in = audio_out = 16000

    def __init__(self, plans: Sequence[Sequence[tuple[float, float]]]) -> None:
        self.plans = plans

    def start(self, session: SessionStart) -> None:
        self.loud = False
        self.turn = 0
        self.spans: list[tuple[int, int]] = []

    def step(self, turn: MicroTurn) -> Output | None:
        loud = bool(np.abs(turn.audio).max(initial=0) > 0.01)
        if self.loud and not loud and self.turn < len(self.plans):
            self.spans += [
                (turn.end_ns + round(a * NS), turn.end_ns + round(b * NS)) for a, b in self.plans[self.turn]
            ]
            self.turn += 1
        self.loud = loud
        begin = first_sample_at(turn.end_ns, 16000)
        at = np.arange(begin, begin + 3200)
        on = np.zeros(3200, bool)
        for a, b in self.spans:
            on |= (at >= first_sample_at(a, 16000)) & (at < first_sample_at(b, 16000))
        return Output(audio=np.where(on, np.float32(0.5), np.float32(0)))


@pytest.mark.parametrize(
    ("answer", "waits_s", "timed_out"),
    [
        ([(0.0, 1.0)], 1.0 + loader.GAP_S, False),  # finishes once
        ([(0.0, 1.0), (1.4, 3.0)], 3.0 + loader.GAP_S, False),  # pauses and goes on: waited for
        ([(2.0, 2.5), (2.9, 3.2), (3.6, 4.0)], 4.0 + loader.GAP_S, False),  # restarts twice
        ([], loader.PATIENCE_S, True),  # never speaks
    ],
)
def test_the_next_turn_follows_once_the_model_has_really_finished(
    tmp_path: Path, answer: Sequence[tuple[float, float]], waits_s: float, timed_out: bool
) -> None:
    folder = tmp_path / "data"
    (folder / "audio").mkdir(parents=True)
    (folder / "audio" / "1.wav").write_bytes(clip(1.0))
    turns = (ConversationTurn("one", "audio/1.wav", "reference"), ConversationTurn("two", "audio/1.wav"))
    line = RubricConversation("c", "VOICE_EDITING", turns, (RubricItem("x"),))
    (folder / "conversations.jsonl").write_text(msgspec.json.encode(line).decode())
    [sample] = OPEN.samples(folder)
    ran = run_session(tmp_path / "out", sample, Talker([answer, [(0.0, 1.0)]]), Settings())
    first, second = ran.of(ev.UserTurnStarted)
    # The talker knows that the user has stopped once a whole micro-turn was silent, at 1.8 s.
    base_s = first.end_ns / NS if timed_out else 1.8
    assert second.t_ns / NS - base_s == pytest.approx(waits_s, abs=1e-3)
    assert second.timed_out is timed_out
    [closed] = ran.of(ev.SessionClosed)
    assert closed.t_ns - second.end_ns < (loader.QUIET_S + 1.7) * NS


def test_an_adapter_without_history_is_refused_by_name_and_left_out_otherwise(tmp_path: Path) -> None:
    file = tmp_path / "plain.py"
    file.write_text(
        "from tml_bench.adapter import StepAdapter\n\n\nclass Plain(StepAdapter):\n"
        "    def step(self, turn):\n        return None\n"
    )
    asked = RunRequest(tasks=("audio-multichallenge",), adapters=(f"{file}:Plain",), out=tmp_path)
    with pytest.raises(UserError, match=r"cannot take.*--loop closed"):
        plan_runs(asked)
    told: list[str] = []
    assert plan_runs(replace(asked, skip_unfit=True), told.append) == []
    (line,) = told
    assert f"does not run {asked.tasks[0]}" in line
    assert len(plan_runs(replace(asked, tasks=("audio-multichallenge-open",)))) == 1


SAID = (
    Message("user", "Hi.", Waveform(np.full(160, 0.5, np.float32), 16000)),
    Message("assistant", "Hello."),
    Message("user", "Written."),
)


def test_history_as_items_of_openai_realtime() -> None:
    adapter: TypeAdapter[Any] = TypeAdapter(RealtimeClientEvent)
    items = [history_item(said, 24000) for said in SAID]
    for item in items:
        adapter.validate_python(item)
    assert [i["item"]["content"][0]["type"] for i in items] == ["input_audio", "output_text", "input_text"]


def test_history_as_messages_of_chat_completions() -> None:
    dialogue = ChatDialogue(SessionStart("t/s", 200_000_000, history=SAID), {"model": "m"}, 24000)
    dialogue.say({"type": "text", "text": "Now."})
    roles = [(m["role"], type(m["content"]).__name__) for m in dialogue.request()["messages"]]
    assert roles == [("user", "list"), ("assistant", "str"), ("user", "str"), ("user", "list")]


def test_samples_of_other_tasks_are_refused() -> None:
    with pytest.raises(BadSampleError, match=r"its annotation is not of this task"):
        TASK.score(Sample("x", "VOICE_EDITING"), heard())
