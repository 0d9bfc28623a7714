"""The agent: lease, stream, deliver. Standard library only, Python 3.10 or newer.

- __main__: its command line
- agent: its slots, registering, draining; means: what it works with
- slot: fetches, encodes and uploads at the same time; pace: how fast it is
- attempt: one lease: renewals, delivery, return; unit: the attempts that one FFmpeg does
- stream: GET | ffmpeg | PUT; part: what comes out of it; stopping: either before its time
- download, upload: its two ends; divided: two files in one object; sender: a thread for the second one
- patience: with servers that are away; ways: past them
- source: where work comes from, over HTTP; connection: the connections
- machine: what this machine is; device: of which kind
- pack: the agent as one file, fallow-worker.pyz
"""
