"""Sources that are fetched from an address, from a real server that breaks off, moves them, or has none."""

import asyncio
import dataclasses
import random
import socket
import ssl

import pytest
from job_steps import BIG
from serving import serving

from fallow.adapters import web_exchange
from fallow.adapters.web_sources import WebSources
from fallow.addresses import Reach
from fallow.errors import (
    Conflict,
    FallowError,
    NotAllowed,
    Rejected,
    SourceAway,
    StorageFull,
    TooLarge,
)
from fallow.messages import to_wire
from fallow.model import JobState, TaskState
from fallow.pipeline import dispatch, fetch, keys, submit, sweep
from fallow.pipeline.arrived import arrived
from fallow.pipeline.context import Policy
from fallow.pipeline.job_options import Options
from fallow.pipeline.local_task import Hold
from fallow.pipeline.pieces import piece_end
from fallow.pipeline.receive import receive
from fallow.pipeline.setback import Blow, GiveWay, set_back
from fallow.pipeline.store_files import Thread
from servers.authority import Authority
from servers.films import site

HERE = Reach.told("127.0.0.0/8", "the test")
MIB = 1 << 20
DATA = random.Random(5).randbytes(3 * MIB + 77)


@pytest.fixture
def ctx(ctx):
    return dataclasses.replace(ctx, web=WebSources(HERE))


async def ordered(ctx, url):
    """A job whose source is to be fetched, and the task of that."""
    job, _ = await submit.create(ctx, "talk.mp4", [BIG], Options())
    await fetch.order(ctx, job, url)
    return await claimed(ctx)


async def claimed(ctx):
    return await dispatch.claim(ctx, await ctx.queue.get(["fetch.normal"], 0), "fetcher")


async def fetched(ctx, url):
    task = await ordered(ctx, url)
    part = await fetch.fetch(ctx, Hold(task, Thread()))
    return task, part


async def stored(ctx, job):
    came = await arrived(ctx, job)
    return came.whole, b"".join([data async for data in came.stream(ctx, 0)])


async def until(condition):
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110 - of a server
            await asyncio.sleep(0.01)


async def has_come(ctx, task, size):
    async with asyncio.timeout(60):
        while (await arrived(ctx, task.spec.job)).size < size:  # noqa: ASYNC110 - to a store
            await asyncio.sleep(0.01)


async def test_what_is_fetched_is_stored_as_if_it_had_been_uploaded(ctx):
    async with site(DATA) as films:
        task, part = await fetched(ctx, films.url("/films/talk.mp4?sig=secret", "ann:pass@"))
    job = task.spec.job
    assert await stored(ctx, job) == (True, DATA)
    assert (part.key, part.size) == (keys.whole(job), len(DATA))
    assert (await ctx.ledger.job(job)).state is JobState.SPLITTING
    assert [piece.offset + piece.size for piece in (await arrived(ctx, job)).pieces][:3] == [
        piece_end(MIB * place) for place in range(3)
    ]
    line, head = films.asked[0]
    assert line == "GET /films/talk.mp4?sig=secret HTTP/1.1"
    assert (head["authorization"], head["accept-encoding"]) == ("Basic YW5uOnBhc3M=", "identity")


async def test_a_transfer_that_breaks_off_goes_on_where_it_was(ctx):
    async with site(DATA) as films:
        films.breaks = [MIB + 5, 0, 7]
        task, _ = await fetched(ctx, films.url())
    assert await stored(ctx, task.spec.job) == (True, DATA)
    assert films.ranges[0] == ("", "")
    assert films.ranges[1][0].startswith("bytes=1")
    assert {tag for _, tag in films.ranges[1:]} == {'"one"'}
    assert len(films.asked) == 4


@pytest.mark.parametrize("changed", ["no ranges", "another file", "a shorter file"])
async def test_what_cannot_be_gone_on_with_is_fetched_from_its_beginning(ctx, changed):
    async with site(DATA) as films:
        films.breaks = [2 * MIB]
        if changed == "no ranges":
            films.tag = ""
        task = await ordered(ctx, films.url())
        working = asyncio.create_task(fetch.fetch(ctx, Hold(task, Thread())))
        await until(lambda: films.asked and not films.breaks)
        if changed == "another file":
            films.data, films.tag = DATA[::-1], '"two"'
        if changed == "a shorter file":  # though it says that it is the same
            films.data = DATA[: MIB // 2]
        await working
        assert await stored(ctx, task.spec.job) == (True, films.data)


async def test_a_source_whose_length_nobody_says_ends_where_it_ends(ctx):
    async with site(DATA) as films:
        films.told = False
        task, _ = await fetched(ctx, films.url())
    assert await stored(ctx, task.spec.job) == (True, DATA)


async def test_a_server_that_gives_nothing_more_is_given_up_with_pauses_that_grow(ctx):
    async with site(DATA) as films:
        films.breaks = [MIB + 5, *[0] * 100]
        begun, task = ctx.clock.now(), await ordered(ctx, films.url("/talk.mp4?sig=secret"))
        with pytest.raises(SourceAway, match=r"http://127.0.0.1:\d+/talk.mp4 broke off .* retry the job") as told:
            await fetch.fetch(ctx, Hold(task, Thread()))
        assert "secret" not in str(told.value)
        assert ctx.clock.now() - begun >= sum(fetch.PAUSES)
        for attempt in range(1, ctx.policy.attempts):
            await set_back(ctx, task, task.lease, Blow(told.value))
            ctx.clock.time += ctx.policy.away_back_off(attempt) - 1
            await dispatch.advance(ctx, task.spec.job)
            assert (await ctx.ledger.task(task.id)).state is TaskState.PLANNED
            ctx.clock.time += 1
            await dispatch.advance(ctx, task.spec.job)
            task = await claimed(ctx)
        await set_back(ctx, task, task.lease, Blow(told.value))
        job = await ctx.ledger.job(task.spec.job)
        assert (job.state, job.error) == (JobState.FAILED, str(told.value))
        # What came is kept: a retry goes on from there.
        films.breaks, films.asked = [], []
        assert (await submit.retry(ctx, job.id)).state is JobState.UPLOADING
        await fetch.fetch(ctx, Hold(await claimed(ctx), Thread()))
    assert films.ranges[0][0].startswith("bytes=1")
    assert await stored(ctx, job.id) == (True, DATA)


def test_a_server_that_is_away_is_given_minutes():
    policy = Policy()
    assert sum(policy.away_back_off(attempt) for attempt in range(1, policy.attempts)) >= 300


REFUSED = {
    "nothing is there": {"status": 404},
    "wants a login": {"status": 403},
    "page of the web": {"kind": "text/html; charset=utf-8"},
    "playlist": {"kind": "application/vnd.apple.mpegurl"},
    "comes packed": {"extra": {"Content-Encoding": "gzip"}},
    "more than 5 addresses": {"to": "/again"},
    "10.0.0.7 is an address of this machine or of a private network": {"to": "http://10.0.0.7/film.mp4"},
    "latest is an address of this machine or of a private network": {"to": "http://latest/meta-data"},
    "http:// and https:// alone": {"to": "file:///etc/passwd"},
}


@pytest.mark.parametrize("sentence", REFUSED)
async def test_wrong_answers_are_told_in_sentences_and_not_asked_for_again(ctx, sentence):
    def resolve(host, port, type):
        return [(socket.AF_INET, type, 0, "", ("169.254.169.254" if host == "latest" else host, port))]

    ctx = dataclasses.replace(ctx, web=WebSources(HERE, resolve))
    async with site(DATA) as films:
        for name, value in REFUSED[sentence].items():
            setattr(films, name, value)
        task = await ordered(ctx, films.url("/a.mp4?sig=secret", "mallory:pass@"))
        with pytest.raises(Rejected, match=sentence) as told:
            await fetch.fetch(ctx, Hold(task, Thread()))
        assert len(films.asked) == (6 if "more than" in sentence else 1)
    assert not [word for word in ("secret", "mallory", "pass", "169.254") if word in str(told.value)]


async def test_a_password_is_told_to_nobody_that_its_server_leads_to(ctx):
    async with site(DATA) as films, site() as leading:
        leading.to = films.url()
        await fetched(ctx, leading.url(user="ann:pass@"))
    assert "authorization" in leading.asked[0][1]
    assert "authorization" not in films.asked[0][1]


async def test_a_name_is_resolved_once_for_each_connection_and_nothing_else_is_connected_to(ctx):
    """However often a name's answer changes: what was checked is what is connected to."""
    answers = [["127.0.0.1"], ["169.254.169.254", "127.0.0.1"], ["169.254.169.254"]]
    asked = []

    def resolve(host, port, type):
        asked.append(host)
        return [(socket.AF_INET, type, 0, "", (each, port)) for each in answers[min(len(asked), 3) - 1]]

    ctx = dataclasses.replace(ctx, web=WebSources(HERE, resolve))
    async with site(DATA) as films:
        films.breaks = [MIB, MIB]
        task = await ordered(ctx, f"http://films.example:{films.port}/talk.mp4")
        with pytest.raises(Rejected, match=r"films.example is an address of .* a private network"):
            await fetch.fetch(ctx, Hold(task, Thread()))
    assert asked == ["films.example"] * 3
    assert len(films.asked) == 2
    assert films.asked[0][1]["host"] == f"films.example:{films.port}"


@pytest.mark.parametrize(
    "url", ["", "ftp://a/b", "http://", "http://a b/", "http://[::1", "http://a:99999/", "//a/b", "x" * 9000]
)
async def test_what_is_no_address_is_refused_at_once(ctx, url):
    with pytest.raises(Rejected, match="https://"):
        await fetch.check(ctx, url)


async def test_addresses_are_checked_when_they_are_given(ctx):
    with pytest.raises(Rejected, match="of a private network"):
        await fetch.check(ctx, "http://10.0.0.7/film.mp4")
    with pytest.raises(Rejected, match="of a private network"):
        await fetch.check(ctx, "http://0xa000007/film.mp4")  # the same
    with pytest.raises(NotAllowed, match="FALLOW_SOURCE_URLS"):
        await fetch.check(dataclasses.replace(ctx, web=None), "https://example.com/film.mp4")


@pytest.mark.parametrize("told", [True, False])
async def test_a_source_that_is_too_large_is_refused(ctx, told):
    ctx = dataclasses.replace(ctx, policy=Policy(source_bytes=len(DATA) - 1))
    async with site(DATA) as films:
        films.told = told
        with pytest.raises(TooLarge):
            await fetched(ctx, films.url())


async def test_a_full_disk_keeps_what_came(ctx, monkeypatch):
    put = ctx.store.put

    async def full(key, data):
        if len([key async for key in ctx.store.list("jobs/")]) > 3:
            raise StorageFull
        return await put(key, data)

    async with site(DATA) as films:
        task = await ordered(ctx, films.url())
        monkeypatch.setattr(ctx.store, "put", full)
        with pytest.raises(StorageFull):
            await fetch.fetch(ctx, Hold(task, Thread()))
        monkeypatch.setattr(ctx.store, "put", put)
        await fetch.fetch(ctx, Hold(task, Thread()))
    assert films.ranges[1][0] == f"bytes={2 * MIB}-"
    assert await stored(ctx, task.spec.job) == (True, DATA)


async def test_whoever_comes_after_one_that_was_cut_short_goes_on(ctx):
    async with site(DATA) as films:
        films.halted = 2 * MIB
        task = await ordered(ctx, films.url())
        working = asyncio.create_task(fetch.fetch(ctx, Hold(task, Thread())))
        await has_come(ctx, task, 2 * MIB)
        working.cancel()
        await asyncio.wait([working])
        films.halted = None
        await fetch.fetch(ctx, Hold(task, Thread()))
    assert films.ranges == [("", ""), (f"bytes={2 * MIB}-", '"one"')]
    assert await stored(ctx, task.spec.job) == (True, DATA)
    # Once more, by one that was thought lost: nothing is asked for.
    await fetch.fetch(ctx, Hold(task, Thread()))
    assert len(films.asked) == 2


async def test_a_long_fetch_gives_its_place_to_others_that_wait(ctx, monkeypatch):
    monkeypatch.setattr(fetch, "TURN", -1.0)
    async with site(DATA) as films:
        task, other = await ordered(ctx, films.url("/a")), await submit.create(ctx, "b", [BIG], Options())
        await fetch.order(ctx, other[0], films.url("/b"))
        with pytest.raises(GiveWay) as told:
            await fetch.fetch(ctx, Hold(task, Thread()))
        came = (await arrived(ctx, task.spec.job)).size
        assert 0 < came < len(DATA)
        await set_back(ctx, task, task.lease, Blow(told.value))
        assert (await ctx.ledger.task(task.id)).attempt == 0
        for job in (other[0].id, task.spec.job):
            ctx.clock.time += 60
            await dispatch.advance(ctx, job)
            await fetch.fetch(ctx, Hold(await claimed(ctx), Thread()))
            assert await stored(ctx, job) == (True, DATA)
    assert films.ranges == [("", ""), ("", ""), (f"bytes={came}-", '"one"')]


async def test_what_comes_too_slowly_to_be_there_ever_is_given_up(ctx, monkeypatch):
    """Each try brings a little; but there are others who could use the place."""
    monkeypatch.setattr(fetch, "SLOWEST", -1.0)
    async with site(DATA) as films:
        films.breaks = [1000] * 100
        with pytest.raises(SourceAway, match="comes so slowly"):
            await fetched(ctx, films.url())
    assert len(films.asked) <= 2 * len(fetch.PAUSES)


async def test_a_fetch_stops_when_its_job_is_cancelled_and_goes_on_when_it_is_retried(ctx):
    async with site(DATA) as films:
        films.halted = MIB
        task = await ordered(ctx, films.url())
        working = asyncio.create_task(fetch.fetch(ctx, Hold(task, Thread())))
        await has_come(ctx, task, MIB)
        await submit.cancel(ctx, task.spec.job)
        working.cancel()
        await asyncio.wait([working])
        await set_back(ctx, task, task.lease, Blow(FallowError("stopped")))
        films.halted = None
        assert (await submit.retry(ctx, task.spec.job)).state is JobState.UPLOADING
        ctx.clock.time += 60
        await dispatch.advance(ctx, task.spec.job)
        await fetch.fetch(ctx, Hold(await claimed(ctx), Thread()))
    assert await stored(ctx, task.spec.job) == (True, DATA)


async def test_nobody_else_brings_the_source_and_it_may_wait_for_its_turn(ctx):
    task = await ordered(ctx, "https://films.example/talk.mp4")
    with pytest.raises(Conflict, match="fetched from its address"):
        await receive(ctx, task.spec.job, body())
    ctx.clock.time += 3 * 86400
    assert await sweep.sweep_uploads(ctx) == 0
    assert (await ctx.ledger.job(task.spec.job)).state is JobState.UPLOADING


async def body():
    yield b"x"


async def test_only_servers_whose_certificate_can_be_trusted_are_asked(ctx, tmp_path, monkeypatch):
    authority, tls = Authority(tmp_path), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(authority.certificate, authority.key)

    def resolve(_host, port, type):
        return [(socket.AF_INET, type, 0, "", ("127.0.0.1", port))]

    async with site(DATA, ssl=tls) as films:
        with pytest.raises(Rejected, match=r"certificate of 127.0.0.1 cannot be trusted"):
            await fetched(ctx, films.url())
        monkeypatch.setattr(web_exchange, "_trust", lambda: ssl.create_default_context(cafile=authority.file))
        task, _ = await fetched(ctx, films.url())
        assert await stored(ctx, task.spec.job) == (True, DATA)
        ctx = dataclasses.replace(ctx, web=WebSources(HERE, resolve))
        with pytest.raises(Rejected, match=r"certificate of films.example cannot be trusted"):
            await fetched(ctx, f"https://films.example:{films.port}/talk.mp4")
    assert len(films.asked) == 1


async def test_the_api_takes_an_address_and_tells_nobody(tmp_path):
    job = {"name": "talk.mp4", "profiles": [to_wire(BIG)], "key": "talk"}
    async with site(DATA) as films, serving(tmp_path, web=WebSources(HERE)) as caller:
        job["source_url"] = films.url("/talk.mp4?sig=secret", "mallory:pass@")
        answers = [await caller.send("POST", "/api/v1/jobs", dict(job)) for _ in range(2)]
        assert [answer.status for answer in answers] == [201, 200]
        assert answers[0].json["fetched"] == {"bytes": 0, "length": None, "error": ""}
        path = f"/api/v1/jobs/{answers[0].json['id']}"
        upload = await caller.send("PUT", f"{path}/source", b"x")
        assert (upload.status, "fetched from its address" in upload.json["title"]) == (409, True)
        task = await claimed(caller.ctx)
        await set_back(caller.ctx, task, task.lease, Blow(SourceAway("It is away.")))
        assert (await caller.get(path)).json["fetched"]["error"] == "It is away."
        await fetch.fetch(caller.ctx, Hold(task, Thread()))
        told = [await caller.get(place) for place in (path, f"{path}/tasks", f"{path}/failures", "/api/v1/jobs")]
    assert len(films.asked) == 1
    assert (told[0].json["state"], told[0].json["fetched"]) == ("splitting", None)
    assert not [word for word in (b"secret", b"mallory", b"pass@") for answer in told if word in answer.body]


async def test_the_api_takes_no_address_unless_that_is_allowed(tmp_path):
    job = {"name": "talk.mp4", "profiles": [to_wire(BIG)], "source_url": "https://films.example/talk.mp4"}
    async with serving(tmp_path) as caller:
        answer = await caller.send("POST", "/api/v1/jobs", job)
        assert (answer.status, "FALLOW_SOURCE_URLS" in answer.json["title"]) == (403, True)
        assert (await caller.get("/api/v1/jobs")).json["jobs"] == []
