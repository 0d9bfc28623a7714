"""The sensors that an agent's rules ask for."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from fallow.device import network, power, presence, programs, thermal
from fallow.device.load import Load, Ticks
from fallow.device.power import Power
from fallow.device.sensing import Sensor
from fallow.worker.gate import Signals
from fallow.worker.rules import Rules

FIRST_SECONDS = 5.0  # that the first readings are waited for
BRISK, CALM = 1.0, 5.0  # seconds between two readings, at work and at rest: a phone at rest is to sleep
_SOONER = {"power": 0.5}  # at work: what is pulled out is noticed first


class Senses:
    """One sensor for each kind of signal that some rule needs."""

    def __init__(self, rules: Rules, root: Path, environment: Mapping[str, str], ticks: Ticks) -> None:
        self.month_bytes: Callable[[], int] = int
        where, told = (root,), (environment,)
        load = Load(ticks)
        wanted: dict[str, tuple[object, Callable[[], Any]]] = {
            "power": (
                rules.charging or rules.min_charge or rules.max_battery_celsius,
                partial(power.read, root, environment),
            ),
            "cpu_celsius": (rules.max_cpu_celsius, partial(thermal.celsius, *where)),
            "idle_seconds": (rules.idle_seconds, partial(presence.idle_seconds, *told)),
            "load": (rules.max_load, load.percent),
            "screen_off": (rules.screen_off, partial(presence.screen_off, root, environment)),
            "metered": (rules.unmetered, partial(network.metered, *told)),
            "programs": (rules.exclusive_app, partial(programs.names, *where)),
        }
        self._sensors = {
            name: Sensor[Any](name, read, Power() if name == "power" else None, _SOONER.get(name, BRISK))
            for name, (asked, read) in wanted.items()
            if asked
        }

    def start(self) -> None:
        """Returns when there were first readings, or some sensor is slow."""
        for sensor in self._sensors.values():
            sensor.start()
        end = time.monotonic() + FIRST_SECONDS
        for sensor in self._sensors.values():
            sensor.wait(max(0.0, end - time.monotonic()))

    def stop(self) -> None:
        for sensor in self._sensors.values():
            sensor.stop()

    def brisk(self) -> None:
        for name, sensor in self._sensors.items():
            sensor.pace(_SOONER.get(name, BRISK))

    def calm(self) -> None:
        for sensor in self._sensors.values():
            sensor.pace(CALM)

    @property
    def signals(self) -> Signals:
        readings = {name: sensor.value for name, sensor in self._sensors.items()}
        return Signals(**readings, month_bytes=self.month_bytes())
