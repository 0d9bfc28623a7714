"""`python -m fallow.worker URL --token T`, and the same from fallow-worker.pyz."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Sequence
from types import FrameType

from fallow import __version__, log
from fallow.errors import BadSetting, FallowError, Forbidden, NotAllowed
from fallow.ffmpeg.locate import examine, find
from fallow.messages import Registration
from fallow.worker.agent import Agent
from fallow.worker.machine import cores, describe, hostname, most
from fallow.worker.means import Means
from fallow.worker.source import GatewaySource
from fallow.worker.stopping import SENT_HOME

FAILED, USAGE, INTERRUPTED = 1, 2, 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Work until told to stop. 0: drained, 130: aborted, 3: sent home, 1 or 2: no work can begin."""
    options = parser().parse_args(arguments)
    log.set_up(options.log, level=options.log_level, service="worker")
    try:
        return _work(options)
    except FallowError as error:
        sys.stderr.write(f"fallow worker: {error}\n")
        if isinstance(error, NotAllowed):
            return SENT_HOME
        return USAGE if isinstance(error, (BadSetting, Forbidden)) else FAILED


def parser() -> argparse.ArgumentParser:
    """Every flag has an environment twin; one that is empty is as good as none."""

    def set_to(name: str, default: str | None = None) -> str | None:
        return os.environ.get(name) or default

    made = argparse.ArgumentParser(
        prog="fallow worker",
        description="Lend this machine's processors to a Fallow platform.",
    )
    made.add_argument("url", help="of the gateway, for example https://fallow.example")
    made.add_argument(
        "--token",
        default=set_to("FALLOW_TOKEN", ""),
        help="the join token that the platform's owner gave you (FALLOW_TOKEN)",
    )
    made.add_argument(
        "--slots",
        type=_positive,
        default=set_to("FALLOW_SLOTS"),
        help="how many tasks to do at the same time; default: one per processor (FALLOW_SLOTS)",
    )
    made.add_argument(
        "--threads",
        type=_positive,
        default=set_to("FALLOW_THREADS"),
        help="threads of each FFmpeg; default: the processors divided among the slots (FALLOW_THREADS)",
    )
    made.add_argument("--name", default=set_to("FALLOW_NAME", ""), help="how to call this worker (FALLOW_NAME)")
    made.add_argument("--ffmpeg", default=set_to("FALLOW_FFMPEG", ""), help="the FFmpeg to use (FALLOW_FFMPEG)")
    made.add_argument(
        "--nice",
        type=int,
        default=set_to("FALLOW_NICE", "0"),
        help="how much FFmpeg gives way to other programs, 0 to 19 (FALLOW_NICE)",
    )
    made.add_argument(
        "--log",
        type=_one_of(log.FORMATS),
        default=set_to("FALLOW_LOG", "text"),
        metavar="FORM",
        help="log lines: text, json or off (FALLOW_LOG)",
    )
    made.add_argument(
        "--log-level",
        type=_one_of(log.LEVELS),
        default=set_to("FALLOW_LOG_LEVEL", "info"),
        metavar="LEVEL",
        help="what to tell: debug, info, warning or error (FALLOW_LOG_LEVEL)",
    )
    made.add_argument("--parent-pipe", action="store_true", help="stop at once when stdin ends")
    made.add_argument("--version", action="version", version=f"fallow {__version__}")
    return made


def _one_of(known: Iterable[str]) -> Callable[[str], str]:
    """A type, as argparse checks the environment's values by type but not by `choices`."""

    def checked(text: str) -> str:
        if text not in known:
            raise argparse.ArgumentTypeError(f"{text!r} is not known; choose from {', '.join(known)}")
        return text

    return checked


def _positive(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 1 on")
    return int(text)


def _work(options: argparse.Namespace) -> int:
    build = examine(find(options.ffmpeg))
    slots = options.slots or cores()
    means = Means(
        binary=build.path,
        encoder=build.version,
        slots=slots,
        threads=options.threads or max(1, cores() // slots),
        cores=cores(),
        niceness=options.nice,
        most=most(slots),
    )
    registration = Registration(options.name or hostname(), describe(build, slots))
    agent = Agent(GatewaySource(options.url, options.token), registration, means)
    aborted = threading.Event()
    _listen(agent, aborted, options.parent_pipe)
    agent.run()
    return INTERRUPTED if aborted.is_set() else 0


def _listen(agent: Agent, aborted: threading.Event, parent_pipe: bool) -> None:
    """The first signal drains, the second aborts; so does the end of stdin when a parent holds it."""

    def abort() -> None:
        aborted.set()
        agent.abort()

    def on_signal(number: int, frame: FrameType | None) -> None:
        if agent.draining:
            # Not in the handler: the main thread may be holding the lock that stopping needs.
            threading.Thread(target=abort, name="abort", daemon=True).start()
        else:
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
