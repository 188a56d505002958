"""The pages of a report: what they say, how they are made, and what they let nobody do."""

from __future__ import annotations

import gzip
import re
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from typing import ClassVar

import msgspec
import pytest
from test_report import HALF, HOSTILE, PROMPT, run

from tml_bench.plugins import suite_names
from tml_bench.report.board import board_of
from tml_bench.report.board_view import MOST_COLUMNS, STATES, board_tables
from tml_bench.report.pages import nodes
from tml_bench.report.site import file_names, site
from tml_bench.runs.usage import RunUsage
from tml_bench.scoring.summary import Judgements, Summary
from tml_bench.scoring.summary_file import from_json
from tml_bench.task import BoardScore
from tml_bench.turns import Usage

BASELINES = Path(__file__).resolve().parent.parent / "results" / "baselines"


class Page(HTMLParser):
    """Collects what matters of a page and checks that every element is closed."""

    VOID: ClassVar = frozenset(
        {"meta", "link", "br", "wbr", "line", "rect", "circle", "path", "input", "img"}
    )

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.said: list[str] = []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not {"style", "script"} & set(self.open):
            self.said.append(data)

    @property
    def text(self) -> str:
        """All that is read, on one line."""
        return " ".join(" ".join(self.said).split())


def pages(*summaries: Summary) -> dict[str, str]:
    return site(board_of(summaries))


@cache
def hostile_pages() -> dict[str, str]:
    hostile = run(
        HOSTILE, PROMPT, run=HOSTILE, machine=HOSTILE, judge=HOSTILE, created=HOSTILE, clock=HOSTILE
    )
    outcomes = tuple(msgspec.structs.replace(o, reasons={"invalid": {HOSTILE: 1}}) for o in hostile.outcomes)
    published = tuple(msgspec.structs.replace(p, system=HOSTILE, source=HOSTILE) for p in hostile.published)
    hostile = msgspec.structs.replace(
        hostile,
        title=HOSTILE,
        outcomes=outcomes,
        notes={HOSTILE: 2},
        not_run={HOSTILE: HOSTILE},
        published=published,
    )
    others = (
        run("half", HALF),
        run("oracle", PROMPT, privileged=True),
        run("../../up", HALF, run="../../up"),
    )
    found = site(board_of([hostile, *others]), {HOSTILE: HOSTILE}, ["view/index.html", "frontier.svg"])
    assert len(found) > 6
    return found


@cache
def default_run() -> dict[str, str]:
    """The pages of the run that no option is given to: every task of the suite, the reference adapters."""
    summaries = []
    for task in suite_names():
        stored = gzip.decompress((BASELINES / task / "report.json.gz").read_bytes())
        summaries += from_json(stored, task)
    return site(board_of(summaries))


def test_no_page_of_the_default_run_is_too_large() -> None:
    # One page held 120,000 elements and 3.3 MB.
    found = default_run()
    assert {
        name for name, html in found.items() if nodes(html) > 5_000 or len(html.encode()) > 300_000
    } == set()
    assert sum(nodes(html) for html in found.values()) > 50_000  # nothing was left out


def test_nothing_of_a_task_is_left_out() -> None:
    stored = gzip.decompress((BASELINES / "fd-bench-v1.5" / "report.json.gz").read_bytes())
    summaries = from_json(stored, "stored")
    text = " ".join(Page(html).text for html in pages(*summaries).values())
    for metric in summaries[0].metrics:
        assert metric.metric.title in text
        assert metric.metric.name in text
        assert metric.subset in text
        for strategy in metric.baseline.blind:
            assert strategy in text
    assert "Paired comparisons" in text
    assert "detectable" in text


def test_every_link_leads_somewhere() -> None:
    whole = default_run()
    some = dict(list(whole.items())[::3])  # the first, which links to all of them, and of every kind many
    assert {Path(name).parent for name in some} == {Path(name).parent for name in whole}
    for found, looked_at in ((whole, some), (hostile_pages(), hostile_pages())):
        names = {*found, "frontier.svg"}
        for name, html in looked_at.items():
            tags = Page(html).tags
            ids = {a["id"] for _, a in tags if "id" in a}
            for tag, attributes in tags:
                target = attributes.get("href")
                if tag != "a" or target is None or re.match(r"(report|board)\.\w+$|(\.\./)?view/", target):
                    continue
                if target.startswith("#"):
                    assert target[1:] in ids
                    continue
                parts = [*Path(name).parent.parts, *Path(target).parts]
                while ".." in parts:
                    k = parts.index("..")
                    del parts[k - 1 : k + 1]
                assert "/".join(parts) in names, (name, target)


def test_a_board_fits_the_screen_whatever_the_number_of_tasks() -> None:
    several = [run("a", PROMPT, dataset=f"mini-{k}") for k in range(25)]
    others = [run("a", PROMPT, compute="charged"), run("b", HALF, compute="charged")]
    tables = board_tables(board_of([*several, *others]))
    assert [len(t.columns) for t in tables] == [9, 9, 7, 1]
    assert max(len(t.columns) for t in tables) <= MOST_COLUMNS
    assert [dict(t.conditions)["compute"] for t in tables] == ["ideal"] * 3 + ["charged"]
    assert [row.label for row in tables[-1].rows] == ["a", "b"]


def test_rulers_stand_apart_and_no_ranks_are_given_to_them() -> None:
    html = pages(run("silent", {}), run("good", PROMPT), run("bad", {"w0": 1.0}))["index.html"]
    competitors, rulers = html.partition('data-kind="ruler"')[::2]
    assert 'data-model="good"' in competitors
    assert 'data-model="silent"' in rulers
    assert 'class="rank"' not in rulers
    assert "never ranked" in rulers


def test_states_differ_in_sign_word_and_class_and_not_in_colour_alone() -> None:
    assert (
        len({mark.sign for mark in STATES.values()}) == len({m.word for m in STATES.values()}) == len(STATES)
    )
    html = default_run()["index.html"]
    for state in ("below", "above"):
        assert f'class="score {state}' in html
    assert "✗ floor" in Page(html).text
    assert "▲ floor" in Page(html).text


def test_a_rate_over_few_events_is_greyed_and_says_its_n() -> None:
    html = pages(run("a", PROMPT))["index.html"]
    assert re.search(r'class="score \w+ few"', html)
    assert "only n 6" in Page(html).text


def test_every_row_has_its_date() -> None:
    html = pages(run("a", PROMPT, created="2026-11-20T10:00:00Z"), run("b", HALF))["index.html"]
    text = Page(html).text
    assert "a 2026-11-20" in text
    assert "b date unknown" in text
    assert 'data-date="2026-11-20"' in html


TEN_QUESTIONS = {
    "Which model is best at X?": r"good may be the best: rank #1–2, Delay ↓ \(s\) 0\.500",
    "Is that beyond chance?": r"It is better than the floor, but its interval reaches it or is not known",
    "Against which floor?": r"floor 4\.000, by the strategy metronome",
    "On how many items?": r"n 6\.",
    "On what data?": r"10 samples of mini-1",
    "When?": r"2026-11-20",
    "With which judge?": r"judged by no judge: code alone",
    "How do I hear a failure?": r"Hear a failure tml-bench view results/",
    "What did it cost?": r"What it cost Nothing that was told",
    "How do I add mine?": r"tml-bench run (--task answering )?--adapter my_model\.py:MyModel",
}


@pytest.mark.parametrize("question", TEN_QUESTIONS)
def test_what_a_new_user_asks_is_answered_on_the_first_two_screens(question: str) -> None:
    made = [run(name, said, created="2026-11-20T10:00") for name, said in (("good", PROMPT), ("bad", HALF))]
    score = BoardScore("delay", "reply")
    found = pages(*(msgspec.structs.replace(summary, board=score) for summary in made))
    first_two = f"{Page(found['index.html']).text} {Page(found['tasks/answering.html']).text}"
    assert re.search(TEN_QUESTIONS[question], first_two), first_two[:3000]


def test_what_services_and_judges_took_stands_with_the_task_and_the_run() -> None:
    made = run("a", PROMPT)
    asked = Judgements(("r 1",), 3, {}, prompt_tokens=12_000, completion_tokens=345)
    used = RunUsage(Usage(input_tokens=1_234), 2, 2)
    _, task, page = pages(msgspec.structs.replace(made, judgements=asked, usage=used)).values()
    for html in (task, page):
        assert "judge: 12,000 tokens read, 345 written" in html
        assert "1,234 input tokens" in html


def test_numbers_of_others_stand_on_the_board_beside_official_data_and_have_no_rank() -> None:
    official = [run(name, said, dataset="official") for name, said in (("a", PROMPT), ("b", HALF))]
    html = pages(*official)["index.html"]
    published = html.partition('<tbody role="rowgroup" class="published"')[2]
    assert 'data-model="Elsewhere 9"' in published
    assert "<b>75.0</b> <small>reported</small>" in published
    assert 'class="rank"' not in published
    assert 'class="published"' not in pages(run("a", PROMPT))["index.html"]


def test_pages_are_well_formed_and_fetch_nothing_but_their_pictures() -> None:
    for name, html in hostile_pages().items():
        found = Page(html)
        assert [a for t, a in found.tags if t == "script"] == [{}]
        sources = {v for _, a in found.tags for k, v in a.items() if k in ("src", "srcset", "action")}
        assert sources <= ({"frontier.svg"} if name == "index.html" else set())
        links = [v for t, a in found.tags for k, v in a.items() if k == "href" and v != "data:,"]
        assert not any(re.match(r"[a-z]+:|/", str(v)) for v in links)
        assert "url(" not in html
        assert "@import" not in html
        assert not any("style" in a for _, a in found.tags)


def test_the_policy_allows_the_one_style_and_the_one_script_by_their_hashes() -> None:
    import base64
    import hashlib

    for html in hostile_pages().values():
        policy = next(a["content"] for _, a in Page(html).tags if a.get("http-equiv"))
        assert policy is not None
        for element in ("style", "script"):
            (text,) = re.findall(rf"<{element}>(.*?)</{element}>", html, re.DOTALL)
            digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
            assert f"{element}-src 'sha256-{digest}'" in policy
        assert policy.startswith("default-src 'none'")
        assert "unsafe" not in policy


def test_pages_escape_what_comes_from_outside() -> None:
    everything = "".join(hostile_pages().values())
    assert "<script>alert" not in everything
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in everything
    assert "\x1b" not in everything
    assert "Answering &lt;made up&gt;" in everything
    for html in hostile_pages().values():
        assert not any(k.startswith("on") for _, a in Page(html).tags for k in a)


def test_names_of_pages_are_harmless_whatever_the_runs_are_called() -> None:
    assert all(
        re.fullmatch(r"((tasks|runs)/)?[A-Za-z0-9_=-][A-Za-z0-9._=-]*\.html", n) for n in hostile_pages()
    )
    names = file_names(["../../etc/passwd", "a", "A", "", "...", "x" * 300, "CON<|>"])
    assert names == ["etc-passwd", "a", "A--2", "unnamed", "unnamed--2", "x" * 80, "CON"]
    assert file_names(["a", "a--2", "A"]) == ["a", "a--2", "A--3"]


def test_pages_break_long_names_and_nothing_else() -> None:
    page = pages(run("delayed:700", PROMPT))["index.html"]
    assert "delayed:<wbr>700" in page
    assert "&lt;wbr&gt;" not in page


def test_tables_have_captions_and_scoped_heads_and_controls_have_labels() -> None:
    for html in hostile_pages().values():
        tags = Page(html).tags
        names = [t for t, _ in tags]
        assert names.count("table") == names.count("caption")
        assert all(a.get("scope") for t, a in tags if t == "th")
        assert names.count("h1") == names.count("main") == 1
        labels = re.findall(r"<label>[^<]*(?:<[^>]*>)?", html)
        assert len(labels) == sum(t in ("input", "select") for t in names)


def test_the_task_s_page_shows_every_number_of_the_leaderboard() -> None:
    text = hostile_pages()["tasks/answering.html"]
    for part in (
        "50.0",
        "[4.6, 69.9]",
        "2.000",
        "[–]",
        "too few units (3, 16 needed)",
        "metronome",
        "floor = ceiling",
        "version 1",
    ):
        assert part in text


def test_pages_are_the_same_bytes_for_the_same_runs_in_any_order() -> None:
    a, b = run("a", PROMPT), run("b", HALF)
    assert pages(a, b) == pages(b, a)


def test_a_task_under_several_conditions_has_a_page_for_each() -> None:
    found = pages(run("half", HALF), run("half", HALF, compute="charged", run="other"))
    assert {"tasks/answering.html", "tasks/answering--charged.html"} <= set(found)


def test_without_runs_the_board_says_so() -> None:
    assert list(pages()) == ["index.html"]
    assert "no runs" in pages()["index.html"]
