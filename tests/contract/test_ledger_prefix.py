"""What joiners ask of every ledger: the parts that are there, in order, and to come back sooner."""

from ledger_steps import a_chunk, a_job, a_part, a_spec, offered, queued

from fallow.model import Effort, TaskKind, TaskState
from fallow.records import Outcome, Setback


async def done(ledger, number, rendition="720p"):
    """This chunk is encoded for this rendition."""
    task = f"j.video.{rendition}.{number:05d}"
    lease = f"{rendition}{number}"
    await ledger.lease(task, lease, "w", 1030.0, 5000.0)
    assert await ledger.commit(lease, a_part(f"part {number}"), Effort())


async def numbers(ledger, start=0, limit=10, rendition="720p"):
    found = await ledger.prefix("j", rendition, start, limit)
    assert [task.part.key for _, task in found] == [f"part {chunk.number}" for chunk, _ in found]
    return [chunk.number for chunk, _ in found]


async def encoding(ledger, count=5):
    await ledger.create_job(a_job())
    for number in range(count):
        await ledger.add_chunk(a_chunk(number), [a_spec(number), a_spec(number, "480p")])
    await offered(ledger, "j", 100)


async def test_a_prefix_ends_before_the_first_part_that_is_missing(ledger):
    await encoding(ledger)
    assert await numbers(ledger) == []
    for number in (0, 1, 3):
        await done(ledger, number)
    await done(ledger, 2, "480p")
    assert await numbers(ledger) == [0, 1]
    assert await numbers(ledger, start=1) == [1]
    assert await numbers(ledger, start=2) == []
    assert await numbers(ledger, start=3) == [3]
    await done(ledger, 2)
    assert await numbers(ledger) == [0, 1, 2, 3]
    assert await numbers(ledger, start=1, limit=2) == [1, 2]
    assert await numbers(ledger, rendition="480p") == []


async def test_a_part_that_is_made_again_is_missing_until_then(ledger):
    await encoding(ledger)
    for number in range(3):
        await done(ledger, number)
    await ledger.reopen("j.video.720p.00001", "It is broken.")
    assert await numbers(ledger) == [0]


async def test_tasks_of_some_kinds(ledger):
    await queued(ledger, a_spec(), a_spec(1), a_spec(0, "a0", kind=TaskKind.AUDIO))
    assert [task.spec.kind for task in await ledger.tasks("j", [TaskKind.AUDIO])] == [TaskKind.AUDIO]
    assert len(await ledger.tasks("j")) == 3


async def waiting(ledger, error):
    (task,) = await queued(ledger, a_spec(kind=TaskKind.JOIN))
    await ledger.lease(task.id, "L1", "w", 1030.0, 5000.0)
    assert not await ledger.hasten("j", TaskKind.JOIN, "720p")
    await ledger.give_up("L1", Setback(error, 9000.0, Outcome.CANCELLED))
    assert await offered(ledger, "j", 100) == []


async def test_a_task_that_waits_is_hastened_once(ledger):
    await waiting(ledger, "")
    assert await ledger.hasten("j", TaskKind.JOIN, "720p")
    assert not await ledger.hasten("j", TaskKind.JOIN, "720p")
    (task,) = await offered(ledger, "j", 100)
    assert (task.attempt, (await ledger.task(task.id)).state) == (0, TaskState.QUEUED)


async def test_a_task_that_failed_is_not_hastened(ledger):
    await waiting(ledger, "It went wrong.")
    assert not await ledger.hasten("j", TaskKind.JOIN, "720p")
