"""What `fallow doctor` finds on this machine, at servers that are not there, and in URLs that make no sense."""

import json
import socket

import pytest

from fallow import cli
from fallow.adapters import check_amqp, check_mysql, check_network
from fallow.commands import doctor
from fallow.findings import BAD, GOOD, MISSING, WARNING
from fallow.settings import Settings

AMQP, MYSQL = "amqp://fallow:s3cret@127.0.0.1:{}/", "mysql://fallow:s3cret@127.0.0.1:{}/fallow"
S3 = "s3://bucket/x?endpoint=http://127.0.0.1:{}&access_key_id=AKID&secret_access_key=s3cret&region=us-east-1"
BACK_ENDS = {"queue": AMQP, "ledger": MYSQL, "store": S3}


@pytest.fixture
def look(tmp_path, monkeypatch, capsys):
    """The exit code of `fallow doctor` with some URLs, and what it says of back ends."""
    monkeypatch.chdir(tmp_path)

    def look(**urls):
        for name, url in urls.items():
            monkeypatch.setenv(f"FALLOW_{name.upper()}_URL", url)
        code = cli.run(["doctor", "--json", "--data", str(tmp_path / "data")])
        out, err = capsys.readouterr()
        assert err == ""
        assert "s3cret" not in out
        findings = [doctor.Finding(**told) for told in json.loads(out)["findings"]]
        assert json.loads(out)["ok"] is (code == 0)
        return code, [finding for finding in findings if finding.name in BACK_ENDS]

    return look


def test_it_finds_this_machine_healthy(tmp_path):
    findings = doctor.examine(Settings(data=tmp_path))
    assert doctor.healthy(findings)
    assert {"FFmpeg", "PyAV", "processors", "memory", "data folder"} <= {finding.name for finding in findings}


def test_it_names_what_is_missing_and_the_remedy(tmp_path):
    findings = doctor.examine(Settings(data=tmp_path, ffmpeg="/nowhere/ffmpeg"))
    missing = [finding for finding in findings if finding.state == doctor.MISSING]
    assert [finding.name for finding in missing] == ["FFmpeg"]
    assert "nstall" in missing[0].remedy
    assert not doctor.as_json(findings)["ok"]


@pytest.mark.parametrize(("urls", "state"), [(3, WARNING), (2, MISSING)])
def test_services_need_no_data_folder(tmp_path, monkeypatch, urls, state):
    monkeypatch.setattr(doctor, "_back_ends", lambda settings: [])
    monkeypatch.setattr(doctor.os, "access", lambda place, mode: place != tmp_path)
    named = dict([("queue_url", "amqp://mq"), ("ledger_url", "mysql://u@db/d"), ("store_url", "s3://b")][:urls])
    found = {finding.name: finding for finding in doctor.examine(Settings(data=tmp_path, **named))}
    assert found["data folder"].state == state


def test_of_embedded_back_ends_there_is_nothing_to_say(look):
    assert look(queue="memory:", ledger="", store="") == (0, [])


@pytest.mark.parametrize(("name", "url"), BACK_ENDS.items())
def test_where_nobody_listens(look, name, url):
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    code, (finding,) = look(**{name: url.format(port)})
    assert (code, finding.name, finding.state) == (1, name, BAD)
    assert "nobody listens there" in finding.detail
    assert "Start the server" in finding.remedy


@pytest.mark.parametrize(("name", "url"), BACK_ENDS.items())
def test_a_host_that_takes_connections_and_never_answers(look, name, url):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        code, findings = look(**{name: url.format(silent.getsockname()[1])})
    assert (code, GOOD in {finding.state for finding in findings}) == (1, False)


@pytest.mark.parametrize(("name", "url"), BACK_ENDS.items())
def test_a_host_that_swallows_packets(look, monkeypatch, name, url):
    def swallow(*_):
        raise TimeoutError("timed out")

    monkeypatch.setattr(check_network.socket, "create_connection", swallow)
    code, (finding,) = look(**{name: url.format(9)})
    assert (code, finding.state) == (1, BAD)
    assert "firewall" in finding.remedy


@pytest.mark.parametrize(("name", "url"), BACK_ENDS.items())
def test_a_machine_that_has_no_such_name(look, name, url):
    _, (finding,) = look(**{name: url.format(9).replace("127.0.0.1", "nobody.invalid")})
    assert (finding.state, "no machine is called nobody.invalid" in finding.detail) == (BAD, True)


@pytest.mark.parametrize(
    ("name", "url"),
    [
        ("queue", "redis://:s3cret@127.0.0.1/"),
        ("queue", "amqp://user:s3cret@:x/"),
        ("queue", "amqp:/user:s3cret@mq/"),
        ("queue", "user:s3cret@mq"),
        ("ledger", "postgres://fallow:s3cret@127.0.0.1/fallow"),
        ("ledger", "mysql://fallow:s3cret@127.0.0.1"),
        ("store", "ftp://fallow:s3cret@127.0.0.1/x"),
        ("store", "s3://key:s3cret@bucket"),
        ("store", "s3://bucket?no_such_option=s3cret"),
        ("store", "file://host/x"),
        ("store", "s3:/key:s3cret@bucket"),
        ("store", "s3.example/bucket?secret_access_key=s3cret"),
        ("ledger", "mysql:/fallow:s3cret@db/fallow"),
        ("ledger", "fallow:s3cret@db/fallow"),
    ],
)
def test_urls_that_make_no_sense(look, name, url):
    code, (finding,) = look(**{name: url})
    assert (code, finding.name, finding.state) == (1, name, BAD)
    assert finding.remedy == f"Correct FALLOW_{name.upper()}_URL."


def test_a_package_that_is_missing(look, monkeypatch):
    async def missing(url):
        raise ModuleNotFoundError("No module named 'aio_pika'", name="aio_pika")

    monkeypatch.setattr(check_amqp, "check", missing)
    code, (finding,) = look(queue=AMQP.format(9))
    assert (code, finding.state) == (1, MISSING)
    assert "pip install 'fallow[cluster]'" in finding.remedy


def test_a_folder_that_is_well(look, tmp_path):
    (tmp_path / "blobs").mkdir()
    code, (finding,) = look(store=f"file://{tmp_path}/blobs")
    assert (code, finding.state in (GOOD, WARNING)) == (0, True)
    assert "GB free" in finding.detail
    assert list((tmp_path / "blobs").iterdir()) == []


def test_a_folder_that_is_not_there_is_not_made(look, tmp_path):
    code, (finding,) = look(store=f"file://{tmp_path}/blobs")
    assert (code, finding.state) == (0, WARNING)
    assert not (tmp_path / "blobs").exists()


def test_a_folder_that_is_a_file(look, tmp_path):
    (tmp_path / "blobs").touch()
    code, (finding,) = look(store=f"file://{tmp_path}/blobs")
    assert (code, finding.state) == (1, BAD)


@pytest.mark.parametrize(
    ("ahead", "state", "said"),
    [(0.4, GOOD, "agrees"), (2.0, WARNING, "2.0 s ahead of"), (-9.9, WARNING, "behind"), (-10.0, BAD, "behind")],
)
def test_clocks(ahead, state, said):
    finding = check_network.clocks("ledger", ahead, 10.0)
    assert (finding.state, said in finding.detail) == (state, True)


@pytest.mark.parametrize(
    ("product", "version", "state"),
    [
        ("RabbitMQ", "3.9.27", BAD),
        ("RabbitMQ", "3.10.0", GOOD),
        ("RabbitMQ", "4.2", GOOD),
        ("LavinMQ", "2.1", WARNING),
    ],
)
def test_versions_of_rabbitmq(product, version, state):
    look = check_amqp._seen(check_amqp._Node("mq", 5672, product, version))
    assert (look.place, look.state) == ("mq:5672", state)


@pytest.mark.parametrize(
    ("version", "state"),
    [("5.5.5-10.5.29-MariaDB", BAD), ("10.6.0-MariaDB", GOOD), ("11.8.9-MariaDB-log", GOOD), ("8.4.3", WARNING)],
)
def test_versions_of_mariadb(version, state):
    look = check_mysql._seen(check_mysql._Node("::1", 3306, version, 0.0, 0.0))
    assert (look.place, look.state) == ("[::1]:3306", state)
