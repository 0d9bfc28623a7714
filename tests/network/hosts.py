"""Hosts that are network namespaces: what runs in one has its addresses, and no others."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import TracebackType

from network import line as program
from network.line import Quality
from servers import lacking, need

# Addresses that are meant for tests of networks, and that nobody has; two processes may do this at a time.
_HERE, _LINES = f"198.18.{os.getpid() % 250}", "198.19"
_numbers = itertools.count(1)


@dataclass
class Network:
    """A middle, which this host reaches well, and others at the ends of lines. From `with` until its end."""

    lines: dict[str, Quality]
    carried: dict[str, list[dict[str, int]]] = field(default_factory=dict)  # to the host, and from it; at the end

    def __enter__(self) -> Network:
        need("ip", "nsenter")
        if os.geteuid() or not os.path.exists("/dev/net/tun"):
            lacking("Only root, and where /dev/net/tun is, can make network namespaces with lines between them.")
        self._stack = contextlib.ExitStack()
        with contextlib.ExitStack() as making:
            self.middle = making.enter_context(_namespace("middle"))
            making.enter_context(self._reached())
            lines = {name: _Line(self.middle, name, quality) for name, quality in self.lines.items()}
            self._lines = {name: making.enter_context(line) for name, line in lines.items()}
            self._stack = making.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()
        self.carried = {name: line.carried for name, line in self._lines.items()}

    def inside(self, name: str = "") -> Sequence[str]:
        """What a command begins with that is to run on that host; "": in the middle."""
        space = self._lines[name].space if name else self.middle
        return ("nsenter", f"--net=/run/netns/{space}")

    def middle_of(self, name: str) -> str:
        """The middle's address, as that host reaches it."""
        return self._lines[name].addresses[0]

    def change(self, name: str, **quality: float) -> None:
        """Of the line to that host, from now on."""
        self._lines[name].change(**quality)

    @contextlib.contextmanager
    def _reached(self) -> Iterator[None]:
        here = f"fw{os.getpid() % 10**8}"
        self.address = f"{_HERE}.2"
        _ip("link", "add", here, "type", "veth", "peer", "name", "people", "netns", self.middle)
        try:
            for where, name, address in ((), here, f"{_HERE}.1"), (("-n", self.middle), "people", self.address):
                _ip(*where, "addr", "add", f"{address}/24", "dev", name)
                _ip(*where, "link", "set", name, "up")
            yield
        finally:
            _ip("link", "del", here)


class _Line:
    """To a host of its own, by a program."""

    def __init__(self, middle: str, name: str, quality: Quality) -> None:
        number = next(_numbers)
        self._middle, self._name, self._quality = middle, name, quality
        self.addresses = (f"{_LINES}.{number}.1", f"{_LINES}.{number}.2")
        self._devices = tuple(f"fl{os.getpid() % 10**8}{end}{number}" for end in "ab")
        self.carried: list[dict[str, int]] = []

    def __enter__(self) -> _Line:
        with contextlib.ExitStack() as making:
            self.space = making.enter_context(_namespace(self._name))
            command = [sys.executable, str(Path(program.__file__)), *self._devices]
            self._running = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            making.callback(self._end)
            assert self._running.stdout
            assert self._running.stdout.readline() == "there\n"
            ends = zip((self._middle, self.space), self._devices, self.addresses, self.addresses[::-1], strict=True)
            for space, device, own, other in ends:
                _ip("link", "set", device, "netns", space)
                _ip("-n", space, "addr", "add", own, "peer", other, "dev", device)
                _ip("-n", space, "link", "set", device, "up", "mtu", "1400")
            self.change(**asdict(self._quality))
            self._stack = making.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def change(self, **quality: float) -> None:
        assert self._running.stdin
        self._running.stdin.write(json.dumps(quality) + "\n")
        self._running.stdin.flush()

    def _end(self) -> None:
        out, _ = self._running.communicate()
        self.carried = json.loads(out)


@contextlib.contextmanager
def _namespace(name: str) -> Iterator[str]:
    """Its full name."""
    made = f"fallow-{os.getpid()}-{name}"
    _ip("netns", "add", made)
    try:
        _ip("-n", made, "link", "set", "lo", "up")
        yield made
    finally:
        _ip("netns", "del", made)


def _ip(*arguments: str) -> None:
    done = subprocess.run(["ip", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise OSError(f"ip {' '.join(arguments)} does not work here: {done.stderr.strip()}")
