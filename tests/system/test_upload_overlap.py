"""Sources that come slowly: what of them is there is encoded, and the result is the same."""

import asyncio
import hashlib

import av
import pytest
from sending import NOISY, Sending, noisy
from watching import FFMPEG, SMALL, decoded, ended, seen, times

from fallow.client import Client
from fallow.messages import to_wire
from fallow.model import TaskState
from fallow.services.run import Platform
from fallow.settings import Settings

OPTIONS = {"chunk_seconds": 1.0}
FRAMES = NOISY * 25
AT_ONCE = {}  # what comes of sources that need not be waited for


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("noisy")


async def created(client, name, **more):
    return (await asyncio.to_thread(client.create, name, [to_wire(SMALL)], {**OPTIONS, **more})).id


def settings(tmp_path, **more):
    return Settings(data=tmp_path / "data", port=0, workers=1, ffmpeg=FFMPEG, log="off", source_days=0, **more)


async def done(client, job):
    view = await ended(client, job)
    assert (view.state, view.error) == ("done", "")


async def cut(platform, job):
    """What its source was cut into, to the byte."""
    chunks = await platform._ctx.ledger.chunks(job)
    return [(c.number, c.container, c.lo, c.hi, c.guard, c.before, c.sha256) for c in chunks]


@pytest.mark.parametrize("suffix", ["ts", "mkv", "mp4", "m4v"])
async def test_chunks_are_encoded_before_the_upload_ends_and_the_result_is_the_same(folder, tmp_path, suffix):
    source = noisy(folder, suffix)
    async with Platform(settings(tmp_path)) as platform:
        client = Client(platform.url)
        slow = await created(client, source.name)
        with Sending(platform.url, slow, source) as sending:
            await asyncio.to_thread(sending.upto, 0.9)
            view = await seen(client, slow, lambda view: view.renditions[0].chunks_done >= 2)
            assert view.state == "uploading"
            status, _ = await asyncio.to_thread(sending.end)
            assert status == 200
        path = await same_as_at_once(platform, client, slow, source)
        assert (decoded(path), len(times(path))) == (FRAMES, FRAMES)
        shown = times(path)
        assert [time - shown[0] for time in shown] == pytest.approx([n / 25 for n in range(FRAMES)], abs=1e-6)


def pictures(path):
    """A digest of each that is shown."""
    with av.open(str(path)) as container:
        return [hashlib.sha256(frame.to_ndarray().tobytes()).hexdigest() for frame in container.decode(video=0)]


async def made(platform, client, job):
    """What came of a job: how its source was cut, and the pictures and their times."""
    await done(client, job)
    path = platform._settings.data.parent / f"{job}.mp4"
    await platform.export(job, SMALL.name, path)
    return path, (await cut(platform, job), times(path), pictures(path))


async def same_as_at_once(platform, client, job, source, **more):
    """The job ends as one whose source was there from the beginning, each task is delivered once, and no object but
    the result stays. That one's path."""
    known = (source.read_bytes(), *more)
    if known not in AT_ONCE:
        at_once = await created(client, source.name, **more)
        await platform.adopt(at_once, source)
        AT_ONCE[known] = (await made(platform, client, at_once))[1]
    path, result = await made(platform, client, job)
    assert result == AT_ONCE[known]
    assert await objects(platform, job) == ["results"]
    tasks = await platform._ctx.ledger.tasks(job)
    delivered = [a.task for a in await platform._ctx.ledger.attempts(job) if a.outcome == "delivered"]
    assert sorted(delivered) == sorted(task.id for task in tasks)
    return path


async def objects(platform, job):
    """The kinds of what is stored of a job that is done, once it is tidied up."""
    for _ in range(500):
        found = [facts.key.split("/")[2] async for facts in platform._ctx.store.list(f"jobs/{job}/")]
        if found == ["results"]:
            break
        await asyncio.sleep(0.02)
    return found


async def waiting(client, job, chunks=1):
    """What has come is cut and encoded, and more of it is waited for; the job's view then."""

    def still(view):
        (rendition,) = view.renditions
        return view.waits and not view.tasks_running and chunks <= rendition.chunks_done == rendition.chunks_total

    view = await seen(client, job, still)
    assert view.state == "uploading"
    return view


@pytest.mark.parametrize("again", ["testsrc2", "testsrc"], ids=["the same", "another"])
async def test_nothing_of_an_upload_that_broke_off_is_in_the_result(folder, tmp_path, again):
    first, second = noisy(folder, "ts"), noisy(folder, "ts", again)
    async with Platform(settings(tmp_path)) as platform:
        client = Client(platform.url)
        job = await created(client, first.name)
        with Sending(platform.url, job, first) as sending:
            await asyncio.to_thread(sending.upto, 0.6)
            await waiting(client, job)
        begun = await cut(platform, job)
        assert begun
        await asyncio.to_thread(client.upload, job, second)
        await same_as_at_once(platform, client, job, second)
        kept = (await cut(platform, job))[: len(begun)]
        assert (kept == begun) is (first == second)


async def test_an_upload_that_stalls_holds_no_lease_and_no_worker(folder, tmp_path):
    source = noisy(folder, "mkv")
    async with Platform(settings(tmp_path)) as platform:
        client = Client(platform.url)
        job = await created(client, source.name)
        with Sending(platform.url, job, source) as sending:
            await asyncio.to_thread(sending.upto, 0.25)
            view = await waiting(client, job, chunks=0)
            assert view.waits == "waits for more of the upload: too little of it is there"
            await asyncio.to_thread(sending.upto, 0.7)
            view = await waiting(client, job)
            assert view.waits == "waits for more of the upload"
            other = await created(client, source.name)
            await platform.adopt(other, source)
            await done(client, other)  # by the only worker, and the only splitter
            assert await platform._ctx.ledger.running(job) == []
            assert not [
                state for _, state in (await platform._ctx.ledger.census()).tasks if state is TaskState.LEASED
            ]
            looks = len(await platform._ctx.ledger.attempts(job))
            assert await waiting(client, job) == view
            assert len(await platform._ctx.ledger.attempts(job)) == looks
            status, _ = await asyncio.to_thread(sending.end)
            assert status == 200
        await same_as_at_once(platform, client, job, source)


def spoilt(source, folder):
    """Zeros where some of its last fifth was."""
    data = bytearray(source.read_bytes())
    begin = len(data) * 85 // 100
    data[begin : begin + 100_000] = bytes(100_000)
    return written(folder / f"spoilt{source.suffix}", data)


def cut_short(source, folder):
    """It ends before its index says that it does."""
    data = source.read_bytes()
    return written(folder / f"short{source.suffix}", data[: len(data) * 9 // 10])


def written(path, data):
    path.write_bytes(data)
    return path


async def sent_slowly(platform, client, source, **more):
    """A job whose first chunks are encoded before the rest of its source comes."""
    job = await created(client, source.name, **more)
    with Sending(platform.url, job, source) as sending:
        await asyncio.to_thread(sending.upto, 0.75)
        await waiting(client, job)
        await asyncio.to_thread(sending.end)
    return job


@pytest.mark.parametrize("damage", [spoilt, cut_short])
async def test_damage_that_comes_late_ends_a_job_as_if_it_had_come_at_once(folder, tmp_path, damage):
    source = damage(noisy(folder, "mp4"), tmp_path)
    async with Platform(settings(tmp_path)) as platform:
        client = Client(platform.url)
        job = await sent_slowly(platform, client, source)
        at_once = await created(client, source.name)
        await platform.adopt(at_once, source)
        views = [await ended(client, one) for one in (job, at_once)]
        assert [view.state for view in views] == ["failed", "failed"]
        assert views[0].error == views[1].error
        assert "damaged" in views[0].error


@pytest.mark.parametrize(
    ("suffix", "damage", "more"), [("ts", spoilt, {}), ("mp4", cut_short, {"accept_damaged": True})]
)
async def test_what_is_left_of_a_source_that_is_damaged_late_is_the_same(folder, tmp_path, suffix, damage, more):
    source = damage(noisy(folder, suffix), tmp_path)
    async with Platform(settings(tmp_path)) as platform:
        client = Client(platform.url)
        job = await sent_slowly(platform, client, source, **more)
        await same_as_at_once(platform, client, job, source, **more)


@pytest.mark.parametrize(
    ("suffix", "why"),
    [("mov", "the MP4's index is at its end"), ("avi", "the container avi is read only when it is whole")],
)
async def test_a_source_that_cannot_be_read_as_it_comes_says_why_it_waits(folder, tmp_path, suffix, why):
    source = noisy(folder, suffix)
    async with Platform(settings(tmp_path)) as platform:
        client = Client(platform.url)
        job = await created(client, source.name)
        with Sending(platform.url, job, source) as sending:
            await asyncio.to_thread(sending.upto, 0.9)
            view = await waiting(client, job, chunks=0)
            assert view.waits == f"waits for the end of the upload: {why}"
            assert await cut(platform, job) == []
            await asyncio.to_thread(sending.end)
        assert (await asyncio.to_thread(client.job, job)).waits == ""
        await done(client, job)
        await platform.export(job, SMALL.name, tmp_path / "out.mp4")
        assert decoded(tmp_path / "out.mp4") == FRAMES
