"""A platform, or some of its services, in one event loop: in the order in which it must come up and go down."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import signal
import socket
import threading
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from fallow import log
from fallow.data_folder import DataFolder
from fallow.errors import Conflict, FallowError, NotFound
from fallow.messages import to_wire
from fallow.model import Part, Standing, TaskKind
from fallow.profiles import Profile
from fallow.services import listening, watch
from fallow.services.home import Home
from fallow.services.local_agents import LocalAgents, launch
from fallow.services.roles import EVERYTHING, Role, check, named
from fallow.settings import Settings
from fallow.worker.machine import hostname
from fallow.worker.pack import build_pyz

if TYPE_CHECKING:
    from starlette.routing import BaseRoute
    from starlette.types import ASGIApp

    from fallow.pipeline.context import Context
    from fallow.pipeline.hold import Holds
    from fallow.pipeline.job_options import Options
    from fallow.services.agents_api import Agents
    from fallow.services.blobs_api import SignedLinks
    from fallow.services.consumers import Consumer
    from fallow.services.front import Later
    from fallow.services.play import PlayLinks

ASK_AGAIN = 3.0  # seconds between two looks whether a worker that was sent home may come again
LAST = 5.0  # seconds that a service has after `stop_seconds` to give back what it holds
FETCHES = 4  # sources that a splitter fetches at a time; most of them wait for their servers
GRACE = 3.0  # seconds that answers under way have when a whole platform ends


class Platform:
    """Gateway, splitter, joiner, sweeper and local agents, or some of them, from `async with` until its end."""

    def __init__(self, settings: Settings, roles: frozenset[Role] = EVERYTHING) -> None:
        self._settings, self._roles = settings, roles
        self._stack = AsyncExitStack()
        self._home = Home("")
        self._agents: LocalAgents | None = None
        self._consumers: list[Consumer] = []
        self._loops: list[asyncio.Task[None]] = []
        self._ctx: Context | None = None
        self._door: Agents | None = None
        self._people: Later | None = None
        self._holds: Holds | None = None
        self._plays: PlayLinks | None = None
        self.url = ""
        self.api_token = settings.api_token  # "" when none is needed
        self.join_token = settings.token
        self.setup_token = ""  # with which the first admin is made; "" when there is one, or no need of any

    async def __aenter__(self) -> Platform:
        try:
            await self._up()
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await asyncio.shield(self._stack.aclose())

    @property
    def agent_pids(self) -> list[int]:
        """The processes of the local agents that run."""
        return self._agents.pids if self._agents else []

    async def open_api(self) -> None:
        """Have the API for people ready before the first of them asks."""
        if self._people:
            await self._people.load()

    async def create(
        self, name: str, profiles: Sequence[Profile], options: Options, key: str = ""
    ) -> dict[str, Any]:
        """A new job that waits for its source, or the one that this key was used for; as the API shows it."""
        from fallow.pipeline import submit

        job, _ = await submit.create(self._context, name, profiles, options, key)
        return await self.view(job.id)

    async def view(self, job: str) -> dict[str, Any]:
        """A job as the API shows it."""
        from fallow.services.views import job_view

        view = await job_view(self._context, await self._context.ledger.job(job))
        return dict(to_wire(view))

    async def news(self, seconds: float) -> None:
        """Returns when a job may have moved on, after `seconds` at the latest."""
        moved = self._context.moved
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(moved.wait(), seconds)
        moved.clear()

    def ran_full(self) -> bool:
        """Whether a task has found no space since this was asked last; it is tried again."""
        full = self._context.full.is_set()
        self._context.full.clear()
        return full

    async def retry(self, job: str) -> None:
        """Go on with a failed or cancelled job."""
        from fallow.pipeline import submit

        await submit.retry(self._context, job)

    async def adopt(self, job: str, path: Path) -> None:
        """Take a local file as a job's source and start on it."""
        from fallow.pipeline import submit

        await submit.adopt(self._context, job, path)

    async def export(self, job: str, rendition: str, path: Path) -> None:
        """Bring a result to a local file, whole or not at all."""
        await self._context.store.export((await self._result(job, rendition)).key, path)

    async def export_stream(self, job: str, rendition: str, folder: Path) -> None:
        """Bring all files of a stream, one of whose renditions this is, into a folder of their own."""
        await self._result(job, rendition)
        for file in await self._context.ledger.files(job):
            target = folder / file.name
            target.parent.mkdir(parents=True, exist_ok=True)
            await self._context.store.export(file.key, target)

    async def _result(self, job: str, rendition: str) -> Part:
        ctx = self._context
        found = [r for r in (await ctx.ledger.job(job)).renditions if r.name == rendition]
        if not found:
            raise NotFound(f"The job {job} has no rendition {rendition}.")
        if found[0].result is None:
            raise Conflict(f"The rendition {rendition} of job {job} is not finished.")
        return found[0].result

    async def drain(self) -> None:
        """Finish what is being worked on here and begin nothing new; returns when all is still."""
        log.event("platform.draining")
        if self._ctx:
            self._ctx.draining.set()
        self._stop_lending()
        for consumer in self._consumers:
            consumer.drain()
        agents = [self._agents.drain()] if self._agents else []
        await asyncio.gather(*agents, *self._consuming, return_exceptions=True)

    def _stop_lending(self) -> None:
        if self._door:
            self._door.draining.set()

    async def abort(self) -> None:
        """Stop what is being worked on here at once; it will be done again."""
        log.event("platform.aborting")
        if self._agents:
            await self._agents.stop()
        for task in self._consuming:
            task.cancel()
        await asyncio.gather(*self._consuming, return_exceptions=True)

    @property
    def _context(self) -> Context:
        if self._ctx is None:
            raise Conflict("The platform is not running.")
        return self._ctx

    @property
    def _consuming(self) -> list[asyncio.Task[None]]:
        return self._loops[: len(self._consumers)]

    async def _up(self) -> None:
        settings, stack, roles = self._settings, self._stack, self._roles
        folder = self._folder()
        stack.callback(folder.close)
        self._home = Home(folder.home, "" if roles == EVERYTHING else hostname())
        socket = listening.open_socket(settings)
        stack.callback(socket.close)
        self.url = listening.url(settings, socket)
        self.join_token = settings.token or folder.keep("join-token")
        if not settings.loopback:
            self.api_token = settings.api_token or folder.keep("api-token")
        # The agents come first: while they start, this process imports what the gateway needs, which takes longer.
        # They can connect already and are answered as soon as there is somebody to do it.
        if Role.WORKER in roles:
            self._agents = launch(settings, self.url, self._home, self)
            stack.push_async_callback(self._agents.stop)
        await self._serve(folder, socket)
        # Down in this order: no agent works any more; splitter, joiner and sweeper give back what they hold;
        # who waits for work is sent away; then the gateway, the back ends, and last the lock.
        if self._agents:
            stack.push_async_callback(self._agents.stop)
        log.event("platform.up", url=self.url, workers=len(self.agent_pids))

    def _folder(self) -> DataFolder:
        if self._roles == EVERYTHING:
            return DataFolder.open(self._settings.data, self._settings.secret)
        check(self._roles, self._settings)
        return DataFolder.passing(self._settings.secret)

    async def _serve(self, folder: DataFolder, socket: socket.socket) -> None:
        from fallow import wiring
        from fallow.pipeline.context import Context
        from fallow.pipeline.hold import Holds
        from fallow.pipeline.sweep import announce_all, recover
        from fallow.services import blobs_api, front, play
        from fallow.services.http_server import HttpServer

        settings, clock = self._settings, wiring.SystemClock()
        backends = await wiring.connect(settings, folder)
        self._stack.push_async_callback(backends.close)
        if self.api_token and self._roles == EVERYTHING and not await backends.ledger.has_admin():
            self.setup_token = secrets.token_urlsafe(24)
        signed = blobs_api.SignedLinks(folder.derive("links"), clock.now)
        links = wiring.links(settings, backends.store, signed)
        policy = wiring.policy(settings)
        self._plays = play.PlayLinks(folder.derive("play"), settings.play_seconds, clock.now)
        self._ctx = ctx = Context(
            *(backends.queue, backends.store, backends.ledger, clock, links, policy),
            web=wiring.web(settings),
            play_link=self._plays.to,
        )
        self._holds = Holds(ctx)
        await recover(ctx, self._home.id)
        if wiring.begins_empty(settings):
            await announce_all(ctx)
        apps = front.Apps(front.machines(ctx, self._routes(ctx, signed)), self._open_people(ctx))
        guard = front.Guard(apps, front.LOOPBACK_NAMES if settings.loopback else frozenset())
        server = HttpServer(guard, self._grace)
        await server.begin(socket)
        self._stack.push_async_callback(server.end)
        self._stack.callback(ctx.closing.set)
        self._stack.callback(self._stop_lending)
        self._start_loops(ctx, self._holds)
        self._stack.push_async_callback(self._stop_loops)

    @property
    def _grace(self) -> float:
        """Seconds that answers under way have at the end."""
        return GRACE if self._roles == EVERYTHING else self._settings.stop_seconds

    def _routes(self, ctx: Context, signed: SignedLinks) -> list[BaseRoute]:
        """What programs may ask for. A worker's agents are served by itself, and its door is open to no others."""
        from fallow.services import agents_api, blobs_api, page, play

        if not self._roles & {Role.GATEWAY, Role.WORKER} or self._holds is None:
            return []
        join_token = self.join_token if Role.GATEWAY in self._roles else ""
        self._door = agents_api.Agents(ctx, join_token, self._home, self._holds)
        found: list[BaseRoute] = [*agents_api.routes(self._door, build_pyz), *blobs_api.routes(ctx, signed)]
        if Role.GATEWAY in self._roles and self._plays is not None:
            found += play.routes(ctx, self._plays, self._settings.play_origins.split())
            found += page.routes(page.folder())
        return found

    def _open_people(self, ctx: Context) -> Later | None:
        from fallow.services.front import Later

        if Role.GATEWAY in self._roles:
            self._people = Later(lambda: _people(ctx, self.api_token, self.setup_token, self._settings))
        return self._people

    async def bereaved(self, name: str, error: Exception) -> None:
        """A local agent has ended: what it was at goes to others at once."""
        from fallow.pipeline.sweep import give_back

        if self._ctx is not None and self._holds is not None:
            worker = self._home.worker(self._home.called(name))
            await give_back(self._ctx, worker, error)
            await self._holds.release_of(worker)

    async def welcome(self, name: str) -> None:
        """Returns when the worker that a local agent is may come (again)."""
        worker = self._home.worker(self._home.called(name))
        while self._ctx is not None:
            try:
                if (await self._ctx.ledger.worker(worker)).standing is not Standing.BANNED:
                    return
            except NotFound:
                return
            except FallowError as error:  # it is asked again
                log.trouble("agent.not_asked_for", str(error))
            await asyncio.sleep(ASK_AGAIN)

    def _start_loops(self, ctx: Context, holds: Holds) -> None:
        from fallow.services.consumers import Consumer, sweeper
        from fallow.services.webhook_sender import Sender

        kinds = {TaskKind.SPLIT: Role.SPLITTER, TaskKind.JOIN: Role.JOINER, TaskKind.FETCH: Role.SPLITTER}
        places = {TaskKind.JOIN: self._settings.joins, TaskKind.FETCH: FETCHES}
        self._consumers = [
            Consumer(ctx, kind, self._home, holds, places.get(kind, 1))
            for kind, role in kinds.items()
            if role in self._roles
        ]
        self._loops = [asyncio.create_task(consumer.run()) for consumer in self._consumers]
        if Role.SWEEPER in self._roles:
            self._loops += [asyncio.create_task(sweeper(ctx)), asyncio.create_task(Sender(ctx).run())]
        self._loops.append(asyncio.create_task(holds.watch()))

    async def _stop_loops(self) -> None:
        for task in self._loops:
            task.cancel()
        await asyncio.gather(*self._loops, return_exceptions=True)


def serve(
    settings: Settings,
    roles: frozenset[Role] = EVERYTHING,
    ready: Callable[[Platform], object] = lambda platform: None,
) -> None:
    """Run a platform, or some services, until told to stop: a first signal lets running work finish, a second does
    not. Single services have `stop_seconds` for that, as they are replaced, not attended to."""
    log.set_up(settings.log, service=named(roles))
    seconds = settings.stop_seconds if roles != EVERYTHING else None
    with watch.watched():
        from fallow.services.http_server import quick_loop

        with asyncio.Runner(loop_factory=quick_loop()) as runner:
            runner.run(_until_stopped(Platform(settings, roles), ready, seconds))


async def _until_stopped(platform: Platform, ready: Callable[[Platform], object], seconds: float | None) -> None:
    loop, signals = asyncio.get_running_loop(), asyncio.Queue[int]()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, signals.put_nowait, number)
    async with AsyncExitStack() as stack:
        coming, told = asyncio.create_task(stack.enter_async_context(platform)), asyncio.create_task(signals.get())
        await asyncio.wait([coming, told], return_when=asyncio.FIRST_COMPLETED)
        if not coming.done():  # told to stop before it was up
            coming.cancel()
            await asyncio.wait([coming])
            return
        coming.result()
        ready(platform)
        await platform.open_api()
        await told
        if seconds is not None:
            _end_anyway(seconds + LAST)
        draining = asyncio.create_task(platform.drain())
        again = asyncio.create_task(signals.get())
        await asyncio.wait([draining, again], timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        again.cancel()
        if not draining.done():
            await platform.abort()
        await draining


def _end_anyway(seconds: float) -> None:
    """Back ends that are away are waited for, but not by a process that is to end: a kill loses nothing either."""
    timer = threading.Timer(seconds, os._exit, [1])
    timer.daemon = True
    timer.start()


def _people(ctx: Context, api_token: str, setup_token: str, settings: Settings) -> ASGIApp:
    from fallow.services import entry, gateway

    lasting = entry.Lasting(settings.session_idle, settings.session_seconds)
    return gateway.build(ctx, api_token, entry.Login(setup_token, lasting, settings.proxies.split()))
