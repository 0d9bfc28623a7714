"""The agent's command line, in each of the three ways to start it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from acting_gateway import JOIN, RECIPE, Gateway

from fallow.ffmpeg.locate import find
from fallow.worker import pack

WAYS = {"fallow worker": ["-m", "fallow", "worker"], "module": ["-m", "fallow.worker"], "file": []}


@pytest.fixture(params=WAYS)
def command(request: pytest.FixtureRequest, tmp_path: Path) -> list[str]:
    if request.param != "file":
        return [sys.executable, *WAYS[request.param]]
    archive = tmp_path / pack.NAME
    archive.write_bytes(pack.build_pyz())
    return [sys.executable, "-S", "-I", str(archive)]


def told(gateway: Gateway, command: list[str], *flags: str, **variables: str) -> list[str]:
    """What an agent writes that does one task and is stopped."""
    gateway.offer(RECIPE)
    running = subprocess.Popen(
        [*command, gateway.url, "--token", JOIN, "--slots", "1", "--ffmpeg", find(), *flags],
        env={**os.environ, **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    gateway.wait("deliver")
    running.terminate()
    out, err = running.communicate(timeout=20)
    assert (running.returncode, out) == (0, "")
    return err.splitlines()


def test_its_log_is_json_when_that_is_wanted(gateway: Gateway, command: list[str]) -> None:
    lines = [json.loads(line) for line in told(gateway, command, FALLOW_LOG="json")]
    by_action = {line["action"]: line for line in lines}
    assert set(by_action) == {"agent.registered", "lease.begin", "lease.delivered", "agent.drain"}
    assert by_action["lease.begin"]["task"] == "task"
    assert by_action["lease.delivered"]["frames"] == RECIPE.frames


def test_it_is_silent_when_that_is_wanted(gateway: Gateway, command: list[str]) -> None:
    assert told(gateway, command, FALLOW_LOG="off") == []


def test_its_log_is_text_for_people(gateway: Gateway, command: list[str]) -> None:
    lines = told(gateway, command, FALLOW_LOG="")
    assert [line.split()[1:3] for line in lines][:2] == [
        ["info", "action=agent.registered"],
        ["info", "action=lease.begin"],
    ]


def test_flags_go_before_variables(gateway: Gateway, command: list[str]) -> None:
    variables = {"FALLOW_LOG": "off", "FALLOW_LOG_LEVEL": "error"}
    lines = told(gateway, command, "--log", "json", "--log-level", "debug", **variables)
    assert "ffmpeg.start" in [json.loads(line)["action"] for line in lines]


def test_levels_leave_out_what_is_less(gateway: Gateway, command: list[str]) -> None:
    assert told(gateway, command, "--log-level", "warning", FALLOW_LOG="text") == []


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("FALLOW_LOG", "loud", "'loud' is not known; choose from text, json, off"),
        ("FALLOW_LOG_LEVEL", "json", "'json' is not known; choose from debug, info, warning, error"),
        ("FALLOW_SLOTS", "0", "'0' is no number from 1 on"),
        ("FALLOW_SLOTS", "some", "'some' is no number from 1 on"),
    ],
)
def test_values_that_make_no_sense_are_told_in_a_sentence(
    command: list[str], variable: str, value: str, words: str
) -> None:
    done = subprocess.run(
        [*command, "http://127.0.0.1:1"],
        env={**os.environ, variable: value},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 2
    assert words in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr
