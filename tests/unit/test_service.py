"""`--install-service`: what each system is told, that it starts the agent, and that nobody else reads the token."""

from __future__ import annotations

import contextlib
import os
import plistlib
import shlex
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from acting_gateway import JOIN, Gateway

from fallow.errors import BadSetting
from fallow.ffmpeg.locate import find
from fallow.worker import pack, service
from fallow.worker import service_forms as forms
from fallow.worker.__main__ import main
from fallow.worker.options import parser
from fallow.worker.service_forms import Kind, Service, kind_of, text_of

ODD = Service(
    [
        "/opt/my py/python3",
        "/home/ann/fallow-worker.pyz",
        "https://fallow.example",
        "--name",
        'Ann\'s "50 %" $HOME\\',
    ],
    "https://fallow.example",
    {"FALLOW_WORKER_FOLDER": "/home/ann/my state"},
    Path("/home/ann/my log"),
)


def program(folder: Path, name: str, body: str) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return path


class Home:
    """Of somebody with a system whose managers of services are played by scripts that note what they are told."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.bin, self.said = folder / "home dir", folder / "bin", folder / "said"
        self.folder.mkdir()
        for name in ("systemctl", "launchctl"):
            program(self.bin, name, f'echo {name} "$@" >>{self.said}')
        self.archive = folder / pack.NAME
        self.archive.write_bytes(pack.build_pyz())
        self.data = self.folder / ".local/share/fallow-worker"
        self.unit = self.folder / ".config/systemd/user/fallow-worker.service"

    def run(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        hidden = ("XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_DATA_HOME")
        environment = {key: value for key, value in os.environ.items() if key not in hidden}
        environment |= {"HOME": str(self.folder), "PATH": f"{self.bin}:{os.environ['PATH']}", **variables}
        command = [sys.executable, "-S", "-I", str(self.archive), *arguments]
        return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=60, check=False)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


def test_a_unit_of_systemd_starts_the_agent_again_after_every_boot(home: Home, gateway: Gateway) -> None:
    options = ["--name", "Ann's 100 % PC", "--ffmpeg", find(), "--install-service"]
    first = home.run("http://elsewhere.example", "--token", "an old one", *options)
    assert (first.returncode, first.stderr) == (0, "")
    assert "loginctl enable-linger" in first.stdout
    again = home.run(gateway.url, *options, FALLOW_TOKEN=JOIN, FALLOW_SLOTS="1", FALLOW_LOG="json")
    assert (again.returncode, again.stderr) == (0, "")
    assert home.said.read_text().splitlines()[-3:] == [
        "systemctl --user daemon-reload",
        "systemctl --user enable fallow-worker.service",
        "systemctl --user restart fallow-worker.service",
    ]
    unit = home.unit.read_text()
    assert JOIN not in unit
    assert "elsewhere" not in unit
    assert "RestartPreventExitStatus=2 3" in unit
    for name in ("token", "identity.json"):
        (start,) = [line for line in unit.splitlines() if line.startswith("ExecStart=")]
        command = shlex.split(start.removeprefix("ExecStart=").replace("%%", "%").replace("$$", "$"))
        assert command[command.index("--slots") + 1] == "1"
        home.archive.unlink(missing_ok=True)  # what was downloaded is not needed any more
        running = subprocess.Popen(command, stderr=subprocess.PIPE, env={**os.environ, "FALLOW_TOKEN": ""})
        gateway.wait("register", 1 if name == "token" else 2)
        gateway.wait("lease", 1 if name == "token" else 2)
        running.terminate()
        assert running.wait(20) == 0, running.stderr.read()
        assert (home.data / name).stat().st_mode & 0o777 == 0o600
        # Known by now: it comes back without the token that it has joined with.
        (home.data / "token").write_text("expired")
    assert gateway.seen("register")[0]["name"] == "Ann's 100 % PC"


def test_what_was_installed_is_gone_when_it_is_removed(home: Home) -> None:
    home.run("https://fallow.example", "--token", "secret", "--ffmpeg", find(), "--install-service")
    assert home.unit.exists()
    for _ in range(2):
        done = home.run("--uninstall-service")
        assert (done.returncode, done.stderr) == (0, "")
    assert (home.unit.exists(), home.data.exists()) == (False, False)
    assert "systemctl --user disable --now fallow-worker.service" in home.said.read_text()


def test_what_systemd_does_not_do_is_told(home: Home) -> None:
    program(home.bin, "systemctl", 'echo "Failed to connect to bus: No medium found" >&2; exit 1')
    done = home.run("https://fallow.example", "--token", "secret", "--ffmpeg", find(), "--install-service")
    assert done.returncode == 1
    assert "No medium found. Run this where you are logged in: systemctl --user daemon-reload && " in done.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["https://fallow.example"], "A service needs the join token"),
        (["ftp://fallow.example", "--token", "T"], "is no http or https URL"),
        (["https://fallow.example", "--token", "T", "--ffmpeg", "/no/such"], "There is no program /no/such"),
        (["https://fallow.example", "--token", "T", "--idle-watts", "few"], "it takes a number of watts"),
        (["https://fallow.example", "--token-file", "/no/such"], "cannot be read from /no/such"),
        ([], "required: url"),
    ],
)
def test_nothing_is_installed_that_could_not_work(
    arguments: list[str],
    words: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    program(tmp_path, "systemctl", "true")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PATH", str(tmp_path))
    for name in ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME"):
        monkeypatch.delenv(name, raising=False)
    with contextlib.suppress(SystemExit):
        assert main([*arguments, "--install-service"]) in (1, 2)
    assert words in capsys.readouterr().err
    assert not (tmp_path / "home").exists()


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="There is no systemd-analyze on this machine.")
def test_systemd_understands_the_unit(tmp_path: Path) -> None:
    python = program(tmp_path / "my py", "python3", "true")
    unit = tmp_path / "fallow-worker.service"
    unit.write_bytes(text_of(Kind.SYSTEMD, replace(ODD, command=[str(python), *ODD.command[1:]])))
    done = subprocess.run(
        ["systemd-analyze", "--user", "verify", str(unit)],
        capture_output=True,
        text=True,
        env={**os.environ, "XDG_RUNTIME_DIR": str(tmp_path)},
        timeout=60,
        check=False,
    )
    assert (done.returncode, [line for line in done.stderr.splitlines() if unit.name in line]) == (0, [])


def test_launchd_gets_what_it_was_told(tmp_path: Path) -> None:
    told = plistlib.loads(text_of(Kind.LAUNCHD, ODD))
    assert told["ProgramArguments"] == ODD.command
    assert told["KeepAlive"] == {"SuccessfulExit": False}
    assert told["EnvironmentVariables"]["FALLOW_WORKER_FOLDER"] == "/home/ann/my state"
    command = [step.command for step in forms.starting(Kind.LAUNCHD, Path("/x.plist"))]
    domain = f"gui/{os.getuid()}"
    assert command == [
        ("launchctl", "bootout", f"{domain}/fallow-worker"),
        ("launchctl", "bootstrap", domain, "/x.plist"),
    ]


def test_an_agent_that_is_not_to_come_again_ends_well_for_launchd(monkeypatch: pytest.MonkeyPatch) -> None:
    """Which starts again whatever ends badly."""
    flags = ["ftp://nowhere", "--ffmpeg", find()]
    assert main(flags) == 2
    variables = plistlib.loads(text_of(Kind.LAUNCHD, ODD))["EnvironmentVariables"]
    monkeypatch.setenv("FALLOW_FINAL_EXIT", variables["FALLOW_FINAL_EXIT"])
    assert main(flags) == 0
    assert main(["http://127.0.0.1:1", "--ffmpeg", "/no/such"]) == 1  # which may be there later


def test_a_phone_begins_anew_until_it_is_sent_home(tmp_path: Path) -> None:
    notes = tmp_path / "notes"
    for name in ("termux-wake-lock", "termux-wake-unlock", "sleep"):
        program(tmp_path / "bin", name, f'echo {name} "$@" >>{notes}')
    python = program(
        tmp_path / "my bin",
        "python",
        f'echo python "$@" "$FALLOW_WORKER_FOLDER" >>{notes}; [ $(grep -c py {notes}) -lt 3 ] && exit 1; exit 3',
    )
    command = [str(python), *ODD.command[1:]]
    script = tmp_path / "boot"
    script.write_bytes(text_of(Kind.TERMUX, replace(ODD, command=command, log=tmp_path / "log")))
    path = f"{tmp_path / 'bin'}:{os.environ['PATH']}"
    done = subprocess.run(["sh", script], env={**os.environ, "PATH": path}, timeout=30, check=False)
    assert done.returncode == 0
    began = f"python {' '.join(ODD.command[1:])} /home/ann/my state"
    lines = notes.read_text().splitlines()
    assert lines == ["termux-wake-lock", began, "sleep 30", began, "sleep 30", began, "termux-wake-unlock"]


def test_windows_gets_a_script_and_its_owner_a_line_to_type() -> None:
    lines = text_of(Kind.WINDOWS, ODD).decode().split("\r\n")
    (command,) = [line for line in lines if "worker.pyz" in line]
    assert command.startswith('"/opt/my py/python3" ')
    assert '"Ann\'s \\"50 %%\\" $HOME\\\\"' in command
    assert "if %errorlevel%==3 exit /b" in lines
    place = forms.place_of(Kind.WINDOWS, {"LOCALAPPDATA": "/local"})
    assert f'/TR "\\"{place}\\""' in "\n".join(forms.told(Kind.WINDOWS, place))


def test_the_kind_of_system_is_found(tmp_path: Path) -> None:
    assert kind_of("linux", {"TERMUX_VERSION": "0.118", "PATH": str(tmp_path)}) is Kind.TERMUX
    assert kind_of("darwin", {}) is Kind.LAUNCHD
    assert kind_of("win32", {}) is Kind.WINDOWS
    with pytest.raises(BadSetting, match="neither systemd nor launchd nor Termux"):
        kind_of("linux", {"PATH": str(tmp_path)})
    program(tmp_path, "systemctl", "true")
    assert kind_of("linux", {"PATH": str(tmp_path)}) is Kind.SYSTEMD


def test_a_line_break_cannot_become_a_line_of_a_unit() -> None:
    for kind in (Kind.SYSTEMD, Kind.LAUNCHD, Kind.TERMUX):
        with pytest.raises(BadSetting, match="line break"):
            text_of(kind, Service(["a", "b\nExecStartPre=evil"], "https://x", {}, ODD.log))


def test_only_what_differs_is_said_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FALLOW_NICE", "5")
    monkeypatch.setenv("FALLOW_GATE_MIN_CHARGE", "80")
    given = [
        "URL",
        "--token",
        "T",
        "--slots",
        "2",
        "--settings",
        "mine.toml",
        "--update-after",
        "60",
        "--no-calibration",
    ]
    options = parser().parse_args([*given, "--gate", "auto", "--install-service"])
    assert sorted(zip(*[iter(service.flags_of(options))] * 2, strict=True)) == [
        ("--calibration", "off"),
        ("--gate", "off") if options.gate == "off" else ("--min-charge", "80"),
        ("--nice", "5"),
        ("--settings", str(tmp_path / "mine.toml")),
        ("--slots", "2"),
        ("--update-after", "60"),
    ]
