"""What players of a result of many files get: the files themselves, and what is told of them as of now."""

from __future__ import annotations

import contextlib
import hashlib
import json
import zlib
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

from fallow import catalogue
from fallow.errors import NotFound
from fallow.model import JobState
from fallow.pipeline.context import Context
from fallow.records import File

_KEPT = 8  # streams whose texts are remembered
_REMEMBERED = 1000  # jobs of which it is known that their files stay
_TRIES = 5
_CUT = (JobState.ENCODING, JobState.JOINING, JobState.DONE)
_FRONTS = {form.front for form in catalogue.STREAMS.values()}


def pack(growing: Mapping[str, bytes], broken_off: Mapping[str, bytes]) -> bytes:
    """The texts of a stream as one object: as they are while it grows, and as they are if it never will again."""
    both = [{name: text.decode() for name, text in texts.items()} for texts in (growing, broken_off)]
    return zlib.compress(json.dumps(both).encode(), 6)


class Playing:
    """Finds the files of results. What is remembered never changes: each step has texts of its own."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._texts: OrderedDict[str, list[dict[str, str]]] = OrderedDict()
        self._settled: OrderedDict[str, None] = OrderedDict()  # jobs whose files never change

    async def find(self, job_id: str, name: str) -> File | bytes:
        """A file of a job's result, or a text of it as of now. Raises NotFound."""
        if file := await self._ctx.ledger.file(job_id, name):
            return file
        ended = (await self._ctx.ledger.job(job_id)).state.ended
        growing, broken_off = await self._newest(job_id)
        if text := (broken_off if ended else growing).get(name):
            return text.encode()
        raise NotFound(f"The job {job_id} has no file {name[:100]} yet; it may come, if the job goes on.")

    async def for_good(self, job_id: str) -> bool:
        """Whether a file that is there stays what it is: until the source is cut, the stream may yet begin anew."""
        if job_id not in self._settled:
            if (await self._ctx.ledger.job(job_id)).state not in _CUT:
                return False
            self._settled[job_id] = None
            while len(self._settled) > _REMEMBERED:
                self._settled.popitem(last=False)
        return True

    async def listing(self, job_id: str) -> list[dict[str, Any]]:
        """All files of a job's result as of now, by name."""
        files = await self._ctx.ledger.files(job_id)
        found = {file.name: (file.size, file.sha256) for file in files}
        if not _FRONTS & found.keys():  # else they are told for good
            ended = (await self._ctx.ledger.job(job_id)).state.ended
            texts = (await self._newest(job_id))[ended]
            for name, text in texts.items():
                found[name] = len(text.encode()), hashlib.sha256(text.encode()).hexdigest()
        return [{"name": name, "size": size, "sha256": sha256} for name, (size, sha256) in sorted(found.items())]

    async def _newest(self, job_id: str) -> list[dict[str, str]]:
        for _ in range(_TRIES):
            newest = await self._ctx.ledger.newest_package(job_id)
            if newest is None or not newest.texts:
                break
            with contextlib.suppress(NotFound):  # replaced just now
                return await self._read(newest.texts)
        return [{}, {}]

    async def _read(self, key: str) -> list[dict[str, str]]:
        """Raises NotFound."""
        if key not in self._texts:
            pieces = [piece async for piece in self._ctx.store.stream(key)]
            self._texts[key] = json.loads(zlib.decompress(b"".join(pieces)))
        self._texts.move_to_end(key)
        while len(self._texts) > _KEPT:
            self._texts.popitem(last=False)
        return self._texts[key]
