"""What was ordered: a job's options and profiles as typed values, and what each rendition is made of."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from fallow import catalogue
from fallow.errors import BadSetting
from fallow.messages import from_wire, to_wire
from fallow.model import TaskKind
from fallow.pipeline.recipes import audio_recipes, text_recipes
from fallow.profiles import Profile
from fallow.records import Job, Rendition

PRIORITIES = ("high", "normal", "low")
LONGEST_CHUNK = 600.0
LONGEST_SEGMENT = 30.0


@dataclass(frozen=True)
class Options:
    """How a job is to be done, apart from its profiles."""

    container: str = "mp4"  # of the results: of catalogue.CONTAINERS, or of catalogue.STREAMS
    chunk_seconds: float = 10.0  # chunks are cut at the first entry point after so long, at twice that anywhere
    accept_damaged: bool = False  # encode what can be decoded of a damaged source, instead of refusing it
    priority: str = "normal"  # high, normal, low
    ladder: bool = False  # leave out renditions that the source is too small for
    segment_seconds: float = 4.0  # of streams: how long a segment is at most, but for a frame
    measures: str = ""  # the job whose rendition is measured, instead of encoding anything; see pipeline/quality.py

    def __post_init__(self) -> None:
        if self.priority not in PRIORITIES:
            raise BadSetting(f"There is no priority {self.priority!r}; choose {', '.join(PRIORITIES)}.")
        if not 0.1 <= self.chunk_seconds <= LONGEST_CHUNK:
            raise BadSetting(f"chunk_seconds = {self.chunk_seconds:g} must be from 0.1 to {LONGEST_CHUNK:g}.")
        if not 1 <= self.segment_seconds <= LONGEST_SEGMENT:
            raise BadSetting(f"segment_seconds = {self.segment_seconds:g} must be from 1 to {LONGEST_SEGMENT:g}.")

    @property
    def asked(self) -> dict[str, Any]:
        """The wire form, of what people may ask for."""
        return {name: value for name, value in to_wire(self).items() if name != "measures"}

    @property
    def streamed(self) -> bool:
        """Whether a result is many files."""
        return self.container in catalogue.STREAMS

    @property
    def chunk_target(self) -> float:
        """Seconds that chunks should have: in streams a whole number of segments, so that none is much shorter."""
        if not self.streamed:
            return self.chunk_seconds
        return math.ceil(self.chunk_seconds / self.segment_seconds) * self.segment_seconds


def options_of(job: Job) -> Options:
    return from_wire(Options, job.options)


def profile_of(rendition: Rendition) -> Profile:
    return from_wire(Profile, rendition.profile)


def needs(job: Job, rendition: Rendition) -> list[tuple[TaskKind, str]]:
    """The tasks that a rendition is joined from, each by kind and the name it was planned under."""
    if job.source is None:
        return []
    options, profile = options_of(job), profile_of(rendition)
    if options.measures:
        return [(TaskKind.VIDEO, rendition.name)]
    container = options.container
    sound = [(TaskKind.AUDIO, name) for _, name, _ in audio_recipes(job.source, profile, container)]
    text = [(TaskKind.TEXT, name) for _, name, _ in text_recipes(job.source, container)]
    return [(TaskKind.VIDEO, rendition.name), *sound, *text]
