"""A platform of an experiment's own: some agents on this machine, and nothing that outlasts it."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

from fallow.client import Client
from fallow.errors import Unavailable
from fallow.services.http_server import quick_loop
from fallow.services.run import Platform
from fallow.settings import Settings, load


@contextlib.contextmanager
def platform(agents: int) -> Iterator[Client]:
    """Somebody to talk to, until its end."""
    with tempfile.TemporaryDirectory(prefix="fallow-experiment-") as folder:
        settings = _settings(Path(folder), agents)
        thread = _Thread(settings)
        try:
            yield Client(thread.url(), settings.api_token)
        finally:
            thread.end()


def _settings(folder: Path, agents: int) -> Settings:
    embedded = {"queue_url": "memory:", "ledger_url": "", "store_url": "", "host": "127.0.0.1", "port": 0}
    kept = {"data": folder, "source_days": 0, "log": "off"}
    # Other people of this machine can reach the port, but not the jobs.
    return load({**embedded, **kept, "workers": agents, "api_token": secrets.token_urlsafe(24)})


class _Thread:
    """The platform has an event loop to itself, as who measures it waits for answers."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._loop: asyncio.AbstractEventLoop | None = None
        self._over = asyncio.Event()
        self._url = ""
        self._error: BaseException = Unavailable("The platform did not come up.")
        self._up = threading.Event()
        self._thread = threading.Thread(target=self._run, name="platform")
        self._thread.start()

    def url(self) -> str:
        """When it is up; raises what kept it from that."""
        self._up.wait()
        if not self._url:
            raise self._error
        return self._url

    def end(self) -> None:
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # it has ended by itself
                self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join()

    def _run(self) -> None:
        try:
            with asyncio.Runner(loop_factory=quick_loop()) as runner:
                runner.run(self._serve())
        except BaseException as error:
            self._error = error
        finally:
            self._up.set()

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        async with Platform(self._settings) as platform:
            await platform.open_api()
            self._url = platform.url
            self._up.set()
            await self._over.wait()
