"""The command line: names of outputs, state of a run, exit codes, JSON, progress."""

from __future__ import annotations

import json
import os
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from fallow import cli, profile_files
from fallow.__main__ import main
from fallow.client import JobView, RenditionView, RunningView, ShareView
from fallow.commands import progress, space, state, summary
from fallow.commands.outputs import Output, check_input, made, outputs
from fallow.errors import BadInput, BadSetting, Conflict, StorageFull
from fallow.model import Source, VideoTrack

P720, P480 = (profile_files.load()[name] for name in ("720p", "480p"))


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    path = tmp_path / "talk.mov"
    path.write_bytes(b"x" * 1000)
    return path


# names of outputs


def test_results_are_named_by_input_and_profile(clip: Path, tmp_path: Path) -> None:
    made = outputs([clip], [P720, P480], f"{tmp_path}/out/", None)
    assert [o.path.name for o in made] == ["talk.720p.mp4", "talk.480p.mp4"]
    assert {o.path.parent for o in made} == {tmp_path / "out"}
    assert outputs([clip], [P720], None, "mkv")[0].path == Path("talk.720p.mkv")


@pytest.mark.parametrize(
    ("name", "container", "expected"),
    [("a.mp4", None, "mp4"), ("a.TS", None, "mpegts"), ("a.mkv", None, "matroska"), ("a.bin", "ts", "mpegts")],
)
def test_the_container_follows_the_name_or_the_flag(
    clip: Path, tmp_path: Path, name: str, container: str | None, expected: str
) -> None:
    assert outputs([clip], [P720], str(tmp_path / name), container) == [
        Output(clip, P720, tmp_path / name, expected)
    ]


@pytest.mark.parametrize(
    ("wanted", "container", "words"),
    [
        ("{}/one.mp4", None, "2 results"),
        ("{}/talk.mov/", None, "is a file"),
        ("{}", "avi", "no container 'avi'"),
    ],
)
def test_impossible_places_are_refused(
    clip: Path, tmp_path: Path, wanted: str, container: str | None, words: str
) -> None:
    with pytest.raises(BadSetting, match=words):
        outputs([clip], [P720, P480], wanted.format(tmp_path), container)


def test_an_unknown_ending_is_refused_with_the_known_ones(clip: Path, tmp_path: Path) -> None:
    with pytest.raises(BadSetting, match=r"ends in \.avi; use one of \.mp4"):
        outputs([clip], [P720], str(tmp_path / "a.avi"), None)


def test_an_input_is_never_overwritten(tmp_path: Path) -> None:
    clip = tmp_path / "talk.mp4"
    clip.write_bytes(b"x")
    link = tmp_path / "other.mp4"
    link.symlink_to(clip)
    with pytest.raises(BadSetting, match="although it is an input"):
        outputs([clip], [P720], str(link), None)


def test_two_results_of_one_name_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadSetting, match="Two results"):
        outputs([tmp_path / "a" / "x.mov", tmp_path / "b" / "x.mov"], [P720], str(tmp_path), None)


# inputs


def test_bad_inputs_are_refused_by_name_with_a_remedy(tmp_path: Path) -> None:
    (empty := tmp_path / "empty.mp4").touch()
    os.mkfifo(pipe := tmp_path / "pipe.mp4")
    expected = {
        tmp_path / "none.mp4": "There is no file .*none.mp4; check",
        tmp_path: "is a directory; name",
        empty: "is empty .*; copy",
        pipe: "no regular file; save",
    }
    for path, words in expected.items():
        with pytest.raises(BadInput, match=words):
            check_input(path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_an_unreadable_input_is_refused(clip: Path) -> None:
    clip.chmod(0)
    with pytest.raises(BadInput, match="may not be read"):
        check_input(clip)


# state


def test_state_is_named_by_content_and_recipe(clip: Path) -> None:
    first = state.identity(clip)
    assert state.identity(clip) == first
    assert state.key([first], {"a": 1}) != state.key([first], {"a": 2})
    os.utime(clip, (1, 1))
    assert state.identity(clip) != first


def test_the_same_encode_does_not_run_twice(tmp_path: Path) -> None:
    with (
        state.locked(tmp_path / "k"),
        pytest.raises(Conflict, match="running already"),
        state.locked(tmp_path / "k"),
    ):
        pass
    with state.locked(tmp_path / "k"):
        pass


def test_nothing_of_a_run_is_left(tmp_path: Path) -> None:
    base = state.base({"XDG_CACHE_HOME": str(tmp_path)})
    with state.locked(base / "k") as folder:
        (folder / "x").write_bytes(b"1")
        state.remove(folder)
    assert list(tmp_path.iterdir()) == []


def test_state_of_a_killed_run_goes_after_a_week_unless_in_use(tmp_path: Path) -> None:
    old, used, young, other = (tmp_path / name for name in ("a" * 32, "b" * 32, "c" * 32, "mine"))
    for folder in (old, used, young, other):
        folder.mkdir()
    now = young.stat().st_mtime
    for folder in (old, used, other):
        os.utime(folder, (now - 8 * 86400, now - 8 * 86400))
    with state.locked(used):
        state.sweep(tmp_path, now)
    assert sorted(tmp_path.iterdir()) == [used, young, other]


# space


class Disks:
    """File systems of any size: one for the results, one for all else."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, results: Path) -> None:
        self.free = {False: 10**9, True: 10**9}
        monkeypatch.setattr(space, "free", lambda folder: self.free[folder == results])
        monkeypatch.setattr(space, "_together", lambda first, second: (first == results) == (second == results))


@pytest.fixture
def disks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Disks:
    return Disks(monkeypatch, tmp_path / "out")


def test_a_disk_that_is_certain_to_run_full_is_refused(clip: Path, tmp_path: Path, disks: Disks) -> None:
    state_folder = tmp_path / "state"
    state_folder.mkdir()
    os.truncate(clip, 20_000_000)
    wanted = outputs([clip], [P720, P480], f"{tmp_path}/out/", None)
    space.check(state_folder, wanted)
    disks.free[False] = 10_000_000
    with pytest.raises(StorageFull, match=r"has 10 MB free, but at least 10 MB are needed .* FALLOW_STATE"):
        space.check(state_folder, wanted)
    # What an earlier run has cut off already is not needed again.
    (state_folder / "chunk").write_bytes(bytes(300_000))
    space.check(state_folder, wanted)
    disks.free[True] = 100
    with pytest.raises(StorageFull, match=r"out has 0\.0 MB free.* another -o"):
        space.check(state_folder, wanted)


def test_a_source_on_another_disk_is_copied(clip: Path, tmp_path: Path, disks: Disks) -> None:
    os.truncate(clip, 20_000_000)
    disks.free = {False: 20_000_000, True: 20_000_000}
    wanted = outputs([clip], [P720], f"{tmp_path}/out/", None)
    space.check(tmp_path, wanted)
    with pytest.raises(StorageFull, match="at least 30 MB"):
        space.check(tmp_path / "out", wanted)


def test_a_disk_that_will_probably_run_full_is_told(clip: Path, tmp_path: Path, disks: Disks) -> None:
    tick, rate = Fraction(1, 1000), Fraction(25)
    video = VideoTrack("h264", 1280, 720, Fraction(1), 0, "yuv420p", 8, tick, rate, 15000, interlaced=False)
    source = Source("mp4", 100_000_000, Fraction(0), Fraction(600), video)
    wanted = outputs([clip], [P720], f"{tmp_path}/out/", None)
    result = 600 * (P720.maxrate_kbps or 0) / 2 * 125
    disks.free = {False: round(120e6 + 2 * result) + 2000, True: round(result) + 2000}
    assert space.warnings(tmp_path, source, wanted) == []
    disks.free = {False: round(120e6 + 2 * result) - 2000, True: round(result) - 2000}
    told = space.warnings(tmp_path, source, wanted)
    assert ["FALLOW_STATE" in sentence for sentence in told] == [True, False]
    assert ["another -o" in sentence for sentence in told] == [False, True]


def test_a_folder_that_was_made_for_nothing_goes(tmp_path: Path) -> None:
    with pytest.raises(StorageFull), made(tmp_path / "a" / "b"):
        raise StorageFull
    assert list(tmp_path.iterdir()) == []
    with made(tmp_path / "a" / "b"):
        pass
    assert (tmp_path / "a" / "b").is_dir()


# exit codes and errors


def ran(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = cli.run(arguments)
    out, err = capsys.readouterr()
    return code, out, err


def test_usage_errors_exit_with_2(clip: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert ran(capsys, "encode", "--nonsense")[0] == 2
    code, _, err = ran(capsys, "encode", str(clip), "-p", "721p")
    assert (code, "did you mean 720p" in err) == (2, True)
    assert ran(capsys, "encode", str(clip), "-p", "720p", "--set", "crf=99")[0] == 2


@pytest.mark.parametrize(
    ("arguments", "code", "kind"),
    [
        (["encode", "--json"], 2, "rejected"),
        (["encode", "/nowhere/x.mp4", "-p", "720p", "--json"], 1, "rejected"),
        (["encode", "/", "-p", "720p", "--json"], 1, "rejected"),
        (["status", "x", "--server", "http://127.0.0.1:1", "--json"], 1, "retryable"),
    ],
)
def test_json_tells_errors_too(
    arguments: list[str], code: int, kind: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fallow.client._TRIES", 1)
    got, out, _ = ran(capsys, *arguments)
    told = json.loads(out)
    assert got == code
    assert (told["ok"], told["error"]["kind"]) == (False, kind)
    assert told["error"]["message"]


def test_the_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert ran(capsys, "--version")[:2] == (0, "fallow 0.1.0\n")


def test_profiles_are_listed_for_machines(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = ran(capsys, "profiles", "--json")
    assert code == 0
    assert [profile["name"] for profile in json.loads(out)][:2] == ["4k", "2k"]


def test_without_the_servers_packages_the_command_line_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["fallow", "jobs"])
    for name in ("fallow.cli", "typer"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.setitem(sys.modules, "typer", None)
    assert main() == 2
    assert "pip install 'fallow[server]'" in capsys.readouterr().err


# summary


def report(**changes: Any) -> summary.Report:
    made = summary.Result("720p", "out/a.mp4", "mp4", 50, 2.0, 1000, 4000, 1280, 720, True, "ab")
    item = summary.InputReport(Path("a.mov"), 4000, (made,), **changes)
    return summary.Report((item,), 4.0, (ShareView("w", "local-1", 2, 50, 3.0, 2.5),))


def test_the_json_report_has_what_is_documented() -> None:
    told = summary.as_json(report())
    assert (told["ok"], told["speed"], told["wall_seconds"]) == (True, 0.5, 4.0)
    page = (Path(__file__).parents[2] / "docs/reference/json.md").read_text()
    for key in [*told, *told["inputs"][0], *told["inputs"][0]["outputs"][0], *told["workers"][0]]:
        assert f'"{key}"' in page


def test_a_failed_input_makes_the_report_bad() -> None:
    bad = report(error=summary.Failed("rejected", "It is no video."))
    assert not bad.ok
    assert summary.as_json(bad)["inputs"][0]["error"] == {"kind": "rejected", "message": "It is no video."}


def test_shares_of_several_jobs_are_added_up() -> None:
    share = ShareView("w", "local-1", 1, 10, 1.0, 0.5)
    jobs = [JobView(name, name, "done", shares=(share,)) for name in "ab"]
    assert summary.total_shares(jobs) == (ShareView("w", "local-1", 2, 20, 2.0, 1.0),)


# progress


def view(done: int, state: str = "encoding") -> JobView:
    rendition = RenditionView("720p", state, 1, 4, done, 100)
    running = RunningView("t", "video", "720p", 2, "w", "local-1", 25, 5, 12.0)
    return JobView("j", "a.mov", state, renditions=(rendition,), tasks_running=(running,))


def test_rows_tell_speed_and_time_left() -> None:
    rows = progress.Rows()
    rows.of([view(0)], 0.0)
    row = rows.of([view(20)], 2.0)[0]
    assert (row.label, row.done, row.total, row.finished) == ("720p", 20, 100, False)
    assert row.text == "20/100 frames  1/4 chunks  10 fps  ETA 0:08"
    assert rows.of([view(100, "done")], 3.0)[0].text.endswith("done")


def test_workers_have_a_line_each() -> None:
    assert progress.worker_lines([view(1)]) == ["  local-1: 720p chunk 2  5/25 frames  12 fps"]


def test_without_a_terminal_progress_is_lines(capsys: pytest.CaptureFixture[str]) -> None:
    shown = progress.display()
    shown.show([view(0)])
    shown.show([view(1)])
    shown.show([view(100, "done")])
    shown.close()
    assert len(capsys.readouterr().err.splitlines()) == 2


def test_times_are_written_as_clocks() -> None:
    assert [progress.clock(s) for s in (5, 65, 7384)] == ["0:05", "1:05", "2:03:04"]
