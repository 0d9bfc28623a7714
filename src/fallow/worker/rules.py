"""When a device may work, and with how much of itself: its kind's defaults, then a file, variables and flags."""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fallow.errors import BadSetting
from fallow.worker import hours as spans


def _rule(default: Any, kind: str, told: str) -> Any:
    return dataclasses.field(default=default, metadata={"kind": kind, "told": told})


@dataclass(frozen=True)
class Rules:
    """0, false and "" are no rule. Each field is a key of [gate], a flag, and a variable FALLOW_GATE_..."""

    charging: bool = _rule(False, "yes/no", "only while it is plugged in")
    min_charge: float = _rule(0.0, "percent", "only with so much in its battery")
    max_battery_celsius: float = _rule(0.0, "degrees", "only while its battery is no hotter")
    max_cpu_celsius: float = _rule(0.0, "degrees", "only while its processors are no hotter")
    idle_seconds: float = _rule(0.0, "seconds", "only when nobody has touched it for so long")
    max_load: float = _rule(0.0, "percent", "only while other programs use no more of its processors")
    screen_off: bool = _rule(False, "yes/no", "only while its screen is off")
    unmetered: bool = _rule(False, "yes/no", "only in networks that cost nothing")
    hours: str = _rule("", "spans", "only at these times, like 22:00-6:00,12-13")
    weekdays: str = _rule("", "days", "only on these days, like mon-fri,sun")
    exclusive_app: tuple[str, ...] = _rule((), "names", "not while one of these programs runs, like obs,steam")
    monthly_gb: float = _rule(0.0, "gigabytes", "no more traffic in a month")
    cores: int = _rule(0, "number", "use no more processors")
    memory_mb: int = _rule(0, "megabytes", "plan with no more memory")
    unknown_is_no: bool = _rule(False, "yes/no", "what the device does not tell forbids work")
    grace_seconds: float = _rule(60.0, "seconds", "how long a stopped task is kept before others get it")
    rest_seconds: float = _rule(300.0, "seconds", "how long to rest after it was too hot or too empty")

    @property
    def times(self) -> spans.Hours:
        return spans.parse(self.hours, self.weekdays)

    @property
    def always(self) -> bool:
        """Whether nothing ever forbids work."""
        bounds = ("cores", "memory_mb", "unknown_is_no", "grace_seconds", "rest_seconds")
        none = Rules(**{name: getattr(self, name) for name in bounds})
        return self == none


FIELDS: dict[str, dataclasses.Field[Any]] = {field.name: field for field in dataclasses.fields(Rules)}


def of_kind(kind: str, cores: int) -> Rules:
    """What protects a device of this kind: who lends it should never notice."""
    if kind == "phone":
        return Rules(
            charging=True,
            min_charge=90.0,
            max_battery_celsius=40.0,
            screen_off=True,
            unmetered=True,
            cores=max(1, cores // 2),
            unknown_is_no=True,
        )
    if kind == "laptop":
        return Rules(charging=True, idle_seconds=180.0, max_load=25.0)
    return Rules(idle_seconds=180.0, max_load=25.0) if kind == "pc" else Rules()


KINDS = ("auto", "phone", "laptop", "pc", "server")
"""Whose defaults are taken: `auto` is what the device is."""


def add_flags(made: argparse.ArgumentParser, environment: Mapping[str, str]) -> None:
    """One for each rule, with its variable; what is not given is None."""
    for name, field in FIELDS.items():
        variable = variable_of(name)
        made.add_argument(
            "--" + name.replace("_", "-"),
            default=environment.get(variable) or None,
            metavar=str(field.metadata["kind"]).upper(),
            help=f"{field.metadata['told']} ({variable})",
        )


def variable_of(name: str) -> str:
    return "FALLOW_GATE_" + name.upper()


def changed(rules: Rules, values: Mapping[str, Any], where: str) -> Rules:
    """The rules with these values instead, as a file or flags give them. Raises BadSetting."""
    unknown = [name for name in values if name not in FIELDS]
    if unknown:
        raise BadSetting(f"{where} has no rule {unknown[0]}; the rules are {', '.join(FIELDS)}.")
    made = {name: _value(FIELDS[name], value, where) for name, value in values.items() if value is not None}
    result = dataclasses.replace(rules, **made)
    result.times  # noqa: B018 (do they make sense?)
    return result


def _value(field: dataclasses.Field[Any], value: Any, where: str) -> Any:
    told = BadSetting(f"{where}: {field.name} = {value!r} makes no sense; it takes {field.metadata['kind']}.")
    if field.type == "bool":
        known = {"yes": True, "true": True, "1": True, "no": False, "false": False, "0": False}
        if isinstance(value, bool) or str(value).lower() in known:
            return value if isinstance(value, bool) else known[str(value).lower()]
        raise told
    if field.type == "str" and isinstance(value, str):
        return value
    if field.type == "tuple[str, ...]":
        items = value.split(",") if isinstance(value, str) else value
        if isinstance(items, list) and all(isinstance(one, str) for one in items):
            return tuple(one.strip() for one in items if one.strip())
        raise told
    return _number(field, value, told)


def _number(field: dataclasses.Field[Any], value: Any, told: BadSetting) -> float | int:
    try:
        if isinstance(value, bool):
            raise ValueError(value)
        found = float(value)
    except (TypeError, ValueError):
        raise told from None
    if not 0 <= found < 1e9 or (field.type == "int" and found != int(found)):
        raise told
    return int(found) if field.type == "int" else found
