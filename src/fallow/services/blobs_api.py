"""Signed GET and PUT of single objects, for stores that cannot sign links themselves."""

from __future__ import annotations

import hashlib
import hmac
import urllib.parse
from collections.abc import Callable

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from fallow import log
from fallow.errors import FallowError, Forbidden, Rejected, StorageFull
from fallow.pipeline import keys
from fallow.pipeline.context import Context
from fallow.ports import GetLink, PutLink, Writer
from fallow.services.answers import Early, refusal
from fallow.services.objects import send

PATH = "/blobs/v1/"


class SignedLinks:
    """Links that hold a signature over method, key, expiry and size: nobody can make or change one."""

    def __init__(self, secret: str, now: Callable[[], float]) -> None:
        self._secret = secret.encode()
        self._now = now

    def to_get(self, key: str, seconds: float) -> str:
        return self._link("GET", key, seconds, 0)

    def to_put(self, key: str, seconds: float, most: int) -> str:
        return self._link("PUT", key, seconds, most)

    async def get_link(self, key: str, seconds: float) -> GetLink:
        return GetLink(self.to_get(key, seconds))

    async def put_link(self, key: str, seconds: float, most: int) -> PutLink:
        return PutLink(self.to_put(key, seconds, most))

    def check(self, request: Request) -> tuple[str, int]:
        """The key and size limit of the link that a request came by. Raises Forbidden."""
        key = str(request.path_params["key"])
        given = request.query_params
        method = "GET" if request.method == "HEAD" else request.method
        try:
            expiry, most = int(given["expires"]), int(given["most"])
        except (KeyError, ValueError):
            raise Forbidden("This link has no signature.") from None
        if not hmac.compare_digest(given.get("signature", ""), self._sign(method, key, expiry, most)):
            raise Forbidden("This link's signature is wrong.")
        if expiry < self._now():
            raise Forbidden("This link has expired; ask for the task again.")
        return key, most

    def _link(self, method: str, key: str, seconds: float, most: int) -> str:
        expiry = int(self._now() + seconds) + 1
        signature = self._sign(method, key, expiry, most)
        query = urllib.parse.urlencode({"expires": expiry, "most": most, "signature": signature})
        return f"{PATH}{key}?{query}"

    def _sign(self, method: str, key: str, expiry: int, most: int) -> str:
        text = f"{method}\n{key}\n{expiry}\n{most}"
        return hmac.new(self._secret, text.encode(), hashlib.sha256).hexdigest()


def routes(ctx: Context, links: SignedLinks) -> list[Route]:
    async def get(request: Request) -> Response:
        try:
            key, _ = links.check(request)
        except Forbidden as error:
            return refusal(error, 403)
        return await send(ctx.store, key, request, {})

    async def put(request: Request) -> Response:
        try:
            key, most = links.check(request)
        except Forbidden as error:
            return Early(refusal(error, 403))
        answer = await _take(ctx, request, key, most)
        return answer if answer.status_code == 201 else Early(answer)

    pattern = PATH + "{key:path}"
    return [Route(pattern, get, methods=["GET", "HEAD"]), Route(pattern, put, methods=["PUT"])]


async def _take(ctx: Context, request: Request, key: str, most: int) -> Response:
    """Store an upload, whole or not at all."""
    if (length := request.headers.get("content-length", "")).isdigit() and int(length) > most:
        return _too_large(most)
    if await ctx.store.stat(key) is not None:
        return refusal(Rejected("This object is there already, and objects are never changed."), 409)
    writer = await ctx.store.writer(key)
    try:
        return await _store(request, writer, most)
    except ClientDisconnect:
        # The body did not end as it should: whatever came of it is no object.
        await writer.abort()
        log.trouble("upload.broken_off", job=keys.job_of(key), lease=keys.lease_of(key), key=key)
        return refusal(Rejected("The upload was broken off."), 400)
    except StorageFull as error:
        await writer.abort()
        ctx.refused[key] = str(error)
        return refusal(StorageFull("No space is left in the server's store; it will be tried again later."))
    except FallowError as error:
        await writer.abort()
        return refusal(error)
    except BaseException:
        await writer.abort()
        raise


async def _store(request: Request, writer: Writer, most: int) -> Response:
    digest, size = hashlib.sha256(), 0
    async for data in request.stream():
        size += len(data)
        if size > most:
            await writer.abort()
            return _too_large(most)
        digest.update(data)
        await writer.write(data)
    await writer.commit()
    return JSONResponse({"size": size, "sha256": digest.hexdigest()}, 201)


def _too_large(most: int) -> Response:
    return refusal(Rejected(f"This link takes at most {most} bytes."), 413)
