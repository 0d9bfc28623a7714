"""Chromium without a window, driven by Playwright from a thread of its own."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from servers import need

Result = TypeVar("Result")

_ARGUMENTS = (
    "--no-sandbox",  # it runs as root where tests run in containers
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-quic",
    "--autoplay-policy=no-user-gesture-required",
    # A page that nobody looks at plays on all the same.
    "--disable-backgrounding-occluded-windows",
    "--disable-renderer-backgrounding",
    "--disable-background-timer-throttling",
)


class Chromium:
    """One browser; Playwright keeps an event loop running in its thread, which no other test can bear."""

    def __init__(self) -> None:
        need("chromium")
        self._thread = ThreadPoolExecutor(1, "chromium")
        self._do(self._start)

    def page(self, url: str) -> Page:
        return Page(self, self._do(lambda: self._opened(url)))

    def do(self, call: Callable[[], Result]) -> Result:
        """Call in the browser's thread, where alone Playwright's objects can be used."""
        return self._do(call)

    def context(self, **settings: Any) -> Any:
        """A window with nothing kept from others; to be asked for in the browser's thread."""
        return self._browser.new_context(**settings)

    def stop(self) -> None:
        self._do(self._browser.close)
        self._do(self._playwright.stop)
        self._thread.shutdown()

    def _do(self, call: Callable[[], Result]) -> Result:
        return self._thread.submit(call).result()

    def _start(self) -> None:
        from playwright.sync_api import sync_playwright

        self._playwright = sync_playwright().start()
        self._browser = self._playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=list(_ARGUMENTS)
        )

    def _opened(self, url: str) -> Any:
        page = self._browser.new_page()
        page.set_default_timeout(120_000)
        page.goto(url)
        return page


class Page:
    """One page; what its scripts return."""

    def __init__(self, browser: Chromium, page: Any) -> None:
        self._do, self._page = browser._do, page

    def run(self, script: str, argument: object = None) -> Any:
        """The value of a JavaScript expression of a function."""
        return self._do(lambda: self._page.evaluate(script, argument))

    def close(self) -> None:
        self._do(self._page.close)
