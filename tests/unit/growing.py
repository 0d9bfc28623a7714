"""Jobs whose results grow while parts are delivered, with real parts and a joiner that the test starts."""

import asyncio
import hashlib

import pytest
from job_steps import CHUNK, lease
from joining import ffmpeg

from fallow.model import Effort, Part
from fallow.pipeline import dispatch, local_task, package


@pytest.fixture(scope="session")
def parts(tmp_path_factory):
    """What workers make of the three chunks."""
    folder = tmp_path_factory.mktemp("parts")
    made = []
    for number in range(3):
        path = folder / f"{number}.ts"
        frames = f"start_frame={number * CHUNK}:end_frame={number * CHUNK + CHUNK}"
        picture = f"testsrc2=size=64x36:rate=25:duration=3,trim={frames}"
        code = ["-c:v", "libx264", "-preset", "ultrafast", "-bf", "0", "-pix_fmt", "yuv420p", "-threads", "1"]
        ffmpeg("-f", "lavfi", "-i", picture, *code, path)
        made.append(path.read_bytes())
    return made


@pytest.fixture
def still(ctx):
    """Renewing leases lets no time pass."""
    ctx.clock.sleep = lambda seconds: asyncio.sleep(0.05)


async def delivered(ctx, parts, number, spoilt=b""):
    """The part of this chunk is accepted, as those of others may be that are offered before it."""
    grants = []
    while not grants or int(grants[-1].task[-5:]) != number:
        grants.append(await lease(ctx))
        assert grants[-1] is not None
    grant = grants.pop()
    for other in grants:
        await ctx.ledger.give_up(other.lease, dispatch.Setback("", 0.0, dispatch.Outcome.CANCELLED))
    await dispatch.advance(ctx, grant.job)
    key, data = grant.put_url.removeprefix("put "), parts[number]
    await ctx.store.put(key, spoilt or data)
    part = Part(key, len(data), hashlib.sha256(data).hexdigest(), CHUNK, "h")
    assert await ctx.ledger.commit(grant.lease, part, Effort())
    await dispatch.advance_after(ctx, await ctx.ledger.task(grant.task))


async def the_join(ctx):
    message = await ctx.queue.get(["join.normal"], 0)
    return message and await dispatch.claim(ctx, message, "joiner")


@pytest.fixture
def joining():
    """Starts the join of a job, as the joiner does."""
    running = []

    async def start(ctx):
        task = await the_join(ctx)
        running.append(asyncio.create_task(local_task.carry_out(ctx, task, package.join_or_package)))
        return task, running[-1]

    yield start
    assert all(one.done() for one in running)
