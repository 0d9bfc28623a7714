"""The sentry: looks at the device all the time, and has its agent rest while the gate is closed."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import datetime
from typing import Protocol

from fallow import log
from fallow.worker.gate import Gate
from fallow.worker.senses import Senses

LOOK_EVERY = 0.2  # seconds
TELL_EVERY = 15.0  # seconds, between two words to a gateway that knows already


class Resting(Protocol):
    """What an agent does at a sentry's word."""

    def rest(self, reason: str) -> None: ...
    def yield_up(self) -> None: ...
    def go_on(self) -> None: ...
    def tell(self) -> None: ...


class Sentry:
    """Stands at one agent's gate."""

    def __init__(self, agent: Resting, gate: Gate, senses: Senses, grace: float, told: Callable[[], None]) -> None:
        self._agent = agent
        self._gate = gate
        self._senses = senses
        self._grace = grace
        self._told = told  # on this device
        self._reason = ""
        self._since = 0.0  # on the monotonic clock
        self._kept = True  # what is begun was not given back yet
        self._ended = threading.Event()
        self._news = threading.Event()  # for the gateway

    def start(self) -> None:
        """Returns when it is known whether the agent may begin."""
        self._senses.start()
        self._look()
        for name, target in (("sentry", self._run), ("teller", self._tell)):
            threading.Thread(target=target, name=name, daemon=True).start()

    def stop(self) -> None:
        self._ended.set()
        self._news.set()
        self._senses.stop()

    def _run(self) -> None:
        while not self._ended.wait(LOOK_EVERY):
            self._look()

    def _look(self) -> None:
        reason = self._gate.look(self._senses.signals, datetime.now())
        if reason != self._reason:
            self._turn(reason)
        elif reason and self._kept and time.monotonic() >= self._since + self._grace:
            self._kept = False
            log.event("agent.yield", reason=reason)
            self._agent.yield_up()

    def _turn(self, reason: str) -> None:
        before, self._reason = self._reason, reason
        if not reason:
            log.event("agent.wake")
            self._senses.brisk()
            self._agent.go_on()
        else:
            self._agent.rest(reason)
            if not before:
                self._since, self._kept = time.monotonic(), True
                self._senses.calm()
            log.event("agent.rest", reason=reason)
        self._told()
        self._news.set()

    def _tell(self) -> None:
        """By a thread of its own: a gateway that is away delays nothing."""
        while not self._ended.is_set():
            self._news.wait(TELL_EVERY)
            self._news.clear()
            if self._reason and not self._ended.is_set():
                self._agent.tell()
