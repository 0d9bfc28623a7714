"""Dispatch: how many tasks that do nothing Fallow leases and takes back in a second, beside Celery and Dramatiq.

All of them run on the same RabbitMQ node and the same MariaDB, one after another in the same run, on the same
processors. Each finds its tasks in the queue when it begins, and each task's result must be in the database to
count. The first tenth of each run warms it up and is not measured. Fallow's agents speak HTTP to its gateway, and
the part of every task is looked at packet by packet, as always; its upload is left out, unless --put asks for it:
with a bucket it passes the gateway by. Usage: dispatch.py [--tasks 5000] [--agents 200] [--runs 3]
"""

from __future__ import annotations

import argparse
import os
import signal
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import dispatch_fallow
from dispatch_contest import HERE, Contest, Rate, Servers, running

from servers import mariadb, rabbitmq

BOINC = 273  # tasks a second: what its authors published of one server
PEERS = {"celery": "Celery", "dramatiq-quorum": "Dramatiq, quorum queue", "dramatiq": "Dramatiq as it comes"}
ROLES = ("itself", "RabbitMQ", "MariaDB", "agents")
RESULTS = "CREATE TABLE results (id VARCHAR(64) PRIMARY KEY, result TEXT, made DOUBLE) ENGINE=InnoDB"


def peer(name: str, tasks: int, servers: Servers, work: Path) -> Rate:
    database = servers.database.database()
    servers.sql(f"USE {database}", RESULTS)
    environment = {
        "BENCH_PEER": name,
        "BENCH_BROKER": servers.broker.url + ("/" if name == "celery" else "%2F"),
        "BENCH_DATABASE": servers.database.url(database),
    }
    enqueue = [sys.executable, str(HERE / "dispatch_peers.py"), str(tasks)]
    told = subprocess.run(enqueue, env={**os.environ, **environment}, check=True, stdout=subprocess.PIPE)
    # Both start as many processes as there are processors, and Dramatiq eight threads in each.
    worker = ["celery", "-A", "dispatch_peers", "worker", "--loglevel", "warning"]
    count = "SELECT COUNT(*) FROM celery_taskmeta WHERE status = 'SUCCESS'"
    if name != "celery":
        worker, count = ["dramatiq", "dispatch_peers"], "SELECT COUNT(*) FROM results"
    with running([sys.executable, "-m", *worker], environment, work / f"{name}.log") as process:
        return Contest({"itself": [process.pid]}, servers, database, count).measured(
            tasks, tasks / float(told.stdout)
        )


def contestants(options: argparse.Namespace) -> dict[str, Callable[[Servers, Path], Rate]]:
    found: dict[str, Callable[[Servers, Path], Rate]] = {}
    for count in options.gateways:
        agents, tasks = options.agents, options.tasks
        setup = dispatch_fallow.Setup(count, agents, tasks, options.put, options.profile, options.most)
        found[f"Fallow, {count} gateway{'s' * (count > 1)}"] = partial(dispatch_fallow.run, setup)
    for name in options.peers:
        found[PEERS[name]] = partial(peer, name, options.tasks)
    return found


def median(rates: list[Rate]) -> Rate:
    return Rate(
        statistics.median(rate.tasks for rate in rates),
        {role: statistics.median(rate.cpu[role] for rate in rates) for role in rates[0].cpu},
        statistics.median(rate.enqueued for rate in rates),
    )


def report(results: dict[str, list[Rate]]) -> None:
    print(f"\n{'medians':24}{'tasks/s':>9}{'queued/s':>10}   CPU ms/task {'all':>6}", *(f"{r:>9}" for r in ROLES))
    for name, rates in results.items():
        rate = median(rates)
        parts = (f"{rate.cpu[role]:>9.2f}" if role in rate.cpu else f"{'-':>9}" for role in ROLES)
        print(f"{name:24}{rate.tasks:>9.0f}{rate.enqueued:>10.0f}{'':15}{rate.total:>6.2f}", *parts)
    for ours in [name for name in results if name.startswith("Fallow")]:
        print(f"\n{ours + ', over':24}{'tasks/s':>9}{'CPU/task':>10}   tasks/s, each run")
        for name, rates in results.items():
            if not name.startswith("Fallow"):
                compare(name, results[ours], rates)
        print(f"{f'BOINC ({BOINC}/s published)':24}{median(results[ours]).tasks / BOINC:>9.2f}")


def compare(name: str, ours: list[Rate], theirs: list[Rate]) -> None:
    tasks = [a.tasks / b.tasks for a, b in zip(ours, theirs, strict=True)]
    cpu = [a.total / b.total for a, b in zip(ours, theirs, strict=True)]
    each = ", ".join(f"{ratio:.2f}" for ratio in tasks)
    print(f"{name:24}{statistics.median(tasks):>9.2f}{statistics.median(cpu):>10.2f}   {each}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", type=int, default=5000)
    parser.add_argument("--agents", type=int, default=200)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--gateways", type=int, nargs="*", default=[1, 2], help="how many; each is a contestant")
    parser.add_argument("--peers", nargs="*", choices=PEERS, default=list(PEERS))
    parser.add_argument("--most", type=int, default=1, help="tasks that an agent of Fallow asks for in one lease")
    parser.add_argument("--put", action="store_true", help="upload each part through the gateway, too")
    parser.add_argument("--profile", default="", help="file for what cProfile sees of the gateway's event loop")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("Asked to end."))  # so that what was started ends, too
    chosen = contestants(options)
    results: dict[str, list[Rate]] = {name: [] for name in chosen}
    with tempfile.TemporaryDirectory() as folder, mariadb.MariaDB(1) as database:
        place = Path(folder) / "rabbitmq"
        place.mkdir()
        with rabbitmq.Cluster(place) as broker:
            for turn in range(1, options.runs + 1):
                for name, contestant in chosen.items():
                    rate = contestant(Servers(broker, database), Path(folder))
                    results[name].append(rate)
                    spent = "  ".join(f"{role} {ms:.2f}" for role, ms in rate.cpu.items())
                    print(f"run {turn}: {name}: {rate.tasks:.0f}/s; ms/task: {spent}", rate.notes or "", flush=True)
    report(results)


if __name__ == "__main__":
    main()
