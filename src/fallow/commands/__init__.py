"""What each command of the command line does; cli.py only decodes flags and calls these.

- encode: the platform for a few files; state: where it keeps unfinished work; interrupts: Ctrl-C
- space: whether the disks are large enough; streams: their folders
- chosen: which profiles it makes
- outputs: which files it reads and writes; progress, summary: what it shows; reference: --print-reference
- up: run a platform; serve: one service of it; migrate: its tables; user: who may log in
- remote: all commands that talk to a server; sending: how far an upload is
- experiment: measure a platform, and report what was measured
- doctor: what this machine has and lacks; packages: what must be installed, in which versions
- printer: how lines are printed
"""
