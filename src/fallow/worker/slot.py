"""A slot: the next task is fetched while one is encoded, and while the upload of the one before ends."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from fallow.errors import FallowError, Retryable
from fallow.worker.attempt import Attempt, keep
from fallow.worker.download import ObjectGone
from fallow.worker.means import Means
from fallow.worker.pace import Pace
from fallow.worker.patience import pauses
from fallow.worker.unit import Unit, units

ANSWER_SECONDS = 5.0  # that the end of a slot waits for what it has asked for
GIVE_BACK_SECONDS = 10.0  # and then for its leases to be over: a gateway that is away is not waited for any longer
QUICK_ANSWER = 0.5  # seconds; "nothing to do" that comes sooner was no long poll
LOOK_EVERY = 0.5  # seconds at most between two looks at how far FFmpeg is
CLOSE = 0.5  # seconds before the end of an encode after which asking ahead gains nothing

Supply = Callable[[float], Sequence[Attempt]]
"""Leases attempts for who can begin in so many seconds, and waits for some when that is at once; none if there is
none, or nobody answers."""


@dataclass
class _Tally:
    """Attempts that failed in a row."""

    failures: int = 0
    pause: Callable[[], float] = field(default_factory=pauses)

    def note(self, error: FallowError | None) -> None:
        if error is None:
            self.failures = 0
        elif isinstance(error, Retryable) and not isinstance(error, ObjectGone):
            self.failures += 1
            if self.failures == 1:
                self.pause = pauses()


class Slot:
    """Two threads: `run` has FFmpeg work without a pause, `supply` sees that there is something to do.

    No more than one lease waits to be begun, and that is asked for when it can begin soon.
    """

    def __init__(self, supply: Supply, means: Means, pace: Pace, draining: threading.Event) -> None:
        self._supply = supply
        self._means = means
        self._pace = pace
        self._draining = draining
        self._changed = threading.Condition()
        self._waiting: deque[Unit] = deque()
        self._running: Unit | None = None
        self._settling: list[threading.Thread] = []
        self._attempts: list[Attempt] = []  # that may not be over yet
        self._limit = 0.0  # seconds before its end, from which on the running one's successor is asked for
        self._tally = _Tally()
        self._resting = False  # the device may not work now
        self._asking = False  # what is asked for may be granted at any moment

    def run(self) -> None:
        """Until drained and done."""
        while unit := self._next():
            more = unit.make()
            self._settled()
            self._settling = unit.settle(self._tally.note)
            with self._changed:
                self._waiting.extendleft(reversed(more))
                self._running = None
                self._changed.notify_all()
        self._settled()
        self._leave()

    def release(self) -> None:
        """Give back at once what is not begun."""
        with self._changed:
            waiting = [unit for unit in self._waiting if not unit.begun]
            self._waiting = deque(unit for unit in self._waiting if unit.begun)
            self._changed.notify_all()
        for unit in waiting:
            unit.give_back("The worker takes no more work.")

    def rest(self) -> None:
        """Begin nothing, and have FFmpeg stand still."""
        with self._changed:
            self._resting = True
            if self._running:
                self._running.halt()

    def go_on(self) -> None:
        with self._changed:
            self._resting = False
            if self._running:
                self._running.go_on()
            self._changed.notify_all()

    def stop(self, reason: FallowError) -> None:
        """End all attempts at once."""
        with self._changed:
            attempts = [attempt for attempt in self._attempts if not attempt.over.is_set()]
        for attempt in attempts:
            attempt.stop(reason)

    def supply(self) -> None:
        """Until drained."""
        while (begin_in := self._until_needed()) is not None:
            with self._changed:
                head = self._waiting[0] if self._waiting else None
            if self._asking:
                self._ask(begin_in)
            elif head is not None:
                head.fetch()

    def _next(self) -> Unit | None:
        with self._changed:
            self._changed.wait_for(lambda: self._draining.is_set() or (bool(self._waiting) and not self._resting))
            if self._draining.is_set() and not (self._waiting and self._waiting[0].begun):
                return None
            self._running = self._waiting.popleft()
            self._limit = self._pace.lead
            if self._resting:  # it is drained, and this was begun
                self._running.halt()
            self._changed.notify_all()
            return self._running

    def _settled(self) -> None:
        """At most one unit's uploads go on while FFmpeg makes the next one."""
        for thread in self._settling:
            thread.join()

    def _leave(self) -> None:
        """What was asked for may be granted just now, and what is given back may not be heard of yet: nothing is
        left to run out."""
        with self._changed:
            self._changed.wait_for(lambda: not self._asking, ANSWER_SECONDS)
            attempts = list(self._attempts)
        self.release()
        end = time.monotonic() + GIVE_BACK_SECONDS
        for attempt in attempts:
            attempt.over.wait(max(end - time.monotonic(), 0.0))

    def _until_needed(self) -> float | None:
        """In how many seconds the slot can begin with what is to be fetched now; None when it begins nothing. From
        then on it is known whether that is asked for: nobody leaves before there is an answer."""
        with self._changed:
            while not self._draining.is_set():
                if self._resting:
                    self._changed.wait(LOOK_EVERY)
                    continue
                if self._running is None and not self._waiting:
                    self._asking = True
                    return 0.0
                left = self._running.left if self._running else None
                ready = self._waiting and self._waiting[0].fetched
                if left is not None and left <= self._limit and not ready:
                    self._asking = not self._waiting
                    return max(left, 0.001)
                soon = LOOK_EVERY if left is None else max(left - self._limit, 0.0)
                self._changed.wait(min(soon, LOOK_EVERY) or LOOK_EVERY)
        return None

    def _ask(self, begin_in: float) -> None:
        try:
            if not begin_in and self._tally.failures > 1:
                # Perhaps it is this machine: leave the task to others.
                self._draining.wait(self._tally.pause())
            if not self._draining.is_set():
                self._lease(begin_in)
        finally:
            with self._changed:
                self._asking = False
                self._changed.notify_all()

    def _lease(self, begin_in: float) -> None:
        asked = time.monotonic()
        attempts = self._supply(begin_in)
        if attempts:
            self._take(attempts)
        elif begin_in:
            self._limit = begin_in / 2 if begin_in > CLOSE else -1.0
        elif time.monotonic() - asked < QUICK_ANSWER:
            self._draining.wait(1.0)

    def _take(self, attempts: Sequence[Attempt]) -> None:
        threading.Thread(target=keep, args=(attempts,), name="keeper", daemon=True).start()
        made = units(attempts, self._means, self._pace)
        with self._changed:
            self._attempts = [one for one in (*self._attempts, *attempts) if not one.over.is_set()]
            self._waiting.extend(made)
            self._changed.notify_all()
        if self._draining.is_set() or self._resting:
            self.release()
