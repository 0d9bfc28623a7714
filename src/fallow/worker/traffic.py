"""How many bytes this device has moved for Fallow in this month."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from pathlib import Path


class Traffic:
    """Kept in a file if there is one. Agents of the same device add to the same count."""

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._month, self._bytes = "", 0

    def add(self, count: int) -> None:
        with self._lock:
            self._load()
            self._bytes += count
            if self._path is not None:
                with contextlib.suppress(OSError):
                    self._path.parent.mkdir(parents=True, exist_ok=True)
                    part = self._path.with_suffix(".new")
                    part.write_text(json.dumps({"month": self._month, "bytes": self._bytes}), encoding="utf-8")
                    part.replace(self._path)

    def month_bytes(self) -> int:
        with self._lock:
            self._load()
            return self._bytes

    def _load(self) -> None:
        month = time.strftime("%Y-%m")
        if month != self._month:
            self._month, self._bytes = month, 0
        if self._path is not None:
            with contextlib.suppress(OSError, ValueError, TypeError, KeyError):
                told = json.loads(self._path.read_text(encoding="utf-8"))
                if told["month"] == month:
                    self._bytes = int(told["bytes"])
