"""Taking messages from RabbitMQ: at once where one is ready, else by waiting."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Iterator, Sequence

from fallow import log
from fallow.adapters.amqp_feed import Feed
from fallow.adapters.amqp_line import LOST, Line
from fallow.adapters.amqp_topology import Topology
from fallow.adapters.amqp_waiters import Taken, Waiters

EMPTY_SECONDS = 1.0  # that an empty queue is believed to be so; who waits is told of new messages all the same
_CROWD = 4  # who ask at once; others wait with them, which is cheaper for many


class Inbox:
    """The receiving half of a connection to the broker."""

    def __init__(self, line: Line, topology: Topology) -> None:
        self._line, self._topology = line, topology
        self._waiters = Waiters()
        self._feeds: dict[str, Feed] = {}
        self._empty: dict[str, float] = {}  # until when a queue is believed to be so
        self._asking = 0
        self._returning: set[asyncio.Task[None]] = set()
        self._closed = False

    def stocked(self, queues: Sequence[str]) -> Taken | None:
        """A message that is here already."""
        for queue in queues:
            if (feed := self._feeds.get(queue)) and (taken := feed.stocked()):
                return taken
        return None

    def likely(self, queues: Sequence[str]) -> Iterator[str]:
        """Those that may have a message, for who can wait; nobody misses one of the others by that."""
        for queue in queues if self._asking < _CROWD else ():
            if not self._feed(queue).consumed and self._empty.get(queue, 0.0) <= time.monotonic():
                yield queue

    def filled(self, queue: str) -> None:
        """A message is known to be there."""
        self._empty.pop(queue, None)

    async def ask(self, queues: Iterable[str]) -> Taken | None:
        """A message of the first of these queues that has one ready. Raises one of LOST, BadSetting."""
        self._asking += 1
        try:
            for queue in queues:
                if self._feed(queue).mute:
                    continue
                if taken := await self._unless_gone(queue):
                    return taken
                self._empty[queue] = time.monotonic() + EMPTY_SECONDS
            return None
        finally:
            self._asking -= 1

    async def wait(self, queues: Sequence[str], seconds: float) -> Taken | None:
        """The next message of any of the queues; None after so long, or when the inbox is closed."""
        if self._closed or (taken := self.stocked(queues)):
            return None if self._closed else taken
        with self._waiters.joined(queues, seconds) as coming:
            for queue in queues:
                if not (feed := self._feed(queue)).consumed:
                    feed.tend()
            try:
                return await coming
            except asyncio.CancelledError:
                # Who gave up waiting must not take the message along that had just been handed over.
                self._put_back(coming)
                raise

    async def nack(self, taken: Taken) -> None:
        """Raises one of LOST."""
        self.filled(taken.queue)
        await taken.give_back()

    async def close(self) -> None:
        self._closed = True
        self._waiters.dismiss()
        await asyncio.gather(*(feed.close() for feed in self._feeds.values()))
        await asyncio.gather(*self._returning, return_exceptions=True)

    def _feed(self, queue: str) -> Feed:
        if (feed := self._feeds.get(queue)) is None:
            feed = self._feeds[queue] = Feed(queue, self._line, self._topology, self._waiters)
        return feed

    async def _unless_gone(self, queue: str) -> Taken | None:
        """Taken for nobody, when who asked has gone meanwhile: it goes back then."""
        task = asyncio.ensure_future(self._feed(queue).get())
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            task.add_done_callback(self._put_back)
            raise

    def _put_back(self, coming: asyncio.Future[Taken | None]) -> None:
        """To another who waits, or to the broker."""
        taken = coming.result() if coming.done() and not coming.cancelled() and not coming.exception() else None
        if taken and not self._waiters.hand_over(taken):
            task = asyncio.ensure_future(self._give_back(taken))
            self._returning.add(task)
            task.add_done_callback(self._returning.discard)

    async def _give_back(self, taken: Taken) -> None:
        try:
            await self.nack(taken)
        except LOST as error:  # then it goes back by itself
            log.event("queue.late", self._line.told(error), queue=taken.queue)
