"""Arguments and flags that several commands have."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fallow.people import Role as Level

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
