"""Read an object as what it is known to be: nobody can change it unnoticed, before or while it is read.

Whoever holds a link for an upload to a bucket may use it again, until it expires.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from fallow.errors import BrokenPart
from fallow.media.reader import BLOCK, BLOCKS, RangedReader
from fallow.pipeline.context import Context
from fallow.pipeline.store_files import Thread, bytes_of

WHOLE = BLOCK * BLOCKS
"""Bytes that are read at once, and kept: as many as a reader keeps anyway."""

Fetch = Callable[[int, int], bytes]
"""So many bytes from there on; fewer only at the end."""


async def fetched(ctx: Context, thread: Thread, key: str, size: int) -> Fetch:
    """For code in the thread: an object's bytes. Those of a small one are here already. Raises NotFound."""
    if size > WHOLE:
        return bytes_of(ctx, thread, key)
    data = await ctx.store.read(key, 0, size + 1)
    return lambda start, length: data[start : start + length]


def proven(fetch: Fetch, size: int, sha256: str, name: str) -> RangedReader:
    """A reader of the bytes with this digest. Raises BrokenPart when they are others, now or later."""
    if size > WHOLE:
        return _Blocks(fetch, size, name).proven(sha256)
    data = fetch(0, size + 1)
    _check(len(data), size, hashlib.sha256(data).hexdigest(), sha256, name)
    return RangedReader(lambda start, length: data[start : start + length], size, name)


class _Blocks:
    """Reads everything twice: first for its digest and those of its pieces, then piece by piece."""

    def __init__(self, fetch: Fetch, size: int, name: str) -> None:
        self._fetch = fetch
        self._size = size
        self._name = name
        self._digests: list[bytes] = []

    def proven(self, sha256: str) -> RangedReader:
        whole, read = hashlib.sha256(), 0
        for start in range(0, self._size + 1, BLOCK):
            block = self._fetch(start, BLOCK)
            whole.update(block)
            self._digests.append(hashlib.sha256(block).digest())
            read += len(block)
            if len(block) < BLOCK:
                break
        _check(read, self._size, whole.hexdigest(), sha256, self._name)
        return RangedReader(self._again, self._size, self._name)

    def _again(self, start: int, length: int) -> bytes:
        block = self._fetch(start, length)
        if hashlib.sha256(block).digest() != self._digests[start // BLOCK]:
            raise BrokenPart(f"{self._name} is changed while it is read.")
        return block


def _check(read: int, size: int, found: str, sha256: str, name: str) -> None:
    if read != size:
        counted = f"has {read}" if read < size else "has more"
        raise BrokenPart(f"{name} {counted} bytes instead of {size}.")
    if found != sha256:
        raise BrokenPart(f"{name} does not have the bytes that were announced: its SHA-256 differs.")
