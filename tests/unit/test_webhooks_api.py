"""Webhooks in the API: whose they are, what is told of them, and a test of one."""

import dataclasses

import pytest
from persons import PLATFORM, logged_in, platform, quick_hashes  # noqa: F401 - a fixture
from receiving import receiving
from serving import serving

from fallow.addresses import Reach
from fallow.model import JobState
from fallow.people import Role
from fallow.pipeline import submit
from fallow.pipeline.job_options import Options
from fallow.profiles import Profile
from fallow.webhooks import EVENTS, CallState, Outcome

URL = {"url": "https://example.com/told"}


@pytest.fixture
async def caller(tmp_path):
    async with serving(tmp_path, PLATFORM) as caller:
        yield caller


async def added(person, **more):
    answer = await person("POST", "/webhooks", {**URL, **more})
    assert answer.status == 201, answer.body
    return answer.json


async def listed(person):
    return [hook["id"] for hook in (await person("GET", "/webhooks")).json["webhooks"]]


async def test_everybody_has_own_webhooks_admins_see_all_and_a_secret_is_shown_once(caller):
    anna, bert = [await logged_in(caller, name) for name in ("anna", "bert")]
    hook = await added(anna, events=["job.failed", "job.done"])
    assert hook["secret"].startswith("whsec_")
    (seen,) = (await anna("GET", "/webhooks")).json["webhooks"]
    assert (seen["events"], seen["owner"], seen["url"]) == (["job.done", "job.failed"], "anna", URL["url"])
    assert hook == {**seen, "secret": hook["secret"]}
    own = await added(platform(caller))
    assert own["events"] == list(EVENTS)
    assert [await listed(one) for one in (anna, bert, platform(caller))] == [
        [hook["id"]],
        [],
        [own["id"], hook["id"]],
    ]
    for method, path in (("DELETE", ""), ("GET", "/calls"), ("POST", "/test")):
        for strange in (hook["id"], "nothing"):
            assert (await bert(method, f"/webhooks/{strange}{path}")).status == 404
    assert (await platform(caller)("DELETE", f"/webhooks/{hook['id']}")).status == 204
    assert await listed(anna) == []


async def test_what_makes_no_sense_is_refused_and_there_are_only_so_many(caller):
    anna = await logged_in(caller, "anna")
    for body in ({"url": "ftp://example.com"}, {**URL, "events": []}, {**URL, "events": ["job.begun"]}):
        assert (await anna("POST", "/webhooks", body)).status == 422
    for _ in range(20):
        await added(anna)
    refused = await anna("POST", "/webhooks", URL)
    assert (refused.status, "20 webhooks" in refused.json["title"]) == (409, True)
    assert (await (await logged_in(caller, "vera", Role.VIEWER))("POST", "/webhooks", URL)).status == 403


async def test_a_test_tells_what_came_of_it_and_begins_anew_with_one_that_was_stopped(caller):
    hook = await added(platform(caller), url="http://localhost:9")
    told = (await platform(caller)("POST", f"/webhooks/{hook['id']}/test")).json
    assert (told["delivered"], told["status"], "administrator" in told["error"]) == (False, None, True)
    policy = dataclasses.replace(caller.ctx.policy, webhook_reach=Reach.told("127.0.0.1", "the test"))
    object.__setattr__(caller.ctx, "policy", policy)
    async with receiving() as receiver:
        receiver.answers = [500]
        hook = await added(platform(caller), url=f"{receiver.url}/s3cret")
        trial = (await platform(caller)("POST", f"/webhooks/{hook['id']}/test")).json
        assert (trial["delivered"], trial["status"]) == (False, 500)
        job, _ = await submit.create(caller.ctx, "talk.mov", [Profile("720p", width=64, height=64)], Options())
        await caller.ctx.ledger.move_job(job.id, JobState.FAILED, "It broke.", "rejected")
        (call,) = await caller.ctx.ledger.take_calls(hook["id"], 60.0, 9)
        await caller.ctx.ledger.end_call(call, Outcome(410, "It is gone.", stop="It wants no more."))
        seen = {one["id"]: one for one in (await platform(caller)("GET", "/webhooks")).json["webhooks"]}
        assert (seen[hook["id"]]["stopped"], seen[hook["id"]]["failing"] is None) == ("It wants no more.", False)
        assert (await platform(caller)("POST", f"/webhooks/{hook['id']}/test")).json["delivered"]
        assert [one.json["type"] for one in receiver.got] == ["test", "test"]
    seen = {one["id"]: one for one in (await platform(caller)("GET", "/webhooks")).json["webhooks"]}
    assert (seen[hook["id"]]["stopped"], seen[hook["id"]]["failing"]) == ("", None)
    (shown,) = (await platform(caller)("GET", f"/webhooks/{hook['id']}/calls")).json["calls"]
    assert (shown["state"], shown["attempt"], shown["due"]) == (CallState.GIVEN_UP.value, 1, None)
    assert (shown["job"], shown["event"], shown["error"]) == (job.id, "job.failed", "It is gone.")


async def test_nobody_sends_tests_without_end(caller):
    hook = await added(platform(caller), url="http://localhost:9")
    answers = [await platform(caller)("POST", f"/webhooks/{hook['id']}/test") for _ in range(22)]
    assert answers[-1].status == 429
