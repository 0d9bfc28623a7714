"""The images are built and run as the chart runs them. It takes minutes: only with FALLOW_TEST_IMAGES=1."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.images import Builder
from servers import need

pytestmark = pytest.mark.timeout(1800)

UP = """
cd /tmp
ffmpeg -v error -f lavfi -i testsrc2=size=320x180:rate=25:duration=4 -c:v libx264 -preset ultrafast clip.mp4
export FALLOW_DATA=/tmp/data
fallow up >up.log 2>&1 &
python - <<'END'
import time, urllib.request
for attempt in range(600):
    try:
        urllib.request.urlopen("http://127.0.0.1:8000/readyz", timeout=5)
        break
    except OSError:
        time.sleep(0.1)
page = urllib.request.urlopen("http://127.0.0.1:8000/").read()
print("page", b"<script" in page)
END
export FALLOW_API_TOKEN=$(cat data/api-token)
fallow submit clip.mp4 -p 240p --wait
kill -TERM $! && wait $!
echo ended $?
"""


@pytest.fixture(scope="module")
def builder() -> Iterator[Builder]:
    if os.environ.get("FALLOW_TEST_IMAGES") != "1":
        pytest.skip("building images takes minutes; set FALLOW_TEST_IMAGES=1")
    need("buildah", "podman", "runc", "mmdebstrap")
    kept = os.environ.get("FALLOW_TEST_IMAGES_FOLDER")
    made = Builder(Path(kept) if kept else Path(tempfile.mkdtemp(prefix="fallow-images-")))
    made.prepare()
    yield made
    if not kept:
        made.run("buildah", "rmi", "--all", "--force", check=False)
        shutil.rmtree(made.folder, ignore_errors=True)


@pytest.fixture(scope="module")
def worker(builder: Builder) -> str:
    return builder.build("worker")


@pytest.fixture(scope="module")
def server(builder: Builder) -> str:
    return builder.build("server")


def test_a_whole_platform_runs_in_the_workers_image(builder: Builder, worker: str) -> None:
    done = builder.script(worker, UP)
    assert done.returncode == 0, done.stderr
    assert "page True" in done.stdout
    assert "100/100" in done.stdout
    assert "ended 0" in done.stdout


def test_images_hold_no_root_and_cannot_be_written_to(builder: Builder, worker: str, server: str) -> None:
    for image in (worker, server):
        done = builder.script(image, "id -u; touch /opt/fallow/x 2>/dev/null || echo read-only; fallow --version")
        assert done.stdout.split()[:3] == ["10001", "read-only", "fallow"], done.stderr


def test_all_modules_are_compiled(builder: Builder, worker: str, server: str) -> None:
    """Nothing can be compiled at the start of a process."""
    count = (
        "find /opt/fallow/lib -path '*/fallow/*.py' | wc -l; find /opt/fallow/lib -path '*/fallow/*.pyc' | wc -l"
    )
    for image in (worker, server):
        sources, compiled = builder.script(image, count).stdout.split()
        assert int(sources) <= int(compiled)
        assert int(sources) > 300


def test_only_the_workers_image_has_ffmpeg_and_says_under_which_terms(
    builder: Builder, worker: str, server: str
) -> None:
    told = {}
    for image in (worker, server):
        done = builder.script(image, "cat /opt/fallow/share/doc/fallow/sbom.cdx.json")
        told[image] = {part["name"]: part for part in json.loads(done.stdout)["components"]}
        assert {"fallow", "av", "sqlalchemy"} <= {name.lower() for name in told[image]}
        notice = builder.script(image, "cat /opt/fallow/share/doc/fallow/NOTICE /usr/share/common-licenses/GPL-3")
        assert "GNU GENERAL PUBLIC LICENSE" in notice.stdout
    assert told[worker]["ffmpeg"]["licenses"] == [{"license": {"id": "GPL-3.0-or-later"}}]
    assert "ffmpeg" not in told[server]
    assert builder.script(server, "which ffmpeg || find / -name 'ffmpeg-linux*' -xdev").stdout == ""


def test_a_service_without_its_servers_says_what_it_needs(builder: Builder, server: str) -> None:
    done = builder.script(server, "fallow serve gateway")
    assert done.returncode != 0
    assert "set FALLOW_QUEUE_URL" in done.stderr
