"""The ledger in MariaDB and Galera while nodes die, connections break and everybody writes everywhere."""

import asyncio
import dataclasses
import threading
import time

import pymysql
import pytest
from ledger_steps import a_job, a_part, a_spec, offered
from sqlalchemy import func, insert, select, update

from fallow.adapters import ledger_script
from fallow.adapters.ledger_migrate import migrate
from fallow.adapters.ledger_retry import Patience
from fallow.adapters.ledger_sql import SqlLedger
from fallow.adapters.ledger_tables import jobs, marks
from fallow.errors import BadSetting, Conflict, Unavailable
from fallow.model import Effort, JobState, TaskKind, TaskState


@pytest.fixture
def database(galera):
    name = galera.database()
    migrate(galera.url(name))
    return name


@pytest.fixture
async def ledgers(galera, database):
    """One ledger for each node, as processes that prefer different ones."""
    opened = [await SqlLedger.open(galera.url(database, first)) for first in range(3)]
    yield opened
    for ledger in opened:
        await ledger.close()


async def test_what_one_node_commits_another_knows_at_once(ledgers):
    one, two, three = ledgers
    for number in range(50):
        await one.create_job(a_job(f"j{number}"))
        await two.plan([a_spec(job=f"j{number}")])
        (task,) = await offered(three, f"j{number}", 9)
        assert await one.lease(task.id, f"L{number}", "w", 1030.0, 5e9)
        assert await two.renew(f"L{number}", 1040.0, 1, 1.0)
        assert await three.commit(f"L{number}", a_part(), Effort())


async def test_all_nodes_claim_and_deliver_the_same_tasks(ledgers):
    await ledgers[0].create_job(a_job())
    await ledgers[0].plan([a_spec(number) for number in range(30)])
    found = await asyncio.gather(*(offered(ledger, "j", 30) for ledger in ledgers))
    assert sorted(task.spec.number for tasks in found for task in tasks) == list(range(30))
    ids = [task.id for tasks in found for task in tasks]

    async def work(which, task):
        lease = f"{which}:{task[-5:]}"
        return lease if await ledgers[which].lease(task, lease, "w", 1030.0, 5e9) else None

    leases = [lease for lease in await asyncio.gather(*(work(n, id_) for id_ in ids for n in range(3))) if lease]
    assert len(leases) == 30
    first = await asyncio.gather(
        *(ledger.commit(lease, a_part(), Effort()) for lease in leases for ledger in ledgers)
    )
    assert sum(first) == 30
    assert len(await ledgers[0].attempts("j")) == 30


async def test_the_last_part_is_seen_by_somebody_and_its_join_planned_once(ledgers):
    """What the dispatcher does after each delivery, on whichever node."""
    join = a_spec(0, kind=TaskKind.JOIN)
    await ledgers[0].create_job(a_job(state=JobState.ENCODING))
    for round_ in range(10):
        join = dataclasses.replace(join, number=round_)
        specs = [a_spec(number, f"r{round_}") for number in range(3)]
        await ledgers[0].plan(specs)
        for task in await offered(ledgers[0], "j", 999):
            if task.spec.kind is TaskKind.VIDEO:  # the join of the round before is offered, too
                await ledgers[0].lease(task.id, f"{round_}.{task.spec.number}", "w", 1030.0, 5e9)

        async def deliver(number, join=join, round_=round_):
            ledger = ledgers[number]
            await ledger.commit(f"{round_}.{number}", a_part(), Effort())
            mine = [t for t in await ledger.tally("j") if t.rendition == f"r{round_}"]
            done = sum(t.tasks for t in mine if t.state is TaskState.DONE)
            return await ledger.plan([join]) if done == 3 else 0

        assert sum(await asyncio.gather(*map(deliver, range(3)))) == 1


async def test_parts_of_one_rendition_agree_whichever_nodes_they_reach(ledgers):
    await ledgers[0].create_job(a_job())
    for round_ in range(10):
        await ledgers[0].plan([a_spec(number, f"r{round_}") for number in range(3)])
        for task in await offered(ledgers[0], "j", 999):
            await ledgers[0].lease(task.id, f"{round_}.{task.spec.number}", "w", 1030.0, 5e9)
        commits = (ledgers[n].commit(f"{round_}.{n}", a_part(headers=f"h{n}"), Effort()) for n in range(3))
        taken = await asyncio.gather(*commits, return_exceptions=True)
        assert [one for one in taken if one is True] == [True], taken


async def test_a_node_that_dies_costs_no_delivery_and_makes_none_twice(galera, ledgers):
    count = 150
    await ledgers[0].create_job(a_job())
    await ledgers[0].plan([a_spec(number) for number in range(count)])
    tasks = await offered(ledgers[0], "j", count)
    taken, first, killed = [], [], asyncio.Event()

    async def agent(which):
        for task in tasks:
            lease = f"{which}.{task.spec.number}"
            if await ledgers[which % 3].lease(task.id, lease, "w", 1030.0, 5e9):
                taken.append(task.id)
                assert await ledgers[which % 3].renew(lease, 1040.0, 1, 1.0)
                first.append(await ledgers[which % 3].commit(lease, a_part(), Effort()))
                if len(first) == count // 3 and not killed.is_set():
                    killed.set()
                    await asyncio.to_thread(galera.nodes[1].kill)

    try:
        await asyncio.gather(*(agent(which) for which in range(6)))
    finally:
        galera.nodes[1].start()
        await asyncio.to_thread(galera.nodes[1].wait)
    assert killed.is_set()
    assert (len(taken), len(set(taken)), sum(first)) == (count, count, count)
    for ledger in ledgers:
        assert {task.state for task in await ledger.tasks("j")} == {TaskState.DONE}
        assert {attempt.outcome for attempt in await ledger.attempts("j")} == {"delivered"}
    await ledgers[1].close()
    again = ledgers[1] = await SqlLedger.open(galera.url(galera_database(ledgers[0]), 1))
    assert len(await again.attempts("j")) == count


def galera_database(ledger):
    return ledger._database._engine.url.database


# one server


@pytest.fixture
async def single(mariadb):
    url = mariadb.url(mariadb.database())
    migrate(url)
    ledger = await SqlLedger.open(url)
    yield ledger
    await ledger.close()


def break_after_commit(monkeypatch, times):
    """The next commits happen, but their answers never come."""
    together, left = ledger_script._together, [times]

    def broken(cursor, texts):
        answers = together(cursor, texts)
        if left[0] and (texts[-1] == "COMMIT" or texts[0].startswith("UPDATE")):
            left[0] -= 1
            cursor.connection._force_close()
            raise pymysql.err.OperationalError(2013, "Lost connection to server during query")
        return answers

    monkeypatch.setattr(ledger_script, "_together", broken)
    return left


async def test_a_commit_whose_answer_was_lost_is_not_made_twice(single, monkeypatch):
    await single.create_job(a_job())
    left = break_after_commit(monkeypatch, 1)
    assert await single.plan([a_spec(0), a_spec(1)]) == 2
    left[0] = 1
    (task, _) = await offered(single, "j", 9)
    left[0] = 1
    assert (await single.lease(task.id, "L", "w", 1030.0, 5e9)).lease == "L"
    left[0] = 1
    assert await single.renew("L", 1040.0, 1, 1.0)
    left[0] = 1
    assert await single.commit("L", a_part(), Effort())
    left[0] = 1
    assert await single.move_job("j", JobState.CANCELLED)
    assert left == [0]
    assert [(a.outcome, a.number) for a in await single.attempts("j")] == [("delivered", 1)]


async def test_a_server_that_was_restarted_is_found_again(mariadb, single):
    await single.create_job(a_job())
    mariadb.nodes[0].kill()
    waiting = asyncio.create_task(single.plan([a_spec()]))
    mariadb.nodes[0].start()
    assert await waiting == 1
    await asyncio.to_thread(mariadb.nodes[0].wait)


async def test_a_server_that_stays_away_is_told_after_a_bounded_time(mariadb):
    url = mariadb.url(mariadb.database())
    nowhere = url.replace(str(mariadb.nodes[0].port), "1")
    with pytest.raises(Unavailable, match=r"127\.0\.0\.1:1 .*is it up\?") as told:
        await SqlLedger.open(nowhere, patience=Patience(seconds=0.2))
    assert "ss/word" not in str(told.value)
    assert "p%40" not in str(told.value)


async def test_a_host_that_is_down_is_passed_over(mariadb):
    url = mariadb.url(mariadb.database())
    migrate(url)
    ledger = await SqlLedger.open(url.replace("@127", "@127.0.0.1:1,127", 1))
    assert await ledger.create_job(a_job())
    await ledger.close()


async def test_deadlocks_are_repeated(single):
    """Two transactions that take the same two rows in turn: one is made to begin again, and both happen."""
    await single.create_job(a_job("a"))
    await single.create_job(a_job("b"))
    meet, turns = threading.Barrier(2, timeout=10), []

    def crossing(first, second):
        def work(db):
            turns.append(first)
            db.execute(update(jobs).where(jobs.c.id == first).values(name=func.concat(jobs.c.name, ".")))
            if len(turns) <= 2:
                meet.wait()
            db.execute(update(jobs).where(jobs.c.id == second).values(name=func.concat(jobs.c.name, ".")))

        return single._database.write(work)

    await asyncio.gather(crossing("a", "b"), crossing("b", "a"))
    assert len(turns) == 3
    assert [(await single.job(name)).name for name in "ab"] == ["film.mov.."] * 2


async def test_marks_of_long_ago_are_removed(single, monkeypatch):
    monkeypatch.setattr("fallow.adapters.ledger_database.MARKS_BETWEEN", 3)
    old = {"mark": "old", "made": time.time() - 3600}
    await single._database.write_again(lambda db: db.execute(insert(marks).values(**old)))
    for number in range(3):
        await single.create_job(a_job(f"j{number}"))
    left = await single._database.rows(select(marks.c.mark))
    assert len(left) == 3
    assert "old" not in {row["mark"] for row in left}


async def test_the_wrong_password_and_the_wrong_database_are_told(mariadb):
    url = mariadb.url(mariadb.database())
    for wrong, told in ((url.replace("word@", "x@"), "password"), (url + "x", "name of the database|permission")):
        with pytest.raises(BadSetting, match=told):
            await SqlLedger.open(wrong)


async def test_a_database_without_tables_says_what_to_do(mariadb):
    url = mariadb.url(mariadb.database())
    with pytest.raises(BadSetting, match="fallow migrate"):
        await SqlLedger.open(url)


async def test_a_refusal_of_ours_is_not_repeated(single):
    calls = []

    def work(db):
        calls.append(1)
        raise Conflict("No.")

    with pytest.raises(Conflict):
        await single._database.write(work)
    assert calls == [1]


async def test_times_keep_their_microseconds(single):
    job = dataclasses.replace(a_job(), created=1795517312.123457, updated=1795517312.123458)
    await single.create_job(job)
    assert await single.job("j") == job
