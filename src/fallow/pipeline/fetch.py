"""Fetch a source from its address, into the same pieces that an upload makes: so it is cut while it comes, and when
whoever is at it is killed, another one goes on."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from fallow import log
from fallow.errors import Conflict, NotAllowed, SourceAway, TakenOver, TooLarge, TransferFailed, Unavailable
from fallow.fetching import Sending, Web, shown
from fallow.model import JobState, Part, TaskKind
from fallow.pipeline import keys
from fallow.pipeline.admission import queues
from fallow.pipeline.arrived import arrived, has_source
from fallow.pipeline.context import Context
from fallow.pipeline.declared import Declared, declare, declared
from fallow.pipeline.dispatch import LATER, advance, aside
from fallow.pipeline.local_task import Hold
from fallow.pipeline.pieces import new_upload
from fallow.pipeline.receive import start, waiting
from fallow.pipeline.resumable import Coming, Resumable, check_length, finish, finish_if_all_came
from fallow.pipeline.setback import GiveWay
from fallow.records import Job

PAUSES = (1.0, 2.0, 4.0, 8.0)
"""Seconds between tries to go on, none of which brings anything; then others get the place for a while."""

TURN = 300.0  # seconds; then a source gives its place to others that wait, and goes on when it is its turn again
SLOWEST = 60.0  # seconds in which at least so much comes as counts:
_COUNTS = 64 << 10  # bytes
_NOTED = 3.0  # seconds in which a note in the ledger that more came is still new


async def check(ctx: Context, url: str) -> None:
    """Raises NotAllowed where nothing is fetched, Rejected for what never can be."""
    await _web(ctx).check(url)


async def order(ctx: Context, job: Job, url: str) -> Job:
    """Have the source of a job fetched; ordered twice, it is once."""
    if job.state is JobState.UPLOADING:
        task = aside(job.id, TaskKind.FETCH, "")
        await ctx.ledger.plan([dataclasses.replace(task, recipe={"url": url})])
        await advance(ctx, job.id)
    return await ctx.ledger.job(job.id)


async def fetch(ctx: Context, hold: Hold) -> Part:
    """The work of a fetch task."""
    job = await ctx.ledger.job(hold.task.spec.job)
    if not await has_source(ctx, job):
        await _Fetching(ctx, _web(ctx), job.id, str(hold.task.spec.recipe["url"])).run()
    elif job.state is JobState.UPLOADING:  # whoever fetched it died before it could say so
        await start(ctx, job.id)
    return Part(keys.whole(job.id), (await arrived(ctx, job.id)).size, "", 0, "")


async def came_of(ctx: Context, job_id: str) -> tuple[int, int | None]:
    """How many bytes of a source are there, and how many it has, if anybody knows."""
    known, came = await declared(ctx, job_id), await arrived(ctx, job_id)
    return came.size, known.length if known else None


class _OthersWait(TransferFailed):
    """Others wait for the place of this one; what has come of it is kept."""


@dataclass
class _Fetching:
    """One attempt."""

    ctx: Context
    web: Web
    job: str
    url: str
    most: int = 0  # bytes that were there when it got on last
    begun: float = field(init=False)

    def __post_init__(self) -> None:
        self.begun = self.ctx.clock.now()

    async def run(self) -> None:
        """Until all is there. Raises SourceAway when no more comes, GiveWay when others wait for long."""
        uploads, pauses = Resumable(self.ctx), iter(PAUSES)
        while not await finish_if_all_came(self.ctx, self.job):
            try:
                await self._go_on(uploads)
                return
            except _OthersWait as error:
                raise GiveWay(LATER) from error
            except (SourceAway, TransferFailed, TakenOver, Conflict) as error:
                await waiting(self.ctx, self.job)  # else it is no wonder
                if await self._got_on():
                    pauses = iter(PAUSES)
                if (pause := next(pauses, None)) is None:
                    raise SourceAway(self._given_up(error)) from error
                log.trouble("source.broke_off", str(error), job=self.job, seconds=pause)
                await self.ctx.clock.sleep(pause)

    async def _go_on(self, uploads: Resumable) -> None:
        """With one connection."""
        known, came = await declared(self.ctx, self.job), await arrived(self.ctx, self.job)
        offset = came.size if known and came.upload == known.upload else 0
        async with self.web.get(self.url, offset, known.validator if known else "") as sending:
            known = await self._agreed(known, sending)
            log.event("source.fetching", job=self.job, offset=sending.offset, bytes=known.length)
            await uploads.go_on(self.job, sending.offset, Coming(self._noted(sending)))
            if known.length is None:  # it ended where it ended
                await finish(self.ctx, self.job, known)

    async def _agreed(self, known: Declared | None, sending: Sending) -> Declared:
        """What is known of the source now; nothing of another one stays. Raises TransferFailed, TooLarge."""
        await waiting(self.ctx, self.job)
        check_length(self.ctx, sending.length or 0)
        if known and sending.offset:
            if None not in (known.length, sending.length) and known.length != sending.length:
                await new_upload(self.ctx, self.job)  # of which nothing is there
                raise TransferFailed(f"{shown(self.url)} has changed; it is fetched from its beginning.")
            return known
        upload = await new_upload(self.ctx, self.job)
        made = Declared(upload, sending.length, validator=sending.validator)
        await declare(self.ctx, self.job, made)
        return made

    async def _noted(self, sending: Sending) -> AsyncIterator[bytes]:
        """What comes; those who watch the job hear of it, and who fetches hears when the job has ended."""
        now = self.ctx.clock.now
        came, due, mark, since = sending.offset, 0.0, sending.offset, now()
        async for data in sending.body:
            came += len(data)
            if came > (most := self.ctx.policy.source_bytes):
                raise TooLarge(f"A source may have at most {most} bytes here, and {shown(self.url)} has more.")
            yield data
            if now() >= due:
                await waiting(self.ctx, self.job)
                await self._give_way(sending)
                due = now() + _NOTED
            if came - mark >= _COUNTS:
                mark, since = came, now()
            elif now() - since > SLOWEST:
                raise TransferFailed(f"{shown(self.url)} comes so slowly that it would never be there.")

    async def _give_way(self, sending: Sending) -> None:
        """Raises _OthersWait, unless all would have to come once more."""
        if sending.validator and self.ctx.clock.now() - self.begun > TURN:
            with contextlib.suppress(Unavailable):
                if any((await self.ctx.queue.depths(queues([TaskKind.FETCH]))).values()):
                    raise _OthersWait

    async def _got_on(self) -> bool:
        size = (await arrived(self.ctx, self.job)).size
        if more := size - self.most >= _COUNTS:
            self.most = size
        return more

    def _given_up(self, error: Exception) -> str:
        if isinstance(error, SourceAway):
            return str(error)
        return f"{error} No more of it came for a while; see whether it works, and retry the job."


def _web(ctx: Context) -> Web:
    if ctx.web is None:
        raise NotAllowed(
            "No sources are fetched here; upload the file, or ask whoever runs the platform for FALLOW_SOURCE_URLS."
        )
    return ctx.web
