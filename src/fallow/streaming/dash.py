"""The manifest of DASH (ISO/IEC 23009-1), over the segments that HLS has, too."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from fractions import Fraction
from typing import TypeVar
from xml.etree import ElementTree as Tree

from fallow.streaming import bit_rates
from fallow.streaming.listing import Ended, Listed, Segment, StreamFacts
from fallow.streaming.names import language
from fallow.streaming.presentation import Presentation, Variant

T = TypeVar("T")
_PROFILES = "urn:mpeg:dash:profile:isoff-live:2011,urn:mpeg:dash:profile:cmaf:2019"
_CHANNELS = "urn:mpeg:dash:23003:3:audio_channel_configuration:2011"
_TRANSFER = "urn:mpeg:mpegB:cicp:TransferCharacteristics"
_TRANSFERS = {"PQ": "16", "HLG": "18"}
_AGAIN = 2  # seconds after which a manifest that grows should be read again


def manifest(shown: Presentation) -> str:
    """The whole of it."""
    root = Tree.Element("MPD", xmlns="urn:mpeg:dash:schema:mpd:2011", profiles=_PROFILES)
    root.attrib |= {"minBufferTime": _duration(Fraction(shown.target)), "type": "static"}
    if shown.ended is Ended.GROWING:
        # All that is listed can be had, whatever the time.
        begun = {"type": "dynamic", "availabilityStartTime": "1970-01-01T00:00:00Z"}
        told = sum(len(variant.video.segments) for variant in shown.variants)
        begun["publishTime"] = f"{datetime.fromtimestamp(told, UTC):%Y-%m-%dT%H:%M:%SZ}"  # later each time
        root.attrib |= begun | {"minimumUpdatePeriod": f"PT{_AGAIN}S"}
    else:
        root.set("mediaPresentationDuration", _duration(shown.seconds))
    if shown.ended is Ended.BROKEN_OFF:
        root.append(Tree.Comment(" The job that made this failed: what follows the last segment is missing. "))
    period = Tree.SubElement(root, "Period", id="0", start="PT0S")
    for same in _grouped(shown.variants, lambda variant: _family(variant.video.facts)):
        _pictures(period, same, shown)
    for streams in _grouped(shown.sound, lambda stream: _track(stream.facts)):
        _sound(period, streams, shown)
    for stream in shown.text:
        _text(period, stream)
    for number, found in enumerate(period):
        found.set("id", str(number))
    Tree.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + Tree.tostring(root, "unicode") + "\n"


def _family(facts: StreamFacts) -> tuple[str, str]:
    """Players change between pictures of one codec only."""
    return facts.codecs.partition(".")[0], facts.range


def _track(facts: StreamFacts) -> tuple[str, ...]:
    """The same words in another quality are no other track."""
    return facts.name.partition("-")[0], facts.codecs, str(facts.channels)


def _pictures(period: Tree.Element, variants: Sequence[Variant], shown: Presentation) -> None:
    same = Tree.SubElement(period, "AdaptationSet", contentType="video", mimeType="video/mp4")
    same.attrib |= {"segmentAlignment": "true", "startWithSAP": "1"}
    transfer = _TRANSFERS.get(variants[0].video.facts.range)
    if transfer:
        Tree.SubElement(same, "EssentialProperty", schemeIdUri=_TRANSFER, value=transfer)
    for variant in variants:
        facts = variant.video.facts
        one = Tree.SubElement(same, "Representation", id=facts.name, bandwidth=str(shown.peak(variant)))
        one.attrib |= {"codecs": facts.codecs, "width": str(facts.width), "height": str(facts.height)}
        one.attrib |= {"frameRate": _ratio(facts.rate, "/"), "sar": _ratio(facts.aspect, ":")}
        _template(one, variant.video)


def _sound(period: Tree.Element, streams: Sequence[Listed], shown: Presentation) -> None:
    first = streams[0].facts
    same = Tree.SubElement(period, "AdaptationSet", contentType="audio", mimeType="audio/mp4")
    same.attrib |= {"segmentAlignment": "true", "startWithSAP": "1"} | _language(first)
    Tree.SubElement(same, "Role", schemeIdUri="urn:mpeg:dash:role:2011", value=_role(first, shown))
    for stream in streams:
        facts, bits = stream.facts, bit_rates.peak(stream, shown.target)
        one = Tree.SubElement(same, "Representation", id=facts.name, bandwidth=str(bits), codecs=facts.codecs)
        one.set("audioSamplingRate", str(facts.sample_rate))
        Tree.SubElement(one, "AudioChannelConfiguration", schemeIdUri=_CHANNELS, value=str(facts.channels))
        _template(one, stream)


def _role(facts: StreamFacts, shown: Presentation) -> str:
    chosen = next((s.facts for s in shown.sound if s.facts.default), shown.sound[0].facts)
    return "main" if _track(facts)[0] == _track(chosen)[0] else "alternate"


def _text(period: Tree.Element, stream: Listed) -> None:
    facts = stream.facts
    same = Tree.SubElement(period, "AdaptationSet", contentType="text", mimeType="application/mp4")
    same.attrib |= _language(facts)
    role = "forced-subtitle" if facts.forced else "subtitle"
    Tree.SubElement(same, "Role", schemeIdUri="urn:mpeg:dash:role:2011", value=role)
    bits = str(max(1, bit_rates.average(stream)))
    one = Tree.SubElement(same, "Representation", id=facts.name, bandwidth=bits, codecs=facts.codecs)
    _template(one, stream)


def _template(one: Tree.Element, stream: Listed) -> None:
    folder = stream.facts.folder
    names = {"initialization": f"{folder}/init.mp4", "media": f"{folder}/$Number%05d$.m4s", "startNumber": "0"}
    template = Tree.SubElement(one, "SegmentTemplate", names, timescale=str(stream.facts.timescale))
    line = Tree.SubElement(template, "SegmentTimeline")
    at = -1
    for start, duration, times in _repeated(stream.segments):
        row = Tree.SubElement(line, "S")
        if start != at:
            row.set("t", str(start))
        row.set("d", str(duration))
        if times > 1:
            row.set("r", str(times - 1))
        at = start + duration * times


def _repeated(segments: Iterable[Segment]) -> Iterator[tuple[int, int, int]]:
    """Runs of segments of the same length, one right after another: start, duration, number."""
    run: tuple[int, int, int] | None = None
    for segment in segments:
        if run and (segment.start, segment.duration) == (run[0] + run[1] * run[2], run[1]):
            run = run[0], run[1], run[2] + 1
            continue
        if run:
            yield run
        run = segment.start, segment.duration, 1
    if run:
        yield run


def _grouped(items: Sequence[T], key: Callable[[T], tuple[str, ...]]) -> Iterator[list[T]]:
    """In the order of the first of each."""
    order = {name: number for number, name in reversed(list(enumerate(map(key, items))))}
    ranked = sorted(items, key=lambda item: order[key(item)])
    yield from (list(group) for _, group in itertools.groupby(ranked, key))


def _language(facts: StreamFacts) -> dict[str, str]:
    return {"lang": language(facts)} if language(facts) else {}


def _ratio(value: Fraction, mark: str) -> str:
    return f"{value.numerator}{mark}{value.denominator}" if value.denominator > 1 or mark == ":" else str(value)


def _duration(seconds: Fraction) -> str:
    micros = round(seconds * 10**6)
    return f"PT{micros // 10**6}.{micros % 10**6:06d}S"
