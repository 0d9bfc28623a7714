"""Join overlap: how long people wait after the last part of their video, and how much memory a joiner needs.

For each length of video, all parts but the last are there, and a joiner has them; then the last comes. Counted
from there: seconds until the job is done. Beside it the same join, begun only when all parts are there. Each is a
process of its own, so that its memory can be told: store and ledger are in a folder, all parts are one.
Usage: join_overlap.py [--minutes 1 10 60] [--containers mp4 matroska mpegts hls]
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import resource
import subprocess
import sys
import tempfile
import time
from array import array
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import imageio_ffmpeg

from fallow import wiring
from fallow.adapters.ledger_sql import SqlLedger
from fallow.adapters.queue_memory import MemoryQueue
from fallow.adapters.store_folder import FolderStore
from fallow.media.frames import SAFE, SHOWN, FrameIndex
from fallow.messages import to_wire
from fallow.model import Chunk, Effort, JobState, Part, Source, TaskKind, VideoTrack
from fallow.pipeline import dispatch, keys, submit
from fallow.pipeline.context import Context
from fallow.pipeline.job_options import Options
from fallow.pipeline.local_task import Hold, carry_out
from fallow.pipeline.package import join_or_package
from fallow.profiles import Profile
from fallow.records import Task, TaskSpec
from fallow.services.blobs_api import SignedLinks

RATE, FRAMES = 25, 250  # frames a second, and in a chunk
WIDTH, HEIGHT = 640, 360
PROFILE = Profile("film", width=WIDTH, height=HEIGHT)


@dataclass(frozen=True)
class Found:
    """Of one run."""

    seconds: float  # from the last part to the end
    peak: float  # MB that the process took, over what it took before the join
    size: float  # MB of the result


def a_part(path: Path) -> Path:
    """What a worker makes of a chunk: as many bytes as 2 Mbit/s have."""
    picture = ["-f", "lavfi", "-i", f"testsrc2=size={WIDTH}x{HEIGHT}:rate={RATE},noise=alls=20:allf=t"]
    code = ["-c:v", "libx264", "-preset", "ultrafast", "-b:v", "2M", "-maxrate", "2M", "-bufsize", "4M", "-bf", "0"]
    much = ["-pix_fmt", "yuv420p", "-frames:v", str(FRAMES)]
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", *picture, *code, *much, "-y", str(path)]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    return path


class Film:
    """A job of so many chunks, whose tasks are leased."""

    def __init__(self, ctx: Context, part: bytes, chunks: int) -> None:
        self._ctx, self._part, self._chunks = ctx, part, chunks
        self.job = ""
        self._tasks: dict[int, Task] = {}

    async def begin(self, container: str) -> None:
        ctx, frames = self._ctx, FRAMES * self._chunks
        job, _ = await submit.create(ctx, "film.mov", [PROFILE], Options(container, segment_seconds=10.0))
        self.job = job.id
        await ctx.store.put(job.source_key, b"source")
        await submit.start(ctx, job.id)
        video = VideoTrack(
            *("h264", WIDTH, HEIGHT, Fraction(1), 0, "yuv420p", 8, Fraction(1, RATE), Fraction(RATE)),
            frames,
            interlaced=False,
        )
        await ctx.ledger.set_source(job.id, Source("mov", 1, Fraction(0), Fraction(frames, RATE), video))
        index = FrameIndex(Fraction(1, RATE), array("q", range(frames)), bytes([SAFE | SHOWN] * frames), 1, 0)
        await ctx.store.put(keys.index(job.id), index.to_bytes())
        await ctx.store.put(self._key, self._part)
        split = await dispatch.claim(ctx, await ctx.queue.get(["split.normal"], 1), "splitter")
        for number in range(self._chunks):
            lo = number * FRAMES
            chunk = Chunk(job.id, number, f"jobs/{job.id}/chunks/{number}", "mpegts", lo, lo + FRAMES, 0, 0, 1, "")
            await ctx.ledger.add_chunk(chunk, [TaskSpec(job.id, TaskKind.VIDEO, PROFILE.name, number, {})])
        await ctx.ledger.commit(split.lease, Part(keys.index(job.id), 1, "", frames, ""), Effort())
        await dispatch.advance(ctx, job.id)

    @property
    def _key(self) -> str:
        return f"jobs/{self.job}/parts/film.ts"

    async def deliver(self, numbers: range) -> Task:
        """The parts of these chunks are accepted; the last task of them."""
        ctx, digest = self._ctx, hashlib.sha256(self._part).hexdigest()
        for number in numbers:
            task = await self._leased(number)
            await ctx.ledger.commit(task.lease, Part(self._key, len(self._part), digest, FRAMES, "h"), Effort())
        return task

    async def _leased(self, number: int) -> Task:
        """The task of a chunk; they are offered in nearly this order."""
        while number not in self._tasks:
            await dispatch.advance(self._ctx, self.job)
            while message := await self._ctx.queue.get(["video.normal"], 0.0):
                if task := await dispatch.claim(self._ctx, message, "w"):
                    self._tasks[task.spec.number] = task
        return self._tasks.pop(number)

    async def join(self) -> tuple[Hold, asyncio.Task[None]]:
        """A joiner begins."""
        task = await dispatch.claim(self._ctx, await self._ctx.queue.get(["join.normal"], 10), "joiner")
        held: asyncio.Future[Hold] = asyncio.get_running_loop().create_future()

        async def work(ctx: Context, hold: Hold) -> Part:
            held.set_result(hold)
            return await join_or_package(ctx, hold)

        running = asyncio.create_task(carry_out(self._ctx, task, work))
        return await held, running


async def overlapped(film: Film, chunks: int) -> float:
    """The joiner has all parts but the last, which comes now."""
    ctx = film._ctx
    await dispatch.advance_after(ctx, await film.deliver(range(1)))
    hold, running = await film.join()
    await film.deliver(range(1, chunks - 1))
    while hold.frames < (chunks - 2) * FRAMES:
        assert not running.done(), "The join has failed."
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.3)
    begun = time.monotonic()
    await dispatch.advance_after(ctx, await film.deliver(range(chunks - 1, chunks)))
    await running
    return time.monotonic() - begun


async def afterwards(film: Film, chunks: int) -> float:
    """The join begins when all parts are there."""
    ctx = film._ctx
    await film.deliver(range(chunks - 1))
    begun = time.monotonic()
    await dispatch.advance_after(ctx, await film.deliver(range(chunks - 1, chunks)))
    _, running = await film.join()
    await running
    return time.monotonic() - begun


async def one(folder: Path, container: str, chunks: int, way: str) -> Found:
    clock = wiring.SystemClock()
    store, ledger = FolderStore(folder / "blobs"), await SqlLedger.open(folder / "l.db")
    ctx = Context(MemoryQueue(), store, ledger, clock, SignedLinks("secret", clock.now))
    film = Film(ctx, (folder.parent / "part.ts").read_bytes(), chunks)
    await film.begin(container)
    before = memory()
    seconds = await {"overlapped": overlapped, "afterwards": afterwards}[way](film, chunks)
    job = await ledger.job(film.job)
    assert job.state is JobState.DONE, job.error
    (rendition,) = job.renditions
    assert rendition.result is not None
    assert rendition.result.frames == chunks * FRAMES
    await store.close()
    await ledger.close()
    return Found(seconds, memory() - before, rendition.result.size / 1e6)


def memory() -> float:
    """MB, at most so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def apart(folder: Path, container: str, chunks: int, way: str) -> Found:
    """The same in a process of its own."""
    with tempfile.TemporaryDirectory(dir=folder) as place:
        command = [sys.executable, __file__, "--one", place, container, str(chunks), way]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
    return Found(**json.loads(done.stdout.splitlines()[-1]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, nargs="+", default=[1, 10, 60])
    parser.add_argument("--containers", nargs="+", default=["mp4", "matroska", "mpegts", "hls"])
    parser.add_argument("--one", nargs=4, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        folder, container, chunks, way = given.one
        found = asyncio.run(one(Path(folder), container, int(chunks), way))
        print(json.dumps(to_wire(found)))
        return
    heads = f"{'MB':>8} {'s after':>8} {'s before':>9} {'ratio':>6} {'memory':>7} {'before':>7}"
    print(f"{'container':10} {'minutes':>8} {heads}")
    with tempfile.TemporaryDirectory() as place:
        a_part(Path(place) / "part.ts")
        for container in given.containers:
            for minutes in given.minutes:
                chunks = max(3, round(minutes * 60 * RATE / FRAMES))
                a, b = (apart(Path(place), container, chunks, way) for way in ("overlapped", "afterwards"))
                figures = f"{a.size:8.0f} {a.seconds:8.2f} {b.seconds:9.2f} {a.seconds / b.seconds:6.2f}"
                print(f"{container:10} {minutes:8g} {figures} {a.peak:7.0f} {b.peak:7.0f}", flush=True)


if __name__ == "__main__":
    main()
