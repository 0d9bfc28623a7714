"""One contestant of bench/dispatch.py at work: when its results appear, and what processor time that takes whom."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "tests"))

from one_machine import descendants  # noqa: E402

from servers import mariadb, rabbitmq  # noqa: E402

TICK = os.sysconf("SC_CLK_TCK")
POLL = 0.1  # seconds between two looks at how many results are there
STALL = 60.0  # seconds without one after which a run has failed


@dataclass(frozen=True)
class Servers:
    """The two servers."""

    broker: rabbitmq.Cluster
    database: mariadb.MariaDB

    def sql(self, *statements: str) -> Any:
        return self.database.nodes[0].sql(*statements)

    def cpu(self) -> dict[str, float]:
        broker, database = self.broker.nodes[0]._process, self.database.nodes[0].process
        return {"RabbitMQ": cpu(broker.pid), "MariaDB": cpu(database.pid)}


@dataclass(frozen=True)
class Rate:
    """What one run of one contestant took."""

    tasks: float  # a second
    cpu: dict[str, float]  # milliseconds of processor time a task, by role
    enqueued: float  # a second, before the run
    notes: dict[str, Any] = field(default_factory=dict)

    @property
    def total(self) -> float:
        return sum(self.cpu.values())


@dataclass(frozen=True)
class Contest:
    """One contestant at work: who it is made of, and where its results appear."""

    processes: dict[str, list[int]]  # by role
    servers: Servers
    database: str
    count: str  # the query that counts results

    def measured(self, tasks: int, enqueued: float) -> Rate:
        """From the first tenth of the results to the last one."""
        warm = self._reached(tasks // 10)
        full = self._reached(tasks)
        done = full[0] - warm[0]
        spent = {role: 1000 * (full[2][role] - warm[2][role]) / done for role in full[2]}
        return Rate(done / (full[1] - warm[1]), spent, enqueued)

    def _reached(self, wanted: int) -> tuple[int, float, dict[str, float]]:
        last, end = -1, time.monotonic() + STALL
        while time.monotonic() < end:
            ((found,),) = self.servers.sql(f"USE {self.database}", self.count)
            if found >= wanted:
                return found, time.monotonic(), self._cpu()
            if found != last:
                last, end = found, time.monotonic() + STALL
            time.sleep(POLL)
        sys.exit(f"{last} of {wanted} results, and no more in {STALL:g} s.")

    def _cpu(self) -> dict[str, float]:
        return {role: sum(map(cpu, pids)) for role, pids in self.processes.items()} | self.servers.cpu()


def cpu(root: int) -> float:
    """Seconds of processor time of a process and all below it."""
    total = 0
    for pid in descendants(root):
        with suppress(OSError):
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            total += int(fields[11]) + int(fields[12])
    return total / TICK


@contextmanager
def running(command: list[str], environment: dict[str, str], output: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that is asked to end, then made to."""
    with output.open("w") as log:
        process = subprocess.Popen(
            command,
            env={**os.environ, **environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            cwd=HERE,
        )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            for pid in descendants(process.pid):
                os.kill(pid, signal.SIGKILL)
            process.wait()


@contextmanager
def all_of(managers: Iterable[AbstractContextManager[Any]]) -> Iterator[list[Any]]:
    with ExitStack() as stack:
        yield [stack.enter_context(manager) for manager in managers]
