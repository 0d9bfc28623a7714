"""Joules of tasks: from real files, programs and plugs, and how it is told what is not measured."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from acting_gateway import RECIPE, Gateway, agent

from devices import Device, program
from fallow.device import meters
from fallow.device.load import Use
from fallow.device.meters import Rapl, Watts, watts_in
from fallow.errors import BadSetting
from fallow.model import Energy as Sum
from fallow.worker import energy as energies
from fallow.worker.energy import Account, Burnt, Declared, Energy
from fallow.worker.options import meter_of, parser

ZONE = "sys/class/powercap/intel-rapl:"


class Clock:
    """Time as tests tell it."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


class Counter:
    """A meter that reads what a test says."""

    name = "rapl"

    def __init__(self) -> None:
        self.count: float | None = 0.0

    def joules(self) -> float | None:
        return self.count


class Part:
    """Whose work the processors do, as a test says."""

    use: Use | None = None

    def since_last(self) -> Use | None:
        return self.use


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(energies, "time", made)
    monkeypatch.setattr(meters, "time", made)
    return made


def test_processors_count_and_their_counters_begin_anew(tmp_path: Path) -> None:
    device = Device(tmp_path)
    for zone, name, count in (
        ("0", "package-0", 900),
        ("1", "package-1", 100),
        ("0:0", "core", 7),
        ("2", "psys", 5),
    ):
        device.write(f"{ZONE}{zone}/name", name)
        device.write(f"{ZONE}{zone}/energy_uj", count * 1_000_000)
        device.write(f"{ZONE}{zone}/max_energy_range_uj", 1000 * 1_000_000)
    rapl = Rapl(tmp_path)
    assert rapl.joules() == 0.0
    device.write(f"{ZONE}0/energy_uj", 50 * 1_000_000)  # 150 on, over its end
    device.write(f"{ZONE}1/energy_uj", 110 * 1_000_000)
    assert rapl.joules() == pytest.approx(160.0)
    (tmp_path / f"{ZONE}1/energy_uj").unlink()
    assert rapl.joules() is None
    assert Rapl(tmp_path / "none").joules() is None


def test_watts_are_added_up_where_they_are_known(clock: Clock) -> None:
    watts: list[float | None] = [10.0, 20.0, None, 30.0, 30.0]
    meter = Watts("meter", lambda: watts.pop(0))
    told = []
    for _ in range(4):
        told.append(meter.joules())
        clock.now += 2
    assert told == [0.0, 30.0, None, 30.0]
    clock.now += 100  # nobody knows what was meanwhile
    assert meter.joules() == 30.0


@pytest.mark.parametrize(
    ("told", "watts"),
    [
        ("12.5\n", 12.5),
        ('{"id":0,"source":"init","output":true,"apower":23.4,"voltage":230.1,"aenergy":{"total":1}}', 23.4),
        ('{"wifi_sta":{"rssi":-50},"meters":[{"power":7.25,"is_valid":true}]}', 7.25),
        ('{"StatusSNS":{"Time":"x","ENERGY":{"Total":1.5,"Power":41,"Voltage":230}}}', 41.0),
        ('{"power":true}', None),
        ("-3", None),
        ("NaN", None),
        ("[" * 10_000, None),
        ("", None),
    ],
)
def test_plugs_and_programs_tell_watts(told: str, watts: float | None) -> None:
    assert watts_in(told) == watts


@pytest.fixture
def plug() -> Iterator[str]:
    class Plug(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps({"apower": 50.0}).encode())

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Plug)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}/rpc/Switch.GetStatus?id=0"
    server.shutdown()
    server.server_close()


def test_what_there_is_or_is_named_is_the_meter(tmp_path: Path, clock: Clock, plug: str) -> None:
    device = Device(tmp_path)
    assert meters.found("", tmp_path, {}) is None
    device.supply("BAT0", type="Battery", status="Discharging", capacity=80, power_now=6_000_000)
    on_battery = meters.found("", tmp_path, {})
    program(tmp_path / "bin", "watts", "echo 6")
    for meter, name in (
        (on_battery, "battery"),
        (meters.found(f"'{tmp_path}/bin/watts' now", tmp_path, {}), "meter"),
    ):
        assert meter is not None
        assert meter.joules() == 0.0
        clock.now += 5
        assert (meter.joules(), meter.name) == (30.0, name)
    device.supply("BAT0", status="Charging")
    assert on_battery.joules() is None
    by_plug = meters.found(plug, tmp_path, {})
    assert by_plug is not None
    assert by_plug.joules() == 0.0
    clock.now += 5
    assert by_plug.joules() == 250.0
    assert meters.found("off", tmp_path, {}) is None
    gone = meters.found("http://127.0.0.1:1/", tmp_path, {})
    assert gone is not None
    assert gone.joules() is None


def test_what_the_idle_device_takes_is_not_the_tasks(clock: Clock) -> None:
    meter, account = Counter(), Account()
    energy = Energy(meter)
    energy.sample()
    step(clock, meter, energy, 20.0)  # idle: 5 W
    energy.enter(account)
    step(clock, meter, energy, 60.0)  # 15 W
    clock.now += 2.0  # as before
    assert energy.settle(account) == Burnt(pytest.approx(60.0), "rapl")


def test_tasks_at_the_same_time_share(clock: Clock) -> None:
    meter, one, other = Counter(), Account(), Account()
    energy = Energy(meter, Declared(idle_watts=5.0))
    energy.sample()
    energy.enter(one)
    clock.now += 2.0
    energy.enter(other)
    step(clock, meter, energy, 75.0, seconds=2.0)  # in 4 seconds: 55 more than idle
    energy.leave(one)  # it stands still
    step(clock, meter, energy, 40.0)  # 20 more
    assert energy.settle(one).joules == pytest.approx(55 * 3 / 4)
    assert energy.settle(other).joules == pytest.approx(55 / 4 + 20)


def test_what_others_do_is_not_the_tasks(clock: Clock) -> None:
    meter, part, account = Counter(), Part(), Account()
    energy = Energy(meter, None, part)  # type: ignore[arg-type]
    energy.sample()
    part.use = Use(own=0.0, busy=0.8)
    step(clock, meter, energy, 80.0)  # not idle: somebody works here
    part.use = Use(own=0.0, busy=0.05)
    step(clock, meter, energy, 20.0)
    part.use = Use(own=0.25, busy=1.0)
    energy.enter(account)
    step(clock, meter, energy, 60.0)
    assert energy.settle(account) == Burnt(pytest.approx(10.0), "rapl")


def test_what_is_not_known_is_not_told_and_what_is_modelled_is_called_so(clock: Clock) -> None:
    meter, account, short = Counter(), Account(), Account()
    energy = Energy(meter)
    energy.sample()
    energy.enter(account)
    step(clock, meter, energy, 60.0)  # nobody knows how much of it is idle
    assert energy.settle(account) == Burnt()
    modelled = Energy(meter, Declared(busy_watts=12.0, idle_watts=2.0))
    modelled.sample()
    modelled.enter(short)
    step(clock, meter, modelled, 18.0)
    assert modelled._rate is not None
    meter.count = None  # it is unplugged
    step(clock, meter, modelled, 0.0)
    assert modelled.settle(short) == Burnt(pytest.approx(10.0 + 40.0), "model")
    assert Burnt(1.0, "rapl") + Burnt(2.0, "model") == Burnt(3.0, "model")
    assert Burnt(1.0, "rapl") + Burnt() == Burnt()


def test_a_model_goes_by_how_busy_the_processors_are_with_it(clock: Clock) -> None:
    part, account = Part(), Account()
    part.use = Use(own=0.5, busy=0.5)
    energy = Energy(None, Declared(busy_watts=12.0, idle_watts=2.0), part)  # type: ignore[arg-type]
    energy.enter(account)
    clock.now += 4.0
    energy.sample()
    assert energy.settle(account) == Burnt(pytest.approx(10.0), "model")


def step(clock: Clock, meter: Counter, energy: Energy, joules: float, seconds: float = 4.0) -> None:
    clock.now += seconds
    if meter.count is not None:
        meter.count += joules
    energy.sample()


def test_a_first_task_that_is_over_before_a_reading_is_due_is_metered(clock: Clock) -> None:
    meter, account, next_one = Counter(), Account(), Account()
    energy = Energy(meter, Declared(idle_watts=5.0))
    energy.sample()
    energy.enter(account)
    clock.now += 0.5
    meter.count = 10.0
    assert energy.settle(account) == Burnt(pytest.approx(7.5), "rapl")
    energy.enter(next_one)
    clock.now += 0.5  # as before, until the next reading
    assert energy.settle(next_one) == Burnt(pytest.approx(7.5), "rapl")


def test_sums_are_told_only_when_all_is_known() -> None:
    known = Sum().plus(10.0, "rapl", 1.0).plus(5.0, "model", 1.0)
    assert (known.total, known.known_by) == (15.0, ["model", "rapl"])
    assert known.plus(0.0, "", 2.0).total is None
    assert known.plus(0.0, "", 2.0).known_by == []
    assert Sum().total is None


def test_a_delivery_tells_its_joules(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(energies, "SAMPLE_EVERY", 0.01)
    energy = Energy(None, Declared(busy_watts=30.0, idle_watts=10.0))
    energy.start()
    gateway.offer(RECIPE)
    with agent(gateway, energy=energy):
        effort = gateway.wait("deliver", seconds=60)["effort"]
    energy.stop()
    assert effort["meter"] == "model"
    assert effort["joules"] == pytest.approx(20.0 * effort["wall_seconds"], rel=0.5)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", ("", Declared())),
        (
            '[energy]\nmeter = "http://plug"\nidle_watts = 3\nbusy_watts = 12.5',
            ("http://plug", Declared(3.0, 12.5)),
        ),
    ],
)
def test_a_file_declares_watts(tmp_path: Path, text: str, found: tuple[str, Declared]) -> None:
    (tmp_path / "worker.toml").write_text(text)
    options = parser().parse_args(["http://server", "--settings", str(tmp_path / "worker.toml")])
    assert meter_of(options) == found


@pytest.mark.parametrize("flags", [("--idle-watts", "9", "--busy-watts", "3"), ("--idle-watts", "x")])
def test_watts_that_make_no_sense_are_told(flags: tuple[str, ...]) -> None:
    with pytest.raises(BadSetting, match="idle_watts = "):
        meter_of(parser().parse_args(["http://server", *flags]))
