"""Commands that talk to a running server: submit, status, jobs, cancel, retry, download, workers, profiles."""

from __future__ import annotations

import sys
import time
import urllib.parse
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from fallow import catalogue
from fallow.client import Client, JobSummary, JobView
from fallow.commands.outputs import check_folder, check_input, made
from fallow.commands.progress import Display
from fallow.errors import BadSetting, Cancelled, FallowError, NotFound, Rejected
from fallow.fetching import file_name, is_address
from fallow.messages import to_wire
from fallow.pipeline.job_options import Options
from fallow.pipeline.recipes import check_container
from fallow.profiles import Profile, check_chunks
from fallow.tus import Watch


@dataclass(frozen=True)
class Order:
    """A source to be sent to a server, and what is wanted of it."""

    source: str  # a file, or an address that the server fetches it from
    profiles: Sequence[Profile]
    options: Options
    key: str = ""
    watch: Watch | None = None  # who is told how its upload goes on


def submit(client: Client, order: Order, announced: Callable[[JobView], object] = lambda job: None) -> JobView:
    """Announce the job, show it to `announced`, and send its source; what is plainly wrong is refused before."""
    fetched = is_address(order.source)
    if not fetched:
        check_input(Path(order.source))
    for profile in order.profiles:
        check_container(profile, order.options.container)
        check_chunks(profile, order.options.chunk_seconds)
    profiles = [to_wire(profile) for profile in order.profiles]
    name, url = (file_name(order.source), order.source) if fetched else (Path(order.source).name, "")
    job = client.create(name, profiles, order.options.asked, order.key, url)
    announced(job)
    if fetched or job.state != "uploading":
        return job
    try:
        return client.upload(job.id, Path(order.source), order.watch)
    except BaseException as error:
        if not order.key:  # else it is there to be submitted again
            _withdraw(client, job.id)
        if isinstance(error, KeyboardInterrupt):
            raise Cancelled("Interrupted. The job was not submitted.") from None
        raise


def _withdraw(client: Client, job: str) -> None:
    """A job whose source will never come; the server may be away, and that is what is told of then."""
    with suppress(FallowError):
        client.cancel(job)
        client.remove(job)


def print_link(client: Client, job: JobView) -> None:
    """Where the result plays while it is made."""
    sys.stdout.write(f"{client.url}{job.play_url}\n")
    sys.stdout.flush()


def follow(client: Client, job: str, display: Display) -> JobView:
    """Show a job until it has ended."""
    display.say(f"The job is {job}.")
    try:
        return client.wait(job, lambda view: display.show([view]))
    except KeyboardInterrupt:
        goes_on = f"The job goes on; look at it with `fallow status {job}`, stop it with `fallow cancel {job}`."
        raise Cancelled(f"Interrupted. {goes_on}") from None
    finally:
        display.close()


def download(client: Client, job: str, names: Sequence[str], folder: Path) -> list[Path]:
    """Bring the named renditions of a job, or all that are finished, into a folder."""
    view = client.job(job)
    if view.play_url:
        return [_download_stream(client, view, names, folder)]
    ready = [rendition.name for rendition in view.renditions if rendition.result_url]
    if missing := [name for name in names or [] if name not in ready]:
        raise NotFound(
            f"The job {job} has no finished rendition {missing[0]}; finished: {', '.join(ready) or 'none'}."
        )
    if not ready:
        raise NotFound(f"The job {job} is {view.state} and has no finished rendition yet; look at it with status.")
    check_folder(folder.absolute())
    ending = catalogue.CONTAINERS.get(str(view.options.get("container", "mp4")), ".mp4")
    # The server's word for the name is only a word: it must not lead out of the folder.
    paths = {name: folder / f"{Path(view.name).stem}.{Path(name).name}{ending}" for name in names or ready}
    if taken := [path for path in paths.values() if path.is_dir()]:
        raise BadSetting(f"{taken[0]} is a directory; choose another -o.")
    with made(folder.absolute()):
        for name, path in paths.items():
            client.download(job, name, path)
    return list(paths.values())


def _download_stream(client: Client, view: JobView, names: Sequence[str], folder: Path) -> Path:
    """Bring a stream, as far as it is there, into a folder of its own; the file to play."""
    if names:
        raise BadSetting(f"The renditions of job {view.id} are one stream; download it without naming any.")
    files = [str(file["name"]) for file in client.files(view.id)]
    if not files:
        raise NotFound(f"The job {view.id} is {view.state} and has nothing to play yet; look at it with status.")
    place = folder.absolute() / Path(view.name).stem
    check_folder(place)
    front = Path(urllib.parse.urlsplit(str(view.play_url)).path).name
    # The playlists last: what they name is there then. The server's word must not lead out of the folder.
    for name in sorted(files, key=lambda name: (Path(name).suffix in (".m3u8", ".mpd"), name == front, name)):
        target = place / name
        if not target.resolve().is_relative_to(place.resolve()):
            raise Rejected(f"The server names a file {name!r}, which is outside of {place}.")
        target.parent.mkdir(parents=True, exist_ok=True)
        client.download_file(view.id, name, target)
    return place / front


def jobs_table(jobs: Sequence[JobSummary]) -> Table:
    """One line a job."""
    table = _table("job", "state", "name", "renditions", "done", "left", "age")
    for job in jobs:
        done = f"{job.progress:.0%}" if job.frames_total else ""
        left = "" if job.eta is None else _long(job.eta)
        table.add_row(job.id, _state(job), job.name, " ".join(job.renditions), done, left, _age(job.created))
    return table


def show_job(job: JobView, console: Console, server: str = "") -> None:
    """One job in full."""
    console.print(f"{job.id}  {job.name}  {_state(job)}", soft_wrap=True)
    table = _table("rendition", "state", "chunks", "frames", "fps", "size")
    for rendition in job.renditions:
        chunks = f"{rendition.chunks_done}/{rendition.chunks_total}"
        frames = f"{rendition.frames_done}/{rendition.frames_total}"
        size = f"{rendition.size / 1e6:.1f} MB" if rendition.size else ""
        fps = f"{rendition.fps:.0f}" if rendition.fps else ""
        table.add_row(rendition.name, rendition.state, chunks, frames, fps, size)
    console.print(table)
    if job.play_url:
        console.print(f"plays at {server}{job.play_url}", soft_wrap=True)
    if job.fetched:
        of = f" of {job.fetched.length / 1e6:.1f}" if job.fetched.length is not None else ""
        told = f"The server has fetched {job.fetched.bytes / 1e6:.1f}{of} MB of the source."
        console.print(f"{told} {job.fetched.error}".strip(), soft_wrap=True)
    if job.waits:
        console.print(f"The splitter {job.waits}.", soft_wrap=True)
    for warning in job.warnings:
        console.print(warning, soft_wrap=True)


def workers_table(workers: Sequence[dict[str, Any]]) -> Table:
    """One line a worker."""
    table = _table("worker", "name", "state", "device", "cores", "FFmpeg", "fps", "tasks", "trust", "at", "seen")
    for worker in workers:
        machine = worker.get("machine", {})
        table.add_row(
            *(str(worker.get(key, "")) for key in ("id", "name", "state")),
            " ".join(str(worker.get(key, "")) for key in ("device_class", "arch")),
            *(str(machine.get(key, "")) for key in ("cores", "ffmpeg")),
            _speed(worker),
            str(worker.get("tasks", "")),
            "" if worker.get("trust") is None else f"{worker['trust']:.0%}",
            worker.get("reason") or _place(worker.get("task")),
            _age(worker.get("seen", 0.0)),
        )
    return table


def _speed(worker: Mapping[str, Any]) -> str:
    """Of what it has delivered or, marked, by its trials."""
    if worker.get("fps"):
        return f"{worker['fps']:.0f}"
    return f"~{worker['calibrated_fps']:.0f}" if worker.get("calibrated_fps") else ""


def _place(task: Mapping[str, Any] | None) -> str:
    """What a worker is at."""
    if not task:
        return ""
    share = f" {task['done_frames'] / task['frames']:.0%}" if task.get("frames") else ""
    return f"{task['job_name']} {task['rendition']} {task['number']}{share}"


def profiles_table(profiles: Sequence[Profile]) -> Table:
    """One line a profile."""
    table = _table("profile", "codec", "fits in", "rate control", "preset", "audio", "")
    for profile in profiles:
        audio = profile.audio
        bits = f" {audio.bitrate_kbps}k" if audio.bitrate_kbps else ""
        sound = f"{audio.codec}{bits}"
        preset = profile.preset or profile.video_codec.preset
        table.add_row(
            profile.name, profile.codec, _box(profile), rate_control(profile), preset, sound, profile.description
        )
    return table


def rate_control(profile: Profile) -> str:
    if profile.bitrate_kbps:
        return f"{profile.bitrate_kbps} kb/s"
    crf = profile.crf if profile.crf is not None else profile.video_codec.crf
    return f"crf {crf:g}" + (f", at most {profile.maxrate_kbps} kb/s" if profile.maxrate_kbps else "")


def plain(views: Sequence[JobView | JobSummary]) -> list[dict[str, Any]]:
    """Jobs for --json."""
    return [asdict(view) for view in views]


def _table(*headings: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in headings:
        table.add_column(heading, overflow="fold", no_wrap=heading in ("job", "worker"))  # ids are copied
    return table


def _state(job: JobView | JobSummary) -> str:
    return f"{job.state} (paused)" if job.paused else job.state


def _box(profile: Profile) -> str:
    if not profile.width and not profile.height:
        return "source"
    return f"{profile.width or 'any'}x{profile.height or 'any'}"


def _age(since: float) -> str:
    return _long(max(0.0, time.time() - since))


def _long(seconds: float) -> str:
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} s"
