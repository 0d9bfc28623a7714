"""What the system tests make and look at."""

import asyncio

import av
import imageio_ffmpeg

from fallow.profiles import Audio, Profile
from paced import paced

FFMPEG = imageio_ffmpeg.get_ffmpeg_exe()
SECONDS, RATE = 6, 25
SMALL = Profile("small", width=160, height=90, crf=28.0, preset="ultrafast", audio=Audio("aac", 64))
SLOW = Profile("slow", width=160, height=90, crf=28.0, preset="faster")
ENDLESS = "slow"  # a preset
# The bytes that come of it are many from the beginning.
LARGE = Profile("large", width=960, height=540, upscale=True, crf=4.0, preset="veryfast")
# Encodes these two as fast as they play, and endless work so that nobody sees its end.
PACED = paced({"-preset:v faster": 1.0, "-preset:v veryfast": 1.0, f"-preset:v {ENDLESS}": 0.02})
TINY = Profile("tiny", width=96, height=54, crf=30.0, preset="ultrafast", audio=Audio("aac", 64))


def times(path):
    """Display times of the video's frames in seconds."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        return sorted(float(p.pts * stream.time_base) for p in container.demux(stream) if p.pts is not None)


def decoded(path):
    with av.open(str(path)) as container:
        return sum(1 for _ in container.decode(video=0))


async def seen(client, job, condition, seconds=60):
    """The first view of the job of which the condition is true."""
    for _ in range(seconds * 50):
        if condition(view := await asyncio.to_thread(client.job, job)):
            return view
        await asyncio.sleep(0.02)
    raise AssertionError(f"Not in {seconds} s: {view}")


async def ended(client, job):
    return await seen(client, job, lambda view: view.ended)
