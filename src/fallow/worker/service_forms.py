"""What each system's manager of services wants to be written and told: systemd, launchd, Termux:Boot, Windows."""

from __future__ import annotations

import enum
import os
import plistlib
import shlex
import shutil
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from fallow.errors import BadSetting
from fallow.worker.stopping import FINAL_EXIT, NOT_AGAIN

NAME = "fallow-worker"
RESTART_SECONDS = 30
STOP_SECONDS = 30  # that chunks have which are begun
_INTERRUPTED = 130


class Kind(enum.Enum):
    """Who starts programs there."""

    SYSTEMD = "systemd"
    LAUNCHD = "launchd"
    TERMUX = "Termux:Boot"
    WINDOWS = "Windows"


@dataclass(frozen=True)
class Service:
    """What is to run."""

    command: Sequence[str]  # no secret is in it: everybody on the machine may read it
    url: str
    variables: Mapping[str, str]
    log: Path  # where nobody else keeps what a service says


@dataclass(frozen=True)
class Step:
    """A command for the system."""

    command: Sequence[str]
    needed: bool = field(default=True)  # it is no trouble when another one fails


def kind_of(platform: str, environment: Mapping[str, str]) -> Kind:
    """Raises BadSetting where there is none."""
    if "TERMUX_VERSION" in environment or "com.termux" in environment.get("PREFIX", ""):
        return Kind.TERMUX
    if platform == "darwin":
        return Kind.LAUNCHD
    if platform == "win32":
        return Kind.WINDOWS
    if shutil.which("systemctl", path=environment.get("PATH")):
        return Kind.SYSTEMD
    raise BadSetting(
        "This system has neither systemd nor launchd nor Termux; have its own manager of services run the same "
        "command without --install-service, with the token in FALLOW_TOKEN."
    )


def folder_of(kind: Kind, environment: Mapping[str, str]) -> Path:
    """Where a service has its file, which it may replace, and its secrets."""
    home = Path(environment.get("HOME") or Path.home())
    if kind is Kind.WINDOWS:
        return Path(environment.get("LOCALAPPDATA") or home / "AppData" / "Local") / NAME
    return Path(environment.get("XDG_DATA_HOME") or home / ".local" / "share") / NAME


def place_of(kind: Kind, environment: Mapping[str, str]) -> Path:
    home = Path(environment.get("HOME") or Path.home())
    if kind is Kind.TERMUX:
        return home / ".termux" / "boot" / NAME
    if kind is Kind.LAUNCHD:
        return home / "Library" / "LaunchAgents" / f"{NAME}.plist"
    if kind is Kind.WINDOWS:
        return folder_of(kind, environment) / f"{NAME}.cmd"
    return Path(environment.get("XDG_CONFIG_HOME") or home / ".config") / "systemd" / "user" / f"{NAME}.service"


def mode_of(kind: Kind) -> int:
    return 0o700 if kind is Kind.TERMUX else 0o644


def text_of(kind: Kind, service: Service) -> bytes:
    """Raises BadSetting for what cannot be written there."""
    if any("\n" in one for one in (*service.command, *service.variables.values())):
        raise BadSetting("An option with a line break in it cannot be given to a service; leave that out.")
    forms = {
        Kind.SYSTEMD: for_systemd,
        Kind.LAUNCHD: for_launchd,
        Kind.TERMUX: for_termux,
        Kind.WINDOWS: for_windows,
    }
    return forms[kind](service)


def for_systemd(service: Service) -> bytes:
    """A unit of the user's own."""
    variables = [f"Environment={_quoted(f'{name}={value}')}" for name, value in service.variables.items()]
    lines = [
        "[Unit]",
        f"Description=Fallow worker for {_host(service.url).replace('%', '%%')}",
        # However long the network, or FFmpeg, is not there.
        "StartLimitIntervalSec=0",
        "",
        "[Service]",
        f"ExecStart={' '.join(_quoted(one, '$') for one in service.command)}",
        *variables,
        "Restart=on-failure",
        f"RestartSec={RESTART_SECONDS}",
        # Sent home, or told what makes no sense: another start would end alike.
        f"RestartPreventExitStatus={' '.join(map(str, NOT_AGAIN))}",
        f"SuccessExitStatus={_INTERRUPTED}",
        # The agent decides what becomes of its FFmpegs.
        "KillMode=mixed",
        f"TimeoutStopSec={STOP_SECONDS}",
        "NoNewPrivileges=yes",
        "",
        "[Install]",
        "WantedBy=default.target",
        "",
    ]
    return "\n".join(lines).encode()


def for_launchd(service: Service) -> bytes:
    """An agent of the user's own. launchd knows two ends, a good one and a bad one."""
    variables = {"PATH": os.environ.get("PATH", os.defpath), "FALLOW_LOG_LEVEL": "warning", FINAL_EXIT: "0"}
    return plistlib.dumps(
        {
            "Label": NAME,
            "ProgramArguments": list(service.command),
            "EnvironmentVariables": {**variables, **service.variables},
            "RunAtLoad": True,
            "KeepAlive": {"SuccessfulExit": False},
            "ThrottleInterval": RESTART_SECONDS,
            "ExitTimeOut": STOP_SECONDS,
            "StandardErrorPath": str(service.log),
        }
    )


def for_termux(service: Service) -> bytes:
    """A script that Termux:Boot runs. The lock has Android let it work while the screen is off."""
    log = shlex.quote(str(service.log))
    ends = "|".join(map(str, (0, *NOT_AGAIN, _INTERRUPTED)))
    lines = [
        "#!/bin/sh",
        "termux-wake-lock",
        *(f"export {name}={shlex.quote(value)}" for name, value in service.variables.items()),
        ': "${FALLOW_LOG_LEVEL:=warning}"; export FALLOW_LOG_LEVEL',
        "while :; do",
        f"    {shlex.join(service.command)} 2>{log}",
        f"    case $? in {ends}) break ;; esac",
        f"    sleep {RESTART_SECONDS}",
        "done",
        "termux-wake-unlock",
        "",
    ]
    return "\n".join(lines).encode()


def for_windows(service: Service) -> bytes:
    """A script, as the Task Scheduler takes no long commands."""

    def shown(text: str) -> str:
        return text.replace("%", "%%")

    def quoted(text: str) -> str:
        once = subprocess.list2cmdline([text])
        return f'"{once}"' if set(once) & set("&|<>^()") and not once.startswith('"') else once

    lines = [
        "@echo off",
        "chcp 65001 >nul",  # it is written in UTF-8
        *(f'set "{name}={shown(value)}"' for name, value in service.variables.items()),
        "if not defined FALLOW_LOG_LEVEL set FALLOW_LOG_LEVEL=warning",
        ":again",
        f'{shown(" ".join(map(quoted, service.command)))} 2>"{shown(str(service.log))}"',
        *(f"if %errorlevel%=={code} exit /b" for code in (0, *NOT_AGAIN, _INTERRUPTED)),
        f"timeout /t {RESTART_SECONDS} /nobreak >nul",
        "goto again",
        "",
    ]
    return "\r\n".join(lines).encode()


def starting(kind: Kind, place: Path) -> Sequence[Step]:
    """With what is written now, also if it ran before."""
    if kind is Kind.SYSTEMD:
        commands = (("daemon-reload",), ("enable", place.name), ("restart", place.name))
        return [Step(("systemctl", "--user", *one)) for one in commands]
    if kind is Kind.LAUNCHD:
        return [*stopping(kind, place), Step(("launchctl", "bootstrap", _domain(), str(place)))]
    return []


def stopping(kind: Kind, place: Path) -> Sequence[Step]:
    if kind is Kind.SYSTEMD:
        return [Step(("systemctl", "--user", "disable", "--now", place.name), needed=False)]
    if kind is Kind.LAUNCHD:
        return [Step(("launchctl", "bootout", f"{_domain()}/{NAME}"), needed=False)]
    return []


def forgetting(kind: Kind) -> Sequence[Step]:
    """What the system still knows when the file is gone."""
    return [Step(("systemctl", "--user", "daemon-reload"), needed=False)] if kind is Kind.SYSTEMD else []


def told(kind: Kind, place: Path) -> Iterable[str]:
    """What else there is to know, or to do."""
    if kind is Kind.SYSTEMD:
        yield f"It works now, and whenever you log in; `journalctl --user -u {NAME}` shows what it says."
        yield "So that it works while nobody is logged in, too, run once: loginctl enable-linger"
    elif kind is Kind.LAUNCHD:
        yield "It works now, and whenever you log in."
    elif kind is Kind.WINDOWS:
        yield "To start it whenever you log in, type once, as an administrator:"
        yield f'schtasks /Create /F /SC ONLOGON /TN {NAME} /TR "\\"{place}\\""'
        yield "Or put a link to that file into the folder that Windows opens for shell:startup."
    else:
        yield "It begins when the phone is switched on: install the app Termux:Boot and open it once."
        yield f"To begin now, run: sh {shlex.quote(str(place))} &"
        yield "Exempt Termux from saving the battery in Android's settings, or Android ends it."


def gone(kind: Kind) -> Iterable[str]:
    if kind is Kind.WINDOWS:
        yield f"What runs now goes on until you log out. Windows forgets it by: schtasks /Delete /F /TN {NAME}"
    elif kind is Kind.TERMUX:
        yield "It is not started any more. What runs now goes on until you stop it, or switch the phone off."
    else:
        yield "It is stopped, and not started any more."


def _quoted(text: str, more: str = "") -> str:
    """As systemd reads it: in quotes, with what it would replace doubled."""
    for letter in ("%", *more):
        text = text.replace(letter, letter * 2)
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _host(url: str) -> str:
    return urlsplit(url).hostname or url


def _domain() -> str:
    return f"gui/{os.getuid()}"
