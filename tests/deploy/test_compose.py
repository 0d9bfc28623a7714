"""The platform on one Docker host: rules that its file keeps, and passwords that fit together."""

from __future__ import annotations

import importlib.util
import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.chart import ROOT
from fallow.adapters.object_url import open_store
from fallow.services.roles import Role, check
from fallow.services.run import LAST
from fallow.settings import load

FILE = ROOT / "deploy" / "compose.yaml"
COMPOSE = yaml.safe_load(FILE.read_text(encoding="utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OWN = [role.value for role in Role]


@pytest.fixture(scope="module")
def passwords(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Path]:
    """deploy/compose_secrets.py, and what it has made."""
    spec = importlib.util.spec_from_file_location("compose_secrets", FILE.with_name("compose_secrets.py"))
    assert spec
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)  # type: ignore[union-attr]
    folder = tmp_path_factory.mktemp("compose") / "secrets"
    assert module.write(folder)
    return module, folder


def settings_of(name: str, folder: Path) -> Any:
    variables = {key: value for key, value in SERVICES[name]["environment"].items() if key.startswith("FALLOW_")}
    mounted = set(SERVICES[name]["secrets"])
    for variable, place in variables.items():
        if variable.endswith("_FILE"):
            assert Path(place).name in mounted
            variables[variable] = str(folder / Path(place).name)
    return load({"host": "0.0.0.0"}, variables)  # noqa: S104 - as the image has it


def test_every_service_is_there_and_ready_when_it_says_so() -> None:
    assert set(OWN) | {"migration", "rabbitmq", "mariadb", "store", "bucket"} == set(SERVICES)
    for name, service in SERVICES.items():
        assert "test" in service["healthcheck"] or service["restart"] == "no", name
        limits = service["deploy"]["resources"]["limits"]
        assert {"cpus", "memory"} <= set(limits), name
        assert service["pids_limit"], name
        assert re.search(r":\d[\w.]*\}?$", service["image"]), name


@pytest.mark.parametrize("name", [*OWN, "migration"])
def test_containers_of_ours_have_no_rights(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    # So `--scale` can make several.
    assert "container_name" not in service
    assert ("ports" in service) is (name == "gateway")


@pytest.mark.parametrize("name", OWN)
def test_no_service_is_killed_before_it_has_given_back_what_it_holds(name: str) -> None:
    seconds = int(SERVICES[name]["stop_grace_period"].removesuffix("s"))
    assert seconds > float(SERVICES[name]["environment"]["FALLOW_STOP_SECONDS"]) + LAST


def test_every_secret_is_made_and_used(passwords: tuple[Any, Path]) -> None:
    _, folder = passwords
    files = {Path(secret["file"]).name: name for name, secret in COMPOSE["secrets"].items()}
    assert set(files) == {path.name for path in folder.iterdir()}
    used = [one for service in SERVICES.values() for one in service.get("secrets", [])]
    assert {one["source"] if isinstance(one, dict) else one for one in used} == set(COMPOSE["secrets"])


@pytest.mark.parametrize("role", Role, ids=lambda role: role.value)
def test_services_understand_what_they_are_given(role: Role, passwords: tuple[Any, Path]) -> None:
    settings = settings_of(role.value, passwords[1])
    check({role}, settings)
    assert bool(settings.api_token) is (role is Role.GATEWAY)


def test_passwords_are_the_same_on_both_sides(passwords: tuple[Any, Path]) -> None:
    module, folder = passwords
    text = {path.name: path.read_text(encoding="utf-8") for path in folder.iterdir()}
    (queue,) = re.findall(r"default_pass = (\w+)", text["rabbitmq.conf"])
    assert text["queue-url"] == f"amqp://fallow:{queue}@rabbitmq/fallow"
    assert text["ledger-url"] == f"mysql://fallow:{text['mariadb-password']}@mariadb/fallow"
    (identity,) = json.loads(text["s3.json"])["identities"]
    remote = open_store(text["store-url"], {}).remote
    assert remote.config["secret_access_key"] == identity["credentials"][0]["secretKey"]  # type: ignore[index]
    assert remote.config["access_key_id"] == identity["credentials"][0]["accessKey"]  # type: ignore[index]
    # Once made, they stay: the servers know them.
    assert not module.write(folder)
    assert {path.name: path.read_text(encoding="utf-8") for path in folder.iterdir()} == text
    assert folder.stat().st_mode & 0o077 == 0
