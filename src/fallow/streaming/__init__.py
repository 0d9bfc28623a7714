"""Results of many files: streams that players fetch segment by segment, and change between renditions of.

- package: from parts to files, chunk by chunk; begin here
- listing: what is known of streams and their segments
- video, sound, text: a stream's segments, each kind in its way; timed_cues: text as samples
- thumbnails: small pictures of segments
- decode_line: when frames are decoded
- packing: segments as CMAF or MPEG-TS; fragments: the boxes of CMAF
- codec_names: what playlists call codecs, from their parameter sets
- bit_rates, names: what else is told of streams
- presentation, playlists: what is told to players; hls, dash: how
"""
