"""The only place that spells ffmpeg: pure command builders, and the one way to run them. Standard library only.

- commands: the arguments for each kind of recipe; begin here
- graphs: filter graphs; encoders: encoder options; words: how values are written, and which are let in
- quality: the graph that measures
- reference: the one plain command that does the same on one machine
- locate: find FFmpeg, and ask what it is
- run: start, listen, stop, reap; halt: stand still for a while; process: what systems do differently there
- trial: how fast it encodes a few made-up pictures
- faults: what it says about damaged pictures
- counting: count the frames in a stream of bytes as it passes
"""
