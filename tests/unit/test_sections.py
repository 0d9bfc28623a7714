"""Sound that is encoded in sections is, joined, what one encode of the whole is: in number, time and quality."""

from __future__ import annotations

import io
import itertools
import subprocess
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from fallow.ffmpeg.commands import arguments
from fallow.media.probe import probe
from fallow.media.reader import file_reader
from fallow.media.sections import FRAME, Stretch, cut_sections, stretches
from fallow.media.sound import Edges, SampleClock
from fallow.media.tracks import ship_tracks
from fallow.model import Source
from fallow.pipeline.job_options import Options
from fallow.pipeline.recipes import audio_recipes
from fallow.pipeline.sections import section_recipe, sections_of
from fallow.profiles import Audio, Profile
from fallow.recipe import LEAD, AudioRecipe
from unit.joining import FFMPEG, ffmpeg

Samples = NDArray[np.float32]
SECONDS = 21
JOINTS = (2, 4, 8, 16)  # seconds
OPTIONS = Options(container="cmaf", chunk_seconds=2.0, segment_seconds=1.0)


def tones(at: Samples) -> Samples:
    notes = ((0.2, 440.0), (0.1, 1234.5), (0.05, 7777.0))
    return np.sum([level * np.sin(2 * np.pi * pitch * at) for level, pitch in notes], axis=0)


def speech(at: Samples) -> Samples:
    """Noise with the spectrum and the ups and downs of a voice."""
    noise = np.random.default_rng(1).standard_normal(len(at))
    voice = np.convolve(noise, np.ones(8) / 8, "same")
    return 0.2 * voice * (0.5 + 0.5 * np.sin(2 * np.pi * 3.1 * at) * np.sin(2 * np.pi * 0.7 * at))


def transients(at: Samples) -> Samples:
    """Blows right before, at and after every joint, upon a faint tone."""
    sound, noise, rate = 0.02 * np.sin(2 * np.pi * 300 * at), np.random.default_rng(2), round(1 / at[1])
    for joint in JOINTS:
        for place in (joint * rate + shift for shift in (-1500, -512, 0, 300, 1024, 5000)):
            sound[place : place + 2000] += 0.5 * noise.standard_normal(2000) * np.exp(-np.arange(2000) / 100)
    return sound


class Made:
    """What came of encoding: packets with their times, and the samples that they decode to."""

    def __init__(self, *parts: bytes) -> None:
        self.packets: list[int] = []  # when each begins
        self.parts: list[int] = []  # where each begins
        self.extradata: set[bytes] = set()
        decoder, frames = None, []
        for part in parts:
            self.parts.append(len(self.packets))
            with av.open(io.BytesIO(part), format="nut") as opened:
                stream = opened.streams.audio[0]
                self.extradata.add(bytes(stream.codec_context.extradata or b""))
                decoder = decoder or _decoder(stream)
                for packet in opened.demux(stream):
                    if packet.size:
                        assert packet.time_base == Fraction(1, stream.codec_context.sample_rate)
                        self.packets.append(packet.pts)
                        frames += decoder.decode(av.Packet(bytes(packet)))
        frames += decoder.decode(None)
        self.samples = np.concatenate([_floats(frame) for frame in frames], axis=1)


def _floats(frame: av.AudioFrame) -> Samples:
    data = frame.to_ndarray()
    if not frame.format.is_planar:
        data = data.reshape(-1, frame.layout.nb_channels).T
    return data / (np.iinfo(data.dtype).max + 1.0) if data.dtype.kind == "i" else data


def _decoder(stream: av.AudioStream) -> av.AudioCodecContext:
    context = av.CodecContext.create(stream.codec_context.name, "r")
    context.extradata = stream.codec_context.extradata
    context.sample_rate, context.layout = stream.codec_context.sample_rate, stream.codec_context.layout
    return context


def source_of(
    folder: Path, sound: Callable[[Samples], Samples], suffix: str, *code: object, **more: object
) -> Path:
    rate, channels, delay = more.get("rate", 48000), more.get("channels", 2), more.get("delay", 0)
    mono = sound(np.arange(SECONDS * rate) / rate)  # type: ignore[operator]
    level = np.linspace(1.0, 0.7, channels)  # type: ignore[arg-type]
    pcm, path = folder / "sound.f32", folder / f"film.{suffix}"
    pcm.write_bytes((mono[:, None] * level).astype("<f4").tobytes())
    picture = f"testsrc2=size=64x36:rate=25:duration={SECONDS + 1}"
    heard = ["-itsoffset", delay, "-f", "f32le", "-ar", rate, "-ac", channels, "-i", pcm]
    seen = ["-c:v", "libx264", "-preset", "ultrafast", "-g", "50", "-pix_fmt", "yuv420p"]
    ffmpeg("-f", "lavfi", "-i", picture, *heard, *seen, *code, path)
    return path


def encoded(recipe: AudioRecipe, data: bytes) -> bytes:
    done = subprocess.run([FFMPEG, *arguments(recipe, 1)], input=data, capture_output=True, check=True)
    return done.stdout


def recipe_of(source: Source) -> AudioRecipe:
    profile = Profile("p", audio=Audio("aac", bitrate_kbps=128))
    return audio_recipes(source, profile, OPTIONS.container)[0][2]


def at_once(path: Path, source: Source, recipe: AudioRecipe) -> bytes:
    whole = bytearray()
    ship_tracks(file_reader(path), source, lambda _: whole.extend)
    return encoded(recipe, bytes(whole))


def in_sections(path: Path, source: Source, recipe: AudioRecipe) -> list[bytes]:
    wanted = sections_of(source.audio[0], recipe, OPTIONS)
    cut = cut_sections(file_reader(path), source, {0: wanted})
    return [encoded(section_recipe(recipe, stretch), data) for _, stretch, data in cut]


def errors(made: Made, wanted: Samples) -> NDArray[np.float64]:
    """Of each frame, against what was to be encoded; the packet of priming is before that."""
    heard = made.samples[:, FRAME:]
    length = min(heard.shape[1], wanted.shape[1]) // FRAME * FRAME
    square = (heard[:, :length] - wanted[:, :length]) ** 2
    return square.mean(axis=0).reshape(-1, FRAME).mean(axis=1)


CASES = {
    "tones-ts": (tones, "ts", ("-c:a", "aac", "-b:a", "192k"), {}),
    "speech-mp4": (speech, "mp4", ("-c:a", "aac", "-b:a", "192k"), {"rate": 44100, "channels": 1}),
    "transients-mkv": (transients, "mkv", ("-c:a", "aac", "-b:a", "256k"), {}),
    "transients-mp2": (transients, "mkv", ("-c:a", "mp2", "-b:a", "384k"), {"rate": 44100}),
    "speech-ac3-ts": (speech, "ts", ("-c:a", "ac3", "-b:a", "448k"), {"channels": 6}),
    "speech-pcm-mov": (speech, "mov", ("-c:a", "pcm_s16le"), {}),
    "speech-late": (speech, "mp4", ("-c:a", "aac", "-b:a", "192k"), {"delay": 0.75}),
    "transients-early": (transients, "ts", ("-c:a", "aac", "-b:a", "256k"), {"delay": -0.5}),
}


@pytest.mark.parametrize("name", CASES)
def test_joined_sections_are_the_whole_track(name: str, tmp_path: Path) -> None:
    sound, suffix, code, more = CASES[name]
    path = source_of(tmp_path, sound, suffix, *code, **more)
    source, _ = probe(file_reader(path))
    recipe = recipe_of(source)
    whole, joined = Made(at_once(path, source, recipe)), Made(*in_sections(path, source, recipe))
    assert len(joined.parts) == 5
    assert joined.packets == whole.packets
    assert joined.extradata == whole.extradata
    rate = source.audio[0].sample_rate
    assert joined.packets[0] == LEAD * rate - FRAME  # the priming
    wanted = Made(at_once(path, source, replace(recipe, codec="flac", bitrate=None))).samples
    assert offset(joined.samples[0, FRAME:], wanted[0]) == 0
    one, other = errors(whole, wanted), errors(joined, wanted)
    elsewhere = one[rate // FRAME :].max()  # but for the encoder's first second, which is the worst one
    for packet in joined.parts[1:]:
        around = slice(packet - 3, packet + 9)  # a packet is heard in the frame before it, and half of the next
        assert other[around].max() <= elsewhere, f"at packet {packet}"


def offset(heard: Samples, wanted: Samples) -> int:
    """By how many samples one lies behind the other, by cross-correlation around each joint."""
    length = min(len(heard), len(wanted))
    spectrum = np.fft.rfft(heard[:length], 2 * length) * np.conj(np.fft.rfft(wanted[:length], 2 * length))
    found = int(np.argmax(np.fft.irfft(spectrum)))
    return found if found < length else found - 2 * length


def test_more_of_a_source_only_adds_sections() -> None:
    segment, found = Fraction(4), [stretches(48000, Fraction(4), 3, Fraction(n)) for n in range(200)]
    for less, more in itertools.pairwise(found):
        assert more[: len(less) - 1] == less[:-1]
    last = found[-1]
    assert [stretch.section for stretch in last] == list(range(len(last)))
    assert [s.end for s in last[:-1]] == [s.first for s in last[1:]]
    begins = [round(stretch.begins(48000) / segment, 1) for stretch in last]
    assert begins == [0, 3, 6, 12, 24, 36, 48]


def test_sections_begin_where_segments_do() -> None:
    for stretch in stretches(44100, Fraction(3, 2), 2, Fraction(60))[1:]:
        before, begin = ((stretch.first - n) * FRAME for n in (2, 1))
        length = Fraction(3, 2) * 44100
        assert begin // length > before // length


@pytest.mark.parametrize(
    ("change", "options"),
    [
        ({"steady": False}, OPTIONS),
        ({"sample_rate": 96000}, OPTIONS),  # it becomes 48000
        ({"begin": Fraction(5)}, OPTIONS),
        ({}, replace(OPTIONS, container="mp4")),
    ],
    ids=["gaps", "another rate", "it begins late", "a file"],
)
def test_what_cannot_be_cut_exactly_is_encoded_as_a_whole(
    change: dict[str, object], options: Options, tmp_path: Path
) -> None:
    path = source_of(tmp_path, tones, "mp4", "-c:a", "aac")
    source, _ = probe(file_reader(path))
    assert sections_of(source.audio[0], recipe_of(source), OPTIONS)
    track = replace(source.audio[0], **change)
    recipe = audio_recipes(replace(source, audio=(track,)), Profile("p"), options.container)[0][2]
    assert sections_of(track, recipe, options) == []


@pytest.mark.parametrize("codec", ["libopus", "libmp3lame", "ac3", "flac"])
def test_encoders_that_do_not_forget_make_whole_tracks(codec: str, tmp_path: Path) -> None:
    source, _ = probe(file_reader(source_of(tmp_path, tones, "mp4", "-c:a", "aac")))
    profile = Profile("p", audio=Audio(codec))
    recipe = audio_recipes(source, profile, OPTIONS.container)[0][2]
    assert sections_of(source.audio[0], recipe, OPTIONS) == []


@pytest.mark.parametrize("holes", ["between(t,9,9.5)", "between(t,9,9.05)"])
def test_a_track_with_holes_is_not_steady(holes: str, tmp_path: Path) -> None:
    path, holed = source_of(tmp_path, tones, "mkv", "-c:a", "aac"), tmp_path / "holed.mkv"
    holes = holes.replace("t,", "pts*tb,")
    ffmpeg("-i", path, "-map", "0", "-c", "copy", "-bsf:a", f"noise=drop='{holes}'", holed)
    assert [probe(file_reader(p))[0].audio[0].steady for p in (path, holed)] == [True, False]


@pytest.mark.parametrize(
    ("lengths", "steady"),
    [([1024] * 9, True), ([1024] * 8 + [500], True), ([1024] * 4 + [1115] * 4, False), ([1024, 0, 1024], False)],
    ids=["all alike", "a short one at the end", "another rate", "unknown"],
)
def test_only_packets_that_are_alike_are_steady(lengths: list[int], steady: bool) -> None:
    edges = Edges(SampleClock(Fraction(1, 48000), 48000, FRAME, 0))
    for begin, length in zip(itertools.accumulate([0, *lengths]), lengths, strict=False):
        packet: av.Packet = av.Packet(b"some")
        packet.pts, packet.duration = begin, length
        edges.add(packet)
    assert edges.steady is steady


def test_sections_of_several_tracks_come_in_one_pass(tmp_path: Path) -> None:
    path = source_of(tmp_path, tones, "ts", "-map", "0", "-map", "1", "-map", "1", "-c:a", "aac")
    source, _ = probe(file_reader(path))
    wanted = {track.index: sections_of(track, recipe_of(source), OPTIONS) for track in source.audio}
    cut = [(index, stretch) for index, stretch, _ in cut_sections(file_reader(path), source, wanted)]
    assert sorted(cut, key=_place) == [(index, stretch) for index in (0, 1) for stretch in wanted[index]]
    assert sorted(cut, key=lambda item: item[1].section) == cut


def _place(item: tuple[int, Stretch]) -> tuple[int, int]:
    return item[0], item[1].section
