"""Which tasks are offered next, and how many at a time: facts in, decisions out.

Workers take what waits longest in a queue, and no queue lets anybody pass. So few tasks wait there, however many
there are, and each time some were taken the next ones are chosen anew: by users first, then by their jobs, so that
each has its share of the work whatever the others have planned (start-time fair queueing: who was served least is
next).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

SHORT = 0.5  # seconds that what waits in a lane should last at least: to offer more takes a moment
LONG = 4.0  # seconds after which it was needlessly much
MOST = 4096  # tasks that wait in one lane
LOOK = 16  # tasks of one job that are looked at, at once
_LEAST_COST = 0.01  # so that tasks that cost next to nothing take turns, too


@dataclass(frozen=True)
class Waiting:
    """A task that could be offered."""

    task: str
    number: int  # of its chunk
    cost: float  # expected work


@dataclass(frozen=True)
class Line:
    """A job that has tasks to offer."""

    owner: str
    job: str
    at: float  # work that it was given, on the scale of its owner's jobs
    tasks: tuple[Waiting, ...]  # the first ones, by number
    more: bool = False  # it has others than these
    bound: float = math.inf  # others of its owner, that are not known here, were given at least so much


@dataclass(frozen=True)
class Turns:
    """What is offered next, and how much work each was given by then."""

    tasks: tuple[str, ...]
    owners: Mapping[str, float]
    jobs: Mapping[str, float]


def fair(owners: Mapping[str, float], lines: Sequence[Line], room: int, bound: float = math.inf) -> Turns:
    """Up to `room` tasks. Fewer when it may be the turn of somebody who is not known here: then look again. Owners
    that are not known here were given at least `bound`."""
    given, at = dict(owners), {line.job: line.at for line in lines}
    left = {line.job: in_order(line) for line in lines}
    chosen: list[str] = []
    while len(chosen) < room and (line := _next(given, at, left, lines)):
        if given[line.owner] > bound or at[line.job] > line.bound:
            break
        task = left[line.job].pop(0)
        chosen.append(task.task)
        cost = max(task.cost, _LEAST_COST)
        given[line.owner] += cost
        at[line.job] += cost
        if not left[line.job] and line.more:
            break
    return Turns(tuple(chosen), given, at)


def in_order(line: Line) -> list[Waiting]:
    """The tasks of a job. First things first, for who watches it while it is made; but when the last ones are given
    out, those that take long must not be the last to begin."""
    if line.more:
        return sorted(line.tasks, key=lambda task: (task.number, -task.cost, task.task))
    return sorted(line.tasks, key=lambda task: (-task.cost, task.number, task.task))


def _next(
    owners: Mapping[str, float],
    jobs: Mapping[str, float],
    left: Mapping[str, Sequence[Waiting]],
    lines: Sequence[Line],
) -> Line | None:
    waiting = [line for line in lines if left[line.job]]
    return min(waiting, key=lambda line: (owners[line.owner], line.owner, jobs[line.job], line.job), default=None)


@dataclass
class Window:
    """How many tasks wait in a lane when it was just filled: so many as are taken while more are offered."""

    least: int

    def __post_init__(self) -> None:
        self.size = self.least
        self.level = 0  # how many waited when some were offered last

    @property
    def few(self) -> int:
        """So many taken, and it is time for more."""
        return max(1, self.size // 2)

    def room(self, lasted: float, waiting: int) -> int:
        """How many to offer now that so many wait, when some were offered last so many seconds ago."""
        if waiting > self.size // 2:
            return 0
        if lasted < SHORT and self.level >= self.size:  # it was full, and not only filled bit by bit
            self.size = min(MOST, 2 * self.size)
        elif lasted > LONG:
            self.size = max(self.least, int(LONG * (self.size - waiting) / lasted))
        return max(0, self.size - waiting)


@dataclass
class Filling:
    """A lane as a process knows it."""

    window: Window
    filled: float = 0.0  # when some were offered last
    looked: float = 0.0  # when it was looked at last
    taken: int = 0  # since then
