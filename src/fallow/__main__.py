"""`fallow` and `python -m fallow`: the agent needs nothing but Python, all else needs the server's packages."""

from __future__ import annotations

import importlib
import signal
import sys

from fallow import __version__

_NEEDED = "The command line needs the packages of the server; install them with: pip install 'fallow[server]'"


def main() -> int:
    """Run the command line; the exit code."""
    if sys.argv[1:2] == ["worker"]:
        agent = importlib.import_module("fallow.worker.__main__")
        return int(agent.main(sys.argv[2:]) or 0)
    if sys.argv[1:] == ["--version"]:
        sys.stdout.write(f"fallow {__version__}\n")
        return 0
    try:
        cli = importlib.import_module("fallow.cli")
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] == "fallow":
            raise
        sys.stderr.write(f"{_NEEDED} (missing: {error.name}). `fallow worker` works without them.\n")
        return 2
    return int(cli.run(sys.argv[1:]))


def run() -> int:
    """As main, for a person who loses patience before the command line has even been read."""
    try:
        return main()
    except KeyboardInterrupt:
        sys.stderr.write("fallow: Interrupted.\n")
        return 130
    finally:
        # All is done and told; one more Ctrl-C while Python shuts down shall not change the exit code.
        signal.signal(signal.SIGINT, signal.SIG_IGN)


if __name__ == "__main__":
    sys.exit(run())
