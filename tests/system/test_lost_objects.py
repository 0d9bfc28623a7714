"""Chunks and tracks that are lost from the store while a job runs: they are made again, and no frame is lost."""

import pytest
from by_hand import agent, aside, nothing_joined, tasks
from watching import SMALL, TINY, ended, seen

from fallow.errors import TransferFailed


async def attempts_at(case, kind):
    found = [task for task in await tasks(case.client, case.job) if task["kind"] == kind]
    return [[attempt["outcome"] for attempt in task["attempts"]] for task in found]


async def test_lost_chunks_and_tracks_are_made_again(run):
    async with run(SMALL, TINY) as case, nothing_joined(case.platform):
        lost = [*case.stored("chunks")[1:3], *case.stored("tracks")]
        assert len(lost) == 3
        for path in lost:
            path.unlink()
        others = [path.stat().st_mtime_ns for path in case.stored("chunks")]
        async with agent(case.platform):
            await seen(case.client, case.job, lambda view: view.state == "joining")
        split = await attempts_at(case, "split")
        assert split[0][:2] == ["failed", "delivered"]
        assert len(case.stored("chunks")) == 6
        assert set(others) < {path.stat().st_mtime_ns for path in case.stored("chunks")}  # not made again


async def test_a_chunk_that_is_cut_short_is_made_again(run):
    async with run() as case:
        path = case.stored("chunks")[3]
        path.write_bytes(path.read_bytes()[:-188])


async def test_the_frame_index_and_every_chunk_are_made_again(run):
    async with run() as case:
        for path in [*case.stored("chunks"), case.blobs / "jobs" / case.job / "index"]:
            path.unlink()


async def test_an_object_lost_under_a_worker_costs_its_task_no_attempt(run):
    async with run(attempts=1) as case:
        grant = await case.hand.lease()
        case.given(grant).unlink()
        with pytest.raises(TransferFailed, match="404"):
            await case.hand.make(grant)
        await case.hand.fail(grant, message="Status 404.")
        assert (await case.attempt(grant))["outcome"] == "cancelled"
        again = await case.hand.lease(task=grant.task)
        assert again.get_url != grant.get_url
        assert (await case.hand.deliver(again, await case.hand.make(again))).first


async def test_a_source_that_is_lost_with_a_chunk_fails_the_job_with_a_sentence(run, tmp_path):
    async with run() as case:
        (case.blobs / "jobs" / case.job / "source").rename(tmp_path / "source")
        case.stored("chunks")[0].unlink()
        async with agent(case.platform):
            view = await ended(case.client, case.job)
        assert (view.state, "is not in the store any more" in view.error) == ("failed", True)
        (tmp_path / "source").rename(case.blobs / "jobs" / case.job / "source")
        await aside(case.client.retry, case.job)
