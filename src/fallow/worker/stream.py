"""One attempt: GET | ffmpeg | PUT, all at the same time, with no file and little memory.

The upload's last bytes are sent only when the download was whole, FFmpeg ended well and the frames are the right
number: FFmpeg ends well on half a download, and a server keeps what a client ends well.
"""

from __future__ import annotations

import contextlib
import contextvars
import socket
import threading
from dataclasses import dataclass
from typing import IO

from fallow.errors import EncoderFailed, FallowError, Rejected
from fallow.ffmpeg.commands import arguments
from fallow.ffmpeg.counting import Counter, counter
from fallow.ffmpeg.run import Child
from fallow.messages import LeaseGrant
from fallow.recipe import Recipe, VideoRecipe
from fallow.worker.connection import PIECE
from fallow.worker.download import Download
from fallow.worker.patience import AWAY_SECONDS
from fallow.worker.upload import Upload
from fallow.worker.ways import Avoided, Ways


@dataclass(frozen=True)
class Uploaded:
    """A part that is stored."""

    size: int
    sha256: str
    frames: int  # 0 of audio and text, which are not counted
    fault: str = ""  # what the decoder said of damaged pictures


class WrongCount(EncoderFailed):
    """The part does not have the frames it should have."""

    def __init__(self, message: str, frames: int) -> None:
        super().__init__(message)
        self.frames = frames


class Stream:
    """One attempt at one task; `run` does it, any other thread may watch and stop it."""

    def __init__(
        self,
        grant: LeaseGrant,
        binary: str,
        threads: int,
        niceness: int = 0,
        away_seconds: float = AWAY_SECONDS,
        avoided: Avoided | None = None,
    ) -> None:
        self.bytes_in = 0
        self.bytes_out = 0
        self.cpu_seconds = 0.0
        self._grant = grant
        self._recipe = _recipe(grant)
        self._command = [binary, *_arguments(self._recipe, threads)]
        self._niceness = niceness
        self._away_seconds = away_seconds
        self._avoided = avoided or Avoided()
        self._counter = counter(self._recipe.output) if isinstance(self._recipe, VideoRecipe) else None
        self._lock = threading.Lock()
        self._failure: FallowError | None = None
        self._over = threading.Event()  # nobody waits any longer for a server to come back
        self._child: Child | None = None
        self._sockets: list[socket.socket] = []

    @property
    def frames(self) -> int:
        """Frames that have come out so far."""
        return self._counter.frames if self._counter else 0

    def run(self) -> Uploaded:
        """Do it. Raises what went wrong first; then nothing is stored."""
        download = Download(self._grant, self._ways_to_get(), self._watch)
        try:
            download.begin()
            return self._between(download, self._start())
        except FallowError as error:
            raise self._first(error) from None
        finally:
            self.bytes_in = download.size
            download.close()

    def _between(self, download: Download, child: Child) -> Uploaded:
        within = contextvars.copy_context()  # its log lines are about the same lease
        feeder = threading.Thread(target=within.run, args=(self._feed, download, child), name="feeder", daemon=True)
        feeder.start()
        upload = Upload(self._grant, self._ways_to_put(), self._watch)
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
            self._over.set()
            self._cut_off()
            feeder.join()
            upload.close()
            child.stdout.close()
        return Uploaded(upload.size, upload.digest.hexdigest(), self.frames, child.fault)

    def _ways_to_get(self) -> Ways:
        short, long = self._grant.get_url, self._grant.detour_url
        if not long:
            short, long = "", short
        return Ways(short, long, self._avoided, self._away_seconds, self._over)

    def _ways_to_put(self) -> Ways:
        grant = self._grant
        return Ways(grant.whole_url, grant.put_url, self._avoided, self._away_seconds, self._over)

    def _first(self, error: FallowError) -> FallowError:
        """What was noticed first is the cause; what follows from it is not worth telling."""
        with self._lock:
            self._failure = self._failure or error
            self._over.set()
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

    def _watch(self, one: socket.socket) -> None:
        """Have `stop` end whatever waits for this socket."""
        with self._lock:
            self._sockets.append(one)
            if self._failure:
                raise self._failure

    def _cut_off(self) -> None:
        with self._lock:
            for one in self._sockets:
                with contextlib.suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)

    def _feed(self, download: Download, child: Child) -> None:
        """The feeder thread: all of the object goes through here, even when FFmpeg wants no more of it."""
        try:
            download.pour(child.stdin)
        except FallowError as error:
            # FFmpeg must not take this for the end of its input and finish.
            self.stop(error)
        finally:
            with contextlib.suppress(OSError):
                child.stdin.close()

    def _pump(self, child: Child, upload: Upload) -> None:
        while piece := _full(child.stdout):
            if self._counter is not None:
                _count(self._counter, piece)
            upload.send(piece)
            self.bytes_out = upload.size

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
        wrong = f"{wanted - made} missing" if made < wanted else f"{made - wanted} too many"
        raise WrongCount(f"The part has {made} frames where {wanted} are needed: {wrong}.", made)


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
