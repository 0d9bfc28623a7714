"""What the ledger is asked: how often each call comes, and which of them write."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

READS = frozenset(
    {"job", "jobs", "unfinished_jobs", "chunks", "tracks", "task", "tasks", "tally", "running", "shares", "attempt"}
    | {
        "attempts",
        "held",
        "unfinished",
        "race",
        "is_last",
        "expired",
        "census",
        "worker_of_token",
        "workers",
        "leases_at",
    }
)


class Metered:
    """A ledger, and the number of calls by their names."""

    def __init__(self, ledger: Any) -> None:
        self.uncounted = ledger
        self.calls: Counter[str] = Counter()

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self.uncounted, name)

        async def counted(*arguments: Any, **more: Any) -> Any:
            self.calls[name] += 1
            return await method(*arguments, **more)

        setattr(self, name, counted)  # the next time without a detour
        return counted


def writes(calls: Counter[str]) -> int:
    """How many of these calls change something."""
    return sum(count for name, count in calls.items() if name not in READS)
