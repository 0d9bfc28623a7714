"""Damage that a container or a packet shows before anything is decoded."""

from __future__ import annotations

import subprocess
from fractions import Fraction

import imageio_ffmpeg
import pytest
from av.packet import Packet

from fallow.errors import DamagedSource
from fallow.media.chain import Chain
from fallow.media.packets import best_video
from fallow.media.probe import Damage, probe
from fallow.media.reader import RangedReader, open_input
from fallow.media.scan import Scan
from fallow.media.wholeness import whole_test

AVCC, HVCC = b"\1\x64\0\x1f\xff", bytes([1, *[0] * 20, 3])
SUFFIXES = {"mkv": "matroska,webm", "flv": "flv", "vob": "mpeg", "mpg": "mpeg", "ts": "mpegts"}


def ffmpeg(*arguments: object) -> None:
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-y", *map(str, arguments)]
    subprocess.run(command, check=True)


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The same four seconds in containers of many pieces."""
    folder = tmp_path_factory.mktemp("films")
    inputs = ("-f", "lavfi", "-i", "testsrc2=size=128x96:duration=4", "-f", "lavfi", "-i", "sine=duration=4")
    encode = {True: ("-c:v", "libx264", "-preset", "ultrafast", "-g", "25", "-c:a", "aac")}
    encode[False] = ("-c:v", "mpeg2video", "-q:v", "6", "-c:a", "mp2")
    for suffix in (*SUFFIXES, "mp4"):
        ffmpeg(*inputs, *encode[suffix not in ("vob", "mpg")], folder / f"film.{suffix}")
    return {path.suffix[1:]: path.read_bytes() for path in folder.iterdir()}


def reader(data: bytes) -> RangedReader:
    return RangedReader(lambda start, length: data[start : start + length], len(data), "clip")


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_whole_file_has_all_pieces_in_their_places(suffix: str, films: dict[str, bytes]) -> None:
    assert Chain(reader(films[suffix]), SUFFIXES[suffix]).broken_at() is None
    probe(reader(films[suffix]))


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_source_is_scanned_in_one_pass(
    suffix: str, films: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    block, kept = 1024, 70  # more than FFmpeg reads at a time, and much less than all
    monkeypatch.setattr("fallow.media.reader.BLOCK", block)
    monkeypatch.setattr("fallow.media.reader.BLOCKS", kept)
    monkeypatch.setattr("fallow.media.chain.BLOCK", block)
    film, fetched = films[suffix], []

    def fetch(start: int, length: int) -> bytes:
        fetched.append(start)
        return film[start : start + length]

    source = RangedReader(fetch, len(film), "clip")
    with open_input(source) as container:
        fetched.clear()
        assert Scan.of(source, container, best_video(container, "clip"), Fraction(0)).unread is None
    assert len(film) > 2 * block * kept
    assert len(fetched) < 1.3 * len(film) / block


@pytest.mark.parametrize("hole", [b"", bytes(5000)], ids=["missing", "zeroed"])
@pytest.mark.parametrize("suffix", ["mkv", "flv"])
def test_a_hole_is_refused_where_the_length_is_declared(suffix: str, hole: bytes, films: dict[str, bytes]) -> None:
    film, middle = films[suffix], len(films[suffix]) // 2
    damaged = film[:middle] + hole + film[middle + 5000 :]
    with pytest.raises(DamagedSource, match=r"clip .* frames are missing"):
        probe(reader(damaged))
    source, index = probe(reader(damaged), Damage.ACCEPT)
    assert 40 < len(index.pts) < 100
    assert "--accept-damaged" in source.warnings[0]


@pytest.mark.parametrize("hole", [b"", bytes(5000)], ids=["missing", "zeroed"])
@pytest.mark.parametrize("suffix", ["vob", "mpg", "ts"])
def test_a_hole_is_told_where_no_length_is_declared(suffix: str, hole: bytes, films: dict[str, bytes]) -> None:
    film, middle = films[suffix], len(films[suffix]) // 2
    source, index = probe(reader(film[:middle] + hole + film[middle + 5000 :]))
    assert 40 < len(index.pts) <= 100
    assert any("is damaged" in warning or "some are missing" in warning for warning in source.warnings)


def test_a_zeroed_mp4_is_told(films: dict[str, bytes]) -> None:
    """Whether its pictures can be decoded is seen when that is tried."""
    film = films["mp4"]
    middle = film.index(b"mdat") + 20000
    source, index = probe(reader(film[:middle] + bytes(5000) + film[middle + 5000 :]))
    assert len(index.pts) == 100
    assert "nor are" in source.warnings[0]


def test_a_cut_off_flv_is_refused_by_the_length_that_it_declares(films: dict[str, bytes]) -> None:
    film = films["flv"]
    with pytest.raises(DamagedSource, match=r"about 5\d frames are missing"):
        probe(reader(film[: len(film) // 2]))


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_what_stands_after_the_last_picture_is_left_out_and_told(suffix: str, films: dict[str, bytes]) -> None:
    source, index = probe(reader(films[suffix] + b"What is this?" * 99))
    assert len(index.pts) == 100
    assert any(f"from byte {len(films[suffix])} on" in warning for warning in source.warnings)


def test_recordings_put_together_are_no_damage(films: dict[str, bytes]) -> None:
    source, index = probe(reader(films["ts"] + films["ts"]))
    assert len(index.pts) == 200
    assert ["another recording" in warning for warning in source.warnings] == [True]


def test_lost_sound_is_told(films: dict[str, bytes]) -> None:
    packets = [films["ts"][at : at + 188] for at in range(0, len(films["ts"]), 188)]
    sound = [number for number, packet in enumerate(packets) if packet[1] & 31 == 1 and packet[2] == 1]
    del packets[sound[len(sound) // 2]]
    source, index = probe(reader(b"".join(packets)))
    assert len(index.pts) == 100
    assert ["sound are damaged" in warning for warning in source.warnings] == [True]


def whole(data: bytes, codec: str = "h264", extradata: bytes = AVCC, corrupt: bool = False) -> bool:
    packet = Packet(data)
    packet.is_corrupt = corrupt
    return whole_test(codec, extradata)(packet)


def unit(content: bytes) -> bytes:
    return len(content).to_bytes(4, "big") + content


def test_what_a_demuxer_marks_is_not_whole() -> None:
    assert whole(b"anything", "mpeg2video", b"")
    assert not whole(b"anything", "mpeg2video", b"", corrupt=True)


def test_units_must_fill_a_packet_of_h264() -> None:
    message, picture = unit(b"\x06" + bytes(99)), unit(b"\x65" + b"picture" * 20)
    assert whole(message + picture)
    assert whole(picture + bytes(3))
    assert whole(unit(b"\x65picture" + bytes(99)))  # padded
    assert whole(b"\0\0\0\1\x65picture")
    assert not whole(message)
    assert not whole(message + picture[:-1])
    assert not whole(message + bytes(200))
    assert not whole(unit(b"\x65" + bytes(99) + b"picture"))


def test_units_must_fill_a_packet_of_hevc() -> None:
    assert whole(unit(b"\x26\1picture"), "hevc", HVCC)
    assert not whole(unit(b"\x46\1delimiter"), "hevc", HVCC)
