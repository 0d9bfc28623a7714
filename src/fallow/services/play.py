"""Streams for players. They can show no token, so the address itself says that they may; it leads to one job."""

from __future__ import annotations

import hashlib
import hmac
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from fallow import catalogue
from fallow.errors import Forbidden, NotFound
from fallow.pipeline.context import Context
from fallow.pipeline.job_options import options_of
from fallow.pipeline.playing import Playing
from fallow.records import Job
from fallow.services.answers import refusal
from fallow.services.objects import send

PATH = "/play/v1/"
TYPES = {
    ".m3u8": "application/vnd.apple.mpegurl",
    ".mpd": "application/dash+xml",
    ".m4s": "video/mp4",
    ".mp4": "video/mp4",
    ".ts": "video/mp2t",
    ".vtt": "text/vtt",
    ".jpg": "image/jpeg",
}
_TEXTS = (".m3u8", ".mpd")
_STEP = 3600.0  # seconds: links asked for within one are the same


@dataclass(frozen=True)
class PlayLinks:
    """Links that allow to play the result of one job until they expire: nobody can make or change one."""

    secret: str
    seconds: float  # that one lasts, at least
    now: Callable[[], float]

    def to(self, job: Job) -> str | None:
        """Where a player begins, as a path of this server; None for a job whose result is no stream."""
        form = catalogue.STREAMS.get(options_of(job).container)
        if form is None:
            return None
        expiry = math.ceil((self.now() + self.seconds) / _STEP) * int(_STEP)
        return f"{PATH}{job.id}/{expiry}.{self._sign(job.id, expiry)}/{form.front}"

    def check(self, job: str, ticket: str) -> None:
        """Raises Forbidden."""
        expiry, _, signature = ticket.partition(".")
        if not expiry.isdecimal() or not hmac.compare_digest(signature, self._sign(job, int(expiry))):
            raise Forbidden("This link's signature is wrong.")
        if int(expiry) < self.now():
            raise Forbidden("This link has expired; ask for the job again.")

    def _sign(self, job: str, expiry: int) -> str:
        return hmac.new(self.secret.encode(), f"play\n{job}\n{expiry}".encode(), hashlib.sha256).hexdigest()[:40]


def routes(ctx: Context, links: PlayLinks, origins: Sequence[str]) -> list[Route]:
    """`origins`: sites whose pages may play; "*": all."""
    playing = Playing(ctx)

    async def play(request: Request) -> Response:
        try:
            links.check(request.path_params["job"], request.path_params["ticket"])
            found = await answer(playing, ctx, request, request.path_params["job"], request.path_params["name"])
        except Forbidden as error:
            found = refusal(error, 403)
        except NotFound as error:
            found = refusal(error)
            found.headers["Cache-Control"] = "no-store"
        found.headers.update(_allowed(request, origins))
        return found

    async def ask(request: Request) -> Response:
        """A browser asks whether a page of another site may."""
        return Response(status_code=204, headers=_allowed(request, origins))

    pattern = PATH + "{job}/{ticket}/{name:path}"
    return [Route(pattern, play, methods=["GET", "HEAD"]), Route(pattern, ask, methods=["OPTIONS"])]


async def answer(playing: Playing, ctx: Context, request: Request, job: str, name: str) -> Response:
    """A file of a stream, whole or in part; of a text, what is true now. Raises NotFound."""
    found, kind = await playing.find(job, name), PurePosixPath(name).suffix
    tag = f'"{hashlib.sha256(found).hexdigest() if isinstance(found, bytes) else found.sha256}"'
    kept = kind not in _TEXTS and await playing.for_good(job)
    lasts = "public, max-age=31536000, immutable" if kept else "no-cache"
    headers = {"ETag": tag, "Cache-Control": lasts, "Content-Type": TYPES.get(kind, "application/octet-stream")}
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers=headers)
    if isinstance(found, bytes):
        headers["Content-Length"] = str(len(found))
        return Response(b"" if request.method == "HEAD" else found, headers=headers)
    return await send(ctx.store, found.key, request, headers)


def _allowed(request: Request, origins: Sequence[str]) -> dict[str, str]:
    """What tells a browser that a page of another site may have this; nothing, unless somebody said so."""
    origin = request.headers.get("origin", "")
    if not origin or not {"*", origin} & set(origins):
        return {}
    return {
        "Access-Control-Allow-Origin": "*" if "*" in origins else origin,
        "Access-Control-Allow-Methods": "GET, HEAD",
        "Access-Control-Allow-Headers": "Range, If-None-Match",
        "Access-Control-Expose-Headers": "Content-Length, Content-Range, ETag",
        "Access-Control-Max-Age": "86400",
        "Vary": "Origin",
    }
