"""Streams that are watched while they are made: what a player is told is true at every moment, and stays so."""

import asyncio
import re
import urllib.error
import urllib.request
from pathlib import PurePosixPath

import pytest
from by_hand import Hand, agent, aside, split_done
from watching import FFMPEG, SMALL, TINY, decoded, ended, seen, times

from fallow.client import Client
from fallow.commands import remote
from fallow.messages import to_wire
from fallow.services.run import Platform
from fallow.settings import Settings

OPTIONS = {"chunk_seconds": 1.0, "segment_seconds": 1.0, "container": "cmaf"}


def fetched(url):
    """What is there; nothing while it is not."""
    try:
        with urllib.request.urlopen(url, timeout=20) as answer:  # noqa: S310
            return answer.read()
    except urllib.error.HTTPError as error:
        if error.code == 404:
            return b""
        raise


class Player:
    """Polls a stream as players do, and holds it to what it was told before."""

    def __init__(self, client, job):
        self.url = f"{client.url}{job.play_url}"
        self.told: dict[str, str] = {}
        self.fetched: set[str] = set()
        self.lengths: list[int] = []

    async def get(self, name):
        """The file beside the front; nothing while there is none."""
        return await aside(fetched, self.url.rpartition("/")[0] + "/" + name)

    async def look(self):
        """One round: what it is told of all renditions and their sound."""
        master = (await self.get("master.m3u8")).decode()
        lists = re.findall(r"^[^#].*$|(?<=URI=\")[^\"]+", master, re.MULTILINE)
        for name in lists:
            await self._extended(name)
        self.lengths.append(min((self.told[name].count("#EXTINF") for name in lists), default=0))
        return master

    async def _extended(self, name):
        text = (await self.get(name)).decode()
        assert text.startswith("#EXTM3U")
        before = self.told.get(name, "").replace("#EXT-X-ENDLIST", "").rstrip()
        now = re.sub(r"^# .*\n", "", text.replace("TYPE:VOD", "TYPE:EVENT"), flags=re.MULTILINE)
        assert now.startswith(before)
        self.told[name] = now
        for file in re.findall(r"^[^#].*$|(?<=URI=\")[^\"]+", text, re.MULTILINE):
            path = str(PurePosixPath(name).parent / file)
            if path not in self.fetched:
                assert await self.get(path) != b""
                self.fetched.add(path)

    async def watch(self, client, job):
        """Until the job has ended, and once more."""
        while not (await aside(client.job, job.id)).ended:
            await self.look()
            await asyncio.sleep(0.05)
        await self.look()


@pytest.fixture
async def platform(tmp_path):
    settings = Settings(data=tmp_path / "data", port=0, workers=0, ffmpeg=FFMPEG, log="off")
    async with Platform(settings) as running:
        yield running


async def streaming(platform, clip, *profiles):
    client = Client(platform.url)
    job = await aside(client.create, clip.name, [to_wire(p) for p in profiles], OPTIONS)
    await platform.adopt(job.id, clip)
    await split_done(client, job.id)
    return client, job


async def test_a_stream_plays_while_it_is_made_and_is_exact_in_the_end(platform, clip, tmp_path):
    client, job = await streaming(platform, clip, SMALL, TINY)
    player = Player(client, job)
    watching = asyncio.create_task(player.watch(client, job))
    async with agent(platform):
        view = await ended(client, job.id)
        await watching
    assert (view.state, view.error) == ("done", "")
    assert player.lengths == sorted(player.lengths)
    assert len(set(player.lengths)) > 2  # it was seen to grow
    front = (await aside(remote.download, client, job.id, [], tmp_path / "out"))[0]
    assert front == tmp_path / "out" / clip.stem / "master.m3u8"
    for name in ("small", "tiny"):
        index = front.parent / "video" / name / "index.m3u8"
        assert index.read_text().rstrip().endswith("#EXT-X-ENDLIST")
        assert times(index) == pytest.approx(times(clip), abs=1e-3)
        assert decoded(index) == len(times(clip))


async def test_a_job_that_is_cancelled_leaves_what_plays(platform, clip, tmp_path):
    client, job = await streaming(platform, clip, SMALL)
    player = Player(client, job)
    async with Hand(platform) as hand:
        while len(player.told) < 1 or player.lengths[-1] < 2:
            await player.look()
            if player.lengths[-1] < 2 and (grant := await hand.lease()):
                await hand.deliver(grant, await hand.make(grant))
        await aside(client.cancel, job.id)
        await seen(client, job.id, lambda view: view.state == "cancelled")
        await player.look()
    left = player.lengths[-1]
    assert all(text.rstrip().endswith("#EXT-X-ENDLIST") for text in player.told.values())
    front = (await aside(remote.download, client, job.id, [], tmp_path / "out"))[0]
    assert 25 * left <= decoded(front.parent / "video" / "small" / "index.m3u8") < len(times(clip))
    await aside(client.retry, job.id)
    async with agent(platform):
        view = await ended(client, job.id)
    assert (view.state, view.error) == ("done", "")
    await player.look()
    assert player.lengths[-1] > left
    front = (await aside(remote.download, client, job.id, [], tmp_path / "again"))[0]
    assert decoded(front.parent / "video" / "small" / "index.m3u8") == len(times(clip))
