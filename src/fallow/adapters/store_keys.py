"""What every store asks of its keys, and the sentences it refuses with."""

from __future__ import annotations

import re

from fallow.errors import BadSetting, Conflict, NotFound

PIECE = 1 << 20
"""Bytes of the largest piece a store streams."""

# A component never begins with a dot: no "..", and no way into a store's own hidden folders.
_KEY = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*(/[A-Za-z0-9_-][A-Za-z0-9._-]*)*")


def checked(key: str) -> str:
    """The key itself, when it is one; BadSetting otherwise."""
    if len(key) > 512 or not _KEY.fullmatch(key):
        raise BadSetting(
            f"{key[:80]!r} cannot be an object's key; use letters, digits, '.', '_', '-', in names joined by '/'."
        )
    return key


def missing(key: str) -> NotFound:
    return NotFound(f"There is no object {key} in the store.")


def conflict(key: str) -> Conflict:
    return Conflict(f"The object {key} is in the store already, and objects are never changed.")


def whole(head: int, held: int, body: int) -> None:
    """Refuse a head that leaves a hole, or overlaps, unless it is all there is."""
    if head != held and (body or head > held):
        raise ValueError(f"{held} bytes were held back at the front of the object, but {head} were supplied.")
