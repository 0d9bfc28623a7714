"""Agents that take over their gateway's version: when, and what leaves the old one working."""

from __future__ import annotations

import hashlib
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from fallow.worker import update
from fallow.worker.own_file import OwnFile
from fallow.worker.update import DAY, HOUR, Updater

GOOD = b"import sys\nassert sys.argv[1:] == ['URL', '--try'], sys.argv\n"
OLD, SETTLE = b"print('old')\n", 600.0


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@dataclass
class Clock:
    now: float = 1_000_000.0

    def time(self) -> float:
        return self.now

    monotonic = time


@dataclass
class Device:
    """With an agent's file, and a gateway that has another one."""

    folder: Path
    clock: Clock
    offer: bytes = GOOD
    fetched: int = 0
    drained: threading.Event = field(default_factory=threading.Event)
    troubles: list[str] = field(default_factory=list)

    @property
    def path(self) -> Path:
        return self.folder / "fallow-worker.pyz"

    def start(self) -> Updater:
        """As what the file holds."""
        file = OwnFile(self.path, digest(self.path.read_bytes()), (sys.executable,), ("URL",), 0o640)
        return Updater(file, SETTLE, self.fetch, self.drained.set)

    def fetch(self) -> bytes:
        self.fetched += 1
        return self.offer

    def agree(self, updater: Updater, sha256: str) -> None:
        """All answers say so for long enough; returns when what follows is done."""
        for _ in range(20):
            updater.heard(sha256)
            self.clock.now += SETTLE / 10
        for thread in threading.enumerate():
            if thread.name == "update":
                thread.join()


@pytest.fixture
def device(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Device:
    made = Device(tmp_path, Clock())
    made.path.write_bytes(OLD)
    monkeypatch.setattr(update, "time", made.clock)
    monkeypatch.setattr(update.log, "trouble", lambda action, text, **more: made.troubles.append(text))
    return made


def test_what_all_answers_agree_on_is_tried_and_then_takes_its_place(device: Device) -> None:
    updater = device.start()
    device.agree(updater, digest(GOOD))
    assert device.drained.is_set()
    assert device.path.read_bytes() == OLD  # until all is finished
    assert updater.ready is not None
    assert updater.ready.stat().st_mode & 0o777 == 0o640
    updater.ready.replace(device.path)
    assert sorted(path.name for path in device.folder.iterdir()) == ["fallow-worker.pyz", "fallow-worker.pyz.json"]


def test_gateways_of_two_versions_behind_one_address_change_nothing(device: Device) -> None:
    updater = device.start()
    for _ in range(20):
        updater.heard(digest(GOOD))
        device.clock.now += SETTLE / 2
        updater.heard(digest(OLD))
    assert (device.fetched, updater.ready) == (0, None)


def test_nobody_goes_to_and_fro(device: Device) -> None:
    """Also if each gateway is heard alone for long."""
    updater = device.start()
    device.agree(updater, digest(GOOD))
    updater.ready.replace(device.path)
    again = device.start()
    device.offer = OLD
    for _ in range(5):
        device.agree(again, digest(OLD))
    assert (device.fetched, again.ready) == (1, None)
    device.clock.now += DAY
    device.agree(again, digest(OLD))
    assert device.fetched == 2  # the platform went back, and means it


@pytest.mark.parametrize(
    ("offer", "promised", "words", "seconds"),
    [
        (b"cut off", digest(GOOD), "instead of", HOUR),
        (b"this is no Python\n", None, "It does not start here (exit code 1): SyntaxError", DAY),
        (b"import fallow_of_tomorrow\n", None, "No module named 'fallow_of_tomorrow'", DAY),
        (b"import sys\nsys.exit('Needs Python 3.20.')\n", None, "exit code 1): Needs Python 3.20.", DAY),
    ],
)
def test_what_is_broken_leaves_the_old_one_working_and_is_told_once(
    device: Device, offer: bytes, promised: str | None, words: str, seconds: float
) -> None:
    device.offer = offer
    for updater in (device.start(), device.start()):  # the next process knows it, too
        device.agree(updater, promised or digest(offer))
    assert (device.fetched, updater.ready, device.drained.is_set()) == (1, None, False)
    (told,) = device.troubles
    assert words in told
    assert device.path.read_bytes() == OLD
    assert not list(device.folder.glob("*.new")) + list(device.folder.glob("*.next.pyz"))
    device.clock.now += seconds
    device.agree(updater, promised or digest(offer))
    assert (device.fetched, len(device.troubles)) == (2, 1)


def test_what_another_agent_has_put_there_is_taken_from_there(device: Device) -> None:
    updater = device.start()
    device.path.write_bytes(GOOD)
    device.agree(updater, digest(GOOD))
    assert (device.fetched, updater.ready) == (0, device.path)


@pytest.mark.parametrize(
    ("url", "trusted"),
    [
        ("https://fallow.example", True),
        ("http://127.0.0.1:8000", True),
        ("http://localhost:8000", True),
        ("http://[::1]:8000", True),
        ("http://192.168.1.2:8000", False),
        ("http://fallow.example", False),
        ("http://localhost.example", False),
    ],
)
def test_what_can_be_changed_on_its_way_is_not_taken(url: str, trusted: bool) -> None:
    assert update.may_trust(url) is trusted


def test_that_is_told_once(device: Device) -> None:
    updater = device.start()
    for _ in range(3):
        updater.distrust(digest(GOOD))
    (told,) = device.troubles
    assert "--update on" in told


def test_a_version_that_cannot_be_put_in_its_place_leaves_the_old_one_running(
    device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    updater = device.start()
    device.agree(updater, digest(GOOD))
    updater.ready.unlink()
    ran: list[list[str]] = []
    never: Callable[..., None] = lambda path, command: ran.append(command)  # noqa: E731
    monkeypatch.setattr("os.execv", never)
    monkeypatch.setattr("subprocess.call", lambda command: 0)
    assert updater.take_over({}) == 0
    assert ran == [[sys.executable, str(device.path), "URL"]]
    assert "is not taken" in device.troubles[0]
    assert device.path.read_bytes() == OLD
