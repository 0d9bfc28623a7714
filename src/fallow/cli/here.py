"""Commands that do something on this machine."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from fallow.cli.app import app
from fallow.cli.flags import (
    AcceptDamaged,
    ChunkSeconds,
    Container,
    Data,
    Ffmpeg,
    Files,
    Host,
    Inputs,
    Json,
    Ladder,
    Names,
    Port,
    SegmentSeconds,
    Sets,
    UserName,
    UserRole,
    Workers,
)
from fallow.cli.telling import FAILED, OK, print_json, progress
from fallow.commands import packages, remote, summary
from fallow.commands.chosen import Wanted, known
from fallow.commands.printer import printer
from fallow.commands.user import Action
from fallow.people import Role as Level
from fallow.pipeline.job_options import Options
from fallow.profile_files import LADDER
from fallow.services.roles import Role
from fallow.settings import load


@app.command()
def encode(
    inputs: Inputs,
    profile: Names = None,
    ladder: Ladder = False,
    output: Annotated[
        str | None, typer.Option("--output", "-o", help="A file, or a folder.", show_default="this folder")
    ] = None,
    workers: Workers = None,
    chunk_seconds: ChunkSeconds = Options.chunk_seconds,
    segment_seconds: SegmentSeconds = Options.segment_seconds,
    container: Container = None,
    resume: Annotated[bool, typer.Option(help="Go on with what a killed run has finished.")] = True,
    accept_damaged: AcceptDamaged = False,
    profiles: Files = None,
    set_: Sets = None,
    ffmpeg: Ffmpeg = None,
    json: Json = False,
    print_reference: Annotated[
        bool, typer.Option("--print-reference", help="Print the plain ffmpeg command that does the same, and stop.")
    ] = False,
) -> int:
    """Encode files on this machine, using all of it."""
    from fallow.commands.encode import Request, encode

    packages.check()
    wanted = Wanted.of([*(profile or []), *[LADDER] * ladder], profiles)
    request = Request(
        inputs=inputs,
        profiles=wanted.profiles(set_),
        output=output,
        container=container or wanted.container,
        ladder=wanted.ladder,
        workers=workers,
        chunk_seconds=chunk_seconds,
        segment_seconds=segment_seconds,
        resume=resume,
        accept_damaged=accept_damaged,
        ffmpeg=ffmpeg,
    )
    if print_reference:
        from fallow.commands.reference import commands

        for line in commands(request):
            typer.echo(line)
        return OK
    shown = progress(json)
    try:
        report = encode(request, shown)
    finally:
        shown.close()
    if json:
        print_json(summary.as_json(report))
    else:
        summary.show(report, printer(sys.stdout))
    summary.show_failures(report, printer(sys.stderr))
    return OK if report.ok else FAILED


@app.command()
def up(
    host: Host = None, port: Port = None, data: Data = None, workers: Workers = None, ffmpeg: Ffmpeg = None
) -> int:
    """Run the whole platform until it is stopped: API, ledger, store and workers on this machine."""
    from fallow.commands.up import up

    packages.check()
    up(load({"host": host, "port": port, "data": data, "workers": workers, "ffmpeg": ffmpeg}))
    return OK


@app.command()
def serve(
    role: Annotated[Role, typer.Argument(help="Which service to run.")],
    host: Host = None,
    port: Port = None,
    workers: Workers = None,
    ffmpeg: Ffmpeg = None,
) -> int:
    """Run one service of a platform whose queue, ledger and store are servers; any number of each."""
    from fallow.commands.serve import serve

    packages.check()
    serve(role, load({"host": host, "port": port, "workers": workers, "ffmpeg": ffmpeg}))
    return OK


@app.command()
def migrate(data: Data = None) -> int:
    """Make the ledger's tables, or bring them to this version; before the first start, and after an update."""
    from fallow.commands.migrate import migrate

    packages.check()
    typer.echo(migrate(load({"data": data})))
    return OK


@app.command()
def user(action: Action, name: UserName = "", role: UserRole = Level.SUBMITTER, data: Data = None) -> int:
    """Say who may log in, in the ledger itself: list users, add one, or change a password."""
    from fallow.commands.user import run

    packages.check()
    typer.echo("\n".join(run(load({"data": data}), action, name, role)))
    return OK


@app.command(name="profiles")
def list_profiles(profiles: Files = None, json: Json = False) -> int:
    """List the profiles that -p knows."""
    from fallow.messages import to_wire

    found = list(known(profiles).values())
    if json:
        print_json(to_wire(found))
    else:
        printer(sys.stdout).print(remote.profiles_table(found))
    return OK


@app.command()
def doctor(data: Data = None, ffmpeg: Ffmpeg = None, json: Json = False) -> int:
    """Say what this machine has, what is missing, and what to do about it."""
    from fallow.commands import doctor

    findings = doctor.examine(load({"data": data, "ffmpeg": ffmpeg}))
    if json:
        print_json(doctor.as_json(findings))
    else:
        doctor.show(findings, printer(sys.stdout))
    return OK if doctor.healthy(findings) else FAILED


@app.command(context_settings={"ignore_unknown_options": True, "help_option_names": []})
def worker(arguments: Annotated[list[str] | None, typer.Argument(help="See fallow worker --help.")] = None) -> int:
    """Work for a server; needs nothing but Python and FFmpeg."""
    from fallow.worker.__main__ import main

    return int(main(arguments or []) or 0)
