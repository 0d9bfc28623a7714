"""What people change of a job that is under way."""

from __future__ import annotations

from typing import Protocol


class Amending(Protocol):
    """The part of the ledger that they change it by. What is offered of the job is taken back, and offered anew."""

    async def pause(self, job: str) -> bool:
        """Nothing of it is leased any more; what is leased goes on. False when it has ended, or is paused."""
        ...

    async def resume(self, job: str) -> bool:
        """False when it is not paused."""
        ...

    async def prioritise(self, job: str, priority: str) -> bool:
        """False when it has ended, or is of that priority."""
        ...
