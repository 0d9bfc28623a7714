"""What is told of attempts and jobs when they end, however they do."""

import pytest
from job_steps import BIG, encoding, later, lease, upload, work

from fallow import log
from fallow.errors import BrokenPart
from fallow.messages import Failure
from fallow.pipeline import deliver, dispatch, submit


@pytest.fixture
def told():
    """Actions and their facts."""
    found = []
    stop = log.listen(lambda action, level, facts: level and found.append((action, dict(facts))))
    yield found
    stop()


def of(told, action):
    return [facts for known, facts in told if known == action]


async def test_whatever_is_told_of_an_attempt_names_it(ctx, told):
    job = await encoding(ctx, BIG)
    await work(ctx)
    failing = await lease(ctx)
    await deliver.fail(ctx, "w", failing.lease, Failure("retryable", "It broke."))
    short = await lease(ctx)
    with pytest.raises(BrokenPart):
        await deliver.deliver(ctx, "w", short.lease, await upload(ctx, short, frames=24))
    await later(ctx, 20.0)
    slow = await lease(ctx, "slow")
    await later(ctx)
    while await lease(ctx, "quick"):
        pass
    await deliver.deliver(ctx, "slow", slow.lease, await upload(ctx, slow))
    about = [(action, facts) for action, facts in told if action.split(".")[0] in ("task", "part", "lease")]
    assert {action for action, _ in about} == {"task.leased", "task.failed", "part.accepted"}
    for action, facts in about:
        assert facts["job"] == job, action
        assert facts["task"].startswith(job), action
        assert facts["lease"], action
        assert facts["worker"], action
    assert {facts["worker"] for facts in of(told, "task.failed")} == {"w", "slow"}
    assert [facts["cause"] for facts in of(told, "task.failed")] == ["Retryable", "BrokenPart", "Retryable"]
    assert [facts["lease"] for facts in of(told, "part.accepted")][-1] == slow.lease


async def test_an_attempt_that_came_second_is_told_as_its_own(ctx, told):
    await encoding(ctx, BIG)
    slow = await lease(ctx, "slow")
    await later(ctx, 40.0)
    quick = await lease(ctx, "quick")
    while quick.task != slow.task:
        quick = await lease(ctx, "quick")
    await deliver.deliver(ctx, "quick", quick.lease, await upload(ctx, quick))
    ctx.clock.time += 10.0
    await deliver.deliver(ctx, "slow", slow.lease, await upload(ctx, slow))
    (late,) = of(told, "part.late")
    assert (late["lease"], late["worker"], late["outcome"]) == (slow.lease, "slow", "late")
    assert (late["attempt"], late["seconds"]) == (1, 50.0)
    assert [facts["lease"] for facts in of(told, "part.accepted")] == [quick.lease]


async def test_a_job_is_told_to_have_ended_once(ctx, told):
    job = await encoding(ctx, BIG)
    ctx.clock.time += 60.0
    for _ in range(2):
        await dispatch.fail_job(ctx, job, "It broke.", "retryable")
    (failed,) = of(told, "job.failed")
    assert (failed["job"], failed["seconds"], failed["error_kind"]) == (job, 60.0, "retryable")
    await submit.retry(ctx, job)
    await submit.cancel(ctx, job)
    assert len(of(told, "job.cancelled")) == 1
