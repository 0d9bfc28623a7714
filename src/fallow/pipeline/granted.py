"""What this process has leased lately: who delivers is mostly known here, and the ledger need not be asked."""

from __future__ import annotations

from collections import OrderedDict

from fallow.records import Task

MOST = 2048  # leases; of the others the ledger knows


class Granted:
    """Tasks as they were leased, and when, by their leases. If they have changed since, the commit will tell."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, tuple[Task, float]] = OrderedDict()

    def note(self, task: Task, now: float) -> None:
        self._known[task.lease] = (task, now)
        if len(self._known) > MOST:
            self._known.popitem(last=False)

    def take(self, lease: str) -> tuple[Task, float] | None:
        """Once: who tells of the same lease again is told by the ledger what became of it."""
        return self._known.pop(lease, None)
