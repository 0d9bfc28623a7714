"""`fallow encode`: the whole platform on this machine, for as long as a few files take."""

from __future__ import annotations

import asyncio
import hashlib
import os
import secrets
import time
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fallow import log
from fallow.client import JobView
from fallow.commands import space, state, summary
from fallow.commands.interrupts import Interrupts
from fallow.commands.outputs import Output, check_input, made, outputs
from fallow.commands.progress import Display
from fallow.commands.streams import bring
from fallow.errors import BrokenPart, Cancelled, FallowError, StorageFull
from fallow.messages import from_wire, to_wire
from fallow.model import Source
from fallow.pipeline.context import Policy
from fallow.pipeline.geometry import output_size
from fallow.pipeline.job_options import Options
from fallow.pipeline.ladder import deserved
from fallow.pipeline.recipes import check_container
from fallow.profiles import Profile, check_chunks
from fallow.services.run import Platform
from fallow.settings import Settings, load

_INTERRUPTED = "Interrupted. Nothing was left behind."
_REMIND = 60.0  # seconds between two words about a full disk
_LOOK_FOR_SPACE = 5.0  # seconds, at most


@dataclass(frozen=True)
class Request:
    """What a person asks `encode` for."""

    inputs: Sequence[Path]
    profiles: Sequence[Profile]
    output: str | None = None
    container: str | None = None
    workers: int | None = None  # None: as many as use the machine best
    chunk_seconds: float = Options.chunk_seconds
    segment_seconds: float = Options.segment_seconds
    ladder: bool = False  # leave out what an input is too small for
    resume: bool = True
    accept_damaged: bool = False
    ffmpeg: str | None = None


@dataclass(frozen=True)
class Work:
    """A request after all that can be checked without starting anything has been checked."""

    request: Request
    wanted: Sequence[Output]
    options: Options
    identities: dict[Path, str] = field(default_factory=dict)

    @property
    def key(self) -> str:
        names = [str(output.path.absolute()) for output in self.wanted]
        return state.key([*self.identities.values(), *names], self._recipe)

    def job_key(self, source: Path) -> str:
        return state.key([self.identities[source]], self._recipe)

    @property
    def _recipe(self) -> dict[str, Any]:
        return {"profiles": [to_wire(p) for p in self.request.profiles], "options": to_wire(self.options)}

    def of(self, source: Path) -> list[Output]:
        return [output for output in self.wanted if output.source == source]

    def fitting(self, source: Path, view: JobView) -> list[Output]:
        """Those that the input is large enough for, now that it is known what that is."""
        wanted = self.of(source)
        if not self.options.ladder:
            return wanted
        kept = deserved(from_wire(Source, view.source), [output.profile for output in wanted])
        return [output for output in wanted if output.profile in kept]


def prepare(request: Request) -> Work:
    """Raises BadInput, BadProfile or BadSetting for what is wrong with the request itself."""
    wanted = outputs(request.inputs, request.profiles, request.output, request.container)
    options = Options(
        wanted[0].container,
        request.chunk_seconds,
        request.accept_damaged,
        ladder=request.ladder,
        segment_seconds=request.segment_seconds,
    )
    for profile in request.profiles:
        check_container(profile, options.container)
        check_chunks(profile, options.chunk_seconds)
    for source in request.inputs:
        check_input(source)
    return Work(request, wanted, options, {source: state.identity(source) for source in request.inputs})


def encode(request: Request, display: Display) -> summary.Report:
    """Encode every input with every profile; raises when nothing could be begun or somebody interrupted."""
    work = prepare(request)
    base = state.base()
    state.sweep(base)
    with Interrupts(display) as interrupts, state.locked(base / work.key) as folder:
        if not request.resume:
            state.clear(folder)
        elif any(folder.iterdir()):
            display.say("Going on with what an earlier run has finished.")
        try:
            space.check(folder, work.wanted)
            return asyncio.run(_run(work, folder, display, interrupts))
        except (KeyboardInterrupt, asyncio.CancelledError):
            raise Cancelled(_INTERRUPTED) from None
        finally:
            # Only a kill gets past this, and then what is finished is there for the next run.
            interrupts.tidy()
            state.remove(folder)


async def _run(work: Work, folder: Path, display: Display, interrupts: Interrupts) -> summary.Report:
    begun, settings = time.monotonic(), _settings(work, folder, display.look_seconds)
    log.set_up(settings.log, service="encode")
    stopped = interrupts.begin()
    async with Platform(settings) as platform:
        from fallow import wiring  # which the platform has loaded by now, while its agents started

        interrupts.watch(platform)
        run = _Run(work, folder, display, platform, stopped, wiring.policy(settings))
        jobs = {source: await run.submit(source) for source in work.request.inputs}
        views = await run.follow(jobs)
        reports = [await run.finish(source, view) for source, view in views.items()]
    shares = summary.total_shares(list(views.values()))
    return summary.Report(tuple(reports), time.monotonic() - begun, shares)


def _settings(work: Work, folder: Path, look_seconds: float) -> Settings:
    """Embedded back ends, whatever the environment names for a server; no log unless asked: the display speaks."""
    embedded = {
        "queue_url": "memory:",
        "ledger_url": "",
        "store_url": "",
        "host": "127.0.0.1",
        "port": 0,
        "source_days": 0,
    }
    logged = os.environ.get("FALLOW_LOG") or "off"
    chosen = {"data": folder, "workers": work.request.workers, "ffmpeg": work.request.ffmpeg, "log": logged}
    # Other people of this machine can reach the port, but not the jobs.
    known = load()
    # A report from each agent for every second look: what people see moves.
    renew = known.renew_seconds or min(2 * look_seconds, known.lease_seconds / 3)
    return load({**embedded, **chosen, "api_token": secrets.token_urlsafe(24), "renew_seconds": renew})


@dataclass
class _Run:
    """A platform at work on a request."""

    work: Work
    folder: Path
    display: Display
    platform: Platform
    interrupted: asyncio.Event
    policy: Policy
    told_full: float = -_REMIND  # when people heard last that a disk is full
    looked_at: set[str] = field(default_factory=set)  # the jobs whose need for space was looked at

    async def submit(self, source: Path) -> str:
        """The job of one input: a new one, or the one that an earlier run began."""
        work, platform = self.work, self.platform
        told = await platform.create(source.name, work.request.profiles, work.options, work.job_key(source))
        job = from_wire(JobView, told)
        if job.state == "uploading":
            await platform.adopt(job.id, source)
        elif job.state in ("failed", "cancelled"):
            await platform.retry(job.id)
        return job.id

    async def follow(self, jobs: dict[Path, str]) -> dict[Path, JobView]:
        """Show the jobs until all have ended; raises Cancelled when somebody interrupted."""
        while True:
            views = {source: from_wire(JobView, await self.platform.view(job)) for source, job in jobs.items()}
            self.display.show(list(views.values()))
            if all(view.ended for view in views.values()):
                return views
            self._tell(views)
            await _first(self.interrupted.wait(), self.platform.news(self.display.look_seconds))
            if self.interrupted.is_set():
                raise Cancelled(_INTERRUPTED)

    async def finish(self, source: Path, view: JobView) -> summary.InputReport:
        """Put one input's results where they are wanted, each whole or not at all."""
        size = await asyncio.to_thread(lambda: source.stat().st_size)
        if view.state != "done":
            failed = summary.Failed(view.error_kind or "retryable", view.error or f"The job is {view.state}.")
            return summary.InputReport(source, size, error=failed, warnings=view.warnings)
        results: list[summary.Result] = []
        try:
            if self.work.options.streamed:
                results += await self._deliver_stream(view, self.work.fitting(source, view))
            else:
                for output in self.work.fitting(source, view):
                    results.append(await self._deliver(view, output))
        except (FallowError, OSError) as error:
            if isinstance(error, Cancelled):
                raise
            failed = summary.Failed.of(error)
            return summary.InputReport(source, size, tuple(results), error=failed, warnings=view.warnings)
        return summary.InputReport(source, size, tuple(results), warnings=view.warnings)

    async def _deliver(self, view: JobView, output: Output) -> summary.Result:
        rendition = next(item for item in view.renditions if item.name == output.profile.name)
        path = output.path.absolute()
        with made(path.parent):
            await self._patiently(lambda: self.platform.export(view.id, output.profile.name, path), path.parent)
        facts = rendition.facts or {}
        digest = await asyncio.to_thread(_digest, output.path)
        if facts.get("sha256") != digest or output.path.stat().st_size != rendition.size:
            output.path.unlink()
            raise BrokenPart(f"{output.path} is not what was joined; check the disk, and encode again.")
        return summary.result(output, facts, size_of(view, output), output.path.stat().st_size)

    async def _deliver_stream(self, view: JobView, outputs: Sequence[Output]) -> list[summary.Result]:
        folder, made_of = outputs[0].path.absolute().parent, {r.name: r for r in view.renditions}
        name = outputs[0].profile.name
        digest = str((made_of[name].facts or {}).get("sha256", ""))
        with made(folder.parent):
            await self._patiently(lambda: bring(self.platform, view.id, name, digest, folder), folder.parent)
        return [
            summary.result(output, rendition.facts or {}, size_of(view, output), rendition.size or 0)
            for output in outputs
            for rendition in [made_of[output.profile.name]]
        ]

    async def _patiently(self, export: Callable[[], Coroutine[Any, Any, Any]], folder: Path) -> None:
        """A full disk is waited for: all the work is done, and only the space for its result is missing."""
        end = time.monotonic() + self.policy.space_patience
        while True:
            try:
                await export()
            except StorageFull:
                if time.monotonic() >= end:
                    raise
            else:
                return
            self._tell_full(folder)
            await _first(self.interrupted.wait(), asyncio.sleep(min(self.policy.space_wait, _LOOK_FOR_SPACE)))
            if self.interrupted.is_set():
                raise Cancelled(_INTERRUPTED)

    def _tell(self, views: dict[Path, JobView]) -> None:
        """What people should know of the disks."""
        for source, view in views.items():
            if view.source and view.id not in self.looked_at:
                self.looked_at.add(view.id)
                for sentence in space.warnings(
                    self.folder, from_wire(Source, view.source), self.work.fitting(source, view)
                ):
                    self.display.say(sentence)
        if self.platform.ran_full():
            self._tell_full(self.folder)

    def _tell_full(self, folder: Path) -> None:
        now = time.monotonic()
        if now - self.told_full >= _REMIND:
            self.told_full = now
            self.display.say(f"No space is left in {folder}. Free some, and the work goes on.")


def size_of(view: JobView, output: Output) -> tuple[int, int]:
    """How large the pictures of a result are."""
    width, height, _, _ = output_size(from_wire(Source, view.source).video, output.profile)
    return width, height


async def _first(*waits: Coroutine[Any, Any, Any]) -> None:
    """Returns when one of them has; the others are given up."""
    tasks = [asyncio.ensure_future(wait) for wait in waits]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
