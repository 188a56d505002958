"""Sheets: written for people, filled in with spreadsheets or the page, read back with every flaw named."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import json
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest
from hypothesis import given, strategies as st
from msgspec import structs

from tml_bench.errors import UserError
from tml_bench.judges.sheet import (
    HumanJudge,
    SheetRow,
    from_csv,
    merged,
    read_sheet,
    row_id,
    rows_of,
    to_csv,
    to_page,
)
from tml_bench.questions import Question, QuestionLine, Rubric

RUBRIC = Rubric("length", 2, "Is it long?\nSay so.", ("short", "long"))
MARK = Rubric("mark", 1, "How good?", ("0", "1", "2"), ordered=True)


def question(text: str, rubric: Rubric = RUBRIC, key: str = "k") -> Question:
    return Question(
        key, rubric, (QuestionLine("user", "Say something."), QuestionLine("model", text, 1.0, 2.5))
    )


def filled(rows: Sequence[SheetRow], *answers: str) -> list[SheetRow]:
    return [structs.replace(row, answer=a) for row, a in zip(rows, answers, strict=True)]


def write(path: Path, rows: Sequence[SheetRow]) -> Path:
    path.write_text(to_csv(rows), encoding="utf-8-sig")
    return path


def test_a_sheet_holds_each_question_once_readably_and_without_the_model() -> None:
    rows = rows_of([question("a", key="1"), question("a", key="2"), question("b\nreply: x")])
    assert len(rows) == 2
    (row,) = (r for r in rows if "reply" in r.texts)
    assert row.texts == "user: Say something.\n\nmodel [1.00 to 2.50 s]: b\n    reply: x"
    assert (row.rubric, row.version, row.instruction) == ("length", "2", "Is it long?\nSay so.")
    assert (row.allowed, row.answer) == (("short", "long"), "")
    assert [r.id for r in rows] == sorted(r.id for r in rows)


def test_people_s_answers_become_verdicts(tmp_path: Path) -> None:
    asked = [question("a"), question("b"), question("c")]
    rows = {row.id: row for row in rows_of(asked[:2])}
    rows[row_id(asked[0])] = structs.replace(rows[row_id(asked[0])], answer="long", explanation="Four words.")
    judge = HumanJudge(write(tmp_path / "s.csv", list(rows.values())))
    one, two, three = judge.answer(asked)
    assert (one.answer, one.explanation, one.judge, one.missing) == ("long", "Four words.", "human", "")
    assert (two.answer, two.missing) == (None, "not filled in")
    assert (three.answer, three.missing) == (None, "not on the sheet")


def test_other_answers_are_another_judge(tmp_path: Path) -> None:
    rows = rows_of([question("a"), question("b")])
    ids = {
        HumanJudge(write(tmp_path / "s.csv", filled(rows, *answers))).id
        for answers in (("long", ""), ("long", "short"), ("short", "short"), ("", "long"))
    }
    assert len(ids) == 4
    assert HumanJudge(write(tmp_path / "a.csv", rows)).id == HumanJudge(write(tmp_path / "b.csv", rows)).id


def test_a_changed_rubric_is_not_on_the_old_sheet(tmp_path: Path) -> None:
    judge = HumanJudge(write(tmp_path / "s.csv", filled(rows_of([question("a")]), "long")))
    changed = Rubric("length", 3, "Is it really long?", RUBRIC.answers)
    (verdict,) = judge.answer([question("a", changed)])
    assert verdict.missing == "not on the sheet"


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_sheets_as_spreadsheets_save_them(tmp_path: Path, delimiter: str) -> None:
    rows = rows_of([question("a; b, c"), question('say "no"')])
    table = list(csv.reader(io.StringIO(to_csv(filled(rows, " LONG ", "short")))))
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter, lineterminator="\r\n").writerows([*table, [], [""] * 9])
    (tmp_path / "s.csv").write_bytes(b"\xef\xbb\xbf" + out.getvalue().encode())
    assert [row.answer for row in read_sheet(tmp_path / "s.csv")] == ["long", "short"]


def test_columns_may_be_moved_and_added() -> None:
    rows = filled(rows_of([question("a")]), "long")
    table = [[*line[::-1], "mine"] for line in csv.reader(io.StringIO(to_csv(rows)))]
    out = io.StringIO()
    csv.writer(out).writerows(table)
    assert from_csv(out.getvalue(), "s.csv") == rows


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda text: text.replace("answer", "choice", 1), r"s\.csv has no column 'answer'"),
        (lambda text: "", "has no column 'id'"),
        (lambda text: text.replace(",long,", ",lang,"), r"row 2, answer: 'lang' is not one of short, long"),
        (lambda text: text + text.partition("\n")[2], "is there twice"),
        (lambda text: "id\0" + text, "has no column"),
    ],
)
def test_sheets_that_cannot_be_used(change: object, says: str) -> None:
    assert callable(change)
    text = to_csv(filled(rows_of([question("a")]), "long"))
    with pytest.raises(UserError, match=says):
        from_csv(change(text), "s.csv")


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot be read"):
        read_sheet(tmp_path / "missing.csv")
    (tmp_path / "s.csv").write_bytes("id,rubric\nÄ".encode("utf-16"))
    with pytest.raises(UserError, match="is not UTF-8"):
        read_sheet(tmp_path / "s.csv")


@pytest.mark.parametrize("text", ["=HYPERLINK(1)", "+1+1", "-A1", "@x", '"=1'])
def test_nothing_on_a_sheet_is_a_formula(text: str) -> None:
    rows = [structs.replace(rows_of([question("a")])[0], texts=text, explanation=text, answer="long")]
    cells = next(iter(csv.DictReader(io.StringIO(to_csv(rows)))))
    assert cells["texts"] == cells["explanation"] == f"'{text}"
    assert from_csv(to_csv(rows), "s.csv") == rows


TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\r"), max_size=30)


@given(st.lists(st.tuples(TEXT, TEXT, st.sampled_from(["", "short", "long"])), max_size=5))
def test_what_is_written_is_read(given_: list[tuple[str, str, str]]) -> None:
    rows = [
        structs.replace(row, explanation=why.strip(), answer=answer)
        for (text, why, answer), row in (
            (each, rows_of([question(f"{k} {each[0]}")])[0]) for k, each in enumerate(given_)
        )
    ]
    assert from_csv(to_csv(rows), "s.csv") == rows


def test_adding_questions_keeps_what_was_answered() -> None:
    old = filled(rows_of([question("a")]), "long")
    new = rows_of([question("a"), question("b"), question("c", MARK)])
    both = merged(old, new)
    assert both[0] == old[0]
    assert [row.rubric for row in both] == ["length", "length", "mark"]
    assert len(merged(old, new, limit=1)) == 2
    assert merged(both, new) == both


# ---- the page


class Page(HTMLParser):
    """Collects tags, and the texts of scripts and styles."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.inside: dict[str, list[str]] = {"script": [], "style": []}
        self._open = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._open = tag
        if tag in self.inside:
            self.inside[tag].append("")

    def handle_endtag(self, tag: str) -> None:
        self._open = ""

    def handle_data(self, data: str) -> None:
        if self._open in self.inside:
            self.inside[self._open][-1] += data


HOSTILE = '</script><script>alert(1)</script><!--<img src=x onerror="alert(2)">'


def test_the_page_holds_the_sheet_and_fetches_nothing() -> None:
    rows = rows_of([question(HOSTILE), question("b", MARK)])
    page = Page(to_page(rows, 'sheet"<b>.csv'))
    data, script = page.inside["script"]
    assert [msgspec.convert(row, SheetRow) for row in json.loads(data)["rows"]] == rows
    assert {tag for tag, _ in page.tags} & {"img", "iframe", "object", "form"} == set()
    attributes = [
        value or "" for _, attrs in page.tags for name, value in attrs.items() if name in ("src", "href")
    ]
    assert attributes == ["data:,"]
    assert HOSTILE not in to_page(rows, HOSTILE)
    assert not re.search(r"https?:|innerHTML|insertAdjacentHTML|eval\(|fetch\(|XMLHttp", script)
    (policy,) = (a["content"] for tag, a in page.tags if tag == "meta" and "http-equiv" in a)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert policy == (
        "default-src 'none'; img-src data:; media-src 'self' file:; style-src 'unsafe-inline'; "
        f"script-src 'sha256-{digest}'"
    )


DRIVER = """
const logged = [];
const fired = {};
const elements = {};
const element = (tag) => ({
  tag, children: [], attributes: {}, textContent: "", value: "", hidden: false,
  setAttribute(k, v) { this.attributes[k] = v; },
  append(...c) { this.children.push(...c); }, replaceChildren(...c) { this.children = c; },
  addEventListener(kind, act) { (this.on ??= {})[kind] = act; }, blur() {}, focus() {},
  click() { if (this.download) logged.push(["saved", this.download, this.href.parts.join("")]); },
});
globalThis.document = {
  getElementById: (id) => (elements[id] ??= element(id)), createElement: element,
  addEventListener: (kind, act) => { fired[kind] = act; },
};
const kept = {};
globalThis.localStorage = { getItem: (k) => kept[k] ?? null, setItem: (k, v) => { kept[k] = v; } };
globalThis.Blob = class { constructor(parts) { this.parts = parts; } };
globalThis.URL = { createObjectURL: (blob) => blob, revokeObjectURL() {} };
document.getElementById("sheet").textContent = SHEET;
const press = (key, target = {}) => fired.keydown({ key, target, preventDefault() {} });
"""
PLAY = """
logged.push(["state", elements.state.textContent]);
logged.push(["texts", elements.texts.textContent]);
logged.push(["keys", elements.answers.children.map((b) => b.children.map((c) => c.children ? c.children[0] : c).join(" "))]);
press("2");
press("ArrowLeft");
elements.why.value = "=because, \\"so\\"";
elements.why.on.input();
press("1", elements.why);
press("n");
press("x");
logged.push(["state", elements.state.textContent]);
press("0");
press("s");
logged.push(["kept", Object.keys(kept)]);
setTimeout(() => { console.log(JSON.stringify(logged)); process.exit(0); }, 0);
"""  # noqa: E501 -- a script reads better in lines of its own
SAVE = """
press("s");
setTimeout(() => { console.log(JSON.stringify([logged.at(-1)[2], kept])); process.exit(0); }, 0);
"""


def play(
    folder: Path, rows: Sequence[SheetRow], acts: str, kept: object = None,
    sounds: Mapping[str, str] | None = None,
) -> list[object]:  # fmt: skip
    """What a page with these rows logs when played, in a browser that keeps this."""
    data, script = Page(to_page(rows, "sheet.csv", sounds)).inside["script"]
    keep = f"Object.assign(kept, {json.dumps(kept or {})});"
    (folder / "play.js").write_text(f"const SHEET = {json.dumps(data)};{DRIVER}{keep}{script}{acts}")
    done = subprocess.run(
        ["node", str(folder / "play.js")], capture_output=True, text=True, timeout=60, check=True
    )
    found: list[object] = json.loads(done.stdout)
    return found


@pytest.mark.skipif(shutil.which("node") is None, reason="plays the page's script in node")
def test_a_sheet_filled_in_elsewhere_is_newer_than_what_the_browser_keeps(tmp_path: Path) -> None:
    rows = merged([], rows_of([question("b"), question("c", MARK)]))
    saved, kept = play(tmp_path, rows, f'press("2");{SAVE}')
    assert saved == to_csv(filled(rows, "long", ""))
    # The same sheet again: the browser's answer is all there is.
    assert play(tmp_path, rows, SAVE, kept)[0] == saved
    for answers in (("", "2"), ("short", "2")):
        elsewhere = filled(rows, *answers)
        expected = filled(rows, "long", "2") if not answers[0] else elsewhere
        assert play(tmp_path, elsewhere, SAVE, kept)[0] == to_csv(expected)
    # Taken back in the browser is an answer too, as long as the sheet stays as it was.
    answered = filled(rows, "short", "2")
    taken_back, kept = play(tmp_path, answered, f'press("Backspace");{SAVE}')
    assert play(tmp_path, answered, SAVE, kept)[0] == taken_back == to_csv(filled(rows, "", "2"))


HEAR = """
elements.sound.paused = true;
elements.sound.play = () => { elements.sound.paused = false; logged.push(["play", elements.sound.src]); };
elements.sound.pause = () => { elements.sound.paused = true; logged.push(["pause"]); };
logged.push(["shown", !elements.listen.hidden]);
press("p"); press("p"); press("r");
logged.push(["from", elements.sound.currentTime]);
press("ArrowRight", elements.sound); press(" ", elements.sound);
press("2");
logged.push(["shown", !elements.listen.hidden]);
press("p");
press("ArrowLeft"); press("p");
setTimeout(() => { console.log(JSON.stringify(logged)); process.exit(0); }, 0);
"""


@pytest.mark.skipif(shutil.which("node") is None, reason="plays the page's script in node")
def test_what_is_judged_is_heard_by_the_keyboard(tmp_path: Path) -> None:
    rows = merged([], rows_of([question("b"), question("c", MARK)]))
    log = play(tmp_path, rows, HEAR, sounds={rows[0].id: "a-sound/1.flac"})
    plays, pauses = ["play", "a-sound/1.flac"], ["pause"]
    first = [["shown", True], plays, pauses, plays, ["from", 0]]
    # The player's own keys move nothing; a question without a sound ends that of the one before.
    assert log == [*first, pauses, ["shown", False], plays]


@pytest.mark.skipif(shutil.which("node") is None, reason="plays the page's script in node")
def test_the_page_is_filled_in_with_the_keyboard(tmp_path: Path) -> None:
    rows = merged([], rows_of([question("b"), question("c", MARK)]))
    log = cast(Any, play(tmp_path, rows, PLAY))
    assert log[0] == ["state", "Question 1 of 2; 0 answered. sheet.csv"]
    assert log[1] == ["texts", rows[0].texts]
    assert log[2] == ["keys", ["short 1", "long 2"]]
    assert log[3] == ["state", "Question 2 of 2; 1 answered. sheet.csv"]
    kind, name, saved = log[4]
    assert (kind, name) == ("saved", "sheet.csv")
    expected = [
        structs.replace(rows[0], answer="long", explanation='=because, "so"'),
        structs.replace(rows[1], answer="0"),
    ]
    assert saved == to_csv(expected)
    assert log[5] == ["kept", ["tml-bench sheet sheet.csv"]]
