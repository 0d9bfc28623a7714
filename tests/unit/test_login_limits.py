"""Who tries too often, or sends too much, and what a login tells nobody."""

import asyncio

import pytest
from persons import (
    PASSWORD,
    PLATFORM,
    Time,
    add,
    logged_in,
    platform,
    quick_hashes,  # noqa: F401 - a fixture
    stranger,
    with_token,
)
from serving import serving

from fallow.accounts import passwords, sessions
from fallow.accounts.limits import Limit
from fallow.services import entry
from fallow.services.entry import Lasting, Login
from fallow.settings import Settings

FIRST = "shown-once"
ANNA = {"name": "Anna", "password": PASSWORD}


@pytest.fixture
async def caller(tmp_path):
    login = Login(FIRST, Lasting(idle=1000.0, most=5000.0), proxies=["10.0.0.9"])
    async with serving(tmp_path, PLATFORM, login=login) as caller:
        yield caller


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
