"""The agent's settings: flags, their variables, and a file for its owner's wishes."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from fallow import __version__, log
from fallow.device.kind import describe
from fallow.errors import BadSetting
from fallow.worker import plain_toml, rules, update
from fallow.worker.energy import Declared
from fallow.worker.machine import cores
from fallow.worker.own_file import TRIAL
from fallow.worker.rules import Rules

OFF = "off"  # no rule at all, whatever a file or a variable says
_TABLES = {"", "gate", "energy"}
_WATTS = ("idle_watts", "busy_watts")


def parser(environment: Mapping[str, str] = os.environ) -> argparse.ArgumentParser:
    """Every flag has an environment twin; one that is empty is as good as none."""

    def set_to(name: str, default: str | None = None) -> str | None:
        return environment.get(name) or default

    made = argparse.ArgumentParser(
        prog="fallow worker",
        description="Lend this machine's processors to a Fallow platform.",
    )
    made.add_argument("url", nargs="?", default="", help="of the gateway, for example https://fallow.example")
    made.add_argument(
        "--token",
        default=set_to("FALLOW_TOKEN", ""),
        help="the join token that the platform's owner gave you (FALLOW_TOKEN)",
    )
    _oneself(made, set_to)
    made.add_argument(
        "--slots",
        type=_positive,
        default=set_to("FALLOW_SLOTS"),
        help="how many tasks to do at the same time; default: one per processor (FALLOW_SLOTS)",
    )
    made.add_argument(
        "--threads",
        type=_positive,
        default=set_to("FALLOW_THREADS"),
        help="threads of each FFmpeg; default: the processors divided among the slots (FALLOW_THREADS)",
    )
    made.add_argument("--name", default=set_to("FALLOW_NAME", ""), help="how to call this worker (FALLOW_NAME)")
    made.add_argument("--ffmpeg", default=set_to("FALLOW_FFMPEG", ""), help="the FFmpeg to use (FALLOW_FFMPEG)")
    made.add_argument(
        "--nice",
        type=int,
        default=set_to("FALLOW_NICE", "0"),
        help="how much FFmpeg gives way to other programs, 0 to 19 (FALLOW_NICE)",
    )
    _speed(made, set_to)
    made.add_argument(
        "--log",
        type=_one_of(log.FORMATS),
        default=set_to("FALLOW_LOG", "text"),
        metavar="FORM",
        help="log lines: text, json or off (FALLOW_LOG)",
    )
    made.add_argument(
        "--log-level",
        type=_one_of(log.LEVELS),
        default=set_to("FALLOW_LOG_LEVEL", "info"),
        metavar="LEVEL",
        help="what to tell: debug, info, warning or error (FALLOW_LOG_LEVEL)",
    )
    _owners(made, set_to, environment)
    made.add_argument("--parent-pipe", action="store_true", help="stop at once when stdin ends")
    made.add_argument("--version", action="version", version=f"fallow {__version__}")
    return made


def _oneself(made: argparse.ArgumentParser, set_to: Callable[[str, str], str | None]) -> None:
    """Who the agent is, what it runs from, and who starts it."""
    made.add_argument(
        "--token-file",
        default=set_to("FALLOW_TOKEN_FILE", ""),
        metavar="FILE",
        help="where the join token stands, instead of --token (FALLOW_TOKEN_FILE)",
    )
    made.add_argument(
        "--identity",
        default=set_to("FALLOW_IDENTITY", ""),
        metavar="FILE",
        help="of this agent alone: started anew, it is the same worker again and needs no join token"
        " (FALLOW_IDENTITY)",
    )
    made.add_argument(
        "--update",
        type=_one_of(update.WHEN),
        default=set_to("FALLOW_UPDATE", update.AUTO),
        metavar="WHEN",
        help="take over the gateway's version of fallow-worker.pyz: auto (from https or this machine), on (by http,"
        " too) or off (FALLOW_UPDATE)",
    )
    made.add_argument(
        "--update-after",
        type=_seconds,
        default=set_to("FALLOW_UPDATE_AFTER", "600"),
        metavar="SECONDS",
        help="for how long all answers must agree on that version (FALLOW_UPDATE_AFTER)",
    )
    service = made.add_mutually_exclusive_group()
    service.add_argument("--install-service", action="store_true", help="start by itself from now on, like this")
    service.add_argument("--uninstall-service", action="store_true", help="do not start by itself any more")
    service.add_argument(TRIAL, dest="trial", action="store_true", help="say whether it could start so, and end")


def _speed(made: argparse.ArgumentParser, set_to: Callable[[str, str], str | None]) -> None:
    """Whether it is to be found out."""
    made.add_argument(
        "--calibration",
        type=_one_of(["on", OFF]),
        default=set_to("FALLOW_CALIBRATION", "on"),
        metavar="WHETHER",
        help="on: find out how fast this device is by encoding a few made-up pictures, once; off: do not"
        " (FALLOW_CALIBRATION)",
    )
    made.add_argument(
        "--no-calibration", dest="calibration", action="store_const", const=OFF, help="the same as off"
    )


def _owners(
    made: argparse.ArgumentParser, set_to: Callable[[str, str], str | None], environment: Mapping[str, str]
) -> None:
    """What its owner wants of the device."""
    made.add_argument(
        "--settings",
        default=set_to("FALLOW_WORKER_SETTINGS", ""),
        metavar="FILE",
        help="a file with the table [gate]; default: fallow/worker.toml among your configurations, if it is there"
        " (FALLOW_WORKER_SETTINGS)",
    )
    made.add_argument(
        "--root",
        default=set_to("FALLOW_ROOT", "/"),
        metavar="PATH",
        help="where the system's sys and proc are, for containers that are shown the host's (FALLOW_ROOT)",
    )
    made.add_argument(
        "--gate",
        type=_one_of([*rules.KINDS, OFF]),
        default=set_to("FALLOW_GATE", "auto"),
        metavar="KIND",
        help="whose rules to begin with: phone, laptop, pc or server; auto: what this device is; off: no rule ever"
        " (FALLOW_GATE)",
    )
    rules.add_flags(made, environment)
    made.add_argument(
        "--meter",
        default=set_to("FALLOW_METER", ""),
        help="what tells watts: the address of a plug (Shelly, Tasmota, any JSON), a command, or off; default: the"
        " processors, or the battery (FALLOW_METER)",
    )
    for name, told in (("idle", "while it does nothing"), ("busy", "with all processors at work")):
        made.add_argument(
            f"--{name}-watts",
            default=set_to(f"FALLOW_{name.upper()}_WATTS", ""),
            metavar="WATTS",
            help=f"what the device takes {told}, where it is not measured (FALLOW_{name.upper()}_WATTS)",
        )


def _one_of(known: Iterable[str]) -> Callable[[str], str]:
    """A type, as argparse checks the environment's values by type but not by `choices`."""

    def checked(text: str) -> str:
        if text not in known:
            raise argparse.ArgumentTypeError(f"{text!r} is not known; choose from {', '.join(known)}")
        return text

    return checked


def _positive(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 1 on")
    return int(text)


def _seconds(text: str) -> float:
    if not text.isdigit():
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds")
    return float(text)


def token_of(options: argparse.Namespace) -> str:
    """The join token, "" when there is none. Raises BadSetting."""
    if options.token or not options.token_file:
        return str(options.token)
    try:
        return Path(options.token_file).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise BadSetting(f"The join token cannot be read from {options.token_file}: {error}.") from error


def rules_of(options: argparse.Namespace) -> Rules:
    """What the kind of device demands, changed by the file, and by variables and flags. Raises BadSetting."""
    if options.gate == OFF:
        return Rules()
    kind = describe(Path(options.root)).get("device_class", "") if options.gate == "auto" else options.gate
    path = _file(options.settings)
    file = _tables(path).get("gate", {}) if path else {}
    made = rules.changed(rules.of_kind(kind, cores()), file, f"The table [gate] of {path}")
    return rules.changed(made, {name: getattr(options, name) for name in rules.FIELDS}, "A flag or variable")


def meter_of(options: argparse.Namespace) -> tuple[str, Declared]:
    """How energy is to be measured ("": by what there is), and what is declared of it. Raises BadSetting."""
    path = _file(options.settings)
    file = _tables(path).get("energy", {}) if path else {}
    if unknown := set(file) - {"meter", *_WATTS}:
        raise BadSetting(f"The table [energy] of {path} has no {min(unknown)}; it has meter, {', '.join(_WATTS)}.")
    idle, busy = (_watts(name, getattr(options, name) or file.get(name, 0)) for name in _WATTS)
    if busy and busy < idle:
        raise BadSetting(f"idle_watts = {idle:g} is more than busy_watts = {busy:g}; is it the other way round?")
    return str(options.meter or file.get("meter", "")), Declared(idle, busy)


def _watts(name: str, value: object) -> float:
    try:
        watts = float(str(value))
    except ValueError:
        watts = -1.0
    if not 0 <= watts < 1e6:
        raise BadSetting(f"{name} = {value!r} makes no sense; it takes a number of watts.")
    return watts


def _file(named: str) -> Path | None:
    if named:
        return Path(named)
    home = os.environ.get("XDG_CONFIG_HOME") or Path(os.environ.get("HOME") or "~").expanduser() / ".config"
    path = Path(home) / "fallow" / "worker.toml"
    return path if path.is_file() else None


def _tables(path: Path) -> dict[str, dict[str, Any]]:
    try:
        found = plain_toml.tables(path.read_text(encoding="utf-8"), str(path))
    except (OSError, UnicodeDecodeError) as error:
        raise BadSetting(f"The settings {path} cannot be read: {error}.") from error
    if unknown := set(found) - _TABLES:
        raise BadSetting(f"{path} has a table [{min(unknown)}]; a worker knows [gate] and [energy] only.")
    if found[""]:
        raise BadSetting(f"{path} sets {min(found[''])} outside of a table; write it below [gate] or [energy].")
    return found
