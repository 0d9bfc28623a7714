"""Ledgers of every kind, and what is put into them."""

import collections
import contextlib
import itertools

import pytest

from fallow import log
from fallow.adapters.ledger_sql import SqlLedger
from fallow.model import (
    Chunk,
    JobState,
    Part,
    TaskKind,
)
from fallow.records import Job, Rendition, TaskSpec

NEXT = itertools.count()
embedded = pytest.mark.parametrize("url", ["sqlite"], indirect=True)


class Time:
    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def time():
    return Time()


def _opened(request, tmp_path):
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/fallow.db"
        return
    server = request.getfixturevalue(request.param)
    with server.shaking() if request.param == "shaken" else contextlib.nullcontext():
        yield server.ledger(first=next(NEXT) % len(server.nodes))


@pytest.fixture(params=["sqlite", "mariadb", "galera"])
def url(request, tmp_path):
    yield from _opened(request, tmp_path)


@pytest.fixture(params=["sqlite", "mariadb", "galera", "shaken"])
def shaken_too(request, tmp_path):
    """For modules about what must happen once, whoever is killed: they call it `url`."""
    yield from _opened(request, tmp_path)


@pytest.fixture
async def ledger(url, time):
    ledger = await SqlLedger.open(url, time)
    yield ledger
    await ledger.close()


def a_job(name="j", state=JobState.SPLITTING, created=1.0, renditions=("720p", "480p")):
    wanted = tuple(Rendition(name, r, {"name": r}) for r in renditions)
    return Job(
        name, "film.mov", state, created, created, {"container": "mp4"}, f"jobs/{name}/source", None, wanted, "", ""
    )


def a_spec(number=0, rendition="720p", cost=1.0, job="j", kind=TaskKind.VIDEO):
    return TaskSpec(job, kind, rendition, number, {"frames": 250}, f"jobs/j/chunks/{number}", 10, "ab", 250, cost)


def a_part(key="k", headers="h"):
    return Part(key, 100, "cd", 250, headers)


def a_chunk(number=0):
    return Chunk(
        "j", number, f"jobs/j/chunks/{number}", "mpegts", 250 * number, 250 * number + 250, 12, 0, 10, "ab"
    )


async def queued(ledger, *specs):
    """A job with these tasks, all offered."""
    await ledger.create_job(a_job())
    await ledger.plan(specs or [a_spec()])
    return await offered(ledger)


async def offered(ledger, job="j", room=100):
    """The job's tasks that become queued: so many in each lane."""
    lanes = await ledger.line_up(job, "", "normal")
    return [task for lane in lanes for task in await ledger.top_up(lane, room)]


async def leased(ledger, lease="L1", worker="w"):
    (task,) = await queued(ledger)
    return await ledger.lease(task.id, lease, worker, 1030.0, 5000.0)


@contextlib.contextmanager
def transactions():
    """How many the ledger runs meanwhile, by what they do."""
    counted = collections.Counter()
    listening = log.listen(lambda action, level, facts: counted.update([facts.get("operation")]))
    try:
        yield counted
    finally:
        listening()


async def state(ledger, task):
    return (await ledger.task(task.id)).state


async def outcome(ledger, lease):
    return (await ledger.attempt(lease)).outcome
