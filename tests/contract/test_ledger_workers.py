"""What every ledger promises of workers."""

import dataclasses

import pytest
from ledger_steps import a_part, a_spec, leased, queued

from fallow.errors import NotFound
from fallow.fleet import Deeds, Doing
from fallow.model import Effort, Standing, TaskKind, Worker
from fallow.records import Hedge, Setback
from fallow.records import Outcome as How

PHONE = Worker("w", "phone", {"cores": 8}, local=False, seen=1000.0, registered=1000.0)


async def test_workers_are_known_by_their_token(ledger, time):
    await ledger.add_worker(PHONE, "hash")
    assert await ledger.worker_of_token("hash") == PHONE
    assert await ledger.worker_of_token("other") is None
    time.now = 1060.0
    await ledger.saw_worker("w")
    assert [w.seen for w in await ledger.workers()] == [1060.0]
    await ledger.add_worker(dataclasses.replace(PHONE, name="tablet"), "new hash")
    assert (await ledger.worker_of_token("new hash")).name == "tablet"
    assert await ledger.worker_of_token("hash") is None


async def test_what_people_make_of_a_worker_stays_when_it_registers_again(ledger, time):
    await ledger.add_worker(PHONE, "hash")
    assert await ledger.label_worker("w", "Ann's phone")
    assert await ledger.rank_worker("w", Standing.DRAINING)
    assert await ledger.rank_worker("w", Standing.DRAINING)
    assert await ledger.describe_worker("w", {"cores": 8, "calibrated": {"libx264": 2.5}})
    assert (await ledger.worker("w")).machine == {"cores": 8, "calibrated": {"libx264": 2.5}}
    time.now = 2000.0
    await ledger.add_worker(dataclasses.replace(PHONE, seen=2000.0), "new hash")
    found = await ledger.worker("w")
    assert (found.label, found.called, found.standing) == ("Ann's phone", "Ann's phone", Standing.DRAINING)
    assert (found.registered, found.seen, found.name) == (1000.0, 2000.0, "phone")


async def test_nothing_is_made_of_a_worker_that_is_not_there(ledger):
    assert not await ledger.label_worker("none", "x")
    assert not await ledger.describe_worker("none", {})
    assert not await ledger.rank_worker("none", Standing.BANNED)
    assert not await ledger.forget_worker("none", 5000.0)
    with pytest.raises(NotFound):
        await ledger.worker("none")


async def test_a_worker_is_forgotten_when_it_is_gone_and_has_no_lease(ledger):
    await ledger.add_worker(PHONE, "hash")
    await leased(ledger, worker="w")
    assert not await ledger.forget_worker("w", 5000.0)
    await ledger.give_up("L1", Setback("It was lost.", 1000.0, How.EXPIRED))
    assert not await ledger.forget_worker("w", 1000.0)
    assert await ledger.forget_worker("w", 1000.5)
    assert await ledger.workers() == []


async def test_leases_at_a_home_are_known(ledger):
    for task, worker in zip(await queued(ledger, a_spec(0), a_spec(1)), ("home-1", "hotel-1"), strict=True):
        await ledger.lease(task.id, worker, worker, 1030.0, 5000.0)
    assert [task.lease for task in await ledger.leases_at("home-")] == ["home-1"]
    assert [task.lease for task in await ledger.leases_at("hotel-1")] == ["hotel-1"]
    assert await ledger.leases_at("ho_") == []


async def test_what_workers_are_at_is_told_of_first_and_second_leases(ledger):
    task = await leased(ledger, worker="slow")
    await ledger.renew("L1", 1030.0, 50, 2.5)
    assert await ledger.hedge(Hedge(task.id, "L1", "L2", "quick", 1030.0, 5000.0, 0.1, 10.0))
    await ledger.renew("L2", 1030.0, 80, 9.0)
    what = {"job": "j", "job_name": "film.mov", "task": task.id, "kind": TaskKind.VIDEO}
    what |= {"rendition": "720p", "number": 0, "frames": 250}
    assert sorted(await ledger.doings(), key=lambda one: one.fps) == [
        Doing("slow", done_frames=50, fps=2.5, **what),
        Doing("quick", done_frames=80, fps=9.0, **what),
    ]
    await ledger.commit("L2", a_part(), Effort())
    assert await ledger.doings() == []


async def test_what_workers_have_done_is_summed(ledger, time):
    tasks = await queued(ledger, *(a_spec(number) for number in range(5)))
    for number, task in enumerate(tasks):
        await ledger.lease(task.id, f"L{number}", "w", 1030.0, 5000.0)
    assert await ledger.deeds(0.0) == [Deeds("w", 0, 0, 0, 0.0, 0.0)]
    await ledger.commit("L0", a_part(), Effort(10.0, 5.0, 250))
    time.now = 2000.0
    await ledger.commit("L1", a_part(), Effort(5.0, 5.0, 250))
    await ledger.give_up("L2", Setback("It broke.", 2000.0))
    await ledger.give_up("L3", Setback("It was lost.", 2000.0, How.EXPIRED))
    await ledger.give_up("L4", Setback("It was stopped.", 2000.0, How.CANCELLED))
    assert await ledger.deeds(1500.0) == [Deeds("w", 2, 2, 500, 15.0, 50.0)]
    assert await ledger.deeds(2500.0) == [Deeds("w", 2, 2, 500, 15.0, 0.0)]


async def test_why_a_worker_pauses_is_kept_until_it_registers_again(ledger):
    await ledger.add_worker(PHONE, "hash")
    assert (await ledger.worker("w")).paused == ""
    for reason in ("The battery is hot. " * 20, "The screen is on.", ""):
        assert await ledger.pause_worker("w", reason)
        assert (await ledger.worker_of_token("hash")).paused == reason[:255]
    assert not await ledger.pause_worker("none", "x")
    await ledger.pause_worker("w", "The screen is on.")
    await ledger.add_worker(PHONE, "new hash")
    assert (await ledger.worker("w")).paused == ""
