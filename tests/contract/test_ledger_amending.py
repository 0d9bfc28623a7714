"""What every ledger promises of jobs that are paused, or given another priority, while they are under way."""

import dataclasses

from ledger_steps import a_job, a_part, a_spec, offered, queued, state

from fallow.model import Effort, JobState, TaskKind, TaskState
from fallow.records import Hedge, Outcome, Setback


async def taken(ledger, task, lease="L"):
    return await ledger.lease(task.id, lease, "w", 1030.0, 5e9)


async def test_nothing_of_a_paused_job_is_leased(ledger):
    one, _ = await queued(ledger, a_spec(0), a_spec(1))
    assert await ledger.pause("j")
    assert (await ledger.job("j")).paused
    assert await state(ledger, one) is TaskState.PLANNED
    assert await taken(ledger, one) is None
    assert await offered(ledger) == []
    assert await ledger.overdue(1e9) == []
    assert (await ledger.crowd()).waiting == 0


async def test_what_was_offered_while_the_job_was_paused_is_not_leased(ledger):
    """Two gateways at once: one offers what the other takes back."""
    (task,) = await queued(ledger)
    assert await ledger.pause("j")
    await ledger.offer([task.id])
    assert await state(ledger, task) is TaskState.QUEUED
    assert await taken(ledger, task) is None
    assert await ledger.overdue(1e9) == []
    assert await ledger.resume("j")
    assert [again.id for again in await offered(ledger)] == [task.id]


async def test_what_runs_goes_on_while_its_job_is_paused(ledger):
    (task,) = await queued(ledger)
    assert await taken(ledger, task)
    assert await ledger.pause("j")
    assert await ledger.renew("L", 1060.0, 10, 5.0)
    assert await ledger.commit("L", a_part(), Effort())
    assert await state(ledger, task) is TaskState.DONE


async def test_what_failed_waits_while_its_job_is_paused(ledger):
    (task,) = await queued(ledger)
    await taken(ledger, task)
    await ledger.pause("j")
    assert await ledger.give_up("L", Setback("It broke.", 0.0))
    assert await offered(ledger) == []
    await ledger.resume("j")
    (again,) = await offered(ledger)
    assert (again.id, (await taken(ledger, again, "M")).attempt) == (task.id, 2)


async def test_no_rival_is_begun_while_the_job_is_paused(ledger):
    (task,) = await queued(ledger)
    await taken(ledger, task)
    await ledger.pause("j")
    hedge = Hedge(task.id, "L", "R", "v", 1030.0, 5e9, 0.1, 10.0)
    assert await ledger.hedge(hedge) is None
    await ledger.resume("j")
    assert (await ledger.hedge(hedge)).lease == "R"


async def test_no_sister_is_told_of_while_the_job_is_paused(ledger):
    one, other = await queued(ledger, a_spec(0, "720p"), a_spec(0, "480p"))
    assert [sister.id for sister in await ledger.sisters(one)] == [other.id]
    await ledger.pause("j")
    assert await ledger.sisters(one) == []


async def test_a_job_goes_on_as_it_was_when_it_is_resumed(ledger):
    tasks = await queued(ledger, *(a_spec(number) for number in range(3)))
    assert await ledger.pause("j")
    assert not await ledger.pause("j")
    assert await ledger.resume("j")
    assert not await ledger.resume("j")
    assert not (await ledger.job("j")).paused
    assert [task.id for task in await offered(ledger)] == [task.id for task in tasks]


async def test_others_have_their_turns_while_a_job_is_paused(ledger):
    await queued(ledger)
    await ledger.create_job(a_job("k"))
    await ledger.plan([dataclasses.replace(a_spec(job="k"), job="k")])
    await ledger.pause("j")
    assert [task.spec.job for task in await offered(ledger, "k")] == ["k"]


async def test_a_job_that_ended_is_paused_no_more(ledger):
    await queued(ledger)
    await ledger.pause("j")
    await ledger.move_job("j", JobState.CANCELLED)
    assert not (await ledger.job("j")).paused
    assert not await ledger.pause("j")
    await ledger.move_job("j", JobState.SPLITTING)
    assert len(await offered(ledger)) == 1


async def test_jobs_that_are_not_there_cannot_be_changed(ledger):
    assert not await ledger.pause("x")
    assert not await ledger.resume("x")
    assert not await ledger.prioritise("x", "high")


async def test_tasks_of_a_job_of_another_priority_wait_in_other_lanes(ledger):
    await queued(ledger, *(a_spec(number) for number in range(3)))
    await ledger.lease((await ledger.tasks("j"))[0].id, "L", "w", 1030.0, 5e9)
    assert await ledger.prioritise("j", "high")
    assert not await ledger.prioritise("j", "high")
    assert (await ledger.job("j")).options["priority"] == "high"
    assert [task.state for task in await ledger.tasks("j")] == [
        TaskState.LEASED,
        TaskState.PLANNED,
        TaskState.PLANNED,
    ]
    (lane,) = await ledger.line_up("j", "", "high")
    assert lane.name == "video.high"
    assert len(await ledger.top_up(lane, 1)) == 1
    assert await ledger.top_up(dataclasses.replace(lane, priority="normal"), 5) == []
    assert len(await ledger.top_up(lane, 5)) == 1


async def test_who_stood_in_the_old_lane_again_leaves_it(ledger):
    """By somebody who did not know of the new priority yet."""
    await queued(ledger, *(a_spec(number) for number in range(2)))
    await ledger.prioritise("j", "low")
    (old,) = await ledger.line_up("j", "", "normal")
    (new,) = await ledger.line_up("j", "", "low")
    assert await ledger.top_up(old, 5) == []
    assert len(await ledger.top_up(new, 5)) == 2


async def test_the_priority_of_a_job_that_ended_stays(ledger):
    await queued(ledger)
    await ledger.move_job("j", JobState.FAILED, "It broke.", "retryable")
    assert not await ledger.prioritise("j", "high")


async def test_an_attempt_that_ended_on_purpose_is_no_mishap(ledger):
    (task,) = await queued(ledger)
    await taken(ledger, task)
    await ledger.give_up("L", Setback("Stopped.", 0.0, Outcome.CANCELLED))
    assert await ledger.mishaps("j", 10) == []
    assert (await ledger.history("j", TaskKind.VIDEO, "720p", 0))[1][0].outcome == "cancelled"
