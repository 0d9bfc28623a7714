"""Uploads that go on where they broke off, at any gateway: all that is known of one is in the store."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from fallow import log
from fallow.errors import (
    Conflict,
    FallowError,
    Gone,
    NotFound,
    StorageFull,
    TakenOver,
    TooLarge,
    TransferFailed,
    Unavailable,
    WrongDigest,
)
from fallow.model import JobState
from fallow.pipeline import keys
from fallow.pipeline.arrived import Arrived, arrived, has_source
from fallow.pipeline.context import Context
from fallow.pipeline.declared import Declared, declare, declared
from fallow.pipeline.pieces import LARGEST, Pieces, new_upload, remove
from fallow.pipeline.receive import begin, noted, start, waiting, waiting_for_upload
from fallow.pipeline.turn import Turn
from fallow.records import Job

_STEP = 1 << 20  # bytes
_NOTED = 30.0  # seconds in which a note in the ledger that more came is still new
_PATIENCE = 30.0  # seconds that somebody who is given up has to store what they hold
_MOST_TURNS = 1000
_SILENCE = 150.0  # seconds after which nobody is at an upload any more: they would have noted it in the ledger


@dataclass(frozen=True)
class Standing:
    """How far an upload is."""

    job: str
    offset: int
    length: int | None  # None: nobody knows yet
    expires: float | None  # None: all of it is there
    metadata: str = ""  # as it was given


@dataclass(frozen=True)
class Checksum:
    """What the bytes of one request must have."""

    algorithm: str  # sha1 or sha256
    digest: bytes


@dataclass(frozen=True)
class Coming:
    """The bytes of one request."""

    body: AsyncIterator[bytes]
    size: int | None = None  # None: nobody knows yet
    checksum: Checksum | None = None

    def checked(self, most: int | None) -> AsyncIterator[bytes]:
        """All of it, if it is right and not too much. Raises TooLarge."""
        if self.checksum and self.size and self.size > LARGEST:
            raise _too_much_to_prove()
        if most is not None and self.size and self.size > most:
            raise _too_much(most)
        return _limited(_proven(self.body, self.checksum) if self.checksum else self.body, most)


@dataclass
class _Passage:
    """One request that brings bytes."""

    stop: asyncio.Event = field(default_factory=asyncio.Event)
    ended: asyncio.Event = field(default_factory=asyncio.Event)


class Resumable:
    """Takes uploads. Who asks for one again has lost the connection that he had, so whoever comes later wins."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._passages: dict[str, _Passage] = {}  # the latest of each job, in this process
        self._turns: dict[str, Turn] = {}  # the last ones taken here

    async def declare(self, job_id: str, length: int, metadata: str) -> Standing:
        """Begin an upload; or go on with one of the same length and fingerprint."""
        job = await waiting_for_upload(self._ctx, job_id)
        if await has_source(self._ctx, job):  # whoever received it died before it could say so
            await start(self._ctx, job_id)
            await waiting(self._ctx, job_id)
        check_length(self._ctx, length)
        wanted = Declared("", length, metadata)
        await self._stop(job_id)
        known = await declared(self._ctx, job_id)
        if known is None or not known.same_as(wanted):
            await declare(self._ctx, job_id, wanted.named(await new_upload(self._ctx, job_id)))
            log.event("upload.declared", job=job_id, bytes=length)
        if not length:
            await self.go_on(job_id, 0, Coming(_nothing()))
        return await standing(self._ctx, job_id)

    async def seen(self, job_id: str) -> Standing:
        """How far it is now."""
        return await standing(self._ctx, job_id)

    async def standing(self, job_id: str) -> Standing:
        """How far it is; whoever still sends some of it here is stopped, so that this stays true."""
        await self._stop(job_id)
        await finish_if_all_came(self._ctx, job_id)
        return await standing(self._ctx, job_id)

    async def go_on(self, job_id: str, offset: int, coming: Coming) -> Standing:
        """Store what comes. All that came before it broke off stays; with a checksum all of it, or nothing."""
        async with self._passage(job_id) as passage:
            known = await _unfinished(self._ctx, job_id)
            turn = await self._turn(job_id, known)
            came = await _came(self._ctx, job_id, known)
            if offset != came.size:
                raise Conflict(f"The upload is at byte {came.size}, not {offset}; ask with HEAD, go on from there.")
            pieces = Pieces(self._ctx, job_id, known.upload, offset, turn.check)
            body = coming.checked(None if known.length is None else known.length - offset)
            await self._take(passage, pieces, noted(self._ctx, job_id, body))
            if pieces.end == known.length:
                await finish(self._ctx, job_id, known)
                return Standing(job_id, pieces.end, known.length, None, known.metadata)
            expires = self._ctx.clock.now() + self._ctx.policy.upload_wait
            return Standing(job_id, pieces.end, known.length, expires, known.metadata)

    async def terminate(self, job_id: str) -> None:
        """Nothing of the upload stays; the job waits for another one."""
        await self._stop(job_id)
        known = await _unfinished(self._ctx, job_id)
        await _forget(self._ctx, job_id, known)

    async def _turn(self, job_id: str, known: Declared) -> Turn:
        turn = await Turn.take(self._ctx, job_id, known.upload, self._turns.pop(job_id, None))
        self._turns[job_id] = turn
        if len(self._turns) > _MOST_TURNS:
            del self._turns[next(iter(self._turns))]
        return turn

    async def _stop(self, job_id: str) -> None:
        if passage := self._passages.get(job_id):
            await _stopped(passage)

    @contextlib.asynccontextmanager
    async def _passage(self, job_id: str) -> AsyncIterator[_Passage]:
        """The only one of a job here: the one before it stores what it has got, and ends."""
        before, passage = self._passages.get(job_id), _Passage()
        self._passages[job_id] = passage
        try:
            if before is not None:
                await _stopped(before)
            yield passage
        except TakenOver:
            self._turns.pop(job_id, None)  # somebody may still be at it by that turn
            raise
        finally:
            passage.ended.set()
            if self._passages.get(job_id) is passage:
                del self._passages[job_id]

    async def _take(self, passage: _Passage, pieces: Pieces, body: AsyncIterator[bytes]) -> None:
        """Store what comes until all has come, or it breaks off, or somebody else goes on with it."""
        reading = asyncio.create_task(pieces.take(body))
        ends = [asyncio.create_task(event.wait()) for event in (passage.stop, self._ctx.draining)]
        try:
            await asyncio.wait([reading, *ends], return_when=asyncio.FIRST_COMPLETED)
            reading.cancel()
            await asyncio.wait([reading])
            await _settle(pieces, reading)
            if passage.stop.is_set():
                raise TakenOver
            if reading.cancelled():
                raise Unavailable("This gateway is about to stop; go on with the upload at another one.")
        except BaseException:
            reading.cancel()
            await pieces.abort()
            raise
        finally:
            for end in ends:
                end.cancel()


async def standing(ctx: Context, job_id: str) -> Standing:
    """How far an upload is. Raises NotFound when none was begun, Gone when it is too late for the rest."""
    job, known, came = await ctx.ledger.job(job_id), await declared(ctx, job_id), await arrived(ctx, job_id)
    if came.whole:
        return Standing(job_id, came.size, came.size, None, known.metadata if known else "")
    if (size := await _size(ctx, job)) is not None:
        return Standing(job_id, size, size, None)
    if job.state is not JobState.UPLOADING:
        raise Gone(f"The job {job_id} is {job.state.value} and waits for no source; submit a new one.")
    if _late(ctx, job):
        raise Gone(f"Nothing of the source of job {job_id} came for too long; submit it again.")
    if known is None:
        raise NotFound(f"No upload of the source of job {job_id} was begun; begin one at /api/v1/uploads.")
    expires = job.updated + ctx.policy.upload_wait
    return Standing(job_id, _size_of(came, known), known.length, expires, known.metadata)


async def finish(ctx: Context, job_id: str, known: Declared) -> None:
    """All has come: see that it is what was promised, and have it split."""
    if known.sha256:
        came = await _came(ctx, job_id, known)
        if (found := await _sha256(ctx, came)) != known.sha256:
            await _forget(ctx, job_id, known)
            raise WrongDigest(f"What came has the SHA-256 {found}; nothing of it was kept: upload it again.")
    pieces = Pieces(ctx, job_id, known.upload, (await _came(ctx, job_id, known)).size)
    await pieces.finish()
    await begin(ctx, job_id)


async def finish_if_all_came(ctx: Context, job_id: str) -> bool:
    """Whoever took in the last bytes may have died before it could say so."""
    known = await declared(ctx, job_id)
    if known is None or known.length is None:
        return False
    came = await arrived(ctx, job_id)
    if came.whole or came.upload != known.upload or came.size != known.length:
        return False
    if (await ctx.ledger.job(job_id)).state is not JobState.UPLOADING:
        return False
    await finish(ctx, job_id, known)
    return True


def abandoned(ctx: Context, job: Job) -> bool:
    """Whether nobody is at the upload of this job, as far as the ledger was told."""
    return job.updated < ctx.clock.now() - _SILENCE


def check_length(ctx: Context, length: int) -> None:
    """Raises TooLarge."""
    if length > (most := ctx.policy.source_bytes):
        raise TooLarge(f"A source may have at most {most} bytes here, and this one has {length}.")


async def _unfinished(ctx: Context, job_id: str) -> Declared:
    """What was said of an upload that more may come of."""
    job, known = await ctx.ledger.job(job_id), await declared(ctx, job_id)
    if known is None or await has_source(ctx, job) or job.state is not JobState.UPLOADING or _late(ctx, job):
        await standing(ctx, job_id)  # which may say why
        raise Conflict(f"The source of job {job_id} is there already.")
    if job.updated < ctx.clock.now() - _NOTED:
        await waiting(ctx, job_id)
    return known


def _late(ctx: Context, job: Job) -> bool:
    return job.updated + ctx.policy.upload_wait < ctx.clock.now()


async def _came(ctx: Context, job_id: str, known: Declared) -> Arrived:
    came = await arrived(ctx, job_id)
    return came if came.upload == known.upload else Arrived(known.upload, (), whole=False)


def _size_of(came: Arrived, known: Declared) -> int:
    return came.size if came.upload == known.upload else 0


async def _size(ctx: Context, job: Job) -> int | None:
    """Of a source that came otherwise, or whose pieces are not needed any more."""
    if job.source is not None:
        return job.source.size
    facts = await ctx.store.stat(job.source_key)
    return facts.size if facts else None


async def _forget(ctx: Context, job_id: str, known: Declared) -> None:
    """First what says that there is an upload: so nobody goes on with one that is half gone."""
    await ctx.store.delete([facts.key async for facts in ctx.store.list(keys.resumable(job_id))])
    await remove(ctx, job_id, known.upload)


async def _stopped(passage: _Passage) -> None:
    passage.stop.set()
    try:
        await asyncio.wait_for(passage.ended.wait(), _PATIENCE)
    except asyncio.TimeoutError:
        raise TakenOver("What came of this upload is still being stored; ask again in a moment.") from None


async def _settle(pieces: Pieces, reading: asyncio.Task[None]) -> None:
    """Store what came, whatever it was that ended it, unless that forbids it; then raise that."""
    error = None if reading.cancelled() else reading.exception()
    if error is None or isinstance(error, TransferFailed):
        try:
            await pieces.flush()
        except StorageFull as full:
            error = StorageFull(f"{full} What came before is kept: make room, then go on with the upload.")
        except FallowError as failed:
            error = error or failed
    if error is not None:
        raise error


async def _limited(body: AsyncIterator[bytes], most: int | None) -> AsyncIterator[bytes]:
    came = 0
    async for data in body:
        came += len(data)
        if most is not None and came > most:
            raise _too_much(most)
        yield data


async def _proven(body: AsyncIterator[bytes], checksum: Checksum) -> AsyncIterator[bytes]:
    """What came, once all of it is known to be right: until then it is in memory only."""
    data = bytearray()
    async for some in body:
        data += some
        if len(data) > LARGEST:
            raise _too_much_to_prove()
    found = await asyncio.to_thread(hashlib.new, checksum.algorithm, data)
    if found.digest() != checksum.digest:
        raise WrongDigest("What came is not what its Upload-Checksum says; nothing of it was kept: send it again.")
    for place in range(0, len(data), _STEP):
        yield bytes(data[place : place + _STEP])


def _too_much(most: int) -> TooLarge:
    return TooLarge(f"More comes than the {most} bytes that are missing; say the right length, and begin anew.")


def _too_much_to_prove() -> TooLarge:
    return TooLarge(f"With Upload-Checksum at most {LARGEST} bytes can be sent at a time.")


async def _sha256(ctx: Context, came: Arrived) -> str:
    digest = hashlib.sha256()
    for piece in came.pieces:
        async for data in ctx.store.stream(piece.key):
            await asyncio.to_thread(digest.update, data)
    return digest.hexdigest()


async def _nothing() -> AsyncIterator[bytes]:
    for data in [b""]:
        yield data
