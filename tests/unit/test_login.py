"""Logging in to a gateway, staying logged in, and what ends that."""

import asyncio
import re

import pytest
from persons import (
    PASSWORD,
    PLATFORM,
    Person,
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

from fallow.accounts import passwords, sessions
from fallow.accounts.limits import Limit
from fallow.messages import to_wire
from fallow.people import Role
from fallow.profiles import Profile
from fallow.services import access, entry
from fallow.services.entry import Lasting, Login
from fallow.settings import Settings

FIRST = "shown-once"
ANNA = {"name": "Anna", "password": PASSWORD}


class Time:
    """The clock of a gateway, that nobody but a test moves."""

    def __init__(self, clock):
        self._clock, self._begun, self.later = clock, clock.now(), 0.0

    def now(self):
        return self._begun + self.later

    async def sleep(self, seconds):
        await self._clock.sleep(seconds)


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


# who guesses


@pytest.fixture
def few(monkeypatch):
    monkeypatch.setattr(sessions, "PER_NAME", Limit(tries=3, pause=30.0))
    monkeypatch.setattr(sessions, "PER_ADDRESS", Limit(tries=5, pause=10.0))


@pytest.fixture
async def guarded(few, tmp_path):
    login = Login(proxies=["127.0.0.1", "10.0.0.9"])
    async with serving(tmp_path, PLATFORM, login=login) as caller:
        caller.time = Time(caller.ctx.clock)
        object.__setattr__(caller.ctx, "clock", caller.time)
        yield caller


async def guess(caller, name, address="192.0.2.1", password="wrong words"):  # noqa: S107
    whence = {"X-Forwarded-For": f"198.51.100.66, {address}, 10.0.0.9"}
    return await stranger(caller)("POST", "/login", {"name": name, "password": password}, whence)


async def test_who_guesses_one_users_password_has_to_wait(guarded):
    await add(guarded, "anna")
    for number in range(3):
        assert (await guess(guarded, "anna", f"192.0.2.{number}")).status == 401
    refused = await guess(guarded, "Anna", "192.0.2.9", PASSWORD)
    assert (refused.status, refused.json["kind"]) == (429, "retryable")
    assert 0 < int(refused.headers["retry-after"]) <= 30
    guarded.time.later += 31
    assert (await guess(guarded, "anna", "192.0.2.9", PASSWORD)).status == 200


async def test_who_guesses_many_names_has_to_wait(guarded):
    for number in range(5):
        assert (await guess(guarded, f"user{number}")).status == 401
    assert (await guess(guarded, "user9")).status == 429
    assert (await guess(guarded, "user9", "192.0.2.2")).status == 401
    # A network of IPv6 is one address: who has one has all of it.
    for number in range(5):
        assert (await guess(guarded, f"other{number}", f"2001:db8:1:2::{number}")).status == 401
    assert (await guess(guarded, "other9", "2001:db8:1:2:ffff::1")).status == 429
    assert (await guess(guarded, "other9", "2001:db8:1:3::1")).status == 401


async def test_good_tries_are_not_counted(guarded):
    await add(guarded, "anna")
    for _ in range(8):
        assert (await guess(guarded, "anna", password=PASSWORD)).status == 200


async def test_an_address_that_nobody_vouches_for_is_not_believed(few, tmp_path):
    async with serving(tmp_path, PLATFORM) as caller:
        object.__setattr__(caller.ctx, "clock", Time(caller.ctx.clock))
        for number in range(5):
            assert (await guess(caller, f"user{number}", f"192.0.2.{number}")).status == 401
        assert (await guess(caller, "user9", "192.0.2.77")).status == 429


async def test_who_has_no_login_is_answered_like_who_mistypes(caller, monkeypatch):
    """As many hashes are made, so it takes as long, and the words are the same."""
    made = []
    hasher = passwords._hasher
    verified = type(hasher).verify
    monkeypatch.setattr(type(hasher), "verify", lambda self, *given: made.append(given) or verified(self, *given))
    await add(caller, "anna")
    answers = [await guess(caller, name) for name in ("anna", "nobody")]
    assert [answer.status for answer in answers] == [401, 401]
    assert answers[0].body == answers[1].body
    assert [dict(a.headers, date="") for a in answers[:1]] == [dict(a.headers, date="") for a in answers[1:]]
    assert len(made) == 2


async def test_a_crowd_that_logs_in_is_sent_away(caller, monkeypatch):
    monkeypatch.setattr(passwords, "_MOST", 3)
    await add(caller, "anna")
    answers = await asyncio.gather(*(guess(caller, f"user{number}") for number in range(20)))
    assert {answer.status for answer in answers} == {401, 429}
    assert (await stranger(caller)("POST", "/login", ANNA)).status == 200


def test_hashes_are_as_slow_as_they_should_be(monkeypatch):
    monkeypatch.undo()
    assert passwords.hashed(PASSWORD).startswith("$argon2id$v=19$m=47104,t=1,p=1$")
    assert passwords.hashed(PASSWORD) != passwords.hashed(PASSWORD)


async def test_no_secret_is_logged(caller, caplog):
    caplog.set_level("DEBUG", "fallow")
    anna = await logged_in(caller, "anna")
    made = (await anna("POST", "/tokens", {"name": "x", "role": "viewer"})).json["token"]
    await guess(caller, "secret typed as a name", password="secret typed")  # noqa: S106
    await with_token(caller, made)("GET", "/me")
    told = " ".join(str(vars(record)) for record in caplog.records)
    secrets = [anna.headers["Cookie"].partition("=")[2], made, PASSWORD, "secret typed"]
    assert [secret for secret in secrets if secret in told] == []
    assert {"user.logged_in", "user.refused", "token.made"} <= {r.fields["action"] for r in caplog.records}


# what is too much


async def test_who_begins_too_many_jobs_or_uploads_has_to_wait(tmp_path, monkeypatch):
    monkeypatch.setattr(entry, "PER_MAKER", Limit(tries=2, pause=3600.0))
    async with serving(tmp_path, PLATFORM) as caller:
        anna, bert = await logged_in(caller, "anna"), await logged_in(caller, "bert")
        for path in ("/jobs", "/uploads"):
            found = [(await anna("POST", path, {})) for _ in range(3)]
            assert [one.status == 429 for one in found] == [False, False, True]
            assert int(found[-1].headers["retry-after"]) > 3000
            assert (await bert("POST", path, {})).status != 429
            assert {(await platform(caller)("POST", path, {})).status for _ in range(4)} & {429} == set()


async def test_bodies_that_are_read_whole_have_an_end(caller):
    huge = await caller.send("POST", "/api/v1/login", b" " * (5 << 20))
    assert (huge.status, "at most 4 MiB" in huge.json["title"]) == (413, True)
    chunk = b"100000\r\n" + b" " * 0x100000 + b"\r\n"
    endless = await caller.send("POST", "/api/v1/login", 6 * chunk, {"Transfer-Encoding": "chunked"})
    assert endless.status in (0, 400)


def test_a_session_lasts_as_long_as_the_settings_say():
    settings = Settings()
    assert Lasting() == Lasting(settings.session_idle, settings.session_seconds)
