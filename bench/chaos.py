"""Chaos: jobs on a cluster of real servers, while one process after another is killed with -9 and started again.

Three RabbitMQ nodes, three Galera nodes, S3, and every service of Fallow a process of its own. Every few seconds a
random one of {gateway, splitter, joiner, sweeper, cluster worker, remote agent, RabbitMQ node, Galera node, S3
server} dies. At the end no job may be lost, none joined twice, no object be left over, and every result must have
each frame of its source, at its time, showing its number, and the sound. Ends with 1 and says what is wrong, if
anything is; everybody's log is kept then. Usage: chaos.py [--seed 1] [--jobs 30] [--every 3] [--stall 180]
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from cluster.backends import Backends
from cluster.chaos import KINDS
from cluster.services import Layout
from cluster.trial import Plan, Report, trial
from cluster.work import table


def show(plan: Plan, report: Report) -> None:
    """Two tables and the sums."""
    print(f"seed {plan.seed}: {report.jobs} jobs in {report.wall:.0f} s, {report.kills.total()} kills")
    print("".join(f"\n{KINDS[kind]:16}{report.kills[kind]:4}" for kind in KINDS))
    print(f"\n{table(report.outcomes)}")
    attempts, delivered = (
        report.outcomes.total(),
        sum(count for (_, outcome), count in report.outcomes.items() if outcome == "delivered"),
    )
    late = sum(count for (_, outcome), count in report.outcomes.items() if outcome == "late")
    print(f"\n{delivered} tasks took {attempts} attempts; {late} were done twice over")
    print(f"{report.orphans} objects had to be swept away")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=30)
    parser.add_argument("--every", type=float, default=3.0, help="seconds between two kills, about")
    parser.add_argument("--stall", type=float, default=180.0, help="seconds without a step, then jobs are lost")
    parser.add_argument("--at-once", type=int, default=6, help="jobs under way at a time")
    options = parser.parse_args()
    plan = Plan(options.seed, options.jobs, options.at_once, options.every, options.stall)
    folder = Path(tempfile.mkdtemp(prefix="fallow-chaos-"))
    with Backends() as backends:
        report = trial(backends, folder, plan, Layout())
    show(plan, report)
    for fault in report.faults:
        print(f"VIOLATED: {fault}")
    if report.faults:
        print(f"Logs are in {folder}.")
        return 1
    shutil.rmtree(folder)
    print("no job lost, none joined twice, every result exact")
    return 0


if __name__ == "__main__":
    sys.exit(main())
