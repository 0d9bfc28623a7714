"""Calls of a bucket: made again while that may help, and their failures told in sentences."""

from __future__ import annotations

import asyncio
import random
import re
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import NoReturn, TypeVar

from obstore.exceptions import AlreadyExistsError, BaseError, PermissionDeniedError, PreconditionError
from obstore.exceptions import UnauthenticatedError as Unauthenticated

from fallow import log
from fallow.adapters.timing import timed
from fallow.errors import FallowError, StorageFull, Unavailable

R = TypeVar("R")

PATIENCE = 90.0
"""Seconds for which a call is made again. A server that is started anew is back sooner."""

TAKEN = (AlreadyExistsError, PreconditionError)
"""What a conditional request is refused with."""

_PAUSES = (0.2, 5.0)  # seconds, from the first to the longest
_PASSING = frozenset({"408", "409", "425", "429"})  # statuses below 500 that may be others the next time
_STATUS = re.compile(r"status code: (\d{3})")
_CODE = re.compile(r"<Code>([^<]*)</Code>(?:\s*<Message>([^<]*))?")
_FULL = re.compile(r"QuotaExceeded|InsufficientStorage|StorageFull|\b507 ")
_QUERY = re.compile(r"\?[^\s\"')]+")
_LONGEST = 200  # characters of what a server says


class Calls:
    """Of one bucket, which messages call `name`."""

    def __init__(self, name: str) -> None:
        self._name = name

    async def make(self, what: str, call: Callable[[], Awaitable[R]]) -> R:
        """The library does not repeat all that may be repeated here: an object is never changed, so storing or
        deleting it twice does no harm. FileNotFoundError passes, as do those of TAKEN when they stay."""
        end, pauses = time.monotonic() + PATIENCE, _pauses()
        with timed("store.asked", call):
            while True:
                try:
                    return await call()
                except FileNotFoundError:
                    raise
                except (BaseError, OSError) as error:
                    pause = next(pauses)
                    if not _passing(error) or time.monotonic() + pause > end:
                        self.tell(what, error)
                    log.trouble("store.again", _said(error), store=self._name, object=what)
                await asyncio.sleep(pause)

    def tell(self, what: str, error: Exception) -> NoReturn:
        """Raise what the library's error means."""
        if isinstance(error, TAKEN):
            raise error
        raise self.meaning(what, error) from None

    def meaning(self, what: str, error: Exception) -> FallowError:
        said, status = _said(error), _status(error)
        if _FULL.search(str(error)):
            return StorageFull(f"No space is left in {self._name}; free some: {said}")
        if isinstance(error, (PermissionDeniedError, Unauthenticated)) or status in ("401", "403"):
            remedy = "check its credentials and permissions"
            return Unavailable(f"The store {self._name} refused access to {what}; {remedy}: {said}")
        if status == "404" and "NoSuchUpload" not in str(error):
            return Unavailable(f"There is no bucket or container {self._name}; make it, or name another: {said}")
        return Unavailable(f"The store {self._name} failed on {what}: {said}")


def _passing(error: Exception) -> bool:
    """Whether the same call may succeed in a while."""
    if _FULL.search(str(error)) or isinstance(error, (PermissionDeniedError, Unauthenticated, PreconditionError)):
        return False
    status = _status(error)
    return not status.startswith("4") or status in _PASSING


def _pauses() -> Iterator[float]:
    pause, longest = _PAUSES
    while True:
        yield pause * random.uniform(0.5, 1.0)  # noqa: S311 - not a secret
        pause = min(longest, pause * 2)


def _status(error: Exception) -> str:
    """The status of the server's answer, "" for none."""
    found = _STATUS.search(str(error))
    return found[1] if found else ""


def _said(error: Exception) -> str:
    """In few words, and never with a link's signature or what a server says of one."""
    if status := _status(error):
        code = _CODE.search(str(error))
        words = [*(code.groups() if code else ())]
        told = ": ".join(word.splitlines()[0] for word in words if word and word.strip())
        return f"it answered with status {status}" + (f" ({told[:_LONGEST].rstrip('.')})." if told else ".")
    text = _QUERY.sub("", " ".join(str(error).partition("\n\n")[0].split()))
    return f"{text.rpartition(' - ')[2][:_LONGEST]}."
