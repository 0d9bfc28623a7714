"""The wire forms that agents and gateways exchange: JSON objects made from frozen dataclasses.

Fractions travel as "numerator/denominator", enums as their values, tuples as lists. Unknown keys are ignored and
missing ones take the field's default, so that neighbouring versions understand each other.
"""

from __future__ import annotations

import dataclasses
import enum
import functools
import types
import typing
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, TypeVar

from fallow.model import Effort, TaskKind
from fallow.recipe import AudioRecipe, Recipe, TextRecipe, Trial, VideoRecipe

VERSION = 1
AGENT_HEADER = "Fallow-Agent"
"""The SHA-256 of the file that an agent runs from, and in the answer that of the gateway's own version of it."""

CALIBRATED = "calibrated"
"""The fact about a machine that is the speeds of its Calibration."""

T = TypeVar("T")
_LARGEST = 1 << 62

RECIPES: dict[TaskKind, type[Any]] = {
    TaskKind.VIDEO: VideoRecipe,
    TaskKind.AUDIO: AudioRecipe,
    TaskKind.TEXT: TextRecipe,
}


@dataclass(frozen=True)
class Registration:
    """An agent introduces itself."""

    name: str
    machine: dict[str, Any] = field(default_factory=dict)
    version: int = VERSION


@dataclass(frozen=True)
class Welcome:
    """The gateway's answer: who the agent is from now on."""

    worker: str
    token: str  # of this worker alone; the join token is not needed again
    trials: tuple[Trial, ...] = ()  # by which it may find out how fast it is


@dataclass(frozen=True)
class Calibration:
    """How fast an agent found itself, by trials."""

    speeds: dict[str, float] = field(default_factory=dict)  # megapixels a second, by recipe.speed_class


@dataclass(frozen=True)
class LeaseRequest:
    """An agent asks for work and is willing to wait for it."""

    wait_seconds: float = 20.0
    most: int = 1  # so many tasks it takes in one lease
    begin_in: float = 0.0  # seconds until it can begin, as it is still at something else
    # Megapixels a second of late, by FFmpeg's encoder and by recipe.speed_class; by trials until there is work.
    speeds: dict[str, float] = field(default_factory=dict)
    paused: str = ""  # why it may not work now: then it only tells so, and gets nothing


@dataclass(frozen=True)
class LeaseGrant:
    """One attempt at one task: a recipe, one signed GET, one signed PUT to a key of this attempt alone."""

    lease: str
    task: str
    job: str
    kind: TaskKind
    attempt: int
    recipe: dict[str, Any]  # the wire form of RECIPES[kind]
    get_url: str  # relative URLs are resolved against the gateway's
    get_bytes: int
    get_sha256: str
    put_url: str
    renew_seconds: float  # how often to renew
    deadline_seconds: float  # from now; the attempt is given up by then
    last: bool = False  # no other task waits for a worker: idle cores may help with this one
    whole_url: str = ""  # a shorter way for a part that comes with its Content-Length; put_url takes any other
    whole_headers: dict[str, str] = field(default_factory=dict)  # to be sent to whole_url
    detour_url: str = ""  # a longer way to the object, for a worker that cannot use get_url
    more: tuple[LeaseGrant, ...] = ()  # attempts at other tasks, granted with this one; each goes its own way

    @property
    def typed_recipe(self) -> Recipe:
        return typing.cast(Recipe, from_wire(RECIPES[self.kind], self.recipe))


@dataclass(frozen=True)
class Renewal:
    """An agent is still at it."""

    frames: int = 0  # done so far
    fps: float = 0.0  # of late
    paused: str = ""  # why its FFmpeg stands still


@dataclass(frozen=True)
class Renewed:
    """The gateway's answer to a renewal."""

    stop: bool = False  # the lease is no longer wanted: stop at once, deliver nothing


@dataclass(frozen=True)
class Delivery:
    """An agent has uploaded its part."""

    size: int
    sha256: str
    frames: int  # counted as they passed; 0 of audio and text, which are not counted
    effort: Effort = field(default_factory=Effort)
    fault: str = ""  # what the decoder said of damaged pictures, which it showed all the same


@dataclass(frozen=True)
class Receipt:
    """The gateway's answer to a delivery: whether it was the first one of its task."""

    first: bool


@dataclass(frozen=True)
class Failure:
    """An attempt ended without a part."""

    kind: str  # rejected, retryable or cancelled: see errors.py
    message: str
    frames: int | None = None  # counted in the refused part, when that was the trouble
    effort: Effort = field(default_factory=Effort)


def to_wire(value: Any) -> Any:
    """The JSON form of a dataclass, Fraction, enum, tuple or plain value."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: to_wire(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, Fraction):
        return f"{value.numerator}/{value.denominator}"
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, (list, tuple)):
        return [to_wire(item) for item in value]
    if isinstance(value, dict):
        return {key: to_wire(item) for key, item in value.items()}
    return value


def from_wire(cls: type[T], data: Any) -> T:
    """The value of type `cls` that `to_wire` made `data` from; ValueError when it is malformed."""
    try:
        return typing.cast(T, _decode(cls, data))
    except (TypeError, ValueError, KeyError, AttributeError, ZeroDivisionError) as error:
        name = getattr(cls, "__name__", str(cls))
        raise ValueError(f"This is no valid {name}: {error}") from error


def _decode(hint: Any, data: Any) -> Any:
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        if data is None and type(None) in args:
            return None
        return _decode(next(a for a in args if a is not type(None)), data)
    if origin is tuple:
        if len(args) == 2 and args[1] is Ellipsis:
            return tuple(_decode(args[0], item) for item in data)
        return tuple(_decode(a, item) for a, item in zip(args, data, strict=True))
    if origin is list:
        return [_decode(args[0], item) for item in data]
    if hint is Fraction:
        return Fraction(data)
    if dataclasses.is_dataclass(hint):
        hints = _hints(typing.cast(Any, hint))
        make = typing.cast(typing.Callable[..., Any], hint)
        return make(**{k: _decode(hints[k], v) for k, v in data.items() if k in hints})
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        return hint(data)
    if hint in (int, float, str, bool):
        return _plain(hint, data)
    return data


@functools.cache
def _hints(cls: type[Any]) -> dict[str, Any]:
    """The types of a dataclass's fields."""
    hints = typing.get_type_hints(cls)
    return {f.name: hints[f.name] for f in dataclasses.fields(cls)}


def _plain(hint: Any, data: Any) -> Any:
    if hint is float and isinstance(data, int) and not isinstance(data, bool):
        data = float(data)
    if not isinstance(data, hint) or (hint is int and isinstance(data, bool)):
        raise ValueError(f"{data!r} is not of type {hint.__name__}")
    # What a ledger cannot store, no honest sender means.
    if isinstance(data, (int, float)) and not abs(data) < _LARGEST:
        raise ValueError(f"{data!r} is no number that means anything here")
    return data
