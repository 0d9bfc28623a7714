"""The whole platform as a process of its own, killed and started again: no job is lost, no frame, nothing stays."""

import asyncio
import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from urllib.parse import urljoin

import pytest
from sending import NOISY, Sending, noisy
from watching import LARGE, PACED, SLOW, SMALL, TINY, decoded, ended, seen, times

from fallow.client import Client
from fallow.commands import remote
from fallow.messages import to_wire

PROGRAM = """
import sys
from pathlib import Path
from fallow.services.run import serve
from fallow.settings import Settings
serve(Settings(data=Path(sys.argv[1]), port=int(sys.argv[2]), ffmpeg=sys.argv[3], workers=int(sys.argv[4]),
               lease_seconds=float(sys.argv[5]), space_wait=0.5, log="json"))
"""


MARK = "STARTED_ON"  # in the environment of a platform and of whatever it starts


class Process:
    """`fallow up` in effect, on a port of its own."""

    def __init__(self, data, port, workers=2, lease_seconds=2.0):
        self.data, self.port = data, port
        self.options = [str(workers), str(lease_seconds)]
        self.url = f"http://127.0.0.1:{port}"
        self.log = Path(f"{data}.log")
        self.running = None

    def start(self):
        command = [sys.executable, "-c", PROGRAM, str(self.data), str(self.port), PACED, *self.options]
        marked = {**os.environ, MARK: str(self.data)}
        with self.log.open("ab") as log:
            self.running = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=marked)

    def kill(self):
        self.running.send_signal(signal.SIGKILL)
        self.running.wait()

    def stop(self):
        self.running.send_signal(signal.SIGTERM)
        return self.running.wait(20)

    def actions(self):
        return [json.loads(line)["action"] for line in self.log.read_text().splitlines() if line.startswith("{")]


@pytest.fixture
def platform(tmp_path, unused_tcp_port):
    process = Process(tmp_path / "data", unused_tcp_port)
    process.start()
    yield process
    if process.running.poll() is None:
        process.kill()


@pytest.fixture
def unused_tcp_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


async def up(platform, seconds=20):
    for _ in range(seconds * 20):
        assert platform.running.poll() is None, platform.log.read_text()
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", platform.port)).close()
            return
        await asyncio.sleep(0.05)
    raise AssertionError("it did not come up")


@contextlib.contextmanager
def agent_of(platform):
    """An agent on another machine, in effect: it knows an address and the join token."""
    token = (platform.data / "join-token").read_text().strip()
    command = [sys.executable, "-m", "fallow.worker", platform.url, "--slots", "1", "--ffmpeg", PACED]
    running = subprocess.Popen(command, env={**os.environ, "FALLOW_TOKEN": token}, stdin=subprocess.DEVNULL)
    try:
        yield
    finally:
        running.terminate()
        assert running.wait(20) == 0


async def submitted(platform, source, *profiles, chunk_seconds=1.0):
    await up(platform)
    client = Client(platform.url)
    wanted = [to_wire(profile) for profile in profiles]
    job = await asyncio.to_thread(client.create, "clip.mp4", wanted, {"chunk_seconds": chunk_seconds})
    await asyncio.to_thread(client.upload, job.id, source)
    return job.id


async def uploading(platform):
    """Returns when the store takes something in that is not whole yet."""
    for _ in range(1500):
        if any(platform.data.glob("**/.part/*")):
            return
        await asyncio.sleep(0.02)
    raise AssertionError("nothing is uploaded")


async def checked(client, job, rendition, path, source):
    await asyncio.to_thread(client.download, job, rendition, path)
    assert times(path) == pytest.approx(times(source), abs=1e-6)
    assert decoded(path) == len(times(source))


def processes_of(data):
    """The platform on this folder, and all that it has started, also when that has lost its parent."""
    found = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        try:
            if f"{MARK}={data}".encode() in path.read_bytes().split(b"\0"):
                found.append(int(path.parent.name))
        except OSError:
            continue
    return [pid for pid in found if pid != os.getpid()]


async def encoders(platform):
    """What encodes pictures for it, once anything does."""
    for _ in range(1200):
        if found := [pid for pid in processes_of(platform.data) if b"\x000:v:0\0" in words(pid)]:
            return found
        await asyncio.sleep(0.05)
    raise AssertionError("Nothing is encoded.")


def words(pid):
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:  # it has just ended
        return b""


async def gone(data):
    for _ in range(200):
        if not processes_of(data):
            return
        await asyncio.sleep(0.05)
    raise AssertionError(f"still there: {processes_of(data)}")


async def test_killing_the_platform_again_and_again_loses_no_job_and_no_frame(platform, clip, tmp_path):
    client = Client(platform.url)
    job = await submitted(platform, clip, SMALL, TINY)
    for pause in (0.05, 0.3, 0.6, 0.9, 1.2):
        await asyncio.sleep(pause)
        platform.kill()
        platform.start()
        await up(platform)
    view = await ended(client, job)
    assert (view.state, view.error) == ("done", "")
    for rendition in ("small", "tiny"):
        await checked(client, job, rendition, tmp_path / f"{rendition}.mp4", clip)
    tasks = await asyncio.to_thread(client._call, "GET", f"/api/v1/jobs/{job}/tasks")
    delivered = [[a for a in t["attempts"] if a["outcome"] == "delivered"] for t in tasks["tasks"]]
    assert {len(attempts) for attempts in delivered} == {1}
    assert platform.stop() == 0
    await gone(platform.data)


async def joined(client, job, chunks):
    """Returns when so many chunks of a stream are there to be played."""
    for _ in range(1500):
        files = await asyncio.to_thread(client.files, job)
        if sum(file["name"].endswith(".m4s") and "video/" in file["name"] for file in files) >= chunks:
            return
        await asyncio.sleep(0.02)
    raise AssertionError("It does not grow.")


async def test_killing_the_platform_while_a_stream_grows_takes_nothing_of_it_away(platform, clip, tmp_path):
    client = Client(platform.url)
    await up(platform)
    options = {"chunk_seconds": 1.0, "segment_seconds": 1.0, "container": "hls"}
    job = (await asyncio.to_thread(client.create, "clip.mp4", [to_wire(SLOW)], options)).id
    await asyncio.to_thread(client.upload, job, clip)
    kept = []
    for chunks in (1, 3):
        await joined(client, job, chunks)
        kept = await asyncio.to_thread(client.files, job)
        platform.kill()
        platform.start()
        await up(platform)
    view = await ended(client, job)
    assert (view.state, view.error) == ("done", "")
    made = {file["name"]: file for file in await asyncio.to_thread(client.files, job)}
    assert [made[file["name"]] for file in kept if file["name"].endswith((".m4s", ".mp4"))] == [
        file for file in kept if file["name"].endswith((".m4s", ".mp4"))
    ]
    for name in made:
        path = tmp_path / "out" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        await asyncio.to_thread(client.download_file, job, name, path)
    assert times(tmp_path / "out/video/slow/index.m3u8") == pytest.approx(times(clip), abs=1e-3)
    assert decoded(tmp_path / "out/video/slow/index.m3u8") == len(times(clip))


async def test_killing_the_platform_while_it_joins_what_is_there_costs_the_join_alone(platform, clip, tmp_path):
    client = Client(platform.url)
    job = await submitted(platform, clip, SLOW)
    await seen(client, job, lambda view: any(task.kind == "join" for task in view.tasks_running))
    assert (await asyncio.to_thread(client.job, job)).state != "joining"
    await asyncio.sleep(0.3)
    platform.kill()
    platform.start()
    await up(platform)
    view = await ended(client, job)
    assert (view.state, view.error) == ("done", "")
    await checked(client, job, "slow", tmp_path / "slow.mp4", clip)


async def test_an_attempt_outlives_the_platform(tmp_path, unused_tcp_port, clip):
    """Another machine's agent sends again what had come of its part, and delivers under the same lease."""
    platform = Process(tmp_path / "data", unused_tcp_port, workers=0, lease_seconds=30.0)
    platform.start()
    try:
        client = Client(platform.url)
        job = await submitted(platform, clip, LARGE, chunk_seconds=30.0)
        with agent_of(platform):
            await seen(client, job, lambda view: [task.kind for task in view.tasks_running] == ["video"])
            await uploading(platform)
            platform.kill()
            platform.start()
            await up(platform)
            view = await ended(client, job)
        assert (view.state, view.error) == ("done", "")
        await checked(client, job, "large", tmp_path / "large.mp4", clip)
        attempts = [
            (task["kind"], [attempt["outcome"] for attempt in task["attempts"]])
            for task in (await asyncio.to_thread(client._call, "GET", f"/api/v1/jobs/{job}/tasks"))["tasks"]
        ]
        assert ("video", ["delivered"]) in attempts
        assert platform.actions().count("part.accepted") == len(attempts) - 2  # all but splitting and joining
        assert platform.stop() == 0
    finally:
        if platform.running.poll() is None:
            platform.kill()


async def test_agents_die_with_a_killed_platform(platform, clip):
    client = Client(platform.url)
    job = await submitted(platform, clip, SMALL)
    await seen(client, job, lambda view: view.tasks_running)
    platform.kill()
    await gone(platform.data)


async def test_a_signal_lets_running_work_finish(platform, clip):
    client = Client(platform.url)
    job = await submitted(platform, clip, SLOW)
    await seen(client, job, lambda view: any(task.kind == "video" for task in view.tasks_running))
    await asyncio.sleep(0.3)  # an agent that is told to stop before it has read what it was given gives that back
    assert platform.stop() == 0
    assert platform.actions().count("part.accepted") >= 1
    assert not {"task.failed", "request.crashed", "job.failed"} & set(platform.actions())
    await gone(platform.data)


async def test_two_signals_stop_at_once(platform, clip):
    await submitted(platform, clip, SMALL)
    begun = time.monotonic()
    platform.running.send_signal(signal.SIGTERM)
    await asyncio.sleep(0.05)
    assert platform.stop() == 0
    assert time.monotonic() - begun < 8
    await gone(platform.data)


async def test_ffmpeg_killed_in_the_middle_is_a_failed_attempt_and_no_more(platform, clip, tmp_path):
    client = Client(platform.url)
    job = await submitted(platform, clip, SLOW)
    for encoding in await encoders(platform):
        os.kill(encoding, signal.SIGKILL)
    view = await ended(client, job)
    assert (view.state, view.error) == ("done", "")
    await checked(client, job, "slow", tmp_path / "out.mp4", clip)
    assert "task.failed" in platform.actions()


async def test_nothing_secret_is_logged(platform, clip):
    client = Client(platform.url)
    await ended(client, await submitted(platform, clip, TINY))
    text = platform.log.read_text()
    secrets = [(platform.data / "join-token").read_text().strip(), "signature=", "Bearer"]
    assert [secret for secret in secrets if secret in text] == []
    assert "part.accepted" in platform.actions()


async def test_killing_the_platform_while_a_source_comes_costs_what_was_sent_and_no_chunk(platform, tmp_path):
    """Sent again, it is gone on from the chunks that were cut before."""
    source = noisy(tmp_path, "ts")
    client = Client(platform.url)
    await up(platform)
    created = await asyncio.to_thread(client.create, source.name, [to_wire(SMALL)], {"chunk_seconds": 1.0})
    with Sending(platform.url, created.id, source) as sending:
        await asyncio.to_thread(sending.upto, 0.7)
        await seen(client, created.id, lambda view: view.renditions[0].chunks_done >= 1)
        platform.kill()
    platform.start()
    await up(platform)
    view = await asyncio.to_thread(client.job, created.id)
    assert (view.state, view.renditions[0].chunks_done >= 1) == ("uploading", True)
    await asyncio.to_thread(client.upload, created.id, source)
    view = await ended(client, created.id)
    assert (view.state, view.error) == ("done", "")
    path = tmp_path / "small.mp4"
    await asyncio.to_thread(client.download, created.id, "small", path)
    shown = times(path)
    assert [time - shown[0] for time in shown] == pytest.approx([n / 25 for n in range(NOISY * 25)], abs=1e-6)
    assert decoded(path) == NOISY * 25
    tasks = (await asyncio.to_thread(client._call, "GET", f"/api/v1/jobs/{created.id}/tasks"))["tasks"]
    assert {[a["outcome"] for a in task["attempts"]].count("delivered") for task in tasks} == {1}
    assert "chunks.dropped" not in platform.actions()


async def test_killing_the_platform_while_a_stream_plays_that_still_comes_takes_nothing_back(platform, tmp_path):
    """Sent again, it is gone on from the steps that were made before, with the sections of its sound."""
    source, options = noisy(tmp_path, "ts"), {"chunk_seconds": 1.0, "segment_seconds": 1.0, "container": "hls"}
    client = Client(platform.url)
    await up(platform)
    created = await asyncio.to_thread(client.create, source.name, [to_wire(SMALL)], options)
    front = created.play_url
    with Sending(platform.url, created.id, source) as sending:
        await asyncio.to_thread(sending.upto, 0.7)
        before = await told(platform, front)
        platform.kill()
    platform.start()
    await up(platform)
    assert (await told(platform, front)).keys() == before.keys()
    await asyncio.to_thread(client.upload, created.id, source)
    view = await ended(client, created.id)
    assert (view.state, view.error) == ("done", "")
    after = await told(platform, front)
    for name, text in before.items():
        assert after[name].replace("TYPE:VOD", "TYPE:EVENT").startswith(text.rstrip())
    index = (await asyncio.to_thread(remote.download, client, created.id, [], tmp_path / "out"))[0].parent
    assert decoded(index / "video" / "small" / "index.m3u8") == NOISY * 25
    tasks = (await asyncio.to_thread(client._call, "GET", f"/api/v1/jobs/{created.id}/tasks"))["tasks"]
    assert {[a["outcome"] for a in task["attempts"]].count("delivered") for task in tasks} == {1}
    assert not {"chunks.dropped", "sections.dropped"} & set(platform.actions())


async def told(platform, front):
    """The playlists of a stream that plays, by name; they are waited for."""
    place = urljoin(platform.url, front)
    for _ in range(600):
        with contextlib.suppress(urllib.error.HTTPError):
            master = await asyncio.to_thread(_text, place)
            names = re.findall(r"^[^#].*$|(?<=URI=\")[^\"]+", master, re.MULTILINE)
            return {name: await asyncio.to_thread(_text, urljoin(place, name)) for name in names}
        await asyncio.sleep(0.1)
    raise AssertionError("It does not play.")


def _text(url):
    with urllib.request.urlopen(url, timeout=20) as answer:  # noqa: S310
        return answer.read().decode()
