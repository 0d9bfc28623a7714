"""Stores in the network whose server refuses, breaks off or dies: what was asked is done, or nothing is."""

import asyncio
import os
from datetime import timedelta

import obstore
import pytest

from fallow.adapters import object_calls, object_url
from fallow.adapters.object_url import open_store
from fallow.adapters.object_writer import SPILL
from fallow.errors import StorageFull, Unavailable
from servers.faulty import Fault, Faulty

SMALL = os.urandom(300_000)
LARGE = os.urandom(SPILL * 2 + 12_345)
MULTIPART = {
    "ceph": {"begin": ("POST", "uploads"), "part": ("PUT", "partNumber"), "end": ("POST", "uploadId")},
    "azurite": {"part": ("PUT", "comp=block&"), "end": ("PUT", "comp=blocklist")},
}


@pytest.fixture
async def store(bucket, proxy):
    store = open_store(proxy.of(bucket.fresh_url()))
    await store.put("there", SMALL)
    yield store
    await store.close()


@pytest.fixture
def impatient(monkeypatch):
    monkeypatch.setattr(object_calls, "PATIENCE", 2.0)
    monkeypatch.setitem(object_url._STEADY, "retry_timeout", timedelta(seconds=2))


async def content(store, key):
    return b"".join([piece async for piece in store.stream(key)])


async def put(store):
    await store.put("new", SMALL)
    return await content(store, "new")


async def read(store):
    return await store.read("there", 1000, 200_000)


async def listed(store):
    return [facts.key async for facts in store.list("")]


async def stat(store):
    return (await store.stat("there")).size


async def delete(store):
    await store.delete(["there"])
    return await store.stat("there")


async def write(store, body=LARGE):
    writer = await store.writer("new")
    try:
        for at in range(0, len(body), 1 << 20):
            await writer.write(body[at : at + (1 << 20)])
        await writer.commit()
    except BaseException:
        await writer.abort()
        raise
    return await content(store, "new")


# What is asked, by which kind of request, and what comes of it.
ASKED = {
    "put": (put, "PUT", SMALL),
    "read": (read, "GET", SMALL[1000:201_000]),
    "list": (listed, "GET", ["there"]),
    "stat": (stat, "HEAD", len(SMALL)),
    "delete": (delete, "POST", None),
}


@pytest.mark.parametrize("asked", ASKED)
@pytest.mark.parametrize(
    "fault",
    [
        {"status": 503, "times": 4},
        {"status": 500, "times": 4},
        {"status": 429, "times": 4, "headers": {"Retry-After": "1"}},
        {"reset_request": 0, "times": 3},
        {"reset_request": 100_000, "times": 3},
        {"reset_answer": 0, "times": 3},
        {"reset_answer": 20, "times": 2},
        {"end_answer": 20, "times": 2},
    ],
    ids=["503", "500", "429", "reset at once", "reset in the body", "unheard", "reset in the answer", "cut"],
)
async def test_a_server_that_fails_for_a_moment_is_asked_again(store, proxy, asked, fault):
    action, method, expected = ASKED[asked]
    proxy.faults = [Fault(method=method, **fault)]
    assert await action(store) == expected


@pytest.mark.parametrize("asked", ["put", "read", "stat"])
async def test_a_server_that_does_not_answer_is_asked_again(bucket, proxy, monkeypatch, asked):
    monkeypatch.setitem(object_url._TIMES, "read_timeout", timedelta(seconds=0.5))
    store = open_store(proxy.of(bucket.fresh_url()))
    await store.put("there", SMALL)
    action, method, expected = ASKED[asked]
    proxy.faults = [Fault(method=method, silent=True)]
    assert await action(store) == expected


@pytest.mark.parametrize("step", ["begin", "part", "end"])
@pytest.mark.parametrize(
    "fault",
    [{"status": 503, "times": 4}, {"reset_answer": 0, "times": 1}, {"status": 429, "times": 2}],
    ids=["503", "unheard", "429"],
)
async def test_every_step_of_a_large_upload_is_repeated(request, store, proxy, step, fault):
    steps = MULTIPART["ceph" if "ceph" in request.node.name else "azurite"]
    if step not in steps:
        pytest.skip("Azure has no such step")
    method, part = steps[step]
    proxy.faults = [Fault(method=method, part=part, **fault)]
    try:
        assert await write(store) == LARGE
    except Unavailable:
        # Azure forgets the blocks of an upload that it has completed.
        assert step == "end"
        assert await listed(store) == ["there"]
    assert proxy.faults[0].times == 0


async def test_a_body_is_put_behind_its_head_again_when_that_breaks_off(bucket, proxy, store):
    """In the middle of a part, which the library does not send again."""
    writer = await store.writer("new", 10)
    for at in range(0, len(LARGE), 1 << 20):
        await writer.write(LARGE[at : at + (1 << 20)])
    proxy.faults = [Fault(method="PUT", part=f"new?{part}", reset_request=1 << 20) for part in ("partN", "comp")]
    assert (await writer.commit(b"0123456789")).size == 10 + len(LARGE)
    assert await content(store, "new") == b"0123456789" + LARGE
    assert sum(fault.times for fault in proxy.faults) == 1
    assert sorted(await listed(store)) == ["new", "there"]


async def test_an_upload_whose_end_was_heard_is_there_although_nobody_said_so(ceph):
    proxy = Faulty(ceph.port)
    store = open_store(proxy.of(ceph.fresh_url()))
    proxy.faults = [Fault(method="POST", part="uploadId", end_answer=10)]
    assert await write(store) == LARGE
    assert proxy.faults[0].times == 0
    proxy.close()


@pytest.mark.parametrize("asked", [*ASKED, "write"])
@pytest.mark.parametrize(
    ("status", "kind", "words"),
    [
        (500, Unavailable, "failed on"),
        (403, Unavailable, "refused access to"),
        (507, StorageFull, "No space is left in"),
    ],
)
async def test_what_does_not_pass_is_told_in_a_sentence(bucket, proxy, impatient, asked, status, kind, words):
    store = open_store(proxy.of(bucket.fresh_url()))
    await store.put("there", SMALL)
    action, method, _ = ASKED.get(asked, (write, "", None))
    proxy.faults = [Fault(method=method, status=status, times=1000)]
    with pytest.raises(kind, match=words) as told:
        await action(store)
    assert f"{status}." in str(told.value)
    proxy.faults = []
    assert await listed(store) == ["there"]


async def test_a_server_that_is_away_is_told_in_a_sentence(bucket, proxy, impatient):
    store = open_store(proxy.of(bucket.fresh_url()))
    proxy.refusing = True
    for action in (put, read, listed, stat, delete, write):
        with pytest.raises(Unavailable, match="failed on"):
            await action(store)


@pytest.mark.parametrize("asked", [put, listed, write])
async def test_a_bucket_that_is_not_there_is_told_in_a_sentence(bucket, asked):
    store = open_store(bucket.fresh_url().replace("://fallow/", "://nosuch/"))
    with pytest.raises(Unavailable, match="There is no bucket or container"):
        await asked(store)


async def test_a_full_bucket_is_told_in_a_sentence(ceph):
    store = open_store(ceph.fresh_url())
    ceph.limit(100_000)
    try:
        for action in (put, write):
            with pytest.raises(StorageFull, match="No space is left in s3://fallow"):
                await action(store)
    finally:
        ceph.limit(-1)
    assert await listed(store) == []


async def away(ceph):
    """Dead, and back after a while."""

    async def back():
        await asyncio.sleep(1)
        await asyncio.to_thread(ceph.start_gateway)

    ceph.kill_gateway()
    return asyncio.create_task(back())


@pytest.mark.parametrize("asked", ASKED)
async def test_a_server_may_be_killed_and_come_back(ceph, asked):
    store = open_store(ceph.fresh_url())
    await store.put("there", SMALL)
    coming = await away(ceph)
    action, _, expected = ASKED[asked]
    assert await action(store) == expected
    await coming


async def test_a_server_may_be_killed_in_the_middle_of_reading(ceph):
    store = open_store(ceph.fresh_url())
    await write(store)
    got, coming = b"", None
    async for piece in store.stream("new"):
        got += piece
        if len(got) == 8 << 20:
            coming = await away(ceph)
    await coming
    assert got == LARGE


async def test_a_server_that_is_killed_in_the_middle_of_writing_stores_all_or_nothing(ceph):
    store = open_store(ceph.fresh_url())
    writer = await store.writer("new")
    await writer.write(LARGE[:SPILL])
    coming = await away(ceph)
    try:
        await writer.write(LARGE[SPILL:])
        await writer.commit()
    except Unavailable:
        await writer.abort()
        await coming
        assert await listed(store) == []
        assert await write(store) == LARGE
    else:
        await coming
        assert await content(store, "new") == LARGE


@pytest.mark.parametrize("name", ["ceph", "moto", "azurite"])
async def test_what_is_read_is_never_of_two_objects(request, name):
    """Even if somebody replaces one, in the middle of a read that breaks off."""
    server = request.getfixturevalue(name)
    proxy, url = Faulty(server.port), server.fresh_url()
    store, other = open_store(proxy.of(url)), open_store(url)
    new = os.urandom(len(SMALL))
    await store.put("there", SMALL)

    def replace():
        obstore.put(other.remote, other.path("there"), new)

    fault = Fault(method="GET", end_answer=100_000, then=replace)
    proxy.faults = [fault]
    assert await store.read("there", 0, len(SMALL)) == new
    assert fault.times == 0
    proxy.close()
