"""Chunks decode on their own to exactly the source's frames, and tracks to exactly its samples."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import imageio_ffmpeg
import pytest

from fallow.media.frames import FrameIndex
from fallow.media.plan import cuts
from fallow.media.probe import probe
from fallow.media.reader import file_reader
from fallow.media.retime import slots
from fallow.media.split import ship_chunks
from fallow.media.tracks import TrackPlan, ship_tracks
from fallow.model import Source, TaskKind
from fallow.recipe import LEAD

FFMPEG = imageio_ffmpeg.get_ffmpeg_exe()
PICTURE = "testsrc2=s=64x48:r=25:d=4,format=yuv420p"
UNEVEN = PICTURE + ",settb=1/12800,setpts='N*666+mod(N*3\\,7)*70'"
X264 = "-c:v libx264 -preset ultrafast -threads 1 -bf 2 -g 25"
OPEN = "-c:v libx264 -preset veryfast -threads 1 -x264-params open-gop=1:bframes=3:keyint=25:repeat-headers=1"
X265 = "-c:v libx265 -preset ultrafast -x265-params log-level=none:keyint=25:min-keyint=25:open-gop=1:bframes=3:"

# name: (picture source, arguments, container that its chunks are to have)
CLIPS = {
    "closed.mp4": (PICTURE, X264, "mpegts"),
    "open.mp4": (PICTURE, OPEN, "mpegts"),
    "open.ts": (PICTURE, OPEN, "mpegts"),
    "open.mkv": (PICTURE, OPEN, "mpegts"),
    "refresh.mp4": (PICTURE, X264 + " -x264-params intra-refresh=1", "mpegts"),
    "hevc.mkv": (PICTURE, X265, "mpegts"),
    "open_gop.mpg": (PICTURE, "-c:v mpeg2video -g 12 -bf 2 -flags -cgop", "mpegts"),
    "bframes.avi": (PICTURE, "-c:v mpeg4 -bf 2 -g 25", "nut"),
    "packed.avi": (PICTURE.replace("64x48", "160x128"), "-c:v libxvid -bf 2 -g 25", "nut"),
    "h264.avi": (PICTURE, X264, "mpegts"),
    "hidden.webm": (PICTURE, "-c:v libvpx -deadline realtime -cpu-used 8 -auto-alt-ref 1 -g 25", "matroska"),
    "vp9.webm": (PICTURE, "-c:v libvpx-vp9 -deadline realtime -cpu-used 8 -g 25", "matroska"),
    "single.mp4": (PICTURE, "-c:v libsvtav1 -preset 12 -g 999", "matroska"),
    "prores.mov": (PICTURE, "-c:v prores_ks -profile:v 0", "matroska"),
    "mjpeg.avi": (PICTURE, "-c:v mjpeg", "matroska"),
    "ffv1.mkv": (PICTURE, "-c:v ffv1 -g 5", "matroska"),
    "raw.avi": (PICTURE, "-c:v rawvideo", "nut"),
    "rle.mov": (PICTURE, "-c:v qtrle -pix_fmt rgb24", "mov"),
    "ntsc.avi": (PICTURE.replace("25", "30000/1001"), "-c:v huffyuv", "nut"),
    "uneven.mp4": (UNEVEN, "-enc_time_base 1/12800 " + X264, "mpegts"),
    "late.ts": (PICTURE, X264 + " -output_ts_offset 3600", "mpegts"),
    "wrap.ts": (PICTURE, X264 + " -output_ts_offset 95441 -muxdelay 0", "mpegts"),
    "fragments.mp4": (PICTURE, OPEN + " -movflags frag_keyframe+empty_moov", "mpegts"),
    "one.mkv": (PICTURE, X264 + " -frames:v 1", "mpegts"),
    "elementary.h264": (PICTURE, X264, "mpegts"),
    "animation.apng": (PICTURE, "-c:v apng -pix_fmt rgb24 -t 1", "nut"),
}


def ffmpeg(*args: object, data: bytes | None = None) -> bytes:
    command = [FFMPEG, "-v", "error", "-y", *map(str, args)]
    return subprocess.run(command, input=data or b"", check=True, capture_output=True).stdout


def hashes(*args: object, data: bytes | None = None) -> list[str]:
    """One digest per decoded frame."""
    tail = ["-fps_mode", "passthrough", "-pix_fmt", "yuv420p", "-f", "framehash", "-hash", "md5", "-"]
    lines = ffmpeg(*args, "-map", "0:v:0", *tail, data=data).decode().splitlines()
    return [line.split(",")[-1].strip() for line in lines if not line.startswith("#")]


def chunk_hashes(index: FrameIndex, container: str, data: bytes, first: int, end: int) -> list[str]:
    trim = f"trim=start={float(index.edge(first)):.6f}:end={float(index.edge(end)):.6f}"
    given = ["-copyts", "-noautorotate", "-protocol_whitelist", "pipe", "-f", container, "-i", "pipe:0"]
    return hashes(*given, "-vf", trim, data=data)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("clips")


def check(path: Path, container: str) -> None:
    """Every chunk shows its frames, its guard frames and its context frames, and nothing is lost between."""
    source, index = probe(file_reader(path))
    truth = hashes("-noautorotate", "-i", path)
    assert source.video.frames == len(index.pts) == len(truth)
    assert all(a < b for a, b in pairwise(index.pts))
    points = cuts(index, 0.9, 1.2)
    assert points[-1] == len(truth)
    for plan, data in ship_chunks(file_reader(path), index, points, guard=5, context=1):
        assert plan.container == container
        wide = slice(plan.lo - plan.before, plan.hi + plan.guard)
        assert chunk_hashes(index, container, data, wide.start, wide.stop) == truth[wide]
        assert plan.guard == min(5, len(truth) - plan.hi)
        assert plan.before == min(1, plan.lo)


@pytest.mark.parametrize("name", CLIPS)
def test_chunks_decode_to_the_sources_frames(name: str, folder: Path) -> None:
    picture, arguments, container = CLIPS[name]
    path = folder / name
    ffmpeg("-f", "lavfi", "-i", picture, "-fps_mode", "passthrough", *arguments.split(), path)
    check(path, container)


def test_frames_hidden_by_an_edit_list_stay_hidden(folder: Path) -> None:
    whole, path = folder / "whole.mp4", folder / "edited.mp4"
    ffmpeg("-f", "lavfi", "-i", PICTURE.replace("d=4", "d=16"), *X264.split(), "-g", 350, "-keyint_min", 350, whole)
    ffmpeg("-ss", 13, "-i", whole, "-c", "copy", path)  # hides more than the lead of chunk times
    check(path, "mpegts")


def test_a_recording_that_starts_in_the_midst_of_a_gop(folder: Path) -> None:
    whole, path = folder / "recorded.ts", folder / "joined_late.ts"
    ffmpeg("-f", "lavfi", "-i", PICTURE, *OPEN.split(), whole)
    path.write_bytes(whole.read_bytes()[188 * 60 :])
    check(path, "mpegts")


def test_a_recording_whose_clock_restarts(folder: Path) -> None:
    first, second, path = folder / "first.ts", folder / "second.ts", folder / "restarted.ts"
    ffmpeg("-f", "lavfi", "-i", PICTURE, *X264.split(), first)
    ffmpeg("-f", "lavfi", "-i", PICTURE, "-vf", "negate", *X264.split(), "-output_ts_offset", 500, second)
    path.write_bytes(second.read_bytes() + first.read_bytes())
    check(path, "mpegts")
    assert probe(file_reader(path))[0].duration == 8


def test_frames_that_share_a_time_are_moved_apart(folder: Path) -> None:
    path = folder / "twins.nut"
    twins = PICTURE + ",setpts='floor(N/2)*2/25/TB'"
    ffmpeg("-f", "lavfi", "-i", twins, "-fps_mode", "passthrough", "-c:v", "ffv1", path)
    check(path, "nut")


def test_what_is_stored_already_is_not_shipped_again(folder: Path) -> None:
    path = folder / "again.mp4"
    ffmpeg("-f", "lavfi", "-i", PICTURE, *OPEN.split(), path)
    _, index = probe(file_reader(path))
    points = cuts(index, 0.9, 1.2)
    every = dict(ship_chunks(file_reader(path), index, points))
    some = dict(ship_chunks(file_reader(path), index, points, skip=frozenset({0, 2})))
    assert some == {plan: data for plan, data in every.items() if plan.number not in (0, 2)}


def test_a_source_is_described_as_ffmpeg_sees_it(folder: Path) -> None:
    plain, path = folder / "upright.mp4", folder / "turned.mp4"
    tagged = "setsar=16/15,setparams=range=pc:color_primaries=bt709:color_trc=bt709:colorspace=bt709"
    inputs = ["-f", "lavfi", "-i", PICTURE, "-f", "lavfi", "-i", "sine=d=4"]
    named = ["-c:a", "aac", "-metadata:s:a:0", "language=deu"]
    ffmpeg(*inputs, *named, "-vf", tagged, *X264.split(), plain)
    ffmpeg("-display_rotation", -90, "-i", plain, "-c", "copy", path)
    source, _ = probe(file_reader(path))
    video = source.video
    assert (video.codec, video.width, video.height, video.rotation) == ("h264", 64, 48, 90)
    assert (video.sample_aspect, video.average_rate, video.bit_depth) == (Fraction(16, 15), 25, 8)
    assert (video.colour.range, video.colour.primaries, video.colour.matrix) == ("pc", "bt709", "bt709")
    assert (source.start, source.duration) == (0, 4)
    assert (source.audio[0].codec, source.audio[0].language) == ("aac", "deu")
    turned = hashes("-i", path)
    assert hashes("-noautorotate", "-i", path, "-vf", "transpose=clock") == turned


def test_hdr10_metadata_is_found(folder: Path) -> None:
    path = folder / "hdr.mkv"
    mastering = "G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,50)"
    hdr = f"hdr10=1:master-display={mastering}:max-cll=1000,400"
    tags = ":colorprim=bt2020:transfer=smpte2084:colormatrix=bt2020nc"
    deep = ["-pix_fmt", "yuv420p10le", "-frames:v", 30]
    ffmpeg("-f", "lavfi", "-i", PICTURE, *(X265 + hdr + tags).split(), *deep, path)
    video = probe(file_reader(path))[0].video
    assert (video.colour.mastering, video.colour.light) == (mastering, "1000,400")
    assert (video.colour.transfer, video.bit_depth) == ("smpte2084", 10)


SOUNDS = {
    "aac.mp4": "aac -ar 44100",
    "aac.ts": "aac",
    "aac.mkv": "aac",
    "opus.mkv": "libopus",
    "mp3.mkv": "libmp3lame -ar 44100",
    "mp3.avi": "libmp3lame",
    "flac.mkv": "flac",
    "pcm.mov": "pcm_s24be",
    "ac3.mp4": "ac3 -ac 6",
    "vorbis.webm": "libvorbis -c:v libvpx -deadline realtime",
    "alac.mov": "alac",
    "wma.asf": "wmav2",
}


def tracks(path: Path, source: Source) -> dict[TrackPlan, bytes]:
    made: dict[TrackPlan, bytearray] = {}
    plans = ship_tracks(file_reader(path), source, lambda plan: made.setdefault(plan, bytearray()).extend)
    assert plans == list(made)
    return {plan: bytes(data) for plan, data in made.items()}


@pytest.mark.parametrize("name", SOUNDS)
def test_a_track_is_heard_to_the_sample(name: str, folder: Path) -> None:
    path = folder / name
    noise = "aevalsrc=0.3*random(1)*sin(2*PI*440*t):d=2.345:s=48000"
    inputs = ["-f", "lavfi", "-t", 2, "-i", PICTURE, "-f", "lavfi", "-i", noise]
    ffmpeg(*inputs, *X264.split(), "-c:a", *SOUNDS[name].split(), path)
    source, _ = probe(file_reader(path))
    track = source.audio[0]
    ((plan, data),) = tracks(path, source).items()
    begin, end = float(track.begin + LEAD), float(track.end + LEAD)
    heard = ["-af", f"atrim=start={begin:.6f}:end={end:.6f}", "-f", "s32le", "-"]
    assert plan.kind is TaskKind.AUDIO
    truth = ffmpeg("-i", path, "-map", "0:a:0", "-f", "s32le", "-")
    assert len(truth) > 2 * 4 * track.sample_rate
    assert ffmpeg("-copyts", "-f", plan.container, "-i", "pipe:0", *heard, data=data) == truth


@pytest.mark.parametrize("codec", ["mov_text", "srt", "ass", "webvtt"])
def test_text_keeps_its_times_and_words(codec: str, folder: Path) -> None:
    lines, path = folder / "lines.srt", folder / f"{codec}.{'mp4' if codec == 'mov_text' else 'mkv'}"
    lines.write_text(
        "1\n00:00:01,000 --> 00:00:02,500\nHello <i>you</i>\n\n2\n00:00:03,000 --> 00:00:03,500\nTwo\n"
    )
    named = ["-c:s", codec, "-metadata:s:s:0", "language=fra"]
    ffmpeg("-f", "lavfi", "-i", PICTURE, "-i", lines, "-map", 0, "-map", 1, *X264.split(), *named, path)
    source, _ = probe(file_reader(path))
    assert source.text[0].language == "fra"
    ((plan, data),) = tracks(path, source).items()
    shown = ffmpeg("-copyts", "-f", plan.container, "-i", "pipe:0", "-f", "srt", "-", data=data).decode()
    assert "00:00:11,000 --> 00:00:12,500" in shown
    assert "Hello <i>you</i>" in shown
    assert "00:00:13,000 --> 00:00:13,500" in shown


def retimed(path: Path, rate: str) -> Iterator[tuple[int, str]]:
    shown = ["-vf", f"fps={rate}", "-fps_mode", "passthrough", "-f", "framehash", "-hash", "md5", "-"]
    for line in ffmpeg("-i", path, "-map", "0:v:0", *shown).decode().splitlines():
        if not line.startswith("#"):
            yield int(line.split(",")[2]), line.split(",")[-1].strip()


@pytest.mark.parametrize(
    ("source_rate", "rate"),
    [
        ("50", "25"),
        ("60", "30"),
        ("60000/1001", "30000/1001"),
        ("25", "30"),
        ("24000/1001", "25"),
        ("uneven", "30"),
    ],
)
def test_slots_are_those_of_the_fps_filter(source_rate: str, rate: str, folder: Path) -> None:
    path = folder / f"{source_rate.replace('/', '_')}_{rate.replace('/', '_')}.mp4"
    picture = UNEVEN if source_rate == "uneven" else PICTURE.replace("r=25", f"r={source_rate}")
    arguments = [*X264.split(), "-fps_mode", "passthrough", "-enc_time_base", "1/120000"]
    ffmpeg("-f", "lavfi", "-i", picture, *arguments, path)
    _, index = probe(file_reader(path))
    places, end = slots(index, Fraction(rate))
    truth = hashes("-i", path)
    last = {place: frame for frame, place in enumerate(places)}
    shown, expected = 0, []
    for slot in range(places[0], end):
        shown = last.get(slot, shown)
        expected.append((slot, truth[shown]))
    assert list(retimed(path, rate)) == expected
