"""A rendition's parts in the order in which they are shown, each as soon as it and all before it are there.

Read in the thread of a join, which waits here. What is held at a time does not depend on how many parts there are.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterator
from fractions import Fraction

from fallow.errors import BrokenPart, NotFound
from fallow.media.reader import RangedReader
from fallow.media.result_layout import Bounds, VideoPart
from fallow.model import Chunk, Part, TaskKind, TaskState
from fallow.pipeline import keys
from fallow.pipeline.admission import queues
from fallow.pipeline.context import Context
from fallow.pipeline.local_task import Hold
from fallow.pipeline.proven import proven
from fallow.pipeline.recipes import Timeline, chunk_range
from fallow.pipeline.setback import GiveWay
from fallow.pipeline.store_files import Thread, bytes_of
from fallow.records import Job, Task

WINDOW = 16  # parts that are looked up at a time
LOOK_EVERY = 0.5  # seconds between two looks, if nobody rings
_ROOM = 4  # the parts to come may be so many times as large as the first makes one think
_ROOM_MORE = 64 << 20  # bytes


class Prefix:
    """Goes through all parts of a rendition, from the first, as often as it is asked to."""

    def __init__(self, ctx: Context, hold: Hold, job: Job, name: str, line: Timeline, frames: int) -> None:
        self._ctx, self._hold = ctx, hold
        self._job, self._name, self._born = job.id, name, job.created
        self._line, self._frames = line, frames
        self._payload: int | None = None
        self.task: Task | None = None  # of the part that was handed out last
        self.spoilt: list[tuple[Chunk, str]] = []  # the first chunk with damaged pictures, and what was said of it
        self.spoilt_chunks = 0

    async def bounds(self) -> Bounds:
        """Of all parts, if they are there; else what the first lets expect, with room."""
        if await self._whole():
            size, lossy, number = 0, False, 0
            while found := await self._found(number):
                size += sum(part_of(task).size for _, task in found)
                lossy |= any(part_of(task).damaged for _, task in found)
                number = found[-1][0].number + 1
            return Bounds(size, lossy)
        found = await self._found(0)
        if not found:
            raise GiveWay(0.0)
        chunk, task = found[0]
        share = Fraction(self._frames, chunk.frames)
        self._payload = _ROOM_MORE + _ROOM * int(share * part_of(task).size)
        return Bounds(self._payload, lossy=True)

    def __iter__(self) -> Iterator[VideoPart]:
        self.spoilt, self.spoilt_chunks = [], 0
        size, number, shown = 0, 0, 0
        while shown < self._frames:
            for chunk, task in self._await(number):
                self.task, part = task, part_of(task)
                size += part.size
                if self._payload is not None and size > self._payload:
                    raise GiveWay(self._age)  # it is known how large it is when all is there
                self._note(chunk, part)
                yield self._video(chunk, part)
                number, shown = chunk.number + 1, chunk.hi

    def _await(self, number: int) -> list[tuple[Chunk, Task]]:
        """The parts from this one on that are there, which is one at least."""
        since = time.monotonic()
        while not (found := self._hold.thread.call(self._look(number, since))):
            pass
        return found

    async def _look(self, number: int, since: float) -> list[tuple[Chunk, Task]]:
        with self._ctx.bell.listening(self._job) as rung:
            if found := await self._found(number):
                return found
            if await in_the_way(self._ctx, time.monotonic() - since):
                raise GiveWay(self._age)
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(rung.wait(), LOOK_EVERY)
        return []

    async def _found(self, number: int) -> list[tuple[Chunk, Task]]:
        return await self._ctx.ledger.prefix(self._job, self._name, number, WINDOW)

    @property
    def _age(self) -> float:
        """Seconds until the next beginning: about twice as many parts are there then, so that all beginnings
        together read at most twice what the last one does."""
        return 0.0 if self._ctx.draining.is_set() else max(0.0, self._ctx.clock.now() - self._born)

    async def _whole(self) -> bool:
        tallies = await self._ctx.ledger.tally(self._job)
        wanted = {(TaskKind.SPLIT, ""), (TaskKind.VIDEO, self._name)}
        return all(t.state is TaskState.DONE for t in tallies if (t.kind, t.rendition) in wanted)

    def _note(self, chunk: Chunk, part: Part) -> None:
        if part.fault:
            self.spoilt = self.spoilt or [(chunk, part.fault)]
            self.spoilt_chunks += 1

    def _video(self, chunk: Chunk, part: Part) -> VideoPart:
        lo, hi = chunk_range(self._line, chunk)
        self._hold.frames = lo
        opener = opener_of(self._ctx, self._hold.thread, part, f"The part of chunk {chunk.number}")
        return VideoPart(opener, keys.container_of(part.key), lo, hi, part.size, part.damaged)


async def in_the_way(ctx: Context, waited: float) -> bool:
    """Whether others could use the place of a join that has waited for so long."""
    if ctx.draining.is_set():
        return True
    return waited >= ctx.policy.join_wait and any((await ctx.queue.depths(queues([TaskKind.JOIN]))).values())


def opener_of(ctx: Context, thread: Thread, part: Part, name: str) -> Callable[[], RangedReader]:
    """Opens a part from the joining thread."""

    def open_part() -> RangedReader:
        try:
            return proven(bytes_of(ctx, thread, part.key), part.size, part.sha256, name)
        except NotFound:
            raise BrokenPart(f"{name} is not in the store any more.") from None

    return open_part


def part_of(task: Task) -> Part:
    if task.part is None:
        raise BrokenPart(f"The task {task.id} has no part.")
    return task.part
