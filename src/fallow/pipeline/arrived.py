"""What is there of a job's source: one object, or the pieces of its upload as they come."""

from __future__ import annotations

import hashlib
import json
from bisect import bisect_right
from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import cached_property

from fallow.errors import NotFound
from fallow.media.reader import RangedReader
from fallow.pipeline import keys
from fallow.pipeline.context import Context
from fallow.pipeline.store_files import Thread, blob
from fallow.records import Job


@dataclass(frozen=True)
class Piece:
    """A stretch of an upload, as one object that is named by what it holds."""

    key: str
    offset: int
    size: int
    sha256: str

    @classmethod
    def of(cls, key: str) -> Piece:
        offset, size, digest = key.rpartition("/")[2].split("-")
        return cls(key, int(offset), int(size), digest)


@dataclass(frozen=True)
class Arrived:
    """The pieces of one upload from its beginning, without a gap."""

    upload: str  # its name
    pieces: tuple[Piece, ...]
    whole: bool

    @property
    def size(self) -> int:
        """How many bytes there are."""
        return self.pieces[-1].offset + self.pieces[-1].size if self.pieces else 0

    def digest(self, upto: int) -> str:
        """Tells apart what different uploads have up to this byte; "" where no piece ends."""
        return self._digests.get(upto, "")

    @cached_property
    def _digests(self) -> dict[int, str]:
        chain, found = hashlib.sha256(), {}
        for piece in self.pieces:
            chain.update(f"{piece.size} {piece.sha256}\n".encode())
            found[piece.offset + piece.size] = chain.hexdigest()
        return found

    @cached_property
    def _offsets(self) -> list[int]:
        return [piece.offset for piece in self.pieces]

    async def stream(self, ctx: Context, start: int) -> AsyncIterator[bytes]:
        """What there is, from a byte on. Raises NotFound when another upload has begun."""
        for piece in self.pieces:
            if start < piece.offset + piece.size:
                async for data in ctx.store.stream(piece.key, max(0, start - piece.offset)):
                    yield data

    def reader(self, ctx: Context, thread: Thread, name: str) -> RangedReader:
        """What there is as a file, for code in a thread. Reading raises NotFound when another upload has begun."""

        def fetch(start: int, length: int) -> bytes:
            found = bytearray()
            while len(found) < length:
                piece = self.pieces[bisect_right(self._offsets, start + len(found)) - 1]
                place = start + len(found) - piece.offset
                wanted = min(length - len(found), piece.size - place)
                data = thread.call(ctx.store.read(piece.key, place, wanted))
                found += data
                if len(data) < wanted:
                    break  # the reader says what is missing
            return bytes(found)

        return RangedReader(fetch, self.size, name)


async def arrived(ctx: Context, job: str) -> Arrived:
    """What has come of the source that is being sent, or was."""
    found: dict[str, list[Piece]] = {}
    async for facts in ctx.store.list(keys.uploads(job)):
        if upload := keys.upload_of(facts.key):
            found.setdefault(upload, []).append(Piece.of(facts.key))
    mark = await _mark(ctx, job)
    upload = str(mark["upload"]) if mark else max(found, default="")
    came = Arrived(upload, _joined(found.get(upload, [])), whole=False)
    return Arrived(upload, came.pieces, whole=bool(mark) and came.size == mark.get("size"))


async def has_source(ctx: Context, job: Job) -> bool:
    """Whether the whole source is stored."""
    return bool(await ctx.store.stat(job.source_key) or await ctx.store.stat(keys.whole(_sent_to(job))))


def _sent_to(job: Job) -> str:
    """The job that the source was uploaded for: what measures has none of its own."""
    return keys.job_of(job.source_key) or job.id


async def source_reader(ctx: Context, thread: Thread, job: Job) -> RangedReader:
    """The whole source as a file, for code in a thread. Raises NotFound."""
    if await ctx.store.stat(job.source_key):
        return await blob(ctx, thread, job.source_key, job.name)
    came = await arrived(ctx, _sent_to(job))
    if not came.whole:
        raise NotFound(f"{job.name} is not in the store any more.")
    return came.reader(ctx, thread, job.name)


def mark_of(upload: str, size: int) -> bytes:
    """What says that an upload is whole."""
    return json.dumps({"upload": upload, "size": size}).encode()


async def _mark(ctx: Context, job: str) -> dict[str, object]:
    facts = await ctx.store.stat(keys.whole(job))
    return dict(json.loads(await ctx.store.read(facts.key, 0, facts.size))) if facts else {}


def _joined(pieces: list[Piece]) -> tuple[Piece, ...]:
    """The longest row of pieces, each beginning where the one before it ends. There may be others: whoever was told
    that somebody else goes on with the upload may have stored one more at that moment."""
    best: dict[int, tuple[int, Piece]] = {}  # how far one comes from each place, and by which piece
    for piece in sorted(pieces, key=lambda piece: (-piece.offset, piece.size)):
        end = piece.offset + piece.size
        far = best[end][0] if end in best else end
        if piece.offset not in best or far >= best[piece.offset][0]:
            best[piece.offset] = (far, piece)
    result: list[Piece] = []
    place = 0
    while place in best and not (result and result[-1].size == 0):
        result.append(best[place][1])
        place += result[-1].size
    return tuple(result)
