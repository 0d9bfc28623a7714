"""Take in an upload piece by piece, so that the splitter can begin on what is there."""

from __future__ import annotations

import asyncio
import hashlib
import uuid
from collections.abc import AsyncIterator

from fallow import log
from fallow.errors import Conflict, StorageFull, TransferFailed, Unavailable
from fallow.model import JobState, TaskKind
from fallow.pipeline import keys
from fallow.pipeline.arrived import arrived, has_source, mark_of
from fallow.pipeline.context import Context
from fallow.pipeline.dispatch import advance, aside
from fallow.pipeline.ended import of_job
from fallow.records import Job

_MIB = 1 << 20
_NOTE_EVERY = 60.0  # seconds between two notes in the ledger that an upload goes on
_GROWTH = 4  # a quarter more is worth another look: what the splitter reads in all stays a few times the source


def piece_size(offset: int) -> int:
    """How large the piece from this byte on is: small enough to be kept in memory and to be there soon, the first
    ones above all, and the same whenever the upload is sent again."""
    if offset < 4 * _MIB:
        return _MIB
    return 4 * _MIB if offset < 1024 * _MIB else 16 * _MIB


async def receive(ctx: Context, job_id: str, body: AsyncIterator[bytes]) -> Job:
    """Store an uploaded source and start on it. What came of one that breaks off stays until another begins."""
    job = await waiting(ctx, job_id)
    if await has_source(ctx, job):  # whoever received it died before it could say so
        await start(ctx, job_id)
        job = await waiting(ctx, job_id)
    upload = await _Upload.begin(ctx, job_id)
    try:
        async for data in _noted(ctx, job_id, body):
            await upload.write(data)
        await upload.finish()
    except StorageFull:
        await upload.abort()
        await upload.remove()
        raise
    except BaseException:
        await upload.abort()
        raise
    await waiting(ctx, job_id)  # it may have been cancelled meanwhile; then a retry finds the source
    return await start(ctx, job_id)


async def waiting(ctx: Context, job_id: str) -> Job:
    """A job whose source comes, which is noted. Raises Conflict when it waits for none."""
    job = await ctx.ledger.job(job_id)
    if not await ctx.ledger.saw_upload(job_id):
        why = f": {job.error}" if job.state is JobState.FAILED else ""
        raise Conflict(f"The job {job_id} is {job.state.value} and waits for no source{why}; submit a new one.")
    return job


async def start(ctx: Context, job_id: str) -> Job:
    """The source is stored: have it split."""
    await ctx.ledger.plan([aside(job_id, TaskKind.SPLIT, "")])
    if await ctx.ledger.move_job(job_id, JobState.SPLITTING):
        log.event("job.started", **of_job(ctx, await ctx.ledger.job(job_id)))
    await ctx.ledger.wake(job_id, TaskKind.SPLIT)
    await advance(ctx, job_id)
    return await ctx.ledger.job(job_id)


async def look(ctx: Context, job_id: str) -> None:
    """More of the source is there: have the splitter look at it."""
    await ctx.ledger.plan([aside(job_id, TaskKind.SPLIT, "")])
    await ctx.ledger.wake(job_id, TaskKind.SPLIT)
    await advance(ctx, job_id)


def enough(seen: int) -> int:
    """How much must have come to be worth another look, when this much was seen."""
    return seen + max(piece_size(seen), seen // _GROWTH)


class _Upload:
    """One upload: a piece is stored while the next one is collected."""

    def __init__(self, ctx: Context, job: str, name: str) -> None:
        self._ctx = ctx
        self._job = job
        self._name = name
        self._data = bytearray()
        self._offset = 0  # of what is collected
        self._look_at = enough(0)
        self._storing: asyncio.Task[None] | None = None

    @classmethod
    async def begin(cls, ctx: Context, job: str) -> _Upload:
        """Nothing of an earlier upload stays; the name is after its name, whatever the clocks of gateways say."""
        found = [facts.key async for facts in ctx.store.list(keys.uploads(job))]
        last = max((keys.upload_of(key) for key in found), default="").partition("-")[0]
        moment = max(int(ctx.clock.now() * 1000), int(last or 0) + 1)
        await ctx.store.delete(found)
        return cls(ctx, job, f"{moment:015d}-{uuid.uuid4().hex[:8]}")

    async def write(self, data: bytes) -> None:
        self._data += data
        while len(self._data) >= (size := piece_size(self._offset)):
            await self._store(bytes(self._data[:size]))
            del self._data[:size]

    async def finish(self) -> None:
        """Say that the upload is whole. Raises TransferFailed when another one has begun meanwhile."""
        if self._data or not self._offset:
            await self._store(bytes(self._data))
        await self._stored()
        came = await arrived(self._ctx, self._job)
        if (came.upload, came.size) != (self._name, self._offset):
            raise TransferFailed("The source was sent once more before this upload of it was whole.")
        await self._ctx.store.put(keys.whole(self._job), mark_of(self._name, self._offset))

    async def abort(self) -> None:
        """Nothing more is stored."""
        if self._storing is not None:
            self._storing.cancel()
            await asyncio.wait([self._storing])

    async def remove(self) -> None:
        """Nothing of it stays."""
        prefix = f"{keys.uploads(self._job)}{self._name}/"
        await self._ctx.store.delete([facts.key async for facts in self._ctx.store.list(prefix)])

    async def _store(self, data: bytes) -> None:
        await self._stored()
        self._storing = asyncio.create_task(self._put(self._offset, data))
        self._offset += len(data)

    async def _stored(self) -> None:
        if self._storing is not None:
            await self._storing

    async def _put(self, offset: int, data: bytes) -> None:
        digest = (await asyncio.to_thread(hashlib.sha256, data)).hexdigest()
        await self._ctx.store.put(keys.piece(self._job, self._name, offset, len(data), digest), data)
        end = offset + len(data)
        if end >= self._look_at:
            self._look_at = enough(end)
            try:
                await look(self._ctx, self._job)
            except Unavailable as error:  # the upload goes on; the next look, or the sweeper's, sees it too
                log.trouble("upload.unseen", str(error), job=self._job)


async def _noted(ctx: Context, job_id: str, body: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The body; the ledger learns now and then that it still comes."""
    due = ctx.clock.now() + _NOTE_EVERY
    async for data in body:
        if ctx.clock.now() >= due:
            await waiting(ctx, job_id)
            due = ctx.clock.now() + _NOTE_EVERY
        yield data
