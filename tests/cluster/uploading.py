"""An upload whose line is cut at random places, and whose gateway is killed at some of them."""

from __future__ import annotations

import contextlib
import hashlib
import os
import random
import socket
import sys
import threading
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from cluster.process import Process
from fallow.client import Client
from fallow.messages import to_wire
from fallow.profiles import Profile
from fallow.tus import Watch
from servers import free_ports

MIB = 1 << 20
WAYS = ("reset", "silence", "kill")
_PIECE = 64 << 10


@dataclass
class Report:
    """How it went."""

    size: int  # bytes of the source
    sent: int = 0  # that went over the line
    cuts: list[str] = field(default_factory=list)  # in which way, in order
    lost: int = 0  # times that the client told of
    before: int = 0  # bytes of memory of the gateway before anything came
    peak: int = 0  # at most, of all its lives
    same: bool = False  # what came is what was sent


class Line:
    """A proxy that cuts its connections when so many bytes have passed in all."""

    def __init__(self, gateway: Gateway, marks: list[tuple[int, str]], report: Report) -> None:
        self._gateway, self._marks, self._report = gateway, marks, report
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._lock = threading.Lock()
        self._held: list[socket.socket] = []  # connections that nobody uses, and that nobody closed
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        for one in (self._listening, *self._held):
            one.close()

    def _accept(self) -> None:
        while True:
            try:
                here, _ = self._listening.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(here,), daemon=True).start()

    def _serve(self, here: socket.socket) -> None:
        try:
            there = socket.create_connection(("127.0.0.1", self._gateway.port), 10)
        except OSError:
            here.close()
            return
        there.settimeout(None)
        threading.Thread(target=_pump, args=(there, here), daemon=True).start()
        with contextlib.suppress(OSError):
            while data := here.recv(_PIECE):
                if way := self._cut(len(data)):
                    there.sendall(data[: len(data) // 2])
                    self._end(way, here, there)
                    return
                there.sendall(data)
        _close(here, there)

    def _cut(self, size: int) -> str:
        """Whether, and how, the line is to be cut now that so much more comes."""
        with self._lock:
            self._report.sent += size
            if not self._marks or self._report.sent < self._marks[0][0]:
                return ""
            self._report.cuts.append(way := self._marks.pop(0)[1])
            return way

    def _end(self, way: str, here: socket.socket, there: socket.socket) -> None:
        if way == "silence":  # as when a laptop is closed: its gateway hears nothing, not even an end
            self._held.append(there)
            _close(here)
            return
        if way == "kill":
            self._gateway.kill()
        _close(here, there)


class Gateway:
    """`fallow up` without workers, on a port that it keeps."""

    def __init__(self, folder: Path) -> None:
        (self.port,) = free_ports(1)
        command = [sys.executable, "-m", "fallow", "up", "--workers", "0", "--port", str(self.port)]
        environment = {name: value for name, value in os.environ.items() if not name.startswith("FALLOW_")}
        environment["FALLOW_DATA"] = str(folder / "data")
        self._process = Process("gateway", command, folder, environment, self.port)
        self.peak = 0

    def start(self) -> None:
        self._process.restart()

    def kill(self) -> None:
        """And start it again at once."""
        self.note()
        self._process.kill()
        self._process.start()

    def stop(self) -> None:
        self._process.kill()

    def note(self) -> None:
        """How much memory it has needed."""
        self.peak = max(self.peak, self.memory("VmHWM"))

    def memory(self, kind: str) -> int:
        for line in Path(f"/proc/{self._process.pid}/status").read_text().splitlines():
            if line.startswith(f"{kind}:"):
                return int(line.split()[1]) * 1024
        raise AssertionError(kind)


def trial(folder: Path, size: int, cuts: int, seed: int) -> Report:
    """Send a source of so many bytes; the line is cut so often, in every way."""
    dice, report = random.Random(seed), Report(size)
    source, digest = noise(folder / "source.bin", size, dice)
    ways = [WAYS[number % len(WAYS)] for number in range(cuts)]
    dice.shuffle(ways)
    marks = sorted(dice.sample(range(size), cuts))
    gateway = Gateway(folder)
    gateway.start()
    line = Line(gateway, list(zip(marks, ways, strict=True)), report)
    try:
        client = Client(line.url)
        job = client.create(source.name, [to_wire(Profile("small", width=64, height=64))], {}).id
        report.before = gateway.memory("VmRSS")
        client.upload(job, source, Watch(lost=lambda sentence: _count(report)))
        gateway.note()
        report.peak = gateway.peak
        report.same = fetched(f"http://127.0.0.1:{gateway.port}/api/v1/jobs/{job}/source") == digest
    finally:
        line.close()
        gateway.stop()
    return report


def noise(path: Path, size: int, dice: random.Random) -> tuple[Path, str]:
    """A file of random bytes, and its SHA-256."""
    digest = hashlib.sha256()
    with path.open("wb") as file:
        for begin in range(0, size, 16 * MIB):
            data = dice.randbytes(min(16 * MIB, size - begin))
            file.write(data)
            digest.update(data)
    return path, digest.hexdigest()


def fetched(url: str) -> str:
    """The SHA-256 of what is there."""
    digest = hashlib.sha256()
    with urllib.request.urlopen(url, timeout=60) as answer:  # noqa: S310 - on this machine
        for data in _blocks(answer):
            digest.update(data)
    return digest.hexdigest()


def _blocks(answer: object) -> Iterator[bytes]:
    while data := answer.read(MIB):  # type: ignore[attr-defined]
        yield data


def _count(report: Report) -> None:
    report.lost += 1


def _pump(whence: socket.socket, whither: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := whence.recv(_PIECE):
            whither.sendall(data)
    _close(whither)


def _close(*sockets: socket.socket) -> None:
    for one in sockets:
        with contextlib.suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)
        one.close()
