"""The rules of the tree: who may import whom and what, how long things may be, what is annotated and described."""

from __future__ import annotations

import ast
import gc
import re
import sys
from collections.abc import Iterator
from functools import cache
from itertools import chain
from pathlib import Path
from statistics import median, quantiles

import pytest
import tomllib

SOURCE = Path(__file__).parent.parent / "src" / "fallow"
MODULES = {path.relative_to(SOURCE).with_suffix("").as_posix(): path for path in sorted(SOURCE.rglob("*.py"))}

# From the top down: a module imports only what stands on a lower line, or in its own folder.
LAYERS = [
    ["__main__"],
    ["cli"],
    ["commands"],
    ["lab"],
    ["services", "client"],
    ["tus"],
    ["calls"],
    ["wiring"],
    ["adapters"],
    ["pipeline", "accounts"],
    ["streaming"],
    ["media", "worker"],
    ["ports"],
    ["overview", "amending", "fleet", "fetching"],
    ["records", "people", "webhooks"],
    ["ffmpeg", "device", "messages", "profile_files"],
    ["profiles"],
    ["recipe"],
    ["catalogue", "model"],
    ["settings", "log", "data_folder", "findings"],
    ["addresses"],
    ["errors"],
    ["__init__"],
]
RANK = {name: rank for rank, names in enumerate(reversed(LAYERS)) for name in names}

STANDARD_LIBRARY_ONLY = [
    *("worker", "device", "ffmpeg", "messages", "model", "recipe", "catalogue", "profiles", "profile_files"),
    *("ports", "overview", "amending", "fleet", "fetching", "records", "people", "webhooks", "client", "tus"),
    *("calls", "settings", "log", "addresses", "findings", "errors", "__init__", "__main__"),
]
# Third-party packages, and the only places that may know them.
ALLOWED = {
    "argon2": ["accounts"],
    "av": ["media"],
    "fastapi": ["services"],
    "starlette": ["services"],
    "pydantic": ["services"],
    "prometheus_client": ["services"],
    "opentelemetry": ["services"],
    "uvicorn": ["services"],
    "uvloop": ["services"],
    "sqlalchemy": ["adapters"],
    "alembic": ["adapters"],
    "pymysql": ["adapters"],
    "aio_pika": ["adapters"],
    "aiormq": ["adapters"],
    "yarl": ["adapters"],
    "obstore": ["adapters"],
    "h11": ["adapters"],
    "matplotlib": ["lab"],
    "typer": ["cli"],
    "rich": ["cli", "commands"],
}
# The agent runs on Python 3.10; what only the server imports may use newer modules.
NEWER_THAN_310 = {"tomllib"}

# Booleans that are passed on as facts about a thing; they switch nothing.
FACTS = {
    "media/write_packets:add(key)",
    "media/probe:audio_track(steady)",
    "streaming/package:add_section(more)",
}

LONGEST_MODULE, LONGEST_FUNCTION, P90_FUNCTION, MEDIAN_FUNCTION = 400, 60, 25, 7


@cache
def tree(name: str) -> ast.Module:
    # What is collected meanwhile may log a traceback, for which Python 3.11 parses, too: more than it can at once.
    gc.disable()
    try:
        return ast.parse(MODULES[name].read_text(encoding="utf-8"))
    finally:
        gc.enable()


def layer(name: str) -> str:
    return name.partition("/")[0]


def imports(name: str) -> Iterator[str]:
    """Full names of everything a module imports, wherever in it."""
    for node in ast.walk(tree(name)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name} has a relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def own(imported: str) -> str | None:
    """The module of ours that an import means."""
    parts = imported.split(".")
    if parts[0] != "fallow":
        return None
    for end in range(len(parts), 0, -1):
        for candidate in ("/".join(parts[1:end]), "/".join([*parts[1:end], "__init__"])):
            if candidate.strip("/") in MODULES:
                return candidate.strip("/")
    raise AssertionError(f"there is no module {imported}")


def functions(name: str) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    yield from (n for n in ast.walk(tree(name)) if isinstance(n, (ast.FunctionDef, ast.AsyncFunctionDef)))


def length(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of the body, without its docstring."""
    body = function.body[1:] if ast.get_docstring(function) and len(function.body) > 1 else function.body
    return (function.end_lineno or 0) - body[0].lineno + 1


def test_every_package_is_held_to_one_version() -> None:
    """Whoever adds a package runs scripts/lock."""
    project = tomllib.loads((SOURCE.parent.parent / "pyproject.toml").read_text(encoding="utf-8"))
    groups = project["project"]["optional-dependencies"].values()
    wanted = {re.match(r"[\w-]+", need)[0] for need in chain(project["build-system"]["requires"], *groups)}
    held = (SOURCE.parent.parent / "constraints.txt").read_text(encoding="utf-8")
    assert wanted - {"fallow"} - set(re.findall(r"^([\w-]+)==", held, re.MULTILINE)) == set()
    assert "://" not in held


def test_every_module_has_its_place() -> None:
    assert {layer(name) for name in MODULES} - set(RANK) == set()


@pytest.mark.parametrize("name", MODULES)
def test_imports_go_downward(name: str) -> None:
    targets = {target for imported in imports(name) if (target := own(imported))}
    upward = [t for t in targets if layer(t) != layer(name) and RANK[layer(t)] >= RANK[layer(name)]]
    assert upward == []


def test_there_is_no_import_cycle() -> None:
    graph = {name: {t for i in imports(name) if (t := own(i)) and t != name} for name in MODULES}
    done: set[str] = set()

    def visit(name: str, path: tuple[str, ...]) -> None:
        assert name not in path, " -> ".join([*path, name])
        if name not in done:
            for target in sorted(graph[name]):
                visit(target, (*path, name))
            done.add(name)

    for name in graph:
        visit(name, ())


@pytest.mark.parametrize("name", MODULES)
def test_third_party_packages_stay_in_their_place(name: str) -> None:
    packages = {imported.partition(".")[0] for imported in imports(name)} - {"fallow", "__future__"}
    foreign = packages - sys.stdlib_module_names
    if layer(name) in STANDARD_LIBRARY_ONLY:
        assert foreign == set()
    assert [p for p in foreign if layer(name) not in ALLOWED.get(p, [])] == []


@pytest.mark.parametrize("name", [name for name in MODULES if layer(name) in ("worker", "device", "ffmpeg")])
def test_the_agent_reaches_only_what_python_310_has(name: str) -> None:
    reached, waiting = set(), {name}
    while waiting:
        module = waiting.pop()
        reached.add(module)
        assert [i for i in imports(module) if i.partition(".")[0] in NEWER_THAN_310] == []
        waiting |= {t for i in imports(module) if (t := own(i))} - reached
    assert {layer(module) for module in reached} <= {
        *("worker", "device", "ffmpeg", "messages", "recipe", "catalogue", "model", "log", "errors", "__init__")
    }


@pytest.mark.parametrize("name", MODULES)
def test_modules_say_in_one_line_what_they_are(name: str) -> None:
    docstring = ast.get_docstring(tree(name))
    assert docstring
    assert docstring.splitlines()[0].strip()


@pytest.mark.parametrize("package", [name for name in MODULES if name.endswith("/__init__")])
def test_packages_list_their_modules(package: str) -> None:
    """Whoever looks for a behaviour finds its module from the package's docstring."""
    folder = package.rpartition("/")[0]
    modules = {name.rpartition("/")[2] for name in MODULES if name.rpartition("/")[0] == folder} - {"__init__"}
    told = ast.get_docstring(tree(package)) or ""
    pieces = [piece for line in told.splitlines() if line.startswith("- ") for piece in line[2:].split("; ")]
    listed = [piece.partition(":")[0].split(", ") for piece in pieces if ":" in piece]
    assert sorted(name for names in listed for name in names) == sorted(modules)


def test_modules_are_short() -> None:
    lines = {name: len(path.read_text(encoding="utf-8").splitlines()) for name, path in MODULES.items()}
    assert {name: n for name, n in lines.items() if n > LONGEST_MODULE} == {}


def test_functions_are_short() -> None:
    lengths = {f"{name}:{f.name}:{f.lineno}": length(f) for name in MODULES for f in functions(name)}
    assert {name: n for name, n in lengths.items() if n > LONGEST_FUNCTION} == {}
    assert quantiles(lengths.values(), n=10)[-1] <= P90_FUNCTION
    assert median(lengths.values()) <= MEDIAN_FUNCTION


@pytest.mark.parametrize("name", MODULES)
def test_everything_is_annotated(name: str) -> None:
    bare = []
    for function in functions(name):
        parameters = function.args
        given = [*parameters.posonlyargs, *parameters.args, *parameters.kwonlyargs]
        given += [p for p in (parameters.vararg, parameters.kwarg) if p]
        bare += [f"{function.name}({p.arg})" for p in given if not p.annotation and p.arg not in ("self", "cls")]
        bare += [function.name] if function.returns is None else []
    assert bare == []


@pytest.mark.parametrize("name", MODULES)
def test_no_name_says_nothing(name: str) -> None:
    assert {"utils", "util", "helpers", "helper", "common", "misc"} & set(name.split("/")) == set()


@pytest.mark.parametrize("name", [name for name in MODULES if layer(name) != "cli"])
def test_no_boolean_parameter_switches_what_a_function_does(name: str) -> None:
    """A field of a dataclass may be true or false, and so may a flag of the command line."""
    switches = [
        f"{name}:{function.name}({parameter.arg})"
        for function in functions(name)
        if not function.name.startswith("_")
        for parameter in [*function.args.args, *function.args.kwonlyargs]
        if parameter.annotation and "bool" in ast.unparse(parameter.annotation).split("[")[0].split(" | ")
    ]
    assert set(switches) - FACTS == set()
