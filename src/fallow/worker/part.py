"""One part in the making: counted as it comes from FFmpeg, and uploaded meanwhile.

The upload's last bytes are sent only when the download was whole, FFmpeg ended well and the frames are the right
number: FFmpeg ends well on half a download, and a server keeps what a client ends well.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import IO

from fallow.errors import EncoderFailed, FallowError
from fallow.ffmpeg.counting import counter
from fallow.messages import LeaseGrant
from fallow.recipe import Recipe, VideoRecipe
from fallow.worker.connection import PIECE
from fallow.worker.means import Means
from fallow.worker.sender import Sender
from fallow.worker.stopping import Stop
from fallow.worker.upload import Upload
from fallow.worker.ways import Ways

ROOM = 8 << 20
"""Bytes that wait to be sent before FFmpeg has to wait, of all parts that it makes at once."""


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


class Part:
    """What one attempt makes. Any thread may watch and stop it."""

    def __init__(
        self, grant: LeaseGrant, recipe: Recipe, means: Means, share: float, stopped: Callable[[], None]
    ) -> None:
        self.recipe = recipe
        self.share = share  # of what FFmpeg costs, as it makes several parts at once
        self.size = 0
        self.fault = ""
        self._stopped = stopped
        self._stop = Stop()
        self._counter = counter(recipe.output) if isinstance(recipe, VideoRecipe) else None
        ways = Ways(grant.whole_url, grant.put_url, means.avoided, means.away_seconds, self._stop.asked)
        self._upload = Upload(grant, ways, self._stop.watch, share)
        self._sender = Sender(self._upload, int(ROOM * share), self.stop)

    @property
    def frames(self) -> int:
        """Frames that have come out so far."""
        return self._counter.frames if self._counter else 0

    @property
    def failure(self) -> FallowError | None:
        """What ended it before its time."""
        return self._stop.reason

    def stop(self, reason: FallowError) -> FallowError:
        """It ends with this error, unless another one was there before, which is returned."""
        first = self._stop.ask(reason)
        self._sender.drop()
        self._stopped()
        return first

    def pump(self, source: IO[bytes]) -> None:
        """Take all that FFmpeg writes, even when nobody wants it any more: it makes others' parts beside."""
        self._sender.start()
        while piece := _full(source):
            if self.failure is None:
                self._take(piece)

    def _take(self, piece: bytes) -> None:
        self.size += len(piece)
        if self._counter is not None:
            try:
                self._counter.feed(piece)
            except ValueError as error:
                self.stop(EncoderFailed(f"FFmpeg wrote something else than it should: {error}"))
                return
        self._sender.send(piece)

    def check(self) -> None:
        """Whether it has what it should have, now that FFmpeg has ended."""
        try:
            self._check_frames()
        except EncoderFailed as error:
            self.stop(error)

    def finish(self) -> Uploaded:
        """Returns when it is stored. Raises what ended it before."""
        if self.failure is None:
            self._sender.finish()
        self._stop.check()
        return Uploaded(self._upload.size, self._upload.digest.hexdigest(), self.frames, self.fault)

    def _check_frames(self) -> None:
        if self._counter is None or not isinstance(self.recipe, VideoRecipe):
            return
        try:
            self._counter.finish()
        except ValueError as error:
            raise EncoderFailed(f"FFmpeg ended well, but {error}") from error
        made, wanted = self._counter.frames, self.recipe.frames
        if made == wanted or (self.recipe.accept_damaged and 0 < made < wanted):
            return
        if made > wanted and self.recipe.retime is not None:
            # The sign of a missing frame where frames are repeated or dropped: see graphs.py.
            raise WrongCount(f"At least one of the {wanted} frames has no picture to show.", wanted - 1)
        wrong = f"{wanted - made} missing" if made < wanted else f"{made - wanted} too many"
        raise WrongCount(f"The part has {made} frames where {wanted} are needed: {wrong}.", made)


def _full(source: IO[bytes]) -> bytes:
    """A piece of full size, unless the end comes first.

    FFmpeg flushes frame by frame; in pieces of some size the same bytes cost both ends a tenth of the work.
    """
    piece = bytearray()
    while len(piece) < PIECE and (more := source.read(PIECE - len(piece))):
        piece += more
    return bytes(piece)
