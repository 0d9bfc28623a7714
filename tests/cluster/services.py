"""Fallow's own services, each a process of its own, as they would be on many machines."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

from clips.maker import FFMPEG
from cluster.process import Process
from servers import free_ports

JOIN_TOKEN, API_TOKEN = "for-workers", "for-people"
STOP_SECONDS = 30.0  # what a pod has by default


@dataclass(frozen=True)
class Layout:
    """How many there are of each."""

    gateway: int = 2
    splitter: int = 1
    joiner: int = 1
    sweeper: int = 1
    worker: int = 2  # of the cluster, each with one agent
    agent: int = 2  # on other machines, in effect: they know a gateway's address and the join token

    @property
    def roles(self) -> Iterable[tuple[str, str]]:
        """Each role that is a service, and the name of one process."""
        for role in ("gateway", "splitter", "joiner", "sweeper", "worker"):
            for number in range(1, getattr(self, role) + 1):
                yield role, f"{role}-{number}"


@dataclass
class Services:
    """All of them, from `with` until its end."""

    folder: Path
    urls: Mapping[str, str]  # of the back ends
    layout: Layout = field(default_factory=Layout)
    settings: Mapping[str, str] = field(default_factory=dict)
    processes: dict[str, Process] = field(default_factory=dict)

    def __enter__(self) -> Services:
        self._prepare()
        try:
            self.revive()
        except BaseException:
            self._kill()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._kill()

    def revive(self) -> None:
        """Start what does not run; returns when all are ready."""
        for process in self.processes.values():
            if not process.alive:
                process.start()
        with ThreadPoolExecutor(len(self.processes)) as pool:
            list(pool.map(Process.wait, self.processes.values()))

    @property
    def gateways(self) -> list[str]:
        """Their addresses."""
        return [
            f"http://127.0.0.1:{one.port}" for name, one in self.processes.items() if name.startswith("gateway")
        ]

    def of(self, worker: str) -> str:
        """The name of the process that a worker belongs to."""
        for name, process in self.processes.items():
            if not name.startswith("gateway") and f'"{worker}"' in (process.folder / "log").read_text():
                return name
        raise AssertionError(f"No process knows the worker {worker}.")

    def _kill(self) -> None:
        for process in self.processes.values():
            process.kill()

    def _prepare(self) -> None:
        common = {
            **outside(),
            **self.urls,
            "FALLOW_SECRET": "one secret for all of them, which is long enough",
            "FALLOW_TOKEN": JOIN_TOKEN,
            "FALLOW_API_TOKEN": API_TOKEN,
            "FALLOW_FFMPEG": FFMPEG,
            "FALLOW_LOG": "json",
            "FALLOW_WORKERS": "1",
            **self.settings,
        }
        migrated = subprocess.run(
            [*_FALLOW, "migrate"], env=common, cwd=self.folder, capture_output=True, text=True, check=False
        )
        assert migrated.returncode == 0, migrated.stderr
        roles = list(self.layout.roles)
        for (role, name), port in zip(roles, free_ports(len(roles)), strict=True):
            environment = {**common, "FALLOW_PORT": str(port), "FALLOW_DATA": str(self.folder / name / "data")}
            self.processes[name] = Process(name, [*_FALLOW, "serve", role], self.folder, environment, port)
        for number in range(self.layout.agent):
            self._prepare_agent(f"agent-{number + 1}", self.gateways[number % self.layout.gateway])

    def _prepare_agent(self, name: str, gateway: str) -> None:
        load = ["--slots", "1", "--threads", "1", "--gate", "off"]
        command = [sys.executable, "-m", "fallow.worker", gateway, *load, "--name", name]
        ffmpeg = self.settings.get("FALLOW_FFMPEG", FFMPEG)
        environment = {**outside(), "FALLOW_TOKEN": JOIN_TOKEN, "FALLOW_FFMPEG": ffmpeg, "FALLOW_LOG": "json"}
        self.processes[name] = Process(name, command, self.folder, environment)


_FALLOW = (sys.executable, "-m", "fallow")


def outside() -> dict[str, str]:
    """The environment, without any setting of the product."""
    return {name: value for name, value in os.environ.items() if not name.startswith("FALLOW_")}
