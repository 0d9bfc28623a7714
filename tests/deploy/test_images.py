"""The images are built and run as the chart runs them. It takes minutes: only with FALLOW_TEST_IMAGES=1."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from clips.maker import FFMPEG
from deploy.images import Builder
from servers import free_ports, need

pytestmark = [
    pytest.mark.timeout(1800),
    pytest.mark.skipif(
        os.environ.get("FALLOW_TEST_IMAGES") != "1",
        reason="building images takes minutes; set FALLOW_TEST_IMAGES=1",
    ),
]

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


def test_agents_keep_to_the_limits_of_their_container(builder: Builder, worker: str) -> None:
    told = builder.script(worker, "FALLOW_DATA=/tmp/data fallow doctor", "--cpus", "1", "--memory", "1g").stdout
    assert "1 that Fallow may use" in told
    assert "1.1 GB" in told


def test_services_in_containers_go_on_when_one_is_killed(
    builder: Builder, worker: str, server: str, rabbit: Any, mariadb: Any, ceph: Any, tmp_path: Path
) -> None:
    """RabbitMQ, MariaDB and Ceph, all settings that are secret in files, a worker that dies in the middle."""
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    urls = {"queue-url": rabbit.url, "ledger-url": mariadb.url(mariadb.database()), "store-url": ceph.fresh_url()}
    for name, text in {**urls, "secret": "s" * 24, "token": "t" * 24, "api-token": "a" * 24}.items():
        (secrets / name).write_text(f"{text}\n")
    files = {f"FALLOW_{name.upper().replace('-', '_')}": name for name in (*urls, "secret", "token", "api-token")}
    common = {f"{variable}_FILE": f"/run/secrets/fallow/{name}" for variable, name in files.items()}
    ports = dict(zip(("gateway", "splitter", "joiner", "sweeper", "worker"), free_ports(5), strict=True))
    clip = tmp_path / "clip.mp4"
    picture = ["-f", "lavfi", "-i", "testsrc2=size=640x360:rate=25:duration=24"]
    subprocess.run([FFMPEG, "-v", "error", *picture, "-c:v", "libx264", "-preset", "ultrafast", clip], check=True)

    def service(role: str) -> Any:
        image = worker if role == "worker" else server
        place = {"FALLOW_HOST": "127.0.0.1", "FALLOW_PORT": str(ports[role]), "FALLOW_WORKERS": "1"}
        return builder.container(image, "serve", role, secrets=secrets, **common, **place)

    with ExitStack() as stack:
        migrated = builder.run(
            *("podman", "run", "--rm", "--network", "host", "--volume", f"{secrets}:/run/secrets/fallow:ro"),
            *("--env", "FALLOW_LEDGER_URL_FILE=/run/secrets/fallow/ledger-url", server, "migrate"),
        )
        assert "The ledger has schema" in migrated.stdout
        for role in ("gateway", "splitter", "joiner", "sweeper"):
            stack.enter_context(service(role))
        first = stack.enter_context(service("worker"))
        for role in ports:
            _await(f"http://127.0.0.1:{ports[role]}/readyz")
        there = {"FALLOW_SERVER": f"http://127.0.0.1:{ports['gateway']}", "FALLOW_API_TOKEN": "a" * 24}
        job = json.loads(_fallow(there, "submit", str(clip), "-p", "240p", "--chunk-seconds", "2", "--json"))["id"]
        _await_job(there, job, lambda told: told["renditions"][0]["frames_done"] > 100)
        builder.run("podman", "kill", "--signal", "KILL", first)
        stack.enter_context(service("worker"))
        _await_job(there, job, lambda told: told["state"] == "done")
        _fallow(there, "download", job, "-o", str(tmp_path))
    (result,) = [path for path in tmp_path.glob("*.mp4") if path != clip]
    counted = subprocess.run([FFMPEG, "-i", result, "-f", "null", "-"], capture_output=True, text=True, check=True)
    assert "frame=  600" in counted.stderr


def _fallow(there: dict[str, str], *arguments: str) -> str:
    command = [sys.executable, "-m", "fallow", *arguments]
    done = subprocess.run(command, env={**os.environ, **there}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


def _await(url: str) -> None:
    for _ in range(600):
        try:
            urllib.request.urlopen(url, timeout=5)  # noqa: S310 - ours
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise AssertionError(f"{url} is not ready")


def _await_job(there: dict[str, str], job: str, so_far: Callable[[dict[str, Any]], bool]) -> None:
    for _ in range(300):
        told = json.loads(_fallow(there, "status", job, "--json"))
        assert told["state"] not in ("failed", "cancelled"), told
        if so_far(told):
            return
        time.sleep(0.5)
    raise AssertionError(f"it does not come so far: {told}")
