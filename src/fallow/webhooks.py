"""Webhooks: whom a platform tells when a job has ended, and what the ledger keeps of that."""

from __future__ import annotations

import enum
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any, Protocol

from fallow.model import JobState

EVENTS = {f"job.{state.value}": state for state in JobState if state.ended}
"""What may be told."""


@dataclass(frozen=True)
class Webhook:
    """A URL that is called when a job of its owner's has ended."""

    id: str
    owner: str  # "": who runs the platform, for whom it is told of everybody's jobs
    url: str
    secret: str = field(repr=False)  # its calls are signed with it
    events: tuple[str, ...]
    created: float
    failing: float | None = None  # since when no call has gone well; None: the last one has
    stopped: str = ""  # why it is not called any more


class CallState(enum.Enum):
    """What has become of a call."""

    WAITING = "waiting"  # for its first or its next try
    DELIVERED = "delivered"
    GIVEN_UP = "given-up"


@dataclass(frozen=True)
class Call:
    """What one webhook is told of one end of one job."""

    id: str
    webhook: str
    job: str
    event: str
    told: dict[str, Any]  # what the job was like when it ended
    state: CallState
    created: float
    attempt: int = 0  # how often it was tried
    due: float = 0.0  # when it is tried next
    ended: float | None = None
    status: int | None = None  # of the last answer
    error: str = ""  # of the last try


@dataclass(frozen=True)
class Outcome:
    """What came of one try of a call."""

    status: int | None = None  # of the answer; None: there was none
    error: str = ""  # "": it went well
    again: float | None = None  # when it is tried once more; None: it is not
    stop: str = ""  # why its webhook is not called any more


class Webhooks(Protocol):
    """The part of the ledger that is about webhooks. Calls are written by what ends their job, or not at all."""

    async def add_webhook(self, webhook: Webhook, most: int) -> bool:
        """False when its owner has so many already."""
        ...

    async def webhook(self, webhook: str) -> Webhook:
        """Raises NotFound."""
        ...

    async def webhooks(self, owner: str | None) -> list[Webhook]:
        """The owner's, or everybody's; the newest first."""
        ...

    async def remove_webhook(self, webhook: str) -> bool:
        """With its calls. False when there is none."""
        ...

    async def webhook_works(self, webhook: str) -> None:
        """It was called by hand, and that went well: it is called again if it was not any more."""
        ...

    async def webhook_calls(self, webhook: str, limit: int) -> list[Call]:
        """The newest first."""
        ...

    async def due_webhooks(self, limit: int, but: Collection[str] = ()) -> list[Webhook]:
        """Which have calls that are due, the longest due first, other than those."""
        ...

    async def take_calls(self, webhook: str, seconds: float, limit: int) -> list[Call]:
        """Calls of it that are due. For so long they are nobody else's: whoever takes them may die."""
        ...

    async def end_call(self, call: Call, outcome: Outcome) -> None:
        """One try of it has ended. What was delivered stays so, and who was slower than `take_calls` allows
        changes nothing of what others have done meanwhile."""
        ...

    async def forget_calls(self, before: float) -> int:
        """Remove those that ended before that; how many."""
        ...
