"""From settings to the adapters that they name: the only module that knows both."""

from __future__ import annotations

import asyncio
import time
import urllib.parse
from dataclasses import dataclass
from pathlib import Path

from fallow.adapters.ledger_sql import SqlLedger
from fallow.adapters.queue_memory import MemoryQueue
from fallow.adapters.store_folder import FolderStore
from fallow.addresses import Reach
from fallow.data_folder import DataFolder
from fallow.errors import BadSetting
from fallow.fetching import Web
from fallow.findings import BAD, MISSING, Finding
from fallow.pipeline.context import Policy
from fallow.ports import Ledger, Links, Queue, Store
from fallow.settings import Settings, variable

EMBEDDED = "fallow.db"
BUCKETS = ("s3", "az", "gs")
_IN_PROCESS = ("memory:", "memory://")


class SystemClock:
    """The time of this machine."""

    def now(self) -> float:
        return time.time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


@dataclass(frozen=True)
class Backends:
    """The outside world of one platform."""

    queue: Queue
    store: Store
    ledger: Ledger

    async def close(self) -> None:
        await self.queue.close()
        await self.store.close()
        await self.ledger.close()


async def connect(settings: Settings, folder: DataFolder) -> Backends:
    """The back ends that the settings' URLs name. Raises BadSetting."""
    store = await _store(settings.store_url, folder)
    queue = await _queue(settings.queue_url)
    ledger = await SqlLedger.open(settings.ledger_url or _embedded(folder))
    return Backends(queue, store, ledger)


def migrate(settings: Settings) -> int:
    """Bring the ledger's tables to this version; the schema they have then. Raises BadSetting, Unavailable."""
    from fallow.adapters.ledger_migrate import migrate as bring

    if settings.ledger_url:
        return bring(settings.ledger_url)
    folder = DataFolder.open(settings.data)
    try:
        return bring(_embedded(folder))
    finally:
        folder.close()


async def open_ledger(settings: Settings) -> Ledger:
    """The ledger alone, beside those who are using it. Raises BadSetting."""
    place = settings.ledger_url or settings.data.absolute() / EMBEDDED
    if isinstance(place, Path) and not place.exists():
        raise BadSetting(f"There is no ledger in {settings.data}; run `fallow up`, or name its folder with --data.")
    return await SqlLedger.open(place)


def links(settings: Settings, store: Store, gateway: Links) -> Links:
    """What leads workers to objects: the store's own links where it makes any, else the gateway's."""
    if isinstance(store, FolderStore) or "links=gateway" in urllib.parse.urlsplit(settings.store_url).query:
        return gateway
    from fallow.adapters.object_links import ObjectLinks
    from fallow.adapters.store_object import ObjectStore

    return ObjectLinks(store, gateway) if isinstance(store, ObjectStore) else gateway


def web(settings: Settings) -> Web | None:
    """Where sources are fetched from; None: nowhere."""
    if settings.source_urls != "on":
        return None
    from fallow.adapters.web_sources import WebSources

    return WebSources(Reach.told(settings.source_networks, variable("source_networks")))


def begins_empty(settings: Settings) -> bool:
    """Whether the queue knows nothing when the platform starts, as it lives in its process."""
    return settings.queue_url in _IN_PROCESS


def policy(settings: Settings) -> Policy:
    return Policy(
        lease_seconds=settings.lease_seconds,
        renew_seconds=settings.renew_seconds or settings.lease_seconds / 3,
        attempts=settings.attempts,
        window=settings.window,
        bundle_seconds=settings.bundle_seconds,
        divide_seconds=settings.divide_seconds,
        taper=settings.taper,
        hedge=settings.hedge,
        space_wait=settings.space_wait,
        attempt_seconds=settings.attempt_seconds,
        source_bytes=settings.source_bytes,
        upload_wait=settings.upload_wait,
        source_seconds=settings.source_days * 86400,
        sweep_seconds=min(2.0, settings.lease_seconds / 4),
        webhook_reach=Reach.told(settings.webhook_networks, "FALLOW_WEBHOOK_NETWORKS"),
    )


async def examine(settings: Settings) -> list[Finding]:
    """What the back ends are like that URLs name, each looked at beside the others. No secret is in it."""
    most = settings.lease_seconds / 3
    looks = (
        _examined("queue", settings.queue_url, most),
        _examined("ledger", settings.ledger_url, most),
        _examined("store", settings.store_url, most),
    )
    return [finding for findings in await asyncio.gather(*looks) for finding in findings]


async def _examined(name: str, url: str, most: float) -> list[Finding]:
    try:
        return await _checked(name, url, most)
    except ModuleNotFoundError as error:
        remedy = "Install it with: pip install 'fallow[cluster]'"
        return [Finding(name, MISSING, f"the package {error.name} is not installed", remedy)]
    except BadSetting as error:
        return [Finding(name, BAD, str(error), f"Correct FALLOW_{name.upper()}_URL.")]


async def _checked(name: str, url: str, most: float) -> list[Finding]:
    """Raises ModuleNotFoundError, BadSetting."""
    match name, url.partition(":")[0]:
        case "queue", "amqp" | "amqps":
            from fallow.adapters import check_amqp

            return await check_amqp.check(url)
        case "ledger", "mysql" | "mariadb":
            from fallow.adapters import check_mysql

            return await check_mysql.check(url, most)
        case "store", "s3" | "az" | "gs":
            from fallow.adapters import check_bucket

            return await check_bucket.check(url, most)
        case "store", _ if url:
            from fallow.adapters import check_folder

            return await check_folder.check(_folder(url))
        case "ledger", _ if url:
            from fallow.adapters.ledger_database import flavour

            flavour(url)
        case "queue", scheme if url not in _IN_PROCESS:
            raise _unknown_queue(scheme)
    return []


def _embedded(folder: DataFolder) -> Path:
    return folder.path.absolute() / EMBEDDED


def _unknown_queue(scheme: str) -> BadSetting:
    return BadSetting(f"{scheme!r} is no kind of queue that Fallow knows; use memory: or amqp://.")


async def _queue(url: str) -> Queue:
    if url in _IN_PROCESS:
        return MemoryQueue()
    scheme = url.partition(":")[0]
    if scheme not in ("amqp", "amqps"):  # not the whole URL: it may have a password
        raise _unknown_queue(scheme)
    try:
        from fallow.adapters.queue_amqp import AmqpQueue
    except ModuleNotFoundError as error:
        raise BadSetting(
            f"The package {error.name}, which talks to RabbitMQ, is not installed;"
            " install it with: pip install 'fallow[cluster]'"
        ) from error
    return await AmqpQueue.open(url)


async def _store(url: str, folder: DataFolder) -> Store:
    if not url:
        store = FolderStore(folder.path / "blobs")
        store.forget_writers()  # the folder is ours alone, so whoever wrote them is gone
        return store
    parts = urllib.parse.urlsplit(url)
    if parts.scheme in BUCKETS:
        return await _bucket(url)
    return FolderStore(_folder(url))


def _folder(url: str) -> Path:
    """Raises BadSetting."""
    parts = urllib.parse.urlsplit(url)
    if parts.scheme != "file" or parts.netloc or not parts.path.startswith("/"):
        name = f"{parts.scheme}://{parts.hostname or ''}"  # what comes before and after may be secret
        raise BadSetting(f"{name!r} is no store that Fallow knows; use file:///PATH, s3://, az:// or gs://.")
    return Path(urllib.parse.unquote(parts.path))


async def _bucket(url: str) -> Store:
    try:
        from fallow.adapters.object_url import open_store
    except ModuleNotFoundError:
        raise BadSetting("Stores in the network need a package; run: pip install 'fallow[cluster]'") from None
    store = open_store(url)
    await store.clear_leftovers()  # and be told at once when nothing can be done there
    return store
