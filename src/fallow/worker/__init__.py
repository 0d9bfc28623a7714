"""The agent: lease, stream, deliver. Standard library only, Python 3.10 or newer.

- __main__: its command line
- agent: the loop: leases, renewals, deliveries, draining
- stream: one attempt: GET | ffmpeg | PUT
- download, upload: its two ends; patience: with servers that are away; ways: past them
- source: where work comes from, over HTTP; connection: the connections
- machine: what this machine is
- pack: the agent as one file, fallow-worker.pyz
"""
