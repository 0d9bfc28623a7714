"""Jobs in a few numbers each, as lists of them show: made of few questions to the ledger, however many they are."""

from __future__ import annotations

import base64
import math
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from fallow.errors import Rejected
from fallow.model import JobState, TaskKind, TaskState
from fallow.overview import Cost, Pace
from fallow.pipeline.context import Context
from fallow.records import Job, Tally
from fallow.services import examples

LATELY = 120.0  # seconds; the time that is left is told by what was delivered since then
_REMEMBERED = 5000  # ended jobs, which do not change
_ALMOST = 0.99  # of a job whose result is not there yet


@dataclass(frozen=True)
class Figures:
    """What is told of a job wherever it is shown."""

    id: str
    name: str
    state: str
    paused: bool
    priority: str
    owner: str
    created: float
    updated: float
    error: str
    frames_done: int  # of all renditions
    frames_total: int  # as far as it is known
    progress: float  # 0..1
    fps: float  # of all who work on it
    eta: float | None  # seconds, by what was delivered of late; null when nobody knows
    wall_seconds: float  # that all attempts have taken
    cpu_seconds: float
    joules: float | None  # that workers took for it beyond what they take idle; null: not all of it is known
    known_by: list[str]  # how: rapl, battery and meter have measured it, model has reckoned it
    size: int | None  # bytes of the results
    duration: float | None  # seconds
    play_url: str | None  # of a stream: where players begin, while it grows and afterwards


@dataclass(frozen=True)
class JobSummary(Figures):
    """A job as lists show it."""

    __pydantic_config__: ClassVar[dict[str, Any]] = examples.shown(examples.SUMMARY)

    renditions: list[str]


@dataclass(frozen=True)
class JobsPage:
    """Some jobs, the newest first, and where the next ones begin."""

    jobs: list[JobSummary]
    next: str | None  # to be given as `after`; null: there are no more


class Summaries:
    """Makes summaries, and remembers those of ended jobs."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._ended: OrderedDict[tuple[str, float], JobSummary] = OrderedDict()

    async def of(self, jobs: Sequence[Job]) -> list[JobSummary]:
        """In the same order."""
        asked = [job for job in jobs if _version(job) not in self._ended]
        names = [job.id for job in asked]
        ledger, now = self._ctx.ledger, self._ctx.clock.now()
        tallies = await ledger.tallies(names) if names else {}
        costs = await ledger.costs(names) if names else {}
        paces = await ledger.paces(now - LATELY) if any(not job.state.ended for job in asked) else {}
        made = {
            job.id: self._made(
                job, tallies.get(job.id, ()), costs.get(job.id, Cost()), _pace(paces.get(job.id), now)
            )
            for job in asked
        }
        return [made.get(job.id) or self._ended[_version(job)] for job in jobs]

    def _made(self, job: Job, tallies: Iterable[Tally], cost: Cost, pace: float) -> JobSummary:
        names = [rendition.name for rendition in job.renditions]
        made = JobSummary(**vars(figures(self._ctx, job, tallies, cost, pace)), renditions=names)
        if job.state.ended:
            self._ended[_version(job)] = made
            while len(self._ended) > _REMEMBERED:
                self._ended.popitem(last=False)
        return made


async def figures_of(ctx: Context, job: Job, tallies: Sequence[Tally]) -> Figures:
    """Of a job whose tasks are counted already."""
    now = ctx.clock.now()
    costs = await ctx.ledger.costs([job.id])
    paces = {} if job.state.ended else await ctx.ledger.paces(now - LATELY)
    return figures(ctx, job, tallies, costs.get(job.id, Cost()), _pace(paces.get(job.id), now))


def figures(ctx: Context, job: Job, tallies: Iterable[Tally], cost: Cost, pace: float) -> Figures:
    """`pace`: work a second of late; 0 when it is not known."""
    video = [tally for tally in tallies if tally.kind is TaskKind.VIDEO]
    done, total = frames(job, video)
    results = [rendition.result.size for rendition in job.renditions if rendition.result]
    return Figures(
        id=job.id,
        name=job.name,
        state=job.state.value,
        paused=job.paused,
        priority=str(job.options.get("priority", "normal")),
        owner=job.owner,
        created=job.created,
        updated=job.updated,
        error=job.error,
        frames_done=done,
        frames_total=total,
        progress=_progress(job, done, total),
        fps=round(sum(tally.fps for tally in video), 3),
        eta=_eta(job, video, pace, total),
        wall_seconds=cost.wall_seconds,
        cpu_seconds=cost.cpu_seconds,
        joules=cost.energy.total,
        known_by=cost.energy.known_by,
        size=sum(results) if results else None,
        duration=float(job.source.duration) if job.source else None,
        play_url=ctx.play_link(job),
    )


def frames(job: Job, video: Iterable[Tally]) -> tuple[int, int]:
    """How many are done, and how many there will be: of what is not cut yet, as many as the source has."""
    tallies, names = list(video), len(job.renditions)
    done = sum(t.frames if t.state is TaskState.DONE else t.done_frames for t in tallies)
    total = sum(t.frames for t in tallies)
    if job.state is JobState.SPLITTING and job.source is not None:
        total = max(total, job.source.video.frames * names)
    return min(done, total), total


def _progress(job: Job, done: int, total: int) -> float:
    if job.state is JobState.DONE:
        return 1.0
    return round(min(_ALMOST, done / total), 4) if total else 0.0


def _eta(job: Job, video: Sequence[Tally], pace: float, total: int) -> float | None:
    if job.state.ended or job.paused or not video:
        return None
    planned = sum(t.frames for t in video)
    work = sum(t.cost for t in video) * (total / planned if planned else 1.0)  # of what is not cut yet, too
    done = sum(t.cost * _share(t) for t in video)
    fps = sum(t.fps for t in video)
    if pace > 0:
        return round(max(0.0, work - done) / pace, 1)
    left = total - sum(t.frames * _share(t) for t in video)
    return round(max(0.0, left) / fps, 1) if fps > 0 else None


def _share(tally: Tally) -> float:
    if tally.state is TaskState.DONE:
        return 1.0
    return min(1.0, tally.done_frames / tally.frames) if tally.frames else 0.0


def _pace(pace: Pace | None, now: float) -> float:
    return pace.work / max(1.0, now - max(pace.since, now - LATELY)) if pace else 0.0


def cursor(job: Job) -> str:
    """Where a list goes on after this job, whatever jobs come and go."""
    return base64.urlsafe_b64encode(f"{job.created!r} {job.id}".encode()).decode().rstrip("=")


def place_of(cursor: str) -> tuple[float, str]:
    """When the job before was created, and its id. Raises Rejected."""
    try:
        text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
        created, job = text.split(" ")
        if not math.isfinite(float(created)):
            raise ValueError(created)
        return float(created), job
    except ValueError:
        raise Rejected(
            f"`after` is no cursor: give what `next` was in the answer before, not {cursor[:50]!r}."
        ) from None


def _version(job: Job) -> tuple[str, float]:
    return job.id, job.updated if job.state.ended else -1.0
