"""FFmpeg's arguments for each kind of recipe: pure functions, each flag beside its reason."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from fallow.catalogue import AUDIO
from fallow.ffmpeg.encoders import FORCED_KEY_CODECS, encoder
from fallow.ffmpeg.graphs import chunk_graph, split_graph
from fallow.ffmpeg.quality import measured_graph, result_input
from fallow.ffmpeg.words import known, ratio, seconds
from fallow.recipe import LEAD, Against, AudioRecipe, Recipe, Section, TextRecipe, VideoRecipe

STDOUT = "pipe:1"

READABLE = frozenset({"mpegts", "matroska", "nut", "mov"})
"""What a chunk or a track may come in."""

WRITABLE: dict[str, tuple[str, ...]] = {
    "mpegts": (
        # The joiner places every frame itself, so no delay is to be made up for.
        *("-muxdelay", "0", "-muxpreload", "0"),
        # Tables once, a clock now and then: nobody tunes in midway. Otherwise they are 30 kbit/s.
        *("-pat_period", "3600", "-sdt_period", "3600", "-pcr_period", "1000"),
    ),
    "matroska": (),
    "nut": (),
}
"""What a part may go out in, with the muxer's options."""

TEXT_CODECS = frozenset({"mov_text", "subrip", "webvtt", "ass", "copy"})

COMMON = (
    # Errors only, one line each, and no question asked: nobody watches.
    *("-hide_banner", "-nostats", "-nostdin", "-loglevel", "error"),
)


LARGEST_PACKET = 64 << 20  # bytes; the largest pictures of 8K have some MB
AS_THE_SOURCE = ("-fflags", "+noparse+nofillin", "-max_packet_size", str(LARGEST_PACKET))
"""Of a damaged source, packets of MPEG-TS are decoded as the source held them, one picture in each.

FFmpeg would look for pictures in them, as it must in a broadcast, find too many where bits are wrong, and show
something else than it does of the source. Only that search puts together again what is larger than the demuxer
hands on at once.
"""


def arguments(recipe: Recipe, threads: int) -> list[str]:
    """Everything after the binary's name: the object comes in at stdin, the part goes out at stdout."""
    if isinstance(recipe, VideoRecipe):
        return video(recipe, threads)
    if isinstance(recipe, AudioRecipe):
        return audio(recipe)
    return text(recipe)


def video(recipe: VideoRecipe, threads: int) -> list[str]:
    """Encode the frames of one chunk with that many threads; 0 lets every stage use the whole machine."""
    return [
        *_decoded(recipe, threads),
        *("-map", "0:v:0"),
        *("-filter:v", chunk_graph(recipe)),
        *_encoded(recipe, threads),
        *_output(recipe.output),
    ]


def measured(recipe: VideoRecipe, against: Against, threads: int, result: str) -> list[str]:
    """Compare a chunk, which comes in at stdin, with what was made of it, which comes in at the file `result`; a
    table of scores goes out at stdout."""
    return [
        *_decoded(recipe, threads),
        *result_input(against, threads, result),
        *("-filter_complex_threads", str(threads)),
        *("-filter_complex", measured_graph(recipe, against, threads)),
        # The pictures themselves go nowhere, each once.
        *("-map", "[measured]", "-fps_mode:v", "passthrough", "-f", "null", "-"),
    ]


def together(recipes: Sequence[VideoRecipe], threads: int, more: Sequence[str]) -> list[str]:
    """Several renditions of one chunk, decoded once: each is treated as it would be alone, up to the last bit.

    The first goes to stdout, the others to the files `more`, in their order.
    """
    first = recipes[0]
    if not all(alike(first, recipe) for recipe in recipes):
        raise ValueError("These recipes are not of one chunk, or want it decoded in different ways.")
    command = [*_decoded(first, threads), *_common_graph(recipes, threads)]
    for number, (recipe, file) in enumerate(zip(recipes, (STDOUT, *more), strict=True)):
        alone = ("-map", "0:v:0", "-filter:v", chunk_graph(recipe))
        command += ("-map", f"[v{number}]") if first.deinterlace else alone
        command += [*_encoded(recipe, threads), *_output(recipe.output, file)]
    return command


def alike(one: VideoRecipe, other: VideoRecipe) -> bool:
    """Whether both show the same frames of the same chunk, decoded and deinterlaced in the same way."""
    return _before_pictures(one) == _before_pictures(other)


def _before_pictures(recipe: VideoRecipe) -> tuple[object, ...]:
    """All that is decided before the pictures of a rendition differ from those of another."""
    shown = (recipe.start, recipe.end, recipe.guard, recipe.frames, recipe.mark, recipe.marked, recipe.retime)
    around = (recipe.deinterlace, recipe.context_start, recipe.context_end)
    return (recipe.container, recipe.accept_damaged, recipe.one_decoder_thread, *shown, *around)


def _common_graph(recipes: Sequence[VideoRecipe], threads: int) -> list[str]:
    """Deinterlacing costs as much as decoding, so it is done once. Choosing frames costs nothing."""
    if not recipes[0].deinterlace:
        return []
    return ["-filter_complex_threads", str(threads), "-filter_complex", split_graph(recipes)]


def _decoded(recipe: VideoRecipe, threads: int) -> list[str]:
    return [
        *COMMON,
        # Filters run slice by slice, decoders frame by frame; a slot has its share of the cores and no more.
        *("-filter_threads", str(threads), "-threads", str(_decoder_threads(recipe, threads))),
        # The recipe says how to turn; a chunk container may or may not carry the rotation too.
        "-noautorotate",
        *(AS_THE_SOURCE if recipe.accept_damaged and recipe.container == "mpegts" else ()),
        *_input(recipe.container),
    ]


def _encoded(recipe: VideoRecipe, threads: int) -> list[str]:
    return [
        # Each frame that leaves the filters is encoded, once, at its own time.
        *("-fps_mode:v", "passthrough"),
        # As a rational: guessed from a frame rate, a variable rate's times collide.
        *("-enc_time_base:v", ratio(recipe.time_base)),
        *encoder(recipe, threads),
        *_key_frames(recipe),
        *_guard(recipe),
    ]


def _decoder_threads(recipe: VideoRecipe, threads: int) -> int:
    """What threads make of damaged pictures depends on which of them is ahead."""
    return 1 if recipe.one_decoder_thread or recipe.accept_damaged else threads


def _key_frames(recipe: VideoRecipe) -> list[str]:
    """Where segments begin, and the guard."""
    forced = list(recipe.keys)
    if _guarded(recipe) and recipe.encoder.codec in FORCED_KEY_CODECS:
        forced.append(recipe.frames)
    if not forced:
        return []
    return ["-force_key_frames:v", "expr:" + "+".join(f"eq(n,{number})" for number in forced)]


def _guard(recipe: VideoRecipe) -> list[str]:
    """Drop the frames that were only encoded so that rate control and lookahead see what follows the last one."""
    if not _guarded(recipe):
        return []
    if recipe.mark is None:
        raise ValueError("A recipe with guard frames must say where they begin: VideoRecipe.mark is None.")
    # No more than these: what comes after them betrays a missing frame (see graphs.py).
    return ["-bsf:v", f"noise=drop='between(n,{recipe.frames},{recipe.frames + recipe.guard - 1})'"]


def _guarded(recipe: VideoRecipe) -> bool:
    return bool(recipe.guard) and not recipe.accept_damaged


def audio(recipe: AudioRecipe) -> list[str]:
    """Encode one track or a section of it, or copy its packets; its times stay track time."""
    return [
        *COMMON,
        *_input(recipe.container),
        *("-map", "0:a:0"),
        *audio_encoder(recipe),
        *_own_packets(recipe.section),
        *_output(recipe.output),
    ]


def _own_packets(section: Section | None) -> list[str]:
    """Drop the packets that were only made so that the encoder had got going, and saw what follows the last one."""
    if section is None:
        return []
    others = [f"between(n,0,{section.before - 1})"] if section.before else []
    if section.packets is not None:
        others.append(f"gte(n,{section.before + section.packets})")
    return ["-bsf:a", f"noise=drop='{'+'.join(others)}'"] if others else []


def audio_encoder(recipe: AudioRecipe) -> list[str]:
    """What is done to the samples."""
    if recipe.codec == "copy":
        return ["-c:a", "copy"]
    until = f":end={seconds(recipe.end)}" if recipe.end is not None else ""
    return [
        # What a player would not play (an encoder's priming, the tail behind the edit list) is not encoded either.
        *("-filter:a", ",".join([f"atrim=start={seconds(recipe.begin)}{until}", *_filled(recipe)])),
        *sound(recipe),
    ]


def _filled(recipe: AudioRecipe) -> list[str]:
    """Silence before, within and after the sound: players of segments stop where one is missing."""
    if recipe.filled is None:
        return []
    rate = recipe.sample_rate or 48000
    origin = recipe.section.origin if recipe.section else round(LEAD * rate)
    return [
        # By itself, for the first sample's place below is one on the line of what comes in.
        f"aresample={rate}",
        # Holes are filled and overlaps cut, before the first sample even the smallest; nothing is stretched.
        f"aresample=async=1:min_comp=0.000001:first_pts={origin}",
        f"apad=whole_dur={seconds(recipe.filled - Fraction(origin, rate))}",
    ]


def sound(recipe: AudioRecipe) -> list[str]:
    """The audio encoder and its settings."""
    return [
        *("-c:a", known(recipe.codec, AUDIO, "encoder")),
        *(("-b:a", str(recipe.bitrate)) if recipe.bitrate else ()),
        # Fewer channels are mixed as FFmpeg does by default, which is what one process would do.
        *(("-ac", str(recipe.channels)) if recipe.channels else ()),
        *(("-ar", str(recipe.sample_rate)) if recipe.sample_rate else ()),
    ]


def text(recipe: TextRecipe) -> list[str]:
    """Convert one whole subtitle track, or copy its packets."""
    return [
        *COMMON,
        *_input(recipe.container),
        *("-map", "0:s:0"),
        *("-c:s", known(recipe.codec, TEXT_CODECS, "subtitle codec")),
        *_output(recipe.output),
    ]


def _input(container: str) -> list[str]:
    return [
        # Times in are times out: FFmpeg would subtract each input's start.
        "-copyts",
        # Nothing inside the object can make FFmpeg open a file or a connection.
        *("-protocol_whitelist", "pipe"),
        # The demuxer is named, never guessed: an object that pretends to be a playlist is none.
        *("-f", known(container, READABLE, "container"), "-i", "pipe:0"),
    ]


def _output(container: str, file: str = STDOUT) -> list[str]:
    return [
        # Nor are the first packets moved to zero.
        *("-avoid_negative_ts", "disabled"),
        *WRITABLE[known(container, WRITABLE, "container")],
        *("-f", container, file),
    ]
