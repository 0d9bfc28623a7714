"""The pipeline's decisions, with a clock of its own and parts that only say what they hold."""

import asyncio
import dataclasses
import hashlib
import json
from array import array
from fractions import Fraction

import pytest

from fallow.adapters.ledger_sql import SqlLedger
from fallow.adapters.queue_memory import MemoryQueue
from fallow.adapters.store_memory import MemoryStore
from fallow.errors import (
    BrokenPart,
    Conflict,
    EncoderFailed,
    Forbidden,
    NotFound,
    Rejected,
    StorageFull,
    TransferFailed,
)
from fallow.media.frames import SAFE, SHOWN, FrameIndex
from fallow.media.inspect import PartFacts
from fallow.messages import Delivery, Failure, Renewal, to_wire
from fallow.model import Chunk, Effort, JobState, Source, TaskKind, TaskState, VideoTrack
from fallow.pipeline import deliver, dispatch, keys, local_task, submit, sweep
from fallow.pipeline.context import Context, Policy
from fallow.pipeline.job_options import Options
from fallow.pipeline.recipes import timeline, video_recipe
from fallow.ports import PutLink
from fallow.profiles import Profile
from fallow.records import TaskSpec

FRAMES, CHUNK = 75, 25
BIG, SMALL = Profile("big", width=640, height=360), Profile("small", width=320, height=180)
VIDEO = VideoTrack(
    "h264", 640, 360, Fraction(1), 0, "yuv420p", 8, Fraction(1, 25), Fraction(25), FRAMES, interlaced=False
)
SOURCE = Source("mov", 1000, Fraction(0), Fraction(3), VIDEO)
INDEX = FrameIndex(Fraction(1, 25), array("q", range(FRAMES)), bytes([SAFE | SHOWN] * FRAMES), 1, 0)


class Clock:
    """Stands still unless told."""

    def __init__(self):
        self.time = 1_000_000.0

    def now(self):
        return self.time

    async def sleep(self, seconds):
        await asyncio.sleep(0)
        self.time += seconds


class Links:
    async def get_link(self, key, seconds):
        return f"get {key}"

    async def put_link(self, key, seconds, most):
        return PutLink(f"put {key}")


@pytest.fixture
async def ctx(tmp_path, monkeypatch):
    def inspect(reader, container):
        said = json.loads(reader.at(0, 1000))
        begin = Fraction(said.pop("begin"))
        return PartFacts("h264", **said, begin=begin)

    monkeypatch.setattr(deliver, "inspect_video", inspect)
    clock = Clock()
    ledger = await SqlLedger.open(f"sqlite:///{tmp_path}/l.db", clock.now)
    made = Context(MemoryQueue(), MemoryStore(), ledger, clock, Links(), Policy(attempts=3))
    yield made
    await ledger.close()


async def a_job(ctx, *profiles, **options):
    """A job whose source is stored, and whose split task waits."""
    job, _ = await submit.create(ctx, "film.mov", profiles or [BIG], Options(**options))
    await ctx.store.put(job.source_key, b"source")
    await submit.start(ctx, job.id)
    return job.id


async def splitting(ctx, *profiles, **options):
    """A job of which the splitter has probed the source."""
    job = await a_job(ctx, *profiles, **options)
    await ctx.ledger.set_source(job, SOURCE)
    await ctx.store.put(keys.index(job), INDEX.to_bytes())
    message = await ctx.queue.get(["split.normal"], 1)
    return job, await dispatch.claim(ctx, message, "splitter")


async def ship(ctx, job_id, number):
    """What the splitter does with each chunk."""
    job = await ctx.ledger.job(job_id)
    lo = number * CHUNK
    chunk = Chunk(job_id, number, f"jobs/{job_id}/chunks/{number}", "mpegts", lo, lo + CHUNK, 0, 0, 10, "ab")
    await ctx.store.put(chunk.key, b"0123456789")
    profiles = [BIG, SMALL][: len(job.renditions)]
    tasks = [a_spec(chunk, profile, bool(job.options["accept_damaged"])) for profile in profiles]
    assert await ctx.ledger.add_chunk(chunk, tasks)
    await dispatch.advance(ctx, job_id)


def a_spec(chunk, profile, accept_damaged):
    recipe = video_recipe(SOURCE, INDEX, chunk, profile, timeline(INDEX, profile, SOURCE))
    recipe = dataclasses.replace(recipe, accept_damaged=accept_damaged)
    wire = to_wire(recipe)
    identity = (chunk.job, TaskKind.VIDEO, profile.name, chunk.number)
    return TaskSpec(*identity, wire, chunk.key, chunk.size, chunk.sha256, CHUNK, 1.0)


async def split_done(ctx, task):
    from fallow.model import Part

    await ctx.ledger.commit(task.lease, Part(keys.index(task.spec.job), 1, "", FRAMES, ""), Effort())
    await dispatch.advance(ctx, task.spec.job)


async def encoding(ctx, *profiles, **options):
    """A job whose three chunks wait for workers."""
    job, split = await splitting(ctx, *profiles, **options)
    for number in range(3):
        await ship(ctx, job, number)
    await split_done(ctx, split)
    return job


async def upload(ctx, grant, frames=CHUNK, headers="h", **other):
    """What a worker does before it delivers."""
    recipe = grant.typed_recipe
    picture = {"width": recipe.width, "height": recipe.height, "begin": str(recipe.start)}
    data = json.dumps({"frames": frames, "headers": headers, **picture, **other}).encode()
    await ctx.store.put(grant.put_url.removeprefix("put "), data)
    return Delivery(len(data), hashlib.sha256(data).hexdigest(), frames, Effort(2.0, 1.0, frames))


async def lease(ctx, worker="w"):
    return await dispatch.lease(ctx, worker, 0.0, dispatch.claim)


async def work(ctx, worker="w", **made):
    """Lease one task and deliver it."""
    grant = await lease(ctx, worker)
    return grant, await deliver.deliver(ctx, worker, grant.lease, await upload(ctx, grant, **made))


async def later(ctx, seconds=100.0):
    ctx.clock.time += seconds
    await sweep.sweep(ctx)


async def state(ctx, job):
    return (await ctx.ledger.job(job)).state


# the way of a job


async def test_chunks_are_encoded_while_the_rest_is_split(ctx):
    job, split = await splitting(ctx)
    await ship(ctx, job, 0)
    grant, receipt = await work(ctx)
    assert (receipt.first, grant.job, grant.attempt, grant.kind) == (True, job, 1, TaskKind.VIDEO)
    assert await state(ctx, job) is JobState.SPLITTING
    assert await lease(ctx) is None
    await split_done(ctx, split)
    assert await ctx.queue.get(["join.normal"], 0) is not None


async def test_a_join_is_planned_when_the_last_part_is_there_and_not_before_the_split_is_done(ctx):
    job, split = await splitting(ctx)
    await ship(ctx, job, 0)
    await work(ctx)
    assert await ctx.queue.get(["join.normal"], 0) is None
    await ship(ctx, job, 1)
    await split_done(ctx, split)
    assert await ctx.queue.get(["join.normal"], 0) is None
    await work(ctx)
    assert await state(ctx, job) is JobState.JOINING
    assert await ctx.queue.get(["join.normal"], 0) is not None
    assert await ctx.queue.get(["join.normal"], 0) is None


async def test_one_rendition_is_joined_while_another_is_encoded(ctx):
    job = await encoding(ctx, BIG, SMALL)
    done = 0
    while done < 3:
        grant = await lease(ctx)
        if "/big/" in grant.put_url:
            await deliver.deliver(ctx, "w", grant.lease, await upload(ctx, grant))
            done += 1
    assert await ctx.queue.get(["join.normal"], 0) is not None
    assert await state(ctx, job) is JobState.ENCODING


async def test_a_finished_job_keeps_its_results_and_nothing_else(ctx):
    from fallow.model import Part

    job = await encoding(ctx)
    for _ in range(3):
        await work(ctx)
    join = await dispatch.claim(ctx, await ctx.queue.get(["join.normal"], 0), "joiner")
    key = keys.result(job, "big", join.lease, "mp4")
    await ctx.store.put(key, b"film")
    assert await ctx.ledger.set_result(job, "big", Part(key, 4, "", FRAMES, ""), {})
    await ctx.ledger.commit(join.lease, Part(key, 4, "", FRAMES, ""), Effort())
    await dispatch.advance(ctx, job)
    assert await state(ctx, job) is JobState.DONE
    assert [facts.key async for facts in ctx.store.list("")] == [key]


async def test_only_a_window_of_tasks_is_offered(ctx):
    narrow = dataclasses.replace(ctx, policy=Policy(window=2))
    await encoding(narrow, BIG, SMALL)
    first, second = await lease(narrow), await lease(narrow)
    assert await lease(narrow) is None
    await deliver.deliver(narrow, "w", first.lease, await upload(narrow, first))
    third = await lease(narrow)
    assert third.task not in (first.task, second.task)


async def test_only_the_last_task_of_all_may_use_idle_cores(ctx):
    job, split = await splitting(ctx)
    for number in range(3):
        await ship(ctx, job, number)
    assert not (await lease(ctx)).last
    await split_done(ctx, split)
    assert [(await lease(ctx)).last for _ in range(2)] == [False, True]


async def test_nothing_is_last_while_another_job_is_on(ctx):
    await encoding(ctx)
    await a_job(ctx)
    assert [(await lease(ctx)).last for _ in range(3)] == [False, False, False]


async def test_urgent_jobs_go_first(ctx):
    usual = await encoding(ctx)
    urgent, _ = await submit.create(ctx, "clip", [BIG], Options(priority="high"))
    await ctx.store.put(urgent.source_key, b"source")
    await submit.start(ctx, urgent.id)
    await ctx.ledger.set_source(urgent.id, SOURCE)
    await ship(ctx, urgent.id, 0)
    assert [(await lease(ctx)).job for _ in range(2)] == [urgent.id, usual]


# deliveries


async def test_two_deliveries_of_one_task_count_once_in_either_order(ctx):
    job = await encoding(ctx)
    slow = await lease(ctx, "slow")
    uploaded = await upload(ctx, slow)
    await later(ctx)
    quick = next(g for g in [await lease(ctx, "quick") for _ in range(3)] if g.task == slow.task)
    assert (await deliver.deliver(ctx, "quick", quick.lease, await upload(ctx, quick))).first
    assert not (await deliver.deliver(ctx, "slow", slow.lease, uploaded)).first
    part = (await ctx.ledger.task(slow.task)).part
    assert part.key == quick.put_url.removeprefix("put ")
    assert [f.key async for f in ctx.store.list(f"jobs/{job}/parts/")] == [part.key]


async def test_a_late_delivery_counts_when_nobody_else_was_first(ctx):
    await encoding(ctx)
    slow = await lease(ctx)
    uploaded = await upload(ctx, slow)
    await later(ctx)
    assert (await deliver.deliver(ctx, "w", slow.lease, uploaded)).first


async def test_a_delivery_that_is_told_again_counts_once_and_keeps_its_part(ctx):
    await encoding(ctx)
    grant = await lease(ctx)
    uploaded = await upload(ctx, grant)
    assert (await deliver.deliver(ctx, "w", grant.lease, uploaded)).first
    assert not (await deliver.deliver(ctx, "w", grant.lease, uploaded)).first
    assert await ctx.store.stat(grant.put_url.removeprefix("put ")) is not None


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"size": 1}, "bytes"),
        ({"sha256": "0" * 64}, "SHA-256"),
    ],
)
async def test_parts_that_are_not_what_was_announced_are_refused(ctx, change, word):
    await encoding(ctx)
    grant = await lease(ctx)
    delivery = dataclasses.replace(await upload(ctx, grant), **change)
    with pytest.raises(BrokenPart, match=word):
        await deliver.deliver(ctx, "w", grant.lease, delivery)
    task = await ctx.ledger.task(grant.task)
    assert (task.state, word in task.error) == (TaskState.PLANNED, True)
    assert await ctx.store.stat(grant.put_url.removeprefix("put ")) is None


async def test_a_part_that_was_never_uploaded_is_refused(ctx):
    await encoding(ctx)
    grant = await lease(ctx)
    with pytest.raises(BrokenPart, match="not uploaded"):
        await deliver.deliver(ctx, "w", grant.lease, Delivery(1, "", CHUNK))


async def test_a_part_with_other_headers_is_refused(ctx):
    await encoding(ctx)
    await work(ctx)
    with pytest.raises(BrokenPart, match="other codec parameters"):
        await work(ctx, headers="other")


@pytest.mark.parametrize(
    ("other", "word"),
    [
        ({"begin": "12"}, "of another chunk"),
        ({"begin": "9"}, "of another chunk"),
        ({"width": 320, "height": 180}, "of another rendition"),
    ],
)
async def test_a_part_that_belongs_elsewhere_is_refused(ctx, other, word):
    await encoding(ctx)
    with pytest.raises(BrokenPart, match=word):
        await work(ctx, **other)


async def test_a_part_may_begin_where_mpeg_ts_counts_anew(ctx):
    await encoding(ctx)
    _, receipt = await work(ctx, begin=str(10 - Fraction(1 << 33, 90000)))
    assert receipt.first


async def test_a_part_that_counts_stays_when_its_worker_calls_it_a_failure(ctx):
    await encoding(ctx)
    grant, _ = await work(ctx)
    await deliver.fail(ctx, "w", grant.lease, Failure("retryable", "I changed my mind."))
    assert await ctx.store.stat(grant.put_url.removeprefix("put ")) is not None


async def test_the_first_delivery_after_the_job_has_ended_is_refused(ctx):
    job = await encoding(ctx)
    grant = await lease(ctx)
    uploaded = await upload(ctx, grant)
    await submit.cancel(ctx, job)
    assert (await dispatch.renew(ctx, grant.lease, Renewal(1, 1.0))).stop
    with pytest.raises(Conflict):
        await deliver.deliver(ctx, "w", grant.lease, uploaded)
    assert await ctx.store.stat(grant.put_url.removeprefix("put ")) is None


async def test_nobody_delivers_for_another(ctx):
    await encoding(ctx)
    grant = await lease(ctx)
    for call in (
        deliver.deliver(ctx, "other", grant.lease, Delivery(1, "", 1)),
        deliver.fail(ctx, "other", grant.lease, Failure("retryable", "x")),
    ):
        with pytest.raises(Forbidden):
            await call


# failures


async def fail(ctx, kind="retryable", message="FFmpeg fell over.", frames=None):
    grant = await lease(ctx)
    await deliver.fail(ctx, "w", grant.lease, Failure(kind, message, frames))
    return grant


async def test_a_failed_task_is_tried_again_after_a_while(ctx):
    await encoding(ctx)
    failed = await fail(ctx)
    others = [await lease(ctx), await lease(ctx)]
    assert await lease(ctx) is None
    assert failed.task not in [grant.task for grant in others]
    ctx.clock.time += 2
    await sweep.sweep(ctx)
    again = await lease(ctx)
    assert (again.task, again.attempt) == (failed.task, 2)


async def test_after_the_last_attempt_the_job_fails_and_a_retry_goes_on_where_it_was(ctx):
    job = await encoding(ctx)
    done, _ = await work(ctx)
    for _ in range(3):
        while (grant := await lease(ctx)) and not grant.task.endswith("00001"):
            pass
        await deliver.fail(ctx, "w", grant.lease, Failure("retryable", "FFmpeg fell over."))
        await later(ctx, 70)
    failed = await ctx.ledger.job(job)
    assert (failed.state, failed.error, failed.error_kind) == (JobState.FAILED, "FFmpeg fell over.", "retryable")
    await submit.retry(ctx, job)
    assert await state(ctx, job) is JobState.ENCODING
    left = {(await lease(ctx)).task for _ in range(2)}
    assert done.task not in left
    assert await lease(ctx) is None


async def test_a_rejected_attempt_fails_the_job_at_once(ctx):
    job = await encoding(ctx)
    await fail(ctx, "rejected", "No such pixel format.")
    failed = await ctx.ledger.job(job)
    assert (failed.state, failed.error, failed.error_kind) == (JobState.FAILED, "No such pixel format.", "rejected")


async def test_an_attempt_that_was_stopped_costs_the_task_nothing(ctx):
    job = await encoding(ctx)
    for _ in range(10):
        await fail(ctx, "cancelled", "The agent was told to stop.")
        await later(ctx)
    assert await state(ctx, job) is JobState.ENCODING


async def test_a_worker_that_falls_silent_loses_its_task(ctx):
    await encoding(ctx)
    silent = await lease(ctx, "silent")
    await later(ctx, 31)
    assert (await dispatch.renew(ctx, silent.lease, Renewal())).stop
    await later(ctx, 10)
    assert silent.task in {(await lease(ctx)).task for _ in range(3)}
    assert (await ctx.ledger.attempt(silent.lease)).outcome == "expired"


async def test_a_worker_that_renews_keeps_its_task(ctx):
    await encoding(ctx)
    grant = await lease(ctx)
    for _ in range(5):
        await later(ctx, 20)
        assert not (await dispatch.renew(ctx, grant.lease, Renewal(5, 2.0))).stop


async def test_a_worker_that_never_ends_loses_its_task_at_the_deadline(ctx):
    await encoding(ctx)
    grant = await lease(ctx)
    while not (await dispatch.renew(ctx, grant.lease, Renewal())).stop:
        ctx.clock.time += 25
    assert ctx.clock.time - 1_000_000 == pytest.approx(grant.deadline_seconds, abs=25)


async def test_a_full_disk_waits_longer_than_other_failures(ctx):
    await encoding(ctx)
    grant = await lease(ctx)
    ctx.refused[grant.put_url.removeprefix("put ")] = "No space is left in /blobs; free some."
    await deliver.fail(ctx, "w", grant.lease, Failure("retryable", "The upload was refused."))
    others = {(await lease(ctx)).task for _ in range(2)}
    await later(ctx, 25)
    assert await lease(ctx) is None
    await later(ctx, 6)
    assert (await lease(ctx)).task not in others
    assert "No space" in (await ctx.ledger.task(grant.task)).error


# lost objects


async def lose(ctx, job, number=0):
    await ctx.store.delete([f"jobs/{job}/chunks/{number}"])


async def splitting_again(ctx):
    return await dispatch.claim(ctx, await ctx.queue.get(["split.normal"], 0), "splitter")


async def offered(ctx):
    """A worker takes what is there, and gives back what it cannot fetch; the grants of the rest."""
    kept = []
    while grant := await lease(ctx):
        if await ctx.holds(grant.get_url.removeprefix("get "), grant.get_bytes):
            kept.append(grant)
        else:
            await deliver.fail(ctx, "w", grant.lease, Failure("retryable", "Status 404."))
    return kept


async def restored(ctx, job, number=0):
    """What the splitter does with a chunk that is lost."""
    (old,) = [chunk for chunk in await ctx.ledger.chunks(job) if chunk.number == number]
    new = dataclasses.replace(old, key=f"{old.key}.again", size=11, sha256="cd")
    await ctx.store.put(new.key, b"0123456789a")
    assert await ctx.ledger.replace(old, new, [a_spec(new, BIG, False)])
    await dispatch.advance(ctx, job)


async def test_the_source_is_split_again_when_a_worker_finds_that_a_chunk_is_lost(ctx):
    job = await encoding(ctx)
    await lose(ctx, job)
    assert {grant.task[-1] for grant in await offered(ctx)} == {"1", "2"}
    split = await splitting_again(ctx)
    assert "lost" in split.error
    await restored(ctx, job)
    grant = await lease(ctx)
    assert (grant.get_url, grant.get_bytes, grant.get_sha256) == (f"get jobs/{job}/chunks/0.again", 11, "cd")
    assert (grant.attempt, await state(ctx, job)) == (1, JobState.ENCODING)
    await split_done(ctx, split)
    assert (await ctx.ledger.task(split.id)).state is TaskState.DONE


async def test_an_attempt_that_fails_because_its_object_is_lost_is_not_held_against_the_task(ctx):
    job = await encoding(ctx)
    grant = await lease(ctx)
    await lose(ctx, job, int(grant.task[-1]))
    for _ in range(2):
        await deliver.fail(ctx, "w", grant.lease, Failure("retryable", "Status 404."))
    assert (await ctx.ledger.task(grant.task)).attempt == 0
    assert (await ctx.ledger.attempt(grant.lease)).outcome == "cancelled"
    assert await splitting_again(ctx)
    assert await ctx.queue.get(["split.normal"], 0) is None


async def test_an_object_that_is_cut_short_is_lost(ctx):
    job = await encoding(ctx)
    await lose(ctx, job)
    await ctx.store.put(f"jobs/{job}/chunks/0", b"0123")
    await offered(ctx)
    assert await splitting_again(ctx)


async def test_a_store_that_loses_objects_again_and_again_fails_the_job_with_a_sentence(ctx):
    job = await encoding(ctx)
    await lose(ctx, job)
    for _ in range(10):
        await offered(ctx)
        if await state(ctx, job) is JobState.FAILED:
            break
        await split_done(ctx, await splitting_again(ctx))
        await later(ctx, 6)
    failed = await ctx.ledger.job(job)
    assert (failed.state, failed.error_kind) == (JobState.FAILED, "retryable")
    assert "see that nothing else deletes files there" in failed.error


# damage


@pytest.mark.parametrize(("counted", "words"), [(20, "5 of 25 frames"), (26, "25 frames decode to 26")])
async def test_two_equal_counts_mean_that_the_source_is_damaged(ctx, counted, words):
    job = await encoding(ctx)
    first = await fail(ctx, message="A wrong number.", frames=counted)
    await later(ctx)
    while (grant := await lease(ctx)).task != first.task:
        pass
    await deliver.fail(ctx, "w", grant.lease, Failure("retryable", "A wrong number.", counted))
    failed = await ctx.ledger.job(job)
    assert (failed.state, failed.error_kind) == (JobState.FAILED, "rejected")
    assert "0:00:00.000" in failed.error
    assert words in failed.error
    assert "--accept-damaged" in failed.error


async def test_different_counts_are_just_failures(ctx):
    job = await encoding(ctx)
    first = await fail(ctx, frames=20)
    await later(ctx)
    while (grant := await lease(ctx)).task != first.task:
        pass
    await deliver.fail(ctx, "w", grant.lease, Failure("retryable", "19 of 25 frames", 19))
    assert await state(ctx, job) is JobState.ENCODING


async def test_a_part_with_too_few_frames_counts_like_a_failure_for_that(ctx):
    job = await encoding(ctx)
    with pytest.raises(BrokenPart, match="24 frames instead of 25"):
        await work(ctx, frames=24)
    await work(ctx)
    await work(ctx)
    await later(ctx)
    with pytest.raises(BrokenPart):
        await work(ctx, frames=24)
    assert (await ctx.ledger.job(job)).error_kind == "rejected"


async def test_damage_that_is_accepted_is_marked(ctx):
    await encoding(ctx, accept_damaged=True)
    grant, receipt = await work(ctx, frames=20)
    part = (await ctx.ledger.task(grant.task)).part
    assert (receipt.first, part.frames, part.damaged) == (True, 20, True)
    for frames in (0, 26):
        with pytest.raises(BrokenPart):
            await work(ctx, frames=frames)


# restarts


async def test_after_a_restart_every_job_is_taken_up_where_it_was(ctx, tmp_path):
    job = await encoding(ctx)
    await work(ctx)
    here, far = await lease(ctx), await lease(ctx, "far")
    waiting, _ = await submit.create(ctx, "film", [BIG], Options())
    await ctx.store.put(waiting.source_key, b"uploaded just before the power went")
    again = dataclasses.replace(ctx, queue=MemoryQueue())
    await sweep.recover(again, "w")
    await sweep.announce_all(again)
    await sweep.sweep_uploads(again)
    assert await again.queue.get(["split.normal"], 0) is not None
    await later(again, 5)
    grant = await lease(again)
    assert (grant.task, grant.attempt) == (here.task, 1)
    assert await lease(again) is None
    assert (await deliver.deliver(again, "far", far.lease, await upload(again, far))).first
    assert await state(again, job) is JobState.ENCODING


async def test_a_lost_message_is_sent_again(ctx):
    await encoding(ctx)
    lost = dataclasses.replace(ctx, queue=MemoryQueue())
    await later(lost, 250)
    assert await lease(lost) is None
    await later(lost, 100)
    assert len({(await lease(lost)).task for _ in range(3)}) == 3


async def test_messages_about_nothing_are_dropped(ctx):
    for body in (b"nonsense", b"[]", b"{}", b'{"task": "none"}'):
        await ctx.queue.publish("video.normal", body)
    assert await lease(ctx) is None
    assert await ctx.queue.get(["video.normal", "dead"], 0) is None


async def test_objects_that_nobody_owns_are_deleted(ctx):
    job = await encoding(ctx)
    slow = await lease(ctx, "slow")
    await upload(ctx, slow)
    await ctx.store.put("jobs/gone/parts/x/00000.l.ts", b"x")
    assert await sweep.sweep_objects(ctx) == 1
    await later(ctx)
    for _ in range(3):
        await work(ctx)
    assert await sweep.sweep_objects(ctx) == 1
    assert await ctx.store.stat(slow.put_url.removeprefix("put ")) is None
    assert len([facts async for facts in ctx.store.list(f"jobs/{job}/parts/")]) == 3


# uploads

DAY = 86400


async def test_a_job_whose_source_does_not_come_is_removed_with_what_it_stored(ctx):
    job, _ = await submit.create(ctx, "film", [BIG], Options())
    stored = f"jobs/{job.id}/of-an-upload"
    await ctx.store.put(stored, b"by a gateway that was killed")
    started = await a_job(ctx)
    ctx.clock.time += DAY - 1
    assert await sweep.sweep_uploads(ctx) == 0
    ctx.clock.time += 2
    assert await sweep.sweep_uploads(ctx) == 1
    with pytest.raises(NotFound):
        await ctx.ledger.job(job.id)
    assert await ctx.store.stat(stored) is None
    assert await state(ctx, started) is JobState.SPLITTING


async def test_a_job_whose_source_comes_slowly_is_kept(ctx):
    job, _ = await submit.create(ctx, "film", [BIG], Options())

    async def body():
        for _ in range(3):
            ctx.clock.time += DAY - 1
            yield b"x"
            assert await sweep.sweep_uploads(ctx) == 0

    assert (await submit.receive(ctx, job.id, body())).state is JobState.SPLITTING
    assert (await ctx.store.stat(job.source_key)).size == 3


async def test_an_upload_that_broke_off_gives_its_job_another_day(ctx):
    job, _ = await submit.create(ctx, "film", [BIG], Options())
    ctx.clock.time += DAY - 1

    async def body():
        yield b"x"
        raise TransferFailed

    with pytest.raises(TransferFailed):
        await submit.receive(ctx, job.id, body())
    ctx.clock.time += DAY - 1
    assert await sweep.sweep_uploads(ctx) == 0
    ctx.clock.time += 2
    assert await sweep.sweep_uploads(ctx) == 1
    with pytest.raises(NotFound):
        await submit.receive(ctx, job.id, body())


async def test_a_job_that_is_cancelled_while_its_source_comes_is_not_begun(ctx):
    job, _ = await submit.create(ctx, "film", [BIG], Options())

    async def body():
        yield b"x"
        await submit.cancel(ctx, job.id)

    with pytest.raises(Conflict):
        await submit.receive(ctx, job.id, body())
    assert await state(ctx, job.id) is JobState.CANCELLED
    assert (await submit.retry(ctx, job.id)).state is JobState.SPLITTING


async def test_a_long_upload_ends_when_its_job_is_cancelled(ctx):
    job, _ = await submit.create(ctx, "film", [BIG], Options())
    sent = []

    async def body():
        yield b"x"
        await submit.cancel(ctx, job.id)
        for _ in range(100):
            ctx.clock.time += 10
            sent.append(b"x")
            yield b"x"

    with pytest.raises(Conflict):
        await submit.receive(ctx, job.id, body())
    assert len(sent) < 10
    assert await ctx.store.stat(job.source_key) is None


# work in this process


async def carry(ctx, work):
    job = await a_job(ctx)
    task = await dispatch.claim(ctx, await ctx.queue.get(["split.normal"], 0), "splitter")
    await local_task.carry_out(ctx, task, work)
    return job, await ctx.ledger.task(task.id)


async def test_work_that_is_rejected_fails_the_job_with_its_sentence(ctx):
    async def work(_ctx, _hold):
        raise Rejected("This is a picture.")

    job, task = await carry(ctx, work)
    failed = await ctx.ledger.job(job)
    assert (task.state, failed.error, failed.error_kind) == (TaskState.DEAD, "This is a picture.", "rejected")


@pytest.mark.parametrize("error", [EncoderFailed("x"), StorageFull("x"), ZeroDivisionError("x")])
async def test_work_that_fails_is_tried_again(ctx, error):
    async def work(_ctx, _hold):
        raise error

    job, task = await carry(ctx, work)
    assert task.state in (TaskState.PLANNED, TaskState.QUEUED)
    assert (task.attempt, await state(ctx, job)) == (1, JobState.SPLITTING)


async def test_work_keeps_its_lease_and_stops_when_that_is_lost(ctx):
    stopped = []

    async def work(ctx, hold):
        try:
            while True:
                await asyncio.sleep(0)
                if (await ctx.ledger.task(hold.task.id)).lease_until > 1_000_100:
                    await submit.cancel(ctx, hold.task.spec.job)
        finally:
            stopped.append(hold.task.id)

    job, task = await carry(ctx, work)
    assert stopped == [task.id]
    assert (task.state, await state(ctx, job)) == (TaskState.PLANNED, JobState.CANCELLED)


async def test_work_that_is_cancelled_goes_back_at_once(ctx):
    begun = asyncio.Event()

    async def work(_ctx, _hold):
        begun.set()
        await asyncio.Event().wait()

    slow = dataclasses.replace(ctx, policy=Policy(renew_seconds=1e9))
    ctx.clock.sleep = lambda seconds: asyncio.sleep(3600)
    carrying = asyncio.create_task(carry(slow, work))
    await begun.wait()
    carrying.cancel()
    with pytest.raises(asyncio.CancelledError):
        await carrying
    (task,) = await ctx.ledger.tasks((await ctx.ledger.jobs())[0].id)
    assert (task.state, task.attempt) == (TaskState.PLANNED, 0)
