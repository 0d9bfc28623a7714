"""A sensor: read again and again in a thread of its own, so that one that hangs or breaks stops nobody."""

from __future__ import annotations

import threading
import time
import traceback
from collections.abc import Callable
from typing import Generic, TypeVar

from fallow import log

T = TypeVar("T")

LASTING = 10.0  # seconds that a reading counts, beyond the time until the next one is due


class Sensor(Generic[T]):
    """The last reading; `unknown` when there is none that is new enough."""

    def __init__(self, name: str, read: Callable[[], T], unknown: T, period: float = 0.5) -> None:
        self.name = name
        self._period = period
        self._read = read
        self._unknown = unknown
        self._value = unknown
        self._at = float("-inf")
        self._first = threading.Event()
        self._nudged = threading.Event()
        self._stopped = False
        self._troubled = False

    def start(self) -> None:
        threading.Thread(target=self._run, name=f"sensor-{self.name}", daemon=True).start()

    def stop(self) -> None:
        self._stopped = True
        self._nudged.set()

    def pace(self, period: float) -> None:
        """Read so often from now on: at once, when that is more often than before."""
        before, self._period = self._period, period
        if period < before:
            self._nudged.set()

    def wait(self, seconds: float) -> None:
        """Until there was a first reading."""
        self._first.wait(seconds)

    @property
    def value(self) -> T:
        return self._value if time.monotonic() - self._at <= self._period + LASTING else self._unknown

    def _run(self) -> None:
        while not self._stopped:
            try:
                self._value = self._read()
            except Exception:
                # Systems tell strange things; whatever it is, it must not end the agent.
                self._value = self._unknown
                self._complain()
            self._at = time.monotonic()
            self._first.set()
            self._nudged.wait(self._period)
            self._nudged.clear()

    def _complain(self) -> None:
        if not self._troubled:
            log.trouble("sensor.broken", traceback.format_exc(), sensor=self.name)
        self._troubled = True
