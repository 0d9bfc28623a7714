"""`--install-service`: have a device start its agent by itself, with the options of now."""

from __future__ import annotations

import argparse
import contextlib
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from fallow.errors import BadSetting
from fallow.ffmpeg import locate
from fallow.worker import service_forms as forms
from fallow.worker.kept import SECRET, write
from fallow.worker.options import meter_of, parser, rules_of, token_of
from fallow.worker.own_file import own_file
from fallow.worker.source import GatewaySource

ARCHIVE, TOKEN, IDENTITY = "fallow-worker.pyz", "token", "identity.json"
NOT_STARTED = 1
PATIENCE = 60.0  # seconds that a system's manager of services may take
# What is said in another way, or means nothing to a service.
_OWN = ("help", "version", "token", "token_file", "identity", "ffmpeg", "parent_pipe", "trial")
_ACTIONS = ("install_service", "uninstall_service")
_PLACES = ("settings", "root")
_VARIABLES = ("FALLOW_WORKER_FOLDER", "XDG_CONFIG_HOME", "XDG_STATE_HOME")


def install(options: argparse.Namespace, environment: Mapping[str, str]) -> int:
    """In the place of what was installed before. Raises BadSetting, NoFfmpeg."""
    kind = forms.kind_of(sys.platform, environment)
    token = token_of(options)
    if not token:
        raise BadSetting("A service needs the join token; give it with --token or --token-file.")
    GatewaySource(options.url, token)
    rules_of(options), meter_of(options)
    ffmpeg = _ffmpeg(options.ffmpeg)
    folder = forms.folder_of(kind, environment)
    program = _kept(folder)
    with _written(folder):
        write(folder / TOKEN, token.encode(), SECRET)
    keep = ["--token-file", str(folder / TOKEN), "--identity", str(folder / IDENTITY)]
    command = [*program, options.url, *keep, *ffmpeg, *flags_of(options)]
    variables = {name: environment[name] for name in _VARIABLES if environment.get(name)}
    service = forms.Service(command, options.url, variables, _log(environment))
    place = forms.place_of(kind, environment)
    with _written(place):
        service.log.parent.mkdir(parents=True, exist_ok=True)  # launchd makes no folder
        write(place, forms.text_of(kind, service), forms.mode_of(kind))
    failed = _ask(forms.starting(kind, place))
    if failed:
        return _say(NOT_STARTED, f"The service is written to {place}, but it was not started: {failed}")
    return _say(0, f"The service is written to {place}.", *forms.told(kind, place))


def uninstall(environment: Mapping[str, str]) -> int:
    """Stops it, too, and forgets the token. What is not there is no trouble."""
    kind = forms.kind_of(sys.platform, environment)
    place = forms.place_of(kind, environment)
    if place.exists():
        _ask(forms.stopping(kind, place))
    place.unlink(missing_ok=True)
    _ask(forms.forgetting(kind))
    folder = forms.folder_of(kind, environment)
    for name in (ARCHIVE, f"{ARCHIVE}.json", TOKEN, IDENTITY):
        (folder / name).unlink(missing_ok=True)
    with contextlib.suppress(OSError):
        folder.rmdir()
    return _say(0, *forms.gone(kind))


def flags_of(options: argparse.Namespace) -> list[str]:
    """What flags and variables say now, as flags; what is as it is without them is left out."""
    plain, made = parser({}), []
    for action in plain._actions:
        value = getattr(options, action.dest, None)
        if action.nargs == 0:  # a short way to say what another flag does
            continue
        if not action.option_strings or action.dest in (*_OWN, *_ACTIONS) or value in (None, "", False):
            continue
        if str(value) != str(_plain(action)):
            shown = f"{value:g}" if isinstance(value, float) else str(value)
            made += [action.option_strings[0], str(Path(shown).absolute()) if action.dest in _PLACES else shown]
    return made


def _plain(action: argparse.Action) -> object:
    """The default, as it would be read."""
    default = action.default
    return action.type(default) if isinstance(default, str) and callable(action.type) else default


def _ffmpeg(named: str) -> list[str]:
    """By its full name, as services search other places; that of a package of this Python is found again."""
    found = locate.examine(locate.find(named)).path
    return [] if found == locate.packaged() and not named else ["--ffmpeg", str(Path(found).absolute())]


def _kept(folder: Path) -> list[str]:
    """How to run the agent: from a copy that nobody tidies away, or from the installed package."""
    file = own_file()
    if file is None:
        return [sys.executable, "-m", "fallow.worker"]
    with _written(folder):
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o700)
        if file.path != (folder / ARCHIVE).resolve():
            write(folder / ARCHIVE, file.path.read_bytes())
    return [*file.python, str(folder / ARCHIVE)]


def _log(environment: Mapping[str, str]) -> Path:
    home = environment.get("XDG_STATE_HOME") or Path(environment.get("HOME") or Path.home()) / ".local" / "state"
    return Path(home) / "fallow-worker" / "log"


def _ask(steps: Sequence[forms.Step]) -> str:
    """What went wrong with the first that failed, and what to do; "" when all is well."""
    for number, step in enumerate(steps):
        failure = _failure(step.command)
        if failure and step.needed:
            rest = " && ".join(" ".join(one.command) for one in steps[number:])
            return f"{failure}. Run this where you are logged in: {rest}"
    return ""


def _failure(command: Sequence[str]) -> str:
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=PATIENCE, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    said = done.stderr.decode(errors="replace").strip().rstrip(".")
    return (said or f"It ended with exit code {done.returncode}") if done.returncode else ""


@contextlib.contextmanager
def _written(place: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise BadSetting(f"{place} cannot be written ({error}); see whose it is, or free some space.") from error


def _say(code: int, *sentences: str) -> int:
    sys.stdout.write("\n".join(sentences) + "\n")
    return code
