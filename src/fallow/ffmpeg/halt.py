"""A process group that stands still for a while. If this process ends meanwhile, that one does, too. POSIX only."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time

# What stands still hears of nothing: it would stay for ever when its agent is killed. The shell waits for a line;
# when the pipe ends without one, the agent is gone.
_GUARD = "read line || kill -s KILL -- -$0"


class Halt:
    """From now until `end`."""

    def __init__(self, group: int) -> None:
        self._group = group
        self._since = time.monotonic()
        _send(group, signal.SIGSTOP)
        self._guard = _guard(group)

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._since

    def end(self) -> None:
        _send(self._group, signal.SIGCONT)
        if self._guard is not None:
            with contextlib.suppress(OSError):
                self._guard.communicate(b"on\n")


def _send(group: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, number)


def _guard(group: int) -> subprocess.Popen[bytes] | None:
    command = ["/bin/sh" if os.path.exists("/bin/sh") else "sh", "-c", _GUARD, str(group)]
    try:
        return subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    except OSError:
        return None
