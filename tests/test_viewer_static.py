"""The viewer's page as files: pinned library, strict policy, no way for data to become markup."""

import base64
import hashlib
import re
from html.parser import HTMLParser
from importlib.resources import files

import pytest

from tml_bench.viewer.server import POLICY

STATIC = files("tml_bench.viewer") / "static"
OWN = sorted(entry.name for entry in STATIC.iterdir() if entry.name.endswith(".js"))


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.scripts: list[str] = []
        self.policy = ""
        self.inline: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "script":
            self.scripts.append(given.get("src") or "")
        if given.get("http-equiv") == "Content-Security-Policy":
            self.policy = given.get("content") or ""
        self.inline += [name for name in given if name == "style" or name.startswith("on")]
        self.inline += [tag] * (tag == "style")


@pytest.fixture(scope="module")
def page() -> _Page:
    parsed = _Page()
    parsed.feed((STATIC / "index.html").read_text())
    return parsed


def test_the_page_loads_its_own_scripts_and_nothing_from_elsewhere(page: _Page) -> None:
    assert sorted(page.scripts) == sorted([*OWN, "vendor/wavesurfer.min.js"])
    assert page.inline == []
    for name in ["index.html", "viewer.css", *OWN]:
        assert not re.search(r"https?://|//cdn", (STATIC / name).read_text()), name


def test_the_policy_lets_nothing_run_but_the_page_s_own_files(page: _Page) -> None:
    rules = dict(rule.strip().split(" ", 1) for rule in page.policy.split(";"))
    assert rules["default-src"] == "'none'"
    assert rules["script-src"] == "'self'"
    assert "unsafe" not in page.policy


@pytest.mark.parametrize("name", OWN)
def test_data_never_becomes_markup_or_code(name: str) -> None:
    text = (STATIC / name).read_text()
    forbidden = r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|cssText|srcdoc"
    assert not re.search(forbidden, text)
    assert len(text.splitlines()) < 350


def test_the_vendored_library_is_the_one_that_is_pinned() -> None:
    pinned = (STATIC / "vendor" / "VENDORED.md").read_text()
    found = hashlib.sha256((STATIC / "vendor" / "wavesurfer.min.js").read_bytes()).hexdigest()
    assert found in pinned
    assert "BSD 3-Clause" in (STATIC / "vendor" / "LICENSE").read_text()


def test_the_style_allowed_is_the_library_s_at_the_height_the_page_gives_it(page: _Page) -> None:
    library = (STATIC / "vendor" / "wavesurfer.min.js").read_text()
    wave = re.search(r"const WAVE = (\d+);", (STATIC / "lanes.js").read_text())
    style = re.search(r"<style\$\{[^`]*?`[^`]*`[^}]*\}>(.*?)</style>", library, re.DOTALL)
    assert wave
    assert style
    text = re.sub(r"\$\{[^}]*\}", wave[1], style[1]).replace("\\n", "\n")
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    assert f"'sha256-{digest}'" in page.policy
    assert f"'sha256-{digest}'" in POLICY
    assert "unsafe" not in POLICY
