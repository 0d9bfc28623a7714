"""OpenTelemetry traces: one for each job, across all services, made of what the log's listeners are told.

A trace's id follows from its job's id, and so does that of its first span, which is told when the job ends: so
every process knows where its spans belong, and none must be told.
"""

from __future__ import annotations

import contextvars
import hashlib
import logging
import os
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.trace.sampling import ALWAYS_ON

from fallow import __version__, log
from fallow.worker.machine import hostname

FLUSH_SECONDS = 3.0  # that a process which ends waits for the collector
_WORDS = ("task", "lease", "worker", "attempt", "outcome", "cause")
_NUMBERS = ("cpu_seconds", "frames", "bytes_in", "bytes_out")
_ENDS = ("part.accepted", "part.late", "task.done", "task.failed", "task.lost")
_JOB_ENDS = ("job.done", "job.failed", "job.cancelled", "job.abandoned")
# Who does such tasks; the others are workers'.
_SERVICES = {"fetch": "splitter", "split": "splitter", "join": "joiner"}

_job: contextvars.ContextVar[str] = contextvars.ContextVar("job", default="")
"""The job whose first span is begun."""


def begin() -> Callable[[], None]:
    """Send spans to the collector that OTEL_EXPORTER_OTLP_ENDPOINT names; what is returned sends the last ones."""
    for name in ("opentelemetry.exporter", "opentelemetry.sdk"):
        logger = logging.getLogger(name)
        logger.addHandler(_Relay(logging.WARNING))
        logger.propagate = False
    traces = Traces(OTLPSpanExporter())
    stop = log.listen(traces.hear)

    def end() -> None:
        stop()
        traces.close()

    return end


class Traces:
    """Spans of what has ended."""

    def __init__(self, exporter: SpanExporter) -> None:
        self._processor = BatchSpanProcessor(exporter)
        self._tracers: dict[str, trace.Tracer] = {}

    def hear(self, action: str, _level: int, facts: Mapping[str, Any]) -> None:
        """A listener of the log."""
        if "job" not in facts or "began" not in facts:
            return
        if action in _JOB_ENDS:
            self._end_job(action, facts)
        elif action == "job.started":
            self._add("submit", "gateway", facts)
        elif action in _ENDS:
            self._add(facts["kind"], _SERVICES.get(facts["kind"], "worker"), facts)

    def close(self) -> None:
        """Send what is left, unless that takes too long."""
        closing = threading.Thread(target=self._processor.shutdown, name="traces", daemon=True)
        closing.start()
        closing.join(FLUSH_SECONDS)

    def _end_job(self, action: str, facts: Mapping[str, Any]) -> None:
        token = _job.set(facts["job"])
        try:
            self._span("job", "gateway", facts, Context(), {"fallow.state": action.partition(".")[2]})
        finally:
            _job.reset(token)

    def _add(self, name: str, service: str, facts: Mapping[str, Any]) -> None:
        above = trace.SpanContext(
            trace_id(facts["job"]), root_id(facts["job"]), is_remote=True, trace_flags=trace.TraceFlags(1)
        )
        context = trace.set_span_in_context(trace.NonRecordingSpan(above), Context())
        known = {f"fallow.{word}": facts[word] for word in (*_WORDS, *_NUMBERS) if word in facts}
        self._span(name, service, facts, context, known)

    def _span(
        self, name: str, service: str, facts: Mapping[str, Any], context: Context, attributes: Mapping[str, Any]
    ) -> None:
        known = {"fallow.job": facts["job"], **attributes}
        began, seconds = facts["began"], facts["seconds"]
        span = self._tracer(service).start_span(name, context, attributes=known, start_time=int(began * 1e9))
        if facts.get("outcome") in ("failed", "expired") or "error_kind" in facts:
            span.set_status(trace.Status(trace.StatusCode.ERROR, str(facts.get("message", ""))))
        span.end(int((began + seconds) * 1e9))

    def _tracer(self, service: str) -> trace.Tracer:
        """Of a service by its part in the story, even where one process plays several."""
        if service not in self._tracers:
            names = {"service.name": f"fallow-{service}", "service.version": __version__}
            names["service.instance.id"] = f"{hostname()}:{os.getpid()}"
            provider = TracerProvider(
                ALWAYS_ON, Resource.create(names), shutdown_on_exit=False, id_generator=_Ids()
            )
            provider.add_span_processor(self._processor)
            self._tracers[service] = provider.get_tracer("fallow", __version__)
        return self._tracers[service]


def trace_id(job: str) -> int:
    """The first 32 hexadecimal digits of the SHA-256 of the job's id."""
    return int(hashlib.sha256(job.encode()).hexdigest()[:32], 16)


def root_id(job: str) -> int:
    """The next 16."""
    return int(hashlib.sha256(job.encode()).hexdigest()[32:48], 16)


class _Ids(RandomIdGenerator):
    """Of a job's first span, the ids that everybody knows."""

    def generate_trace_id(self) -> int:
        return trace_id(job) if (job := _job.get()) else super().generate_trace_id()

    def generate_span_id(self) -> int:
        return root_id(job) if (job := _job.get()) else super().generate_span_id()


class _Relay(logging.Handler):
    """The library's own warnings, as lines of ours, and not many of them."""

    EVERY = 60.0  # seconds

    def __init__(self, level: int) -> None:
        super().__init__(level)
        self._next = 0.0

    def emit(self, record: logging.LogRecord) -> None:
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + self.EVERY
            log.trouble("traces.lost", f"The collector of traces cannot be reached: {record.getMessage()[:300]}")
