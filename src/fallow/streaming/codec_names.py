"""What playlists call a stream: RFC 6381 names, read from the parameter sets in its sample entry."""

from __future__ import annotations

from collections.abc import Iterator

from fallow.streaming.fragments import children

_VISUAL, _SOUND = 78, 28  # bytes of a sample entry before its boxes
_SIMPLE = {"Opus": "opus", "fLaC": "fLaC", "ac-3": "ac-3", "ec-3": "ec-3", ".mp3": "mp4a.40.34"}
_RANGES = {16: "PQ", 18: "HLG"}  # transfer characteristics of ISO/IEC 23091-2


def codec_name(entry: bytes) -> str:
    """The stream's name as CODECS has it; raises ValueError for a stream that has none."""
    name, payload = next(children(entry))
    if name in _SIMPLE:
        return _SIMPLE[name]
    inside = dict(children(payload[_SOUND if name == "mp4a" else _VISUAL :]))
    if name in ("avc1", "avc3"):
        return f"{name}.{inside['avcC'][1:4].hex()}"
    if name in ("hvc1", "hev1"):
        return f"{name}.{_hevc(inside['hvcC'])}"
    if name == "av01":
        return f"av01.{_av1(inside['av1C'])}"
    if name == "vp09":
        return f"vp09.{_vp9(inside['vpcC'])}"
    if name == "mp4a":
        return _mpeg_sound(inside["esds"])
    raise ValueError(f"There is no name for streams of {name!r} in playlists.")


def video_range(entry: bytes) -> str:
    """SDR, PQ or HLG, by the sample entry's colour box."""
    colour = dict(children(next(children(entry))[1][_VISUAL:])).get("colr", b"")
    transfer = int.from_bytes(colour[6:8], "big") if colour[:4] == b"nclx" else 2
    return _RANGES.get(transfer, "SDR")


def _hevc(record: bytes) -> str:
    """ISO/IEC 14496-15 annex E: profile, compatibility with its bits reversed, tier and level, constraints."""
    space, tier, profile = record[1] >> 6, record[1] >> 5 & 1, record[1] & 31
    fits = int(f"{int.from_bytes(record[2:6], 'big'):032b}"[::-1], 2)
    constraints = record[6:12].rstrip(b"\0")
    words = [f"{'ABC'[space - 1] if space else ''}{profile}", f"{fits:X}", f"{'H' if tier else 'L'}{record[12]}"]
    return ".".join([*words, *(f"{byte:X}" for byte in constraints)])


def _av1(record: bytes) -> str:
    profile, level = record[1] >> 5, record[1] & 31
    tier, high, twelve = record[2] >> 7, record[2] >> 6 & 1, record[2] >> 5 & 1
    depth = 12 if twelve else 10 if high else 8
    return f"{profile}.{level:02d}{'H' if tier else 'M'}.{depth:02d}"


def _vp9(record: bytes) -> str:
    """After version and flags: profile, level, then depth in four bits."""
    return f"{record[4]:02d}.{record[5]:02d}.{record[6] >> 4:02d}"


def _mpeg_sound(descriptor: bytes) -> str:
    """The object type; for AAC with the kind of AAC that its configuration begins with."""
    found = dict(_descriptors(descriptor[4:]))
    kind = found[4][0]
    if kind != 0x40:
        return f"mp4a.{kind:02X}"
    config = found[5]
    object_type = config[0] >> 3
    if object_type == 31:
        object_type = 32 + (int.from_bytes(config[:2], "big") >> 5 & 63)
    return f"mp4a.40.{object_type}"


_PREFIX = {3: 3, 4: 13}  # bytes of a descriptor before those within it


def _descriptors(data: bytes) -> Iterator[tuple[int, bytes]]:
    """The descriptors of an esds box by tag, those within others too."""
    place = 0
    while place + 2 <= len(data):
        tag, size, place = data[place], 0, place + 1
        while True:
            byte, place = data[place], place + 1
            size = size << 7 | byte & 127
            if byte < 128:
                break
        payload = data[place : place + size]
        yield tag, payload
        if tag in _PREFIX:
            yield from _descriptors(payload[_PREFIX[tag] :])
        place += size
