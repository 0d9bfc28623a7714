"""`--print-reference`: the plain ffmpeg command that does on one machine what Fallow does on many."""

from __future__ import annotations

import shlex

from fallow.commands.encode import Request, prepare
from fallow.commands.outputs import Output
from fallow.errors import BadSetting
from fallow.ffmpeg.locate import find
from fallow.ffmpeg.reference import reference
from fallow.media.frames import FrameIndex
from fallow.media.probe import Damage, probe
from fallow.media.reader import file_reader
from fallow.model import Source
from fallow.pipeline import recipes
from fallow.settings import load


def commands(request: Request) -> list[str]:
    """One shell line for each result."""
    work = prepare(request)
    if work.options.streamed:
        raise BadSetting(f"No one command makes what {work.options.container} is; leave --container out.")
    binary = find(request.ffmpeg or load().ffmpeg)
    damage = Damage.ACCEPT if request.accept_damaged else Damage.REFUSE
    lines = []
    for path in request.inputs:
        source, index = probe(file_reader(path), damage)
        lines += [_command(source, index, output, binary) for output in work.of(path)]
    return lines


def _command(source: Source, index: FrameIndex, output: Output, binary: str) -> str:
    profile, container = output.profile, output.container
    recipes.check_fit(source, index, profile, container)
    audio = [(track, recipe) for track, _, recipe in recipes.audio_recipes(source, profile, container)]
    text = [(track, recipe) for track, _, recipe in recipes.text_recipes(source, container)]
    video = source.video.index, recipes.whole_recipe(source, index, profile)
    places = str(output.source), str(output.path)
    return shlex.join(reference(video, audio, text, *places, container, binary))
