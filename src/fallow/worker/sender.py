"""Sending a part by a thread of its own: FFmpeg does not wait for the line, unless much waits already."""

from __future__ import annotations

import contextvars
import threading
from collections import deque
from collections.abc import Callable

from fallow.errors import EncoderFailed, FallowError
from fallow.worker.upload import Upload


class Sender:
    """Between FFmpeg and an upload, with room for some bytes."""

    def __init__(self, upload: Upload, room: int, failed: Callable[[FallowError], object]) -> None:
        self._upload = upload
        self._room = room
        self._failed = failed
        self._changed = threading.Condition()
        self._pieces: deque[bytes] = deque()
        self._waiting = 0  # bytes
        self._complete = False
        self._dropped = False
        self._thread = threading.Thread(target=self._run, name="sender", daemon=True)

    def start(self) -> None:
        within = contextvars.copy_context()  # its log lines are about the same lease
        self._thread = threading.Thread(target=within.run, args=(self._run,), name="sender", daemon=True)
        self._thread.start()

    def send(self, piece: bytes) -> None:
        """Returns when there is room for more, or nobody wants any."""
        with self._changed:
            self._pieces.append(piece)
            self._waiting += len(piece)
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._waiting <= self._room or self._dropped)

    def finish(self) -> None:
        """This was all, and it is good. Returns when it is stored, or has failed."""
        with self._changed:
            self._complete = True
            self._changed.notify_all()
        self._thread.join()

    def drop(self) -> None:
        """Nothing of it is wanted any more."""
        with self._changed:
            self._dropped = True
            self._pieces.clear()
            self._changed.notify_all()

    def _run(self) -> None:
        try:
            while (piece := self._next()) is not None:
                self._upload.send(piece)
            if not self._dropped:
                self._upload.finish()
        except FallowError as error:
            self._failed(error)
        except Exception as error:
            self._failed(EncoderFailed(f"The worker has a fault: {error!r}."))
        finally:
            self._upload.close()

    def _next(self) -> bytes | None:
        """None when no more will come."""
        with self._changed:
            self._changed.wait_for(lambda: self._pieces or self._complete or self._dropped)
            if self._dropped or not self._pieces:
                return None
            piece = self._pieces.popleft()
            self._waiting -= len(piece)
            self._changed.notify_all()
            return piece
