"""The agent against a real HTTP server that plays the gateway: whatever fails, nothing wrong is stored."""

from __future__ import annotations

import contextlib
import hashlib
import http.server
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from fallow.ffmpeg.locate import examine, find
from fallow.messages import LeaseGrant, Registration, to_wire
from fallow.model import Colour, TaskKind
from fallow.recipe import AudioRecipe, Encoder, VideoRecipe
from fallow.worker.agent import Agent, Means
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
# As when the splitter had counted more frames than there are.
TOO_MANY = replace(RECIPE, frames=FRAMES + 3)


@pytest.fixture(scope="session")
def chunk() -> bytes:
    source = ["-f", "lavfi", "-i", "testsrc2=size=320x240:rate=25", "-frames:v", str(FRAMES)]
    encode = ["-c:v", "libx264", "-preset", "ultrafast", "-bf", "0", "-qp", "5"]
    place = ["-output_ts_offset", "10", "-muxdelay", "0", "-muxpreload", "0", "-f", "mpegts", "-"]
    done = subprocess.run([find(), "-v", "error", *source, *encode, *place], capture_output=True, check=True)
    assert len(done.stdout) > 300_000  # several times what pipes and sockets hold
    return done.stdout


@dataclass
class Faults:
    """What the gateway does wrong, or has to say no to."""

    cut_get: bool = False
    flip_get: bool = False
    get_status: int = 200
    put_status: int = 201
    put_early: bool = False  # answer before the body was read
    deliver: list[int] = field(default_factory=list)  # statuses of the next deliveries
    renew: int = 200
    tokens_lost: bool = False
    join_refused: bool = False


class Gateway:
    """The platform's end of the agent API, in a thread, with one object to fetch."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.faults = Faults()
        self.grants: list[LeaseGrant] = []
        self.stored: dict[str, bytes] = {}
        self.events: list[tuple[str, Any]] = []
        self.tokens: set[str] = set()
        self._lock = threading.Lock()
        self._server: http.server.ThreadingHTTPServer | None = None
        self.port = 0
        self.start()

    def start(self) -> None:
        gateway = self

        class Handler(_Handler):
            owner = gateway

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True
            allow_reuse_address = True
            request_queue_size = 50

            def handle_error(self, request: object, client_address: object) -> None:
                """A connection that breaks is what is tested here."""

        self._server = Server(("127.0.0.1", self.port), Handler)
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self) -> None:
        if self._server:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

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

    def note(self, what: str, value: Any) -> None:
        with self._lock:
            self.events.append((what, value))

    def seen(self, what: str) -> list[Any]:
        with self._lock:
            return [value for name, value in self.events if name == what]

    def wait(self, what: str, times: int = 1, seconds: float = 30.0) -> Any:
        until(lambda: len(self.seen(what)) >= times, seconds, f"{what}, but only {[n for n, _ in self.events]}")
        return self.seen(what)[times - 1]


class _Handler(http.server.BaseHTTPRequestHandler):
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
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if faults.cut_get:
            data = data[: len(data) * 48 // 100]
            self.close_connection = True
        self.wfile.write(data)
        return None

    def do_PUT(self) -> None:
        faults, name = self.owner.faults, self.path.split("/")[-1].split("?")[0]
        if faults.put_early:
            self.close_connection = True
            return self.answer(faults.put_status, {"title": "There is no room left."})
        body = self._chunked()
        if body is None:
            self.owner.note("cut", name)
            self.close_connection = True
            return None
        if faults.put_status == 201:
            self.owner.stored[name] = body
        return self.answer(faults.put_status, {"title": "There is no room left."})

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
        if token not in self.owner.tokens:
            return self.answer(401, {"title": "Who are you?"})
        getattr(self, f"_{verb}")(body)
        return None

    def _register(self, token: str, body: Any) -> None:
        if token != JOIN or self.owner.faults.join_refused:
            return self.answer(401, {"title": "This is not the join token."})
        self.owner.note("register", body)
        made = f"token{len(self.owner.seen('register'))}"
        self.owner.tokens.add(made)
        return self.answer(200, {"worker": "w1", "token": made})

    def _lease(self, body: Any) -> None:
        end = time.monotonic() + body["wait_seconds"]
        while time.monotonic() < end:
            with self.owner._lock:
                if self.owner.grants:
                    return self.answer(200, to_wire(self.owner.grants.pop(0)))
            time.sleep(0.02)
        return self.answer(204)

    def _renew(self, body: Any) -> None:
        self.owner.note("renew", body)
        self.answer(self.owner.faults.renew, {"stop": False})

    def _deliver(self, body: Any) -> None:
        status = self.owner.faults.deliver.pop(0) if self.owner.faults.deliver else 200
        self.owner.note("deliver" if status == 200 else "refused", body)
        self.answer(status, {"first": True} if status == 200 else {"title": "The part is refused."})

    def _fail(self, body: Any) -> None:
        self.owner.note("fail", body)
        self.answer(204)


def until(true: Callable[[], bool], seconds: float = 30.0, what: str = "that") -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, f"waited {seconds} s for {what}"
        time.sleep(0.02)


@pytest.fixture
def gateway(chunk: bytes) -> Iterator[Gateway]:
    made = Gateway(chunk)
    yield made
    made.stop()


def means(binary: str = "") -> Means:
    return Means(binary or find(), "9.0-test", slots=1, threads=1, wait_seconds=0.5)


@contextlib.contextmanager
def agent(gateway: Gateway, binary: str = "") -> Iterator[Agent]:
    made = Agent(GatewaySource(gateway.url, JOIN), Registration("me"), means(binary))
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


def test_a_task_is_done(gateway: Gateway, chunk: bytes) -> None:
    lease = gateway.offer(RECIPE)
    with agent(gateway):
        delivery = gateway.wait("deliver")
    part = gateway.stored[lease]
    assert delivery["frames"] == FRAMES
    assert (delivery["size"], delivery["sha256"]) == (len(part), hashlib.sha256(part).hexdigest())
    effort = delivery["effort"]
    assert effort["bytes_in"] == len(chunk)
    assert effort["bytes_out"] == len(part)
    assert effort["frames"] == FRAMES
    assert effort["encoder"] == "9.0-test"
    assert effort["cpu_seconds"] > 0
    assert effort["wall_seconds"] > 0
    assert not gateway.seen("fail")


def test_audio_is_not_counted(gateway: Gateway) -> None:
    source = ["-v", "error", "-f", "lavfi", "-i", "sine=duration=1", "-c:a", "flac", "-output_ts_offset", "10"]
    made = subprocess.run([find(), *source, "-f", "nut", "-"], capture_output=True, check=True)
    gateway.data = made.stdout
    lease = gateway.offer(AudioRecipe("nut", "nut", "aac", Fraction(10), Fraction(11), 64000), TaskKind.AUDIO)
    with agent(gateway):
        assert gateway.wait("deliver")["frames"] == 0
    assert gateway.stored[lease].startswith(b"nut/multimedia")


def test_progress_is_told(gateway: Gateway) -> None:
    gateway.offer(SLOW)
    with agent(gateway):
        gateway.wait("deliver", seconds=60)
    told = [renewal["frames"] for renewal in gateway.seen("renew")]
    assert told == sorted(told)
    assert any(0 < frames < FRAMES for frames in told)
    assert any(renewal["fps"] > 0 for renewal in gateway.seen("renew"))


@pytest.mark.parametrize(
    ("faults", "words"),
    [
        (Faults(cut_get=True), "The download ended after"),
        (Faults(flip_get=True), "not the ones that were stored"),
        (Faults(get_status=403), r"status 403 \(No\.\)"),
        (Faults(put_status=500), "There is no room left."),
        (Faults(put_status=507), "There is no room left."),
        (Faults(put_status=507, put_early=True), "no room left|upload broke off"),
    ],
    ids=["cut", "flipped", "forbidden", "500", "507", "507 at once"],
)
def test_a_failed_transfer_stores_nothing(gateway: Gateway, faults: Faults, words: str) -> None:
    gateway.faults = faults
    gateway.offer(RECIPE)
    with agent(gateway):
        failure = gateway.wait("fail")
        gateway.faults = Faults()
        # The agent is as good as before.
        gateway.offer(RECIPE)
        gateway.wait("deliver")
    assert failure["kind"] == "retryable"
    assert re.search(words, failure["message"])
    assert len(gateway.stored) == 1


def test_an_ffmpeg_that_is_killed_stores_nothing(gateway: Gateway) -> None:
    gateway.offer(ENDLESS)
    with agent(gateway):
        until(lambda: bool(ffmpeg_pids(os.getpid())))
        time.sleep(0.5)
        os.kill(ffmpeg_pids(os.getpid())[0], signal.SIGKILL)
        failure = gateway.wait("fail")
    assert failure["kind"] == "retryable"
    assert "signal 9" in failure["message"]
    assert not gateway.stored


def test_an_ffmpeg_that_ends_well_with_missing_frames_stores_nothing(gateway: Gateway) -> None:
    gateway.offer(TOO_MANY)
    with agent(gateway):
        failure = gateway.wait("fail")
    assert failure["kind"] == "retryable"
    assert failure["frames"] == FRAMES
    assert not gateway.stored


def test_missing_frames_may_be_accepted(gateway: Gateway) -> None:
    gateway.offer(replace(TOO_MANY, accept_damaged=True))
    with agent(gateway):
        assert gateway.wait("deliver")["frames"] == FRAMES
    assert len(gateway.stored) == 1


@pytest.mark.parametrize(
    ("program", "words"),
    [
        ("sys.stdin.buffer.read(); sys.stdout.buffer.write(b'x' * 188)", "no MPEG transport stream"),
        ("sys.stdin.buffer.read(); sys.stdout.buffer.write((b'G' + bytes(187)) * 9 + b'G')", "in the middle"),
        ("sys.stdin.buffer.read()", "0 frames where 50"),
        ("sys.exit('It hurts.')", "exit code 1: It hurts."),
    ],
    ids=["garbage", "torn", "nothing", "complaint"],
)
def test_an_ffmpeg_that_misbehaves_stores_nothing(
    gateway: Gateway, tmp_path: Path, program: str, words: str
) -> None:
    gateway.offer(RECIPE)
    with agent(gateway, stub(tmp_path, program)):
        failure = gateway.wait("fail")
    assert words in failure["message"]
    assert failure["kind"] == "retryable"
    assert not gateway.stored


def test_an_ffmpeg_that_wants_no_more_input_is_no_fault(gateway: Gateway) -> None:
    lease = gateway.offer(replace(RECIPE, frames=5, end=Fraction(509, 50)))
    with agent(gateway):
        assert gateway.wait("deliver")["effort"]["bytes_in"] == len(gateway.data)
    assert lease in gateway.stored


def test_a_lease_that_is_over_stops_ffmpeg_at_once(gateway: Gateway) -> None:
    gateway.offer(ENDLESS)
    with agent(gateway):
        until(lambda: bool(ffmpeg_pids(os.getpid())))
        gateway.faults.renew = 410
        began = time.monotonic()
        until(no_ffmpeg_is_left, 5.0)
        assert time.monotonic() - began < 3.0
        gateway.faults.renew = 200
        gateway.offer(RECIPE)
        gateway.wait("deliver")
    assert not gateway.seen("fail")
    assert len(gateway.stored) == 1


def test_an_attempt_has_a_deadline(gateway: Gateway, tmp_path: Path) -> None:
    gateway.offer(RECIPE, deadline_seconds=0.5)
    with agent(gateway, stub(tmp_path, "time.sleep(60)")):
        failure = gateway.wait("fail", seconds=5.0)
    assert "given up after" in failure["message"]
    assert failure["kind"] == "retryable"


def test_a_gateway_may_be_away_during_the_encode(gateway: Gateway) -> None:
    gateway.faults.deliver = [503]
    lease = gateway.offer(SLOW)
    with agent(gateway):
        gateway.wait("renew")
        gateway.stop()
        time.sleep(1.0)
        gateway.start()
        gateway.wait("deliver", seconds=60)
    assert lease in gateway.stored
    assert not gateway.seen("fail")


def test_a_gateway_may_come_later(gateway: Gateway) -> None:
    gateway.stop()
    gateway.offer(RECIPE)
    with agent(gateway):
        time.sleep(0.6)
        gateway.start()
        gateway.wait("deliver")


def test_a_delivery_is_told_until_it_is_heard(gateway: Gateway) -> None:
    gateway.faults.deliver = [503, 507, 500]
    gateway.offer(RECIPE)
    with agent(gateway):
        gateway.wait("deliver")
    assert len(gateway.seen("refused")) == 3
    assert not gateway.seen("fail")


@pytest.mark.parametrize(("status", "failures"), [(422, 1), (409, 0)])
def test_a_refused_delivery_is_not_repeated(gateway: Gateway, status: int, failures: int) -> None:
    gateway.faults.deliver = [status]
    gateway.offer(RECIPE)
    with agent(gateway):
        gateway.wait("refused")
        gateway.offer(RECIPE)
        gateway.wait("deliver")
    assert len(gateway.seen("refused")) == 1
    assert len(gateway.seen("fail")) == failures


@pytest.mark.parametrize(
    "recipe",
    [{"container": "mpegts"}, to_wire(replace(RECIPE, container="concat"))],
    ids=["malformed", "forbidden"],
)
def test_a_recipe_that_cannot_be_followed_is_rejected(gateway: Gateway, recipe: dict[str, Any]) -> None:
    gateway.offer(recipe)
    with agent(gateway):
        assert gateway.wait("fail")["kind"] == "rejected"
    assert not gateway.stored


def test_an_agent_registers_again_when_it_is_forgotten(gateway: Gateway) -> None:
    with agent(gateway):
        gateway.wait("register")
        gateway.faults.tokens_lost = True
        gateway.wait("register", times=2)
        gateway.offer(RECIPE)
        gateway.wait("deliver")


def test_an_idle_agent_does_not_ask_without_end(gateway: Gateway) -> None:
    asked = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_Handler, "_lease", lambda self, _body: (asked.append(1), self.answer(204)))
        with agent(gateway):
            time.sleep(1.5)
    assert 1 <= len(asked) <= 3


# As a process


def process(gateway: Gateway, *flags: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "fallow.worker", gateway.url, "--slots", "1", "--ffmpeg", find(), *flags],
        env={**os.environ, "FALLOW_TOKEN": JOIN},
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def test_the_first_signal_drains(gateway: Gateway) -> None:
    gateway.offer(SLOW)
    running = process(gateway)
    until(lambda: bool(ffmpeg_pids(running.pid)))
    gateway.offer(RECIPE)
    running.terminate()
    assert running.wait(60) == 0
    assert len(gateway.seen("deliver")) == 1
    assert len(gateway.grants) == 1


def test_the_second_signal_aborts_and_leaves_no_process(gateway: Gateway) -> None:
    gateway.offer(ENDLESS)
    running = process(gateway)
    until(lambda: bool(ffmpeg_pids(running.pid)))
    (pid,) = ffmpeg_pids(running.pid)
    running.send_signal(signal.SIGINT)
    time.sleep(0.3)
    assert running.poll() is None
    running.send_signal(signal.SIGINT)
    assert running.wait(10) == 130
    assert not alive(pid)
    assert gateway.wait("fail")["kind"] == "cancelled"
    assert not gateway.stored


def test_an_agent_dies_with_its_parent(gateway: Gateway) -> None:
    gateway.offer(ENDLESS)
    running = process(gateway, "--parent-pipe")
    until(lambda: bool(ffmpeg_pids(running.pid)))
    (pid,) = ffmpeg_pids(running.pid)
    assert running.stdin
    running.stdin.close()
    assert running.wait(5) == 130
    assert not alive(pid)


def test_ffmpeg_ends_when_its_agent_is_killed(gateway: Gateway) -> None:
    gateway.offer(SLOW)
    running = process(gateway)
    until(lambda: bool(ffmpeg_pids(running.pid)))
    (pid,) = ffmpeg_pids(running.pid)
    running.kill()
    running.wait()
    until(lambda: not alive(pid), 30.0)
    assert not gateway.stored


def test_a_wrong_token_is_told_in_a_sentence(gateway: Gateway) -> None:
    gateway.faults.join_refused = True
    running = process(gateway)
    _, said = running.communicate(timeout=20)
    assert running.returncode == 2
    assert b"This is not the join token." in said


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return False
    return state != "Z"


def test_an_agent_needs_little_memory(gateway: Gateway) -> None:
    gateway.offer(SLOW)
    running = process(gateway)
    gateway.wait("deliver", seconds=60)
    status = Path(f"/proc/{running.pid}/status").read_text()
    peak = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))
    running.terminate()
    assert running.wait(10) == 0
    assert peak <= 40_000, f"{peak} kB"


def test_ffmpeg_says_what_it_is() -> None:
    build = examine(find())
    assert build.version
    assert "libx264" in build.encoders
