"""What is checked of a folder of HLS or DASH, from its bytes alone.

`tracks` segments and what is said of them; `playlists` reads HLS, `manifests` DASH; `parameters` CODECS from the
parameter sets; `checks` what is wrong with a folder; `captions` reads WebVTT; `exactness` compares a folder with
its source;
`product` folders that the product makes; `by_ffmpeg` those of FFmpeg's own muxers, whole and damaged.
"""
