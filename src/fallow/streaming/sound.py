"""A track of sound as segments of about the same length, whatever the pictures do."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator, Sequence
from fractions import Fraction

from fallow.errors import BrokenPart
from fallow.media.coded import CodedSound, SoundFacts, coded_sound, sound_facts, template
from fallow.media.result_layout import TrackPart
from fallow.model import TaskKind
from fallow.streaming.codec_names import codec_name
from fallow.streaming.fragments import Header
from fallow.streaming.listing import Listed, Segment, StreamFacts, Stretch
from fallow.streaming.packing import Counters, Packing, Row
from fallow.streaming.video import Save


def add_sound(name: str, part: TrackPart, seconds: Fraction, packing: type[Packing], save: Save) -> Stretch | None:
    """A whole track, or the first section of one; None when nothing is in it."""
    found = sound_facts(part)
    if found is None:
        return None
    facts = _facts(name, part, found, _early(part, found))
    top = packing.header(Header("soun", found.entry, facts.timescale, facts.language, facts.shift))
    if top:
        save(f"{facts.folder}/init.mp4", top)
    made = go_on(Listed(facts, ()), (), part, seconds, packing, save)
    return dataclasses.replace(made, facts=facts)


def go_on(
    known: Listed, counters: Counters, part: TrackPart, seconds: Fraction, packing: type[Packing], save: Save
) -> Stretch:
    """The next section of a track. Raises BrokenPart when it does not begin where the one before it ends."""
    facts, made = known.facts, list[Segment]()
    with template(part) as stream:
        packs = packing(facts, stream, counters)
        for rows in _runs(part, facts, seconds * facts.timescale):
            begin, number = max(0, rows[0].shown), len(known.segments) + len(made)
            if not made and known.segments and begin != known.seconds * facts.timescale:
                raise BrokenPart(f"The section begins at sample {begin}, not where the one before it ends.")
            packed = packs.pack(number, rows)
            save(f"{facts.folder}/{number:05d}{packs.ending}", packed.data)
            made.append(Segment(begin, rows[-1].shown + rows[-1].duration - begin, len(packed.data)))
    return Stretch(facts.folder, tuple(made), packs.counters, None, part.packets)


def _early(part: TrackPart, found: SoundFacts) -> int:
    """Samples before the presentation begins, which decoders need to get going."""
    first = next(coded_sound(part, found.sample_rate))
    return max(0, -first.begin)


def _facts(name: str, part: TrackPart, found: SoundFacts, early: int) -> StreamFacts:
    return StreamFacts(
        name=name,
        kind=TaskKind.AUDIO,
        timescale=found.sample_rate,
        codecs=codec_name(found.entry),
        shift=early,
        channels=found.channels,
        sample_rate=found.sample_rate,
        language=part.language,
        title=part.title,
        default=part.default,
    )


def _runs(part: TrackPart, facts: StreamFacts, length: Fraction) -> Iterator[Sequence[Row]]:
    rows = _rows(coded_sound(part, facts.timescale), facts.shift)
    for _, group in itertools.groupby(rows, lambda row: max(0, row.shown) // length):
        yield list(group)


def _rows(packets: Iterator[CodedSound], shift: int) -> Iterator[Row]:
    """A packet lasts until the next one, but not over a hole."""
    before = next(packets)
    for packet in itertools.chain(packets, [None]):
        until = packet.begin if packet else before.begin + before.length
        if until - before.begin > 2 * before.length > 0:
            until = before.begin + before.length
        yield Row(before.packet, before.begin + shift, before.begin, until - before.begin)
        before = packet or before
