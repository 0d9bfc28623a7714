"""A job that is driven by hand, and that in the end is done, exactly."""

from __future__ import annotations

import contextlib
import dataclasses
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from by_hand import Hand, agent, aside, attempt, split_done, tasks, until
from watching import FFMPEG, SMALL, decoded, ended, times

from fallow.client import Client
from fallow.messages import to_wire
from fallow.services.run import Platform
from fallow.settings import Settings

BLOBS = "/blobs/v1/"


@dataclasses.dataclass
class Case:
    """A job that was split, on a platform without workers of its own."""

    platform: Platform
    client: Client
    job: str
    hand: Hand
    blobs: Path  # folder of the store

    def file(self, grant):
        """Where a grant's upload is stored."""
        return self.blobs / key_of(grant.put_url)

    def given(self, grant):
        """Where the object is that a grant works on."""
        return self.blobs / key_of(grant.get_url)

    def stored(self, folder):
        """The job's objects of one kind."""
        return sorted((self.blobs / "jobs" / self.job / folder).iterdir())

    def names(self):
        return sorted(path.name.split(".")[0] for path in self.blobs.rglob("*") if path.is_file())

    async def attempt(self, grant):
        return await attempt(self.client, self.job, grant)

    async def leased(self):
        """A video task, what is to be delivered for it, and its bytes, which are not uploaded yet."""
        grant = await self.hand.lease()
        delivery = await self.hand.make(grant)
        data = self.file(grant).read_bytes()
        self.file(grant).unlink()
        return grant, delivery, data

    async def delivered(self):
        """The leases whose part counts, of each task."""
        return [
            [a["lease"] for a in task["attempts"] if a["outcome"] == "delivered"]
            for task in await tasks(self.client, self.job)
        ]


def key_of(url):
    return urlsplit(url).path.removeprefix(BLOBS)


@contextlib.asynccontextmanager
async def running(tmp_path, clip, *profiles, **more):
    """A case whose rest is done by a real agent, and looked at."""
    wanted = profiles or [SMALL]
    data = tmp_path / "data"
    settings = Settings(
        data=data, port=0, workers=0, ffmpeg=FFMPEG, log="off", **{"attempts": 50, "source_days": 0, **more}
    )
    async with Platform(settings) as platform, Hand(platform) as hand:
        client = Client(platform.url)
        options = {"chunk_seconds": 1.0}
        job = await aside(client.create, clip.name, [to_wire(p) for p in wanted], options)
        await platform.adopt(job.id, clip)
        await split_done(client, job.id)
        case = Case(platform, client, job.id, hand, data / "blobs")
        yield case
        async with agent(platform):
            view = await ended(client, job.id)
        assert (view.state, view.error) == ("done", "")
        assert {len(leases) for leases in await case.delivered()} == {1}
        joins = [task for task in await tasks(client, job.id) if task["kind"] == "join"]
        assert len(joins) == len(wanted)
        for profile in wanted:
            path = tmp_path / f"{profile.name}.mp4"
            await platform.export(job.id, profile.name, path)
            assert times(path) == pytest.approx(times(clip), abs=1e-6)
            assert decoded(path) == len(times(clip))
        await until(lambda: case.names() == sorted(profile.name for profile in wanted))
