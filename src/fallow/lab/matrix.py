"""Runs an experiment: the same work by every crew, again and again in turn, so that slow drifts favour nobody."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from fallow import __version__
from fallow.client import Client
from fallow.errors import FallowError
from fallow.lab import record
from fallow.lab.crews import alone
from fallow.lab.gather import runs_of, workers_of
from fallow.lab.local import platform
from fallow.lab.plan import Crew, Experiment
from fallow.lab.record import FORMAT, Head, Record, Run
from fallow.messages import to_wire
from fallow.pipeline.job_options import Options
from fallow.profiles import Profile
from fallow.worker.machine import hostname

LOOK = 0.3  # seconds between two looks at a job

Say = Callable[[str], object]


@dataclass(frozen=True)
class Try:
    """One run that is to be made."""

    source: Path
    profile: Profile
    crew: Crew
    repetition: int

    @property
    def place(self) -> tuple[str, str, str, int]:
        """See Run.place."""
        return self.source.name, self.profile.name, self.crew.label, self.repetition


def run(experiment: Experiment, path: Path, token: str, say: Say) -> Record:
    """All runs that the record at `path` does not have yet, each added when it ends; the whole record."""
    price = experiment.price_per_kwh
    head = Head(FORMAT, __version__, hostname(), time.time(), price, experiment.currency)
    done = {run.place for run in record.begin(path, head).runs if not run.error}
    wanted = [one for one in tries(experiment) if one.place not in done]
    if known := len(list(tries(experiment))) - len(wanted):
        say(f"{known} runs are in {path} already; {len(wanted)} are left.")
    crew: Crew | None = None
    with contextlib.ExitStack() as stack:
        for number, one in enumerate(wanted, 1):
            if crew != one.crew:
                stack.close()
                client, crew = stack.enter_context(_crew(experiment, one.crew, token)), one.crew
            made = _one(client, experiment, one)
            record.add(path, made)
            say(f"{number}/{len(wanted)}  {_told(made)}")
    return record.read(path)


def tries(experiment: Experiment) -> Iterator[Try]:
    """In the order in which they are made."""
    for repetition in range(1, experiment.repetitions + 1):
        for crew in experiment.crews:
            for source in experiment.sources:
                for profile in experiment.profiles:
                    yield Try(source, profile, crew, repetition)


@contextlib.contextmanager
def _crew(experiment: Experiment, crew: Crew, token: str) -> Iterator[Client]:
    if not experiment.server:
        with platform(crew.agents) as client:
            yield client
        return
    client = Client(experiment.server, token)
    with alone(client, crew.names):
        yield client


def _one(client: Client, experiment: Experiment, one: Try) -> Run:
    """A job that fails is a result, too; one that cannot be asked about is not."""
    options = Options(chunk_seconds=experiment.chunk_seconds)
    job = client.create(one.source.name, [to_wire(one.profile)], options.asked)
    try:
        client.upload(job.id, one.source)
        view = client.wait(job.id, lambda view: None, LOOK)
        (made,) = runs_of(client, workers_of(client), view, one.crew.label, one.crew.agents, one.repetition)
    except BaseException:
        with contextlib.suppress(FallowError):
            client.cancel(job.id)
        raise
    client.remove(job.id)
    return made


def _told(made: Run) -> str:
    what = f"{made.source}  {made.profile}  {made.crew}"
    if made.error:
        return f"{what}: {made.error}"
    return f"{what}: {made.seconds:.1f} s, {made.frames / made.seconds:.1f} fps"
