"""Rules for devices: where they come from, and when they close the gate."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from fallow.device.power import Power
from fallow.errors import BadSetting
from fallow.services.home import Home
from fallow.services.local_agents import Command
from fallow.worker import hours, plain_toml, rules
from fallow.worker.gate import Gate, Signals
from fallow.worker.options import parser, rules_of
from fallow.worker.rules import Rules
from fallow.worker.traffic import Traffic

MONDAY = datetime(2026, 11, 30, 12, 0)
GOOD = Signals(Power(True, 95.0, 30.0), 50.0, 600.0, 2.0, True, False, frozenset({"sh"}))
PHONE = rules.of_kind("phone", 8)


def given(*flags: str) -> Rules:
    return rules_of(parser().parse_args(["http://server", *flags]))


@pytest.mark.parametrize(
    ("rule", "signals", "words"),
    [
        ({"charging": True}, replace(GOOD, power=Power(False, 95.0)), "on its battery"),
        ({"min_charge": 90.0}, replace(GOOD, power=Power(True, 89.0)), "less than 90 %"),
        ({"max_battery_celsius": 40.0}, replace(GOOD, power=Power(True, 95.0, 40.5)), "battery is hotter than 40"),
        ({"max_cpu_celsius": 80.0}, replace(GOOD, cpu_celsius=81.0), "processors are hotter"),
        ({"idle_seconds": 180.0}, replace(GOOD, idle_seconds=1.0), "Somebody uses"),
        ({"max_load": 25.0}, replace(GOOD, load=30.0), "more than 25 %"),
        ({"screen_off": True}, replace(GOOD, screen_off=False), "screen is on"),
        ({"unmetered": True}, replace(GOOD, metered=True), "costs money"),
        ({"hours": "22:00-6:00"}, GOOD, "not the time"),
        ({"weekdays": "sat,sun"}, GOOD, "not the time"),
        ({"exclusive_app": ("OBS", "sh")}, GOOD, "program sh runs"),
        ({"monthly_gb": 1.5}, replace(GOOD, month_bytes=1_500_000_000), "1.5 GB"),
    ],
)
def test_each_rule_closes_the_gate_with_its_reason(rule: dict[str, object], signals: Signals, words: str) -> None:
    strict = Gate(Rules(**rule))  # type: ignore[arg-type]
    assert words in strict.look(signals, MONDAY)
    assert Gate(Rules()).look(signals, MONDAY) == ""


def test_what_nobody_knows_forbids_work_on_phones_only() -> None:
    assert Gate(PHONE).look(GOOD, MONDAY) == ""
    assert "charging can be switched off" in Gate(PHONE).look(Signals(), MONDAY)
    for name in ("screen_off", "metered"):
        assert "does not tell" in Gate(PHONE).look(replace(GOOD, **{name: None}), MONDAY)
    assert Gate(rules.of_kind("laptop", 8)).look(Signals(), MONDAY) == ""


def test_after_heat_or_an_empty_battery_it_rests() -> None:
    gate = Gate(PHONE)
    hot = replace(GOOD, power=Power(True, 95.0, 41.0))
    assert "hotter" in gate.look(hot, MONDAY)
    assert gate.look(GOOD, MONDAY + timedelta(seconds=299)).startswith("It rests until 12:05. Before: The battery")
    assert gate.look(GOOD, MONDAY + timedelta(seconds=301)) == ""
    # Whatever else closes the gate, heat is seen.
    assert "on its battery" in gate.look(replace(hot, power=Power(False, 95.0, 41.0)), MONDAY + timedelta(hours=1))
    assert "rests" in gate.look(GOOD, MONDAY + timedelta(hours=1, seconds=200))


def test_other_programs_count_for_a_while() -> None:
    gate = Gate(Rules(max_load=25.0))
    assert gate.look(replace(GOOD, load=90.0), MONDAY)
    assert gate.look(GOOD, MONDAY + timedelta(seconds=19))
    assert not gate.look(GOOD, MONDAY + timedelta(seconds=21))


@pytest.mark.parametrize(
    ("spans", "days", "at", "open_then"),
    [
        ("", "", "2026-11-30 00:00", True),
        ("9-17", "", "2026-11-30 09:00", True),
        ("9-17", "", "2026-11-30 17:00", False),
        ("22:30-6:00", "fri", "2026-12-05 05:59", True),  # a Saturday: it began on Friday
        ("22:30-6:00", "fri", "2026-12-04 05:59", False),
        ("22:30-6:00", "fri", "2026-12-04 22:30", True),
        ("0-24", "sat-mon", "2026-11-30 12:00", True),
        ("0-24", "sat-mon", "2026-12-01 12:00", False),
        ("8:00-9:00, 20-24", "", "2026-11-30 20:00", True),
    ],
)
def test_hours(spans: str, days: str, at: str, open_then: bool) -> None:
    assert hours.parse(spans, days).open_at(datetime.fromisoformat(at)) == open_then


def test_the_kind_comes_first_then_a_file_then_variables_then_flags(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "worker.toml"
    file.write_text(
        '# of mine\n[gate]\nmin_charge = 80  # percent\ncharging = false\nexclusive_app = ["obs", "steam"]\n'
        "hours = '22:00-6:00'\n"
    )
    monkeypatch.setenv("FALLOW_GATE_MIN_CHARGE", "70")
    monkeypatch.setenv("FALLOW_GATE_CHARGING", "yes")
    made = given("--gate", "phone", "--settings", str(file), "--charging", "no")
    assert (made.min_charge, made.charging, made.exclusive_app) == (70.0, False, ("obs", "steam"))
    assert (made.hours, made.max_battery_celsius, made.unknown_is_no) == ("22:00-6:00", 40.0, True)
    assert given("--gate", "off", "--settings", str(file)) == Rules()


def test_what_a_platform_starts_itself_has_no_gate_unless_that_is_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    command = Command("http://server", Home("home", "token"), "", 1, "off")
    monkeypatch.delenv("FALLOW_GATE")
    assert command.environment()["FALLOW_GATE"] == "off"
    monkeypatch.setenv("FALLOW_GATE", "auto")
    assert command.environment()["FALLOW_GATE"] == "auto"


def test_a_months_traffic_is_kept_and_begins_anew(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "traffic.json"
    Traffic(path).add(1000)
    other = Traffic(path)
    other.add(24)
    assert (other.month_bytes(), Traffic(path).month_bytes()) == (1024, 1024)
    path.write_text(path.read_text().replace("20", "19"))
    assert Traffic(path).month_bytes() == 0
    path.write_text("torn")
    assert Traffic(path).month_bytes() == 0
    (tmp_path / "file").touch()
    Traffic(tmp_path / "file" / "traffic.json").add(1)  # nowhere to keep it


def test_a_server_has_no_gate_and_a_phone_is_protected(tmp_path: Path) -> None:
    assert given("--gate", "server").always
    assert not given("--gate", "pc").always
    assert (PHONE.charging, PHONE.min_charge, PHONE.unmetered, PHONE.screen_off, PHONE.cores) == (
        *(True, 90.0, True, True),
        4,
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[gate]\nmin_charge = lots", "Line 2 of .* cannot be read: the value of min_charge"),
        ("[gate]\nmin_charge = 1\nmin_charge = 2", "Line 3 of .* sets min_charge a second time"),
        ("[gate]\nmin_charge = NaN", "cannot be read"),
        ("[gate]\nmin charge", "Line 2 of .* is neither"),
        ('[gate]\nmin_charge = "full"', "min_charge = 'full' makes no sense; it takes percent"),
        ("[gate]\nmin_charge = -1", "makes no sense"),
        ("[gate]\ncores = 1.5", "makes no sense"),
        ("[gate]\ncharging = 3", "charging = 3 makes no sense; it takes yes/no"),
        ("[gate]\nbattery = 3", "has no rule battery; the rules are charging, min_charge"),
        ("[gate]\nhours = '25-26'", "is no span of a day"),
        ("[gate]\nhours = '9-9'", "is no span of a day"),
        ("[gate]\nweekdays = 'funday'", "weekdays = 'funday' is not known"),
        ("[gates]\n", r"has a table \[gates\]"),
        ("charging = true\n", "sets charging outside of a table"),
    ],
)
def test_a_file_that_makes_no_sense_is_told_in_a_sentence(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "worker.toml").write_text(text)
    with pytest.raises(BadSetting, match=words):
        given("--gate", "pc", "--settings", str(tmp_path / "worker.toml"))


def test_a_file_that_is_not_there_is_told() -> None:
    with pytest.raises(BadSetting, match="cannot be read"):
        given("--gate", "pc", "--settings", "/no/such/file")


def test_plain_toml_has_values_of_every_kind() -> None:
    text = 'a = "x # y"\n[one]\nb = 1 # c\nc = -2.5\n[ two ] # d\nd = [1, "2"]\ne = true\n'
    assert plain_toml.tables(text, "file") == {
        "": {"a": "x # y"},
        "one": {"b": 1, "c": -2.5},
        "two": {"d": [1, "2"], "e": True},
    }
