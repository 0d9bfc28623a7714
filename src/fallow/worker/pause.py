"""Whether this agent pauses, why, and since when."""

from __future__ import annotations

import time
from dataclasses import dataclass


@dataclass
class Pause:
    """One is shared by all who tell of it."""

    reason: str = ""  # "": it works
    since: float = 0.0  # seconds since the epoch

    def begin(self, reason: str) -> None:
        """Or go on for another reason."""
        if not self.reason:
            self.since = time.time()
        self.reason = reason

    def end(self) -> None:
        self.reason, self.since = "", time.time()
