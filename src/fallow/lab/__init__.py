"""How a platform does, measured: experiments that anybody can repeat, and reports with plots.

- plan: what an experiment tries, from its TOML file
- matrix: runs it; local: on this machine; crews: by chosen workers of a server
- record: the runs, as lines of JSON; gather: what a run was, from what the server knows
- figures: what the runs say; plots: as pictures; page: as one HTML file
"""
