"""Bad lines: the same jobs on two agents that are reached well, and badly; what is made again, and what is wasted.

Three hosts, each a network namespace: the platform in the middle, an agent at the end of each line. Packets are
lost, late, and not many at once; with --cut, the second agent's line is cut in the middle of its work until nobody
counts on that any more. Needs root. Prints, beside the same without any of it: the time, attempts that did not
count, troubles that the agents told of, and goodput: bytes of chunks and parts that counted, of all bytes that were
sent. Ends with 1 if a result is not its source, frame by frame.
Usage: bad_network.py [--jobs 4] [--loss 5 10] [--delay 50 100] [--jitter 15 30] [--rate 8 2] [--cut]
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from network.line import Quality
from network.trial import Plan, Report, trial

AGENTS = ("near", "far")


def show(name: str, plan: Plan, report: Report) -> None:
    """What became of all the jobs."""
    print(f"\n{name}")
    for who, one in plan.lines.items():
        print(f"  {who}: {one.delay:g} ± {one.jitter:g} ms one way, {one.loss:g} % lost, {one.rate:g} Mbit/s")
    print(f"  {plan.jobs} jobs in {report.wall:.1f} s" + (f", cut off for {report.cut:.1f} s" if plan.cut else ""))
    again = {outcome: count for (_, outcome), count in sorted(report.outcomes.items()) if outcome != "delivered"}
    delivered = report.outcomes.total() - sum(again.values())
    print(f"  {delivered} attempts counted, {sum(again.values())} did not: {again or 'none'}")
    print(f"  troubles: {dict(report.troubles) or 'none'}")
    print(f"  packets lost: {report.lost:.1%}")
    print(f"  goodput: {report.counted} of {report.sent} bytes, {report.counted / report.sent:.1%}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--jobs", type=int, default=4)
    for name, default, unit in (
        ("loss", (5.0, 10.0), "percent of the packets"),
        ("delay", (50.0, 100.0), "milliseconds, one way"),
        ("jitter", (15.0, 30.0), "milliseconds more or less"),
        ("rate", (8.0, 2.0), "megabits a second"),
    ):
        parser.add_argument(f"--{name}", type=float, nargs=2, default=default, help=f"{unit}, of each line")
    parser.add_argument("--cut", action="store_true", help="cut the second line once")
    options = parser.parse_args()
    values = zip(options.delay, options.jitter, options.loss, options.rate, strict=True)
    bad = dict(zip(AGENTS, (Quality(*some) for some in values), strict=True))
    plans = {
        "good lines": Plan({name: Quality() for name in AGENTS}, options.jobs),
        "bad lines": Plan(bad, options.jobs, AGENTS[1] if options.cut else ""),
    }
    faults: list[str] = []
    for name, plan in plans.items():
        folder = Path(tempfile.mkdtemp(prefix="fallow-bad-network-"))
        report = trial(folder, plan)
        show(name, plan, report)
        faults += report.faults
        shutil.rmtree(folder)
    for fault in faults:
        print(f"VIOLATED: {fault}")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
