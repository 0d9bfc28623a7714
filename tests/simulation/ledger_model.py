"""A ledger of plain Python objects, for as many devices as no database in this process could serve in time.

It decides as the SQL one does (a test compares them), keeps nothing that decides nothing, and has only what
dispatch, admission, delivery, sweeping and the simulation's own splitter and joiner ask for.
"""

from __future__ import annotations

import dataclasses
import functools
import heapq
from bisect import insort
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any
from unittest import mock

from fallow.errors import Conflict, NotFound
from fallow.model import (
    Chunk,
    Effort,
    JobState,
    Part,
    Source,
    TaskKind,
    TaskState,
    Worker,
    piece_numbers,
    pieces_of,
)
from fallow.pipeline import dispatch, job_options
from fallow.pipeline.order import Waiting
from fallow.records import Attempt, Freed, Hedge, Job, Lane, Outcome, Race, Setback, Tally, Task, TaskSpec
from simulation.books import Book, Row, Try
from simulation.hedges_model import AGENTS, Seconds, race
from simulation.turns_model import Turns

OPEN = (TaskState.PLANNED, TaskState.QUEUED, TaskState.LEASED)


class ModelLedger:
    """The part of ports.Ledger that is asked for in a simulation."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._books: dict[str, Book] = {}
        self._running: dict[str, Book] = {}
        self._rows: dict[str, Row] = {}
        self._tries: dict[str, Try] = {}
        self._leased: list[tuple[float, str]] = []  # a heap of ends; those of renewed leases are put right when due
        self._seconds = Seconds()
        self._turns: dict[Lane, Turns] = defaultdict(Turns)
        self._queued: list[tuple[float, str]] = []  # likewise, when they were offered

    # jobs

    async def create_job(self, job: Job) -> bool:
        if job.id in self._books:
            return False
        self._books[job.id] = self._running[job.id] = Book(job)
        return True

    async def job(self, job: str) -> Job:
        return self._book(job).job

    async def unfinished_jobs(self) -> list[str]:
        return list(self._running)

    async def move_job(self, job: str, new: JobState, error: str = "", error_kind: str = "") -> bool:
        book = self._book(job)
        if new not in book.job.state.moves:
            return False
        more = {"error": error, "error_kind": error_kind}
        book.job = dataclasses.replace(book.job, state=new, updated=self._now(), **more)
        if new.ended:
            self._running.pop(job, None)
            for row in book.rows.values():
                if row.state in (TaskState.QUEUED, TaskState.LEASED):
                    row.attempt -= row.state is TaskState.LEASED
                    self._move(row, TaskState.PLANNED)
        return True

    async def set_source(self, job: str, source: Source) -> None:
        book = self._book(job)
        book.job = dataclasses.replace(book.job, source=source, updated=self._now())

    async def drop_renditions(self, job: str, names: Sequence[str]) -> None:
        book = self._book(job)
        kept = tuple(r for r in book.job.renditions if r.name not in names or r.result)
        book.job = dataclasses.replace(book.job, renditions=kept)

    async def set_result(self, job: str, rendition: str, result: Part, facts: dict[str, Any]) -> bool:
        book = self._book(job)
        renditions = [
            dataclasses.replace(r, result=result, facts=facts) if r.name == rendition else r
            for r in book.job.renditions
        ]
        book.job = dataclasses.replace(book.job, renditions=tuple(renditions))
        return True

    # tasks

    async def plan(self, specs: Sequence[TaskSpec]) -> int:
        return sum(map(self._add, specs))

    async def add_chunk(self, chunk: Chunk, specs: Sequence[TaskSpec]) -> bool:
        self._book(chunk.job).chunks[chunk.number] = chunk
        await self.plan(specs)
        return True

    async def task(self, task: str) -> Task:
        return self._row(task).task

    async def tasks(self, job: str, kinds: Sequence[TaskKind] = ()) -> list[Task]:
        rows = self._book(job).rows.values()
        found = [row.task for row in rows if not kinds or row.spec.kind in kinds]
        return sorted(found, key=lambda task: (task.spec.kind.value, task.spec.rendition, task.spec.number))

    async def tally(self, job: str) -> list[Tally]:
        counts = self._book(job).counts.items()
        costs = self._book(job).costs
        return [Tally(*key, count, 0, 0, 0.0, costs[key]) for key, count in counts if count]

    async def running(self, job: str) -> list[Task]:
        return [row.task for row in self._book(job).rows.values() if row.state is TaskState.LEASED]

    async def pieces(self, job: str, rendition: str, number: int) -> tuple[Chunk, list[Task]] | None:
        rows = self._pieces(job, rendition, number)
        return (self._book(job).chunks[number], [row.task for row in rows]) if rows else None

    async def divide(self, task: Task, head: TaskSpec, rest: Sequence[TaskSpec]) -> bool:
        row = self._row(task.id)
        waits = row.state in (TaskState.PLANNED, TaskState.QUEUED) and not row.tried
        if not waits or row.spec.frames != task.spec.frames or task.spec.job not in self._running:
            return False
        self._book(task.spec.job).costs[row.spec.kind, row.spec.rendition, row.state] += head.cost - row.spec.cost
        row.spec = head
        await self.plan(rest)
        return True

    async def prefix(self, job: str, rendition: str, start: int, limit: int) -> list[tuple[Chunk, Task]]:
        book, found = self._book(job), list[tuple[Chunk, Task]]()
        for number in range(start, start + limit):
            rows = self._pieces(job, rendition, number)
            if not rows or any(row.state is not TaskState.DONE for row in rows):
                break
            stretches = pieces_of(book.chunks[number], [row.spec.number for row in rows])
            found += zip(stretches, [row.task for row in rows], strict=True)
        return found

    def _pieces(self, job: str, rendition: str, number: int) -> list[Row]:
        names = (f"{job}.video.{rendition}.{one:05d}" for one in piece_numbers(number))
        return [row for name in names if (row := self._book(job).rows.get(name))]

    async def hasten(self, job: str, kind: TaskKind, rendition: str) -> bool:
        now, hastened = self._now(), False
        for row in self._book(job).rows.values():
            mine = row.spec.kind is kind and row.spec.rendition == rendition
            if mine and row.state is TaskState.PLANNED and not row.error and row.retry_at > now:
                row.retry_at, hastened = now, True
        return hastened

    async def unfinished(self, task: Task) -> bool:
        spec = task.spec
        return self._book(spec.job).count((spec.kind,), (*OPEN, TaskState.DEAD), spec.rendition) > 0

    async def is_last(self, job: str) -> bool:
        if self._running.keys() - {job} if len(self._running) < 3 else True:
            return False
        book = self._book(job)
        waiting = book.count(AGENTS, (TaskState.PLANNED, TaskState.QUEUED))
        return not waiting and book.counts[TaskKind.SPLIT, "", TaskState.DONE] > 0

    async def line_up(self, job: str, owner: str, priority: str) -> list[Lane]:
        book = self._book(job)
        mine = [lane for lane in list(book.planned) if job in self._running and self._ready(book, lane, 1)]
        mine.sort(key=lambda lane: (lane[0].value, lane[1]))
        lanes = [Lane(kind, encoder, priority) for kind, encoder in mine]
        for lane in lanes:
            self._turns[lane].stand(owner, job)
        return lanes

    async def top_up(self, lane: Lane, room: int) -> list[Task]:
        found: list[Task] = []
        more = True
        while more and len(found) < room:
            names, more = self._turns[lane].next(room - len(found), lambda job, most: self._look(lane, job, most))
            found += self._offer([self._rows[name] for name in names])
        return found

    async def sisters(self, task: Task) -> list[Task]:
        """There is one rendition of everything."""
        return []

    async def offer(self, names: Sequence[str]) -> None:
        for row in (self._rows[name] for name in names):
            if row.state is TaskState.PLANNED and row.retry_at <= self._now():
                for lane, turns in self._turns.items():
                    if (lane.kind, lane.encoder) == (row.spec.kind, row.spec.encoder):
                        turns.charge(row.spec.job, row.spec.cost)
                self._offer([row])

    # leases

    async def lease(self, task: str, lease: str, worker: str, until: float, deadline: float) -> Task | None:
        row = self._row(task)
        if row.state is not TaskState.QUEUED or row.spec.job not in self._running:
            return None
        self._move(row, TaskState.LEASED)
        row.attempt += 1
        row.tried = True
        row.worker, row.lease, row.until, row.deadline = worker, lease, until, deadline
        row.done_frames, row.fps = 0, 0.0
        self._tries[lease] = Try(row, worker, row.attempt, self._now())
        heapq.heappush(self._leased, (until, lease))
        return row.task

    async def renew(self, lease: str, until: float, frames: int, fps: float) -> bool:
        found = self._tries.get(lease)
        if found is None or found.row.lease != lease or found.row.deadline <= self._now():
            return self._seconds.renew(lease, until, frames, fps, self._now())
        found.row.until, found.row.done_frames, found.row.fps = until, frames, fps
        return True

    async def held(self, lease: str) -> tuple[Attempt, Task]:
        return await self.attempt(lease), self._try(lease).row.task

    async def attempt(self, lease: str) -> Attempt:
        a = self._try(lease)
        return Attempt(lease, a.row.id, a.worker, a.number, a.started, a.ended, a.outcome, "", Effort())

    async def commit(self, lease: str, part: Part, effort: Effort) -> bool:
        found = self._try(lease)
        row, now = found.row, self._now()
        if row.spec.job not in self._running:
            raise Conflict("The job has ended.")
        if found.outcome == Outcome.DELIVERED.value:
            return False
        if row.state not in OPEN:
            self._end(found, Outcome.LATE, now)
            return False
        for name in (row.lease, *(one.lease for one in [self._seconds.by_task.get(row.id)] if one)):
            if (other := self._tries.get(name)) and other is not found and other.ended is None:
                self._end(other, Outcome.CANCELLED, now)
        self._move(row, TaskState.DONE)
        row.part, row.error = part, ""
        self._end(found, Outcome.DELIVERED, now)
        found.wall_seconds = effort.wall_seconds
        self._books[row.spec.job].delivered.append(found)
        return True

    async def race(self, job: str, kind: TaskKind) -> Race | None:
        return race(self._book(job), kind, self._tries, self._seconds, self._now())

    async def hedge(self, hedge: Hedge) -> Task | None:
        row, now = self._row(hedge.task), self._now()
        if row.spec.job not in self._running or not self._seconds.begin(row, hedge, now):
            return None
        self._tries[hedge.lease] = Try(row, hedge.worker, row.attempt, now)
        if (replaced := self._tries.get(hedge.instead)) and replaced.ended is None:
            self._end(replaced, Outcome.CANCELLED, now)
        return dataclasses.replace(row.task, lease=hedge.lease, worker=hedge.worker, lease_until=hedge.until)

    async def give_up(self, lease: str, setback: Setback) -> Freed:
        found = self._try(lease)
        row, now = found.row, self._now()
        if second := self._seconds.by_lease.get(lease):
            self._seconds.drop(second)
            if found.ended is None:
                self._end(found, setback.outcome, now)
                return Freed.RIVAL
        if row.lease != lease or row.state is not TaskState.LEASED:
            return Freed.NOTHING
        if second := self._seconds.taking_over(row, setback, now):
            self._tries[second.lease].number = row.attempt
            heapq.heappush(self._leased, (row.until, second.lease))
            self._end(found, setback.outcome, now)
            return Freed.RIVAL
        row.attempt -= setback.outcome is Outcome.CANCELLED
        row.error, row.retry_at = setback.error, setback.retry_at or 0.0
        self._move(row, TaskState.DEAD if setback.retry_at is None else TaskState.PLANNED)
        self._end(found, setback.outcome, now)
        return Freed.TASK

    async def expired(self, now: float) -> list[Task]:
        found: list[Task] = []
        while self._leased and self._leased[0][0] < now:
            _, lease = heapq.heappop(self._leased)
            row = self._tries[lease].row
            if row.lease == lease and row.until >= now:
                heapq.heappush(self._leased, (row.until, lease))
            elif row.lease == lease:
                heapq.heappush(self._leased, (now, lease))  # seen again, unless it is given up
                found.append(row.task)
        return [*found, *self._seconds.expired(now)]

    async def overdue(self, before: float) -> list[Task]:
        while self._queued and not self._waits(*self._queued[0]):
            heapq.heappop(self._queued)
        if not self._queued or self._queued[0][0] >= before:
            return []
        self._queued = sorted(set(filter(lambda one: self._waits(*one), self._queued)))  # which is a heap
        return [self._row(task).task for since, task in self._queued if since < before]

    def _waits(self, since: float, task: str) -> bool:
        row = self._row(task)
        return row.state is TaskState.QUEUED and row.queued_at == since

    # workers: nothing of them decides

    async def add_worker(self, worker: Worker, token_sha256: str) -> None: ...

    async def saw_worker(self, worker: str) -> None: ...

    async def close(self) -> None: ...

    # what the above are made of

    def _book(self, job: str) -> Book:
        if book := self._books.get(job):
            return book
        raise NotFound(f"There is no job {job}.")

    def _row(self, task: str) -> Row:
        if row := self._rows.get(task):
            return row
        raise NotFound(f"There is no task {task}.")

    def _try(self, lease: str) -> Try:
        if found := self._tries.get(lease):
            return found
        raise NotFound("There is no such lease.")

    def _add(self, spec: TaskSpec) -> bool:
        name = f"{spec.job}.{spec.kind.value}.{spec.rendition or '-'}.{spec.number:05d}"
        book = self._book(spec.job)
        if name in book.rows:
            return False
        row = book.rows[name] = self._rows[name] = Row(name, spec)
        book.counts[spec.kind, spec.rendition, row.state] += 1
        book.costs[spec.kind, spec.rendition, row.state] += spec.cost
        insort(book.planned[spec.kind, spec.encoder], (spec.number, name))
        return True

    def _look(self, lane: Lane, job: str, most: int) -> tuple[Waiting, ...]:
        rows = self._ready(self._running[job], (lane.kind, lane.encoder), most) if job in self._running else ()
        return tuple(Waiting(row.id, row.spec.number, row.spec.cost) for row in rows)

    def _ready(self, book: Book, lane: tuple[TaskKind, str], most: int | None = None) -> list[Row]:
        """Planned tasks whose back-off is over, by number."""
        now, found = self._now(), list[Row]()
        for _, name in book.planned[lane]:
            row = book.rows[name]
            if row.retry_at <= now:
                found.append(row)
                if len(found) == most:
                    break
        return found

    def _offer(self, rows: Sequence[Row]) -> list[Task]:
        """The tasks as they were before."""
        found = [row.task for row in rows]
        for row in rows:
            self._move(row, TaskState.QUEUED)
            row.queued_at = self._now()
            heapq.heappush(self._queued, (row.queued_at, row.id))
        return found

    def _move(self, row: Row, new: TaskState) -> None:
        book, spec = self._books[row.spec.job], row.spec
        place, lane = (spec.number, row.id), book.planned[spec.kind, spec.encoder]
        book.counts[spec.kind, spec.rendition, row.state] -= 1
        book.counts[spec.kind, spec.rendition, new] += 1
        book.costs[spec.kind, spec.rendition, row.state] -= spec.cost
        book.costs[spec.kind, spec.rendition, new] += spec.cost
        if row.state is TaskState.PLANNED:
            lane.remove(place)
        if new is TaskState.PLANNED:
            insort(lane, place)
        row.state = new
        if new is not TaskState.LEASED:
            row.worker, row.lease, row.until, row.deadline, row.done_frames, row.fps = "", "", 0.0, 0.0, 0, 0.0

    def _end(self, found: Try, how: Outcome, now: float) -> None:
        found.outcome, found.ended = how.value, found.ended or now


@asynccontextmanager
async def model(now: Callable[[], float]) -> AsyncIterator[ModelLedger]:
    """Records stay the same objects here, so what they say is read once."""
    known: dict[tuple[type[Any], int], Any] = {}
    read, lanes = job_options.from_wire, functools.cache(dispatch.queues)

    def listed(kinds: Sequence[TaskKind], encoders: None = None) -> list[str]:
        return lanes(tuple(kinds), encoders)

    def remembered(cls: type[Any], data: Any) -> Any:
        key = (cls, id(data))
        if key not in known:
            known[key] = read(cls, data)
        return known[key]

    with mock.patch.object(job_options, "from_wire", remembered), mock.patch.object(dispatch, "queues", listed):
        yield ModelLedger(now)
