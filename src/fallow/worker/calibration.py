"""How fast this device is before it has done anything: by short trials, once for each build of FFmpeg."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from fallow import log
from fallow.ffmpeg.trial import tried
from fallow.recipe import Trial

LONGEST = 4.0  # seconds of a trial
ENOUGH = 12.0  # seconds after which no other trial begins
LOOK_EVERY = 0.2  # seconds between two looks whether the device may work
Speeds = dict[str, float]


@dataclass(frozen=True)
class Calibration:
    """Of one FFmpeg with so many threads. What it finds out is kept in a file, if there is one."""

    binary: str
    version: str
    threads: int
    niceness: int
    encoders: Collection[str]
    path: Path | None = None

    @property
    def known(self) -> Speeds:
        """What was found out before."""
        return self._kept().get(self._name, {})

    def run(self, trials: Sequence[Trial], may_work: Callable[[], bool], over: threading.Event) -> Speeds:
        """Megapixels a second, of all trials that this FFmpeg can do; those that are known are not done again."""
        found, spent = self.known, 0.0
        missing = [one for one in trials if one.encoder.codec in self.encoders and one.speed_class not in found]
        for one in missing:
            if spent < ENOUGH:
                speed, seconds = self._tried(one, may_work, over)
                found |= {one.speed_class: round(speed, 3)} if speed else {}
                spent += seconds
        if missing and not over.is_set():
            self._keep(found)
            log.event("agent.calibrated", seconds=round(spent, 3), speeds=found)
        return found

    def _tried(self, one: Trial, may_work: Callable[[], bool], over: threading.Event) -> tuple[float | None, float]:
        """How fast that is, and the seconds it took. Cut short because the device may not work any more, it is done
        again when it may."""
        while not over.is_set():
            if may_work():
                begun = time.monotonic()
                speed = tried(self.binary, one, self.threads, self.niceness, LONGEST, lambda: not may_work())
                if may_work():
                    return speed, time.monotonic() - begun
            over.wait(LOOK_EVERY)
        return None, 0.0

    @property
    def _name(self) -> str:
        return f"{self.version} {self.binary} {self.threads}"

    def _kept(self) -> dict[str, Speeds]:
        with contextlib.suppress(OSError, ValueError, TypeError, AttributeError):
            told = json.loads(self.path.read_text(encoding="utf-8")) if self.path else {}
            return {str(name): {str(key): float(one) for key, one in of.items()} for name, of in told.items()}
        return {}

    def _keep(self, found: Speeds) -> None:
        if self.path is None:
            return
        with contextlib.suppress(OSError):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            part = self.path.with_suffix(".new")
            part.write_text(json.dumps({**self._kept(), self._name: found}), encoding="utf-8")
            part.replace(self.path)
