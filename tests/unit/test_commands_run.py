"""FFmpeg's arguments, proven on FFmpeg itself."""

from __future__ import annotations

import shlex
import subprocess
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import pytest
from video_recipes import X264, line, recipe

from fallow.ffmpeg import commands, reference
from fallow.ffmpeg.counting import counter
from fallow.ffmpeg.graphs import chunk_graph, whole_graph
from fallow.ffmpeg.locate import find
from fallow.model import Colour
from fallow.recipe import AudioRecipe, Encoder, Retime


def run(arguments: list[str], data: bytes = b"") -> bytes:
    done = subprocess.run([find(), *arguments], input=data, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()[-2000:]
    return done.stdout


def clip(path: Path, rate: str = "25", frames: int = 62) -> bytes:
    """A chunk as the splitter ships it: MPEG-TS whose frame 0 is at 10 s."""
    source = f"testsrc2=size=64x48:rate={rate}"
    encode = ["-c:v", "libx264", "-preset", "ultrafast", "-bf", "0", "-frames:v", str(frames)]
    place = ["-output_ts_offset", "10", "-muxdelay", "0", "-muxpreload", "0"]
    run(["-v", "error", "-y", "-f", "lavfi", "-i", source, *encode, *place, str(path)])
    return path.read_bytes()


def frames(part: bytes, container: str = "mpegts") -> int:
    count = counter(container)
    count.feed(part)
    count.finish()
    return count.frames


def pictures(arguments: list[str], data: bytes = b"") -> list[str]:
    out = run(["-v", "error", *arguments, "-map", "0:v", "-fps_mode", "passthrough", "-f", "framemd5", "-"], data)
    return [line.split(",")[-1] for line in out.decode().splitlines() if not line.startswith("#")]


LOSSLESS = replace(X264, preset="ultrafast", crf=0.0)


@pytest.mark.parametrize(
    ("codec", "preset", "output"),
    [
        ("libx264", "veryfast", "mpegts"),
        ("libx265", "ultrafast", "mpegts"),
        ("libsvtav1", "12", "matroska"),
        ("libvpx-vp9", "8", "matroska"),
    ],
)
def test_guard_frames_are_dropped_exactly(tmp_path: Path, codec: str, preset: str, output: str) -> None:
    encoder = Encoder(codec, "yuv420p", preset, 250, crf=40.0)
    part = run(commands.video(recipe(encoder=encoder, output=output), 1), clip(tmp_path / "c.ts"))
    assert frames(part, output) == 50
    assert len(pictures(["-f", output, "-i", "-"], part)) == 50


def test_a_part_shows_exactly_its_frames(tmp_path: Path) -> None:
    chunk = clip(tmp_path / "c.ts")
    one = recipe(start=Fraction(10) + Fraction(19, 50), frames=40, marked=40, encoder=LOSSLESS)
    part = run(commands.video(one, 1), chunk)
    assert pictures(["-f", "mpegts", "-i", "-"], part) == pictures(["-i", str(tmp_path / "c.ts")])[10:50]


@pytest.mark.parametrize("accepted", [False, True])
def test_large_pictures_are_decoded_whole(tmp_path: Path, accepted: bool) -> None:
    """Demuxers of MPEG-TS hand on 200 KB at once."""
    path, size = tmp_path / "large.ts", {"width": 640, "height": 360}
    noise = ["-f", "lavfi", "-i", "nullsrc=s=640x360:r=25,geq=random(1)*255:128:128", "-frames:v", "4"]
    lossless = ["-c:v", "libx264", "-preset", "ultrafast", "-qp", "0", "-pix_fmt", "yuv420p"]
    run([*noise, *lossless, "-muxdelay", "0", "-output_ts_offset", "10", str(path)])
    assert path.stat().st_size > 4 * 220_000
    one = recipe(
        start=Fraction(499, 50), end=None, mark=None, guard=0, frames=4, marked=4, encoder=LOSSLESS, **size
    )
    part = run(commands.video(replace(one, accept_damaged=accepted), 1), path.read_bytes())
    assert pictures(["-f", "mpegts", "-i", "-"], part) == pictures(["-i", str(path)])


def test_damaged_packets_are_decoded_as_the_source_held_them() -> None:
    assert "-fflags +noparse+nofillin" in line(recipe(accept_damaged=True))
    assert "noparse" not in line(recipe())


def test_a_missing_frame_is_not_replaced_by_a_guard_frame(tmp_path: Path) -> None:
    # The chunk lacks one frame before the mark, and so the first guard frame comes one number too early.
    part = run(commands.video(recipe(start=Fraction(10) + Fraction(1, 50)), 1), clip(tmp_path / "c.ts"))
    assert frames(part) == 49


RATES = [("25", "30"), ("50", "25"), ("50", "10"), ("24000/1001", "25"), ("25", "24000/1001"), ("30", "60")]


def nearest(value: Fraction) -> int:
    return int(value + Fraction(1, 2))


@pytest.mark.parametrize(("source", "target"), RATES)
def test_a_changed_rate_gives_the_frames_of_one_process(tmp_path: Path, source: str, target: str) -> None:
    old, new = Fraction(source), Fraction(target)
    chunk = clip(tmp_path / "c.ts", source, 75)
    slots = [nearest(Fraction(i) / old * new) for i in range(75)]
    end, half = nearest(Fraction(75) / old * new), 1 / old / 2
    cut, guard = 40, min(12, slots[51] - slots[40])
    base = recipe(encoder=LOSSLESS, time_base=1 / new, rate=new)
    first = replace(
        base,
        frames=slots[cut],
        guard=guard,
        start=10 - half,
        end=10 + 52 / old - half,
        mark=10 + cut / old - half,
        marked=cut,
        retime=Retime(new, tuple(slots[:52]), 0),
    )
    last = replace(
        base,
        frames=end - slots[cut],
        guard=0,
        start=10 + cut / old - half,
        end=None,
        mark=10 + 74 / old - half,
        marked=74 - cut,
        retime=Retime(new, tuple(slots[cut:]), slots[cut]),
    )
    made = []
    for one in (first, last):
        part = run(commands.video(one, 1), chunk)
        assert frames(part) == one.frames
        made += pictures(["-f", "mpegts", "-i", "-"], part)
    assert made == pictures(["-i", str(tmp_path / "c.ts"), "-vf", f"fps={target}"])
    # The same chunks with their first frame missing: never the right number of frames.
    for one in (first, last):
        assert frames(run(commands.video(replace(one, start=one.start + 1 / old), 1), chunk)) != one.frames


def test_audio_packets_are_those_of_one_process(tmp_path: Path) -> None:
    source = ["-v", "error", "-y", "-f", "lavfi", "-i", "sine=frequency=440:sample_rate=44100:duration=2"]
    run([*source, "-c:a", "aac", str(tmp_path / "a.mp4")])
    place = ["-copyts", "-output_ts_offset", "10", "-avoid_negative_ts", "disabled"]
    track = run(["-v", "error", "-i", str(tmp_path / "a.mp4"), "-c", "copy", *place, "-f", "nut", "-"])
    one = AudioRecipe("nut", "nut", "aac", Fraction(10), Fraction(12), 96000, 1, 44100)
    part = run(commands.audio(one), track)

    def packets(arguments: list[str], data: bytes = b"") -> list[str]:
        out = run(["-v", "error", *arguments, "-map", "0:a", "-c", "copy", "-f", "framemd5", "-"], data)
        return [line.split(",")[-1] for line in out.decode().splitlines() if not line.startswith("#")]

    encode = ["-c:a", "aac", "-b:a", "96000", "-ac", "1", "-ar", "44100"]
    run(["-v", "error", "-y", "-i", str(tmp_path / "a.mp4"), *encode, str(tmp_path / "b.nut")])
    assert packets(["-f", "nut", "-i", "-"], part) == packets(["-i", str(tmp_path / "b.nut")])


@pytest.mark.parametrize("late", [0, 1])
def test_sound_of_another_rate_begins_and_ends_where_it_should(tmp_path: Path, late: int) -> None:
    place = ["-copyts", "-output_ts_offset", str(10 + late), "-avoid_negative_ts", "disabled"]
    source = ["-v", "error", "-f", "lavfi", "-i", "sine=frequency=440:sample_rate=44100:duration=2"]
    track = run([*source, "-c:a", "pcm_s16le", *place, "-f", "nut", "-"])
    begin = Fraction(10 + late)
    one = AudioRecipe("nut", "nut", "aac", begin, begin + 2, 96000, 1, 48000, begin + 3)
    (tmp_path / "part.nut").write_bytes(run(commands.audio(one), track))
    loud, ends = [], []
    with av.open(str(tmp_path / "part.nut")) as opened:
        for frame in opened.decode(audio=0):
            ends.append(frame.time + frame.samples / 48000)
            loud += [frame.time] if max(abs(v) for v in memoryview(bytes(frame.planes[0])).cast("f")) > 0.05 else []
    assert loud[0] == pytest.approx(10 + late, abs=0.05)
    assert loud[-1] == pytest.approx(12 + late, abs=0.05)
    assert ends[-1] == pytest.approx(13 + late, abs=0.05)


def test_the_reference_runs_as_it_stands(tmp_path: Path) -> None:
    clip(tmp_path / "c.ts")
    target = tmp_path / "it's done.mp4"
    made = reference.reference(
        (0, recipe(guard=0, end=None)), [], [], str(tmp_path / "c.ts"), str(target), "mp4", find()
    )
    subprocess.run(shlex.join(made), shell=True, check=True, capture_output=True)  # noqa: S602
    assert len(pictures(["-i", str(target)])) == 62


@pytest.mark.parametrize("matrix", ["ycgco", "bt2020c", "ictcp"])
def test_matrices_that_the_scaler_refuses_keep_their_name(tmp_path: Path, matrix: str) -> None:
    made = run(commands.video(recipe(colour=Colour(matrix=matrix)), 1), clip(tmp_path / "c.ts"))
    (tmp_path / "out.ts").write_bytes(made)
    with av.open(str(tmp_path / "out.ts")) as result:
        codes = {"ycgco": 8, "bt2020c": 10, "ictcp": 14}
        assert result.streams.video[0].codec_context.colorspace == codes[matrix]


def test_mirroring_comes_before_turning() -> None:
    # A process that reads the source itself turns its pictures of its own accord.
    assert whole_graph(recipe(rotation=90, mirrored=True)).startswith("scale=")
    assert "hflip,transpose=dir=clock,scale=" in chunk_graph(recipe(rotation=90, mirrored=True))
