"""What kind of device an agent finds itself on, by the files of a system."""

from pathlib import Path

import pytest

from fallow.device import kind
from fallow.worker.machine import describe as describe_machine

CASE, MODEL = "sys/class/dmi/id/chassis_type", "sys/class/dmi/id/product_name"
TREE, CPU = "proc/device-tree/model", "proc/cpuinfo"


@pytest.mark.parametrize(
    ("files", "found"),
    [
        ({TREE: "Raspberry Pi 5 Model B\0"}, {"device_class": "board", "device": "Raspberry Pi 5 Model B"}),
        ({CASE: "10\n", MODEL: "XPS 13\n"}, {"device_class": "laptop", "device": "XPS 13"}),
        ({CASE: "1", "sys/class/power_supply/BAT0/type": "Battery"}, {"device_class": "laptop"}),
        ({CASE: "3"}, {"device_class": "pc"}),
        ({CASE: "23"}, {"device_class": "server"}),
        ({CASE: "1", CPU: "model name\t: x\nflags\t\t: fpu hypervisor\nbugs\t: y"}, {"device_class": "server"}),
        ({".dockerenv": ""}, {"device_class": "server"}),
        ({CASE: "1", CPU: "flags\t\t: fpu\n"}, {}),
        ({CASE: "²"}, {}),
        ({}, {}),
    ],
)
def test_it_is_known_by_what_the_system_tells(tmp_path: Path, files: dict[str, str], found: dict[str, str]) -> None:
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    assert kind.describe(tmp_path, {}) == found


def test_a_phone_is_known_by_its_system(tmp_path: Path) -> None:
    assert kind.describe(tmp_path, {"ANDROID_ROOT": "/system"})["device_class"] == "phone"


def test_an_agent_tells_it_when_it_registers() -> None:
    class Build:
        version, digest, encoders = "7.1", "0123abcd", ("libx264",)

    told = describe_machine(Build(), 1)  # type: ignore[arg-type]
    assert {key: told[key] for key in kind.describe()} == kind.describe()
