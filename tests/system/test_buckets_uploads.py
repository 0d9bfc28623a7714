"""Sources that come slowly, or break off, with a bucket as the store: they are cut from there while they come."""

import asyncio
import contextlib
import random
from types import SimpleNamespace
from urllib.parse import urlsplit

import pytest
from sending import NOISY, Sending, noisy
from watching import FFMPEG, SMALL, decoded, ended, seen, times

from cluster.uploading import MIB, Line, Report, fetched, noise
from fallow.client import Client
from fallow.messages import to_wire
from fallow.services.run import Platform
from fallow.settings import Settings


async def test_a_source_is_cut_while_it_comes_into_a_bucket_also_when_it_is_sent_again(tmp_path, bucket):
    source, url = noisy(tmp_path, "ts"), bucket.fresh_url()
    settings = Settings(
        data=tmp_path / "data", port=0, workers=1, ffmpeg=FFMPEG, log="off", store_url=url, source_days=0
    )
    async with Platform(settings) as platform:
        client = Client(platform.url)
        job = (await asyncio.to_thread(client.create, "noisy.ts", [to_wire(SMALL)], {"chunk_seconds": 1.0})).id
        for share in (0.6, 0.9):
            with Sending(platform.url, job, source) as sending:
                await asyncio.to_thread(sending.upto, share)
                view = await seen(client, job, lambda view: view.renditions[0].chunks_done >= 1)
                assert view.state == "uploading"
                if share == 0.9:
                    status, _ = await asyncio.to_thread(sending.end)
                    assert status == 200
        view = await ended(client, job)
        assert (view.state, view.error) == ("done", "")
        path = tmp_path / "out.mp4"
        await platform.export(job, SMALL.name, path)
        shown = times(path)
        assert [time - shown[0] for time in shown] == pytest.approx([n / 25 for n in range(NOISY * 25)], abs=1e-6)
        assert decoded(path) == len(shown)
        for _ in range(500):
            stored = [facts.key.split("/")[2] async for facts in platform._ctx.store.list(f"jobs/{job}/")]
            if stored == ["results"]:
                break
            await asyncio.sleep(0.02)
        assert stored == ["results"]


async def test_an_upload_into_a_bucket_goes_on_where_its_line_was_cut(tmp_path, bucket):
    report, dice = Report(6 * MIB), random.Random(3)
    source, digest = noise(tmp_path / "source.bin", report.size, dice)
    settings = Settings(data=tmp_path / "data", port=0, workers=0, log="off", store_url=bucket.fresh_url())
    async with Platform(settings) as platform:
        gateway = SimpleNamespace(port=urlsplit(platform.url).port)
        with contextlib.closing(Line(gateway, [(2 * MIB + 5, "reset"), (5 * MIB, "silence")], report)) as line:
            client = Client(line.url)
            job = (await asyncio.to_thread(client.create, "noise.bin", [to_wire(SMALL)], {})).id
            await asyncio.to_thread(client.upload, job, source)
        assert report.cuts == ["reset", "silence"]
        assert report.sent < report.size + 4 * MIB  # little is sent twice
        url = f"{platform.url}/api/v1/jobs/{job}/source"
        assert await asyncio.to_thread(fetched, url) == digest
