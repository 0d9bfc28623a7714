"""From what a source is and what a profile wants to what a worker shall do: pure functions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from fallow import catalogue
from fallow.errors import BadProfile
from fallow.media.frames import FrameIndex
from fallow.media.retime import slots
from fallow.model import AudioTrack, Chunk, Source, TextTrack, VideoTrack
from fallow.pipeline.geometry import output_size
from fallow.profiles import Audio, Profile, check_level, refuse
from fallow.recipe import LEAD, AudioRecipe, Encoder, Recipe, Retime, TextRecipe, VideoRecipe

GUARD = 12
"""Frames encoded past the end of a chunk and dropped, so that its last frames are not starved of bits."""

CONTEXT = 1
"""Frames on each side that a deinterlacer looks at."""

_UNSTEADY = ("theora",)
"""Codecs whose decoder gives other pictures now and then when it runs in several threads."""

_COMMON_RATES = [Fraction(n) for n in (24, 25, 30, 48, 50, 60, 100, 120)]
_COMMON_RATES += [Fraction(n * 1000, 1001) for n in (24, 30, 48, 60, 120)]
_SLACK = Fraction(1, 1000)  # by this part of itself a measured rate may miss what it means


@dataclass(frozen=True)
class Timeline:
    """The frames of a rendition: when each is shown, and which source frames they come from."""

    times: Sequence[int]  # ticks after the source's start
    time_base: Fraction
    end: int  # where the last frame ends
    rate: Fraction  # frames per second, on average
    places: Sequence[int] | None = None  # the slot of each source frame; None: every frame is one frame


def timeline(index: FrameIndex, profile: Profile, source: Source) -> Timeline:
    """Computed once for a rendition; everything below takes it."""
    rate = new_rate(index, profile, source)
    if rate is None:
        times = index.times()
        average = _meant(source.video.average_rate) or Fraction(25)
        return Timeline(times, index.time_base, times[-1] + index.last_duration, average)
    places, end = slots(index, rate)
    end = max(end, places[0] + 1)
    return Timeline(range(places[0], end), 1 / rate, end, rate, places)


def new_rate(index: FrameIndex, profile: Profile, source: Source) -> Fraction | None:
    """The frame rate that the profile changes the source's to; None when every frame is kept."""
    if profile.fps is not None:
        return profile.fps
    average = _meant(source.video.average_rate)
    if profile.max_fps is None or average <= profile.max_fps * (1 + _SLACK):
        return None
    if index.smallest_gap * index.time_base * average < Fraction(9, 10):
        return profile.max_fps
    # Of an even rate every n-th frame is kept: 50 becomes 25, not a stuttering 30.
    return average / -(-average // (profile.max_fps * (1 + _SLACK)))


def chunk_range(line: Timeline, chunk: Chunk) -> tuple[int, int]:
    """The chunk's frames as a half-open range of `line.times`; `check_chunks` keeps it from being empty."""
    if line.places is None:
        return chunk.lo, chunk.hi
    first = line.times[0]
    hi = line.places[chunk.hi] if chunk.hi < len(line.places) else line.end
    return line.places[chunk.lo] - first, hi - first


def context_frames(source: Source, profiles: Sequence[Profile]) -> int:
    """How many frames around each chunk these renditions need for more than decoding."""
    return CONTEXT if any(_deinterlaces(source.video, profile) for profile in profiles) else 0


def video_recipe(source: Source, index: FrameIndex, chunk: Chunk, profile: Profile, line: Timeline) -> VideoRecipe:
    """Encode one chunk of the source for one rendition."""
    window = _Window.of(index, chunk, context_frames(source, [profile]))
    retime, guard = _retime(window, line)
    begin, end = chunk_range(line, chunk)
    width, height, aspect, scaled = output_size(source.video, profile)
    return VideoRecipe(
        container=chunk.container,
        output=profile.video_codec.part,
        frames=end - begin,
        start=index.edge(window.lo),
        end=index.edge(window.last),
        guard=guard,
        context_start=index.edge(max(window.lo - window.context, 0)) if window.context else None,
        context_end=index.edge(min(window.last + window.context, len(index.pts))) if window.context else None,
        deinterlace=bool(window.context),
        rotation=source.video.rotation,
        mirrored=source.video.mirrored,
        width=width,
        height=height,
        scaled=scaled,
        sample_aspect=aspect,
        time_base=line.time_base,
        rate=line.rate,
        encoder=encoder(profile, line.rate),
        colour=source.video.colour,
        filters=profile.filters,
        retime=retime,
        mark=index.edge(window.marked),
        marked=window.marked - window.lo,
        one_decoder_thread=source.video.codec in _UNSTEADY,
    )


def whole_recipe(source: Source, index: FrameIndex, profile: Profile) -> VideoRecipe:
    """The same treatment for the whole source at once, as one FFmpeg process would do it."""
    everything = Chunk(
        job="", number=0, key="", container="", lo=0, hi=len(index.pts), guard=0, before=0, size=0, sha256=""
    )
    return video_recipe(source, index, everything, profile, timeline(index, profile, source))


def encoder(profile: Profile, rate: Fraction) -> Encoder:
    """The profile's encoder settings in the units of encoders, with every default filled in."""
    codec = profile.video_codec
    crf = profile.crf if profile.crf is not None or profile.bitrate_kbps else codec.crf
    maxrate = profile.maxrate_kbps or (profile.bitrate_kbps * 3 // 2 if profile.bitrate_kbps else None)
    bufsize = profile.bufsize_kbps or (2 * (profile.bitrate_kbps or maxrate) if maxrate else None)
    return Encoder(
        codec=profile.codec,
        pixel_format=profile.pixel_format,
        preset=profile.preset or codec.preset,
        keyframes=max(1, round(Fraction(profile.gop_seconds) * rate)),
        crf=crf,
        bitrate=_bits(profile.bitrate_kbps),
        maxrate=_bits(maxrate),
        bufsize=_bits(bufsize),
        profile=profile.profile,
        level=profile.level,
        tune=profile.tune,
        extra=profile.extra,
    )


def encoder_of(recipe: Recipe) -> str:
    """The encoder that whoever does this must have; "" where every FFmpeg will do."""
    if isinstance(recipe, VideoRecipe):
        return recipe.encoder.codec
    return recipe.codec if isinstance(recipe, AudioRecipe) and recipe.codec in catalogue.AUDIO else ""


def encoders(profile: Profile) -> set[str]:
    """Those that its renditions need."""
    return {profile.codec, *({profile.audio.codec} & catalogue.AUDIO.keys())}


def check_container(profile: Profile, container: str) -> None:
    """Raises BadProfile when the container cannot hold what the profile makes of any source."""
    if container not in {**catalogue.CONTAINERS, **catalogue.STREAMS}:
        known = ", ".join([*catalogue.CONTAINERS, *catalogue.STREAMS])
        raise BadProfile(f"There is no container {container!r}; choose {known}.")
    if _like(container) not in profile.video_codec.containers:
        fitting = " or ".join(profile.video_codec.containers)
        raise refuse(profile.name, "codec", profile.codec, f"does not fit into {container}; use {fitting}.")
    codec = catalogue.AUDIO.get(profile.audio.codec)
    if codec is not None:
        _check_stream(profile, codec.stream, container)


def _like(container: str) -> str:
    """The container of one file that holds the same."""
    return catalogue.STREAMS[container].like if container in catalogue.STREAMS else container


def check_fit(source: Source, index: FrameIndex, profile: Profile, container: str) -> None:
    """Raises BadProfile when this source cannot become this rendition, before any of it is encoded."""
    check_container(profile, container)
    width, height, _, _ = output_size(source.video, profile)
    check_level(profile, width, height, timeline(index, profile, source).rate)
    audio_recipes(source, profile, container)


def audio_recipes(source: Source, profile: Profile, container: str) -> list[tuple[int, str, AudioRecipe]]:
    """(track, name, recipe) of each audio track. Equal names are equal work, so renditions share the part.

    The recipes' `container` is that of most tracks; whoever shipped the track puts the real one in.
    """
    if profile.audio.codec == "none":
        return []
    return [(track.index, *_audio_recipe(track, profile, container, source.duration)) for track in source.audio]


def text_recipes(source: Source, container: str) -> list[tuple[int, str, TextRecipe]]:
    """(track, name, recipe) of each subtitle track that the container can hold; MPEG-TS holds no text."""
    if container == "mpegts":
        return []
    return [(track.index, *_text_recipe(track, container)) for track in source.text]


@dataclass(frozen=True)
class _Window:
    """Which source frames a worker shows, encodes and looks at."""

    lo: int
    hi: int
    last: int  # end of the frames that are encoded, guard included
    context: int

    @property
    def marked(self) -> int:
        """The frame by whose time a worker notices that one before it is missing."""
        return min(self.hi, self.last - 1)

    @classmethod
    def of(cls, index: FrameIndex, chunk: Chunk, context: int) -> _Window:
        available = chunk.hi + chunk.guard
        spare = 0 if available >= len(index.pts) else context
        guard = max(0, min(GUARD, chunk.guard - spare))
        return cls(chunk.lo, chunk.hi, chunk.hi + guard, context)


def _retime(window: _Window, line: Timeline) -> tuple[Retime | None, int]:
    """The change of rate within a window, and the guard in output frames."""
    if line.places is None:
        return None, window.last - window.hi
    places = tuple(line.places[window.lo : window.last])
    shown = line.places[window.hi] if window.hi < len(line.places) else line.end
    # The slot of the last frame can be filled only up to the next one, which is not there.
    guard = min(GUARD, max(0, places[-1] - shown)) if window.last > window.hi else 0
    return Retime(1 / line.time_base, places, places[0]), guard


def _meant(rate: Fraction) -> Fraction:
    """The common rate that a measured one means."""
    return next((common for common in _COMMON_RATES if abs(rate - common) < common * _SLACK / 4), rate)


def _deinterlaces(video: VideoTrack, profile: Profile) -> bool:
    return profile.deinterlace == "auto" and video.interlaced


def _bits(kbps: int | None) -> int | None:
    return None if kbps is None else kbps * 1000


def _audio_recipe(
    track: AudioTrack, profile: Profile, container: str, duration: Fraction
) -> tuple[str, AudioRecipe]:
    audio = profile.audio
    begin, end = track.begin + LEAD, track.end + LEAD
    if audio.codec == "copy":
        _check_stream(profile, track.codec, container)
        return f"a{track.index}-copy", AudioRecipe("nut", "nut", "copy", begin, end)
    codec = catalogue.AUDIO[audio.codec]
    _check_stream(profile, codec.stream, container)
    most = min(track.channels, audio.channels or track.channels)
    channels = max(n for n in codec.channels if n <= max(1, most))
    bitrate = _audio_kbps(audio, codec, channels)
    sample_rate = audio.sample_rate or _sample_rate(track.sample_rate, codec)
    described = [audio.codec, f"{bitrate}k" if bitrate else "lossless", f"{channels}ch", f"{sample_rate}hz"]
    filled = duration + LEAD if container in catalogue.STREAMS else None
    recipe = AudioRecipe("nut", "nut", audio.codec, begin, end, _bits(bitrate), channels, sample_rate, filled)
    return f"a{track.index}-" + "-".join(described), recipe


def _audio_kbps(audio: Audio, codec: catalogue.AudioCodec, channels: int) -> int | None:
    if codec.kbps_per_channel is None:
        return None
    wanted = audio.bitrate_kbps or codec.kbps_per_channel * channels
    wanted = min(wanted, catalogue.HIGHEST_KBPS_PER_CHANNEL * channels)
    return max((rate for rate in codec.bitrates if rate <= wanted), default=wanted)


def _sample_rate(source: int, codec: catalogue.AudioCodec) -> int:
    """The source's rate where the encoder takes it, else the lowest above it, else the highest there is."""
    if not codec.sample_rates or source in codec.sample_rates:
        return source
    family = [rate for rate in codec.sample_rates if source % rate == 0]
    above = [rate for rate in codec.sample_rates if rate > source]
    return min(above) if above else max(family or codec.sample_rates)


def _check_stream(profile: Profile, stream: str, container: str) -> None:
    allowed = catalogue.AUDIO_IN.get(container, catalogue.AUDIO_IN.get(_like(container)))
    if allowed is None or stream in allowed:
        return
    fitting = sorted(name for name, codec in catalogue.AUDIO.items() if codec.stream in allowed)
    value = profile.audio.codec if profile.audio.codec != "copy" else f"copy (of {stream})"
    remedy = f"does not fit into {container}; choose {', '.join(fitting)} or none, or the container matroska."
    raise refuse(profile.name, "audio.codec", value, remedy)


def _text_recipe(track: TextTrack, container: str) -> tuple[str, TextRecipe]:
    keep = container == "matroska" and track.codec in ("ass", "ssa")
    codec = "copy" if keep else "subrip"
    return f"s{track.index}-{codec}", TextRecipe("matroska", "matroska", codec)
