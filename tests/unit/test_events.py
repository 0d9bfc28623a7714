"""The stream of events: what listeners hear, what they hear after they were away, and that it costs little."""

import asyncio
import contextlib
import json
import urllib.request

import pytest
from job_steps import ship, splitting
from serving import serving

from fallow.errors import Unavailable
from fallow.model import Worker
from fallow.services.changes import MOST, MOST_BYTES, Change, History, Item, Listener
from fallow.services.run import Platform
from fallow.services.watcher import Watcher
from fallow.settings import Settings


@pytest.fixture
async def caller(tmp_path):
    async with serving(tmp_path) as caller:
        yield caller
        caller.ctx.closing.set()


class Stream:
    """Reads events one by one."""

    def __init__(self, reader):
        self._reader = reader
        self.id = ""

    async def block(self):
        """One block of lines, as fields."""
        fields = {}
        while line := (await asyncio.wait_for(self._reader.readline(), 60)).decode().rstrip("\r\n"):
            name, _, value = line.partition(": ")
            fields[name] = value
        self.id = fields.get("id", self.id)
        return fields

    async def next(self, topic):
        """The data of the next event of this kind."""
        while True:
            fields = await self.block()
            if fields.get("event") == topic:
                return json.loads(fields["data"])


class Plain:
    """The lines of a body that comes in pieces."""

    def __init__(self, reader):
        self._reader, self._left = reader, b""

    async def readline(self):
        while b"\n" not in self._left:
            size = int((await self._reader.readline()).strip() or b"0", 16)
            if not size:
                raise EOFError
            self._left += (await self._reader.readexactly(size + 2))[:-2]
        line, _, self._left = self._left.partition(b"\n")
        return line


@contextlib.asynccontextmanager
async def listening(caller, query="", last=""):
    reader, writer = await asyncio.open_connection("127.0.0.1", caller.port)
    told = f"Last-Event-ID: {last}\r\n" if last else ""
    writer.write(f"GET /api/v1/events{query} HTTP/1.1\r\nHost: localhost\r\n{told}\r\n".encode())
    head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 60)
    assert b" 200 " in head.splitlines()[0], head
    assert b"text/event-stream" in head
    stream = Stream(Plain(reader))
    stream.first = await stream.block()
    try:
        yield stream
    finally:
        writer.close()


PROFILE = {"name": "small", "width": 64, "height": 64}


async def created(caller, name="film.mov"):
    answer = await caller.send("POST", "/api/v1/jobs", {"name": name, "profiles": [PROFILE]})
    assert answer.status == 201, answer.body
    return answer.json["id"]


async def test_what_changes_of_jobs_is_told(caller):
    old = await created(caller)
    async with listening(caller) as stream:
        new = await created(caller)
        told = await stream.next("jobs")
        assert ([job["id"] for job in told["jobs"]], told["gone"]) == ([new], [])
        await caller.send("POST", f"/api/v1/jobs/{old}/cancel")
        told = await stream.next("jobs")
        assert [(job["id"], job["state"]) for job in told["jobs"]] == [(old, "cancelled")]
        await caller.send("DELETE", f"/api/v1/jobs/{old}")
        assert (await stream.next("jobs")) == {"jobs": [], "gone": [old]}


async def test_who_was_away_hears_what_was_missed(caller):
    async with listening(caller) as stream:
        last = stream.id
    missed = await created(caller)
    async with listening(caller, last=last) as stream:
        assert "event" not in stream.first
        assert [job["id"] for job in (await stream.next("jobs"))["jobs"]] == [missed]


@pytest.mark.parametrize("last", ["0123abcd-5", "nonsense", "-", "x-99999999999999999999999999"])
async def test_who_was_away_too_long_is_told_to_ask_anew(caller, last):
    async with listening(caller, last=last) as stream:
        assert stream.first["event"] == "resync"


async def test_the_chunks_of_a_job_are_told_to_who_looks_at_it(caller):
    ctx = caller.ctx
    job, _ = await splitting(ctx)
    before = (await caller.get(f"/api/v1/jobs/{job}/map")).json
    assert (before["chunks"], before["cells"]) == (1, {"big": "."})
    async with listening(caller, f"?job={job}") as stream:
        await ship(ctx, job, 0)
        told = await stream.next("map")
        assert told == {"chunks": 1, "cells": [["big", 0, "q", None, 0.0]], "workers": []}
        assert (await stream.next("job"))["id"] == job
        task = next(t for t in await ctx.ledger.tasks(job) if t.spec.kind.value == "video")
        await ctx.ledger.lease(task.id, "L", "w", 5e9, 5e9)
        told = await stream.next("map")
        assert told["cells"] == [["big", 0, "l", 1, 0.0]]
        assert told["workers"] == [{"index": 1, "id": "w", "name": ""}]  # after the splitter
    now = (await caller.get(f"/api/v1/jobs/{job}/map")).json
    assert (now["cells"], now["at"]) == ({"big": "l"}, {"big": {"0": [1, 0.0]}})


async def test_a_job_that_is_not_there_is_refused(caller):
    assert (await caller.get("/api/v1/events?job=none")).status == 404


async def test_a_stream_ends_when_the_gateway_does(caller):
    async with listening(caller) as stream:
        caller.ctx.closing.set()
        with pytest.raises(EOFError):
            await stream.next("none")


# what is kept, and for whom


def change(*owners, topic="jobs"):
    return Change(topic, [Item(owner, f"{owner}'s", f'{{"id":"{owner}"}}') for owner in owners])


def test_everybody_is_told_only_of_what_they_may_see():
    told = change("ann", "bob")
    assert json.loads(told.told(Listener("ann"))) == {"jobs": [{"id": "ann"}], "gone": []}
    assert json.loads(told.told(Listener("bob"))) == {"jobs": [{"id": "bob"}], "gone": []}
    assert len(json.loads(told.told(Listener(None)))["jobs"]) == 2
    assert told.told(Listener("eve")) == ""
    gone = Change("jobs", [Item("ann", "j", "")])
    assert json.loads(gone.told(Listener("ann"))) == {"jobs": [], "gone": ["j"]}
    assert gone.told(Listener("bob")) == ""
    assert change("", topic="workers").told(Listener("ann")) == ""  # workers are for admins


def test_a_job_is_told_of_to_those_who_look_at_it():
    told = Change("map", job="j", text="{}")
    assert [told.told(Listener("ann", job)) for job in ("j", "k", "")] == ["{}", "", ""]


def test_a_history_keeps_so_many_and_so_much_and_knows_what_it_has_forgotten():
    history = History()
    history.add(change("ann") for _ in range(MOST + 10))
    assert len(history.since(history.last - 5)) == 5
    assert history.since(history.last) == []
    assert len(history.since(10)) == MOST
    assert history.since(9) is None
    history.add(Change("job", job="j", text="x" * (MOST_BYTES // 3)) for _ in range(3))
    assert len(history.since(history.last - 2)) == 2
    assert history.since(history.last - 3) is None


def test_ids_are_known_only_to_the_history_that_gave_them():
    history, other = History(), History()
    history.add([change("ann")])
    assert history.number(history.name(1)) == 1
    assert [history.number(name) for name in (other.name(1), history.name(2), "", "x", history.name(0) + "x")] == [
        None
    ] * 5


async def test_who_is_too_slow_is_told_to_ask_anew(caller, monkeypatch):
    monkeypatch.setattr("fallow.services.changes.MOST", 2)
    watcher = Watcher(caller.ctx)
    stream = await watcher.join(Listener(None), "")
    assert (await anext(stream)).startswith("id: ")
    for _ in range(2):
        watcher._history.add([change("ann"), change("ann")])
    assert (await anext(stream)).startswith("event: resync")
    watcher._history.add([change("bob")])
    assert "bob" in await anext(stream)
    await stream.aclose()


async def test_nobody_looks_into_the_ledger_while_nobody_listens(caller, monkeypatch):
    monkeypatch.setattr("fallow.services.watcher.LINGER", 0.0)
    monkeypatch.setattr("fallow.services.watcher.EVERY", 0.01)
    watcher = Watcher(caller.ctx)
    stream = await watcher.join(Listener(None), "")
    await anext(stream)
    await stream.aclose()
    await asyncio.wait_for(watcher._running, 60)
    stream = await watcher.join(Listener(None), "")  # and begins again
    await anext(stream)
    assert not watcher._running.done()
    await stream.aclose()
    await asyncio.wait_for(watcher._running, 60)


async def test_a_ledger_that_is_away_for_a_while_costs_no_news(caller, monkeypatch):
    monkeypatch.setattr("fallow.services.watcher.EVERY", 0.01)
    seen, pulses, away = [], caller.ctx.ledger.pulses, asyncio.Event()

    async def unreachable():
        seen.append(1)
        if len(seen) > 2:
            away.set()
        raise Unavailable("The ledger is away.")

    async with listening(caller) as stream:
        caller.ctx.ledger.pulses = unreachable
        await asyncio.wait_for(away.wait(), 60)
        new = await created(caller)
        caller.ctx.ledger.pulses = pulses
        assert [job["id"] for job in (await stream.next("jobs"))["jobs"]] == [new]


async def test_what_a_look_had_found_before_it_failed_is_told_once(caller, monkeypatch):
    monkeypatch.setattr("fallow.services.watcher.EVERY", 0.01)
    seen, doings, failed = [], caller.ctx.ledger.doings, asyncio.Event()

    async def broken():
        seen.append(1)
        if len(seen) > 2:
            failed.set()
        raise RuntimeError("nobody thought of this")

    async with listening(caller) as stream:
        caller.ctx.ledger.doings = broken
        new = await created(caller)
        assert [job["id"] for job in (await stream.next("jobs"))["jobs"]] == [new]
        await asyncio.wait_for(failed.wait(), 60)
        other = await created(caller)
        assert [job["id"] for job in (await stream.next("jobs"))["jobs"]] == [other]
        await caller.ctx.ledger.add_worker(Worker("w", "pi", {"cores": 4}, seen=1.0), "aa")
        caller.ctx.ledger.doings = doings
        assert [worker["id"] for worker in (await stream.next("workers"))["workers"]] == ["w"]


async def test_a_stream_does_not_hold_up_the_end_of_a_platform(tmp_path):
    """It is ended, and not cut off."""
    settings = Settings(data=tmp_path / "data", port=0, workers=0, log="off")
    async with Platform(settings) as platform:
        answer = await asyncio.to_thread(urllib.request.urlopen, f"{platform.url}/api/v1/events", timeout=60)
        rest = asyncio.create_task(asyncio.to_thread(answer.read))
    await asyncio.wait_for(rest, 60)
