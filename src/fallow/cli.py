"""The command line: decodes flags, makes one call for each command, says what went wrong."""

from __future__ import annotations

import json as jsonlib
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from fallow import __version__
from fallow.client import Client, JobView
from fallow.commands import packages, remote, summary
from fallow.commands.chosen import Wanted, known
from fallow.commands.printer import printer
from fallow.commands.progress import Display, Silence, display
from fallow.commands.sending import meter
from fallow.commands.user import Action
from fallow.errors import BadProfile, BadSetting, Cancelled, FallowError, Rejected
from fallow.people import Role as Level
from fallow.pipeline.job_options import Options
from fallow.profile_files import LADDER
from fallow.services.roles import Role
from fallow.settings import load

OK, FAILED, USAGE, INTERRUPTED = 0, 1, 2, 130

UsageError: Any = typer.BadParameter.__mro__[1]
"""What typer raises for a command line it does not understand; the class has no public name there."""

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="Fallow turns videos into other videos, on as many machines as you have, frame by exact frame.",
)

Inputs = Annotated[list[Path], typer.Argument(metavar="INPUT", help="Video files.", show_default=False)]
Input = Annotated[str, typer.Argument(metavar="INPUT", help="A video file, or its address.", show_default=False)]
JobId = Annotated[str, typer.Argument(metavar="JOB", help="The job's id.", show_default=False)]
Names = Annotated[
    list[str] | None,
    typer.Option("--profile", "-p", metavar="NAME", help="A profile, or a ladder of them; may be repeated."),
]
Ladder = Annotated[
    bool,
    typer.Option(
        "--ladder", help="All sizes that the source deserves, as a stream (unless --container says else)."
    ),
]
Files = Annotated[
    list[Path] | None,
    typer.Option("--profiles", metavar="FILE", envvar="FALLOW_PROFILES", help="Profiles of your own, in TOML."),
]
Sets = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Change all named profiles, as crf=20."),
]
Container = Annotated[
    str | None,
    typer.Option(help="mp4, mpegts (ts), matroska (mkv); cmaf, hls, dash, hls-ts.", show_default="by -o, mp4"),
]
ChunkSeconds = Annotated[float, typer.Option(help="Length of the pieces that are encoded apart.")]
SegmentSeconds = Annotated[float, typer.Option(help="Of streams: how long a segment is at most.")]
AcceptDamaged = Annotated[bool, typer.Option("--accept-damaged", help="Encode what is left of a damaged source.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout, and nothing else there.")]
Server = Annotated[str, typer.Option(envvar="FALLOW_SERVER", help="The server's address.")]
Token = Annotated[str, typer.Option(envvar="FALLOW_API_TOKEN", help="What the server asks people for.")]
Workers = Annotated[
    int | None, typer.Option(envvar="FALLOW_WORKERS", help="Agents on this machine.", show_default="one per core")
]
Ffmpeg = Annotated[
    str | None, typer.Option(envvar="FALLOW_FFMPEG", help="The ffmpeg to use.", show_default="the one installed")
]
Host = Annotated[str | None, typer.Option(envvar="FALLOW_HOST", help="Address to listen on.")]
Port = Annotated[int | None, typer.Option(envvar="FALLOW_PORT", help="Port to listen on.")]
Data = Annotated[Path | None, typer.Option(envvar="FALLOW_DATA", help="Folder of all that an embedded one keeps.")]
UserName = Annotated[str, typer.Argument(metavar="NAME", help="Whose login it is.", show_default=False)]
UserRole = Annotated[Level, typer.Option("--role", help="What a new user may do.")]
HOME = "http://127.0.0.1:8000"


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
    shown = _display(json)
    try:
        report = encode(request, shown)
    finally:
        shown.close()
    if json:
        _print_json(summary.as_json(report))
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
        job = remote.follow(client, job.id, _display(json))
    if json:
        _print_json(remote.plain([job])[0])
    elif wait:
        remote.show_job(job, printer(sys.stdout), client.url)
    else:
        typer.echo(job.id)
    return _verdict(job)


@app.command()
def status(job: JobId, server: Server = HOME, token: Token = "", json: Json = False) -> int:
    """Show how far a job is."""
    client = Client(server, token)
    view = client.job(job)
    if json:
        _print_json(remote.plain([view])[0])
    else:
        remote.show_job(view, printer(sys.stdout), client.url)
    return _verdict(view)


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
        _print_json(remote.plain(views))
    else:
        printer(sys.stdout).print(remote.jobs_table(views))
    return OK


@app.command()
def cancel(job: JobId, server: Server = HOME, token: Token = "") -> int:
    """Stop a job; what is finished of it is kept for retry."""
    typer.echo(Client(server, token).cancel(job).state)
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
        _print_json(found)
    else:
        printer(sys.stdout).print(remote.workers_table(found))
    return OK


@app.command(name="profiles")
def list_profiles(profiles: Files = None, json: Json = False) -> int:
    """List the profiles that -p knows."""
    from fallow.messages import to_wire

    found = list(known(profiles).values())
    if json:
        _print_json(to_wire(found))
    else:
        printer(sys.stdout).print(remote.profiles_table(found))
    return OK


@app.command()
def doctor(data: Data = None, ffmpeg: Ffmpeg = None, json: Json = False) -> int:
    """Say what this machine has, what is missing, and what to do about it."""
    from fallow.commands import doctor

    findings = doctor.examine(load({"data": data, "ffmpeg": ffmpeg}))
    if json:
        _print_json(doctor.as_json(findings))
    else:
        doctor.show(findings, printer(sys.stdout))
    return OK if doctor.healthy(findings) else FAILED


@app.command(context_settings={"ignore_unknown_options": True, "help_option_names": []})
def worker(arguments: Annotated[list[str] | None, typer.Argument(help="See fallow worker --help.")] = None) -> int:
    """Work for a server; needs nothing but Python and FFmpeg."""
    from fallow.worker.__main__ import main

    return int(main(arguments or []) or 0)


@app.callback(invoke_without_command=True)
def version(
    version: Annotated[bool, typer.Option("--version", help="Print the version, and stop.")] = False,
) -> None:
    if version:
        typer.echo(f"fallow {__version__}")
        raise typer.Exit


def run(arguments: Sequence[str]) -> int:
    """Run one command; its exit code. Whatever goes wrong becomes a sentence, and an object with --json."""
    try:
        code = int(app(args=list(arguments), standalone_mode=False) or OK)
        return _complain(arguments, Cancelled("Interrupted."), code) if code == INTERRUPTED else code
    except typer.Exit as stop:
        return stop.exit_code
    except (KeyboardInterrupt, typer.Abort):
        return _complain(arguments, Cancelled("Interrupted."), INTERRUPTED)
    except UsageError as error:
        if "--json" not in arguments:
            error.show()
            return USAGE
        return _complain(arguments, BadSetting(error.format_message()), USAGE)
    except FallowError as error:
        return _complain(arguments, error, _exit_code(error))
    except OSError as error:
        return _complain(arguments, Rejected(summary.sentence(error)), FAILED)
    except Exception as error:
        if isinstance(error, ModuleNotFoundError) and (needed := packages.missing(error)):
            return _complain(arguments, needed, USAGE)
        traceback.print_exc()
        told = f"{type(error).__name__}: {error}. This is a fault of Fallow; please report it with the lines above."
        return _complain(arguments, FallowError(told), FAILED)


def _complain(arguments: Sequence[str], error: FallowError, code: int) -> int:
    if "--json" in arguments:
        _print_json(summary.error_json(summary.Failed.of(error)))
    sys.stderr.write(f"fallow: {error}\n")
    return code


def _exit_code(error: FallowError) -> int:
    if isinstance(error, Cancelled):
        return INTERRUPTED
    return USAGE if isinstance(error, (BadProfile, BadSetting)) else FAILED


def _verdict(job: JobView) -> int:
    if job.state not in ("failed", "cancelled"):
        return OK
    sys.stderr.write(f"fallow: {job.error or f'The job is {job.state}.'}\n")
    return FAILED


def _display(json: bool) -> Display:
    return Silence() if json and not sys.stderr.isatty() else display()


def _print_json(value: Any) -> None:
    sys.stdout.write(jsonlib.dumps(value, ensure_ascii=False) + "\n")
