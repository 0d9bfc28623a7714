"""How long to go on trying when a server does not answer: it may only be restarting."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable

from fallow.errors import TransferFailed

FIRST_PAUSE = 0.2  # seconds before the first repetition
LONGEST_PAUSE = 15.0
AWAY_SECONDS = 30.0
LONGEST_AFTER = 60.0  # seconds that a server may ask for

_FULL = 507


def passing(status: int) -> bool:
    """Whether a server that answers so may answer otherwise in a while."""
    return (status >= 500 and status != _FULL) or status in (408, 425, 429)


def asked_for(retry_after: str | None) -> float:
    """Seconds after which a server wants to be asked again; a date is not looked at."""
    return min(float(retry_after), LONGEST_AFTER) if retry_after and retry_after.isdecimal() else 0.0


def pauses() -> Callable[[], float]:
    """Ever longer pauses, with chance in them so that a thousand agents do not come back at once."""
    pause = FIRST_PAUSE

    def after_failure() -> float:
        nonlocal pause
        now, pause = pause, min(pause * 2, LONGEST_PAUSE)
        return now * random.uniform(0.5, 1.0)  # noqa: S311 (not a secret)

    return after_failure


class Interrupted(TransferFailed):
    """No answer came, or none that means anything: the same may succeed in a while."""

    def __init__(self, message: str = "", after: float = 0.0) -> None:
        super().__init__(message)
        self.after = after  # seconds, when the server has said so


class Patience:
    """Of one transfer, with its server. Whoever sets `stopped` ends it at once."""

    def __init__(self, seconds: float, stopped: threading.Event) -> None:
        self._seconds = seconds
        self._stopped = stopped
        self.renew()

    def renew(self) -> None:
        """The transfer has got on."""
        self._pause = pauses()
        self._next = 0.0
        self._until: float | None = None

    def tried(self, after: float = 0.0) -> None:
        """In vain. The next try is due after a pause, of that many seconds at least."""
        self._next = time.monotonic() + max(after, self._pause())

    @property
    def due(self) -> bool:
        """Whether the next try may begin."""
        return time.monotonic() >= self._next

    def wait(self, error: TransferFailed) -> None:
        """Until the next try is due; raises the error when that is too long since the waiting began."""
        now = time.monotonic()
        if self._until is None:
            self._until = now + self._seconds
        if self._next > self._until or self._stopped.wait(max(0.0, self._next - now)):
            raise error
