"""What every ledger promises to who hands out several tasks at once."""

from ledger_steps import a_job, a_part, a_spec, offered, shaken_too, state

from fallow.model import Effort, JobState, TaskKind, TaskState, Worker
from fallow.records import Crowd, Outcome, Setback

url = shaken_too

COSTS = {"1080p": 4.0, "720p": 2.0, "480p": 1.0}


async def ladder(ledger, window=100):
    """A job of two chunks in three renditions; its tasks by rendition and chunk."""
    await ledger.create_job(a_job(renditions=tuple(COSTS)))
    await ledger.plan([a_spec(number, name, cost) for number in range(2) for name, cost in COSTS.items()])
    await ledger.plan([a_spec(0, "a0", kind=TaskKind.AUDIO)])
    await offered(ledger, room=window)
    return {(task.spec.rendition, task.spec.number): task for task in await ledger.tasks("j")}


async def sisters(ledger, task):
    return [(other.spec.rendition, other.spec.number) for other in await ledger.sisters(task)]


async def test_sisters_are_the_other_renditions_of_a_chunk(ledger):
    tasks = await ladder(ledger)
    assert await sisters(ledger, tasks["720p", 1]) == [("1080p", 1), ("480p", 1)]
    (sister, _) = await ledger.sisters(tasks["720p", 1])
    assert sister.spec == a_spec(1, "1080p", 4.0)  # with its recipe


async def test_sisters_may_be_planned_only_but_not_taken_nor_done(ledger):
    tasks = await ladder(ledger, window=1)
    assert await state(ledger, tasks["480p", 0]) is TaskState.PLANNED
    assert await sisters(ledger, tasks["720p", 0]) == [("1080p", 0), ("480p", 0)]
    await ledger.lease(tasks["1080p", 0].id, "L1", "w", 1030.0, 5000.0)
    assert await sisters(ledger, tasks["720p", 0]) == [("480p", 0)]
    await ledger.commit("L1", a_part(), Effort())
    assert await sisters(ledger, tasks["720p", 0]) == [("480p", 0)]


async def test_sisters_whose_back_off_is_not_over_are_left(ledger, time):
    tasks = await ladder(ledger)
    await ledger.lease(tasks["1080p", 0].id, "L1", "w", 1030.0, 5000.0)
    await ledger.give_up("L1", Setback("No.", 1100.0))
    assert await sisters(ledger, tasks["720p", 0]) == [("480p", 0)]
    await ledger.offer([tasks["1080p", 0].id])
    assert await state(ledger, tasks["1080p", 0]) is TaskState.PLANNED
    time.now = 1100.0
    assert await sisters(ledger, tasks["720p", 0]) == [("1080p", 0), ("480p", 0)]


async def test_what_is_offered_can_be_had(ledger):
    tasks = await ladder(ledger, window=1)
    wanted = [tasks["720p", 0].id, tasks["480p", 0].id]
    assert await ledger.lease(wanted[0], "L1", "w", 1030.0, 5000.0) is None
    await ledger.offer(wanted)
    taken = [await ledger.lease(task, f"L{n}", "w", 1030.0, 5000.0) for n, task in enumerate(wanted)]
    assert [(task.attempt, task.queued_at) for task in taken] == [(1, 1000.0)] * 2


async def test_offering_leaves_what_is_taken_or_done(ledger):
    tasks = await ladder(ledger)
    done, taken = tasks["1080p", 0], tasks["720p", 0]
    for lease, task in (("L1", done), ("L2", taken)):
        await ledger.lease(task.id, lease, "w", 1030.0, 5000.0)
    await ledger.commit("L1", a_part(), Effort())
    await ledger.offer([done.id, taken.id])
    assert [await state(ledger, task) for task in (done, taken)] == [TaskState.DONE, TaskState.LEASED]


async def test_of_leases_granted_together_each_ends_by_itself(ledger):
    tasks = await ladder(ledger)
    for n, name in enumerate(COSTS):
        await ledger.lease(tasks[name, 0].id, f"L{n}", "w", 1030.0, 5000.0)
    assert await ledger.commit("L0", a_part(), Effort())
    assert await ledger.give_up("L1", Setback("No.", 0.0, Outcome.FAILED))
    assert await ledger.renew("L2", 1060.0, 10, 5.0)
    states = [await state(ledger, tasks[name, 0]) for name in COSTS]
    assert states == [TaskState.DONE, TaskState.PLANNED, TaskState.LEASED]


async def test_the_crowd_is_what_waits_and_who_is_at_work(ledger):
    tasks = await ladder(ledger, window=3)
    assert await ledger.crowd() == Crowd(waiting=7, busy=0)
    await ledger.offer([task.id for task in tasks.values()])
    leases = [("w", "1080p", 0), ("w", "720p", 0), ("w", "480p", 1), ("x", "480p", 0)]
    for n, (worker, *task) in enumerate(leases):
        await ledger.lease(tasks[tuple(task)].id, f"L{n}", worker, 1030.0, 5000.0)
    assert await ledger.crowd() == Crowd(waiting=3, busy=3)  # two chunks of w, one of x


async def test_splits_joins_and_jobs_that_have_ended_make_no_crowd(ledger):
    await ladder(ledger)
    await ledger.plan([a_spec(kind=TaskKind.SPLIT, rendition=""), a_spec(kind=TaskKind.JOIN)])
    assert (await ledger.crowd()).waiting == 7
    await ledger.move_job("j", JobState.CANCELLED)
    assert await ledger.crowd() == Crowd(0, 0)


async def test_helpers_are_those_of_other_machines_that_were_seen_of_late(ledger, time):
    for name, local, seen in (("a", False, 900.0), ("b", False, 950.0), ("c", True, 960.0)):
        await ledger.add_worker(Worker(name, name, {}, local, seen), name)
    assert [await ledger.helpers(since) for since in (0.0, 950.0, 951.0)] == [2, 1, 0]
    await ledger.saw_worker("a")
    assert await ledger.helpers(time.now) == 1
