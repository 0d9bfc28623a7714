"""What is printed, on terminals of any size and in pipes: names as they are, lines whole, nothing that wraps."""

from __future__ import annotations

from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console, ConsoleDimensions

from fallow.client import JobSummary, JobView, RenditionView, ShareView
from fallow.commands import progress, remote, summary
from fallow.commands.printer import printer

LONG = "a folder with quite a long name/and [one] more :smile: below it/The Talk [dQw4w9WgXcQ].720p.mp4"


def report(path: str) -> summary.Report:
    made = summary.Result("720p", path, "mp4", 3600, 120.0, 2_000_000, 1474000, 1280, 720, True, "ab")
    item = summary.InputReport(Path("talk.mov"), 8_000_000, (made,), warnings=("It has no sound. " * 9,))
    return summary.Report((item,), 61.2, (ShareView("w", "local-1", 12, 3600, 58.0, 57.0),))


def narrow(width: int, height: int = 24) -> Console:
    """A terminal."""
    size = {"width": width, "height": height, "force_terminal": True, "color_system": None}
    return Console(file=StringIO(), markup=False, emoji=False, highlight=False, legacy_windows=False, **size)


def lines(console: Console) -> list[str]:
    file = console.file
    assert isinstance(file, StringIO)
    return file.getvalue().splitlines()


def test_in_a_pipe_every_result_is_one_line() -> None:
    console = printer(StringIO())
    summary.show(report(LONG), console)
    heading, row, warning, verdict = lines(console)
    assert heading.split()[:2] == ["result", "size"]
    assert row.startswith(LONG + " ")
    assert row.split()[-6:] == ["1280x720", "3600", "2:00", "1474", "kb/s", "25%"]
    assert warning.startswith("talk.mov: It has no sound.")
    assert verdict == "Verified. 61.2 s, 2.0 x real time; by worker: local-1 100%."


@pytest.mark.parametrize("width", [40, 80])
def test_on_a_narrow_terminal_a_path_has_a_line_of_its_own(width: int) -> None:
    console = narrow(width)
    summary.show(report(LONG), console)
    first, second, *_ = lines(console)
    assert first == LONG
    assert second.startswith("  1280x720  3600 frames  2:00")
    console = narrow(width * 2)
    summary.show(report("talk.720p.mp4"), console)
    assert lines(console)[0].split() == ["result", "size", "frames", "length", "bit", "rate", "of", "input"]


def test_the_id_of_a_job_is_never_folded() -> None:
    job = JobSummary("0123456789abcdefghij", LONG, "done", renditions=("720p",))
    console = narrow(60)
    console.print(remote.jobs_table([job]))
    assert any(line.startswith(job.id + " ") for line in lines(console))


# progress


def job(number: int, done: int, name: str = "talk.mov", count: int = 1) -> JobView:
    rendition = [RenditionView(f"{p}p", "encoding", 1, 400, done, 100_000) for p in range(240, 240 + count)]
    return JobView(str(number), name, "encoding", renditions=tuple(rendition))


def drawn(jobs: list[JobView], width: int, height: int = 24, workers: int = 2) -> list[str]:
    rows = progress.Rows()
    rows.of(
        [JobView(j.id, j.name, j.state, renditions=job(0, 0, count=len(j.renditions)).renditions) for j in jobs], 0
    )
    found = rows.of(jobs, 7.0)
    console = narrow(width, height)
    at = ["  local-1: 720p chunk 12  150/300 frames  61 fps"] * workers
    console.print(progress.picture(found, at, ConsoleDimensions(width, height), progress.fitting(found, width)))
    return lines(console)


@pytest.mark.parametrize("width", [20, 40, 60, 80, 100, 200])
@pytest.mark.parametrize("name", ["a.mov", LONG])
def test_no_line_of_the_bars_wraps(width: int, name: str) -> None:
    shown = drawn([job(1, 50_000, name), job(2, 10_000, name)], width)
    assert len(shown) == 4
    assert max(map(len, shown)) <= width
    assert width == 20 or ("50 %" in shown[0] and "10 %" in shown[1])


@pytest.mark.parametrize(
    ("width", "words"),
    [
        (100, ["50000/100000 frames", "1/400 chunks", "7143 fps", "ETA 0:07"]),
        (64, ["50000/100000 frames", "7143 fps", "ETA 0:07"]),
        (40, ["7143 fps", "ETA 0:07"]),
        (34, ["ETA 0:07"]),
    ],
)
def test_on_narrow_terminals_there_are_fewer_words(width: int, words: list[str]) -> None:
    shown = drawn([job(1, 50_000)], width)[0]
    assert shown.startswith("240p ")
    assert shown.partition("% ")[2].strip() == "  ".join(words)


def test_what_does_not_fit_on_the_screen_is_counted() -> None:
    shown = drawn([job(1, 5, count=40)], 80, 24)
    assert len(shown) == 23
    assert shown[-1] == "  and 18 more"


def test_bars_do_not_jump_when_a_number_gets_shorter() -> None:
    rows = progress.Rows()
    rows.of([job(1, 0)], 0.0)
    long = rows.of([job(1, 99_000)], 10.0)
    layout = progress.fitting(long, 71)
    assert layout > 0
    assert progress.fitting(rows.of([job(1, 99_000)], 60.0), 71, layout) == layout


def test_there_is_no_absurd_time_left_nor_speed() -> None:
    rows = progress.Rows()
    rows.of([job(1, 10)], 0.0)
    assert rows.of([job(1, 10)], 1.0)[0].text == "10/100000 frames  1/400 chunks"
    assert "ETA" not in rows.of([job(1, 11)], 15.0)[0].text  # 17 days
    assert "ETA" not in rows.of([job(1, 5)], 16.0)[0].text  # a chunk is encoded again
    unknown = JobView("2", "a.mov", "splitting", renditions=(RenditionView("720p"),))
    assert rows.of([unknown], 0.0)[0].text == "splitting"
