"""How long requests take and how many bytes go with them, told to the log's listeners."""

from __future__ import annotations

import time
from dataclasses import dataclass

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from fallow import log


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


def _route(scope: Scope) -> str:
    """The route's template: of addresses there is no end."""
    return str(getattr(scope.get("route"), "path", "none"))
