"""Encoder arguments: one function per encoder, each option beside its reason."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from fractions import Fraction

from fallow.catalogue import VIDEO
from fallow.ffmpeg.words import known, listed, ratio, word
from fallow.model import Colour
from fallow.recipe import Encoder, VideoRecipe

Parameters = list[tuple[str, str]]

FORCED_KEY_CODECS = frozenset({"libx264", "libx265"})
"""Encoders that reorder packets: a key frame must stand where the guard frames begin, or shown frames refer to
dropped ones. AV1 and VP9 packets each show one frame, in order, so the last ones can simply be left off."""

GUARDED_CODECS = frozenset({"libx264", "libx265", "libsvtav1", "libvpx-vp9"})
"""Encoders whose guard frames can be dropped again."""


def encoder(recipe: VideoRecipe, threads: int) -> list[str]:
    """The arguments that choose and set the encoder; 0 threads lets it use the whole machine."""
    known(recipe.encoder.codec, VIDEO, "encoder")
    return ENCODERS[recipe.encoder.codec](recipe, threads)


def _x264(recipe: VideoRecipe, threads: int) -> list[str]:
    chosen = recipe.encoder
    own: Parameters = [
        # The average rate: without it a variable rate is taken for the time base's, and the level comes out absurd.
        ("fps", ratio(recipe.rate)),
        # No parameter set may depend on the pictures, so that the parts of all chunks have the same ones.
        ("stitchable", "1"),
        *_hasty_guard(recipe),
        *_extra(chosen),
    ]
    if recipe.colour.mastering:
        own.append(("mastering-display", recipe.colour.mastering))
    if recipe.colour.light:
        own.append(("cll", recipe.colour.light))
    return [
        *("-c:v", "libx264", "-preset:v", word(chosen.preset), *_optional(chosen)),
        *("-threads:v", str(threads)),
        *_rate(chosen),
        # A forced key frame must be one that nothing after it reaches across.
        *("-g:v", str(chosen.keyframes), "-forced-idr:v", "1"),
        *("-x264-params", _joined(own)),
    ]


def _hasty_guard(recipe: VideoRecipe) -> Parameters:
    """Guard frames matter to the lookahead alone, so they are encoded as cheaply as x264 can.

    Measured with the preset medium: three quarters of their cost saved, every bit of the shown frames the same.
    """
    if not recipe.guard:
        return []
    first, last = recipe.frames, recipe.frames + recipe.guard - 1
    return [("zones", f"{first},{last},q=51,me=dia,subme=0,trellis=0,ref=1")]


def _x265(recipe: VideoRecipe, threads: int) -> list[str]:
    chosen = recipe.encoder
    own: Parameters = [
        ("fps", ratio(recipe.rate)),  # as for x264
        # Leading pictures of an open GOP would need the chunk before.
        ("open-gop", "0"),
        # Every key frame carries the parameter sets, and none carries the encoder's settings as text.
        ("repeat-headers", "1"),
        ("info", "0"),
        ("log-level", "error"),
        *_threads_of_x265(threads),
        *_extra(chosen),
    ]
    if recipe.colour.mastering:
        own += [("hdr10", "1"), ("master-display", recipe.colour.mastering)]
    if recipe.colour.light:
        own.append(("max-cll", recipe.colour.light))
    return [
        *("-c:v", "libx265", "-preset:v", word(chosen.preset), *_optional(chosen)),
        *_rate(chosen),
        *("-g:v", str(chosen.keyframes), "-forced-idr:v", "1"),
        *("-x265-params", _joined(own)),
    ]


def _threads_of_x265(threads: int) -> Parameters:
    """A pool even for one thread: without one x265 turns wavefronts off, which changes the parameter sets."""
    if threads == 0:
        return []
    return [("pools", str(threads)), ("frame-threads", "1" if threads < 4 else "2")]


def _svt(recipe: VideoRecipe, threads: int) -> list[str]:
    chosen = recipe.encoder
    own: Parameters = [
        ("fps-num", str(recipe.rate.numerator)),  # as for x264
        ("fps-denom", str(recipe.rate.denominator)),
        *_extra(chosen),
    ]
    if threads:
        # A level of parallelism, of which 1 is one thread's worth.
        own.append(("lp", str(min(threads, 6))))
    if recipe.colour.mastering:
        own.append(("mastering-display", _mastering_in_units(recipe.colour)))
    if recipe.colour.light:
        own.append(("content-light", recipe.colour.light))
    return [
        *("-c:v", "libsvtav1", "-preset:v", word(chosen.preset)),
        *_rate(chosen),
        *("-g:v", str(chosen.keyframes)),
        *("-svtav1-params", _joined(own)),
    ]


def _vp9(recipe: VideoRecipe, threads: int) -> list[str]:
    chosen = recipe.encoder
    return [
        *("-c:v", "libvpx-vp9", "-deadline:v", "good", "-cpu-used:v", word(chosen.preset)),
        *(("-profile:v", word(chosen.profile)) if chosen.profile else ()),
        *(("-tune:v", word(chosen.tune)) if chosen.tune else ()),
        *(("-threads:v", str(threads)) if threads else ()),
        # Rows of blocks in parallel: the same output with any number of threads.
        *("-row-mt:v", "1"),
        *_vp9_rate(chosen),
        *("-g:v", str(chosen.keyframes)),
        *(text for key, value in _extra(chosen) for text in (f"-{key}:v", value)),
    ]


def _vp9_rate(chosen: Encoder) -> list[str]:
    """libvpx takes the average bit rate for the cap of a constant quality, and needs a 0 to have none."""
    if chosen.crf is None:
        return _rate(chosen)
    arguments = ["-crf:v", f"{chosen.crf:g}", "-b:v", str(chosen.maxrate or 0)]
    if chosen.maxrate and chosen.bufsize:
        arguments += ["-bufsize:v", str(chosen.bufsize)]
    return arguments


def _optional(chosen: Encoder) -> list[str]:
    named = {"-profile:v": chosen.profile, "-level:v": chosen.level, "-tune:v": chosen.tune}
    return [text for key, value in named.items() if value for text in (key, word(value))]


def _rate(chosen: Encoder) -> list[str]:
    """Constant quality, capped where there is a maxrate; or an average bit rate."""
    if chosen.crf is not None:
        arguments = ["-crf:v", f"{chosen.crf:g}"]
    else:
        arguments = ["-b:v", str(chosen.bitrate)]
    if chosen.maxrate is not None:
        arguments += ["-maxrate:v", str(chosen.maxrate)]
    if chosen.bufsize is not None:
        arguments += ["-bufsize:v", str(chosen.bufsize)]
    return arguments


def _extra(chosen: Encoder) -> Parameters:
    """Only what the catalogue lists: encoders have parameters that write files."""
    allowed = VIDEO[chosen.codec].extra
    return [(known(key, allowed, f"parameter of {chosen.codec}"), listed(value)) for key, value in chosen.extra]


def _joined(own: Sequence[tuple[str, str]]) -> str:
    return ":".join(f"{key}={value}" for key, value in own)


def _mastering_in_units(colour: Colour) -> str:
    """SVT-AV1 takes fractions of one and cd/m2 where x264 and x265 take 0.00002 and 0.0001 of them."""

    def pair(match: re.Match[str]) -> str:
        unit = Fraction(1, 10000) if match[1] == "L" else Fraction(1, 50000)
        return f"{match[1]}({float(int(match[2]) * unit):.6g},{float(int(match[3]) * unit):.6g})"

    return re.sub(r"(G|B|R|WP|L)\((\d+),(\d+)\)", pair, colour.mastering)


ENCODERS: dict[str, Callable[[VideoRecipe, int], list[str]]] = {
    "libx264": _x264,
    "libx265": _x265,
    "libsvtav1": _svt,
    "libvpx-vp9": _vp9,
}
