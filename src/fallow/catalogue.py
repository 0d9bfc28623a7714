"""What a profile may ask for: encoders and their ranges, filters, levels, containers. Facts, no decisions."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class VideoCodec:
    """What one FFmpeg video encoder takes."""

    presets: tuple[str, ...]  # fastest first
    preset: str  # when the profile names none
    crf: float  # when the profile names no rate control at all
    crf_highest: float
    pixel_formats: tuple[str, ...]
    profiles: dict[str, tuple[str, ...]]  # name -> pixel formats it can carry
    tunes: tuple[str, ...]
    extra: frozenset[str]  # own parameters that change neither the frames nor the key frames nor any file
    levels: dict[str, Level] = field(default_factory=dict)
    block: int = 1  # the level's unit is a square of this many pixels
    containers: tuple[str, ...] = ("mp4", "matroska")
    part: str = "matroska"  # the container of an encoded chunk


@dataclass(frozen=True)
class Level:
    """The limits of one level."""

    picture: int  # blocks in a picture
    second: int  # blocks in a second
    kbps: int  # highest bit rate of the common profiles


@dataclass(frozen=True)
class AudioCodec:
    """What one FFmpeg audio encoder takes."""

    stream: str  # the name of what it makes, as probing tells it
    channels: tuple[int, ...]  # how many it can carry in FFmpeg's default layouts
    kbps_per_channel: int | None  # when the profile names no bit rate; None: lossless, takes no bit rate
    sample_rates: tuple[int, ...] = ()  # () takes any
    bitrates: tuple[int, ...] = ()  # kb/s; () takes any


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_YUV420 = ("yuv420p",)
_X26X_PRESETS = (
    "ultrafast",
    "superfast",
    "veryfast",
    "faster",
    "fast",
    "medium",
    "slow",
    "slower",
    "veryslow",
    "placebo",
)

# name: blocks in a picture, blocks in a second, kb/s (ITU-T H.264 table A-1; blocks of 16x16)
_H264_LEVELS = {
    "1": Level(99, 1485, 64),
    "1.1": Level(396, 3000, 192),
    "1.2": Level(396, 6000, 384),
    "1.3": Level(396, 11880, 768),
    "2": Level(396, 11880, 2000),
    "2.1": Level(792, 19800, 4000),
    "2.2": Level(1620, 20250, 4000),
    "3": Level(1620, 40500, 10000),
    "3.1": Level(3600, 108000, 14000),
    "3.2": Level(5120, 216000, 20000),
    "4": Level(8192, 245760, 20000),
    "4.1": Level(8192, 245760, 50000),
    "4.2": Level(8704, 522240, 50000),
    "5": Level(22080, 589824, 135000),
    "5.1": Level(36864, 983040, 240000),
    "5.2": Level(36864, 2073600, 240000),
    "6": Level(139264, 4177920, 240000),
    "6.1": Level(139264, 8355840, 480000),
    "6.2": Level(139264, 16711680, 800000),
}
# The same of ITU-T H.265 tables A.8 and A.9, main tier, in luma samples.
_HEVC_LEVELS = {
    "1": Level(36864, 552960, 128),
    "2": Level(122880, 3686400, 1500),
    "2.1": Level(245760, 7372800, 3000),
    "3": Level(552960, 16588800, 6000),
    "3.1": Level(983040, 33177600, 10000),
    "4": Level(2228224, 66846720, 12000),
    "4.1": Level(2228224, 133693440, 20000),
    "5": Level(8912896, 267386880, 25000),
    "5.1": Level(8912896, 534773760, 40000),
    "5.2": Level(8912896, 1069547520, 60000),
    "6": Level(35651584, 1069547520, 60000),
    "6.1": Level(35651584, 2139095040, 120000),
    "6.2": Level(35651584, 4278190080, 240000),
}

MEASURE = "libvmaf"
"""FFmpeg's filter that measures quality. Workers tell that they have it among their encoders."""

VIDEO: dict[str, VideoCodec] = {
    "libx264": VideoCodec(
        presets=_X26X_PRESETS,
        preset="medium",
        crf=23,
        crf_highest=51,
        pixel_formats=("yuv420p", "yuv422p", "yuv444p", "yuv420p10le", "yuv422p10le", "yuv444p10le"),
        profiles={
            "baseline": _YUV420,
            "main": _YUV420,
            "high": _YUV420,
            "high10": ("yuv420p", "yuv420p10le"),
            "high422": ("yuv420p", "yuv422p", "yuv420p10le", "yuv422p10le"),
            "high444": ("yuv420p", "yuv422p", "yuv444p", "yuv420p10le", "yuv422p10le", "yuv444p10le"),
        },
        tunes=("film", "animation", "grain", "stillimage", "fastdecode", "psnr", "ssim"),
        extra=_words(
            "aq-mode aq-strength b-adapt b-bias b-pyramid bframes chroma-me chroma-qp-offset deadzone-inter "
            "deadzone-intra deblock direct ipratio mbtree me merange mixed-refs nr partitions pbratio psy psy-rd "
            "qcomp qpmax qpmin qpstep rc-lookahead ref subme trellis weightb weightp"
        ),
        levels=_H264_LEVELS,
        block=16,
        containers=("mp4", "matroska", "mpegts"),
        part="mpegts",
    ),
    "libx265": VideoCodec(
        presets=_X26X_PRESETS,
        preset="medium",
        crf=26,
        crf_highest=51,
        pixel_formats=("yuv420p", "yuv422p", "yuv444p", "yuv420p10le", "yuv422p10le", "yuv444p10le", "yuv420p12le"),
        profiles={
            "main": _YUV420,
            "main10": ("yuv420p10le",),
            "main12": ("yuv420p12le",),
        },
        tunes=("animation", "grain", "fastdecode", "psnr", "ssim"),
        extra=_words(
            "aq-mode aq-strength b-adapt b-pyramid bframes cbqpoffs crqpoffs cutree deblock ipratio limit-refs "
            "limit-sao max-merge me merange pbratio psy-rd psy-rdoq qcomp qpmax qpmin qpstep rc-lookahead rd "
            "rdoq-level rect amp ref sao selective-sao strong-intra-smoothing subme weightb weightp"
        ),
        levels=_HEVC_LEVELS,
        containers=("mp4", "matroska", "mpegts"),
        part="mpegts",
    ),
    "libsvtav1": VideoCodec(
        presets=tuple(str(n) for n in range(13, -1, -1)),
        preset="8",
        crf=32,
        crf_highest=63,
        pixel_formats=("yuv420p", "yuv420p10le"),
        profiles={"main": ("yuv420p", "yuv420p10le")},
        tunes=(),
        extra=_words(
            "aq-mode enable-qm enable-restoration enable-cdef film-grain film-grain-denoise max-qp min-qp qm-max "
            "qm-min scm sharpness tune enable-variance-boost variance-boost-strength variance-octile"
        ),
    ),
    "libvpx-vp9": VideoCodec(
        presets=tuple(str(n) for n in range(8, -1, -1)),  # its cpu-used
        preset="3",
        crf=32,
        crf_highest=63,
        pixel_formats=("yuv420p", "yuv422p", "yuv444p", "yuv420p10le", "yuv422p10le", "yuv444p10le"),
        profiles={
            "0": _YUV420,
            "1": ("yuv422p", "yuv444p"),
            "2": ("yuv420p10le",),
            "3": ("yuv422p10le", "yuv444p10le"),
        },
        tunes=("psnr", "ssim"),
        extra=_words(
            "aq-mode arnr-maxframes arnr-strength auto-alt-ref enable-tpl frame-parallel lag-in-frames row-mt "
            "sharpness static-thresh tile-columns tile-rows tune-content"
        ),
    ),
}

_UP_TO_8 = (1, 2, 3, 4, 5, 6, 7, 8)
_USUAL = (1, 2, 5, 6, 7, 8)
_MPEG_RATES = (48000, 44100, 32000, 24000, 22050, 16000)
AUDIO: dict[str, AudioCodec] = {
    "aac": AudioCodec("aac", _UP_TO_8, 80, (48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000)),
    "ac3": AudioCodec(
        "ac3",
        (1, 2, 3, 4, 5, 6),
        96,
        (48000, 44100, 32000),
        (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 448, 512, 576, 640),
    ),
    "libopus": AudioCodec("opus", _USUAL, 64, (48000,)),
    "libmp3lame": AudioCodec(
        "mp3",
        (1, 2),
        96,
        (*_MPEG_RATES, 12000, 11025, 8000),
        (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    ),
    "mp2": AudioCodec("mp2", (1, 2), 112, _MPEG_RATES, (64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384)),
    "flac": AudioCodec("flac", _USUAL, None),
}
"""By encoder name. `copy` and `none` are settings of a profile, no encoders."""

HIGHEST_KBPS_PER_CHANNEL = 128
"""A mono track needs no 320 kb/s because its profile allows that for six channels."""

AUDIO_IN: dict[str, frozenset[str]] = {
    "mp4": frozenset({"aac", "ac3", "opus", "flac", "mp3"}),
    "mpegts": frozenset({"aac", "ac3", "mp2"}),
    "hls-ts": frozenset({"aac", "ac3"}),
}
"""Streams that a container carries so that players find them; Matroska takes them all."""


@dataclass(frozen=True)
class StreamFormat:
    """A result of many files, for players that fetch one after another."""

    segments: str  # cmaf or mpegts
    like: str  # the container that holds the same codecs
    hls: bool  # has playlists
    dash: bool  # has a manifest

    @property
    def front(self) -> str:
        """The file that players are given."""
        return "master.m3u8" if self.hls else "manifest.mpd"


STREAMS = {
    "cmaf": StreamFormat("cmaf", "mp4", hls=True, dash=True),
    "hls": StreamFormat("cmaf", "mp4", hls=True, dash=False),
    "dash": StreamFormat("cmaf", "mp4", hls=False, dash=True),
    "hls-ts": StreamFormat("mpegts", "mpegts", hls=True, dash=False),
}
"""What a result of many files may be."""

CONTAINERS = {"mp4": ".mp4", "mpegts": ".ts", "matroska": ".mkv"}
"""The results' containers and how their files end."""

EXTENSIONS = {".mp4": "mp4", ".m4v": "mp4", ".ts": "mpegts", ".mkv": "matroska"}

FILTERS: dict[str, frozenset[str]] = {
    name: _words(options)
    for name, options in {
        "avgblur": "sizeX sizeY planes",
        "bilateral": "sigmaS sigmaR planes",
        "boxblur": "luma_radius luma_power chroma_radius chroma_power",
        "cas": "strength planes",
        "colorbalance": "rs gs bs rm gm bm rh gh bh pl",
        "colorchannelmixer": "rr rg rb gr gg gb br bg bb pc pa",
        "colorcorrect": "rl bl rh bh saturation",
        "colortemperature": "temperature mix pl",
        "deband": "1thr 2thr 3thr 4thr range direction blur coupling",
        "deblock": "filter block alpha beta gamma delta planes",
        "eq": "contrast brightness saturation gamma gamma_r gamma_g gamma_b gamma_weight",
        "exposure": "exposure black",
        "gblur": "sigma steps planes sigmaV",
        "hflip": "",
        "hue": "h s b",
        "huesaturation": "hue saturation intensity colors strength rw gw bw lightness",
        "median": "radius radiusV planes percentile",
        "monochrome": "cb cr size high",
        "negate": "",
        "nlmeans": "s p pc r rc",
        "removegrain": "m0 m1 m2 m3",
        "smartblur": "luma_radius luma_strength luma_threshold chroma_radius chroma_strength chroma_threshold",
        "unsharp": "luma_msize_x luma_msize_y luma_amount chroma_msize_x chroma_msize_y chroma_amount",
        "vaguedenoiser": "threshold method nsteps percent planes type",
        "vflip": "",
        "vibrance": "intensity rbal gbal bbal rlum glum blum",
    }.items()
}
"""Filters whose output depends on one frame and nothing else, so that cutting the video cannot change it."""

_MEMORY = "it carries memory from frame to frame without end, so a chunk could never start with the right one"
_NEIGHBOURS = "it mixes neighbouring frames, which a chunk does not have at its ends"
_FILES = "it reads a file, which no worker has"
REFUSED: dict[str, str] = {
    "atadenoise": _NEIGHBOURS,
    "bwdif": "deinterlacing is switched by `deinterlace`",
    "crop": "sizes are set by `width` and `height`",
    "decimate": "frame rates are set by `fps` or `max_fps`",
    "deflicker": _NEIGHBOURS,
    "deshake": _MEMORY,
    "drawtext": _FILES,
    "fftdnoiz": _NEIGHBOURS,
    "fps": "frame rates are set by `fps` or `max_fps`",
    "framerate": _NEIGHBOURS,
    "hqdn3d": _MEMORY,
    "lagfun": _MEMORY,
    "lut3d": _FILES,
    "minterpolate": _NEIGHBOURS,
    "mpdecimate": "it decides by all the frames before, so chunks would drop others than the whole does",
    "noise": "its random numbers start anew with each chunk, so the result would depend on the cuts",
    "normalize": _MEMORY,
    "pad": "sizes are set by `width` and `height`",
    "scale": "sizes are set by `width` and `height`",
    "setpts": "Fallow keeps the source's times; rates are set by `fps` or `max_fps`",
    "subtitles": _FILES,
    "tblend": _NEIGHBOURS,
    "tmix": _NEIGHBOURS,
    "tmedian": _NEIGHBOURS,
    "transpose": "pictures are turned upright as the source says",
    "vidstabtransform": _MEMORY,
    "yadif": "deinterlacing is switched by `deinterlace`",
}
"""Filters that people ask for and why they are not to be had."""
