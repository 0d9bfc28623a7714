"""What every store promises."""

import asyncio
import errno
import os

import pytest

from fallow.adapters import store_folder
from fallow.adapters.object_url import open_store
from fallow.adapters.store_folder import FolderStore
from fallow.adapters.store_memory import MemoryStore
from fallow.errors import BadInput, BadSetting, Conflict, NotFound, StorageFull


def make_folder(path, _request):
    return FolderStore(path / "blobs")


def make_folder_without_links(path, _request):
    return FolderStore(path / "blobs")


def make_memory(_path, _request):
    return MemoryStore()


def make_s3(_path, request):
    return open_store(request.getfixturevalue("ceph").fresh_url())


def make_other_s3(_path, request):
    return open_store(request.getfixturevalue("moto").fresh_url())


def make_azure(_path, request):
    return open_store(request.getfixturevalue("azurite").fresh_url())


@pytest.fixture(params=[make_folder, make_folder_without_links, make_memory, make_s3, make_other_s3, make_azure])
async def store(request, tmp_path, monkeypatch):
    if request.param is make_folder_without_links:

        def refuse(*_args, **_kwargs):
            raise OSError(errno.EPERM, "no links here")

        monkeypatch.setattr(store_folder.os, "link", refuse)
    store = request.param(tmp_path, request)
    yield store
    await store.close()


async def content(store, key, start=0):
    return b"".join([piece async for piece in store.stream(key, start)])


async def keys(store, prefix):
    return sorted([facts.key async for facts in store.list(prefix)])


async def test_put_and_get(store):
    facts = await store.put("jobs/1/a.ts", b"hello")
    assert (facts.key, facts.size) == ("jobs/1/a.ts", 5)
    assert await store.stat("jobs/1/a.ts") == facts
    assert await content(store, "jobs/1/a.ts") == b"hello"
    assert await content(store, "jobs/1/a.ts", 3) == b"lo"


async def test_reads_are_short_only_at_the_end(store):
    data = os.urandom(3_000_000)
    await store.put("a", data)
    assert await store.read("a", 1_000_000, 1_500_000) == data[1_000_000:2_500_000]
    assert await store.read("a", 2_999_990, 100) == data[-10:]
    assert await store.read("a", 4_000_000, 100) == b""
    assert await content(store, "a") == data


async def test_pieces_of_a_stream_are_at_most_a_mebibyte(store):
    await store.put("a", bytes(3 << 20))
    assert max([len(piece) async for piece in store.stream("a")]) <= 1 << 20


async def test_a_written_object_appears_whole_and_only_at_commit(store):
    writer = await store.writer("a/b")
    await writer.write(b"x" * 300_000)
    await writer.write(b"y")
    assert await store.stat("a/b") is None
    assert await keys(store, "") == []
    assert (await writer.commit()).size == 300_001
    assert await content(store, "a/b") == b"x" * 300_000 + b"y"


async def test_the_held_head_is_supplied_last(store):
    writer = await store.writer("a", held=4)
    await writer.write(b"body" * 100_000)
    assert (await writer.commit(b"head")).size == 400_004
    assert await store.read("a", 0, 8) == b"headbody"


async def test_a_short_head_is_fine_when_it_is_all_there_is(store):
    writer = await store.writer("a", held=100)
    await writer.commit(b"tiny")
    assert await content(store, "a") == b"tiny"


async def test_a_head_that_leaves_a_hole_is_refused(store):
    writer = await store.writer("a", held=100)
    await writer.write(b"body")
    with pytest.raises(ValueError, match="held back"):
        await writer.commit(b"tiny")
    await writer.abort()


async def test_an_aborted_object_leaves_nothing(store, tmp_path):
    writer = await store.writer("a/b")
    await writer.write(b"x" * 1_000_000)
    await writer.abort()
    assert await store.stat("a/b") is None
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


async def test_objects_are_never_changed(store):
    await store.put("a", b"first")
    writer = await store.writer("a")
    await writer.write(b"second")
    with pytest.raises(Conflict):
        await writer.commit()
    with pytest.raises(Conflict):
        await store.put("a", b"third")
    assert await content(store, "a") == b"first"


async def test_one_of_many_writers_of_a_key_wins(store):
    async def put(number):
        try:
            await store.put("a", b"%d" % number)
        except Conflict:
            return 0
        return 1

    if isinstance(store, FolderStore) and store_folder.os.link.__name__ == "refuse":
        pytest.skip("without hard links keys are used by one attempt alone")
    assert sum(await asyncio.gather(*map(put, range(10)))) == 1


async def test_missing_objects(store):
    assert await store.stat("no/such") is None
    with pytest.raises(NotFound):
        await store.read("no/such", 0, 1)
    with pytest.raises(NotFound):
        await content(store, "no/such")
    await store.delete(["no/such"])


async def test_delete_and_list(store):
    for key in ("jobs/1/a", "jobs/1/b/c", "jobs/12/a", "other"):
        await store.put(key, b"x")
    assert await keys(store, "jobs/1/") == ["jobs/1/a", "jobs/1/b/c"]
    assert await keys(store, "jobs/1") == ["jobs/1/a", "jobs/1/b/c", "jobs/12/a"]
    await store.delete(["jobs/1/a", "jobs/1/b/c"])
    assert await keys(store, "") == ["jobs/12/a", "other"]
    assert await keys(store, "none/such") == []


@pytest.mark.parametrize("key", ["", "/a", "a/", "a//b", "../a", "a/../b", ".part/x", "a b", "a\0", "é", "a" * 600])
async def test_bad_keys_are_refused(store, key):
    with pytest.raises(BadSetting):
        await store.put(key, b"x")
    with pytest.raises(BadSetting):
        await store.stat(key)
    with pytest.raises(BadSetting):
        await store.writer(key)


async def test_adopt_leaves_the_file_and_export_brings_it_back(store, tmp_path):
    source = tmp_path / "in.mov"
    source.write_bytes(os.urandom(2_000_000))
    assert (await store.adopt("jobs/1/source", source)).size == 2_000_000
    target = tmp_path / "out.mp4"
    target.write_bytes(b"old")
    await store.export("jobs/1/source", target)
    await store.delete(["jobs/1/source"])
    assert target.read_bytes() == source.read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_file()) == ["in.mov", "out.mp4"]


async def test_exporting_twice_over_the_same_file_leaves_one_file(store, tmp_path):
    await store.put("a", b"x")
    for _ in range(2):
        await store.export("a", tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["out"]


async def test_export_replaces_a_link_and_not_what_it_points_at(store, tmp_path):
    await store.put("a", b"x")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_bytes(b"keep")
    (tmp_path / "out").symlink_to(elsewhere)
    await store.export("a", tmp_path / "out")
    assert elsewhere.read_bytes() == b"keep"
    assert (tmp_path / "out").read_bytes() == b"x"


async def test_a_full_store_says_so_and_leaves_nothing(tmp_path):
    store = MemoryStore(capacity=100)
    await store.put("a", b"x" * 60)
    writer = await store.writer("b")
    with pytest.raises(StorageFull):
        await writer.write(b"y" * 60)
    await writer.abort()
    assert await keys(store, "") == ["a"]


async def test_a_full_disk_says_so_and_leaves_nothing(tmp_path, monkeypatch):
    def full(*_args):
        raise OSError(errno.ENOSPC, "No space left on device")

    store = FolderStore(tmp_path / "blobs")
    monkeypatch.setattr(store_folder.os, "pwrite", full)
    with pytest.raises(StorageFull, match="blobs"):
        await store.put("a", b"x")
    writer = await store.writer("b")
    with pytest.raises(StorageFull):
        await writer.write(b"x" * 300_000)
    await writer.abort()
    await store.close()
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


async def test_a_folder_that_a_delete_removes_meanwhile_is_made_again(tmp_path, monkeypatch):
    """Looked at just before and just after, it was there and is not."""
    store, make, faults = FolderStore(tmp_path), store_folder.os.mkdir, [FileExistsError(), FileExistsError()]

    def mkdir(*arguments, **named):
        if faults:
            raise faults.pop()
        make(*arguments, **named)

    monkeypatch.setattr(store_folder.os, "mkdir", mkdir)
    await store.put("jobs/a/part", b"whole")
    assert await store.read("jobs/a/part", 0, 5) == b"whole"


async def test_a_folder_forgets_what_crashed_writers_left(tmp_path):
    store = FolderStore(tmp_path)
    await (await store.writer("a")).write(b"x" * 300_000)
    FolderStore(tmp_path).forget_writers()
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


async def test_a_folder_keeps_what_living_writers_of_others_have(tmp_path, monkeypatch):
    store = FolderStore(tmp_path)
    writer = await store.writer("a")
    await writer.write(b"x" * 300_000)
    assert await FolderStore(tmp_path).clear_leftovers() == 0
    assert (await writer.commit()).size == 300_000
    await (await store.writer("b")).write(b"x" * 300_000)
    monkeypatch.setattr(store_folder, "LEFT_OVER", -60)
    assert await FolderStore(tmp_path).clear_leftovers() == 1


async def test_a_folder_adopts_without_copying(tmp_path):
    source = tmp_path / "in.mov"
    source.write_bytes(b"x")
    store = FolderStore(tmp_path / "blobs")
    await store.adopt("a", source)
    assert source.stat().st_nlink == 2
    with pytest.raises(BadInput, match="not a file"):
        await store.adopt("b", tmp_path)
    with pytest.raises(BadSetting, match="folder"):
        await store.export("a", tmp_path)
    with pytest.raises(BadSetting, match="cannot be written"):
        await store.export("a", tmp_path / "no" / "such")
