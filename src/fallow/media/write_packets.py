"""Write packets of one video stream as an object of its own."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import av
from av.bitstream import BitStreamFilterContext
from av.packet import Packet
from av.video.stream import VideoStream

from fallow.media.containers import Wrapping, open_output


class Memory:
    """A sink that can only be appended to, so that no muxer goes back to patch what is written."""

    def __init__(self) -> None:
        self._data = bytearray()

    def write(self, data: bytes) -> int:
        self._data += data
        return len(data)

    def take(self) -> bytes:
        """What has been written since the last call."""
        data, self._data = bytes(self._data), bytearray()
        return data


class Wrapper:
    """An object in the making."""

    def __init__(self, template: VideoStream, wrapping: Wrapping) -> None:
        self._sink = Memory()
        self._output = open_output(self._sink, wrapping.container, wrapping.options)
        self._stream = self._output.add_stream_from_template(template, opaque=True)
        self._time_base: Fraction = template.time_base or Fraction(1, 90000)
        if wrapping.codec_tag:
            self._stream.codec_context.codec_tag = wrapping.codec_tag
        self._filter = None
        if wrapping.filters:
            self._filter = BitStreamFilterContext(wrapping.filters, template, self._stream)

    def add(self, data: bytes, pts: int, dts: int, duration: int, key: bool) -> None:
        """Append a packet in decode order; times in the template's time base."""
        packet = Packet(data)
        packet.time_base = self._time_base
        packet.pts, packet.dts, packet.duration = pts, dts, duration
        packet.is_keyframe = key
        self._mux([packet] if self._filter is None else self._filtered(packet))

    def close(self) -> bytes:
        """The finished object."""
        if self._filter is not None:
            self._mux(self._filter.filter(None))
        self._output.close()
        return self._sink.take()

    def _filtered(self, packet: Packet[Any]) -> list[Packet[Any]]:
        try:
            return self._filter.filter(packet) if self._filter is not None else [packet]
        except av.error.FFmpegError:
            return []  # too damaged even to be rewrapped: whoever decodes the chunk will miss its frame

    def _mux(self, packets: list[Packet[Any]]) -> None:
        for packet in packets:
            packet.stream = self._stream
            self._output.mux_one(packet)
