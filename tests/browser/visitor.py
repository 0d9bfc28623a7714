"""Somebody who uses the web page: a browser context of its own on a platform of this process's children."""

from __future__ import annotations

import base64
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from browser.chromium import Chromium
from servers import free_ports

Result = TypeVar("Result")

PATIENCE = 120.0  # seconds, for anything that the page is to show
ROOT = Path(__file__).parents[2]
PICTURES = ROOT / "build" / "screenshots"  # of every page, for who wants to look at them
FETCHING = {"FALLOW_SOURCE_URLS": "on", "FALLOW_SOURCE_NETWORKS": "127.0.0.0/8"}


class Platform:
    """`fallow up` on a port of its own."""

    def __init__(self, folder: Path, *more: str) -> None:
        self.port = free_ports(1)[0]
        self.url = f"http://localhost:{self.port}"
        self._folder, self._more, self._process = folder, more, None

    def start(self) -> None:
        command = [sys.executable, "-m", "fallow", "up", "--port", str(self.port), "--workers", "1"]
        log = (self._folder / "up.log").open("ab")
        self._process = subprocess.Popen(
            [*command, *self._more, "--data", str(self._folder / "data")],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env={**os.environ, **FETCHING},
        )
        until(self._answers, "the platform answers")

    def stop(self) -> None:
        for number in (signal.SIGTERM, signal.SIGTERM):  # the second one ends what is being encoded, too
            self._process.send_signal(number)
            time.sleep(0.5)
        self._process.wait(60)

    def said(self) -> str:
        """What it has printed and logged."""
        return (self._folder / "up.log").read_text()

    def _answers(self) -> bool:
        try:
            return urllib.request.urlopen(f"{self.url}/healthz", timeout=5).status == 200  # noqa: S310
        except OSError:
            return False


class Visitor:
    """One window. What is not found in time fails with what Playwright says."""

    def __init__(self, browser: Chromium, url: str, **settings: Any) -> None:
        self.url, self._browser = url, browser
        self.errors: list[str] = []
        self._do(lambda: self._open(settings))

    def do(self, call: Callable[[Any], Result]) -> Result:
        """Call with Playwright's page, in the browser's thread."""
        return self._do(lambda: call(self._page))

    def go(self, address: str) -> None:
        self.do(lambda page: page.goto(f"{self.url}/{address}"))

    def picture(self, look: str) -> None:
        """Keep what the page looks like now, all of it, under its address and what is told of its look."""
        address = re.sub(r"jobs/\w+", "job", self.do(lambda page: page.url).partition("#/")[2])
        place = PICTURES / f"{re.sub(r'[^a-z]+', '-', address)}-{look}.png"
        self.do(lambda page: page.screenshot(path=place, full_page=True))

    def see(self, text: str) -> None:
        """Wait for a text."""
        self.do(lambda page: page.get_by_text(text).first.wait_for())

    def press(self, button: str) -> None:
        self.do(lambda page: page.get_by_role("button", name=button, exact=True).click())

    def choose(self, *files: Path) -> None:
        self.do(lambda page: page.locator("input[type=file]").first.set_input_files(list(map(str, files))))

    def drop(self, name: str, content: bytes) -> None:
        """Drop a file, as from the desktop."""
        script = """([name, text]) => {
            const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
            const data = new DataTransfer();
            data.items.add(new File([bytes], name, {lastModified: 1}));
            const place = document.querySelector(".drop");
            place.dispatchEvent(new DragEvent("dragenter", {dataTransfer: data, bubbles: true}));
            place.dispatchEvent(new DragEvent("drop", {dataTransfer: data, bubbles: true, cancelable: true}));
        }"""
        self.do(lambda page: page.locator(".drop").wait_for())
        self.do(lambda page: page.evaluate(script, [name, base64.b64encode(content).decode()]))

    def tick(self, *profiles: str) -> None:
        """Choose these profiles and no others."""

        def ticked(page: Any) -> None:
            page.get_by_role("checkbox", name=re.compile("^240p")).wait_for()
            for box in page.locator(".card input[type=checkbox]").all():
                box.set_checked(False)
            for name in profiles:
                page.get_by_role("checkbox", name=re.compile(rf"^{name}\b")).set_checked(True)

        self.do(ticked)

    def job(self) -> str:
        """The id of the job whose page is shown."""
        self.do(lambda page: page.wait_for_url("**/#/jobs/*"))
        return self.do(lambda page: page.url).rpartition("/")[2]

    def slow(self, rate: int) -> None:
        """Send no more than so many bytes a second; -1: as many as can be."""
        limits = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": rate}
        self.do(lambda page: self._tools().send("Network.emulateNetworkConditions", limits))

    def drop_files(self, *files: Path) -> None:
        """Drop files and folders of this machine, as from the desktop."""
        self.do(lambda page: page.locator(".drop").wait_for())
        place = self.do(lambda page: page.locator(".drop").bounding_box())
        where = {"x": place["x"] + place["width"] / 2, "y": place["y"] + 20}
        data = {"items": [], "files": [str(file) for file in files], "dragOperationsMask": 1}

        def dropped(_page: Any) -> None:
            for kind in ("dragEnter", "dragOver", "drop"):
                self._tools().send("Input.dispatchDragEvent", {"type": kind, **where, "data": data})

        self.do(dropped)

    def load_anew(self, address: str) -> None:
        """Close the page, whatever it is at, and open another one of the same browser."""
        self.do(lambda page: page.close())
        self._do(self._new_page)
        self.go(address)

    def close(self) -> None:
        self._do(self._context.close)

    def _tools(self) -> Any:
        """Chromium's own, of this page."""
        if self._session is None:
            self._session = self._context.new_cdp_session(self._page)
        return self._session

    def _open(self, settings: dict[str, Any]) -> None:
        self._context = self._browser.context(locale="en-GB", **settings)
        self._new_page()

    def _new_page(self) -> None:
        self._session: Any = None
        self._page = self._context.new_page()
        self._page.set_default_timeout(PATIENCE * 1000)
        self._page.on("pageerror", lambda error: self.errors.append(str(error)))
        self._page.on("console", self._said)
        self._page.on("dialog", lambda dialog: dialog.accept())

    def _said(self, message: Any) -> None:
        if "Content Security Policy" in message.text:
            self.errors.append(message.text)

    def _do(self, call: Callable[[], Result]) -> Result:
        return self._browser.do(call)


def until(true: Callable[[], object], what: str) -> None:
    end = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < end, f"not in {PATIENCE:g} s: {what}"
        time.sleep(0.2)
