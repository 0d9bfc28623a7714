"""The gateway as its callers see it: who is let in, what is answered, what an upload leaves behind."""

import asyncio
import hashlib

import pytest
from job_steps import encoding
from serving import serving

from fallow.errors import StorageFull
from fallow.messages import to_wire
from fallow.model import JobState, Standing
from fallow.profiles import Profile
from fallow.services import agents_api

PROFILE = to_wire(Profile("small", width=64, height=64, crf=30.0, preset="ultrafast"))


@pytest.fixture
async def caller(tmp_path):
    async with serving(tmp_path) as caller:
        yield caller


def files(ctx):
    return sorted(
        path.relative_to(ctx.store.root).as_posix() for path in ctx.store.root.rglob("*") if path.is_file()
    )


def actions(caplog):
    return [record.fields["action"] for record in caplog.records]


async def settled(condition):
    for _ in range(200):
        if condition():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it did not come to pass")


# who is let in


async def test_other_names_for_this_machine_are_refused(caller):
    assert (await caller.get("/healthz", Host="evil.example")).status == 403
    assert (await caller.get("/healthz", Host="127.0.0.1:80")).status == 200
    assert (await caller.get("/healthz", Host="[::1]:80")).status == 200


async def test_the_api_needs_its_token_when_there_is_one(tmp_path):
    async with serving(tmp_path, "sesame") as caller:
        refused = await caller.get("/api/v1/jobs")
        assert (refused.status, refused.json["kind"]) == (401, "rejected")
        assert "API token" in refused.json["title"]
        assert (await caller.get("/api/v1/jobs", Authorization="Bearer wrong")).status == 401
        assert (await caller.get("/api/v1/jobs", Authorization="Bearer sesame")).json == {"jobs": [], "next": None}
        assert (await caller.get("/healthz")).status == 200


async def test_agents_need_the_join_token_then_their_own(caller):
    hello = {"name": "phone", "machine": {"cores": 8}}
    assert (await caller.send("POST", "/agent/v1/register", hello)).status == 401
    wrong = {"Authorization": "Bearer no"}
    assert (await caller.send("POST", "/agent/v1/register", hello, wrong)).status == 401
    welcome = await caller.send("POST", "/agent/v1/register", hello, {"Authorization": "Bearer join me"})
    mine = {"Authorization": f"Bearer {welcome.json['token']}"}
    assert (await caller.send("POST", "/agent/v1/lease", {"wait_seconds": 0}, mine)).status == 204
    assert (await caller.send("POST", "/agent/v1/lease", {"wait_seconds": 0}, wrong)).status == 401
    (worker,) = await caller.ctx.ledger.workers()
    assert (worker.name, worker.local, worker.machine) == ("phone", False, {"cores": 8})


async def test_an_agent_that_is_started_anew_is_the_same_worker_without_a_join_token(caller):
    hello = {"name": "phone", "machine": {"version": "1"}}
    first = await caller.send("POST", "/agent/v1/register", hello, {"Authorization": "Bearer join me"})
    mine = {"Authorization": f"Bearer {first.json['token']}"}
    again = await caller.send("POST", "/agent/v1/register", {**hello, "machine": {"version": "2"}}, mine)
    assert again.json["worker"] == first.json["worker"]
    assert (await caller.send("POST", "/agent/v1/register", hello, mine)).status == 401  # by the new token only
    (worker,) = await caller.ctx.ledger.workers()
    assert worker.machine == {"version": "2"}
    await caller.ctx.ledger.rank_worker(worker.id, Standing.BANNED)
    mine = {"Authorization": f"Bearer {again.json['token']}"}
    refused = await caller.send("POST", "/agent/v1/register", hello, mine)
    assert (refused.status, "home" in refused.json["title"]) == (403, True)


async def test_agents_that_ask_for_it_are_told_what_agent_is_of_this_version(caller):
    hello, join = {"name": "phone"}, {"Authorization": "Bearer join me"}
    plain = await caller.send("POST", "/agent/v1/register", hello, join)
    assert agent_of(plain) is None
    asking = {"Fallow-Agent": "0" * 64}
    told = await caller.send("POST", "/agent/v1/register", hello, {**join, **asking})
    mine = {"Authorization": f"Bearer {told.json['token']}", **asking}
    nothing = await caller.send("POST", "/agent/v1/lease", {"wait_seconds": 0}, mine)
    assert nothing.status == 204
    archive = (await caller.get("/fallow-worker.pyz")).body
    assert {agent_of(told), agent_of(nothing)} == {hashlib.sha256(archive).hexdigest()}


def agent_of(answer):
    return {key.lower(): value for key, value in dict(answer.headers).items()}.get("fallow-agent")


async def test_what_is_no_message_is_refused_with_a_sentence(caller):
    join = {"Authorization": "Bearer join me"}
    for body in (b"nonsense", b"[]", b'{"name": 5}', b"\xff"):
        answer = await caller.send("POST", "/agent/v1/register", body, join)
        assert (answer.status, answer.json["kind"]) == (422, "rejected")


async def test_an_agent_that_hangs_up_takes_no_task_along(caller):
    join = {"Authorization": "Bearer join me"}
    welcome = await caller.send("POST", "/agent/v1/register", {"name": "phone"}, join)
    mine = {"Authorization": f"Bearer {welcome.json['token']}"}
    await caller.send("POST", "/agent/v1/lease", {"wait_seconds": 30}, mine, whole=False)
    await asyncio.sleep(0.2)
    await caller.ctx.queue.publish("video.normal", b"{}")
    message = await caller.ctx.queue.get(["video.normal"], 1)
    assert message.deliveries == 1


async def test_what_is_granted_to_an_agent_that_has_just_hung_up_goes_back(caller, monkeypatch):
    """Nobody but the gateway knows of that lease."""

    async def at_that_moment(request, work, stopping):
        made = await work
        await agents_api._hung_up(request)
        return made

    monkeypatch.setattr(agents_api, "unless_gone", at_that_moment)
    job = await encoding(caller.ctx)
    join = {"Authorization": "Bearer join me"}
    welcome = await caller.send("POST", "/agent/v1/register", {"name": "phone"}, join)
    mine = {"Authorization": f"Bearer {welcome.json['token']}"}
    asking = asyncio.create_task(caller.send("POST", "/agent/v1/lease", {"wait_seconds": 30}, mine))

    async def outcomes():
        return [one.outcome for one in await caller.ctx.ledger.attempts(job) if ".video." in one.task]

    for wanted in ([""], ["cancelled"]):
        for _ in range(1000):
            if await outcomes() == wanted:
                break
            await asyncio.sleep(0.01)
        assert await outcomes() == wanted
        asking.cancel()


async def test_lines_about_a_request_name_what_it_is_about(caller, caplog):
    async def broken(*_):
        raise RuntimeError("broken")

    caller.ctx.ledger.job = caller.ctx.ledger.attempts = broken
    await caller.get("/api/v1/jobs/0123abcd")
    await caller.get("/api/v1/jobs/0123%0Aabcd/tasks")
    told = [record.fields for record in caplog.records if record.fields["action"] == "request.crashed"]
    assert [fields.get("job") for fields in told] == ["0123abcd", None]


async def test_a_caller_that_goes_away_is_no_crash(caller, caplog):
    """At any time: before it has sent all of its request, as soon as it has, and while it waits for the answer."""
    join = {"Authorization": "Bearer join me"}
    welcome = await caller.send("POST", "/agent/v1/register", {"name": "phone"}, join)
    mine = {"Authorization": f"Bearer {welcome.json['token']}"}
    caplog.set_level("INFO", "fallow")
    unfinished = {**mine, "Content-Length": "100"}
    await caller.send("POST", "/agent/v1/lease", b"{", unfinished, whole=False)
    for _ in range(10):
        await caller.send("POST", "/agent/v1/lease", {"wait_seconds": 30}, mine, whole=False)
    await caller.send("POST", "/api/v1/jobs", b"{", {"Content-Length": "100"}, whole=False)
    await settled(lambda: "request.left" in actions(caplog))
    await caller.get("/healthz")
    assert "request.crashed" not in actions(caplog)


async def test_the_agent_is_served(caller):
    assert (await caller.get("/fallow-worker.pyz")).body == b"PK"


# jobs


async def created(caller, **more):
    return await caller.send("POST", "/api/v1/jobs", {"name": "film.mov", "profiles": [PROFILE], **more})


async def test_a_job_is_created_once_for_a_key(caller):
    first, again = await created(caller, key="mine"), await created(caller, key="mine")
    other = await created(caller)
    assert (first.status, again.status, other.status) == (201, 200, 201)
    assert first.json == again.json
    assert first.json["id"] != other.json["id"]
    assert (first.json["state"], first.json["renditions"][0]["name"]) == ("uploading", "small")


@pytest.mark.parametrize(
    ("body", "word"),
    [
        ({"profiles": []}, "profile"),
        ({"profiles": [PROFILE, PROFILE]}, "twice"),
        ({"profiles": [PROFILE | {"codec": "nonsense"}]}, "codec"),
        ({"profiles": [{}]}, "Profile"),
        ({"options": {"container": "avi"}}, "avi"),
        ({"options": {"chunk_seconds": 0}}, "chunk_seconds"),
        ({"options": {"priority": "top"}}, "priority"),
        ({"options": {"nonsense": 1}}, "nonsense"),
        ({"name": ""}, "name"),
    ],
)
async def test_impossible_jobs_are_refused_with_a_sentence(caller, body, word):
    answer = await created(caller, **body)
    assert (answer.status, answer.json["kind"]) == (422, "rejected")
    assert word in answer.json["title"]


async def test_a_source_is_taken_once(caller):
    job = (await created(caller)).json["id"]
    answer = await caller.send("PUT", f"/api/v1/jobs/{job}/source", b"bytes")
    assert (answer.status, answer.json["state"]) == (200, "splitting")
    assert (await caller.send("PUT", f"/api/v1/jobs/{job}/source", b"bytes")).status == 409
    assert (await caller.ctx.queue.get(["split.normal"], 1)) is not None


async def test_a_source_that_breaks_off_leaves_nothing_and_can_be_sent_again(caller):
    job = (await created(caller)).json["id"]
    path = f"/api/v1/jobs/{job}/source"
    await caller.send("PUT", path, b"x" * 500_000, {"Content-Length": "1000000"}, whole=False)
    await caller.send("PUT", path, b"5\r\nhello\r\n", {"Transfer-Encoding": "chunked"}, whole=False)
    await asyncio.sleep(0.1)
    await settled(lambda: files(caller.ctx) == [])
    assert (await caller.get(f"/api/v1/jobs/{job}")).json["state"] == "uploading"
    assert (await caller.send("PUT", path, b"whole")).status == 200


async def test_jobs_are_cancelled_retried_and_forgotten(caller):
    job = (await created(caller)).json["id"]
    path = f"/api/v1/jobs/{job}"
    await caller.send("PUT", f"{path}/source", b"bytes")
    assert (await caller.send("DELETE", path)).status == 409
    assert (await caller.send("POST", f"{path}/cancel")).json["state"] == "cancelled"
    assert (await caller.send("POST", f"{path}/cancel")).status == 200
    assert (await caller.send("POST", f"{path}/retry")).json["state"] == "splitting"
    assert (await caller.send("POST", f"{path}/retry")).status == 409
    await caller.send("POST", f"{path}/cancel")
    assert (await caller.send("DELETE", path)).status == 204
    assert (await caller.get(path)).status == 404
    assert files(caller.ctx) == []


async def test_a_job_without_its_source_cannot_be_retried(caller):
    job = (await created(caller)).json["id"]
    await caller.send("POST", f"/api/v1/jobs/{job}/cancel")
    answer = await caller.send("POST", f"/api/v1/jobs/{job}/retry")
    assert (answer.status, "submit it again" in answer.json["title"]) == (409, True)


async def test_results_come_whole_or_in_ranges(caller):
    from fallow.model import Part

    job = (await created(caller)).json["id"]
    path = f"/api/v1/jobs/{job}/results/small"
    assert (await caller.get(path)).status == 409
    assert (await caller.get(f"/api/v1/jobs/{job}/results/none")).status == 404
    await caller.ctx.store.put("r", b"0123456789")
    await caller.ctx.ledger.set_result(job, "small", Part("r", 10, "ab" * 32, 1, ""), {})
    answer = await caller.get(path)
    assert (answer.status, answer.body, answer.headers["etag"]) == (200, b"0123456789", f'"{"ab" * 32}"')
    assert "film.small.mp4" in answer.headers["content-disposition"]
    for asked, got in (("bytes=2-4", b"234"), ("bytes=7-", b"789"), ("bytes=-2", b"89"), ("bytes=5-99", b"56789")):
        answer = await caller.get(path, Range=asked)
        assert (answer.status, answer.body) == (206, got)
    assert (await caller.get(path, Range="bytes=10-")).status == 416
    assert (await caller.get(path, Range="bytes=2-4", **{"If-Range": '"old"'})).status == 200
    head = await caller.send("HEAD", path)
    assert (head.status, head.headers["content-length"], head.body) == (200, "10", b"")


async def test_the_rest_of_the_api_answers(caller):
    job = (await created(caller)).json["id"]
    assert (await caller.get("/api/v1/jobs")).json["jobs"][0]["id"] == job
    assert (await caller.get(f"/api/v1/jobs/{job}/tasks")).json == {"tasks": []}
    assert (await caller.get("/api/v1/workers")).json == {"workers": []}
    assert "720p" in [p["name"] for p in (await caller.get("/api/v1/profiles")).json["profiles"]]
    assert len((await caller.get("/api/v1/jobs")).json["jobs"]) == 1
    assert (await caller.get("/no/such")).json["kind"] == "rejected"
    for path in ("/api/v1/jobs/none", "/api/v1/jobs/none/tasks"):
        assert (await caller.get(path)).status == 404


async def test_what_nobody_thought_of_is_told_without_telling_more(caller, monkeypatch):
    async def broken(_job):
        raise RuntimeError("/secret/path")

    monkeypatch.setattr(caller.ctx.ledger, "job", broken)
    answer = await caller.get("/api/v1/jobs/x")
    assert (answer.status, b"secret" in answer.body, answer.json["kind"]) == (500, False, "retryable")


# signed links


async def test_a_signed_upload_is_stored_and_can_be_fetched(caller):
    data = b"x" * 300_000
    answer = await caller.send("PUT", caller.links.to_put("a/b.ts", 60, len(data)), data)
    assert (answer.status, answer.json["sha256"]) == (201, hashlib.sha256(data).hexdigest())
    link = caller.links.to_get("a/b.ts", 60)
    assert (await caller.get(link)).body == data
    assert (await caller.get(link, Range="bytes=1-2")).body == b"xx"


async def test_a_chunked_upload_is_stored(caller):
    body = b"5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n"
    answer = await caller.send("PUT", caller.links.to_put("a", 60, 100), body, {"Transfer-Encoding": "chunked"})
    assert answer.status == 201
    assert await caller.ctx.store.read("a", 0, 99) == b"hello world"


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({"Content-Length": "1000"}, b"x" * 999),
        ({"Content-Length": "1000000"}, b"x" * 700_000),
        ({"Transfer-Encoding": "chunked"}, b"5\r\nhello\r\n"),
        ({"Transfer-Encoding": "chunked"}, b"5\r\nhel"),
    ],
)
async def test_an_upload_that_is_cut_short_leaves_nothing(caller, headers, body):
    link = caller.links.to_put("a", 60, 10_000_000)
    await caller.send("PUT", link, body, headers, whole=False)
    await asyncio.sleep(0.1)
    await settled(lambda: files(caller.ctx) == [])
    assert (await caller.send("PUT", link, b"whole")).status == 201


async def test_a_malformed_chunk_leaves_nothing(caller):
    link = caller.links.to_put("a", 60, 10_000_000)
    await caller.send("PUT", link, b"5\r\nhello\r\nzzz\r\n", {"Transfer-Encoding": "chunked"})
    await settled(lambda: files(caller.ctx) == [])


async def test_objects_are_not_replaced(caller):
    link = caller.links.to_put("a", 60, 100)
    assert (await caller.send("PUT", link, b"first")).status == 201
    assert (await caller.send("PUT", link, b"second")).status == 409
    assert await caller.ctx.store.read("a", 0, 99) == b"first"


async def test_uploads_beyond_their_limit_are_refused(caller):
    link = caller.links.to_put("a", 60, 10)
    assert (await caller.send("PUT", link, b"x" * 11)).status == 413
    chunked = b"b\r\nhello world\r\n0\r\n\r\n"
    assert (await caller.send("PUT", link, chunked, {"Transfer-Encoding": "chunked"})).status == 413
    assert files(caller.ctx) == []


async def test_changed_and_expired_links_are_refused(caller):
    put, get = caller.links.to_put("a", 60, 10), caller.links.to_get("a", 60)
    for link in (put.replace("most=10", "most=11"), put.replace("/a?", "/b?"), get, "/blobs/v1/a", put + "0"):
        assert (await caller.send("PUT", link, b"x")).status == 403
    assert (await caller.get(put)).status == 403
    assert (await caller.send("PUT", caller.links.to_put("a", -10, 10), b"x")).status == 403
    assert (await caller.get(get)).status == 404


async def test_a_full_disk_is_told_while_the_upload_goes_on(caller, monkeypatch):
    class Full:
        async def write(self, data):
            raise StorageFull("No space in /secret/path.")

        async def abort(self):
            pass

    async def writer(_key):
        return Full()

    monkeypatch.setattr(caller.ctx.store, "writer", writer)
    answer = await caller.send("PUT", caller.links.to_put("a", 60, 10_000_000), b"x" * 5_000_000)
    assert (answer.status, b"secret" in answer.body) == (507, False)
    assert "a" in caller.ctx.refused


async def test_the_state_of_a_job_is_told(caller):
    job = (await created(caller)).json["id"]
    await caller.ctx.ledger.move_job(job, JobState.FAILED, "It broke.", "retryable")
    view = (await caller.get(f"/api/v1/jobs/{job}")).json
    assert (view["state"], view["error"], view["error_kind"]) == ("failed", "It broke.", "retryable")
