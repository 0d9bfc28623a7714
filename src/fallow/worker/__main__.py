"""`python -m fallow.worker URL --token T`, and the same from fallow-worker.pyz."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import FrameType

from fallow import __version__, log
from fallow.device import meters
from fallow.device.load import Portion, Ticks
from fallow.errors import BadSetting, FallowError, Forbidden, NotAllowed
from fallow.ffmpeg.locate import Build, examine, find
from fallow.ffmpeg.process import POSIX
from fallow.messages import CALIBRATED, Registration
from fallow.worker import service, status, update
from fallow.worker.agent import Agent
from fallow.worker.calibration import Calibration
from fallow.worker.energy import Energy
from fallow.worker.gate import Gate
from fallow.worker.kept import Identity
from fallow.worker.machine import cores, describe, hostname, memory, most, slots_for
from fallow.worker.means import Means
from fallow.worker.options import OFF, meter_of, parser, rules_of, token_of
from fallow.worker.own_file import own_file
from fallow.worker.pause import Pause
from fallow.worker.rules import Rules
from fallow.worker.senses import Senses
from fallow.worker.sentry import Sentry
from fallow.worker.source import GatewaySource
from fallow.worker.status import StateFile, folder_of
from fallow.worker.stopping import FINAL_EXIT, NOT_AGAIN, SENT_HOME
from fallow.worker.traffic import Traffic
from fallow.worker.update import Updater

FAILED, USAGE, INTERRUPTED = 1, 2, 130
RETURNING = "FALLOW_RETURNING"  # with the token of the worker that this process was before it was updated


def main(arguments: Sequence[str] | None = None) -> int:
    """Work until told to stop. 0: drained, 130: aborted, 3: sent home, 1 or 2: no work can begin."""
    code = _main(sys.argv[1:] if arguments is None else arguments)
    return int(os.environ.get(FINAL_EXIT) or code) if code in NOT_AGAIN else code


def _main(given: Sequence[str]) -> int:
    if list(given[:1]) == ["status"]:
        return status.main(given[1:])
    options = parser().parse_args(given)
    if not (options.url or options.uninstall_service):
        parser().error("the following arguments are required: url")
    log.set_up(options.log, level=options.log_level, service="worker")
    try:
        return _done(options)
    except FallowError as error:
        sys.stderr.write(f"fallow worker: {error}\n")
        if isinstance(error, NotAllowed):
            return SENT_HOME
        return USAGE if isinstance(error, (BadSetting, Forbidden)) else FAILED


def _done(options: argparse.Namespace) -> int:
    if options.uninstall_service:
        return service.uninstall(os.environ)
    if options.install_service:
        return service.install(options, os.environ)
    return _work(options)


def _work(options: argparse.Namespace) -> int:
    rules = rules_of(options)
    build = examine(find(options.ffmpeg))
    ffmpegs: set[int] = set()
    ticks = Ticks(Path(options.root), lambda: (os.getpid(), *tuple(ffmpegs)))
    means = _means(options, rules, build)
    means = dataclasses.replace(means, ffmpegs=ffmpegs, energy=_energy(options, rules, ticks))
    identity = Identity(options.url, _path(options.identity), os.environ.pop(RETURNING, ""))
    source = GatewaySource(options.url, token_of(options), identity)
    if options.trial:
        sys.stdout.write(f"fallow {__version__}\n")
        return 0
    machine = describe(build, means.slots)
    if means.calibration and (known := means.calibration.known):
        machine[CALIBRATED] = known
    registration = Registration(options.name or hostname(), machine)
    agent = Agent(source, registration, means)
    updater = _updater(options, source, agent, means.pause)
    ends = _Ends()
    _listen(agent, ends, options.parent_pipe)
    with _guarded(options, rules, agent, means, Senses(rules, Path(options.root), os.environ, ticks)):
        agent.run()
    if ends.aborted.is_set():
        return INTERRUPTED
    return _again(updater, source, ends) if updater and updater.ready else 0


def _path(named: str) -> Path | None:
    return Path(named) if named else None


def _updater(options: argparse.Namespace, source: GatewaySource, agent: Agent, pause: Pause) -> Updater | None:
    """For who runs from a file that it may replace: a platform's own agents, and packages, are of its version."""
    file = own_file()
    if file is None or options.parent_pipe or options.update == update.OFF or not file.writable:
        return None
    made = Updater(file, options.update_after, source.archive, agent.drain)
    trusted = options.update == update.ON or update.may_trust(options.url)
    source.agent_sha256 = file.sha256
    told = made.heard if trusted else made.distrust
    # While the device is to be left alone, nothing is downloaded either.
    source.heard = lambda sha256: None if pause.reason else told(sha256)
    return made


def _again(updater: Updater, source: GatewaySource, ends: _Ends) -> int:
    """As another version, and the same worker; unless somebody wants it to end."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)
    return 0 if ends.asked.is_set() else updater.take_over({RETURNING: source.token})


def _means(options: argparse.Namespace, rules: Rules, build: Build) -> Means:
    """Within the bounds that the device's owner has set."""
    usable = min(cores(), rules.cores or cores())
    room = min(memory(), rules.memory_mb << 20) if rules.memory_mb else memory()
    # A phone ends programs that have many processes: there, and in little memory, one FFmpeg has all threads.
    fitting = slots_for(usable, room) if rules.memory_mb else usable
    slots = options.slots or (1 if rules.unknown_is_no else fitting)
    threads = options.threads or max(1, usable // slots)
    return Means(
        binary=build.path,
        encoder=build.name,
        slots=slots,
        threads=threads,
        cores=usable,
        niceness=options.nice,
        most=most(slots, room),
        calibration=_calibration(options, build, threads),
        traffic=Traffic(folder_of(os.environ) / "traffic.json" if rules.monthly_gb else None),
    )


def _calibration(options: argparse.Namespace, build: Build, threads: int) -> Calibration | None:
    if options.calibration == OFF:
        return None
    path = folder_of(os.environ) / "speeds.json"
    return Calibration(build.path, build.version, threads, options.nice, build.encoders, path)


def _energy(options: argparse.Namespace, rules: Rules, ticks: Ticks) -> Energy:
    """By what is named, or by what there is. A battery tells nothing of who works only while it charges."""
    named, declared = meter_of(options)
    meter = meters.found(named, Path(options.root), os.environ)
    if isinstance(meter, meters.Battery) and rules.charging:
        meter = None
    return Energy(meter, declared, Portion(ticks))


@contextlib.contextmanager
def _guarded(
    options: argparse.Namespace, rules: Rules, agent: Agent, means: Means, senses: Senses
) -> Iterator[None]:
    """With a sentry at the gate, if there is a gate; people on this device are told what it does, but for agents
    that a platform runs as a part of itself."""
    state = StateFile(folder_of(os.environ), options.name or hostname(), options.url, means.pause)
    told = state.write if not options.parent_pipe else lambda: None
    senses.month_bytes = means.traffic.month_bytes
    # What cannot stand still goes to others at once.
    sentry = Sentry(agent, Gate(rules), senses, rules.grace_seconds if POSIX else 0.0, told)
    if not options.parent_pipe:
        state.begin()
    try:
        means.energy.start()
        if not rules.always:
            sentry.start()
        yield
    finally:
        sentry.stop()
        means.energy.stop()
        state.remove()


class _Ends:
    """What somebody wants of a process."""

    def __init__(self) -> None:
        self.asked = threading.Event()
        self.aborted = threading.Event()


def _listen(agent: Agent, ends: _Ends, parent_pipe: bool) -> None:
    """The first signal drains, the second aborts; so does the end of stdin when a parent holds it."""

    def abort() -> None:
        ends.aborted.set()
        agent.abort()

    def on_signal(number: int, frame: FrameType | None) -> None:
        if ends.asked.is_set():
            # Not in the handler: the main thread may be holding the lock that stopping needs.
            threading.Thread(target=abort, name="abort", daemon=True).start()
        else:
            ends.asked.set()
            log.event("agent.drain", signal=number)
            agent.drain()

    signal.signal(signal.SIGTERM, on_signal)
    signal.signal(signal.SIGINT, on_signal)
    if parent_pipe:
        threading.Thread(target=_until_parent_ends, args=(abort,), name="parent", daemon=True).start()


def _until_parent_ends(abort: Callable[[], None]) -> None:
    while os.read(sys.stdin.fileno(), 4096):
        pass
    log.event("agent.orphaned")
    abort()


if __name__ == "__main__":
    sys.exit(main())
