"""Resumable uploads: tus 1.0 with creation, creation with upload, termination, checksum and expiration."""

from __future__ import annotations

import base64
import binascii
from collections.abc import AsyncIterator, Awaitable, Callable
from email.utils import formatdate
from typing import Any

from fastapi import APIRouter, Request, Response
from starlette.requests import ClientDisconnect

from fallow.errors import FallowError, Rejected, TransferFailed
from fallow.pipeline.context import Context
from fallow.pipeline.declared import pairs
from fallow.pipeline.resumable import Checksum, Coming, Resumable, Standing
from fallow.services.access import check_owner, who
from fallow.services.answers import Early, refusal

PATH = "/api/v1/uploads"
VERSION = "1.0.0"
BYTES = "application/offset+octet-stream"
_EXTENSIONS = "creation,creation-with-upload,termination,checksum,expiration"
_ALGORITHMS = {"sha1": 20, "sha256": 32}  # and how long their digests are
_BODY = {"requestBody": {"content": {BYTES: {"schema": {"type": "string", "format": "binary"}}}}}

_Reply = Callable[[], Awaitable[Response]]


class _Unfit(Rejected):
    """The request cannot be understood, for a reason that has a status of its own."""

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status


def router(ctx: Context) -> APIRouter:
    router, door = APIRouter(prefix="/api/v1"), _Door(ctx)

    @router.options("/uploads", status_code=204)
    @router.options("/uploads/{job}", status_code=204, name="offers_for_one")
    async def offers() -> Response:
        """What of tus is spoken here."""
        return door.offers()

    @router.post("/uploads", status_code=201, openapi_extra=_BODY)
    async def create(request: Request) -> Response:
        """Begin the upload of a source. `Upload-Metadata` names its `job`; `Upload-Length` says how large it is."""
        return await door.answer(request, lambda: door.create(request))

    @router.head("/uploads/{job}")
    async def offset(job: str, request: Request) -> Response:
        """How much has come."""
        return await door.answer(request, lambda: door.offset(job))

    @router.patch("/uploads/{job}", status_code=204, openapi_extra=_BODY)
    async def go_on(job: str, request: Request) -> Response:
        """Send more, from `Upload-Offset` on."""
        return await door.answer(request, lambda: door.go_on(job, request))

    @router.delete("/uploads/{job}", status_code=204)
    async def terminate(job: str, request: Request) -> Response:
        """Give the upload up; the job waits for another one."""
        return await door.answer(request, lambda: door.terminate(job))

    @router.post("/uploads/{job}", status_code=204, openapi_extra=_BODY)
    async def instead(job: str, request: Request) -> Response:
        """PATCH, HEAD or DELETE, by `X-HTTP-Method-Override`, where a proxy lets through no others."""
        return await door.answer(request, lambda: door.instead(job, request))

    @router.get("/uploads/{job}")
    async def show(job: str) -> dict[str, Any]:
        """How much has come, as JSON, for who only watches: nobody is disturbed by it."""
        return await door.show(job)

    return router


class _Door:
    """Decodes and encodes tus."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._uploads = Resumable(ctx)

    async def answer(self, request: Request, reply: _Reply) -> Response:
        """What is replied, or why not, as every answer of tus must look."""
        try:
            if request.headers.get("tus-resumable") != VERSION:
                raise _Unfit(f"This is spoken by tus {VERSION} alone; send Tus-Resumable: {VERSION}.", 412)
            answer = await reply()
        except FallowError as error:
            answer = refusal(error, error.status if isinstance(error, _Unfit) else None)
        if request.method in ("POST", "PATCH"):  # whose body may not have been read
            answer = Early(answer)
        answer.headers["Tus-Resumable"] = VERSION
        answer.headers["Cache-Control"] = "no-store"
        if answer.status_code == 412:
            answer.headers["Tus-Version"] = VERSION
        return answer

    def offers(self) -> Response:
        headers = {
            "Tus-Resumable": VERSION,
            "Tus-Version": VERSION,
            "Tus-Extension": _EXTENSIONS,
            "Tus-Max-Size": str(self._ctx.policy.source_bytes),
            "Tus-Checksum-Algorithm": ",".join(_ALGORITHMS),
        }
        return Response(status_code=204, headers=headers)

    async def create(self, request: Request) -> Response:
        metadata = request.headers.get("upload-metadata", "")
        job = pairs(metadata).get("job", "")
        if not job:
            raise _Unfit("Upload-Metadata names no job; create one at /api/v1/jobs, then name its id as `job`.")
        await check_owner(self._ctx, who(request), job)  # it is not in the path
        found = await self._uploads.declare(job, _number(request, "upload-length"), metadata)
        headers = {"Location": f"{PATH}/{job}"}
        if _kind(request) == BYTES and found.expires is not None and found.offset == 0:
            found = await self._uploads.go_on(job, 0, _coming(request))
        return Response(status_code=201, headers={**headers, **_told(found)})

    async def offset(self, job: str) -> Response:
        found = await self._uploads.standing(job)
        headers = _told(found)
        if found.length is None:
            headers["Upload-Defer-Length"] = "1"
        else:
            headers["Upload-Length"] = str(found.length)
        if found.metadata:
            headers["Upload-Metadata"] = found.metadata
        return Response(status_code=200, headers=headers)

    async def go_on(self, job: str, request: Request) -> Response:
        if _kind(request) != BYTES:
            raise _Unfit(f"The bytes of an upload are sent with Content-Type: {BYTES}.", 415)
        found = await self._uploads.go_on(job, _number(request, "upload-offset"), _coming(request))
        return Response(status_code=204, headers=_told(found))

    async def terminate(self, job: str) -> Response:
        await self._uploads.terminate(job)
        return Response(status_code=204)

    async def instead(self, job: str, request: Request) -> Response:
        match request.headers.get("x-http-method-override", "").upper():
            case "PATCH":
                return await self.go_on(job, request)
            case "HEAD":
                return await self.offset(job)
            case "DELETE":
                return await self.terminate(job)
        raise _Unfit("An upload is gone on with by PATCH; POST needs X-HTTP-Method-Override here.", 405)

    async def show(self, job: str) -> dict[str, Any]:
        found = await self._uploads.seen(job)
        return {"job": job, "offset": found.offset, "length": found.length, "expires": found.expires}


def _told(found: Standing) -> dict[str, str]:
    expires = {} if found.expires is None else {"Upload-Expires": formatdate(found.expires, usegmt=True)}
    return {"Upload-Offset": str(found.offset), **expires}


def _kind(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def _number(request: Request, name: str) -> int:
    told = request.headers.get(name, "")
    if not (told.isascii() and told.isdigit() and len(told) < 19):
        raise _Unfit(f"{name.title()} must be a number of bytes, and is {told[:50]!r}.")
    return int(told)


def _coming(request: Request) -> Coming:
    told = request.headers.get("content-length", "")
    return Coming(_body(request), int(told) if told.isdigit() else None, _checksum(request))


def _checksum(request: Request) -> Checksum | None:
    told = request.headers.get("upload-checksum")
    if told is None:
        return None
    algorithm, _, text = told.strip().partition(" ")
    if algorithm not in _ALGORITHMS:
        raise _Unfit(f"Upload-Checksum is one of {', '.join(_ALGORITHMS)} here, and not {algorithm[:20]!r}.")
    try:
        digest = base64.b64decode(text.strip(), validate=True)
    except (binascii.Error, ValueError):
        digest = b""
    if len(digest) != _ALGORITHMS[algorithm]:
        raise _Unfit(f"Upload-Checksum holds no {algorithm} in Base64.")
    return Checksum(algorithm, digest)


async def _body(request: Request) -> AsyncIterator[bytes]:
    try:
        async for data in request.stream():
            yield data
    except ClientDisconnect:
        raise TransferFailed("The upload was broken off; ask with HEAD how far it came, and go on.") from None
