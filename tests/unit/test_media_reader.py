"""Reading through ranges, and never anything but the file that was given."""

from __future__ import annotations

import os
import struct
import subprocess
from pathlib import Path

import imageio_ffmpeg
import pytest

from fallow.errors import BadInput, TransferFailed
from fallow.media import cutoff
from fallow.media.probe import Damage, probe
from fallow.media.reader import BLOCK, RangedReader, file_reader, open_input

FFMPEG = imageio_ffmpeg.get_ffmpeg_exe()


def ffmpeg(*args: object) -> None:
    subprocess.run([FFMPEG, "-v", "error", "-nostdin", "-y", *map(str, args)], check=True)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("clips")
    picture = ["-f", "lavfi", "-i", "testsrc2=s=64x48:r=25:d=2", "-pix_fmt", "yuv420p"]
    sound = ["-f", "lavfi", "-i", "sine=d=2"]
    video = ["-c:v", "libx264", "-preset", "ultrafast", "-g", "10"]
    ffmpeg(*picture, *video, "-movflags", "+faststart", folder / "plain.mp4")
    ffmpeg("-i", folder / "plain.mp4", "-c", "copy", folder / "plain.mkv")
    ffmpeg(*picture, "-c:v", "mpeg4", folder / "plain.avi")
    ffmpeg(*picture, "-frames:v", 2, "-c:v", "rawvideo", folder / "raw.avi")
    ffmpeg(*sound, folder / "sound.m4a")
    ffmpeg(*picture[:4], "-frames:v", 1, folder / "cover.png")
    cover = ["-i", folder / "cover.png", "-map", 0, "-map", 1, "-c:v", "copy", "-disposition:v", "attached_pic"]
    ffmpeg(*sound, *cover, folder / "cover.m4a")
    key = "76a6c65c5ea762046bd749a2e632ccbb"
    scheme = ["-encryption_scheme", "cenc-aes-ctr", "-encryption_key", key, "-encryption_kid", key]
    ffmpeg("-i", folder / "plain.mp4", "-c", "copy", *scheme, folder / "locked.mp4")
    return folder


def bytes_reader(data: bytes, name: str = "clip") -> RangedReader:
    return RangedReader(lambda start, length: data[start : start + length], len(data), name)


def test_ranges_make_a_file() -> None:
    data = os.urandom(3 * BLOCK + 17)
    reader = bytes_reader(data)
    assert reader.read() == data
    reader.seek(BLOCK - 2)
    assert reader.read(100) == data[BLOCK - 2 : BLOCK]
    assert reader.at(2 * BLOCK - 5, 10) == data[2 * BLOCK - 5 : 2 * BLOCK + 5]
    assert reader.tell() == BLOCK
    reader.seek(-3, os.SEEK_END)
    assert reader.read(10) == data[-3:]
    assert reader.read(1) == b""


def test_a_short_read_is_no_early_end(folder: Path) -> None:
    data = (folder / "plain.mp4").read_bytes()
    short = RangedReader(lambda start, length: data[start : start + length - 1], len(data), "clip")
    with pytest.raises(TransferFailed):
        probe(short)


POINTERS = {
    "concat": "ffconcat version 1.0\nfile {}\n",
    "concat without header": "file {}\n",
    "hls": "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n{}\n#EXT-X-ENDLIST\n",
    "dash": '<?xml version="1.0"?>\n<MPD xmlns="urn:mpeg:dash:schema:mpd:2011"><Period><AdaptationSet>'
    '<Representation id="1"><BaseURL>{}</BaseURL></Representation></AdaptationSet></Period></MPD>',
    "sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns={}\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5000 RTP/AVP 96\n",
}


@pytest.mark.parametrize("kind", POINTERS)
def test_what_points_at_other_files_is_refused(kind: str, folder: Path) -> None:
    script = POINTERS[kind].format(folder / "plain.mp4").encode()
    with pytest.raises(BadInput, match="playlist or script"):
        open_input(bytes_reader(script))


def test_an_external_data_reference_is_not_followed(folder: Path) -> None:
    data = (folder / "plain.mp4").read_bytes()
    place = data.index(b"url \0\0\0\1")
    alias = _alias(str(folder / "plain.mkv"))
    grown = _grown(data, place - 4, 12, alias)
    with pytest.raises(BadInput):
        probe(bytes_reader(grown))


def _alias(path: str) -> bytes:
    """A QuickTime alias record that names an absolute path (entry type 18)."""
    name = path.encode()
    record = struct.pack(">4sHH", b"\0\0\0\0", 0, 2) + bytes(142) + struct.pack(">HH", 18, len(name)) + name
    record += bytes(len(name) % 2) + struct.pack(">HH", 0xFFFF, 0)
    body = b"alis\0\0\0\0" + record
    return struct.pack(">I", 4 + len(body)) + body


def _grown(data: bytes, place: int, old: int, new: bytes) -> bytes:
    """`data` with a box replaced, and the sizes of all boxes around it put right."""
    out = bytearray(data)
    out[place : place + old] = new
    for name in (b"moov", b"trak", b"mdia", b"minf", b"dinf", b"dref"):
        at = data.index(name) - 4
        out[at : at + 4] = struct.pack(">I", struct.unpack(">I", data[at : at + 4])[0] + len(new) - old)
    return bytes(out)


def test_files_that_are_no_video(folder: Path) -> None:
    wrong = {
        "is empty": bytes_reader(b""),
        "no video container": bytes_reader(b"Hello, this is a letter.\n" * 999),
        "holds sound but no video": file_reader(folder / "sound.m4a"),
        "a cover picture is none": file_reader(folder / "cover.m4a"),
        "is encrypted": file_reader(folder / "locked.mp4"),
        "30000x4000 pixels": bytes_reader(_wide((folder / "raw.avi").read_bytes())),
    }
    for message, reader in wrong.items():
        with pytest.raises(BadInput, match=message):
            probe(reader)


def _wide(avi: bytes) -> bytes:
    at = avi.index(b"strf") + 12
    return avi[:at] + struct.pack("<II", 30000, 4000) + avi[at + 8 :]


def test_paths_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="is a directory"):
        file_reader(tmp_path)
    with pytest.raises(BadInput, match="does not exist"):
        file_reader(tmp_path / "none.mp4")


@pytest.mark.parametrize("name", ["plain.mp4", "plain.mkv", "plain.avi"])
def test_a_file_that_is_cut_off_is_refused_unless_accepted(name: str, folder: Path) -> None:
    data = (folder / name).read_bytes()
    whole, half = bytes_reader(data), bytes_reader(data[: len(data) * 6 // 10])
    source, _ = probe(whole)
    assert cutoff.missing_bytes(whole, source.container) == 0
    assert cutoff.missing_bytes(half, source.container) == len(data) - half.size
    with pytest.raises(BadInput, match=r"\d+ frames are missing"):
        probe(half)
    source, index = probe(half, Damage.ACCEPT)
    assert 0 < len(index.pts) < 50
    assert "frames are missing" in source.warnings[0]


@pytest.mark.parametrize("front", [True, False], ids=["index first", "index last"])
def test_an_mp4_without_its_index_is_told_apart_from_rubbish(front: bool, folder: Path) -> None:
    data = (folder / "plain.mp4").read_bytes()
    if front:
        data, lost = data[: data.index(b"moov") + 200], "cut short"
    else:
        data, lost = data[: data.index(b"moov") - 4] + data[data.index(b"mdat") - 4 : -100], "missing"
    with pytest.raises(BadInput, match=rf"cut off: its index \(moov\) is {lost}"):
        probe(bytes_reader(data))
