"""One question to a server of the web, and its answer, by h11."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import TypeVar

import h11

from fallow.adapters.web_target import Target
from fallow.addresses import Reach, Resolve, open_socket
from fallow.errors import Rejected, SourceAway, TransferFailed, Unavailable

CONNECTING = 15.0  # seconds that a connection may take, and as many its encryption
SILENCE = 60.0  # seconds without a byte
_PIECE = 1 << 18  # bytes that are read at once
_LONGEST_HEAD = 1 << 16

_THREADS = ThreadPoolExecutor(8, "connecting")

R = TypeVar("R")


class Exchange:
    """A connection for one question."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, target: Target) -> None:
        self._reader, self._writer, self._target = reader, writer, target
        self._state = h11.Connection(h11.CLIENT, max_incomplete_event_size=_LONGEST_HEAD)

    async def ask(self, headers: Mapping[str, str]) -> h11.Response:
        """The answer, but for its body. Raises SourceAway, Rejected."""
        request = h11.Request(method="GET", target=self._target.path, headers=list(headers.items()))
        try:
            self._writer.write(self._state.send(request) or b"")
            self._writer.write(self._state.send(h11.EndOfMessage()) or b"")
            await asyncio.wait_for(self._writer.drain(), SILENCE)
            while not isinstance(event := await self._event(), h11.Response):
                pass  # what servers say while they think
            return event
        except (OSError, h11.RemoteProtocolError, asyncio.TimeoutError) as error:
            raise away(self._target, error) from error

    async def body(self) -> AsyncIterator[bytes]:
        """Raises TransferFailed when it is not whole."""
        try:
            while not isinstance(event := await self._event(), h11.EndOfMessage):
                if isinstance(event, h11.Data):
                    yield bytes(event.data)
                elif isinstance(event, h11.ConnectionClosed):
                    return
        except (OSError, h11.RemoteProtocolError, asyncio.TimeoutError) as error:
            raise TransferFailed(f"{self._target.shown} broke off ({_reason(error)}).") from error

    async def _event(self) -> object:
        while (event := self._state.next_event()) is h11.NEED_DATA:
            self._state.receive_data(await asyncio.wait_for(self._reader.read(_PIECE), SILENCE))
        return event


@contextlib.asynccontextmanager
async def exchange(target: Target, reach: Reach, resolve: Resolve) -> AsyncIterator[Exchange]:
    """A connection to where a target leads, if that may be. Raises SourceAway, Rejected."""
    reader, writer = await _connected(target, reach, resolve)
    try:
        yield Exchange(reader, writer, target)
    finally:
        writer.transport.abort()  # there is nothing to say good-bye for


async def _connected(
    target: Target, reach: Reach, resolve: Resolve
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    made = await beside(lambda: open_socket(target.host, target.port, reach, CONNECTING, resolve))
    with contextlib.ExitStack() as stack:
        stack.callback(made.close)
        made.setblocking(False)
        trust, name = (_trust(), target.host) if target.encrypted else (None, None)
        opening = asyncio.open_connection(sock=made, limit=_PIECE, ssl=trust, server_hostname=name)
        try:
            found = await asyncio.wait_for(opening, CONNECTING)
        except ssl.SSLCertVerificationError as error:
            raise Rejected(
                f"The certificate of {target.host} cannot be trusted ({error.verify_message}); nothing is fetched."
            ) from error
        except (OSError, asyncio.TimeoutError) as error:
            raise away(target, error) from error
        stack.pop_all()
        return found


async def beside(call: Callable[[], R]) -> R:
    """What a name means is asked in a thread of our own: it may take long. Raises SourceAway for Unavailable."""
    try:
        return await asyncio.get_running_loop().run_in_executor(_THREADS, call)
    except Unavailable as error:
        raise SourceAway(f"{error} See whether it is there, and retry the job.") from error


def away(target: Target, error: Exception) -> SourceAway:
    """What it means when no answer came."""
    return SourceAway(
        f"{target.shown} cannot be reached ({_reason(error)}); see whether it is there, and retry the job."
    )


def _reason(error: Exception) -> str:
    """Without what may be in the text of an error, but for those that are known."""
    if isinstance(error, (asyncio.TimeoutError, TimeoutError)):
        return "it is silent"
    if isinstance(error, ssl.SSLError):
        return "its encryption is not understood"
    if isinstance(error, h11.RemoteProtocolError):
        return "its answer is not whole"
    number = (isinstance(error, OSError) and error.errno) or 0
    return os.strerror(number) if number in errno.errorcode else "the connection was lost"


@lru_cache(maxsize=1)
def _trust() -> ssl.SSLContext:
    return ssl.create_default_context()
