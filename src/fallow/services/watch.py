"""Who watches a process that runs for long."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Mapping

from fallow import log

_ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")


@contextlib.contextmanager
def watched() -> Iterator[None]:
    """What happens within is counted, and traced where a collector is named. Short runs do without the imports."""
    from fallow.services import metrics

    metrics.of_process()
    end = _traced() if wants_traces(os.environ) else None
    try:
        yield
    finally:
        if end:
            end()


def _traced() -> Callable[[], None] | None:
    try:
        from fallow.services import traces
    except ModuleNotFoundError:
        log.trouble("traces.off", "Traces need more packages; install them with: pip install 'fallow[trace]'")
        return None
    return traces.begin()


def wants_traces(environment: Mapping[str, str]) -> bool:
    """Whether OpenTelemetry's own variables ask for them."""
    off = environment.get("OTEL_SDK_DISABLED", "").lower() == "true"
    elsewhere = environment.get("OTEL_TRACES_EXPORTER", "otlp") not in ("", "otlp")
    return any(environment.get(name) for name in _ENDPOINTS) and not off and not elsewhere
