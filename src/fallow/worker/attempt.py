"""One lease, from its grant to its delivery, failure or return; and what keeps it meanwhile."""

from __future__ import annotations

import threading
import time
import traceback
from collections.abc import Sequence
from functools import cached_property
from typing import Any

from fallow import log
from fallow.errors import (
    BrokenPart,
    Cancelled,
    Conflict,
    EncoderFailed,
    FallowError,
    Forbidden,
    NotFound,
    Rejected,
    Retryable,
)
from fallow.messages import Delivery, Failure, LeaseGrant, Renewal
from fallow.model import Effort
from fallow.recipe import Recipe
from fallow.worker.energy import Burnt
from fallow.worker.means import Means
from fallow.worker.part import Part, Uploaded, WrongCount
from fallow.worker.patience import pauses
from fallow.worker.source import WorkSource

RETURN_EVERY = 1.0  # seconds between two tries to give a lease back
RETURN_SECONDS = 60.0  # after which nobody waits for it any more
_UNHEARD = (Cancelled, Conflict, NotFound, Forbidden)
"""Ends that the gateway knows of, or does not want to hear of."""


class GivenBack(Cancelled):
    """The worker may not go on with it. That is nobody's fault."""


class Attempt:
    """A lease is waiting, then begun, and in the end over. It is renewed until then."""

    def __init__(
        self, source: WorkSource, worker: str, grant: LeaseGrant, means: Means, aborted: threading.Event
    ) -> None:
        self.grant = grant
        self.names: dict[str, Any] = {  # what every line of the log about it has
            "worker": worker,
            "job": grant.job,
            "task": grant.task,
            "lease": grant.lease,
            "kind": grant.kind.value,
        }
        self.over = threading.Event()
        self.wall_seconds = 0.0  # of its share in what its slot did
        self.cpu_seconds = 0.0
        self.bytes_in = 0
        self._burnt: Burnt | None = None  # None: nothing was worked yet
        self.begun: float | None = None
        self._source = source
        self._means = means
        self._aborted = aborted
        self._looked = time.monotonic()
        self._deadline = self._looked + grant.deadline_seconds
        self._lock = threading.Lock()
        self._reason: FallowError | None = None  # why it ends before its time
        self._returned: float | None = None
        self._part: Part | None = None
        self._at_work = False  # an FFmpeg makes its part, and its slot sees to the end: not so between two of them
        self._told = (0, time.monotonic())  # frames, and when

    @cached_property
    def recipe(self) -> Recipe:
        try:
            return self.grant.typed_recipe
        except ValueError as error:
            raise Rejected(
                f"This worker does not understand the recipe of task {self.grant.task}: {error}"
            ) from error

    @property
    def frames(self) -> int:
        return self._part.frames if self._part else 0

    @property
    def due(self) -> float:
        """When it has to be looked after."""
        every = self.grant.renew_seconds if self._returned is None else RETURN_EVERY
        return min(self._looked + every, self._deadline)

    def effort(self) -> Effort:
        size, burnt = self._part.size if self._part else 0, self._burnt or Burnt()
        return Effort(
            wall_seconds=self.wall_seconds,
            cpu_seconds=self.cpu_seconds,
            frames=self.frames,
            bytes_in=self.bytes_in,
            bytes_out=size,
            encoder=self._means.encoder,
            joules=round(burnt.joules, 3),
            meter=burnt.meter,
        )

    def burn(self, more: Burnt) -> None:
        self._burnt = more if self._burnt is None else self._burnt + more

    # its slot

    def attach(self, part: Part) -> None:
        """This is what is made of it."""
        with self._lock:
            self._part, reason = part, self._reason
            stopped, self._at_work = bool(reason) and self._at_work, False
        if reason:
            part.stop(reason)
            if stopped:
                self.fail(reason)

    def begin(self) -> bool:
        """False when it is not wanted any more."""
        with self._lock:
            if self._reason is not None:
                return False
            self._at_work = True
            if self.begun is None:
                self.begun = time.monotonic()
                self._told = (0, self.begun)
                log.event("lease.begin", attempt=self.grant.attempt, **self.names)
        return True

    def settle(self, part: Part) -> FallowError | None:
        """See to the rest once FFmpeg has ended; what went wrong."""
        with log.about(**self.names):
            return self._settle(part)

    def _settle(self, part: Part) -> FallowError | None:
        try:
            self._deliver(part.finish())
        except FallowError as error:
            return self.fail(error)
        except Exception as error:
            # A slot must outlive a fault in this program: the others' work is not its fault.
            log.trouble("lease.fault", traceback.format_exc())
            return self.fail(EncoderFailed(f"The worker has a fault: {error!r}."))
        self.over.set()
        return None

    def fail(self, error: FallowError) -> FallowError:
        log.trouble("lease.failed", str(error), **self.names)
        frames = error.frames if isinstance(error, WrongCount) else None
        if self._aborted.is_set() or isinstance(error, GivenBack) or not isinstance(error, _UNHEARD):
            self._report(Failure(error.kind, str(error), frames, self.effort()))
        self.over.set()
        return error

    def give_back(self, why: str) -> None:
        """Somebody else had better do it; nothing of it was begun."""
        with self._lock:
            if self.begun is not None or self._reason is not None:
                return
            self._reason = reason = Cancelled(why)
            self._returned = self._looked = time.monotonic()
            part = self._part
        if part is not None:
            part.stop(reason)
        self._return()

    # its keeper

    def look_after(self) -> None:
        """Tell of it, or end it."""
        self._looked = now = time.monotonic()
        if self._returned is not None:
            self._return()
        elif now >= self._deadline:
            self.stop(EncoderFailed(f"The attempt was given up after {self.grant.deadline_seconds:.0f} seconds."))
        else:
            self._renew(now)

    def stop(self, reason: FallowError) -> None:
        """From any thread: it ends at once, with this error if that is the first."""
        with self._lock:
            self._reason = self._reason or reason
            part, at_work = self._part, self._at_work
        if part is not None:
            part.stop(reason)
        if not at_work:
            self.fail(reason)

    def _renew(self, now: float) -> None:
        """A gateway that is away for a while is no reason to stop what is begun."""
        frames, then = self._told
        self._told = (self.frames, now)
        try:
            fps = (self.frames - frames) / max(now - then, 0.001)
            renewal = Renewal(self.frames, fps, self._means.pause.reason)
            wanted = not self._source.renew(self.grant.lease, renewal).stop
        except Retryable as error:
            log.event("lease.unrenewed", str(error), **self.names)
            self.give_back("The gateway could not be reached.")
            return
        except FallowError:
            wanted = False
        if not wanted and not self.over.is_set():
            self.stop(Cancelled("The lease is over."))

    def _return(self) -> None:
        late = time.monotonic() - (self._returned or 0.0) > RETURN_SECONDS
        if self._report(Failure("cancelled", str(self._reason))) or late:
            self.over.set()

    def _report(self, failure: Failure) -> bool:
        """Only a courtesy: what is not reported expires. False when it could not be heard."""
        try:
            self._source.fail(self.grant.lease, failure)
        except Retryable as error:
            log.event("lease.unreported", str(error), **self.names)
            return False
        except FallowError as error:
            log.event("lease.unreported", str(error), **self.names)
        return True

    def _deliver(self, part: Uploaded) -> None:
        """Until somebody hears it or the deadline passes: the part is stored, it only needs to be told of."""
        delivery = Delivery(part.size, part.sha256, part.frames, self.effort(), part.fault)
        pause = pauses()
        while True:
            try:
                receipt = self._source.deliver(self.grant.lease, delivery)
                break
            except Retryable as error:
                # A part that is refused is not better when it is told of again.
                final = isinstance(error, BrokenPart)
                if final or time.monotonic() >= self._deadline or self._aborted.is_set():
                    raise
                log.trouble("lease.undelivered", str(error))
                self._aborted.wait(pause())
        log.event("lease.delivered", frames=part.frames, first=receipt.first)


def keep(attempts: Sequence[Attempt]) -> None:
    """The keeper thread of a lease: renew all its attempts until they are over."""
    while waiting := [attempt for attempt in attempts if not attempt.over.is_set()]:
        first = min(waiting, key=lambda attempt: attempt.due)
        if not first.over.wait(max(first.due - time.monotonic(), 0.0)):
            first.look_after()
