"""What a worker is asked to do, as typed values: FFmpeg arguments are built where they run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from fallow.model import Colour


@dataclass(frozen=True)
class Encoder:
    """How a video stream is compressed; names and units as in a profile, numbers resolved for one source."""

    codec: str  # FFmpeg's encoder name: libx264, libx265, libsvtav1, libvpx-vp9
    pixel_format: str
    preset: str
    keyframes: int  # longest distance between key frames, in frames
    crf: float | None = None
    bitrate: int | None = None  # bit/s; with crf None this is average bit rate
    maxrate: int | None = None  # bit/s
    bufsize: int | None = None  # bits
    profile: str = ""
    level: str = ""  # "" lets the encoder take the lowest that fits
    tune: str = ""
    extra: tuple[tuple[str, str], ...] = ()  # the encoder's own parameters (x264-params and the like)


@dataclass(frozen=True)
class Filter:
    """One FFmpeg filter that looks at a single frame, from catalogue.FILTERS; applied before scaling, in order."""

    name: str
    options: tuple[tuple[str, str], ...] = ()  # checked words and numbers: nothing here needs escaping


@dataclass(frozen=True)
class Retime:
    """A change of frame rate that gives the frames one FFmpeg process would give.

    Source frame `lo + i` of the chunk is shown at output slot `slots[i]` (non-decreasing; of several frames in
    one slot the last wins; a slot without a frame repeats the one before). The part holds output slots
    [first, first + frames).
    """

    rate: Fraction  # output frames per second
    slots: tuple[int, ...]  # for the frames [lo, hi + guard) of the chunk
    first: int


@dataclass(frozen=True)
class Against:
    """What is compared with a chunk's pictures, instead of encoding them: the same stretch of a result."""

    container: str  # FFmpeg's demuxer name
    bytes: int  # so many of the object come first; the chunk follows
    frames: int  # that it has
    before: int  # pictures of the chunk before its first one: only so that motion is known
    after: int  # and after its last one


@dataclass(frozen=True)
class VideoRecipe:
    """Encode the display frames of one chunk. Times are seconds of chunk time (see model.Chunk)."""

    container: str  # of the chunk: FFmpeg's demuxer name
    output: str  # of the part: mpegts (H.264, HEVC) or matroska (AV1, VP9)
    frames: int  # the part holds exactly these many
    start: Fraction  # the edge before the first frame to show (see media.frames.FrameIndex.edge)
    end: Fraction | None  # the edge after the last one to encode, guard included; None: the chunk's end
    guard: int  # output frames encoded after the last and dropped, so that the encoder sees a future
    context_start: Fraction | None  # wider range for temporal filters; None: as start
    context_end: Fraction | None
    deinterlace: bool
    rotation: int  # degrees clockwise to turn the picture upright
    width: int  # of the output, after rotation
    height: int
    scaled: bool  # whether width and height differ from the (rotated) source
    sample_aspect: Fraction
    time_base: Fraction  # seconds per tick of the encoder
    rate: Fraction  # average frame rate of the output, for level and rate control
    encoder: Encoder
    colour: Colour
    filters: tuple[Filter, ...] = ()
    retime: Retime | None = None
    # The first frame at or after `mark` seconds must be number `marked` of the chunk. Without this check a guard
    # frame would take the place of one that could not be decoded, and nobody would notice. Always the edge before
    # frame min(hi, frames of the source - 1), and that frame's number minus lo; needed with guard and with retime.
    mark: Fraction | None = None
    marked: int = 0
    accept_damaged: bool = False  # deliver what can be decoded instead of refusing a short part
    mirrored: bool = False  # swap left and right before turning
    keys: tuple[int, ...] = ()  # frames of the part that must be key frames besides the first: segments begin there
    one_decoder_thread: bool = False  # with several, this source does not decode to the same pictures every time
    against: Against | None = None  # measure, and encode nothing: the part is a table of scores, one for each frame


@dataclass(frozen=True)
class Section:
    """A stretch of a track that is encoded by itself, with frames around it whose packets are dropped: joined, all
    sections have as many packets, at the same times, as one encode of the whole track."""

    origin: int  # samples of track time at which the encoder begins
    before: int  # packets to be dropped then
    packets: int | None  # to be kept after them; None: all that come, as this is the last section


@dataclass(frozen=True)
class AudioRecipe:
    """Encode one audio track, or a section of it. Track time is source time minus the source's start, plus 10 s."""

    container: str
    output: str
    codec: str  # FFmpeg's encoder name, or "copy"
    begin: Fraction  # seconds of track time: samples outside [begin, end) are encoder padding
    end: Fraction | None
    bitrate: int | None = None  # bit/s
    channels: int | None = None  # None keeps the source's
    sample_rate: int | None = None
    # Seconds of track time up to which the sound lasts, from the source's start on: silence where there is none.
    filled: Fraction | None = None
    section: Section | None = None  # None: the whole track


@dataclass(frozen=True)
class TextRecipe:
    """Convert one whole subtitle track. Track time as in AudioRecipe."""

    container: str
    output: str
    codec: str  # mov_text, subrip, webvtt, ass, or "copy"


Recipe = VideoRecipe | AudioRecipe | TextRecipe

LEAD = Fraction(10)
"""Seconds added to every chunk and track time: never negative, and far from MPEG-TS's 33-bit wrap."""


@dataclass(frozen=True)
class Trial:
    """A few made-up pictures to encode: it tells how fast a worker is that has done nothing yet."""

    encoder: Encoder
    width: int
    height: int
    frames: int

    @property
    def megapixels(self) -> float:
        return self.frames * self.width * self.height / 1e6

    @property
    def speed_class(self) -> str:
        return speed_class(self.encoder.codec, self.encoder.preset, self.width, self.height)


_HEIGHTS = (240, 360, 480, 720, 1080, 1440, 2160, 4320)


def speed_class(codec: str, preset: str, width: int, height: int) -> str:
    """What is encoded at about the same number of pixels a second, by the same worker."""
    lines = min(width, height)
    return f"{codec} {preset} {next((most for most in _HEIGHTS if lines <= most), _HEIGHTS[-1])}p"


def speed_of(speeds: Mapping[str, float], codec: str, of_class: str) -> float:
    """Megapixels a second, by what is known of a class, or else of its encoder; 0: nothing is."""
    for name in (of_class, codec):
        speed = speeds.get(name)
        if isinstance(speed, (int, float)) and speed > 0:
            return float(speed)
    return 0.0
