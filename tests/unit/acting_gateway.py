"""A real HTTP server that plays the gateway to an agent, and agents to try on it."""

from __future__ import annotations

import contextlib
import hashlib
import http.server
import json
import os
import select
import shlex
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

from fallow.ffmpeg.locate import find
from fallow.messages import LeaseGrant, Registration, to_wire
from fallow.model import Colour, TaskKind
from fallow.recipe import Encoder, Trial, VideoRecipe
from fallow.worker.agent import Agent
from fallow.worker.means import Means
from fallow.worker.source import GatewaySource

FRAMES = 50
JOIN = "let-me-in"
RECIPE = VideoRecipe(
    container="mpegts",
    output="mpegts",
    frames=FRAMES,
    start=Fraction(499, 50),
    end=None,
    guard=0,
    context_start=None,
    context_end=None,
    deinterlace=False,
    rotation=0,
    width=320,
    height=240,
    scaled=False,
    sample_aspect=Fraction(1),
    time_base=Fraction(1, 90000),
    rate=Fraction(25),
    encoder=Encoder("libx264", "yuv420p", "ultrafast", 250, crf=23.0),
    colour=Colour(),
)
# Long enough to be looked at; and so long that it must be stopped.
SLOW = replace(RECIPE, encoder=replace(RECIPE.encoder, preset="veryslow"), width=640, height=480)
ENDLESS = replace(RECIPE, encoder=replace(RECIPE.encoder, preset="placebo", crf=1.0), width=1920, height=1080)
# As when the splitter had counted more frames than there are, or less.
TOO_MANY = replace(RECIPE, frames=FRAMES + 3)
TOO_FEW = replace(RECIPE, frames=FRAMES - 1)


@dataclass
class Faults:
    """What the gateway does wrong, or has to say no to."""

    cut_get: bool = False  # no more than the first 48 %, however often it is asked for
    break_get: int = 0  # so many times, after another quarter
    ranges: bool = True  # knows how to send the rest of an object
    flip_get: bool = False
    get_status: int = 200
    put_status: int = 201
    put_early: bool = False  # answer before the body was read
    break_put: int = 0  # so many times, after the first bytes
    unheard_put: bool = False  # once, what was stored is not acknowledged
    away_put: list[int] = field(default_factory=list)  # statuses of the next uploads
    deliver: list[int] = field(default_factory=list)  # statuses of the next deliveries
    fail: list[int] = field(default_factory=list)  # statuses of the next leases that are given back
    renew: int = 200
    over: str = ""  # a lease that is
    tokens_lost: bool = False
    sent_home: str = ""  # what every agent is told instead of an answer
    join_refused: bool = False


class Gateway:
    """The platform's end of the agent API, in a thread, with one object to fetch."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.faults = Faults()
        self.trials: list[Trial] = []  # that who registers is to try
        self.grants: list[LeaseGrant] = []
        self.stored: dict[str, bytes] = {}
        self.events: list[tuple[str, Any]] = []
        self.tokens: set[str] = set()
        self.connections: list[socket.socket] = []
        self._lock = threading.Lock()
        self._server: http.server.ThreadingHTTPServer | None = None
        self.port = 0
        self.start()

    def start(self) -> None:
        gateway = self

        class Bound(Handler):
            owner = gateway

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True
            allow_reuse_address = True
            request_queue_size = 50

            def process_request(self, request: Any, client_address: Any) -> None:
                gateway.connections.append(request)
                super().process_request(request, client_address)

            def handle_error(self, request: object, client_address: object) -> None:
                """A connection that breaks is what is tested here."""

        self._server = Server(("127.0.0.1", self.port), Bound)
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self) -> None:
        """As a process ends that is killed: with all its connections."""
        if self._server:
            self._server.shutdown()
            self._server.server_close()
            self._server = None
        while self.connections:
            with contextlib.suppress(OSError):
                self.connections.pop().shutdown(socket.SHUT_RDWR)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def offer(self, recipe: Any, kind: TaskKind = TaskKind.VIDEO, **changes: Any) -> str:
        with self._lock:
            lease = f"lease{len(self.events)}x{len(self.grants)}"
            grant = LeaseGrant(
                lease=lease,
                task="task",
                job="job",
                kind=kind,
                attempt=1,
                recipe=to_wire(recipe) if not isinstance(recipe, dict) else recipe,
                get_url="/blobs/chunk?signature=1",
                get_bytes=len(self.data),
                get_sha256=hashlib.sha256(self.data).hexdigest(),
                put_url=f"/blobs/{lease}?signature=2",
                renew_seconds=0.2,
                deadline_seconds=60.0,
            )
            self.grants.append(replace(grant, **changes))
        return lease

    def offer_together(self, recipes: Sequence[Any]) -> list[str]:
        """All in one lease."""
        others = len(self.grants)
        leases = [self.offer(recipe) for recipe in recipes]
        first, *more = self.grants[others:]
        with self._lock:
            self.grants[others:] = [replace(first, more=tuple(more))]
        return leases

    def note(self, what: str, value: Any) -> None:
        with self._lock:
            self.events.append((what, value))

    def seen(self, what: str) -> list[Any]:
        with self._lock:
            return [value for name, value in self.events if name == what]

    def wait(self, what: str, times: int = 1, seconds: float = 30.0) -> Any:
        until(lambda: len(self.seen(what)) >= times, seconds, f"{what}, but only {[n for n, _ in self.events]}")
        return self.seen(what)[times - 1]


class Handler(http.server.BaseHTTPRequestHandler):
    owner: Gateway
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:
        pass

    def answer(self, status: int, body: Any = None) -> None:
        data = b"" if body is None else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_GET(self) -> None:
        faults, data = self.owner.faults, self.owner.data
        if faults.get_status != 200:
            return self.answer(faults.get_status, {"title": "No."})
        if faults.flip_get:
            data = data[:100_000] + bytes([data[100_000] ^ 1]) + data[100_001:]
        start = int(self.headers["Range"][6:-1]) if faults.ranges and "Range" in self.headers else 0
        self.owner.note("get", start)
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(data) - start))
        self.end_headers()
        end = len(data)
        if faults.break_get:
            end = len(data) * (4 - faults.break_get) // 4
            faults.break_get -= 1
            self.close_connection = True
        if faults.cut_get:
            end = len(data) * 48 // 100
            self.close_connection = True
        self.wfile.write(data[start:end])
        return None

    def do_PUT(self) -> None:
        faults, name = self.owner.faults, self.path.split("/")[-1].split("?")[0]
        if faults.put_early:
            self.close_connection = True
            return self.answer(faults.put_status, {"title": "There is no room left."})
        self.owner.note("put", "whole" if "Content-Length" in self.headers else "chunked")
        self.owner.note("put path", self.path)
        self.owner.note("put kind", self.headers.get("x-ms-blob-type", ""))
        if faults.break_put:
            faults.break_put -= 1
            self.rfile.read(1000)
            self.owner.note("broken", name)
            self.close_connection = True
            return None
        body = self._whole() if "Content-Length" in self.headers else self._chunked()
        if body is None:
            self.owner.note("cut", name)
            self.close_connection = True
            return None
        if faults.away_put:
            return self.answer(faults.away_put.pop(0))
        if name in self.owner.stored:
            return self.answer(409, {"title": "It is there already."})
        if faults.put_status == 201:
            self.owner.stored[name] = body
        if faults.unheard_put:
            faults.unheard_put, self.close_connection = False, True
            return None
        return self.answer(faults.put_status, {"title": "There is no room left."})

    def _whole(self) -> bytes | None:
        size = int(self.headers["Content-Length"])
        with contextlib.suppress(OSError):
            body = self.rfile.read(size)
            return body if len(body) == size else None
        return None

    def _chunked(self) -> bytes | None:
        """The whole body; None when it did not come to its end."""
        body = b""
        with contextlib.suppress(OSError, ValueError):
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            if self.rfile.readline() == b"\r\n":
                return body
        return None

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        token = self.headers["Authorization"].removeprefix("Bearer ")
        verb = self.path.split("/")[-1]
        if verb == "register":
            return self._register(token, body)
        if self.owner.faults.tokens_lost:
            self.owner.tokens.clear()
            self.owner.faults.tokens_lost = False
        if self.owner.faults.sent_home:
            return self.answer(403, {"title": self.owner.faults.sent_home})
        if token not in self.owner.tokens:
            return self.answer(401, {"title": "Who are you?"})
        getattr(self, f"_{verb}")(body)
        return None

    def _register(self, token: str, body: Any) -> None:
        if token not in (JOIN, *self.owner.tokens) or self.owner.faults.join_refused:
            return self.answer(401, {"title": "This is not the join token."})
        self.owner.note("register", body)
        made = f"token{len(self.owner.seen('register'))}"
        self.owner.tokens.add(made)
        return self.answer(200, {"worker": "w1", "token": made, "trials": to_wire(self.owner.trials)})

    def _calibration(self, body: Any) -> None:
        self.owner.note("calibration", body)
        self.answer(204)

    def _lease(self, body: Any) -> None:
        self.owner.note("lease", body)
        end = time.monotonic() + body["wait_seconds"]
        while time.monotonic() < end:
            with self.owner._lock:
                if self.owner.grants:
                    return self.answer(200, to_wire(self.owner.grants.pop(0)))
            if self._hung_up(0.02):
                self.owner.note("hung up", body)
                self.close_connection = True
                return None
        return self.answer(204)

    def _hung_up(self, seconds: float) -> bool:
        """Whether nobody waits for the answer any more; looked at for so long."""
        readable, _, _ = select.select([self.connection], [], [], seconds)
        with contextlib.suppress(OSError):
            return bool(readable) and not self.connection.recv(1, socket.MSG_PEEK)
        return True

    def _renew(self, body: Any) -> None:
        self.owner.note("renew", body)
        self.owner.note("renewed", self.path.split("/")[-2])
        over = self.path.split("/")[-2] == self.owner.faults.over
        self.answer(410 if over else self.owner.faults.renew, {"stop": False})

    def _deliver(self, body: Any) -> None:
        status = self.owner.faults.deliver.pop(0) if self.owner.faults.deliver else 200
        self.owner.note("deliver" if status == 200 else "refused", body)
        self.answer(status, {"first": True} if status == 200 else {"title": "The part is refused."})

    def _fail(self, body: Any) -> None:
        if self.owner.faults.fail:
            return self.answer(self.owner.faults.fail.pop(0), {"title": "Not now."})
        self.owner.note("failed", self.path.split("/")[-2])
        self.owner.note("fail", body)
        return self.answer(204)


def until(true: Callable[[], bool], seconds: float = 30.0, what: str = "that") -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, f"waited {seconds} s for {what}"
        time.sleep(0.02)


@contextlib.contextmanager
def agent(gateway: Gateway, binary: str = "", away: float = 60.0, **more: Any) -> Iterator[Agent]:
    means = Means(binary or find(), "9.0-test", slots=1, threads=1, wait_seconds=0.5, away_seconds=away, **more)
    made = Agent(GatewaySource(gateway.url, JOIN), Registration("me"), means)
    thread = threading.Thread(target=made.run)
    thread.start()
    try:
        yield made
    finally:
        made.abort()
        thread.join(10)
        assert not thread.is_alive()
        assert no_ffmpeg_is_left()


def ffmpeg_pids(parent: int) -> list[int]:
    """The FFmpeg processes that run as children of that process."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            state, ppid = (folder / "stat").read_text().rsplit(")", 1)[1].split()[:2]
            started = b"pipe:0" in (folder / "cmdline").read_bytes()
            if int(ppid) == parent and state != "Z" and started:
                found.append(int(folder.name))
    return found


def no_ffmpeg_is_left() -> bool:
    return not ffmpeg_pids(os.getpid())


def stub(tmp_path: Path, body: str) -> str:
    """A program that is not FFmpeg."""
    path = tmp_path / "stub"
    # By way of the shell: no path with a space can stand behind #!.
    program = shlex.quote(f"import os, sys, time\n{body}\n")
    path.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -c {program} "$@"\n')
    path.chmod(0o755)
    return str(path)
