"""Compares a result with its source: frames, times, identity, sound, and what is written about them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

import numpy as np

from clips.sound import Samples, lag
from story.observe import RATE, Event, Heard, Observed, Read

COLUMNS = ("frames", "times", "identity", "sound", "metadata")
_AUDIO_FRAME = 1024 / 44100
_ALIKE = 0.3  # below this it is another sound; a shift of 0.3 ms in one half already costs half the likeness
_RGB = 0  # the code of a "matrix" that leaves red, green and blue alone


@dataclass(frozen=True)
class Verdict:
    """What is wrong, by column; nothing at all in a result that is right."""

    frames: tuple[str, ...] = ()
    times: tuple[str, ...] = ()
    identity: tuple[str, ...] = ()
    sound: tuple[str, ...] = ()
    metadata: tuple[str, ...] = ()
    offset: float = 0.0  # seconds, the largest of sound against picture

    @property
    def faults(self) -> list[str]:
        return [f"{column}: {fault}" for column in COLUMNS for fault in getattr(self, column)]


def compare(source: Observed, result: Observed, container: str) -> Verdict:
    """`container` says how finely the result can tell time: mp4, matroska, mpegts."""
    # An MP4 says at which time it begins; the others are moved as a whole so that nothing comes before 0.
    shift = -result.start if container == "mp4" else result.shown[0].time - _expected(source)[0]
    sound, offset = _sound(source, result, float(shift))
    return Verdict(
        frames=tuple(_frames(source, result)),
        times=(*_times(source, result, container, shift), *_order(result, container)),
        identity=tuple(_identity(source, result)),
        sound=tuple(sound),
        metadata=(
            *_look(source, result),
            *([] if container == "mpegts" else texts(source, result, float(shift))),  # which holds no text
            *_headings(source, result, container),
            *_clean(result),
        ),
        offset=offset,
    )


def compare_damaged(source: Observed, result: Observed) -> Verdict:
    """For an accepted damaged source: what is there must be right, but not all has to be there."""
    numbers = {time: shown.number for time, shown in zip(_expected(source), source.shown, strict=True)}
    found = [(shown.time + result.start, shown.number) for shown in result.shown]
    strange = [float(time) for time, _ in found if time not in numbers]
    wrong = [
        time for time, number in found if numbers.get(time) is not None and number not in (None, numbers[time])
    ]
    missing = len(source.shown) - len(result.shown)
    sound, offset = _sound(source, result, -float(result.start))
    return Verdict(
        frames=(f"{missing} pictures are missing",) if missing > len(source.shown) / 4 else (),
        times=(*_order(result, "mp4"), *((f"pictures at {strange[:3]} of no source",) if strange else ())),
        identity=(f"{len(wrong)} pictures are others, first at {float(wrong[0])}",) if wrong else (),
        sound=tuple(sound),
        offset=offset,
    )


def _frames(source: Observed, result: Observed) -> list[str]:
    if len(source.shown) == len(result.shown) == len(result.coded):
        return []
    return [f"{len(result.shown)} pictures in {len(result.coded)} packets instead of {len(source.shown)}"]


def _expected(source: Observed) -> list[Fraction]:
    """The source's times; of equal ones, the later is moved by the least that every container can tell."""
    least = max(source.tick, -(-Fraction(1, 90000) // source.tick) * source.tick)
    times: list[Fraction] = []
    for shown in sorted(picture.time for picture in source.shown):
        times.append(max(shown, times[-1] + least) if times else shown)
    return times


def _times(source: Observed, result: Observed, container: str, shift: Fraction) -> list[str]:
    expected = _expected(source)
    found = [picture.time for picture in result.shown]
    grain = {"mp4": Fraction(0), "matroska": Fraction(1, 1000), "mpegts": Fraction(1, 90000)}[container]
    wrong = [
        (number, float(got - shift - wanted))
        for number, (wanted, got) in enumerate(zip(expected, found, strict=False))
        if abs(got - shift - wanted) > grain
    ]
    if not wrong:
        return []
    number, error = max(wrong, key=lambda pair: abs(pair[1]))
    return [f"{len(wrong)} pictures at other times, first {wrong[0][0]}, worst {number} by {error * 1000:.3f} ms"]


def _order(result: Observed, container: str) -> list[str]:
    faults = []
    if not result.coded or not result.coded[0].key:
        faults.append("the first packet is no key frame")
    if container == "matroska":  # it stores no decode times
        return faults
    if any(a.dts is None or b.dts is None or a.dts >= b.dts for a, b in pairwise(result.coded)):
        faults.append("decode times do not rise")
    if any(packet.dts is not None and packet.pts < packet.dts for packet in result.coded):
        faults.append("a picture is shown before it is decoded")
    return faults


def _identity(source: Observed, result: Observed) -> list[str]:
    """Pictures that cannot be read in the source itself (damage) may be anything."""
    pairs = list(zip(source.shown, result.shown, strict=False))
    wrong = [k for k, (a, b) in enumerate(pairs) if a.number is not None and a.number != b.number]
    readable = sum(picture.number is not None for picture in source.shown)
    faults = []
    if wrong:
        first = pairs[wrong[0]]
        faults.append(
            f"{len(wrong)} pictures are others, first at {wrong[0]}: {first[1].number}, not {first[0].number}"
        )
    if readable < len(source.shown) * 0.5:
        faults.append(f"only {readable} of {len(source.shown)} pictures of the source can be told apart")
    return faults


def _sound(source: Observed, result: Observed, shift: float) -> tuple[list[str], float]:
    if len(source.heard) != len(result.heard):
        return [f"{len(result.heard)} tracks instead of {len(source.heard)}"], 0.0
    faults, worst = [], 0.0
    for number, (wanted, got) in enumerate(zip(source.heard, result.heard, strict=True)):
        found, offset = _track(wanted, got, shift)
        faults += [f"track {number} {fault}" for fault in found]
        worst = max(worst, abs(offset))
    return faults, worst


def _track(wanted: Heard, got: Heard, shift: float) -> tuple[list[str], float]:
    faults = []
    if wanted.language != got.language:
        faults.append(f"is in {got.language or 'no language'} instead of {wanted.language or 'none'}")
    offset, likeness = _offset(wanted.samples, got.samples)
    offset -= shift
    if len(wanted.samples) and likeness < _ALIKE:
        faults.append(f"is another sound (likeness {likeness:.2f})")
    elif abs(offset) > _AUDIO_FRAME:
        faults.append(f"plays {offset * 1000:+.1f} ms late")
    late, alike = _offset(_tail(wanted.samples), _tail(got.samples, len(wanted.samples)))
    if alike > _ALIKE and abs(late - shift) > _AUDIO_FRAME:
        faults.append(f"plays {(late - shift) * 1000:+.1f} ms late near its end")
    ends = [_end(wanted.samples) + shift, _end(got.samples)]
    if abs(ends[0] - ends[1]) > 0.06:
        faults.append(f"ends at {ends[1]:.3f} s instead of {ends[0]:.3f}")
    return faults, offset


def _offset(wanted: Samples, got: Samples) -> tuple[float, float]:
    return lag(wanted, got, RATE)


def _tail(samples: Samples, length: int | None = None) -> Samples:
    """From two thirds on, silence before: the same stretch of both."""
    tail = samples.copy()
    tail[: (len(samples) if length is None else length) * 2 // 3] = 0
    return tail


def _end(samples: Samples) -> float:
    loud = np.flatnonzero(np.abs(samples) > 0.02)
    return float(loud[-1]) / RATE if len(loud) else 0.0


def _look(source: Observed, result: Observed) -> list[str]:
    wanted, got = source.look, result.look
    faults = []
    if abs(got.aspect / wanted.aspect - 1) > 0.01:
        faults.append(f"the picture is {float(got.aspect):.3f}:1 instead of {float(wanted.aspect):.3f}:1")
    if got.turned:
        faults.append(f"players turn it by {got.turned} degrees")
    names = ("range", "primaries", "transfer", "matrix")
    # What is unknown need not be said, nor that the range is the usual one.
    usual = ((0, 1), (0, 2), (0, 2), (0, 2))
    if wanted.colour[3] == _RGB:  # which is converted to what encoders take
        return faults
    for name, silent, want, have in zip(names, usual, wanted.colour, got.colour, strict=True):
        if want != have and not (want in silent and have in silent):
            faults.append(f"colour {name} is {have} instead of {want}")
    return faults


def _headings(source: Observed, result: Observed, container: str) -> list[str]:
    if container == "mpegts":  # holds neither
        return []
    faults = [f"the title is {result.title!r}"] if result.title != source.title else []
    wanted, got = source.chapters, result.chapters
    alike = [a[2] == b[2] and abs(a[0] - b[0]) < 0.002 for a, b in zip(wanted, got, strict=False)]
    return faults if len(wanted) == len(got) and all(alike) else [*faults, f"the chapters are {got}"]


def texts(source: Observed, result: Observed, shift: float) -> list[str]:
    """Subtitles say the same at the same times, moved by `shift`."""
    if len(source.read) != len(result.read):
        return [f"{len(result.read)} subtitle tracks instead of {len(source.read)}"]
    faults = []
    for number, (wanted, got) in enumerate(zip(source.read, result.read, strict=True)):
        faults += [f"subtitles {number} {fault}" for fault in _text(wanted, got, shift)]
    return faults


def _text(wanted: Read, got: Read, shift: float) -> list[str]:
    faults = []
    if (wanted.language, wanted.forced) != (got.language, got.forced):
        faults.append(f"are {got.language!r}, forced {got.forced}, instead of {wanted.language!r}, {wanted.forced}")
    if [_words(event) for event in wanted.events] != [_words(event) for event in got.events]:
        faults.append(f"say {[_words(event) for event in got.events]}")
    elif _worst(wanted.events, got.events, shift) > 0.002:
        faults.append(f"are {_worst(wanted.events, got.events, shift) * 1000:.0f} ms off")
    return faults


def _words(event: Event) -> str:
    return re.sub(r"<[^>]*>|\{[^}]*\}", "", event.text).strip()


def _worst(wanted: Sequence[Event], got: Sequence[Event], shift: float) -> float:
    pairs = zip(wanted, got, strict=True)
    return max((max(abs(b.begin - shift - a.begin), abs(b.end - shift - a.end)) for a, b in pairs), default=0.0)


def _clean(result: Observed) -> list[str]:
    # The scaler speaks of how this test looks at pictures.
    lines = [line for line in result.complaints.splitlines() if line.strip() and "swscaler" not in line]
    return [f"FFmpeg complains: {lines[0][:120]}"] if lines else []
