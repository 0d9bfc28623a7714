"""A record as one HTML file that needs nothing else: tables, and plots within."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterable, Iterator, Sequence
from html import escape
from typing import Any

from fallow.lab import figures, plots
from fallow.lab.figures import Device, Performance, Scaling
from fallow.lab.record import Head, Record

UNKNOWN = "–"
MODELLED = "model"

_STYLE = """
:root { color-scheme: light; font: 16px/1.5 system-ui, sans-serif; color: #1d2733; background: #fff; }
body { max-width: 62rem; margin: 2.5rem auto; padding: 0 1.25rem; }
h1 { font-size: 1.7rem; margin: 0; } h2 { font-size: 1.2rem; margin: 2.5rem 0 .5rem; }
p { max-width: 46rem; } .muted { color: #5a6673; }
.scroll { overflow-x: auto; } table { border-collapse: collapse; width: 100%; font-size: .92rem; }
th, td { text-align: right; padding: .35rem .6rem; border-bottom: 1px solid #dfe4e9; white-space: nowrap; }
th:first-child, td:first-child, .words { text-align: left; } th { color: #5a6673; font-weight: 600; }
figure { margin: 1.5rem 0 0; } svg { max-width: 100%; height: auto; display: block; }
@media print { body { margin: 0; } h2 { break-after: avoid; } svg, tr { break-inside: avoid; } }
"""


def page(record: Record) -> str:
    """The whole file."""
    head, runs = record.head, record.runs
    devices = figures.devices(runs, head.price_per_kwh)
    parts = [
        *_beginning(record),
        *_performance(figures.performances(runs)),
        *_devices(devices, head),
        *_efficiency(devices),
        *_scaling(figures.scalings(runs)),
        *_troubles(record),
    ]
    style = f"<style>{_STYLE}</style>"
    title = "<title>Fallow: report</title>"
    meta = '<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
    body = "".join(parts)
    return f'<!doctype html>\n<html lang="en"><head>{meta}{title}{style}</head><body>\n{body}</body></html>\n'


def _beginning(record: Record) -> Iterator[str]:
    head, runs = record.head, record.runs
    good = [run for run in runs if not run.error]
    minutes = sum(run.video_seconds for run in good) / 60
    when = datetime.datetime.fromtimestamp(head.began, datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC")
    yield "<h1>What this platform does</h1>\n"
    yield f'<p class="muted">{escape(head.host)}, Fallow {escape(head.fallow)}, begun {when}.</p>\n'
    frames = sum(run.frames for run in good)
    made = f"{_count(len(good), 'run')} made {minutes:.1f} minutes of video, {frames:,} frames"
    failed = f"; {_count(len(runs) - len(good), 'run')} failed" if len(runs) > len(good) else ""
    yield f"<p>{made}{failed}.</p>\n"


def _performance(found: Sequence[Performance]) -> Iterator[str]:
    yield "<h2>Performance</h2>\n<p>A run lasts from the job’s creation, its upload included, to its end.</p>\n"
    headings = ["source", "profile", "workers", "runs", "seconds", "±", "fps", "× real time", "joules"]
    yield _table(
        headings,
        (
            [
                *(one.source, one.profile, one.crew, str(one.runs), f"{one.seconds:.2f}", _number(one.spread, 2)),
                *(f"{one.fps:.1f}", f"{one.speed:.2f}", _number(one.joules, 0)),
            ]
            for one in found
        ),
        words=3,
    )
    series: dict[str, dict[str, float]] = {}
    for one in found:
        series.setdefault(one.crew, {})[f"{one.source} · {one.profile}"] = one.fps
    if series:
        yield _plot(plots.bars, "Frames per second of each source and profile, by workers", "fps", series)


def _devices(found: Sequence[Device], head: Head) -> Iterator[str]:
    if not found:
        return
    yield "<h2>Devices</h2>\n<p>What one task does by itself: its frames over the seconds that it took.</p>\n"
    price = f"{head.currency} / h of video" if head.price_per_kwh is not None else ""
    headings = ["source", "profile", "device", "frames", "seconds", "fps", "× real time", "joules", "J / frame"]
    yield _table(
        [*headings, *([price] if price else []), "energy by"],
        (
            [
                *(one.source, one.profile, one.device, f"{one.frames:,}", f"{one.seconds:.1f}", f"{one.fps:.1f}"),
                *(f"{one.speed:.2f}", _number(one.joules, 0), _number(one.joules_per_frame, 3)),
                *([_number(one.cost, 4)] if price else []),
                one.meters or UNKNOWN,
            ]
            for one in found
        ),
        words=3,
    )
    if any(MODELLED in one.meters for one in found):
        yield "<p>Energy by <em>model</em> was not measured: it follows from watts that somebody declared.</p>\n"


def _efficiency(found: Sequence[Device]) -> Iterator[str]:
    """Energy for each frame, and frames a second, of one kind of device beside another."""
    speeds: dict[str, dict[str, float]] = {}
    energies: dict[str, dict[str, float]] = {}
    for one in found:
        label = f"{one.source} · {one.profile}"
        speeds.setdefault(one.device, {})[label] = one.fps
        if one.joules_per_frame:
            energies.setdefault(f"{one.device}, by {one.meters}", {})[label] = one.joules_per_frame
    if len(speeds) > 1:
        yield _plot(plots.bars, "Frames per second of a task, by device", "fps", speeds)
    if energies:
        yield "<h2>Energy</h2>\n" + _plot(plots.bars, "Joules of a frame, by device", "J / frame", energies)
    elif found:
        yield '<p class="muted">No worker tells what energy it takes, so there is nothing to say about that.</p>\n'


def _scaling(found: Sequence[Scaling]) -> Iterator[str]:
    if not found:
        return
    yield "<h2>Scaling</h2>\n"
    rows = (
        [one.source, one.profile, str(one.agents), f"{one.speedup:.2f}", f"{one.efficiency:.0%}"] for one in found
    )
    yield _table(["source", "profile", "agents", "× as fast", "efficiency"], rows, words=2)
    fewest = min(one.agents for one in found)
    series: dict[str, list[tuple[float, float]]] = {}
    for one in found:
        series.setdefault(f"{one.source} · {one.profile}", []).append((one.agents, one.speedup))
    units = ("agents", f"× as fast as {_count(fewest, 'agent')}")
    yield _plot(plots.lines, "How much faster more agents are", units, series, "ideal")


def _troubles(record: Record) -> Iterator[str]:
    yield "<h2>Retries</h2>\n"
    causes = figures.troubles(record.runs)
    tasks = sum(work.tasks for run in record.runs for work in run.works)
    if causes:
        yield _table(["cause", "attempts"], ([cause, str(count)] for cause, count in causes.items()), words=1)
        yield _plot(plots.bars, "Attempts that came to nothing, by cause", "attempts", {"attempts": causes})
    else:
        yield f"<p>None: all {tasks:,} tasks were done at the first attempt that ended.</p>\n"
    for run in record.runs:
        if run.error:
            what = f"{run.source}, {run.profile}, {run.crew}"
            yield f"<p><strong>{escape(what)}</strong> failed: {escape(run.error)}</p>\n"


def _plot(draw: Callable[..., str], title: str, *what: Any) -> str:
    """A picture, and in words what it shows."""
    caption = f'<figcaption class="muted">{escape(title)}</figcaption>'
    return f'<figure role="group" aria-label="{escape(title)}">{caption}{draw(title, *what)}</figure>\n'


def _table(headings: Sequence[str], rows: Iterable[Sequence[str]], words: int) -> str:
    """The first `words` columns are words, all others numbers."""

    def line(tag: str, cells: Sequence[str]) -> str:
        return "".join(
            f'<{tag} class="words">{escape(cell)}</{tag}>' if at < words else f"<{tag}>{escape(cell)}</{tag}>"
            for at, cell in enumerate(cells)
        )

    body = "".join(f"<tr>{line('td', row)}</tr>\n" for row in rows)
    head = f"<thead><tr>{line('th', headings)}</tr></thead>"
    return f'<div class="scroll" tabindex="0"><table>{head}<tbody>\n{body}</tbody></table></div>\n'


def _number(value: float | None, digits: int) -> str:
    return UNKNOWN if value is None else f"{value:,.{digits}f}"


def _count(count: int, what: str) -> str:
    return f"{count:,} {what}{'s' * (count != 1)}"
