"""`fallow user`: who may log in, changed in the ledger itself; for whoever runs the platform, and is locked out."""

from __future__ import annotations

import asyncio
import enum
import getpass
import sys
import time
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, TypeVar

from fallow.errors import BadSetting
from fallow.people import Role
from fallow.ports import Ledger
from fallow.settings import Settings

if TYPE_CHECKING:
    from fallow.accounts.users import Users

T = TypeVar("T")


class Action(str, enum.Enum):
    """What is done."""

    ADD = "add"
    PASSWORD = "password"  # noqa: S105
    LIST = "list"


def run(settings: Settings, action: Action, name: str, role: Role) -> list[str]:
    """What to tell of it. Raises BadSetting, Conflict, NotFound."""
    if action is Action.LIST:
        found = _with_ledger(settings, lambda ledger: ledger.users())
        return [f"{user.name}  {user.role.value}" for user in found] or ["There are no users yet."]
    if not name:
        raise BadSetting(f"Whose? Name the user: fallow user {action.value} NAME")
    from fallow.accounts.users import canonical

    name, password = canonical(name), _password()
    if action is Action.ADD:
        added = _with_ledger(settings, lambda ledger: _users(ledger).add(name, password, role, time.time()))
        return [f"{added.name} can log in now, as {added.role.value}."]
    _with_ledger(settings, lambda ledger: _users(ledger).change_password(name, password))
    return [f"{name} has a new password, and is logged out everywhere."]


def _users(ledger: Ledger) -> Users:
    from fallow.accounts.passwords import Smithy
    from fallow.accounts.users import Users

    return Users(ledger, Smithy())


def _with_ledger(settings: Settings, call: Callable[[Ledger], Coroutine[Any, Any, T]]) -> T:
    async def calling() -> T:
        from fallow import wiring

        ledger = await wiring.open_ledger(settings)
        try:
            return await call(ledger)
        finally:
            await ledger.close()

    return asyncio.run(calling())


def _password() -> str:
    """From the terminal, twice; from a pipe, the first line. Never from the command line, which others can see."""
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    password = getpass.getpass("Password: ")
    if getpass.getpass("Again: ") != password:
        raise BadSetting("The two passwords differ; nothing was changed.")
    return password
