"""What every step of the pipeline works with, and by which rules."""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakValueDictionary

from fallow.addresses import PUBLIC, Reach
from fallow.fetching import Web
from fallow.fleet import Deeds, PerMinute
from fallow.pipeline.bell import Bell
from fallow.pipeline.granted import Granted
from fallow.pipeline.hedge import Rules
from fallow.pipeline.lately import Lately
from fallow.pipeline.misfits import Misfits
from fallow.pipeline.order import Filling
from fallow.pipeline.rounds import Rounds
from fallow.pipeline.speeds import Fleet as Speedy
from fallow.ports import Clock, Ledger, Links, Queue, Store
from fallow.records import Crowd, Job

_dice = random.SystemRandom()
_LOOKS = (os.cpu_count() or 1) + 2


@dataclass(frozen=True)
class Policy:
    """How patient the platform is."""

    lease_seconds: float = 30.0  # a worker that is silent for so long has lost its task
    renew_seconds: float = 10.0  # how often it should be heard of
    attempts: int = 5  # of a task, before its job fails
    window: int = 4  # tasks that wait in a lane when it is filled, at least
    space_wait: float = 30.0  # seconds until a task is tried again after the disk was full, at first
    away_wait: float = 30.0  # seconds until a server is asked again that a source is fetched from, at first
    attempt_seconds: float = 1800.0  # the deadline of an attempt; longer for costly tasks
    message_seconds: float = 15.0  # until a task that nobody took is announced again, when messages are missing
    queue_seconds: float = 300.0  # until that is done even when none is missing
    sweep_seconds: float = 2.0
    join_wait: float = 5.0  # a join that waits for its next part for so long gives its place to others who need one
    bundle_seconds: float = 20.0  # of work that one lease may bring, by its worker's measured speed
    divide_seconds: float = 20.0  # of a slow worker's time, less than which no piece of a chunk takes; 0: no pieces
    taper: float = 3.0  # a job's last chunks are what is left over so many times its workers; 0: all are alike
    hedge: float = 0.1  # of a job's work that may be done twice at its end; 0: nothing is
    source_bytes: int = 256 << 30  # of a source, at most
    upload_wait: float = 86400.0  # a job that waits for its source, of which nothing came for so long, is removed
    source_seconds: float = 0.0  # that the source of a finished job is kept
    webhook_reach: Reach = PUBLIC  # which addresses webhooks may be at

    @property
    def rules(self) -> Rules:
        return Rules(self.hedge, lease_seconds=self.lease_seconds, silence=1.5 * self.renew_seconds)

    def deadline(self, cost: float) -> float:
        """Seconds that an attempt at a task may take, on the slowest machine worth having."""
        return self.attempt_seconds + 60 * cost

    def back_off(self, attempt: int) -> float:
        """Seconds until a failed task is tried again: growing, and never in step with others."""
        return max(1.0, min(60.0, 2.0 ** (attempt - 1)) * _dice.uniform(0.5, 1.0))

    def space_back_off(self, attempt: int) -> float:
        return float(min(300.0, self.space_wait * 2 ** (attempt - 1)))

    def away_back_off(self, attempt: int) -> float:
        """Until a server is asked again that a source is fetched from."""
        return float(min(300.0, self.away_wait * 2 ** (attempt - 1)))

    @property
    def space_patience(self) -> float:
        """Seconds that a full disk is borne in all."""
        return sum(map(self.space_back_off, range(1, self.attempts)))


@dataclass(frozen=True)
class Front:
    """What is left of a job's pictures."""

    left: float  # work that waits, or is not done of what runs
    running: tuple[float, ...]  # work per second of each attempt; 0: not known


@dataclass(frozen=True)
class Context:
    """The outside world, and the policy."""

    queue: Queue
    store: Store
    ledger: Ledger
    clock: Clock
    links: Links
    policy: Policy = field(default_factory=Policy)
    # Where sources are fetched from; None: nowhere.
    web: Web | None = None
    # Uploads that were refused for want of space, and how: their workers will report failures that are not theirs.
    refused: dict[str, str] = field(default_factory=dict)
    # Set whenever a job of this process may have moved on: whoever shows jobs need not look all the time.
    moved: asyncio.Event = field(default_factory=asyncio.Event)
    # Set whenever a task found no space, until somebody has told the people who could make some.
    full: asyncio.Event = field(default_factory=asyncio.Event)
    # Set when this process begins nothing new any more, as it is to stop.
    draining: asyncio.Event = field(default_factory=asyncio.Event)
    # Set when this process is about to answer nobody any more.
    closing: asyncio.Event = field(default_factory=asyncio.Event)
    # Where players find the result of a job that is a stream, or will be.
    play_link: Callable[[Job], str | None] = lambda job: None
    # The rounds of dispatch.advance, by jobs.
    rounds: Rounds = field(default_factory=Rounds)
    # How full the lanes are, by queues.
    lanes: dict[str, Filling] = field(default_factory=dict)
    # Rung for a job when a part of it was accepted here.
    bell: Bell = field(default_factory=Bell)
    granted: Granted = field(default_factory=Granted)
    # Builds of FFmpeg whose parts do not fit.
    misfits: Misfits = field(default_factory=Misfits)
    # Jobs of which nothing waits any more, while workers are at their last tasks.
    ending: set[str] = field(default_factory=set)
    # How many tasks wait, and how many are worked at.
    crowd: Lately[Crowd] = field(default_factory=Lately)
    # How fast those say that they are who ask for work.
    fleet: Speedy = field(default_factory=Speedy)
    # What is left of jobs, and what is needed to divide their chunks.
    fronts: dict[tuple[str, str], tuple[float, Front]] = field(default_factory=dict)
    plans: dict[str, Any] = field(default_factory=dict)
    # What the workers have done.
    deeds: Lately[list[Deeds]] = field(default_factory=Lately)
    energies: Lately[dict[str, PerMinute]] = field(default_factory=Lately)  # of workers
    # Held by who looks at a part: they share the processors, and no more parts are in memory than are looked at.
    looks: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(_LOOKS))
    # The locks of `turn`; one goes when nobody holds or awaits it any more.
    turns: WeakValueDictionary[str, asyncio.Lock] = field(default_factory=WeakValueDictionary)

    async def holds(self, key: str, size: int) -> bool:
        """Whether the store has this object, whole."""
        facts = await self.store.stat(key)
        return facts is not None and facts.size == size

    def turn(self, lease: str) -> asyncio.Lock:
        """Held by whoever looks at what a lease brought: told twice at once, it is dealt with once, then again."""
        return self.turns.setdefault(lease, asyncio.Lock())
