"""Profiles from TOML files and from `key=value` settings on a command line."""

from __future__ import annotations

import functools
import os
import typing
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import tomllib

from fallow import catalogue
from fallow.errors import BadProfile
from fallow.profiles import Audio, Profile, nearest, refuse
from fallow.recipe import Filter

BUILT_IN = Path(__file__).with_name("profiles.toml")
LADDERS = "ladders"
"""The one table of a file that is no profile: names of ladders, and the profiles that are their rungs."""

LADDER = "ladder"
"""The name of the built-in one, which a person may give another meaning."""

_DROPPED_FRAME_RATES = (24, 30, 48, 60, 120)
_KINDS: dict[Any, str] = {int: "a whole number", float: "a number", str: "text in quotes", bool: "true or false"}


def user_files(environment: Mapping[str, str] = os.environ) -> list[Path]:
    """A person's own profiles: $FALLOW_PROFILES (several, separated as in PATH), else the file in ~/.config."""
    named = environment.get("FALLOW_PROFILES", "")
    if named:
        return [Path(part) for part in named.split(os.pathsep) if part]
    config = Path(environment.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "fallow" / "profiles.toml"
    return [config] if config.is_file() else []


def load(files: Iterable[Path] = ()) -> dict[str, Profile]:
    """The built-in profiles and those of the files; of several with one name the last counts."""
    tables: dict[str, dict[str, Any]] = {}
    for path in (BUILT_IN, *files):
        tables.update(_read(path))
    tables.pop(LADDERS, None)
    return {name: from_table(name, _complete(name, tables, ())) for name in tables}


def ladders(files: Iterable[Path] = ()) -> dict[str, tuple[str, ...]]:
    """The built-in ladder and those of the files, each as the names of its rungs; of one name the last counts."""
    found: dict[str, tuple[str, ...]] = {}
    for path in (BUILT_IN, *files):
        for name, rungs in _read(path).get(LADDERS, {}).items():
            if not isinstance(rungs, list) or not rungs or not all(isinstance(rung, str) for rung in rungs):
                raise BadProfile(
                    f"The profiles file {path} has a ladder {name} that is no list of profiles; write it like "
                    f'{name} = ["720p", "480p"].'
                )
            found[name] = tuple(rungs)
    return found


def find(profiles: Mapping[str, Profile], name: str) -> Profile:
    """The profile of that name; raises BadProfile with the nearest known one."""
    if name not in profiles:
        raise BadProfile(f"There is no profile named {name!r}; {nearest(name, profiles)}")
    return profiles[name]


def override(profile: Profile, settings: Sequence[str]) -> Profile:
    """The profile with `key=value` settings applied; keys are dotted, `none` unsets, lists are comma-separated."""
    table: dict[str, Any] = {}
    extra = dict(profile.extra)
    for setting in settings:
        key, equals, text = setting.partition("=")
        key, text = key.strip(), text.strip()
        if not equals or not key:
            raise BadProfile(f"--set {setting} is no setting; write it as key=value, such as crf=20.")
        if key.startswith("extra."):
            extra = {**extra, key[6:]: text} if text != "none" else {k: v for k, v in extra.items() if k != key[6:]}
        else:
            _place(profile.name, table, key, text)
    sound = _values(profile.name, Audio, table.pop("audio", {}), "audio.")
    changed = {"extra": tuple(extra.items()), **_values(profile.name, Profile, table, "")}
    own = {*table, *(["extra"] if any(setting.startswith("extra.") for setting in settings) else [])}
    unset = {key: _default(Profile, key) for key in _foreign(profile.codec, table.get("codec")) - own}
    silent = dict.fromkeys(_foreign_sound(profile.audio.codec, sound.get("codec")) - set(sound))
    audio = replace(profile.audio, **{**silent, **sound})
    return replace(profile, audio=audio, **{**changed, **unset})


def from_table(name: str, table: Mapping[str, Any]) -> Profile:
    """The profile that a TOML table describes; raises BadProfile."""
    rest = dict(table)
    audio = Audio(**_values(name, Audio, _table(name, "audio", rest.pop("audio", {})), "audio."))
    extra = _table(name, "extra", rest.pop("extra", {}))
    if wrong := next((key for key, value in extra.items() if isinstance(value, (dict, list))), None):
        raise refuse(name, f"extra.{wrong}", extra[wrong], "must be a plain number or word.")
    pairs = tuple((key, _plain_text(value)) for key, value in extra.items())
    return Profile(name=name, audio=audio, extra=pairs, **_values(name, Profile, rest, ""))


def _read(path: Path) -> dict[str, dict[str, Any]]:
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BadProfile(f"The profiles file {path} cannot be read ({error.strerror}); check its name.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadProfile(f"The profiles file {path} is not valid TOML: {error}.") from error
    for name, table in tables.items():
        if not isinstance(table, dict):
            raise BadProfile(
                f"The profiles file {path} has {name} outside any profile; put it below a [name] line."
            )
    return tables


def _complete(name: str, tables: Mapping[str, dict[str, Any]], above: tuple[str, ...]) -> dict[str, Any]:
    """The table with what it inherits through `based_on`."""
    own = dict(tables[name])
    base = own.pop("based_on", None)
    if base is None:
        return own
    if base not in tables or base == name or base in above:
        remedy = "leads in a circle." if base in tables else f"is no profile; {nearest(str(base), tables)}"
        raise refuse(name, "based_on", base, remedy)
    inherited = _complete(base, tables, (*above, name))
    for key in _foreign(inherited.get("codec", Profile.codec), own.get("codec")):
        inherited.pop(key, None)
    sound = _table(name, "audio", own.get("audio", {}))
    for key in _foreign_sound(inherited.get("audio", {}).get("codec", Audio.codec), sound.get("codec")):
        inherited["audio"] = {k: v for k, v in inherited.get("audio", {}).items() if k != key}
    for key in ("audio", "extra"):
        if key in own and key in inherited:
            own[key] = {**inherited[key], **_table(name, key, own[key])}
    return {**inherited, **own}


def _foreign(before: str, after: str | None) -> set[str]:
    """What is in the terms of one encoder, and means nothing or something else to another."""
    return set() if after in (None, before) else {"preset", "profile", "level", "tune", "crf", "extra"}


def _foreign_sound(before: str, after: str | None) -> set[str]:
    """The same for sound: bit rates and channels are everybody's terms, except of those who take none."""
    if after in (None, before):
        return set()
    codec = catalogue.AUDIO.get(str(after))
    if codec is None:
        return {"bitrate_kbps", "channels", "sample_rate"}
    return {"bitrate_kbps"} if codec.kbps_per_channel is None else set()


def _default(owner: type[Any], key: str) -> Any:
    return next(f.default for f in fields(owner) if f.name == key)


def _table(name: str, key: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise refuse(name, key, value, f"must be a table; write its keys below a [{name}.{key}] line.")
    return value


def _place(name: str, table: dict[str, Any], key: str, text: str) -> None:
    """Put the text of one setting where its key says, typed as that key is."""
    owner: type[Any] = Profile
    target, prefix, leaf = table, "", key
    if key.startswith("audio."):
        owner, prefix, leaf = Audio, "audio.", key[6:]
        target = table.setdefault("audio", {})
    hint = _hint(name, owner, leaf, prefix)
    target[leaf] = _typed_text(name, key, hint, text)


def _typed_text(name: str, key: str, hint: Any, text: str) -> Any:
    if text == "none" and (_optional(hint) or hint is str) and key != "audio.codec":
        return None if _optional(hint) else ""
    kind = _inner(hint)
    if kind is bool and text in ("true", "false"):
        return text == "true"
    if kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            raise refuse(name, key, text, f"must be {_KINDS[kind]}.") from None
    return [part for part in text.split(",") if part and part != "none"] if _many(hint) else text


def _values(name: str, owner: type[Any], table: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    """The typed values of a table's keys; an unknown key is refused with the nearest known one."""
    return {key: _typed(name, prefix + key, _hint(name, owner, key, prefix), value) for key, value in table.items()}


def _hint(name: str, owner: type[Any], key: str, prefix: str) -> Any:
    known = {f.name for f in fields(owner)} - {"name"}
    if key not in known or key in ("audio", "extra"):
        dotted = known - {"audio", "extra"} | ({"audio.codec", "extra.…"} if owner is Profile else set())
        raise BadProfile(f"Profile {name}: there is no key {prefix + key}; {nearest(key, dotted)}")
    return _types(typing.cast(Any, owner))[key]


@functools.cache
def _types(owner: Any) -> dict[str, Any]:
    """What is asked for with each value of each profile."""
    return typing.get_type_hints(owner)


def _typed(name: str, key: str, hint: Any, value: Any) -> Any:
    kind = _inner(hint)
    if value is None and _optional(hint):
        return None
    if _many(hint):
        return tuple(_filter(name, item) for item in (value if isinstance(value, list) else [value]))
    if kind is Fraction:
        return _rate(name, key, value)
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise refuse(name, key, value, f"must be {_KINDS[kind]}.")
    return value


def _rate(name: str, key: str, value: Any) -> Fraction:
    """A frame rate: 25, 29.97 (which means 30000/1001) or "30000/1001"."""
    try:
        rate = Fraction(str(value))
    except (ValueError, ZeroDivisionError):
        raise refuse(name, key, value, 'is no frame rate; write 25, 29.97 or "30000/1001".') from None
    for whole in _DROPPED_FRAME_RATES:
        if abs(rate - Fraction(whole * 1000, 1001)) < Fraction(6, 1000):
            return Fraction(whole * 1000, 1001)
    return rate


def _filter(name: str, text: Any) -> Filter:
    """`unsharp=luma_amount=0.6:luma_msize_x=3` as a value."""
    if not isinstance(text, str):
        raise refuse(name, "filters", text, 'must be a list of texts like "unsharp=luma_amount=0.6".')
    title, _, options = text.partition("=")
    pairs = [option.partition("=") for option in options.split(":") if option]
    if bare := next((key for key, equals, _ in pairs if not equals), None):
        raise refuse(name, "filters", text, f"has an option without a name; write name=value instead of {bare}.")
    return Filter(title.strip(), tuple((key, value) for key, _, value in pairs))


def _plain_text(value: Any) -> str:
    return str(int(value)) if isinstance(value, bool) else str(value)


def _optional(hint: Any) -> bool:
    return type(None) in typing.get_args(hint)


def _many(hint: Any) -> bool:
    return typing.get_origin(hint) is tuple


def _inner(hint: Any) -> Any:
    return next((a for a in typing.get_args(hint) if a is not type(None)), hint) if _optional(hint) else hint
