"""What devices tell: real files as kernels write them, real programs as phones have them."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import pytest
from acting_gateway import until

from devices import Device, program
from fallow.device import network, power, presence, programs, sensing, thermal
from fallow.device.asking import ask
from fallow.device.load import Load, Portion, Ticks, Use
from fallow.device.power import Power
from fallow.device.sensing import Sensor

ANDROID = {"ANDROID_ROOT": "/system"}
USB, MAINS = {"type": "USB", "online": 1}, {"type": "Mains", "online": 0}


@pytest.fixture
def device(tmp_path: Path) -> Device:
    return Device(tmp_path / "root")


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where programs can be put."""
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    return tmp_path / "bin"


def battery(**facts: object) -> dict[str, object]:
    return {"type": "Battery", "status": "Discharging", "capacity": 80, **facts}


@pytest.mark.parametrize(
    ("supplies", "found"),
    [
        ({}, Power()),
        ({"AC": MAINS, "BAT0": battery()}, Power(False, 80.0)),
        ({"AC": {**MAINS, "online": 1}, "BAT0": battery(status="Full", capacity=100)}, Power(True, 100.0)),
        # Boards and phones are fed by USB or a coil, some at a voltage that they agree upon.
        ({"usb": {**USB, "online": 2}}, Power(True)),
        ({"pd": {"type": "USB_PD", "online": 1}, "AC": MAINS, "b": battery(status="Unknown")}, Power(True, 80.0)),
        ({"w": {"type": "Wireless", "online": 1}, "b": battery(status="Not charging")}, Power(True, 80.0)),
        # No feeder tells anything: the battery may know.
        ({"b": battery(status="Charging")}, Power(True, 80.0)),
        ({"b": battery(status="Unknown")}, Power(None, 80.0)),
        ({"AC": MAINS, "b": battery(status="Charging")}, Power(True, 80.0)),
        # Heat in tenths, or thousandths; of two batteries the hotter and the emptier one count.
        ({"b": battery(temp=385), "c": battery(temp=41_000, capacity=70)}, Power(False, 70.0, 41.0)),
        # A battery that is read as 0 % is one that nobody knows, unless its charge is told.
        ({"b": battery(capacity=0)}, Power(False, None)),
        ({"b": battery(capacity=0, charge_now=3_000_000, charge_full=4_000_000)}, Power(False, 75.0)),
        ({"b": battery(capacity=104)}, Power(False, 100.0)),
        # Microvolts and microamperes, of whatever sign; or thousandths.
        ({"b": battery(voltage_now=4_000_000, current_now=-500_000)}, Power(False, 80.0, None, 2.0)),
        ({"b": battery(voltage_now=4_000, current_now=500)}, Power(False, 80.0, None, 2.0)),
        ({"b": battery(power_now=7_500_000)}, Power(False, 80.0, None, 7.5)),
        ({"AC": {**MAINS, "online": 1}, "b": battery(status="Charging", power_now=9e6)}, Power(True, 80.0)),
        # Not the device's own: a mouse; nor one that is taken out.
        ({"m": battery(scope="Device", capacity=5), "b": battery()}, Power(False, 80.0)),
        ({"b": battery(present=0, capacity=3)}, Power()),
        ({"b": {"type": "Battery", "status": "?", "capacity": "full", "temp": "warm"}}, Power()),
    ],
)
def test_power_by_files(device: Device, supplies: dict[str, dict[str, object]], found: Power) -> None:
    for name, facts in supplies.items():
        device.supply(name, **facts)
    assert power.read(device.root, {}) == found


TERMUX = '{"health":"GOOD","percentage":93,"plugged":"%s","status":"%s","temperature":31.5%s}'


@pytest.mark.parametrize(
    ("told", "found"),
    [
        (TERMUX % ("PLUGGED_AC", "CHARGING", ',"current":900000'), Power(True, 93.0, 31.5)),
        (TERMUX % ("UNPLUGGED", "DISCHARGING", ',"voltage":4000,"current":-250000'), Power(False, 93.0, 31.5, 1.0)),
        (TERMUX % ("?", "NOT_CHARGING", ""), Power(True, 93.0, 31.5)),
        ("no JSON", Power()),
        ("[1]", Power()),
        ('{"percentage": "many", "plugged": null}', Power()),
    ],
)
def test_power_by_termux(device: Device, path: Path, told: str, found: Power) -> None:
    program(path, "termux-battery-status", f"cat <<'END'\n{told}\nEND")
    assert power.read(device.root, ANDROID) == found


def test_a_program_that_hangs_is_ended_with_its_children(path: Path) -> None:
    """Its child holds the pipe, and would never let go of it."""
    program(path, "termux-battery-status", "sleep 1000 & echo $! > $0.child; wait")
    begun = time.monotonic()
    assert ask("termux-battery-status", seconds=0.5) == ""
    assert time.monotonic() - begun < 60
    child = int((path / "termux-battery-status.child").read_text())
    until(lambda: not Path(f"/proc/{child}").exists() or " Z " in Path(f"/proc/{child}/stat").read_text())


def test_a_program_that_is_not_there_or_fails_tells_nothing(path: Path) -> None:
    program(path, "fails", "echo 42; exit 1")
    assert ask("fails") == ""
    assert ask("no-such-program") == ""


def test_power_by_pmset() -> None:
    told = "Now drawing from 'Battery Power'\n -InternalBattery-0 (id=1)\t87%; discharging; 4:10 remaining"
    assert power.of_pmset(told) == Power(False, 87.0)
    assert power.of_pmset("Now drawing from 'AC Power'\n") == Power(True)
    assert power.of_pmset("") == Power()


def test_heat_is_that_of_the_hottest_processor(device: Device) -> None:
    assert thermal.celsius(device.root) is None
    zones = {"x86_pkg_temp": 71_000, "battery": 99_000, "cpu-1": 85, "soc_max": 1_000_000, "acpitz": -40_000}
    for number, (kind, temperature) in enumerate(zones.items()):
        device.write(f"sys/class/thermal/thermal_zone{number}/type", kind)
        device.write(f"sys/class/thermal/thermal_zone{number}/temp", temperature)
    assert thermal.celsius(device.root) == 85.0
    device.write("sys/class/hwmon/hwmon0/name", "k10temp")
    device.write("sys/class/hwmon/hwmon0/temp1_input", 90_500)
    assert thermal.celsius(device.root) == 90.5


def test_logind_knows_whether_somebody_is_there() -> None:
    assert presence.of_logind("b true\nt 1000000000\n", 1600.0) == 600.0
    assert presence.of_logind("b false\nt 1000000000\n", 1600.0) == 0.0
    assert presence.of_logind("", 1600.0) is None


def test_idle_and_screen_by_programs(device: Device, path: Path) -> None:
    program(path, "xprintidle", "echo 90000")
    assert presence.idle_seconds({"DISPLAY": ":0"}) == 90.0
    program(path, "gdbus", "echo '(uint64 30000,)'")
    assert presence.idle_seconds({"DISPLAY": ":0", "DBUS_SESSION_BUS_ADDRESS": "unix:"}) == 30.0
    for state, off in (("1", True), ("2", False), ("", None)):
        program(path, "getprop", f"echo {state}")
        assert presence.screen_off(device.root, ANDROID) is off


def test_a_screen_by_files(device: Device) -> None:
    assert presence.screen_off(device.root, {}) is None
    for name, status, dpms in (("card0-DP-1", "connected", "Off"), ("card0-DP-2", "disconnected", "On")):
        device.write(f"sys/class/drm/{name}/status", status)
        device.write(f"sys/class/drm/{name}/dpms", dpms)
    assert presence.screen_off(device.root, {}) is True
    device.write("sys/class/backlight/intel/bl_power", 0)
    assert presence.screen_off(device.root, {}) is False


@pytest.mark.parametrize(
    ("bus", "nmcli", "found"),
    [
        ("echo u 2", "", False),
        ("echo u 3", "", True),
        ("exit 1", "echo GENERAL.METERED:unknown; echo 'GENERAL.METERED:no (guessed)'", False),
        ("exit 1", "echo 'GENERAL.METERED:no'; echo GENERAL.METERED:yes", True),
        ("exit 1", "exit 1", None),
    ],
)
def test_networks_that_cost_money(path: Path, bus: str, nmcli: str, found: bool | None) -> None:
    program(path, "busctl", bus)
    program(path, "nmcli", nmcli)
    assert network.metered({}) is found


@pytest.mark.parametrize(
    ("told", "found"),
    [
        ('{"supplicant_state":"COMPLETED","ip":"192.168.1.7"}', False),
        ('{"supplicant_state":"COMPLETED","ip":"0.0.0.0"}', True),
        ('{"supplicant_state":"DISCONNECTED"}', True),
        ("", None),
    ],
)
def test_phones_pay_outside_of_wireless_networks(path: Path, told: str, found: bool | None) -> None:
    program(path, "termux-wifi-connectioninfo", f"echo '{told}'")
    assert network.metered(ANDROID) is found


def test_the_load_of_others_is_told_without_ones_own(device: Device) -> None:
    """Of 1000 ticks 600 are work, of which 400 are this program's own and its FFmpeg's."""
    own = " ".join(["0"] * 11)
    ticks = Ticks(device.root, lambda: (7, 8))
    load, portion = Load(ticks), Portion(ticks)
    device.write("proc/stat", "cpu 100 0 0 100 0 0 0 0 0 0")
    for pid in (7, 8):
        device.write(f"proc/{pid}/stat", f"{pid} (a b) c) R {own[:-2]} 0 0 0 0")
    assert (load.percent(), portion.since_last()) == (None, None)
    device.write("proc/stat", "cpu 700 0 0 500 0 0 0 0 0 0")
    for pid in (7, 8):
        device.write(f"proc/{pid}/stat", f"{pid} (a b) c) R {own[:-2]} 50 50 50 50")
    assert load.percent() == pytest.approx(20.0)
    assert portion.since_last() == Use(own=400 / 600, busy=0.6)


def test_programs_are_known_by_their_names(device: Device) -> None:
    assert programs.names(device.root) is None
    device.write("proc/12/comm", "obs-studio-with")
    device.write("proc/12/cmdline", "/usr/bin/OBS-studio\0--minimized")
    assert programs.names(device.root) == {"obs-studio-with", "obs-studio"}
    assert "python" in " ".join(programs.names(Path("/")) or ())


def test_a_sensor_that_breaks_or_hangs_is_unknown() -> None:
    going = threading.Event()

    def read() -> int:
        if going.is_set():
            raise OSError("no such device")
        return 7

    sensor = Sensor("test", read, -1, period=0.01)
    sensor.start()
    sensor.wait(30)
    assert sensor.value == 7
    going.set()
    until(lambda: sensor.value == -1)
    sensor.stop()


def test_a_sensor_that_hangs_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sensing, "LASTING", 0.1)
    again, free = threading.Event(), threading.Event()

    def read() -> int:
        if again.is_set():
            free.wait(60)
        again.set()
        return 7

    sensor = Sensor("test", read, -1, period=0.01)
    sensor.start()
    until(lambda: again.is_set() and sensor.value == -1)
    sensor.stop()
    free.set()


def test_a_sensor_that_is_to_be_read_more_often_is_read_at_once() -> None:
    """Whoever goes on after a rest looks at once, not when the rest's long pause is over."""
    reads: list[int] = []
    sensor = Sensor("test", lambda: reads.append(1), None, period=3600.0)
    sensor.start()
    until(lambda: len(reads) == 1)
    sensor.pace(1800.0)
    until(lambda: len(reads) == 2)
    sensor.stop()
