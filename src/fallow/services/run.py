"""A whole platform in one event loop, in the order in which it must come up and go down."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import uuid
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from fallow import log
from fallow.data_folder import DataFolder
from fallow.errors import BadSetting, Conflict, NotFound
from fallow.ffmpeg.locate import examine, find
from fallow.messages import to_wire
from fallow.model import TaskKind
from fallow.profiles import Profile
from fallow.services.local_agents import Command, Ended, LocalAgents
from fallow.settings import Settings
from fallow.worker.pack import build_pyz

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from fallow.pipeline.context import Context
    from fallow.pipeline.job_options import Options
    from fallow.services.agents_api import Agents
    from fallow.services.consumers import Consumer
    from fallow.services.front import Later


class Platform:
    """Gateway, splitter, joiner, sweeper and local agents, from `async with` until its end."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._stack = AsyncExitStack()
        self._agents: LocalAgents | None = None
        self._consumers: list[Consumer] = []
        self._loops: list[asyncio.Task[None]] = []
        self._ctx: Context | None = None
        self._door: Agents | None = None
        self._people: Later | None = None
        self.url = ""
        self.api_token = settings.api_token  # "" when none is needed
        self.join_token = settings.token

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
        ctx = self._context
        found = [r for r in (await ctx.ledger.job(job)).renditions if r.name == rendition]
        if not found:
            raise NotFound(f"The job {job} has no rendition {rendition}.")
        if found[0].result is None:
            raise Conflict(f"The rendition {rendition} of job {job} is not finished.")
        await ctx.store.export(found[0].result.key, path)

    async def drain(self) -> None:
        """Finish what is being worked on here and begin nothing new; returns when all is still."""
        log.event("platform.draining")
        if self._door:
            self._door.draining.set()
        for consumer in self._consumers:
            consumer.drain()
        agents = [self._agents.drain()] if self._agents else []
        await asyncio.gather(*agents, *self._consuming, return_exceptions=True)

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
        settings, stack = self._settings, self._stack
        folder = DataFolder.open(settings.data)
        stack.callback(folder.close)
        listening = _listen(settings)
        stack.callback(listening.close)
        self.url = _url(settings, listening)
        self.join_token = settings.token or folder.keep("join-token")
        if not settings.loopback:
            self.api_token = settings.api_token or folder.keep("api-token")
        local_token = uuid.uuid4().hex
        # The agents come first: while they start, this process imports what the gateway needs, which takes longer.
        # They can connect already and are answered as soon as there is somebody to do it.
        self._agents = _start_agents(settings, folder, self.url, local_token, self._bereaved)
        stack.push_async_callback(self._agents.stop)
        await self._serve(folder, listening, local_token)
        # Down in this order: no agent works any more; splitter, joiner and sweeper give back what they hold;
        # waiting requests are answered, as the queue is closed; then the gateway, the back ends, and last the lock.
        stack.push_async_callback(self._agents.stop)
        log.event("platform.up", url=self.url, workers=len(self._agents.pids))

    async def _serve(self, folder: DataFolder, listening: socket.socket, local_token: str) -> None:
        from fallow import wiring
        from fallow.pipeline.context import Context
        from fallow.pipeline.sweep import recover
        from fallow.services import agents_api, blobs_api, front
        from fallow.services.http_server import HttpServer

        settings, clock = self._settings, wiring.SystemClock()
        backends = await wiring.connect(settings, folder)
        self._stack.push_async_callback(backends.close)
        signed = blobs_api.SignedLinks(folder.derive("links"), clock.now)
        links = wiring.links(settings, backends.store, signed)
        policy = wiring.policy(settings)
        self._ctx = ctx = Context(backends.queue, backends.store, backends.ledger, clock, links, policy)
        await recover(ctx)
        self._door = agents_api.Agents(ctx, self.join_token, local_token)
        routes = [*agents_api.routes(self._door, build_pyz), *blobs_api.routes(ctx, signed)]
        self._people = front.Later(lambda: _people(ctx, self.api_token))
        apps = front.Apps(front.machines(ctx, routes), self._people)
        server = HttpServer(front.Guard(apps, front.LOOPBACK_NAMES if settings.loopback else frozenset()))
        await server.begin(listening)
        self._stack.push_async_callback(server.end)
        self._stack.push_async_callback(backends.queue.close)
        self._start_loops(ctx)
        self._stack.push_async_callback(self._stop_loops)

    async def _bereaved(self, name: str, error: Exception) -> None:
        """A local agent has ended: what it was at goes to others at once."""
        from fallow.pipeline.sweep import give_back
        from fallow.services.agents_api import local_id

        if self._ctx is not None:
            await give_back(self._ctx, local_id(name), error)

    def _start_loops(self, ctx: Context) -> None:
        from fallow.services.consumers import Consumer, sweeper

        self._consumers = [Consumer(ctx, TaskKind.SPLIT), Consumer(ctx, TaskKind.JOIN)]
        self._loops = [asyncio.create_task(consumer.run()) for consumer in self._consumers]
        self._loops.append(asyncio.create_task(sweeper(ctx)))

    async def _stop_loops(self) -> None:
        for task in self._loops:
            task.cancel()
        await asyncio.gather(*self._loops, return_exceptions=True)


def serve(settings: Settings, ready: Callable[[Platform], object] = lambda platform: None) -> None:
    """Run a platform until it is told to stop: a first signal lets running work finish, a second does not."""
    log.set_up(settings.log)
    asyncio.run(_until_stopped(settings, ready))


async def _until_stopped(settings: Settings, ready: Callable[[Platform], object]) -> None:
    loop, signals = asyncio.get_running_loop(), asyncio.Queue[int]()
    async with Platform(settings) as platform:
        ready(platform)
        await platform.open_api()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, signals.put_nowait, number)
        await signals.get()
        draining = asyncio.create_task(platform.drain())
        again = asyncio.create_task(signals.get())
        await asyncio.wait([draining, again], return_when=asyncio.FIRST_COMPLETED)
        again.cancel()
        if not draining.done():
            await platform.abort()
        await draining


def _people(ctx: Context, api_token: str) -> ASGIApp:
    from fallow.services import gateway

    return gateway.build(ctx, api_token)


def _listen(settings: Settings) -> socket.socket:
    """A listening socket: its port is known, and agents may connect, before there is a server behind it."""
    try:
        family = socket.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM)[0]
        listening = socket.socket(family[0], socket.SOCK_STREAM)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(family[4])
        listening.listen(1024)
    except OSError as error:
        remedy = "choose another with --host or --port"
        raise BadSetting(
            f"{settings.host}:{settings.port} cannot be listened on ({error.strerror}); {remedy}."
        ) from error
    listening.setblocking(False)
    return listening


def _url(settings: Settings, listening: socket.socket) -> str:
    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(settings.host, settings.host)  # noqa: S104 - compared only
    return f"http://{f'[{host}]' if ':' in host and host[0] != '[' else host}:{listening.getsockname()[1]}"


def _start_agents(settings: Settings, folder: DataFolder, url: str, token: str, ended: Ended) -> LocalAgents:
    cores = len(os.sched_getaffinity(0))
    count = settings.workers if settings.workers >= 0 else cores
    archive = folder.path.absolute() / "fallow-worker.pyz"
    if count:
        part = archive.with_name(f".{archive.name}.new")
        part.write_bytes(build_pyz())
        part.replace(archive)
    # Found here: agents run without site packages, so they would not see the one that comes with the server.
    # And tried: an agent that has none ends, and would be started again for ever.
    ffmpeg = examine(find(settings.ffmpeg)).path if count else ""
    threads = max(1, cores // max(1, count))
    agents = LocalAgents(Command(archive, url, token, ffmpeg, threads, settings.log), count, ended)
    agents.start()
    return agents
