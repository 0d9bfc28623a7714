"""The store in the network: a bucket of S3 or GCS, or a container of Azure Blob, by obstore."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import uuid
from collections.abc import AsyncIterator, Sequence
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any, Literal

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError

from fallow import log
from fallow.adapters.object_calls import TAKEN, Calls
from fallow.adapters.object_uploads import Uploads
from fallow.adapters.object_writer import ObjectWriter
from fallow.adapters.store_keys import PIECE, checked, conflict, missing
from fallow.errors import BadInput, BadSetting, StorageFull, Unavailable
from fallow.ports import ObjectFacts, Writer

PART = 16 << 20
"""Bytes of a multipart upload's parts. S3 takes 10,000 of them, so an object may have 156 GiB."""

WINDOW = 8 << 20  # bytes that a stream asks for at a time: every request is short, and can be tried again
HIDDEN = ".part/"  # where bodies wait for their heads; no key begins with a dot
OWN = ("jobs/", HIDDEN)  # what is ours in a bucket that may be others', too
LEFT_OVER = timedelta(days=7)  # nobody is at work on an upload for so long
_UPLOADS = 2  # parts of one object under way at a time
_DELETIONS = 16


class ObjectStore:
    """Objects under `prefix` of one bucket.

    `remote` is obstore's store of that bucket, and `steady` the same one for uploads of many parts, of which only
    the library can repeat one. `name` is how messages call it, without credentials.
    """

    def __init__(self, remote: Any, steady: Any, prefix: str, name: str, uploads: Uploads | None = None) -> None:
        self.remote = remote
        self._steady = steady
        self._calls = Calls(name)
        self._uploads = uploads
        self._prefix = f"{prefix.strip('/')}/" if prefix.strip("/") else ""

    async def writer(self, key: str, held: int = 0) -> Writer:
        return ObjectWriter(self, checked(key), held)

    async def put(self, key: str, data: bytes) -> ObjectFacts:
        whole = bytes(data)
        try:
            await self._calls.make(key, lambda: self._put_new(key, whole))
        except FileNotFoundError as error:
            self._calls.tell(key, error)
        except TAKEN:
            raise conflict(key) from None
        return ObjectFacts(key, len(whole))

    async def adopt(self, key: str, path: Path) -> ObjectFacts:
        file = await asyncio.to_thread(_opened, path)
        with file:
            writer = await self.writer(key)
            try:
                while data := await asyncio.to_thread(file.read, PIECE):
                    await writer.write(data)
                return await writer.commit()
            except BaseException:
                await writer.abort()
                raise

    async def export(self, key: str, path: Path) -> None:
        if path.is_dir():  # noqa: ASYNC240 - a local stat
            raise BadSetting(f"{path} is a folder; name a file.")
        part = path.parent / f".{path.name}.{uuid.uuid4().hex[:8]}"
        pieces = self.stream(key)
        try:
            with await asyncio.to_thread(open, part, "xb") as file:
                async for piece in pieces:
                    await asyncio.to_thread(file.write, piece)
            os.replace(part, path)
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise StorageFull(f"No space is left in {path.parent}; free some.") from error
            raise BadSetting(f"{path} cannot be written: {error.strerror}.") from error
        finally:
            part.unlink(missing_ok=True)

    async def stat(self, key: str) -> ObjectFacts | None:
        size = await self.size_at(self.path(key))
        return None if size is None else ObjectFacts(key, size)

    async def size_at(self, path: str) -> int | None:
        """Of any object in the bucket; None when it is not there."""
        try:
            found = await self._calls.make(path, lambda: obstore.head_async(self.remote, path))
        except FileNotFoundError:
            return None
        return int(found["size"])

    async def read(self, key: str, start: int, length: int) -> bytes:
        return await self.read_at(self.path(key), start, length)

    async def read_at(self, path: str, start: int, length: int) -> bytes:
        """As `read`, of any object in the bucket."""
        if length <= 0:
            await self._size(path)
            return b""
        try:
            got = await self._calls.make(
                path, lambda: obstore.get_range_async(self.remote, path, start=start, length=length)
            )
            return bytes(got)
        except FileNotFoundError:
            raise missing(path.removeprefix(self._prefix)) from None
        except Unavailable:
            # A range behind the end is answered with an error like any other.
            if start < await self._size(path):
                raise
        return b""

    async def stream(self, key: str, start: int = 0) -> AsyncIterator[bytes]:
        async for piece in self.stream_of(self.path(key), start):
            yield piece

    async def stream_of(self, path: str, start: int = 0) -> AsyncIterator[bytes]:
        """As `stream`, of any object in the bucket."""
        size = await self._size(path)
        for at in range(start, size, WINDOW):
            data = await self.read_at(path, at, min(WINDOW, size - at))
            for begin in range(0, len(data), PIECE):
                yield data[begin : begin + PIECE]

    async def delete(self, keys: Sequence[str]) -> None:
        await self.remove([self.path(key) for key in keys])

    async def remove(self, paths: Sequence[str]) -> None:
        """As `delete`, of any objects in the bucket."""
        if not paths:
            return
        try:
            await self._calls.make(paths[0], lambda: obstore.delete_async(self.remote, list(paths)))
        except FileNotFoundError:
            # Some stores end at the first object that is not there.
            for first in range(0, len(paths), _DELETIONS):
                await asyncio.gather(*map(self._remove_one, paths[first : first + _DELETIONS]))

    async def list(self, prefix: str) -> AsyncIterator[ObjectFacts]:
        async for found in self._entries(prefix.rpartition("/")[0]):
            key = str(found["path"]).removeprefix(self._prefix)
            if key.startswith(prefix) and not key.startswith(HIDDEN):
                yield ObjectFacts(key, int(found["size"]))

    async def clear_leftovers(self) -> int:
        before = datetime.now(timezone.utc) - LEFT_OVER
        old = [str(one["path"]) async for one in self._entries(HIDDEN) if one["last_modified"] < before]
        await self.remove(old)
        try:
            return len(old) + await asyncio.to_thread(self._abort_uploads, before)
        except Unavailable as error:  # they cost space, but nothing depends on it
            log.trouble("uploads.unswept", str(error))
            return len(old)

    async def close(self) -> None:
        pass

    def path(self, key: str) -> str:
        """Where in the bucket an object is."""
        return self._prefix + checked(key)

    def hidden_path(self) -> str:
        """Where in the bucket something may wait unseen."""
        return f"{self._prefix}{HIDDEN}{uuid.uuid4().hex}"

    async def pour(self, path: str, pieces: AsyncIterator[bytes]) -> None:
        """A multipart upload, which is given up when the iterator raises."""
        try:
            await obstore.put_async(
                self._steady, path, pieces, use_multipart=True, chunk_size=PART, max_concurrency=_UPLOADS
            )
        except (BaseError, OSError) as error:
            self._calls.tell(path, error)

    async def sign(self, method: Literal["GET", "PUT"], key: str, seconds: float) -> str:
        """A link to one transfer of one object. Raises Unavailable; some credentials cannot sign."""
        try:
            return str(await obstore.sign_async(self.remote, method, self.path(key), timedelta(seconds=seconds)))
        except (BaseError, OSError) as error:
            self._calls.tell(key, error)

    def _abort_uploads(self, before: datetime) -> int:
        if self._uploads is None:  # other stores forget them, or are told to by a rule
            return 0
        found = [one for own in OWN for one in self._uploads.unfinished(self._prefix + own)]
        old = [one for one in found if one.begun < before]
        for one in old:
            self._uploads.abort(one)
        return len(old)

    async def _size(self, path: str) -> int:
        size = await self.size_at(path)
        if size is None:
            raise missing(path.removeprefix(self._prefix))
        return size

    async def _put_new(self, key: str, data: bytes) -> None:
        """Raises Conflict when something else is there."""
        path = self.path(key)
        try:
            await obstore.put_async(self.remote, path, data, mode="create", use_multipart=False)
        except TAKEN as taken:
            # A try whose answer was lost may have stored it: these very bytes are no conflict.
            facts = await self.stat(key)
            if facts is None:  # two at once, neither of which was stored
                raise AlreadyExistsError(str(taken)) from None
            if facts.size != len(data) or await self.read(key, 0, len(data)) != data:
                raise conflict(key) from None

    async def _remove_one(self, path: str) -> None:
        with contextlib.suppress(FileNotFoundError):
            await self._calls.make(path, lambda: obstore.delete_async(self.remote, path))

    async def _entries(self, folder: str) -> AsyncIterator[Any]:
        """All objects in a folder and in those below it; a list that breaks off goes on where it was."""
        path = (self._prefix + folder).strip("/")
        last: str | None = None
        pages: Any = None

        async def page() -> Sequence[Any]:
            nonlocal pages
            if pages is None:
                pages = obstore.list(self.remote, path or None, offset=last, chunk_size=1000)
            try:
                return list(await anext(pages))
            except StopAsyncIteration:
                return ()
            except BaseException:
                pages = None
                raise

        while entries := await self._calls.make(path or "its list", page):
            last = str(entries[-1]["path"])
            for entry in entries:
                yield entry


def _opened(path: Path) -> Any:
    if not path.is_file():
        raise BadInput(f"{path} is not a file; name a video file.")
    try:
        return open(path, "rb")
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror}.") from error
