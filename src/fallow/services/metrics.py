"""Metrics of this process for Prometheus: what the log's listeners are told, as numbers."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Mapping
from typing import Any

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)

from fallow import __version__, log

CONTENT_TYPE = CONTENT_TYPE_LATEST
Facts = Mapping[str, Any]

# Upper bounds in seconds.
LONG = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200)
LONGER = (10, 30, 60, 120, 300, 600, 1800, 3600, 7200, 14400, 43200, 86400)
SHORT = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)

_METHODS = {"GET", "HEAD", "POST", "PUT", "DELETE"}
_ENDS = {"job.done": "done", "job.failed": "failed", "job.cancelled": "cancelled", "job.abandoned": "cancelled"}


@functools.cache
def of_process() -> Metrics:
    """Those of this process, which count from the first call on."""
    # When a counter began: nobody asks, and it doubles their number.
    disable_created_metrics()  # type: ignore[no-untyped-call]
    made = Metrics()
    log.listen(made.hear)
    return made


class Metrics:
    """Counters and histograms, each kept up to date by the actions that concern it."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=self.registry)
        build = Gauge("fallow_build_info", "Always 1; the version of Fallow.", ["version"], registry=self.registry)
        build.labels(__version__).set(1)
        self._troubles = self._counter("troubles", "Warnings by their action, as the log has them.", "action")
        self._reactions: dict[str, Callable[[Facts], None]] = {
            **self._of_jobs(),
            **self._of_attempts(),
            **self._of_ledger(),
            **self._of_store(),
            **self._of_http(),
        }

    def text(self) -> bytes:
        """In Prometheus' text form."""
        return generate_latest(self.registry)

    def hear(self, action: str, level: int, facts: Facts) -> None:
        """A listener of the log."""
        if level >= logging.WARNING:
            self._troubles(action).inc()
        if reaction := self._reactions.get(action):
            reaction(facts)

    def _of_jobs(self) -> dict[str, Callable[[Facts], None]]:
        created = self._counter("jobs_created", "Jobs that were announced.")
        seconds = self._histogram("job_seconds", "From the announcement of a job to its end.", LONGER, "state")

        def ended(state: str) -> Callable[[Facts], None]:
            return lambda facts: seconds(state).observe(facts["seconds"])

        ends = {action: ended(state) for action, state in _ENDS.items()}
        return {"job.created": lambda _: created().inc(), **ends}

    def _of_attempts(self) -> dict[str, Callable[[Facts], None]]:
        begun = self._counter("attempts_begun", "Leases that were given.", "kind")
        waits = self._histogram("task_wait_seconds", "From the offer of a task to its lease.", LONG, "kind")
        ended = self._counter("attempts", "Attempts that have ended.", "kind", "outcome")
        seconds = self._histogram("attempt_seconds", "From a lease to its end.", LONG, "kind", "outcome")
        cpu = self._counter("attempt_cpu_seconds", "Processor time that attempts took, as told.", "kind")
        size = self._counter("attempt_bytes", "Bytes that attempts have fetched and stored.", "kind", "direction")
        frames = self._counter("frames_delivered", "Frames, packets or events of parts that count.", "kind")
        retries = self._counter("retries", "Attempts after which a task is to be tried again.", "kind", "cause")
        dead = self._counter("tasks_dead", "Tasks that are not tried again, so their job fails.", "kind", "cause")

        def begin(facts: Facts) -> None:
            begun(facts["kind"]).inc()
            waits(facts["kind"]).observe(facts["waited"])

        def end(facts: Facts) -> None:
            if "outcome" not in facts:  # of a job that is gone
                return
            kind, outcome = facts["kind"], facts["outcome"]
            ended(kind, outcome).inc()
            seconds(kind, outcome).observe(facts["seconds"])
            cpu(kind).inc(_sane(facts["cpu_seconds"]))
            size(kind, "in").inc(_sane(facts["bytes_in"]))
            size(kind, "out").inc(_sane(facts["bytes_out"]))
            if outcome == "delivered":
                frames(kind).inc(_sane(facts["frames"]))
            if "cause" in facts:
                (dead if facts["dead"] else retries)(kind, facts["cause"]).inc()

        ends = ("part.accepted", "part.late", "task.done", "task.failed", "task.lost")
        return {"task.leased": begin, **dict.fromkeys(ends, end)}

    def _of_ledger(self) -> dict[str, Callable[[Facts], None]]:
        told = "A transaction of the ledger, with the wait for a thread and for its repetitions."
        seconds = self._histogram("ledger_seconds", told, SHORT, "operation")
        again = self._counter("ledger_retries", "Transactions that were begun again, as the database refused them.")
        return {
            "ledger.asked": lambda facts: seconds(facts["operation"]).observe(facts["seconds"]),
            "ledger.again": lambda _: again().inc(),
        }

    def _of_store(self) -> dict[str, Callable[[Facts], None]]:
        told = "A question to a bucket, with its repetitions."
        seconds = self._histogram("store_seconds", told, SHORT, "operation")
        return {"store.asked": lambda facts: seconds(facts["operation"]).observe(facts["seconds"])}

    def _of_http(self) -> dict[str, Callable[[Facts], None]]:
        requests = self._counter(
            "http_requests", "Requests by route, and answers' status.", "method", "route", "status"
        )
        seconds = self._histogram("http_request_seconds", "From request to the end of its answer.", SHORT, "route")
        size = self._counter("http_body_bytes", "Bytes of requests' and answers' bodies.", "direction")

        def answered(facts: Facts) -> None:
            method = facts["method"] if facts["method"] in _METHODS else "other"
            requests(method, facts["route"], f"{facts['status'] // 100}xx").inc()
            seconds(facts["route"]).observe(facts["seconds"])
            size("in").inc(_sane(facts["bytes_in"]))
            size("out").inc(_sane(facts["bytes_out"]))

        return {"request.answered": answered}

    def _counter(self, name: str, told: str, *labels: str) -> Callable[..., Counter]:
        """By the values of its labels."""
        made = Counter(f"fallow_{name}", told, labels, registry=self.registry)
        return functools.cache(made.labels) if labels else lambda: made

    def _histogram(self, name: str, told: str, bounds: tuple[float, ...], *labels: str) -> Callable[..., Histogram]:
        made = Histogram(f"fallow_{name}", told, labels, buckets=bounds, registry=self.registry)
        return functools.cache(made.labels)


def _sane(told: float) -> float:
    """What a worker says of itself, unless it makes no sense: one wrong number would spoil a sum for ever."""
    return told if 0 <= told < 1e15 else 0.0
