"""For agents: register, lease, renew, deliver, fail."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import hashlib
import hmac
import secrets
import time
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TypeVar

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from fallow import log
from fallow.accounts.tokens import may_join
from fallow.errors import BrokenPart, Conflict, Forbidden, NotAllowed, NotFound, Rejected
from fallow.messages import (
    AGENT_HEADER,
    CALIBRATED,
    Calibration,
    Delivery,
    Failure,
    LeaseGrant,
    LeaseRequest,
    Registration,
    Renewal,
    Welcome,
    from_wire,
    to_wire,
)
from fallow.model import Standing, Worker
from fallow.pipeline import bundle, deliver, dispatch, workforce
from fallow.pipeline.context import Context
from fallow.pipeline.hold import Holds
from fallow.pipeline.trials import trials
from fallow.services.home import Home

PATH = "/agent/v1"
LONGEST_WAIT = 60.0
SEEN_EVERY = 10.0  # seconds between two notes in the ledger that a worker is there
KNOWN_SECONDS = 3.0  # that a worker is known without asking the ledger: what is made of it elsewhere counts then
MOST_SPEEDS = 64  # that are kept of a worker
IDLE_SECONDS = 5.0  # that who is to get nothing is kept waiting

T = TypeVar("T")
Answer = Callable[[Request], Awaitable[Response]]


@dataclass
class Agents:
    """Who may work here, and how often each was heard of."""

    ctx: Context
    join_token: str  # "": nobody joins
    home: Home  # of the agents that this process starts itself
    holds: Holds  # their messages
    draining: asyncio.Event = field(default_factory=asyncio.Event)
    _known: dict[str, tuple[Worker, float]] = field(default_factory=dict)  # by their tokens' digests; until when
    _seen: dict[str, float] = field(default_factory=dict)

    async def register(self, request: Request) -> Response:
        token = bearer(request)
        local = same(token, self.home.token)
        known = None if local or await self._may_join(token) else await self._returning(token)
        hello = await _body(request, Registration)
        # A local agent keeps its identity over restarts of the platform: it is the same slot of the same machine.
        worker_id = self.home.worker(hello.name) if local else known or uuid.uuid4().hex[:16]
        if local:
            await self._check_welcome(worker_id)
        worker = Worker(worker_id, hello.name, hello.machine, local, self.ctx.clock.now())
        made = secrets.token_urlsafe(32)
        await self.ctx.ledger.add_worker(worker, _digest(made))
        log.event("worker.registered", worker=worker.id, name=worker.name)
        return JSONResponse(to_wire(Welcome(worker.id, made, trials())))

    async def calibration(self, request: Request) -> Response:
        """How fast an agent found itself."""
        worker, told = await self._worker(request), await _body(request, Calibration)
        speeds = {name[:64]: speed for name, speed in list(told.speeds.items())[:MOST_SPEEDS]}
        await self.ctx.ledger.describe_worker(worker.id, {**worker.machine, CALIBRATED: speeds})
        self._forget(worker.id)
        log.event("worker.calibrated", worker=worker.id, classes=len(speeds))
        return Response(status_code=204)

    async def lease(self, request: Request) -> Response:
        worker = await self._worker(request)
        asked = await _body(request, LeaseRequest)
        wait = min(LONGEST_WAIT, max(0.0, asked.wait_seconds))
        await self._note(worker, asked.paused)
        if asked.paused:
            return Response(status_code=204)
        if self.draining.is_set():
            await unless_gone(request, asyncio.sleep(min(wait, IDLE_SECONDS)))
            return Response(status_code=204)
        if worker.standing is Standing.DRAINING:
            await unless_gone(request, asyncio.sleep(min(wait, IDLE_SECONDS)), self.draining)
            return Response(status_code=204)
        claim = self.holds.claim if worker.local else dispatch.claim
        leasing = bundle.lease(self.ctx, worker, dataclasses.replace(asked, wait_seconds=wait), claim)
        grant = await unless_gone(request, leasing, self.draining)
        if grant is not None and not await self._may_have(request):
            await asyncio.shield(self._take_back(worker, grant))
            return Response(status_code=204)
        return Response(status_code=204) if grant is None else JSONResponse(to_wire(grant))

    async def renew(self, request: Request) -> Response:
        worker, lease = await self._worker(request), _lease(request)
        renewal = await _body(request, Renewal)
        await self._note(worker, renewal.paused)
        renewed = await dispatch.renew(self.ctx, lease, renewal)
        if renewed.stop:
            await self.holds.release(lease)
        return JSONResponse(to_wire(renewed))

    async def deliver(self, request: Request) -> Response:
        worker, lease = await self._worker(request), _lease(request)
        delivering = deliver.deliver(self.ctx, worker.id, lease, await _body(request, Delivery))
        # Once begun it is carried through, whether or not the agent still listens.
        receipt = await asyncio.shield(self._ending(lease, delivering))
        return JSONResponse(to_wire(receipt))

    async def fail(self, request: Request) -> Response:
        worker, lease = await self._worker(request), _lease(request)
        failing = deliver.fail(self.ctx, worker.id, lease, await _body(request, Failure))
        await asyncio.shield(self._ending(lease, failing))
        return Response(status_code=204)

    async def _may_join(self, token: str) -> bool:
        """Whether this is the platform's own token, or one of short life that any gateway has made."""
        if not self.join_token:
            return False
        return same(token, self.join_token) or await may_join(self.ctx.ledger, token, self.ctx.clock.now())

    async def _returning(self, token: str) -> str:
        """The worker that an agent was before it was started anew, by the token that it had then."""
        worker = await self.ctx.ledger.worker_of_token(_digest(token)) if token else None
        if worker is None or worker.local:
            raise Forbidden(
                "This join token is unknown or has expired; `fallow up` prints one, its page makes more."
            )
        return _welcome(worker).id

    async def _ending(self, lease: str, work: Awaitable[T]) -> T:
        """The end of a lease, unless the worker is to tell of it again."""
        try:
            result = await work
        except (BrokenPart, Conflict):
            await self.holds.release(lease)
            raise
        await self.holds.release(lease)
        return result

    async def _take_back(self, worker: Worker, grant: LeaseGrant) -> None:
        """Whoever asked hung up while it was made ready, or is to have no work any more."""
        for one in (grant, *grant.more):
            gone = Failure("cancelled", "The worker went away.")
            await self._ending(one.lease, deliver.fail(self.ctx, worker.id, one.lease, gone))

    async def _worker(self, request: Request) -> Worker:
        """Who is calling. Raises Forbidden."""
        digest, now = _digest(bearer(request)), time.monotonic()
        worker, until = self._known.get(digest, (None, 0.0))
        if worker is None or until <= now:
            self._known.pop(digest, None)
            worker = await self.ctx.ledger.worker_of_token(digest)
            if worker is None:
                raise Forbidden("This worker token is not known here; register again.")
            if worker.standing is Standing.BANNED:
                await self._send_home(worker)
            self._known[digest] = (worker, now + KNOWN_SECONDS)
        return _welcome(worker)

    async def _may_have(self, request: Request) -> bool:
        """Whether the caller still listens, and was not told meanwhile that it gets no more."""
        if await request.is_disconnected():
            return False
        try:
            return (await self._worker(request)).standing is Standing.ACTIVE
        except Forbidden:
            return False

    async def _check_welcome(self, worker: str) -> None:
        """Raises NotAllowed for a worker that was sent home, and comes again under the same id."""
        with contextlib.suppress(NotFound):
            _welcome(await self.ctx.ledger.worker(worker))

    async def _send_home(self, worker: Worker) -> None:
        """What it got while this was not known here goes to others."""
        await workforce.take_all(self.ctx, worker.id)
        await self.holds.release_of(worker.id)

    def _forget(self, worker: str) -> None:
        """What is known of it here: it has changed."""
        self._known = {key: known for key, known in self._known.items() if known[0].id != worker}

    async def _note(self, worker: Worker, paused: str) -> None:
        """That it is there, and why it may not work now."""
        if (reason := _one_line(paused)) != worker.paused:
            await self.ctx.ledger.pause_worker(worker.id, reason)
            self._forget(worker.id)
            log.event("worker.paused", worker=worker.id, reason=reason)
        now = self.ctx.clock.now()
        if now - self._seen.get(worker.id, 0.0) >= SEEN_EVERY:
            self._seen[worker.id] = now
            await self.ctx.ledger.saw_worker(worker.id)


def routes(agents: Agents, pack: Callable[[], bytes]) -> list[Route]:
    async def archive(_request: Request) -> Response:
        return Response(await asyncio.to_thread(pack), media_type="application/zip")

    lease = PATH + "/leases/{lease}"
    return [
        Route(PATH + "/register", _telling(agents.register, pack), methods=["POST"]),
        Route(PATH + "/calibration", agents.calibration, methods=["POST"]),
        Route(PATH + "/lease", _telling(agents.lease, pack), methods=["POST"]),
        Route(lease + "/renew", agents.renew, methods=["POST"]),
        Route(lease + "/deliver", agents.deliver, methods=["POST"]),
        Route(lease + "/fail", agents.fail, methods=["POST"]),
        Route("/fallow-worker.pyz", archive, methods=["GET"]),
    ]


def _telling(answer: Answer, pack: Callable[[], bytes]) -> Answer:
    """Agents that can update themselves say what they are, and are told what is of this gateway's version."""
    known: list[str] = []

    async def told(request: Request) -> Response:
        response = await answer(request)
        if AGENT_HEADER in request.headers:
            # What was granted is not lost because the archive cannot be made.
            with contextlib.suppress(OSError):
                known[:] = known or [hashlib.sha256(await asyncio.to_thread(pack)).hexdigest()]
                response.headers[AGENT_HEADER] = known[0]
        return response

    return told


def bearer(request: Request) -> str:
    """The token that a request shows, "" for none."""
    kind, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if kind.lower() == "bearer" else ""


def same(given: str, expected: str) -> bool:
    """Whether two secrets are equal, in a time that tells nothing of them."""
    return hmac.compare_digest(given.encode(), expected.encode())


async def unless_gone(request: Request, work: Awaitable[T], stopping: asyncio.Event | None = None) -> T | None:
    """What the work gives; it is cancelled when the caller hangs up, or the platform stops."""
    working, gone = asyncio.ensure_future(work), asyncio.ensure_future(_hung_up(request))
    ends = [gone, *([asyncio.ensure_future(stopping.wait())] if stopping else [])]
    try:
        await asyncio.wait([working, *ends], return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            return working.result()
        working.cancel()
        await asyncio.wait([working])
        return None
    finally:
        for future in (working, *ends):
            future.cancel()


async def _hung_up(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def _body(request: Request, kind: type[T]) -> T:
    try:
        return from_wire(kind, await request.json())
    except ValueError as error:
        raise Rejected(f"The message cannot be read: {str(error)[:300]}") from None


def _welcome(worker: Worker) -> Worker:
    """Raises NotAllowed for one that was sent home."""
    if worker.standing is Standing.BANNED:
        raise NotAllowed(f"An administrator has sent the worker {worker.called} home; it gets no more work here.")
    return worker


def _one_line(text: str) -> str:
    return "".join(letter for letter in text if letter.isprintable())[:255]


def _lease(request: Request) -> str:
    return str(request.path_params["lease"])


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
