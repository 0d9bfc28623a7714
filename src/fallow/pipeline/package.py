"""Make a job's stream of its parts while these are made: all renditions side by side, as playlists grow together.

Each step (a chunk in all renditions, or a track) ends with one record in the ledger; who goes on begins after the
last of them. So a joiner that dies takes no more than its step with it, and one that would wait may go.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from fallow import catalogue, log
from fallow.errors import BrokenPart
from fallow.media.result_layout import TrackPart, VideoPart
from fallow.messages import from_wire, to_wire
from fallow.model import JobKind, Part, TaskKind, TaskState, track_number
from fallow.pipeline import keys
from fallow.pipeline.context import Context
from fallow.pipeline.dispatch import PACKAGE
from fallow.pipeline.films import Films
from fallow.pipeline.join import Tracks, faults_of, join_rendition
from fallow.pipeline.join_scores import join_scores
from fallow.pipeline.known import Known, known_of
from fallow.pipeline.local_task import Hold
from fallow.pipeline.playing import pack
from fallow.pipeline.prefix import LOOK_EVERY, in_the_way, opener_of, part_of
from fallow.pipeline.recipes import chunk_range
from fallow.pipeline.setback import GiveWay, NotYet
from fallow.pipeline.store_files import digest_of as stored_digest
from fallow.records import File, Package, Rendition, Task
from fallow.streaming.listing import Ended, Listed, Packaged
from fallow.streaming.package import Packager
from fallow.streaming.video import Piece

COME_BACK = 60.0  # seconds until a joiner looks at a stream again that nobody has told it of


async def join_or_package(ctx: Context, hold: Hold) -> Part:
    """The work of a join task."""
    if JobKind.of(hold.task.spec.job) is JobKind.QUALITY:
        return await join_scores(ctx, hold)
    return await (package if hold.task.spec.rendition == PACKAGE else join_rendition)(ctx, hold)


async def package(ctx: Context, hold: Hold) -> Part:
    """The work of the one join task of a job whose result is a stream."""
    job_id, made = hold.task.spec.job, 0
    while True:
        known = await known_of(ctx, job_id)
        if known is None:
            raise NotYet("The source is not known yet.")
        results = [rendition.result for rendition in known.job.renditions if rendition.result is not None]
        if len(results) == len(known.job.renditions):
            return results[0]
        steps = await ctx.ledger.packages(job_id)
        if len(steps) < made:
            raise GiveWay(0.0)  # what was made is of no use any more, but its files have names of this attempt
        made = await _made(_Making(ctx, hold, known, steps))


async def _made(making: _Making) -> int:
    """Make what can be made; how many steps there are then."""
    try:
        await making.run()
    except BrokenPart as error:
        await making.reopen(error)
        raise
    if making.whole:
        await making.finish()
    return making.steps


class _Making:
    """A stream in the making, of a source as far as it is known."""

    def __init__(self, ctx: Context, hold: Hold, known: Known, steps: Sequence[Package]) -> None:
        self._ctx, self._hold, self._known = ctx, hold, known
        self._job, self._index = known.job, known.index
        job = known.job
        self._films = Films.of(job, known.source, known.index)
        self._sections = self._films.sections(job)  # how many tracks have, that are cut
        self.steps = len(steps)
        self._ended = any("done" in step.made for step in steps)
        # How many sections of each track are packaged; of one that is not cut: 1.
        self._tracks = Counter(str(step.made.get("track", "")) for step in steps)
        self._stale = False  # more is known of the source by now
        self._shown = max((int(step.made.get("hi", 0)) for step in steps), default=0)  # source frames
        self._spoilt = [step.made for step in steps if step.made.get("faults")]
        self._texts = steps[-1].texts if steps else ""
        self._plan = self._films.plan(job)
        packaged = [from_wire(Packaged, step.made["packaged"]) for step in steps if "packaged" in step.made]
        self._packager = Packager(self._plan, self._save, packaged)
        self._files: list[File] = []  # of this step
        self._tasks: dict[str, Task] = {}  # that this step works on, by rendition or track

    async def run(self) -> None:
        """Step by step, until everything is packaged, or more is known of the source. Raises GiveWay when the next
        step must be waited for."""
        since = time.monotonic()
        while not self.whole and not self._stale:
            with self._ctx.bell.listening(self._job.id) as rung:
                if await self._step():
                    since = time.monotonic()
                elif await self._in_the_way(time.monotonic() - since):
                    raise GiveWay(COME_BACK)
                elif not await self._look():
                    with contextlib.suppress(asyncio.TimeoutError):
                        await asyncio.wait_for(rung.wait(), LOOK_EVERY)

    async def _step(self) -> bool:
        """Package what players need next, or else what there is; False when there is nothing."""
        first, second = (self._track, self._chunk) if self._packager.mute else (self._chunk, self._track)
        return await first() or await second()

    async def _in_the_way(self, waited: float) -> bool:
        """An upload is never waited for: it may be slow, or over for good."""
        return await in_the_way(self._ctx, waited) or (
            not self._known.whole and waited >= self._ctx.policy.join_wait
        )

    async def _look(self) -> bool:
        """Whether the source has come to its end meanwhile."""
        if not self._known.whole:
            self._stale |= (await self._ctx.ledger.job(self._job.id)).source is not None
        return self._stale

    @property
    def whole(self) -> bool:
        """Whether everything is packaged."""
        tracks = all(self._tracks[want.name] >= self._sections.get(want.name, 1) for want in self._plan.tracks)
        return self._known.whole and self._shown == len(self._index.pts) and tracks

    async def _track(self) -> bool:
        """Package a track that is done, or the next section of one; False when there is none."""
        missing = {
            want.name: track_number(want.index, self._tracks[want.name] if want.name in self._sections else None)
            for want in self._plan.tracks
            if want.name in self._sections or not self._tracks[want.name]
        }
        if not missing:
            return False
        found = await self._ctx.ledger.tasks(self._job.id, (TaskKind.AUDIO, TaskKind.TEXT))
        done = [t for t in found if t.state is TaskState.DONE and missing.get(t.spec.rendition) == t.spec.number]
        if not done:
            return False
        task = min(done, key=lambda task: task.spec.number)
        name = task.spec.rendition
        self._tasks = {name: task}
        part = Tracks(self._films.source, [task]).parts(self._ctx, self._hold.thread)[0]
        step = await self._hold.thread.run(lambda: self._packaged(name, part))
        await self._record({"track": name, "packaged": to_wire(step)})
        self._tracks[name] += 1
        return True

    def _packaged(self, name: str, part: TrackPart) -> Packaged:
        if name not in self._sections:
            return self._packager.add_track(name, part)
        last = self._known.whole and self._tracks[name] + 1 == self._sections[name]
        return self._packager.add_section(name, part, more=not last)

    async def _chunk(self) -> bool:
        """Package the next chunk, if it is done in all renditions."""
        number, pieces = self._packager.chunks, dict[str, Piece]()
        faults: dict[str, str] = {}
        for name, line in self._films.lines.items():
            found = await self._ctx.ledger.prefix(self._job.id, name, number, 1)
            if not found:
                return False
            chunk, task = found[0]
            if not self._known.whole and chunk.hi >= len(self._index.pts):
                self._stale = True
                return False
            part = self._part(task)
            faults |= {name: part.fault} if part.fault else {}
            opener = opener_of(self._ctx, self._hold.thread, part, f"The part of chunk {number}")
            lo, hi = chunk_range(line, chunk)
            video = VideoPart(opener, keys.container_of(part.key), lo, hi, part.size, part.damaged)
            pieces[name] = Piece(video, self._films.starts(chunk)[name])
        step = await self._hold.thread.run(lambda: self._packager.add_chunk(pieces))
        await self._record({"packaged": to_wire(step), "hi": chunk.hi, "faults": faults, "number": number})
        self._shown = self._hold.frames = chunk.hi
        return True

    def _part(self, task: Task) -> Part:
        self._tasks[task.spec.rendition] = task
        return part_of(task)

    def _save(self, name: str, data: bytes) -> None:
        """From the thread: store a file of this step."""
        self._hold.thread.call(self._put(name, data))

    async def _put(self, name: str, data: bytes) -> None:
        """Store a file, and see that it is there."""
        key, digest = keys.file(self._job.id, self._hold.task.lease, name), hashlib.sha256(data).hexdigest()
        await self._ctx.store.put(key, data)
        if await stored_digest(self._ctx, key) != (len(data), digest):
            raise BrokenPart(f"The store does not hold what was written to {key}.")
        self._files.append(File(self._job.id, name, key, len(data), digest))

    async def _record(self, made: dict[str, Any]) -> None:
        """The step is done; what players are told since is there before anybody learns of it."""
        number = self.steps
        texts = await self._hold.thread.run(self._told)
        key = keys.texts(self._job.id, self._hold.task.lease, number) if texts else ""
        if texts:
            await self._ctx.store.put(key, texts)
        step = Package(self._job.id, number, self._packager.chunks, made, key)
        if not await self._ctx.ledger.add_package(step, self._files):
            raise GiveWay(0.0)  # another joiner is at it, or was: then it is gone on with from there
        self.steps, self._files, self._tasks = number + 1, [], {}
        old, self._texts = self._texts, key or self._texts
        if old and key:
            await self._ctx.store.delete([old])
        log.event("stream.grown", job=self._job.id, step=number, chunks=step.chunks)

    def _told(self) -> bytes:
        """In a thread: what players are told from now on."""
        growing = self._packager.texts(Ended.GROWING)
        return pack(growing, self._packager.texts(Ended.BROKEN_OFF)) if growing else b""

    async def finish(self) -> None:
        """Everything is packaged: say so, to players and to people."""
        ctx, job = self._ctx, self._job
        if not self._ended:
            for name, data in self._packager.texts(Ended.DONE).items():
                await self._put(name, data)
            await self._record({"done": True})
        files = {file.name: file for file in await ctx.ledger.files(job.id)}
        for rendition in job.renditions:
            await ctx.ledger.set_result(job.id, rendition.name, *await self._result(files, rendition))

    async def _result(self, files: Mapping[str, File], rendition: Rendition) -> tuple[Part, dict[str, Any]]:
        """What people are told of a rendition; its sound is counted to it, whoever else has it too."""
        film = next(film for film in self._plan.films if film.name == rendition.name)
        streams = {listed.facts.name: listed for listed in self._packager.streams.values()}
        video, sound = streams[film.name], [streams[name] for name in film.sound if name in streams]
        wanted, seconds = len(film.times), film.end * film.time_base
        digest = digest_of({file.name: bytes.fromhex(file.sha256) for file in files.values()})
        size = video.size + sum(stream.size for stream in sound)
        if video.packets != wanted and not (self._films.options.accept_damaged and 0 < video.packets < wanted):
            raise BrokenPart(f"The stream has {video.packets} frames instead of {wanted}.")
        told = {
            "frames": video.packets,
            "key_frames": video.keys,
            "duration": float(seconds),
            "bit_rate": round(size * 8 / seconds),
            "tracks": [stream.packets for stream in sound],
            "segments": len(video.segments),
            "codecs": _codecs(video, sound),
            "sha256": digest,
            "faults": await self._faults(rendition.name),
        }
        key = files[catalogue.STREAMS[self._plan.container].front].key
        return Part(key, size, digest, video.packets, "", video.packets < wanted), told

    async def _faults(self, name: str) -> list[str]:
        spoilt = [made for made in self._spoilt if name in made["faults"]]
        if not spoilt:
            return []
        found = await self._ctx.ledger.prefix(self._job.id, name, int(spoilt[0]["number"]), 1)
        return faults_of([(chunk, spoilt[0]["faults"][name]) for chunk, _ in found], len(spoilt), self._index)

    async def reopen(self, error: BrokenPart) -> None:
        """Have the part made again that the packager stumbled over; the join itself waits for it."""
        await self._ctx.store.delete([file.key for file in self._files])
        name = error.rendition if error.rendition else None
        if error.track is not None:
            name = self._plan.tracks[error.track].name
        task = self._tasks.get(name or "")
        if task and await self._ctx.ledger.reopen(task.id, str(error)):
            log.trouble("part.broken", str(error), job=task.spec.job, task=task.id)
            await self._ctx.store.delete([part_of(task).key])


def digest_of(files: Mapping[str, bytes]) -> str:
    """One digest for many files, by the SHA-256 of each: of lines as `sha256sum` writes them, sorted by name."""
    lines = [f"{digest.hex()}  {name}\n" for name, digest in sorted(files.items())]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _codecs(video: Listed, sound: Sequence[Listed]) -> list[str]:
    return list(dict.fromkeys(stream.facts.codecs for stream in [video, *sound]))
