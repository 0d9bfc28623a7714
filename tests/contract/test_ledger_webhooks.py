"""What every ledger promises of webhooks: each end of a job is told, however many send, and die at it."""

import asyncio
import dataclasses

import pytest
from ledger_steps import a_job

from fallow.errors import NotFound
from fallow.model import JobState
from fallow.people import Role, User
from fallow.webhooks import EVENTS, CallState, Outcome, Webhook

WELL = Outcome(204)


def a_hook(name="h", owner="anna", events=tuple(EVENTS), created=1.0):
    return Webhook(name, owner, f"https://{name}.example/told", "whsec_c2VjcmV0", events, created)


async def ended(ledger, job="j", owner="anna", state=JobState.FAILED, **more):
    await ledger.create_job(dataclasses.replace(a_job(job), owner=owner, **more))
    await ledger.move_job(job, state, "It broke.", "rejected")


async def one_call(ledger, seconds=60.0):
    (call,) = await ledger.take_calls("h", seconds, 9)
    return call


async def test_a_webhook_comes_back_as_it_was_and_there_are_only_so_many(ledger):
    assert [await ledger.add_webhook(a_hook(name, created=n), 2) for n, name in enumerate("abc")] == [1, 1, 0]
    assert await ledger.add_webhook(a_hook("o", "", ("job.done",)), 2)
    assert await ledger.webhook("b") == a_hook("b", created=1)
    found = [[hook.id for hook in await ledger.webhooks(owner)] for owner in ("anna", "", "nobody", None)]
    assert found == [["b", "a"], ["o"], [], ["b", "o", "a"]]
    assert [await ledger.remove_webhook("a") for _ in range(2)] == [True, False]
    with pytest.raises(NotFound):
        await ledger.webhook("a")
    assert "c2VjcmV0" not in repr(a_hook())


async def test_the_end_of_a_job_is_told_to_its_owner_and_to_who_runs_the_platform(ledger):
    for hook in (a_hook("mine"), a_hook("all", ""), a_hook("other", "bert"), a_hook("good", events=("job.done",))):
        await ledger.add_webhook(hook, 9)
    await ended(ledger)
    await ended(ledger, "measuring", options={"measures": "j"})
    told = {hook: await ledger.webhook_calls(hook, 9) for hook in ("mine", "all", "other", "good")}
    assert {hook: len(calls) for hook, calls in told.items()} == {"mine": 1, "all": 1, "other": 0, "good": 0}
    (call,) = told["mine"]
    assert (call.job, call.event, call.state, call.created, call.attempt) == (
        *("j", "job.failed", CallState.WAITING, 1000.0, 0),
    )
    assert call.told == {
        "id": "j",
        "name": "film.mov",
        "owner": "anna",
        "state": "failed",
        "created": 1.0,
        "updated": 1000.0,
        "error": "It broke.",
        "error_kind": "rejected",
    }
    await ledger.move_job("j", JobState.ENCODING)  # a retry is no end, and what comes of it is another one
    await ledger.move_job("j", JobState.CANCELLED)
    await ledger.forget_job("j")
    assert sorted(c.event for c in await ledger.webhook_calls("mine", 9)) == ["job.cancelled", "job.failed"]


async def test_of_many_senders_one_takes_a_call_and_another_when_that_one_died(ledger, time):
    await ledger.add_webhook(a_hook(), 9)
    await ended(ledger)
    taken = await asyncio.gather(*(ledger.take_calls("h", 60.0, 9) for _ in range(5)))
    assert sorted(map(len, taken)) == [0, 0, 0, 0, 1]
    assert await ledger.due_webhooks(9) == []
    time.now += 61
    assert [hook.id for hook in await ledger.due_webhooks(9)] == ["h"]
    assert await ledger.due_webhooks(9, ["h"]) == []
    call = await one_call(ledger)
    assert call.attempt == 2
    await ledger.end_call(call, WELL)
    time.now += 61
    assert await ledger.due_webhooks(9) == []
    (call,) = await ledger.webhook_calls("h", 9)
    assert (call.state, call.status, call.ended, call.error) == (CallState.DELIVERED, 204, 1061.0, "")


async def test_who_was_slow_changes_nothing_but_that_it_was_delivered(ledger, time):
    await ledger.add_webhook(a_hook(), 9)
    await ended(ledger)
    slow = await one_call(ledger)
    time.now += 61
    await one_call(ledger)
    await ledger.end_call(slow, Outcome(500, "It broke.", 5000.0))
    (call,) = await ledger.webhook_calls("h", 9)
    assert (call.due, call.error, (await ledger.webhook("h")).failing) == (1121.0, "", None)
    await ledger.end_call(slow, WELL)
    (call,) = await ledger.webhook_calls("h", 9)
    assert call.state is CallState.DELIVERED


async def test_a_webhook_that_fails_is_tried_again_until_it_is_given_up_and_stopped(ledger, time):
    await ledger.add_webhook(a_hook(), 9)
    for job in ("j", "k"):
        await ended(ledger, job)
    one, other = await ledger.take_calls("h", 60.0, 9)
    await ledger.end_call(one, Outcome(500, "It broke.", 2000.0))
    time.now = 1500.0
    assert [call.id for call in await ledger.take_calls("h", 60.0, 9)] == [other.id]
    time.now = 2000.0
    one, other = await ledger.take_calls("h", 60.0, 9)
    assert (await ledger.webhook("h")).failing == 1000.0  # since the first one that did not go well
    await ledger.end_call(one, Outcome(None, "Nobody is there."))
    assert {call.state for call in await ledger.webhook_calls("h", 9)} == {CallState.WAITING, CallState.GIVEN_UP}
    await ledger.end_call(other, Outcome(410, "It is gone.", 3000.0, stop="It wants no more."))
    assert [(c.state, c.ended) for c in await ledger.webhook_calls("h", 9)] == [(CallState.GIVEN_UP, 2000.0)] * 2
    assert (await ledger.webhook("h")).stopped == "It wants no more."
    await ended(ledger, "l")
    assert len(await ledger.webhook_calls("h", 9)) == 2
    await ledger.webhook_works("h")
    assert await ledger.webhook("h") == a_hook()
    await ended(ledger, "m")
    assert len(await ledger.webhook_calls("h", 9)) == 3


async def test_calls_go_with_their_webhook_that_with_its_owner_and_old_ones_by_themselves(ledger, time):
    for name in ("anna", "bert"):
        await ledger.add_user(User(name, Role.ADMIN, "", 1.0))
    await ledger.add_webhook(a_hook(), 9)
    await ended(ledger)
    await ended(ledger, "k")
    call, _ = await ledger.take_calls("h", 60.0, 9)
    await ledger.end_call(call, WELL)
    assert [await ledger.forget_calls(before) for before in (1000.0, 1001.0)] == [0, 1]
    assert len(await ledger.webhook_calls("h", 9)) == 1
    await ledger.remove_user("anna")
    assert (await ledger.webhooks(None), await ledger.webhook_calls("h", 9)) == ([], [])
