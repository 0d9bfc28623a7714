"""Commands that talk to a running server."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from fallow.cli.app import app
from fallow.cli.flags import (
    HOME,
    AcceptDamaged,
    ChunkSeconds,
    Container,
    Files,
    Input,
    JobId,
    Json,
    Ladder,
    Names,
    SegmentSeconds,
    Server,
    Sets,
    Token,
)
from fallow.cli.telling import OK, print_json, progress, verdict
from fallow.client import Client
from fallow.commands import remote
from fallow.commands.chosen import Wanted
from fallow.commands.printer import printer
from fallow.commands.sending import meter
from fallow.pipeline.job_options import Options
from fallow.profile_files import LADDER


@app.command()
def submit(
    source: Input,
    profile: Names = None,
    ladder: Ladder = False,
    container: Container = None,
    chunk_seconds: ChunkSeconds = Options.chunk_seconds,
    segment_seconds: SegmentSeconds = Options.segment_seconds,
    priority: Annotated[str, typer.Option(help="high, normal or low.")] = Options.priority,
    key: Annotated[str, typer.Option(help="Submitting again with the same key gives the same job.")] = "",
    wait: Annotated[bool, typer.Option("--wait", help="Follow the job to its end.")] = False,
    stream: Annotated[
        bool, typer.Option("--stream", help="Print a link first that plays the result while it is made.")
    ] = False,
    accept_damaged: AcceptDamaged = False,
    profiles: Files = None,
    set_: Sets = None,
    server: Server = HOME,
    token: Token = "",
    json: Json = False,
) -> int:
    """Send a file to a server, or the address that it fetches one from."""
    from fallow.commands.outputs import container_named, streamed

    wanted = Wanted.of([*(profile or []), *[LADDER] * ladder], profiles)
    made = container_named(container or wanted.container)
    made = streamed(made) if stream else made or "mp4"
    options = Options(made, chunk_seconds, accept_damaged, priority, wanted.ladder, segment_seconds)
    client = Client(server, token)
    order = remote.Order(source, wanted.profiles(set_), options, key, meter(Path(source).name, json))
    job = remote.submit(client, order, lambda job: remote.print_link(client, job) if stream and not json else None)
    if wait:
        job = remote.follow(client, job.id, progress(json))
    if json:
        print_json(remote.plain([job])[0])
    elif wait:
        remote.show_job(job, printer(sys.stdout), client.url)
    else:
        typer.echo(job.id)
    return verdict(job)


@app.command()
def status(job: JobId, server: Server = HOME, token: Token = "", json: Json = False) -> int:
    """Show how far a job is."""
    client = Client(server, token)
    view = client.job(job)
    if json:
        print_json(remote.plain([view])[0])
    else:
        remote.show_job(view, printer(sys.stdout), client.url)
    return verdict(view)


@app.command()
def jobs(
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="So many at most.")] = 100,
    server: Server = HOME,
    token: Token = "",
    json: Json = False,
) -> int:
    """List the newest jobs of a server."""
    views = Client(server, token).jobs(limit)
    if json:
        print_json(remote.plain(views))
    else:
        printer(sys.stdout).print(remote.jobs_table(views))
    return OK


@app.command()
def cancel(job: JobId, server: Server = HOME, token: Token = "") -> int:
    """Stop a job; what is finished of it is kept for retry."""
    typer.echo(Client(server, token).cancel(job).state)
    return OK


@app.command()
def pause(job: JobId, server: Server = HOME, token: Token = "") -> int:
    """Begin nothing more of a job; what is worked on is finished."""
    Client(server, token).change(job, paused=True)
    typer.echo("paused")
    return OK


@app.command()
def resume(job: JobId, server: Server = HOME, token: Token = "") -> int:
    """Go on with a paused job."""
    typer.echo(Client(server, token).change(job, paused=False).state)
    return OK


@app.command()
def retry(job: JobId, server: Server = HOME, token: Token = "") -> int:
    """Go on with a failed or cancelled job."""
    typer.echo(Client(server, token).retry(job).state)
    return OK


@app.command()
def download(
    job: JobId,
    names: Annotated[
        list[str] | None, typer.Argument(metavar="NAME", help="Renditions.", show_default="all finished")
    ] = None,
    output: Annotated[Path, typer.Option("--output", "-o", help="The folder to put them in.")] = Path(),
    server: Server = HOME,
    token: Token = "",
) -> int:
    """Bring the results of a job here."""
    for path in remote.download(Client(server, token), job, names or [], output):
        typer.echo(str(path))
    return OK


@app.command()
def workers(server: Server = HOME, token: Token = "", json: Json = False) -> int:
    """List the workers of a server."""
    found = Client(server, token).workers()
    if json:
        print_json(found)
    else:
        printer(sys.stdout).print(remote.workers_table(found))
    return OK
