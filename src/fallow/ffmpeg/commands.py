"""FFmpeg's arguments for each kind of recipe: pure functions, each flag beside its reason."""

from __future__ import annotations

from fallow.catalogue import AUDIO
from fallow.ffmpeg.encoders import FORCED_KEY_CODECS, encoder
from fallow.ffmpeg.graphs import chunk_graph
from fallow.ffmpeg.words import known, ratio, seconds
from fallow.recipe import AudioRecipe, Recipe, TextRecipe, VideoRecipe

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
        *COMMON,
        # Filters run slice by slice, decoders frame by frame; a slot has its share of the cores and no more.
        *("-filter_threads", str(threads), "-threads", str(_decoder_threads(recipe, threads))),
        # The recipe says how to turn; a chunk container may or may not carry the rotation too.
        "-noautorotate",
        *(AS_THE_SOURCE if recipe.accept_damaged and recipe.container == "mpegts" else ()),
        *_input(recipe.container),
        *("-map", "0:v:0"),
        *("-filter:v", chunk_graph(recipe)),
        # Each frame that leaves the filters is encoded, once, at its own time.
        *("-fps_mode:v", "passthrough"),
        # As a rational: guessed from a frame rate, a variable rate's times collide.
        *("-enc_time_base:v", ratio(recipe.time_base)),
        *encoder(recipe, threads),
        *_guard(recipe),
        *_output(recipe.output),
    ]


def _decoder_threads(recipe: VideoRecipe, threads: int) -> int:
    """What threads make of damaged pictures depends on which of them is ahead."""
    return 1 if recipe.one_decoder_thread or recipe.accept_damaged else threads


def _guard(recipe: VideoRecipe) -> list[str]:
    """Drop the frames that were only encoded so that rate control and lookahead see what follows the last one."""
    if not recipe.guard or recipe.accept_damaged:
        return []
    if recipe.mark is None:
        raise ValueError("A recipe with guard frames must say where they begin: VideoRecipe.mark is None.")
    # No more than these: what comes after them betrays a missing frame (see graphs.py).
    drop = ["-bsf:v", f"noise=drop='between(n,{recipe.frames},{recipe.frames + recipe.guard - 1})'"]
    if recipe.encoder.codec not in FORCED_KEY_CODECS:
        return drop
    return ["-force_key_frames:v", f"expr:eq(n,{recipe.frames})", *drop]


def audio(recipe: AudioRecipe) -> list[str]:
    """Encode one whole track, or copy its packets; its times stay track time."""
    return [
        *COMMON,
        *_input(recipe.container),
        *("-map", "0:a:0"),
        *audio_encoder(recipe),
        *_output(recipe.output),
    ]


def audio_encoder(recipe: AudioRecipe) -> list[str]:
    """What is done to the samples."""
    if recipe.codec == "copy":
        return ["-c:a", "copy"]
    until = f":end={seconds(recipe.end)}" if recipe.end is not None else ""
    return [
        # What a player would not play (an encoder's priming, the tail behind the edit list) is not encoded either.
        *("-filter:a", f"atrim=start={seconds(recipe.begin)}{until}"),
        *sound(recipe),
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


def _output(container: str) -> list[str]:
    return [
        # Nor are the first packets moved to zero.
        *("-avoid_negative_ts", "disabled"),
        *WRITABLE[known(container, WRITABLE, "container")],
        *("-f", container, "pipe:1"),
    ]
