"""What a source is cut into, and the tasks that come of it."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

from fallow.media.frames import FrameIndex
from fallow.media.sections import Stretch
from fallow.messages import to_wire
from fallow.model import Chunk, Source, TaskKind, Track
from fallow.pipeline.job_options import Options, options_of, profile_of
from fallow.pipeline.recipes import (
    GUARD,
    Timeline,
    audio_recipes,
    check_fit,
    context_frames,
    encoder_of,
    text_recipes,
    timeline,
    video_recipe,
)
from fallow.pipeline.sections import section_recipe, wanted_sections
from fallow.pipeline.segments import segment_starts, with_segments
from fallow.profiles import Profile
from fallow.recipe import AudioRecipe, Recipe
from fallow.records import Job, TaskSpec

SOUND_COST = 0.02  # of a second of sound, in seconds x megapixels of video


@dataclass(frozen=True)
class SplitPlan:
    """A job's source, and what is wanted of it."""

    job: Job
    source: Source
    index: FrameIndex
    options: Options
    lines: Sequence[tuple[Profile, Timeline]]

    @classmethod
    def of(cls, job: Job, source: Source, index: FrameIndex) -> SplitPlan:
        """Raises BadProfile when the source cannot become what is wanted."""
        options = options_of(job)
        profiles = [profile_of(rendition) for rendition in job.renditions]
        for profile in profiles:
            check_fit(source, index, profile, options.container)
        return cls(
            job, source, index, options, [(profile, timeline(index, profile, source)) for profile in profiles]
        )

    @property
    def context(self) -> int:
        """Frames around each chunk that some rendition needs for more than decoding."""
        return context_frames(self.source, self.profiles)

    @property
    def guard(self) -> int:
        """Frames after each chunk that its object shows, too."""
        return GUARD + self.context

    @property
    def profiles(self) -> list[Profile]:
        return [profile for profile, _ in self.lines]

    def chunk_tasks(self, chunk: Chunk) -> list[TaskSpec]:
        """Encode a chunk, once for each rendition."""
        if not self.options.streamed:
            return [self._chunk_task(chunk, profile, line, ()) for profile, line in self.lines]
        lines = [line for _, line in self.lines]
        starts = segment_starts(self.index, chunk, lines, self.options.segment_seconds)
        return [self._chunk_task(chunk, *pair, row) for pair, row in zip(self.lines, starts, strict=True)]

    def chunk_task(self, chunk: Chunk, rendition: str) -> TaskSpec:
        """One of those, of a file."""
        profile, line = next((profile, line) for profile, line in self.lines if profile.name == rendition)
        return self._chunk_task(chunk, profile, line, ())

    def _chunk_task(self, chunk: Chunk, profile: Profile, line: Timeline, starts: tuple[int, ...]) -> TaskSpec:
        recipe = video_recipe(self.source, self.index, chunk, profile, line)
        if starts:
            recipe = with_segments(recipe, starts)
        recipe = dataclasses.replace(recipe, accept_damaged=self.options.accept_damaged)
        seconds = float(chunk.frames / self.source.video.average_rate)
        return TaskSpec(
            job=chunk.job,
            kind=TaskKind.VIDEO,
            rendition=profile.name,
            number=chunk.number,
            recipe=to_wire(recipe),
            get_key=chunk.key,
            get_bytes=chunk.size,
            get_sha256=chunk.sha256,
            frames=recipe.frames,
            cost=seconds * recipe.width * recipe.height / 1e6,
            encoder=encoder_of(recipe),
        )

    @cached_property
    def sound(self) -> list[tuple[int, str, AudioRecipe]]:
        """(track, name, recipe) of what is made of the tracks of sound, each once."""
        container = self.options.container
        found = [made for profile in self.profiles for made in audio_recipes(self.source, profile, container)]
        return list({name: (index, name, recipe) for index, name, recipe in found}.values())

    @cached_property
    def sections(self) -> dict[str, list[Stretch]]:
        """The sections in which sound is encoded, by the names of what is made; all else is encoded as a whole."""
        return wanted_sections(self.source, self.sound, self.options)

    @property
    def wanted_tracks(self) -> set[tuple[TaskKind, int]]:
        """The tracks that some rendition has, and needs as a whole."""
        wanted = {(TaskKind.AUDIO, index) for index, name, _ in self.sound if name not in self.sections}
        text = text_recipes(self.source, self.options.container)
        return wanted | {(TaskKind.TEXT, index) for index, _, _ in text}

    @property
    def wanted_sections(self) -> dict[int, Sequence[Stretch]]:
        """The sections to be cut of each track, which are the same for all that is made of it."""
        return {index: self.sections[name] for index, name, _ in self.sound if name in self.sections}

    def track_tasks(self, track: Track) -> list[TaskSpec]:
        """Encode a track or a section, once for each different way that renditions want it."""
        wanted: list[tuple[int, str, Recipe]] = []
        if track.kind is TaskKind.TEXT:
            wanted += text_recipes(self.source, self.options.container)
        elif track.section is None:
            wanted += [made for made in self.sound if made[1] not in self.sections]
        else:
            wanted += [
                (index, name, section_recipe(recipe, self.sections[name][track.section]))
                for index, name, recipe in self.sound
                if name in self.sections
            ]
        return [self._track_task(track, name, recipe) for index, name, recipe in wanted if index == track.index]

    def _track_task(self, track: Track, name: str, recipe: Recipe) -> TaskSpec:
        return TaskSpec(
            job=track.job,
            kind=track.kind,
            rendition=name,
            number=track.number,
            recipe=to_wire(dataclasses.replace(recipe, container=track.container)),
            get_key=track.key,
            get_bytes=track.size,
            get_sha256=track.sha256,
            cost=SOUND_COST * float(self._seconds(recipe)),
            encoder=encoder_of(recipe),
        )

    def _seconds(self, recipe: Recipe) -> Fraction:
        """How much sound or text there is in it."""
        if isinstance(recipe, AudioRecipe) and recipe.section is not None and recipe.filled is not None:
            return max(Fraction(1), recipe.filled - recipe.begin)
        return self.source.duration
