"""What has changed, in order, for all who listen: one history of bounded size, in which each has a place.

Who is slow, or comes back late, may have a place before all that is kept: they are told so, and ask for everything
anew. So nobody's slowness costs memory.
"""

from __future__ import annotations

import asyncio
import json
import secrets
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

MOST = 2000  # changes that are kept
MOST_BYTES = 8 << 20  # of them
RESYNC = "event: resync\ndata: {}\n"


@dataclass(frozen=True)
class Listener:
    """Who listens, and to what."""

    owner: str | None  # whose jobs are shown; None: everybody's
    job: str = ""  # whose chunks are shown, too

    def may_see(self, owner: str) -> bool:
        return self.owner in (None, owner)


@dataclass(frozen=True)
class Item:
    """One of the things that are listed, as JSON."""

    owner: str
    id: str
    text: str  # "": it is gone


@dataclass
class Change:
    """What one look has found of one kind of thing."""

    topic: str
    items: Sequence[Item] = ()
    job: str = ""  # whose listeners are told; "": all are
    text: str = ""  # what they are told, as JSON, instead of items
    number: int = 0
    _told: dict[str | None, str] = field(default_factory=dict)  # by owner

    def __len__(self) -> int:
        return 200 + len(self.text) + 2 * sum(len(item.text) for item in self.items)

    def told(self, listener: Listener) -> str:
        """As JSON; "" when it is nothing to this listener."""
        if self.job:
            return self.text if self.job == listener.job else ""
        if listener.owner not in self._told:
            self._told[listener.owner] = self._listed([i for i in self.items if listener.may_see(i.owner)])
        return self._told[listener.owner]

    def _listed(self, items: Sequence[Item]) -> str:
        if not items:
            return ""
        shown = ",".join(item.text for item in items if item.text)
        gone = json.dumps([item.id for item in items if not item.text])
        return f'{{"{self.topic}":[{shown}],"gone":{gone}}}'


class History:
    """The changes of late."""

    def __init__(self) -> None:
        self._era = secrets.token_hex(4)  # other processes have others
        self._kept: deque[Change] = deque()
        self._bytes = 0
        self._more = asyncio.Event()
        self.last = 0  # number of the newest change

    @property
    def more(self) -> asyncio.Event:
        """Set as soon as there is more than now."""
        return self._more

    def add(self, changes: Iterable[Change]) -> None:
        before = self.last
        for change in changes:
            self.last += 1
            change.number = self.last
            self._kept.append(change)
            self._bytes += len(change)
        while self._kept and (len(self._kept) > MOST or self._bytes > MOST_BYTES):
            self._bytes -= len(self._kept.popleft())
        if self.last > before:
            self.wake()

    def wake(self) -> None:
        self._more.set()
        self._more = asyncio.Event()

    def since(self, number: int) -> list[Change] | None:
        """What came after this one; None when that is not known any more."""
        first = self._kept[0].number if self._kept else self.last + 1
        if number + 1 < first:
            return None
        return [change for change in self._kept if change.number > number]

    def name(self, number: int) -> str:
        return f"{self._era}-{number}"

    def number(self, name: str) -> int | None:
        """Of a name that this history gave."""
        era, _, number = name.partition("-")
        known = era == self._era and number.isdecimal() and int(number[:18]) <= self.last
        return int(number) if known else None


def encoded(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))
