"""Stored objects as HTTP answers, whole or in part."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Mapping

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from fallow.errors import NotFound
from fallow.ports import Store

_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")


async def send(store: Store, key: str, request: Request, headers: Mapping[str, str]) -> Response:
    """The object, or the one range of it that was asked for."""
    facts = await store.stat(key)
    if facts is None:
        raise NotFound("There is no such object; it may have been deleted after its job ended.")
    return answer(lambda begin: store.stream(key, begin), facts.size, request, headers)


def answer(
    read: Callable[[int], AsyncIterator[bytes]], size: int, request: Request, headers: Mapping[str, str]
) -> Response:
    """So many bytes, which can be read from any place on; or the one range of them that was asked for."""
    told = {"Accept-Ranges": "bytes", "Content-Type": "application/octet-stream", **headers}
    wanted = _wanted(request, size, told.get("ETag", ""))
    if wanted is None:
        begin, end, status = 0, size, 200
    else:
        begin, end, status = *wanted, 206
        if begin >= end:
            return Response(status_code=416, headers={"Content-Range": f"bytes */{size}"})
        told["Content-Range"] = f"bytes {begin}-{end - 1}/{size}"
    told["Content-Length"] = str(end - begin)
    if request.method == "HEAD" or begin == end:
        return Response(status_code=status, headers=told)
    return StreamingResponse(_pieces(read(begin), end - begin), status, told)


def _wanted(request: Request, size: int, tag: str) -> tuple[int, int] | None:
    """The half-open range that is asked for; None for all of it. An empty one cannot be satisfied."""
    match = _RANGE.fullmatch(request.headers.get("range", ""))
    if not match or match.groups() == ("", "") or request.headers.get("if-range", tag) != tag:
        return None
    first, last = match.groups()
    if not first:
        return max(0, size - int(last)), size if int(last) else 0
    return int(first), min(size, int(last) + 1) if last else size


async def _pieces(read: AsyncIterator[bytes], left: int) -> AsyncIterator[bytes]:
    async for piece in read:
        yield piece[:left]
        left -= len(piece)
        if left <= 0:
            return
