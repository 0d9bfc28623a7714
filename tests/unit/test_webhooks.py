"""Webhooks: signed so that others' verifiers take them, tried until they are taken, not at private addresses."""

import asyncio
import base64
import contextlib
import dataclasses
import hashlib
import hmac
import json
import os
import signal
import ssl
import subprocess
import sys
import textwrap
import time

import pytest
from job_steps import Clock, Links
from receiving import receiving

from fallow.adapters.ledger_sql import SqlLedger
from fallow.adapters.queue_memory import MemoryQueue
from fallow.adapters.store_memory import MemoryStore
from fallow.addresses import Reach
from fallow.errors import NotAllowed, Rejected, Unavailable
from fallow.model import JobState
from fallow.pipeline import submit
from fallow.pipeline.context import Context, Policy
from fallow.pipeline.job_options import Options
from fallow.profiles import Profile
from fallow.services import webhook_call
from fallow.services.webhook_call import Answer, check_url
from fallow.services.webhook_sender import LEASE, PAUSES, STOP_AFTER, Sender, outcome_of
from fallow.webhooks import EVENTS, Call, CallState, Webhook
from servers.authority import Authority

HOME = Reach.told("127.0.0.0/8", "the test")
SECRET = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="  # noqa: S105
CALL = Call("call_1", "h", "j", "job.done", {}, CallState.WAITING, 1.0, attempt=1)


def a_hook(url="https://example.com", name="h", **more):
    return Webhook(name, "", url, SECRET, tuple(EVENTS), 1.0, **more)


def verified(request):
    """As any receiver does it."""
    key = base64.b64decode(SECRET.removeprefix("whsec_"))
    signed = f"{request.headers['webhook-id']}.{request.headers['webhook-timestamp']}.".encode() + request.body
    mac = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    return f"v1,{mac}" in request.headers["webhook-signature"].split(" ")


async def opened(tmp_path, clock):
    ledger = await SqlLedger.open(f"sqlite:///{tmp_path}/l.db", clock.now)
    return Context(MemoryQueue(), MemoryStore(), ledger, clock, Links(), Policy(webhook_reach=HOME))


@pytest.fixture
async def ctx(tmp_path):
    made = await opened(tmp_path, Clock())
    yield made
    await made.ledger.close()


@pytest.fixture
async def receiver():
    async with receiving() as receiver:
        yield receiver


@contextlib.asynccontextmanager
async def sending(ctx):
    """A sender at work."""
    working = asyncio.create_task(Sender(ctx).run())
    yield working
    working.cancel()
    await asyncio.gather(working, return_exceptions=True)


async def ended(ctx, state=JobState.CANCELLED):
    job, _ = await submit.create(ctx, "talk.mov", [Profile("720p", width=64, height=64)], Options())
    await ctx.ledger.move_job(job.id, state, "Somebody wanted it.", "cancelled")
    return job.id


async def until(condition):
    async with asyncio.timeout(60):
        while not (found := await condition()):  # noqa: ASYNC110 - what other processes do tells nobody
            await asyncio.sleep(0.01)
    return found


async def settled(ctx, count=1, hook="h"):
    """Its calls, when none of them waits any more."""

    async def all_ended():
        calls = await ctx.ledger.webhook_calls(hook, 1000)
        return len(calls) == count and all(call.state is not CallState.WAITING for call in calls) and calls

    return await until(all_ended)


# what is sent


def test_calls_are_signed_as_standard_webhooks_has_it():
    """The signature was made by the reference implementation, which is not needed here for that."""
    body = '{"type":"job.done","data":{"name":"Ärzte"}}'.encode()
    assert webhook_call.signed(SECRET, "call_1", 1760000000.9, body) == {
        "webhook-id": "call_1",
        "webhook-timestamp": "1760000000",
        "webhook-signature": "v1,K8HGOZdR9yKbJZhfwKVd+6RpXibzHMz2wwssJlEUack=",
    }
    secret = webhook_call.new_secret()
    assert len(base64.b64decode(secret.removeprefix("whsec_"))) == 32
    assert secret != webhook_call.new_secret()


async def test_the_end_of_a_job_is_told_signed_and_with_its_figures(ctx, receiver):
    await ctx.ledger.add_webhook(a_hook(f"{receiver.url}/told?key=k"), 9)
    job = await ended(ctx)
    async with sending(ctx):
        (call,) = await settled(ctx)
    (request,) = receiver.got
    assert (request.target, request.headers["content-type"]) == ("/told?key=k", "application/json")
    assert request.headers["host"] == receiver.url.partition("//")[2]
    assert (verified(request), request.headers["webhook-id"]) == (True, call.id)
    assert (call.state, call.status, call.attempt) == (CallState.DELIVERED, 204, 1)
    told = request.json
    assert told["type"] == "job.cancelled"
    assert told["timestamp"].startswith("1970-01-12T13:46:40")
    wanted = {"id": job, "name": "talk.mov", "state": "cancelled", "error": "Somebody wanted it.", "owner": ""}
    assert wanted.items() <= told["data"].items()
    assert (told["data"]["renditions"], told["data"]["size"]) == (["720p"], None)
    assert "play_url" not in told["data"]


async def test_a_job_that_is_gone_or_goes_on_is_told_as_it_ended(ctx, receiver):
    await ctx.ledger.add_webhook(a_hook(receiver.url), 9)
    gone, again = await ended(ctx), await ended(ctx)
    await ctx.ledger.forget_job(gone)
    await ctx.ledger.move_job(again, JobState.SPLITTING)
    async with sending(ctx):
        await settled(ctx, 2)
    assert {one.json["data"]["id"]: one.json["data"]["state"] for one in receiver.got} == {
        gone: "cancelled",
        again: "cancelled",
    }


async def test_a_call_that_fails_twice_is_taken_at_the_third_try_with_the_same_id(ctx, receiver):
    receiver.answers = [500, b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 503 Busy\r\nRetry-After: 40\r\n\r\n"]
    await ctx.ledger.add_webhook(a_hook(receiver.url), 9)
    await ended(ctx)
    async with sending(ctx):
        (call,) = await settled(ctx)
    assert len(receiver.got) == call.attempt == 3
    assert len({one.body for one in receiver.got}) == len({one.headers["webhook-id"] for one in receiver.got}) == 1
    times = [int(one.headers["webhook-timestamp"]) for one in receiver.got]
    assert times[1] - times[0] >= 4
    assert times[2] - times[1] >= 40
    assert [verified(one) for one in receiver.got] == [True] * 3
    assert (await ctx.ledger.webhook("h")).failing is None


# who sends it


async def test_two_senders_call_each_once(ctx, tmp_path, receiver):
    await ctx.ledger.add_webhook(a_hook(receiver.url), 9)
    for _ in range(12):
        await ended(ctx)
    other = await opened(tmp_path, ctx.clock)
    async with sending(ctx), sending(other):
        await settled(ctx, 12)
    await other.ledger.close()
    assert len(receiver.got) == len({one.headers["webhook-id"] for one in receiver.got}) == 12


async def test_a_slow_webhook_holds_up_no_other(ctx, receiver):
    receiver.answers = [b""]
    await ctx.ledger.add_webhook(a_hook(receiver.url, "slow"), 9)
    async with sending(ctx):
        await ended(ctx)
        await receiver.came.wait()
        await ctx.ledger.add_webhook(a_hook(receiver.url), 9)
        await ended(ctx)
        await settled(ctx)
        receiver.patient.set()


SENDER = """
    import asyncio, sys, time
    from fallow.adapters.ledger_sql import SqlLedger
    from fallow.addresses import Reach
    from fallow.pipeline.context import Context, Policy
    from fallow.services.webhook_sender import Sender
    from fallow.wiring import SystemClock

    async def main():
        ledger = await SqlLedger.open(sys.argv[1])
        policy = Policy(webhook_reach=Reach.told("127.0.0.0/8", ""))
        await Sender(Context(None, None, ledger, SystemClock(), None, policy)).run()

    asyncio.run(main())
"""


async def test_what_a_sender_was_at_when_it_was_killed_is_sent_by_another(tmp_path, receiver):
    receiver.answers = [b""]
    clock = Clock()
    clock.time = time.time()
    ctx = await opened(tmp_path, clock)
    await ctx.ledger.add_webhook(a_hook(receiver.url), 9)
    await ended(ctx)
    code = textwrap.dedent(SENDER)
    killed = subprocess.Popen([sys.executable, "-c", code, f"sqlite:///{tmp_path}/l.db"])  # noqa: ASYNC220
    try:
        async with asyncio.timeout(60):
            await receiver.came.wait()
    finally:
        os.kill(killed.pid, signal.SIGKILL)
        killed.wait()
    clock.time = time.time() + LEASE + 1
    async with sending(ctx):
        (call,) = await settled(ctx)
    await ctx.ledger.close()
    assert (call.state, call.attempt) == (CallState.DELIVERED, 2)
    assert [one.headers["webhook-id"] for one in receiver.got] == [call.id] * 2


# what follows from a failure


def test_pauses_grow_to_a_day_in_all_then_a_call_is_given_up():
    hook, now, waited = a_hook(), 1000.0, 0.0
    for attempt in range(1, len(PAUSES) + 1):
        outcome = outcome_of(hook, dataclasses.replace(CALL, attempt=attempt), Answer(500), "It broke.", now)
        assert 0.9 * PAUSES[attempt - 1] <= outcome.again - now <= 1.1 * PAUSES[attempt - 1]
        waited += outcome.again - now
    assert 0.8 * 86400 < waited < 1.2 * 86400
    last = dataclasses.replace(CALL, attempt=len(PAUSES) + 1)
    assert outcome_of(hook, last, None, "Nobody.", now).again is None


def test_a_webhook_is_stopped_that_wants_no_more_or_fails_for_days():
    assert "no more" in outcome_of(a_hook(), CALL, Answer(410), "It answered 410.", 1.0).stop
    failing = a_hook(failing=1000.0)
    assert outcome_of(failing, CALL, None, "Nobody.", 1000.0 + STOP_AFTER - 1).stop == ""
    assert "three days" in outcome_of(failing, CALL, None, "Nobody." * 99, 1000.0 + STOP_AFTER).stop
    assert len(outcome_of(failing, CALL, None, "Nobody." * 99, 1000.0 + STOP_AFTER).stop) <= 255


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (302, "status 302, and redirects are not followed"),
        (404, "status 404"),
        (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", "no HTTP"),
        (b"HTTP/1.1 200", "ended early"),
        (b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 30000, "no answer"),
    ],
)
async def test_what_went_wrong_is_told_in_a_sentence_without_the_url(receiver, answer, told):
    receiver.answers = [answer]
    hook, error, got = a_hook(f"{receiver.url}/s3cret"), None, None
    try:
        got = await webhook_call.send(hook, "call_1", 1.0, b"{}", HOME)
    except Unavailable as failed:
        error = failed
    sentence = webhook_call.told(error, got)
    assert told in sentence
    assert "s3cret" not in sentence
    assert len(receiver.got) == 1


async def test_who_does_not_answer_in_time_is_not_waited_for(receiver, monkeypatch):
    monkeypatch.setattr(webhook_call, "SECONDS", 0.2)
    receiver.answers = [b""]
    with pytest.raises(Unavailable, match="longer than"):
        await webhook_call.send(a_hook(receiver.url), "call_1", 1.0, b"{}", HOME)


async def test_private_addresses_are_not_called_unless_that_is_allowed(receiver):
    for url in (receiver.url, receiver.url.replace("127.0.0.1", "localhost")):
        with pytest.raises(NotAllowed, match="administrator"):
            await webhook_call.send(a_hook(url), "call_1", 1.0, b"{}", Reach())
    assert receiver.got == []


async def test_certificates_are_checked(tmp_path, monkeypatch):
    authority = Authority(tmp_path)
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(authority.certificate, authority.key)
    async with receiving(tls) as receiver:
        with pytest.raises(Unavailable, match="encrypted connection"):
            await webhook_call.send(a_hook(receiver.url), "call_1", 1.0, b"{}", HOME)
        trust = ssl.create_default_context(cafile=str(authority.file))
        monkeypatch.setattr(webhook_call, "_trust", lambda: trust)
        assert (await webhook_call.send(a_hook(receiver.url), "call_1", 1.0, b"{}", HOME)).good


@pytest.mark.parametrize(
    "url",
    [
        *("", "example.com", "ftp://example.com", "file:///etc/passwd", "https://", "https://example.com:0/"),
        *(
            "https://example.com:99999/",
            "https://exa mple.com/",
            "https://example.com/\r\nX: y",
            "https://ä.example",
        ),
        *(
            "https://anna:s3cret@example.com/",
            "https://s3cret@example.com/",
            "https://[::1",
            "https://e.x/" + "x" * 2048,
        ),
    ],
)
def test_what_is_no_url_to_call_is_refused(url):
    with pytest.raises(Rejected) as refused:
        check_url(url)
    assert "s3cret" not in str(refused.value)


def test_urls_that_can_be_called():
    for url in ("https://example.com", "http://10.0.0.1:8080/a?b=c%20d", "https://[2606:4700::1111]/x"):
        check_url(url)


def test_what_is_told_can_be_read_by_anybody():
    told = json.loads(webhook_call.body_of("job.done", 1760000000.25, {"name": "Ärzte"}))
    assert told == {"type": "job.done", "timestamp": "2025-10-09T08:53:20.250Z", "data": {"name": "Ärzte"}}
