"""News of jobs within a process. Only a hint: whoever waits for it looks by itself now and then, too."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager


class Bell:
    """Rung when a part of a job was accepted."""

    def __init__(self) -> None:
        self._waiting: defaultdict[str, set[asyncio.Event]] = defaultdict(set)

    def ring(self, job: str) -> None:
        for event in self._waiting.get(job, ()):
            event.set()

    @contextmanager
    def listening(self, job: str) -> Iterator[asyncio.Event]:
        """Set when there is news from now on: listen first, then look, then wait."""
        event = asyncio.Event()
        self._waiting[job].add(event)
        try:
            yield event
        finally:
            self._waiting[job].discard(event)
            if not self._waiting[job]:
                del self._waiting[job]
