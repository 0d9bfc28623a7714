"""Devices at work: each asks, renews, delivers; now and then one vanishes without a word."""

from __future__ import annotations

import asyncio
import zlib
from dataclasses import dataclass, field

from fallow.errors import FallowError
from fallow.messages import Delivery, Failure, LeaseGrant, LeaseRequest, Renewal
from fallow.model import Effort, Worker
from fallow.pipeline import bundle, deliver, dispatch
from simulation.population import Kind, Nature
from simulation.virtual_time import BEGIN
from simulation.world import MEGAPIXELS, RATE, World

WAIT = 20.0  # seconds that a device's request for work waits
MOMENT = 0.01  # seconds: sessions and attempts end that little earlier or later
GUARDED = 3  # frames that the guard frames of a chunk take as much work as
SEEN_EVERY = 10.0  # seconds between two notes that it is there


@dataclass
class Crowd:
    """All devices: what they can do together, and what they did."""

    world: World
    nature: Nature
    devices: list[Device] = field(default_factory=list)
    speed: float = 0.0  # of all that are there, in units of work a second
    fastest: float = 0.0
    there: int = 0
    working: int = 0
    longest: float = 0.0  # work of a chunk
    leases: int = 0
    polls: int = 0  # requests for work that were answered with none
    delivered: int = 0
    late: int = 0
    stopped: int = 0
    abandoned: int = 0
    given_back: int = 0
    work: float = 0.0  # of deliveries that counted
    spent: float = 0.0  # on all attempts
    capacity: float = 0.0  # what all that were there could have done, until `_counted`
    _counted: float = 0.0
    _living: set[asyncio.Task[None]] = field(default_factory=set)

    def populate(self, count: int) -> None:
        """Some of them are there already, in the midst of a session."""
        now = self.world.ctx.clock.now() - BEGIN
        for number in range(count):
            device = Device(self, number, self.nature.kind())
            self.devices.append(device)
            if self.nature.is_there(device.kind, now):
                device.arrive(self.nature.remains())
            else:
                device.leave(now)

    def counted(self) -> float:
        """What all that were there could have done so far."""
        now = asyncio.get_running_loop().time()
        self.capacity += self.speed * (now - self._counted)
        self._counted = now
        return self.capacity

    def change(self, devices: int, speed: float) -> None:
        self.counted()
        self.there += devices
        self.speed += speed

    def keep(self, task: asyncio.Task[None]) -> None:
        self._living.add(task)
        task.add_done_callback(self._living.discard)

    async def disperse(self) -> None:
        for task in [*self._living]:
            task.cancel()
        await asyncio.gather(*self._living, return_exceptions=True)


class Device:
    """One of them."""

    __slots__ = ("_crowd", "_left", "_seen", "best", "id", "kind", "speed", "until")

    def __init__(self, crowd: Crowd, number: int, kind: Kind) -> None:
        self._crowd, self.kind = crowd, kind
        self.id = f"device-{number}"
        self.best = crowd.nature.speed(kind)
        self.speed = self.until = self._seen = 0.0
        self._left = 0.0

    def arrive(self, seconds: float) -> None:
        """For a session."""
        crowd, loop = self._crowd, asyncio.get_running_loop()
        self.speed = self.best * crowd.nature.slowed()
        self.until = loop.time() + seconds
        crowd.change(1, self.speed)
        crowd.fastest = max(crowd.fastest, self.speed)
        crowd.keep(loop.create_task(self._live()))

    def leave(self, now: float) -> None:
        self._left = now
        self._return_after(self._crowd.nature.stays_away(self.kind, now))

    def _return_after(self, seconds: float) -> None:
        asyncio.get_running_loop().call_later(seconds, self._return)

    def _return(self) -> None:
        crowd, now = self._crowd, asyncio.get_running_loop().time()
        if self.until <= now and crowd.nature.leaves(now - self._left):
            self.best = crowd.nature.speed(self.kind)  # another one comes in its place
            self.id += "'"
        self.arrive(self.until - now if self.until > now else crowd.nature.stays())

    async def _live(self) -> None:
        loop, crowd = asyncio.get_running_loop(), self._crowd
        await crowd.world.ctx.ledger.add_worker(
            Worker(self.id, self.id, {}, False, crowd.world.ctx.clock.now()), self.id
        )
        stays = True
        while stays and (left := self.until - loop.time()) > MOMENT:
            if grant := await self._ask(min(WAIT, left)):
                crowd.leases += 1
                crowd.working += 1
                try:
                    stays = await self._attempt(grant)
                finally:
                    crowd.working -= 1
            else:
                crowd.polls += 1
        crowd.change(-1, -self.speed)
        if stays:
            self.leave(loop.time())
        else:  # it comes back soon, if its session lasts
            self._left = loop.time()
            self._return_after(crowd.nature.away)

    async def _ask(self, wait: float) -> LeaseGrant | None:
        await self._note()
        ctx = self._crowd.world.ctx
        if not self._crowd.nature.tells:
            return await dispatch.lease(ctx, self.id, wait, dispatch.claim)
        worker = Worker(self.id, self.id, {}, False, ctx.clock.now())
        asked = LeaseRequest(wait, speeds={"libx264": self.speed * RATE * MEGAPIXELS})
        return await bundle.lease(ctx, worker, asked, dispatch.claim)

    async def _note(self) -> None:
        now = asyncio.get_running_loop().time()
        if now - self._seen >= SEEN_EVERY or not self._seen:
            self._seen = now
            await self._crowd.world.ctx.ledger.saw_worker(self.id)

    async def _attempt(self, grant: LeaseGrant) -> bool:
        """Whether the device is still there afterwards."""
        crowd, loop = self._crowd, asyncio.get_running_loop()
        begun, work = loop.time(), work_of(grant)
        crowd.longest = max(crowd.longest, work)
        seconds = work / self.speed
        vanishes = begun + seconds * crowd.nature.dice.random() if crowd.nature.abandons() else float("inf")
        end = min(begun + seconds, self.until, vanishes)
        wanted = await self._encode(grant, begun, begun + seconds, end)
        crowd.spent += (loop.time() - begun) * self.speed
        if not wanted:
            crowd.stopped += 1
        elif end == vanishes:
            crowd.abandoned += 1
            return False
        elif end == self.until:
            crowd.given_back += 1
            await self._give_back(grant)
        else:
            await self._deliver(grant, seconds, work)
        return True

    async def _encode(self, grant: LeaseGrant, begun: float, whole: float, end: float) -> bool:
        """Until that time; False when the platform wants it no more."""
        loop, frames = asyncio.get_running_loop(), frames_of(grant)
        while (now := loop.time()) < end - MOMENT:
            await asyncio.sleep(min(grant.renew_seconds, end - now))
            if loop.time() < end - MOMENT:
                done = (loop.time() - begun) / (whole - begun)
                await self._note()
                fps = frames / (whole - begun)
                renewed = await dispatch.renew(self._crowd.world.ctx, grant.lease, Renewal(int(done * frames), fps))
                if renewed.stop:
                    return False
        return True

    async def _deliver(self, grant: LeaseGrant, seconds: float, work: float) -> None:
        crowd, frames = self._crowd, frames_of(grant)
        told = Delivery(1000, "0" * 64, frames, Effort(seconds, seconds, frames, 1000, 1000))
        try:
            receipt = await deliver.deliver(crowd.world.ctx, self.id, grant.lease, told)
        except FallowError:  # the job has ended
            crowd.stopped += 1
            return
        crowd.delivered += receipt.first
        crowd.late += not receipt.first
        crowd.work += work * receipt.first

    async def _give_back(self, grant: LeaseGrant) -> None:
        failure = Failure("cancelled", "The device is needed by its owner.")
        await deliver.fail(self._crowd.world.ctx, self.id, grant.lease, failure)


def frames_of(grant: LeaseGrant) -> int:
    return int(grant.recipe["frames"])


def work_of(grant: LeaseGrant) -> float:
    """What a chunk takes, in seconds of 1080p: nobody knows it before, as it depends on what there is to see."""
    dice = zlib.crc32(grant.get_url.rpartition("/")[2].encode()) % 1000 / 1000
    return (frames_of(grant) + GUARDED) / RATE * (0.7 + 0.6 * dice)
