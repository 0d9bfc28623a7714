"""The agent: lease, stream, deliver. Standard library only, Python 3.10 or newer.

- __main__: how it starts and ends; options: its command line; status: what `fallow worker status` tells
- agent: its slots, registering, draining
- slot: fetches, encodes and uploads at the same time; pace: how fast it is; calibration: before any work
- attempt: one lease: renewals, delivery, return; unit: the attempts that one FFmpeg does
- sentry: has it rest while the device may not work; gate: whether it may; rules: what its owner demands
- senses: the sensors that the rules need; hours, plain_toml: what rules are written in
- pause: why it rests; traffic: what it has sent in this month; energy: what its tasks take of it
- stream: GET | ffmpeg | PUT; part: what comes out of it; stopping: either before its time
- download, upload: its two ends; divided: two files in one object; sender: a thread for the second one
- patience: with servers that are away; ways: past them
- source: where work comes from, over HTTP; connection: the connections
- machine: what this machine is; means: what of it the agent works with
- service: has the system start it; service_forms: what systems want to be told
- update: its next version; own_file: what it runs from; kept: files that it keeps, and who it is
- pack: the agent as one file, fallow-worker.pyz; alone: as that file, from the sources
"""
