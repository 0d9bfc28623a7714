"""What one task costs in the ledger: round trips and processor time of each call in its life, in a real MariaDB.

One process, one task after the other, as a gateway calls. Usage: ledger_calls.py [--tasks 500] [--sqlite]
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from collections import Counter, deque
from collections.abc import Awaitable, Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any, TypeVar

import pymysql

sys.path.append(str(Path(__file__).parents[1] / "tests"))

from fallow.adapters.ledger_migrate import migrate
from fallow.adapters.ledger_sql import SqlLedger
from fallow.model import Effort, JobState, Part, TaskKind
from fallow.records import Job, Rendition, TaskSpec
from servers.mariadb import MariaDB

WINDOW = 32  # as by default
WARM = 20  # tasks that are not counted
T = TypeVar("T")
CLOCKS: dict[str, Callable[[], float]] = {"CPU ms": time.process_time, "ms": time.perf_counter}


class Meter:
    """What calls cost, by their names."""

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()
        self.trips: Counter[str] = Counter()
        self.spent: dict[str, Counter[str]] = {clock: Counter() for clock in CLOCKS}
        self._trips = 0
        send = pymysql.connections.Connection._execute_command

        def counted(*arguments: Any) -> None:
            self._trips += 1
            send(*arguments)

        pymysql.connections.Connection._execute_command = counted

    async def __call__(self, name: str, call: Awaitable[T]) -> T:
        begun, trips = {clock: read() for clock, read in CLOCKS.items()}, self._trips
        done = await call
        self.calls[name] += 1
        self.trips[name] += self._trips - trips
        for clock, read in CLOCKS.items():
            self.spent[clock][name] += 1000 * (read() - begun[clock])
        return done

    def clear(self) -> None:
        for counter in (self.calls, self.trips, *self.spent.values()):
            counter.clear()

    def report(self, tasks: int) -> None:
        print(f"{'a task':12}{'calls':>7}{'trips':>7}{'CPU ms':>8}{'ms':>8}")
        for name in [*self.calls, None]:
            counts = (self.calls, self.trips, *self.spent.values())
            values = [(count[name] if name else sum(count.values())) / tasks for count in counts]
            calls, trips, cpu, wall = values
            print(f"{name or 'all':12}{calls:>7.1f}{trips:>7.1f}{cpu:>8.2f}{wall:>8.2f}")


async def live(url: str, tasks: int) -> Meter:
    ledger, meter = await SqlLedger.open(url), Meter()
    rendition = Rendition("j", "720p", {})
    await ledger.create_job(Job("j", "film", JobState.ENCODING, 1.0, 1.0, {}, "s", None, (rendition,), "", ""))
    recipe = {"output": "mpegts", "filter": "x" * 800}
    await ledger.plan(
        [TaskSpec("j", TaskKind.VIDEO, "720p", n, recipe, "key", 10, "ab", 250, 1.0) for n in range(tasks)]
    )
    (lane,) = await ledger.line_up("j", "", "normal")
    queued = deque(await ledger.top_up(lane, WINDOW))
    for number in range(tasks):
        if number == WARM:
            meter.clear()
        await one(ledger, meter, queued.popleft().id)
        if len(queued) < WINDOW // 2:
            queued += await meter("top_up", ledger.top_up(lane, WINDOW - len(queued)))
    await ledger.close()
    return meter


async def one(ledger: SqlLedger, meter: Meter, task: str) -> None:
    """What dispatch.py and deliver.py ask of the ledger for one task."""
    lease = f"lease of {task}"
    far = time.time() + 3600
    assert await meter("lease", ledger.lease(task, lease, "worker", far, far))
    await meter("is_last", ledger.is_last("j"))
    await meter("renew", ledger.renew(lease, far, 10, 25.0))
    _, held = await meter("held", ledger.held(lease))
    assert await meter("commit", ledger.commit(lease, Part(lease, 1, "ab", 250, "h"), Effort(frames=250)))
    if not await meter("unfinished", ledger.unfinished(held)):
        await meter("tally", ledger.tally("j"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", type=int, default=500)
    parser.add_argument("--sqlite", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, nullcontext() if options.sqlite else MariaDB(1) as server:
        url = server.url(server.database()) if server else f"sqlite:///{folder}/l.db"
        migrate(url)
        asyncio.run(live(url, options.tasks)).report(options.tasks - WARM)


if __name__ == "__main__":
    main()
