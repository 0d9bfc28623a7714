"""Which way a transfer takes, and when it is tried again."""

from __future__ import annotations

import threading

import pytest

from fallow.errors import TransferFailed
from fallow.worker import patience, ways
from fallow.worker.patience import Interrupted, Patience, asked_for, passing
from fallow.worker.ways import Avoided, Ways

SHORT, LONG = "http://bucket:9000/part?signature=1", "http://gateway/part"


def made(avoided: Avoided | None = None, short: str = SHORT, seconds: float = 0.0) -> Ways:
    return Ways(short, LONG, avoided or Avoided(), seconds, threading.Event())


def test_the_short_way_comes_first_and_the_long_one_is_the_last() -> None:
    taken = made()
    assert (taken.url, taken.short) == (SHORT, True)
    assert taken.turn(TransferFailed("No."))
    assert (taken.url, taken.short) == (LONG, False)
    assert not taken.turn(TransferFailed("No."))


def test_where_there_is_no_short_way_the_long_one_is_taken() -> None:
    taken = made(short="")
    assert (taken.url, taken.short) == (LONG, False)


def test_a_server_that_is_away_is_passed_by_when_patience_ends() -> None:
    taken = made()
    taken.wait(Interrupted("Away."))
    taken.patience.tried()
    taken.wait(Interrupted("Away."))
    assert taken.url == LONG
    taken.patience.tried()
    with pytest.raises(Interrupted, match="Away"):
        taken.wait(Interrupted("Away."))


def test_nothing_is_waited_for_after_the_end() -> None:
    stopped = threading.Event()
    taken = Ways(SHORT, LONG, Avoided(), 60.0, stopped)
    stopped.set()
    with pytest.raises(Interrupted):
        taken.wait(Interrupted("Away."))
    assert taken.url == SHORT


def test_others_avoid_what_could_not_be_used_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    avoided = Avoided()
    assert made(avoided).turn(TransferFailed("No."))
    assert made(avoided).url == LONG
    assert made(avoided, "http://other/part").url == "http://other/part"
    monkeypatch.setattr(ways, "AVOIDED_SECONDS", -1.0)
    assert made(avoided, "http://other/part").turn(TransferFailed("No."))
    assert made(avoided, "http://other/part").url == "http://other/part"


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
def test_what_a_server_says_for_the_moment_may_pass(status: int) -> None:
    assert passing(status)


@pytest.mark.parametrize("status", [301, 400, 401, 403, 404, 409, 411, 413, 507])
def test_what_a_server_means_does_not(status: int) -> None:
    assert not passing(status)


@pytest.mark.parametrize(
    ("said", "seconds"), [("7", 7.0), ("0", 0.0), (None, 0.0), ("soon", 0.0), ("-3", 0.0), ("9" * 9, 60.0)]
)
def test_a_server_may_say_when_to_come_again(said: str | None, seconds: float) -> None:
    assert asked_for(said) == seconds


def test_who_is_to_come_later_than_patience_lasts_gives_up_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "FIRST_PAUSE", 0.0)
    waiting = Patience(30.0, threading.Event())
    waiting.tried(1000.0)
    assert not waiting.due
    with pytest.raises(Interrupted, match="Later"):
        waiting.wait(Interrupted("Later."))
