"""Devices of other people: each comes, goes, sleeps, is unplugged, and breaks down when it likes."""

from __future__ import annotations

import os
import random
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from cluster.process import Process
from devices import Device
from soak.processes import family, send, state

# As every gate has it, but a test has no time to wait for.
RULES = ("--gate", "server", "--charging", "yes", "--grace-seconds", "4")
LOAD = ("--slots", "1", "--threads", "1", "--nice", "19")
STOP_SECONDS = 120.0
STARTING = 5.0  # seconds in which a program has not said yet what is to be done at a signal
LONGEST_SLEEP = 14.0


class Guest:
    """One device and its agent. One that `stays` is unplugged, and that is all."""

    def __init__(self, name: str, url: str, folder: Path, settings: Mapping[str, str], seed: int) -> None:
        self.name, self.faults = name, list[str]()
        self.deeds = Counter[str]()
        self._dice = random.Random(f"{seed} {name}")
        self.device = Device(folder / name / "device")
        told = ("--name", name, "--root", str(self.device.root), *RULES, *LOAD)
        command = [sys.executable, "-m", "fallow.worker", url, *told]
        kept = {"FALLOW_WORKER_FOLDER": str(folder / name / "state"), "FALLOW_LOG": "json"}
        self.process = Process(name, command, folder, {**settings, **kept})
        self._begun = 0.0
        self._plugged = False

    def live(self, over: threading.Event, every: float, stays: bool) -> None:
        """Until it is over; then it is there, awake and plugged in."""
        self._plug_in()
        self._come()
        while not over.wait(self._dice.uniform(0.5, 1.5) * every):
            if not self.process.alive:
                self._come()
                continue
            others = () if stays else (self._plug, self._leave, self._die, self._fail, self._sleep)
            self._dice.choice((self._plug, *others))()
        self._plug_in()
        if not self.process.alive:
            self._come()

    def leave(self) -> None:
        """As it is asked to."""
        self._leave()

    def _come(self) -> None:
        self.deeds["came"] += 1
        self._begun = time.monotonic()
        self.process.start()

    def _plug(self) -> None:
        if not self._plugged:
            return self._plug_in()
        self.deeds["unplugged"] += 1
        self._plugged = False
        return self.device.unplug()

    def _plug_in(self) -> None:
        self.deeds["plugged in"] += 1
        self._plugged = True
        self.device.plug_in()

    def _leave(self) -> None:
        young = time.monotonic() - self._begun < STARTING
        self.deeds["left"] += 1
        try:
            code = self.process.stop(STOP_SECONDS)
        except AssertionError as error:
            self.faults.append(str(error))
            return
        if code and not (young and code == -signal.SIGTERM):
            self.faults.append(f"{self.name} ended with {code} when it was told to:\n{self.process.log()}")

    def _die(self) -> None:
        """The agent alone: what it has started is to notice that."""
        self.deeds["killed"] += 1
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.kill()

    def _fail(self) -> None:
        """All at once, as when the power fails."""
        self.deeds["cut off"] += 1
        send(signal.SIGKILL, {self.process.pid, *family(self.process.pid)})
        self.process.kill()

    def _sleep(self) -> None:
        """With all that it has started; what stands still already is not woken."""
        self.deeds["slept"] += 1
        awake = {one for one in (self.process.pid, *family(self.process.pid)) if state(one) not in ("T", "Z", "")}
        send(signal.SIGSTOP, awake)
        time.sleep(self._dice.uniform(1, LONGEST_SLEEP))
        send(signal.SIGCONT, awake)
