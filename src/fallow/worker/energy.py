"""What tasks take of energy: beyond what the idle device takes, shared among all that runs at the same time."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field

from fallow.device.load import Portion, Use
from fallow.device.meters import Meter

SAMPLE_EVERY = 1.0  # seconds
BASELINE_SECONDS = 3.0  # that the first reading of an idle device is waited for
QUIET = 0.1  # the share of their time that processors may work while the device counts as idle
MODEL = "model"


@dataclass(frozen=True)
class Burnt:
    """Joules, and how they are known; "": they are not."""

    joules: float = 0.0
    meter: str = ""

    def __add__(self, other: Burnt) -> Burnt:
        """Of a whole nothing is known when nothing is of a part; and it is modelled when a part is."""
        if not self.meter or not other.meter:
            return Burnt()
        return Burnt(self.joules + other.joules, self.meter if self.meter == other.meter else MODEL)


@dataclass(frozen=True)
class Declared:
    """What its owner says that the device takes, with nothing to do and with all processors at work; 0: unknown."""

    idle_watts: float = 0.0
    busy_watts: float = 0.0


@dataclass(eq=False)
class Account:
    """Of one FFmpeg."""

    joules: float = 0.0
    meters: set[str] = field(default_factory=set)
    pending: float = 0.0  # seconds, shared with others, since the last reading
    whole: bool = True  # no part of it is unknown

    def charge(self, rate: _Rate | None) -> None:
        if rate is None:
            self.whole = self.whole and not self.pending
        else:
            self.joules += self.pending * rate.watts
            self.meters.add(rate.meter)
        self.pending = 0.0

    @property
    def burnt(self) -> Burnt:
        if not self.whole or not self.meters:
            return Burnt()
        return Burnt(self.joules, MODEL if MODEL in self.meters else min(self.meters))


@dataclass(frozen=True)
class _Rate:
    """Of a second in which something runs."""

    watts: float
    meter: str


class Energy:
    """Of all slots of an agent. While the meter does not tell, the model counts, if its watts are declared."""

    def __init__(
        self, meter: Meter | None = None, declared: Declared | None = None, portion: Portion | None = None
    ) -> None:
        self._meter = meter
        self._declared = declared or Declared()
        self._portion = portion
        self._idle = self._declared.idle_watts or None
        self._lock = threading.Lock()
        self._running: set[Account] = set()
        self._due: set[Account] = set()  # with something pending
        self._advanced = self._read_at = time.monotonic()
        self._busy = 0.0  # seconds since the last reading in which something ran
        self._reading: float | None = None
        self._rate: _Rate | None = None  # of late
        self._worked = False  # something ran before the last reading
        self._reading_now = threading.Lock()
        self._based = threading.Event()
        self._stopped = threading.Event()

    def start(self) -> None:
        """Returns when it is known what the idle device takes, or that cannot be known soon."""
        if not self._metering:
            return
        self.sample()
        threading.Thread(target=self._run, name="energy", daemon=True).start()
        if self._meter is not None and self._idle is None and self._reading is not None:
            self._based.wait(BASELINE_SECONDS)

    def stop(self) -> None:
        self._stopped.set()

    def enter(self, account: Account) -> None:
        """It runs from now on."""
        with self._lock:
            self._advance()
            self._running.add(account)

    def leave(self, account: Account) -> None:
        """It stands still, or has ended."""
        with self._lock:
            self._advance()
            self._running.discard(account)

    def settle(self, account: Account) -> Burnt:
        """What it took in all; the time since the last reading counts like that before."""
        self.leave(account)
        if not self._worked and self._metering:  # the first task of all may be over before a reading is due
            self.sample()
        with self._lock:
            account.charge(self._rate)
            self._due.discard(account)
            return account.burnt

    def sample(self) -> None:
        """Read the meter, which may take its time, and charge all accounts."""
        with self._reading_now:
            self._sample()

    @property
    def _metering(self) -> bool:
        return self._meter is not None or self._declared.busy_watts > 0

    def _sample(self) -> None:
        reading = self._meter.joules() if self._meter else None
        use = self._portion.since_last() if self._portion else None
        with self._lock:
            self._advance()
            seconds = self._advanced - self._read_at
            watts = _rise(self._reading, reading, seconds)
            self._note_idle(watts, use)
            self._rate = self._rate_of(watts, use, seconds) if self._busy else self._rate
            for account in self._due:
                account.charge(self._rate)
            self._due, self._worked = set(), self._worked or self._busy > 0
            self._reading, self._read_at, self._busy = reading, self._advanced, 0.0

    def _run(self) -> None:
        while not self._stopped.wait(SAMPLE_EVERY):
            self.sample()

    def _advance(self) -> None:
        now = time.monotonic()
        seconds, self._advanced = now - self._advanced, now
        for account in self._running:
            account.pending += seconds / len(self._running)
        self._due |= self._running
        self._busy += seconds if self._running else 0.0

    def _note_idle(self, watts: float | None, use: Use | None) -> None:
        """The least of what was read while nobody did anything."""
        quiet = not self._busy and (use is None or use.busy < QUIET)
        if watts is not None and quiet and not self._declared.idle_watts:
            self._idle = watts if self._idle is None else min(self._idle, watts)
            self._based.set()

    def _rate_of(self, watts: float | None, use: Use | None, seconds: float) -> _Rate | None:
        """What this agent's work took of what was measured; of a model, by how busy the processors were with it."""
        own = use.own if use else 1.0
        if watts is not None and self._idle is not None and self._meter is not None:
            return _Rate(max(0.0, watts - self._idle) * own * seconds / self._busy, self._meter.name)
        more = self._declared.busy_watts - self._declared.idle_watts
        if self._declared.busy_watts <= 0 or more < 0:
            return None
        return _Rate(more * (own * use.busy * seconds / self._busy if use else 1.0), MODEL)


def _rise(before: float | None, now: float | None, seconds: float) -> float | None:
    return (now - before) / seconds if before is not None and now is not None and seconds > 0 else None
