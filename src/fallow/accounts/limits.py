"""How often somebody may try: so many times at once, then one more after each pause."""

from __future__ import annotations

import ipaddress
import math
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from fallow.errors import TooOften

MOST = 20_000  # that are remembered; the oldest are forgotten


@dataclass(frozen=True)
class Limit:
    """What one name, or one address, may do."""

    tries: int  # at once
    pause: float  # seconds after which there is one more


class Tries:
    """Counts the tries of each. Of each it remembers when all of them will be there again."""

    def __init__(self, limit: Limit, now: Callable[[], float]) -> None:
        self._limit, self._now = limit, now
        self._full: OrderedDict[str, float] = OrderedDict()

    def spend(self, who: str) -> None:
        """Raises TooOften."""
        limit, now = self._limit, self._now()
        full = max(now, self._full.get(who, now)) + limit.pause
        wait = full - now - limit.tries * limit.pause
        if wait > 0:
            raise TooOften(f"There were too many tries; try again in {math.ceil(wait)} s.", wait)
        self._note(who, full)

    def give_back(self, who: str) -> None:
        """It was a good one."""
        if who in self._full:
            self._note(who, self._full[who] - self._limit.pause)

    def _note(self, who: str, full: float) -> None:
        self._full[who] = full
        self._full.move_to_end(who)
        while self._full and (len(self._full) > MOST or next(iter(self._full.values())) <= self._now()):
            self._full.popitem(last=False)


def neighbourhood(address: str) -> str:
    """The address, or of IPv6 the network that one customer has: there is no end of addresses in it."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped:
            return str(found.ipv4_mapped)
        return str(ipaddress.ip_network((found, 64), strict=False))
    return address
