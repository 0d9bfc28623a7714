"""Which of FFmpeg's words mean damaged pictures."""

from __future__ import annotations

import pytest

from fallow.ffmpeg.faults import fault

DAMAGE = {
    "[h264 @ 0x55f7] error while decoding MB 9 0, bytestream 487": "error while decoding MB 9 0, bytestream 487",
    "[mpeg2video @ 0x55f7] ac-tex damaged at 3 4": "ac-tex damaged at 3 4",
    "[hevc @ 0x55f7] PPS id out of range: 7": "PPS id out of range: 7",
    "[vist#0:0/h264 @ 0x1] [dec:h264 @ 0x2] Error submitting packet to decoder: Invalid data": (
        "[dec:h264 @ 0x2] Error submitting packet to decoder: Invalid data"
    ),
}
REMARKS = [
    "[h264 @ 0x55e4] mmco: unref short failure",  # of pictures that come before a chunk
    "[mpeg2video @ 0x55c0] Warning MVs not available",
    "[libx264 @ 0x55c0] invalid level",
    "[mpegts @ 0x55c0] Packet corrupt",
    "something invalid",
]


@pytest.mark.parametrize("line", DAMAGE)
def test_signs_of_damage_are_told_without_addresses_of_their_speaker(line: str) -> None:
    assert fault([*REMARKS, line, "[h264 @ 0x55f7] error while decoding MB 1 1"]) == DAMAGE[line]


def test_other_remarks_are_none() -> None:
    assert fault(REMARKS) == ""
