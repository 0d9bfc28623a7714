"""The documentation is true and complete: settings, flags, commands, routes, profile keys, errors, links."""

from __future__ import annotations

import dataclasses
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main

from fallow import catalogue, cli, errors, profile_files, settings
from fallow.pipeline.context import Context
from fallow.profiles import Audio, Profile
from fallow.services import agents_api, blobs_api, gateway, play, probes
from fallow.services.metrics import Metrics
from fallow.services.platform_metrics import PlatformMetrics
from fallow.services.roles import Role
from fallow.settings import Settings
from fallow.worker import __main__ as worker
from fallow.worker import rules

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
PAGES = sorted([*DOCS.rglob("*.md"), *ROOT.glob("*.md")])
SHARING = ("status", "jobs", "workers", "cancel", "retry", "pause", "resume", "download")
COMMANDS: dict[str, Any] = typer.main.get_command(cli.app).commands  # type: ignore[attr-defined]


def page(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


def rows(text: str) -> dict[str, str]:
    """Table rows by the words in code in their first cell."""
    found: dict[str, str] = {}
    for line in text.splitlines():
        if line.startswith("| "):
            first = line.split("|")[1]
            found |= dict.fromkeys(re.findall(r"`([^`]+)`", first), line)
    return found


def shell_lines(text: str) -> Iterator[str]:
    for block in re.findall(r"```sh\n(.*?)```", text, re.DOTALL):
        yield from (line.split("#")[0].strip() for line in block.splitlines())


@pytest.mark.parametrize("field", dataclasses.fields(Settings), ids=lambda field: field.name)
def test_every_setting_is_documented(field: dataclasses.Field[object]) -> None:
    row = rows(page("reference/settings.md")).get(field.name, "")
    assert f"`{settings.variable(field.name)}`" in row
    default = str(field.default)
    assert default == "" or re.search(rf"\| `?{re.escape(default.removesuffix('.0'))}`? \|", row), row


def test_no_setting_is_documented_that_is_not_there() -> None:
    known = {field.name for field in dataclasses.fields(Settings)}
    own = {"FALLOW_SERVER", "FALLOW_PROFILES", "FALLOW_STATE"}
    own |= {f"FALLOW_{name}" for name in ("SLOTS", "THREADS", "NAME", "NICE", "LOG_LEVEL")}
    own |= {"FALLOW_GATE", "FALLOW_ROOT", "FALLOW_WORKER_SETTINGS", "FALLOW_WORKER_FOLDER", "FALLOW_CALIBRATION"}
    own |= {f"FALLOW_{name}" for name in ("TOKEN_FILE", "IDENTITY", "UPDATE", "UPDATE_AFTER")}
    own |= {"FALLOW_METER", "FALLOW_IDLE_WATTS", "FALLOW_BUSY_WATTS"}
    own |= {rules.variable_of(name) for name in rules.FIELDS}
    assert set(rows(page("reference/settings.md"))) == known | own


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_and_flag_is_documented(name: str) -> None:
    text = page("reference/cli.md")
    sections = [s for s in text.split("\n## ") if re.search(rf"`fallow {name}\b", s.splitlines()[0])]
    assert len(sections) == 1, f"fallow {name} needs one section"
    # What several commands share is told once.
    told = sections[0] + (text if name in SHARING else "")
    for parameter in COMMANDS[name].params:
        for flag in [*parameter.opts, *parameter.secondary_opts]:
            assert not flag.startswith("-") or flag in told, f"{flag} of fallow {name}"
        variable = parameter.envvar
        assert variable is None or f"`{variable}`" in page("reference/settings.md"), variable


def test_every_flag_of_the_worker_is_documented_with_its_variable() -> None:
    told = rows(page("reference/cli.md").split("## `fallow worker")[1])
    settings_page = page("reference/settings.md")
    for action in worker.parser()._actions:
        for flag in action.option_strings:
            if flag in ("-h", "--help"):
                continue
            row = next((told[name] for name in told if name.split()[0] == flag), "")
            assert row, flag
            for variable in re.findall(r"FALLOW_\w+", action.help or ""):
                assert f"`{variable}`" in row
                assert f"`{variable}`" in settings_page


def test_no_command_is_documented_that_is_not_there() -> None:
    headings = [line for line in page("reference/cli.md").splitlines() if line.startswith("## ")]
    named = {word for line in headings for word in re.findall(r"`fallow (\w+)", line)}
    assert named == set(COMMANDS)


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_commands_in_examples_exist(path: Path) -> None:
    for line in shell_lines(path.read_text(encoding="utf-8")):
        words = line.split()
        if words[:1] == ["fallow"]:
            assert words[1] in COMMANDS, line
            known = {flag for p in COMMANDS[words[1]].params for flag in [*p.opts, *p.secondary_opts]}
            flags = [word for word in words[2:] if re.match(r"--?[a-z]", word)]
            assert words[1] == "worker" or [flag for flag in flags if flag not in known] == [], line
            assert words[1] != "serve" or words[2] in [role.value for role in Role], line
        elif words and words[0].startswith("scripts/"):
            assert (ROOT / words[0]).is_file(), line


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_variables_that_are_named_exist(path: Path) -> None:
    named = set(re.findall(r"FALLOW_[A-Z_]*[A-Z]", path.read_text(encoding="utf-8")))
    assert named - set(re.findall(r"FALLOW_\w+", page("reference/settings.md"))) == set()


def routes() -> set[tuple[str, str]]:
    """Method and path of everything the gateway answers, with parameters named as in the documentation."""
    ctx = Context(*[None] * 5)  # type: ignore[list-item]
    found = set()
    for path, calls in gateway.build(ctx, "").openapi()["paths"].items():
        found |= {(method.upper(), path) for method in calls if method != "head"}
    agents = agents_api.routes(agents_api.Agents.__new__(agents_api.Agents), lambda: b"")
    for route in agents:
        found |= {(method, route.path) for method in route.methods or () if method != "HEAD"}
    found |= {("GET", route.path) for route in probes.routes(ctx)}
    found.add(("GET", f"{play.PATH}{{job}}/{{ticket}}/{{name}}"))
    return found | {(method, f"{blobs_api.PATH}{{key}}") for method in ("GET", "PUT")}


def test_every_route_is_documented_and_no_other() -> None:
    told = {tuple(call.split(" ", 1)) for call in rows(page("reference/api.md")) if " /" in call}
    assert told == routes()


def test_the_tables_of_metrics_are_true_and_complete() -> None:
    told = [[cell.strip() for cell in row.split("|")[1:4]] for row in rows(page("reference/metrics.md")).values()]
    ctx = Context(*[None] * 5)  # type: ignore[list-item]
    registries = [Metrics().registry, PlatformMetrics(ctx).registry]
    found = []
    for collector in [c for registry in registries for c in registry._collector_to_names if hasattr(c, "_type")]:
        name = f"{collector._name}_total" if collector._type == "counter" else collector._name
        labels = ", ".join(f"`{label}`" for label in collector._labelnames)
        found.append([f"`{name}`", collector._type, labels])
    assert sorted(told) == sorted(found)


@pytest.mark.parametrize("action", [action for action in rows(page("reference/logs.md")) if "." in action])
def test_actions_in_the_log_are_those_that_are_documented(action: str) -> None:
    code = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "src" / "fallow").rglob("*.py"))
    assert re.search(rf"log\.(event|trouble)\(\s*\"{re.escape(action)}\"", code)


@pytest.mark.parametrize("key", [f.name for f in dataclasses.fields(Profile) if f.name not in ("name", "audio")])
def test_every_profile_key_is_documented(key: str) -> None:
    assert key in rows(page("reference/profiles.md"))


@pytest.mark.parametrize("key", [f"audio.{f.name}" for f in dataclasses.fields(Audio)])
def test_every_audio_key_is_documented(key: str) -> None:
    assert key in rows(page("reference/profiles.md"))


def test_codecs_and_filters_are_documented() -> None:
    text = page("reference/profiles.md")
    for name in [*catalogue.VIDEO, *catalogue.AUDIO, *catalogue.FILTERS]:
        assert f"`{name}`" in text, name


@pytest.mark.parametrize("profile", profile_files.load().values(), ids=lambda profile: profile.name)
def test_the_table_of_built_in_profiles_is_true(profile: Profile) -> None:
    cells = [cell.strip() for cell in rows(page("reference/profiles.md"))[profile.name].split("|")[2:-1]]
    assert cells == [
        f"{profile.width}x{profile.height}",
        profile.profile,
        profile.preset,
        f"crf {profile.crf:g}",
        f"{profile.maxrate_kbps} kb/s",
        f"AAC {profile.audio.bitrate_kbps}k, {profile.audio.channels} ch",
    ]


def test_every_error_is_documented_with_its_kind() -> None:
    told = rows(page("reference/errors.md"))
    classes = [c for _, c in inspect.getmembers(errors, inspect.isclass) if issubclass(c, errors.FallowError)]
    assert [c.__name__ for c in classes if f"`{c.kind}`" not in told.get(c.__name__, "")] == []


def test_containers_and_their_names_are_documented() -> None:
    told = rows(page("reference/containers.md"))
    assert set(catalogue.CONTAINERS) <= set(told)
    for ending, container in catalogue.EXTENSIONS.items():
        assert f"`{ending}`" in told[container]


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_links_lead_somewhere(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)]+)\)", text):
        if "://" in target:
            continue
        name, _, anchor = target.partition("#")
        place = (path.parent / name).resolve() if name else path
        assert place.exists(), target
        if anchor:
            headings = re.findall(r"^#+ (.+)$", place.read_text(encoding="utf-8"), re.MULTILINE)
            assert anchor in {re.sub(r"[^\w -]", "", h).lower().replace(" ", "-") for h in headings}, target


def test_every_page_is_reached_from_the_index() -> None:
    linked = {(DOCS / t).resolve() for t in re.findall(r"\]\(([^)#]+)", page("index.md"))}
    linked |= {(DOCS / "decisions" / t).resolve() for t in re.findall(r"\]\(([^)#]+)", page("decisions/README.md"))}
    assert [p.name for p in DOCS.rglob("*.md") if p.resolve() not in linked and p != DOCS / "index.md"] == []
