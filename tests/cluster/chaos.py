"""Kills one process after another and starts it again, while jobs run."""

from __future__ import annotations

import itertools
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from types import TracebackType

from cluster.backends import Backends
from cluster.services import Services

KINDS = {
    "gateway": "gateway",
    "splitter": "splitter",
    "joiner": "joiner",
    "sweeper": "sweeper",
    "worker": "cluster worker",
    "agent": "remote agent",
    "rabbitmq": "RabbitMQ node",
    "galera": "Galera node",
    "s3": "S3 server",
}
ALONE = ("rabbitmq", "galera")  # one at a time: these need a majority of their nodes
AWAY = 3  # at a time: a machine on which starting one takes longer kills more slowly, and all goes on


@dataclass(frozen=True)
class Victim:
    """`start` returns when it takes part again."""

    name: str
    kill: Callable[[], None]
    start: Callable[[], None]

    @property
    def kind(self) -> str:
        return self.name.partition("-")[0]


def victims(backends: Backends, services: Services) -> list[Victim]:
    """Everything that there is."""
    servers = [Victim(name, *calls) for name, calls in backends.members.items()]
    return servers + [Victim(name, one.kill, one.restart) for name, one in services.processes.items()]


class Chaos:
    """From `with` until its end; then all that was killed is up again, or `faults` says what is not."""

    def __init__(self, among: Sequence[Victim], dice: random.Random, every: float) -> None:
        self._among, self._dice, self._every = among, dice, every
        self._kinds = sorted({victim.kind for victim in among})
        self._away: dict[Victim, Future[None]] = {}
        self._over = threading.Event()
        self._killing = threading.Thread(target=self._run, name="chaos")
        self._pool = ThreadPoolExecutor(len(among))
        self.kills = Counter[str]()
        self.faults: list[str] = []

    def __enter__(self) -> Chaos:
        self._killing.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._killing.join()
        self._pool.shutdown()
        self._look_back()

    def _run(self) -> None:
        for kind in itertools.chain.from_iterable(self._rounds()):
            if self._over.wait(self._dice.uniform(0.5, 1.5) * self._every):
                return
            self._wait_for_some()
            if not self.faults and (choice := self._choice(kind)):
                victim = self._dice.choice(choice)
                self.kills[victim.kind] += 1
                victim.kill()
                self._away[victim] = self._pool.submit(self._restart, victim, self._dice.uniform(0.2, 3.0))

    def _wait_for_some(self) -> None:
        """Until few enough are away."""
        self._look_back()
        while len(self._away) >= AWAY and not self._over.wait(0.1):
            self._look_back()

    def _rounds(self) -> Iterator[list[str]]:
        """Every kind once, in another order each time."""
        while True:
            yield self._dice.sample(self._kinds, len(self._kinds))

    def _choice(self, kind: str) -> list[Victim]:
        choice = [victim for victim in self._among if victim.kind == kind]
        present = [victim for victim in choice if victim not in self._away]
        return present if kind not in ALONE or len(present) == len(choice) else []

    def _restart(self, victim: Victim, seconds: float) -> None:
        time.sleep(seconds)
        victim.start()

    def _look_back(self) -> None:
        """Who is up again."""
        for victim, restarted in list(self._away.items()):
            if restarted.done():
                del self._away[victim]
                if error := restarted.exception():
                    self.faults.append(f"{victim.name} did not come up again: {error}")
