"""Streams as players get them: by a link that lets them in, while they grow, and when they do not any more."""

import hashlib

import pytest
from serving import serving

from fallow.messages import to_wire
from fallow.model import JobState, Part
from fallow.pipeline import keys
from fallow.pipeline.playing import pack
from fallow.profiles import Profile
from fallow.records import File, Package

PROFILE = to_wire(Profile("small", width=64, height=64, crf=30.0, preset="ultrafast"))
SEGMENT = bytes(range(256)) * 8
SHA256 = hashlib.sha256(SEGMENT).hexdigest()
NAME = "video/small/00000.m4s"


@pytest.fixture
async def caller(tmp_path):
    async with serving(tmp_path, "sesame") as caller:
        yield caller


async def announced(caller, container="cmaf"):
    body = {"name": "film.mov", "profiles": [PROFILE], "options": {"container": container}}
    return (await caller.send("POST", "/api/v1/jobs", body, {"Authorization": "Bearer sesame"})).json


async def grown(caller, job, number, text):
    """A step of its stream: one more segment, and what is told since."""
    ctx, name = caller.ctx, NAME.replace("00000", f"{number:05d}")
    key, texts = keys.file(job["id"], "L", name), keys.texts(job["id"], "L", number)
    await ctx.store.put(key, SEGMENT)
    await ctx.store.put(texts, pack({"master.m3u8": text.encode()}, {"master.m3u8": f"{text} and ends".encode()}))
    step, files = Package(job["id"], number, number + 1, {}, texts), [File(job["id"], name, key, 2048, SHA256)]
    assert await ctx.ledger.add_package(step, files)


def beside(job, name):
    return job["play_url"].replace("master.m3u8", name)


async def test_a_stream_has_a_link_from_the_beginning_and_other_results_have_none(caller):
    job = await announced(caller)
    assert job["play_url"].startswith(f"/play/v1/{job['id']}/")
    assert (await announced(caller, "dash"))["play_url"].endswith("/manifest.mpd")
    assert (await announced(caller, "mp4"))["play_url"] is None
    early = await caller.get(job["play_url"])
    assert (early.status, early.headers["cache-control"]) == (404, "no-store")


async def test_players_are_told_what_is_true_now_and_may_keep_what_never_changes(caller):
    job = await announced(caller)
    await grown(caller, job, 0, "one")
    first = await caller.get(job["play_url"])
    assert (first.status, first.body, first.headers["cache-control"]) == (200, b"one", "no-cache")
    assert first.headers["content-type"] == "application/vnd.apple.mpegurl"
    same = await caller.get(job["play_url"], **{"If-None-Match": first.headers["etag"]})
    assert (same.status, same.body) == (304, b"")
    await grown(caller, job, 1, "one and two")
    again = await caller.get(job["play_url"], **{"If-None-Match": first.headers["etag"]})
    assert (again.status, again.body) == (200, b"one and two")
    for state in (JobState.SPLITTING, JobState.ENCODING):  # until the source is cut, it may begin anew
        assert (await caller.get(beside(job, NAME))).headers["cache-control"] == "no-cache"
        await caller.ctx.ledger.move_job(job["id"], state)
    segment = await caller.get(beside(job, NAME))
    assert (segment.body, segment.headers["content-type"]) == (SEGMENT, "video/mp4")
    assert (segment.headers["cache-control"], segment.headers["etag"]) == (
        "public, max-age=31536000, immutable",
        f'"{SHA256}"',
    )
    part = await caller.get(beside(job, NAME), Range="bytes=10-19")
    assert (part.status, part.body, part.headers["content-range"]) == (206, SEGMENT[10:20], "bytes 10-19/2048")
    head = await caller.send("HEAD", job["play_url"])
    assert (head.status, head.body, head.headers["content-length"]) == (200, b"", "11")
    assert (await caller.get(beside(job, "video/small/00009.m4s"))).status == 404


async def test_what_a_job_leaves_that_ended_early_ends(caller):
    job = await announced(caller)
    await grown(caller, job, 0, "one")
    await caller.ctx.ledger.move_job(job["id"], JobState.CANCELLED)
    assert (await caller.get(job["play_url"])).body == b"one and ends"


async def test_what_a_text_was_read_from_may_be_replaced_at_any_moment(caller):
    job = await announced(caller)
    await grown(caller, job, 0, "one")
    await caller.ctx.store.delete([keys.texts(job["id"], "L", 0)])
    assert (await caller.get(job["play_url"])).status == 404
    await grown(caller, job, 1, "two")
    assert (await caller.get(job["play_url"])).body == b"two"


async def test_a_link_is_for_one_job_and_for_a_time(caller):
    mine, other = await announced(caller), await announced(caller)
    for job in (mine, other):
        await grown(caller, job, 0, "one")
    ticket = mine["play_url"].split("/")[4]
    expiry, _, signature = ticket.partition(".")
    wrong = [f"{int(expiry) + 1}.{signature}", f"{expiry}.", f"{expiry}.{signature[:-1]}", "x", "٣.a"]
    for one in [mine["play_url"].replace(ticket, each) for each in wrong[:4]]:
        assert (await caller.get(one)).status == 403
    assert (await caller.get(mine["play_url"].replace(mine["id"], other["id"]))).status == 403
    assert (await caller.get(mine["play_url"])).status == 200
    caller.late = 4000.0
    expired = await caller.get(mine["play_url"])
    assert (expired.status, "expired" in expired.json["title"]) == (403, True)


async def test_a_link_asked_for_again_is_the_same_for_a_while(caller):
    job = await announced(caller)
    again = await caller.get(f"/api/v1/jobs/{job['id']}", Authorization="Bearer sesame")
    assert again.json["play_url"] == job["play_url"]


async def test_pages_of_other_sites_may_not_play_unless_somebody_said_so(caller, tmp_path):
    job = await announced(caller)
    await grown(caller, job, 0, "one")
    answered = await caller.get(job["play_url"], Origin="https://site.example")
    assert not [name for name in answered.headers if name.startswith("access-control")]
    assert (await caller.get(job["play_url"], Origin="https://site.example")).status == 200


async def test_pages_of_named_sites_may_play(tmp_path):
    async with serving(tmp_path, "sesame", ["https://site.example"]) as caller:
        job = await announced(caller)
        await grown(caller, job, 0, "one")
        for method in ("GET", "OPTIONS"):
            answered = await caller.send(method, job["play_url"], headers={"Origin": "https://site.example"})
            assert answered.headers["access-control-allow-origin"] == "https://site.example"
            assert answered.headers["access-control-allow-headers"] == "Range, If-None-Match"
            other = await caller.send(method, job["play_url"], headers={"Origin": "https://other.example"})
            assert "access-control-allow-origin" not in other.headers


async def test_a_stream_is_downloaded_file_by_file(caller):
    job, people = await announced(caller), {"Authorization": "Bearer sesame"}
    route = f"/api/v1/jobs/{job['id']}"
    assert (await caller.get(f"{route}/files", **people)).json == {"files": []}
    await grown(caller, job, 0, "one")
    listed = (await caller.get(f"{route}/files", **people)).json["files"]
    assert listed == [
        {"name": "master.m3u8", "size": 3, "sha256": hashlib.sha256(b"one").hexdigest()},
        {"name": NAME, "size": 2048, "sha256": SHA256},
    ]
    assert (await caller.get(f"{route}/files/{NAME}", **people)).body == SEGMENT
    assert (await caller.get(f"{route}/files/{NAME}")).status == 401
    await caller.ctx.ledger.set_result(job["id"], "small", Part("k", 10, "ab" * 32, 1, ""), {})
    refused = await caller.get(f"{route}/results/small", **people)
    assert (refused.status, "/files" in refused.json["title"]) == (409, True)
    assert (await caller.get(route, **people)).json["renditions"][0]["result_url"] is None
