"""The tail of a job: how much sooner it ends when its last chunks are shorter.

As bench/simulate.py: the platform's own dispatch under a clock that does not wait. One film at a time, for
  spread   some agents of speeds from 1 to 10, always there, of whose leases 8 % are abandoned without a word
  devices  many devices that come and go, as tests/simulation tells
  slow     four computers, and so many phones of a twentieth of their speed, of whose leases as many are abandoned
and for each seed without a taper and with several, and without and with chunks divided for who is slow (--divide:
the seconds of a piece, 0: none). Printed are makespans over the least possible time of the film cut evenly (so what
shorter chunks cost counts against them), the mean and the worst of all seeds, the work done in all over that which
counted, and the chunks.
Usage: tail.py [--spread 16] [--devices 2000] [--slow 12] [--rounds 8] [--seeds 5] [--taper 1 2 4] [--divide 0 20]
"""

from __future__ import annotations

import argparse
import dataclasses
import functools
import itertools
import statistics
import sys
from collections.abc import Sequence
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "tests"))

from fallow.pipeline.context import Policy
from fallow.pipeline.job_options import Options
from fallow.pipeline.tail import tapered
from simulation.ledger_model import model
from simulation.population import KINDS, Kind, Nature, available
from simulation.trial import Result, Trial, carry_out
from simulation.world import PROFILE, Film

HOUR = 3.0  # of the day


class Agents(Nature):
    """Of these speeds, which they tell; who is lost is replaced at once."""

    away, tells = 0.1, True

    def __init__(self, seed: int, speeds: Sequence[float]) -> None:
        super().__init__(seed)
        self._speeds = [*speeds]

    def speed(self, kind: Kind) -> float:
        self._speeds.append(self._speeds.pop(0))
        return self._speeds[-1]

    def slowed(self) -> float:
        return 1.0

    def is_there(self, kind: Kind, at: float) -> bool:
        return True

    def remains(self) -> float:
        return 1e9


def trials(options: argparse.Namespace) -> dict[str, tuple[int, Trial]]:
    """By name, and how many are there."""
    found, policy = dict[str, tuple[int, Trial]](), Policy()
    crews = {f"spread, {n} agents": [10 ** (-place / (n - 1)) for place in range(n)] for n in options.spread}
    crews |= {f"4 and {n} slow": [1.0] * 4 + [0.05] * n for n in options.slow}
    for name, speeds in crews.items():
        film = Film(options.rounds * len(speeds), options.chunk, is_cut=True)
        nature = functools.partial(Agents, speeds=speeds)
        found[name] = len(speeds), Trial(len(speeds), (film,), policy, HOUR, nature=nature)
    for count in options.devices:
        there = round(count * sum(kind.share * available(kind, HOUR * 3600) for kind in KINDS))
        found[f"{count} devices"] = (
            there,
            Trial(count, (Film(options.rounds * there, options.chunk),), policy, HOUR),
        )
    return found


def tried(trial: Trial, there: int, taper: float, seeds: int, divide: float) -> tuple[list[Result], int]:
    """Of all seeds, and the number of chunks."""
    (film,) = trial.films
    options = Options(chunk_seconds=film.seconds)
    film = dataclasses.replace(film, taper=tapered(taper * there, options, [PROFILE]) if taper else None)
    policy = dataclasses.replace(trial.policy, divide_seconds=divide)
    trial = dataclasses.replace(trial, films=(film,), policy=policy)
    results = [carry_out(dataclasses.replace(trial, seed=seed), model) for seed in range(1, seeds + 1)]
    return results, len(film.cuts) - 1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--spread", type=int, nargs="*", default=[16])
    parser.add_argument("--devices", type=int, nargs="*", default=[2000])
    parser.add_argument("--slow", type=int, nargs="*", default=[12])
    parser.add_argument("--rounds", type=int, default=8, help="chunks for each that is there")
    parser.add_argument("--chunk", type=float, default=10.0, help="seconds of each chunk")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--taper", type=float, nargs="*", default=[1, 2, 4])
    parser.add_argument(
        "--divide", type=float, nargs="*", default=[0, 20], help="seconds of a slow worker's pieces"
    )
    options = parser.parse_args()
    print(f"{'':24}{'taper':>8}{'divide':>8}{'chunks':>8}{'mean':>8}{'worst':>8}{'work':>8}", flush=True)
    for name, (there, trial) in trials(options).items():
        floors = list[float]()
        for taper, divide in itertools.product((0.0, *options.taper), options.divide):
            found, chunks = tried(trial, there, taper, options.seeds, divide)
            floors = floors or [result.floor for result in found]
            ratios = [result.makespan / floor for result, floor in zip(found, floors, strict=True)]
            work = statistics.mean(result.counts["spent"] / result.counts["work"] for result in found)
            told = f"{name:24}{taper:>8g}{divide:>8g}{chunks:>8}{statistics.mean(ratios):>8.3f}"
            print(f"{told}{max(ratios):>8.3f}{work:>8.3f}", flush=True)


if __name__ == "__main__":
    main()
