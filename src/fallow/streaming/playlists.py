"""All that tells players of a result: playlists for HLS, a manifest for DASH, by file name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from fallow.catalogue import StreamFormat
from fallow.model import TaskKind
from fallow.streaming import dash, hls
from fallow.streaming.listing import Ended, Listed
from fallow.streaming.presentation import Presentation, Variant
from fallow.streaming.video import Film


def playlists(
    films: Sequence[Film], streams: Mapping[str, Listed], target: int, kind: StreamFormat, ended: Ended
) -> dict[str, bytes]:
    """Every one of them, of segments that last at most `target` seconds, rounded; none while there are none."""
    shown = _presentation(films, streams, target, ended)
    if not all(variant.video.segments for variant in shown.variants):
        return {}
    texts: dict[str, str] = {}
    if kind.hls:
        texts |= hls.playlists(shown, kind.segments)
    if kind.dash:
        texts["manifest.mpd"] = dash.manifest(shown)
    return {name: text.encode() for name, text in texts.items()}


def _presentation(films: Sequence[Film], streams: Mapping[str, Listed], target: int, ended: Ended) -> Presentation:
    """While they grow, pictures and sound are told as far as both are there."""
    video = {s.facts.name: s for s in streams.values() if s.facts.kind is TaskKind.VIDEO}
    tracks = [stream for stream in streams.values() if stream.facts.kind is not TaskKind.VIDEO]
    if ended is not Ended.DONE:
        heard = [stream.seconds for stream in tracks if stream.more]
        video = {name: stream.within(min(heard)) for name, stream in video.items()} if heard else video
        end = min(stream.seconds for stream in video.values())
        tracks = [stream.until(end) for stream in tracks]
    sound = {s.facts.name: s for s in tracks if s.facts.kind is TaskKind.AUDIO and s.segments}
    text = [s for s in tracks if s.facts.kind is TaskKind.TEXT and s.segments]
    variants = [
        Variant(video[film.name], tuple(sound[name] for name in film.sound if name in sound), film.cap)
        for film in films
    ]
    return Presentation(variants, list(sound.values()), text, target, ended)
