"""The agent: lease, stream, deliver, for as long as it is wanted."""

from __future__ import annotations

import contextvars
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
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
    Retryable,
)
from fallow.messages import Delivery, Failure, LeaseGrant, LeaseRequest, Registration, Renewal
from fallow.model import Effort
from fallow.worker.download import ObjectGone
from fallow.worker.patience import AWAY_SECONDS, pauses
from fallow.worker.source import WorkSource
from fallow.worker.stream import Stream, Uploaded, WrongCount
from fallow.worker.ways import Avoided

QUICK_ANSWER = 0.5  # seconds; "nothing to do" that comes sooner was no long poll
ABORT_SECONDS = 5.0


@dataclass(frozen=True)
class Means:
    """What the agent works with."""

    binary: str
    encoder: str  # FFmpeg's version
    slots: int  # leases at the same time
    threads: int  # of each FFmpeg
    cores: int = 1  # of the machine: what FFmpeg may use when nothing else waits to be done
    niceness: int = 0
    wait_seconds: float = 20.0  # how long a request for work may wait at the gateway
    away_seconds: float = AWAY_SECONDS  # how long an attempt waits for a server that is away
    avoided: Avoided = field(default_factory=Avoided)


@dataclass
class _Tally:
    """Attempts that failed in a row."""

    failures: int = 0
    pause: Callable[[], float] = field(default_factory=pauses)


class Agent:
    """Takes leases from a source, `slots` at a time."""

    def __init__(self, source: WorkSource, registration: Registration, means: Means) -> None:
        self._source = source
        self._registration = registration
        self._means = means
        self._changed = threading.Condition()
        self._draining = threading.Event()
        self._aborted = threading.Event()
        self._streams: dict[str, Stream] = {}
        self._busy = 0
        self._enlisting = threading.Lock()
        self._generation = 0  # of the worker token
        self._worker = ""  # what the gateway calls it
        self._refused = ""

    def run(self) -> None:
        """Until drained or aborted. Raises Forbidden when the gateway does not take this agent."""
        self._enlist(0)
        for number in range(self._means.slots):
            threading.Thread(target=self._serve, name=f"slot-{number}", daemon=True).start()
        with self._changed:
            self._changed.wait_for(lambda: self._aborted.is_set() or (self._draining.is_set() and self._busy == 0))
            if not self._changed.wait_for(lambda: self._busy == 0, ABORT_SECONDS):
                log.trouble("agent.abandon", tasks=self._busy)
        if self._refused:
            raise Forbidden(self._refused)

    def drain(self) -> None:
        """Finish what is begun, begin nothing new."""
        self._draining.set()
        with self._changed:
            self._changed.notify_all()

    def abort(self) -> None:
        """Stop at once; what is begun is given back."""
        self._aborted.set()
        self._draining.set()
        with self._changed:
            streams = list(self._streams.values())
            self._changed.notify_all()
        for stream in streams:
            stream.stop(Cancelled("The worker was stopped."))

    @property
    def draining(self) -> bool:
        return self._draining.is_set()

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
                    self._refused = str(error)
                    self.drain()
                else:
                    self._generation += 1
                    self._worker = welcome.worker
                    log.event("agent.registered", worker=welcome.worker)

    def _serve(self) -> None:
        """One slot."""
        lost, tally = pauses(), _Tally()
        while not self._draining.is_set():
            generation, asked = self._generation, time.monotonic()
            try:
                grant = self._source.lease(LeaseRequest(self._means.wait_seconds))
            except Forbidden:
                self._enlist(generation)
            except FallowError as error:
                log.trouble("agent.no-answer", str(error))
                self._draining.wait(lost())
            else:
                lost = pauses()
                self._take(grant, tally, asked)

    def _take(self, grant: LeaseGrant | None, tally: _Tally, asked: float) -> None:
        if grant is None:
            if time.monotonic() - asked < QUICK_ANSWER:
                self._draining.wait(1.0)
        elif self._begin():
            try:
                self._attempt(grant, tally)
            finally:
                self._finish()
        else:
            self._report(grant, Failure("cancelled", "The worker takes no more work."))

    def _begin(self) -> bool:
        with self._changed:
            if self._draining.is_set():
                return False
            self._busy += 1
            return True

    def _finish(self) -> None:
        with self._changed:
            self._busy -= 1
            self._changed.notify_all()

    def _attempt(self, grant: LeaseGrant, tally: _Tally) -> None:
        """One lease, from its grant to its delivery or failure."""
        with log.about(worker=self._worker, **_names(grant)):
            self._try(grant, tally)

    def _try(self, grant: LeaseGrant, tally: _Tally) -> None:
        log.event("lease.begin", attempt=grant.attempt)
        attempt = _Attempt(self._source, grant, self._means, self._aborted)
        try:
            attempt.run(self._streams, self._changed)
        except FallowError as error:
            self._give_up(attempt, error, tally)
        except Exception as error:
            # A slot must outlive a fault in this program: the others' work is not its fault.
            log.trouble("lease.fault", traceback.format_exc())
            self._give_up(attempt, EncoderFailed(f"The worker has a fault: {error!r}."), tally)
        else:
            tally.failures = 0

    def _give_up(self, attempt: _Attempt, error: FallowError, tally: _Tally) -> None:
        grant = attempt.grant
        log.trouble("lease.failed", str(error))
        frames = error.frames if isinstance(error, WrongCount) else None
        if self._aborted.is_set() or not isinstance(error, (Cancelled, Conflict, NotFound, Forbidden)):
            self._report(grant, Failure(error.kind, str(error), frames, attempt.effort()))
        if isinstance(error, Retryable) and not isinstance(error, ObjectGone):
            tally.failures += 1
            if tally.failures == 1:
                tally.pause = pauses()
            else:
                # Perhaps it is this machine: leave the task to others.
                self._draining.wait(tally.pause())

    def _report(self, grant: LeaseGrant, failure: Failure) -> None:
        """Only a courtesy: what is not reported expires."""
        try:
            self._source.fail(grant.lease, failure)
        except FallowError as error:
            log.event("lease.unreported", str(error), **_names(grant))


class _Attempt:
    """One lease while it lasts."""

    def __init__(self, source: WorkSource, grant: LeaseGrant, means: Means, aborted: threading.Event) -> None:
        self.grant = grant
        self._source = source
        self._means = means
        self._aborted = aborted
        self._began = time.monotonic()
        self._deadline = self._began + grant.deadline_seconds
        self._stream: Stream | None = None
        self._over = threading.Event()

    def run(self, streams: dict[str, Stream], changed: threading.Condition) -> None:
        means = self._means
        threads = max(means.threads, means.cores) if self.grant.last else means.threads
        stream = self._stream = Stream(
            self.grant, means.binary, threads, means.niceness, means.away_seconds, means.avoided
        )
        with changed:
            streams[self.grant.lease] = stream
        within = contextvars.copy_context()  # its log lines are about the same lease
        keeper = threading.Thread(target=within.run, args=(self._keep, stream), name="keeper", daemon=True)
        keeper.start()
        try:
            if self._aborted.is_set():
                raise Cancelled("The worker was stopped.")
            self._deliver(stream.run())
        finally:
            self._over.set()
            with changed:
                del streams[self.grant.lease]

    def effort(self) -> Effort:
        stream, wall = self._stream, time.monotonic() - self._began
        if stream is None:
            return Effort(wall_seconds=wall, encoder=self._means.encoder)
        return Effort(
            wall, stream.cpu_seconds, stream.frames, stream.bytes_in, stream.bytes_out, self._means.encoder
        )

    def _keep(self, stream: Stream) -> None:
        """The keeper thread: renew the lease, tell of progress, and stop everything when it is over."""
        frames, then = 0, self._began
        while not self._over.wait(min(self.grant.renew_seconds, max(self._deadline - time.monotonic(), 0.0))):
            now = time.monotonic()
            if now >= self._deadline:
                stream.stop(EncoderFailed(f"The attempt was given up after {now - self._began:.0f} seconds."))
                return
            fps = (stream.frames - frames) / (now - then)
            frames, then = stream.frames, now
            if not self._renew(stream, Renewal(frames, fps)):
                return

    def _renew(self, stream: Stream, renewal: Renewal) -> bool:
        """False when the lease is over. A gateway that is away for a while is no reason to stop."""
        try:
            wanted = not self._source.renew(self.grant.lease, renewal).stop
        except Retryable as error:
            log.event("lease.unrenewed", str(error))
            return True
        except FallowError:
            wanted = False
        if not wanted and not self._over.is_set():
            stream.stop(Cancelled("The lease is over."))
        return wanted

    def _deliver(self, part: Uploaded) -> None:
        """Until somebody hears it or the deadline passes: the part is stored, it only needs to be told of."""
        delivery = Delivery(part.size, part.sha256, part.frames, self.effort(), part.fault)
        pause = pauses()
        while True:
            try:
                receipt = self._source.deliver(self.grant.lease, delivery)
                break
            except Retryable as error:
                if _final(error) or time.monotonic() >= self._deadline or self._aborted.is_set():
                    raise
                log.trouble("lease.undelivered", str(error))
                self._aborted.wait(pause())
        log.event("lease.delivered", frames=part.frames, first=receipt.first)


def _final(error: Retryable) -> bool:
    """Whether telling again cannot help."""
    return isinstance(error, BrokenPart)


def _names(grant: LeaseGrant) -> dict[str, Any]:
    return {"job": grant.job, "task": grant.task, "lease": grant.lease, "kind": grant.kind.value}
