"""A platform as a process, which fetches a source itself, and is killed at it."""

import asyncio
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from sending import NOISY, noisy
from watching import FFMPEG, decoded, ended, seen, times

from fallow.client import Client
from servers.films import site

SMALLEST = ["-p", "360p", "--set", "preset=ultrafast", "--set", "height=90", "--chunk-seconds", "1"]


class Up:
    """`fallow up`, with what allows it to fetch from this machine."""

    def __init__(self, data: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            self.port = server.getsockname()[1]
        self.url, self.log = f"http://127.0.0.1:{self.port}", data.with_suffix(".log")
        allowed = {"FALLOW_SOURCE_URLS": "on", "FALLOW_SOURCE_NETWORKS": "127.0.0.0/8"}
        self.env = {**os.environ, **allowed, "FALLOW_DATA": str(data), "FALLOW_FFMPEG": FFMPEG}
        self.env |= {"FALLOW_SERVER": self.url, "FALLOW_LEASE_SECONDS": "2", "FALLOW_LOG": "json"}

    def __enter__(self) -> "Up":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def start(self) -> None:
        command = [sys.executable, "-m", "fallow", "up", "--port", str(self.port), "--workers", "1"]
        with self.log.open("ab") as log:
            self.running = subprocess.Popen(command, env=self.env, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def kill(self) -> None:
        self.running.kill()
        self.running.wait()

    async def run(self, *arguments: str) -> str:
        """A command of `fallow`; what it prints."""
        command = [sys.executable, "-m", "fallow", *arguments]
        process = await asyncio.create_subprocess_exec(*command, env=self.env, stdout=subprocess.PIPE)
        out, _ = await asyncio.wait_for(process.communicate(), 60)
        assert process.returncode == 0, self.log.read_text()
        return out.decode().strip()

    async def ready(self) -> None:
        for _ in range(3000):
            assert self.running.poll() is None, self.log.read_text()
            try:
                socket.create_connection(("127.0.0.1", self.port)).close()
                return
            except OSError:
                await asyncio.sleep(0.02)
        raise AssertionError("It did not come up.")


async def test_a_source_is_fetched_and_cut_while_it_comes_by_a_platform_that_is_killed(tmp_path):
    source = noisy(tmp_path, "ts")
    async with site(source.read_bytes(), "video/mp2t") as films:
        films.halted = int(0.6 * len(films.data))
        with Up(tmp_path / "data") as platform:
            await platform.ready()
            client, address = Client(platform.url), films.url("/films/talk.ts?sig=secret", "mallory:pass@")
            job = await platform.run("submit", address, *SMALLEST)
            view = await seen(client, job, lambda view: view.renditions[0].chunks_done >= 1)
            assert (view.name, view.state) == ("talk.ts", "uploading")
            await seen(client, job, lambda view: 0 < view.fetched.bytes < view.fetched.length == len(films.data))
            assert "The server has fetched " in await platform.run("status", job)
            platform.kill()
            films.halted = None
            platform.start()
            await platform.ready()
            view = await ended(client, job)
            assert (view.state, view.error, view.fetched) == ("done", "", None)
            assert int(films.ranges[1][0].removeprefix("bytes=").removesuffix("-")) >= len(films.data) // 2
            path = tmp_path / "out.mp4"
            await asyncio.to_thread(client.download, job, view.renditions[0].name, path)
            log = platform.log.read_text()
    shown = times(path)
    assert [time - shown[0] for time in shown] == pytest.approx([n / 25 for n in range(NOISY * 25)], abs=1e-6)
    assert decoded(path) == len(shown)
    assert '"source.fetching"' in log
    assert not [word for word in ("secret", "mallory", "pass@") if word in log]
