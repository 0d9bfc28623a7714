"""An object in the making in a bucket: one request when it is small, a multipart upload when it is not."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from typing import Protocol

from fallow import log
from fallow.adapters.store_keys import conflict, whole
from fallow.errors import Unavailable
from fallow.ports import ObjectFacts

SPILL = 16 << 20
"""Bytes that are collected before a multipart upload begins; what is smaller is stored by one request."""


_TRIES = 3


class Bucket(Protocol):
    """What a writer asks of its store: see ObjectStore."""

    async def put(self, key: str, data: bytes) -> ObjectFacts: ...
    async def size_at(self, path: str) -> int | None: ...
    async def pour(self, path: str, pieces: AsyncIterator[bytes]) -> None: ...
    async def remove(self, paths: Sequence[str]) -> None: ...
    def stream_of(self, path: str, start: int = 0) -> AsyncIterator[bytes]: ...
    def path(self, key: str) -> str: ...
    def hidden_path(self) -> str: ...


class ObjectWriter:
    """Nothing is visible before the store has been told that the upload is complete.

    The library uploads parts in order only. So a body whose head comes last waits in a hidden object, and is
    copied behind its head at commit.
    """

    def __init__(self, store: Bucket, key: str, held: int) -> None:
        self._store = store
        self._key = key
        self._held = held
        self._size = 0  # of the body
        self._buffer = bytearray()
        self._upload: _Upload | None = None

    async def write(self, data: bytes) -> None:
        self._buffer += data
        self._size += len(data)
        if len(self._buffer) >= SPILL:
            await self._spill()

    async def commit(self, head: bytes = b"") -> ObjectFacts:
        whole(len(head), self._held, self._size)
        try:
            if self._upload is None:
                return await self._store.put(self._key, head + bytes(self._buffer))
            await self._spill()
            await self._complete(self._upload, head)
        except BaseException:
            await self.abort()
            raise
        self._upload = None  # an object now, which no abort takes away
        return ObjectFacts(self._key, len(head) + self._size)

    async def abort(self) -> None:
        self._buffer.clear()
        upload, self._upload = self._upload, None
        if upload is not None:
            await upload.abort()

    async def _spill(self) -> None:
        if self._upload is None:
            path = self._store.hidden_path() if self._held else self._store.path(self._key)
            self._upload = _Upload(self._store, path)
        data = bytes(self._buffer)
        self._buffer.clear()
        if data:
            await self._upload.send(data)

    async def _complete(self, upload: _Upload, head: bytes) -> None:
        # Two writers of one key never run at once (keys are of one attempt), so looking first is enough.
        if await self._store.size_at(self._store.path(self._key)) is not None:
            raise conflict(self._key)
        await upload.finish()
        if self._held:
            await self._join(head, upload.path)
            await self._store.remove([upload.path])

    async def _join(self, head: bytes, body: str) -> None:
        """What breaks off can be done again, as all of it is in the store."""
        for _ in range(_TRIES - 1):
            try:
                return await self._put_behind(head, body)
            except Unavailable as error:
                log.trouble("store.again", str(error), object=self._key)
        return await self._put_behind(head, body)

    async def _put_behind(self, head: bytes, body: str) -> None:
        final = _Upload(self._store, self._store.path(self._key))
        try:
            await final.send(head)
            async for piece in self._store.stream_of(body):
                await final.send(piece)
            await final.finish()
        except BaseException:
            await final.abort()
            raise


class _GivenUp(Exception):
    """Ends an upload without an object."""


class _Upload:
    """A multipart upload that is fed piece by piece."""

    def __init__(self, store: Bucket, path: str) -> None:
        self.path = path
        self._store = store
        self._pieces: asyncio.Queue[bytes | None] = asyncio.Queue(1)
        self._size = 0
        self._given_up = False
        self._complete = False  # the end was sent: it may be an object by now
        self._task = asyncio.create_task(store.pour(path, self._handed()))

    async def send(self, piece: bytes | None) -> None:
        """Raises what has ended the upload, if anything has."""
        putting = asyncio.create_task(self._pieces.put(piece))
        try:
            await asyncio.wait({putting, self._task}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            putting.cancel()
        if self._task.done():
            self._task.result()
        self._size += len(piece or b"")

    async def finish(self) -> None:
        self._complete = True
        try:
            await self.send(None)
            # Cut off in the middle, nobody would know what the store has made of it.
            await asyncio.shield(self._task)
        except Unavailable:
            # It may have completed the upload, and only its answer was lost. There was nothing before.
            if await self._store.size_at(self.path) != self._size:
                raise

    async def abort(self) -> None:
        """Leave nothing, whatever has come of it."""
        self._given_up = True
        with contextlib.suppress(asyncio.QueueFull):
            self._pieces.put_nowait(None)
        with contextlib.suppress(Exception):
            await self._task
        if self._complete:
            await self._store.remove([self.path])

    async def _handed(self) -> AsyncIterator[bytes]:
        while (piece := await self._pieces.get()) is not None and not self._given_up:
            yield piece
        if self._given_up:
            raise _GivenUp
