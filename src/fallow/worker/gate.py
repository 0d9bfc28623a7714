"""Whether the device may work now, and if not, why, in words for its owner."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from fallow.device.power import Power
from fallow.worker.rules import Rules

LOAD_SECONDS = 20.0  # that others' work counts after it was too much


@dataclass(frozen=True)
class Signals:
    """What the sensors tell; None: nobody knows."""

    power: Power = field(default_factory=Power)
    cpu_celsius: float | None = None
    idle_seconds: float | None = None
    load: float | None = None  # percent, of other programs
    screen_off: bool | None = None
    metered: bool | None = None
    programs: frozenset[str] | None = None
    month_bytes: int = 0


class Gate:
    """Closed after heat or an empty battery until some time after that has passed."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._rest: tuple[datetime, str] | None = None  # until when, and why
        self._busy_until: datetime | None = None

    def look(self, signals: Signals, now: datetime) -> str:
        """Why it is closed; "": it is open."""
        return next(self._reasons(signals, now), "")

    def _reasons(self, signals: Signals, now: datetime) -> Iterator[str]:
        hurt = self._hurt(signals, now)
        yield from self._known(self._rules.charging, signals.power.plugged, "charging", "whether it is plugged in")
        if self._rules.charging and signals.power.plugged is False:
            yield "The device runs on its battery."
        yield from self._people(signals)
        if not self._rules.times.open_at(now):
            yield f"It is not the time to work: {self._rules.hours} {self._rules.weekdays}".strip() + "."
        yield from self._others(signals, now)
        yield from hurt
        yield from self._network(signals)

    def _people(self, signals: Signals) -> Iterator[str]:
        wanted, idle = self._rules.idle_seconds, signals.idle_seconds
        yield from self._known(wanted, idle, "idle_seconds", "whether somebody uses it")
        if wanted and idle is not None and idle < wanted:
            yield "Somebody uses the device."
        yield from self._known(
            self._rules.screen_off, signals.screen_off, "screen_off", "whether its screen is off"
        )
        if self._rules.screen_off and signals.screen_off is False:
            yield "The screen is on."

    def _others(self, signals: Signals, now: datetime) -> Iterator[str]:
        wanted, load = self._rules.max_load, signals.load
        running = sorted({name.lower() for name in self._rules.exclusive_app} & (signals.programs or frozenset()))
        yield from self._known(self._rules.exclusive_app, signals.programs, "exclusive_app", "which programs run")
        if running:
            yield f"The program {running[0]} runs."
        yield from self._known(wanted, load, "max_load", "how busy other programs are")
        if wanted and load is not None and load > wanted:
            self._busy_until = now + timedelta(seconds=LOAD_SECONDS)
        if self._busy_until and now < self._busy_until:
            yield f"Other programs use more than {wanted:g} % of the processors."

    def _network(self, signals: Signals) -> Iterator[str]:
        yield from self._known(self._rules.unmetered, signals.metered, "unmetered", "if the network is free")
        if self._rules.unmetered and signals.metered:
            yield "The network costs money: it is metered."
        if self._rules.monthly_gb and signals.month_bytes >= self._rules.monthly_gb * 1e9:
            yield f"The {self._rules.monthly_gb:g} GB of this month are used up."

    def _hurt(self, signals: Signals, now: datetime) -> list[str]:
        """Looked at each time, whatever else closes the gate: the rest is counted from the last hurt."""
        found = list(self._harms(signals))
        if found and any(self._is_harm(signals)):
            self._rest = (now + timedelta(seconds=self._rules.rest_seconds), found[0])
        if not found and self._rest and now < self._rest[0]:
            until, why = self._rest
            return [f"It rests until {until:%H:%M}. Before: {why}"]
        return found

    def _harms(self, signals: Signals) -> Iterator[str]:
        rules, power = self._rules, signals.power
        yield from self._known(
            rules.max_battery_celsius, power.celsius, "max_battery_celsius", "how hot its battery is"
        )
        yield from self._known(rules.max_cpu_celsius, signals.cpu_celsius, "max_cpu_celsius", "how hot it is")
        yield from self._known(rules.min_charge, power.charge, "min_charge", "how full its battery is")
        hot, warm, empty = self._is_harm(signals)
        if hot:
            yield f"The battery is hotter than {rules.max_battery_celsius:g} °C."
        if warm:
            yield f"The processors are hotter than {rules.max_cpu_celsius:g} °C."
        if empty:
            yield f"The battery has less than {rules.min_charge:g} %."

    def _is_harm(self, signals: Signals) -> tuple[bool, bool, bool]:
        rules, power = self._rules, signals.power
        return (
            _over(power.celsius, rules.max_battery_celsius),
            _over(signals.cpu_celsius, rules.max_cpu_celsius),
            bool(rules.min_charge) and power.charge is not None and power.charge < rules.min_charge,
        )

    def _known(self, wanted: object, told: object, key: str, what: str) -> Iterator[str]:
        """A complaint when the rule needs what nobody knows, and that forbids to work."""
        if wanted and told is None and self._rules.unknown_is_no:
            yield f"The device does not tell {what}; the rule {key} can be switched off."


def _over(value: float | None, bound: float) -> bool:
    return bound > 0 and value is not None and value > bound
