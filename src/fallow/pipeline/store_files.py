"""The store as seen from a thread: media code reads and writes plain files, which are objects."""

from __future__ import annotations

import asyncio
import contextvars
import hashlib
import threading
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from typing import Any, TypeVar

from fallow.errors import Cancelled, NotFound
from fallow.media.reader import RangedReader
from fallow.pipeline.context import Context
from fallow.ports import Writer

R = TypeVar("R")
PIECE = 1 << 20  # bytes handed over at once
LONG = ThreadPoolExecutor(64, "long")
"""Threads for what takes long, and may wait: they are not taken from those that everything else shares."""


class Thread:
    """Runs media code beside the event loop, and lets it call back; the code stops at its next read or write."""

    def __init__(self, executor: Executor | None = None) -> None:
        self._loop = asyncio.get_running_loop()
        self._executor = executor
        self._stop = threading.Event()
        self.cpu_seconds = 0.0  # spent so far

    async def run(self, work: Callable[[], R]) -> R:
        """Do the work in a thread. Cancelled, it waits for the thread to have ended: none is left behind."""
        named = contextvars.copy_context()  # what the log says of this work
        working = self._loop.run_in_executor(self._executor, named.run, self._timed, work)
        try:
            return await asyncio.shield(working)
        except asyncio.CancelledError:
            self._stop.set()
            await asyncio.wait([working])
            working.exception()  # seen: it was made to fail
            raise

    def _timed(self, work: Callable[[], R]) -> R:
        begun = time.thread_time()
        try:
            return work()
        finally:
            self.cpu_seconds += time.thread_time() - begun

    def call(self, action: Coroutine[Any, Any, R]) -> R:
        """From the thread: do something in the event loop and wait for it."""
        return self.begin(action).result()

    def begin(self, action: Coroutine[Any, Any, R]) -> Future[R]:
        if self._stop.is_set():
            action.close()
            raise Cancelled
        return asyncio.run_coroutine_threadsafe(action, self._loop)


async def digest_of(ctx: Context, key: str) -> tuple[int, str]:
    """The size and SHA-256 of a stored object, read once and in order. Raises NotFound."""
    digest, size = hashlib.sha256(), 0
    async for piece in ctx.store.stream(key):
        size += len(piece)
        await asyncio.to_thread(digest.update, piece)
    return size, digest.hexdigest()


async def blob(ctx: Context, thread: Thread, key: str, name: str) -> RangedReader:
    """A stored object as a file for code in a thread. Raises NotFound."""
    facts = await ctx.store.stat(key)
    if facts is None:
        raise NotFound(f"{name} is not in the store any more.")
    return RangedReader(bytes_of(ctx, thread, key), facts.size, name)


def bytes_of(ctx: Context, thread: Thread, key: str) -> Callable[[int, int], bytes]:
    """Fetches an object's bytes for code in a thread. Raises NotFound."""
    return lambda start, length: thread.call(ctx.store.read(key, start, length))


class WriterSink:
    """Passes a muxer's output on to a store's writer: one piece is written while the next is collected."""

    def __init__(self, thread: Thread, writer: Writer) -> None:
        self._thread = thread
        self._writer = writer
        self._piece = bytearray()
        self._sent: Future[None] | None = None

    def write(self, data: bytes) -> None:
        self._piece += data
        if len(self._piece) >= PIECE:
            self._send()

    def flush(self) -> None:
        """Returns once everything is written."""
        self._send()
        self._await_sent()

    def _send(self) -> None:
        self._await_sent()
        data = bytes(self._piece)
        self._piece.clear()
        self._sent = self._thread.begin(self._writer.write(data))

    def _await_sent(self) -> None:
        if self._sent is not None:
            self._sent.result()
        self._sent = None
