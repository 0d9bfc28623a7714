"""Find out what a source is, and index its video: everything the split, the recipes and the join rest on."""

from __future__ import annotations

import enum
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

from av.audio.stream import AudioStream
from av.container import InputContainer
from av.stream import Disposition, Stream
from av.video.stream import VideoStream

from fallow.errors import BadInput, DamagedSource
from fallow.media.cutoff import missing_bytes
from fallow.media.decode import numbered_frames
from fallow.media.first_frames import Opening, decode_opening
from fallow.media.frames import FrameIndex
from fallow.media.late_streams import late_streams
from fallow.media.packets import best_video
from fallow.media.reader import RangedReader, open_input
from fallow.media.scan import Scan, audio_streams, text_streams
from fallow.media.sound import settles
from fallow.media.try_carrying import needs_decoding
from fallow.model import AudioTrack, Chapter, Source, TextTrack, VideoTrack

_COARSE = Fraction(1, 1000)  # seconds by which a container's clock may miss its own start
_WORTH_MISSING = Fraction(1, 2)  # seconds; sound may outlast the pictures by less
_UNDECLARED = ("mpegts", "mpeg")  # formats that do not say how long they are


class Damage(enum.Enum):
    """What to do with a source that has lost frames."""

    REFUSE = "refuse"
    ACCEPT = "accept"


def probe(reader: RangedReader, damage: Damage = Damage.REFUSE) -> tuple[Source, FrameIndex]:
    """What a source is, and the index of its video. Raises BadInput, DamagedSource, TransferFailed."""
    opening = decode_opening(reader)
    with open_input(reader) as container:
        video = best_video(container, reader.name)
        start = start_of(container, video, opening)
        scan = Scan.of(reader, container, video, start)
        index = _index(reader, scan, start, opening, video)
        loss = _loss(reader, container, video, scan)
        if loss and damage is Damage.REFUSE:
            raise DamagedSource(loss)
        if not index.pts:
            raise BadInput(f"{reader.name} has no frame that can be shown: check that the file is complete.")
        return _source(reader, container, video, scan, index, opening, start, loss), index


def start_of(container: InputContainer, video: VideoStream, opening: Opening) -> Fraction:
    """The instant that becomes 0: the container's start as FFmpeg sees it, but never after the first picture, which
    no player would show then."""
    first = (opening.pts or 0) * (video.time_base or Fraction(0))
    if container.start_time is None:
        return first
    stated = Fraction(container.start_time, 1_000_000)
    return first if opening.pts is not None and first < stated - _COARSE else stated


def _index(reader: RangedReader, scan: Scan, start: Fraction, opening: Opening, video: VideoStream) -> FrameIndex:
    table = scan.table
    if opening.fields or table.changed or table.interrupted or needs_decoding(reader, video):
        return table.decoded_index(start, [row for row, _ in numbered_frames(reader)])
    if table.doubtful:
        scan.lost = table.arrange([(row, frame.dts) for row, frame in numbered_frames(reader)], start)
    return table.index(start, opening.rows)


def _loss(reader: RangedReader, container: InputContainer, video: VideoStream, scan: Scan) -> str:
    """A sentence about what is missing of the source, "" when nothing is."""
    remedy = "Upload it again, or encode what can be decoded with --accept-damaged."
    if scan.lost:
        return f"{scan.lost} frames of {reader.name} cannot be decoded. {remedy}"
    missing, lost = missing_bytes(reader, container.format.name), _Lost.of(container, video, scan)
    if missing or scan.damage:
        what = f"its last {missing} bytes" if missing else f"frames that cannot be read ({scan.damage})"
        what = str(lost) if lost.frames else what
        return (
            f"{reader.name} is cut off: {what} are missing after the {scan.table.rows} that can be read. {remedy}"
        )
    what = _damage(scan)
    if not what and scan.unread is not None and lost.frames > _WORTH_MISSING * (video.average_rate or 0):
        what = f"from byte {scan.unread} on it cannot be read"
    if what and lost.frames and container.format.name not in _UNDECLARED:
        return f"{reader.name} is damaged: {what}; {lost} are missing. {remedy}"
    return ""


def _damage(scan: Scan) -> str:
    """What is damaged in the midst of the source, "" when nothing is."""
    unread, broken = scan.unread, scan.table.broken
    if unread is not None and unread < scan.last:
        return f"what stands at byte {unread} cannot be read"
    if not broken:
        return ""
    others = f", nor are {len(broken) - 1} others" if broken[1:] else ""
    return f"picture {broken[0]} is not whole{others}"


@dataclass(frozen=True)
class _Lost:
    """What the container's header promises beyond the frames found."""

    frames: int
    counted: bool  # by the header, too

    @classmethod
    def of(cls, container: InputContainer, video: VideoStream, scan: Scan) -> _Lost:
        if video.frames > scan.table.rows:
            return cls(video.frames - scan.table.rows, True)
        stated = Fraction(container.duration or 0, 1_000_000) * (video.average_rate or 0)
        return cls(round(stated) - scan.table.rows if stated > scan.table.rows + 1 else 0, False)

    def __str__(self) -> str:
        return f"{self.frames} frames" if self.counted else f"about {self.frames} frames"


def _source(
    reader: RangedReader,
    container: InputContainer,
    video: VideoStream,
    scan: Scan,
    index: FrameIndex,
    opening: Opening,
    start: Fraction,
    loss: str,
) -> Source:
    audio, text = audio_streams(container), text_streams(container)
    warnings = [*([loss] if loss else []), *_warnings(scan, loss)]
    if opening.turn.odd:
        warnings.append(f"It is to be turned by another {opening.turn.odd} degrees; only quarter turns are made.")
    warnings += [*_left_out(container, video, audio, text), *late_streams(reader, container)]
    return Source(
        container=container.format.name,
        size=reader.size,
        start=start,
        duration=index.duration,
        video=video_track(video, index, opening),
        audio=tuple(
            audio_track(i, s, edges.seconds(s), steady=edges.steady and settles(s))
            for i, s in audio.items()
            if (edges := scan.edges[s.index]).packets
        ),
        text=tuple(text_track(i, s) for i, s in text.items() if scan.events.get(s.index)),
        warnings=tuple(warnings),
        title=container.metadata.get("title", "").strip(),
        chapters=tuple(_chapters(container, start)),
    )


def _warnings(scan: Scan, loss: str) -> Iterator[str]:
    """Sentences about what looks odd and is encoded as it is."""
    splices = scan.table.splices
    if splices:
        yield f"Soon after picture {splices[0]} another recording seems to begin; if none does, some are missing."
    elif scan.spoilt:
        yield f"{scan.spoilt} packets of its sound are damaged, and may be heard to be."
    if loss:
        return
    if what := _damage(scan):
        yield f"It is damaged, {what}; what can be decoded is encoded, so some of it may be missing or look spoilt."
    elif scan.unread is not None:
        yield f"What stands from byte {scan.unread} on, after the last picture, cannot be read and is left out."


def _chapters(container: InputContainer, start: Fraction) -> Iterator[Chapter]:
    """The container's chapters as far as they come after the start."""
    for chapter in container.chapters():
        base = chapter["time_base"] or Fraction(1)
        begin, end = chapter["start"] * base - start, chapter["end"] * base - start
        begin = max(begin, Fraction(0))
        if begin < end:
            yield Chapter(begin, end, chapter["metadata"].get("title", ""))


def video_track(video: VideoStream, index: FrameIndex, opening: Opening) -> VideoTrack:
    """The facts of the video stream."""
    return VideoTrack(
        codec=video.codec_context.codec.canonical_name,
        width=opening.width,
        height=opening.height,
        sample_aspect=opening.sample_aspect,
        rotation=opening.turn.rotation,
        pixel_format=opening.pixel_format,
        bit_depth=opening.bit_depth,
        time_base=index.time_base,
        average_rate=_average_rate(video, index),
        frames=len(index.pts),
        interlaced=opening.interlaced,
        colour=opening.colour,
        mirrored=opening.turn.mirrored,
        index=video.container.streams.video.index(video),
    )


def _average_rate(video: VideoStream, index: FrameIndex) -> Fraction:
    """Frames per second: the container's word where the frames bear it out."""
    span = (index.pts[-1] - index.pts[0] + index.last_duration) * index.time_base
    counted = len(index.pts) / span
    for stated in (video.average_rate, video.guessed_rate):
        if stated and abs(stated / counted - 1) < Fraction(1, 100):
            return Fraction(stated)
    return counted.limit_denominator(1001)


def audio_track(place: int, stream: AudioStream, heard: tuple[Fraction, Fraction], *, steady: bool) -> AudioTrack:
    """The facts of an audio stream that is heard between two times."""
    context = stream.codec_context
    return AudioTrack(
        index=place,
        codec=context.codec.canonical_name,
        channels=context.channels,
        sample_rate=context.sample_rate,
        begin=heard[0],
        end=heard[1],
        language=_language(stream),
        title=stream.metadata.get("title", ""),
        default=bool(Disposition.default & stream.disposition),
        steady=steady,
    )


def text_track(place: int, stream: Stream) -> TextTrack:
    return TextTrack(
        index=place,
        codec=stream.codec_context.codec.canonical_name,
        language=_language(stream),
        title=stream.metadata.get("title", ""),
        default=bool(Disposition.default & stream.disposition),
        forced=bool(Disposition.forced & stream.disposition),
    )


def _language(stream: Stream) -> str:
    language = stream.metadata.get("language", "")
    return "" if language == "und" else language


def _left_out(
    container: InputContainer, video: VideoStream, audio: dict[int, AudioStream], text: dict[int, Stream]
) -> list[str]:
    """Sentences about streams that no rendition will have."""
    kept = {video.index, *(s.index for s in audio.values()), *(s.index for s in text.values())}
    reasons = {
        "video": "only one video stream is encoded",
        "audio": "no decoder knows its codec",
        "subtitle": "subtitles that are pictures cannot be converted to text",
    }
    return [
        f"The {s.type} stream {s.index} ({s.name or 'unknown codec'}) is left out: {reasons[s.type]}."
        for s in container.streams
        if s.index not in kept and s.type in reasons and not Disposition.attached_pic & s.disposition
    ]
