"""The front door: who comes from where, and which of the apps behind it is meant."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from starlette.applications import Starlette
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from fallow import log
from fallow.errors import Forbidden
from fallow.pipeline.context import Context
from fallow.services import probes
from fallow.services.answers import HANDLERS, noting_the_end, refusal
from fallow.services.traffic import ids_in, measured, shown

LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "[::1]"})
PEOPLE = ("/api/",)


@dataclass(frozen=True)
class Apps:
    """What is behind the door."""

    machines: ASGIApp  # agents, signed links, health: small, and there at once
    people: Later | None  # where there is no gateway


class Later:
    """An app that is made when it is needed first: the web framework for people takes longer to load than all else,
    and a platform that encodes one file and ends has no need of it."""

    def __init__(self, make: Callable[[], ASGIApp]) -> None:
        self._make = make
        self._app: ASGIApp | None = None
        self._making = asyncio.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await (self._app or await self.load())(scope, receive, send)

    async def load(self) -> ASGIApp:
        async with self._making:
            if self._app is None:
                self._app = await asyncio.to_thread(self._make)
        return self._app


def machines(ctx: Context, routes: Sequence[BaseRoute]) -> ASGIApp:
    """The app for programs: the given routes, and what every service answers."""
    return Starlette(routes=[*routes, *probes.routes(ctx)], exception_handlers=HANDLERS)


class Guard:
    """What every request passes: the host's name is checked, and no error leaves without a sentence."""

    def __init__(self, apps: Apps, names: frozenset[str]) -> None:
        self._apps = apps
        self._names = names  # that the host may be addressed by; none: any

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        # A page of another site, which a browser brings here under that site's name, must not reach this machine.
        if self._names and _host(scope) not in self._names:
            error = Forbidden("This gateway is for this machine alone; address it as localhost.")
            await refusal(error, 403)(scope, receive, send)
            return
        app = (scope["path"].startswith(PEOPLE) and self._apps.people) or self._apps.machines
        with log.about(**ids_in(scope["path"])):
            try:
                await measured(app, scope, noting_the_end(scope, receive), send)
            except Exception:
                # Its caller has got an answer, or notices that the one that had begun is unfinished.
                log.trouble(
                    "request.crashed", traceback.format_exc(), method=scope["method"], path=shown(scope["path"])
                )


def _host(scope: Scope) -> str:
    host = next((value.decode("latin-1") for name, value in scope["headers"] if name == b"host"), "")
    return host if host.endswith("]") else host.rpartition(":")[0] or host
