"""A gateway on a port of this process, and a caller who can misbehave."""

import asyncio
import contextlib
import json
import socket

from fallow import wiring
from fallow.adapters.ledger_sql import SqlLedger
from fallow.adapters.queue_memory import MemoryQueue
from fallow.adapters.store_folder import FolderStore
from fallow.pipeline.context import Context
from fallow.pipeline.hold import Holds
from fallow.services import agents_api, blobs_api, entry, front, gateway, play
from fallow.services.home import Home
from fallow.services.http_server import HttpServer


class Answer:
    def __init__(self, raw):
        head, _, self.body = raw.partition(b"\r\n\r\n")
        lines = head.decode().split("\r\n")
        self.status = int(lines[0].split()[1]) if lines[0] else 0
        self.headers = {k.lower(): v for k, _, v in (line.partition(": ") for line in lines[1:])}

    @property
    def json(self):
        return json.loads(self.body)


class Caller:
    """Speaks HTTP byte by byte, so that it can misbehave."""

    late = 0.0  # seconds that links think have passed

    def __init__(self, port):
        self.port = port

    async def send(self, method, path, body=b"", headers=None, whole=True):
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        told = {"Host": f"localhost:{self.port}", "Connection": "close", **(headers or {})}
        if isinstance(body, dict):
            body = json.dumps(body).encode()
            told["Content-Type"] = "application/json"
        if "Transfer-Encoding" not in told:
            told.setdefault("Content-Length", str(len(body)))
        lines = "".join(f"{name}: {value}\r\n" for name, value in told.items())
        writer.write(f"{method} {path} HTTP/1.1\r\n{lines}\r\n".encode() + body)
        if not whole:
            await writer.drain()
            writer.close()
            return None
        raw = b""
        try:
            with contextlib.suppress(ConnectionError):
                raw = await asyncio.wait_for(reader.read(), 60)
        finally:
            writer.close()
        return Answer(raw)

    async def get(self, path, **headers):
        return await self.send("GET", path, headers=headers)


@contextlib.asynccontextmanager
async def serving(tmp_path, api_token="", origins=(), login=entry.Login(), web=None):  # noqa: B008 - a frozen value
    clock = wiring.SystemClock()
    ledger = await SqlLedger.open(f"sqlite:///{tmp_path}/l.db")
    store, queue = FolderStore(tmp_path / "blobs"), MemoryQueue()
    links = blobs_api.SignedLinks("secret", clock.now)
    plays = play.PlayLinks("secret", 60.0, lambda: clock.now() + caller.late)
    ctx = Context(queue, store, ledger, clock, links, web=web, play_link=plays.to)
    agents = agents_api.Agents(ctx, "join me", Home("home", token="local me"), Holds(ctx))  # noqa: S106
    routes = [*agents_api.routes(agents, lambda: b"PK"), *blobs_api.routes(ctx, links)]
    routes += play.routes(ctx, plays, origins)
    listening = socket.create_server(("127.0.0.1", 0))
    people = front.Later(lambda: gateway.build(ctx, api_token, login))
    server = HttpServer(front.Guard(front.Apps(front.machines(ctx, routes), people), front.LOOPBACK_NAMES), 3.0)
    await server.begin(listening)
    caller = Caller(listening.getsockname()[1])
    caller.ctx, caller.links = ctx, links
    yield caller
    await queue.close()
    await server.end()
    await store.close()
    await ledger.close()
