"""Folders that FFmpeg's own muxers make, of any pictures in any order: what checks are tried on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from clips.maker import Maker
from clips.picture import frames
from clips.sound import pcm

RATE = 25
SIZE = (256, 144)
SECONDS = 2  # of a segment

_SPLIT = ("-filter_complex", "[0:v]split[large][half];[half]scale=128:72[small]")
_STREAMS = ("-map", "[large]", "-map", "[small]", "-map", "1:a")
# FFmpeg's folders with B-frames begin later than at 0.
_CODED = ("-c:v", "libx264", "-preset", "veryfast", "-crf", "20", "-pix_fmt", "yuv420p", "-bf", 0)
_KEYS = ("-g", 1000, "-force_key_frames", f"expr:gte(t,n_forced*{SECONDS})", "-c:a", "aac", "-b:a", "64k")
_HLS = ("-f", "hls", "-hls_time", SECONDS, "-hls_list_size", 0, "-master_pl_name", "master.m3u8")
_GROUPS = "a:0,agroup:sound,language:en,default:yes v:0,agroup:sound v:1,agroup:sound"


def hls(folder: Path, numbers: Sequence[int], kind: str = "fmp4") -> Path:
    """The master playlist of two renditions and their sound; `kind` is fmp4 or mpegts."""
    ending = {"fmp4": "m4s", "mpegts": "ts"}[kind]
    names = ("-hls_segment_filename", folder / f"%v-%d.{ending}", folder / "%v.m3u8")
    options = ("-hls_playlist_type", "vod", "-hls_segment_type", kind, "-var_stream_map", _GROUPS)
    _run(folder, numbers, *_HLS, *options, *names)
    return folder / "master.m3u8"


def dash(folder: Path, numbers: Sequence[int]) -> Path:
    """The manifest of the same."""
    sets = ("-adaptation_sets", "id=0,streams=v id=1,streams=a")
    _run(folder, numbers, "-f", "dash", "-seg_duration", SECONDS, *sets, folder / "manifest.mpd")
    return folder / "manifest.mpd"


def _run(folder: Path, numbers: Sequence[int], *output: object) -> None:
    maker = Maker(folder)
    pictures = list(frames(*SIZE, max(numbers) + 1))
    raw, sound = maker.scratch("pictures"), maker.scratch("sound")
    raw.write_bytes(b"".join(pictures[number] for number in numbers))
    sound.write_bytes(pcm(len(numbers) / RATE, 0, 2))
    seen = ("-f", "rawvideo", "-video_size", "{}x{}".format(*SIZE), "-framerate", RATE, "-i", raw)
    heard = ("-f", "s16le", "-ar", 48000, "-ch_layout", "stereo", "-i", sound)
    maker.run(*seen, *heard, *_SPLIT, *_STREAMS, *_CODED, *_KEYS, *output)
    raw.unlink()
    sound.unlink()
