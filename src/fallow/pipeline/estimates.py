"""What a job will come to: bytes and seconds, by what this platform has measured, or by rules of thumb."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from fallow import catalogue
from fallow.errors import BadProfile
from fallow.fleet import Making, Ordered
from fallow.messages import from_wire
from fallow.model import VideoTrack
from fallow.pipeline.context import Context
from fallow.pipeline.geometry import output_size
from fallow.pipeline.job_options import Options
from fallow.pipeline.spent import rate
from fallow.pipeline.workforce import Condition, Member, members
from fallow.profiles import Audio, Profile

HISTORY = 20_000  # attempts that are looked at
ENOUGH_FRAMES = 200  # of measurements that are to be trusted
BITS_PER_PIXEL = {"libx264": 0.085, "libx265": 0.06, "libsvtav1": 0.05, "libvpx-vp9": 0.06}
"""What common pictures of 1280x720 at 25 a second take, at the encoder's own crf."""
_PIXELS, _RATE = 1280 * 720, 25
_COPIED_KBPS, _LOSSLESS_KBPS = 128, 700  # of sound
_OVERHEAD = 1.01  # of the container


@dataclass(frozen=True)
class Clip:
    """A source that is not there yet."""

    seconds: float
    width: int
    height: int
    fps: float


@dataclass(frozen=True)
class Estimate:
    """What one rendition will come to."""

    name: str
    bytes: int
    seconds: float | None  # with the workers that are there now; None: nobody knows
    measured: bool  # the size is told by what was made here before


@dataclass(frozen=True)
class Known:
    """What one worker has made for one rendition."""

    worker: str
    profile: Profile
    pixels: float
    bits: float
    expected_bits: float  # by the rule of thumb
    frames: int
    seconds: float  # that it took

    @property
    def settings(self) -> Profile:
        return settings(self.profile)


def settings(profile: Profile) -> Profile:
    """All of a profile that tells what comes out, and how quickly."""
    return replace(profile, name="any", description="", audio=Audio())


async def history(ctx: Context) -> list[Known]:
    """What was made of late."""
    makings = await ctx.ledger.makings(HISTORY)
    ordered = await ctx.ledger.ordered({one.job for one in makings})
    by_name = {(one.job, one.rendition): one for one in ordered}
    found = (_known(one, by_name.get((one.job, one.rendition))) for one in makings)
    return [one for one in found if one is not None]


async def estimate(ctx: Context, profiles: Sequence[Profile], clip: Clip, known: Sequence[Known]) -> list[Estimate]:
    """Of each profile as if it were made alone."""
    crew = [one for one in await members(ctx) if one.condition in (Condition.WORKING, Condition.IDLE)]
    return [_estimate(profile, clip, known, crew) for profile in profiles]


def _estimate(profile: Profile, clip: Clip, known: Sequence[Known], crew: Sequence[Member]) -> Estimate:
    pixels, rate = _picture(profile, clip)
    same = _nearest(known, profile)
    bits = _video_bits(profile, pixels, rate, clip.seconds, same)
    total = (bits + 1000 * _sound_kbps(profile.audio) * clip.seconds) / 8 * _OVERHEAD
    speed = _speed(_like(known, profile), crew, clip.seconds)
    seconds = pixels * rate * clip.seconds / speed if speed else None
    return Estimate(profile.name, math.ceil(total), seconds, bool(same))


def _picture(profile: Profile, clip: Clip) -> tuple[int, float]:
    """Pixels of a picture, and pictures in a second."""
    rate = float(profile.fps or min(clip.fps, profile.max_fps or clip.fps))
    shape = VideoTrack(
        codec="",
        width=clip.width,
        height=clip.height,
        sample_aspect=Fraction(1),
        rotation=0,
        pixel_format=profile.pixel_format,
        bit_depth=8,
        time_base=Fraction(1, 1000),
        average_rate=Fraction(clip.fps),
        frames=0,
        interlaced=False,
    )
    width, height, _, _ = output_size(shape, profile)
    return width * height, rate


def rule_of_thumb(profile: Profile, pixels: float, rate: float, seconds: float) -> float:
    """Bits of the pictures: larger ones and quicker ones take less for each pixel, and a cap is a cap."""
    if profile.bitrate_kbps:
        return 1000 * profile.bitrate_kbps * seconds
    codec = catalogue.VIDEO[profile.codec]
    crf = codec.crf if profile.crf is None else profile.crf
    halves = (crf - codec.crf) / (codec.crf_highest / 8.5)
    bits = (
        BITS_PER_PIXEL.get(profile.codec, 0.08) * 2**-halves * (pixels / _PIXELS) ** -0.25 * (rate / _RATE) ** -0.4
    )
    return _capped(profile, bits * pixels * rate * seconds, seconds)


def _capped(profile: Profile, bits: float, seconds: float) -> float:
    return min(bits, 1000 * profile.maxrate_kbps * seconds) if profile.maxrate_kbps else bits


def _video_bits(profile: Profile, pixels: int, rate: float, seconds: float, same: Sequence[Known]) -> float:
    expected = rule_of_thumb(profile, pixels, rate, seconds)
    if not same or profile.bitrate_kbps:
        return expected
    ratio = sum(one.bits for one in same) / max(1.0, sum(one.expected_bits for one in same))
    return _capped(profile, expected * ratio, seconds)


def _nearest(known: Sequence[Known], profile: Profile) -> list[Known]:
    """What tells of the size: renditions of the same settings, else of the same encoder."""
    return _first_enough(
        known,
        lambda one: one.settings == settings(profile),
        lambda one: one.profile.codec == profile.codec,
    )


def _like(known: Sequence[Known], profile: Profile) -> list[Known]:
    """What tells of the speed: renditions of the same settings, else of the same encoder and preset."""
    preset = profile.preset or profile.video_codec.preset
    return _first_enough(
        known,
        lambda one: one.settings == settings(profile),
        lambda one: (
            one.profile.codec == profile.codec and (one.profile.preset or one.profile.video_codec.preset) == preset
        ),
    )


def _first_enough(known: Sequence[Known], *fit: Callable[[Known], bool]) -> list[Known]:
    """What fits first, if that is not too little; else nothing."""
    for fits in fit:
        found = [one for one in known if fits(one)]
        if sum(one.frames for one in found) >= ENOUGH_FRAMES:
            return found
    return []


def _speed(known: Sequence[Known], crew: Sequence[Member], seconds: float) -> float:
    """Pixels per second of all who can work at once: there are only so many chunks."""
    pixels: dict[str, float] = {}
    walls: dict[str, float] = {}
    for one in known:
        pixels[one.worker] = pixels.get(one.worker, 0.0) + one.pixels
        walls[one.worker] = walls.get(one.worker, 0.0) + one.seconds
    if not sum(walls.values()):
        return 0.0
    usual = sum(pixels.values()) / sum(walls.values())
    paces = {worker: pixels[worker] / walls[worker] for worker in pixels if walls[worker] > 0}
    slots = [paces.get(one.worker.id, usual) for one in crew for _ in range(_slots(one))]
    chunks = max(1, math.ceil(seconds / Options.chunk_seconds))
    return sum(sorted(slots, reverse=True)[:chunks])


def _slots(member: Member) -> int:
    told = member.worker.machine.get("slots")
    return max(1, min(told, 256)) if isinstance(told, int) else 1


def _sound_kbps(audio: Audio) -> int:
    codec = catalogue.AUDIO.get(audio.codec)
    if codec is None:
        return _COPIED_KBPS if audio.codec == "copy" else 0
    if codec.kbps_per_channel is None:
        return _LOSSLESS_KBPS
    return audio.bitrate_kbps or codec.kbps_per_channel * min(2, audio.channels or 2)


def _known(making: Making, ordered: Ordered | None) -> Known | None:
    if ordered is None or ordered.video is None or making.frames <= 0 or making.wall_seconds <= 0:
        return None
    try:
        profile = from_wire(Profile, ordered.profile)
    except (ValueError, BadProfile):  # of another Fallow
        return None
    width, height, _, _ = output_size(ordered.video, profile)
    per_second = float(rate(ordered))
    seconds = making.frames / per_second
    return Known(
        worker=making.worker,
        profile=profile,
        pixels=float(width * height * making.frames),
        bits=8.0 * making.bytes_out,
        expected_bits=rule_of_thumb(profile, width * height, per_second, seconds),
        frames=making.frames,
        seconds=making.wall_seconds,
    )
