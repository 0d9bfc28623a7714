"""Who is let in to the API for people, and from where."""

import pytest
from serving import serving

from fallow.people import Role
from fallow.services.access import Who, needed


@pytest.fixture
async def caller(tmp_path):
    async with serving(tmp_path) as caller:
        yield caller


# pages of other sites

ELSEWHERE = [
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Origin": "http://localhost:1"},
    {"Origin": "http://localhost.evil.example"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "cross-site", "Origin": "http://localhost:{port}"},
]
OWN = [{}, {"Origin": "http://localhost:{port}"}, {"Sec-Fetch-Site": "same-origin"}, {"Sec-Fetch-Site": "none"}]


@pytest.mark.parametrize("told", ELSEWHERE)
async def test_pages_of_other_sites_change_nothing(caller, told):
    headers = {name: value.format(port=caller.port) for name, value in told.items()}
    for method, path in (("POST", "/jobs"), ("PUT", "/jobs/x/source"), ("DELETE", "/jobs/x")):
        answer = await caller.send(method, f"/api/v1{path}", b"{}", headers)
        assert (answer.status, "another site" in answer.json["title"]) == (403, True)


@pytest.mark.parametrize("told", OWN)
async def test_own_pages_and_programs_do(caller, told):
    headers = {name: value.format(port=caller.port) for name, value in told.items()}
    assert (await caller.send("DELETE", "/api/v1/jobs/x", b"", headers)).status == 404


@pytest.mark.parametrize("told", [{"X-Forwarded-For": "192.0.2.1"}, {"Forwarded": "for=192.0.2.1"}])
async def test_a_proxy_on_this_machine_does_not_make_everybody_its_admin(caller, told):
    answer = await caller.send("GET", "/api/v1/jobs", b"", told)
    assert (answer.status, "FALLOW_API_TOKEN" in answer.json["title"]) == (401, True)


async def test_answers_say_what_browsers_may_do_with_them(caller):
    for path in ("/api/v1/jobs", "/api/v1/jobs/none", "/api/openapi.json", "/api/v1/nothing"):
        told = (await caller.get(path)).headers
        assert told["x-content-type-options"] == "nosniff"
        assert told["cache-control"] == "private, no-cache"
        assert told["referrer-policy"] == "no-referrer"
        assert told["content-security-policy"] == "frame-ancestors 'none'"
        assert told["cross-origin-resource-policy"] == told["cross-origin-opener-policy"] == "same-origin"
        assert "access-control-allow-origin" not in told


# who may what


def test_a_role_covers_those_below_it():
    assert [[role.covers(other) for other in Role] for role in Role] == [
        [True, False, False],
        [True, True, False],
        [True, True, True],
    ]


def test_whose_jobs_somebody_sees():
    anna, admin = Who("anna", Role.SUBMITTER), Who("", Role.ADMIN)
    assert [anna.sees(owner) for owner in ("anna", "bert", "")] == [True, False, False]
    assert [admin.sees(owner) for owner in ("anna", "bert", "")] == [True, True, True]
    assert (anna.makes_for(""), anna.makes_for("anna"), admin.makes_for("bert")) == ("anna", "anna", "bert")


def test_what_is_not_decided_is_for_those_who_may_the_least():
    assert needed("GET", "/api/v1/something/new") is Role.VIEWER
    assert needed("POST", "/api/v1/something/new") is Role.SUBMITTER
    assert needed("GET", "/api/v1/users") is Role.ADMIN
