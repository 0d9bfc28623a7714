"""Ways to an object: a short one to where it is stored, and a long one through the gateway."""

from __future__ import annotations

import threading
import time
from urllib.parse import urlsplit

from fallow import log
from fallow.errors import FallowError
from fallow.worker.patience import Interrupted, Patience

SHORT_SECONDS = 5.0  # for a server that is away, when there is another way
AVOIDED_SECONDS = 60.0


class Avoided:
    """Servers that this worker could not use a while ago: they cannot be reached from here, or refuse it."""

    def __init__(self) -> None:
        self._until: dict[str, float] = {}
        self._lock = threading.Lock()

    def add(self, url: str) -> None:
        with self._lock:
            self._until[urlsplit(url).netloc] = time.monotonic() + AVOIDED_SECONDS

    def has(self, url: str) -> bool:
        with self._lock:
            return time.monotonic() < self._until.get(urlsplit(url).netloc, 0.0)


class Ways:
    """Of one transfer: the way that it takes now, and the patience with the server there.

    `short` is "" when there is only the long way. Whoever sets `stopped` ends all waiting.
    """

    def __init__(self, short: str, long: str, avoided: Avoided, seconds: float, stopped: threading.Event) -> None:
        self._long = long
        self._avoided = avoided
        self._seconds = seconds
        self._stopped = stopped
        self.short = bool(short) and not avoided.has(short)
        self.url = short if self.short else long
        self.patience = Patience(min(seconds, SHORT_SECONDS) if self.short else seconds, stopped)

    def wait(self, error: Interrupted) -> None:
        """Until the next try is due, on the long way when the short one has failed for long. Raises the error when
        there is none."""
        try:
            self.patience.wait(error)
        except Interrupted:
            if self._stopped.is_set() or not self.turn(error):
                raise

    def turn(self, error: FallowError) -> bool:
        """Whether there is another way, which is then taken, here and for a while by others."""
        if not self.short:
            return False
        log.event("transfer.detour", str(error), server=urlsplit(self.url).netloc)
        self._avoided.add(self.url)
        self.lengthen()
        return True

    def heed(self) -> None:
        """Take the long way if the short one was found to be of no use since: transfers are made ready long before
        they begin."""
        if self.short and self._avoided.has(self.url):
            self.lengthen()

    def lengthen(self) -> None:
        """Take the long way."""
        if self.short:
            self.short, self.url = False, self._long
            self.patience = Patience(self._seconds, self._stopped)
