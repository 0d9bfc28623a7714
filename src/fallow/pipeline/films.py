"""The renditions of a job, as a packager of streams wants them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

from fallow.media.frames import FrameIndex
from fallow.model import Chunk, Source, TaskKind
from fallow.pipeline.job_options import Options, options_of, profile_of
from fallow.pipeline.recipes import Timeline, audio_recipes, encoder, text_recipes, timeline
from fallow.pipeline.sections import wanted_sections
from fallow.pipeline.segments import segment_starts
from fallow.records import Job, Rendition
from fallow.streaming.package import PackagePlan, TrackWant
from fallow.streaming.video import Film


@dataclass(frozen=True)
class Films:
    """The renditions of a job, and when each of their frames is shown."""

    options: Options
    source: Source
    index: FrameIndex
    lines: dict[str, Timeline]

    @classmethod
    def of(cls, job: Job, source: Source, index: FrameIndex) -> Films:
        lines = {r.name: timeline(index, profile_of(r), source) for r in job.renditions}
        return cls(options_of(job), source, index, lines)

    def plan(self, job: Job) -> PackagePlan:
        return PackagePlan(
            container=self.options.container,
            segment_seconds=Fraction(self.options.segment_seconds),
            films=tuple(self._film(rendition) for rendition in job.renditions),
            tracks=tuple(dict.fromkeys(self._tracks(job))),
            end=self.source.duration,
        )

    def _film(self, rendition: Rendition) -> Film:
        profile, line = profile_of(rendition), self.lines[rendition.name]
        return Film(
            name=rendition.name,
            times=line.times,
            time_base=line.time_base,
            end=line.end,
            rate=line.rate,
            colour=self.source.video.colour,
            cap=encoder(profile, line.rate).maxrate or 0,
            sound=tuple(name for _, name, _ in audio_recipes(self.source, profile, self.options.container)),
        )

    def _tracks(self, job: Job) -> Iterator[TrackWant]:
        """Sound before text, in the order of the source; some more than once."""
        sound = [
            TrackWant(name, TaskKind.AUDIO, index)
            for rendition in job.renditions
            for index, name, _ in audio_recipes(self.source, profile_of(rendition), self.options.container)
        ]
        yield from sorted(sound, key=lambda want: want.index)
        for index, name, _ in text_recipes(self.source, self.options.container):
            yield TrackWant(name, TaskKind.TEXT, index)

    def sections(self, job: Job) -> dict[str, int]:
        """How many sections the tracks have that are encoded in some, by name."""
        profiles, container = [profile_of(rendition) for rendition in job.renditions], self.options.container
        recipes = [made for profile in profiles for made in audio_recipes(self.source, profile, container)]
        return {name: len(cut) for name, cut in wanted_sections(self.source, recipes, self.options).items()}

    def starts(self, chunk: Chunk) -> dict[str, tuple[int, ...]]:
        """Where segments begin, by rendition."""
        rows = segment_starts(self.index, chunk, list(self.lines.values()), self.options.segment_seconds)
        return dict(zip(self.lines, rows, strict=True))
