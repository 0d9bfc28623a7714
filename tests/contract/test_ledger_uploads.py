"""What every ledger promises of a job whose source still comes: a task that waits for it, and chunks taken back."""

import asyncio

import pytest
from ledger_steps import a_chunk, a_job, a_part, a_spec, offered, outcome

from fallow.errors import NotFound
from fallow.model import Effort, JobState, TaskKind, TaskState
from fallow.records import UNTIL_WOKEN, Hedge, Outcome, Setback

MORE = Setback("waits for more", UNTIL_WOKEN, Outcome.CANCELLED)
SPLIT = "j.split.-.00000"


async def put_off(ledger, lease="S"):
    """The split task of a job has looked at what came, and waits for more."""
    await ledger.create_job(a_job(state=JobState.UPLOADING))
    await ledger.plan([a_spec(0, "", kind=TaskKind.SPLIT)])
    await look(ledger, lease)


async def look(ledger, lease):
    (task,) = await offered(ledger)
    assert await ledger.lease(task.id, lease, "splitter", 1030.0, 5000.0)
    assert await ledger.give_up(lease, MORE)


async def cut(ledger, count=4):
    await ledger.create_job(a_job(state=JobState.UPLOADING))
    for number in range(count):
        assert await ledger.add_chunk(a_chunk(number), [a_spec(number), a_spec(number, "480p")])
    return {task.id: task for task in await offered(ledger)}


def video(number, rendition="720p"):
    return f"j.video.{rendition}.{number:05d}"


async def test_a_task_that_waits_to_be_woken_is_not_offered_however_late_it_is(ledger, time):
    await put_off(ledger)
    time.now = 1e11
    assert await offered(ledger) == []
    assert await ledger.expired(time.now) == []
    assert await ledger.overdue(time.now) == []
    task = await ledger.task(SPLIT)
    assert (task.state, task.lease, task.attempt) == (TaskState.PLANNED, "", 0)


async def test_it_says_what_it_waits_for_until_it_is_woken(ledger):
    assert await ledger.waits("j") == ""
    await put_off(ledger)
    assert await ledger.waits("j") == "waits for more"
    assert await ledger.waits("other") == ""
    assert await ledger.wake("j", TaskKind.SPLIT)
    assert await ledger.waits("j") == ""


async def test_a_task_is_woken_once_and_then_it_is_to_be_had_as_before(ledger):
    await put_off(ledger)
    assert await ledger.wake("j", TaskKind.SPLIT)
    assert not await ledger.wake("j", TaskKind.SPLIT)
    await look(ledger, "S2")
    assert [await outcome(ledger, lease) for lease in ("S", "S2")] == ["cancelled", "cancelled"]
    assert (await ledger.task(SPLIT)).attempt == 0
    assert await ledger.wake("j", TaskKind.SPLIT)


async def test_of_many_who_wake_a_task_one_does(ledger):
    await put_off(ledger)
    assert sum(await asyncio.gather(*(ledger.wake("j", TaskKind.SPLIT) for _ in range(9)))) == 1
    assert len(await offered(ledger)) == 1


async def test_other_kinds_and_jobs_and_those_that_are_awake_are_not_woken(ledger):
    await put_off(ledger)
    assert not await ledger.wake("j", TaskKind.JOIN)
    assert not await ledger.wake("other", TaskKind.SPLIT)
    assert await ledger.waits("j") == "waits for more"
    await ledger.wake("j", TaskKind.SPLIT)
    (task,) = await offered(ledger)
    assert not await ledger.wake("j", TaskKind.SPLIT)
    await ledger.lease(task.id, "S2", "splitter", 1030.0, 5000.0)
    assert not await ledger.wake("j", TaskKind.SPLIT)
    assert await ledger.renew("S2", 1060.0, 0, 0.0)


async def test_a_task_that_backs_off_after_a_failure_is_not_woken(ledger):
    await put_off(ledger)
    await ledger.wake("j", TaskKind.SPLIT)
    (task,) = await offered(ledger)
    await ledger.lease(task.id, "S2", "splitter", 1030.0, 5000.0)
    await ledger.give_up("S2", Setback("It broke.", 1100.0))
    assert not await ledger.wake("j", TaskKind.SPLIT)
    assert await ledger.waits("j") == ""
    assert await offered(ledger) == []


async def test_chunks_from_a_number_on_go_with_all_that_was_made_of_them(ledger):
    tasks = await cut(ledger)
    for number in (1, 2):
        await ledger.lease(video(number), f"L{number}", "w", 1030.0, 5000.0)
        assert await ledger.commit(f"L{number}", a_part(f"part {number}"), Effort())
    await ledger.discard("j", 2)
    assert [chunk.number for chunk in await ledger.chunks("j")] == [0, 1]
    left = {task.id: task.state for task in await ledger.tasks("j")}
    queued = TaskState.QUEUED
    assert left == {
        video(0): queued,
        video(0, "480p"): queued,
        video(1): TaskState.DONE,
        video(1, "480p"): queued,
    }
    assert [attempt.lease for attempt in await ledger.attempts("j")] == ["L1"]
    assert len(tasks) == 8


async def test_who_works_on_a_chunk_that_goes_is_told_so(ledger):
    await cut(ledger)
    for number in (1, 2):
        await ledger.lease(video(number), f"L{number}", "w", 1030.0, 5000.0)
    assert await ledger.hedge(Hedge(video(2), "L2", "H", "v", 1030.0, 5000.0, 1.0, 10.0))
    await ledger.discard("j", 2)
    assert await ledger.renew("L1", 1060.0, 1, 1.0)
    for lease in ("L2", "H"):
        assert not await ledger.renew(lease, 1060.0, 1, 1.0)
        assert not await ledger.give_up(lease, Setback("It broke.", 1100.0))
        with pytest.raises(NotFound):
            await ledger.commit(lease, a_part("late"), Effort())
        with pytest.raises(NotFound):
            await ledger.held(lease)
    assert await ledger.lease(video(3), "L3", "w", 1030.0, 5000.0) is None
    assert [task.lease for task in await ledger.running("j")] == ["L1"]
    assert [task.lease for task in await ledger.expired(9000.0)] == ["L1"]


async def test_a_chunk_that_is_cut_anew_gets_nothing_of_the_one_before(ledger):
    await cut(ledger, 2)
    for lease, number in (("L0", 0), ("L1", 1)):
        await ledger.lease(video(number), lease, "w", 1030.0, 5000.0)
    await ledger.commit("L0", a_part("of the first try", "others"), Effort())
    await ledger.discard("j", 0)
    assert await ledger.add_chunk(a_chunk(0), [a_spec(0)])
    with pytest.raises(NotFound):
        await ledger.commit("L1", a_part("late"), Effort())
    (task,) = await offered(ledger)
    assert (task.id, task.attempt, task.part) == (video(0), 0, None)
    await ledger.lease(task.id, "L2", "w", 1030.0, 5000.0)
    assert await ledger.commit("L2", a_part("new"), Effort())  # its headers are its own, too
    found = await ledger.prefix("j", "720p", 0, 10)
    assert [done.part.key for _, done in found] == ["new"]


async def test_what_goes_is_the_jobs_own_chunks_and_no_track(ledger):
    await cut(ledger)
    await ledger.plan([a_spec(3, "a3", kind=TaskKind.AUDIO), a_spec(0, "", kind=TaskKind.SPLIT)])
    await ledger.create_job(a_job("k"))
    await ledger.plan([a_spec(5, job="k")])
    await ledger.discard("j", 0)
    await ledger.discard("j", 0)
    assert await ledger.chunks("j") == []
    assert {task.spec.kind for task in await ledger.tasks("j")} == {TaskKind.AUDIO, TaskKind.SPLIT}
    assert len(await ledger.tasks("k")) == 1


async def test_chunks_that_go_while_they_are_taken_and_delivered_go_whole(ledger):
    tasks = await cut(ledger, 3)
    await ledger.lease(video(0), "L0", "w", 1030.0, 5000.0)
    taking = [ledger.lease(task, f"M{n}", "w", 1030.0, 5000.0) for n, task in enumerate(tasks) if task != video(0)]
    delivery = ledger.commit("L0", a_part(), Effort())
    await asyncio.gather(delivery, *taking, ledger.discard("j", 0), return_exceptions=True)
    assert await ledger.tasks("j") == []
    assert await ledger.attempts("j") == []
    assert await ledger.chunks("j") == []
