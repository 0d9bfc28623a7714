"""Passwords: which are good enough, their hashes, and whether one is right."""

from __future__ import annotations

import asyncio
import functools
import secrets
from collections.abc import Callable
from typing import TypeVar

import argon2

from fallow.errors import BadSetting, TooOften

SHORTEST, LONGEST = 10, 1000  # characters

T = TypeVar("T")

# 46 MiB and one pass, as OWASP has it for who logs in: the machine encodes videos meanwhile.
_hasher = argon2.PasswordHasher(time_cost=1, memory_cost=47104, parallelism=1)
_AT_ONCE = 2  # hashes: what they take of memory and processors has an end
_MOST = 64  # that are made, or waited for


def check(password: str, name: str = "") -> None:
    """Raises BadSetting for a password that is too easy to guess, or too long to be one."""
    if len(password) < SHORTEST:
        raise BadSetting(f"The password is too short; take {SHORTEST} characters or more.")
    if len(password) > LONGEST:
        raise BadSetting(f"The password is too long; take {LONGEST} characters or fewer.")
    if len(set(password)) < 4 or (name and name in password.lower() and len(password) < len(name) + SHORTEST):
        raise BadSetting("The password is too easy to guess; take several words that do not belong together.")


def hashed(password: str) -> str:
    return _hasher.hash(password)


def is_right(password: str, known: str) -> bool:
    """Takes as long, and is False, for the hash of nobody: ""."""
    try:
        return _hasher.verify(known or _nobodys(), password) and bool(known)
    except (argon2.exceptions.VerificationError, argon2.exceptions.InvalidHash):
        return False


class Smithy:
    """Where hashes are made: beside the event loop, few at once, and not for an endless row of people."""

    def __init__(self) -> None:
        self._places = asyncio.Semaphore(_AT_ONCE)
        self._there = 0

    async def work(self, make: Callable[..., T], *given: str) -> T:
        """Raises TooOften."""
        if self._there >= _MOST:
            raise TooOften("Too many people log in at once; try again in a few seconds.", 5.0)
        self._there += 1
        try:
            async with self._places:
                return await asyncio.to_thread(make, *given)
        finally:
            self._there -= 1


@functools.cache
def _nobodys() -> str:
    return _hasher.hash(secrets.token_hex())
