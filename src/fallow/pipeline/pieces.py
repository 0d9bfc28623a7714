"""What comes of a source becomes pieces: objects that are named by their place, size and digest."""

from __future__ import annotations

import asyncio
import hashlib
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable

from fallow import log
from fallow.errors import Conflict, TransferFailed, Unavailable
from fallow.model import TaskKind
from fallow.pipeline import keys
from fallow.pipeline.arrived import arrived, mark_of
from fallow.pipeline.context import Context
from fallow.pipeline.dispatch import advance, aside

_MIB = 1 << 20
LARGEST = 16 * _MIB
_GROWTH = 4  # a quarter more is worth another look: what the splitter reads in all stays a few times the source


def piece_size(offset: int) -> int:
    """How large pieces around this byte are: small enough to be kept in memory and to be there soon, the first ones
    above all."""
    if offset < 4 * _MIB:
        return _MIB
    return 4 * _MIB if offset < 1024 * _MIB else LARGEST


def piece_end(offset: int) -> int:
    """Where the piece from this byte on ends: at the same places whenever the source is sent again, or goes on."""
    size = piece_size(offset)
    return (offset // size + 1) * size


def enough(seen: int) -> int:
    """How much must have come to be worth another look, when this much was seen."""
    return seen + max(piece_size(seen), seen // _GROWTH)


def worth_a_look(begin: int, end: int) -> bool:
    """Whether these bytes, that have come now, make so much more that the splitter should look."""
    mark = enough(0)
    while mark <= begin:
        mark = enough(mark)
    return mark <= end


async def look(ctx: Context, job_id: str) -> None:
    """More of the source is there: have the splitter look at it."""
    await ctx.ledger.plan([aside(job_id, TaskKind.SPLIT, "")])
    await ctx.ledger.wake(job_id, TaskKind.SPLIT)
    await advance(ctx, job_id)


async def new_upload(ctx: Context, job: str) -> str:
    """The name of an upload that begins now. Nothing of an earlier one stays; the name is after its name, whatever
    the clocks of gateways say."""
    found = [facts.key async for facts in ctx.store.list(keys.uploads(job))]
    last = max((keys.upload_of(key) for key in found), default="").partition("-")[0]
    moment = max(int(ctx.clock.now() * 1000), int(last or 0) + 1)
    await ctx.store.delete([*[facts.key async for facts in ctx.store.list(keys.resumable(job))], *found])
    return f"{moment:015d}-{uuid.uuid4().hex[:8]}"


async def remove(ctx: Context, job: str, upload: str) -> None:
    """Nothing of an upload's pieces stays."""
    prefix = f"{keys.uploads(job)}{upload}/"
    await ctx.store.delete([facts.key async for facts in ctx.store.list(prefix)])


async def say_whole(ctx: Context, job: str, upload: str, size: int) -> None:
    """All pieces of an upload are there. Raises TransferFailed when another one has begun meanwhile."""
    came = await arrived(ctx, job)
    if (came.upload, came.size) != (upload, size):
        raise TransferFailed("The source was sent once more before this upload of it was whole.")
    await put_once(ctx, keys.whole(job), mark_of(upload, size))


async def put_once(ctx: Context, key: str, data: bytes) -> None:
    """Store what may be there already: the key says what is in it."""
    try:
        await ctx.store.put(key, data)
    except Conflict:
        if not await ctx.holds(key, len(data)):
            raise


async def _no_objection() -> None:
    pass


class Pieces:
    """An upload that goes on at some byte: a piece is stored while the next one is collected."""

    def __init__(
        self,
        ctx: Context,
        job: str,
        upload: str,
        offset: int = 0,
        allowed: Callable[[], Awaitable[None]] = _no_objection,
    ) -> None:
        """`allowed` is asked before each piece is stored, and raises when it must not be."""
        self._ctx, self._job, self._upload = ctx, job, upload
        self._allowed = allowed
        self._data: list[bytes] = []  # what is collected
        self._offset, self._size = offset, 0  # its place, and how much it is
        self._storing: asyncio.Task[None] | None = None

    @property
    def end(self) -> int:
        """Of all that has come."""
        return self._offset + self._size

    async def take(self, body: AsyncIterator[bytes]) -> None:
        async for data in body:
            await self.write(data)

    async def write(self, data: bytes) -> None:
        while data:
            some, data = data[: (room := piece_end(self._offset) - self.end)], data[room:]
            self._data.append(some)
            self._size += len(some)
            if len(some) == room:
                await self._store()

    async def flush(self) -> None:
        """Store the rest, however small it is; returns once everything is stored."""
        if self._size:
            await self._store()
        await self._stored()

    async def finish(self) -> None:
        """As `flush`, and the upload is whole."""
        if not self.end:
            await self._store()
        await self.flush()
        await say_whole(self._ctx, self._job, self._upload, self._offset)

    async def abort(self) -> None:
        """Nothing more is stored."""
        if self._storing is not None:
            self._storing.cancel()
            await asyncio.wait([self._storing])

    async def _store(self) -> None:
        await self._stored()
        data, self._data = b"".join(self._data), []
        self._storing = asyncio.create_task(self._put(self._offset, data))
        self._offset, self._size = self._offset + len(data), 0

    async def _stored(self) -> None:
        """Who is cancelled while they wait here cancels nothing."""
        if self._storing is not None:
            await asyncio.shield(self._storing)

    async def _put(self, offset: int, data: bytes) -> None:
        digest = (await asyncio.to_thread(hashlib.sha256, data)).hexdigest()
        await self._allowed()
        end = offset + len(data)
        await put_once(self._ctx, keys.piece(self._job, self._upload, offset, len(data), digest), data)
        if worth_a_look(offset, end):
            try:
                await look(self._ctx, self._job)
            except Unavailable as error:  # the upload goes on; the next look, or the sweeper's, sees it too
                log.trouble("upload.unseen", str(error), job=self._job)
