"""Sources that are fetched from an address: what the platform wants of the web."""

from __future__ import annotations

import urllib.parse
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Protocol

_ADDRESS = ("http", "https")


@dataclass(frozen=True)
class Sending:
    """What a server sends of a source."""

    offset: int  # of its first byte that comes
    length: int | None  # of the whole; None: the server does not say
    validator: str  # with which more of the same can be asked for; "": it cannot
    body: AsyncIterator[bytes]  # raises TransferFailed when it breaks off


class Web(Protocol):
    """Servers that sources are fetched from. No error says more of an address than `shown` does."""

    async def check(self, url: str) -> None:
        """Raises Rejected for what is no address, or leads to where nothing may be fetched."""
        ...

    def get(self, url: str, offset: int = 0, validator: str = "") -> AbstractAsyncContextManager[Sending]:
        """What is there from a byte on, if it still is what it was by its validator; else from the beginning.
        Raises Rejected when trying again cannot help, SourceAway when it may."""
        ...


def is_address(text: str) -> bool:
    """Whether a person means an address by this, and no file."""
    return text.partition("://")[0].lower() in _ADDRESS and "://" in text


def shown(url: str) -> str:
    """What anybody may know of an address: neither user and password, nor what follows the path."""
    try:
        parts = urllib.parse.urlsplit(url)
        place = parts.netloc.rpartition("@")[2]
    except ValueError:
        return "the address"
    return f"{parts.scheme}://{place}{parts.path}"[:300]


def file_name(url: str) -> str:
    """What a file at this address is called."""
    parts = urllib.parse.urlsplit(url)
    return PurePosixPath(urllib.parse.unquote(parts.path)).name or parts.hostname or "source"
