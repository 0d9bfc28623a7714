"""The agent against a real HTTP server that plays the gateway: whatever fails, nothing wrong is stored."""

from __future__ import annotations

import ctypes
import hashlib
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from acting_gateway import (
    ENDLESS,
    FRAMES,
    JOIN,
    RECIPE,
    SLOW,
    TOO_FEW,
    TOO_MANY,
    Gateway,
    Handler,
    agent,
    ffmpeg_pids,
    no_ffmpeg_is_left,
    stub,
    until,
)

from fallow.ffmpeg.locate import examine, find
from fallow.messages import to_wire
from fallow.model import TaskKind
from fallow.recipe import AudioRecipe


def test_a_task_is_done(gateway: Gateway, chunk: bytes) -> None:
    lease = gateway.offer(RECIPE)
    with agent(gateway):
        delivery = gateway.wait("deliver")
    part = gateway.stored[lease]
    assert delivery["frames"] == FRAMES
    assert (delivery["size"], delivery["sha256"]) == (len(part), hashlib.sha256(part).hexdigest())
    effort = delivery["effort"]
    assert effort["bytes_in"] == len(chunk)
    assert effort["bytes_out"] == len(part)
    assert effort["frames"] == FRAMES
    assert effort["encoder"] == "9.0-test"
    assert effort["cpu_seconds"] > 0
    assert effort["wall_seconds"] > 0
    assert not gateway.seen("fail")


def test_audio_is_not_counted(gateway: Gateway) -> None:
    source = ["-v", "error", "-f", "lavfi", "-i", "sine=duration=1", "-c:a", "flac", "-output_ts_offset", "10"]
    made = subprocess.run([find(), *source, "-f", "nut", "-"], capture_output=True, check=True)
    gateway.data = made.stdout
    lease = gateway.offer(AudioRecipe("nut", "nut", "aac", Fraction(10), Fraction(11), 64000), TaskKind.AUDIO)
    with agent(gateway):
        assert gateway.wait("deliver")["frames"] == 0
    assert gateway.stored[lease].startswith(b"nut/multimedia")


def test_progress_is_told(gateway: Gateway) -> None:
    gateway.offer(SLOW)
    with agent(gateway):
        gateway.wait("deliver", seconds=60)
    told = [renewal["frames"] for renewal in gateway.seen("renew")]
    assert told == sorted(told)
    assert any(0 < frames < FRAMES for frames in told)
    assert any(renewal["fps"] > 0 for renewal in gateway.seen("renew"))


def test_an_ffmpeg_that_is_killed_stores_nothing(gateway: Gateway) -> None:
    gateway.offer(ENDLESS)
    with agent(gateway):
        until(lambda: bool(ffmpeg_pids(os.getpid())))
        time.sleep(0.5)
        os.kill(ffmpeg_pids(os.getpid())[0], signal.SIGKILL)
        failure = gateway.wait("fail")
    assert failure["kind"] == "retryable"
    assert "signal 9" in failure["message"]
    assert not gateway.stored


def test_an_ffmpeg_that_ends_well_with_missing_frames_stores_nothing(gateway: Gateway) -> None:
    gateway.offer(TOO_MANY)
    with agent(gateway):
        failure = gateway.wait("fail")
    assert failure["kind"] == "retryable"
    assert failure["frames"] == FRAMES
    assert not gateway.stored


def test_missing_frames_may_be_accepted(gateway: Gateway) -> None:
    gateway.offer(replace(TOO_MANY, accept_damaged=True))
    with agent(gateway):
        assert gateway.wait("deliver")["frames"] == FRAMES
    assert len(gateway.stored) == 1


def test_frames_that_are_too_many_are_told(gateway: Gateway) -> None:
    gateway.offer(TOO_FEW)
    with agent(gateway):
        failure = gateway.wait("fail")
    assert failure["message"].endswith("49 are needed: 1 too many.")
    assert failure["frames"] == FRAMES
    assert not gateway.stored


def test_a_guard_does_not_hide_a_frame_too_many(gateway: Gateway) -> None:
    """Nothing else is wrong with the part: it would have the right number of frames, and the last not be shown."""
    gateway.offer(replace(RECIPE, frames=39, guard=10, mark=Fraction(579, 50), marked=39))  # frame 40 is at 11.6 s
    with agent(gateway):
        failure = gateway.wait("fail")
    assert failure["message"].endswith("39 are needed: 1 too many.")
    assert not gateway.stored


def test_frames_that_are_too_many_are_left_out_where_damage_is_accepted(gateway: Gateway) -> None:
    gateway.offer(replace(TOO_FEW, accept_damaged=True))
    with agent(gateway):
        assert gateway.wait("deliver")["frames"] == FRAMES - 1
    assert len(gateway.stored) == 1


@pytest.mark.parametrize(
    ("program", "words"),
    [
        ("sys.stdin.buffer.read(); sys.stdout.buffer.write(b'x' * 188)", "no MPEG transport stream"),
        ("sys.stdin.buffer.read(); sys.stdout.buffer.write((b'G' + bytes(187)) * 9 + b'G')", "in the middle"),
        ("sys.stdin.buffer.read()", "0 frames where 50"),
        ("sys.exit('It hurts.')", "exit code 1: It hurts."),
    ],
    ids=["garbage", "torn", "nothing", "complaint"],
)
def test_an_ffmpeg_that_misbehaves_stores_nothing(
    gateway: Gateway, tmp_path: Path, program: str, words: str
) -> None:
    gateway.offer(RECIPE)
    with agent(gateway, stub(tmp_path, program)):
        failure = gateway.wait("fail")
    assert words in failure["message"]
    assert failure["kind"] == "retryable"
    assert not gateway.stored


def test_an_ffmpeg_that_wants_no_more_input_is_no_fault(gateway: Gateway) -> None:
    lease = gateway.offer(replace(RECIPE, frames=5, end=Fraction(509, 50)))
    with agent(gateway):
        assert gateway.wait("deliver")["effort"]["bytes_in"] == len(gateway.data)
    assert lease in gateway.stored


def test_a_lease_that_is_over_stops_ffmpeg_at_once(gateway: Gateway) -> None:
    gateway.offer(ENDLESS)
    with agent(gateway):
        until(lambda: bool(ffmpeg_pids(os.getpid())))
        gateway.faults.renew = 410
        began = time.monotonic()
        until(no_ffmpeg_is_left, 5.0)
        assert time.monotonic() - began < 3.0
        gateway.faults.renew = 200
        gateway.offer(RECIPE)
        gateway.wait("deliver")
    assert not gateway.seen("fail")
    assert len(gateway.stored) == 1


def test_an_attempt_has_a_deadline(gateway: Gateway, tmp_path: Path) -> None:
    gateway.offer(RECIPE, deadline_seconds=0.5)
    with agent(gateway, stub(tmp_path, "time.sleep(60)")):
        failure = gateway.wait("fail", seconds=5.0)
    assert "given up after" in failure["message"]
    assert failure["kind"] == "retryable"


def test_a_gateway_may_come_later(gateway: Gateway) -> None:
    gateway.stop()
    gateway.offer(RECIPE)
    with agent(gateway):
        time.sleep(0.6)
        gateway.start()
        gateway.wait("deliver")


def test_a_delivery_is_told_until_it_is_heard(gateway: Gateway) -> None:
    gateway.faults.deliver = [503, 507, 500]
    gateway.offer(RECIPE)
    with agent(gateway):
        gateway.wait("deliver")
    assert len(gateway.seen("refused")) == 3
    assert not gateway.seen("fail")


@pytest.mark.parametrize(("status", "failures"), [(422, 1), (409, 0)])
def test_a_refused_delivery_is_not_repeated(gateway: Gateway, status: int, failures: int) -> None:
    gateway.faults.deliver = [status]
    gateway.offer(RECIPE)
    with agent(gateway):
        gateway.wait("refused")
        gateway.offer(RECIPE)
        gateway.wait("deliver")
    assert len(gateway.seen("refused")) == 1
    assert len(gateway.seen("fail")) == failures


@pytest.mark.parametrize(
    "recipe",
    [{"container": "mpegts"}, to_wire(replace(RECIPE, container="concat"))],
    ids=["malformed", "forbidden"],
)
def test_a_recipe_that_cannot_be_followed_is_rejected(gateway: Gateway, recipe: dict[str, Any]) -> None:
    gateway.offer(recipe)
    with agent(gateway):
        assert gateway.wait("fail")["kind"] == "rejected"
    assert not gateway.stored


def test_an_agent_registers_again_when_it_is_forgotten(gateway: Gateway) -> None:
    with agent(gateway):
        gateway.wait("register")
        gateway.faults.tokens_lost = True
        gateway.wait("register", times=2)
        gateway.offer(RECIPE)
        gateway.wait("deliver")


def test_an_agent_that_is_sent_home_stops_and_says_why(gateway: Gateway) -> None:
    """At once, with its FFmpeg, and for good: it does not come again under another name."""
    gateway.offer(ENDLESS)
    running = process(gateway)
    until(lambda: bool(ffmpeg_pids(running.pid)))
    pids = ffmpeg_pids(running.pid)
    gateway.faults.sent_home = "The worker was sent home."
    assert running.wait(60) == 3
    assert running.stderr is not None
    assert b"fallow worker: The worker was sent home." in running.stderr.read()
    until(lambda: not any(alive(pid) for pid in pids))
    assert len(gateway.seen("register")) == 1


def test_a_proxy_that_says_no_sends_nobody_home(gateway: Gateway) -> None:
    """Without a sentence it is not the gateway that says so."""
    with pytest.MonkeyPatch.context() as patch, agent(gateway):
        patch.setattr(Handler, "_lease", lambda self, _body: self.answer(403, "<html>"))
        gateway.wait("register", times=2)
        patch.undo()
        gateway.offer(RECIPE)
        gateway.wait("deliver")


def test_an_idle_agent_does_not_ask_without_end(gateway: Gateway) -> None:
    asked = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Handler, "_lease", lambda self, _body: (asked.append(1), self.answer(204)))
        with agent(gateway):
            time.sleep(1.5)
    assert 1 <= len(asked) <= 3


# As a process


def process(gateway: Gateway, *flags: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "fallow.worker", gateway.url, "--slots", "1", "--ffmpeg", find(), *flags],
        env={**os.environ, "FALLOW_TOKEN": JOIN},
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def test_the_first_signal_drains(gateway: Gateway) -> None:
    gateway.offer(SLOW)
    running = process(gateway)
    until(lambda: bool(ffmpeg_pids(running.pid)))
    gateway.offer(RECIPE)
    running.terminate()
    assert running.wait(60) == 0
    assert len(gateway.seen("deliver")) == 1
    assert len(gateway.grants) == 1


def test_a_signal_drains_whichever_thread_it_comes_to(gateway: Gateway) -> None:
    running = process(gateway)
    try:
        gateway.wait("lease")
        other = next(int(task) for task in os.listdir(f"/proc/{running.pid}/task") if int(task) != running.pid)
        assert ctypes.CDLL(None).tgkill(running.pid, other, signal.SIGTERM) == 0
        assert running.wait(30) == 0
    finally:
        running.kill()


def test_the_second_signal_aborts_and_leaves_no_process(gateway: Gateway) -> None:
    gateway.offer(ENDLESS)
    running = process(gateway)
    until(lambda: bool(ffmpeg_pids(running.pid)))
    (pid,) = ffmpeg_pids(running.pid)
    running.send_signal(signal.SIGINT)
    time.sleep(0.3)
    assert running.poll() is None
    running.send_signal(signal.SIGINT)
    assert running.wait(10) == 130
    assert not alive(pid)
    assert gateway.wait("fail")["kind"] == "cancelled"
    assert not gateway.stored


def test_an_agent_dies_with_its_parent(gateway: Gateway) -> None:
    gateway.offer(ENDLESS)
    running = process(gateway, "--parent-pipe")
    until(lambda: bool(ffmpeg_pids(running.pid)))
    (pid,) = ffmpeg_pids(running.pid)
    assert running.stdin
    running.stdin.close()
    assert running.wait(5) == 130
    assert not alive(pid)


def test_ffmpeg_ends_when_its_agent_is_killed(gateway: Gateway) -> None:
    gateway.offer(SLOW)
    running = process(gateway)
    until(lambda: bool(ffmpeg_pids(running.pid)))
    (pid,) = ffmpeg_pids(running.pid)
    running.kill()
    running.wait()
    until(lambda: not alive(pid), 30.0)
    assert not gateway.stored


def test_a_wrong_token_is_told_in_a_sentence(gateway: Gateway) -> None:
    gateway.faults.join_refused = True
    running = process(gateway)
    _, said = running.communicate(timeout=20)
    assert running.returncode == 2
    assert b"This is not the join token." in said


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return False
    return state != "Z"


def test_an_agent_needs_little_memory(gateway: Gateway) -> None:
    gateway.offer(SLOW)
    running = process(gateway)
    gateway.wait("deliver", seconds=60)
    status = Path(f"/proc/{running.pid}/status").read_text()
    peak = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))
    running.terminate()
    assert running.wait(10) == 0
    assert peak <= 40_000, f"{peak} kB"


def test_ffmpeg_says_what_it_is() -> None:
    build = examine(find())
    assert build.version
    assert "libx264" in build.encoders
