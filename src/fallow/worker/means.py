"""What an agent works with."""

from __future__ import annotations

from dataclasses import dataclass, field

from fallow.worker.calibration import Calibration
from fallow.worker.energy import Energy
from fallow.worker.patience import AWAY_SECONDS
from fallow.worker.pause import Pause
from fallow.worker.traffic import Traffic
from fallow.worker.ways import Avoided


@dataclass(frozen=True)
class Means:
    """Programs, processors and patience."""

    binary: str
    encoder: str  # FFmpeg's version and build
    slots: int  # FFmpeg processes at the same time
    threads: int  # of each FFmpeg
    cores: int = 1  # of the machine: what FFmpeg may use when nothing else waits to be done
    niceness: int = 0
    wait_seconds: float = 20.0  # how long a request for work may wait at the gateway
    away_seconds: float = AWAY_SECONDS  # how long an attempt waits for a server that is away
    most: int = 1  # tasks in one lease
    avoided: Avoided = field(default_factory=Avoided)
    pause: Pause = field(default_factory=Pause)
    traffic: Traffic = field(default_factory=Traffic)
    energy: Energy = field(default_factory=Energy)
    calibration: Calibration | None = None  # None: nobody wants to know beforehand how fast it is
    ffmpegs: set[int] = field(default_factory=set)  # the numbers of those processes
