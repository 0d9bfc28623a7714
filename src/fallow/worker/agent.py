"""The agent: as many slots as are wanted, for as long as it is wanted."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable, Sequence

from fallow import log
from fallow.errors import Cancelled, FallowError, Forbidden, NotAllowed, Retryable
from fallow.messages import CALIBRATED, Calibration, LeaseGrant, LeaseRequest, Registration
from fallow.recipe import Trial
from fallow.worker.attempt import Attempt, GivenBack
from fallow.worker.means import Means
from fallow.worker.pace import Pace
from fallow.worker.patience import pauses
from fallow.worker.slot import Slot
from fallow.worker.source import WorkSource

ABORT_SECONDS = 5.0
HEED_SECONDS = 1.0  # after which a signal is noticed at the latest
AHEAD_SECONDS = 0.5  # a worker that is busy does not wait for work longer than that


class Agent:
    """Takes leases from a source, and does them in its slots."""

    def __init__(self, source: WorkSource, registration: Registration, means: Means) -> None:
        self._source = source
        self._registration = registration
        self._means = means
        self._changed = threading.Condition()
        self._draining = threading.Event()
        self._aborted = threading.Event()
        self._pace = Pace()
        self._trials: tuple[Trial, ...] = ()  # that the gateway has named
        self._slots = [self._slot() for _ in range(means.slots)]
        self._working = 0
        self._enlisting = threading.Lock()
        self._generation = 0  # of the worker token
        self._worker = ""  # what the gateway calls it
        self._refused: FallowError | None = None  # what the gateway says to this agent

    def run(self) -> None:
        """Until drained or aborted. Raises what the gateway says when it does not take this agent (any more)."""
        self._enlist(0)
        self._calibrate()
        self._working = len(self._slots)
        for number, slot in enumerate(self._slots):
            threading.Thread(target=self._work, args=(slot,), name=f"slot-{number}", daemon=True).start()
            threading.Thread(target=slot.supply, name=f"supply-{number}", daemon=True).start()
        with self._changed:
            while not self._aborted.is_set() and self._working:
                # A signal that reaches the process in another thread does not end the main one's wait.
                self._changed.wait(HEED_SECONDS)
            if not self._changed.wait_for(lambda: self._working == 0, ABORT_SECONDS):
                log.trouble("agent.abandon", slots=self._working)
        if self._refused:
            raise self._refused

    def drain(self) -> None:
        """Finish what is begun, begin nothing new."""
        self._draining.set()
        # Not here, as this may be a signal's handler, and the thread it came to may hold any lock.
        threading.Thread(target=self._release, name="release", daemon=True).start()

    def abort(self) -> None:
        """Stop at once; what is begun is given back."""
        self._aborted.set()
        self._draining.set()
        with self._changed:
            self._changed.notify_all()
        self._source.hang_up()
        for slot in self._slots:
            slot.stop(Cancelled("The worker was stopped."))
            slot.release()

    def rest(self, reason: str) -> None:
        """The device may not work now: what is begun stands still, what is not goes back. Told to the gateway."""
        self._means.pause.begin(reason)
        for slot in self._slots:
            slot.rest()
        # By a thread of its own: who hears of it may be away, and the next reason must be seen meanwhile.
        threading.Thread(target=self._lie_down, name="release", daemon=True).start()

    def yield_up(self) -> None:
        """It has rested for too long: what is begun goes to others."""
        for slot in self._slots:
            slot.stop(GivenBack(f"The worker may not work now. {self._means.pause.reason}"))

    def go_on(self) -> None:
        """It may work again."""
        self._means.pause.end()
        for slot in self._slots:
            slot.go_on()

    def tell(self) -> None:
        """Why it rests; nobody but people needs to hear of it."""
        try:
            self._ask(LeaseRequest(0.0, paused=self._means.pause.reason))
        except FallowError as error:
            log.event("agent.unheard", str(error))

    @property
    def draining(self) -> bool:
        return self._draining.is_set()

    def _slot(self) -> Slot:
        return Slot(self._supplier(), self._means, self._pace, self._draining)

    def _lie_down(self) -> None:
        for slot in self._slots:
            if self._means.pause.reason:
                slot.release()

    def _release(self) -> None:
        self._source.hang_up()
        for slot in self._slots:
            slot.release()

    def _work(self, slot: Slot) -> None:
        slot.run()
        with self._changed:
            self._working -= 1
            self._changed.notify_all()

    def _enlist(self, generation: int) -> None:
        """Register, once for all slots that find the token of that generation refused."""
        with self._enlisting:
            pause = pauses()
            while generation == self._generation and not self._draining.is_set():
                try:
                    welcome = self._source.register(self._registration)
                except Retryable as error:
                    log.trouble("agent.unregistered", str(error))
                    self._draining.wait(pause())
                except FallowError as error:
                    self._refused = error
                    self.drain()
                else:
                    self._generation += 1
                    self._worker, self._trials = welcome.worker, welcome.trials
                    log.event("agent.registered", worker=welcome.worker)

    def _calibrate(self) -> None:
        """Find out how fast this device is, unless it is known or nobody wants to know."""
        calibration = self._means.calibration
        if calibration is None or self._draining.is_set():
            return
        speeds = calibration.run(self._trials, self._may_work, self._draining)
        self._pace.expect(speeds)
        if self._registration.machine.get(CALIBRATED) == speeds:
            return
        # Whoever forgets this worker hears of it when it registers again.
        machine = {**self._registration.machine, CALIBRATED: speeds}
        self._registration = dataclasses.replace(self._registration, machine=machine)
        try:
            self._source.calibrated(Calibration(speeds))
        except FallowError as error:  # it is told with every request for work, too
            log.event("agent.unheard", str(error))

    def _may_work(self) -> bool:
        return not self._means.pause.reason and not self._draining.is_set()

    def _supplier(self) -> Callable[[float], Sequence[Attempt]]:
        """Of one slot: pauses grow as long as nobody answers it."""
        lost = pauses()

        def supply(begin_in: float) -> Sequence[Attempt]:
            nonlocal lost
            try:
                grants = self._ask(self._request(begin_in))
            except FallowError as error:
                log.trouble("agent.no-answer", str(error))
                self._draining.wait(lost())
            else:
                lost = pauses()
                return [Attempt(self._source, self._worker, one, self._means, self._aborted) for one in grants]
            return ()

        return supply

    def _ask(self, request: LeaseRequest) -> Sequence[LeaseGrant]:
        """Register again where the token is not known any more, and go home where that is wanted."""
        while not self._draining.is_set():
            generation = self._generation
            try:
                return self._source.lease(request)
            except NotAllowed as error:
                self._refused = self._refused or error
                self.abort()
            except Forbidden:
                self._enlist(generation)
        return ()

    def _request(self, begin_in: float) -> LeaseRequest:
        wait = AHEAD_SECONDS if begin_in else self._means.wait_seconds
        return LeaseRequest(wait, self._means.most, round(begin_in, 3), self._pace.speeds)
