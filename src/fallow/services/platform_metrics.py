"""Metrics of the platform as a whole, which any of its processes can tell: asked for when they are scraped."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from prometheus_client import CollectorRegistry, Gauge, generate_latest

from fallow.model import JobState, TaskKind, TaskState
from fallow.pipeline.admission import queues
from fallow.pipeline.context import Context
from fallow.ports import DEAD
from fallow.records import Census
from fallow.services.questions import Question

FRESH = 10.0  # seconds: every process may be asked, and counting is no small question
QUEUES = [*queues(list(TaskKind)), DEAD]
BACKENDS = ("queue", "ledger", "store")


class PlatformMetrics:
    """What the queue and the ledger say; nothing of a back end that does not answer."""

    def __init__(self, ctx: Context) -> None:
        self.registry = CollectorRegistry()
        self._depths = Question("queue", lambda: ctx.queue.depths(QUEUES), FRESH)
        self._census = Question("ledger", lambda: ctx.ledger.census(), FRESH)
        self._up = self._gauge("backend_up", "Whether the process's back end answers: 1 or 0.", "backend")
        self._messages = self._gauge("queue_messages", "Messages that are ready in a queue.", "queue")
        self._jobs = self._gauge("jobs", "Jobs in a state.", "state")
        self._tasks = self._gauge("tasks", "Tasks of unfinished jobs in a state.", "kind", "state")
        self._leases = self._gauge("leases_running", "Tasks that a worker is at.", "kind")

    async def text(self, troubles: Mapping[str, str]) -> bytes:
        """In Prometheus' text form, given which back ends do not answer."""
        depths, census = await asyncio.gather(self._depths.answer(), self._census.answer())
        for backend in BACKENDS:
            self._up.labels(backend).set(backend not in troubles)
        self._messages.clear()
        for queue, depth in (depths or {}).items():
            self._messages.labels(queue).set(depth)
        self._count(census)
        return generate_latest(self.registry)

    def _gauge(self, name: str, told: str, *labels: str) -> Gauge:
        return Gauge(f"fallow_{name}", told, labels, registry=self.registry)

    def _count(self, census: Census | None) -> None:
        for gauge in (self._jobs, self._tasks, self._leases):
            gauge.clear()
        if census is None:
            return
        for job_state in JobState:
            self._jobs.labels(job_state.value).set(census.jobs.get(job_state, 0))
        for kind in TaskKind:
            for state in TaskState:
                self._tasks.labels(kind.value, state.value).set(census.tasks.get((kind, state), 0))
            self._leases.labels(kind.value).set(census.tasks.get((kind, TaskState.LEASED), 0))
