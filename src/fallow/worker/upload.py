"""The PUT side of an attempt: sent while FFmpeg works, and stored only when its end is sent."""

from __future__ import annotations

import hashlib
import http.client
import select
from collections.abc import Callable, Mapping
from functools import partial

from fallow.errors import EncoderFailed, StorageFull, TransferFailed
from fallow.messages import LeaseGrant
from fallow.worker.connection import PIECE, TROUBLE, Watch, reach, reason, target, title
from fallow.worker.patience import Interrupted, asked_for, passing
from fallow.worker.ways import Ways

KEPT = 16 << 20
"""Bytes of what one FFmpeg makes, kept to be sent again. A part that grows larger is lost with its connection."""


class Upload:
    """One part.

    A server that was restarted has forgotten what it had got. So the part is kept while it is small, as nearly all
    are, and sent again from its beginning. FFmpeg works on meanwhile, until no more can be kept.
    Where there is a way for parts whose length is known, the kept ones take that, at their end.
    """

    def __init__(self, grant: LeaseGrant, ways: Ways, watch: Watch, share: float = 1.0) -> None:
        self.size = 0
        self.digest = hashlib.sha256()
        self._keep = int(KEPT * share)
        self._whole_headers = grant.whole_headers
        self._ways = ways  # the short one takes only a part that is whole
        self._watch = watch
        self._kept: list[bytes] | None = []  # the part so far; None when it has grown too large
        self._put: _Put | None = None  # the request under way
        self._broken = Interrupted()  # why there is none
        self._end_sent = False

    def send(self, piece: bytes) -> None:
        """Pass a piece on, now or later."""
        self.size += len(piece)
        self.digest.update(piece)
        if self._kept is not None:
            self._kept.append(piece)
        if self._put is None:
            self._ways.heed()
        if self._put is not None:
            self._try(partial(self._put.send, _framed(piece)))
        elif not self._ways.short and self._ways.patience.due:
            self._try(self._begin)
        if self.size > self._keep:
            self._let_go()

    def finish(self) -> None:
        """Say that this was all. Only now does the server store it."""
        if self.size == 0:
            raise EncoderFailed("FFmpeg ended well but wrote nothing.")
        while not self._try(self._end):
            self._ways.wait(self._broken)

    def close(self) -> None:
        if self._put is not None:
            self._put.close()

    def _try(self, action: Callable[[], None]) -> bool:
        """Whether it went well. Raises what trying again cannot mend."""
        try:
            action()
        except Interrupted as error:
            self._break(error)
            if self._kept is None:
                raise
            # The pauses grow from one break to the next, as every try sends all of it.
            self._ways.patience.tried(error.after)
            return False
        except (TransferFailed, StorageFull) as error:
            if not self._ways.turn(error):
                raise
            self._break(Interrupted(str(error)))
            return False
        return True

    def _break(self, error: Interrupted) -> None:
        self.close()
        self._put, self._broken = None, error

    def _begin(self) -> None:
        """Chunked: nobody knows yet how long it will be."""
        put = _Put(self._ways.url, {"Transfer-Encoding": "chunked"}, self._watch)
        self._put = put
        for piece in self._kept or ():
            put.send(_framed(piece))

    def _let_go(self) -> None:
        """No more can be kept: somebody must have taken it, or FFmpeg has to wait."""
        self._ways.lengthen()
        while self._put is None:
            self._ways.patience.wait(self._broken)
            self._try(self._begin)
        self._kept = None

    def _end(self) -> None:
        again, self._end_sent = self._end_sent, True
        try:
            if self._put is not None:
                self._put.send(b"0\r\n\r\n")
            else:
                self._put = self._whole()
            self._put.check()
        except _Exists:
            # Its end had been heard, and only the answer was lost.
            if not again:
                raise

    def _whole(self) -> _Put:
        """All of it in one request, now that its length is known."""
        special = self._whole_headers if self._ways.short else {}
        put = _Put(self._ways.url, {"Content-Length": str(self.size), **special}, self._watch)
        for piece in self._kept or ():
            put.send(piece)
        return put


def _framed(piece: bytes) -> bytes:
    """A chunk of a chunked body."""
    return b"%x\r\n%b\r\n" % (len(piece), piece)


class _Exists(TransferFailed):
    """The store has this object already."""


class _Put:
    """One request, on a connection of its own."""

    def __init__(self, url: str, headers: Mapping[str, str], watch: Watch) -> None:
        try:
            self._connection = reach(url, watch)
            self._connection.putrequest("PUT", target(url), skip_accept_encoding=True)
            for name, value in {**headers, "Content-Type": "application/octet-stream"}.items():
                self._connection.putheader(name, value)
            self._connection.endheaders()
        except TROUBLE as error:
            raise Interrupted(f"The part cannot be uploaded: {reason(error)}.") from error
        self._size = 0

    def send(self, data: bytes) -> None:
        try:
            if self._answered():
                raise self._refused()
            self._connection.send(data)
        except TROUBLE as error:
            raise self._refused(error) from error
        self._size += len(data)

    def check(self) -> None:
        """Raises unless the server has stored it."""
        try:
            response = self._connection.getresponse()
            body = response.read()
        except TROUBLE as error:
            raise Interrupted(f"The upload's end was not acknowledged: {reason(error)}.") from error
        if response.status not in (200, 201, 204):
            raise _meaning(response, body)

    def close(self) -> None:
        self._connection.close()

    def _answered(self) -> bool:
        """Whether the server has said something already, which it does only to refuse the rest."""
        one = self._connection.sock
        plain = one is not None and not isinstance(self._connection, http.client.HTTPSConnection)
        return plain and bool(select.select([one], [], [], 0)[0])

    def _refused(self, error: Exception | None = None) -> TransferFailed | StorageFull:
        """A server that refuses an upload may answer before it has read it, and then hang up."""
        try:
            self._connection.sock.settimeout(1.0)
            response = self._connection.getresponse()
            return _meaning(response, response.read(PIECE))
        except (*TROUBLE, AttributeError) as none:
            return Interrupted(f"The upload broke off after {self._size} bytes: {reason(error or none)}.")


def _meaning(response: http.client.HTTPResponse, body: bytes) -> TransferFailed | StorageFull:
    said = title(body) or f"The store answered the upload with status {response.status}."
    if response.status == 507:
        return StorageFull(said)
    if response.status == 409:
        return _Exists(said)
    if passing(response.status):
        return Interrupted(said, asked_for(response.getheader("Retry-After")))
    return TransferFailed(said)
