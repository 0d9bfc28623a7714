"""Looks into the ledger for all who listen: at most once a second, and only while somebody does.

The ledger has what every gateway and worker did, so whoever listens here hears of all of it.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
import traceback
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

from fallow import log
from fallow.errors import FallowError, NotFound
from fallow.messages import to_wire
from fallow.model import JobKind
from fallow.overview import Pulse
from fallow.pipeline.context import Context
from fallow.pipeline.workforce import members
from fallow.services.changes import RESYNC, Change, History, Item, Listener, encoded
from fallow.services.charts import Chart, Charts
from fallow.services.fleet_api import worker_view
from fallow.services.maps import named
from fallow.services.summaries import Summaries
from fallow.services.views import job_view

EVERY = 1.0  # seconds between two looks, at least
REST = 3.0  # so many times as long as a look took
LINGER = 60.0  # seconds that changes are looked for when nobody listens any more: who was cut off comes back
KEEP_ALIVE = 15.0  # seconds of silence
LONGEST = 900.0  # seconds; then a listener has to come again, and show that it still may


@dataclass
class _Watched:
    """A job whose chunks somebody looks at."""

    since: int  # number of the last change before it was
    needed: float  # when somebody did last, by the monotonic clock
    pulse: Pulse | None = None
    chart: Chart | None = None
    view: str = ""
    listeners: int = 0


class Watcher:
    """One of a gateway's process."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._summaries = Summaries(ctx)
        self._charts = Charts(ctx)
        self._looking = asyncio.Lock()
        self._running: asyncio.Task[None] | None = None
        self._forget()

    def _forget(self) -> None:
        self._history = History()
        self._listeners = 0
        self._needed = time.monotonic()
        self._jobs: dict[str, Pulse] | None = None
        self._workers: dict[str, str] = {}
        self._watched: dict[str, _Watched] = {}

    async def join(self, listener: Listener, last: str) -> AsyncIterator[str]:
        """What the listener is told from now on, or since the event that it names as the last that it heard.
        Returns when the present state is known: whoever asks for that afterwards misses nothing."""
        await self._begin(listener)
        number, resync = self._history.last, ""
        if last:
            known = self._history.number(last)
            watched = self._watched.get(listener.job)
            gap = known is None or (watched is not None and known < watched.since)
            number, resync = (number, RESYNC) if known is None or gap else (known, "")
        return self._told(listener, number, resync)

    async def _begin(self, listener: Listener) -> None:
        async with self._looking:
            self._needed = time.monotonic()
            if self._running is None or self._running.done():
                self._forget()
                await self._look()
                self._running = asyncio.create_task(self._run())
            if listener.job:
                watched = self._watched.get(listener.job)
                if watched is None:
                    watched = _Watched(self._history.last, self._needed)
                    await self._look_at(listener.job, watched)
                    self._watched[listener.job] = watched
                watched.needed = self._needed

    async def _told(self, listener: Listener, number: int, resync: str) -> AsyncIterator[str]:
        history, end = self._history, time.monotonic() + LONGEST
        yield f"{resync}id: {history.name(number)}\nretry: 2000\n\n"
        with self._counted(listener):
            while time.monotonic() < end and not self._ctx.closing.is_set():
                more, changes = history.more, history.since(number)
                number = history.last
                if changes is None:
                    yield f"{RESYNC}id: {history.name(number)}\n\n"
                for change in changes or ():
                    if text := change.told(listener):
                        yield f"event: {change.topic}\nid: {history.name(change.number)}\ndata: {text}\n\n"
                with contextlib.suppress(asyncio.TimeoutError):
                    await asyncio.wait_for(more.wait(), KEEP_ALIVE)
                    continue
                yield f": still here\nid: {history.name(number)}\n\n"

    @contextlib.contextmanager
    def _counted(self, listener: Listener) -> Iterator[None]:
        watched = self._watched.get(listener.job)
        self._listeners += 1
        if watched:
            watched.listeners += 1
        try:
            yield
        finally:
            self._listeners -= 1
            self._needed = time.monotonic()
            if watched:
                watched.listeners -= 1
                watched.needed = self._needed

    async def _run(self) -> None:
        pause = EVERY
        while not self._ctx.closing.is_set():
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._ctx.closing.wait(), pause)
            if self._ctx.closing.is_set() or self._is_over():
                break
            begun = time.monotonic()
            try:
                async with self._looking:
                    await self._look()
            except FallowError as error:  # the next look finds what this one has not
                log.trouble("events.not_looked", str(error))
            except Exception:  # nor may anything else leave those who listen without news
                log.trouble("events.not_looked", traceback.format_exc())
            pause = max(EVERY, REST * (time.monotonic() - begun))
        self._history.wake()

    def _is_over(self) -> bool:
        return not self._listeners and time.monotonic() - self._needed > LINGER

    async def _look(self) -> None:
        """Each part is told as soon as it is known: what follows may fail, and is found by the next look."""
        pulses, before = await self._ctx.ledger.pulses(), self._jobs
        if before is not None:
            self._tell(await self._jobs_changed(before, pulses))
            self._jobs = pulses
        workers = await self._workers_changed()
        if before is not None:
            self._tell(workers)
        self._jobs = pulses
        for job, watched in list(self._watched.items()):
            if not watched.listeners and time.monotonic() - watched.needed > LINGER:
                del self._watched[job]
            elif job in pulses and pulses[job] != watched.pulse:
                self._tell(*await self._look_at(job, watched))
                watched.pulse = pulses[job]

    def _tell(self, *changes: Change) -> None:
        self._history.add(change for change in changes if change.items or change.text)

    async def _jobs_changed(self, before: dict[str, Pulse], pulses: dict[str, Pulse]) -> Change:
        changed = [job for job, pulse in pulses.items() if before.get(job) != pulse and _is_listed(job)]
        jobs = await self._ctx.ledger.jobs_named(changed) if changed else []
        items = [Item(one.owner, one.id, encoded(to_wire(one))) for one in await self._summaries.of(jobs)]
        items += [Item(before[job].owner, job, "") for job in before.keys() - pulses.keys() if _is_listed(job)]
        return Change("jobs", items)

    async def _workers_changed(self) -> Change:
        now = {one.worker.id: encoded(worker_view(one).model_dump()) for one in await members(self._ctx)}
        before, self._workers = self._workers, now
        items = [Item("", worker, text) for worker, text in now.items() if before.get(worker) != text]
        items += [Item("", worker, "") for worker in before.keys() - now.keys()]
        return Change("workers", items)

    async def _look_at(self, job_id: str, watched: _Watched) -> list[Change]:
        try:
            job = await self._ctx.ledger.job(job_id)
        except NotFound:
            return []
        found, view = await self._charts.of(job), encoded(to_wire(await job_view(self._ctx, job)))
        changes = []
        if watched.chart is not None:
            changes.append(await self._map_change(job_id, watched.chart, found))
        if view != watched.view:
            changes.append(Change("job", job=job_id, text=view))
        watched.chart, watched.view = found, view
        return changes

    async def _map_change(self, job: str, before: Chart, now: Chart) -> Change:
        if now.crew[: len(before.crew)] != before.crew or list(now.letters) != list(before.letters):
            return Change("resync", job=job, text="{}")
        cells = list(differences(before, now))
        new = await named(self._ctx, now.crew[len(before.crew) :])
        if not cells and not new and before.chunks == now.chunks:
            return Change("map", job=job)
        workers = [{"index": index, **to_wire(worker)} for index, worker in enumerate(new, start=len(before.crew))]
        return Change("map", job=job, text=encoded({"chunks": now.chunks, "cells": cells, "workers": workers}))


def differences(before: Chart, now: Chart) -> Iterator[list[object]]:
    """Rendition, number, letter, worker or null, share that is done: of each cell that changed."""
    for name, letters in now.letters.items():
        old = before.letters.get(name, "")
        for number, letter in enumerate(letters):
            at = now.at.get((name, number))
            if (
                number >= len(old)
                or letter != old[number]
                or (letter == "l" and at != before.at.get((name, number)))
            ):
                yield [name, number, letter, *(at or (None, 0.0))]


def _is_listed(job: str) -> bool:
    """Whether the list of jobs shows it: measurements are shown with what they measure."""
    return JobKind.of(job) is JobKind.ENCODE
