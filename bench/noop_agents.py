"""Agents that do nothing: each keeps one connection to a gateway, leases, puts a finished part, and delivers.

Usage: noop_agents.py URL TOKEN AGENTS PART STORE [MOST]. It prints "ready" when all have registered, begins when
it reads a line, ends when it reads another, and then prints what it did as JSON. It is cheap on purpose, as it
shares a machine with the gateway: one process, no HTTP library. With a folder as STORE it links the part into
that under the lease's key, as an upload to a bucket passes the gateway by; with "-" it uploads through the
gateway. An agent asks for MOST tasks a lease, by default one, and delivers them one after another.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import resource
import sys
import time
import urllib.parse
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

WAIT_SECONDS = 20
FRAMES = 12  # of the part


@dataclass
class Crew:
    """What all agents share."""

    host: str
    token: str
    part: Path
    store: Path | None
    most: int = 1  # tasks in one lease
    data: bytes = b""
    delivery: bytes = b""
    go: asyncio.Event = field(default_factory=asyncio.Event)
    registered: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(0))
    granted: int = 0  # tasks
    begun: int = 0  # deliveries, answered or not
    answers: Counter[str] = field(default_factory=Counter)  # by step and status
    first: int = 0  # deliveries that were the first of their task
    leasing: list[float] = field(default_factory=list)  # seconds of each answered lease
    delivering: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.data = self.part.read_bytes()
        effort = {"wall_seconds": 1.0, "cpu_seconds": 1.0, "frames": FRAMES, "bytes_in": 1, "bytes_out": 1}
        digest = hashlib.sha256(self.data).hexdigest()
        delivery = {"size": len(self.data), "sha256": digest, "frames": FRAMES, "effort": effort}
        self.delivery = json.dumps(delivery).encode()
        # So fast that what it may have does not end with how long that would take.
        asked = {"wait_seconds": WAIT_SECONDS, "most": self.most, "speeds": {"libx264": 1e6}}
        self.lease = json.dumps(asked if self.most > 1 else {"wait_seconds": WAIT_SECONDS}).encode()


class Agent(asyncio.Protocol):
    """One agent: every answer brings the next request."""

    def __init__(self, crew: Crew, number: int) -> None:
        self._crew, self._number = crew, number
        self._token = crew.token
        self._buffer = b""
        self._then: Callable[[int, bytes], None] = self._registered
        self._grant: dict[str, Any] = {}
        self._more: list[dict[str, Any]] = []  # that were granted with it
        self._asked = 0.0

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        hello = {"name": f"noop-{self._number}", "machine": {"cores": 1}}
        self._post("register", json.dumps(hello).encode(), self._registered)

    def connection_lost(self, error: Exception | None) -> None:
        self._crew.answers["lost connection"] += 1

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, found, body = self._buffer.partition(b"\r\n\r\n")
        if not found:
            return
        status = int(head[9:12])
        place = head.lower().find(b"content-length:")
        length = int(head[place + 15 :].split(b"\r\n", 1)[0]) if place >= 0 else 0
        if len(body) >= length:
            self._buffer = body[length:]
            self._crew.answers[f"{self._then.__name__[1:]} {status}"] += 1
            self._then(status, body[:length])

    def ask(self) -> None:
        self._post("lease", self._crew.lease, self._leased)

    def _registered(self, _status: int, body: bytes) -> None:
        self._token = json.loads(body)["token"]
        self._crew.registered.release()

    def _leased(self, status: int, body: bytes) -> None:
        if status != 200:
            self.ask()
            return
        self._crew.leasing.append(time.perf_counter() - self._asked)
        first = json.loads(body)
        self._more = [first, *first["more"]][::-1]
        self._crew.granted += len(self._more)
        self._work()

    def _work(self) -> None:
        """On the next one that was granted."""
        self._grant = self._more.pop()
        if self._crew.store is None:
            self._request("PUT", self._grant["put_url"], self._crew.data, self._put)
            return
        key = urllib.parse.urlsplit(self._grant["put_url"]).path.partition("/blobs/v1/")[2]
        place = self._crew.store / key
        try:
            os.link(self._crew.part, place)
        except FileNotFoundError:
            place.parent.mkdir(parents=True, exist_ok=True)
            os.link(self._crew.part, place)
        self._deliver()

    def _put(self, _status: int, _body: bytes) -> None:
        self._deliver()

    def _deliver(self) -> None:
        self._crew.begun += 1
        self._post(f"leases/{self._grant['lease']}/deliver", self._crew.delivery, self._delivered)

    def _delivered(self, status: int, body: bytes) -> None:
        self._crew.delivering.append(time.perf_counter() - self._asked)
        self._crew.first += status == 200 and json.loads(body)["first"]
        if self._more:
            self._work()
        else:
            self.ask()

    def _post(self, path: str, body: bytes, then: Callable[[int, bytes], None]) -> None:
        self._request("POST", f"/agent/v1/{path}", body, then)

    def _request(self, method: str, path: str, body: bytes, then: Callable[[int, bytes], None]) -> None:
        head = (
            f"{method} {path} HTTP/1.1\r\nHost: {self._crew.host}\r\nAuthorization: Bearer {self._token}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        self._then, self._asked = then, time.perf_counter()
        self._transport.write(head.encode() + body)


def share(values: list[float], part: float) -> float:
    """The value, in ms, that this part of them does not exceed."""
    return round(1000 * sorted(values)[int(part * (len(values) - 1))], 1) if values else 0.0


async def work(url: str, token: str, count: int, part: Path, store: Path | None, most: int) -> None:
    where = urllib.parse.urlsplit(url)
    crew = Crew(where.netloc, token, part, store, most)
    loop = asyncio.get_running_loop()
    agents = []
    for number in range(count):
        _, agent = await loop.create_connection(lambda n=number: Agent(crew, n), where.hostname, where.port)
        agents.append(agent)
        await crew.registered.acquire()
    print("ready", flush=True)
    await loop.run_in_executor(None, sys.stdin.readline)
    for agent in agents:
        agent.ask()
    await loop.run_in_executor(None, sys.stdin.readline)
    while len(crew.delivering) < crew.begun:  # noqa: ASYNC110 - once, at the end
        await asyncio.sleep(0.05)
    used = resource.getrusage(resource.RUSAGE_SELF)
    told = {
        "first": crew.first,
        "tasks a lease": round(crew.granted / len(crew.leasing), 2) if crew.leasing else 0.0,
        "answers": dict(crew.answers),
        "cpu": used.ru_utime + used.ru_stime,
        "lease_ms": [share(crew.leasing, 0.5), share(crew.leasing, 0.99)],
        "deliver_ms": [share(crew.delivering, 0.5), share(crew.delivering, 0.99)],
    }
    print(json.dumps(told), flush=True)


if __name__ == "__main__":
    address, join_token, agents_wanted, part_file, folder, *several = sys.argv[1:]
    try:
        import uvloop

        run = uvloop.run
    except ModuleNotFoundError:
        run = asyncio.run
    place_of_parts = None if folder == "-" else Path(folder)
    tasks_a_lease = int(several[0]) if several else 1
    run(work(address, join_token, int(agents_wanted), Path(part_file), place_of_parts, tasks_a_lease))
