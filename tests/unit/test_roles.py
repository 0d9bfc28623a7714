"""Every route of the API, tried by everybody: a new one has to be decided on here."""

import asyncio
import base64
import contextlib
import json
import re

import pytest
from fastapi.routing import iter_route_contexts
from persons import PLATFORM, Person, logged_in, platform, quick_hashes, stranger, with_token  # noqa: F401 - a fixture
from serving import Answer, serving

from fallow.messages import to_wire
from fallow.people import Role
from fallow.pipeline.context import Context
from fallow.profiles import Profile
from fallow.services import gateway
from fallow.services.access import PREFIX

VIEWER, SUBMITTER, ADMIN = Role
EVERYBODY = None
"""Also those who are not logged in."""

DECIDED = {
    "GET /me": VIEWER,
    "POST /login": EVERYBODY,
    "POST /logout": EVERYBODY,
    "POST /setup": EVERYBODY,
    "POST /password": VIEWER,
    "GET /tokens": VIEWER,
    "POST /tokens": VIEWER,
    "DELETE /tokens/{id}": VIEWER,
    "GET /users": ADMIN,
    "POST /users": ADMIN,
    "PATCH /users/{name}": ADMIN,
    "DELETE /users/{name}": ADMIN,
    "POST /join-tokens": ADMIN,
    "GET /jobs": VIEWER,
    "POST /jobs": SUBMITTER,
    "GET /jobs/{job}": VIEWER,
    "DELETE /jobs/{job}": SUBMITTER,
    "PUT /jobs/{job}/source": SUBMITTER,
    "GET /jobs/{job}/source": VIEWER,
    "HEAD /jobs/{job}/source": VIEWER,
    "PATCH /jobs/{job}": SUBMITTER,
    "POST /jobs/{job}/cancel": SUBMITTER,
    "POST /jobs/{job}/retry": SUBMITTER,
    "GET /jobs/{job}/tasks": VIEWER,
    "GET /jobs/{job}/map": VIEWER,
    "GET /jobs/{job}/chunks/{rendition}/{number}": VIEWER,
    "GET /jobs/{job}/timeline": VIEWER,
    "GET /jobs/{job}/failures": VIEWER,
    "GET /jobs/{job}/results/{rendition}": VIEWER,
    "HEAD /jobs/{job}/results/{rendition}": VIEWER,
    "GET /jobs/{job}/files": VIEWER,
    "GET /jobs/{job}/files/{name:path}": VIEWER,
    "HEAD /jobs/{job}/files/{name:path}": VIEWER,
    "POST /jobs/{job}/quality": SUBMITTER,
    "GET /jobs/{job}/quality": VIEWER,
    "GET /jobs/{job}/quality/{rendition}": VIEWER,
    "GET /events": VIEWER,
    "GET /workers": ADMIN,
    "PATCH /workers/{worker}": ADMIN,
    "DELETE /workers/{worker}": ADMIN,
    "GET /statistics": ADMIN,
    "GET /profiles": VIEWER,
    "PUT /profiles/{name}": SUBMITTER,
    "DELETE /profiles/{name}": SUBMITTER,
    "POST /profiles/check": VIEWER,
    "POST /estimates": VIEWER,
    "GET /platform": VIEWER,
    "GET /webhooks": VIEWER,
    "POST /webhooks": SUBMITTER,
    "DELETE /webhooks/{id}": SUBMITTER,
    "GET /webhooks/{id}/calls": VIEWER,
    "POST /webhooks/{id}/test": SUBMITTER,
    "OPTIONS /uploads": VIEWER,
    "POST /uploads": SUBMITTER,
    "OPTIONS /uploads/{job}": VIEWER,
    "HEAD /uploads/{job}": VIEWER,
    "GET /uploads/{job}": VIEWER,
    "PATCH /uploads/{job}": SUBMITTER,
    "POST /uploads/{job}": SUBMITTER,
    "DELETE /uploads/{job}": SUBMITTER,
}
"""The least role that may ask for it; of jobs, for those that they see."""
DESCRIPTION = {"/api/openapi.json", "/api/docs", "/docs/oauth2-redirect"}

PROFILE = to_wire(Profile("small", width=64, height=64, crf=30.0, preset="ultrafast"))
OF_JOBS = [route for route in DECIDED if "{job}" in route]


@pytest.fixture
async def caller(tmp_path):
    async with serving(tmp_path, PLATFORM) as caller:
        yield caller


async def status(person, route, job="none"):
    """Of the answer, of which no more is read: some go on for ever."""
    method, path = route.split(" ")
    path = path.replace("{job}", job).replace("{number}", "0")
    path = PREFIX.rstrip("/") + re.sub(r"{[^}]*}", "nothing", path)
    reader, writer = await asyncio.open_connection("127.0.0.1", person._caller.port)
    body = b"{}" if method in ("POST", "PATCH") else b""
    headers = {
        "Host": "localhost",
        "Content-Length": len(body),
        "Content-Type": "application/json",
        **person.headers,
    }
    told = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    writer.write(f"{method} {path} HTTP/1.1\r\n{told}\r\n".encode() + body)
    try:
        return Answer(await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 60)).status
    finally:
        writer.close()


async def made(person, **more):
    answer = await person("POST", "/jobs", {"name": "film.mov", "profiles": [PROFILE], **more})
    assert answer.status == 201, answer.body
    return answer.json["id"]


async def as_role(caller, role):
    """Somebody of this role, who has a job."""
    person = await logged_in(caller, role.value, Role.SUBMITTER)
    job = await made(person)
    await platform(caller)("PATCH", f"/users/{role.value}", {"role": role.value})
    return person, job


def test_every_route_is_decided_on():
    routes = set()
    for context in iter_route_contexts(gateway.build(Context(*[None] * 5), "").routes):
        if context.path not in DESCRIPTION:
            assert context.path.startswith(PREFIX)
            routes |= {f"{method} {context.path.removeprefix(PREFIX[:-1])}" for method in context.methods}
    assert routes - set(DECIDED) == set(), "say in DECIDED who may ask for these"
    assert set(DECIDED) - routes == set(), "there are no such routes any more"


async def test_strangers_get_nowhere(caller):
    for somebody in (stranger(caller), with_token(caller, "x"), Person(caller, {"Cookie": "fallow_session=x"})):
        found = {route: await status(somebody, route) for route in DECIDED}
        assert {route for route, told in found.items() if told != 401} == {
            route for route, needed in DECIDED.items() if needed is EVERYBODY
        }


@pytest.mark.parametrize("role", list(Role))
async def test_each_role_does_what_it_may_and_no_more(caller, role):
    person, job = await as_role(caller, role)
    found = {route: await status(person, route, job) for route in sorted(DECIDED) if route != "POST /logout"}
    allowed = {route for route in found if DECIDED[route] is EVERYBODY or role.covers(DECIDED[route])}
    assert {route for route, told in found.items() if told != 403} == allowed
    # Setting up needs the link, whoever asks.
    assert {route: told for route, told in found.items() if told == 401 or told >= 500} in (
        {},
        {"POST /setup": 401},
    )


@pytest.mark.parametrize("role", list(Role))
async def test_nobody_but_admins_knows_of_jobs_of_others(caller, role):
    person, own = await as_role(caller, role)
    others = await made(await logged_in(caller, "bert"))
    listed = {job["id"] for job in (await person("GET", "/jobs")).json["jobs"]}
    found = {route: await status(person, route, others) for route in OF_JOBS}
    missing = {route: await status(person, route, "missing") for route in OF_JOBS}
    if role is Role.ADMIN:
        assert {route for route, told in found.items() if told == 403} == set()
        assert (await person("GET", f"/jobs/{own}")).status == 200
        assert listed == {own, others}
        return
    assert found == missing
    assert set(found.values()) <= {403, 404}
    assert {told for route, told in found.items() if role.covers(DECIDED[route])} == {404}
    assert listed == {own}
    assert (await person("GET", f"/jobs/{others}")).json["title"] == (
        await person("GET", "/jobs/" + "0" * len(others))
    ).json["title"].replace("0" * len(others), others)
    assert await status(person, f"GET /events?job={others}") == 404


async def test_a_job_belongs_to_who_makes_it(caller):
    anna, bert = await logged_in(caller, "anna"), await logged_in(caller, "bert")
    job = await made(anna, key="mine")
    assert (await caller.ctx.ledger.job(job)).owner == "anna"
    assert await made(bert, key="mine") != job
    refused = await anna("POST", "/jobs", {"name": "x", "profiles": [PROFILE], "owner": "bert"})
    assert (refused.status, "leave the owner out" in refused.json["title"]) == (403, True)
    given = await made(platform(caller), owner="bert")
    assert (await bert("GET", f"/jobs/{given}")).status == 200
    assert (await anna("GET", f"/jobs/{given}")).status == 404


async def test_an_upload_is_begun_for_the_own_jobs_alone(caller):
    anna, bert = await logged_in(caller, "anna"), await logged_in(caller, "bert")
    job = await made(anna)
    metadata = "job " + base64.b64encode(job.encode()).decode()
    tus = {"Tus-Resumable": "1.0.0", "Upload-Length": "100", "Upload-Metadata": metadata}
    found = [(await person("POST", "/uploads", b"", tus)).status for person in (bert, stranger(caller), anna)]
    assert found == [404, 401, 201]


async def test_who_listens_hears_of_the_own_jobs_alone(caller):
    anna, bert = await logged_in(caller, "anna"), await logged_in(caller, "bert")
    reader, writer = await asyncio.open_connection("127.0.0.1", caller.port)
    headers = f"Host: localhost\r\nCookie: {anna.headers['Cookie']}\r\n\r\n"
    writer.write(f"GET /api/v1/events HTTP/1.1\r\n{headers}".encode())
    await asyncio.wait_for(reader.readuntil(b"retry:"), 60)
    others, own = await made(bert), await made(anna)
    heard = await asyncio.wait_for(reader.readuntil(own.encode()), 60)
    with contextlib.suppress(asyncio.TimeoutError):
        heard += await asyncio.wait_for(reader.read(100_000), 1)
    writer.close()
    assert others.encode() not in heard
    assert b"event: workers" not in heard


async def test_a_stream_plays_by_its_link_alone(caller):
    anna = await logged_in(caller, "anna")
    body = {"name": "film.mov", "profiles": [PROFILE], "options": {"container": "cmaf"}}
    view = json.loads((await anna("POST", "/jobs", body)).body)
    assert (await caller.get(view["play_url"])).status == 404  # nothing is there yet, but it is let in
    assert (await caller.get(re.sub(r"\d+\.", "1.", view["play_url"], count=1))).status == 403


def test_the_table_knows_of_every_owner_of_jobs():
    """What is under a job is checked for its owner by its address: there is no other place for such routes."""
    of_jobs = {route for route in DECIDED if re.search(r" /(jobs|uploads)/", route)}
    assert set(OF_JOBS) == of_jobs
