"""The watch sees what a page must not do."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from chromium import watched_page

if TYPE_CHECKING:
    from playwright.sync_api import Browser

MISSTEPS = {
    "network: http://elsewhere.example/x": "<img src='http://elsewhere.example/x'>",
    "dialog: boo": "<script>alert('boo')</script>",
    "error: boo": "<script>throw 'boo'</script>",
}


@pytest.mark.parametrize("misstep", MISSTEPS)
def test_missteps_fail(browser: Browser, tmp_path: Path, misstep: str) -> None:
    file = tmp_path / "page.html"
    file.write_text(MISSTEPS[misstep])
    with pytest.raises(AssertionError, match=misstep.split()[-1]), watched_page(browser) as watched:
        watched.page.goto(file.as_uri(), wait_until="networkidle")


def test_a_policy_that_refuses_something_fails(browser: Browser, tmp_path: Path) -> None:
    file = tmp_path / "page.html"
    file.write_text(
        "<meta http-equiv='Content-Security-Policy' content=\"default-src 'none'\"><script>1</script>"
    )
    with pytest.raises(AssertionError, match="script-src-elem"), watched_page(browser) as watched:
        watched.page.goto(file.as_uri())


def test_axe_finds_what_nobody_can_read(browser: Browser, tmp_path: Path) -> None:
    file = tmp_path / "page.html"
    file.write_text("<html lang='en'><title>t</title><main><h1>h</h1><img src='data:,'></main>")
    with watched_page(browser) as watched:
        watched.page.goto(file.as_uri())
        assert [v.split()[0] for v in watched.violations()] == ["image-alt"]
