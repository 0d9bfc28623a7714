"""A soak: jobs without end on agents that come and go, whose devices may work and may not; does anything pile up?

One platform, and agents that are told to stop, killed, cut off with all that they started, put to sleep and woken,
unplugged and plugged in at random; one of them stays. Ends with 1 and says what is wrong if a job was lost, a
result is not its source frame by frame, a process, a temporary file, an object of the store or a lease is left, or
the agent that stayed has grown; everybody's log is kept then. FFmpeg is held to a pace and costs hardly anything.
Usage: soak.py [--minutes 60] [--agents 8] [--seed 1]
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from cluster.work import table
from soak.trial import Plan, Report, trial


def show(plan: Plan, report: Report) -> None:
    """What was done, what is left, and what was held over the time."""
    print(f"seed {plan.seed}: {plan.agents} agents, {plan.seconds / 60:g} min")
    print("agents " + ", ".join(f"{deed} {count}" for deed, count in sorted(report.deeds.items())))
    print(f"\n{table(report.outcomes)}")
    print(f"\njobs: {report.done} done, {report.cancelled} cancelled and removed, {report.lost} lost")
    print(f"results that are not exact: {report.inexact}")
    left = (report.processes, report.files, report.objects)
    print("left: {} processes, {} files, {} objects, {} leases".format(*map(len, left), report.leases))
    for name, told in sorted(report.held.items()):
        memory, files = report.growth(name)
        print(f"\n{name:10}{'minute':>8}{'MiB':>8}{'files':>8}{'threads':>8}")
        for one in told[:: max(1, len(told) // 12)]:
            print(f"{'':10}{one.at / 60:8.1f}{one.memory / (1 << 20):8.1f}{one.files:8}{one.threads:8}")
        print(f"{'':10}grew by {memory / 1024:.0f} KiB and {files} open files since it was warm")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--agents", type=int, default=8)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--every", type=float, default=12.0, help="seconds between two deeds of an agent, about")
    parser.add_argument("--stall", type=float, default=180.0, help="seconds without a step, then jobs are lost")
    options = parser.parse_args()
    plan = Plan(options.seed, options.minutes * 60, options.agents, every=options.every, stall=options.stall)
    folder = Path(tempfile.mkdtemp(prefix="fallow-soak-"))
    report = trial(folder, plan)
    show(plan, report)
    for fault in report.faults:
        print(f"VIOLATED: {fault}")
    if report.faults:
        print(f"Logs are in {folder}.")
        return 1
    shutil.rmtree(folder)
    print("\nno job lost, every result exact, nothing left")
    return 0


if __name__ == "__main__":
    sys.exit(main())
