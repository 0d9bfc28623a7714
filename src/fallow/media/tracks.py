"""Ship a source's sound and subtitles: each stream whole, packet by packet, in one pass."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from av.container import InputContainer, OutputContainer
from av.packet import Packet
from av.stream import Stream

from fallow.media.containers import open_output, takes
from fallow.media.packets import best_video, packets
from fallow.media.reader import RangedReader, open_input
from fallow.media.scan import audio_streams, text_streams, wanted_streams
from fallow.media.sound import track_shift
from fallow.media.timedtext import subrip
from fallow.media.wrap import Memory
from fallow.model import Source, TaskKind

Write = Callable[[bytes], object]
"""Takes the next bytes of an object."""


@dataclass(frozen=True)
class TrackPlan:
    """One track: its kind, its place among the source's audio or subtitle streams, and its container."""

    kind: TaskKind  # AUDIO or TEXT
    index: int
    container: str


def plan_tracks(reader: RangedReader, source: Source) -> list[TrackPlan]:
    """The tracks that will be shipped."""
    with open_input(reader) as container:
        return [plan for plan, _ in _planned(container, source)]


def ship_tracks(reader: RangedReader, source: Source, sink: Callable[[TrackPlan], Write]) -> list[TrackPlan]:
    """Write every track through the function that `sink` gives for it; returns when all are complete.

    Objects grow side by side as the source is read, so no more than a few packets are held.
    """
    with open_input(reader) as container:
        video = best_video(container, reader.name)
        tracks = {
            stream.index: _Track(plan, stream, track_shift(stream, source.start), sink(plan))
            for plan, stream in _planned(container, source)
        }
        if tracks:
            for packet in packets(container, wanted_streams(container, video)):
                if packet.stream_index in tracks:
                    tracks[packet.stream_index].add(packet)
        for track in tracks.values():
            track.close()
        return [track.plan for track in tracks.values()]


def _planned(container: InputContainer, source: Source) -> list[tuple[TrackPlan, Stream]]:
    audio, text = audio_streams(container), text_streams(container)
    result: list[tuple[TrackPlan, Stream]] = []
    for track in source.audio:
        stream = audio[track.index]
        name = next((c for c in ("nut", "matroska", "mov") if takes(c, stream)), "nut")
        result.append((TrackPlan(TaskKind.AUDIO, track.index, name), stream))
    result += [(TrackPlan(TaskKind.TEXT, t.index, "matroska"), text[t.index]) for t in source.text]
    return result


class _Track:
    """One object in the making."""

    def __init__(self, plan: TrackPlan, stream: Stream, shift: int, write: Write) -> None:
        self.plan = plan
        self._shift = shift
        self._write = write
        self._timed_text = stream.codec_context.name == "mov_text"
        self._sink = Memory()
        self._output: OutputContainer = open_output(self._sink, plan.container, {})
        self._stream: Any = (
            self._output.add_mux_stream("subrip", time_base=stream.time_base)
            if self._timed_text
            else self._output.add_stream_from_template(stream, opaque=True)
        )
        self._last: int | None = None

    def add(self, packet: Packet[Any]) -> None:
        """Append a packet of the source."""
        data = subrip(bytes(packet)) if self._timed_text else bytes(packet)
        if not data:
            return
        pts = packet.pts if packet.pts is not None else packet.dts
        time = pts + self._shift if pts is not None else self._last or 0
        copy: Packet[Any] = Packet(data)  # without side data: what it says of samples to skip is in the recipe
        copy.time_base, copy.duration = packet.time_base, packet.duration or 0
        copy.pts = copy.dts = time if self._last is None else max(time, self._last)
        copy.is_keyframe = True
        copy.stream = self._stream
        self._last = time + (packet.duration or 0) if pts is None else time
        self._output.mux_one(copy)
        self._pass_on()

    def close(self) -> None:
        """Finish the object."""
        self._output.close()
        self._pass_on()

    def _pass_on(self) -> None:
        if data := self._sink.take():
            self._write(data)
