"""How long and how often a transaction of the ledger is run again."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Patience:
    """Growing pauses, each of a random length so that those who collided do not meet again, for a bounded time."""

    seconds: float = 30.0  # in all; a cluster needs about ten to give up a node that died
    first: float = 0.01
    most: float = 1.0

    def pauses(self, clock: Callable[[], float] = time.monotonic) -> Iterator[float]:
        end, longest = clock() + self.seconds, self.first
        while clock() < end:
            yield random.uniform(longest / 4, longest)  # noqa: S311 - no secret
            longest = min(self.most, 2 * longest)
