"""What Prometheus finds: names, numbers, and no more of them than there are kinds of things."""

import dataclasses
import re
import subprocess
import sys
from itertools import chain

import pytest
from job_steps import BIG, SMALL, encoding, later, lease, upload, work
from prometheus_client.parser import text_string_to_metric_families
from serving import serving

from fallow import log
from fallow.adapters import object_calls
from fallow.messages import Failure
from fallow.model import Effort
from fallow.pipeline import deliver, dispatch
from fallow.services.metrics import Metrics
from fallow.services.platform_metrics import PlatformMetrics

UNITS = ("seconds", "bytes")


@pytest.fixture
def counted():
    """Metrics that begin with nothing."""
    made = Metrics()
    stop = log.listen(made.hear)
    yield made
    stop()


def numbers(text):
    """Each sample's value by its name and labels, as Prometheus reads them."""
    families = text_string_to_metric_families(text.decode() if isinstance(text, bytes) else text)
    samples = chain.from_iterable(family.samples for family in families)
    return {(s.name, *sorted(s.labels.values())): s.value for s in samples}


async def test_attempts_are_counted_by_kind_and_outcome(ctx, counted):
    await encoding(ctx, BIG)
    ctx.clock.time += 9.0
    await work(ctx)
    failing = await lease(ctx)
    await deliver.fail(ctx, "w", failing.lease, Failure("retryable", "It broke."))
    await lease(ctx)
    await later(ctx, 100.0)
    found = numbers(counted.text())
    assert found["fallow_attempts_begun_total", "video"] == 3
    assert found["fallow_task_wait_seconds_sum", "video"] == 27.0
    assert found["fallow_attempts_total", "delivered", "video"] == 1
    assert found["fallow_attempts_total", "failed", "video"] == 1
    assert found["fallow_attempts_total", "expired", "video"] == 1
    assert found["fallow_attempt_seconds_sum", "expired", "video"] == 100.0
    assert found["fallow_frames_delivered_total", "video"] == 25
    assert found["fallow_attempt_cpu_seconds_total", "video"] == 1.0
    assert found["fallow_retries_total", "Retryable", "video"] == 2
    assert found["fallow_troubles_total", "task.failed"] == 2


async def test_a_worker_that_talks_nonsense_spoils_no_sum(ctx, counted):
    await encoding(ctx, BIG)
    for effort in (Effort(1.0, -1.0, 25, -5, 10), Effort(1.0, 2.0, 25, 5, 1 << 62)):
        grant = await lease(ctx)
        delivery = dataclasses.replace(await upload(ctx, grant), effort=effort)
        await deliver.deliver(ctx, "w", grant.lease, delivery)
    found = numbers(counted.text())
    assert found["fallow_attempts_total", "delivered", "video"] == 2
    assert found["fallow_attempt_cpu_seconds_total", "video"] == 2.0
    assert found["fallow_attempt_bytes_total", "in", "video"] == 5
    assert found["fallow_attempt_bytes_total", "out", "video"] == 10


async def test_a_task_that_is_not_tried_again_is_dead_and_its_job_has_failed(ctx, counted):
    await encoding(ctx, BIG)
    failing = await lease(ctx)
    ctx.clock.time += 5.0
    await deliver.fail(ctx, "w", failing.lease, Failure("rejected", "This cannot be encoded."))
    found = numbers(counted.text())
    assert found["fallow_tasks_dead_total", "Rejected", "video"] == 1
    assert ("fallow_retries_total", "Rejected", "video") not in found
    assert (found["fallow_jobs_created_total",], found["fallow_job_seconds_sum", "failed"]) == (1, 5.0)


async def test_the_platform_is_counted_when_it_is_asked(ctx):
    await encoding(ctx, BIG, SMALL)
    await lease(ctx)
    found = numbers(await PlatformMetrics(ctx).text({"store": "It is gone."}))
    # Of six tasks one is taken, and no more wait in the queue than are soon to be.
    assert found["fallow_queue_messages", "video.libx264.normal"] == 3
    assert found["fallow_queue_messages", "dead"] == 0
    assert (found["fallow_jobs", "encoding"], found["fallow_jobs", "done"]) == (1, 0)
    assert (found["fallow_tasks", "queued", "video"], found["fallow_tasks", "planned", "video"]) == (3, 2)
    assert found["fallow_leases_running", "video"] == 1
    assert (found["fallow_backend_up", "queue"], found["fallow_backend_up", "store"]) == (1, 0)


async def test_of_a_back_end_that_does_not_answer_nothing_is_told(ctx):
    await encoding(ctx, BIG)
    asking = PlatformMetrics(ctx)
    asking._depths._fresh = 0.0
    assert ("fallow_queue_messages", "dead") in numbers(await asking.text({}))
    await ctx.queue.close()
    found = numbers(await asking.text({"queue": "It is closed."}))
    assert [name for name, *_ in found if name == "fallow_queue_messages"] == []
    assert found["fallow_backend_up", "queue"] == 0
    assert found["fallow_jobs", "encoding"] == 1


async def test_requests_are_counted_by_route_and_not_by_address(tmp_path, counted):
    async with serving(tmp_path) as caller:
        job = {"name": "a.mp4", "profiles": [], "options": {}}
        await caller.send("POST", "/api/v1/jobs", job)
        for path in ("/api/v1/jobs/1", "/api/v1/jobs/2", "/api/v1/jobs/2/results/x", "/no/such", "/blobs/v1/k"):
            await caller.get(path)
        await caller.send("PATCH", "/api/v1/jobs")
    found = numbers(counted.text())
    assert found["fallow_http_requests_total", "/api/v1/jobs/{job}", "4xx", "GET"] == 2
    assert found["fallow_http_requests_total", "4xx", "GET", "none"] == 1
    assert found["fallow_http_requests_total", "/blobs/v1/{key:path}", "4xx", "GET"] == 1
    assert found["fallow_http_requests_total", "/api/v1/jobs", "4xx", "other"] == 1
    assert found["fallow_http_request_seconds_count", "/api/v1/jobs/{job}/results/{rendition}"] == 1
    assert found["fallow_http_body_bytes_total", "in"] > 30


async def test_every_transaction_is_timed_under_its_name(ctx, counted):
    await encoding(ctx, BIG)
    await work(ctx)
    await dispatch.advance(ctx, (await ctx.ledger.unfinished_jobs())[0])
    found = numbers(counted.text())
    assert found["fallow_ledger_seconds_count", "lease"] == 2  # with the split's
    assert found["fallow_ledger_seconds_count", "commit"] == 2
    assert found["fallow_ledger_seconds_count", "read"] > 10
    assert found["fallow_ledger_retries_total",] == 0


async def test_questions_to_a_bucket_are_timed_and_their_repetitions_counted(counted, monkeypatch):
    monkeypatch.setattr(object_calls, "_PAUSES", (0.0, 0.0))
    answers = iter([OSError("reset"), OSError("reset"), b"data"])

    async def answer():
        if isinstance(given := next(answers), OSError):
            raise given
        return given

    async def read():
        return await object_calls.Calls("s3://bucket").make("key", lambda: answer())

    assert await read() == b"data"
    found = numbers(counted.text())
    assert found["fallow_store_seconds_count", "read"] == 1
    assert found["fallow_troubles_total", "store.again"] == 2


async def test_any_service_answers_the_scrape(tmp_path):
    async with serving(tmp_path) as caller:
        answer = await caller.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=")
    found = numbers(answer.body)
    assert found["process_resident_memory_bytes",] > 1e6
    assert any(name == "fallow_build_info" for name, *_ in found)
    assert found["fallow_backend_up", "ledger"] == 1


def test_a_platform_that_nobody_watches_does_without_the_library(tmp_path):
    """`fallow encode` has one: it must not wait for an import."""
    code = f"""
import asyncio, sys
from pathlib import Path
from fallow.services.run import Platform
from fallow.settings import Settings

async def up():
    async with Platform(Settings(data=Path({str(tmp_path)!r}), port=0, workers=0, log="off")):
        print([name for name in sys.modules if name.startswith(("prometheus", "opentelemetry"))])

asyncio.run(up())
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_names_follow_prometheus_rules(ctx, counted):
    families = [*counted.registry.collect(), *PlatformMetrics(ctx).registry.collect()]
    own = [family for family in families if family.name.startswith("fallow_")]
    assert len(own) > 20
    for family in own:
        assert re.fullmatch(r"[a-z_]+", family.name), family.name
        assert family.documentation.endswith("."), family.name
        assert family.type != "histogram" or family.name.endswith(UNITS), family.name
