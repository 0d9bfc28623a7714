"""Store the sections of a source's sound beside its chunks; those cut early must be of the whole source, too."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Mapping, Sequence
from fractions import Fraction

from fallow import log
from fallow.errors import Retryable
from fallow.media.reader import RangedReader
from fallow.media.sections import Stretch, cut_sections
from fallow.model import Source, TaskKind, Track
from fallow.pipeline import keys
from fallow.pipeline.context import Context
from fallow.pipeline.dispatch import advance
from fallow.pipeline.drafts import Drafts
from fallow.pipeline.local_task import Hold
from fallow.pipeline.split_plan import SplitPlan

_OTHERWISE = "The sound of the source as a whole is to be cut otherwise."


class Sections:
    """The sections that are not stored yet, cut in one pass, which goes on as far as it is asked to."""

    def __init__(
        self,
        ctx: Context,
        hold: Hold,
        plan: SplitPlan,
        reader: RangedReader,
        wanted: Mapping[int, Sequence[Stretch]],
        known: dict[tuple[int, int], Track],
    ) -> None:
        self._ctx, self._hold, self._plan = ctx, hold, plan
        self._known = known  # that are stored, but must be seen to be right, or are lost
        self._left = {(index, stretch.section): stretch for index, cut in wanted.items() for stretch in cut}
        self._rates = {track.index: track.sample_rate for track in plan.source.audio}
        self._cut = cut_sections(reader.beside(), plan.source, wanted)

    @classmethod
    async def early(cls, ctx: Context, hold: Hold, plan: SplitPlan, reader: RangedReader) -> Sections:
        """Those that are whole in the beginning of an upload, and not stored yet."""
        stored = {(track.index, track.section) for track in await sections_in(ctx, plan.job.id)}
        wanted = {
            index: [s for s in cut if s.end is not None and (index, s.section) not in stored]
            for index, cut in plan.wanted_sections.items()
        }
        return cls(ctx, hold, plan, reader, wanted, {})

    @classmethod
    async def final(cls, ctx: Context, hold: Hold, plan: SplitPlan, reader: RangedReader) -> Sections:
        """Those of a whole source. What was cut early is cut again, and dropped if it is not the same."""
        stored, drafts = await sections_in(ctx, plan.job.id), Drafts(ctx, plan.job.id)
        known: dict[tuple[int, int], Track] = {}
        right = {(index, stretch.section) for index, cut in plan.wanted_sections.items() for stretch in cut}
        certain = set()
        for track in stored:
            place = (track.index, track.section or 0)
            made_by = await drafts.of(track)
            if place not in right or (made_by and not same_sound(made_by.source, plan.source, track.index)):
                await drop_sound(ctx, plan.job.id)
                return await cls.final(ctx, hold, plan, reader)
            if made_by is None and await ctx.holds(track.key, track.size):
                certain.add(place)
            else:
                known[place] = track
        wanted = {
            index: [s for s in cut if (index, s.section) not in certain]
            for index, cut in plan.wanted_sections.items()
        }
        return cls(ctx, hold, plan, reader, wanted, known)

    async def ship(self, until: Fraction | None) -> None:
        """Store every section that begins before that second; None: all."""
        while any(until is None or self._begins(place) < until for place in self._left):
            index, stretch, data = await self._hold.thread.run(lambda: next(self._cut))
            del self._left[index, stretch.section]
            await self._record(index, stretch, data)

    def _begins(self, place: tuple[int, int]) -> Fraction:
        return self._left[place].begins(self._rates[place[0]])

    async def _record(self, index: int, stretch: Stretch, data: bytes) -> None:
        """Store a section, and offer its tasks at once."""
        ctx, job, digest = self._ctx, self._plan.job.id, hashlib.sha256(data).hexdigest()
        known = self._known.get((index, stretch.section))
        if known is not None and (known.size, known.sha256) != (len(data), digest):
            await drop_sound(ctx, job)
            raise Retryable(_OTHERWISE)
        if known is not None and await ctx.holds(known.key, known.size):
            return
        name = f"{TaskKind.AUDIO.value}{index}-{stretch.section:05d}"
        key = keys.track(job, name, self._hold.task.lease, "nut")
        await ctx.store.put(key, data)
        track = Track(job, TaskKind.AUDIO, index, key, "nut", len(data), digest, stretch.section)
        specs = self._plan.track_tasks(track)
        new = await (ctx.ledger.replace(known, track, specs) if known else ctx.ledger.add_track(track, specs))
        if new:
            log.event("section.stored", job=job, track=index, section=stretch.section, bytes=track.size)
        else:
            await ctx.store.delete([key])
        await advance(ctx, job)


def same_sound(early: Source, final: Source, index: int) -> bool:
    """Whether a track is in the whole source what it was in the beginning of it."""
    both = [[track for track in source.audio if track.index == index] for source in (early, final)]
    one, other = ([dataclasses.replace(track, end=Fraction(0)) for track in found] for found in both)
    return one == other


async def sections_in(ctx: Context, job: str) -> list[Track]:
    """Those that are recorded."""
    return [track for track in await ctx.ledger.tracks(job) if track.section is not None]


async def drop_sound(ctx: Context, job: str, why: str = _OTHERWISE) -> None:
    """Forget all sections of a job, and what was made of them."""
    log.trouble("sections.dropped", why, job=job)
    tracks = await sections_in(ctx, job)
    await ctx.ledger.discard_sections(job)
    await ctx.store.delete([track.key for track in tracks])
