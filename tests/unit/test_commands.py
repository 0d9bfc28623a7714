"""FFmpeg's arguments: whole command lines compared."""

from __future__ import annotations

import shlex
from dataclasses import replace
from fractions import Fraction

import pytest
from video_recipes import X264, line, recipe

from fallow.errors import Rejected
from fallow.ffmpeg import commands, reference
from fallow.ffmpeg.graphs import _slot_expression, chunk_graph
from fallow.model import Colour
from fallow.recipe import AudioRecipe, Encoder, Filter, Retime, TextRecipe

MASTERING = "G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,1)"
HDR = Colour("tv", "bt2020", "smpte2084", "bt2020nc", MASTERING, "1000,400")
COMMON = "-hide_banner -nostats -nostdin -loglevel error"
INPUT = "-copyts -protocol_whitelist pipe -f mpegts -i pipe:0"
TO_TS = (
    "-avoid_negative_ts disabled -muxdelay 0 -muxpreload 0 -pat_period 3600 -sdt_period 3600 -pcr_period 1000 "
    "-f mpegts pipe:1"
)


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
