"""Make all clips and say where they are: `PYTHONPATH=tests python -m clips`."""

import sys

from clips.library import base, build

if __name__ == "__main__":
    sys.stdout.write(f"{len(build())} clips in {base()}\n")
