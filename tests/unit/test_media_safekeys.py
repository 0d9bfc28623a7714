"""Entry points and hidden packets, told by bytes."""

from av.packet import Packet

from fallow.media.frames import SAFE, SHOWN
from fallow.media.safekeys import packet_test

START = b"\0\0\0\1"
SLICE, IDR = START + b"\x61\x88", START + b"\x65\x88"


def flags(codec: str, data: bytes, extradata: bytes = b"", key: bool = True) -> int:
    packet = Packet(data)
    packet.is_keyframe = key
    return packet_test(codec, extradata)(packet)


def recovery(frames: int) -> bytes:
    """A recovery point message: recovery_frame_cnt as Exp-Golomb code, then three bits."""
    code = frames + 1
    bits = "0" * (code.bit_length() - 1) + f"{code:b}" + "100"
    bits += "1" + "0" * (-(len(bits) + 1) % 8)
    payload = int(bits, 2).to_bytes(len(bits) // 8, "big")
    return START + b"\x06" + bytes([5, 2, 255, 255, 6, len(payload)]) + payload + b"\x80"


def test_h264_begins_at_idr_and_at_exact_recovery_points() -> None:
    assert flags("h264", IDR) == SAFE | SHOWN
    assert flags("h264", recovery(0) + SLICE) == SAFE | SHOWN
    assert flags("h264", recovery(12) + SLICE) == SHOWN
    assert flags("h264", IDR, key=False) == SHOWN


def test_h264_with_lengths_instead_of_start_codes() -> None:
    header = b"\1\x64\0\x1f\xff"
    message = recovery(9)[4:]
    data = len(message).to_bytes(4, "big") + message + b"\0\0\0\2\x61\x88"
    assert flags("h264", data, header) == SHOWN
    assert flags("h264", b"\0\0\0\2\x65\x88", header) == SAFE | SHOWN


def test_hevc_begins_at_irap_pictures_and_hides_what_a_broken_link_skips() -> None:
    test = packet_test("hevc", b"")
    kinds = {"cra": 21, "bla": 16, "rasl": 8, "trail": 1, "end": 36}
    seen = []
    for name in ("cra", "rasl", "trail", "bla", "rasl", "cra", "rasl"):
        seen.append(test(Packet(START + bytes([kinds[name] << 1, 1]))))
    both = SAFE | SHOWN
    assert seen == [both, SHOWN, SHOWN, both, 0, both, SHOWN]


def test_av1_begins_only_at_key_frames_that_are_shown_at_once() -> None:
    delimiter, frame = b"\x12\0", b"\x32\x02"
    assert flags("av1", delimiter + frame + b"\x10\0") == SAFE | SHOWN
    assert flags("av1", delimiter + frame + b"\x00\0") == SHOWN  # forward key frame
    assert flags("av1", delimiter + b"\x1a\x01\x80") == SHOWN  # shows an earlier one


def test_vp8_and_vp9_hide_reference_frames() -> None:
    assert flags("vp8", b"\x10\0\0") == SAFE | SHOWN
    assert flags("vp8", b"\x01\0\0", key=False) == 0
    assert flags("vp9", b"\x82\0\0") == SAFE | SHOWN
    assert flags("vp9", b"\x84\0\0", key=False) == 0
    assert flags("vp9", b"\x84\0\xc1", key=False) == SHOWN  # a superframe


def test_mpeg4_begins_at_intra_pictures_whatever_the_flag_says() -> None:
    assert flags("mpeg4", b"\0\0\1\xb6\x10") == SAFE | SHOWN
    assert flags("mpeg4", b"\0\0\1\xb6\x90") == SHOWN  # a B-frame flagged as key by its neighbour


def test_other_codecs_are_taken_at_their_word() -> None:
    assert flags("prores", b"x") == SAFE | SHOWN
    assert flags("mpeg2video", b"x", key=False) == SHOWN
