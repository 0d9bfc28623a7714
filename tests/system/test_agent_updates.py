"""An agent of yesterday at a platform of today: it finishes its chunk, becomes the platform's version, goes on."""

import contextlib
import dataclasses
import functools
import io
import os
import subprocess
import sys
import zipfile

from by_hand import aside, tasks
from running import until
from test_bundled import checked
from test_fair_and_hedged import submitted
from watching import FFMPEG, LARGE, TINY, ended

import fallow
from fallow.client import Client
from fallow.services.run import Platform
from fallow.settings import Settings
from fallow.worker import pack

WHOLE = dataclasses.replace(LARGE, width=320, height=180)  # one piece that takes longer than to try a new version
NOT_BEGUN = "The worker takes no more work."


def of_yesterday():
    """The agent of another version, which is nothing but that."""
    body = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(pack.build_pyz())) as today, zipfile.ZipFile(body, "w") as made:
        for name in today.namelist():
            made.writestr(name, today.read(name).replace(fallow.__version__.encode(), b"0.0.1"))
    return body.getvalue()


@contextlib.contextmanager
def working(platform, archive):
    command = [sys.executable, "-S", "-I", str(archive), platform.url, "--slots", "1", "--update-after", "0"]
    told = {
        "FALLOW_TOKEN": platform.join_token,
        "FALLOW_WORKER_FOLDER": str(archive.parent),
        "FALLOW_FFMPEG": FFMPEG,
    }
    running = subprocess.Popen(command, env={**os.environ, **told}, stderr=subprocess.DEVNULL)
    try:
        yield running
    finally:
        running.kill()
        running.wait()


def version(client):
    """Of the only worker."""
    (worker,) = client.workers()
    return worker["machine"]["version"]


async def test_an_agent_becomes_the_version_of_its_gateway_and_loses_nothing(tmp_path, clip):
    archive = tmp_path / "worker" / pack.NAME
    archive.parent.mkdir()
    archive.write_bytes(of_yesterday())
    settings = Settings(data=tmp_path / "data", port=0, workers=0, ffmpeg=FFMPEG, log="off")
    async with Platform(settings) as platform:
        client = Client(platform.url)
        job = await submitted(platform, client, clip, WHOLE, chunk_seconds=6.0)
        with working(platform, archive) as agent:
            await aside(functools.partial(until, lambda: client.workers() and version(client) == "0.0.1"))
            await aside(functools.partial(until, lambda: version(client) == fallow.__version__))
            assert archive.read_bytes() == pack.build_pyz()
            assert (await ended(client, job)).state == "done"
            # What was begun is finished; the rest went back before it was.
            done = [attempt for task in await tasks(client, job) for attempt in task["attempts"]]
            assert {(a["outcome"], a["error"]) for a in done} <= {("delivered", ""), ("cancelled", NOT_BEGUN)}
            await checked(platform, job, clip, tmp_path, WHOLE)
            # The same process, which knows no more than before.
            second = await submitted(platform, client, clip, TINY)
            assert (await ended(client, second)).state == "done"
            agent.terminate()
            assert await aside(agent.wait, 20) == 0
