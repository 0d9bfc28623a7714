"""How sources come from the web page: uploads that stop and go on, folders, addresses."""

from __future__ import annotations

import json
import random
import shutil
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

from browser.visitor import Platform, Visitor, until
from browser.website import Website
from cluster.uploading import MIB, fetched, noise

Visit = Callable[..., Visitor]
SLOWLY = MIB // 2  # bytes a second


def asked(platform: Platform, path: str) -> dict[str, Any]:
    with urllib.request.urlopen(f"{platform.url}/api/v1{path}", timeout=30) as answer:  # noqa: S310
        return dict(json.load(answer))


def test_an_upload_is_paused_and_goes_on_also_in_another_page_after_the_server_was_started_anew(
    visit: Visit, platform: Platform, tmp_path: Path
) -> None:
    source, digest = noise(tmp_path / "noise.mp4", 40 * MIB, random.Random(7))
    visitor = visit()
    visitor.go("#/submit")
    visitor.slow(SLOWLY)
    visitor.choose(source)
    visitor.tick("240p")
    visitor.press("Submit")
    job = visitor.job()

    until(lambda: came(platform, job) > 0, "some of it has come")
    visitor.go("#/submit")
    visitor.press("Pause the upload of noise.mp4")
    visitor.see("Paused")
    offset = came(platform, job)
    visitor.press("Go on with the upload of noise.mp4")
    until(lambda: came(platform, job) > offset, "more of it has come")
    visitor.load_anew("#/submit")
    visitor.see("choose this file again")
    offset = came(platform, job)
    platform.stop()
    platform.start()
    sent: list[int] = []
    visitor.do(lambda page: page.on("request", lambda request: sent.extend(begins(request))))
    visitor.choose(source)
    visitor.see("goes on where it stopped")
    until(lambda: asked(platform, f"/jobs/{job}")["state"] != "uploading", "all of it has come")
    visitor.see("uploaded")
    assert min(sent) >= offset
    assert fetched(f"{platform.url}/api/v1/jobs/{job}/source") == digest


def came(platform: Platform, job: str) -> int:
    """Bytes of its source."""
    try:
        return int(asked(platform, f"/uploads/{job}")["offset"])
    except urllib.error.HTTPError as error:
        if error.code != 404:  # none is begun yet
            raise
        return 0


def begins(request: Any) -> list[int]:
    """Where in the file the bytes of a request begin."""
    return [int(request.headers["upload-offset"])] if request.method == "PATCH" else []


def test_a_folder_is_dropped_with_all_the_videos_in_it(visit: Visit, film: Path, tmp_path: Path) -> None:
    folder = tmp_path / "holiday"
    (folder / "deeper").mkdir(parents=True)
    for name in ("one.mp4", "deeper/two.mp4"):
        shutil.copy(film, folder / name)
    (folder / "notes.txt").write_text("no video")
    visitor = visit()
    visitor.go("#/submit")
    visitor.drop_files(folder)
    visitor.see("holiday/deeper/two.mp4")
    chosen = visitor.do(
        lambda page: page.get_by_role("list", name="Chosen files").locator(".name").all_inner_texts()
    )
    assert sorted(chosen) == ["holiday/deeper/two.mp4", "holiday/one.mp4"]
    visitor.tick("240p")
    visitor.press("Submit")
    visitor.see("two.mp4")
    until(lambda: visitor.do(lambda page: page.get_by_text("uploaded").count()) == 2, "both are sent")


def test_a_video_is_fetched_from_its_address(visit: Visit, platform: Platform, site: Website, film: Path) -> None:
    site.folders["films"] = film.parent
    visitor = visit()
    visitor.go("#/submit")
    visitor.tick("240p")
    address = visitor.do(lambda page: page.get_by_label("Or the address of a video"))
    visitor.do(lambda page: address.fill("http://10.0.0.7/film.mp4"))
    visitor.press("Submit")
    visitor.see("10.0.0.7 is an address of this machine or of a private network")
    visitor.do(lambda page: address.fill(f"{site.url}/films/{film.name}"))
    visitor.press("Submit")
    name = visitor.job()
    visitor.do(lambda page: page.get_by_role("heading", name="Result", exact=True).wait_for())
    assert asked(platform, f"/jobs/{name}")["name"] == film.name
