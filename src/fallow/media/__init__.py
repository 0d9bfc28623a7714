"""Containers and packets, with PyAV: the only package that knows it. No I/O but the readers and sinks it is given.

Looking at a source:
- reader: a file over byte ranges, opened so that nothing else can be reached from inside it
- probe: what a source is, and its frame index; begin here
- draft: the same of a source of which only the beginning is there
- scan, packet_table, packets, timeline: one pass over the packets, in order, with times that rise
- frames: the index: packets in decode order, frames in display order
- safekeys: which packets decoding may begin at
- guess_times: display times where the container's cannot be trusted
- decode, first_frames: what only decoding tells
- boxes: where the boxes of an MP4 are; cutoff: whether the file ends too early
- wholeness, chain: whether packets are whole, and all in their places
- late_streams: streams that begin in mid-file
- colour, orientation, sound: colour and HDR labels; which way up; which samples are heard

Cutting it:
- plan: where to cut, which packets a chunk needs
- retime: which output frames a change of frame rate gives
- split: the chunks, in one pass; tracks: the sound and subtitles, whole; sections: sound in pieces
- containers, write_packets: what a chunk travels in, and how it is written
- try_carrying: whether packets can be carried; mezzanine: chunks of decoded frames, where they cannot

Joining:
- inspect: what a delivered part holds
- join: the parts as one file, the k-th frame at the k-th time; begin here
- result_parts: the result cut again, as its source was
- part_frames: the frames of a part, each with its place
- packet_order: display ranks and decode times of packets
- result_layout, streams, templates: what the result is made of, its streams and their headers
- sink, moov, patch_head: the front of the file, written last
- to_timed_text, from_timed_text: subtitles to MP4 timed text, and back

For streams:
- coded: facts and packets of parts, for a packager; sample_entries: how an MP4 describes a stream
- transport: segments of MPEG-TS; thumbnails: small pictures of key frames
"""
