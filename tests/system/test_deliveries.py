"""Deliveries that come twice, late, broken off or untrue: of each task exactly one counts, and no frame is lost."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import io
from urllib.parse import parse_qs, urlsplit

import av
import pytest
from by_hand import (
    Hand,
    agent,
    aside,
    at_once,
    chunked,
    expired,
    nothing_joined,
    put,
    put_cut_off,
    put_now,
    until,
)
from case import key_of
from watching import SMALL, TINY, ended

from fallow.errors import BrokenPart, Conflict
from fallow.messages import Delivery

# one lease, delivered more than once


async def test_a_delivery_that_is_told_again_counts_once(run):
    async with run() as case:
        grant = await case.hand.lease()
        delivery = await case.hand.make(grant)
        told = [(await case.hand.deliver(grant, delivery)).first for _ in range(4)]
        assert told == [True, False, False, False]


async def test_a_delivery_that_many_threads_tell_at_once_counts_once(run):
    async with run() as case:
        grant = await case.hand.lease()
        delivery = await case.hand.make(grant)
        receipts = await at_once(case.hand.source.deliver, *[(grant.lease, delivery)] * 6)
        assert sorted(receipt.first for receipt in receipts) == [False] * 5 + [True]


async def test_a_delivery_told_truly_and_untruly_at_once_never_counts_without_its_bytes(run):
    async with run() as case:
        for _ in range(3):
            grant = await case.hand.lease()
            delivery = await case.hand.make(grant)
            lie = dataclasses.replace(delivery, size=1)
            told = await at_once(case.hand.source.deliver, *[(grant.lease, delivery), (grant.lease, lie)] * 3)
            firsts = [receipt.first for receipt in told if not isinstance(receipt, BrokenPart)]
            assert firsts.count(True) <= 1
            assert case.file(grant).exists() == any(firsts)


async def test_a_part_that_counts_stays_when_its_worker_calls_it_a_failure(run):
    async with run() as case:
        grant = await case.hand.lease()
        assert (await case.hand.deliver(grant, await case.hand.make(grant))).first
        await case.hand.fail(grant)
        assert case.file(grant).exists()
        assert (await case.attempt(grant))["outcome"] == "delivered"


# two leases of one task


async def two_leases(case, other):
    """One task that two workers made, as the first one's lease ran out."""
    slow = await case.hand.lease()
    made = await case.hand.make(slow)
    await expired(case.client, case.job, slow)
    quick = await other.lease(task=slow.task)
    return [(case.hand, slow, made), (other, quick, await other.make(quick))]


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
async def test_of_two_leases_of_one_task_the_first_delivery_counts(run, order):
    async with run(lease_seconds=1.0) as case, Hand(case.platform, "other") as other, nothing_joined(case.platform):
        both = await two_leases(case, other)
        told = [(await both[i][0].deliver(both[i][1], both[i][2])).first for i in order]
        assert told == [True, False]
        winner, loser = both[order[0]][1], both[order[1]][1]
        assert [(await case.attempt(grant))["outcome"] for grant in (winner, loser)] == ["delivered", "late"]
        assert [case.file(grant).exists() for grant in (winner, loser)] == [True, False]


async def test_of_two_leases_delivered_at_the_same_moment_one_counts(run):
    async with run(lease_seconds=1.0) as case, Hand(case.platform, "other") as other, nothing_joined(case.platform):
        both = await two_leases(case, other)

        def deliver(hand, grant, delivery):
            return hand.source.deliver(grant.lease, delivery)

        receipts = await at_once(deliver, *both)
        assert sorted(receipt.first for receipt in receipts) == [False, True]
        assert sorted(case.file(grant).exists() for _, grant, _ in both) == [False, True]


async def test_a_bad_delivery_of_an_old_lease_does_not_disturb_the_new_one(run):
    async with run(lease_seconds=1.0) as case, Hand(case.platform, "other") as other:
        (_, slow, made), (_, quick, good) = await two_leases(case, other)
        with pytest.raises(BrokenPart):
            await case.hand.deliver(slow, dataclasses.replace(made, sha256="0" * 64))
        assert (await other.deliver(quick, good)).first


# too late


async def test_a_late_delivery_counts_while_nobody_has_the_task(run):
    async with run(lease_seconds=1.0) as case:
        grant = await case.hand.lease()
        made = await case.hand.make(grant)
        await expired(case.client, case.job, grant)
        assert (await case.hand.deliver(grant, made)).first
        assert (await case.attempt(grant))["outcome"] == "delivered"


async def test_a_late_delivery_after_the_job_is_done_changes_nothing(run):
    async with run(lease_seconds=1.0) as case:
        grant = await case.hand.lease()
        made = await case.hand.make(grant)
        data = case.file(grant).read_bytes()
        async with agent(case.platform):
            view = await ended(case.client, case.job)
        assert view.state == "done"
        assert not (await case.hand.deliver(grant, made)).first
        assert (await put(grant.put_url, data)).status == 201  # the link is still good
        assert not (await case.hand.deliver(grant, made)).first
        assert not case.file(grant).exists()
        assert await aside(case.client.job, case.job) == view


async def test_a_late_delivery_after_the_job_was_cancelled_is_refused_and_a_retry_makes_it_again(run):
    async with run() as case:
        grant = await case.hand.lease()
        made = await case.hand.make(grant)
        await aside(case.client.cancel, case.job)
        with pytest.raises(Conflict, match="The job is cancelled"):
            await case.hand.deliver(grant, made)
        assert not case.file(grant).exists()
        await aside(case.client.retry, case.job)
        with pytest.raises(BrokenPart, match="not uploaded"):
            await case.hand.deliver(grant, made)


# uploads that go wrong


def cut_off(data):
    """Headers and bodies of uploads that end too early."""
    half, whole = data[: len(data) // 2], f"Content-Length: {len(data)}"
    return [
        ("Transfer-Encoding: chunked", chunked(half)),
        ("Transfer-Encoding: chunked", chunked(data)[:-1000]),
        ("Transfer-Encoding: chunked", chunked(data)),
        (whole, half),
        (whole, data[:-1]),
        (f"Content-Length: {len(data) + 1}", data),
    ]


async def test_an_upload_that_is_cut_off_is_no_part(run):
    async with run() as case:
        for way in range(6):
            grant, delivery, data = await case.leased()
            await aside(put_cut_off, grant.put_url, *cut_off(data)[way])
            with pytest.raises(BrokenPart, match="The part was not uploaded, or not to its end"):
                await case.hand.deliver(grant, delivery)
            await until(lambda: not list((case.blobs / ".part").iterdir()))
            assert not case.file(grant).exists()
            assert (await case.attempt(grant))["outcome"] == "failed"


async def test_the_same_link_takes_a_second_upload_after_one_that_was_cut_off(run):
    async with run() as case:
        grant, delivery, data = await case.leased()
        await aside(put_cut_off, grant.put_url, f"Content-Length: {len(data)}", data[:1000])
        assert (await put(grant.put_url, data)).status == 201
        assert (await case.hand.deliver(grant, delivery)).first


@pytest.mark.parametrize("good_first", [True, False])
async def test_what_was_uploaded_is_never_replaced(run, good_first):
    async with run() as case:
        grant, delivery, data = await case.leased()
        bodies = [data, bytes(len(data))]
        first, second = bodies if good_first else bodies[::-1]
        assert (await put(grant.put_url, first)).status == 201
        refused = await put(grant.put_url, second)
        assert (refused.status, "never changed" in refused.title) == (409, True)
        assert case.file(grant).read_bytes() == first
        if good_first:
            assert (await case.hand.deliver(grant, delivery)).first
            return
        with pytest.raises(BrokenPart, match="SHA-256"):
            await case.hand.deliver(grant, delivery)


async def test_of_two_uploads_at_the_same_moment_one_is_stored(run):
    async with run() as case:
        grant, delivery, data = await case.leased()
        bodies = [data, bytes(len(data))]
        answers = await at_once(put_now, *[(grant.put_url, body) for body in bodies])
        assert sorted(answer.status for answer in answers) == [201, 409]
        stored = case.file(grant).read_bytes()
        assert stored == next(body for body, answer in zip(bodies, answers, strict=True) if answer.status == 201)
        with contextlib.nullcontext() if stored == data else pytest.raises(BrokenPart, match="SHA-256"):
            assert (await case.hand.deliver(grant, delivery)).first


async def test_forged_and_expired_links_take_nothing(run):
    async with run() as case:
        grant, delivery, data = await case.leased()
        url = grant.put_url
        key = key_of(url)
        old = case.platform.url + case.platform._ctx.links.to_put(key, -10, 10**9)
        forged = [url.replace("most=", "most=9"), url.replace(grant.lease, "0" * 32), url + "0", grant.get_url]
        for link, word in [*((link, "signature") for link in forged), (old, "expired")]:
            refused = await put(link, data)
            assert (refused.status, word in refused.title) == (403, True)
        with pytest.raises(BrokenPart, match="not uploaded"):
            await case.hand.deliver(grant, delivery)


async def test_an_upload_that_is_too_large_is_refused_with_a_sentence(run):
    async with run() as case:
        grant, delivery, data = await case.leased()
        most = int(parse_qs(urlsplit(grant.put_url).query)["most"][0])
        announced = await put(grant.put_url, data, Content_Length=str(most + 1))
        body = chunked(bytes(most + 1)) + b"0\r\n\r\n"
        streamed = await put(grant.put_url, body, Transfer_Encoding="chunked")
        for refused in (announced, streamed):
            assert (refused.status, f"at most {most} bytes" in refused.title) == (413, True)
        assert not case.file(grant).exists()
        with pytest.raises(BrokenPart, match="not uploaded"):
            await case.hand.deliver(grant, delivery)


# workers that lie


LIES = [
    (lambda told: {"size": told.size + 1}, "bytes instead of"),
    (lambda told: {"sha256": "0" * 64}, "SHA-256"),
    (lambda told: {"frames": told.frames - 1}, "were announced"),
    (lambda told: {"frames": 0}, "were announced"),
]


async def test_a_part_that_is_not_what_is_claimed_is_refused(run):
    async with run() as case:
        for lie, word in LIES:
            grant = await case.hand.lease()
            made = await case.hand.make(grant)
            with pytest.raises(BrokenPart, match=word):
                await case.hand.deliver(grant, dataclasses.replace(made, **lie(made)))
            assert not case.file(grant).exists()
            said = await case.attempt(grant)
            assert (said["outcome"], word in said["error"]) == ("failed", True)


async def refused(case, grant, data, word):
    """Upload these bytes, tell the truth about them, and be refused."""
    assert (await put(grant.put_url, data)).status == 201
    with pytest.raises(BrokenPart, match=word):
        await case.hand.deliver(grant, Delivery(len(data), hashlib.sha256(data).hexdigest(), 25))
    assert not case.file(grant).exists()
    assert (await case.attempt(grant))["outcome"] == "failed"


def without_last_frame(data):
    out = io.BytesIO()
    with av.open(io.BytesIO(data), format="mpegts") as given, av.open(out, "w", format="mpegts") as made:
        stream = made.add_stream_from_template(given.streams.video[0])
        packets = [packet for packet in given.demux(video=0) if packet.size]
        for packet in packets[:-1]:
            packet.stream = stream
            made.mux(packet)
    return out.getvalue()


RUBBISH = [
    (lambda data: b"\0" * 100_000, "cannot be read"),
    (lambda data: b"#EXTM3U\nfile:///etc/passwd\n", "cannot be read"),
    (lambda data: b"", "cannot be read"),
    (without_last_frame, "24 frames instead of 25"),
    (lambda data: data[: len(data) // 2], "frames instead of 25"),
]


async def test_bytes_that_are_no_whole_part_are_refused(run):
    async with run() as case:
        for made_of, word in RUBBISH:
            grant, _, data = await case.leased()
            await refused(case, grant, made_of(data), word)


async def test_the_part_of_another_chunk_is_refused(run):
    async with run() as case:
        grant, other = await case.hand.lease(), await case.hand.lease()
        good = await case.hand.make(other)
        await refused(case, grant, case.file(other).read_bytes(), "of another chunk")
        assert (await case.hand.deliver(other, good)).first


async def test_the_part_of_another_rendition_is_refused_even_if_it_comes_first(run):
    async with run(SMALL, TINY) as case:
        first = await case.hand.lease()
        while (other := await case.hand.lease()).recipe["width"] == first.recipe["width"]:
            await case.hand.deliver(other, await case.hand.make(other))
        good = await case.hand.make(other)
        await refused(case, first, case.file(other).read_bytes(), "of another rendition")
        assert (await case.hand.deliver(other, good)).first


# the end


async def test_the_last_parts_delivered_at_the_same_moment_are_joined_once(run):
    async with run() as case:
        left = await case.hand.all_but(2, case.client, case.job)
        last = [(grant.lease, await case.hand.make(grant)) for grant in left]
        receipts = await at_once(case.hand.source.deliver, *last)
        assert [receipt.first for receipt in receipts] == [True, True]
        view = await ended(case.client, case.job)
        assert view.state == "done"


async def test_the_last_parts_told_by_many_threads_at_the_same_moment_are_joined_once(run):
    async with run() as case:
        left = await case.hand.all_but(2, case.client, case.job)
        last = [(grant.lease, await case.hand.make(grant)) for grant in left]
        receipts = await at_once(case.hand.source.deliver, *last * 4)
        assert sum(receipt.first for receipt in receipts) == 2
        assert (await ended(case.client, case.job)).state == "done"
