"""What an agent finds out about its speed before its first task."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from acting_gateway import RECIPE, Gateway, agent, no_ffmpeg_is_left, until

from fallow.ffmpeg.locate import examine, find
from fallow.ffmpeg.trial import trial
from fallow.pipeline.trials import trials
from fallow.recipe import Encoder, Trial, speed_class, speed_of
from fallow.worker import calibration
from fallow.worker.calibration import Calibration
from fallow.worker.pace import Pace

TRIAL = Trial(Encoder("libx264", "yuv420p", "ultrafast", 250, crf=23.0), 128, 72, 4)
NEVER = threading.Event()


def always() -> bool:
    return True


def of(binary: str, path: Path | None = None) -> Calibration:
    return Calibration(binary, "9.0-test", 1, 0, ("libx264",), path)


def script(tmp_path: Path, body: str) -> str:
    path = tmp_path / "script"
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return str(path)


def noting(tmp_path: Path) -> tuple[str, Callable[[], int]]:
    """An FFmpeg that notes each time it is started, and how often that was."""
    notes = tmp_path / "notes"
    binary = script(tmp_path, f'echo x >>"{notes}"\nexec "{find()}" "$@"')
    return binary, lambda: len(notes.read_text().splitlines()) if notes.exists() else 0


def test_the_command_line_of_a_trial() -> None:
    told = (
        "-hide_banner -nostats -nostdin -loglevel error -f lavfi -i testsrc2=size=128x72:rate=25 -frames:v 4"
        " -pix_fmt yuv420p -c:v libx264 -preset:v ultrafast -threads:v 2 -crf:v 23 -g:v 250 -forced-idr:v 1"
        " -x264-params fps=25/1:stitchable=1 -f null - -stats_period 0.1 -progress pipe:1"
    )
    assert " ".join(trial(TRIAL, 2)) == told


def test_every_trial_of_a_platform_works_with_this_ffmpeg_and_they_differ() -> None:
    build = examine(find())
    small = [replace(one, width=128, height=96, frames=2) for one in trials()]
    named = {one.speed_class for one in trials()}
    assert len(named) == len(trials())
    assert "libx264 slow 1080p" in named
    found = Calibration(build.path, build.version, 1, 0, build.encoders).run(small, always, NEVER)
    assert set(found) == {one.speed_class for one in small}
    assert all(speed > 0 for speed in found.values())


def test_what_is_known_of_a_build_is_not_tried_again(tmp_path: Path) -> None:
    binary, times = noting(tmp_path)
    path = tmp_path / "state" / "speeds.json"
    found = of(binary, path).run([TRIAL], always, NEVER)
    assert set(found) == {"libx264 ultrafast 240p"}
    assert times() == 1
    assert of(binary, path).run([TRIAL], always, NEVER) == found == of(binary, path).known
    assert times() == 1
    assert replace(of(binary, path), version="10").run([TRIAL], always, NEVER).keys() == found.keys()
    assert times() == 2
    path.write_text("no JSON")
    assert of(binary, path).known == {}


def test_a_device_that_is_too_slow_is_known_to_be_slow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calibration, "LONGEST", 0.2)
    found = of(script(tmp_path, "exec sleep 60")).run([TRIAL], always, NEVER)
    assert 0 < found[TRIAL.speed_class] <= TRIAL.megapixels / 0.2
    assert no_ffmpeg_is_left()


def test_what_cannot_be_tried_is_not_known(tmp_path: Path) -> None:
    assert of(script(tmp_path, "exit 1")).run([TRIAL], always, NEVER) == {}
    assert of(str(tmp_path / "none")).run([TRIAL], always, NEVER) == {}
    assert of(find()).run([replace(TRIAL, encoder=replace(TRIAL.encoder, codec="libx265"))], always, NEVER) == {}


def test_nothing_runs_while_the_device_may_not_work(tmp_path: Path) -> None:
    notes, over = tmp_path / "notes", threading.Event()
    binary = script(tmp_path, f'echo $$ >>"{notes}"\nif [ -e "{notes}.go" ]; then exit 0; fi\nexec sleep 60')
    allowed = threading.Event()
    found: dict[str, float] = {}

    def run() -> None:
        found.update(of(binary).run([TRIAL], allowed.is_set, over))

    thread = threading.Thread(target=run)
    thread.start()
    time.sleep(0.3)
    assert not notes.exists()
    allowed.set()
    until(notes.exists)
    allowed.clear()  # in the midst of it
    until(lambda: not Path(f"/proc/{notes.read_text().strip()}").exists())
    Path(f"{notes}.go").touch()
    allowed.set()
    thread.join(20)
    assert not thread.is_alive()
    assert found[TRIAL.speed_class] > 0
    assert len(notes.read_text().split()) == 2


def test_an_agent_tells_its_speeds_before_it_asks_for_work(gateway: Gateway, tmp_path: Path) -> None:
    gateway.trials = [TRIAL]
    path = tmp_path / "speeds.json"
    with agent(gateway, calibration=of(find(), path)):
        asked = gateway.wait("lease")
        told = gateway.wait("calibration")["speeds"]
        assert [what for what, _ in gateway.events][:3] == ["register", "calibration", "lease"]
        assert asked["speeds"] == {**told, "libx264": told[TRIAL.speed_class]}
    with agent(gateway, calibration=of(find(), path)):
        gateway.wait("lease", times=2)
    assert gateway.seen("lease")[-1]["speeds"] == asked["speeds"]


def test_work_takes_the_place_of_trials() -> None:
    pace = Pace()
    pace.expect({"libx264 slow 1080p": 4.0, "libx264 ultrafast 240p": 40.0})
    assert pace.speeds == {"libx264": 4.0, "libx264 slow 1080p": 4.0, "libx264 ultrafast 240p": 40.0}
    work = RECIPE.frames * 320 * 240 / 1e6
    quick, slow = RECIPE, replace(RECIPE, width=1920, height=1080, encoder=replace(RECIPE.encoder, preset="slow"))
    assert pace.seconds([replace(quick, height=236)]) == pytest.approx(work * 236 / 240 / 40.0)
    for _ in range(20):
        pace.worked([slow], RECIPE.frames * 1920 * 1080 / 1e6 / 2.0)
    assert pace.speeds["libx264 slow 1080p"] == pytest.approx(2.0, rel=0.01)
    assert pace.speeds["libx264 ultrafast 240p"] == pytest.approx(40.0)
    # Done at once, they are all as much slower.
    before = pace.seconds([slow, quick])
    assert before is not None
    pace.worked([slow, quick], 2 * before)
    assert pace.seconds([slow, quick]) == pytest.approx(before * 4 / 3, rel=0.01)


def test_classes_and_what_is_known_of_them() -> None:
    assert speed_class("libx264", "slow", 608, 1080) == "libx264 slow 720p"
    speeds = {"libx264": 3.0, "libx264 slow 1080p": 1.0, "libx265": "fast"}
    assert speed_of(speeds, "libx264", "libx264 slow 1080p") == 1.0  # type: ignore[arg-type]
    assert speed_of(speeds, "libx264", "libx264 fast 480p") == 3.0  # type: ignore[arg-type]
    assert speed_of(speeds, "libx265", "libx265 slow 480p") == 0.0  # type: ignore[arg-type]
