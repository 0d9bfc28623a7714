"""People of a gateway that needs a login: who runs it, and users of each role."""

import argon2
import pytest

from fallow.accounts import passwords
from fallow.people import Role

PLATFORM = "of-the-platform"
PASSWORD = "four words go here"  # noqa: S105


@pytest.fixture(autouse=True)
def quick_hashes(monkeypatch):
    """Good ones take long on purpose."""
    monkeypatch.setattr(passwords, "_hasher", argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
    passwords._nobodys.cache_clear()
    yield
    passwords._nobodys.cache_clear()


class Person:
    """Sends what a browser or a program of somebody's would."""

    def __init__(self, caller, headers):
        self._caller, self.headers = caller, headers

    async def __call__(self, method, path, body=b"", headers=None):
        return await self._caller.send(method, f"/api/v1{path}", body, {**self.headers, **(headers or {})})


def stranger(caller):
    return Person(caller, {})


def with_token(caller, token):
    return Person(caller, {"Authorization": f"Bearer {token}"})


def platform(caller):
    """Who has the platform's own token."""
    return with_token(caller, PLATFORM)


async def log_in(caller, name, password=PASSWORD):
    answer = await stranger(caller)("POST", "/login", {"name": name, "password": password})
    assert answer.status == 200, answer.body
    return Person(caller, {"Cookie": cookie(answer)})


def cookie(answer):
    return answer.headers["set-cookie"].partition(";")[0]


async def add(caller, name, role=Role.SUBMITTER):
    body = {"name": name, "role": role.value, "password": PASSWORD}
    answer = await platform(caller)("POST", "/users", body)
    assert answer.status == 201, answer.body


async def logged_in(caller, name, role=Role.SUBMITTER):
    """A new user, in a browser."""
    await add(caller, name, role)
    return await log_in(caller, name)


class Time:
    """The clock of a gateway, that nobody but a test moves."""

    def __init__(self, clock):
        self._clock, self._begun, self.later = clock, clock.now(), 0.0

    def now(self):
        return self._begun + self.later

    async def sleep(self, seconds):
        await self._clock.sleep(seconds)
