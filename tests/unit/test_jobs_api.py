"""What the API tells of jobs, and takes of changes, as its callers see it."""

import pytest
from job_steps import encoding, lease, upload
from serving import serving

from fallow.messages import to_wire
from fallow.model import JobState, TaskKind
from fallow.pipeline import deliver
from fallow.profiles import Profile
from fallow.records import Setback, TaskSpec
from fallow.services.summaries import Summaries

PROFILE = to_wire(Profile("small", width=64, height=64, crf=30.0, preset="ultrafast"))


@pytest.fixture
async def caller(tmp_path):
    async with serving(tmp_path) as caller:
        yield caller


async def created(caller, name="film.mov", **more):
    answer = await caller.send("POST", "/api/v1/jobs", {"name": name, "profiles": [PROFILE], **more})
    assert answer.status == 201
    return answer.json["id"]


async def listed(caller, query=""):
    return (await caller.get(f"/api/v1/jobs{query}")).json


# lists


async def test_all_jobs_are_listed_once_page_by_page_while_others_come(caller):
    names = [await created(caller, f"{number}.mov") for number in range(5)]
    page = await listed(caller, "?limit=2")
    found = page["jobs"]
    while page["next"]:
        await created(caller, "new.mov")
        page = await listed(caller, f"?limit=2&after={page['next']}")
        found += page["jobs"]
    assert [job["id"] for job in found] == names[::-1]
    assert found[0]["renditions"] == ["small"]


async def test_jobs_are_found_by_state_and_text(caller):
    one, other = await created(caller, "one.mov"), await created(caller, "other.mov")
    await caller.send("POST", f"/api/v1/jobs/{one}/cancel")
    assert [job["id"] for job in (await listed(caller, "?state=cancelled"))["jobs"]] == [one]
    assert len((await listed(caller, "?state=cancelled&state=uploading"))["jobs"]) == 2
    assert [job["id"] for job in (await listed(caller, "?text=OTHER"))["jobs"]] == [other]


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=1001", "limit=x", "state=none", "after=%20", "after=bm9uZQ", "after=bmFuIGo"]
)
async def test_a_list_that_makes_no_sense_is_refused_with_a_sentence(caller, query):
    answer = await caller.get(f"/api/v1/jobs?{query}")
    assert (answer.status, answer.json["kind"]) == (422, "rejected")
    assert query.partition("=")[0] in answer.json["title"]


async def test_a_summary_tells_how_far_a_job_is_and_what_it_has_cost(ctx):
    job = await encoding(ctx)
    grant = await lease(ctx)
    ctx.clock.time += 10
    await deliver.deliver(ctx, "w", grant.lease, await upload(ctx, grant))
    (summary,) = await Summaries(ctx).of([await ctx.ledger.job(job)])
    assert (summary.frames_done, summary.frames_total, summary.progress) == (25, 75, 0.3333)
    assert (summary.wall_seconds, summary.cpu_seconds, summary.duration) == (2.0, 1.0, 3.0)
    assert summary.eta == 20.0  # one chunk took ten seconds, and two are left


async def test_of_an_ended_job_nothing_is_asked_twice(caller):
    job = await created(caller)
    await caller.send("POST", f"/api/v1/jobs/{job}/cancel")
    first = await listed(caller)
    asked = []
    caller.ctx.ledger.tallies = asked.append
    assert await listed(caller) == first
    assert asked == []


async def test_who_has_a_job_as_it_is_gets_nothing_new(caller):
    job = await created(caller)
    path = f"/api/v1/jobs/{job}"
    first = await caller.get(path)
    tag = first.headers["etag"]
    for known in (tag, f'"other", W/{tag}', "*"):
        again = await caller.get(path, **{"If-None-Match": known})
        assert (again.status, again.body, again.headers["etag"]) == (304, b"", tag)
    await caller.send("POST", f"{path}/cancel")
    now = await caller.get(path, **{"If-None-Match": tag})
    assert (now.status, now.json["state"]) == (200, "cancelled")
    assert now.headers["etag"] != tag


async def test_a_job_is_announced_once_for_an_idempotency_key(caller):
    body, key = {"name": "film.mov", "profiles": [PROFILE]}, {"Idempotency-Key": "mine"}
    first = await caller.send("POST", "/api/v1/jobs", body, key)
    again = await caller.send("POST", "/api/v1/jobs", body, key)
    same = await caller.send("POST", "/api/v1/jobs", body | {"key": "mine"})
    assert (first.status, again.status, same.status) == (201, 200, 200)
    assert first.json["id"] == again.json["id"] == same.json["id"]
    answer = await caller.send("POST", "/api/v1/jobs", body | {"key": "other"}, key)
    assert (answer.status, "different keys" in answer.json["title"]) == (422, True)


# changes


async def test_a_job_is_paused_and_resumed(caller):
    job = await created(caller)
    path = f"/api/v1/jobs/{job}"
    answer = await caller.send("PATCH", path, {"paused": True})
    assert (answer.status, answer.json["paused"]) == (200, True)
    await caller.send("PUT", f"{path}/source", b"bytes")
    assert await caller.ctx.queue.get(["split.normal"], 0) is None
    assert (await caller.send("PATCH", path, {"paused": False})).json["paused"] is False
    assert await caller.ctx.queue.get(["split.normal"], 60) is not None


async def test_a_job_gets_another_priority(caller):
    job = await created(caller)
    path = f"/api/v1/jobs/{job}"
    answer = await caller.send("PATCH", path, {"priority": "high"})
    assert (answer.json["priority"], answer.json["options"]["priority"]) == ("high", "high")
    await caller.send("PUT", f"{path}/source", b"bytes")
    assert await caller.ctx.queue.get(["split.high"], 60) is not None


@pytest.mark.parametrize("body", [{"priority": "top"}, {"paused": "perhaps"}, {"name": "x"}, b"nonsense", b"[]"])
async def test_changes_that_make_no_sense_are_refused(caller, body):
    job = await created(caller)
    answer = await caller.send("PATCH", f"/api/v1/jobs/{job}", body, {"Content-Type": "application/json"})
    assert (answer.status, answer.json["kind"]) == (422, "rejected")


async def test_an_ended_job_is_not_changed(caller):
    job = await created(caller)
    await caller.ctx.ledger.move_job(job, JobState.FAILED, "It broke.", "retryable")
    for body in ({"paused": True}, {"priority": "low"}):
        answer = await caller.send("PATCH", f"/api/v1/jobs/{job}", body)
        assert (answer.status, "only an unfinished one" in answer.json["title"]) == (409, True)
    assert (await caller.send("PATCH", "/api/v1/jobs/none", {"paused": True})).status == 404


# what became of the pieces


async def test_maps_chunks_timelines_and_failures(caller):
    ledger = caller.ctx.ledger
    job = await created(caller)
    path = f"/api/v1/jobs/{job}"
    await ledger.move_job(job, JobState.SPLITTING)
    await ledger.plan([TaskSpec(job, TaskKind.VIDEO, "small", n, {}, frames=10, cost=1.0) for n in range(3)])
    (lane,) = await ledger.line_up(job, "", "normal")
    one, other, _ = await ledger.top_up(lane, 3)
    await ledger.lease(one.id, "L", "w", 5e9, 5e9)
    await ledger.renew("L", 5e9, 5, 2.5)
    await ledger.lease(other.id, "M", "v", 5e9, 5e9)
    await ledger.give_up("M", Setback("FFmpeg ended badly.", 0.0))
    assert (await caller.get(f"{path}/map")).json == {
        "chunks": 3,
        "renditions": ["small"],
        "cells": {"small": "lrq"},
        "workers": [{"id": "w", "name": ""}, {"id": "v", "name": ""}],
        "at": {"small": {"0": [0, 0.5]}},
    }
    chunk = (await caller.get(f"{path}/chunks/small/0")).json
    assert (chunk["state"], chunk["frames"], chunk["attempts"][0]["fps"]) == ("leased", 10, 2.5)
    chunk = (await caller.get(f"{path}/chunks/small/1")).json
    assert (chunk["error"], chunk["attempts"][0]["outcome"]) == ("FFmpeg ended badly.", "failed")
    timeline = (await caller.get(f"{path}/timeline")).json
    assert [span[:4] + span[6:] for span in timeline["spans"]] == [
        [0, "video", "small", 0, ""],
        [1, "video", "small", 1, "failed"],
    ]
    (failure,) = (await caller.get(f"{path}/failures")).json["failures"]
    assert (failure["error"], failure["task"], failure["number"]) == ("FFmpeg ended badly.", other.id, 1)


@pytest.mark.parametrize("end", ["map", "timeline", "failures", "tasks", "chunks/small/0"])
async def test_of_a_job_that_is_not_there_nothing_is_told(caller, end):
    assert (await caller.get(f"/api/v1/jobs/none/{end}")).status == 404


@pytest.mark.parametrize("number", ["-1", "x", "9" * 30])
async def test_a_number_that_no_chunk_has_is_refused(caller, number):
    job = await created(caller)
    assert (await caller.get(f"/api/v1/jobs/{job}/chunks/small/{number}")).status == 422


async def test_a_chunk_that_is_not_there_is_told_of(caller):
    job = await created(caller)
    answer = await caller.get(f"/api/v1/jobs/{job}/chunks/small/7")
    assert (answer.status, "not cut yet" in answer.json["title"]) == (404, True)


# errors


@pytest.mark.parametrize(
    ("method", "path", "status", "kind"),
    [
        ("GET", "/api/v1/jobs/none", 404, "urn:fallow:not-found"),
        ("GET", "/api/v1/nothing", 404, "urn:fallow:not-found"),
        ("GET", "/nothing", 404, "urn:fallow:not-found"),
        ("PATCH", "/api/v1/jobs", 405, "urn:fallow:rejected"),
        ("GET", "/api/v1/jobs?limit=0", 422, "urn:fallow:rejected"),
    ],
)
async def test_errors_are_problems_as_the_standard_has_them(caller, method, path, status, kind):
    answer = await caller.send(method, path)
    assert answer.status == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert (answer.json["type"], answer.json["status"], answer.json["kind"]) == (kind, status, "rejected")
    assert answer.json["title"].endswith(".")
    assert status != 405 or answer.headers["allow"]
