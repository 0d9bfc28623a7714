"""First playable: how long people wait after the last byte of their video, and how little its length matters.

For each length of video, a file that can be cut while it comes (MPEG-TS) is uploaded to a platform at a fixed rate,
and encoded by agents on this machine, as small pictures, so that an hour of it is possible. Counted from the end of
the upload: seconds until a player could begin (the first segment of each rendition can be fetched), and until all
is done. Beside it, the same pipeline run stage after stage: uploaded, then cut, then encoded, then joined.
The goal: playable at most 2 s and one chunk's encode after the upload, however long the video is.
Usage: first_playable.py [--minutes 1 10 60] [--speed 10] [--agents 2] [--container hls]
"""

from __future__ import annotations

import argparse
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urljoin

import imageio_ffmpeg
from whole_platform import TOKEN, UP, platform

from fallow.catalogue import STREAMS
from fallow.client import Client
from fallow.messages import to_wire
from fallow.pipeline.job_options import Options
from fallow.profiles import Profile
from fallow.worker.pack import build_pyz

HERE = Path(__file__).parent
FFMPEG = imageio_ffmpeg.get_ffmpeg_exe()
WIDTH, HEIGHT, RATE = 128, 72, 25
PIECE = 16 << 10  # bytes that are sent at a time
STAGED = (sys.executable, str(HERE / "staged_platform.py"))
NEVER = float("nan")


@dataclass(frozen=True)
class Found:
    """Of one job: seconds after the end of its upload."""

    playable: float
    done: float
    chunk: float  # that the first chunk's encode took
    upload: float  # that the upload took


def make_clip(path: Path, minutes: float) -> Path:
    """A key frame every two seconds, and sound."""
    seconds = str(60 * minutes)
    picture, sound = f"testsrc2=size={WIDTH}x{HEIGHT}:rate={RATE}", "sine=frequency=440"
    command = [FFMPEG, "-v", "error", "-f", "lavfi", "-i", picture, "-f", "lavfi", "-i", sound, "-t", seconds]
    command += ["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-g", str(2 * RATE), "-bf", "0"]
    subprocess.run([*command, "-c:a", "aac", "-b:a", "48k", str(path)], check=True)
    return path


class Upload:
    """A source that is sent as fast as a line of a fixed rate allows."""

    def __init__(self, path: Path, rate: float) -> None:
        self._path, self._rate = path, rate
        self.begun = self.ended = 0.0  # seconds since the epoch

    def send(self, client: Client, job: str) -> None:
        size = {"Content-Length": str(self._path.stat().st_size)}
        with client._server.answer("PUT", f"/api/v1/jobs/{job}/source", self._pieces(), size) as answer:
            answer.read()

    def _pieces(self) -> Iterator[bytes]:
        self.begun, sent = time.time(), 0
        with self._path.open("rb") as file:
            while data := file.read(PIECE):
                sent += len(data)
                time.sleep(max(0.0, self.begun + sent / self._rate - time.time()))
                self.ended = time.time()
                yield data


class Viewer(threading.Thread):
    """Somebody who wants to see the video, and looks again and again whether it plays."""

    def __init__(self, client: Client, job: str) -> None:
        super().__init__(daemon=True)
        self._client, self._job = client, job
        self.over = threading.Event()
        self.playable = NEVER  # seconds since the epoch

    def run(self) -> None:
        while not self.over.wait(0.1):
            with suppress(OSError, KeyError, IndexError, ValueError):
                view = self._client._call("GET", f"/api/v1/jobs/{self._job}")
                if plays(urljoin(self._client.url, view["play_url"])):
                    self.playable = time.time()
                    return


def plays(url: str) -> bool:
    """Whether the first segment of every rendition of an HLS stream is there."""
    playlists = [line for line in lines_of(url) if line.endswith(".m3u8")]
    for playlist in playlists:
        place = urljoin(url, playlist)
        first = next(line for line in lines_of(place) if line and not line.startswith("#"))
        with urllib.request.urlopen(urljoin(place, first)) as answer:  # noqa: S310 - likewise
            if not answer.read():
                return False
    return bool(playlists)


def lines_of(url: str) -> list[str]:
    with urllib.request.urlopen(url) as answer:  # noqa: S310 - of our own platform
        return list(answer.read().decode().splitlines())


@contextmanager
def agents(folder: Path, url: str, count: int) -> Iterator[None]:
    archive = folder / "fallow-worker.pyz"
    archive.write_bytes(build_pyz())
    program = [
        sys.executable,
        "-S",
        "-I",
        str(archive),
        url,
        "--slots",
        str(count),
        "--ffmpeg",
        FFMPEG,
        "--parent-pipe",
    ]
    process = subprocess.Popen(
        program,
        env={**os.environ, "FALLOW_TOKEN": TOKEN, "FALLOW_LOG": "off"},
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
    )
    try:
        yield
    finally:
        process.terminate()
        process.wait()


def run(options: argparse.Namespace, clip: Path, rate: float, program: tuple[str, ...]) -> Found:
    with tempfile.TemporaryDirectory() as place, ExitStack() as stack:
        folder, staged = Path(place), program == STAGED
        client = stack.enter_context(platform(folder, {}, program))
        if not staged:
            stack.enter_context(agents(folder, client.url, options.agents))
        profile = Profile("small", width=WIDTH, height=HEIGHT, preset="ultrafast")
        job = client.create(clip.name, [to_wire(profile)], Options(options.container).asked)
        viewer, upload = Viewer(client, job.id), Upload(clip, rate)
        viewer.start()
        upload.send(client, job.id)
        if staged:  # nobody encodes until all is cut
            while client.job(job.id).state in ("uploading", "splitting"):
                time.sleep(0.1)
            stack.enter_context(agents(folder, client.url, options.agents))
        view = client.wait(job.id, lambda _: None, 0.2)
        if view.state != "done":
            sys.exit(f"The job is {view.state}: {view.error}")
        viewer.join(1.0)
        viewer.over.set()
        chunk = first_encode(client, job.id)
        return Found(
            viewer.playable - upload.ended, view.updated - upload.ended, chunk, upload.ended - upload.begun
        )


def first_encode(client: Client, job: str) -> float:
    """Seconds that the first chunk's encode took; the slowest of its renditions counts."""
    tasks = client._call("GET", f"/api/v1/jobs/{job}/tasks")["tasks"]
    first = [task for task in tasks if task["kind"] == "video" and task["number"] == 0]
    ends = [attempt for task in first for attempt in task["attempts"] if attempt["outcome"] == "delivered"]
    return max(float(attempt["ended"] - attempt["started"]) for attempt in ends)


def report(minutes: float, streamed: Found, staged: Found) -> None:
    for name, found in (("streamed", streamed), ("staged", staged)):
        told = f"{minutes:>7g} {name:10}{found.upload:>9.1f}{found.playable:>10.2f}{found.done:>9.2f}"
        print(f"{told}{found.chunk:>9.2f}{found.playable - found.chunk:>14.2f}")
    ratio = f"{'':7} {'ratio':10}{'':9}{streamed.playable / staged.playable:>10.3f}"
    print(f"{ratio}{streamed.done / staged.done:>9.3f}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, nargs="*", default=[1, 10, 60])
    parser.add_argument("--speed", type=float, default=10.0, help="of the upload: seconds of video in a second")
    parser.add_argument("--agents", type=int, default=2)
    parser.add_argument("--container", default="hls" if "hls" in STREAMS else "mp4")
    parser.add_argument("--runs", type=int, default=1)
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("Asked to end."))  # so that what was started ends, too
    print(f"{'minutes':>7} {'':10}{'upload s':>9}{'playable':>10}{'done':>9}{'chunk':>9}{'playable-chunk':>14}")
    with tempfile.TemporaryDirectory() as folder:
        for minutes in options.minutes:
            clip = make_clip(Path(folder, f"{minutes:g}.ts"), minutes)
            rate = clip.stat().st_size / (60 * minutes / options.speed)
            both = [[run(options, clip, rate, program) for _ in range(options.runs)] for program in (UP, STAGED)]
            report(minutes, *map(median, both))
            clip.unlink()


def median(found: list[Found]) -> Found:
    values = ([getattr(one, name) for one in found] for name in Found.__dataclass_fields__)
    return Found(*map(statistics.median, values))


if __name__ == "__main__":
    main()
