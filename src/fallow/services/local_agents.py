"""The agents that a platform starts on its own machine: processes like any other agent, which die with it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from fallow import log
from fallow.errors import Cancelled, Retryable
from fallow.ffmpeg.locate import examine, find
from fallow.services.home import Home
from fallow.settings import Settings
from fallow.worker import alone, machine
from fallow.worker.stopping import SENT_HOME

AGENT = Path(alone.__file__)
RESTART_AFTER = (0.5, 1.0, 2.0, 5.0, 10.0, 30.0)  # seconds; the last for ever
HEALTHY = 60.0  # seconds; an agent that ran so long begins again with the shortest pause
GRACE = 5.0  # seconds between asking a process to stop and killing it


@dataclass(frozen=True)
class Command:
    """How an agent is started."""

    url: str
    home: Home
    ffmpeg: str  # "" lets the agent find one
    threads: int  # of each FFmpeg
    log: str  # the form of its log, as the platform's; with "off" it goes nowhere

    def arguments(self, name: str) -> list[str]:
        ffmpeg = ["--ffmpeg", self.ffmpeg] if self.ffmpeg else []
        # -S -I: the agent needs no packages, and must not notice when they are there.
        python = [sys.executable, "-S", "-I", str(AGENT)]
        load = ["--slots", "1", "--threads", str(self.threads)]
        return [*python, self.url, *load, "--name", self.home.called(name), "--parent-pipe", *ffmpeg]

    def environment(self) -> dict[str, str]:
        # Not on the command line, which every user of the machine can read.
        return {
            **os.environ,
            "FALLOW_TOKEN": self.home.token,
            "FALLOW_LOG": self.log,
            "FALLOW_LOG_LEVEL": "warning",
            # Who runs a platform here has lent this machine already.
            "FALLOW_GATE": os.environ.get("FALLOW_GATE") or "off",
            # It has work for them at once.
            "FALLOW_CALIBRATION": os.environ.get("FALLOW_CALIBRATION") or "off",
        }


class Owner(Protocol):
    """Who has agents here, each known by its name."""

    async def bereaved(self, name: str, error: Exception) -> None:
        """It has ended, and why: what it was at is free again before its lease runs out."""
        ...

    async def welcome(self, name: str) -> None:
        """Returns when it was not sent home, or may come again."""
        ...


class LocalAgents:
    """A number of agent processes, each started again when it dies."""

    def __init__(self, command: Command, count: int, owner: Owner) -> None:
        self._command = command
        self._owner = owner
        self._processes: list[subprocess.Popen[bytes] | None] = [None] * count
        self._stopping = False
        self._watchers: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Start them all at once: they come up while the platform does."""
        for slot in range(len(self._processes)):
            self._processes[slot] = self._spawn(slot)
        self._watchers = [asyncio.create_task(self._watch(slot)) for slot in range(len(self._processes))]

    @property
    def pids(self) -> list[int]:
        return [process.pid for process in self._processes if process and process.poll() is None]

    async def drain(self) -> None:
        """Have each finish its chunk and end; returns when all have."""
        self._stopping = True
        for process, watcher in zip(self._processes, self._watchers, strict=True):
            if process is None:  # it is not started again
                watcher.cancel()
        self._signal(signal.SIGTERM)
        await asyncio.gather(*self._watchers, return_exceptions=True)

    async def stop(self) -> None:
        """Have each stop at once: first asked, by the end of its parent pipe, then killed."""
        self._stopping = True
        for process, watcher in zip(self._processes, self._watchers, strict=True):
            if process and process.stdin:
                process.stdin.close()
            else:  # about to start another one
                watcher.cancel()
        if not self._watchers:
            return
        _, late = await asyncio.wait(self._watchers, timeout=GRACE)
        if late:
            self._signal(signal.SIGKILL)
            await asyncio.wait(late, timeout=GRACE)

    async def _watch(self, slot: int) -> None:
        failures = 0
        while not self._stopping:
            process = self._processes[slot]
            if process is None:
                process = self._processes[slot] = self._spawn(slot)
            seconds = await self._wait_for(process)
            if self._stopping:
                await self._owner.bereaved(name_of(slot), Cancelled("The local agent was stopped."))
                return
            if process.returncode == SENT_HOME:
                await self._sent_home(slot)
                continue
            await self._owner.bereaved(
                name_of(slot), Retryable("The local agent died, perhaps for want of memory.")
            )
            failures = 0 if seconds >= HEALTHY else failures + 1
            pause = RESTART_AFTER[min(failures, len(RESTART_AFTER)) - 1] if failures else RESTART_AFTER[0]
            log.trouble(
                "agent.died", "A local agent ended; it is started again.", slot=slot, code=process.returncode
            )
            self._processes[slot] = None
            await asyncio.sleep(pause)

    async def _sent_home(self, slot: int) -> None:
        log.event("agent.sent-home", slot=slot)
        self._processes[slot] = None
        await self._owner.welcome(name_of(slot))

    async def _wait_for(self, process: subprocess.Popen[bytes]) -> float:
        """Wait for a process without polling it; how long that took."""
        begun = asyncio.get_running_loop().time()
        await _exit_of(process)
        process.wait()
        if process.stdin:
            process.stdin.close()
        return asyncio.get_running_loop().time() - begun

    def _spawn(self, slot: int) -> subprocess.Popen[bytes]:
        log_to = subprocess.DEVNULL if self._command.log == "off" else None
        return subprocess.Popen(
            self._command.arguments(name_of(slot)),
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=log_to,
            env=self._command.environment(),
            # A group of its own: Ctrl-C in the terminal is for the platform, which tells its agents what to do.
            start_new_session=True,
        )

    def _signal(self, number: signal.Signals) -> None:
        for process in self._processes:
            if process and process.poll() is None:
                with contextlib.suppress(ProcessLookupError):
                    if number is signal.SIGKILL:
                        os.killpg(process.pid, number)  # with its FFmpeg
                    else:
                        process.send_signal(number)


def launch(settings: Settings, url: str, home: Home, owner: Owner) -> LocalAgents:
    """Start the agents that the settings ask for; they join the gateway at this URL. Raises NoFfmpeg."""
    cores = machine.cores()
    count = settings.workers if settings.workers >= 0 else cores
    # Found here: agents run without site packages, so they would not see the one that comes with the server.
    # And tried: an agent that has none ends, and would be started again for ever.
    ffmpeg = examine(find(settings.ffmpeg)).path if count else ""
    threads = max(1, cores // max(1, count))
    agents = LocalAgents(Command(url, home, ffmpeg, threads, settings.log), count, owner)
    agents.start()
    return agents


def name_of(slot: int) -> str:
    return f"local-{slot + 1}"


async def _exit_of(process: subprocess.Popen[bytes]) -> None:
    """Returns when the process has ended."""
    if hasattr(os, "pidfd_open"):
        await _readable(os.pidfd_open(process.pid))
    else:
        await asyncio.to_thread(process.wait)


async def _readable(handle: int) -> None:
    loop, ready = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(handle, ready.set)
    try:
        await ready.wait()
    finally:
        loop.remove_reader(handle)
        os.close(handle)
