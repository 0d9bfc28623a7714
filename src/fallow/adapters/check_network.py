"""How back ends are looked at: every question has its time, and a host that swallows packets holds up nothing."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

from fallow.findings import BAD, GOOD, WARNING, Finding

STEP_SECONDS = 4.0  # for one question
_SKEW = 1.5  # seconds between two clocks that are worth a warning; some servers tell whole seconds only

R = TypeVar("R")


class Trouble(Exception):
    """What is wrong, and what to do."""

    def __init__(self, detail: str, remedy: str) -> None:
        super().__init__(detail)
        self.detail, self.remedy = detail, remedy


async def beside(question: Callable[[], R], seconds: float = STEP_SECONDS) -> R:
    """Ask in a thread that nobody waits for when it takes too long, not even the end of this process."""
    loop = asyncio.get_running_loop()
    answered: asyncio.Future[R] = loop.create_future()

    def settle(use: Callable[[Any], None], outcome: Any) -> None:
        if not answered.done():
            use(outcome)

    def ask() -> None:
        try:
            use, outcome = answered.set_result, question()
        except BaseException as error:
            use, outcome = answered.set_exception, error  # type: ignore[assignment]
        with contextlib.suppress(RuntimeError):  # nobody is there any more
            loop.call_soon_threadsafe(settle, use, outcome)

    threading.Thread(target=ask, daemon=True).start()
    return await asyncio.wait_for(answered, seconds)


async def reach(host: str, port: int) -> None:
    """See that somebody listens. Raises Trouble."""
    try:
        await beside(lambda: socket.create_connection((host, port), STEP_SECONDS).close())
    except TimeoutError:
        raise Trouble(
            "nothing answers at all", "See that the address is right, and that no firewall is between."
        ) from None
    except socket.gaierror:
        raise Trouble(f"no machine is called {host}", "Correct the name, or the name service.") from None
    except ConnectionRefusedError:
        raise Trouble("nobody listens there", "Start the server, or correct host and port.") from None
    except OSError as error:
        raise Trouble(f"it cannot be reached ({error.strerror or error})", "See to the network.") from None


@dataclass(frozen=True)
class Look:
    """What was seen at one place."""

    place: str
    state: str
    detail: str
    remedy: str = ""


def place(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def merged(name: str, looks: Iterable[Look]) -> list[Finding]:
    """One finding for all places at which the same was seen."""
    places: dict[tuple[str, str, str], list[str]] = {}
    for look in looks:
        places.setdefault((look.state, look.detail, look.remedy), []).append(look.place)
    return [
        Finding(name, state, f"{', '.join(where)}: {detail}", remedy)
        for (state, detail, remedy), where in places.items()
    ]


def unusable(where: str, trouble: Trouble, others: int) -> Look:
    """A place that is of no use now: bad, unless there are others."""
    return Look(where, WARNING if others else BAD, trouble.detail, trouble.remedy)


def clocks(name: str, ahead: float, most: float) -> Finding:
    """What it means that a server's clock is so many seconds ahead of ours, of which `most` are borne."""
    told = f"{abs(ahead):.1f} s {'ahead of' if ahead > 0 else 'behind'} this machine's"
    remedy = "Let all machines get their time from one source (chrony, systemd-timesyncd): leases end by it."
    if abs(ahead) < _SKEW:
        return Finding(name, GOOD, f"the server's clock agrees with this machine's within {_SKEW:g} s")
    return Finding(name, BAD if abs(ahead) >= most else WARNING, f"the server's clock is {told}", remedy)
