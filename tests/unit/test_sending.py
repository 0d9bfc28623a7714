"""How far an upload is, as people see it."""

import io

from fallow.commands import sending


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_line_says_how_much_how_fast_and_how_long():
    assert sending.line("talk.mov", 1_200_000, 10_000_000, 400_000.0) == (
        "talk.mov  12 %  1.2 of 10.0 MB  0.4 MB/s  ETA 0:22"
    )
    assert sending.line("talk.mov", 0, 0, 0.0) == "talk.mov  100 %  0.0 of 0.0 MB  0.0 MB/s"


def test_trouble_is_told_once_until_it_is_another_or_long_after(monkeypatch):
    now, out = [1000.0], io.StringIO()
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    meter = sending.Meter("talk.mov", out)
    for sentence in ("It is away.", "It is away.", "It is full."):
        meter.lost(sentence)
    now[0] += 60
    meter.lost("It is full.")
    told = [line.partition(".")[0] for line in out.getvalue().splitlines()]
    assert told == ["It is away", "It is full", "It is full"]


def test_a_terminal_has_one_line_that_goes_at_the_end(monkeypatch):
    now, out = [1000.0], Terminal()
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    meter = sending.Meter("talk.mov", out)
    for done in range(5):
        meter.watch.sent(done * 100, 500)
        now[0] += 0.1
    meter.watch.ended()
    assert out.getvalue().count("%") == 2
    assert out.getvalue().endswith("\r\x1b[K")
    assert "\n" not in out.getvalue()


def test_where_no_terminal_is_lines_come_now_and_then(monkeypatch):
    now, out = [1000.0], io.StringIO()
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    meter = sending.Meter("talk.mov", out)
    for done in range(12):
        meter.sent(done * 100, 1200)
        now[0] += 1.0
    meter.ended()
    assert len(out.getvalue().splitlines()) == 2
