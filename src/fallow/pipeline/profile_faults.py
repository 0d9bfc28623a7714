"""Everything that is wrong with a profile, by its fields: for forms that people fill in."""

from __future__ import annotations

import typing
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, dataclass, fields
from fractions import Fraction
from typing import Any

from fallow.errors import BadProfile
from fallow.messages import from_wire
from fallow.profiles import Audio, Profile

_MOST = 50  # faults
_UNNAMED = "unnamed"
_NEEDS = {"codec": ("preset", "profile", "level", "tune", "crf", "extra", "pixel_format")}
"""Fields that mean nothing when another one is wrong."""
_KINDS: dict[Any, str] = {
    str: "a text",
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    Fraction: 'a number such as "30000/1001"',
}


@dataclass(frozen=True)
class Fault:
    """What is wrong with one field."""

    field: str  # as crf, or audio.codec
    message: str


def faults(form: Mapping[str, Any]) -> list[Fault]:
    """Of a profile's wire form. What is found is put aside, and the rest looked at again."""
    found: list[Fault] = []
    values = dict(form)
    sound = values.get("audio", {})
    if not isinstance(sound, dict):
        found.append(Fault("audio", "This must be an object."))
        sound = {}
    values["audio"] = dict(sound)
    found += [*_malformed(values, Profile, ""), *_malformed(values["audio"], Audio, "audio.")]
    while len(found) < _MOST and (fault := _first(values)):
        found.append(fault)
        if not _put_aside(values, fault.field):
            break
    return found


def _malformed(values: dict[str, Any], owner: type[Any], prefix: str) -> Iterator[Fault]:
    """What is not of its field's type, put aside."""
    hints = typing.get_type_hints(owner)
    for one in fields(owner):
        if one.name not in values:
            if one.default is MISSING and one.default_factory is MISSING:
                values[one.name] = _UNNAMED
                yield Fault(prefix + one.name, "This is needed.")
            continue
        if one.name == "audio":
            continue
        try:
            from_wire(hints[one.name], values[one.name])
        except ValueError:
            values.pop(one.name)
            yield Fault(prefix + one.name, f"This must be {_kind(hints[one.name])}.")
            if one.name == "name":
                values["name"] = _UNNAMED


def _kind(hint: Any) -> str:
    inner = next((arg for arg in typing.get_args(hint) if arg is not type(None)), hint)
    return _KINDS.get(inner if hint is not tuple else hint, "a list")


def _first(values: Mapping[str, Any]) -> Fault | None:
    try:
        from_wire(Profile, values)
    except BadProfile as error:
        return Fault(error.key, str(error).removeprefix(f"Profile {values['name']}: "))
    except ValueError as error:  # of a kind that no field tells
        return Fault("", str(error))
    return None


def _put_aside(values: dict[str, Any], key: str) -> bool:
    """Leave the field as if it were not told; False when that changes nothing."""
    before = {**values, "audio": dict(values["audio"])}
    if key == "name":
        values["name"] = _UNNAMED
    elif key.startswith("extra."):
        values["extra"] = [pair for pair in values.get("extra", []) if pair[0] != key.removeprefix("extra.")]
    elif key == "audio.codec":
        values["audio"] = {}
    elif key.startswith("audio."):
        values["audio"].pop(key.removeprefix("audio."), None)
    else:
        for one in (key, *_NEEDS.get(key, ())):
            values.pop(one, None)
    return values != before
