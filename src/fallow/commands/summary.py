"""What came out of an encode: one JSON object for machines, a table for people."""

from __future__ import annotations

import errno
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.padding import Padding
from rich.table import Table

from fallow.client import JobView, ShareView
from fallow.commands.outputs import Output
from fallow.commands.printer import ENDLESS
from fallow.commands.progress import clock
from fallow.errors import FallowError

_HEADINGS = ("result", "size", "frames", "length", "bit rate", "of input")
_ASIDE = ("splitter", "joiner")
"""They work beside the store and encode nothing, so they have no share in the frames."""


@dataclass(frozen=True)
class Result:
    """One verified output file."""

    profile: str
    path: str
    container: str
    frames: int
    seconds: float
    bytes: int
    bitrate: int  # bit/s
    width: int
    height: int
    verified: bool
    sha256: str


@dataclass(frozen=True)
class Failed:
    """Why there is no result."""

    kind: str
    message: str

    @classmethod
    def of(cls, error: BaseException) -> Failed:
        if isinstance(error, FallowError):
            return cls(error.kind, str(error))
        return cls("retryable", sentence(error) if isinstance(error, OSError) else str(error))


@dataclass(frozen=True)
class InputReport:
    """One input and what became of it."""

    input: Path
    size: int
    results: tuple[Result, ...] = ()
    error: Failed | None = None
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Report:
    """A whole run."""

    inputs: tuple[InputReport, ...]
    wall_seconds: float
    shares: tuple[ShareView, ...]

    @property
    def ok(self) -> bool:
        return all(report.error is None and report.results for report in self.inputs)

    @property
    def speed(self) -> float:
        """Seconds of result made in a second."""
        made = sum(result.seconds for report in self.inputs for result in report.results)
        return made / self.wall_seconds if self.wall_seconds > 0 else 0.0


def sentence(error: OSError) -> str:
    """What the system refused, as a sentence."""
    place = f"{error.filename}: " if error.filename else ""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"{place}No space is left on the disk; free some, and try again."
    return f"{place}{error.strerror or error}. Check the path, its permissions, and the space left there."


def total_shares(jobs: Sequence[JobView]) -> tuple[ShareView, ...]:
    """What each worker did for all the jobs together."""
    totals: dict[str, ShareView] = {}
    for share in (share for job in jobs for share in job.shares if share.name not in _ASIDE):
        before = totals.get(share.worker, ShareView(share.worker, share.name))
        totals[share.worker] = ShareView(
            share.worker,
            share.name or before.name,
            before.tasks + share.tasks,
            before.frames + share.frames,
            before.wall_seconds + share.wall_seconds,
            before.cpu_seconds + share.cpu_seconds,
        )
    return tuple(sorted(totals.values(), key=lambda share: share.name))


def as_json(report: Report) -> dict[str, Any]:
    """The object that --json prints; docs/reference/json.md describes it."""
    return {
        "ok": report.ok,
        "inputs": [_input_json(item) for item in report.inputs],
        "wall_seconds": round(report.wall_seconds, 3),
        "speed": round(report.speed, 3),
        "workers": [
            {
                "name": share.name,
                "tasks": share.tasks,
                "frames": share.frames,
                "wall_seconds": round(share.wall_seconds, 3),
                "cpu_seconds": round(share.cpu_seconds, 3),
            }
            for share in report.shares
        ],
    }


def error_json(failed: Failed) -> dict[str, Any]:
    return {"ok": False, "error": asdict(failed)}


def _input_json(item: InputReport) -> dict[str, Any]:
    made: dict[str, Any] = {"input": str(item.input), "outputs": [asdict(result) for result in item.results]}
    if item.warnings:
        made["warnings"] = list(item.warnings)
    if item.error:
        made["error"] = asdict(item.error)
    return made


def show(report: Report, console: Console) -> None:
    """A table of results, warnings, and a sentence about the whole."""
    made = [_cells(result, item.size) for item in report.inputs for result in item.results]
    table = _table(made)
    if made and console.measure(table, options=console.options.update(width=ENDLESS)).maximum <= console.width:
        console.print(table)
    else:  # a path is one line, for who copies it
        for path, size, frames, length, rate, share in made:
            console.print(path, soft_wrap=True)
            facts = f"{size}  {frames} frames  {length}  {rate}  {share} of input"
            console.print(Padding(facts, (0, 0, 0, 2)))
    for item in report.inputs:
        for warning in item.warnings:
            _say(console, item.input, warning)
    if report.ok:
        _show_shares(report, console)


def _table(rows: Sequence[Sequence[str]]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in _HEADINGS:
        table.add_column(heading, justify="left" if heading == "result" else "right", no_wrap=True)
    for row in rows:
        table.add_row(*row)
    return table


def show_failures(report: Report, console: Console) -> None:
    """A sentence for every input that has no results."""
    for item in report.inputs:
        if item.error:
            _say(console, item.input, item.error.message)


def _say(console: Console, source: Path, sentence: str) -> None:
    named = sentence if source.name in sentence else f"{source}: {sentence}"
    console.print(named, soft_wrap=True)


def _cells(made: Result, source: int) -> list[str]:
    return [
        made.path,
        f"{made.width}x{made.height}",
        str(made.frames),
        clock(made.seconds),
        f"{made.bitrate / 1000:.0f} kb/s",
        f"{made.bytes / source:.0%}",
    ]


def _show_shares(report: Report, console: Console) -> None:
    frames = sum(share.frames for share in report.shares) or 1
    parts = [f"{share.name} {share.frames / frames:.0%}" for share in report.shares if share.frames]
    words = f"Verified. {report.wall_seconds:.1f} s, {report.speed:.1f} x real time"
    console.print(f"{words}; by worker: {', '.join(parts)}." if parts else f"{words}.")


def result(output: Output, facts: dict[str, Any], size: tuple[int, int], length: int) -> Result:
    """A result from what the join counted, and found to be on the disk with so many bytes."""
    seconds = _number(facts.get("duration", 0))
    return Result(
        profile=output.profile.name,
        path=str(output.path),
        container=output.container,
        frames=int(facts.get("frames", 0)),
        seconds=round(seconds, 6),
        bytes=length,
        bitrate=round(length * 8 / seconds) if seconds else 0,
        width=size[0],
        height=size[1],
        verified=True,
        sha256=str(facts.get("sha256", "")),
    )


def _number(value: Any) -> float:
    """A JSON number, or a fraction as text."""
    if isinstance(value, str):
        top, _, bottom = value.partition("/")
        return float(top) / float(bottom or 1)
    return float(value)
