"""What a container or a service leaves to a process, by the files of control groups."""

from pathlib import Path

import pytest

from fallow.device import share
from fallow.worker import machine

OWN, GROUPS = "proc/self/cgroup", "sys/fs/cgroup"
IN_A_CONTAINER = {OWN: "0::/\n", f"{GROUPS}/cpu.max": "150000 100000\n", f"{GROUPS}/memory.max": "1073741824\n"}
IN_A_SERVICE = {
    OWN: "0::/system.slice/fallow.service\n",
    f"{GROUPS}/system.slice/cpu.max": "400000 100000",
    f"{GROUPS}/system.slice/fallow.service/cpu.max": "max 100000",
    f"{GROUPS}/system.slice/fallow.service/memory.max": "max",
    f"{GROUPS}/system.slice/memory.max": "2147483648",
}
OF_THE_FIRST_KIND = {
    OWN: "4:memory:/kubepods/pod1\n3:cpu,cpuacct:/kubepods/pod1\n0::/\n",
    f"{GROUPS}/cpu/cpu.cfs_quota_us": "200000",
    f"{GROUPS}/cpu/cpu.cfs_period_us": "100000",
    f"{GROUPS}/memory/memory.limit_in_bytes": "536870912",
}
FREE = {
    OWN: "4:memory:/\n3:cpu,cpuacct:/\n0::/\n",
    f"{GROUPS}/cpu/cpu.cfs_quota_us": "-1",
    f"{GROUPS}/cpu/cpu.cfs_period_us": "100000",
    f"{GROUPS}/memory/memory.limit_in_bytes": "9223372036854771712",
}


@pytest.mark.parametrize(
    ("files", "processors", "memory"),
    [
        (IN_A_CONTAINER, 2, 1 << 30),
        (IN_A_SERVICE, 4, 2 << 30),
        (OF_THE_FIRST_KIND, 2, 512 << 20),
        (FREE, None, None),
        ({**IN_A_CONTAINER, f"{GROUPS}/cpu.max": "garbage"}, None, 1 << 30),
        ({}, None, None),
    ],
    ids=["container", "service", "first kind", "free", "garbage", "no groups"],
)
def test_a_share_is_known(
    files: dict[str, str], processors: int | None, memory: int | None, tmp_path: Path
) -> None:
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    assert share.processors(tmp_path) == processors
    assert share.memory(tmp_path) == memory


def test_a_machine_is_no_larger_than_its_share(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(share, "processors", lambda: 1)
    monkeypatch.setattr(share, "memory", lambda: 1 << 28)
    assert (machine.cores(), machine.memory()) == (1, 1 << 28)
