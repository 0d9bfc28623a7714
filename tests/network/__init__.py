"""Hosts that are network namespaces of this machine, bad lines between them, and how Fallow bears with those."""
