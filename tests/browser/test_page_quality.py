"""The quality of a result, measured from its page, with marks that lead to the worst moments."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from browser.page_tools import axe
from browser.test_page import PHONE, submitted
from browser.visitor import Visitor, until

Visit = Callable[..., Visitor]
TIMES = "() => [...document.querySelectorAll('.stage video')].map((video) => video.currentTime)"
WIDE = "() => document.documentElement.scrollWidth > document.documentElement.clientWidth"


def test_quality_is_measured_and_its_worst_moments_are_shown(visit: Visit, film: Path) -> None:
    visitor = visit(**PHONE)
    submitted(visitor, film, "measured.mp4", "240p")
    visitor.do(lambda page: page.get_by_role("heading", name="Result", exact=True).wait_for())
    visitor.do(lambda page: page.reload())  # so that the source comes from the server
    visitor.press("Measure quality of 240p")
    visitor.do(lambda page: page.get_by_role("heading", name="Worst moments").wait_for())
    moment = visitor.do(lambda page: page.get_by_role("button", name="frame").last.inner_text())
    frame = int(moment.split("frame ")[1].split()[0])
    visitor.do(lambda page: page.get_by_role("button", name="frame").last.press("Enter"))

    def shown() -> bool:
        times = visitor.do(lambda page: page.evaluate(TIMES))
        return len(times) == 2 and all(int(time * 25) == frame for time in times)

    until(shown, "both videos show the frame")
    visitor.do(lambda page: page.locator(".u-over").wait_for())
    assert not visitor.do(lambda page: page.evaluate(WIDE))
    visitor.picture("measured")
    visitor.do(lambda page: page.evaluate(axe()))
    told = visitor.do(lambda page: page.evaluate("() => axe.run({resultTypes: ['violations']})"))
    assert [(fault["id"], [node["html"][:200] for node in fault["nodes"]]) for fault in told["violations"]] == []
    visitor.go("#/jobs")
    visitor.see("measured.mp4")
    assert visitor.do(lambda page: page.get_by_text("measured.mp4").count()) == 1
