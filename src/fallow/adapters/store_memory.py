"""The store of tests and simulations: objects in this process's memory."""

from __future__ import annotations

import os
import tempfile
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from fallow.adapters.store_keys import PIECE, checked, conflict, missing, whole
from fallow.errors import StorageFull
from fallow.ports import ObjectFacts, Writer


class MemoryStore:
    """Objects in a dictionary; `capacity` makes it run full like a disk."""

    def __init__(self, capacity: int | None = None) -> None:
        self._objects: dict[str, bytes] = {}
        self._capacity = capacity

    async def writer(self, key: str, held: int = 0) -> Writer:
        return _MemoryWriter(self, checked(key), held)

    async def put(self, key: str, data: bytes) -> ObjectFacts:
        return self.keep(checked(key), bytes(data))

    async def adopt(self, key: str, path: Path) -> ObjectFacts:
        return self.keep(checked(key), path.read_bytes())  # noqa: ASYNC240 - memory store, small files

    async def export(self, key: str, path: Path) -> None:
        data = self._get(key)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        os.replace(name, path)

    async def stat(self, key: str) -> ObjectFacts | None:
        data = self._objects.get(checked(key))
        return None if data is None else ObjectFacts(key, len(data))

    async def read(self, key: str, start: int, length: int) -> bytes:
        return self._get(key)[start : start + length]

    async def stream(self, key: str, start: int = 0) -> AsyncIterator[bytes]:
        data = self._get(key)
        for at in range(start, len(data), PIECE):
            yield data[at : at + PIECE]

    async def delete(self, keys: Sequence[str]) -> None:
        for key in keys:
            self._objects.pop(checked(key), None)

    async def list(self, prefix: str) -> AsyncIterator[ObjectFacts]:
        for key, data in sorted(self._objects.items()):
            if key.startswith(prefix):
                yield ObjectFacts(key, len(data))

    async def clear_leftovers(self) -> int:
        return 0

    async def close(self) -> None:
        pass

    def keep(self, key: str, data: bytes) -> ObjectFacts:
        if key in self._objects:
            raise conflict(key)
        self.check_space(len(data))
        self._objects[key] = data
        return ObjectFacts(key, len(data))

    def check_space(self, more: int) -> None:
        used = sum(map(len, self._objects.values()))
        if self._capacity is not None and used + more > self._capacity:
            raise StorageFull("No space is left in the memory store; give it more.")

    def _get(self, key: str) -> bytes:
        data = self._objects.get(checked(key))
        if data is None:
            raise missing(key)
        return data


class _MemoryWriter:
    """Collects the bytes; the store sees them at commit."""

    def __init__(self, store: MemoryStore, key: str, held: int) -> None:
        self._store = store
        self._key = key
        self._held = held
        self._body = bytearray()

    async def write(self, data: bytes) -> None:
        self._store.check_space(len(self._body) + len(data))
        self._body += data

    async def commit(self, head: bytes = b"") -> ObjectFacts:
        whole(len(head), self._held, len(self._body))
        return self._store.keep(self._key, head + bytes(self._body))

    async def abort(self) -> None:
        self._body.clear()
