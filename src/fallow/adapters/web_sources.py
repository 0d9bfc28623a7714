"""Sources at addresses of the web: where they lead, and what their servers' answers mean."""

from __future__ import annotations

import contextlib
import re
import socket
from collections.abc import AsyncIterator

import h11

from fallow.adapters.web_exchange import Exchange, beside, exchange
from fallow.adapters.web_target import Target
from fallow.addresses import Reach, Resolve, places
from fallow.errors import Rejected, SourceAway, TransferFailed
from fallow.fetching import Sending

MOST_REDIRECTS = 5
_REDIRECTS = (301, 302, 303, 307, 308)
_LATER = (408, 409, 421, 425, 429)  # of those that begin with 4: it may be otherwise in a while
_PAGES = ("text/html", "application/xhtml+xml")
_LISTS = ("application/vnd.apple.mpegurl", "application/x-mpegurl", "audio/mpegurl", "application/dash+xml")
_RANGE = re.compile(r"bytes (?:(\d{1,18})-(\d{1,18})|\*)/(\d{1,18}|\*)")


class WebSources:
    """Fetches with one connection at a time, and looks at each address that it is led to."""

    def __init__(self, reach: Reach, resolve: Resolve = socket.getaddrinfo) -> None:
        self._reach, self._resolve = reach, resolve

    async def check(self, url: str) -> None:
        target = Target.of(url)
        with contextlib.suppress(SourceAway):  # it may be there later
            await beside(lambda: places(target.host, target.port, self._reach, self._resolve))

    @contextlib.asynccontextmanager
    async def get(self, url: str, offset: int = 0, validator: str = "") -> AsyncIterator[Sending]:
        if not validator:
            offset = 0
        async with contextlib.AsyncExitStack() as stack:
            answer, asked, target = await self._answered(stack, Target.of(url), offset, validator)
            if answer.status_code == 416 and offset and _total(answer) != offset:  # it is shorter than it was
                answer, asked, target = await self._answered(stack, Target.of(url), 0, "")
                offset = 0
            yield _sending(answer, asked, target, offset)

    async def _answered(
        self, stack: contextlib.AsyncExitStack, target: Target, offset: int, validator: str
    ) -> tuple[h11.Response, Exchange, Target]:
        """The answer of whoever has it in the end."""
        for _ in range(MOST_REDIRECTS + 1):
            asked = await stack.enter_async_context(exchange(target, self._reach, self._resolve))
            answer = await asked.ask(_question(target, offset, validator))
            if answer.status_code not in _REDIRECTS:
                return answer, asked, target
            await stack.aclose()
            target = target.led_to(_header(answer, "location"))
        raise Rejected(
            f"{target.shown} leads on and on, over more than {MOST_REDIRECTS} addresses; give the last one."
        )


def _question(target: Target, offset: int, validator: str) -> dict[str, str]:
    headers = {"Host": target.authority, "User-Agent": "Fallow", "Accept": "*/*", "Accept-Encoding": "identity"}
    if target.login:
        headers["Authorization"] = target.login
    if offset:
        headers |= {"Range": f"bytes={offset}-", "If-Range": validator}
    return {**headers, "Connection": "close"}


def _sending(answer: h11.Response, asked: Exchange, target: Target, offset: int) -> Sending:
    """What an answer brings. Raises Rejected, SourceAway, TransferFailed."""
    status = answer.status_code
    if status == 416 and offset:  # nothing is missing
        return Sending(offset, offset, _validator(answer), _nothing())
    if status not in (200, 206):
        raise _refusal(status, target)
    _check_kind(answer, target)
    if status == 200:
        told = _header(answer, "content-length")
        return Sending(0, int(told) if told else None, _validator(answer), asked.body())
    found = _RANGE.fullmatch(_header(answer, "content-range"))
    if not offset or not found or found[1] is None or int(found[1]) != offset:
        raise TransferFailed(f"{target.shown} sends another part than it was asked for.")
    return Sending(offset, _total(answer), _validator(answer), asked.body())


def _refusal(status: int, target: Target) -> Rejected | SourceAway:
    told = f"{target.shown} cannot be fetched: the server answers {status}"
    if status in (401, 403, 407):
        return Rejected(
            f"{told}, as it wants a login, or the link has expired; give an address that may be opened."
        )
    if status in (404, 410):
        return Rejected(f"{told}, as nothing is there; check the address.")
    if status in _LATER or status >= 500:
        return SourceAway(f"{told}; see whether it works again, and retry the job.")
    return Rejected(f"{told}; check the address in a browser.")


def _check_kind(answer: h11.Response, target: Target) -> None:
    """Raises Rejected for what is no file of a video."""
    kind = _header(answer, "content-type").partition(";")[0].strip().lower()
    if kind in _PAGES:
        raise Rejected(f"{target.shown} is a page of the web, not a video; give the address of the file itself.")
    if kind in _LISTS:
        raise Rejected(f"{target.shown} is a playlist, not a video; give the address of a file.")
    if _header(answer, "content-encoding").lower() not in ("", "identity"):
        raise Rejected(f"{target.shown} comes packed, though it was asked for as it is; upload the file.")


def _validator(answer: h11.Response) -> str:
    """What If-Range may say; weak tags do not hold for bytes."""
    if _header(answer, "accept-ranges").lower() == "none":
        return ""
    tag = _header(answer, "etag")
    return tag if tag.startswith('"') else _header(answer, "last-modified")


def _total(answer: h11.Response) -> int | None:
    found = _RANGE.fullmatch(_header(answer, "content-range"))
    return int(found[3]) if found and found[3] != "*" else None


def _header(answer: h11.Response, name: str) -> str:
    return next((value.decode("latin-1").strip() for key, value in answer.headers if key.decode() == name), "")


async def _nothing() -> AsyncIterator[bytes]:
    for data in [b""]:
        yield data
