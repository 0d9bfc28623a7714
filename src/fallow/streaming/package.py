"""From parts to the files of a stream, chunk by chunk, in one pass; another process can go on with it."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from fractions import Fraction

from fallow import catalogue
from fallow.errors import BrokenPart
from fallow.media.inspect import blamed
from fallow.media.result_layout import TrackPart
from fallow.model import TaskKind
from fallow.streaming import text, video
from fallow.streaming.listing import Ended, Listed, Packaged, StreamFacts, Stretch, listed
from fallow.streaming.packing import Counters, Fragments, Packing, Transport
from fallow.streaming.playlists import playlists
from fallow.streaming.sound import add_sound, go_on
from fallow.streaming.thumbnails import FOLDER, add_thumbnails, listing
from fallow.streaming.video import Film, Onward, Piece, Save

PACKINGS: dict[str, type[Packing]] = {"cmaf": Fragments, "mpegts": Transport}


@dataclass(frozen=True)
class TrackWant:
    """A track that belongs to the result."""

    name: str
    kind: TaskKind
    index: int  # its place among the source's tracks of that kind


@dataclass(frozen=True)
class PackagePlan:
    """Everything that is known before the first part."""

    container: str  # of catalogue.STREAMS
    segment_seconds: Fraction
    films: tuple[Film, ...]
    tracks: tuple[TrackWant, ...]
    end: Fraction  # seconds: of the last frame


class Packager:
    """Makes a result of many files; every step is told by what it returns, and nothing else need be kept."""

    def __init__(self, plan: PackagePlan, save: Save, done: Sequence[Packaged] = ()) -> None:
        self.plan = plan
        self._save = save
        self._steps = list(done)
        self._format = catalogue.STREAMS[plan.container]
        self._packing = PACKINGS[self._format.segments]
        self._target = -int(-max(plan.segment_seconds, *map(_longest, plan.films)) // 1)

    @property
    def chunks(self) -> int:
        """How many are packaged."""
        return sum(step.chunk is not None for step in self._steps)

    def add_chunk(self, pieces: Mapping[str, Piece]) -> Packaged:
        """The next chunk, in all renditions. Raises BrokenPart, which names the chunk and the rendition."""
        known, number = self.streams, self.chunks
        made = []
        for film in self.plan.films:
            try:
                with blamed(number):
                    made.append(self._add(film, pieces[film.name], known.get(f"video/{film.name}")))
            except BrokenPart as error:
                error.rendition = film.name
                raise
        self._picture(number, pieces, made)
        return self._stepped(Packaged(number, tuple(made)))

    def _picture(self, number: int, pieces: Mapping[str, Piece], made: Sequence[Stretch]) -> None:
        """Thumbnails, from the smallest rendition."""
        facts = self._smallest([*self._steps, Packaged(number, tuple(made))])
        segments = next(stretch.segments for stretch in made if stretch.stream == facts.folder)
        try:
            with blamed(number):
                add_thumbnails(number, pieces[facts.name], facts, segments, self._save)
        except BrokenPart as error:
            error.rendition = facts.name
            raise

    @staticmethod
    def _smallest(steps: Sequence[Packaged]) -> StreamFacts:
        found = [stream.facts for stream in listed(steps).values() if stream.facts.kind is TaskKind.VIDEO]
        return min(found, key=lambda facts: facts.width * facts.height)

    def _add(self, film: Film, piece: Piece, known: Listed | None) -> Stretch:
        if known is None:
            facts = video.begin(film, piece.part, self._packing, self._save)
            made = video.add(film, Onward(facts, 0), piece, self._packing, self._save)
            return dataclasses.replace(made, facts=facts)
        onward = Onward(known.facts, len(known.segments), self._counters(known))
        return video.add(film, onward, piece, self._packing, self._save)

    def _counters(self, known: Listed) -> Counters:
        """Those of the last segment of a stream."""
        steps = reversed(self._steps)
        return next(s.counters for step in steps for s in step.stretches if s.stream == known.facts.folder)

    def add_track(self, name: str, part: TrackPart) -> Packaged:
        """A whole track. Raises BrokenPart, which names its place in the plan."""
        with self._blamed(name):
            made = self._track(name, part)
        return self._stepped(Packaged(None, () if made is None else (made,)))

    def add_section(self, name: str, part: TrackPart, *, more: bool) -> Packaged:
        """The next section of a track of sound, after which there are more, or not. Raises BrokenPart likewise."""
        with self._blamed(name):
            known, seconds = self.streams.get(f"{TaskKind.AUDIO.value}/{name}"), self.plan.segment_seconds
            if known is None:
                begun = add_sound(name, part, seconds, self._packing, self._save)
                if begun is None:
                    raise BrokenPart("The first section of the sound holds nothing.")
                return self._stepped(Packaged(None, (begun,), more=more))
            made = go_on(known, self._counters(known), part, seconds, self._packing, self._save)
        return self._stepped(Packaged(None, (made,), onward=True, more=more))

    def _blamed(self, name: str) -> AbstractContextManager[None]:
        return blamed(next(n for n, want in enumerate(self.plan.tracks) if want.name == name), "track")

    def _track(self, name: str, part: TrackPart) -> Stretch | None:
        seconds = self.plan.segment_seconds
        if part.kind is TaskKind.AUDIO:
            return add_sound(name, part, seconds, self._packing, self._save)
        return text.add_text(name, part, text.Span(seconds, self.plan.end), self._format, self._save)

    @property
    def mute(self) -> bool:
        """Whether a track is missing, or the next section of one, so that the next pictures cannot be told."""
        streams = self.streams.values()
        seen = min((s.seconds for s in streams if s.facts.kind is TaskKind.VIDEO), default=Fraction(0))
        return not self._all_begun or any(stream.more and stream.seconds <= seen for stream in streams)

    @property
    def _all_begun(self) -> bool:
        """Whether something of every track is there, or it is known to be empty."""
        return sum(step.chunk is None and not step.onward for step in self._steps) >= len(self.plan.tracks)

    @property
    def streams(self) -> dict[str, Listed]:
        """What is packaged so far, by the folders of the streams."""
        return listed(self._steps)

    def _in_order(self) -> dict[str, Listed]:
        """The streams with the tracks as planned, whichever of them was there first."""
        places = {f"{want.kind.value}/{want.name}": place for place, want in enumerate(self.plan.tracks)}
        return dict(sorted(self.streams.items(), key=lambda item: places.get(item[0], -1)))

    def _stepped(self, step: Packaged) -> Packaged:
        self._steps.append(step)
        return step

    def texts(self, ended: Ended) -> dict[str, bytes]:
        """Every playlist and manifest as of now, by file name; none before there is a picture and every track."""
        if not self.chunks or not self._all_begun:
            return {}
        facts = self._smallest(self._steps)
        stretches = [
            stretch for step in self._steps for stretch in step.stretches if stretch.stream == facts.folder
        ]
        pictures = listing([stretch.segments for stretch in stretches], facts)
        texts = playlists(self.plan.films, self._in_order(), self._target, self._format, ended)
        return texts | {f"{FOLDER}/thumbnails.vtt": pictures.encode()} if texts else {}


def _longest(film: Film) -> Fraction:
    """Seconds that one frame is shown, at most: no segment can be shorter."""
    if isinstance(film.times, range):
        return Fraction(film.times.step) * film.time_base
    return max((b - a for a, b in itertools.pairwise([*film.times, film.end])), default=0) * film.time_base
