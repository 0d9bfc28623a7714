"""RabbitMQ and MariaDB over TLS: nobody else's server is taken for them."""

import asyncio
import tempfile
from pathlib import Path

import pytest
from ledger_steps import a_job
from sqlalchemy import text

from fallow.adapters import check_amqp, check_mysql
from fallow.adapters.ledger_database import flavour
from fallow.adapters.ledger_migrate import migrate
from fallow.adapters.ledger_retry import Patience
from fallow.adapters.ledger_sql import SqlLedger
from fallow.adapters.queue_amqp import AmqpQueue
from fallow.errors import Unavailable
from fallow.findings import BAD, GOOD
from servers import free_ports
from servers.authority import Authority
from servers.mariadb import MariaDB
from servers.rabbitmq import QUOTED, USER, Cluster


@pytest.fixture(scope="module")
def authority():
    """Servers do not run as root, and are to read its files."""
    with tempfile.TemporaryDirectory(prefix="fallow-authority-") as folder:
        Path(folder).chmod(0o755)
        yield Authority(Path(folder))


@pytest.fixture(scope="module")
def stranger(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("stranger"))


@pytest.fixture(scope="module")
def broker(authority, tmp_path_factory):
    """Its URL."""
    (port,) = free_ports(1)
    files = {"cacertfile": authority.file, "certfile": authority.certificate, "keyfile": authority.key}
    more = f"listeners.ssl.default = 127.0.0.1:{port}\n"
    more += "".join(f"ssl_options.{name} = {file}\n" for name, file in files.items())
    with Cluster(tmp_path_factory.mktemp("encrypted"), more=more):
        yield f"amqps://{USER}:{QUOTED}@127.0.0.1:{port}/"


@pytest.fixture(scope="module")
def database(authority):
    """Its URL, to which the authority's file is still to be added."""
    files = {"ssl_ca": authority.file, "ssl_cert": authority.certificate, "ssl_key": authority.key}
    authority.key.chmod(0o644)
    with MariaDB(1, **files) as server:
        server.nodes[0].sql("ALTER USER 'fallow'@'%' REQUIRE SSL")
        yield server.url(server.database()) + "?ssl_ca="


async def test_messages_go_through_a_broker_that_is_whose_it_says(broker, authority, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
    queue = AmqpQueue(broker)
    await queue.publish("encrypted", b"hello")
    message = await queue.get(["encrypted"], 10.0)
    assert message.body == b"hello"
    await queue.ack(message)
    await queue.close()
    assert {finding.state for finding in await check_amqp.check(broker)} == {GOOD}


async def test_no_password_is_told_to_a_broker_of_somebody_else(broker, stranger, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(stranger.file))
    found = await check_amqp.check(broker)
    assert [finding.state for finding in found] == [BAD]
    assert "certificate" in found[0].detail


async def test_a_ledger_works_over_tls(database, authority):
    url = f"{database}{authority.file}"
    migrate(url)
    ledger = await SqlLedger.open(url)
    await ledger.create_job(a_job())
    assert await ledger.job("j") == a_job()
    await ledger.close()
    kind = flavour(url)
    with kind.engine.connect() as db:
        assert db.execute(text("SHOW STATUS LIKE 'Ssl_cipher'")).one()[1]
    kind.engine.dispose()
    assert BAD not in {finding.state for finding in await check_mysql.check(url, 1.0)}


async def test_no_password_is_told_to_a_database_of_somebody_else(database, stranger):
    url = f"{database}{stranger.file}"
    with pytest.raises(Unavailable, match="certificate"):
        await asyncio.to_thread(migrate, url, Patience(seconds=0.1))
    found = await check_mysql.check(url, 1.0)
    assert [finding.state for finding in found] == [BAD]
    assert "certificate" in found[0].detail
