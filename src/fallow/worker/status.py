"""What the agents of this device do: each keeps a small file, which `fallow worker status` reads."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from fallow.device import windows
from fallow.worker.pause import Pause

NOBODY = 1  # how it exits when no agent runs here


def folder_of(environment: Mapping[str, str]) -> Path:
    """Where agents keep what is to be known of them."""
    if named := environment.get("FALLOW_WORKER_FOLDER"):
        return Path(named)
    home = environment.get("XDG_STATE_HOME") or Path(environment.get("HOME") or Path.home()) / ".local" / "state"
    return Path(home) / "fallow-worker"


class StateFile:
    """Of one agent, by the number of its process. Where nothing can be written, nobody can ask."""

    def __init__(self, folder: Path, name: str, url: str, pause: Pause) -> None:
        self._folder = folder
        self._path = folder / "agents" / f"{os.getpid()}.json"
        self._facts = {"pid": os.getpid(), "name": name, "server": _shown(url), "started": time.time()}
        self._pause = pause

    def begin(self) -> None:
        """The files of agents that were killed go: each would stay, where nobody asks."""
        agents(self._folder)
        self.write()

    def write(self) -> None:
        text = json.dumps({**self._facts, "paused": self._pause.reason, "since": self._pause.since})
        with contextlib.suppress(OSError):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            part = self._path.with_suffix(".new")
            part.write_text(text, encoding="utf-8")
            part.replace(self._path)

    def remove(self) -> None:
        with contextlib.suppress(OSError):
            self._path.unlink()


def main(arguments: Sequence[str]) -> int:
    """`fallow worker status`."""
    made = argparse.ArgumentParser(prog="fallow worker status", description="Tell what the agents here do.")
    made.add_argument("--json", action="store_true", help="for programs")
    options = made.parse_args(arguments)
    found = agents(folder_of(os.environ))
    if options.json:
        sys.stdout.write(json.dumps(found) + "\n")
    else:
        lines = [_line(one, time.time()) for one in found] or ["No worker runs on this device."]
        sys.stdout.write("\n".join(lines) + "\n")
    return 0 if found else NOBODY


def agents(folder: Path) -> list[dict[str, Any]]:
    """Those that run; the files of others that were killed are removed."""
    found = []
    for path in sorted((folder / "agents").glob("*.json")):
        with contextlib.suppress(OSError, ValueError):
            facts = json.loads(path.read_text(encoding="utf-8"))
            if runs(int(path.stem)):
                found.append(facts)
            else:
                path.unlink()
    return found


def runs(pid: int) -> bool:
    """Whether a process of that number is there."""
    if sys.platform == "win32":
        return windows.runs(pid)
    try:
        os.kill(pid, 0)
    except PermissionError:
        return True
    except OSError:
        return False
    return True


def _line(facts: Mapping[str, Any], now: float) -> str:
    who = f"{facts['name']} at {facts['server']} (process {facts['pid']})"
    if not facts["paused"]:
        return f"{who}: may work."
    since, minutes = time.strftime("%H:%M", time.localtime(facts["since"])), int(now - facts["since"]) // 60
    return f"{who}: paused since {since} ({minutes} min). {facts['paused']}"


def _shown(url: str) -> str:
    """Without what may be secret in it."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname}" + (f":{parts.port}" if parts.port else "")
