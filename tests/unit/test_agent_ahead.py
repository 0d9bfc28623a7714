"""A slot does not wait: the next task is there when FFmpeg ends, and the last one's upload ends meanwhile."""

from __future__ import annotations

import os
import re
import signal
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from acting_gateway import ENDLESS, RECIPE, Gateway, Handler, agent, ffmpeg_pids, stub, until
from test_agent import process

from fallow.ffmpeg.commands import arguments
from fallow.ffmpeg.locate import find
from fallow.messages import to_wire
from fallow.worker import download

# Says how far it is as FFmpeg does, by frames that come out, and ends when a file is there.
HALTING = """
if "pipe:0" not in sys.argv:
    sys.stderr.write("ffmpeg version 9.9 Copyright")
    sys.exit()
sys.stdin.buffer.read()
part = open({part!r}, "rb").read()
sys.stdout.buffer.write(part[:{most}])
sys.stdout.buffer.flush()
while not os.path.exists({go!r}): time.sleep(0.01)
sys.stdout.buffer.write(part[{most}:])
"""


@pytest.fixture(scope="module")
def part(chunk: bytes) -> bytes:
    import subprocess

    command = [find(), *arguments(RECIPE, 1)]
    return subprocess.run(command, input=chunk, capture_output=True, check=True).stdout


@pytest.fixture
def nearly(tmp_path: Path, part: bytes) -> str:
    """An encoder that has nearly done, until the file `go` is there."""
    (tmp_path / "part").write_bytes(part)
    names = {"part": str(tmp_path / "part"), "go": str(tmp_path / "go"), "most": len(part) * 9 // 10}
    return stub(tmp_path, HALTING.format(**names))


def test_the_next_task_is_fetched_before_the_other_ends(gateway: Gateway, tmp_path: Path, nearly: str) -> None:
    first, second = gateway.offer(RECIPE), gateway.offer(RECIPE)
    with agent(gateway, nearly):
        gateway.wait("get", times=2)
        assert not gateway.seen("deliver")
        assert len(ffmpeg_pids(os.getpid())) == 1
        (tmp_path / "go").touch()
        gateway.wait("deliver", times=2)
    assert gateway.stored.keys() == {first, second}
    assert len(gateway.seen("get")) == 2


def test_no_more_than_one_lease_waits(gateway: Gateway, tmp_path: Path, nearly: str) -> None:
    for _ in range(4):
        gateway.offer(RECIPE)
    with agent(gateway, nearly):
        gateway.wait("renew", times=8)
        assert len(gateway.grants) == 2
        (tmp_path / "go").touch()
        gateway.wait("deliver", times=4)


def test_what_cannot_begin_soon_is_not_asked_for(gateway: Gateway) -> None:
    gateway.offer(ENDLESS)
    gateway.offer(RECIPE)
    with agent(gateway):
        gateway.wait("renew", times=10)
        assert len(gateway.grants) == 1


def test_a_lease_that_waits_is_renewed(gateway: Gateway, nearly: str, tmp_path: Path) -> None:
    gateway.offer(RECIPE)
    second = gateway.offer(RECIPE)
    with agent(gateway, nearly):
        until(lambda: gateway.seen("renewed").count(second) >= 3)
        (tmp_path / "go").touch()
        gateway.wait("deliver", times=2)


def test_a_lease_that_waits_and_is_over_is_not_begun(gateway: Gateway, nearly: str, tmp_path: Path) -> None:
    first, second = gateway.offer(RECIPE), gateway.offer(RECIPE)
    gateway.faults.over = second
    with agent(gateway, nearly):
        until(lambda: second in gateway.seen("renewed"))
        (tmp_path / "go").touch()
        gateway.wait("deliver")
        third = gateway.offer(RECIPE)
        gateway.wait("deliver", times=2)
    assert gateway.stored.keys() == {first, third}
    assert not gateway.seen("fail")


def test_an_upload_goes_on_while_the_next_task_is_encoded(gateway: Gateway, tmp_path: Path, part: bytes) -> None:
    """The first part is not stored before the second is being made."""
    held = threading.Event()

    def slow_put(self: Handler) -> None:
        if "lease0x0" in self.path:
            assert held.wait(30.0)
        put(self)

    put = Handler.do_PUT
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Handler, "do_PUT", slow_put)
        gateway.offer(RECIPE)
        second = gateway.offer(RECIPE)
        with agent(gateway):
            until(lambda: any(second in path for path in gateway.seen("put path")))
            assert not gateway.stored
            held.set()
            gateway.wait("deliver", times=2)


def test_a_large_object_is_begun_to_be_fetched(
    gateway: Gateway, tmp_path: Path, nearly: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "AHEAD", 70_000)
    gateway.data = os.urandom(40 << 20)
    gateway.offer(RECIPE)
    second = gateway.offer(RECIPE)
    with agent(gateway, nearly):
        gateway.wait("get", times=2)
        gateway.wait("renew", times=4)
        (tmp_path / "go").touch()
        gateway.wait("deliver", times=2)
    assert second in gateway.stored
    assert [delivery["effort"]["bytes_in"] for delivery in gateway.seen("deliver")] == [40 << 20] * 2


def test_memory_is_bounded_with_one_upload_ending_and_one_object_waiting(
    gateway: Gateway, tmp_path: Path, nearly: str
) -> None:
    """Both parts and both objects are larger than what is kept of them."""
    part = tmp_path / "part"
    part.write_bytes(part.read_bytes() + null_packets(26 << 20))
    gateway.data = os.urandom(26 << 20)
    gateway.offer(RECIPE)
    gateway.offer(RECIPE)
    running = process(gateway, "--ffmpeg", nearly)
    gateway.wait("get", times=2)
    gateway.wait("renew", times=4)
    (tmp_path / "go").touch()
    gateway.wait("deliver", times=2, seconds=60)
    peak = int(re.findall(r"VmHWM:\s+(\d+)", Path(f"/proc/{running.pid}/status").read_text())[0])
    running.terminate()
    assert running.wait(10) == 0
    assert peak <= 90_000, f"{peak} kB"


def null_packets(size: int) -> bytes:
    """Of MPEG-TS."""
    return (b"\x47\x1f\xff\x10" + bytes(184)) * (size // 188)


# Given back


def test_a_worker_that_drains_gives_back_what_waits_at_once(gateway: Gateway, tmp_path: Path, nearly: str) -> None:
    first, second = gateway.offer(RECIPE), gateway.offer(RECIPE)
    running = process(gateway, "--ffmpeg", nearly)
    until(lambda: second in gateway.seen("renewed"))
    running.send_signal(signal.SIGTERM)
    failure = gateway.wait("fail", seconds=5.0)
    assert gateway.seen("failed") == [second]
    assert failure["kind"] == "cancelled"
    assert not gateway.seen("deliver")
    (tmp_path / "go").touch()
    assert running.wait(20) == 0
    assert gateway.stored.keys() == {first}


def test_a_worker_does_not_end_before_what_it_gives_back_is_heard_of(
    gateway: Gateway, tmp_path: Path, nearly: str
) -> None:
    first, second = gateway.offer(RECIPE), gateway.offer(RECIPE)
    gateway.faults.fail = [503, 503]
    running = process(gateway, "--ffmpeg", nearly)
    until(lambda: second in gateway.seen("renewed"))
    running.send_signal(signal.SIGTERM)
    (tmp_path / "go").touch()
    assert running.wait(20) == 0
    assert gateway.stored.keys() == {first}
    assert gateway.seen("failed") == [second]


def test_what_is_granted_to_a_worker_that_is_just_leaving_goes_back(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    def grant_too_late(self: Handler, body: Any) -> None:
        self.owner.note("lease", body)
        assert self._hung_up(30.0)
        self.answer(200, to_wire(self.owner.grants.pop(0)))

    monkeypatch.setattr(Handler, "_lease", grant_too_late)
    lease = gateway.offer(RECIPE)
    running = process(gateway)
    gateway.wait("lease")
    running.send_signal(signal.SIGTERM)
    assert running.wait(20) == 0
    assert gateway.seen("failed") == [lease]
    assert gateway.seen("fail")[0]["kind"] == "cancelled"


def test_who_waits_for_work_is_gone_at_once_when_it_is_to_stop(gateway: Gateway) -> None:
    """And the gateway sees it: what it would grant then is for others."""
    running = process(gateway)
    gateway.wait("lease")
    running.send_signal(signal.SIGTERM)
    gateway.wait("hung up")
    lease = gateway.offer(RECIPE)
    assert running.wait(20) == 0
    assert [grant.lease for grant in gateway.grants] == [lease]


def test_a_worker_that_is_aborted_gives_both_back(gateway: Gateway, nearly: str) -> None:
    leases = [gateway.offer(RECIPE), gateway.offer(RECIPE)]
    with agent(gateway, nearly) as running:
        until(lambda: leases[1] in gateway.seen("renewed"))
        running.abort()
        gateway.wait("fail", times=2)
        assert sorted(gateway.seen("failed")) == sorted(leases)
        assert {failure["kind"] for failure in gateway.seen("fail")} == {"cancelled"}


def test_what_waits_is_given_back_when_the_gateway_was_away(gateway: Gateway, tmp_path: Path, nearly: str) -> None:
    """It does not come back by itself before it expires; what is begun goes on."""
    first, second = gateway.offer(RECIPE), gateway.offer(RECIPE)
    with agent(gateway, nearly):
        until(lambda: second in gateway.seen("renewed"))
        gateway.stop()
        time.sleep(0.5)  # more than one renewal
        gateway.start()
        gateway.wait("fail", seconds=10.0)
        assert gateway.seen("failed") == [second]
        (tmp_path / "go").touch()
        gateway.wait("deliver")
    assert gateway.stored.keys() == {first}


def test_the_agent_tells_how_fast_it_is_and_when_it_begins(gateway: Gateway, tmp_path: Path, nearly: str) -> None:
    gateway.offer(RECIPE)
    with agent(gateway, nearly):
        until(lambda: any(asked["begin_in"] > 0 for asked in gateway.seen("lease")))
        (tmp_path / "go").touch()
        gateway.wait("deliver")
        until(lambda: bool(gateway.seen("lease")[-1]["speeds"]))
    assert gateway.seen("lease")[0]["begin_in"] == 0
    assert gateway.seen("lease")[-1]["speeds"]["libx264"] > 0
