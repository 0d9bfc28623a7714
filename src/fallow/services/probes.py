"""Whether a process lives, whether it can do its work now, and its metrics: for whoever runs it."""

from __future__ import annotations

import asyncio
import functools
import time

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from fallow import __version__, log
from fallow.pipeline.context import Context
from fallow.ports import DEAD
from fallow.services.questions import Question

FRESH = 1.0  # seconds that an answer of a back end is good for: probes cannot load it


class Readiness:
    """Whether the queue, the ledger and the store answer."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._questions: dict[str, Question[object]] = {
            "queue": Question("queue", lambda: ctx.queue.depths([DEAD]), FRESH),
            # The cheapest thing that a ledger can be asked.
            "ledger": Question("ledger", lambda: ctx.ledger.worker_of_token(""), FRESH),
            "store": Question("store", lambda: ctx.store.stat("readyz"), FRESH),
        }
        self._told: dict[str, str] = {}

    async def troubles(self) -> dict[str, str]:
        """A sentence for each back end that does not answer."""
        await asyncio.gather(*(question.answer() for question in self._questions.values()))
        found = {name: question.trouble for name, question in self._questions.items() if question.trouble}
        if set(found) != set(self._told):
            self._tell(found)
        return found

    def _tell(self, found: dict[str, str]) -> None:
        """Once for each change: probes come every few seconds."""
        self._told = found
        if found:
            log.trouble("service.unready", " ".join(found.values()), backends=",".join(found))
        else:
            log.event("service.ready")

    async def view(self) -> tuple[int, dict[str, str]]:
        """Status and body of the answer."""
        if self._ctx.draining.is_set():
            return 503, {"status": "draining"}
        troubles = await self.troubles()
        return (503 if troubles else 200), {"status": "unready" if troubles else "ready", **troubles}


class Scrape:
    """What Prometheus asks for. Made when it does: a platform that encodes one file and ends is never asked."""

    def __init__(self, ctx: Context, readiness: Readiness) -> None:
        from fallow.services import metrics
        from fallow.services.platform_metrics import PlatformMetrics

        self._readiness = readiness
        self._process, self._platform = metrics.of_process(), PlatformMetrics(ctx)
        self._form = metrics.CONTENT_TYPE

    async def answer(self) -> Response:
        of_platform = await self._platform.text(await self._readiness.troubles())
        return Response(self._process.text() + of_platform, media_type=self._form)


def routes(ctx: Context) -> list[Route]:
    """What every service answers."""
    started, readiness = time.monotonic(), Readiness(ctx)
    scrape = functools.cache(lambda: Scrape(ctx, readiness))

    async def alive(_request: Request) -> Response:
        up = round(time.monotonic() - started, 3)
        return JSONResponse({"status": "ok", "version": __version__, "up_seconds": up})

    async def ready(_request: Request) -> Response:
        status, body = await readiness.view()
        return JSONResponse(body, status)

    async def metrics(_request: Request) -> Response:
        return await scrape().answer()

    return [Route("/healthz", alive), Route("/readyz", ready), Route("/metrics", metrics)]
