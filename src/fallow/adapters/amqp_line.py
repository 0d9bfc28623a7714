"""A connection to a RabbitMQ cluster: to whichever of its nodes answers, and anew after it is lost."""

from __future__ import annotations

import asyncio
import itertools
import logging
import random
import urllib.parse
from collections.abc import Iterator
from dataclasses import dataclass, field

import aio_pika
from aio_pika.abc import AbstractChannel, AbstractConnection
from aio_pika.exceptions import AMQPError
from yarl import URL

from fallow import log
from fallow.errors import BadSetting, Unavailable

# What a lost connection or channel looks like from within; aio-pika tells of closed ones by RuntimeError.
LOST = (AMQPError, OSError, RuntimeError, TimeoutError)
STEP_SECONDS = 10.0  # for one question to the broker; a node that takes longer is left for another
_CONNECT_SECONDS = 5.0
_CLOSE_SECONDS = 3.0
_HEARTBEAT = 10  # seconds; a node that dies without a word is noticed after about three of them
_PORTS = {"amqp": 5672, "amqps": 5671}
# Their warnings would be printed by default; what matters of them is told here.
for _name in ("aio_pika", "aiormq"):
    logging.getLogger(_name).addHandler(logging.NullHandler())
_SHORTEST, _LONGEST = 0.1, 5.0  # seconds between attempts


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


class Line:
    """One connection at a time, opened when it is needed."""

    def __init__(self, address: Address, purpose: str) -> None:
        self._address, self._purpose = address, purpose
        # Every process begins with another node, and goes round.
        nodes = random.sample(address.nodes, len(address.nodes))
        self._nodes = itertools.cycle(nodes)
        self._connection: AbstractConnection | None = None
        self._turn = asyncio.Lock()
        self._closed = False

    async def channel(self) -> AbstractChannel:
        """A new channel with publisher confirms. Raises one of LOST, or Unavailable."""
        connection = await self.connect()
        try:
            async with asyncio.timeout(STEP_SECONDS):
                return await connection.channel(publisher_confirms=True, on_return_raises=True)
        except TimeoutError:
            await self.drop()
            raise

    async def connect(self) -> AbstractConnection:
        """The connection, opened unless it is. Raises Unavailable."""
        async with self._turn:
            if not self._closed and (self._connection is None or self._connection.is_closed):
                self._connection = await self._open()
            if self._connection is None or self._closed:  # while it was being opened, perhaps
                await self.drop()
                raise Unavailable("The queue is closed.")
            return self._connection

    async def blocked(self) -> bool:
        """Whether the broker takes no messages for now, as it runs out of memory or disk space."""
        connection = self._connection
        if connection is None or connection.is_closed or connection.transport is None:
            return False
        try:
            await asyncio.wait_for(connection.transport.ready(), 0.1)
        except TimeoutError:
            return True
        return False

    async def drop(self) -> None:
        """Leave a node that does not answer: what it may still send is for nobody. The next one is tried."""
        connection, self._connection = self._connection, None
        if connection is not None and not connection.is_closed:
            try:
                await asyncio.wait_for(connection.close(), _CLOSE_SECONDS)
            except LOST as error:
                log.event("queue.closed", self.told(error))

    async def close(self) -> None:
        """For good."""
        self._closed = True
        await self.drop()

    def told(self, error: BaseException) -> str:
        return told(error, self._address)

    async def _open(self) -> AbstractConnection:
        problems = []
        for _ in self._address.nodes:
            host, port = next(self._nodes)
            try:
                async with asyncio.timeout(_CONNECT_SECONDS):
                    found = await aio_pika.connect(node_url(self._address, host, port, self._purpose))
            except LOST as error:
                problems.append(f"{host}:{port}: {self.told(error)}")
                continue
            log.event("queue.connected", node=f"{host}:{port}", purpose=self._purpose)
            return found
        raise Unavailable(
            f"No RabbitMQ can be used at {self._address} as {self._address.user} ({'; '.join(problems)});"
            " see that it runs, and that user, password and virtual host are right."
        )
