"""FFmpeg's arguments: whole command lines compared, and proven on FFmpeg itself."""

from __future__ import annotations

import shlex
import subprocess
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import pytest

from fallow.errors import Rejected
from fallow.ffmpeg import commands, reference
from fallow.ffmpeg.counting import counter
from fallow.ffmpeg.graphs import _slot_expression, chunk_graph, whole_graph
from fallow.ffmpeg.locate import find
from fallow.model import Colour
from fallow.recipe import AudioRecipe, Encoder, Filter, Retime, TextRecipe, VideoRecipe

MASTERING = "G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,1)"
HDR = Colour("tv", "bt2020", "smpte2084", "bt2020nc", MASTERING, "1000,400")
X264 = Encoder("libx264", "yuv420p", "veryfast", 250, crf=23.0)
COMMON = "-hide_banner -nostats -nostdin -loglevel error"
INPUT = "-copyts -protocol_whitelist pipe -f mpegts -i pipe:0"
TO_TS = (
    "-avoid_negative_ts disabled -muxdelay 0 -muxpreload 0 -pat_period 3600 -sdt_period 3600 -pcr_period 1000 "
    "-f mpegts pipe:1"
)


def recipe(**changes: object) -> VideoRecipe:
    """The first two seconds of a 25 fps clip, of which 12 more frames came along."""
    plain = VideoRecipe(
        container="mpegts",
        output="mpegts",
        frames=50,
        start=Fraction(499, 50),
        end=Fraction(623, 50),
        guard=12,
        context_start=None,
        context_end=None,
        deinterlace=False,
        rotation=0,
        width=64,
        height=48,
        scaled=False,
        sample_aspect=Fraction(1),
        time_base=Fraction(1, 12800),
        rate=Fraction(25),
        encoder=X264,
        colour=Colour(),
        mark=Fraction(599, 50),
        marked=50,
    )
    return replace(plain, **changes)  # type: ignore[arg-type]


def line(one: VideoRecipe, threads: int = 1) -> str:
    return shlex.join(commands.video(one, threads)).replace("'\"'\"'", "'")


def test_video() -> None:
    graph = (
        "trim=start=9.980000:end=12.460000,"
        "select=expr='if(ld(0),0,if(gte(t,11.980000)*lt(n,50),st(0,1)*0,1))',"
        "scale=w=64:h=48:flags=bicubic,format=pix_fmts=yuv420p,setsar=sar=1/1:max=65535"
    )
    assert line(recipe()) == (
        f"{COMMON} -filter_threads 1 -threads 1 -noautorotate {INPUT} -map 0:v:0 -filter:v '{graph}' "
        "-fps_mode:v passthrough -enc_time_base:v 1/12800 "
        "-c:v libx264 -preset:v veryfast -threads:v 1 -crf:v 23 -g:v 250 -forced-idr:v 1 "
        "-x264-params fps=25/1:stitchable=1:zones=50,61,q=51,me=dia,subme=0,trellis=0,ref=1 "
        f"-force_key_frames:v 'expr:eq(n,50)' -bsf:v 'noise=drop='between(n,50,61)'' {TO_TS}"
    )


@pytest.mark.parametrize("change", [{"one_decoder_thread": True}, {"accept_damaged": True}])
def test_some_sources_are_decoded_in_one_thread(change: dict[str, object]) -> None:
    assert " -threads 4 " in line(recipe(), threads=4)
    assert " -threads 1 " in line(recipe(**change), threads=4)
    assert " -threads:v 4 " in line(recipe(**change), threads=4)


def test_everything_that_is_done_to_a_picture() -> None:
    graph = chunk_graph(
        recipe(
            guard=0,
            end=None,
            deinterlace=True,
            context_start=Fraction(994, 100),
            rotation=270,
            filters=(Filter("hue", (("s", "0.5"),)), Filter("vflip")),
            sample_aspect=Fraction(64, 45),
            colour=Colour("pc", "bt709", "bt709", "bt709"),
        )
    )
    assert graph == (
        "trim=start=9.940000,bwdif=mode=send_frame:parity=auto:deint=interlaced,trim=start=9.980000,"
        "transpose=dir=cclock,hue=s=0.5,vflip,scale=w=64:h=48:flags=bicubic:in_range=pc:out_range=pc,"
        "format=pix_fmts=yuv420p,setsar=sar=64/45:max=65535,"
        "setparams=range=pc:color_primaries=bt709:color_trc=bt709:colorspace=bt709"
    )


def test_rgb_becomes_what_players_expect() -> None:
    graph = chunk_graph(recipe(colour=Colour("pc", matrix="gbr")))
    assert "in_range=pc:out_range=tv:out_color_matrix=bt709" in graph
    assert graph.endswith("setparams=range=tv:colorspace=bt709")


def test_retime() -> None:
    change = Retime(Fraction(30), tuple(i * 6 // 5 for i in range(62)), 0)
    graph = chunk_graph(recipe(frames=60, guard=12, retime=change, time_base=Fraction(1, 30)))
    assert graph.startswith(
        "trim=start=9.980000:end=12.460000,"
        "setpts=expr='if(ld(0),ld(0),if(eq(gte(T,11.980000),gte(N,50)),PTS,st(0,-1/TB)))',"
        "settb=expr=1/30,setpts=expr='if(lt(PTS,0),93,floor((N*6+0)/5))',fps=fps=30/1,"
        "trim=start_pts=0,select=expr='lt(pts,72)+gte(pts,83)',"
    )


def test_the_last_picture_stays_until_the_end() -> None:
    change = Retime(Fraction(30), tuple(i * 6 // 5 for i in range(50)), 0)
    graph = chunk_graph(recipe(frames=60, guard=0, end=None, retime=change, marked=49))
    assert ",loop=loop=1:size=1:start=50," in graph
    assert "if(gte(N,50),60,floor((N*6+0)/5))" in graph


ZONES = "zones=50,61,q=51,me=dia,subme=0,trellis=0,ref=1"


@pytest.mark.parametrize(
    ("encoder", "colour", "expected"),
    [
        (
            replace(X264, crf=None, bitrate=1000000, maxrate=1500000, bufsize=2000000, profile="high", level="4.1"),
            HDR,
            "-c:v libx264 -preset:v veryfast -profile:v high -level:v 4.1 -threads:v 2 -b:v 1000000 "
            "-maxrate:v 1500000 -bufsize:v 2000000 -g:v 250 -forced-idr:v 1 -x264-params "
            f"'fps=25/1:stitchable=1:{ZONES}:mastering-display={HDR.mastering}:cll=1000,400'",
        ),
        (
            Encoder("libx265", "yuv420p10le", "medium", 250, crf=26.5, extra=(("aq-mode", "2"),)),
            HDR,
            "-c:v libx265 -preset:v medium -crf:v 26.5 -g:v 250 -forced-idr:v 1 -x265-params "
            "'fps=25/1:open-gop=0:repeat-headers=1:info=0:log-level=error:pools=2:frame-threads=1:aq-mode=2:"
            f"hdr10=1:master-display={HDR.mastering}:max-cll=1000,400'",
        ),
        (
            Encoder("libsvtav1", "yuv420p10le", "8", 250, crf=35.0, maxrate=900000, bufsize=1800000),
            HDR,
            "-c:v libsvtav1 -preset:v 8 -crf:v 35 -maxrate:v 900000 -bufsize:v 1800000 -g:v 250 -svtav1-params "
            "'fps-num=25:fps-denom=1:lp=2:mastering-display=G(0.265,0.69)B(0.15,0.06)R(0.68,0.32)"
            "WP(0.3127,0.329)L(1000,0.0001):content-light=1000,400'",
        ),
        (
            Encoder("libvpx-vp9", "yuv420p", "3", 250, crf=32.0, maxrate=900000, bufsize=1800000),
            Colour(),
            "-c:v libvpx-vp9 -deadline:v good -cpu-used:v 3 -threads:v 2 -row-mt:v 1 -crf:v 32 -b:v 900000 "
            "-bufsize:v 1800000 -g:v 250",
        ),
    ],
    ids=lambda value: value.codec if isinstance(value, Encoder) else "",
)
def test_encoders(encoder: Encoder, colour: Colour, expected: str) -> None:
    made = line(recipe(encoder=encoder, colour=colour, output="matroska"), threads=2)
    assert f" {expected} " in made
    assert ("-force_key_frames" in made) == (encoder.codec in ("libx264", "libx265"))


def test_audio() -> None:
    made = commands.audio(AudioRecipe("nut", "nut", "aac", Fraction(10), Fraction(12), 128000, 2, 48000))
    assert shlex.join(made) == (
        f"{COMMON} -copyts -protocol_whitelist pipe -f nut -i pipe:0 -map 0:a:0 "
        "-filter:a atrim=start=10.000000:end=12.000000 -c:a aac -b:a 128000 -ac 2 -ar 48000 "
        "-avoid_negative_ts disabled -f nut pipe:1"
    )


def test_audio_copy() -> None:
    made = commands.audio(AudioRecipe("nut", "matroska", "copy", Fraction(10), None))
    assert "-filter:a" not in made
    assert made[made.index("-c:a") + 1] == "copy"


def test_text() -> None:
    made = commands.text(TextRecipe("matroska", "matroska", "subrip"))
    assert shlex.join(made) == (
        f"{COMMON} -copyts -protocol_whitelist pipe -f matroska -i pipe:0 -map 0:s:0 -c:s subrip "
        "-avoid_negative_ts disabled -f matroska pipe:1"
    )


@pytest.mark.parametrize(
    "bad",
    [
        {"container": "concat"},
        {"output": "tee"},
        {"encoder": replace(X264, codec="libx264rgb")},
        {"encoder": replace(X264, preset="fast:x=y")},
        {"encoder": replace(X264, extra=(("stats", "secrets"),))},
        {"encoder": replace(X264, extra=(("me", "hex:stats=secrets"),))},
        {"encoder": replace(X264, pixel_format="yuv420p,movie=secrets")},
        {"filters": (Filter("movie", (("filename", "secrets"),)),)},
        {"filters": (Filter("hue", (("s", "1,movie=secrets"),)),)},
        {"colour": Colour(primaries="bt709,movie=secrets")},
    ],
    ids=str,
)
def test_a_recipe_cannot_name_files_or_smuggle_filters(bad: dict[str, object]) -> None:
    with pytest.raises(Rejected):
        commands.video(recipe(**bad), 1)


def test_guard_frames_need_a_mark() -> None:
    with pytest.raises(ValueError, match="guard frames"):
        commands.video(recipe(mark=None), 1)


def test_damage_that_is_accepted_leaves_no_guard() -> None:
    made = line(recipe(accept_damaged=True))
    assert "end=11.980000" in made
    assert "noise" not in made


def test_damage_that_is_accepted_gives_no_more_frames_than_there_are_places() -> None:
    made = line(recipe(accept_damaged=True))
    assert f"select=expr='isnan(prev_selected_t)+gt(t,prev_selected_t)',trim=end_frame={recipe().frames}," in made


@pytest.mark.parametrize("rate", [Fraction(25), Fraction(24000, 1001), Fraction(12), Fraction(144)])
def test_constant_rates_become_one_division(rate: Fraction) -> None:
    slots = [round(Fraction(i, 50) * rate + Fraction(1, 1000)) for i in range(700)]
    expression = _slot_expression(slots)
    assert expression.startswith("floor(")
    assert [eval(expression, {"floor": lambda x: x.__floor__(), "N": Fraction(i)}) for i in range(700)] == slots  # noqa: S307


def test_reference_is_one_plain_command() -> None:
    made = reference.reference(
        (0, recipe(guard=0, end=None, time_base=Fraction(1, 25))),
        [(1, AudioRecipe("nut", "nut", "aac", Fraction(10), None, 128000, 2))],
        [(0, TextRecipe("matroska", "matroska", "subrip"))],
        "a b.mkv",
        "out.mp4",
        "mp4",
    )
    assert shlex.join(made) == (
        "ffmpeg -hide_banner -y -i 'file:a b.mkv' -map 0:v:0 "
        "-filter:v scale=w=64:h=48:flags=bicubic,format=pix_fmts=yuv420p,setsar=sar=1/1:max=65535 "
        "-fps_mode:v passthrough -enc_time_base:v 1/25 "
        "-c:v libx264 -preset:v veryfast -threads:v 0 -crf:v 23 -g:v 250 -forced-idr:v 1 "
        "-x264-params fps=25/1:stitchable=1 -map 0:a:1 -c:a:0 aac -b:a:0 128000 -ac:a:0 2 "
        "-map 0:s:0 -c:s:0 mov_text -movflags +faststart -f mp4 file:out.mp4"
    )


# On FFmpeg itself


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
