"""A command in a process group of its own, to be killed and started again."""

from __future__ import annotations

import contextlib
import http.client
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

START_SECONDS = 60.0


class Process:
    """Runs in a folder of its own, where its temporary files and its log are."""

    def __init__(
        self, name: str, command: Sequence[str], folder: Path, environment: Mapping[str, str], port: int = 0
    ) -> None:
        self.name, self.port = name, port
        self.folder = folder / name
        self._command = command
        temporary = self.folder / "tmp"
        temporary.mkdir(parents=True)
        self._environment = {**environment, "TMPDIR": str(temporary)}
        self._running: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with (self.folder / "log").open("ab") as log:
            self._running = subprocess.Popen(
                self._command,
                cwd=self.folder,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def restart(self) -> None:
        """Returns when it is ready."""
        self.start()
        self.wait()

    def wait(self) -> None:
        """Until it says that it is ready, if it has a port to be asked at."""
        if self.port:
            self._until(self.ready, "is not ready")

    @property
    def alive(self) -> bool:
        return self._running is not None and self._running.poll() is None

    @property
    def pid(self) -> int:
        assert self._running
        return self._running.pid

    def ready(self) -> bool:
        return status(self.port, "/readyz") == 200

    def kill(self) -> None:
        """At once, with all that it started; as when the machine fails."""
        if self._running:
            with contextlib.suppress(ProcessLookupError):  # it has ended
                os.killpg(self._running.pid, signal.SIGKILL)
            self._running.wait()
            self._running = None

    def stop(self, seconds: float) -> int:
        """Ask it to end; its exit code. It has so many seconds."""
        assert self._running
        self._running.send_signal(signal.SIGTERM)
        try:
            return self._running.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self.name} has not ended after {seconds:g} s:\n{self.log()}") from None
        finally:
            self.kill()

    def log(self) -> str:
        return (self.folder / "log").read_text(errors="replace")[-3000:]

    def _until(self, condition: Callable[[], bool], told: str) -> None:
        end = time.monotonic() + START_SECONDS
        while not condition():
            assert self._running, f"{self.name} was never started"
            assert self._running.poll() is None, f"{self.name} ended:\n{self.log()}"
            assert time.monotonic() < end, f"{self.name} {told}:\n{self.log()}"
            time.sleep(0.1)


def status(port: int, path: str) -> int:
    """Of the answer to a GET; 0 for none."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    except OSError:
        return 0
    finally:
        connection.close()
