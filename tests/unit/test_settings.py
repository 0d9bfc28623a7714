"""Settings from flags, environment and file; the data folder."""

from dataclasses import fields
from pathlib import Path

import pytest

from fallow.data_folder import DataFolder
from fallow.errors import BadSetting, Conflict
from fallow.settings import SECRETS, Settings, load, variable
from fallow.wiring import policy


def test_flags_win_over_the_environment_and_that_over_the_file(tmp_path):
    file = tmp_path / "fallow.toml"
    file.write_text('port = 1\nworkers = 2\nhost = "::1"\nlease_seconds = 9\n')
    found = load({"port": 5, "workers": None}, {"FALLOW_PORT": "4", "FALLOW_WORKERS": "3"}, file)
    assert (found.port, found.workers, found.host, found.lease_seconds) == (5, 3, "::1", 9.0)


def test_without_anything_there_are_defaults(tmp_path):
    assert load({}, {}, tmp_path / "none.toml") == Settings()


@pytest.mark.parametrize(
    ("environment", "word"),
    [
        ({"FALLOW_PORT": "http"}, "FALLOW_PORT"),
        ({"FALLOW_PORT": "70000"}, "port = 70000"),
        ({"FALLOW_ATTEMPTS": "0"}, "attempts"),
        ({"FALLOW_RENEW_SECONDS": "31"}, "renew_seconds"),
    ],
)
def test_values_that_make_no_sense_are_refused(environment, word, tmp_path):
    with pytest.raises(BadSetting, match=word):
        load({}, environment, tmp_path / "none.toml")


@pytest.mark.parametrize("text", ["nonsense = 1", "port =", "port = true", "port = [1]"])
def test_files_that_make_no_sense_are_refused(text, tmp_path):
    file = tmp_path / "fallow.toml"
    file.write_text(text)
    with pytest.raises(BadSetting, match=r"fallow\.toml"):
        load({}, {}, file)


def test_secrets_may_stand_in_files(tmp_path):
    file = tmp_path / "queue-url"
    file.write_text("amqp://fallow:Pa%40ss@rabbit/fallow\n")
    named = {"FALLOW_QUEUE_URL_FILE": str(file)}
    assert load({}, named).queue_url == "amqp://fallow:Pa%40ss@rabbit/fallow"
    assert load({}, {**named, "FALLOW_QUEUE_URL": "memory:"}).queue_url == "memory:"
    assert load({}, {"FALLOW_ATTEMPTS_FILE": str(file)}).attempts == 5  # nothing that is secret
    assert {name for name in SECRETS if hasattr(Settings(), name)} == set(SECRETS)


@pytest.mark.parametrize(("content", "word"), [(None, "cannot be read"), ("\n", "is empty")])
def test_a_secrets_file_with_nothing_in_it_is_refused(content, word, tmp_path):
    file = tmp_path / "secret"
    if content is not None:
        file.write_text(content)
    with pytest.raises(BadSetting, match=rf"FALLOW_SECRET_FILE names {file}, which {word}"):
        load({}, {"FALLOW_SECRET_FILE": str(file)})


def test_every_setting_is_described():
    assert all(field.metadata["told"] for field in fields(Settings))
    assert variable("lease_seconds") == "FALLOW_LEASE_SECONDS"


@pytest.mark.parametrize(
    ("host", "alone"), [("127.0.0.1", True), ("localhost", True), ("::1", True), ("192.0.2.1", False)]
)
def test_which_hosts_are_this_machine_alone(host, alone):
    assert Settings(host=host).loopback is alone


def test_workers_report_three_times_in_a_lease():
    assert policy(Settings(lease_seconds=30)).renew_seconds == 10
    assert policy(Settings(lease_seconds=30, renew_seconds=7)).renew_seconds == 7


def test_a_data_folder_has_one_owner_and_one_secret(tmp_path):
    first = DataFolder.open(tmp_path / "data")
    with pytest.raises(Conflict, match="Another Fallow"):
        DataFolder.open(tmp_path / "data")
    first.close()
    second = DataFolder.open(tmp_path / "data")
    assert second.derive("links") == first.derive("links") != first.derive("other")
    assert second.keep("join-token") == (tmp_path / "data" / "join-token").read_text().strip()
    for name in ("secret", "join-token", "lock"):
        assert (tmp_path / "data" / name).stat().st_mode & 0o077 == 0
    second.close()


def test_a_data_folder_that_cannot_be_made_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(BadSetting, match="cannot be used"):
        DataFolder.open(tmp_path / "file" / "data")
    with pytest.raises(BadSetting):
        DataFolder.open(Path("/proc/no/such"))
