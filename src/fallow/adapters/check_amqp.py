"""`fallow doctor` and RabbitMQ: every node named, login, virtual host, rights, version, alarms, a message's way."""

from __future__ import annotations

import asyncio
import contextlib
import re
import time
import uuid
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import aio_pika
from aio_pika import DeliveryMode
from aio_pika.abc import AbstractChannel, AbstractConnection, AbstractQueue
from aio_pika.exceptions import AuthenticationError, DeliveryError, ProbableAuthenticationError, PublishError

from fallow.adapters.amqp_line import LOST, Address, Line, node_url, parse, told
from fallow.adapters.amqp_topology import Names
from fallow.adapters.check_network import STEP_SECONDS, Look, Trouble, merged, place, reach, unusable
from fallow.findings import BAD, GOOD, WARNING, Finding

OLDEST = (3, 10)
_KEPT = 60_000  # ms that the broker keeps a probe queue which could not be deleted

T = TypeVar("T")


@dataclass(frozen=True)
class _Node:
    """A node that let us in."""

    host: str
    port: int
    product: str
    version: str

    @property
    def place(self) -> str:
        return place(self.host, self.port)


async def check(url: str) -> list[Finding]:
    """Look at every node, then send a message through each. Raises BadSetting."""
    address = parse(url)
    found = await asyncio.gather(*(_enter(address, *node) for node in address.nodes), return_exceptions=True)
    nodes = [node for node in found if isinstance(node, _Node)]
    looks = [
        _seen(node) if isinstance(node, _Node) else unusable(place(*where), _trouble(node, address), len(nodes))
        for where, node in zip(address.nodes, found, strict=True)
    ]
    findings = merged("queue", looks)
    if nodes:
        findings.append(await _probe(address, nodes))
    return findings


async def _enter(address: Address, host: str, port: int) -> _Node:
    """Log in at one node. Raises Trouble, or one of LOST."""
    await reach(host, port)
    async with asyncio.timeout(STEP_SECONDS):
        connection = await aio_pika.connect(node_url(address, host, port, "doctor"))
    try:
        return _Node(host, port, *_said_of_itself(connection))
    finally:
        await _close(connection)


def _said_of_itself(connection: AbstractConnection) -> tuple[str, str]:
    transport: Any = connection.transport
    said = transport.connection.server_properties if transport else {}
    return _text(said.get("product", "")), _text(said.get("version", ""))


def _text(value: object) -> str:
    return value.decode(errors="replace") if isinstance(value, (bytes, bytearray)) else str(value)


def _seen(node: _Node) -> Look:
    named = f"{node.product} {node.version}"
    if node.product != "RabbitMQ":
        return Look(node.place, WARNING, f"{named} is no RabbitMQ", "Fallow is tested with RabbitMQ alone.")
    if tuple(map(int, re.findall(r"\d+", node.version)[:2])) < OLDEST:
        return Look(node.place, BAD, f"{named} is too old", "Update RabbitMQ to 3.10 or later.")
    return Look(node.place, GOOD, named)


def _trouble(error: BaseException, address: Address) -> Trouble:
    """Why a node did not let us in."""
    text = told(error, address)
    if isinstance(error, Trouble):
        return error
    if isinstance(error, TimeoutError):
        return Trouble("it takes connections, but says nothing", "See that this is RabbitMQ, and that it is well.")
    if isinstance(error, (AuthenticationError, ProbableAuthenticationError)):
        remedy = "Correct user and password in FALLOW_QUEUE_URL; guest may come from the server's machine alone."
        return Trouble(f"RabbitMQ refuses the user {address.user} or the password", remedy)
    if "OpenOk" in text:  # the library does not tell what came instead
        detail = f"the user {address.user} is not let into the virtual host {address.vhost}"
        remedy = f"Make it with `rabbitmqctl add_vhost {address.vhost}`, give rights with `{_granting(address)}`."
        return Trouble(detail, remedy)
    if isinstance(error, LOST):
        return Trouble(f"no connection as AMQP comes about ({text})", "See that this is RabbitMQ's port for it.")
    raise error


def _granting(address: Address) -> str:
    ours = r"'^fallow\..*'"
    return (
        f"rabbitmqctl set_permissions -p {address.vhost} {address.user}"
        rf" {ours} '^(fallow\..*|amq\.default)$' {ours}"
    )


async def _probe(address: Address, nodes: Sequence[_Node]) -> Finding:
    """Send messages to a queue like ours, one through each node, and take them from there."""
    lines = [Line(replace(address, nodes=((node.host, node.port),)), "doctor") for node in [nodes[0], *nodes]]
    try:
        async with asyncio.timeout((4 + 2 * len(nodes)) * STEP_SECONDS):
            took = await _way(lines[0], dict(zip((node.place for node in nodes), lines[1:], strict=True)))
    except Trouble as trouble:
        return Finding("queue", BAD, trouble.detail, trouble.remedy)
    except Exception as error:  # the library ends what a lost connection leaves with bare ones
        text = f"a message did not get through ({told(error, address)})"
        return Finding("queue", BAD, text, "See to RabbitMQ's log.")
    finally:
        await asyncio.gather(*(line.close() for line in lines))
    return Finding("queue", GOOD, f"messages go through a queue like ours, there and back in {1000 * took:.0f} ms")


async def _way(taking: Line, sending: Mapping[str, Line]) -> float:
    """The seconds of the slowest message. Raises Trouble, or one of LOST."""
    name = Names().of(f"doctor.{uuid.uuid4().hex}")
    channel = await taking.channel()
    arguments = {**Names().arguments("doctor"), "x-expires": _KEPT}
    await _step("make queues", channel.declare_queue(name, durable=True, arguments=arguments))
    slowest = 0.0
    try:
        queue = await channel.get_queue(name, ensure=False)
        for where, line in sending.items():
            out = await line.channel()
            begun = time.monotonic()
            await _send(out, line, name, where)
            await _take(queue)
            slowest = max(slowest, time.monotonic() - begun)
    finally:
        await _delete(taking, name)
    return slowest


async def _take(queue: AbstractQueue) -> None:
    message = await _step("take messages", queue.get(fail=False))
    if message is None:
        raise Trouble("a message that was sent did not arrive", "See that all its nodes are up and in step.")
    await _step("acknowledge messages", message.ack())


async def _step(what: str, doing: Awaitable[T]) -> T:
    """Raises Trouble."""
    try:
        async with asyncio.timeout(STEP_SECONDS):
            return await doing
    except TimeoutError:
        raise Trouble(f"RabbitMQ does not {what} within {STEP_SECONDS:g} s", _MAJORITY) from None
    except LOST as error:
        if found := _REFUSED.search(str(error)):
            raise Trouble(f"the user may not {what} ({found[1]})", _RIGHTS) from None
        raise


_REFUSED = re.compile(r"ACCESS_REFUSED - (.*refused for user '[^']*')")
_MAJORITY = "See that most nodes of its cluster are up: quorum queues need a majority."
_RIGHTS = (
    r"Give the user the right to configure and read fallow\..*, and to write there and to amq\.default"
    " (rabbitmqctl set_permissions)."
)


async def _send(channel: AbstractChannel, line: Line, queue: str, where: str) -> None:
    """Publish and wait for the confirmation. Raises Trouble, or one of LOST."""
    message = aio_pika.Message(b"doctor", delivery_mode=DeliveryMode.PERSISTENT)
    sending = asyncio.ensure_future(channel.default_exchange.publish(message, queue, mandatory=True))
    done, _ = await asyncio.wait([sending], timeout=STEP_SECONDS)
    if not done and await line.blocked():
        sending.cancel()
        raise Trouble("RabbitMQ takes no messages, as its memory or disk is full", "Free some; its log says which.")
    try:
        await _step("confirm messages", sending)
    except PublishError:  # returned, as there is no such queue
        detail = f"{where} is not of the cluster of the first node"
        raise Trouble(detail, "Name nodes of one cluster only, in FALLOW_QUEUE_URL.") from None
    except DeliveryError:
        raise Trouble("RabbitMQ refuses messages", _MAJORITY) from None


async def _delete(line: Line, queue: str) -> None:
    """What cannot be deleted now goes by itself in a minute."""
    with contextlib.suppress(*LOST):
        async with asyncio.timeout(STEP_SECONDS):
            channel = await line.channel()  # the other may be closed, by a refusal
            await channel.queue_delete(queue, if_unused=False, if_empty=False)


async def _close(connection: AbstractConnection) -> None:
    with contextlib.suppress(*LOST):
        await asyncio.wait_for(connection.close(), STEP_SECONDS)
