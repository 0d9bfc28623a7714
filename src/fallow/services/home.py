"""Who the workers of this process are: its own agents, its splitter and its joiner."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Home:
    """A process that has workers. Their ids begin with its own, so they are known as lost when it is."""

    id: str
    name: str = ""  # what comes before the names of its workers, for people
    token: str = field(default_factory=lambda: secrets.token_hex(16), repr=False)  # of its own agents

    def worker(self, name: str) -> str:
        """The worker of that name, the same one after a restart."""
        return self.id + hashlib.sha256(name.encode()).hexdigest()[:16]

    def called(self, name: str) -> str:
        """How people know a worker of this process."""
        return f"{self.name}-{name}" if self.name else name
