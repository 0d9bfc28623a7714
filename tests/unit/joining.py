"""Parts of a small film, and joining them, for tests."""

import itertools
import struct
import subprocess
from fractions import Fraction
from pathlib import Path

import av
import imageio_ffmpeg

from fallow.media.inspect import inspect_track
from fallow.media.join import join
from fallow.media.reader import file_reader
from fallow.media.result_layout import JoinPlan, TrackPart, VideoPart, lay_out
from fallow.model import TaskKind

FFMPEG = imageio_ffmpeg.get_ffmpeg_exe()
PASS = ["-fps_mode", "passthrough", "-enc_time_base:v", "1:90000"]
X264 = ["-c:v", "libx264", "-preset", "medium", "-threads", "1"]
MASTERING = "G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,50)"


def ffmpeg(*args: object) -> str:
    command = [FFMPEG, "-v", "warning", "-nostdin", "-y", *map(str, args)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stderr


class Collected:
    """A sink that keeps everything."""

    def __init__(self) -> None:
        self.body = bytearray()

    def write(self, data: bytes) -> None:
        self.body += data


def joined(plan: JoinPlan, target: Path) -> Path:
    sink, layout = Collected(), lay_out(plan)
    facts = join(plan, layout, sink)
    assert len(facts.head) <= layout.held
    assert facts.size == len(facts.head) + len(sink.body)
    target.write_bytes(facts.head + bytes(sink.body))
    return target


def video_part(path: Path, lo: int, hi: int, container: str = "mpegts", damaged: bool = False) -> VideoPart:
    return VideoPart(lambda: file_reader(path), container, lo, hi, path.stat().st_size, damaged)


def track_part(path: Path, kind: TaskKind, container: str, **about: object) -> TrackPart:
    packets = inspect_track(file_reader(path), container).frames
    return TrackPart(lambda: file_reader(path), container, kind, packets, path.stat().st_size, **about)  # type: ignore[arg-type]


def packets(path: Path, kind: str) -> list[tuple]:
    with av.open(str(path)) as opened:
        stream = next(s for s in opened.streams if s.type == kind)
        found = [p for p in opened.demux(stream) if p.size]
        return [(p.pts * p.time_base, p.dts and p.dts * p.time_base, p.is_keyframe) for p in found]


def boxes(data: bytes, path: str) -> list[bytes]:
    """The payloads of all boxes at a path like moov/trak/edts/elst."""
    name, _, rest = path.partition("/")
    found, at = [], 0
    while at + 8 <= len(data):
        size, kind = struct.unpack_from(">I4s", data, at)
        size = struct.unpack_from(">Q", data, at + 8)[0] if size == 1 else size
        if kind.decode("latin1") == name:
            payload = data[at + 8 : at + size]
            found += boxes(payload, rest) if rest else [payload]
        at += size
    return found


VFR = list(itertools.accumulate([0] + [(400, 512, 512, 900, 333)[k % 5] for k in range(59)]))
CASES = {
    "25": (Fraction(1, 12800), [512 * k for k in range(60)], 60 * 512),
    "23.976": (Fraction(1, 24000), [1001 * k for k in range(60)], 59 * 1001 + 960),
    "vfr": (Fraction(1, 12800), VFR, VFR[-1] + 512),
}


def encode(target: Path, case: str, lo: int, hi: int, lead: int, *options: object, sound: tuple = ()) -> Path:
    """Frames [lo, hi) of a case's film, encoded at their times plus `lead` seconds."""
    base, times, _ = CASES[case]
    steps = "+".join(f"{b - a}*gte(N,{k + 1})" for k, (a, b) in enumerate(itertools.pairwise(times)))
    clock = f"settb={base},setpts='{steps}'" if case == "vfr" else f"settb={base},setpts=N*{times[1]}"
    graph = f"{clock},trim=start_frame={lo}:end_frame={hi},setsar=4/3,format=yuv420p"
    source = ["-f", "lavfi", "-i", "testsrc2=size=64x48:rate=25:duration=2.4"]
    how = ["-vf", graph, "-fps_mode", "passthrough", "-enc_time_base:v", f"{base.numerator}:{base.denominator}"]
    last = ["-output_ts_offset", lead, "-avoid_negative_ts", "disabled", "-muxdelay", 0] if lead else []
    ffmpeg(*source, *sound, *how, *options, *last, target)
    return target


def parts(
    folder: Path, case: str, cuts: list[int], suffix: str = "ts", options: list[str] = X264
) -> list[VideoPart]:
    container = "mpegts" if suffix == "ts" else "matroska"
    made = []
    for lo, hi in itertools.pairwise(cuts):
        path = encode(folder / f"{case}-{lo}-{hi}.{suffix}", case, lo, hi, 10, *options)
        made.append(video_part(path, lo, hi, container))
    return made


def plan(case: str, video: list[VideoPart], container: str = "mp4", **more: object) -> JoinPlan:
    base, times, end = CASES[case]
    return JoinPlan(container, video, times, base, end, **more)  # type: ignore[arg-type]
