"""uvicorn on a socket that is bound already, as one task among others of this process."""

from __future__ import annotations

import asyncio
import contextlib
import math
import socket
from collections.abc import Callable
from contextlib import AbstractContextManager

import uvicorn
from starlette.types import ASGIApp

KEEP_ALIVE = 75  # seconds that an idle agent's connection is kept


class HttpServer(uvicorn.Server):
    """Serves one app until told to stop. Signals are the platform's business."""

    def __init__(self, app: ASGIApp, grace: float) -> None:
        """`grace`: seconds that answers under way have at the end."""
        self._grace = grace
        super().__init__(
            uvicorn.Config(
                app,
                http="httptools",
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=False,
                timeout_keep_alive=KEEP_ALIVE,
                timeout_graceful_shutdown=math.ceil(grace),
            )
        )
        self._up = asyncio.Event()
        self._serving: asyncio.Task[None] | None = None

    def capture_signals(self) -> AbstractContextManager[None]:  # type: ignore[override]
        return contextlib.nullcontext()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._up.set()

    async def begin(self, listening: socket.socket) -> None:
        """Returns once requests are answered."""
        self._serving = asyncio.create_task(self.serve([listening]))
        up = asyncio.create_task(self._up.wait())
        await asyncio.wait([self._serving, up], return_when=asyncio.FIRST_COMPLETED)
        up.cancel()
        if self._serving.done():
            self._serving.result()

    async def end(self) -> None:
        """Finish the answers under way and close every connection."""
        self.should_exit = True
        if self._serving is not None:
            await asyncio.wait([self._serving], timeout=2 * self._grace + 1)
            self._serving.cancel()


def quick_loop() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """What makes the event loop of a process that serves: uvloop's, where there is one (None: Python's own)."""
    try:
        import uvloop
    except ModuleNotFoundError:
        return None
    return uvloop.new_event_loop
