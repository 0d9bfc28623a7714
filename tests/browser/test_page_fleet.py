"""The pages about workers and about what they did, on a real platform with real agents."""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import imageio_ffmpeg
import pytest

from browser.visitor import Platform, Visitor, until
from fallow.client import Client
from fallow.messages import to_wire
from fallow.profiles import Profile
from servers import need

Visit = Callable[..., Visitor]
SMALL = Profile("small", width=128, height=72, crf=30.0, preset="ultrafast")


def workers(platform: Platform) -> dict[str, Any]:
    """What the API tells of each, by name."""
    with urllib.request.urlopen(f"{platform.url}/api/v1/workers", timeout=60) as answer:  # noqa: S310
        return {worker["name"]: worker for worker in json.load(answer)["workers"]}


@pytest.fixture
def typed(tmp_path: Path) -> Iterator[Callable[[str], subprocess.Popen[str]]]:
    """Types a line, as on the device itself."""
    need("curl")
    begun: list[subprocess.Popen[str]] = []
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    own = {"FALLOW_NAME": "attic", "FALLOW_SLOTS": "1", "FALLOW_FFMPEG": imageio_ffmpeg.get_ffmpeg_exe()}

    def typing(line: str) -> subprocess.Popen[str]:
        begun.append(
            subprocess.Popen(
                [str(shutil.which("sh")), "-c", line],
                cwd=tmp_path,
                env={**os.environ, **own, "PATH": path},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                start_new_session=True,
            )
        )
        return begun[-1]

    yield typing
    for process in begun:
        if process.poll() is None:
            os.killpg(process.pid, 9)
        sys.stdout.write(process.communicate()[0])  # to be read where a test has failed


def test_a_device_joins_by_the_line_that_is_shown_and_is_managed(
    visit: Visit, platform: Platform, typed: Callable[[str], subprocess.Popen[str]]
) -> None:
    visitor = visit()
    visitor.go("#/fleet")
    visitor.press("Add a device")
    line = visitor.do(lambda page: page.get_by_role("group", name="Command").inner_text())
    visitor.do(lambda page: page.get_by_role("img", name="QR code").wait_for())
    device = typed(line)
    visitor.see("Joined: attic")
    visitor.press("Close")

    visitor.press("attic")
    visitor.do(lambda page: page.get_by_label("Name", exact=True).fill("Ann’s old laptop"))
    visitor.press("Rename")
    visitor.do(lambda page: page.get_by_role("heading", name="Ann’s old laptop").wait_for())

    def standing() -> str:
        return str(workers(platform)["Ann’s old laptop"]["standing"])

    visitor.press("Drain")
    visitor.do(lambda page: page.get_by_role("button", name="Back to work").wait_for())
    assert standing() == "draining"
    visitor.press("Back to work")
    visitor.do(lambda page: page.get_by_role("button", name="Drain").wait_for())
    assert standing() == "active"
    visitor.press("Ban")
    visitor.press("Ban Ann’s old laptop?")
    visitor.do(lambda page: page.get_by_role("button", name="Back to work").wait_for())
    assert standing() == "banned"
    until(lambda: device.poll() is not None, "the agent that is refused ends")


def test_a_worker_that_comes_and_goes_is_seen_without_loading_again(
    visit: Visit, platform: Platform, typed: Callable[[str], subprocess.Popen[str]]
) -> None:
    visitor = visit()
    visitor.go("#/fleet")
    visitor.see("Live")
    body = json.dumps({"minutes": 5}).encode()
    asked = urllib.request.Request(  # noqa: S310
        f"{platform.url}/api/v1/join-tokens", body, {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(asked, timeout=60) as answer:  # noqa: S310
        token = json.load(answer)["token"]
    # The page that a phone's camera is led to has the same line.
    phone = visit(viewport={"width": 360, "height": 740})
    phone.go(f"#/join/{token}")
    line = phone.do(lambda page: page.get_by_role("group", name="Command").inner_text())
    assert token in line
    typed(f"export FALLOW_NAME=phone && {line}")
    visitor.do(lambda page: page.get_by_role("button", name="phone", exact=True).wait_for())


def test_numbers_of_real_encodes_are_drawn_and_saved(
    visit: Visit, platform: Platform, film: Path, tmp_path: Path
) -> None:
    client = Client(platform.url)
    job = client.create(film.name, [to_wire(SMALL)], {})
    client.upload(job.id, film)
    until(lambda: client.job(job.id).state == "done", "the job is done")
    visitor = visit()
    visitor.go("#/numbers?range=hour")
    visitor.do(lambda page: page.locator("canvas").first.wait_for())
    table, image = tmp_path / "table.csv", tmp_path / "image.png"

    def saved(button: str, role: str, path: Path) -> None:
        def saving(page: Any) -> None:
            with page.expect_download() as coming:
                page.get_by_role(role, name=button, exact=True).click()
            coming.value.save_as(path)

        visitor.do(saving)

    saved("Throughput as CSV", "link", table)
    rows = list(csv.DictReader(table.read_text().splitlines()))
    assert sum(int(row["frames"]) for row in rows) >= 100
    saved("Throughput as PNG", "button", image)
    content = image.read_bytes()
    assert content[:8] == b"\x89PNG\r\n\x1a\n"
    assert int.from_bytes(content[16:20], "big") > 300  # its width
    visitor.do(lambda page: page.get_by_text("As a table").first.click())
    visitor.do(lambda page: page.get_by_role("region", name="Throughput").locator("tbody tr").first.wait_for())
    visitor.press("Month")
    visitor.do(lambda page: page.wait_for_url("**range=month"))
