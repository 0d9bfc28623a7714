"""The web page, used as people use it, on a real platform with real encodes."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from browser.page_tools import axe
from browser.visitor import Platform, Visitor, until

PAGES = ["#/jobs", "#/submit", "#/fleet", "#/numbers", "#/settings", "#/nowhere"]
PHONE = {"viewport": {"width": 360, "height": 740}, "has_touch": True, "is_mobile": True}
PLAY = """() => {
    const video = document.querySelector('video');
    video.muted = true;
    video.play().catch(() => {});  // a player that is not ready yet begins anew
    return video.currentTime > 0.3;
}"""
Visit = Callable[..., Visitor]


def job(platform: Platform, name: str) -> dict[str, Any]:
    with urllib.request.urlopen(f"{platform.url}/api/v1/jobs/{name}", timeout=30) as answer:  # noqa: S310
        return dict(json.load(answer))


def submitted(visitor: Visitor, film: Path, name: str, *profiles: str) -> str:
    visitor.go("#/submit")
    visitor.drop(name, film.read_bytes())
    visitor.see(name)
    visitor.tick(*profiles)
    visitor.press("Submit")
    return visitor.job()


def playing(page: Any) -> bool:
    """Have the first video of the page play; whether it does."""
    return bool(page.evaluate(PLAY))


def test_a_dropped_video_is_encoded_watched_reloaded_and_played(
    visit: Visit, platform: Platform, film: Path
) -> None:
    visitor = visit()
    name = submitted(visitor, film, "dropped.mp4", "240p")
    until(lambda: job(platform, name)["state"] != "uploading", "the upload is there")
    visitor.do(lambda page: page.reload())
    visitor.see("dropped.mp4")
    visitor.do(lambda page: page.get_by_test_id("chunk-map").wait_for())
    # Without being loaded again, the page tells when it is done.
    visitor.do(lambda page: page.get_by_role("heading", name="Result", exact=True).wait_for())
    assert job(platform, name)["state"] == "done"
    until(lambda: visitor.do(playing), "the result plays")


def test_source_and_result_are_compared_frame_by_frame(visit: Visit, film: Path) -> None:
    visitor = visit()
    submitted(visitor, film, "compared.mp4", "240p")
    visitor.do(lambda page: page.get_by_role("heading", name="Result", exact=True).wait_for())
    visitor.do(lambda page: page.reload())  # so that the source comes from the server
    visitor.press("Compare")
    times = "() => [...document.querySelectorAll('.stage video')].map((video) => video.currentTime)"
    ready = "() => [...document.querySelectorAll('.stage video')].every((video) => video.readyState > 1)"
    until(lambda: visitor.do(lambda page: page.evaluate(ready)), "both videos are there")
    for _ in range(3):
        visitor.press("One frame on")

    def in_step() -> bool:
        one, two = visitor.do(lambda page: page.evaluate(times))
        return one > 0.08 and abs(one - two) < 0.001

    until(in_step, "both show the same frame")


def test_a_stream_plays_in_the_page(visit: Visit, film: Path) -> None:
    visitor = visit()
    visitor.go("#/submit")
    visitor.do(lambda page: page.get_by_label("Container").select_option("cmaf"))
    visitor.drop("stream.mp4", film.read_bytes())
    visitor.tick("240p")
    visitor.press("Submit")
    visitor.job()
    visitor.do(lambda page: page.locator("video").wait_for())
    until(lambda: visitor.do(playing), "the stream plays")


def test_a_job_is_paused_cancelled_retried_and_removed(visit: Visit, platform: Platform, long_film: Path) -> None:
    visitor = visit()
    name = submitted(visitor, long_film, "stopped.mp4", "360p", "240p")
    visitor.press("Pause")
    until(lambda: job(platform, name)["paused"], "the job is paused")
    visitor.press("Cancel")
    visitor.press("Cancel the job")
    until(lambda: job(platform, name)["state"] == "cancelled", "the job is cancelled")
    visitor.press("Retry")
    visitor.do(lambda page: page.get_by_role("heading", name="Result", exact=True).wait_for())
    assert job(platform, name)["state"] == "done"
    visitor.press("Remove")
    visitor.do(lambda page: page.get_by_role("dialog").get_by_role("button", name="Remove").click())
    visitor.see("is removed")


def test_a_file_that_is_no_video_is_told_in_a_sentence(visit: Visit, platform: Platform, film: Path) -> None:
    visitor = visit()
    visitor.go("#/submit")
    visitor.drop("broken.mp4", b"this is no video" * 1000)
    visitor.tick("240p")
    visitor.press("Submit")
    name = visitor.job()
    visitor.see("Failed")
    told = job(platform, name)["error"]
    assert told
    visitor.see(told)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_page_is_accessible(theme: str, visit: Visit, film: Path) -> None:
    visitor = visit(color_scheme=theme)
    finished = submitted(visitor, film, f"{theme}.mp4", "240p")
    visitor.do(lambda page: page.get_by_role("heading", name="Result", exact=True).wait_for())
    found = {}
    for address in [*PAGES, f"#/jobs/{finished}"]:
        visitor.go(address)
        visitor.do(lambda page: page.locator("h1, h2").first.wait_for())
        visitor.do(lambda page: page.evaluate(axe()))
        told = visitor.do(lambda page: page.evaluate("() => axe.run({resultTypes: ['violations']})"))
        found |= {
            f"{address} {fault['id']}": [node["html"][:200] for node in fault["nodes"]]
            for fault in told["violations"]
        }
        visitor.picture(theme)
    assert found == {}


def test_a_phone_shows_every_page_without_scrolling_sideways(visit: Visit, film: Path) -> None:
    visitor = visit(**PHONE)
    name = submitted(visitor, film, "phone-with-a-name-that-is-long-and-has-no-blanks.mp4", "240p")
    visitor.do(lambda page: page.get_by_role("heading", name="Result", exact=True).wait_for())
    wide = "() => document.documentElement.scrollWidth - innerWidth"
    for address in [*PAGES, f"#/jobs/{name}"]:
        visitor.go(address)
        visitor.do(lambda page: page.locator("h1, h2").first.wait_for())
        assert visitor.do(lambda page: page.evaluate(wide)) <= 0, address
        visitor.picture("phone")


def test_colours_and_language_are_kept(visit: Visit) -> None:
    visitor = visit(color_scheme="light")
    visitor.go("#/jobs")
    visitor.do(lambda page: page.get_by_label("Colours").select_option("dark"))
    visitor.do(lambda page: page.get_by_label("Language").select_option("es"))
    visitor.do(lambda page: page.reload())
    visitor.see("Nuevo trabajo")
    background = "() => getComputedStyle(document.documentElement).backgroundColor"
    assert visitor.do(lambda page: page.evaluate(background)) == "rgb(18, 22, 19)"
    assert visitor.do(lambda page: page.evaluate("() => document.documentElement.lang")) == "es"
