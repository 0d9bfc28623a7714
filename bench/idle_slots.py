"""How much of its time a worker's FFmpeg runs, over a line with a delay, and what a ladder costs it.

One agent with one slot encodes a clip through a proxy that delays and slows what passes. Time between two FFmpeg
processes is lost. Then the same as a ladder, whose renditions are made at once or one by one.
Usage: idle_slots.py CLIP [--agents fallow-worker.pyz …] [--delay 0.05] [--megabits 20] [--chunk 2]
With several agents they take turns; one of an earlier version shows what has changed.
"""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from urllib.parse import urlsplit

import imageio_ffmpeg
import whole_platform

from fallow.messages import to_wire
from fallow.profiles import Profile
from fallow.worker.pack import build_pyz

FFMPEG = imageio_ffmpeg.get_ffmpeg_exe()
ONE = Profile("one", width=1280, height=720, preset="ultrafast", crf=23.0)
LADDER = [
    dataclasses.replace(ONE, name=f"{height}p", width=width, height=height, preset="veryfast")
    for width, height in ((1280, 720), (854, 480), (640, 360))
]
WRAPPER = """#!/bin/sh
case "$*" in *-map*) ;; *) exec {ffmpeg} "$@" ;; esac
began=$(date +%s.%N)
{ffmpeg} "$@"
code=$?
echo "$began $(date +%s.%N)" >> {log}
exit $code
"""


@dataclasses.dataclass
class Line:
    """A proxy in front of a gateway."""

    port: int
    delay: float  # seconds, each way
    rate: float  # bytes a second, each way

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            await asyncio.gather(self.carry(reader, back), self.carry(there, writer), return_exceptions=True)
        finally:
            back.close()
            writer.close()

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Every piece arrives after the delay, and after those before it at the line's rate."""
        loop = asyncio.get_running_loop()
        pieces: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(16)

        async def deliver() -> None:
            free = 0.0
            while True:
                due, piece = await pieces.get()
                free = max(due, free) + len(piece) / self.rate
                await asyncio.sleep(max(0.0, free - loop.time()))
                if not piece:
                    writer.write_eof()
                    return
                writer.write(piece)
                await writer.drain()

        delivering = asyncio.create_task(deliver())
        piece = b"-"
        while piece:
            piece = await reader.read(1 << 14)
            await pieces.put((loop.time() + self.delay, piece))
        await delivering


@dataclasses.dataclass(frozen=True)
class Outcome:
    """Of one job."""

    wall: float  # seconds from the first FFmpeg's start to the last one's end
    busy: float  # seconds in which one ran
    cpu: float  # seconds of FFmpeg and the agent
    processes: int

    @property
    def idle(self) -> float:
        return 1 - self.busy / self.wall


def job(
    clip: Path, agent: Path, profiles: Sequence[Profile], options: argparse.Namespace, seconds: float
) -> Outcome:
    """Done by one agent with one slot."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        log, program = folder / "log", folder / "ffmpeg"
        program.write_text(WRAPPER.format(ffmpeg=FFMPEG, log=log))
        program.chmod(0o755)
        with whole_platform.platform(folder, {"FALLOW_BUNDLE_SECONDS": str(seconds)}) as client:
            made = client.create(
                clip.name, [to_wire(profile) for profile in profiles], {"chunk_seconds": options.chunk}
            )
            client.upload(made.id, clip)
            until(lambda: client.job(made.id).state not in ("uploading", "splitting"))
            url = through(Line(urlsplit(client.url).port or 80, options.delay, options.megabits * 125_000))
            command = [sys.executable, "-S", "-I", str(agent), url, "--slots", "1", "--threads", "1"]
            environment = {**os.environ, "FALLOW_TOKEN": whole_platform.TOKEN, "FALLOW_LOG": "off"}
            running = subprocess.Popen([*command, "--ffmpeg", str(program)], env=environment)
            until(lambda: client.job(made.id).ended)
            running.send_signal(signal.SIGTERM)
            _, _, usage = os.wait4(running.pid, 0)
            if client.job(made.id).state != "done":
                sys.exit(f"The job has failed: {client.job(made.id).error}")
        spans = sorted(tuple(map(float, line.split())) for line in log.read_text().splitlines())
    busy = sum(end - begin for begin, end in spans)
    wall = max(end for _, end in spans) - spans[0][0]
    return Outcome(wall, busy, usage.ru_utime + usage.ru_stime, len(spans))


def through(line: Line) -> str:
    """The URL of a proxy that runs by itself."""
    ready: queue.Queue[int] = queue.Queue()

    async def serve() -> None:
        server = await asyncio.start_server(line.accept, "127.0.0.1", 0)
        ready.put(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    threading.Thread(target=asyncio.run, args=(serve(),), daemon=True).start()
    return f"http://127.0.0.1:{ready.get()}"


def until(true: Callable[[], bool]) -> None:
    while not true():
        time.sleep(0.05)


def compare(options: argparse.Namespace) -> None:
    for agent in options.agents if "one" in options.only else ():
        for _ in range(options.runs):
            one = job(options.clip, agent, [ONE], options, 20.0)
            print(
                f"{agent.name}: FFmpeg idle {100 * one.idle:.1f} % of {one.wall:.1f} s, {one.processes} processes"
            )
    for _ in range(options.runs if "ladder" in options.only else 0):
        for seconds in (0.0, 20.0):
            made = job(options.clip, options.agents[0], LADDER, options, seconds)
            told = f"{made.wall:.1f} s, {made.cpu:.1f} s of processors, {made.processes} processes"
            print(f"ladder, bundle_seconds {seconds:g}: {told}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("clip", type=Path)
    parser.add_argument("--agents", nargs="*", type=Path, default=[])
    parser.add_argument("--delay", type=float, default=0.05)
    parser.add_argument("--megabits", type=float, default=20.0)
    parser.add_argument("--chunk", type=float, default=2.0)
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--only", nargs="+", choices=("one", "ladder"), default=["one", "ladder"])
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        own = Path(folder, "this.pyz")
        own.write_bytes(build_pyz())
        options.agents = [own, *options.agents]
        compare(options)


if __name__ == "__main__":
    main()
