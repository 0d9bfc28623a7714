"""Who waits in which lane for a turn, in plain Python objects: as the SQL ledger has it in its table `turns`."""

from __future__ import annotations

import dataclasses
import heapq
import math
from collections import defaultdict
from collections.abc import Callable

from fallow.adapters.ledger_turns import JOBS, OWNERS
from fallow.pipeline import order


@dataclasses.dataclass(slots=True)
class Turn:
    """Of an owner, or of one of his jobs."""

    name: str
    given: float = 0.0
    waits: bool = False

    @property
    def place(self) -> tuple[float, str]:
        return self.given, self.name


Look = Callable[[str, int], tuple[order.Waiting, ...]]
"""The first tasks of a job, at most so many."""


class Turns:
    """Of one lane."""

    def __init__(self) -> None:
        self._owners: dict[str, Turn] = {}
        self._jobs: dict[str, dict[str, Turn]] = defaultdict(dict)

    def stand(self, owner: str, job: str) -> None:
        """The job waits from now on, as if it had been given as much as those who got least of late."""
        known = self._jobs[owner].get(job)
        if known and known.waits and self._owners[owner].waits:
            return
        for turns, name in ((self._owners, owner), (self._jobs[owner], job)):
            least = min((turn.given for turn in turns.values() if turn.waits), default=0.0)
            turn = turns.setdefault(name, Turn(name))
            turn.given, turn.waits = max(turn.given, least), True

    def charge(self, job: str, cost: float) -> None:
        """The job was given something though it was not its turn."""
        for owner, jobs in self._jobs.items():
            if job in jobs:
                for turn in (jobs[job], self._owners[owner]):
                    turn.given += cost

    def next(self, room: int, look: Look) -> tuple[tuple[str, ...], bool]:
        """The tasks whose turn it is, and whether others may have one now."""
        owners = _first(self._owners, OWNERS)
        if not owners:
            return (), False
        waiting = {turn.name: _first(self._jobs[turn.name], JOBS) for turn in owners}
        most = max(order.LOOK, min(room, 256) // max(1, sum(map(len, waiting.values()))))
        lines = [self._line(owner, turn, turns, look, most) for owner, turns in waiting.items() for turn in turns]
        bound = owners[-1].given if len(owners) == OWNERS else math.inf
        chosen = order.fair({turn.name: turn.given for turn in owners}, lines, room, bound)
        for owner, given in chosen.owners.items():
            self._owners[owner].given = given
        for line in lines:
            turn = self._jobs[line.owner][line.job]
            turn.given, turn.waits = chosen.jobs[line.job], bool(line.tasks)
        for owner in owners:
            owner.waits = any(turn.waits for turn in self._jobs[owner.name].values())
        return chosen.tasks, bool(chosen.tasks) or not all(line.tasks for line in lines)

    def _line(self, owner: str, turn: Turn, turns: list[Turn], look: Look, most: int) -> order.Line:
        found = look(turn.name, most + 1)
        bound = turns[-1].given if len(turns) == JOBS else math.inf
        return order.Line(owner, turn.name, turn.given, found[:most], len(found) > most, bound)


def _first(turns: dict[str, Turn], most: int) -> list[Turn]:
    return heapq.nsmallest(most, (turn for turn in turns.values() if turn.waits), key=lambda turn: turn.place)
