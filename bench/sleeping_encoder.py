"""Stands in for FFmpeg in bench/scaling.py: an encoder of a fixed rate, which sleeps instead of working.

What it has not been asked for before it has FFmpeg do, and keeps. What it has, it delivers piece by piece in the
time that an encoder of BENCH_RATE frames a second takes. Of BENCH_LOST hundredths of its attempts nothing is heard
any more after some of that time: it kills its agent, as when a device is unplugged. Which ones is told by chance of
the chunk and the attempt alone, so it is the same in every run. It starts for every chunk, so it imports little.
"""

import os
import sys
import time
import zlib

PIECES = 20


def main() -> None:
    if "-filter:v" not in sys.argv:
        os.execv(os.environ["BENCH_FFMPEG"], sys.argv)  # noqa: S606 - questions about the build
    asked = sys.argv[sys.argv.index("-filter:v") + 1].encode()
    name = f"{zlib.crc32(asked):08x}{zlib.adler32(asked):08x}"
    kept = f"{os.environ['BENCH_PARTS']}/{name}"
    begun = time.monotonic() - age()
    data = sys.stdin.buffer.read()
    if not os.path.exists(kept):
        make(kept, data)
    with open(kept, "rb") as file:
        count, part = int(file.readline()), file.read()
    pace(name, part, begun, count / float(os.environ["BENCH_RATE"]))


def make(kept: str, data: bytes) -> None:
    """The part, after a line with the number of its frames."""
    import subprocess

    sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "src"))
    from fallow.ffmpeg.counting import counter

    command = [os.environ["BENCH_FFMPEG"], *sys.argv[1:]]
    part = subprocess.run(command, input=data, stdout=subprocess.PIPE, check=True).stdout
    frames = counter("mpegts")
    frames.feed(part)
    unfinished = f"{kept}.{os.getpid()}"
    with open(unfinished, "wb") as file:
        file.write(b"%d\n%b" % (frames.frames, part))
    os.replace(unfinished, kept)


def pace(name: str, part: bytes, begun: float, seconds: float) -> None:
    lost = end_of(name)
    for piece in range(PIECES):
        until = begun + seconds * min(lost, (piece + 1) / PIECES)
        time.sleep(max(0.0, until - time.monotonic()))
        if lost <= (piece + 1) / PIECES:
            os.kill(os.getppid(), 9)
            sys.exit(1)
        sys.stdout.buffer.write(part[len(part) * piece // PIECES : len(part) * (piece + 1) // PIECES])
        sys.stdout.buffer.flush()
    os._exit(0)  # an interpreter's end takes some time


def age() -> float:
    """Seconds since this process was started: what an interpreter takes to begin is not the agents' fault."""
    with open("/proc/self/stat", "rb") as file:
        ticks = int(file.read().rpartition(b")")[2].split()[19])
    return max(0.0, time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK"))


def end_of(name: str) -> float:
    """The share of its work after which this attempt is lost; more than 1: it is not."""
    folder = os.environ.get("BENCH_ATTEMPTS")
    if not folder:
        return 2.0
    attempt = 0
    while os.path.exists(f"{folder}/{name}.{attempt}"):
        attempt += 1
    open(f"{folder}/{name}.{attempt}", "x").close()
    dice = zlib.crc32(f"{name} {attempt}".encode())
    return dice // 10_000 % 1000 / 1000 if dice % 10_000 < 100 * float(os.environ["BENCH_LOST"]) else 2.0


if __name__ == "__main__":
    main()
