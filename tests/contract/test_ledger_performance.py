"""What every ledger counts."""

import dataclasses
from fractions import Fraction

from ledger_steps import a_job, a_part, a_spec, offered, queued

from fallow.fleet import Burning, Failures, Labour, Making, Ordered, Output, Period
from fallow.model import Effort, Source, TaskKind, VideoTrack, Worker
from fallow.records import Outcome as How
from fallow.records import Setback

VIDEO = VideoTrack("h264", 640, 360, Fraction(1), 0, "yuv420p", 8, Fraction(1, 25), Fraction(30000, 1001), 9, False)
ALL = Period(0.0, 1e10)


async def delivered(ledger, time, at, task, worker="w", effort=None):
    time.now = at
    lease = f"L{task.id}"
    await ledger.lease(task.id, lease, worker, at + 30, at + 5000)
    await ledger.commit(lease, a_part(), effort or Effort(10.0, 8.0, 250, 1, 1000))


async def test_what_was_delivered_is_counted_in_stretches(ledger, time):
    specs = [*(a_spec(number) for number in range(3)), a_spec(0, "480p")]
    by_name = {task.id: task for task in await queued(ledger, *specs, a_spec(0, "", kind=TaskKind.SPLIT))}
    first, second, third, small = (by_name[f"j.video.{name}"] for name in (
        "720p.00000", "720p.00001", "720p.00002", "480p.00000"
    ))  # fmt: skip
    await delivered(ledger, time, 1009.9, first)
    await delivered(ledger, time, 1010.0, second)
    await delivered(ledger, time, 1019.0, third)
    await delivered(ledger, time, 1011.0, small)
    await delivered(ledger, time, 1012.0, by_name["j.split.-.00000"])
    whole = [Output(1000.0, "j", "720p", 250, 1000)]
    whole += [Output(1010.0, "j", "480p", 250, 1000), Output(1010.0, "j", "720p", 500, 2000)]
    found = await ledger.outputs(Period(1000.0, 1020.0), 10.0)
    assert sorted(found, key=lambda one: (one.at, one.rendition)) == whole
    assert await ledger.outputs(Period(1000.0, 1009.9), 10.0) == []
    assert [one.at for one in await ledger.outputs(Period(1009.9, 1010.0), 0.05)] == [1009.9]


async def test_which_machines_have_delivered_what_with_which_effort(ledger, time):
    for name, arch in (("w", "aarch64"), ("same", "aarch64"), ("other", "x86_64")):
        machine = {"system": "Linux", "arch": arch, "cores": 8, "memory": 1 << 30, "encoders": ["libx264"]}
        await ledger.add_worker(Worker(name, name, machine), f"token of {name}")
    specs = [a_spec(number) for number in (0, 1, 2, 100_000)]
    first, second, third, late = await queued(ledger, *specs)
    await delivered(ledger, time, 1000.0, first)
    await delivered(ledger, time, 1001.0, second, "same")
    await delivered(ledger, time, 1002.0, third, "other")
    phone = {"system": "Linux", "arch": "aarch64", "cores": 8}
    assert await ledger.labours(Period(1000.0, 1002.0)) == [Labour(phone, "j", "720p", 500, 20.0, 16.0)]
    assert sorted(await ledger.hands(Period(1000.0, 1002.0))) == ["same", "w"]
    assert len(await ledger.labours(ALL)) == 2
    await delivered(ledger, time, 1003.0, late, "forgotten")
    assert Labour({}, "j", "720p", 250, 10.0, 8.0) in await ledger.labours(ALL)


async def test_who_has_spent_which_energy_and_how_that_is_known(ledger, time):
    effort = {"wall_seconds": 10.0, "frames": 250}
    tasks = await queued(ledger, *(a_spec(number) for number in range(4)))
    for task, joules, meter in zip(tasks, (5.0, 7.5, 90.0, 0.0), ("rapl", "rapl", "model", ""), strict=True):
        await delivered(ledger, time, 1000.0, task, effort=Effort(**effort, joules=joules, meter=meter))
    found = sorted(await ledger.burnings(ALL), key=lambda one: one.meter)
    assert found == [
        Burning("w", "j", "720p", "", 250, 0.0),
        Burning("w", "j", "720p", "model", 250, 90.0),
        Burning("w", "j", "720p", "rapl", 500, 12.5),
    ]
    assert await ledger.burnings(Period(0.0, 1000.0)) == []


async def test_what_was_made_last_and_by_whom(ledger, time):
    named = dataclasses.replace(a_spec(1, "my.own"), cost=0.5)
    found = await queued(ledger, a_spec(0), named, a_spec(2))
    first, third, second = sorted(found, key=lambda task: task.spec.rendition)
    await delivered(ledger, time, 1000.0, first)
    await delivered(ledger, time, 1002.0, second, "v")
    await delivered(ledger, time, 1001.0, third)
    own = Making("v", "j", "my.own", 250, 10.0, 1000)
    assert await ledger.makings(1) == [own]
    found = sorted(await ledger.makings(10), key=lambda one: one.worker)
    assert found == [own, Making("w", "j", "720p", 500, 20.0, 2000)]


async def test_what_only_measured_others_work_does_not_count_as_encoding(ledger, time):
    await ledger.create_job(a_job("q1"))
    await ledger.plan([a_spec(0, job="q1")])
    (task,) = await offered(ledger, "q1")
    await delivered(ledger, time, 1000.0, task)
    assert [await ledger.outputs(ALL, 10.0), await ledger.labours(ALL), await ledger.makings(9)] == [[], [], []]


async def test_what_was_ordered_is_known(ledger):
    await ledger.create_job(a_job())
    wanted = [Ordered("j", name, {"name": name}, None) for name in ("480p", "720p")]
    assert sorted(await ledger.ordered(["j", "none"]), key=lambda one: one.rendition) == wanted
    await ledger.set_source("j", Source("mov", 1000, Fraction(0), Fraction(3), VIDEO))
    assert [one.video for one in await ledger.ordered({"j"})] == [VIDEO, VIDEO]
    assert await ledger.ordered([]) == []


async def test_mishaps_are_counted_by_their_words(ledger, time):
    for task in await queued(ledger, *(a_spec(number) for number in range(4))):
        await ledger.lease(task.id, f"L{task.spec.number}", "w", 1030.0, 5000.0)
    for number in range(2):
        await ledger.give_up(f"L{number}", Setback("It broke.", 1000.0))
    await ledger.give_up("L2", Setback("It was lost.", 1000.0, How.EXPIRED))
    await ledger.give_up("L3", Setback("It was stopped.", 1000.0, How.CANCELLED))
    found = sorted(await ledger.failures_by_words(ALL), key=lambda one: one.error)
    assert found == [Failures(How.FAILED, "It broke.", 2), Failures(How.EXPIRED, "It was lost.", 1)]


async def test_profiles_are_saved_for_their_owner_alone(ledger):
    small, large = {"name": "small", "crf": 30.0}, {"name": "large", "crf": 20.0}
    assert await ledger.save_profile("ann", small)
    assert await ledger.save_profile("ann", large)
    assert not await ledger.save_profile("ann", small | {"crf": 31.0})
    assert await ledger.save_profile("bob", large)
    assert [one["name"] for one in await ledger.saved_profiles("ann")] == ["large", "small"]
    assert await ledger.saved_profiles("bob") == [large]
    assert await ledger.drop_profile("ann", "large")
    assert not await ledger.drop_profile("ann", "large")
    assert await ledger.saved_profiles("bob") == [large]
    assert await ledger.saved_profiles("") == []
