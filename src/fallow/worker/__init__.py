"""The agent: lease, stream, deliver. Standard library only, Python 3.10 or newer."""
