"""Figures as pictures: SVG text that is put into a page as it is."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

mpl.use("svg")

COLOURS = ("#2f6f8f", "#d98e04", "#6a4c93", "#3a7d44", "#b23a48", "#5f6b73")
_STYLE: Any = {
    "svg.fonttype": "none",  # words stay words: they are found, read aloud and scaled
    "svg.hashsalt": "fallow",  # the same figures give the same file
    "font.family": "sans-serif",
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
}
_WIDTH, _HEIGHT = 7.2, 3.4  # inches
_CROWDED = 6  # labels that find room side by side


def bars(title: str, unit: str, series: Mapping[str, Mapping[str, float]]) -> str:
    """For each series its value at each label; a series may lack some."""
    labels = list(dict.fromkeys(label for values in series.values() for label in values))
    with mpl.rc_context(_STYLE):
        figure, axes = _axes(max(_WIDTH, 0.5 * len(labels) + 2))
        width = 0.8 / max(len(series), 1)
        for number, (name, values) in enumerate(series.items()):
            places = [labels.index(label) + (number - (len(series) - 1) / 2) * width for label in values]
            axes.bar(places, list(values.values()), width * 0.92, color=_colour(number), label=name)
        axes.set_xticks(range(len(labels)), labels, **_turned(labels))
        axes.set_ylabel(unit)
        axes.grid(axis="y", alpha=0.3)
        return _svg(figure, axes, title, len(series) > 1)


def lines(
    title: str, units: tuple[str, str], series: Mapping[str, Sequence[tuple[float, float]]], ideal: str
) -> str:
    """For each series its points; the ideal is a line through all (x, x / first x)."""
    with mpl.rc_context(_STYLE):
        figure, axes = _axes(_WIDTH)
        ends = sorted({x for points in series.values() for x, _ in points})
        axes.plot(ends, [x / ends[0] for x in ends], "--", color="#888888", label=ideal)
        for number, (name, points) in enumerate(series.items()):
            axes.plot(*zip(*points, strict=True), marker="o", color=_colour(number), label=name)
        axes.set_xticks(ends)
        axes.set_xlabel(units[0])
        axes.set_ylabel(units[1])
        axes.grid(alpha=0.3)
        return _svg(figure, axes, title, legend=True)


def _axes(width: float) -> tuple[Figure, Axes]:
    figure = Figure((width, _HEIGHT), layout="constrained")
    return figure, figure.add_subplot()


def _colour(number: int) -> str:
    return COLOURS[number % len(COLOURS)]


def _turned(labels: Sequence[str]) -> dict[str, Any]:
    if len(labels) <= _CROWDED and max(map(len, labels), default=0) * len(labels) < 70:
        return {}
    return {"rotation": 30, "ha": "right", "rotation_mode": "anchor"}


def _svg(figure: Figure, axes: Axes, title: str, legend: bool) -> str:
    axes.set_ylim(bottom=0)
    if legend:
        # Beside the lines, not over them: there may be many.
        axes.legend(frameon=False, fontsize=9, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    file = io.StringIO()
    figure.savefig(
        file, format="svg", bbox_inches="tight", transparent=True, metadata={"Date": None, "Title": title}
    )
    # Without the heading of a file of its own, which has no place within a page.
    return re.sub(r"\A.*?(?=<svg)", "", file.getvalue(), flags=re.DOTALL)
