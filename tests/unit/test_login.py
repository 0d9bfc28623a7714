"""Logging in to a gateway, staying logged in, and what ends that."""

import asyncio
import re

import pytest
from persons import (
    PASSWORD,
    PLATFORM,
    Person,
    Time,
    add,
    cookie,
    log_in,
    logged_in,
    platform,
    quick_hashes,  # noqa: F401 - a fixture
    stranger,
    with_token,
)
from serving import serving

from fallow.messages import to_wire
from fallow.people import Role
from fallow.profiles import Profile
from fallow.services import access
from fallow.services.entry import Lasting, Login

FIRST = "shown-once"
ANNA = {"name": "Anna", "password": PASSWORD}


@pytest.fixture
async def caller(tmp_path):
    login = Login(FIRST, Lasting(idle=1000.0, most=5000.0), proxies=["10.0.0.9"])
    async with serving(tmp_path, PLATFORM, login=login) as caller:
        yield caller


@pytest.fixture
def time(caller):
    """Works as the context is asked for its clock only when somebody asks."""
    time = Time(caller.ctx.clock)
    object.__setattr__(caller.ctx, "clock", time)
    return time


# the first admin


async def test_who_has_the_link_makes_the_first_admin_once(caller):
    for wrong in ("", "guessed"):
        refused = await stranger(caller)("POST", "/setup", {**ANNA, "token": wrong})
        assert (refused.status, "link is not good" in refused.json["title"]) == (401, True)
    weak = await stranger(caller)("POST", "/setup", {"name": "anna", "password": "short", "token": FIRST})
    assert (weak.status, "too short" in weak.json["title"]) == (422, True)
    made = await stranger(caller)("POST", "/setup", {**ANNA, "token": FIRST})
    assert (made.status, made.json) == (
        201,
        {"name": "anna", "role": "admin", "login": True, "via": "session"},
    )
    anna = Person(caller, {"Cookie": cookie(made)})
    assert (await anna("GET", "/me")).json == made.json
    again = await stranger(caller)("POST", "/setup", {"name": "bert", "password": PASSWORD, "token": FIRST})
    assert (again.status, await caller.ctx.ledger.user("bert")) == (409, None)


async def test_without_a_link_nobody_sets_up(tmp_path):
    async with serving(tmp_path, PLATFORM) as caller:
        assert (await stranger(caller)("POST", "/setup", {**ANNA, "token": ""})).status == 401
    async with serving(tmp_path) as caller:
        for path in ("/setup", "/login"):
            body = {**ANNA, **({"token": ""} if path == "/setup" else {})}
            assert (await stranger(caller)("POST", path, body)).status == 409
        assert (await stranger(caller)("GET", "/me")).json == {
            "name": "",
            "role": "admin",
            "login": False,
            "via": "loopback",
        }


# sessions


async def test_the_cookie_is_for_browsers_and_this_site_alone(caller):
    await add(caller, "anna")
    answer = await stranger(caller)("POST", "/login", ANNA)
    told = {part.strip().lower() for part in answer.headers["set-cookie"].split(";")[1:]}
    assert told == {"httponly", "max-age=5000", "path=/", "samesite=strict"}
    origin = {"Origin": f"https://localhost:{caller.port}"}
    encrypted = await stranger(caller)("POST", "/login", ANNA, origin)
    assert "; Secure" in encrypted.headers["set-cookie"]
    assert re.fullmatch(r"fallow_session=[\w-]{43}", cookie(answer))


async def test_who_is_logged_in_is_known(caller):
    assert (await stranger(caller)("GET", "/me")).status == 401
    assert (await stranger(caller)("GET", "/me")).headers["www-authenticate"] == "Bearer"
    anna = await logged_in(caller, "anna", Role.VIEWER)
    assert (await anna("GET", "/me")).json == {"name": "anna", "role": "viewer", "login": True, "via": "session"}
    me = (await platform(caller)("GET", "/me")).json
    assert me == {"name": "", "role": "admin", "login": True, "via": "token"}


async def test_nothing_in_the_ledger_gets_anybody_in(caller, tmp_path):
    anna = await logged_in(caller, "anna")
    made = (await anna("POST", "/tokens", {"name": "x", "role": "viewer"})).json
    secrets = [anna.headers["Cookie"].partition("=")[2], made["token"], PASSWORD, FIRST]
    for path in tmp_path.glob("l.db*"):
        content = path.read_bytes()
        assert [secret for secret in secrets if secret.encode() in content] == []


async def test_a_session_ends_when_it_is_not_used_and_in_any_case(caller, time):
    anna = await logged_in(caller, "anna")
    for _ in range(6):
        time.later += 800
        assert (await anna("GET", "/me")).status == 200
    time.later += 300
    assert (await anna("GET", "/me")).status == 401
    anna = await log_in(caller, "anna")
    time.later += 1001
    assert (await anna("GET", "/me")).status == 401


async def test_who_logs_out_is_out(caller):
    anna = await logged_in(caller, "anna")
    elsewhere = await log_in(caller, "anna")
    answer = await anna("POST", "/logout")
    assert (answer.status, "max-age=0" in answer.headers["set-cookie"].lower()) == (204, True)
    assert (await anna("GET", "/me")).status == 401
    assert (await elsewhere("GET", "/me")).status == 200
    assert (await stranger(caller)("POST", "/logout")).status == 204


async def test_a_new_password_ends_the_other_sessions(caller):
    anna = await logged_in(caller, "anna")
    elsewhere = await log_in(caller, "anna")
    change = {"old": PASSWORD, "new": "other words are better"}
    wrong = await anna("POST", "/password", {**change, "old": "no"})
    assert (wrong.status, "old password" in wrong.json["title"]) == (403, True)
    assert (await anna("POST", "/password", {**change, "new": "anna"})).status == 422
    assert (await anna("POST", "/password", change)).status == 204
    assert ((await anna("GET", "/me")).status, (await elsewhere("GET", "/me")).status) == (200, 401)
    assert (await stranger(caller)("POST", "/login", ANNA)).status == 401
    await log_in(caller, "anna", change["new"])
    assert (await platform(caller)("POST", "/password", change)).status == 409


async def test_an_admin_changes_users_at_once(caller):
    anna = await logged_in(caller, "anna")
    assert (await anna("GET", "/users")).status == 403
    changed = await platform(caller)("PATCH", "/users/anna", {"role": "admin"})
    assert (changed.status, changed.json["role"]) == (200, "admin")
    assert [user["name"] for user in (await anna("GET", "/users")).json["users"]] == ["anna"]
    assert (await platform(caller)("PATCH", "/users/anna", {"role": "viewer"})).status == 409  # the last admin
    await add(caller, "bert", Role.ADMIN)
    await platform(caller)("PATCH", "/users/anna", {"password": "other words are better"})
    assert (await anna("GET", "/me")).status == 401
    assert (await platform(caller)("DELETE", "/users/anna")).status == 204
    assert (await platform(caller)("DELETE", "/users/anna")).status == 404
    assert (await platform(caller)("PATCH", "/users/anna", {"role": "viewer"})).status == 404


@pytest.mark.parametrize("name", ["", " ", "a b", "a/b", "-a", "a" * 65, "ann\x00a", "a\u202eb", "../x"])
async def test_names_that_nobody_could_tell_apart_are_refused(caller, name):
    answer = await platform(caller)("POST", "/users", {"name": name, "password": PASSWORD})
    assert answer.status == 422


async def test_a_name_is_one_however_it_is_typed(caller):
    await add(caller, " Änne@Example.org")
    assert (
        await platform(caller)("POST", "/users", {"name": "änne@example.ORG", "password": PASSWORD})
    ).status == 409
    await log_in(caller, "ÄNNE@example.org")


@pytest.mark.parametrize("password", ["short", "aaaaaaaaaaaaaaaa", "annaanna12", "x" * 1001])
async def test_bad_passwords_are_refused(caller, password):
    answer = await platform(caller)("POST", "/users", {"name": "anna", "password": password})
    assert answer.status == 422


async def listening(caller, person):
    reader, writer = await asyncio.open_connection("127.0.0.1", caller.port)
    headers = f"Host: localhost\r\nConnection: close\r\nCookie: {person.headers['Cookie']}\r\n\r\n"
    writer.write(f"GET /api/v1/events HTTP/1.1\r\n{headers}".encode())
    await asyncio.wait_for(reader.readuntil(b"retry:"), 60)
    return reader, writer


async def test_who_logs_out_hears_no_more(caller, monkeypatch, caplog):
    monkeypatch.setattr(access, "AGAIN", 0.0)
    anna = await logged_in(caller, "anna")
    reader, writer = await listening(caller, anna)
    profile = to_wire(Profile("small", width=64, height=64))
    first = (await anna("POST", "/jobs", {"name": "one", "profiles": [profile]})).json["id"]
    await asyncio.wait_for(reader.readuntil(first.encode()), 60)
    await anna("POST", "/logout")
    second = await platform(caller)("POST", "/jobs", {"name": "two", "profiles": [profile], "owner": "anna"})
    heard = await asyncio.wait_for(reader.read(), 60)
    writer.close()
    assert second.json["id"].encode() not in heard
    assert "request.crashed" not in [record.fields["action"] for record in caplog.records]


async def test_who_only_listens_is_idle(caller, time):
    anna = await logged_in(caller, "anna")
    time.later += 600
    _, writer = await listening(caller, anna)
    writer.close()
    time.later += 600
    assert (await anna("GET", "/me")).status == 401


# tokens


async def test_a_token_is_shown_once_and_gets_its_program_in(caller, time):
    anna = await logged_in(caller, "anna")
    made = (await anna("POST", "/tokens", {"name": "nightly", "role": "viewer", "days": 1})).json
    known = {name: value for name, value in made.items() if name != "token"}
    assert (await anna("GET", "/tokens")).json == {"tokens": [known]}
    assert (known["name"], known["role"], known["used"]) == ("nightly", "viewer", None)
    assert known["expires"] - known["created"] == pytest.approx(86400)
    program = with_token(caller, made["token"])
    assert (await program("GET", "/me")).json == {"name": "anna", "role": "viewer", "login": True, "via": "token"}
    assert (await program("POST", "/jobs", {"name": "x", "profiles": []})).status == 403
    (seen,) = (await anna("GET", "/tokens")).json["tokens"]
    assert seen["used"] == pytest.approx(time.now(), abs=120)
    time.later += 86401
    assert (await program("GET", "/me")).status == 401


async def test_a_revoked_token_is_of_no_use(caller):
    anna, bert = await logged_in(caller, "anna"), await logged_in(caller, "bert", Role.ADMIN)
    made = (await anna("POST", "/tokens", {"name": "x", "role": "submitter"})).json
    program = with_token(caller, made["token"])
    assert (await bert("DELETE", f"/tokens/{made['id']}")).status == 404  # it is anna's
    assert (await program("GET", "/me")).status == 200
    assert (await anna("DELETE", f"/tokens/{made['id']}")).status == 204
    assert (await program("GET", "/me")).status == 401


async def test_a_token_is_never_more_than_its_user(caller):
    anna = await logged_in(caller, "anna")
    assert (await anna("POST", "/tokens", {"name": "x", "role": "admin"})).status == 403
    program = with_token(caller, (await anna("POST", "/tokens", {"name": "x", "role": "submitter"})).json["token"])
    assert (await program("POST", "/tokens", {"name": "y", "role": "viewer"})).status == 403
    await platform(caller)("PATCH", "/users/anna", {"role": "viewer"})
    assert (await program("GET", "/me")).json["role"] == "viewer"
    await platform(caller)("DELETE", "/users/anna")
    assert (await program("GET", "/me")).status == 401


async def test_a_wrong_token_is_not_made_good_by_a_session(caller):
    anna = await logged_in(caller, "anna")
    assert (await anna("GET", "/me", headers={"Authorization": "Bearer nonsense"})).status == 401


async def test_devices_join_with_a_token_of_short_life(caller, time):
    anna = await logged_in(caller, "anna", Role.ADMIN)
    made = await anna("POST", "/join-tokens", {"minutes": 5}, {"Origin": f"http://localhost:{caller.port}"})
    assert made.status == 201
    assert made.json["expires"] == pytest.approx(time.now() + 300, abs=60)
    assert made.json["url"].endswith(f":{caller.port}")
    assert "localhost" not in made.json["url"]
    join = {"Authorization": f"Bearer {made.json['token']}"}
    for name in ("phone", "tablet"):
        assert (await caller.send("POST", "/agent/v1/register", {"name": name}, join)).status == 200
    assert (await with_token(caller, made.json["token"])("GET", "/me")).status == 401
    time.later += 301
    refused = await caller.send("POST", "/agent/v1/register", {"name": "late"}, join)
    assert (refused.status, "expired" in refused.json["title"]) == (401, True)


# many gateways


async def test_who_is_let_in_by_one_gateway_is_by_all(tmp_path):
    async with serving(tmp_path, PLATFORM) as caller, serving(tmp_path, PLATFORM) as other:
        anna = await logged_in(caller, "anna", Role.ADMIN)
        elsewhere = Person(other, anna.headers)
        made = (await anna("POST", "/tokens", {"name": "x", "role": "viewer"})).json
        join = {"Authorization": f"Bearer {(await anna('POST', '/join-tokens', {})).json['token']}"}
        assert (await elsewhere("GET", "/me")).json["name"] == "anna"
        assert (await with_token(other, made["token"])("GET", "/me")).json["role"] == "viewer"
        assert (await other.send("POST", "/agent/v1/register", {"name": "phone"}, join)).status == 200
        await elsewhere("DELETE", f"/tokens/{made['id']}")
        assert (await with_token(caller, made["token"])("GET", "/me")).status == 401
        await elsewhere("POST", "/logout")
        assert (await anna("GET", "/me")).status == 401
