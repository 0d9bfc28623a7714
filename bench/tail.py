"""The tail of a job: how much sooner it ends when its last chunks are shorter.

As bench/simulate.py: the platform's own dispatch under a clock that does not wait. One film at a time, for
  spread   some agents of speeds from 1 to 10, always there, of whose leases 8 % are abandoned without a word
  devices  many devices that come and go, as tests/simulation tells
and for each seed without a taper and with several. Printed are makespans over the least possible time of the film
cut evenly (so what shorter chunks cost counts against them), the mean and the worst of all seeds, and the chunks.
Usage: tail.py [--spread 16] [--devices 2000] [--rounds 8] [--seeds 5] [--taper 0 1 2 4]
"""

from __future__ import annotations

import argparse
import dataclasses
import statistics
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "tests"))

from fallow.pipeline.context import Policy
from fallow.pipeline.job_options import Options
from fallow.pipeline.tail import tapered
from simulation.ledger_model import model
from simulation.population import KINDS, Kind, Nature, available
from simulation.trial import Trial, carry_out
from simulation.world import PROFILE, Film

HOUR = 3.0  # of the day


class Agents(Nature):
    """So many, from the fastest to one of a tenth of its speed, who are replaced at once."""

    away = 0.1

    def __init__(self, seed: int, count: int) -> None:
        super().__init__(seed)
        self._speeds = [10 ** (-place / (count - 1)) for place in range(count)]

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
    for count in options.spread:
        film = Film(options.rounds * count, options.chunk, is_cut=True)
        trial = Trial(count, (film,), policy, HOUR, nature=lambda seed, count=count: Agents(seed, count))
        found[f"spread, {count} agents"] = count, trial
    for count in options.devices:
        there = round(count * sum(kind.share * available(kind, HOUR * 3600) for kind in KINDS))
        found[f"{count} devices"] = (
            there,
            Trial(count, (Film(options.rounds * there, options.chunk),), policy, HOUR),
        )
    return found


def tried(trial: Trial, there: int, taper: float, seeds: int) -> tuple[list[tuple[float, float]], int]:
    """Makespans and floors of all seeds, and the number of chunks."""
    (film,) = trial.films
    options = Options(chunk_seconds=film.seconds)
    film = dataclasses.replace(film, taper=tapered(taper * there, options, [PROFILE]) if taper else None)
    trial = dataclasses.replace(trial, films=(film,))
    results = [carry_out(dataclasses.replace(trial, seed=seed), model) for seed in range(1, seeds + 1)]
    return [(result.makespan, result.floor) for result in results], len(film.cuts) - 1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--spread", type=int, nargs="*", default=[16])
    parser.add_argument("--devices", type=int, nargs="*", default=[2000])
    parser.add_argument("--rounds", type=int, default=8, help="chunks for each that is there")
    parser.add_argument("--chunk", type=float, default=10.0, help="seconds of each chunk")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--taper", type=float, nargs="*", default=[1, 2, 4])
    options = parser.parse_args()
    print(f"{'':24}{'taper':>8}{'chunks':>8}{'mean':>8}{'worst':>8}", flush=True)
    for name, (there, trial) in trials(options).items():
        floors = list[float]()
        for taper in (0.0, *options.taper):
            found, chunks = tried(trial, there, taper, options.seeds)
            floors = floors or [floor for _, floor in found]
            ratios = [seconds / floor for (seconds, _), floor in zip(found, floors, strict=True)]
            told = f"{name:24}{taper:>8g}{chunks:>8}{statistics.mean(ratios):>8.3f}{max(ratios):>8.3f}"
            print(told, flush=True)


if __name__ == "__main__":
    main()
