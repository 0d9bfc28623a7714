"""Programs of the system that are asked something. One that hangs is ended, with all that it has started."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
from collections.abc import Mapping
from typing import Any

PATIENCE = 3.0  # seconds


def ask(*command: str, seconds: float = PATIENCE) -> str:
    """What it says; "" when it is not there, fails, or takes too long."""
    try:
        asked = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    except OSError:
        return ""
    try:
        told, _ = asked.communicate(timeout=seconds)
        return told.decode("utf-8", "replace").strip() if asked.returncode == 0 else ""
    except subprocess.TimeoutExpired:
        return ""
    finally:
        _end(asked)


def ask_json(*command: str, seconds: float = PATIENCE) -> Mapping[str, Any]:
    """An object; an empty one when there is none."""
    try:
        told = json.loads(ask(*command, seconds=seconds))
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}


def _end(asked: subprocess.Popen[bytes]) -> None:
    """A script's child may hold the pipe for ever, so nobody waits for its end."""
    if asked.poll() is None:
        with contextlib.suppress(OSError):
            os.killpg(asked.pid, signal.SIGKILL) if hasattr(os, "killpg") else asked.kill()
        asked.wait()
    if asked.stdout:
        asked.stdout.close()
