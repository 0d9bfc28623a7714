"""Filter graphs of video: which frames are shown, how they are turned, scaled, converted and labelled."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise

from fallow.catalogue import FILTERS
from fallow.ffmpeg.words import known, ratio, seconds, small_ratio, word
from fallow.model import Colour
from fallow.recipe import Filter, VideoRecipe

# H.264 and HEVC write the sample aspect ratio as two 16-bit numbers.
ASPECT_LIMIT = 65535

TURNS = {0: (), 90: ("transpose=dir=clock",), 180: ("hflip", "vflip"), 270: ("transpose=dir=cclock",)}

# Matrices that FFmpeg's scaler refuses to look at. (Nothing is converted to another one here.)
UNSCALABLE = frozenset({"ycgco", "bt2020c", "smpte2085", "chroma-derived-nc", "chroma-derived-c", "ictcp"})

# Well below FFmpeg's limit for the terms of a sum.
TERMS = 60

# Output slots between the end of a part and those that betray a missing frame.
JUMP = 10

# send_frame: one picture out for each picture in. interlaced: pictures marked progressive stay untouched.
DEINTERLACE = "bwdif=mode=send_frame:parity=auto:deint=interlaced"


def chunk_graph(recipe: VideoRecipe) -> str:
    """Exactly the frames of one chunk, and the guard frames after them, as they are to be encoded."""
    return ",".join([*_shown(recipe), *_retimed(recipe), *_pictures(recipe)])


def split_graph(recipes: Sequence[VideoRecipe]) -> str:
    """The same for several renditions of it, as far as that goes at once; their pads are v0, v1 and so on."""
    first, count = recipes[0], len(recipes)
    common = ",".join([*_shown(first), *_retimed(first), f"split={count}"])
    branches = [f"[s{n}]{','.join(_pictures(recipe))}[v{n}]" for n, recipe in enumerate(recipes)]
    return ";".join([f"[0:v:0]{common}{''.join(f'[s{n}]' for n in range(count))}", *branches])


def whole_graph(recipe: VideoRecipe) -> str:
    """The same treatment for one process that reads the whole source, and turns the pictures by itself."""
    deinterlace = [DEINTERLACE] if recipe.deinterlace else []
    rate = [f"fps=fps={ratio(recipe.retime.rate)}"] if recipe.retime else []
    return ",".join([*deinterlace, *rate, *_pictures(replace(recipe, rotation=0, mirrored=False))])


def _shown(recipe: VideoRecipe) -> Iterator[str]:
    """By time, not by number: a chunk holds frames before and after, and how many depends on its key frames."""
    if recipe.deinterlace:
        # The deinterlacer looks at the neighbours of each picture, so these must still be there.
        if recipe.context_start is not None:
            yield _trim(recipe.context_start, recipe.context_end)
        yield DEINTERLACE
    yield _trim(recipe.start, _end(recipe))
    if recipe.accept_damaged and recipe.retime is None:
        # Spoilt packets may decode to more pictures than they are. Most of these share a time with the next one;
        # whatever else there is too much of would find no place in the result.
        yield "select=expr='isnan(prev_selected_t)+gt(t,prev_selected_t)'"
        yield f"trim=end_frame={recipe.frames}"
    if recipe.guard and recipe.mark is not None and recipe.retime is None and not recipe.accept_damaged:
        # From a guard frame on that comes where a shown one should be, nothing is shown: the part comes out too
        # short. (One frame too many pushes a guard frame out of those that are dropped: it comes out too long.)
        early = f"gte(t,{seconds(recipe.mark)})*lt(n,{recipe.marked})"
        yield f"select=expr='if(ld(0),0,if({early},st(0,1)*0,1))'"


def _end(recipe: VideoRecipe) -> Fraction | None:
    """With missing frames accepted, there is no telling guard frames from shown ones, so they stay away."""
    if recipe.accept_damaged and recipe.guard and recipe.retime is None:
        return recipe.mark
    return recipe.end


def _trim(start: Fraction, end: Fraction | None) -> str:
    until = f":end={seconds(end)}" if end is not None else ""
    return f"trim=start={seconds(start)}{until}"


def _retimed(recipe: VideoRecipe) -> Iterator[str]:
    """Frame numbers become output slots by exact integer arithmetic; `fps` then only drops and repeats."""
    change = recipe.retime
    if change is None:
        return
    end = change.first + recipe.frames + recipe.guard
    far = max(end, change.slots[-1]) + JUMP
    place = _slot_expression(change.slots)
    if end > change.slots[-1]:
        # The last picture of the video stays up to its end: a copy of it, but only if it is there, marks the end.
        count = len(change.slots)
        # `start` counts from one, whatever the manual says (FFmpeg 5.1 to 9.0).
        yield f"loop=loop=1:size=1:start={count}"
        place = f"if(gte(N,{count}),{end},{place})"
    if recipe.mark is not None and not recipe.accept_damaged:
        # A frame that is not the one it should be gets a negative time, and then jumps past the end: the part
        # comes out too long. (Leaving it out would not do: where many frames share a slot, others would fill it.)
        as_marked = f"eq(gte(T,{seconds(recipe.mark)}),gte(N,{recipe.marked}))"  # see VideoRecipe.mark
        yield f"setpts=expr='if(ld(0),ld(0),if({as_marked},PTS,st(0,-1/TB)))'"
        place = f"if(lt(PTS,0),{far + JUMP},{place})"
    yield f"settb=expr={ratio(1 / change.rate)}"
    yield f"setpts=expr='{place}'"
    yield f"fps=fps={ratio(change.rate)}"
    yield f"trim=start_pts={change.first}"
    yield f"select=expr='lt(pts,{end})+gte(pts,{far})'"


def _slot_expression(slots: Sequence[int]) -> str:
    """An expression of N, the frame's number, whose values are exactly the slots."""
    return _linear(slots) or _steps(slots)


def _linear(slots: Sequence[int]) -> str:
    """floor((N*a+b)/d) where some a, b, d give every slot: with a constant source rate they do. "" otherwise."""
    span, rise = max(len(slots) - 1, 1), slots[-1] - slots[0]
    for d in range(1, span + 1):
        for a in sorted({rise * d // span, -(-rise * d // span)}):
            b = _offset(slots, a, d)
            if b is not None:
                return f"floor((N*{a}{b:+d})/{d})"
    return ""


def _offset(slots: Sequence[int], a: int, d: int) -> int | None:
    """The b of floor((i * a + b) / d) == slots[i] for every i, if there is one."""
    least, most = d * slots[0], d * slots[0] + d - 1
    for i, slot in enumerate(slots):
        low = d * slot - i * a
        least, most = max(least, low), min(most, low + d - 1)
        if least > most:
            return None
    return least


def _steps(slots: Sequence[int]) -> str:
    """One slot a frame, corrected at every frame that is not one slot after the frame before it."""
    odd = [(i, b - a - 1) for i, (a, b) in enumerate(pairwise(slots), start=1) if b - a != 1]
    terms = [f"{step:+d}*gte(N,{i})" for i, step in odd]
    # FFmpeg's parser takes no more than a hundred terms in one sum, but as many sums in brackets.
    sums = ["".join(terms[i : i + TERMS]) for i in range(0, len(terms), TERMS)]
    return f"N{slots[0]:+d}" + "".join(f"+({one})" for one in sums)


def _pictures(recipe: VideoRecipe) -> Iterator[str]:
    """What is done to each picture by itself."""
    if recipe.mirrored:
        yield "hflip"
    yield from TURNS[recipe.rotation % 360]
    yield from (_filter(item) for item in recipe.filters)
    if recipe.colour.matrix in UNSCALABLE:
        yield "setparams=colorspace=unknown"  # the same numbers, under a name that the scaler takes
    yield _scale(recipe)
    yield f"format=pix_fmts={word(recipe.encoder.pixel_format)}"
    # After scaling, which sets an aspect of its own. The default limit of 100 would bend odd ratios.
    aspect = small_ratio(recipe.sample_aspect, ASPECT_LIMIT)
    yield f"setsar=sar={ratio(aspect)}:max={ASPECT_LIMIT}"
    yield from _labels(output_colour(recipe))


def _filter(item: Filter) -> str:
    allowed = FILTERS[known(item.name, FILTERS, "filter")]
    options = [f"{known(key, allowed, f'option of {item.name}')}={word(value)}" for key, value in item.options]
    return f"{item.name}={':'.join(options)}" if options else item.name


def _scale(recipe: VideoRecipe) -> str:
    """Always there: it costs nothing when nothing changes, and keeps one size when the source's changes midway."""
    options = [f"w={recipe.width}:h={recipe.height}:flags=bicubic"]
    colour, wanted = recipe.colour, output_colour(recipe)
    if colour.range:
        # Otherwise a change of pixel format may squeeze full range into limited, or not, as the version has it.
        options.append(f"in_range={word(colour.range)}:out_range={word(wanted.range)}")
    if wanted.matrix != colour.matrix:
        options.append(f"out_color_matrix={word(wanted.matrix)}")
    return "scale=" + ":".join(options)


def output_colour(recipe: VideoRecipe) -> Colour:
    """The source's colour, but RGB that is encoded as luma and chroma gets what players expect of that."""
    colour = recipe.colour
    if colour.matrix != "gbr" or recipe.encoder.pixel_format.startswith("gbr"):
        return colour
    return replace(colour, matrix="bt709", range="tv")


def _labels(colour: Colour) -> Iterator[str]:
    """Chunk containers may not carry these, and encoders write what the first frame says."""
    named = {
        "range": colour.range,
        "color_primaries": colour.primaries,
        "color_trc": colour.transfer,
        "colorspace": colour.matrix,
    }
    options = [f"{key}={word(value)}" for key, value in named.items() if value]
    if options:
        yield "setparams=" + ":".join(options)
