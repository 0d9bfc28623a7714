"""Who works here: what every worker is, what it is at, how it has done; and what administrators make of it."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field

from fallow.fleet import Deeds, Doing
from fallow.model import Standing, Worker
from fallow.pipeline.context import Context, Policy

LATELY = 3600.0  # seconds over which a worker's speed is told
LONGEST_WAIT = 60.0  # seconds that a request for work may wait, and its worker is silent


class Condition(enum.Enum):
    """How a worker is."""

    WORKING = "working"
    IDLE = "idle"
    PAUSED = "paused"  # by itself: it may not work now
    DRAINING = "draining"
    BANNED = "banned"
    LOST = "lost"  # not heard of for long


@dataclass(frozen=True)
class Member:
    """A worker with all that is known of it."""

    worker: Worker
    condition: Condition
    deeds: Deeds
    doings: tuple[Doing, ...] = field(default=())

    @property
    def trust(self) -> float | None:
        """The share of its attempts that were good; None before the first has ended."""
        ended = self.deeds.delivered + self.deeds.failed
        return self.deeds.delivered / ended if ended else None


async def members(ctx: Context) -> list[Member]:
    """All agents, heard of lately first. Splitters and joiners are services of the platform, not workers."""
    now = ctx.clock.now()
    workers = [worker for worker in await ctx.ledger.workers() if worker.machine or not worker.local]
    deeds = {one.worker: one for one in await ctx.deeds.get(lambda: ctx.ledger.deeds(now - LATELY))}
    doings: dict[str, list[Doing]] = {}
    for doing in await ctx.ledger.doings():
        doings.setdefault(doing.worker, []).append(doing)
    return [_member(ctx.policy, now, worker, deeds.get(worker.id), doings.get(worker.id, [])) for worker in workers]


def lost_before(policy: Policy, now: float) -> float:
    """Who was not seen since then is lost: an agent that lives asks for work, or renews its lease."""
    return now - policy.lease_seconds - LONGEST_WAIT


def _member(policy: Policy, now: float, worker: Worker, deeds: Deeds | None, doings: list[Doing]) -> Member:
    lost = not doings and worker.seen < lost_before(policy, now)
    condition = Condition.LOST if lost else Condition.WORKING if doings else Condition.IDLE
    if worker.standing is Standing.BANNED:
        condition = Condition.BANNED
    elif worker.standing is Standing.DRAINING and not lost:
        condition = Condition.DRAINING
    nothing = Deeds(worker.id, 0, 0, 0, 0.0, 0.0)
    return Member(worker, condition, deeds or nothing, tuple(sorted(doings, key=lambda doing: doing.task)))


def arch(worker: Worker) -> str:
    """The family of its processor: arm, x86, or what it is called."""
    name = str(worker.machine.get("arch", "")).lower()
    if name.startswith(("arm", "aarch")):
        return "arm"
    return "x86" if name in ("x86_64", "amd64", "i386", "i686") else name or "unknown"


def device_class(worker: Worker) -> str:
    """phone, board, laptop, pc, server; as the agent says, or as far as its machine tells."""
    told = worker.machine.get("device_class")
    if isinstance(told, str) and told:
        return told
    if worker.machine.get("system") == "Darwin":
        return "pc"
    cores = worker.machine.get("cores")
    if arch(worker) == "arm" and isinstance(cores, int) and cores <= 8:
        return "board"
    return "unknown"
