"""A real agent on a device made of files: its real FFmpeg stands still while the device may not work."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from acting_gateway import ENDLESS, FRAMES, JOIN, RECIPE, SLOW, Gateway, ffmpeg_pids, until

from devices import Device, program
from fallow.ffmpeg.locate import find
from fallow.worker.pause import Pause
from fallow.worker.status import StateFile

LONG = replace(SLOW, encoder=replace(SLOW.encoder, preset="slower"), width=960)  # seconds of work
WHY = "The device runs on its battery."


@pytest.fixture
def device(tmp_path: Path) -> Device:
    made = Device(tmp_path / "root")
    made.plug_in()
    return made


@contextlib.contextmanager
def working(gateway: Gateway, device: Device, *flags: str) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", "fallow.worker", gateway.url, "--token", JOIN, "--slots", "1"]
    rules = ["--ffmpeg", find(), "--gate", "server", "--charging", "yes", "--root", str(device.root)]
    running = subprocess.Popen([*command, *rules, *flags], env=environment(device))
    try:
        yield running
    finally:
        running.kill()
        running.wait()


def environment(device: Device) -> dict[str, str]:
    return {**os.environ, "FALLOW_WORKER_FOLDER": str(device.root / "agent"), "FALLOW_LOG": "off"}


def status(device: Device, *flags: str) -> str:
    command = [sys.executable, "-m", "fallow.worker", "status", *flags]
    return subprocess.run(command, env=environment(device), capture_output=True, text=True, check=False).stdout


def state(pid: int) -> str:
    """R, S, T, ...; "" when it has ended."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    return ""


def encoding(gateway: Gateway, agent: subprocess.Popen[bytes]) -> int:
    """The number of its FFmpeg, once that has made something."""
    until(lambda: len(ffmpeg_pids(agent.pid)) == 1 and bool(gateway.seen("renew")), 60, "an FFmpeg")
    return ffmpeg_pids(agent.pid)[0]


def test_ffmpeg_stands_still_on_battery_and_goes_on_where_it_was(gateway: Gateway, device: Device) -> None:
    lease = gateway.offer(LONG)
    with working(gateway, device) as agent:
        ffmpeg = encoding(gateway, agent)
        device.unplug()
        until(lambda: state(ffmpeg) == "T", 60, "FFmpeg to stand still")
        until(lambda: gateway.seen("renew")[-1]["paused"] == WHY, 60, "the gateway to hear why")
        assert WHY in status(device)
        (told,) = json.loads(status(device, "--json"))
        assert (told["pid"], told["server"], told["paused"]) == (agent.pid, gateway.url, WHY)
        assert told["since"] > told["started"]
        device.plug_in()
        delivery = gateway.wait("deliver", seconds=60)
        until(lambda: "may work" in status(device), 60)
    assert delivery["frames"] == FRAMES
    assert lease in gateway.stored
    assert not gateway.seen("fail")


def test_a_phone_whose_sensor_hangs_stops(
    gateway: Gateway, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    device, programs = Device(tmp_path / "phone"), tmp_path / "bin"
    charging = '{"plugged": "PLUGGED_USB", "status": "CHARGING", "percentage": 97, "temperature": 31.0}'
    program(programs, "termux-battery-status", f"echo '{charging}'")
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    monkeypatch.setenv("TERMUX_VERSION", "0.119")
    gateway.offer(ENDLESS)
    with working(gateway, device, "--gate", "phone", "--screen-off", "no", "--unmetered", "no") as agent:
        ffmpeg = encoding(gateway, agent)
        program(programs, "termux-battery-status", "sleep 600")
        until(lambda: state(ffmpeg) == "T", 60, "FFmpeg to stand still")
        assert "does not tell whether it is plugged in" in status(device)


def test_what_is_not_begun_waits_elsewhere(gateway: Gateway, device: Device) -> None:
    """The gateway hears why nothing is asked for; and that is asked for as soon as it may be done."""
    device.unplug()
    with working(gateway, device):
        until(lambda: any(asked["paused"] == WHY for asked in gateway.seen("lease")), 60)
        gateway.offer(RECIPE)
        assert not [asked for asked in gateway.seen("lease") if not asked["paused"]]
        device.plug_in()
        assert gateway.wait("deliver", seconds=60)["frames"] == FRAMES


def test_a_task_that_stands_still_for_too_long_goes_to_others(gateway: Gateway, device: Device) -> None:
    gateway.offer(ENDLESS)
    with working(gateway, device, "--grace-seconds", "0.5") as agent:
        encoding(gateway, agent)
        device.unplug()
        failure = gateway.wait("fail", seconds=60)
        until(lambda: not ffmpeg_pids(agent.pid), 60, "FFmpeg to end")
    assert failure["kind"] == "cancelled"
    assert WHY in failure["message"]


def test_an_ffmpeg_that_stands_still_does_not_outlive_its_agent(gateway: Gateway, device: Device) -> None:
    gateway.offer(ENDLESS)
    with working(gateway, device) as agent:
        ffmpeg = encoding(gateway, agent)
        device.unplug()
        until(lambda: state(ffmpeg) == "T", 60, "FFmpeg to stand still")
        agent.kill()
        until(lambda: state(ffmpeg) in ("", "Z"), 60, "FFmpeg to end")
    assert "No worker runs" in status(device)


def test_an_agent_removes_the_files_of_those_that_were_killed(tmp_path: Path) -> None:
    killed = tmp_path / "agents" / "99999999.json"
    killed.parent.mkdir()
    killed.write_text("{}")
    StateFile(tmp_path, "attic", "http://server", Pause()).begin()
    assert [path.name for path in killed.parent.iterdir()] == [f"{os.getpid()}.json"]


def test_an_agent_that_rests_can_be_drained(gateway: Gateway, device: Device) -> None:
    gateway.offer(ENDLESS)
    with working(gateway, device, "--grace-seconds", "1") as agent:
        encoding(gateway, agent)
        device.unplug()
        until(lambda: gateway.seen("renew")[-1]["paused"] == WHY, 60)
        agent.terminate()
        assert agent.wait(60) == 0
    assert gateway.seen("fail")[-1]["kind"] == "cancelled"
