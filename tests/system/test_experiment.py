"""`fallow experiment` and `fallow report` as people run them: real encodes by crews of real agents."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from running import until

from fallow.lab import record
from fallow.lab.local import platform
from fallow.messages import to_wire
from fallow.profile_files import load

FALLOW = [sys.executable, "-m", "fallow"]


@pytest.fixture
def file(clip: Path, tmp_path: Path) -> Path:
    """Four runs: one source, two profiles, one and two agents."""
    own = '[p1]\nbased_on = "240p"\nwidth = 64\nheight = 36\n[p2]\nbased_on = "p1"\ncrf = 30\n'
    (tmp_path / "profiles.toml").write_text(own)
    path = tmp_path / "e.toml"
    path.write_text(
        f'sources = ["{clip}"]\nprofiles = ["p1", "p2"]\nworkers = [1, 2]\nrepetitions = 1\nchunk_seconds = 1\n'
    )
    return path


def told(*arguments: object, folder: Path) -> subprocess.Popen[str]:
    own = {**os.environ, "FALLOW_PROFILES": str(folder / "profiles.toml"), "COLUMNS": "200"}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen([*FALLOW, *map(str, arguments)], env=own, text=True, cwd=folder, **pipes)


def test_an_experiment_that_is_broken_off_goes_on_and_is_reported(file: Path, tmp_path: Path) -> None:
    kept = tmp_path / "e.jsonl"
    begun = told("experiment", file, folder=tmp_path)
    until(lambda: begun.poll() is not None or (kept.exists() and kept.read_text().count("\n") > 1))
    begun.send_signal(signal.SIGINT)
    assert "Interrupted" in begun.communicate(timeout=120)[1]
    assert begun.returncode == 130
    first = record.read(kept).runs
    assert 1 <= len(first) < 4

    again = told("experiment", file, "--html", "e.html", folder=tmp_path)
    out, err = again.communicate(timeout=300)
    assert again.returncode == 0, err
    assert "are in" in err
    runs = record.read(kept).runs
    assert runs[: len(first)] == first
    assert sorted(run.place[1:3] for run in runs) == [(p, c) for p in ("p1", "p2") for c in ("1 agent", "2 agents")]
    for run in runs:
        assert run.frames == sum(work.frames for work in run.works) > 0
        assert len(run.works) <= run.agents
    assert "2 agents" in out
    assert "<svg" in (tmp_path / "e.html").read_text()


def test_a_server_is_asked_for_its_last_jobs(clip: Path, tmp_path: Path) -> None:
    with platform(1) as client:
        token = client._server._token
        nothing = told("report", "--server", client.url, "--token", token, folder=tmp_path)
        assert "has no finished job" in nothing.communicate(timeout=120)[1]
        job = client.create(clip.name, [to_wire(load()["240p"])], {})
        client.upload(job.id, clip)
        client.wait(job.id, lambda view: None)
        asked = told("report", "--server", client.url, "--token", token, "--json", folder=tmp_path)
        out, err = asked.communicate(timeout=120)
    assert asked.returncode == 0, err
    (run,) = json.loads(out)["runs"]
    assert (run["source"], run["profile"], run["crew"]) == (clip.name, "240p", "all workers")
