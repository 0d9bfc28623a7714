"""Long sources that could not be cut while they came: the first of them is encoded before all is looked through."""

import asyncio

import pytest
from sending import Sending, noisy
from test_upload_overlap import created, cut_short, done, same_as_at_once, settings
from watching import ended

from fallow.client import Client
from fallow.pipeline import keys, overlap
from fallow.services.run import Platform


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("noisy")


@pytest.fixture(autouse=True)
def all_are_long(monkeypatch):
    monkeypatch.setattr(overlap, "LONG", 0)
    monkeypatch.setattr(overlap, "_FIRST", 5.0)


async def sent(platform, client, source, **more):
    job = await created(client, source.name, **more)
    with Sending(platform.url, job, source) as sending:
        status, _ = await asyncio.to_thread(sending.end)
        assert status == 200
    return job


async def cut_by(platform, job):
    """For each chunk, how many looks at the source came after the one that cut it."""
    looks = [a.lease for a in await platform._ctx.ledger.attempts(job) if ".split." in a.task][::-1]
    return [looks.index(keys.lease_of(chunk.key)) for chunk in await platform._ctx.ledger.chunks(job)]


async def test_the_first_chunks_are_cut_before_all_is_looked_through_and_the_result_is_the_same(folder, tmp_path):
    source = noisy(folder, "mov")
    async with Platform(settings(tmp_path)) as platform:
        client = Client(platform.url)
        job = await sent(platform, client, source)
        await done(client, job)
        cut = await cut_by(platform, job)
        assert (cut[0], cut[-1], sorted(cut, reverse=True)) == (1, 0, cut)
        await same_as_at_once(platform, client, job, source)


async def test_of_a_source_that_cannot_be_cut_so_all_is_looked_through_at_once(folder, tmp_path):
    source = noisy(folder, "avi")
    async with Platform(settings(tmp_path)) as platform:
        client = Client(platform.url)
        job = await sent(platform, client, source)
        await done(client, job)
        assert set(await cut_by(platform, job)) == {0}


async def test_a_source_whose_end_is_missing_fails_though_its_beginning_is_encoded(folder, tmp_path):
    source = cut_short(noisy(folder, "mp4"), tmp_path)
    async with Platform(settings(tmp_path)) as platform:
        client = Client(platform.url)
        job = await sent(platform, client, source)
        view = await ended(client, job)
        assert (view.state, "is cut off" in view.error) == ("failed", True)
