"""Whole platforms whose store is a bucket: workers use its links, and go round by the gateway where they cannot."""

import contextlib
import dataclasses
import os
import re
import signal
import subprocess
import sys
import urllib.request

import pytest
from by_hand import Hand, agent, aside, nothing_joined, put_now, split_done, tasks
from running import until
from watching import FFMPEG, LARGE, PACED, RATE, SECONDS, SMALL, decoded, ended, seen, times

from fallow.client import Client
from fallow.messages import to_wire
from fallow.profiles import Profile
from fallow.services.run import Platform
from fallow.settings import Settings
from fallow.worker import connection, ways
from fallow.worker.means import Means
from fallow.worker.stream import Stream
from servers.faulty import Fault

SIGNED = re.compile(r"X-Amz-Signature=|[?&]sig=")
NOISY = Profile("noisy", width=1280, height=720, crf=4.0, preset="ultrafast")
BIG = 16 << 20  # from here on, parts and results are uploaded in parts


@pytest.fixture(scope="session")
def noise(tmp_path_factory):
    """A second that nobody can compress."""
    path = tmp_path_factory.mktemp("clips") / "noise.mp4"
    picture = ["-f", "lavfi", "-i", f"color=gray:s=1280x720:r={RATE}:d=1,noise=alls=100:allf=t+u"]
    coded = ["-c:v", "libx264", "-preset", "ultrafast", "-crf", "10", "-g", "25", "-pix_fmt", "yuv420p"]
    command = [FFMPEG, "-v", "error", *picture, *coded, "-y", str(path)]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    return path


class Up:
    """`fallow up` as a process, with a bucket."""

    def __init__(self, folder, store_url, workers=2):
        bare = {name: value for name, value in os.environ.items() if not name.startswith("FALLOW_")}
        self.err = (folder / "err").open("w+")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "fallow", "up", "--port", "0", "--data", "data", "--workers", str(workers)],
            cwd=folder,
            env={**bare, "FALLOW_STORE_URL": store_url, "FALLOW_FFMPEG": PACED},
            stdout=subprocess.PIPE,
            stderr=self.err,
            text=True,
        )
        self.url = re.search(r"http://[^;\s]+", self.process.stdout.readline())[0]
        self.client = Client(self.url)

    def encoded(self, clip, profile, seconds=1.0):
        """A job of this clip, done."""
        job = self.client.create(clip.name, [to_wire(profile)], {"chunk_seconds": seconds})
        self.client.upload(job.id, clip)
        view = self.client.wait(job.id, lambda view: None, 0.1)
        assert (view.state, view.error) == ("done", "")
        return view

    def end(self):
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(60) == 0
        self.err.seek(0)
        assert "Traceback" not in self.err.read()
        self.err.close()


@pytest.fixture
def up(tmp_path, bucket, proxy):
    made = Up(tmp_path, proxy.of(bucket.fresh_url()))
    yield made
    made.end()


def by_links(proxy):
    """Methods of the requests that came by links."""
    return [method for method, target in proxy.requests if SIGNED.search(target)]


def exactly(clip, path):
    assert times(path) == pytest.approx(times(clip), abs=1e-6)
    assert decoded(path) == len(times(clip))


def test_a_clip_goes_through_a_bucket_frame_by_exact_frame(tmp_path, clip, up, proxy):
    view = up.encoded(clip, SMALL)
    path = tmp_path / "out.mp4"
    size = up.client.download(view.id, "small", path)
    exactly(clip, path)
    # Workers passed the gateway by: chunks and sound came, and their parts went, by links.
    assert by_links(proxy).count("GET") >= SECONDS + 1
    assert by_links(proxy).count("PUT") >= SECONDS + 1
    request = urllib.request.Request(  # noqa: S310 - http alone
        f"{up.url}/api/v1/jobs/{view.id}/results/small", headers={"Range": f"bytes={size // 2}-"}
    )
    with urllib.request.urlopen(request) as answer:  # noqa: S310
        assert answer.status == 206
        assert answer.read() == path.read_bytes()[size // 2 :]


def test_parts_and_results_may_be_large(tmp_path, noise, up, proxy):
    view = up.encoded(noise, NOISY, 2.0)
    path = tmp_path / "out.mp4"
    assert up.client.download(view.id, "noisy", path) > BIG  # its head came last, long after its body had begun
    exactly(noise, path)
    data = path.read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")
    assert by_links(proxy) == ["GET"]  # no link takes a part of a length that is not known


def test_a_bucket_may_be_killed_in_the_middle_of_a_job(tmp_path, clip, ceph):
    up = Up(tmp_path, ceph.fresh_url())
    job = up.client.create(clip.name, [to_wire(LARGE)], {"chunk_seconds": 1.0})
    up.client.upload(job.id, clip)
    until(lambda: up.client.job(job.id).renditions[0].chunks_done)
    ceph.kill_gateway()
    try:
        done = up.client.job(job.id).renditions[0].chunks_done
    finally:
        ceph.start_gateway()
    assert done < SECONDS
    view = up.client.wait(job.id, lambda view: None, 0.1)
    assert (view.state, view.error) == ("done", "")
    path = tmp_path / "out.mp4"
    up.client.download(view.id, "large", path)
    exactly(clip, path)
    up.end()


@contextlib.asynccontextmanager
async def split_job(tmp_path, clip, bucket, proxy):
    """A platform without workers, with a job that was split."""
    settings = Settings(
        data=tmp_path / "data", port=0, workers=0, log="off", store_url=proxy.of(bucket.fresh_url())
    )
    async with Platform(settings) as platform, Hand(platform) as hand:
        client = Client(platform.url)
        job = await aside(client.create, clip.name, [to_wire(SMALL)], {"chunk_seconds": 2.0})
        await platform.adopt(job.id, clip)
        await split_done(client, job.id)
        yield platform, client, job.id, hand


@pytest.fixture
async def lease(tmp_path, clip, bucket, proxy):
    """A video task with its links; what was made of it can be delivered."""
    async with split_job(tmp_path, clip, bucket, proxy) as (_, _, _, hand):
        grant = await hand.lease()
        proxy.requests.clear()
        yield hand, grant
        proxy.faults = []


def links(faults):
    """Faults of transfers by links alone, whatever the bucket's kind."""
    return [dataclasses.replace(fault, part=part) for fault in faults for part in ("X-Amz-Signature=", "&sig=")]


async def delivered(hand, grant):
    return (await hand.deliver(grant, await hand.make(grant))).first


@pytest.mark.parametrize("method", ["GET", "PUT"])
@pytest.mark.parametrize(
    "fault",
    [
        {"status": 503},
        {"status": 500},
        {"status": 429, "headers": {"Retry-After": "1"}},
        {"reset_request": 0},
        {"reset_answer": 0},
    ],
    ids=["503", "500", "429", "reset", "unheard"],
)
async def test_a_bucket_that_fails_for_a_moment_is_asked_again(lease, proxy, method, fault):
    hand, grant = lease
    proxy.faults = links([Fault(method=method, **fault)])
    assert await delivered(hand, grant)
    assert by_links(proxy).count(method) == 2


@pytest.mark.parametrize("end", ["end_answer", "reset_answer"])
async def test_a_download_that_breaks_off_goes_on_where_it_was(lease, proxy, end):
    hand, grant = lease
    proxy.faults = links([Fault(method="GET", **{end: 5000})])
    assert await delivered(hand, grant)
    assert by_links(proxy).count("GET") == 2


@pytest.mark.parametrize("method", ["GET", "PUT"])
@pytest.mark.parametrize("fault", [{"status": 403}, {"status": 503}, {"reset_request": 0}, {"reset_answer": 10}])
async def test_a_bucket_that_cannot_be_used_is_passed_by(lease, proxy, monkeypatch, method, fault):
    """As by a worker that cannot reach it, or whose links are refused since a clock is wrong."""
    monkeypatch.setattr(ways, "SHORT_SECONDS", 0.5)
    hand, grant = lease
    proxy.faults = links([Fault(method=method, times=1000, **fault)])
    assert await delivered(hand, grant)


@pytest.mark.parametrize("method", ["GET", "PUT"])
async def test_a_bucket_that_does_not_answer_is_passed_by(lease, proxy, monkeypatch, method):
    monkeypatch.setattr(connection, "TIMEOUT_SECONDS", 1.0)
    monkeypatch.setattr(ways, "SHORT_SECONDS", 0.5)
    hand, grant = lease
    proxy.faults = links([Fault(method=method, times=1000, silent=True)])
    assert await delivered(hand, grant)


async def test_a_slow_bucket_is_waited_for(lease, proxy):
    hand, grant = lease
    proxy.faults = links([Fault(method="GET", rate=grant.get_bytes)])
    assert await delivered(hand, grant)
    assert by_links(proxy) == ["GET", "PUT"]


async def test_what_cannot_be_used_is_not_tried_anew_by_each_attempt(lease, proxy):
    _, grant = lease
    stream = Stream([(grant, grant.typed_recipe)], Means(FFMPEG, "by hand", slots=1, threads=1), threads=1)
    proxy.faults = links([Fault(method="GET", times=1000, status=403)])
    await aside(stream.make)
    await aside(stream.parts[0].finish)
    assert by_links(proxy) == ["GET"]  # and the upload did not try it at all


async def test_an_agent_that_knows_no_detour_works_as_before(lease, proxy):
    hand, grant = lease
    old = dataclasses.replace(grant, detour_url="")
    proxy.faults = links([Fault(method="GET", status=503)])
    assert await delivered(hand, old)


async def test_a_part_that_is_changed_after_its_delivery_is_made_again(tmp_path, clip, bucket, proxy):
    async with split_job(tmp_path, clip, bucket, proxy) as (platform, client, job, hand):
        async with nothing_joined(platform):
            grant = await hand.lease()
            assert await delivered(hand, grant)
            key = (await platform._ctx.ledger.task(grant.task)).part.key
            data = bytearray(await platform._ctx.store.read(key, 0, 1 << 24))
            data[len(data) // 2] ^= 1  # in the middle of a picture
            headers = {"Content-Length": str(len(data)), **grant.whole_headers}
            assert (await aside(put_now, grant.whole_url, bytes(data), headers)).status in (200, 201)
            async with agent(platform):
                await seen(client, job, lambda view: view.state == "joining")
        async with agent(platform):
            view = await ended(client, job)
        assert (view.state, view.error) == ("done", "")
        joins = [task for task in await tasks(client, job) if task["kind"] == "join"]
        assert "SHA-256 differs" in joins[0]["attempts"][0]["error"]
        path = tmp_path / "out.mp4"
        await platform.export(job, "small", path)
        exactly(clip, path)
