"""Results of many files, in every ledger."""

import asyncio
import dataclasses

from ledger_steps import a_job, a_part, a_spec, offered, shaken_too

from fallow.model import JobState, TaskKind, Track
from fallow.records import File, Package

url = shaken_too


def a_package(number, chunks=0, lease="L", **made):
    return Package("j", number, chunks, made or {"step": number}, f"jobs/j/results/{lease}/texts/{number}")


def a_file(name, lease="L"):
    return File("j", name, f"jobs/j/results/{lease}/{name}", 10, "ab" * 32)


async def test_a_result_grows_step_by_step(ledger):
    await ledger.create_job(a_job())
    assert (await ledger.newest_package("j"), await ledger.packages("j"), await ledger.files("j")) == (None, [], [])
    steps = [a_package(0), a_package(1, 1), a_package(2, 2, text="x" * 100_000)]
    for step in steps:
        assert await ledger.add_package(step, [a_file(f"video/{step.number}.m4s"), a_file(f"a/{step.number}.m4s")])
    assert await ledger.packages("j") == steps
    assert await ledger.newest_package("j") == steps[-1]
    names = [f"{folder}/{number}.m4s" for folder in ("a", "video") for number in range(3)]
    assert await ledger.files("j") == [a_file(name) for name in names]
    assert await ledger.file("j", "video/1.m4s") == a_file("video/1.m4s")
    assert await ledger.file("j", "video/9.m4s") is None
    assert await ledger.file("k", "video/1.m4s") is None


async def test_of_two_who_take_the_same_step_one_does(ledger):
    await ledger.create_job(a_job())
    assert await ledger.add_package(a_package(0, lease="A"), [a_file("0.m4s", "A")])
    assert not await ledger.add_package(a_package(0, lease="B"), [a_file("0.m4s", "B"), a_file("1.m4s", "B")])
    assert await ledger.files("j") == [a_file("0.m4s", "A")]
    assert [package.texts for package in await ledger.packages("j")] == ["jobs/j/results/A/texts/0"]


async def test_of_many_who_take_the_same_step_at_once_one_does(ledger):
    await ledger.create_job(a_job())
    leases = "ABCDEF"
    calls = [ledger.add_package(a_package(0, lease=one), [a_file("0.m4s", one)]) for one in leases]
    won = await asyncio.gather(*calls)
    assert won.count(True) == 1
    winner = leases[won.index(True)]
    assert await ledger.files("j") == [a_file("0.m4s", winner)]
    assert [package.texts for package in await ledger.packages("j")] == [f"jobs/j/results/{winner}/texts/0"]


async def test_a_forgotten_job_has_no_files(ledger):
    await ledger.create_job(a_job())
    await ledger.add_package(a_package(0), [a_file("0.m4s")])
    await ledger.set_result("j", "720p", a_part(), {})
    await ledger.move_job("j", JobState.CANCELLED)
    await ledger.forget_job("j")
    assert (await ledger.packages("j"), await ledger.files("j")) == ([], [])


async def test_no_step_follows_one_that_is_gone(ledger):
    await ledger.create_job(a_job())
    assert not await ledger.add_package(a_package(1), [a_file("1.m4s")])
    assert (await ledger.packages("j"), await ledger.files("j")) == ([], [])


async def test_a_result_goes_with_chunks_that_are_in_it(ledger):
    await ledger.create_job(a_job())
    steps = [a_package(0), a_package(1, 1), a_package(2, 2)]
    for step in steps:
        await ledger.add_package(step, [a_file(f"{step.number}.m4s")])
    await ledger.discard("j", 2)
    assert await ledger.packages("j") == steps
    await ledger.discard("j", 1)
    assert (await ledger.packages("j"), await ledger.files("j")) == ([], [])
    assert not await ledger.add_package(a_package(3, 3), [])  # by who goes on with what was there
    assert await ledger.add_package(a_package(0, lease="B"), [a_file("0.m4s", "B")])


async def test_sections_go_together_with_what_was_made_of_them(ledger):
    await ledger.create_job(a_job())
    whole = Track("j", TaskKind.AUDIO, 0, "jobs/j/tracks/a0", "nut", 10, "ab")
    text = dataclasses.replace(whole, kind=TaskKind.TEXT)
    sections = [dataclasses.replace(whole, index=1, key=f"s{n}", section=n) for n in range(2)]
    for track in (whole, text, *sections):
        assert await ledger.add_track(track, [a_spec(track.number, "aac", kind=track.kind)])
    await ledger.add_package(a_package(0), [a_file("0.m4s")])
    assert await ledger.tracks("j") == [whole, *sections, text]
    (task,) = [task for task in await ledger.tasks("j") if task.spec.number == sections[1].number]
    await offered(ledger, "j", 9)
    await ledger.lease(task.id, "L", "w", 1030.0, 5000.0)
    await ledger.discard_sections("j")
    assert await ledger.tracks("j") == [whole, text]
    assert [(t.spec.kind, t.spec.number) for t in await ledger.tasks("j")] == [
        (TaskKind.AUDIO, 0),
        (TaskKind.TEXT, 0),
    ]
    assert (await ledger.packages("j"), await ledger.attempts("j")) == ([], [])
    assert not await ledger.renew("L", 1040.0, 0, 0.0)
    await ledger.discard_sections("j")
