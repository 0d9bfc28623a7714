"""What is told of what happens: in lines, and to listeners."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import os
import socket

import pytest

from fallow import log
from fallow.errors import BadSetting


@pytest.fixture
def lines():
    stream, logger = io.StringIO(), logging.getLogger("fallow")
    kept = (logger.handlers[:], logger.level, logger.propagate)
    yield stream
    logger.handlers[:], logger.propagate = kept[0], kept[2]
    logger.setLevel(kept[1])


@pytest.fixture
def heard():
    """What a listener is told."""
    found = []
    stop = log.listen(lambda action, level, facts: found.append((action, level, dict(facts))))
    yield found
    stop()


def read(lines):
    return [json.loads(line) for line in lines.getvalue().splitlines()]


def test_log_lines_for_people(lines):
    log.set_up("text", lines)
    log.event("part.accepted", "The part is accepted.", job="j", task="t")
    assert lines.getvalue()[9:] == "info    The part is accepted. action=part.accepted job=j task=t\n"


def test_log_lines_for_machines(lines):
    log.set_up("json", lines, service="gateway")
    log.trouble("thing.failed", "It broke.", job="j", frames=3, host="of something else")
    (line,) = read(lines)
    assert line.pop("time") > 0
    process = {"service": "gateway", "host": socket.gethostname(), "pid": os.getpid()}
    expected = {"level": "warning", "message": "It broke.", "action": "thing.failed", "job": "j", "frames": 3}
    assert line == expected | process


def test_no_log_lines_at_all(lines, capsys):
    log.set_up("off", lines)
    log.trouble("thing.failed", "It broke.")
    assert lines.getvalue() + capsys.readouterr().err == ""
    with pytest.raises(BadSetting):
        log.set_up("loud")


async def test_what_is_said_of_a_task_has_its_ids_however_deep_it_is_said(lines):
    log.set_up("json", lines)

    def deep():
        log.event("in.a.thread")

    async def other():
        with log.about(job="other"):
            await asyncio.sleep(0.01)
            log.event("in.another.task")

    with log.about(job="j"):
        with log.about(task="t", lease="l"):
            await asyncio.gather(asyncio.to_thread(deep), other())
            log.event("said", lease="of another")
        log.event("of.the.job")
    log.event("of.none")
    found = {line["action"]: {key: line.get(key) for key in ("job", "task", "lease")} for line in read(lines)}
    assert found == {
        "in.a.thread": {"job": "j", "task": "t", "lease": "l"},
        "in.another.task": {"job": "other", "task": "t", "lease": "l"},
        "said": {"job": "j", "task": "t", "lease": "of another"},
        "of.the.job": {"job": "j", "task": None, "lease": None},
        "of.none": {"job": None, "task": None, "lease": None},
    }


def test_listeners_hear_what_is_written_and_what_is_not(lines, heard):
    log.set_up("json", lines, level="warning")
    with log.about(job="j"):
        log.event("too.small", bytes=3)
        log.trouble("large")
    log.measure("too.often", seconds=1.0)
    assert heard == [
        ("too.small", logging.INFO, {"job": "j", "bytes": 3}),
        ("large", logging.WARNING, {"job": "j"}),
        ("too.often", 0, {"seconds": 1.0}),
    ]
    assert [line["action"] for line in read(lines)] == ["large"]


def test_a_listener_that_fails_disturbs_nobody(lines, heard):
    def broken(_action, _level, _facts):
        raise ValueError("broken")

    log.set_up("json", lines)
    stop = log.listen(broken)
    log.event("said")
    stop()
    log.event("said.again")
    assert [line["action"] for line in read(lines)] == ["log.listener_failed", "said", "said.again"]
    assert [action for action, _, _ in heard] == ["said", "said.again"]
