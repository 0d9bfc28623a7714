"""One attempt: GET | ffmpeg | PUT, all at the same time, with no file and little memory.

The upload's last bytes are sent only when the download was whole, FFmpeg ended well and the frames are the right
number: FFmpeg ends well on half a download, and a server keeps what a client ends well.
"""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import select
import socket
import threading
import time
from dataclasses import dataclass
from typing import IO

from fallow.errors import EncoderFailed, FallowError, Rejected, StorageFull, TransferFailed
from fallow.ffmpeg.commands import arguments
from fallow.ffmpeg.counting import Counter, counter
from fallow.ffmpeg.run import Child
from fallow.messages import LeaseGrant
from fallow.recipe import Recipe, VideoRecipe
from fallow.worker.connection import TROUBLE, connect, target, title

PIECE = 1 << 16
AWAY_SECONDS = 30.0  # how long a server may be away when an upload is to begin


@dataclass(frozen=True)
class Uploaded:
    """A part that is stored."""

    size: int
    sha256: str
    frames: int  # 0 of audio and text, which are not counted


class WrongCount(EncoderFailed):
    """The part does not have the frames it should have."""

    def __init__(self, message: str, frames: int) -> None:
        super().__init__(message)
        self.frames = frames


class Stream:
    """One attempt at one task; `run` does it, any other thread may watch and stop it."""

    def __init__(self, grant: LeaseGrant, binary: str, threads: int, niceness: int = 0) -> None:
        self.bytes_in = 0
        self.bytes_out = 0
        self.cpu_seconds = 0.0
        self._grant = grant
        self._recipe = _recipe(grant)
        self._command = [binary, *_arguments(self._recipe, threads)]
        self._niceness = niceness
        self._counter = counter(self._recipe.output) if isinstance(self._recipe, VideoRecipe) else None
        self._lock = threading.Lock()
        self._failure: FallowError | None = None
        self._child: Child | None = None
        self._sockets: list[socket.socket] = []

    @property
    def frames(self) -> int:
        """Frames that have come out so far."""
        return self._counter.frames if self._counter else 0

    def run(self) -> Uploaded:
        """Do it. Raises what went wrong first; then nothing is stored."""
        download = _Download(self._grant.get_url, self._grant.get_bytes, self._grant.get_sha256)
        try:
            self._watch(download.connect())
            download.ask()
            return self._between(download, self._start())
        except FallowError as error:
            raise self._first(error) from None
        finally:
            self.bytes_in = download.size
            download.close()

    def _between(self, download: _Download, child: Child) -> Uploaded:
        feeder = threading.Thread(target=self._feed, args=(download, child), name="feeder", daemon=True)
        feeder.start()
        upload = _Upload(self._grant.put_url)
        try:
            self._pump(child, upload)
            self._check_end(child, feeder)
            self._check_frames()
            upload.finish()
        except FallowError as error:
            # Before anything is cut off: what follows from that is not the cause.
            self._first(error)
            raise
        finally:
            child.stop()
            self.cpu_seconds = child.wait().cpu_seconds
            self._cut_off()
            feeder.join()
            upload.close()
            child.stdout.close()
        return Uploaded(upload.size, upload.digest.hexdigest(), self.frames)

    def _first(self, error: FallowError) -> FallowError:
        """What was noticed first is the cause; what follows from it is not worth telling."""
        with self._lock:
            self._failure = self._failure or error
            return self._failure

    def stop(self, reason: FallowError) -> None:
        """From any thread: the attempt ends at once with this error, unless another one was there before."""
        self._first(reason)
        with self._lock:
            child = self._child
        self._cut_off()
        if child is not None:
            child.stop()

    def _start(self) -> Child:
        child = Child(self._command, self._niceness)
        with self._lock:
            self._child, failure = child, self._failure
        if failure is not None:
            child.stop()
            raise failure
        return child

    def _watch(self, one: socket.socket | None) -> None:
        """Have `stop` end whatever waits for this socket."""
        with self._lock:
            if one is not None:
                self._sockets.append(one)
            if self._failure:
                raise self._failure

    def _cut_off(self) -> None:
        with self._lock:
            for one in self._sockets:
                with contextlib.suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)

    def _feed(self, download: _Download, child: Child) -> None:
        """The feeder thread: all of the object goes through here, even when FFmpeg wants no more of it."""
        try:
            download.pour(child.stdin)
        except FallowError as error:
            # FFmpeg must not take this for the end of its input and finish.
            self.stop(error)
        finally:
            with contextlib.suppress(OSError):
                child.stdin.close()

    def _pump(self, child: Child, upload: _Upload) -> None:
        while piece := _full(child.stdout):
            if self._counter is not None:
                _count(self._counter, piece)
            if upload.size == 0:
                self._open(upload)
            upload.send(piece)
            self.bytes_out = upload.size

    def _open(self, upload: _Upload) -> None:
        """Begin the upload; a server that is being restarted is waited for, and FFmpeg waits with us."""
        end = time.monotonic() + AWAY_SECONDS
        while True:
            try:
                self._watch(upload.open())
                return
            except TransferFailed:
                if self._failure is not None or time.monotonic() >= end:
                    raise
                time.sleep(0.5)

    def _check_end(self, child: Child, feeder: threading.Thread) -> None:
        ended = child.wait()
        if self._failure is None and ended.code != 0:
            raise EncoderFailed(f"FFmpeg {ended.reason}: {child.tail or 'it said nothing'}")
        # A filter that has all its frames ends FFmpeg before the object ends; the rest must still be whole.
        feeder.join()
        if self._failure is not None:
            raise self._failure

    def _check_frames(self) -> None:
        if self._counter is None or not isinstance(self._recipe, VideoRecipe):
            return
        try:
            self._counter.finish()
        except ValueError as error:
            raise EncoderFailed(f"FFmpeg ended well, but {error}") from error
        made, wanted = self._counter.frames, self._recipe.frames
        if made == wanted or (self._recipe.accept_damaged and 0 < made < wanted):
            return
        if made > wanted and self._recipe.retime is not None:
            # The sign of a missing frame where frames are repeated or dropped: see graphs.py.
            raise WrongCount(f"At least one of the {wanted} frames has no picture to show.", wanted - 1)
        raise WrongCount(
            f"The part has {made} frames where {wanted} are needed: {wanted - made} are missing.", made
        )


def _recipe(grant: LeaseGrant) -> Recipe:
    try:
        return grant.typed_recipe
    except ValueError as error:
        raise Rejected(f"This worker does not understand the recipe of task {grant.task}: {error}") from error


def _arguments(recipe: Recipe, threads: int) -> list[str]:
    try:
        return arguments(recipe, threads)
    except ValueError as error:
        raise Rejected(f"This worker cannot follow the recipe: {error}") from error


def _full(source: IO[bytes]) -> bytes:
    """A piece of full size, unless the end comes first.

    FFmpeg flushes frame by frame; in pieces of some size the same bytes cost both ends a tenth of the work.
    """
    piece = bytearray()
    while len(piece) < PIECE and (more := source.read(PIECE - len(piece))):
        piece += more
    return bytes(piece)


def _count(frames: Counter, piece: bytes) -> None:
    try:
        frames.feed(piece)
    except ValueError as error:
        raise EncoderFailed(f"FFmpeg wrote something else than it should: {error}") from error


class _Download:
    """The GET side."""

    def __init__(self, url: str, size: int, sha256: str) -> None:
        self.size = 0
        self._url = url
        self._wanted = size
        self._sha256 = sha256
        self._connection = connect(url)
        self._response: http.client.HTTPResponse | None = None

    def connect(self) -> socket.socket | None:
        try:
            self._connection.connect()
        except TROUBLE as error:
            raise TransferFailed(f"The store of the task's object cannot be reached: {_reason(error)}.") from error
        return self._connection.sock

    def ask(self) -> None:
        try:
            self._connection.request("GET", target(self._url))
            self._response = self._connection.getresponse()
        except TROUBLE as error:
            raise TransferFailed(f"The task's object cannot be fetched: {_reason(error)}.") from error
        if self._response.status != 200:
            raise TransferFailed(f"The store answered the request for the task's object with {self._answer()}.")

    def _answer(self) -> str:
        response = self._response
        if response is None:
            return "nothing"
        try:
            said = title(response.read(PIECE))
        except TROUBLE:
            said = ""
        return f"status {response.status}" + (f" ({said})" if said else "")

    def pour(self, sink: IO[bytes]) -> None:
        """Hand all bytes on, for as long as the sink takes any; raises TransferFailed unless all are right."""
        digest = hashlib.sha256()
        wanted = True
        buffer = bytearray(PIECE)
        view = memoryview(buffer)
        while length := self._read(buffer):
            self.size += length
            digest.update(view[:length])
            wanted = wanted and _write(sink, view[:length])
        if self.size != self._wanted:
            raise TransferFailed(f"The download ended after {self.size} of {self._wanted} bytes.")
        if digest.hexdigest() != self._sha256:
            raise TransferFailed(f"The {self.size} bytes that came are not the ones that were stored.")

    def _read(self, buffer: bytearray) -> int:
        try:
            return self._response.readinto(buffer) if self._response else 0
        except TROUBLE as error:
            raise TransferFailed(
                f"The download broke off after {self.size} of {self._wanted} bytes: {_reason(error)}."
            ) from error

    def close(self) -> None:
        if self._response is not None:
            self._response.close()
        self._connection.close()


def _write(sink: IO[bytes], data: memoryview) -> bool:
    """False when the reader is gone: no fault by itself, it may have seen all it needs."""
    try:
        while data:
            data = data[sink.write(data) :]
    except (BrokenPipeError, ValueError):
        return False
    return True


class _Upload:
    """The PUT side: chunked, because nobody knows the size, and without its last chunk until `finish`."""

    def __init__(self, url: str) -> None:
        self.size = 0
        self.digest = hashlib.sha256()
        self._url = url
        self._connection = connect(url)

    def open(self) -> socket.socket | None:
        self._connection.close()  # of a try before, of which nothing came
        try:
            self._connection.putrequest("PUT", target(self._url), skip_accept_encoding=True)
            self._connection.putheader("Transfer-Encoding", "chunked")
            self._connection.putheader("Content-Type", "application/octet-stream")
            self._connection.endheaders()
        except TROUBLE as error:
            raise TransferFailed(f"The part cannot be uploaded: {_reason(error)}.") from error
        return self._connection.sock

    def send(self, piece: bytes) -> None:
        try:
            if self._answered():
                raise self._refused()
            self._connection.send(b"%x\r\n%b\r\n" % (len(piece), piece))
        except TROUBLE as error:
            raise self._refused(error) from error
        self.size += len(piece)
        self.digest.update(piece)

    def _answered(self) -> bool:
        """Whether the server has said something already, which it does only to refuse the rest."""
        one = self._connection.sock
        plain = one is not None and not isinstance(self._connection, http.client.HTTPSConnection)
        return plain and bool(select.select([one], [], [], 0)[0])

    def finish(self) -> None:
        """Say that this was all. Only now does the server store it."""
        if self.size == 0:
            raise EncoderFailed("FFmpeg ended well but wrote nothing.")
        try:
            self._connection.send(b"0\r\n\r\n")
            response = self._connection.getresponse()
            body = response.read()
        except TROUBLE as error:
            raise TransferFailed(f"The upload's end was not acknowledged: {_reason(error)}.") from error
        if response.status not in (200, 201, 204):
            raise _put_refusal(response.status, body)

    def _refused(self, error: Exception | None = None) -> FallowError:
        """A server that refuses an upload may answer before it has read it, and then hang up."""
        try:
            self._connection.sock.settimeout(1.0)
            response = self._connection.getresponse()
            return _put_refusal(response.status, response.read(PIECE))
        except (*TROUBLE, AttributeError):
            return TransferFailed(f"The upload broke off after {self.size} bytes: {_reason(error)}.")

    def close(self) -> None:
        self._connection.close()


def _put_refusal(status: int, body: bytes) -> FallowError:
    said = title(body) or f"The store answered the upload with status {status}."
    return StorageFull(said) if status == 507 else TransferFailed(said)


def _reason(error: Exception | None) -> str:
    return str(error) or type(error).__name__
