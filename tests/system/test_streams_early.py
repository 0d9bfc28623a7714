"""Streams that play while their source is still uploaded, and are the same in the end as if it had come at once."""

import asyncio
import re

import pytest
from by_hand import aside
from sending import NOISY, Sending, noisy
from test_streams import OPTIONS, Player
from test_upload_overlap import settings
from watching import SMALL, decoded, ended, seen

from fallow.client import Client
from fallow.commands import remote
from fallow.messages import to_wire
from fallow.services.run import Platform


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("noisy")


async def created(client, name, **more):
    return await aside(client.create, name, [to_wire(SMALL)], {**OPTIONS, **more})


async def plays(player, segments):
    """Returns when so many segments of pictures, with their sound, are told and there."""
    for _ in range(600):
        await player.look()
        if player.lengths[-1] >= segments:
            break
        await asyncio.sleep(0.1)
    assert player.lengths[-1] >= segments
    for name, text in player.told.items():
        for file in re.findall(r"^[^#].*$", text, re.MULTILINE)[:segments]:
            assert await player.get(f"{name.rpartition('/')[0]}/{file}")


async def result(platform, job):
    """The segments of sound, to the byte, and how many pictures there are."""
    files = await platform._ctx.ledger.files(job)
    (rendition,) = (await platform._ctx.ledger.job(job)).renditions
    sound = {file.name: file.sha256 for file in files if file.name.startswith("audio/")}
    return sound, rendition.result.frames


async def at_once(platform, client, source, **more):
    job = await created(client, source.name, **more)
    await platform.adopt(job.id, source)
    assert (await ended(client, job.id)).state == "done"
    return await result(platform, job.id)


@pytest.mark.parametrize(("suffix", "container"), [("ts", "cmaf"), ("mkv", "hls-ts"), ("mp4", "hls")])
async def test_a_stream_plays_before_its_upload_ends_and_is_the_same(folder, tmp_path, suffix, container):
    source = noisy(folder, suffix)
    async with Platform(settings(tmp_path)) as platform:
        client = Client(platform.url)
        job = await created(client, source.name, container=container)
        player = Player(client, job)
        with Sending(platform.url, job.id, source) as sending:
            await aside(sending.upto, 0.9)
            await plays(player, 2)
            assert (b"<S " in await player.get("manifest.mpd")) is (container == "cmaf")
            assert (await aside(client.job, job.id)).state == "uploading"
            status, _ = await aside(sending.end)
            assert status == 200
        assert ((await ended(client, job.id)).state, (await aside(client.job, job.id)).error) == ("done", "")
        await player.look()  # what was told before has only grown
        assert await result(platform, job.id) == await at_once(platform, client, source, container=container)
        delivered = [a.task for a in await platform._ctx.ledger.attempts(job.id) if a.outcome == "delivered"]
        assert len(delivered) == len(set(delivered))
        assert await kinds(platform, job.id) == {"results"}
        front = (await aside(remote.download, client, job.id, [], tmp_path / "out"))[0]
        assert decoded(front) == NOISY * 25


async def kinds(platform, job):
    """What is stored of a job that is done, once it is tidied up."""
    for _ in range(500):
        found = {facts.key.split("/")[2] async for facts in platform._ctx.store.list(f"jobs/{job}/")}
        if found == {"results"}:
            break
        await asyncio.sleep(0.02)
    return found


async def test_a_stream_begins_anew_when_another_source_is_sent(folder, tmp_path):
    first, second = noisy(folder, "ts"), noisy(folder, "ts", "testsrc")
    async with Platform(settings(tmp_path)) as platform:
        client = Client(platform.url)
        job = await created(client, first.name)
        player = Player(client, job)
        with Sending(platform.url, job.id, first) as sending:
            await aside(sending.upto, 0.6)
            await plays(player, 1)
        begun = await platform._ctx.ledger.tracks(job.id)
        assert {track.section for track in begun} >= {0}
        await aside(client.upload, job.id, second)
        assert (await ended(client, job.id)).state == "done"
        assert await result(platform, job.id) == await at_once(platform, client, second)


async def test_an_upload_that_stalls_holds_no_joiner(folder, tmp_path):
    source = noisy(folder, "ts")
    async with Platform(settings(tmp_path)) as platform:
        client = Client(platform.url)
        job = await created(client, source.name)
        player = Player(client, job)
        with Sending(platform.url, job.id, source) as sending:
            await aside(sending.upto, 0.6)
            await plays(player, 1)
            for _ in range(200):
                if not await platform._ctx.ledger.running(job.id):
                    break
                await asyncio.sleep(0.1)
            assert await platform._ctx.ledger.running(job.id) == []
            told = player.lengths[-1]
            await aside(sending.upto, 0.95)
            await seen(client, job.id, lambda view: view.renditions[0].chunks_done >= 3)
            await plays(player, told + 1)
            await aside(sending.end)
        assert (await ended(client, job.id)).state == "done"
