"""One trace for each job, whichever processes its spans come from."""

import hashlib
import subprocess
import sys
import threading

import pytest
from job_steps import BIG, encoding, later, lease, work
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

from fallow import log
from fallow.messages import Failure
from fallow.pipeline import deliver, submit
from fallow.services import traces, watch
from servers.collector import Collector


@pytest.fixture
def collector():
    with Collector() as made:
        yield made


@pytest.fixture
def tracing(collector):
    """A process that sends its spans there; to be closed before they are looked at."""
    made = traces.Traces(OTLPSpanExporter(f"{collector.url}/v1/traces"))
    stop = log.listen(made.hear)
    yield made
    stop()
    made.close()


async def test_an_attempts_span_lasts_from_its_lease_to_its_end(ctx, collector, tracing):
    job = await encoding(ctx, BIG)
    failing = await lease(ctx)
    ctx.clock.time += 7.0
    await deliver.fail(ctx, "w", failing.lease, Failure("retryable", "FFmpeg broke."))
    await lease(ctx, "lost")
    await later(ctx, 100.0)
    await work(ctx)
    await submit.cancel(ctx, job)
    tracing.close()
    spans = {span.attributes.get("fallow.outcome", span.name): span for span in collector.spans}
    assert set(spans) == {"submit", "failed", "expired", "delivered", "job"}
    failed, expired = spans["failed"], spans["expired"]
    assert (failed.end - failed.begin, failed.failed, failed.message) == (7.0, True, "FFmpeg broke.")
    assert failed.attributes["fallow.lease"] == failing.lease
    assert (expired.end - expired.begin, expired.attributes["fallow.worker"]) == (100.0, "lost")
    good = spans["delivered"]
    assert (good.failed, good.attributes["fallow.frames"], good.service) == (False, 25, "fallow-worker")
    assert spans["job"].attributes == {"fallow.job": job, "fallow.state": "cancelled"}


async def test_ids_follow_from_the_jobs(ctx, collector, tracing):
    job = await encoding(ctx, BIG)
    await work(ctx)
    await submit.cancel(ctx, job)
    tracing.close()
    digest = hashlib.sha256(job.encode()).hexdigest()
    assert {span.trace for span in collector.spans} == {digest[:32]}
    root = next(span for span in collector.spans if span.name == "job")
    assert (root.id, root.parent) == (digest[32:48], "")
    assert {span.parent for span in collector.spans if span is not root} == {root.id}
    assert len({span.id for span in collector.spans}) == len(collector.spans) == 3


async def test_a_collector_that_is_away_holds_up_nobody(ctx, monkeypatch):
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr(traces, "FLUSH_SECONDS", 0.0)
    with watch.watched():
        await encoding(ctx, BIG)
    assert [thread.daemon for thread in threading.enumerate() if thread.name == "traces"] == [True]


def test_only_opentelemetrys_own_variables_switch_it_on():
    there = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318"}
    assert watch.wants_traces(there)
    assert watch.wants_traces({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://collector:4318/v1/traces"})
    assert not watch.wants_traces({})
    assert not watch.wants_traces({**there, "OTEL_SDK_DISABLED": "true"})
    assert not watch.wants_traces({**there, "OTEL_TRACES_EXPORTER": "none"})


def test_without_them_nothing_of_it_is_imported():
    code = "import sys; from fallow.services.watch import watched\n"
    code += "with watched(): print([m for m in sys.modules if m.startswith('opentelemetry')])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
