"""Many devices: what a batch of films takes, and what is asked of the platform, by the second and in all.

The code of dispatch, admission, delivery and sweeping is the platform's own, and so are the queue (the embedded
one) and the ledger (SQLite's); they run under a clock that does not wait. Devices come and go as the population of
tests/simulation tells, chunks and parts are made up, and transfers take no time. The batch is as large as all
devices that are there can do in --minutes. Printed for each size, while the batch ran (if --limit breaks it off: in
the second half of that):
  s/floor   its makespan over the least possible: the time in which all devices that were there could have done the
            work, had they shared it without a gap, but at least the longest chunk on the fastest device
  wasted    share of the devices' work on attempts that came to nothing
  rates     leases, calls of the ledger, those of them that write, and requests for work in vain, each a second
  queue     messages of tasks that waited, at most
Usage: simulate.py [--devices 1000 10000] [--minutes 10] [--film 3600]
                   [--chunk 10] [--lease 30] [--sweep 2] [--limit 1440]
"""

from __future__ import annotations

import argparse
import math
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "tests"))

from fallow.pipeline.context import Policy
from simulation.ledger_model import model
from simulation.ledgers import sqlite
from simulation.population import HOUR, KINDS, available
from simulation.trial import Result, Trial, carry_out
from simulation.world import Film

LEDGERS = {"sqlite": sqlite, "model": model}
HEAD = ("devices", "there", "at work", "films", "s/floor", "floor s", "wasted", "leases/s", "calls/s", "writes/s")
MORE = ("in vain/s", "queue", "real s")


def capacity(devices: int, hour: float) -> float:
    """Work that is done in a second, in the mean: a session has 65 % of a device's speed."""
    mean = (k.share * available(k, hour * HOUR) * k.speed * math.exp(k.spread**2 / 2) for k in KINDS)
    return 0.65 * devices * sum(mean)


def films(options: argparse.Namespace, devices: int) -> tuple[Film, ...]:
    work = capacity(devices, options.hour) * 60 * options.minutes
    chunks = round(options.film / options.chunk)
    return (Film(chunks, options.chunk, is_cut=True),) * max(1, round(work / options.film))


def report(trial: Trial, found: Result) -> None:
    a_second = {name: count / found.seconds for name, count in found.counts.items()}
    told = f"{trial.devices:>9}{found.there:>9.0f}{found.working:>9.0f}{len(trial.films):>9}"
    if found.done:
        wasted = 1 - found.counts["work"] / found.counts["spent"]
        told += f"{found.ratio:>9.3f}{found.floor:>9.0f}{100 * wasted:>7.1f} %"
    else:
        told += f"{'broken off':>18}{'':9}"
    told += f"{a_second['leases']:>9.1f}{found.calls.total() / found.seconds:>9.0f}"
    print(
        f"{told}{found.writes / found.seconds:>9.0f}{a_second['polls']:>10.1f}{found.waiting:>9}{found.wall:>9.0f}"
    )
    most = "  ".join(f"{name} {count / found.seconds:.1f}" for name, count in found.calls.most_common(9))
    print(f"{'':9}calls a second: {most}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--devices", type=int, nargs="*", default=[1000, 10_000])
    parser.add_argument("--minutes", type=float, default=10.0, help="that the batch is about long")
    parser.add_argument("--film", type=float, default=3600.0, help="seconds of each film")
    parser.add_argument("--chunk", type=float, default=10.0, help="seconds of each chunk")
    parser.add_argument(
        "--hour", type=float, default=3.0, help="of the day at which it begins; most are there at 3"
    )
    parser.add_argument("--limit", type=float, default=24 * 60, help="minutes after which it is broken off")
    parser.add_argument("--lease", type=float, default=30.0, help="seconds of silence that end a lease")
    parser.add_argument("--sweep", type=float, default=2.0, help="seconds between rounds of the sweeper")
    parser.add_argument("--hedge", type=float, default=0.1, help="share of work that may be done twice; 0: none")
    parser.add_argument("--ledger", choices=LEDGERS, default="model")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    print("".join(f"{name:>9}" for name in HEAD) + f"{MORE[0]:>10}{MORE[1]:>9}{MORE[2]:>9}", flush=True)
    for devices in options.devices:
        batch = films(options, devices)
        helpers = max(1, len(batch) // 8)
        policy = Policy(
            lease_seconds=options.lease,
            renew_seconds=options.lease / 3,
            sweep_seconds=options.sweep,
            hedge=options.hedge,
        )
        trial = Trial(devices, batch, policy, options.hour, 60 * options.limit, helpers, options.seed)
        report(trial, carry_out(trial, LEDGERS[options.ledger]))


if __name__ == "__main__":
    main()
