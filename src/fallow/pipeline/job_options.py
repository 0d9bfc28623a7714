"""What was ordered: a job's options and profiles as typed values, and what each rendition is made of."""

from __future__ import annotations

from dataclasses import dataclass

from fallow.errors import BadSetting
from fallow.messages import from_wire
from fallow.model import TaskKind
from fallow.pipeline.recipes import audio_recipes, text_recipes
from fallow.profiles import Profile
from fallow.records import Job, Rendition

PRIORITIES = ("high", "normal", "low")
LONGEST_CHUNK = 600.0


@dataclass(frozen=True)
class Options:
    """How a job is to be done, apart from its profiles."""

    container: str = "mp4"  # of the results: mp4, mpegts, matroska
    chunk_seconds: float = 10.0  # chunks are cut at the first entry point after so long, at twice that anywhere
    accept_damaged: bool = False  # encode what can be decoded of a damaged source, instead of refusing it
    priority: str = "normal"  # high, normal, low

    def __post_init__(self) -> None:
        if self.priority not in PRIORITIES:
            raise BadSetting(f"There is no priority {self.priority!r}; choose {', '.join(PRIORITIES)}.")
        if not 0.1 <= self.chunk_seconds <= LONGEST_CHUNK:
            raise BadSetting(f"chunk_seconds = {self.chunk_seconds:g} must be from 0.1 to {LONGEST_CHUNK:g}.")


def options_of(job: Job) -> Options:
    return from_wire(Options, job.options)


def profile_of(rendition: Rendition) -> Profile:
    return from_wire(Profile, rendition.profile)


def needs(job: Job, rendition: Rendition) -> list[tuple[TaskKind, str]]:
    """The tasks that a rendition is joined from, each by kind and the name it was planned under."""
    if job.source is None:
        return []
    container, profile = options_of(job).container, profile_of(rendition)
    sound = [(TaskKind.AUDIO, name) for _, name, _ in audio_recipes(job.source, profile, container)]
    text = [(TaskKind.TEXT, name) for _, name, _ in text_recipes(job.source, container)]
    return [(TaskKind.VIDEO, rendition.name), *sound, *text]
