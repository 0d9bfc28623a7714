"""What every step of the pipeline works with, and by which rules."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass, field
from weakref import WeakValueDictionary

from fallow.pipeline.rounds import Rounds
from fallow.ports import Clock, Ledger, Links, Queue, Store

_dice = random.SystemRandom()


@dataclass(frozen=True)
class Policy:
    """How patient the platform is."""

    lease_seconds: float = 30.0  # a worker that is silent for so long has lost its task
    renew_seconds: float = 10.0  # how often it should be heard of
    attempts: int = 5  # of a task, before its job fails
    window: int = 32  # tasks of one job that are offered at a time
    space_wait: float = 30.0  # seconds until a task is tried again after the disk was full, at first
    attempt_seconds: float = 1800.0  # the deadline of an attempt; longer for costly tasks
    message_seconds: float = 300.0  # a queued task that nobody took for so long is announced again
    sweep_seconds: float = 2.0
    upload_wait: float = 86400.0  # a job that waits for its source, of which nothing came for so long, is removed

    def deadline(self, cost: float) -> float:
        """Seconds that an attempt at a task may take, on the slowest machine worth having."""
        return self.attempt_seconds + 60 * cost

    def back_off(self, attempt: int) -> float:
        """Seconds until a failed task is tried again: growing, and never in step with others."""
        return max(1.0, min(60.0, 2.0 ** (attempt - 1)) * _dice.uniform(0.5, 1.0))

    def space_back_off(self, attempt: int) -> float:
        return float(min(300.0, self.space_wait * 2 ** (attempt - 1)))

    @property
    def space_patience(self) -> float:
        """Seconds that a full disk is borne in all."""
        return sum(map(self.space_back_off, range(1, self.attempts)))


@dataclass(frozen=True)
class Context:
    """The outside world, and the policy."""

    queue: Queue
    store: Store
    ledger: Ledger
    clock: Clock
    links: Links
    policy: Policy = field(default_factory=Policy)
    # Uploads that were refused for want of space, and how: their workers will report failures that are not theirs.
    refused: dict[str, str] = field(default_factory=dict)
    # Set whenever a job of this process may have moved on: whoever shows jobs need not look all the time.
    moved: asyncio.Event = field(default_factory=asyncio.Event)
    # Set whenever a task found no space, until somebody has told the people who could make some.
    full: asyncio.Event = field(default_factory=asyncio.Event)
    # Set when this process begins nothing new any more, as it is to stop.
    draining: asyncio.Event = field(default_factory=asyncio.Event)
    # The rounds of dispatch.advance, by jobs.
    rounds: Rounds = field(default_factory=Rounds)
    # The locks of `turn`; one goes when nobody holds or awaits it any more.
    turns: WeakValueDictionary[str, asyncio.Lock] = field(default_factory=WeakValueDictionary)

    async def holds(self, key: str, size: int) -> bool:
        """Whether the store has this object, whole."""
        facts = await self.store.stat(key)
        return facts is not None and facts.size == size

    def turn(self, lease: str) -> asyncio.Lock:
        """Held by whoever looks at what a lease brought: told twice at once, it is dealt with once, then again."""
        return self.turns.setdefault(lease, asyncio.Lock())
