"""Files that an agent keeps: each is written whole or not at all, and secrets are for its owner alone."""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path

SECRET, SHARED = 0o600, 0o644


def write(path: Path, data: bytes, mode: int = SHARED) -> None:
    """In the place of what was there. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.{os.getpid()}.new")
    with contextlib.suppress(FileNotFoundError):
        part.unlink()
    try:
        # Nobody else may read a secret, not even before it has its mode.
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _BINARY, SECRET), "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        part.chmod(mode)
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


_BINARY = getattr(os, "O_BINARY", 0)  # Windows would change the ends of lines


class Identity:
    """Who an agent is for its gateway, by the token that it got there: the same worker comes back after a restart,
    when what it had joined with may have expired. With no file it is known for one return only."""

    def __init__(self, url: str, path: Path | None, token: str = "") -> None:
        self._url = url
        self._path = path
        self.token = token or self._read()

    def keep(self, token: str) -> None:
        self.token = token if self._path else ""
        if self._path:
            with contextlib.suppress(OSError):
                write(self._path, json.dumps({"server": self._url, "token": token}).encode(), SECRET)

    def _read(self) -> str:
        """No gateway is shown the token of another one."""
        if self._path:
            with contextlib.suppress(OSError, ValueError, TypeError, KeyError):
                told = json.loads(self._path.read_text(encoding="utf-8"))
                if told["server"] == self._url:
                    return str(told["token"])
        return ""
