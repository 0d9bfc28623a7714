"""Streams have every frame of their parts at its exact time, and name their codecs by what is in them."""

from __future__ import annotations

import itertools
import re
import struct
from fractions import Fraction
from pathlib import Path

import av
import pytest

from fallow.errors import BrokenPart
from fallow.media.inspect import inspect_video
from fallow.messages import from_wire, to_wire
from fallow.model import Colour, TaskKind
from fallow.streaming.decode_line import decode_times
from fallow.streaming.listing import Ended, Packaged
from fallow.streaming.package import Packager, Piece, TrackWant
from unit.joining import CASES, MASTERING, boxes, ffmpeg, track_part
from unit.packaged import Folder, decoded, film, pieces, plan, shown, times

STARTS = [[0, 20], [35], [47]]
PASSING = ["-fps_mode", "passthrough", "-enc_time_base:v", "1:90000"]


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Piece]]:
    folder = tmp_path_factory.mktemp("parts")
    return {case: pieces(folder, case, STARTS) for case in CASES}


@pytest.fixture(scope="module")
def sounds(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("sounds")
    tone = ["-f", "lavfi", "-i", "sine=duration=2.4:sample_rate=48000"]
    late = ["-output_ts_offset", 10, "-avoid_negative_ts", "disabled"]
    made = {}
    for codec in ("aac", "ac3", "libopus", "flac", "libmp3lame"):
        made[codec] = folder / f"{codec}.nut"
        ffmpeg(*tone, "-ac", 2, "-c:a", codec, *late, made[codec])
    return made


def packaged(folder: Folder, case: str, made: list[Piece], container: str = "cmaf", **more: object) -> Packager:
    about = film(case, **more)
    packager = Packager(plan(about, container=container), folder.save)
    for piece in made:
        packager.add_chunk({about.name: piece})
    folder.write(packager.texts(Ended.DONE))
    return packager


def warned(path: Path) -> str:
    return ffmpeg("-i", path, "-map", "0", *PASSING, "-f", "null", "-")


@pytest.mark.parametrize("case", CASES)
def test_every_frame_of_cmaf_has_its_exact_time(case, parts, tmp_path):
    folder = Folder(tmp_path)
    packaged(folder, case, parts[case])
    video = tmp_path / "video" / "240p"
    segments = sorted(video.glob("*.m4s"))
    assert len(segments) == 4
    (tmp_path / "whole.mp4").write_bytes(b"".join(p.read_bytes() for p in [video / "init.mp4", *segments]))
    for path in (video / "index.m3u8", tmp_path / "master.m3u8", tmp_path / "whole.mp4"):
        assert decoded(path) == times(case)
        assert shown(path) == times(case)
    assert warned(tmp_path / "master.m3u8") == ""
    assert warned(tmp_path / "manifest.mpd") == ""


@pytest.mark.parametrize("case", CASES)
def test_every_frame_of_transport_streams_has_its_time_to_the_tick(case, parts, tmp_path):
    folder = Folder(tmp_path)
    packaged(folder, case, parts[case], "hls-ts")
    assert not (tmp_path / "manifest.mpd").exists()
    for path in (tmp_path / "video" / "240p" / "index.m3u8", tmp_path / "master.m3u8"):
        found = [time - 10 for time in decoded(path)]
        assert all(abs(a - b) <= Fraction(1, 180000) for a, b in zip(found, times(case), strict=True))
    assert warned(tmp_path / "master.m3u8") == ""


@pytest.mark.parametrize("container", ["cmaf", "hls-ts"])
def test_every_segment_can_be_decoded_alone(container, parts, tmp_path):
    folder = Folder(tmp_path)
    packaged(folder, "vfr", parts["vfr"], container)
    video = tmp_path / "video" / "240p"
    head = (video / "init.mp4").read_bytes() if container == "cmaf" else b""
    bounds = [*itertools.chain(*STARTS), 60]
    names = sorted(path.name for path in video.iterdir() if re.match(r"\d", path.name))
    for name, (lo, hi) in zip(names, itertools.pairwise(bounds), strict=True):
        (tmp_path / "one").write_bytes(head + (video / name).read_bytes())
        assert len(decoded(tmp_path / "one")) == hi - lo


@pytest.mark.parametrize("container", ["cmaf", "hls-ts"])
def test_a_key_frame_playlist_names_pictures_that_can_be_decoded(container, parts, tmp_path):
    folder = Folder(tmp_path)
    packaged(folder, "25", parts["25"], container)
    video = tmp_path / "video" / "240p"
    text = (video / "iframes.m3u8").read_text()
    head = (video / "init.mp4").read_bytes() if container == "cmaf" else b""
    rows = re.findall(r"#EXT-X-BYTERANGE:(\d+)@0\n(\S+)", text)
    assert len(rows) == 4
    for size, name in rows:
        data = (video / name).read_bytes()
        assert int(size) < len(data)
        (tmp_path / "one").write_bytes(head + data[: int(size)])
        with av.open(str(tmp_path / "one"), format=None if head else "mpegts") as opened:
            frame = next(opened.decode(video=0))
        assert frame.key_frame
        assert frame.width == 64


@pytest.mark.parametrize("container", ["cmaf", "hls-ts"])
def test_another_process_goes_on_with_the_same_bytes(container, parts, tmp_path):
    one, other = Folder(tmp_path / "one"), Folder(tmp_path / "other")
    packaged(one, "23.976", parts["23.976"], container)
    about, done = film("23.976"), []
    for number, piece in enumerate(parts["23.976"]):
        packager = Packager(plan(about, container=container), other.save, done)
        assert packager.chunks == number
        step = packager.add_chunk({about.name: piece})
        done.append(from_wire(Packaged, to_wire(step)))
        assert done[-1] == step
    other.write(Packager(plan(about, container=container), other.save, done).texts(Ended.DONE))
    files = sorted(p.relative_to(one.path) for p in one.path.rglob("*") if p.is_file())
    assert files == sorted(p.relative_to(other.path) for p in other.path.rglob("*") if p.is_file())
    for name in files:
        assert (one.path / name).read_bytes() == (other.path / name).read_bytes()


def test_key_frames_are_counted_in_the_order_of_display(parts):
    facts = inspect_video(parts["25"][0].part.open(), "mpegts")
    assert facts.reorder > 0
    assert facts.keys == {0, 20}


def test_a_part_without_the_planned_key_frame_is_refused(parts, tmp_path):
    first = parts["25"][0]
    wrong = Piece(first.part, (0, 21))
    packager = Packager(plan(film("25")), Folder(tmp_path).save)
    with pytest.raises(BrokenPart, match="frame 21") as caught:
        packager.add_chunk({"240p": wrong})
    assert (caught.value.part, caught.value.rendition) == (0, "240p")


CODECS = {
    "h264": (["-c:v", "libx264", "-profile:v", "main", "-level", "3.1", "-threads", "1"], "ts", "avc1.4d401f"),
    "hevc": (
        ["-c:v", "libx265", "-x265-params", "repeat-headers=1:open-gop=0:log-level=error"],
        "ts",
        "hvc1.1.6.L",
    ),
    "av1": (["-c:v", "libsvtav1", "-preset", "12", "-g", "100"], "mkv", "av01.0.00M.08"),
    "vp9": (["-c:v", "libvpx-vp9", "-cpu-used", "8", "-deadline", "realtime"], "mkv", "vp09.00.10.08"),
}


@pytest.mark.parametrize("codec", CODECS)
def test_pictures_are_named_by_their_parameter_sets(codec, tmp_path):
    how, suffix, name = CODECS[codec]
    made = pieces(tmp_path, "25", [[0], [30]], suffix, how)
    folder = Folder(tmp_path / "out")
    packaged(folder, "25", made)
    text = (folder.path / "master.m3u8").read_text()
    told = re.search(r'CODECS="([^"]+)"', text)
    assert told
    assert told[1].startswith(name)
    assert decoded(folder.path / "master.m3u8") == times("25")
    assert warned(folder.path / "master.m3u8") == ""
    assert re.findall(r'codecs="([^"]+)"', (folder.path / "manifest.mpd").read_text()) == [told[1]]
    if codec in ("h264", "hevc"):
        _compare(codec, told[1], made[0].part.open().read())


def _compare(codec: str, name: str, annex_b: bytes) -> None:
    """The name's numbers are those in the stream's own parameter set."""
    start = b"\0\0\1\x67" if codec == "h264" else b"\0\0\1\x42\x01"
    at = annex_b.index(start) + len(start)
    if codec == "h264":
        assert name == f"avc1.{annex_b[at : at + 3].hex()}"
        return
    raw = annex_b[at + 1 : at + 20].replace(b"\0\0\3", b"\0\0")
    profile, level = raw[0] & 31, raw[11]
    assert name.split(".")[1:4] == [str(profile), "6", f"L{level}"]
    assert name.split(".")[4] == f"{raw[5]:X}"


SOUNDS = {"aac": "mp4a.40.2", "ac3": "ac-3", "libopus": "opus", "flac": "fLaC", "libmp3lame": "mp4a.6B"}


@pytest.mark.parametrize("codec", ["aac", "ac3"])
def test_sound_of_transport_streams_keeps_its_times(codec, parts, sounds, tmp_path):
    about = film("25", sound=("a0",))
    folder = Folder(tmp_path)
    packager = Packager(plan(about, container="hls-ts", tracks=(TrackWant("a0", TaskKind.AUDIO, 0),)), folder.save)
    packager.add_track("a0", track_part(sounds[codec], TaskKind.AUDIO, "nut"))
    for piece in parts["25"]:
        packager.add_chunk({about.name: piece})
    folder.write(packager.texts(Ended.DONE))
    with av.open(str(sounds[codec])) as opened:
        wanted = [p.pts * p.time_base for p in opened.demux() if p.size]
    # FFmpeg's reader of playlists takes the second packet for the first one's remainder, so without the playlist:
    segments = sorted((tmp_path / "audio" / "a0").glob("*.ts"))
    (tmp_path / "whole.ts").write_bytes(b"".join(path.read_bytes() for path in segments))
    found = shown(tmp_path / "whole.ts", "audio")
    assert all(abs(a - b) <= Fraction(1, 90000) for a, b in zip(found, wanted, strict=True))
    assert warned(tmp_path / "master.m3u8") == ""


@pytest.mark.parametrize("codec", SOUNDS)
def test_sound_is_named_and_plays_when_it_should(codec, parts, sounds, tmp_path):
    name, about = f"a0-{codec}", film("25", sound=(f"a0-{codec}",))
    folder = Folder(tmp_path)
    packager = Packager(plan(about, tracks=(TrackWant(name, TaskKind.AUDIO, 0),)), folder.save)
    part = track_part(sounds[codec], TaskKind.AUDIO, "nut", language="ger", title='Say "ä"', default=True)
    packager.add_track(name, part)
    for piece in parts["25"]:
        packager.add_chunk({about.name: piece})
    folder.write(packager.texts(Ended.DONE))
    text = (tmp_path / "master.m3u8").read_text()
    assert f'CODECS="avc1.64000a,{SOUNDS[codec]}"' in text
    assert 'NAME="Say  ä ",LANGUAGE="de",DEFAULT=YES,AUTOSELECT=YES,CHANNELS="2"' in text
    with av.open(str(sounds[codec])) as opened:
        wanted = [p.pts * p.time_base - 10 for p in opened.demux() if p.size]
    found = shown(tmp_path / "audio" / name / "index.m3u8", "audio")
    assert all(abs(a - b) < Fraction(1, 48000) for a, b in zip(found, wanted, strict=True))
    assert warned(tmp_path / "master.m3u8") == ""
    assert warned(tmp_path / "manifest.mpd") == ""


def test_tracks_stand_in_the_order_of_the_source_whichever_is_there_first(parts, sounds, tmp_path):
    names = ("a0", "a1")
    about = film("25", sound=names)
    tracks = tuple(TrackWant(name, TaskKind.AUDIO, place) for place, name in enumerate(names))
    packager = Packager(plan(about, tracks=tracks), Folder(tmp_path).save)
    for name in reversed(names):
        packager.add_track(name, track_part(sounds["aac"], TaskKind.AUDIO, "nut"))
    packager.add_chunk({about.name: parts["25"][0]})
    texts = packager.texts(Ended.DONE)
    assert re.findall(rb'URI="audio/(a\d)', texts["master.m3u8"]) == [b"a0", b"a1"]
    assert re.findall(rb'Representation id="(a\d)', texts["manifest.mpd"]) == [b"a0", b"a1"]


def test_bit_rates_are_measured(parts, tmp_path):
    folder = Folder(tmp_path)
    packaged(folder, "25", parts["25"])
    text = (tmp_path / "master.m3u8").read_text()
    told = re.search(r"BANDWIDTH=(\d+),AVERAGE-BANDWIDTH=(\d+)", text)
    assert told
    segments = sorted((tmp_path / "video" / "240p").glob("*.m4s"))
    sizes = [path.stat().st_size for path in segments]
    assert int(told[2]) == -(-sum(sizes) * 8 * 10 // 24)
    lengths = [Fraction(n, 25) for n in (20, 15, 12, 13)]
    runs = [
        (i, j) for i in range(4) for j in range(i + 1, 5) if Fraction(1, 2) <= sum(lengths[i:j]) <= Fraction(3, 2)
    ]
    highest = max(sum(sizes[i:j]) * 8 / sum(lengths[i:j]) for i, j in runs)
    assert int(told[1]) == -(-highest // 1)
    assert int(told[1]) > int(told[2])


def test_a_growing_presentation_becomes_a_finished_one(parts, sounds, tmp_path):
    about = film("25", sound=("a0",), cap=900_000)
    folder = Folder(tmp_path)
    packager = Packager(plan(about, tracks=(TrackWant("a0", TaskKind.AUDIO, 0),)), folder.save)
    packager.add_chunk({about.name: parts["25"][0]})
    assert packager.texts(Ended.GROWING) == {}
    packager.add_track("a0", track_part(sounds["aac"], TaskKind.AUDIO, "nut"))
    growing = packager.texts(Ended.GROWING)
    assert b"#EXT-X-PLAYLIST-TYPE:EVENT" in growing["video/240p/index.m3u8"]
    assert b"ENDLIST" not in growing["video/240p/index.m3u8"]
    assert growing["audio/a0/index.m3u8"].count(b"#EXTINF") == 2  # of three: no further than the pictures
    assert (
        int(re.findall(rb"[:,]BANDWIDTH=(\d+)", growing["master.m3u8"])[0]) > 900_000
    )  # promised, not yet measured
    assert b'type="dynamic"' in growing["manifest.mpd"]
    folder.write(growing)
    assert len(decoded(_cut(tmp_path))) == 35
    broken = packager.texts(Ended.BROKEN_OFF)
    assert b"# The job that made this failed" in broken["master.m3u8"]
    assert broken["video/240p/index.m3u8"].endswith(b"#EXT-X-ENDLIST\n")
    assert b'type="static"' in broken["manifest.mpd"]
    for piece in parts["25"][1:]:
        packager.add_chunk({about.name: piece})
    done = packager.texts(Ended.DONE)
    assert int(re.findall(rb"[:,]BANDWIDTH=(\d+)", done["master.m3u8"])[0]) < 900_000
    assert done["video/240p/index.m3u8"].startswith(growing["video/240p/index.m3u8"].replace(b"EVENT", b"VOD"))


def _cut(folder: Path) -> Path:
    """A playlist that grows, ended: readers would wait for more of it."""
    path = folder / "video" / "240p" / "index.m3u8"
    path.write_text(path.read_text() + "#EXT-X-ENDLIST\n")
    return path


def test_subtitles_stand_in_every_segment_that_they_reach_into(parts, tmp_path):
    (tmp_path / "s.srt").write_text(
        "1\n00:00:10,500 --> 00:00:11,250\nA < B & <i>C</i>\n<font color=red>there</font>\n\n"
        "2\n00:00:11,500 --> 00:00:12,000\n{\\an8}Bye\n\n"
    )
    ffmpeg("-i", tmp_path / "s.srt", "-c", "copy", tmp_path / "s.mkv")
    track = track_part(tmp_path / "s.mkv", TaskKind.TEXT, "matroska", language="eng")
    for container, mapping in (("cmaf", ""), ("hls-ts", "X-TIMESTAMP-MAP=MPEGTS:900000,LOCAL:00:00:00.000\n")):
        folder = Folder(tmp_path / container)
        about = film("25")
        packager = Packager(
            plan(about, container=container, tracks=(TrackWant("s0", TaskKind.TEXT, 0),)), folder.save
        )
        packager.add_track("s0", track)
        for piece in parts["25"]:
            packager.add_chunk({about.name: piece})
        folder.write(packager.texts(Ended.DONE))
        text = folder.path / "text" / "s0"
        first = "00:00:00.500 --> 00:00:01.250\nA &lt; B &amp; <i>C</i>\nthere\n"
        second = "00:00:01.500 --> 00:00:02.000\nBye\n"
        assert (text / "00000.vtt").read_text() == f"WEBVTT\n{mapping}\n{first}"
        assert (text / "00001.vtt").read_text() == f"WEBVTT\n{mapping}\n{first}\n{second}"
        assert (text / "00002.vtt").read_text() == f"WEBVTT\n{mapping}"
        if not mapping:
            _check_samples(text)
        assert (text / "whole.vtt").read_text() == f"WEBVTT\n\n{first}\n{second}"
        assert (text / "index.m3u8").read_text().count("#EXTINF:") == 3
        master = (folder.path / "master.m3u8").read_text()
        assert (
            'TYPE=SUBTITLES,GROUP-ID="text",NAME="en",LANGUAGE="en",DEFAULT=NO,AUTOSELECT=YES,URI="text/s0/'
            in master
        )
        assert 'SUBTITLES="text"' in master


def _check_samples(text: Path) -> None:
    """What DASH shows, from when on."""
    segments = sorted(text.glob("*.m4s"))
    (text / "all.mp4").write_bytes(b"".join(path.read_bytes() for path in [text / "init.mp4", *segments]))
    with av.open(str(text / "all.mp4")) as opened:
        found = [(p.pts, re.findall(rb"payl(.*)", bytes(p), re.DOTALL)) for p in opened.demux() if p.size]
    first, second = b"A &lt; B &amp; <i>C</i>\nthere", b"Bye"
    assert found == [(0, []), (500, [first]), (1000, [first]), (1250, []), (1500, [second]), (2000, [])]
    assert warned(text.parent.parent / "manifest.mpd") == ""


def test_hdr_is_told(tmp_path):
    colour = Colour("tv", "bt2020", "smpte2084", "bt2020nc", MASTERING, "1000,400")
    how = ["-c:v", "libx265", "-x265-params", "repeat-headers=1:open-gop=0:log-level=error"]
    how += [
        "-color_primaries",
        "bt2020",
        "-color_trc",
        "smpte2084",
        "-colorspace",
        "bt2020nc",
        "-color_range",
        "tv",
    ]
    made = pieces(tmp_path, "25", [[0]], "ts", how)
    folder = Folder(tmp_path / "out")
    about = film("25")
    packager = Packager(plan(type(about)(**{**vars(about), "colour": colour})), folder.save)
    packager.add_chunk({about.name: made[0]})
    folder.write(packager.texts(Ended.DONE))
    assert "VIDEO-RANGE=PQ" in (folder.path / "master.m3u8").read_text()
    head = (folder.path / "video" / "240p" / "init.mp4").read_bytes()
    entry = boxes(head, "moov/trak/mdia/minf/stbl/stsd")[0]
    assert b"mdcv" in entry
    assert b"clli" in entry


def test_times_to_decode_rise_and_are_never_too_late():
    ticks = CASES["vfr"][1]
    still = [0, 1, 2, 3, 5000, 5001, 5002, 5003]
    for line, shift in ((list(ticks), 1024), (still, 2), (still, 20)):
        order = [line[i] for n in range(0, len(line), 4) for i in (n, n + 3, n + 1, n + 2)]
        found = decode_times(order, shift)
        assert found[0] == line[0]
        assert all(a < b for a, b in itertools.pairwise(found))
        assert all(at <= pts + shift for at, pts in zip(found, order, strict=True))


def test_headers_place_the_presentation_behind_what_decoders_need(parts, tmp_path):
    packaged(Folder(tmp_path), "25", parts["25"])
    head = (tmp_path / "video" / "240p" / "init.mp4").read_bytes()
    (edits,) = boxes(head, "moov/trak/edts/elst")
    assert struct.unpack(">2IQq", edits[:24]) == (1 << 24, 1, 0, 2 * 512)
    for number, start in enumerate(itertools.chain(*STARTS)):
        data = (tmp_path / "video" / "240p" / f"{number:05d}.m4s").read_bytes()
        (decode,) = boxes(data, "moof/traf/tfdt")
        assert struct.unpack(">IQ", decode) == (1 << 24, start * 512)


@pytest.mark.parametrize("container", ["cmaf", "hls-ts"])
def test_thumbnails_show_the_beginning_of_each_segment(container, parts, tmp_path):
    """Each tile is the picture that the segment begins with, as far as its size and JPEG allow."""
    packaged(Folder(tmp_path), "vfr", parts["vfr"], container)
    text = (tmp_path / "thumbnails" / "thumbnails.vtt").read_text()
    cues = re.findall(r"([\d:.]+) --> ([\d:.]+)\n(\S+)#xywh=(\d+),(\d+),(\d+),(\d+)\n", text)
    assert [cue[2:] for cue in cues] == [
        ("00000.jpg", "0", "0", "160", "90"),
        ("00000.jpg", "160", "0", "160", "90"),
        ("00001.jpg", "0", "0", "160", "90"),
        ("00002.jpg", "0", "0", "160", "90"),
    ]
    begins = [times("vfr")[start] for start in itertools.chain(*STARTS)]
    assert [cue[0] for cue in cues] == [f"00:00:{float(begin):06.3f}" for begin in begins]
    with av.open(str(tmp_path / "video" / "240p" / "index.m3u8"), options={"allowed_extensions": "ALL"}) as opened:
        frames = [frame.reformat(160, 90, "gray").to_ndarray() for frame in opened.decode(video=0)]
    for (_, _, name, x, y, wide, high), start in zip(cues, itertools.chain(*STARTS), strict=True):
        with av.open(str(tmp_path / "thumbnails" / name)) as opened:
            whole = next(opened.decode(video=0)).reformat(format="gray").to_ndarray()
        tile = whole[int(y) : int(y) + int(high), int(x) : int(x) + int(wide)].astype(int)
        off = [abs(tile - frame).mean() for frame in frames]
        assert off[start] < 8
        assert off[start] == min(off)


def test_many_thumbnails_stand_in_rows(tmp_path):
    made = pieces(tmp_path, "25", [range(0, 60, 5)])
    packaged(Folder(tmp_path / "out"), "25", made)
    text = (tmp_path / "out" / "thumbnails" / "thumbnails.vtt").read_text()
    assert text.rstrip().endswith("00000.jpg#xywh=160,90,160,90")
    with av.open(str(tmp_path / "out" / "thumbnails" / "00000.jpg")) as opened:
        assert (opened.streams.video[0].width, opened.streams.video[0].height) == (1600, 180)
