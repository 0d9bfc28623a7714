"""What the web page weighs, how soon it can be used, and how fluid it is while much changes: python bench/page.py

The page is the one that was built; the API is played by page_played.py, in a process of its own, so that it is not
what is slow.
"""

from __future__ import annotations

import multiprocessing
import shutil
import sys
import time
import urllib.request
from pathlib import Path

import uvicorn
from playwright.sync_api import Browser, Page, sync_playwright
from starlette.applications import Starlette

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
sys.path.insert(0, str(Path(__file__).parent))

import page_played as played

from fallow.services import page
from servers import free_ports

SECONDS = 10
SLOWER = 4  # times: a phone's processor beside this one
# Frames, while the page scrolls by so many pixels with each of them.
FPS = """([seconds, pixels]) => new Promise((told) => {
    let frames = 0;
    const times = [];
    const begin = performance.now();
    let before = begin;
    const each = (now) => {
        frames += 1;
        times.push(now - before);
        before = now;
        if (pixels) {
            const end = document.documentElement.scrollHeight - innerHeight;
            scrollTo(0, end > 0 ? (scrollY + pixels) % end : 0);
        }
        if (now - begin < seconds * 1000) return requestAnimationFrame(each);
        times.sort((a, b) => a - b);
        told({fps: frames / (now - begin) * 1000, worst: times[Math.floor(times.length * 0.99)]});
    };
    requestAnimationFrame(each);
})"""
WEIGHT = """() => [...performance.getEntriesByType('resource'), ...performance.getEntriesByType('navigation')]
    .filter((each) => !each.name.includes('/api/')).reduce((sum, each) => sum + each.encodedBodySize, 0)"""
# When the first row of the list is there, and when the last task of more than 50 ms ended: what comes later counts.
USABLE = """
    window.usable = {shown: null, quiet: 0};
    new PerformanceObserver((list) => list.getEntries().forEach((each) => {
        usable.quiet = Math.max(usable.quiet, each.startTime + each.duration);
    })).observe({type: 'longtask', buffered: true});
    new MutationObserver(() => {
        if (usable.shown === null && document.querySelector('main li a')) usable.shown = performance.now();
    }).observe(document, {childList: true, subtree: true});
"""


def usable_after(browser: Browser, url: str, slower: int) -> tuple[float, float]:
    """Milliseconds until the list of jobs can be used, and bytes of the first load, in an empty browser."""
    context = browser.new_context()
    shown = context.new_page()
    context.new_cdp_session(shown).send("Emulation.setCPUThrottlingRate", {"rate": slower})
    shown.add_init_script(USABLE)
    shown.goto(f"{url}/#/jobs")
    shown.wait_for_function("() => usable.shown !== null")
    shown.wait_for_timeout(300)
    told = shown.evaluate("() => [Math.max(usable.shown, usable.quiet < usable.shown + 300 ? usable.quiet : 0)]")
    weight = shown.evaluate(WEIGHT)
    context.close()
    return told[0], weight


def fluid(shown: Page, url: str, address: str, ready: str, pixels: int) -> dict[str, float]:
    shown.goto(f"{url}/#/{address}")
    shown.locator(ready).first.wait_for()
    shown.wait_for_timeout(1000)
    found: dict[str, float] = shown.evaluate(FPS, [SECONDS, pixels])
    return found


def whole_list(shown: Page, url: str) -> None:
    """Scroll until all jobs are there: the page asks for more as its end comes near."""
    shown.goto(f"{url}/#/jobs")
    shown.locator("main li a").first.wait_for()
    last = f"main li[aria-setsize='{played.JOBS}']"
    while not shown.locator(last).count():
        shown.evaluate("() => scrollTo(0, document.documentElement.scrollHeight)")
        shown.wait_for_timeout(50)


def serve(port: int) -> None:
    app = Starlette(routes=[*played.routes(), *page.routes(page.folder())])
    uvicorn.run(app, port=port, log_level="error", timeout_graceful_shutdown=1)


def measure(browser: Browser, url: str) -> None:
    for slower in (1, SLOWER):
        milliseconds, weight = usable_after(browser, url, slower)
        print(f"first load: {weight / 1000:.1f} kB compressed, usable after {milliseconds:.0f} ms", end="")
        print(f" with a processor {slower} times slower" if slower > 1 else "")
    shown = browser.new_page()
    cells, changes = played.CHUNKS * len(played.RENDITIONS), played.CHANGES * played.TIMES_A_SECOND
    tell(
        f"map of {cells} cells, {changes} changes a second",
        fluid(shown, url, "jobs/large", "[data-testid=chunk-map]", 0),
    )
    whole_list(shown, url)
    told = f"{played.JOBS} jobs, {played.CHANGED_JOBS} changes a second"
    tell(told, fluid(shown, url, "jobs", "main li a", 0))
    tell(f"{told}, scrolled", fluid(shown, url, "jobs", "main li a", 40))
    told = f"{played.WORKERS} workers, {played.CHANGED_WORKERS} changes a second"
    tell(told, fluid(shown, url, "fleet", "main li", 0))
    tell(f"{told}, scrolled", fluid(shown, url, "fleet", "main li", 40))


def tell(what: str, found: dict[str, float]) -> None:
    print(f"{what}: {found['fps']:.1f} frames a second; 99 of 100 frames within {found['worst']:.1f} ms")


def main() -> None:
    port = free_ports(1)[0]
    url = f"http://localhost:{port}"
    serving = multiprocessing.get_context("spawn").Process(target=serve, args=[port], daemon=True)
    serving.start()
    try:
        for _ in range(600):
            try:
                urllib.request.urlopen(url, timeout=5).close()
                break
            except OSError:
                time.sleep(0.1)
        with sync_playwright() as playwright:
            flags = ["--no-sandbox", "--disable-gpu"]
            browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=flags)
            measure(browser, url)
            browser.close()
    finally:
        serving.terminate()
        serving.join()


if __name__ == "__main__":
    main()
