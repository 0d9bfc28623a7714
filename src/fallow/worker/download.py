"""The GET side of an attempt: all the bytes and the right ones, over as many connections as it takes."""

from __future__ import annotations

import hashlib
import http.client
import threading
from collections import deque
from collections.abc import Iterator
from itertools import chain

from fallow.errors import TransferFailed
from fallow.messages import LeaseGrant
from fallow.worker.connection import PIECE, TROUBLE, Watch, reach, reason, target, title
from fallow.worker.divided import Sink
from fallow.worker.patience import Interrupted, asked_for, passing
from fallow.worker.ways import Ways

_GONE = frozenset({404, 410, 416})
"""Statuses of an object that is not there, or shorter than it should be."""


AHEAD = 8 << 20
"""Bytes of an object that are fetched before FFmpeg can take any; the rest of a larger one comes when it does."""


class ObjectGone(TransferFailed):
    """The object is not in the store any more. That is nobody's fault here."""


class Download:
    """One object. When the connection breaks, another one goes on where that ended."""

    def __init__(self, grant: LeaseGrant, ways: Ways, watch: Watch) -> None:
        self.size = 0
        self._wanted = grant.get_bytes
        self._sha256 = grant.get_sha256
        self._ways = ways
        self._watch = watch
        self._connection: http.client.HTTPConnection | None = None
        self._response: http.client.HTTPResponse | None = None
        self._ahead: deque[bytes] = deque()

    def begin(self) -> None:
        """Returns when the server has answered that it has the object, or the rest of it."""
        while True:
            try:
                self._ask()
                return
            except Interrupted as error:
                self._pause(error)
            except ObjectGone:
                raise
            except TransferFailed as error:
                if not self._ways.turn(error):
                    raise

    def read_ahead(self, enough: threading.Event) -> None:
        """Keep what comes for `pour`: all of a small object, the beginning of a large one, less when told so."""
        for piece in self._pieces():
            self._ahead.append(bytes(piece))
            if self.size >= AHEAD or enough.is_set():
                return

    def pour(self, sink: Sink) -> None:
        """Hand all bytes on, for as long as the sink takes any; raises TransferFailed unless all are right."""
        digest, wanted = hashlib.sha256(), True
        for piece in chain(self._kept(), self._pieces()):
            digest.update(piece)
            wanted = wanted and _write(sink, piece)
        if digest.hexdigest() != self._sha256:
            raise TransferFailed(f"The {self.size} bytes that came are not the ones that were stored.")

    def close(self) -> None:
        if self._response is not None:
            self._response.close()
        if self._connection is not None:
            self._connection.close()

    def _kept(self) -> Iterator[memoryview]:
        while self._ahead:
            yield memoryview(self._ahead.popleft())

    def _pieces(self) -> Iterator[memoryview]:
        view = memoryview(bytearray(PIECE))
        while self.size < self._wanted:
            try:
                length = self._read(view[: self._wanted - self.size])
            except Interrupted as error:
                self._pause(error)
                self.begin()
            else:
                self.size += length
                self._ways.patience.renew()
                yield view[:length]

    def _pause(self, error: Interrupted) -> None:
        self._ways.patience.tried(error.after)
        self._ways.wait(error)

    def _read(self, view: memoryview) -> int:
        so_far = f"after {self.size} of {self._wanted} bytes"
        try:
            length = self._response.readinto(view) if self._response else 0
        except TROUBLE as error:
            raise Interrupted(f"The download broke off {so_far}: {reason(error)}.") from error
        if not length:
            raise Interrupted(f"The download ended {so_far}.")
        return length

    def _ask(self) -> None:
        self.close()
        rest = {"Range": f"bytes={self.size}-"} if self.size else {}
        try:
            self._connection = reach(self._ways.url, self._watch)
            self._connection.request("GET", target(self._ways.url), headers=rest)
            self._response = self._connection.getresponse()
        except TROUBLE as error:
            raise Interrupted(f"The task's object cannot be fetched: {reason(error)}.") from error
        if self._response.status == 200:
            self._pass_over(self.size)
        elif self._response.status != 206 or not rest:
            raise _meaning(self._response)

    def _pass_over(self, left: int) -> None:
        """A server may not know ranges, and send all of it again."""
        view = memoryview(bytearray(min(left, PIECE)))
        while left:
            left -= self._read(view[:left])


def _meaning(response: http.client.HTTPResponse) -> TransferFailed:
    said = f"The store answered the request for the task's object with {_told(response)}."
    if response.status in _GONE:
        return ObjectGone(said)
    if passing(response.status):
        return Interrupted(said, asked_for(response.getheader("Retry-After")))
    return TransferFailed(said)


def _told(response: http.client.HTTPResponse) -> str:
    try:
        said = title(response.read(PIECE))
    except TROUBLE:
        said = ""
    return f"status {response.status}" + (f" ({said})" if said else "")


def _write(sink: Sink, data: memoryview) -> bool:
    """False when the reader is gone: no fault by itself, it may have seen all it needs."""
    try:
        while data:
            data = data[sink.write(data) :]
    except (BrokenPipeError, ValueError):
        return False
    return True
