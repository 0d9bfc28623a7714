"""tus-js-client, which many programs use, from Node over a line that is cut."""

from __future__ import annotations

import contextlib
import json
import random
import subprocess
from pathlib import Path

from browser.page_tools import WEB, page_tools
from browser.visitor import Platform
from cluster.uploading import MIB, Line, Report, fetched, noise
from fallow.client import Client
from fallow.messages import to_wire
from fallow.profiles import Profile

CLIENT = Path(__file__).with_name("tus_client.mjs")


def test_tus_js_client_sends_a_source_over_a_line_that_is_cut(platform: Platform, tmp_path: Path) -> None:
    report = Report(9 * MIB)
    source, digest = noise(tmp_path / "noise.bin", report.size, random.Random(9))
    profile = to_wire(Profile("small", width=64, height=64))
    cuts = [(MIB + 7, "reset"), (5 * MIB, "silence"), (8 * MIB, "reset")]
    with contextlib.closing(Line(platform, cuts, report)) as line:
        job = Client(platform.url).create(source.name, [profile], {}).id
        command = [page_tools().find_node().node, CLIENT, WEB, f"{line.url}/api/v1/uploads", job, source]
        done = subprocess.run(command, capture_output=True, check=True, text=True, timeout=300)
    assert report.cuts == ["reset", "silence", "reset"]
    told = json.loads(done.stdout)
    assert told["url"] == f"{line.url}/api/v1/uploads/{job}"
    assert told["retries"] >= len(report.cuts)
    assert fetched(f"{platform.url}/api/v1/jobs/{job}/source") == digest
