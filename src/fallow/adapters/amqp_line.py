"""A connection to a RabbitMQ cluster: to whichever of its nodes answers, and anew after it is lost."""

from __future__ import annotations

import asyncio
import itertools
import logging
import random
import urllib.parse
from collections.abc import Awaitable, Iterator
from dataclasses import dataclass, field
from typing import TypeVar, cast

import aio_pika
import aiormq
from aio_pika.abc import AbstractChannel, AbstractConnection
from aio_pika.exceptions import AMQPError, AuthenticationError, ProbableAuthenticationError
from aiormq.exceptions import ConnectionNotAllowed, InvalidFrameError
from yarl import URL

from fallow import log
from fallow.errors import BadSetting, Unavailable

# What a lost connection or channel looks like from within; aio-pika tells of closed ones by RuntimeError.
LOST = (AMQPError, OSError, RuntimeError, TimeoutError)
STEP_SECONDS = 10.0  # for one question to the broker; a node that takes longer is left for another
_CONNECT_SECONDS = 5.0
_CLOSE_SECONDS = 3.0
_HEARTBEAT = 10  # seconds; a node that dies without a word is noticed after about three of them
_SILENT_QUEUES = 3
_PORTS = {"amqp": 5672, "amqps": 5671}
# Their warnings would be printed by default; what matters of them is told here.
for _name in ("aio_pika", "aiormq"):
    logging.getLogger(_name).addHandler(logging.NullHandler())
# It answers, and does not want us: a wrong user, password or virtual host.
_REFUSED = (AuthenticationError, ProbableAuthenticationError, ConnectionNotAllowed)
_SHORTEST, _LONGEST = 0.1, 5.0  # seconds between attempts

T = TypeVar("T")


class Refused(Unavailable):
    """Every node answers, and refuses us."""


@dataclass(frozen=True)
class Address:
    """Where a cluster is. Shown without its password, wherever it is shown."""

    scheme: str
    nodes: tuple[tuple[str, int], ...]
    vhost: str = "/"
    user: str = "guest"
    password: str = field(default="guest", repr=False)

    def __str__(self) -> str:
        hosts = ",".join(f"{host}:{port}" for host, port in self.nodes)
        return f"{self.scheme}://{hosts}/{urllib.parse.quote(self.vhost, safe='')}"


def parse(url: str) -> Address:
    """An address of amqp://USER:PASSWORD@HOST:PORT,HOST:PORT/VHOST. Raises BadSetting, which tells no password."""
    scheme, _, rest = url.partition("://")
    authority, _, path = rest.partition("/")
    login, _, hosts = authority.rpartition("@")
    user, _, password = login.partition(":")
    if scheme not in _PORTS or "?" in path or "#" in path:
        raise BadSetting("The queue's URL makes no sense; write amqp://USER:PASSWORD@HOST:PORT/VHOST.")
    unquote = urllib.parse.unquote
    nodes = tuple(_node(host, _PORTS[scheme]) for host in hosts.split(","))
    return Address(scheme, nodes, unquote(path) or "/", unquote(user) or "guest", unquote(password) or "guest")


def _node(text: str, port: int) -> tuple[str, int]:
    try:
        parts = urllib.parse.urlsplit(f"//{text.strip()}")
        if parts.hostname:
            return parts.hostname, parts.port or port
    except ValueError:
        pass
    raise BadSetting("The queue's URL has a host that makes no sense; write HOST:PORT, with commas between.")


def node_url(address: Address, host: str, port: int, purpose: str) -> URL:
    """One node of a cluster, in the words of the library. It has the password."""
    user, password, vhost = (
        urllib.parse.quote(text, safe="") for text in (address.user, address.password, address.vhost)
    )
    host = f"[{host}]" if ":" in host else host
    query = urllib.parse.urlencode({"heartbeat": _HEARTBEAT, "name": f"fallow {purpose}"})
    return URL(f"{address.scheme}://{user}:{password}@{host}:{port}/{vhost}?{query}")


def told(error: BaseException, address: Address) -> str:
    """What went wrong: no library's message gets a password out."""
    text = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    for secret in {address.password, urllib.parse.quote(address.password, safe="")} - {"", "guest"}:
        text = text.replace(secret, "***")
    return text


def pauses() -> Iterator[float]:
    """Seconds to wait before each new attempt: longer each time, and not the same for everybody."""
    for number in itertools.count():
        yield random.uniform(0.5, 1.0) * min(_LONGEST, _SHORTEST * 2 ** min(number, 10))  # noqa: S311


def outcome(asked: asyncio.Future[T]) -> T:
    """What a question to the broker has come to. Raises one of LOST."""
    error = None if asked.cancelled() else asked.exception()
    if asked.cancelled() or type(error) is Exception:  # so the library ends what a lost connection leaves
        raise ConnectionError("the connection was lost")
    return asked.result()


class Line:
    """One connection at a time, opened when it is needed."""

    def __init__(self, address: Address, purpose: str) -> None:
        self._address, self._purpose = address, purpose
        # Every process begins with another node, and goes round.
        nodes = random.sample(address.nodes, len(address.nodes))
        self._nodes = itertools.cycle(nodes)
        self._connection: AbstractConnection | None = None
        self._turn = asyncio.Lock()
        self._attempt = 0
        self._failure: Unavailable | None = None  # of the last attempt
        self._silent: set[str] = set()  # queues that did not answer, since one last did
        self._closed = False

    async def channel(self) -> AbstractChannel:
        """A new channel with publisher confirms. Raises one of LOST, or Unavailable."""
        connection = await self.connect()
        return await self.ask(connection.channel(publisher_confirms=True, on_return_raises=True))

    async def taking_channel(self) -> aiormq.Channel:
        """A new channel of the library below, which costs less for each message."""
        return await self._bare_channel(publisher_confirms=False)

    async def sending_channel(self) -> aiormq.Channel:
        """Such a one with publisher confirms."""
        return await self._bare_channel(publisher_confirms=True, on_return_raises=True)

    async def _bare_channel(self, **kind: bool) -> aiormq.Channel:
        connection = await self.connect()
        if connection.transport is None:
            raise ConnectionError("the connection was lost")
        return cast(aiormq.Channel, await self.ask(connection.transport.connection.channel(**kind)))

    async def ask(self, question: Awaitable[T]) -> T:
        """The broker's answer. A connection that brings none for long is given up. Raises one of LOST.

        Who is cancelled cancels the question, and the library closes its channel then.
        """
        connection = self._connection
        asking = asyncio.ensure_future(question)
        try:
            while not (await asyncio.wait([asking], timeout=STEP_SECONDS))[0]:
                if not await self.blocked():
                    await self.drop(connection)
                    raise TimeoutError(f"no answer for {STEP_SECONDS:g} s")
        finally:
            asking.cancel()
        return outcome(asking)

    async def answer(self, question: Awaitable[T], seconds: float) -> T:
        """The broker's answer within so long; else the library closes the channel. Raises one of LOST."""
        asking = asyncio.ensure_future(question)
        try:
            if not (await asyncio.wait([asking], timeout=seconds))[0]:
                raise TimeoutError(f"no answer for {seconds:g} s")
        finally:
            asking.cancel()
        return outcome(asking)

    def answered(self) -> None:
        self._silent.clear()

    async def unanswered(self, queue: str) -> None:
        """One queue may have lost its leader; when several say nothing, another node is tried."""
        self._silent.add(queue)
        if len(self._silent) >= _SILENT_QUEUES:
            self._silent.clear()
            await self.drop()

    @property
    def connection(self) -> AbstractConnection | None:
        """The one that there is, unless it is lost."""
        found = self._connection
        # What the library calls closed is what we closed; of one that is lost, only what lies below knows.
        lost = found is None or found.transport is None or found.transport.connection.is_closed
        return None if lost else found

    async def connect(self) -> AbstractConnection:
        """The connection, opened unless it is. Raises Unavailable."""
        attempt = self._attempt
        async with self._turn:
            if self._failure and self._attempt > attempt:  # of the attempt that was waited for
                raise type(self._failure)(str(self._failure))
            if not self._closed and self.connection is None:
                await self.drop()
                self._attempt += 1
                self._failure = None
                try:
                    self._connection = await self._open()
                except Unavailable as error:
                    self._failure = error
                    raise
            if self._closed:  # while it was being opened, perhaps
                await self.drop()
            if (found := self.connection) is None:
                raise Unavailable(
                    "The queue is closed." if self._closed else "The connection to RabbitMQ was lost."
                )
            return found

    async def blocked(self) -> bool:
        """Whether the broker takes no messages for now, as it runs out of memory or disk space."""
        connection = self.connection
        if connection is None or connection.transport is None:
            return False
        try:
            await asyncio.wait_for(connection.transport.ready(), 0.1)
        except TimeoutError:
            return self.connection is connection
        return False

    async def drop(self, connection: AbstractConnection | None = None) -> None:
        """Leave a node that does not answer, unless that has been done: what it may still send is for nobody."""
        if connection is not None and connection is not self._connection:
            return
        connection, self._connection = self._connection, None
        if connection is None:
            return
        closing = asyncio.ensure_future(connection.close())
        done, _ = await asyncio.wait([closing], timeout=_CLOSE_SECONDS)
        closing.cancel()
        if done and not closing.cancelled() and (error := closing.exception()):
            log.event("queue.closed", self.told(error))

    async def close(self) -> None:
        """For good."""
        self._closed = True
        await self.drop()

    def told(self, error: BaseException) -> str:
        return told(error, self._address)

    async def _open(self) -> AbstractConnection:
        problems, refused = [], True
        for _ in self._address.nodes:
            host, port = next(self._nodes)
            try:
                async with asyncio.timeout(_CONNECT_SECONDS):
                    found = await aio_pika.connect(node_url(self._address, host, port, self._purpose))
            except LOST as error:
                closed = isinstance(error, InvalidFrameError) and "Connection.Close" in str(error)
                reason = "there is no such virtual host, or it is not for this user" if closed else self.told(error)
                problems.append(f"{host}:{port}: {reason}")
                refused = refused and (closed or isinstance(error, _REFUSED))
                continue
            log.event("queue.connected", node=f"{host}:{port}", purpose=self._purpose)
            return found
        kind = Refused if refused else Unavailable
        raise kind(
            f"No RabbitMQ can be used at {self._address} as {self._address.user} ({'; '.join(problems)});"
            " see that it runs, and that user, password and virtual host are right."
        )
