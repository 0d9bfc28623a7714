"""`fallow encode` as people run it: a process, its output, its signals, and what it leaves behind."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest
from running import family, living, run, started, until
from watching import PACED, RATE, SECONDS, decoded, times

SMALL = ["-p", "240p", "--set", "width=160", "--set", "height=90", "--chunk-seconds", "1", "--workers", "2"]
SLOW = [*SMALL, "--set", "preset=faster", "--ffmpeg", PACED]


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the state goes; empty when nothing is left behind."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "cache").mkdir()
    return tmp_path / "cache"


def test_every_frame_comes_out_at_its_time_and_nothing_is_left(clip: Path, cache: Path, tmp_path: Path) -> None:
    code, out, err = run(clip, *SMALL, "-p", "360p", "-o", f"{tmp_path}/out/", "--json")
    assert (code, err) == (0, "")
    told = json.loads(out)
    assert told["ok"]
    made = told["inputs"][0]["outputs"]
    assert [Path(o["path"]).name for o in made] == ["clip.240p.mp4", "clip.360p.mp4"]
    for output in made:
        path = Path(output["path"])
        assert output["frames"] == decoded(path) == SECONDS * RATE
        assert times(path) == pytest.approx(times(clip), abs=1e-6)
        assert output["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
        assert output["bytes"] == path.stat().st_size
    assert sum(worker["frames"] for worker in told["workers"]) == 2 * SECONDS * RATE
    assert list(cache.iterdir()) == []


def test_a_killed_run_is_continued(clip: Path, cache: Path, tmp_path: Path) -> None:
    target = tmp_path / "a.mp4"
    process = started(clip, *SLOW, "-o", target)
    until(lambda: list(cache.rglob("parts/*/*.ts")))
    relatives = family(process.pid)
    process.kill()
    process.communicate()
    until(lambda: not living(relatives))
    finished = {path.name for path in cache.rglob("parts/*/*.ts")}
    assert finished
    assert not target.exists()
    again = started(clip, *SLOW, "-o", target)
    until(lambda: again.poll() is not None or len(list(cache.rglob("parts/*/*.ts"))) > len(finished))
    kept = {path.name for path in cache.rglob("parts/*/*.ts")}
    assert again.poll() is not None or finished <= kept  # not encoded again
    _, err = again.communicate(timeout=120)
    assert again.returncode == 0
    assert "Going on with" in err
    assert times(target) == pytest.approx(times(clip), abs=1e-6)
    assert list(cache.iterdir()) == []


@pytest.mark.parametrize("times_pressed", [1, 2])
def test_ctrl_c_leaves_no_process_and_no_file(clip: Path, cache: Path, tmp_path: Path, times_pressed: int) -> None:
    target = tmp_path / "out" / "a.mp4"
    process = started(clip, *SLOW, "-o", target)
    until(lambda: list(cache.rglob("chunks/*")))
    relatives = family(process.pid)
    assert relatives
    for _ in range(times_pressed):
        process.send_signal(signal.SIGINT)
        time.sleep(0.3)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Nothing was left behind." in err
    assert "Traceback" not in err
    until(lambda: not living(relatives), 5)
    assert not target.parent.exists()
    assert list(cache.iterdir()) == []


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b"hello, world\n" * 100, "is no video"),
        (b"#EXTM3U\n/etc/passwd\n", "points at other files"),
        (b"ffconcat version 1.0\nfile /etc/passwd\n", "points at other files"),
    ],
)
def test_bad_input_is_one_sentence_and_nothing_is_left(
    cache: Path, tmp_path: Path, content: bytes, words: str
) -> None:
    bad = tmp_path / "bad.mp4"
    bad.write_bytes(content)
    code, out, err = run(bad, *SMALL, "-o", f"{tmp_path}/out/")
    assert (code, out) == (1, "")
    sentences = [line for line in err.splitlines() if "bad.mp4" in line]
    assert len(sentences) == 1
    assert words in sentences[0]
    assert not (tmp_path / "out").exists()
    assert list(cache.iterdir()) == []


def test_one_bad_input_does_not_spoil_the_others(clip: Path, cache: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad.mp4"
    bad.write_bytes(b"hello")
    code, out, _ = run(clip, bad, *SMALL, "-o", f"{tmp_path}/out/", "--json")
    told = json.loads(out)
    assert (code, told["ok"]) == (1, False)
    assert [len(item["outputs"]) for item in told["inputs"]] == [1, 0]
    assert told["inputs"][1]["error"]["kind"] == "rejected"


@pytest.mark.parametrize("ending", ["mp4", "ts", "mkv"])
def test_the_reference_command_gives_the_same_times(clip: Path, cache: Path, tmp_path: Path, ending: str) -> None:
    ours, theirs = tmp_path / f"ours.{ending}", tmp_path / f"theirs.{ending}"
    code, out, err = run(clip, *SMALL, "--set", "fps=12", "-o", theirs, "--print-reference")
    assert (code, err, len(out.splitlines())) == (0, "", 1)
    assert not theirs.exists()
    subprocess.run(["sh", "-c", out], check=True, capture_output=True)
    assert run(clip, *SMALL, "--set", "fps=12", "-o", ours)[0] == 0
    # Not every muxer of FFmpeg begins at zero.
    first, second = times(ours), times(theirs)
    assert [t - first[0] for t in first] == pytest.approx([t - second[0] for t in second], abs=0.0011)
    assert list(cache.iterdir()) == []


def test_the_same_encode_is_not_run_twice_at_a_time(clip: Path, cache: Path, tmp_path: Path) -> None:
    first = started(clip, *SLOW, "-o", tmp_path / "a.mp4")
    until(lambda: list(cache.rglob("chunks/*")))
    code, _, err = run(clip, *SLOW, "-o", tmp_path / "a.mp4")
    assert code == 1
    assert "running already" in err
    os.kill(first.pid, signal.SIGINT)
    os.kill(first.pid, signal.SIGTERM)
    first.communicate(timeout=60)
    assert list(cache.iterdir()) == []
