"""Workers, numbers, profiles and estimates, as callers of the gateway see them."""

import pytest
from job_steps import encoding
from serving import serving

from fallow import catalogue
from fallow.messages import to_wire
from fallow.model import Standing, TaskKind, TaskState, Worker
from fallow.profiles import Profile
from fallow.services import agents_api

JOIN = {"Authorization": "Bearer join me"}
SMALL = to_wire(Profile("small", width=64, height=64, crf=30.0, preset="ultrafast"))


@pytest.fixture
async def caller(tmp_path, monkeypatch):
    monkeypatch.delenv("FALLOW_PROFILES", raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    async with serving(tmp_path) as caller:
        yield caller


async def joined(caller, name="phone", **machine):
    welcome = await caller.send("POST", "/agent/v1/register", {"name": name, "machine": machine}, JOIN)
    return welcome.json["worker"], {"Authorization": f"Bearer {welcome.json['token']}"}


async def test_workers_are_told_with_what_they_are(caller):
    worker, _ = await joined(caller, system="Linux", arch="aarch64", cores=4)
    (view,) = (await caller.get("/api/v1/workers")).json["workers"]
    assert (view["id"], view["name"], view["state"], view["standing"]) == (worker, "phone", "idle", "active")
    assert (view["arch"], view["device_class"], view["machine"]["cores"]) == ("arm64", "board", 4)
    assert (view["trust"], view["task"], view["fps"], view["joules_per_minute"]) == (None, None, 0.0, None)
    assert view["registered"] == pytest.approx(view["seen"], abs=60)


async def test_a_worker_that_may_not_work_says_why_and_gets_nothing(caller):
    _, token = await joined(caller)
    why = "The device runs on its battery.\n"
    assert (await caller.send("POST", "/agent/v1/lease", {"paused": why}, token)).status == 204
    (view,) = (await caller.get("/api/v1/workers")).json["workers"]
    assert (view["state"], view["reason"]) == ("paused", why.strip())
    assert (await caller.send("POST", "/agent/v1/lease", {"wait_seconds": 0.0}, token)).status == 204
    (view,) = (await caller.get("/api/v1/workers")).json["workers"]
    assert (view["state"], view["reason"]) == ("idle", "")


async def test_what_a_new_worker_found_out_by_trials_is_told_until_it_has_done_something(caller):
    welcome = await caller.send("POST", "/agent/v1/register", {"name": "phone", "machine": {"cores": 4}}, JOIN)
    assert {trial["encoder"]["codec"] for trial in welcome.json["trials"]} == set(catalogue.VIDEO)
    token = {"Authorization": f"Bearer {welcome.json['token']}"}
    (view,) = (await caller.get("/api/v1/workers")).json["workers"]
    assert view["calibrated_fps"] is None
    told = {"libx264 slow 1080p": 20.736, "libx264 fast 480p": 33.0}
    assert (await caller.send("POST", "/agent/v1/calibration", {"speeds": told}, token)).status == 204
    (view,) = (await caller.get("/api/v1/workers")).json["workers"]
    assert (view["calibrated_fps"], view["fps"], view["machine"]) == (10.0, 0.0, {"cores": 4, "calibrated": told})
    assert (await caller.send("POST", "/agent/v1/calibration", {"speeds": {"libx264": "x"}}, token)).status == 204


async def test_an_empty_platform_has_numbers_too(caller):
    found = (await caller.get("/api/v1/statistics")).json
    assert [found[key] for key in ("throughput", "devices", "profiles", "failures")] == [[]] * 4
    assert found["step"] == pytest.approx(900.0)


@pytest.mark.parametrize(
    ("query", "word"),
    [
        ("since=10&until=5", "before"),
        ("since=0&until=5000&step=1", "5 s or more"),
        ("step=0", "step"),
        ("step=-1", "step"),
        ("since=nan", "since"),
        ("until=inf", "until"),
        ("format=csv", "table"),
        ("table=none", "table"),
    ],
)
async def test_numbers_of_no_span_are_refused_with_a_sentence(caller, query, word):
    answer = await caller.get(f"/api/v1/statistics?{query}")
    assert (answer.status, answer.json["kind"]) == (422, "rejected")
    assert word in answer.json["title"]


async def test_each_table_comes_as_csv(caller):
    for table, first in (("throughput", b"at,"), ("devices", b"device_class,"), ("failures", b"cause,")):
        for query, headers in (("&format=csv", {}), ("", {"Accept": "text/csv"})):
            answer = await caller.get(f"/api/v1/statistics?table={table}{query}", **headers)
            assert answer.headers["content-type"] == "text/csv; charset=utf-8"
            assert answer.body.startswith(first)


async def test_profiles_are_saved_changed_and_deleted(caller):
    path = "/api/v1/profiles/small"
    saved = await caller.send("PUT", path, SMALL | {"name": "another"})
    assert (saved.status, saved.json) == (200, SMALL | {"source": "saved"})
    assert (await caller.send("PUT", path, SMALL | {"crf": 31.0})).json["crf"] == 31.0
    sources = {p["name"]: p["source"] for p in (await caller.get("/api/v1/profiles")).json["profiles"]}
    assert (sources["small"], sources["720p"]) == ("saved", "built-in")
    assert (await caller.send("DELETE", path)).status == 204
    assert (await caller.send("DELETE", path)).status == 404


async def test_what_comes_with_fallow_or_from_a_file_stays_as_it_is(caller, tmp_path, monkeypatch):
    (tmp_path / "own.toml").write_text("[house]\nwidth = 64\nheight = 64\n")
    monkeypatch.setenv("FALLOW_PROFILES", str(tmp_path / "own.toml"))
    for name, word in (("720p", "comes with Fallow"), ("house", "file of the server")):
        for method, body in (("PUT", SMALL), ("DELETE", b"")):
            answer = await caller.send(method, f"/api/v1/profiles/{name}", body)
            assert (answer.status, word in answer.json["title"]) == (409, True)


async def test_impossible_profiles_are_not_saved(caller):
    for body, word in (({"crf": 99.0}, "crf"), ({"crf": "x"}, "Profile"), ({"description": "x" * 501}, "500")):
        answer = await caller.send("PUT", "/api/v1/profiles/small", SMALL | body)
        assert (answer.status, word in answer.json["title"]) == (422, True)
    assert (await caller.send("PUT", "/api/v1/profiles/a%20b", SMALL)).status == 422


async def test_sizes_are_estimated_before_anything_was_made(caller):
    body = {"profiles": [SMALL], "seconds": 60.0, "width": 1280, "height": 720, "fps": 25.0}
    (found,) = (await caller.send("POST", "/api/v1/estimates", body)).json["estimates"]
    assert (found["name"], found["seconds"], found["measured"]) == ("small", None, False)
    assert 500_000 < found["bytes"] < 5_000_000
    for wrong in ({"seconds": -1.0}, {"width": 1}, {"fps": 0.0}, {"profiles": []}, {"profiles": [{}]}):
        assert (await caller.send("POST", "/api/v1/estimates", body | wrong)).status == 422


# what administrators make of workers


async def changed(caller, worker, **body):
    return await caller.send("PATCH", f"/api/v1/workers/{worker}", body)


@pytest.fixture
def prompt(monkeypatch):
    """No gateway remembers a worker for a while, and nobody who gets nothing is kept waiting for long."""
    monkeypatch.setattr(agents_api, "KNOWN_SECONDS", 0.0)
    monkeypatch.setattr(agents_api, "IDLE_SECONDS", 0.01)


async def test_a_worker_is_renamed_and_gets_its_own_name_back(caller):
    worker, _ = await joined(caller)
    assert (await changed(caller, worker, name=" Ann's phone ")).json["name"] == "Ann's phone"
    assert (await changed(caller, worker, name="")).json["name"] == "phone"
    for body in ({"name": "x" * 129}, {"name": "a\nb"}, {"standing": "idle"}, {"nonsense": 1}):
        assert (await changed(caller, worker, **body)).status == 422
    assert (await changed(caller, "none", name="x")).status == 404


async def test_a_draining_worker_finishes_and_gets_nothing_new(caller, prompt):
    await encoding(caller.ctx)
    worker, mine = await joined(caller, system="Linux")
    grant = (await caller.send("POST", "/agent/v1/lease", {"wait_seconds": 30}, mine)).json
    assert (await changed(caller, worker, standing="draining")).json["state"] == "draining"
    assert (await caller.send("POST", "/agent/v1/lease", {"wait_seconds": 0.1}, mine)).status == 204
    renewed = await caller.send("POST", f"/agent/v1/leases/{grant['lease']}/renew", {"frames": 1, "fps": 1.0}, mine)
    assert renewed.json == {"stop": False}
    (view,) = (await caller.get("/api/v1/workers")).json["workers"]
    assert (view["state"], view["leases"], view["task"]["done_frames"]) == ("draining", 1, 1)
    assert (await changed(caller, worker, standing="active")).json["state"] == "working"
    assert (await caller.send("POST", "/agent/v1/lease", {"wait_seconds": 30}, mine)).status == 200


async def test_a_banned_worker_loses_what_it_has_and_is_told_why(caller, prompt):
    job = await encoding(caller.ctx)
    worker, mine = await joined(caller)
    grant = (await caller.send("POST", "/agent/v1/lease", {"wait_seconds": 30}, mine)).json
    assert (await changed(caller, worker, standing="banned")).json["state"] == "banned"
    assert await caller.ctx.ledger.leases_at(worker) == []
    attempts = [one for one in await caller.ctx.ledger.attempts(job) if one.lease == grant["lease"]]
    assert [one.outcome for one in attempts] == ["cancelled"]
    for path in ("lease", f"leases/{grant['lease']}/renew", f"leases/{grant['lease']}/fail"):
        answer = await caller.send("POST", f"/agent/v1/{path}", {}, mine)
        assert (answer.status, "sent the worker phone home" in answer.json["title"]) == (403, True)
    assert (await caller.get("/api/v1/workers")).json["workers"][0]["trust"] is None


@pytest.mark.parametrize("standing", [Standing.BANNED, Standing.DRAINING])
async def test_who_is_told_to_stop_while_it_waits_gets_nothing(caller, prompt, monkeypatch, standing):
    """Whatever the gateway that it waits at knows: here it was told by another one."""
    job = await encoding(caller.ctx)
    worker, mine = await joined(caller)

    async def meanwhile(request, work, stopping):
        made = await work
        await caller.ctx.ledger.rank_worker(worker, standing)
        return made

    monkeypatch.setattr(agents_api, "unless_gone", meanwhile)
    assert (await caller.send("POST", "/agent/v1/lease", {"wait_seconds": 30}, mine)).status == 204
    assert await caller.ctx.ledger.leases_at(worker) == []
    tasks = await caller.ctx.ledger.tasks(job, [TaskKind.VIDEO])
    assert {task.state for task in tasks} <= {TaskState.QUEUED, TaskState.PLANNED}


async def test_what_a_gateway_gave_while_it_did_not_know_of_the_ban_goes_back(caller, prompt):
    await encoding(caller.ctx)
    worker, mine = await joined(caller)
    assert (await caller.send("POST", "/agent/v1/lease", {"wait_seconds": 30}, mine)).status == 200
    await caller.ctx.ledger.rank_worker(worker, Standing.BANNED)
    assert (await caller.send("POST", "/agent/v1/lease", {}, mine)).status == 403
    assert await caller.ctx.ledger.leases_at(worker) == []


async def test_a_local_worker_that_is_banned_does_not_come_again_under_its_id(caller, prompt):
    local = {"Authorization": "Bearer local me"}
    welcome = await caller.send("POST", "/agent/v1/register", {"name": "local-1", "machine": {"cores": 2}}, local)
    worker = welcome.json["worker"]
    await changed(caller, worker, standing="banned", name="Mine")
    refused = await caller.send("POST", "/agent/v1/register", {"name": "local-1", "machine": {"cores": 2}}, local)
    assert (refused.status, "Mine" in refused.json["title"]) == (403, True)
    await changed(caller, worker, standing="draining")
    again = await caller.send("POST", "/agent/v1/register", {"name": "local-1", "machine": {"cores": 2}}, local)
    assert (again.status, again.json["worker"]) == (200, worker)
    (view,) = (await caller.get("/api/v1/workers")).json["workers"]
    assert (view["name"], view["standing"]) == ("Mine", "draining")


async def test_only_a_lost_worker_is_removed(caller):
    worker, mine = await joined(caller)
    answer = await caller.send("DELETE", f"/api/v1/workers/{worker}")
    assert (answer.status, "heard of just now" in answer.json["title"]) == (409, True)
    gone = Worker(worker, "phone", seen=caller.ctx.clock.now() - 91)
    await caller.ctx.ledger.add_worker(gone, "another token")
    (view,) = (await caller.get("/api/v1/workers")).json["workers"]
    assert view["state"] == "lost"
    assert (await caller.send("DELETE", f"/api/v1/workers/{worker}")).status == 204
    assert (await caller.get("/api/v1/workers")).json == {"workers": []}
    assert (await caller.send("DELETE", f"/api/v1/workers/{worker}")).status == 404
    assert (await caller.send("POST", "/agent/v1/lease", {}, mine)).status == 401
