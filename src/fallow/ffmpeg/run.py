"""The one place that starts FFmpeg, listens to its complaints, stops it and reaps it."""

from __future__ import annotations

import contextlib
import logging
import os
import shlex
import subprocess
import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import IO

from fallow import log
from fallow.errors import EncoderFailed
from fallow.ffmpeg import process
from fallow.ffmpeg.faults import fault
from fallow.ffmpeg.halt import Halt

TAIL_LINES = 20
LINE_BYTES = 500
GRACE_SECONDS = 1.0


@dataclass(frozen=True)
class Ended:
    """How a child process ended."""

    code: int  # negative: the signal that ended it
    cpu_seconds: float  # user and system

    @property
    def reason(self) -> str:
        if self.code < 0:
            return f"was ended by signal {-self.code}"
        return f"ended with exit code {self.code}"


class _Pipe:
    """One more pipe for FFmpeg; `inner` is its end."""

    def __init__(self, inner: int) -> None:
        self.inner = inner
        self.name = f"pipe:{inner}"  # on its command line

    def handed_over(self) -> None:
        """FFmpeg has its end, so that ours hears of it when it closes that."""
        if self.inner >= 0:
            os.close(self.inner)
            self.inner = -1


class Outlet(_Pipe):
    """For what FFmpeg makes, beside its stdout."""

    def __init__(self) -> None:
        ours, inner = os.pipe()
        super().__init__(inner)
        self.source: IO[bytes] = os.fdopen(ours, "rb", buffering=0)

    def close(self) -> None:
        self.handed_over()
        self.source.close()


class Inlet(_Pipe):
    """For what FFmpeg reads, beside its stdin."""

    def __init__(self) -> None:
        inner, ours = os.pipe()
        super().__init__(inner)
        self.sink: IO[bytes] = os.fdopen(ours, "wb", buffering=0)

    def close(self) -> None:
        self.handed_over()
        with contextlib.suppress(OSError):
            self.sink.close()


class Child:
    """A running FFmpeg between pipes. Any thread may halt it or stop it; nobody needs to reap it."""

    def __init__(self, arguments: Sequence[str], niceness: int = 0, pipes: Sequence[Outlet | Inlet] = ()) -> None:
        log.event("ffmpeg.start", level=logging.DEBUG, command=shlex.join(arguments))
        try:
            self._process = subprocess.Popen(
                arguments,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                bufsize=0,
                pass_fds=[pipe.inner for pipe in pipes],
                **process.apart(niceness),
            )
        except OSError as error:
            raise EncoderFailed(f"FFmpeg could not be started as {arguments[0]}: {error.strerror}.") from error
        for pipe in pipes:
            pipe.handed_over()
        self.stdin = _pipe(self._process.stdin)
        self.stdout = _pipe(self._process.stdout)
        self._stderr = _pipe(self._process.stderr)
        self._tail: deque[str] = deque(maxlen=TAIL_LINES)
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._ended = Ended(0, 0.0)
        self._halt: Halt | None = None
        self._halted_seconds = 0.0
        process.renice(self._process, niceness)
        self._reaper = threading.Thread(target=self._listen_and_reap, name="ffmpeg-reaper", daemon=True)
        self._reaper.start()

    def _listen_and_reap(self) -> None:
        while line := self._stderr.readline(LINE_BYTES):
            text = line.decode(errors="replace").strip()
            if text:
                self._tail.append(text)
        self._stderr.close()
        ended = Ended(*process.reap(self._process))
        with self._lock:
            self._ended = ended
            self._over.set()

    def wait(self) -> Ended:
        """Wait for the end; its output must be read meanwhile."""
        self._over.wait()
        return self._ended

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def halted_seconds(self) -> float:
        """How long it has stood still in all."""
        return self._halted_seconds + (self._halt.seconds if self._halt else 0.0)

    def halt(self) -> None:
        """It stands still where it is, and takes no processor's time any more, until it goes on: where it can."""
        with self._lock:
            if process.POSIX and self._halt is None and not self._over.is_set():
                self._halt = Halt(self._process.pid)

    def go_on(self) -> None:
        with self._lock:
            if self._halt is not None:
                self._halted_seconds += self._halt.seconds
                self._halt.end()
                self._halt = None

    def stop(self) -> None:
        """Terminate, wait, kill, wait. Harmless when it has ended."""
        self._end("SIGTERM")
        self.go_on()  # what stands still hears nothing
        if not self._over.wait(GRACE_SECONDS):
            self._end("SIGKILL")
            self._over.wait()

    def _end(self, name: str) -> None:
        with self._lock:
            if not self._over.is_set():
                process.end(self._process, name)

    @property
    def fault(self) -> str:
        """What it said about damaged pictures; of many such lines, one of the last."""
        return fault(self._tail)

    @property
    def tail(self) -> str:
        """The last lines it wrote to stderr."""
        return " | ".join(self._tail)


def _pipe(end: IO[bytes] | None) -> IO[bytes]:
    """For the type checker: every end asked for is there."""
    if end is None:
        raise EncoderFailed("FFmpeg was started without a pipe.")
    return end
