"""The ledger in a Galera cluster at work at all its nodes, while these are killed, frozen and started again."""

import asyncio
import collections
import itertools
import signal
import socket
import time

import pytest
from ledger_steps import a_job, a_part, a_spec, offered
from sqlalchemy import text

from fallow.adapters import ledger_mysql
from fallow.adapters.ledger_migrate import migrate
from fallow.adapters.ledger_retry import Patience
from fallow.adapters.ledger_sql import SqlLedger
from fallow.errors import Unavailable
from fallow.model import Effort, JobState, TaskKind, TaskState

TASKS = 6


@pytest.fixture
def database(galera):
    name = galera.database()
    migrate(galera.url(name))
    return name


@pytest.fixture
async def ledgers(galera, database, monkeypatch):
    """One ledger for each node, as processes that prefer different ones."""
    monkeypatch.setattr(ledger_mysql, "ANSWER_SECONDS", 3)  # that a frozen node is waited for
    patience = Patience(seconds=90)  # this machine may be slow
    opened = [await SqlLedger.open(galera.url(database, first), patience=patience) for first in range(3)]
    yield opened
    for ledger in opened:
        await ledger.close()


async def do_job(ledgers, name):
    """One whole job, of which everybody tries everything at once; how often each step was done."""
    specs = [a_spec(number, job=name) for number in range(TASKS)]
    steps = collections.Counter()

    async def everybody(step, call):
        done = await asyncio.gather(*map(call, ledgers))
        steps[step] += sum(done)

    async def do_task(task):
        granted = asyncio.Queue()

        async def lease(ledger):
            lease = f"{task.id}.{ledgers.index(ledger)}"
            if got := await ledger.lease(task.id, lease, "w", 1030.0, 5e9):
                granted.put_nowait(lease)
            return got is not None

        async def deliver(ledger):
            first = await ledger.commit(lease, a_part(), Effort())
            video = [tally for tally in await ledger.tally(name) if tally.kind is TaskKind.VIDEO]
            if {tally.state for tally in video} == {TaskState.DONE}:
                planned = await ledger.plan([a_spec(0, job=name, kind=TaskKind.JOIN)])
                steps["joins"] += planned
            return first

        await everybody("leased", lease)
        lease = granted.get_nowait()
        assert await ledgers[0].renew(lease, 1040.0, 1, 1.0)
        await everybody("delivered", deliver)

    await everybody("created", lambda ledger: ledger.create_job(a_job(name, JobState.ENCODING)))
    await everybody("planned", lambda ledger: ledger.plan(specs))
    found = await asyncio.gather(*(offered(ledger, name, TASKS) for ledger in ledgers))
    tasks = list(itertools.chain(*found))
    steps["offered"] += len(tasks)
    await asyncio.gather(*map(do_task, tasks))
    return steps


ONCE = {"created": 1, "planned": TASKS, "offered": TASKS, "leased": TASKS, "delivered": TASKS, "joins": 1}


def killed(nodes):
    for node in nodes:
        node.kill()
    time.sleep(0.5)
    for node in nodes:
        node.start()
    for node in nodes:
        node.wait()


def frozen(nodes):
    """Answers nothing for so long that its cluster goes on without it, then comes back, with what it had begun."""
    for node in nodes:
        node.process.send_signal(signal.SIGSTOP)
    time.sleep(10)
    for node in nodes:
        node.process.send_signal(signal.SIGCONT)
    for node in nodes:
        node.wait()


@pytest.mark.parametrize(
    ("outage", "which"),
    [(killed, [0]), (killed, [1]), (frozen, [2]), (killed, [0, 1, 2])],
    ids=["first killed", "second killed", "third frozen", "all killed"],
)
async def test_work_goes_on_and_everything_happens_once(galera, database, ledgers, outage, which):
    assert await do_job(ledgers, "before") == ONCE
    lost = asyncio.create_task(asyncio.to_thread(outage, [galera.nodes[number] for number in which]))
    names = ["before"]
    while not lost.done():
        names.append(f"j{len(names)}")
        assert await do_job(ledgers, names[-1]) == ONCE
    await lost
    assert await do_job(ledgers, "after") == ONCE
    for node in range(3):
        fresh = await SqlLedger.open(galera.url(database, node))
        assert {job.id for job in await fresh.jobs(1000)} == {*names, "after"}
        for name in [*names, "after"]:
            states = collections.Counter((task.spec.kind, task.state) for task in await fresh.tasks(name))
            assert states == {(TaskKind.VIDEO, TaskState.DONE): TASKS, (TaskKind.JOIN, TaskState.PLANNED): 1}
            assert [attempt.outcome for attempt in await fresh.attempts(name)] == ["delivered"] * TASKS
        await fresh.close()


async def test_a_minority_does_nothing_and_says_so_until_the_others_are_back(galera, database):
    ledger = await SqlLedger.open(galera.url(database), patience=Patience(seconds=1))
    assert await ledger.create_job(a_job())
    for node in galera.nodes[1:]:
        node.kill()
    try:
        for call in (lambda: ledger.plan([a_spec()]), lambda: ledger.job("j")):
            with pytest.raises(Unavailable, match="is it up"):
                await call()
    finally:
        for node in galera.nodes[1:]:
            node.start()
        for node in galera.nodes:
            await asyncio.to_thread(node.wait)
    assert await ledger.plan([a_spec()]) == 1
    assert (await ledger.job("j")).name == "film.mov"
    await ledger.close()


async def test_a_host_that_swallows_packets_is_passed_over(mariadb, monkeypatch):
    monkeypatch.setattr(ledger_mysql, "CONNECT_SECONDS", 1)
    url = mariadb.url(mariadb.database())
    migrate(url)
    with socket.create_server(("127.0.0.1", 0)) as silent:  # the kernel takes connections, and nobody speaks
        port = silent.getsockname()[1]
        ledger = await SqlLedger.open(
            url.replace("@127", f"@127.0.0.1:{port},127", 1), patience=Patience(seconds=5)
        )
        assert await ledger.create_job(a_job())
        # But an answer may take longer than a greeting.
        await ledger._database.read(lambda db: db.execute(text("SELECT SLEEP(2)")).scalar())
        await ledger.close()
