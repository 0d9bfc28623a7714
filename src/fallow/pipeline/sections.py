"""Which tracks of sound are encoded in sections, and what workers are asked to do with each: pure functions."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from fractions import Fraction

from fallow.media.sections import FRAME, Stretch, stretches
from fallow.model import AudioTrack, Source
from fallow.pipeline.job_options import Options
from fallow.recipe import LEAD, AudioRecipe, Section

_IN_FRAMES = ("aac",)
"""Encoders whose packets are of FRAME samples, and that forget. Others carry bits from packet to packet (MP3), go
on from what came long before (Opus), or write a digest of all samples into their header (FLAC)."""


def sections_of(track: AudioTrack, recipe: AudioRecipe, options: Options) -> list[Stretch]:
    """The sections that a track is encoded in; none where it must be encoded as a whole.

    A file's sound is encoded as a whole: nobody hears it before the file is there.
    """
    first = first_section(options)
    segment = Fraction(options.segment_seconds)
    fits = options.streamed and recipe.codec in _IN_FRAMES and recipe.filled is not None
    # Another rate is made by filters that reach far, and begin at a phase of their own.
    fits = fits and track.steady and recipe.sample_rate == track.sample_rate
    if not fits or track.begin >= first * segment:
        return []
    return stretches(track.sample_rate, segment, first, track.end)


def first_section(options: Options) -> int:
    """Segments of sound in the first section: as long as the first chunk, which cannot be seen without it."""
    return max(1, math.ceil(options.chunk_target / options.segment_seconds))


def section_recipe(recipe: AudioRecipe, stretch: Stretch) -> AudioRecipe:
    """The recipe of one section of a track, from that of the whole."""
    rate = recipe.sample_rate or 0
    origin = stretch.origin(rate)
    begin = Fraction(origin, rate) if stretch.section else recipe.begin
    packets = None if stretch.end is None else stretch.end - stretch.first
    own = Section(origin, stretch.before, packets)
    if stretch.end is None:
        return dataclasses.replace(recipe, begin=begin, section=own)
    # Whatever is missing in it, it becomes as many packets as it should.
    filled = LEAD + Fraction((stretch.after - 1) * FRAME, rate)
    return dataclasses.replace(recipe, begin=begin, end=None, filled=filled, section=own)


def wanted_sections(
    source: Source, recipes: Sequence[tuple[int, str, AudioRecipe]], options: Options
) -> dict[str, list[Stretch]]:
    """The sections of those tracks that have some, by the names of what is made of them."""
    tracks = {track.index: track for track in source.audio}
    found = {name: sections_of(tracks[index], recipe, options) for index, name, recipe in recipes}
    return {name: cut for name, cut in found.items() if cut}


def first_packet(section: Section, rate: int) -> Fraction:
    """When the first packet of a section begins, in seconds of track time."""
    return Fraction(section.origin + (section.before - 1) * FRAME, rate)
