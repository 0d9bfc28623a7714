"""What the splitter knew of a source while it was uploaded: it proves later that the chunks cut by it are right."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from fractions import Fraction

from fallow.errors import BrokenPart, NotFound
from fallow.media.draft import agree
from fallow.media.frames import FrameIndex
from fallow.messages import from_wire, to_wire
from fallow.model import Chunk, Source, Track
from fallow.pipeline import keys
from fallow.pipeline.arrived import Arrived
from fallow.pipeline.context import Context

_COARSE = Fraction(2, 1000)  # seconds between frames that every container of chunks tells apart
_RATE_SLACK = Fraction(1, 10)  # encoders may be told a rate that is that wrong; it changes no frame and no time


@dataclass(frozen=True)
class Draft:
    """A source as far as it had come: its tracks, the frames that were certain, and the sound up to its end."""

    size: int  # bytes of the upload that were there
    digest: str  # of their pieces
    source: Source
    index: FrameIndex

    def of_same(self, came: Arrived) -> bool:
        """Whether what has come begins with the bytes that this was made of."""
        return came.digest(self.size) == self.digest

    def foretold(self, source: Source, index: FrameIndex, chunk: Chunk) -> bool:
        """Whether a chunk that was cut by this draft is one of the whole source, too."""
        tracks = [dataclasses.replace(s.video, frames=0, average_rate=Fraction(1)) for s in (self.source, source)]
        rate, told = source.video.average_rate, self.source.video.average_rate
        gaps = [i.smallest_gap * i.time_base for i in (self.index, index)]
        same = tracks[0] == tracks[1] and abs(rate - told) <= rate * _RATE_SLACK
        same &= gaps[0] == gaps[1] or min(gaps) >= _COARSE  # else it would travel in another container
        return same and agree(self.index, index, chunk.lo - chunk.before, chunk.hi + chunk.guard)

    def to_bytes(self) -> bytes:
        head = {"size": self.size, "digest": self.digest, "source": to_wire(self.source)}
        return json.dumps(head).encode() + b"\n" + self.index.to_bytes()

    @classmethod
    def from_bytes(cls, data: bytes) -> Draft:
        """What `to_bytes` was made of. Raises BrokenPart when `data` is nothing of the kind."""
        line, _, body = data.partition(b"\n")
        try:
            head = json.loads(line)
            source = from_wire(Source, head["source"])
            return cls(int(head["size"]), str(head["digest"]), source, FrameIndex.from_bytes(body))
        except (ValueError, KeyError, TypeError) as error:
            raise BrokenPart("A draft of the source is damaged: split the source again.") from error


class Drafts:
    """The drafts that a job's chunks were cut by, each read once."""

    def __init__(self, ctx: Context, job: str) -> None:
        self._ctx = ctx
        self._job = job
        self._known: dict[str, Draft | None] = {}

    async def of(self, item: Chunk | Track) -> Draft | None:
        """None for what was cut when the whole source was there."""
        lease = keys.lease_of(item.key)
        if lease not in self._known:
            self._known[lease] = await self._read(keys.draft(self._job, lease))
        return self._known[lease]

    async def _read(self, key: str) -> Draft | None:
        try:
            facts = await self._ctx.store.stat(key)
            return Draft.from_bytes(await self._ctx.store.read(key, 0, facts.size)) if facts else None
        except NotFound:
            return None


async def latest(ctx: Context, job: str) -> Draft | None:
    """The draft of the newest chunk that was cut during the upload."""
    drafts = Drafts(ctx, job)
    for chunk in reversed(await ctx.ledger.chunks(job)):
        if draft := await drafts.of(chunk):
            return draft
    return None
