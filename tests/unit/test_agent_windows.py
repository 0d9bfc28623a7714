"""The agent without what Windows does not have: groups of processes, most signals, wait4, uname, further pipes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from acting_gateway import ENDLESS, JOIN, RECIPE, Gateway

from fallow.ffmpeg.locate import find
from fallow.worker import pack

# What is missing there is missing here. Python's own modules are loaded before: they would have chosen other ways.
LIKE_WINDOWS = """
import os, platform, runpy, shlex, signal, socket, subprocess, sys, threading

begin = subprocess.Popen.__init__
def checked(self, *arguments, pass_fds=(), start_new_session=False, **more):
    assert not pass_fds, "Windows passes no pipes on."
    begin(self, *arguments, **more)
subprocess.Popen.__init__ = checked
subprocess.Popen.kill = subprocess.Popen.terminate = lambda self: os.kill(self.pid, 9)
for name in (
    *("uname", "wait4", "wait3", "killpg", "setpriority", "getpriority", "PRIO_PROCESS", "sysconf"),
    *("nice", "sched_getaffinity", "sched_setaffinity", "getuid", "geteuid", "getgid", "getpgid", "setsid"),
    *("fork", "getloadavg", "mkfifo", "fchmod", "set_blocking", "pidfd_open", "posix_spawn"),
):
    if hasattr(os, name):
        delattr(os, name)
for name in [one for one in dir(signal) if one.startswith("SIG") and not one.startswith("SIG_")]:
    if name not in ("SIGINT", "SIGTERM", "SIGABRT", "SIGFPE", "SIGILL", "SIGSEGV"):
        delattr(signal, name)
for name in ("fcntl", "resource", "pwd", "grp", "termios", "syslog"):
    sys.modules[name] = None
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


@pytest.fixture
def agent(tmp_path: Path, gateway: Gateway) -> list[str]:
    archive = tmp_path / pack.NAME
    archive.write_bytes(pack.build_pyz())
    begin = [sys.executable, "-S", "-I", "-c", LIKE_WINDOWS, str(archive), gateway.url]
    return [*begin, "--token", JOIN, "--slots", "1", "--nice", "5", "--ffmpeg", find(), "--log", "json"]


def started(agent: list[str], **variables: str) -> subprocess.Popen[str]:
    return subprocess.Popen(agent, env={**os.environ, **variables}, stderr=subprocess.PIPE, text=True)


def test_it_encodes_and_ends(gateway: Gateway, agent: list[str]) -> None:
    gateway.offer(RECIPE)
    running = started(agent)
    effort = gateway.wait("deliver")["effort"]
    running.terminate()
    _, told = running.communicate(timeout=20)
    assert (running.returncode, "Traceback" in told) == (0, False), told
    machine = gateway.seen("register")[0]["machine"]
    assert machine["host"] == os.uname().nodename
    assert "libvmaf" not in machine["encoders"]
    assert effort["frames"] == RECIPE.frames
    assert gateway.seen("lease")[0]["most"] == 1


def test_what_cannot_stand_still_is_given_back_at_once(gateway: Gateway, agent: list[str], tmp_path: Path) -> None:
    """And FFmpeg, which hears no signal there, is ended."""
    supply = tmp_path / "sys/class/power_supply/AC"
    supply.mkdir(parents=True)
    (supply / "type").write_text("Mains\n")
    (supply / "online").write_text("1\n")
    gateway.offer(replace(ENDLESS, frames=500))
    running = started([*agent, "--root", str(tmp_path), "--charging", "yes"], FALLOW_GATE="server")
    try:
        gateway.wait("renew")
        (supply / "online").write_text("0\n")
        assert "battery" in gateway.wait("fail")["message"]
    finally:
        running.terminate()
        _, told = running.communicate(timeout=20)
    assert "Traceback" not in told
    assert "agent.yield" in [json.loads(line)["action"] for line in told.splitlines()]
