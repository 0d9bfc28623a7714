"""What stores in the network promise beyond the contract: large objects, links, and what is left of the dead."""

import asyncio
import dataclasses
import os
import urllib.error
import urllib.request
from datetime import timedelta

import pytest

from fallow.adapters import store_object
from fallow.adapters.object_links import ObjectLinks
from fallow.adapters.object_url import open_store
from fallow.adapters.object_writer import SPILL
from fallow.errors import BadSetting, Conflict, Unavailable
from fallow.services.blobs_api import SignedLinks

BODY = os.urandom(SPILL * 2 + 12_345)


@pytest.fixture(params=["ceph", "azurite"])
async def store(request):
    store = open_store(request.getfixturevalue(request.param).fresh_url())
    yield store
    await store.close()


async def everything(store):
    return [str(entry["path"]) async for entry in store._entries("")]


async def content(store, key):
    return b"".join([piece async for piece in store.stream(key)])


async def write(store, key, body, held=0):
    writer = await store.writer(key, held)
    for at in range(0, len(body), 1 << 20):
        await writer.write(body[at : at + (1 << 20)])
    return writer


def transfer(url, data=None, headers=None):
    method = "GET" if data is None else "PUT"
    request = urllib.request.Request(url, data, headers or {}, method=method)  # noqa: S310 - http alone
    with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
        return answer.read()


async def test_a_large_object_appears_at_commit_alone(store):
    writer = await write(store, "a/b", BODY)
    assert await store.stat("a/b") is None
    assert await everything(store) == []
    assert (await writer.commit()).size == len(BODY)
    assert await content(store, "a/b") == BODY


async def test_a_large_body_gets_its_head_last(store):
    writer = await write(store, "a", BODY, held=100_000)
    assert [facts async for facts in store.list("")] == []
    head = os.urandom(100_000)
    assert (await writer.commit(head)).size == len(head) + len(BODY)
    assert await content(store, "a") == head + BODY
    assert len(await everything(store)) == 1


async def test_a_head_may_be_large_itself(store):
    """As the index of a film of many hours is."""
    head = os.urandom(SPILL + 1000)
    writer = await write(store, "a", BODY, held=len(head))
    assert (await writer.commit(head)).size == len(head) + len(BODY)
    assert await content(store, "a") == head + BODY


@pytest.mark.parametrize("held", [0, 1000])
async def test_an_aborted_large_object_leaves_nothing(store, held):
    writer = await write(store, "a", BODY, held)
    await writer.abort()
    assert await everything(store) == []


@pytest.mark.parametrize("held", [0, 4])
async def test_a_large_object_replaces_none(store, held):
    await store.put("a", b"first")
    writer = await write(store, "a", BODY, held)
    with pytest.raises(Conflict):
        await writer.commit(b"head"[:held])
    assert await content(store, "a") == b"first"
    assert len(await everything(store)) == 1


async def test_storing_the_same_again_is_no_conflict(store):
    await store.put("a", b"same")
    assert (await store.put("a", b"same")).size == 4


async def test_what_the_dead_left_is_removed_when_it_is_old(store, monkeypatch):
    await write(store, "jobs/young", b"")
    await store_object.obstore.put_async(store.remote, store.hidden_path(), b"body")
    assert await store.clear_leftovers() == 0
    assert len(await everything(store)) == 1
    monkeypatch.setattr(store_object, "LEFT_OVER", timedelta(seconds=-60))
    assert await store.clear_leftovers() == 1
    assert await everything(store) == []


def uploads(store):
    return [one for own in store_object.OWN for one in store._uploads.unfinished(store._prefix + own)]


@pytest.mark.parametrize("more", [{}, {"session_token": "TOKENEXAMPLE"}])
async def test_uploads_of_the_dead_are_aborted_when_they_are_old(ceph, monkeypatch, more):
    store = open_store(ceph.fresh_url(**more))
    writers = [await write(store, f"jobs/1/a{number}", BODY[: 2 * SPILL]) for number in range(3)]
    held = await write(store, "jobs/1/b", BODY[: 2 * SPILL], 10)
    assert await polled(lambda: len(uploads(store)), 4) == 4
    assert await store.clear_leftovers() == 0
    assert (await writers[0].commit()).size == 2 * SPILL
    monkeypatch.setattr(store_object, "LEFT_OVER", timedelta(seconds=-60))
    assert await store.clear_leftovers() == 3
    assert uploads(store) == []
    assert await content(store, "jobs/1/a0") == BODY[: 2 * SPILL]
    await asyncio.gather(*(writer.abort() for writer in [*writers[1:], held]))


async def polled(look, wanted):
    """What is seen in the end."""
    for _ in range(500):
        if (found := await asyncio.to_thread(look)) == wanted:
            break
        await asyncio.sleep(0.02)
    return found


async def test_no_permission_to_list_uploads_is_no_trouble(ceph, monkeypatch):
    store = open_store(ceph.fresh_url())
    monkeypatch.setattr(store._uploads, "_at", dataclasses.replace(store._uploads._at, secret="WRONG"))  # noqa: S106
    with pytest.raises(Unavailable, match=r"status 403 \(SignatureDoesNotMatch\)"):
        uploads(store)
    assert await store.clear_leftovers() == 0


async def test_links_allow_one_transfer_of_one_object(store):
    links = ObjectLinks(store, SignedLinks("secret", lambda: 0.0))
    put = await links.put_link("jobs/1/a.ts", 60, 1000)
    assert put.url.startswith("/blobs/v1/jobs/1/a.ts?")
    await asyncio.to_thread(transfer, put.whole_url, b"part", dict(put.whole_headers))
    link = await links.get_link("jobs/1/a.ts", 60)
    assert link.detour.startswith("/blobs/v1/jobs/1/a.ts?")
    get = link.url
    assert await asyncio.to_thread(transfer, get) == b"part"
    for wrong in (get.replace("a.ts", "b.ts"), get.partition("?")[0]):
        with pytest.raises(urllib.error.HTTPError):
            await asyncio.to_thread(transfer, wrong)
    with pytest.raises(urllib.error.HTTPError):
        await asyncio.to_thread(transfer, get, b"other", dict(put.whole_headers))


async def test_wrong_credentials_are_told_without_them(ceph):
    store = open_store(ceph.fresh_url().replace("SECRETEXAMPLE", "WRONGSECRET"))
    with pytest.raises(Unavailable, match="credentials") as told:
        await store.put("a", b"x")
    assert "WRONGSECRET" not in str(told.value)


@pytest.mark.parametrize("url", ["s3:///a", "ftp://bucket/a", "s3://key:secret@bucket/a", "s3://bucket?no_such=1"])
def test_urls_that_make_no_sense_are_refused(url):
    with pytest.raises(BadSetting) as told:
        open_store(url, {})
    assert "secret" not in str(told.value)
