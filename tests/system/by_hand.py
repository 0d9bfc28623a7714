"""A worker whose every step a test takes: real leases, real FFmpeg, and deliveries as good or bad as wanted."""

import asyncio
import contextlib
import http.client
import json
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

from watching import FFMPEG, seen

from fallow.messages import Delivery, Failure, LeaseRequest, Registration
from fallow.model import Effort, TaskKind
from fallow.services.consumers import Consumer
from fallow.worker.agent import Agent
from fallow.worker.means import Means
from fallow.worker.source import GatewaySource
from fallow.worker.stream import Stream

# Apart from the loop's own threads, in which the platform looks at what is delivered.
THREADS = ThreadPoolExecutor(16, thread_name_prefix="by-hand")
MEANS = Means(binary=FFMPEG, encoder="by hand", slots=2, threads=1, wait_seconds=1.0)


async def aside(function, *arguments):
    """Call it in a thread."""
    return await asyncio.get_running_loop().run_in_executor(THREADS, function, *arguments)


@contextlib.asynccontextmanager
async def working(agent):
    """A real agent at work, which is drained at the end."""
    running = threading.Thread(target=agent.run, daemon=True)
    running.start()
    yield
    agent.drain()
    await aside(running.join, 20)
    assert not running.is_alive()  # what it was at was stopped


class Hand:
    """One worker. What it made of a task can be delivered whenever, however often, and told of wrongly."""

    def __init__(self, platform, name="hand"):
        self.source = GatewaySource(platform.url, platform.join_token)
        self._name = name

    async def __aenter__(self):
        await aside(self.source.register, Registration(self._name))
        return self

    async def __aexit__(self, *_):
        pass

    async def lease(self, kind=TaskKind.VIDEO, task=""):
        """A task of that kind, or that very one; what else is offered until then is done as it should be."""
        for _ in range(100):
            grants = await aside(self.source.lease, LeaseRequest(2.0))
            if not grants:
                continue
            (grant,) = grants
            if grant.task == task or (not task and grant.kind is kind):
                return grant
            await self.deliver(grant, await self.make(grant))
        raise AssertionError("It was never offered.")

    async def make(self, grant):
        """Encode and upload; what is then to be delivered."""
        return await aside(made, grant)

    async def deliver(self, grant, delivery):
        return await aside(self.source.deliver, grant.lease, delivery)

    async def fail(self, grant, kind="retryable", message="By hand."):
        await aside(self.source.fail, grant.lease, Failure(kind, message))

    async def all_but(self, count, client, job):
        """Do video tasks until no more than that many are left, and the tracks; the leases of those left."""
        grants = []
        wanted = sum(task["kind"] == "video" for task in (await tasks(client, job)))
        while len(grants) < wanted:
            grants.append(await self.lease())
        for grant in grants[count:]:
            await self.deliver(grant, await self.make(grant))
        return grants[:count]


def made(grant):
    stream = Stream([(grant, grant.typed_recipe)], MEANS, threads=1)
    stream.make()
    uploaded = stream.parts[0].finish()
    return Delivery(uploaded.size, uploaded.sha256, uploaded.frames, Effort(1.0, 1.0, uploaded.frames))


@contextlib.asynccontextmanager
async def agent(platform, name="agent", **machine):
    """A real agent, in threads of this process."""
    worker = Agent(GatewaySource(platform.url, platform.join_token), Registration(name, machine), MEANS)
    running = threading.Thread(target=worker.run, daemon=True)
    running.start()
    yield worker
    worker.drain()
    await aside(running.join)


@contextlib.asynccontextmanager
async def nothing_joined(platform):
    """The job does not end meanwhile."""
    platform._consumers[1].drain()
    yield
    platform._loops.append(asyncio.create_task(joiner(platform).run()))


def joiner(platform):
    """Another one in the same process."""
    return Consumer(platform._ctx, TaskKind.JOIN, platform._home, platform._holds)


async def at_once(function, *arguments):
    """Call it from several threads at the same moment; what each call gave or raised."""
    ready = threading.Barrier(len(arguments))

    def one(argument):
        ready.wait()
        return function(*argument)

    calls = [aside(one, argument) for argument in arguments]
    return await asyncio.gather(*calls, return_exceptions=True)


async def tasks(client, job):
    return (await aside(client._call, "GET", f"/api/v1/jobs/{job}/tasks"))["tasks"]


async def attempt(client, job, grant):
    """What the ledger says of a lease."""
    found = [a for task in await tasks(client, job) for a in task["attempts"] if a["lease"] == grant.lease]
    return found[0]


async def expired(client, job, grant):
    """Wait until the lease has run out."""
    for _ in range(1000):
        if (await attempt(client, job, grant))["outcome"] == "expired":
            return
        await asyncio.sleep(0.02)
    raise AssertionError("The lease does not run out.")


async def split_done(client, job):
    await seen(client, job, lambda view: view.state not in ("uploading", "splitting"))


class Answer:
    """Status and sentence of an answer; 0 for none."""

    def __init__(self, status, body=b""):
        self.status = status
        with contextlib.suppress(ValueError):
            self.title = json.loads(body).get("title", "")


async def put(url, body, **headers):
    """One PUT."""
    return await aside(put_now, url, body, headers)


def put_now(url, body, headers=None):
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=20)
    with contextlib.closing(connection):
        connection.putrequest("PUT", f"{parts.path}?{parts.query}", skip_accept_encoding=True)
        for name, value in (headers or {"Content-Length": str(len(body))}).items():
            connection.putheader(name.replace("_", "-"), value)
        connection.endheaders()
        with contextlib.suppress(ConnectionError):  # refused already; the answer is there
            for at in range(0, len(body), 1 << 16):
                connection.send(body[at : at + (1 << 16)])
        response = connection.getresponse()
        return Answer(response.status, response.read())


def put_cut_off(url, header, body):
    """A PUT whose connection ends with its body unfinished."""
    parts = urlsplit(url)
    head = f"PUT {parts.path}?{parts.query} HTTP/1.1\r\nHost: {parts.netloc}\r\n{header}\r\n\r\n"
    with socket.create_connection((parts.hostname, parts.port), timeout=20) as connection:
        connection.sendall(head.encode() + body)


def chunked(body, size=1 << 16):
    pieces = [body[at : at + size] for at in range(0, len(body), size)]
    return b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces)


async def until(condition):
    for _ in range(500):
        if condition():
            return
        await asyncio.sleep(0.02)
    raise AssertionError("It did not come to pass.")
