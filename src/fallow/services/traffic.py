"""What requests are about, how long they take and how many bytes go with them: for the log and its listeners."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from fallow import log

_JOB = r"(?:(?:api|blobs)/v1/jobs|play/v1)/(?P<job>[0-9a-z]{1,64})"
_LEASE = r"agent/v1/leases/(?P<lease>[0-9a-f]{1,64})"
_NAMED = re.compile(rf"/(?:{_JOB}|{_LEASE})(?:/|\Z)")


@dataclass
class _Passage:
    """One request on its way through an app."""

    whence: Receive
    whither: Send
    status: int = 499  # whoever asked is gone before there is an answer
    bytes_in: int = 0
    bytes_out: int = 0

    async def receive(self) -> Message:
        message = await self.whence()
        self.bytes_in += len(message.get("body", b""))
        return message

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
        self.bytes_out += len(message.get("body", b""))
        await self.whither(message)


async def measured(app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    """Have the app answer, and tell how that went."""
    begun, passage = time.perf_counter(), _Passage(receive, send)
    try:
        await app(scope, passage.receive, passage.send)
    finally:
        log.measure(
            "request.answered",
            method=scope["method"],
            route=_route(scope),
            status=passage.status,
            seconds=time.perf_counter() - begun,
            bytes_in=passage.bytes_in,
            bytes_out=passage.bytes_out,
        )


def ids_in(path: str) -> dict[str, str]:
    """The job or the lease that an address names."""
    found = _NAMED.match(path)
    return {name: value for name, value in found.groupdict().items() if value} if found else {}


def shown(path: str) -> str:
    """An address as the log may have it: without what lets players in."""
    return re.sub(r"^(/play/v1/[^/]*/)[^/]*", r"\1…", path)


def _route(scope: Scope) -> str:
    """The route's template: of addresses there is no end."""
    return str(getattr(scope.get("route"), "path", "none"))
