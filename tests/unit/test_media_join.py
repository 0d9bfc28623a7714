"""Parts encoded apart and joined are what one FFmpeg process would have written."""

import itertools
import re
import struct
import subprocess
from fractions import Fraction
from pathlib import Path

import av
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from joining import (
    CASES,
    FFMPEG,
    MASTERING,
    PASS,
    X264,
    Collected,
    boxes,
    encode,
    ffmpeg,
    joined,
    packets,
    parts,
    plan,
    track_part,
    video_part,
)

from fallow.errors import BrokenPart, EncoderFailed
from fallow.media.inspect import inspect_track, inspect_video
from fallow.media.join import join
from fallow.media.reader import RangedReader, file_reader
from fallow.media.result_layout import JoinPlan, TrackPart, VideoPart, lay_out
from fallow.media.to_timed_text import timed_text
from fallow.model import Chapter, Colour, TaskKind


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[VideoPart]]:
    """Each case's film in three parts, the last two frames long: fewer than the reorder depth needs."""
    folder = tmp_path_factory.mktemp("parts")
    return {case: parts(folder, case, [0, 25, 58, 60]) for case in CASES}


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("sound") / "a0.nut"
    tone = ["-f", "lavfi", "-i", "sine=duration=2.4:sample_rate=48000"]
    ffmpeg(*tone, "-c:a", "aac", "-output_ts_offset", 10, "-avoid_negative_ts", "disabled", target)
    return target


@pytest.mark.parametrize("case", CASES)
def test_a_joined_file_has_the_times_and_edit_lists_of_one_process(case, shared, sound, tmp_path):
    track = track_part(sound, TaskKind.AUDIO, "nut", end=Fraction(124, 10))
    result = joined(plan(case, shared[case], tracks=[track]), tmp_path / "joined.mp4")
    keys = ",".join(str(float(CASES[case][1][k] * CASES[case][0])) for k in (25, 58))
    tone = ("-f", "lavfi", "-i", "sine=duration=2.4:sample_rate=48000")
    how = [*X264, "-force_key_frames", keys, "-c:a", "aac", "-movie_timescale", 90000]
    one = encode(tmp_path / "one.mp4", case, 0, 60, 0, *how, sound=tone)
    for kind in ("video", "audio"):
        assert packets(result, kind) == packets(one, kind)
    for box in ("edts/elst", "mdia/minf/stbl/ctts", "mdia/minf/stbl/stss", "mdia/minf/stbl/stts", "tkhd"):
        ours, theirs = (boxes(f.read_bytes(), f"moov/trak/{box}") for f in (result, one))
        # Among other things a track header counts alternatives, which FFmpeg's program numbers.
        assert ours == theirs or (box == "tkhd" and [b[-8:] for b in ours] == [b[-8:] for b in theirs])


@pytest.mark.parametrize("container", ["mp4", "matroska", "mpegts"])
@pytest.mark.parametrize("case", CASES)
def test_every_frame_keeps_its_time_in_every_container(case, container, shared, sound, tmp_path):
    track = track_part(sound, TaskKind.AUDIO, "nut", language="deu")
    result = joined(plan(case, shared[case], container, tracks=[track]), tmp_path / "joined")
    base, times, _ = CASES[case]
    found = packets(result, "video")
    shown = sorted(p[0] for p in found)
    grain = {"mp4": 0, "matroska": Fraction(1, 1000), "mpegts": Fraction(1, 90000)}[container]
    assert len(found) == len(times)
    assert max(abs(pts - shown[0] - time * base) for pts, time in zip(shown, times, strict=True)) <= grain
    assert found[0][2]
    if container != "matroska":
        assert all(a[1] < b[1] for a, b in itertools.pairwise(found))
        assert all(pts >= dts for pts, dts, _ in found)
    assert ffmpeg("-i", result, *PASS, "-f", "null", "-") == ""
    with av.open(str(result)) as opened:
        assert opened.streams.video[0].sample_aspect_ratio == Fraction(4, 3)
        assert opened.streams.audio[0].metadata["language"] == "deu"


def test_sound_that_begins_before_or_after_the_picture_stays_where_it_was(shared, sound, tmp_path):
    """The source's start is the sound's; the picture begins later."""
    base, times, end = CASES["25"]
    late = [time + 6400 for time in times]
    track = track_part(sound, TaskKind.AUDIO, "nut")
    made = JoinPlan("mp4", shared["25"], late, base, end + 6400, tracks=[track])
    with av.open(str(joined(made, tmp_path / "late.mp4"))) as opened:
        video = [p.pts * p.time_base for p in opened.demux(video=0) if p.size]
        assert min(video) == Fraction(1, 2)
    with av.open(str(tmp_path / "late.mp4")) as opened:
        frame = next(opened.decode(audio=0))
        assert abs(frame.pts * frame.time_base) <= Fraction(1, 48000)


def test_hevc_in_mp4_is_tagged_hvc1_and_keeps_hdr10(tmp_path):
    options = ["-pix_fmt", "yuv420p10le", "-color_primaries", "bt2020", "-color_trc", "smpte2084"]
    options += ["-colorspace", "bt2020nc", "-color_range", "tv", "-c:v", "libx265", "-preset", "ultrafast"]
    options += ["-x265-params"]
    tuned = "range=limited:colorprim=bt2020:transfer=smpte2084:colormatrix=bt2020nc:log-level=none:"
    tuned += f"pools=1:repeat-headers=1:hdr10=1:bframes=3:master-display={MASTERING}:max-cll=1000,400"
    video = parts(tmp_path, "25", [0, 30, 60], options=[*options, tuned])
    colour = Colour("tv", "bt2020", "smpte2084", "bt2020nc", MASTERING, "1000,400")
    data = joined(plan("25", video, colour=colour), tmp_path / "hdr.mp4").read_bytes()
    entry = boxes(data, "moov/trak/mdia/minf/stbl/stsd")[0][8:]
    inner = boxes(entry, "hvc1")[0][78:]
    primaries = (13250, 34500, 7500, 3000, 34000, 16000, 15635, 16450, 10000000, 50)
    assert boxes(inner, "mdcv") == [struct.pack(">8H2I", *primaries)]
    assert boxes(inner, "clli") == [struct.pack(">2H", 1000, 400)]
    assert boxes(inner, "colr") == [b"nclx" + struct.pack(">3HB", 9, 16, 9, 0)]
    assert boxes(inner, "pasp") == [struct.pack(">2I", 4, 3)]
    assert ffmpeg("-i", tmp_path / "hdr.mp4", "-f", "null", "-") == ""
    mkv = joined(plan("25", video, "matroska", colour=colour), tmp_path / "hdr.mkv")
    report = subprocess.run([FFMPEG, "-i", str(mkv)], capture_output=True, text=True, check=False).stderr
    assert "MaxCLL=1000, MaxFALL=400" in report
    assert "r(0.6800,0.3200)" in report


@pytest.mark.parametrize("codec", ["libsvtav1", "libvpx-vp9"])
@pytest.mark.parametrize("container", ["mp4", "matroska"])
def test_av1_and_vp9_keep_times_and_shape(codec, container, tmp_path):
    speed = ["-preset", "12"] if codec == "libsvtav1" else ["-deadline", "realtime", "-cpu-used", "8"]
    video = parts(tmp_path, "23.976", [0, 30, 60], "mkv", ["-c:v", codec, *speed, "-threads", "1"])
    result = joined(plan("23.976", video, container), tmp_path / "joined")
    base, times, _ = CASES["23.976"]
    grain = Fraction(1, 2000) if container == "matroska" else 0
    assert all(abs(p[0] - t * base) <= grain for p, t in zip(packets(result, "video"), times, strict=True))
    with av.open(str(result)) as opened:
        assert opened.streams.video[0].sample_aspect_ratio == Fraction(4, 3)
        assert len(list(opened.decode(video=0))) == 60
    assert ffmpeg("-i", result, "-f", "null", "-") == ""


def test_a_result_tells_its_title_chapters_languages_and_marks(shared, sound, tmp_path):
    chapters = [Chapter(Fraction(0), Fraction(1), "One"), Chapter(Fraction(1), Fraction(12, 5), "Zwei")]
    tracks = [
        track_part(sound, TaskKind.AUDIO, "nut", language="eng", title="Main", default=True),
        track_part(sound, TaskKind.AUDIO, "nut", language="fra"),
    ]
    for container in ("mp4", "matroska"):
        made = plan("25", shared["25"], container, tracks=tracks, title="A film", chapters=chapters)
        with av.open(str(joined(made, tmp_path / container))) as opened:
            assert opened.metadata["title"] == "A film"
            assert [c["metadata"]["title"] for c in opened.chapters()] == ["One", "Zwei"]
            assert [s.metadata["language"] for s in opened.streams.audio] == ["eng", "fra"]
            assert [bool(s.disposition & 1) for s in opened.streams.audio] == [True, False]
            told = "handler_name" if container == "mp4" else "title"
            assert opened.streams.audio[0].metadata[told] == "Main"
        assert ffmpeg("-i", tmp_path / container, *PASS, "-f", "null", "-") == ""


def test_subtitles_are_timed_text_in_mp4_and_subrip_in_matroska(shared, tmp_path):
    (tmp_path / "s.srt").write_text(
        "1\n00:00:10,500 --> 00:00:11,250\nHällo <i>you</i>\nthere\n\n2\n00:00:11,500 --> 00:00:12,000\nBye\n\n"
    )
    ffmpeg("-i", tmp_path / "s.srt", "-c", "copy", tmp_path / "s.mkv")
    track = track_part(tmp_path / "s.mkv", TaskKind.TEXT, "matroska", language="swe", forced=True)
    for container, codec in (("mp4", "mov_text"), ("matroska", "subrip")):
        result = joined(plan("25", shared["25"], container, tracks=[track]), tmp_path / container)
        with av.open(str(result)) as opened:
            stream = opened.streams.subtitles[0]
            assert stream.codec_context.name in (codec, "srt")
            assert stream.metadata["language"] == "swe"
        ffmpeg("-i", result, tmp_path / f"{container}.srt")
        shown = (tmp_path / f"{container}.srt").read_text()
        assert "00:00:00,500 --> 00:00:01,250" in shown
        assert re.search(r"Hällo <i>you</i>\s+there", shown)
        assert "Bye" in shown


def test_style_records_count_characters():
    sample = timed_text("<b>ä<i>b</i></b> c {\\an8}<font color=red>d</font>\r\n".encode())
    length = struct.unpack(">H", sample[:2])[0]
    assert sample[2 : 2 + length].decode() == "äb c d"
    styles = sample[2 + length :]
    assert struct.unpack(">I4sH", styles[:10]) == (len(styles), b"styl", 2)
    assert [struct.unpack(">3H2B", styles[10 + 12 * k : 18 + 12 * k]) for k in range(2)] == [
        (0, 1, 1, 1, 16),
        (1, 2, 1, 3, 16),
    ]


def broken(made: JoinPlan) -> BrokenPart:
    with pytest.raises(BrokenPart) as caught:
        join(made, lay_out(made), Collected())
    return caught.value


def test_a_part_with_another_number_of_frames_is_refused(shared):
    first, second, third = shared["25"]
    short = VideoPart(second.open, "mpegts", 25, 58, second.size)
    base, times, end = CASES["25"]
    for lo, hi in ((25, 57), (25, 59)):
        wrong = VideoPart(short.open, "mpegts", lo, hi, short.size)
        last = VideoPart(third.open, "mpegts", hi, hi + 2, third.size)
        error = broken(JoinPlan("mp4", [first, wrong, last], times[: hi + 2], base, end))
        assert error.part == 1


def test_a_part_with_other_parameter_sets_is_refused(shared, tmp_path):
    first, _, third = shared["25"]
    other = encode(tmp_path / "other.ts", "25", 25, 58, 10, *X264, "-x264-params", "cabac=0")
    assert broken(plan("25", [first, video_part(other, 25, 58), third])).part == 1


def test_a_part_that_reorders_deeper_than_the_header_allows_is_refused(shared, tmp_path):
    flat = [*X264, "-bf", "0"]
    video = parts(tmp_path, "25", [0, 25], options=flat)
    assert broken(plan("25", [*video, *shared["25"][1:]])).part == 1


def test_a_part_that_does_not_begin_with_a_key_frame_is_refused(shared, tmp_path):
    with av.open(shared["25"][1].open()) as opened, av.open(str(tmp_path / "late.ts"), "w") as late:
        stream = late.add_stream_from_template(opened.streams.video[0], opaque=True)
        for number, packet in enumerate(p for p in opened.demux(video=0) if p.size):
            if number:
                packet.stream = stream
                packet.is_keyframe = number == 1
                late.mux(packet)
    made = plan("25", [shared["25"][0], video_part(tmp_path / "late.ts", 25, 57)])
    assert broken(made).part == 1
    with pytest.raises(BrokenPart):
        inspect_video(file_reader(tmp_path / "late.ts"), "mpegts")


def test_a_part_cut_short_is_refused(shared, sound, tmp_path):
    data = shared["25"][1].open().read()
    cut = tmp_path / "cut.ts"
    cut.write_bytes(data[: len(data) * 2 // 3])
    first, _, third = shared["25"]
    assert broken(plan("25", [first, video_part(cut, 25, 58), third])).part == 1
    whole = track_part(sound, TaskKind.AUDIO, "nut")
    short = sound.read_bytes()[: whole.size // 2]
    reader = RangedReader(lambda start, length: short[start : start + length], len(short))
    track = TrackPart(lambda: reader, "nut", TaskKind.AUDIO, whole.packets, len(short))
    assert broken(plan("25", shared["25"], tracks=[track])).track == 0


def test_rubbish_is_a_broken_part(shared):
    data = b"rubbish" * 1000
    reader = RangedReader(lambda start, length: data[start : start + length], len(data))
    first, _, third = shared["25"]
    made = plan("25", [first, VideoPart(lambda: reader, "mpegts", 25, 58, 7000), third])
    assert broken(made).part == 1


def test_frames_of_a_damaged_part_get_the_nearest_source_times(shared, tmp_path):
    base, times, _ = CASES["25"]
    missing = encode(tmp_path / "m.ts", "25", 0, 60, 10, *X264)
    graph = "trim=start_frame=25:end_frame=58,select='not(between(n,10,12))'"
    ffmpeg("-copyts", "-i", missing, "-vf", graph, "-fps_mode", "passthrough", "-enc_time_base:v", "1:12800", *X264,
           "-avoid_negative_ts", "disabled", "-muxdelay", 0, tmp_path / "holes.ts")  # fmt: skip
    first, _, third = shared["25"]
    damaged = video_part(tmp_path / "holes.ts", 25, 58, damaged=True)
    result = joined(plan("25", [first, damaged, third]), tmp_path / "joined.mp4")
    found = packets(result, "video")
    assert len(found) == 57
    kept = [t for k, t in enumerate(times) if k not in (35, 36, 37)]
    offset = inspect_video(file_reader(tmp_path / "holes.ts"), "mpegts").begin - 10 - times[25] * base
    assert offset == 0
    assert sorted(p[0] for p in found) == [t * base for t in kept]
    assert all(a[1] < b[1] for a, b in itertools.pairwise(found))
    assert all(pts >= dts for pts, dts, _ in found)


def test_only_one_part_is_open_at_a_time(shared):
    opened: list[int] = []

    class Watched(RangedReader):
        def __init__(self, number: int, inner: RangedReader) -> None:
            super().__init__(lambda start, length: inner.at(start, length), inner.size)
            self.number = number

        def read(self, n: int = -1) -> bytes:
            if not opened or opened[-1] != self.number:
                opened.append(self.number)
            return super().read(n)

    def watched(number: int, part: VideoPart) -> VideoPart:
        return VideoPart(lambda: Watched(number, part.open()), part.container, part.lo, part.hi, part.size)

    made = plan("25", [watched(k, part) for k, part in enumerate(shared["25"])])
    join(made, lay_out(made), Collected())
    assert opened == [0, 1, 2]


def test_a_full_disk_is_not_mistaken_for_a_broken_part(shared):
    class Full:
        def write(self, data: bytes) -> None:
            raise OSError(28, "No space left on device")

    made = plan("25", shared["25"], "mpegts")
    with pytest.raises((OSError, EncoderFailed)):
        join(made, lay_out(made), Full())


def test_inspection_tells_what_a_part_holds(shared, sound):
    facts = inspect_video(shared["vfr"][1].open(), "mpegts")
    assert (facts.frames, facts.codec, facts.width, facts.height) == (33, "h264", 64, 48)
    assert (facts.depth, facts.reorder) == (2, 2)
    assert facts.headers == inspect_video(shared["vfr"][2].open(), "mpegts").headers
    track = inspect_track(file_reader(sound), "nut")
    assert track.frames == 114
    assert track.begin == 10 - Fraction(1024, 48000)
    assert abs(track.end - Fraction(124, 10)) < Fraction(2048, 48000)
    with pytest.raises(BrokenPart):
        inspect_video(file_reader(sound), "nut")


@settings(max_examples=20, deadline=None)
@given(st.data())
def test_the_room_left_for_an_index_is_never_too_small(shared_tiny, data):
    """Frames and packets at wild times: every table of the index is as long as it can be."""
    video, sound = shared_tiny
    gaps = data.draw(st.lists(st.integers(1, 4000), min_size=200, max_size=200))
    times = list(itertools.accumulate(gaps))
    tracks = [sound] * data.draw(st.integers(0, 4))
    made = JoinPlan("mp4", [video], times, Fraction(1, 12800), times[-1] + 1, tracks=tracks, title="ß" * 50)
    layout = lay_out(made)
    index = len(boxes(join(made, layout, Collected()).head, "moov")[0])
    assert index + 16 <= layout.index
    assert layout.index <= 2 * index + 8192


@pytest.fixture(scope="module")
def shared_tiny(tmp_path_factory: pytest.TempPathFactory) -> tuple[VideoPart, TrackPart]:
    folder = tmp_path_factory.mktemp("tiny")
    source = ["-f", "lavfi", "-i", "testsrc2=size=32x32:rate=25:duration=8"]
    ffmpeg(*source, *X264, "-g", 3, "-pix_fmt", "yuv420p", folder / "v.ts")
    tone = ["-f", "lavfi", "-i", "sine=duration=8:sample_rate=44100"]
    ffmpeg(*tone, "-c:a", "aac", "-b:a", "8k", "-output_ts_offset", 10, folder / "a.mkv")
    return video_part(folder / "v.ts", 0, 200), track_part(folder / "a.mkv", TaskKind.AUDIO, "matroska")
