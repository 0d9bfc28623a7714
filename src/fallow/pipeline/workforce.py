"""Who works here: what every worker is, what it is at, how it has done; and what administrators make of it."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field, replace

from fallow import log
from fallow.errors import BadSetting, Cancelled, Conflict, NotFound
from fallow.fleet import Deeds, Doing, Period, PerMinute
from fallow.model import Standing, Worker
from fallow.pipeline import spent
from fallow.pipeline.context import Context, Policy
from fallow.pipeline.sweep import give_back

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
    energy: PerMinute = field(default_factory=PerMinute)

    @property
    def trust(self) -> float | None:
        """The share of its attempts that were good; None before the first has ended."""
        ended = self.deeds.delivered + self.deeds.failed
        return self.deeds.delivered / ended if ended else None


async def members(ctx: Context) -> list[Member]:
    """All agents, heard of lately first. Splitters and joiners are services of the platform, not workers."""
    now = ctx.clock.now()
    workers = [worker for worker in await ctx.ledger.workers() if is_agent(worker)]
    deeds = {one.worker: one for one in await ctx.deeds.get(lambda: ctx.ledger.deeds(now - LATELY))}
    doings: dict[str, list[Doing]] = {}
    for doing in await ctx.ledger.doings():
        doings.setdefault(doing.worker, []).append(doing)
    energies = await ctx.energies.get(lambda: spent.by_worker(ctx, Period(now - LATELY, now + LATELY)))
    found = [
        _member(ctx.policy, now, worker, deeds.get(worker.id), doings.get(worker.id, [])) for worker in workers
    ]
    return [replace(one, energy=energies.get(one.worker.id, PerMinute())) for one in found]


async def member(ctx: Context, worker: str) -> Member:
    """Raises NotFound."""
    found = next((one for one in await members(ctx) if one.worker.id == worker), None)
    if found is None:
        raise NotFound(f"There is no worker {worker[:64]}; `fallow workers` lists those that there are.")
    return found


async def rename(ctx: Context, worker: str, label: str) -> None:
    """People call it so; "": by its own name. Raises NotFound, BadSetting."""
    if not label.isprintable():
        raise BadSetting("A worker's name is one line of letters that can be shown; choose another.")
    await member(ctx, worker)
    await ctx.ledger.label_worker(worker, label.strip())


async def rank(ctx: Context, worker: str, standing: Standing) -> None:
    """What it is to do from now on. Raises NotFound."""
    found = await member(ctx, worker)
    await ctx.ledger.rank_worker(worker, standing)
    log.event("worker.ranked", worker=worker, name=found.worker.called, standing=standing.value)
    if standing is Standing.BANNED:
        await take_all(ctx, worker)


async def take_all(ctx: Context, worker: str) -> None:
    """What it is at goes to others at once, and is not held against anybody."""
    await give_back(ctx, worker, Cancelled("The worker was sent home."))


async def forget(ctx: Context, worker: str) -> None:
    """Remove one that is lost. Raises NotFound, Conflict."""
    found = await member(ctx, worker)
    if not await ctx.ledger.forget_worker(worker, lost_before(ctx.policy, ctx.clock.now())):
        raise Conflict(f"The worker {found.worker.called} was heard of just now; only a lost one can be removed.")
    log.event("worker.forgotten", worker=worker, name=found.worker.called)


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
    elif worker.paused and not lost:
        condition = Condition.PAUSED
    nothing = Deeds(worker.id, 0, 0, 0, 0.0, 0.0)
    return Member(worker, condition, deeds or nothing, tuple(sorted(doings, key=lambda doing: doing.task)))


def is_agent(worker: Worker) -> bool:
    """Whether it is no splitter or joiner, which tell nothing of their machine."""
    return bool(worker.machine) or not worker.local


def arch(worker: Worker) -> str:
    """The family of its processor: arm64, arm (of 32 bits), x86, or what it is called."""
    name = str(worker.machine.get("arch", "")).lower()
    if name.startswith(("arm64", "aarch64")):
        return "arm64"
    if name.startswith("arm"):
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
    if arch(worker).startswith("arm") and isinstance(cores, int) and cores <= 8:
        return "board"
    return "unknown"
