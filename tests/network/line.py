"""A bad line, as a program: carries packets between two network devices, late, not all, and not too many at once.

Not every kernel has netem. Its settings are lines of JSON on stdin; when that ends, it tells what it has carried.
"""

from __future__ import annotations

import contextlib
import fcntl
import heapq
import itertools
import json
import os
import random
import select
import struct
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

_SETIFF, _TUN, _PLAIN = 0x400454CA, 0x0001, 0x1000  # of if_tun.h: a device of packets, with nothing before them
_MOST = 1 << 16
QUEUE_SECONDS = 0.4  # what waits for longer is dropped, as by a small router


@dataclass
class Quality:
    """Of both ways, and what may be told on stdin."""

    delay: float = 0.0  # milliseconds, one way
    jitter: float = 0.0  # milliseconds by which that is more or less
    loss: float = 0.0  # percent of the packets
    rate: float = 0.0  # megabits a second; 0: as many as come

    def take(self, told: dict[str, float]) -> None:
        for name, value in told.items():
            setattr(self, name, value)


@dataclass
class Way:
    """One direction: from a device to the other."""

    begin: int  # file descriptors
    end: int
    free: float = 0.0  # when what was sent before has gone out
    sent: int = 0  # bytes that somebody wanted to send
    carried: int = 0
    packets: int = 0
    dropped: int = 0

    def due(self, packet: bytes, quality: Quality, dice: random.Random) -> float | None:
        """When it arrives; None for never."""
        now = time.monotonic()
        self.sent, self.packets = self.sent + len(packet), self.packets + 1
        out = max(now, self.free)
        if dice.random() * 100 < quality.loss or out - now > QUEUE_SECONDS:
            self.dropped += 1
            return None
        self.carried += len(packet)
        if quality.rate:
            out = self.free = out + len(packet) * 8 / (quality.rate * 1e6)
        return out + max(0.0, quality.delay + dice.uniform(-1, 1) * quality.jitter) / 1000


@dataclass
class Line:
    """Both ways, until nobody wants it any more."""

    ways: list[Way]
    quality: Quality = field(default_factory=Quality)
    dice: random.Random = field(default_factory=lambda: random.Random(1))
    _late: list[tuple[float, int, int, bytes]] = field(default_factory=list)
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def run(self, told: int) -> None:
        by = {way.begin: way for way in self.ways}
        while True:
            wait = max(0.0, self._late[0][0] - time.monotonic()) if self._late else None
            for ready in select.select([told, *by], [], [], wait)[0]:
                if ready != told:
                    self._take(by[ready])
                elif not self._hear(told):
                    return
            self._pass_on()

    def _hear(self, told: int) -> bool:
        """What the line is to be from now on; false when nobody will tell any more."""
        text = os.read(told, _MOST)
        for line in text.splitlines():
            self.quality.take(json.loads(line))
        return bool(text)

    def _take(self, way: Way) -> None:
        with contextlib.suppress(BlockingIOError):
            packet = os.read(way.begin, _MOST)
            if (due := way.due(packet, self.quality, self.dice)) is not None:
                heapq.heappush(self._late, (due, next(self._numbers), way.end, packet))

    def _pass_on(self) -> None:
        while self._late and self._late[0][0] <= time.monotonic():
            _, _, end, packet = heapq.heappop(self._late)
            with contextlib.suppress(OSError):  # the other end is down
                os.write(end, packet)


def device(name: str) -> int:
    """A network device whose packets are read and written here, wherever it is moved to."""
    made = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(made, _SETIFF, struct.pack("16sH", name.encode(), _TUN | _PLAIN))
    return made


def main(names: list[str]) -> None:
    one, other = map(device, names)
    line = Line([Way(one, other), Way(other, one)])
    print("there", flush=True)  # noqa: T201
    line.run(sys.stdin.fileno())
    print(json.dumps([told(way) for way in line.ways]), flush=True)  # noqa: T201


def told(way: Way) -> dict[str, Any]:
    names = ("sent", "carried", "packets", "dropped")
    return {name: getattr(way, name) for name in names}


if __name__ == "__main__":
    main(sys.argv[1:])
