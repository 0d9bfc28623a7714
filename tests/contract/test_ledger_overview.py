"""What every ledger tells those who show jobs to people."""

import dataclasses
from types import SimpleNamespace

import pytest
from ledger_steps import a_job, a_part, a_spec, offered, queued, transactions

from fallow.errors import NotFound
from fallow.model import Effort, JobKind, JobState, TaskKind, TaskState, Worker
from fallow.overview import Cell, Cost, Wanted
from fallow.pipeline.context import Context
from fallow.records import Setback
from fallow.services.summaries import Summaries


async def listed(ledger, **wanted):
    return [job.id for job in await ledger.list_jobs(Wanted(**wanted))]


async def some_jobs(ledger, *created):
    for number, when in enumerate(created):
        await ledger.create_job(a_job(f"j{number}", created=when))


async def test_a_list_goes_on_where_it_ended_while_jobs_come_and_go(ledger):
    await some_jobs(ledger, 1.0, 2.5, 2.5, 4.0)
    assert await listed(ledger, limit=2) == ["j3", "j1"]
    await ledger.create_job(a_job("new", created=5.0))
    await ledger.move_job("j1", JobState.CANCELLED)
    await ledger.forget_job("j1")
    assert await listed(ledger, limit=2, after=(2.5, "j1")) == ["j2", "j0"]
    assert await listed(ledger, after=(1.0, "j0")) == []


async def test_jobs_are_chosen_by_state_text_and_owner(ledger):
    await some_jobs(ledger, 1.0, 2.0)
    await ledger.create_job(dataclasses.replace(a_job("mine"), name="Größe_100%.MOV", owner="ann"))
    await ledger.move_job("j0", JobState.CANCELLED)
    assert await listed(ledger, states=(JobState.CANCELLED,)) == ["j0"]
    assert sorted(await listed(ledger, states=(JobState.CANCELLED, JobState.SPLITTING))) == ["j0", "j1", "mine"]
    assert await listed(ledger, text="FILM") == ["j1", "j0"]
    assert await listed(ledger, text="_100%.mov") == ["mine"]
    assert await listed(ledger, text="j1") == ["j1"]
    assert await listed(ledger, text="%") == ["mine"]
    await ledger.create_job(a_job("quality of mine"))
    assert await listed(ledger, kind=JobKind.QUALITY) == ["quality of mine"]
    assert sorted(await listed(ledger, kind=JobKind.ENCODE)) == ["j0", "j1", "mine"]
    assert await listed(ledger, owner="ann") == ["mine"]
    assert await listed(ledger, owner="bob") == []


async def test_many_jobs_are_counted_in_one_question(ledger):
    for number in range(30):
        await ledger.create_job(a_job(f"j{number}"))
        await ledger.plan([a_spec(job=f"j{number}"), a_spec(1, job=f"j{number}", cost=3.0)])
    names = [f"j{number}" for number in range(30)]
    with transactions() as counted:
        tallies = await ledger.tallies(names)
    assert counted == {"read": 1}
    assert set(tallies) == set(names)
    (tally,) = tallies["j7"]
    assert (tally.state, tally.tasks, tally.frames, tally.cost) == (TaskState.PLANNED, 2, 500, 4.0)
    assert await ledger.tally("j7") == tallies["j7"]
    assert await ledger.tallies([]) == {}
    assert {job.id for job in await ledger.jobs_named([*names, "none"])} == set(names)


async def test_energy_is_told_with_how_it_is_known_and_only_when_all_of_it_is(ledger, time):
    one, other, third, split = await queued(
        ledger, *(a_spec(n) for n in range(3)), a_spec(0, "", kind=TaskKind.SPLIT)
    )
    for task in (one, other, third, split):
        await ledger.lease(task.id, task.id, "w", 1030.0, 5e9)
    known = {"wall_seconds": 2.0, "frames": 250, "encoder": "7.1"}
    await ledger.commit(one.id, a_part(), Effort(**known, joules=30.0, meter="rapl"))
    await ledger.commit(split.id, a_part(), Effort(wall_seconds=5.0))  # beside the store: no worker's
    await ledger.give_up(other.id, Setback("It broke.", 0.0, effort=Effort(**known, joules=12.5, meter="model")))
    energy = (await ledger.costs(["j"]))["j"].energy
    assert (energy.total, energy.known_by) == (42.5, ["model", "rapl"])
    found = {attempt.task: (attempt.effort.joules, attempt.effort.meter) for attempt in await ledger.attempts("j")}
    assert (found[one.id], found[other.id], found[third.id]) == ((30.0, "rapl"), (12.5, "model"), (0.0, ""))
    await ledger.commit(third.id, a_part(), Effort(**known))
    assert (await ledger.costs(["j"]))["j"].energy.total is None


async def test_costs_and_paces_are_of_what_was_worked(ledger, time):
    other, one = await queued(ledger, a_spec(0), a_spec(1, cost=3.0))
    for task, lease in ((one, "L"), (other, "M")):
        await ledger.lease(task.id, lease, "w", 1030.0, 5e9)
        time.now += 10
    await ledger.commit("L", a_part(), Effort(2.0, 1.5, 250))
    await ledger.give_up("M", Setback("It broke.", 0.0, effort=Effort(1.0, 0.5)))
    assert await ledger.costs(["j", "none"]) == {"j": Cost(3.0, 2.0)}
    pace = (await ledger.paces(1015.0))["j"]
    assert (pace.work, pace.since) == (1.0, 1000.0)
    assert await ledger.paces(1021.0) == {}


async def test_whatever_changes_of_a_job_changes_its_pulse(ledger, time):
    seen = []

    async def new():
        time.now += 1
        found = (await ledger.pulses()).get("j")
        assert found not in seen
        seen.append(found)
        assert (await ledger.pulses()).get("j") == found

    await new()
    for change in (
        lambda: ledger.create_job(a_job(state=JobState.UPLOADING)),
        lambda: ledger.saw_upload("j"),
        lambda: ledger.move_job("j", JobState.SPLITTING),
        lambda: ledger.plan([a_spec()]),
        lambda: offered(ledger),
        lambda: ledger.lease("j.video.720p.00000", "L", "w", 1030.0, 5e9),
        lambda: ledger.renew("L", 1031.0, 10, 5.0),
        lambda: ledger.renew("L", 1032.0, 20, 5.0),
        lambda: ledger.commit("L", a_part(), Effort()),
        lambda: ledger.pause("j"),
        lambda: ledger.resume("j"),
        lambda: ledger.prioritise("j", "low"),
        lambda: ledger.move_job("j", JobState.CANCELLED),
    ):
        await change()
        await new()
    await ledger.forget_job("j")
    assert await ledger.pulses() == {}


async def test_cells_crew_and_names(ledger, time):
    one, other, third = await queued(ledger, a_spec(0), a_spec(1), a_spec(2))
    await ledger.add_worker(Worker("w", "pi"), "aa")
    for task, worker in ((one, "w"), (other, "v"), (third, "w")):
        await ledger.lease(task.id, f"L{task.spec.number}", worker, 1030.0, 5e9)
        time.now += 1
    await ledger.renew("L0", 1031.0, 125, 5.0)
    await ledger.give_up("L1", Setback("It broke.", 0.0))
    await ledger.commit("L2", a_part(), Effort())
    assert sorted(await ledger.cells("j")) == [
        Cell("720p", 0, "leased", 0, "w", 125, 250),
        Cell("720p", 1, "planned", 1, "", 0, 250),
        Cell("720p", 2, "done", 0, "", 0, 250),
    ]
    assert await ledger.crew("j") == ["w", "v"]
    assert await ledger.names(["w", "v"]) == {"w": "pi"}
    spans = await ledger.spans("j")
    assert [(span.worker, span.number, span.ended is None, span.outcome) for span in spans] == [
        ("w", 0, True, ""),
        ("v", 1, False, "failed"),
        ("w", 2, False, "delivered"),
    ]


async def test_a_chunk_has_its_history_and_a_job_its_mishaps(ledger, time):
    (task,) = await queued(ledger)
    for lease in ("L", "M"):
        await ledger.lease(task.id, lease, "w", 1030.0, 5e9)
        await ledger.give_up(lease, Setback(f"{lease} broke.", 0.0))
        time.now += 1
        await offered(ledger)
    found, attempts = await ledger.history("j", TaskKind.VIDEO, "720p", 0)
    assert (found.id, [attempt.error for attempt in attempts]) == (task.id, ["L broke.", "M broke."])
    mishaps = await ledger.mishaps("j", 10)
    assert [(one.error, one.task, one.rendition, one.worker, one.at) for one in mishaps] == [
        ("M broke.", task.id, "720p", "w", 1001.0),
        ("L broke.", task.id, "720p", "w", 1000.0),
    ]
    assert len(await ledger.mishaps("j", 1)) == 1
    with pytest.raises(NotFound):
        await ledger.history("j", TaskKind.VIDEO, "720p", 1)


async def test_a_page_of_a_hundred_jobs_takes_four_questions(ledger, time):
    for number in range(101):
        await ledger.create_job(a_job(f"j{number}", created=float(number)))
        await ledger.plan([a_spec(job=f"j{number}")])
    ctx = Context(*[None] * 2, ledger, SimpleNamespace(now=time), None)
    with transactions() as counted:
        summaries = await Summaries(ctx).of(await ledger.list_jobs(Wanted(100)))
    assert [summary.id for summary in summaries] == [f"j{number}" for number in range(100, 0, -1)]
    assert {summary.frames_total for summary in summaries} == {250}
    assert counted == {"read": 4}
