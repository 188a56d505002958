"""A headless Chromium that never leaves this machine, and pages whose every misstep is remembered."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Dialog, Page, Playwright, Route

AXE = Path(__file__).parent / "axe.min.js"
NAMES = ("chromium", "chromium-browser", "google-chrome")
"""Browsers of the system; where there is none of them, the one that Playwright installs."""
NONE = "no Chromium: apt-get install chromium, or playwright install chromium"
ELSEWHERE = re.compile(r"^(?!file:|data:|blob:|about:|http://127\.0\.0\.1[:/]|http://localhost[:/])")
WATCH = """
window.broken = [];
addEventListener("securitypolicyviolation", e =>
  broken.push(`${e.effectiveDirective} ${e.blockedURI} ${e.sourceFile || ""} ${e.sample || ""}`));
"""


def executable(playwright: Playwright) -> str | None:
    """The Chromium to drive; None where there is none."""
    own = playwright.chromium.executable_path
    return next(filter(None, map(shutil.which, NAMES)), own if Path(own).is_file() else None)


class WatchedPage:
    """A page, and what it must not do: ``missteps`` are what it did of that.

    Attributes:
        page: Playwright's.
        missteps: requests to elsewhere, dialogs, uncaught errors, in words.
    """

    def __init__(self, page: Page) -> None:
        self.page, self.missteps = page, list[str]()
        page.context.route(ELSEWHERE, self._refuse)
        page.context.add_init_script(WATCH)
        page.on("pageerror", lambda error: self.missteps.append(f"error: {error}"))
        page.on(
            "dialog", lambda dialog: (self.missteps.append(f"dialog: {dialog.message}"), dialog.dismiss())
        )
        page.on("popup", lambda other: self.missteps.append(f"window: {other.url}"))
        page.set_default_timeout(30_000)

    def _dismiss(self, dialog: Dialog) -> None:
        self.missteps.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def _refuse(self, route: Route) -> None:
        self.missteps.append(f"network: {route.request.url}")
        route.abort()

    def violations(self) -> list[str]:
        """What of the page as it stands breaks axe-core's rules: rule, impact and the first elements."""
        if not self.page.evaluate("'axe' in window"):
            self.page.evaluate(AXE.read_text(encoding="utf-8"))
        found = self.page.evaluate("axe.run({resultTypes: ['violations']}).then(r => r.violations)")
        return [
            f"{v['id']} ({v['impact']}): {v['help']}: {[node['html'][:200] for node in v['nodes'][:3]]}"
            for v in found
        ]

    def refusals(self) -> list[str]:
        """What the content security policy of the page as it stands refused."""
        return list(self.page.evaluate("window.broken"))


@contextmanager
def launched() -> Iterator[Browser | None]:
    """A browser; None where there is none. While it is there, the thread has a running event loop."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        path = executable(playwright)
        if path is None:
            yield None
            return
        # Root may not use Chromium's sandbox; nothing here comes from elsewhere.
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def watched_page(browser: Browser, width: int = 1280, height: int = 800) -> Iterator[WatchedPage]:
    """A page in a context of its own; raises `AssertionError` at its end for whatever it must not do."""
    context = browser.new_context(viewport={"width": width, "height": height}, accept_downloads=True)
    try:
        watched = WatchedPage(context.new_page())
        yield watched
        wrong = [*watched.missteps, *watched.refusals()]
        assert not wrong, wrong
    finally:
        context.close()
