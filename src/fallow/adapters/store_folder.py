"""The embedded store: objects are files of one folder, made whole in a hidden part of it and then linked in."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import shutil
import threading
import time
import uuid
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import ParamSpec, TypeVar

from fallow.adapters.store_keys import PIECE, checked, conflict, missing, whole
from fallow.errors import BadInput, BadSetting, StorageFull
from fallow.ports import ObjectFacts, Writer

BUFFER = 256 << 10  # bytes collected before a thread writes them
THREADS = 4
AT_ONCE = 64 << 10  # bytes that are read without a hop to a thread, which takes longer
LEFT_OVER = 2 * 86400.0  # seconds after which nobody writes on
_COPY = 64 << 20  # bytes asked of one copy_file_range call
_NO_LINKS = {errno.EPERM, errno.EXDEV, errno.EMLINK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EACCES}
_FULL = {errno.ENOSPC, errno.EDQUOT}
_ELSEWHERE = "name another place (FALLOW_STATE for encode, --data for up)"

P = ParamSpec("P")
R = TypeVar("R")


class FolderStore:
    """Objects under `root`. Unfinished ones live in `root/.part`, on the same file system."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._parts = root / ".part"
        self._parts.mkdir(parents=True, exist_ok=True)
        # Threads of its own: media work in the default pool waits for reads, and must not wait for itself.
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="store")

    def forget_writers(self) -> None:
        """Remove what all writers left; only for the one process that owns the folder, before it writes."""
        for leftover in self._parts.iterdir():
            leftover.unlink()

    async def clear_leftovers(self) -> int:
        return await self.run(self._clear_leftovers)

    async def writer(self, key: str, held: int = 0) -> Writer:
        checked(key)
        part = self._part()
        handle = await self.run(os.open, part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
        return _FolderWriter(self, key, part, handle, held)

    async def put(self, key: str, data: bytes) -> ObjectFacts:
        return await self.run(self._put, checked(key), data)

    async def adopt(self, key: str, path: Path) -> ObjectFacts:
        return await self.run(self._adopt, checked(key), path)

    async def export(self, key: str, path: Path) -> None:
        await self.run(_export, self._existing(key), path)

    async def stat(self, key: str) -> ObjectFacts | None:
        path = self._path(key)
        # A stat of a local folder takes microseconds: less than a hop to a thread.
        try:
            return ObjectFacts(key, path.stat().st_size)
        except (FileNotFoundError, NotADirectoryError):
            return None

    async def read(self, key: str, start: int, length: int) -> bytes:
        path = self._existing(key)
        if length <= AT_ONCE:
            return _read(path, start, length)
        return await self.run(_read, path, start, length)

    async def stream(self, key: str, start: int = 0) -> AsyncIterator[bytes]:
        path = self._existing(key)
        handle = await self.run(os.open, path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            while data := await self.run(os.pread, handle, PIECE, start):
                start += len(data)
                yield data
        finally:
            os.close(handle)

    async def delete(self, keys: Sequence[str]) -> None:
        await self.run(self._delete, [self._path(key) for key in keys])

    async def list(self, prefix: str) -> AsyncIterator[ObjectFacts]:
        for facts in await self.run(self._list, prefix):
            yield facts

    async def close(self) -> None:
        await asyncio.to_thread(self._threads.shutdown)

    async def run(self, work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Do file work in the store's threads; a full disk becomes a sentence."""
        loop = asyncio.get_running_loop()
        with _told(self.root, _ELSEWHERE):
            return await loop.run_in_executor(self._threads, lambda: work(*args, **kwargs))

    def link_in(self, part: Path, key: str) -> ObjectFacts:
        """Make a finished part visible under its key, and never replace what is there."""
        path = self._path(key)
        while True:
            _make_folder(path.parent)
            try:
                _move_new(part, path)
            except FileExistsError:
                raise conflict(key) from None
            except FileNotFoundError:
                if part.exists():  # a delete removed the emptied folder in between
                    continue
                raise
            return ObjectFacts(key, path.stat().st_size)

    def _clear_leftovers(self) -> int:
        count, before = 0, time.time() - LEFT_OVER
        for leftover in self._parts.iterdir():
            with contextlib.suppress(FileNotFoundError):
                if leftover.stat().st_mtime < before:
                    leftover.unlink()
                    count += 1
        return count

    def _put(self, key: str, data: bytes) -> ObjectFacts:
        part = self._part()
        with _removed_on_error(part):
            with open(part, "xb", buffering=0) as file:
                _write_all(file.fileno(), data)
                os.fdatasync(file.fileno())
            return self.link_in(part, key)

    def _adopt(self, key: str, path: Path) -> ObjectFacts:
        source = path.resolve()
        if not source.is_file():
            raise BadInput(f"{path} is not a file; name a video file.")
        if not os.access(source, os.R_OK):
            raise BadInput(f"{path} cannot be read: permission denied.")
        part = self._part()
        with _removed_on_error(part):
            _link_or_copy(source, part)
            return self.link_in(part, key)

    def _delete(self, paths: Sequence[Path]) -> None:
        for path in paths:
            path.unlink(missing_ok=True)
            for folder in path.parents:
                if folder == self.root:
                    break
                try:
                    folder.rmdir()
                except OSError:  # not empty, or gone
                    break

    def _list(self, prefix: str) -> Sequence[ObjectFacts]:
        found = []
        for folder, names, files in os.walk(self.root / prefix.rpartition("/")[0]):
            if Path(folder) == self.root:
                names.remove(self._parts.name)
            for name in files:
                path = Path(folder, name)
                key = path.relative_to(self.root).as_posix()
                if key.startswith(prefix):
                    with contextlib.suppress(FileNotFoundError):
                        found.append(ObjectFacts(key, path.stat().st_size))
        return found

    def _part(self) -> Path:
        return self._parts / uuid.uuid4().hex

    def _path(self, key: str) -> Path:
        return self.root / checked(key)

    def _existing(self, key: str) -> Path:
        path = self._path(key)
        if not path.is_file():
            raise missing(key)
        return path


class _FolderWriter:
    """A part file that grows behind its held head."""

    def __init__(self, store: FolderStore, key: str, part: Path, handle: int, held: int) -> None:
        self._store = store
        self._key = key
        self._part = part
        self._handle = handle
        self._held = held
        self._end = held  # where the next flush goes
        self._buffer = bytearray()
        # A cancelled caller may abort while its thread still writes: the handle must not be closed under it.
        self._busy = threading.Lock()

    async def write(self, data: bytes) -> None:
        self._buffer += data
        if len(self._buffer) >= BUFFER:
            await self._flush()

    async def commit(self, head: bytes = b"") -> ObjectFacts:
        whole(len(head), self._held, self._end - self._held + len(self._buffer))
        try:
            return await self._store.run(self._finish, head, self._taken())
        except BaseException:
            await self.abort()
            raise

    async def abort(self) -> None:
        await self._store.run(self._abandon)

    async def _flush(self) -> None:
        data, at = self._taken(), self._end
        self._end += len(data)
        await self._store.run(self._write_at, data, at)

    def _write_at(self, data: bytes, at: int) -> None:
        with self._busy:
            if self._handle >= 0:
                _write_all(self._handle, data, at)

    def _finish(self, head: bytes, rest: bytes) -> ObjectFacts:
        with self._busy:
            _write_all(self._handle, rest, self._end)
            _write_all(self._handle, head, 0)
            # The bytes are safe before the name appears. The name itself may be lost with the power: then the
            # object is missing, which is noticed and made again, but it is never half there.
            os.fdatasync(self._handle)
            self._close()
            return self._store.link_in(self._part, self._key)

    def _abandon(self) -> None:
        with self._busy:
            self._close()
            self._part.unlink(missing_ok=True)

    def _close(self) -> None:
        if self._handle >= 0:
            os.close(self._handle)
        self._handle = -1

    def _taken(self) -> bytes:
        data = bytes(self._buffer)
        self._buffer.clear()
        return data


@contextlib.contextmanager
def _told(folder: Path, remedy: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise StorageFull(f"No space is left in {folder}; free some, or {remedy}.") from error
        raise


@contextlib.contextmanager
def _removed_on_error(part: Path) -> Iterator[None]:
    try:
        yield
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def _write_all(handle: int, data: bytes, at: int = 0) -> None:
    view = memoryview(data)
    while view:
        written = os.pwrite(handle, view, at)
        view, at = view[written:], at + written


def _read(path: Path, start: int, length: int) -> bytes:
    pieces = []
    with open(path, "rb", buffering=0) as file:
        while length > 0 and (data := os.pread(file.fileno(), length, start)):
            pieces.append(data)
            start, length = start + len(data), length - len(data)
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def _move_new(part: Path, path: Path) -> None:
    """Rename, but raise FileExistsError instead of replacing."""
    try:
        os.link(part, path)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        # A file system without hard links: two writers of one key never run at once (keys are of one attempt).
        if path.exists():
            raise FileExistsError(path) from error
        os.rename(part, path)
    else:
        part.unlink()


def _make_folder(folder: Path) -> None:
    """Even while a delete removes it, or one above it, as it was left empty."""
    while True:
        try:
            return folder.mkdir(parents=True, exist_ok=True)
        except (FileExistsError, FileNotFoundError):
            if folder.is_file():
                raise


def _link_or_copy(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        _copy(source, target)


def _copy(source: Path, target: Path) -> None:
    """Copy in the kernel, which shares the blocks where the file system can."""
    with open(source, "rb", buffering=0) as reader, open(target, "xb", buffering=0) as writer:
        try:
            while os.copy_file_range(reader.fileno(), writer.fileno(), _COPY):
                pass
        except OSError as error:
            if error.errno in _FULL:
                raise
            reader.seek(writer.seek(0, os.SEEK_END))
            shutil.copyfileobj(reader, writer, PIECE)
        os.fdatasync(writer.fileno())


def _export(source: Path, path: Path) -> None:
    if path.is_dir():
        raise BadSetting(f"{path} is a folder; name a file.")
    part = path.parent / f".{path.name}.{uuid.uuid4().hex[:8]}"
    try:
        with _told(path.parent, "choose another folder"), _removed_on_error(part):
            _link_or_copy(source, part)
            os.replace(part, path)
            part.unlink(missing_ok=True)  # renaming one link of a file over another leaves both
    except OSError as error:
        raise BadSetting(f"{path} cannot be written: {error.strerror}.") from error
