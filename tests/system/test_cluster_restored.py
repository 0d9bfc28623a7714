"""A platform made anew of a dump of its ledger and a copy of its bucket: nothing is lost, what was begun ends."""

import asyncio
import subprocess
import urllib.parse

import obstore
from by_hand import aside
from watching import PACED, SLOW, SMALL, decoded, ended, seen, times

from fallow.adapters.ledger_migrate import migrate
from fallow.adapters.object_url import open_store
from fallow.client import Client
from fallow.messages import to_wire
from fallow.services.run import Platform
from fallow.settings import Settings


def dumped(node, database):
    """As an operator does it, while the platform runs."""
    command = ["mariadb-dump", *login(node), "--single-transaction", database]
    return subprocess.run(command, check=True, capture_output=True, timeout=60).stdout


def restored(node, database, dump):
    subprocess.run(["mariadb", *login(node), database], check=True, input=dump, timeout=60)


def login(node):
    return ["--no-defaults", "--protocol=tcp", "--host=127.0.0.1", f"--port={node.port}", "--user=root"]


def copied(url, target):
    """All objects of one place in a bucket, in another one."""
    bucket = open_store(url, {}).remote
    there, elsewhere = (urllib.parse.urlsplit(one).path.strip("/") for one in (url, target))
    listed = [item["path"] for page in obstore.list(bucket, prefix=there) for item in page]
    for key in listed:
        obstore.put(bucket, key.replace(there, elsewhere, 1), obstore.get(bucket, key).bytes())
    return len(listed)


def settings(folder, ledger, store):
    # Whoever had a task at the time of the dump does not come back.
    patient = {"lease_seconds": 2.0, "bundle_seconds": 0.0, "ffmpeg": PACED, "log": "off"}
    return Settings(data=folder, port=0, workers=1, ledger_url=ledger, store_url=store, **patient)


async def test_a_platform_is_restored_from_a_dump_and_a_copy(backends, clip, tmp_path):
    galera, ceph = backends.galera, backends.ceph
    database, store = galera.database(), ceph.fresh_url()
    ledger = galera.url(database)
    await aside(migrate, ledger)
    async with Platform(settings(tmp_path / "first", ledger, store)) as platform:
        client = Client(platform.url)
        done, begun = [
            await aside(client.create, clip.name, [to_wire(profile)], {"chunk_seconds": 1.0})
            for profile in (SMALL, SLOW)
        ]
        await platform.adopt(done.id, clip)
        assert (await ended(client, done.id)).state == "done"
        await platform.export(done.id, "small", tmp_path / "before.mp4")
        await platform.adopt(begun.id, clip)
        await seen(client, begun.id, lambda view: view.renditions[0].chunks_done >= 1)
        dump = await asyncio.to_thread(dumped, galera.nodes[0], database)
        fresh = ceph.fresh_url()
        assert await asyncio.to_thread(copied, store, fresh) > 5
        assert not (await aside(client.job, begun.id)).ended
    again = galera.database()
    await asyncio.to_thread(restored, galera.nodes[0], again, dump)
    async with Platform(settings(tmp_path / "second", galera.url(again), fresh)) as platform:
        client = Client(platform.url)
        await platform.export(done.id, "small", tmp_path / "after.mp4")
        assert (tmp_path / "after.mp4").read_bytes() == (tmp_path / "before.mp4").read_bytes()
        view = await ended(client, begun.id)
        assert (view.state, view.error) == ("done", "")
        await platform.export(begun.id, "slow", tmp_path / "slow.mp4")
        assert decoded(tmp_path / "slow.mp4") == len(times(clip))
