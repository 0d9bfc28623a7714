"""Profiles: named renditions, checked when they are made, so that an impossible one cannot exist.

Keys are documented in docs/reference/profiles.md; what encoders and filters can take is in catalogue.py.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from fractions import Fraction

from fallow import catalogue
from fallow.errors import BadProfile
from fallow.recipe import Filter

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}")
_WORD = re.compile(r"[A-Za-z0-9_.+-]+")
_WORDS = re.compile(r"[A-Za-z0-9_.+-]+(,[A-Za-z0-9_.+-]+)*")
_LARGEST = 16384  # pixels a side; more than any level of any codec here allows
SHORTEST_ABR_CHUNK = 10.0  # seconds; below, average bit rate starves the worst frames of every chunk
_FEWEST_FRAMES = 4  # a chunk shorter than this many output frames could come out empty


@dataclass(frozen=True)
class Audio:
    """How the audio tracks of a rendition are made."""

    codec: str = "aac"  # a key of catalogue.AUDIO, "copy" or "none"
    bitrate_kbps: int | None = None
    channels: int | None = None  # at most
    sample_rate: int | None = None  # Hz


@dataclass(frozen=True)
class Profile:
    """One wanted rendition, independent of any source."""

    name: str
    description: str = ""
    codec: str = "libx264"
    width: int | None = None  # with height: the box to fit inside, turned as the source is
    height: int | None = None
    upscale: bool = False
    crf: float | None = None
    bitrate_kbps: int | None = None
    maxrate_kbps: int | None = None
    bufsize_kbps: int | None = None  # in kbit, as encoders count it
    gop_seconds: float = 5.0
    preset: str = ""
    pixel_format: str = "yuv420p"
    profile: str = ""
    level: str = ""
    tune: str = ""
    fps: Fraction | None = None
    max_fps: Fraction | None = None
    deinterlace: str = "auto"
    filters: tuple[Filter, ...] = ()
    extra: tuple[tuple[str, str], ...] = ()
    audio: Audio = field(default_factory=Audio)

    def __post_init__(self) -> None:
        check(self)

    @property
    def video_codec(self) -> catalogue.VideoCodec:
        return catalogue.VIDEO[self.codec]


def check(profile: Profile) -> None:
    """Raises BadProfile with a sentence that names the key, its value and the remedy."""
    if not NAME.fullmatch(profile.name):
        raise about(
            "name",
            f"The profile name {profile.name!r} cannot be part of a file name; use up to 40 letters, digits, '.', "
            "'_' and '-', beginning with a letter or a digit.",
        )
    _among(profile, "codec", profile.codec, catalogue.VIDEO)
    _check_size(profile)
    _check_rate_control(profile)
    _check_codec_words(profile)
    _check_frames(profile)
    for wanted in profile.filters:
        _check_filter(profile, wanted)
    _check_extra(profile)
    _check_audio(profile)


def refuse(profile: str, key: str, value: object, remedy: str) -> BadProfile:
    """The error for one key of a profile."""
    shown = value if isinstance(value, (int, float, Fraction)) and not isinstance(value, bool) else repr(value)
    return about(key, f"Profile {profile}: {key} = {shown} {remedy}")


def about(key: str, told: str) -> BadProfile:
    """The error that these words are, about one key."""
    error = BadProfile(told)
    error.key = key
    return error


def nearest(word: str, known: Iterable[str]) -> str:
    """A hint that ends a sentence about an unknown word."""
    names = sorted(known)
    close = difflib.get_close_matches(word, names, 1, 0.5)
    return f"did you mean {close[0]}?" if close else f"known are {', '.join(names)}."


def _among(profile: Profile, key: str, value: str, known: Iterable[str]) -> None:
    names = list(known)
    if value not in names:
        raise refuse(profile.name, key, value, f"is not to be had here; choose one of {', '.join(names)}.")


def _within(profile: Profile, key: str, value: float | Fraction | None, low: float, high: float) -> None:
    if value is not None and not low <= value <= high:
        raise refuse(profile.name, key, value, f"is out of range; choose from {low:g} to {high:g}.")


def _check_size(profile: Profile) -> None:
    for key, value in (("width", profile.width), ("height", profile.height)):
        _within(profile, key, value, 16, _LARGEST)
    if profile.upscale and profile.width is None and profile.height is None:
        raise refuse(profile.name, "upscale", True, "needs a size to enlarge to; set width and height.")


def _check_rate_control(profile: Profile) -> None:
    _within(profile, "crf", profile.crf, 0, profile.video_codec.crf_highest)
    for key in ("bitrate_kbps", "maxrate_kbps", "bufsize_kbps"):
        _within(profile, key, getattr(profile, key), 1, 2_000_000)
    if profile.crf is not None and profile.bitrate_kbps is not None:
        raise refuse(
            profile.name,
            "bitrate_kbps",
            profile.bitrate_kbps,
            f"is set together with crf = {profile.crf:g}, but a video is made either to a quality or a bit rate; "
            "remove one of them (on the command line: --set crf=none or --set bitrate_kbps=none).",
        )
    if profile.bufsize_kbps is not None and profile.maxrate_kbps is None and profile.bitrate_kbps is None:
        raise refuse(
            profile.name, "bufsize_kbps", profile.bufsize_kbps, "means nothing without maxrate_kbps; set it too."
        )
    if profile.bitrate_kbps and profile.maxrate_kbps and profile.maxrate_kbps < profile.bitrate_kbps:
        remedy = f"is below bitrate_kbps = {profile.bitrate_kbps}; raise it to that or more."
        raise refuse(profile.name, "maxrate_kbps", profile.maxrate_kbps, remedy)


def _check_codec_words(profile: Profile) -> None:
    codec = profile.video_codec
    _among(profile, "pixel_format", profile.pixel_format, codec.pixel_formats)
    for key, value, known in (
        ("preset", profile.preset, codec.presets),
        ("profile", profile.profile, codec.profiles),
        ("tune", profile.tune, codec.tunes),
        ("level", profile.level, codec.levels),
    ):
        if value and not known:
            raise refuse(profile.name, key, value, f"is not understood by {profile.codec}; leave {key} out.")
        if value:
            _among(profile, key, value, known)
    if profile.profile and profile.pixel_format not in codec.profiles[profile.profile]:
        fitting = [name for name, formats in codec.profiles.items() if profile.pixel_format in formats]
        remedy = (
            f"cannot carry {profile.pixel_format}; choose {' or '.join(fitting) or 'no profile'}, or leave it out."
        )
        raise refuse(profile.name, "profile", profile.profile, remedy)
    if profile.codec == "libx264" and profile.crf == 0 and profile.profile not in ("", "high444"):
        remedy = "is lossless, which needs profile = 'high444'; set that, or a crf of 1 or more."
        raise refuse(profile.name, "crf", 0, remedy)


def _check_frames(profile: Profile) -> None:
    _within(profile, "gop_seconds", profile.gop_seconds, 0.1, 60)
    _within(profile, "fps", profile.fps, 1, 300)
    _within(profile, "max_fps", profile.max_fps, 1, 300)
    for key in ("fps", "max_fps"):
        rate = getattr(profile, key)
        if rate is not None and max(rate.numerator, rate.denominator) > 1_000_000:
            raise refuse(profile.name, key, rate, "is too fine a fraction; write it like 30000/1001.")
    if profile.fps is not None and profile.max_fps is not None:
        raise refuse(profile.name, "max_fps", profile.max_fps, "means nothing beside fps; remove one of them.")
    _among(profile, "deinterlace", profile.deinterlace, ("auto", "off"))


def _check_filter(profile: Profile, wanted: Filter) -> None:
    if wanted.name not in catalogue.FILTERS:
        reason = catalogue.REFUSED.get(wanted.name)
        remedy = (
            f"cannot be used: {reason}. Remove it."
            if reason
            else f"is no filter a profile may use; {nearest(wanted.name, catalogue.FILTERS)}"
        )
        raise refuse(profile.name, "filters", wanted.name, remedy)
    known = catalogue.FILTERS[wanted.name]
    for key, value in wanted.options:
        if key not in known:
            remedy = f"has no option {key!r} here; " + (nearest(key, known) if known else "it takes none.")
            raise refuse(profile.name, "filters", wanted.name, remedy)
        if not _WORD.fullmatch(value):
            remedy = f"has {key} = {value!r}; give a plain number or word."
            raise refuse(profile.name, "filters", wanted.name, remedy)


def _check_extra(profile: Profile) -> None:
    allowed = profile.video_codec.extra
    for key, value in profile.extra:
        if key not in allowed:
            remedy = f"is no parameter of {profile.codec} that a profile may set; {nearest(key, allowed)}"
            raise refuse(profile.name, f"extra.{key}", value, remedy)
        if not _WORDS.fullmatch(value):
            raise refuse(
                profile.name, f"extra.{key}", value, "must be plain numbers or words, with commas between."
            )


def _check_audio(profile: Profile) -> None:
    audio = profile.audio
    _among(profile, "audio.codec", audio.codec, [*catalogue.AUDIO, "copy", "none"])
    codec = catalogue.AUDIO.get(audio.codec)
    if codec is None:
        for key in ("bitrate_kbps", "channels", "sample_rate"):
            if getattr(audio, key) is not None:
                remedy = f"means nothing with codec = {audio.codec!r}; remove it."
                raise refuse(profile.name, f"audio.{key}", getattr(audio, key), remedy)
        return
    if codec.kbps_per_channel is None and audio.bitrate_kbps is not None:
        remedy = f"means nothing to the lossless {audio.codec}; remove it."
        raise refuse(profile.name, "audio.bitrate_kbps", audio.bitrate_kbps, remedy)
    _within(profile, "audio.bitrate_kbps", audio.bitrate_kbps, 8, 2048)
    _within(profile, "audio.channels", audio.channels, 1, max(codec.channels))
    _within(profile, "audio.sample_rate", audio.sample_rate, 8000, 192000)
    if audio.sample_rate is not None and codec.sample_rates and audio.sample_rate not in codec.sample_rates:
        remedy = f"is not to be had from {audio.codec}; choose one of {', '.join(map(str, codec.sample_rates))}."
        raise refuse(profile.name, "audio.sample_rate", audio.sample_rate, remedy)


def shortest_chunk(profile: Profile) -> float:
    """Seconds that its chunks must have, to be encoded well and not come out empty."""
    rate = profile.fps or profile.max_fps
    fewest = float(_FEWEST_FRAMES / rate) if rate is not None else 0.0
    return max(fewest, SHORTEST_ABR_CHUNK if profile.bitrate_kbps is not None else 0.0)


def check_chunks(profile: Profile, chunk_seconds: float) -> None:
    """Raises BadProfile when chunks of this length cannot be encoded well, or would come out empty."""
    if profile.bitrate_kbps is not None and chunk_seconds < SHORTEST_ABR_CHUNK:
        remedy = (
            f"is an average bit rate, which spoils chunks of {chunk_seconds:g} s; use chunks of "
            f"{SHORTEST_ABR_CHUNK:g} s or more, or crf with maxrate_kbps instead."
        )
        raise refuse(profile.name, "bitrate_kbps", profile.bitrate_kbps, remedy)
    rate = profile.fps or profile.max_fps
    if rate is not None and rate * Fraction(chunk_seconds) < _FEWEST_FRAMES:
        key = "fps" if profile.fps else "max_fps"
        least = float(_FEWEST_FRAMES / rate)
        remedy = f"leaves too few frames in chunks of {chunk_seconds:g} s; use chunks of {least:g} s or more."
        raise refuse(profile.name, key, rate, remedy)


def check_level(profile: Profile, width: int, height: int, rate: Fraction) -> None:
    """Raises BadProfile when the level asked for does not allow this picture size, frame rate or bit rate."""
    if not profile.level:
        return
    codec = profile.video_codec
    level = codec.levels[profile.level]
    blocks = -(-width // codec.block) * -(-height // codec.block)
    fits = blocks <= level.picture and blocks * rate <= level.second
    if fits and (profile.maxrate_kbps or profile.bitrate_kbps or 0) <= level.kbps * _bit_rate_factor(profile):
        return
    lowest = next((n for n, v in codec.levels.items() if blocks <= v.picture and blocks * rate <= v.second), "")
    remedy = (
        f"does not allow {width}x{height} at {float(rate):.5g} frames a second and this bit rate; leave level out "
        "so that the encoder chooses"
    )
    raise refuse(
        profile.name, "level", profile.level, f"{remedy}{f', or set {lowest} or higher' if lowest else ''}."
    )


def _bit_rate_factor(profile: Profile) -> float:
    if profile.codec != "libx264":
        return 1.0
    return {"high": 1.25, "high10": 3.0, "high422": 4.0, "high444": 4.0}.get(profile.profile, 1.0)
