"""What every ledger promises of jobs, chunks, tasks and workers, and of itself."""

import asyncio
import dataclasses
from fractions import Fraction

import pytest
from ledger_steps import a_chunk, a_job, a_part, a_spec, embedded, leased, offered, queued, shaken_too, state

from fallow.adapters.ledger_database import Database
from fallow.adapters.ledger_sql import SqlLedger
from fallow.errors import BadSetting, Conflict, NotFound, StorageFull
from fallow.model import (
    Effort,
    JobState,
    Source,
    TaskKind,
    TaskState,
    Track,
    VideoTrack,
)
from fallow.records import Outcome as How
from fallow.records import Setback

url = shaken_too


async def test_a_task_says_which_encoder_it_needs_wherever_it_is_told_of(ledger):
    (task,) = await queued(ledger, dataclasses.replace(a_spec(), encoder="libsvtav1"))
    taken = await ledger.lease(task.id, "L", "w", 1030.0, 5e9)
    found = [task, taken, await ledger.task(task.id), *await ledger.tasks("j"), *await ledger.running("j")]
    assert [each.spec.encoder for each in found] == ["libsvtav1"] * 5


# jobs


async def test_a_job_comes_back_as_it_was(ledger):
    assert await ledger.create_job(a_job())
    assert await ledger.job("j") == a_job()
    assert not await ledger.create_job(dataclasses.replace(a_job(), name="other"))
    assert (await ledger.job("j")).name == "film.mov"


async def test_no_such_job_task_lease(ledger):
    for call in (ledger.job("x"), ledger.task("x"), ledger.attempt("x"), ledger.commit("x", a_part(), Effort())):
        with pytest.raises(NotFound):
            await call


async def test_jobs_are_listed_newest_first(ledger):
    for number in range(3):
        await ledger.create_job(a_job(f"j{number}", created=float(number)))
    assert [job.id for job in await ledger.jobs(2)] == ["j2", "j1"]


async def test_only_legal_moves_and_only_once(ledger):
    await ledger.create_job(a_job(state=JobState.UPLOADING))
    assert not await ledger.move_job("j", JobState.JOINING)
    assert await ledger.move_job("j", JobState.SPLITTING)
    assert not await ledger.move_job("j", JobState.SPLITTING)
    assert await ledger.unfinished_jobs() == ["j"]
    assert await ledger.move_job("j", JobState.FAILED, "It broke.", "rejected")
    job = await ledger.job("j")
    assert (job.error, job.error_kind, await ledger.unfinished_jobs()) == ("It broke.", "rejected", [])
    assert await ledger.move_job("j", JobState.SPLITTING)
    assert (await ledger.job("j")).error == ""


async def test_one_of_many_callers_moves_the_job(ledger):
    await ledger.create_job(a_job())
    moved = await asyncio.gather(*(ledger.move_job("j", JobState.ENCODING) for _ in range(20)))
    assert sum(moved) == 1


async def test_an_upload_is_noted_while_its_job_waits_for_it(ledger, time):
    await ledger.create_job(a_job(state=JobState.UPLOADING))
    time.now = 2000.0
    assert await ledger.saw_upload("j")
    assert (await ledger.job("j")).updated == 2000.0
    await ledger.move_job("j", JobState.SPLITTING)
    time.now = 3000.0
    assert not await ledger.saw_upload("j")
    assert not await ledger.saw_upload("none")
    assert (await ledger.job("j")).updated == 2000.0


async def test_the_source_and_results_are_kept(ledger):
    await ledger.create_job(a_job())
    video = VideoTrack(
        "h264", 1920, 1080, Fraction(1), 0, "yuv420p", 8, Fraction(1, 90000), Fraction(25), 500, interlaced=False
    )
    source = Source("mov", 1000, Fraction(1, 3), Fraction(20), video, warnings=("No sound.",))
    await ledger.set_source("j", source)
    assert (await ledger.job("j")).source == source
    assert await ledger.set_result("j", "720p", a_part(), {"size": 5})
    assert not await ledger.set_result("j", "720p", a_part("other"), {"size": 6})
    first, second = (await ledger.job("j")).renditions
    assert (first.result, first.facts, second.result) == (a_part(), {"size": 5}, None)


async def test_a_job_may_turn_out_to_want_fewer_renditions(ledger):
    await ledger.create_job(a_job())
    await ledger.create_job(a_job("other"))
    await ledger.drop_renditions("j", ["720p", "none"])
    await ledger.drop_renditions("j", [])
    assert [rendition.name for rendition in (await ledger.job("j")).renditions] == ["480p"]
    assert len((await ledger.job("other")).renditions) == 2
    await ledger.set_result("j", "480p", a_part(), {})
    await ledger.drop_renditions("j", ["480p"])  # it is there: too late
    assert len((await ledger.job("j")).renditions) == 1


async def test_an_ended_job_can_be_forgotten(ledger):
    task = await leased(ledger)
    with pytest.raises(Conflict, match="cancel it first"):
        await ledger.forget_job("j")
    await ledger.move_job("j", JobState.CANCELLED)
    await ledger.forget_job("j")
    with pytest.raises(NotFound):
        await ledger.task(task.id)
    assert (await ledger.jobs(), await ledger.attempts("j")) == ([], [])
    await ledger.forget_job("j")


# chunks and tasks


async def test_a_chunk_is_recorded_once_with_its_tasks(ledger):
    await ledger.create_job(a_job())
    assert await ledger.add_chunk(a_chunk(), [a_spec(0, "720p"), a_spec(0, "480p")])
    assert not await ledger.add_chunk(a_chunk(), [a_spec(0, "720p"), a_spec(0, "480p")])
    assert await ledger.chunks("j") == [a_chunk()]
    assert [task.spec.rendition for task in await ledger.tasks("j")] == ["480p", "720p"]


async def test_chunks_recorded_at_once_by_many_are_recorded_once(ledger):
    await ledger.create_job(a_job())
    added = await asyncio.gather(*(ledger.add_chunk(a_chunk(n % 5), [a_spec(n % 5)]) for n in range(50)))
    assert (sum(added), len(await ledger.tasks("j"))) == (5, 5)


async def test_a_chunk_of_no_job_is_refused(ledger):
    with pytest.raises(Conflict, match="gone"):
        await ledger.add_chunk(a_chunk(), [])


async def test_a_lease_of_another_tasks_name_is_refused(ledger):
    first, second = await queued(ledger, a_spec(0), a_spec(1))
    assert await ledger.lease(first.id, "L", "w", 1030.0, 5000.0)
    with pytest.raises(Conflict, match="already"):
        await ledger.lease(second.id, "L", "w", 1030.0, 5000.0)
    assert await state(ledger, second) is TaskState.QUEUED


async def test_tracks_are_recorded(ledger):
    await ledger.create_job(a_job())
    track = Track("j", TaskKind.AUDIO, 0, "jobs/j/tracks/a0", "nut", 10, "ab")
    assert await ledger.add_track(track, [a_spec(0, "aac", kind=TaskKind.AUDIO)])
    assert not await ledger.add_track(track, [])
    assert await ledger.tracks("j") == [track]


async def test_a_lost_object_is_replaced_once_and_its_tasks_take_the_new_one(ledger, time):
    await ledger.create_job(a_job())
    await ledger.add_chunk(a_chunk(), [a_spec(0)])
    await ledger.add_chunk(a_chunk(1), [a_spec(1)])
    (task, other) = await offered(ledger, "j", 2)
    await ledger.lease(task.id, "l", "w", 2000, 2000)
    await ledger.give_up("l", Setback("It is lost.", 1100, How.CANCELLED))
    new = dataclasses.replace(a_chunk(), key="again", size=11, sha256="cd")
    spec = dataclasses.replace(a_spec(0), get_key="again", get_bytes=11, get_sha256="cd")
    assert not await ledger.replace(dataclasses.replace(a_chunk(), key="older"), new, [spec])
    assert await offered(ledger, "j", 2) == []
    assert await ledger.replace(a_chunk(), new, [spec])
    assert not await ledger.replace(a_chunk(), new, [spec])
    assert await ledger.chunks("j") == [new, a_chunk(1)]
    assert (await ledger.task(task.id)).spec == spec
    assert [again.id for again in await offered(ledger, "j", 2)] == [task.id]
    assert (await ledger.task(other.id)).spec == a_spec(1)


async def test_a_lost_track_is_replaced(ledger):
    await ledger.create_job(a_job())
    old = Track("j", TaskKind.AUDIO, 0, "jobs/j/tracks/a0", "nut", 10, "ab")
    await ledger.add_track(old, [])
    new = dataclasses.replace(old, key="again")
    assert not await ledger.replace(dataclasses.replace(old, index=1), dataclasses.replace(new, index=1), [])
    assert await ledger.replace(old, new, [])
    assert await ledger.tracks("j") == [new]


async def test_planning_is_idempotent(ledger):
    await ledger.create_job(a_job())
    assert await ledger.plan([a_spec(0), a_spec(1)]) == 2
    assert await ledger.plan([a_spec(1), a_spec(2)]) == 1
    task = (await ledger.tasks("j"))[0]
    assert (await ledger.task(task.id)).spec == a_spec(0)
    assert task.spec == dataclasses.replace(a_spec(0), recipe={})


async def test_tasks_are_tallied(ledger):
    first, _ = await queued(ledger, a_spec(0), a_spec(1))
    await ledger.lease(first.id, "L", "w", 1030.0, 5000.0)
    await ledger.renew("L", 1040.0, 100, 30.0)
    await ledger.plan([a_spec(2), a_spec(0, "480p")])
    tally = {(t.rendition, t.state): (t.tasks, t.frames, t.done_frames, t.fps) for t in await ledger.tally("j")}
    assert tally == {
        ("720p", TaskState.LEASED): (1, 250, 100, 30.0),
        ("720p", TaskState.QUEUED): (1, 250, 0, 0.0),
        ("720p", TaskState.PLANNED): (1, 250, 0, 0.0),
        ("480p", TaskState.PLANNED): (1, 250, 0, 0.0),
    }
    (running,) = await ledger.running("j")
    assert (running.id, running.worker, running.done_frames) == (first.id, "w", 100)


async def test_whether_some_tasks_of_a_rendition_are_not_done(ledger):
    first, second = await queued(ledger, a_spec(0), a_spec(1))
    await ledger.plan([a_spec(0, "480p"), a_spec(0, kind=TaskKind.JOIN)])
    for task in (first, second):
        assert await ledger.unfinished(first)
        await ledger.lease(task.id, task.id, "w", 1030.0, 5000.0)
        assert await ledger.commit(task.id, a_part(), Effort())
    assert not await ledger.unfinished(first)
    await ledger.reopen(first.id, "The part is gone.")
    assert await ledger.unfinished(second)


async def test_the_last_task_is_known_as_such(ledger):
    split, task = await queued(ledger, a_spec(0, "", kind=TaskKind.SPLIT), a_spec(0))
    await ledger.lease(split.id, "S", "w", 1030.0, 5000.0)
    assert not await ledger.is_last("j")
    await ledger.commit("S", a_part(), Effort())
    assert not await ledger.is_last("j")
    await ledger.lease(task.id, "L", "w", 1030.0, 5000.0)
    await ledger.plan([a_spec(0, kind=TaskKind.JOIN)])
    assert await ledger.is_last("j")
    await ledger.create_job(a_job("other", JobState.UPLOADING))
    assert not await ledger.is_last("j")
    await ledger.move_job("other", JobState.CANCELLED)
    assert await ledger.is_last("j")


# the database itself


async def test_a_ledger_is_there_again_after_it_was_closed(url):
    ledger = await SqlLedger.open(url)
    await ledger.create_job(a_job())
    await ledger.close()
    ledger = await SqlLedger.open(url)
    assert await ledger.job("j") == a_job()
    await ledger.close()


async def test_a_ledger_of_a_newer_schema_is_refused(url):
    database = await Database.open(url)
    await database.write(lambda db: db.exec_driver_sql("UPDATE schema_version SET version = 99"))
    await database.close()
    with pytest.raises(BadSetting, match=r"schema 99.*newer Fallow"):
        await SqlLedger.open(url)


async def test_urls_that_are_no_ledger_are_refused(tmp_path):
    for bad in ("nonsense", "oracle://x", f"sqlite:///{tmp_path}/no/such/folder/x.db"):
        with pytest.raises(BadSetting):
            await SqlLedger.open(bad)


async def test_a_file_that_is_no_ledger_is_refused(tmp_path):
    (tmp_path / "x.db").write_bytes(b"This is a letter to my bank. " * 1000)
    with pytest.raises(BadSetting, match="no ledger"):
        await SqlLedger.open(tmp_path / "x.db")


async def test_a_path_may_hold_any_character(tmp_path):
    ledger = await SqlLedger.open(tmp_path / "50% of #1?.db")
    await ledger.close()
    assert (tmp_path / "50% of #1?.db").exists()


async def test_readers_and_writers_at_once_are_never_told_that_the_ledger_is_locked(ledger):
    await queued(ledger, *(a_spec(number) for number in range(20)))

    async def use(number):
        task = (await ledger.tasks("j"))[number]
        await ledger.lease(task.id, f"L{number}", "w", 1030.0, 5000.0)
        await ledger.renew(f"L{number}", 1040.0, 1, 1.0)
        await ledger.tally("j")
        return await ledger.commit(f"L{number}", a_part(f"k{number}"), Effort())

    assert all(await asyncio.gather(*(use(number) for number in range(20))))


@embedded
async def test_a_full_disk_says_so(ledger):
    await ledger.create_job(a_job())

    def fill(db):
        db.exec_driver_sql("PRAGMA max_page_count = 1")
        db.exec_driver_sql("CREATE TABLE big (x TEXT)")
        db.exec_driver_sql("INSERT INTO big VALUES (hex(randomblob(1000000)))")

    with pytest.raises(StorageFull, match="free some"):
        await ledger._database.write(fill)
    assert (await ledger.job("j")).name == "film.mov"
