"""How far the jobs are, on stderr: bars on a terminal, lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol, TextIO

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, Progress, TaskID, TextColumn
from rich.text import Text

from fallow.client import JobView, RenditionView, RunningView

_WINDOW = 20.0  # seconds over which speed is measured
_LINE_SECONDS = 5.0  # between two lines of a rendition


class Display(Protocol):
    """Shows the state of jobs until it is closed."""

    look_seconds: float  # how often it wants to be shown progress between two events

    def show(self, jobs: Sequence[JobView]) -> None: ...

    def say(self, sentence: str) -> None: ...

    def close(self) -> None: ...


def display(stream: TextIO | None = None) -> Display:
    """Bars if the stream is a terminal, else lines."""
    stream = stream or sys.stderr
    return Bars(stream) if stream.isatty() else Lines(stream)


@dataclass
class Pace:
    """The speed of late."""

    seen: deque[tuple[float, int]] = field(default_factory=deque)

    def fps(self, now: float, frames: int) -> float:
        """Note how many frames are done, and say how many a second that makes."""
        self.seen.append((now, frames))
        while now - self.seen[0][0] > _WINDOW:
            self.seen.popleft()
        first, before = self.seen[0]
        return max(0.0, (frames - before) / (now - first)) if now > first else 0.0


@dataclass(frozen=True)
class Row:
    """One rendition of one job, ready to be shown."""

    label: str
    done: int
    total: int
    text: str
    finished: bool


class Rows:
    """Turns views into rows; remembers the pace of each."""

    def __init__(self) -> None:
        self._paces: dict[tuple[str, str], Pace] = {}

    def of(self, jobs: Sequence[JobView], now: float) -> list[Row]:
        several = len(jobs) > 1
        return [
            self._row(job, rendition, f"{job.name} {rendition.name}" if several else rendition.name, now)
            for job in jobs
            for rendition in job.renditions
        ]

    def _row(self, job: JobView, rendition: RenditionView, label: str, now: float) -> Row:
        fps = self._paces.setdefault((job.id, rendition.name), Pace()).fps(now, rendition.frames_done)
        done, total = rendition.frames_done, rendition.frames_total
        finished = job.state == "done"
        words = [f"{done}/{total} frames", f"{rendition.chunks_done}/{rendition.chunks_total} chunks"]
        if finished:
            words.append("done")
        elif job.ended or job.state == "joining":
            words.append(job.state)
        else:
            words.append(f"{fps:.0f} fps")
            words += [f"ETA {clock((total - done) / fps)}"] if fps and total > done else []
        return Row(label, done, total, "  ".join(words), finished)


class Bars:
    """One bar a rendition, one line a worker."""

    look_seconds = 1.0

    def __init__(self, stream: TextIO) -> None:
        self._rows = Rows()
        percent = "{task.percentage:>3.0f} %"
        text = TextColumn("{task.fields[text]}")
        self._bars = Progress(TextColumn("{task.description}"), BarColumn(24), TextColumn(percent), text)
        self._ids: dict[str, TaskID] = {}
        self._live = Live(self._bars, console=Console(file=stream), refresh_per_second=4, transient=True)
        self._live.start()

    def show(self, jobs: Sequence[JobView]) -> None:
        for row in self._rows.of(jobs, time.monotonic()):
            if row.label not in self._ids:
                self._ids[row.label] = self._bars.add_task(row.label, text="")
            total = row.total or None
            self._bars.update(self._ids[row.label], completed=row.done, total=total, text=row.text)
        self._live.update(Group(self._bars, *(Text(line, "dim") for line in worker_lines(jobs))))

    def say(self, sentence: str) -> None:
        self._live.console.print(sentence, markup=False, highlight=False)

    def close(self) -> None:
        self._live.stop()


class Lines:
    """A line a rendition now and then, for logs."""

    look_seconds = _LINE_SECONDS

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._rows = Rows()
        self._shown: dict[str, tuple[float, str]] = {}

    def show(self, jobs: Sequence[JobView]) -> None:
        now = time.monotonic()
        for row in self._rows.of(jobs, now):
            at, text = self._shown.get(row.label, (-_LINE_SECONDS, ""))
            if row.total and row.text != text and (row.finished or now - at >= _LINE_SECONDS):
                self._shown[row.label] = (now, row.text)
                self.say(f"{row.label}  {row.text}")

    def say(self, sentence: str) -> None:
        self._stream.write(sentence + "\n")
        self._stream.flush()

    def close(self) -> None:
        pass


class Silence:
    """Shows nothing: what is on stdout is enough."""

    look_seconds = 30.0

    def show(self, jobs: Sequence[JobView]) -> None: ...

    def say(self, sentence: str) -> None: ...

    def close(self) -> None: ...


def worker_lines(jobs: Sequence[JobView]) -> list[str]:
    """What every worker is at."""
    lines = []
    for job in jobs:
        for task in sorted(job.tasks_running, key=lambda task: (task.worker_name, task.worker)):
            what = _work(task)
            frames = f"  {task.done_frames}/{task.frames} frames  {task.fps:.0f} fps" if task.frames else ""
            lines.append(f"  {task.worker_name or task.worker}: {what}{frames}")
    return lines


def _work(task: RunningView) -> str:
    if task.kind == "video":
        return f"{task.rendition} chunk {task.number}"
    if task.kind in ("audio", "text"):
        return f"{task.kind} track {task.number}"
    return f"{task.kind} {task.rendition}".rstrip()


def clock(seconds: float) -> str:
    """1:05 or 2:03:04."""
    whole = int(seconds)
    minutes = f"{whole // 60 % 60:02d}:{whole % 60:02d}" if whole >= 3600 else f"{whole // 60}:{whole % 60:02d}"
    return f"{whole // 3600}:{minutes}" if whole >= 3600 else minutes
