"""How far the jobs are, on stderr: bars on a terminal, lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol, TextIO

from rich.console import ConsoleDimensions, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from fallow.client import JobView, RenditionView, RunningView
from fallow.commands.printer import printer

_WINDOW = 20.0  # seconds over which speed is measured
_LINE_SECONDS = 5.0  # between two lines of a rendition
_FOREVER = 100 * 3600.0  # seconds; what takes so long is not worth a guess
_PERCENT = 5  # columns of "100 %"
_LAYOUTS = [(24, 0), (12, 0), (24, 1), (12, 1), (12, 2), (8, 2), (8, 3), (4, 4)]
"""Lengths of the bar, and how few words, from the best to what fits everywhere."""


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
    texts: tuple[str, ...]  # the same in ever fewer words
    finished: bool

    @property
    def text(self) -> str:
        return self.texts[0]


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
        frames, chunks = f"{done}/{total} frames", f"{rendition.chunks_done}/{rendition.chunks_total} chunks"
        state = _state(job, rendition)
        if not total:
            return Row(label, done, total, (state or job.state,), job.state == "done")
        if state:
            words, brief = [state], state
        else:
            left = (total - done) / fps if fps else _FOREVER
            eta = f"ETA {clock(left)}" if 0 < left < _FOREVER else ""
            words, brief = [f"{fps:.0f} fps" if fps else "", eta], eta
        fewer = [[frames, chunks, *words], [frames, *words], words, [brief], [""]]
        texts = tuple("  ".join(filter(None, some)) for some in fewer)
        return Row(label, done, total, texts, job.state == "done")


def _state(job: JobView, rendition: RenditionView) -> str:
    """What a rendition is at, when that is not encoding."""
    if job.state == "done":
        return "done"
    if rendition.state in ("done", "joining"):
        return rendition.state
    return job.state if job.ended or job.state == "joining" else ""


class Bars:
    """One bar a rendition, one line a worker."""

    look_seconds = 1.0

    def __init__(self, stream: TextIO) -> None:
        self._rows = Rows()
        self._layout = self._width = 0
        self._live = Live(console=printer(stream), refresh_per_second=4, transient=True)
        self._live.start()

    def show(self, jobs: Sequence[JobView]) -> None:
        rows, workers = self._rows.of(jobs, time.monotonic()), worker_lines(jobs)
        size = self._live.console.size
        # It only shrinks, so that bars do not jump whenever a number gets longer or shorter.
        self._layout = fitting(rows, size.width, self._layout if size.width == self._width else 0)
        self._width = size.width
        self._live.update(picture(rows, workers, size, self._layout))

    def say(self, sentence: str) -> None:
        self._live.console.print(sentence)

    def close(self) -> None:
        self._live.stop()


def fitting(rows: Sequence[Row], width: int, first: int = 0) -> int:
    """The best layout from the first on that has room for all rows; in narrow ones long labels are cut."""
    longest = max((len(row.label) for row in rows), default=0)
    for number in range(first, len(_LAYOUTS)):
        room = _room(rows, width, number)
        if room >= longest or (number > 1 and room >= width // 3):
            return number
    return len(_LAYOUTS) - 1


def picture(rows: Sequence[Row], workers: Sequence[str], size: ConsoleDimensions, layout: int) -> Group:
    """All of it on so many lines: what matters least is left out."""
    lines = size.height - 1  # below is the cursor
    if len(rows) + len(workers) > lines:
        rows = [row for row in rows if not row.finished]
    shown = rows if len(rows) <= lines else rows[: lines - 1]
    room = _room(shown, size.width, layout)
    grid = Table.grid(padding=(0, 1))
    for row in shown:
        bar = ProgressBar(row.total or 1, row.done, width=_LAYOUTS[layout][0])
        text = Text(_words(row, layout), no_wrap=True, overflow="ellipsis")
        grid.add_row(_end(row.label, room), bar, _share(row), text)
    more = [f"  and {len(rows) - len(shown)} more"] if len(rows) > len(shown) else []
    below = [*more, *workers[: lines - len(shown) - len(more)]]
    return Group(grid, *(Text(line, "dim", no_wrap=True, overflow="ellipsis") for line in below))


def _room(rows: Sequence[Row], width: int, layout: int) -> int:
    """Columns that are left for labels."""
    texts = max((len(_words(row, layout)) for row in rows), default=0)
    return width - _LAYOUTS[layout][0] - _PERCENT - texts - 4


def _words(row: Row, layout: int) -> str:
    return row.texts[min(_LAYOUTS[layout][1], len(row.texts) - 1)]


def _end(label: str, room: int) -> str:
    """As much of it as fits; the rendition stands at its end."""
    return label if len(label) <= room else "…" + label[len(label) - max(1, room - 1) :]


def _share(row: Row) -> str:
    return f"{100 * row.done // row.total:>3} %" if row.total else ""


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
            frames = f"  {task.done_frames}/{task.frames} frames" if task.frames else ""
            frames += f"  {task.fps:.0f} fps" if task.frames and task.fps else ""
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
