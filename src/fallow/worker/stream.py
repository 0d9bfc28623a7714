"""GET | FFmpeg | PUT, all at the same time, with no file and little memory.

One FFmpeg may make several parts of one object: it is fetched and decoded once, and each part goes its own way.
"""

from __future__ import annotations

import contextlib
import contextvars
import threading
from collections.abc import Callable, Sequence
from typing import IO

from fallow.errors import EncoderFailed, FallowError, Rejected
from fallow.ffmpeg.commands import arguments, measured, together
from fallow.ffmpeg.run import Child, Inlet, Outlet
from fallow.messages import LeaseGrant
from fallow.recipe import Against, Recipe, VideoRecipe
from fallow.worker.divided import Divided, Sink
from fallow.worker.download import Download
from fallow.worker.means import Means
from fallow.worker.part import Part
from fallow.worker.stopping import Stop
from fallow.worker.ways import Ways

Works = Sequence[tuple[LeaseGrant, Recipe]]


class Stream:
    """One FFmpeg process, what it is fed with and what it makes. Any other thread may watch and stop it.

    How it went stands with each part. Only if several were to be made and FFmpeg failed, nobody knows at which of
    them: then the error stands in `undecided`.
    """

    def __init__(self, works: Works, means: Means, threads: int) -> None:
        self.cpu_seconds = 0.0
        self.undecided: FallowError | None = None
        self._means = means
        self._threads = threads
        self._stop = Stop()  # of the download and FFmpeg
        self._child: Child | None = None
        self._halting = threading.Lock()
        self._halted = False
        self._fetched = threading.Event()
        self._fetching = threading.Lock()
        self._enough = threading.Event()
        self._inlet: Inlet | None = None  # where something comes in beside the chunk
        self._download = Download(works[0][0], self._ways_to_get(works[0][0]), self._stop.watch)
        self.parts: list[Part] = []
        for (grant, recipe), share in zip(works, _shares(works), strict=True):
            self.parts.append(Part(grant, recipe, means, share, self._look))

    @property
    def bytes_in(self) -> int:
        """Bytes of the object that have come so far."""
        return self._download.size

    def fetch(self) -> None:
        """Before its time: have the object, or the beginning of a large one, at hand for `make`."""
        if not self._fetching.acquire(blocking=False):
            return
        try:
            self._download.begin()
            self._download.read_ahead(self._enough)
        except FallowError as error:
            self.stop(error)
        finally:
            self._fetched.set()

    def make(self) -> None:
        """Do it, up to the end of FFmpeg; the ends of the uploads may be still to come."""
        outlets = [Outlet() for _ in self.parts[1:]]
        try:
            self._begin()
            self._between(self._start(outlets), [outlet.source for outlet in outlets])
        except FallowError as error:
            self._fail(error)
        finally:
            for outlet in outlets:
                outlet.close()
            for inlet in self._inlets:
                inlet.close()
            self.close()

    def stop(self, reason: FallowError) -> None:
        """All parts end at once with this error, unless another one was there before."""
        for part in self.parts:
            part.stop(reason)

    def halt(self) -> None:
        """FFmpeg stands still, also one that is started later, until it goes on."""
        with self._halting:
            self._halted = True
            if self._child is not None:
                self._child.halt()

    def go_on(self) -> None:
        with self._halting:
            self._halted = False
            if self._child is not None:
                self._child.go_on()

    @property
    def halted_seconds(self) -> float:
        return self._child.halted_seconds if self._child else 0.0

    def close(self) -> None:
        """It is not wanted any more, and never will be."""
        self._stop.cut_off()
        self._download.close()

    def _begin(self) -> None:
        """Have the download begin here, or go on that was begun ahead."""
        self._enough.set()
        if self._fetching.acquire(blocking=False):
            self._download.begin()
            self._fetched.set()
        self._stop.check()

    def _start(self, outlets: Sequence[Outlet]) -> Child:
        command = [self._means.binary, *self._arguments([outlet.name for outlet in outlets])]
        child = Child(command, self._means.niceness, [*outlets, *self._inlets])
        with self._halting:
            self._child = child
            self._means.ffmpegs.add(child.pid)
            if self._halted:
                child.halt()
        if self._stop.reason is not None:
            child.stop()
        return child

    def _arguments(self, outlets: Sequence[str]) -> list[str]:
        recipes = [part.recipe for part in self.parts]
        try:
            if self._against:
                return self._measured(self._against)
            if len(recipes) == 1:
                return arguments(recipes[0], self._threads)
            videos = [recipe for recipe in recipes if isinstance(recipe, VideoRecipe)]
            return together(videos, self._threads, outlets)
        except ValueError as error:
            raise Rejected(f"This worker cannot follow the recipe: {error}") from error

    @property
    def _against(self) -> Against | None:
        """What is compared with the chunk, if that is to be done."""
        recipe = self.parts[0].recipe
        return recipe.against if isinstance(recipe, VideoRecipe) else None

    def _measured(self, against: Against) -> list[str]:
        recipe = self.parts[0].recipe
        if len(self.parts) > 1 or not isinstance(recipe, VideoRecipe):
            raise ValueError("Each measurement is made by an FFmpeg of its own.")
        self._inlet = Inlet()
        return measured(recipe, against, self._threads, self._inlet.name)

    @property
    def _inlets(self) -> list[Inlet]:
        return [self._inlet] if self._inlet else []

    def _sink(self, child: Child) -> Sink:
        """Where the object goes, or its two halves."""
        if self._against and self._inlet:
            return Divided(self._inlet.sink, self._against.bytes, child.stdin)
        return child.stdin

    def _between(self, child: Child, sources: Sequence[IO[bytes]]) -> None:
        feeder = _thread("feeder", self._feed, child)
        pumps = [_thread("pump", part.pump, one) for part, one in zip(self.parts[1:], sources, strict=True)]
        try:
            self.parts[0].pump(child.stdout)
            for pump in pumps:
                pump.join()
            self._check_end(child, feeder)
        except FallowError as error:
            # Before anything is cut off: what follows from that is not the cause.
            self._fail(error)
        finally:
            child.stop()
            self.cpu_seconds = child.wait().cpu_seconds
            self._means.ffmpegs.discard(child.pid)
            self._stop.cut_off()
            feeder.join()
            child.stdout.close()

    def _fail(self, error: FallowError) -> None:
        """FFmpeg has ended badly."""
        if len(self.parts) > 1 and self._stop.reason is None:
            self.undecided = error
        for part in self.parts:
            part.stop(error)

    def _check_end(self, child: Child, feeder: threading.Thread) -> None:
        ended = child.wait()
        if self._stop.reason is None and ended.code != 0:
            raise EncoderFailed(f"FFmpeg {ended.reason}: {child.tail or 'it said nothing'}")
        # A filter that has all its frames ends FFmpeg before the object ends; the rest must still be whole.
        feeder.join()
        self._stop.check()
        for part in self.parts:
            part.fault = child.fault
            part.check()

    def _feed(self, child: Child) -> None:
        """The feeder thread: all of the object goes through here, even when FFmpeg wants no more of it."""
        try:
            self._fetched.wait()
            self._stop.check()
            self._download.pour(self._sink(child))
        except FallowError as error:
            # FFmpeg must not take this for the end of its input and finish.
            self.stop(error)
        finally:
            with contextlib.suppress(OSError):
                child.stdin.close()

    def _look(self) -> None:
        """When no part is wanted any more, neither is FFmpeg."""
        reasons = [part.failure for part in self.parts]
        if all(reasons) and reasons[0] is not None:
            self._stop.ask(reasons[0])
            if self._child is not None:
                self._child.stop()

    def _ways_to_get(self, grant: LeaseGrant) -> Ways:
        short, long = grant.get_url, grant.detour_url
        if not long:
            short, long = "", short
        return Ways(short, long, self._means.avoided, self._means.away_seconds, self._stop.asked)


def _thread(name: str, target: Callable[..., None], *arguments: object) -> threading.Thread:
    """A running one, whose log lines are about the same lease."""
    within = contextvars.copy_context()
    made = threading.Thread(target=within.run, args=(target, *arguments), name=name, daemon=True)
    made.start()
    return made


def _shares(works: Works) -> list[float]:
    """Of what FFmpeg costs, by pixels."""
    sizes = [recipe.width * recipe.height if isinstance(recipe, VideoRecipe) else 1 for _, recipe in works]
    return [size / sum(sizes) for size in sizes]
