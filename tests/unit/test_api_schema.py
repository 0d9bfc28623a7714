"""The API answers as its description says, whatever is asked: a few made-up calls of each kind, always the same."""

import asyncio
import threading

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from serving import serving

from fallow.model import JobState, Part, TaskKind
from fallow.pipeline import submit
from fallow.pipeline.context import Context
from fallow.pipeline.job_options import Options
from fallow.profiles import Profile
from fallow.records import Setback, TaskSpec
from fallow.services import gateway

EXAMPLES = 6  # calls of each operation
ENDLESS = "/api/v1/events"
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
BRIEF = settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
schemathesis.serializer.alias("application/offset+octet-stream", "application/octet-stream")
PROFILES = [Profile("720p", width=64, height=64)]


def described():
    return gateway.build(Context(*[None] * 5), "").openapi()


def operations():
    found = schemathesis.openapi.from_dict(described()).get_all_operations()
    kept = [one.ok() for one in found if one.ok().path != ENDLESS]
    return sorted(kept, key=lambda operation: operation.method == "delete")  # they take from the others


async def filled(ctx):
    """A job in each state, with tasks in each state."""
    names = {}
    for state in JobState:
        job, _ = await submit.create(ctx, "talk.mov", PROFILES, Options())
        names[state] = job.id
        specs = [TaskSpec(job.id, TaskKind.VIDEO, "720p", n, {}, frames=10, cost=1.0) for n in range(4)]
        await ctx.ledger.plan(specs)
        for lane in await ctx.ledger.line_up(job.id, "", "normal"):
            one, other, third, _ = await ctx.ledger.top_up(lane, 4)
        for lease, task in enumerate((one, other, third)):
            await ctx.ledger.lease(task.id, f"{job.id}{lease}", "w", 5e9, 5e9)
        await ctx.ledger.give_up(f"{job.id}1", Setback("It broke.", None))
        await ctx.ledger.give_up(f"{job.id}2", Setback("It broke.", 0.0))
        await ctx.store.put(f"{job.id}/r", b"0123456789")
    for state, job in names.items():
        for step in (JobState.SPLITTING, JobState.ENCODING, JobState.JOINING):
            if state not in (JobState.UPLOADING, (await ctx.ledger.job(job)).state):
                await ctx.ledger.move_job(job, step)
        if state.ended:
            await ctx.ledger.move_job(job, state, "It broke.", "retryable")
    await ctx.ledger.set_result(
        names[JobState.DONE], "720p", Part(f"{names[JobState.DONE]}/r", 10, "ab", 1, ""), {}
    )
    return {state: (await ctx.ledger.job(job)).state for state, job in names.items()}, list(names.values())


@pytest.fixture(scope="module")
def platform(tmp_path_factory):
    """A gateway in a thread of its own: its address, and the jobs that it has."""
    told, ready, over = {}, threading.Event(), threading.Event()

    async def serve():
        async with serving(tmp_path_factory.mktemp("platform")) as caller:
            told["states"], told["jobs"] = await filled(caller.ctx)
            told["url"] = f"http://localhost:{caller.port}"
            ready.set()
            await asyncio.to_thread(over.wait)

    thread = threading.Thread(target=lambda: asyncio.run(serve()), daemon=True)
    thread.start()
    assert ready.wait(60)
    yield told
    over.set()
    thread.join(60)


def test_there_is_a_job_in_each_state(platform):
    assert platform["states"] == {state: state for state in JobState}


@pytest.mark.parametrize("operation", operations(), ids=lambda operation: operation.label)
def test_whatever_is_asked_is_answered_as_described(platform, operation):
    @settings(BRIEF)
    @given(operation.as_strategy(), st.sampled_from(platform["jobs"]), st.integers(0, 5))
    def ask(case, job, number):
        if number and case.path_parameters:
            values = {"job": job, "rendition": "720p", "number": number - 1, "name": "720p"}
            case.path_parameters.update({name: values[name] for name in case.path_parameters if name in values})
        answer = case.call(base_url=platform["url"], timeout=60)
        case.validate_response(answer, checks=CHECKS)

    ask()


def test_every_operation_has_a_name_of_its_own_and_says_how_it_may_be_refused():
    calls = [call for path in described()["paths"].values() for call in path.values()]
    names = [call["operationId"] for call in calls]
    assert len(set(names)) == len(names)
    for call in calls:
        assert {"401", "403", "422", "default"} <= set(call["responses"])
        assert call.get("description") or call.get("summary")


def test_answers_are_described_with_examples_that_are_true():
    schemas = described()["components"]["schemas"]
    for name in ("JobSummary", "JobView", "MapView", "ChunkView", "TimelineView", "FailuresView", "Problem"):
        (example,) = schemas[name]["examples"]
        absent = set(schemas[name]["required"]) ^ set(example)  # FastAPI leaves out what is null
        assert all("null" in str(schemas[name]["properties"][field]) for field in absent), name
