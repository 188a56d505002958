"""The viewer, served and exported: samples are found, seen, heard and compared."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING

import pytest
from chromium import WatchedPage, watched_page
from models import SIGNS

from tml_bench.viewer.export import export_site
from tml_bench.viewer.run_files import open_viewed
from tml_bench.viewer.server import ViewerServer
from tml_bench.viewer.site import ViewerSite

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

SOUND, VIDEO = "fd-bench-v1-mini-1--", "charades-mini-1--"
SYNC_S = 0.02
PLAYED = "video:not([hidden])"
TWO_READY = "document.querySelectorAll('[data-testid=view][data-ready=true]').length === 2"
WATCH_TIMES = """
async () => {
  const player = tmlBench.views[0].player, times = [];
  for (let k = 0; k < 25; k++) {
    await new Promise(r => setTimeout(r, 40));
    times.push([player.currentTime, ...player.times()]);
  }
  return times;
}
"""
"""Over a second of playing: the player's time, the user's track's and the model's."""


@contextmanager
def served(results: Path) -> Iterator[str]:
    with ViewerServer(ViewerSite(open_viewed((results,)))) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield server.url
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture(scope="module")
def url(results: Path) -> Iterator[str]:
    with served(results) as address:
        yield address


@pytest.fixture(scope="module")
def exported(results: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("exported")
    list(export_site(ViewerSite(open_viewed((results,))), folder))
    return (folder / "index.html").as_uri()


@pytest.fixture(params=["served", "exported"])
def address(request: pytest.FixtureRequest) -> str:
    """Of the viewer, once over the loopback interface and once from disk."""
    return str(request.getfixturevalue("url" if request.param == "served" else "exported"))


def opened(page: Page, address: str) -> None:
    page.goto(address)
    page.wait_for_selector("html[data-ready=true]")


def until(page: Page, condition: str) -> None:
    """Wait for something in the page; Playwright's own way is refused by the page's policy."""
    page.evaluate(
        f"async () => {{ for (let k = 0; k < 750; k++) {{ if ({condition}) return;"
        f" await new Promise(r => setTimeout(r, 40)); }} throw new Error('in vain'); }}"
    )


def sample_of(page: Page, run: str, *, missed: bool = False) -> str:
    """The address of a run's first sample in the list; of one with a missed window."""
    columns, runs = page.evaluate("[tmlBench.index.columns, tmlBench.index.runs.map(r => r.key)]")
    return next(
        f"#run={runs[columns['run'][k]]}&sample={sample}"
        for k, sample in enumerate(columns["sample"])
        if runs[columns["run"][k]] == run and (not missed or columns["missed"][k])
    )


def go(page: Page, place: str) -> None:
    page.evaluate("place => { location.hash = place; }", place)
    page.wait_for_selector("[data-testid=view][data-ready=true]")


def test_list_is_filtered_and_leads_to_a_sample(watched: WatchedPage, address: str) -> None:
    page = watched.page
    opened(page, address)
    assert (page.get_by_test_id("count").text_content() or "").startswith("16 samples")
    page.locator("#filter-text").fill("fd-bench")
    page.keyboard.press("Tab")
    page.get_by_test_id("sample-row").first.click()
    page.wait_for_selector("[data-testid=view][data-ready=true]")
    page.locator("h1#sample-title").wait_for()
    title = page.title()
    page.keyboard.press("j")
    until(page, f"document.title !== {json.dumps(title)}")
    page.keyboard.press("Escape")
    page.get_by_test_id("samples").wait_for()


def test_a_run_with_options_in_its_name_is_shown(watched: WatchedPage, address: str) -> None:
    page = watched.page
    opened(page, address)
    go(page, sample_of(page, f"{SOUND}silent-audio_out=8000"))
    assert "silent:audio_out=8000" in (page.get_by_test_id("view").text_content() or "")


@pytest.mark.parametrize("run", [f"{SOUND}prompt", f"{VIDEO}prompt"])
def test_both_tracks_play_in_step(watched: WatchedPage, address: str, run: str) -> None:
    page = watched.page
    opened(page, address)
    go(page, sample_of(page, run))
    start_s = page.evaluate("Math.max(0, ...tmlBench.views[0].doc.videos.map(v => v.start_s))")
    page.evaluate("at => { tmlBench.views[0].player.currentTime = at; }", start_s)
    page.get_by_test_id("play").click()
    until(page, f"tmlBench.views[0].player.currentTime > {start_s + 0.3}")
    times = page.evaluate(WATCH_TIMES)
    page.get_by_test_id("play").click()
    for side in (0, 1, 2):
        assert times[-1][side] - times[0][side] > 0.5
    # A single reading of an element's time may be off by a buffer of sound.
    apart = sorted(abs(user - model) for _, user, model in times)
    assert apart[len(apart) // 2] < SYNC_S
    stopped_s = page.evaluate("tmlBench.views[0].player.currentTime")
    shown = "[data-testid=current-time]"
    until(page, f"Math.abs(document.querySelector('{shown}').dataset.seconds - {stopped_s}) < 0.01")
    if run.startswith(VIDEO):
        until(page, f"Math.abs(document.querySelector('{PLAYED}').currentTime - {stopped_s - start_s}) < 0.2")


def test_jumps_to_a_missed_window(watched: WatchedPage, address: str) -> None:
    page = watched.page
    opened(page, address)
    go(page, sample_of(page, f"{SOUND}silent-audio_out=8000", missed=True))
    page.get_by_test_id("next-missed").click()
    until(page, "tmlBench.views[0].player.currentTime > 0")
    at = page.evaluate("tmlBench.views[0].player.currentTime")
    missed = page.evaluate(
        "tmlBench.views[0].doc.windows.filter(w => w.state === 'missed').map(w => w.start_s)"
    )
    assert at == pytest.approx(missed[0], abs=0.01)


def test_two_models_are_seen_side_by_side(watched: WatchedPage, address: str) -> None:
    page = watched.page
    opened(page, address)
    go(page, sample_of(page, f"{SOUND}prompt"))
    page.get_by_test_id("compare").select_option(f"{SOUND}late")
    until(page, TWO_READY)
    runs = [view.get_attribute("data-run") for view in page.get_by_test_id("view").all()]
    assert runs == [f"{SOUND}prompt", f"{SOUND}late"]
    assert f"with={SOUND}late" in page.url
    page.reload()
    until(page, TWO_READY)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_view_breaks_a_rule(browser: Browser, url: str, scheme: str) -> None:
    with watched_page(browser) as watched:
        page = watched.page
        page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
        opened(page, url)
        found = {"list": watched.violations()}
        go(page, sample_of(page, f"{VIDEO}prompt"))
        found["sample"] = watched.violations()
        go(page, f"{sample_of(page, f'{SOUND}prompt')}&with={SOUND}late")
        found["two"] = watched.violations()
        assert found == {"list": [], "sample": [], "two": []}


@pytest.mark.parametrize("way", ["served", "exported"])
def test_attacks_are_shown_as_text(watched: WatchedPage, hostile: Path, tmp_path: Path, way: str) -> None:
    page = watched.page
    if way == "exported":
        list(export_site(ViewerSite(open_viewed((hostile,))), tmp_path))
        shown = _everything(watched, (tmp_path / "index.html").as_uri())
    else:
        with served(hostile) as address:
            shown = _everything(watched, address)
            page.goto("about:blank")
    for sign in SIGNS:
        assert shown.count(sign) > 3


def _everything(watched: WatchedPage, address: str) -> str:
    """What the list and the first sample say, all details open, after every button was looked at."""
    page = watched.page
    opened(page, address)
    shown = page.locator("body").inner_text()
    page.get_by_test_id("sample-row").first.click()
    page.wait_for_selector("[data-testid=view][data-ready=true]")
    page.evaluate("for (const one of document.querySelectorAll('details')) one.open = true")
    page.wait_for_timeout(300)
    shown += page.locator("body").inner_text()
    assert page.evaluate("window.pwned") is None
    assert watched.refusals() == []
    assert page.locator("a[href^='javascript:' i], base, img[src=x]").count() == 0
    return shown
