"""What `fallow doctor` finds at the real servers: all well, and each thing that is wrong."""

import asyncio
import http.client
import http.server
import re
import shlex
import threading
import urllib.parse
from email.utils import formatdate
from pathlib import Path

import pytest
from findings_of import look, of, states
from test_store_urls import sas

from fallow import wiring
from fallow.adapters.ledger_migrate import migrate
from fallow.adapters.ledger_tables import SCHEMA
from fallow.adapters.object_url import open_store
from fallow.findings import BAD, GOOD, WARNING
from servers import free_ports
from servers.mariadb import QUOTED as DATABASE_QUOTED
from servers.rabbitmq import QUOTED

HOW_TO = Path(__file__).parents[2] / "docs" / "how-to" / "cluster.md"


def with_dead(url, at):
    """The same cluster, of which one more node is named, which is down."""
    (port,) = free_ports(1)
    login, _, rest = url.partition("@")
    hosts, _, path = rest.partition("/")
    named = [f"127.0.0.1:{port}", hosts] if at == "first" else [hosts, f"127.0.0.1:{port}"]
    return f"{login}@{','.join(named)}/{path}"


# The queue


async def test_a_broker_that_is_well(rabbit):
    told = await look(queue_url=rabbit.url)
    assert states(told) == [GOOD, GOOD]
    assert "RabbitMQ 3." in told[0][1] or "RabbitMQ 4." in told[0][1]
    assert "ms" in told[1][1]
    assert "fallow.doctor" not in rabbit.nodes[0].control("list_queues", "name")


@pytest.mark.parametrize("at", ["first", "last"])
async def test_a_dead_node_among_several_is_named(rabbit, at):
    url = with_dead(rabbit.url, at)
    dead = next(host for host in url.partition("@")[2].partition("/")[0].split(",") if host not in rabbit.url)
    told = await look(queue_url=url)
    assert sorted(states(told)) == [GOOD, GOOD, WARNING]
    assert of(WARNING, told).startswith(f"{dead}: nobody listens there")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("fallow:pa55", "fallow:WRONG", "refuses the user fallow or the password"),
        ("fallow:pa55", "somebody:pa55", "refuses the user somebody or the password"),
    ],
)
async def test_a_login_that_is_refused(rabbit, old, new, said):
    assert said in of(BAD, await look(queue_url=rabbit.url.replace(old, new)))


async def test_a_virtual_host_that_is_not_there(rabbit):
    assert "add_vhost nowhere" in of(BAD, await look(queue_url=rabbit.url + "nowhere"))


@pytest.fixture(scope="module")
def guest(rabbit):
    """The URL of a user who has no rights yet."""
    rabbit.nodes[0].control("add_user", "visitor", "visitor")
    return rabbit.url.replace(f"fallow:{QUOTED}", "visitor:visitor")


async def test_a_user_without_rights_in_the_virtual_host(rabbit, guest):
    assert "set_permissions -p / visitor" in of(BAD, await look(queue_url=guest))


@pytest.mark.parametrize(
    ("rights", "said"),
    [
        (("", ".*", ".*"), "may not make queues"),
        ((".*", r"fallow\..*", ".*"), "access to exchange 'amq.default'"),
        ((".*", ".*", "fallow.dead"), "may not make queues"),  # which have to be read from to be dead-lettered
        ((r"fallow\..*", r"^(fallow\..*|amq\.default)$", r"fallow\..*"), "there and back"),
    ],
)
async def test_rights_that_a_user_lacks(rabbit, guest, rights, said):
    rabbit.nodes[0].control("set_permissions", "-p", "/", "visitor", *rights)
    told = await look(queue_url=guest)
    assert said in told[-1][1]
    assert states(told) == [GOOD, GOOD if said == "there and back" else BAD]


async def test_a_broker_that_takes_no_messages(rabbit):
    rabbit.nodes[0].control("set_vm_memory_high_watermark", "absolute", "1")
    try:
        assert "takes no messages" in of(BAD, await look(queue_url=rabbit.url))
    finally:
        rabbit.nodes[0].control("set_vm_memory_high_watermark", "absolute", "1GiB")


# The ledger


@pytest.fixture
def database(mariadb):
    return mariadb.url(mariadb.database())


def name_of(url):
    return url.rpartition("/")[2]


async def test_a_database_that_is_well(mariadb, database):
    migrate(database)
    told = await look(ledger_url=database)
    assert states(told) == [GOOD, GOOD, GOOD]
    assert "MariaDB" in told[0][1]
    assert f"schema {SCHEMA}; a question takes" in told[2][1]
    assert mariadb.nodes[0].sql(f"SELECT * FROM {name_of(database)}.marks") == ()  # noqa: S608


async def test_a_database_without_tables(database):
    assert "fallow migrate" in of(BAD, await look(ledger_url=database))


@pytest.mark.parametrize(("schema", "said"), [(0, "fallow migrate"), (99, "newer than this Fallow")])
async def test_tables_of_another_version(mariadb, database, schema, said):
    migrate(database)
    mariadb.nodes[0].sql(f"UPDATE {name_of(database)}.schema_version SET version = {schema}")  # noqa: S608
    assert said in of(BAD, await look(ledger_url=database))


async def test_a_table_that_does_not_take_every_letter(mariadb, database):
    migrate(database)
    mariadb.nodes[0].sql(f"ALTER TABLE {name_of(database)}.marks CONVERT TO CHARACTER SET latin1")
    assert "marks does not take every letter" in of(BAD, await look(ledger_url=database))


@pytest.mark.parametrize(
    ("login", "name", "said"),
    [
        ("somebody:WRONG", "fallow", "the user somebody or the password is refused"),
        ("fallow:WRONG", "fallow", "the user fallow or the password is refused"),
        (f"fallow:{DATABASE_QUOTED}", "fallowless", "CREATE DATABASE `fallowless"),
        (f"fallow:{DATABASE_QUOTED}", "elsewhere", "the user fallow may not use the database elsewhere"),
    ],
)
async def test_a_database_that_does_not_let_us_in(mariadb, login, name, said):
    told = await look(ledger_url=f"mysql://{login}@127.0.0.1:{mariadb.nodes[0].port}/{name}")
    assert states(told) == [BAD]
    assert said in told[0][1]


async def test_a_user_who_may_only_read(mariadb, database):
    migrate(database)
    name = name_of(database)
    mariadb.nodes[0].sql(
        "CREATE OR REPLACE USER 'reader'@'%' IDENTIFIED BY 'reader'", f"GRANT SELECT ON {name}.* TO 'reader'@'%'"
    )
    told = await look(ledger_url=database.replace(f"fallow:{DATABASE_QUOTED}", "reader:reader"))
    assert f"GRANT ALL ON `{name}`.* TO 'reader'" in of(BAD, told)


@pytest.mark.parametrize(("seconds", "state"), [(-4, WARNING), (3600, BAD)])
async def test_a_database_whose_clock_differs(mariadb, database, seconds, state):
    migrate(database)
    mariadb.nodes[0].sql(f"SET GLOBAL init_connect = 'SET timestamp = UNIX_TIMESTAMP() + {seconds}'")
    try:
        said = of(state, await look(ledger_url=database))
    finally:
        mariadb.nodes[0].sql("SET GLOBAL init_connect = ''")
    assert ("ahead of" if seconds > 0 else "behind") in said
    assert "chrony" in said


async def test_a_dead_database_among_several_is_named(database):
    migrate(database)
    told = await look(ledger_url=with_dead(database, "first"))
    assert sorted(states(told)) == [GOOD, GOOD, GOOD, WARNING]
    assert "nobody listens there" in of(WARNING, told)


# The store


@pytest.fixture(params=["ceph", "azurite"])
def bucket(request):
    return request.getfixturevalue(request.param).fresh_url()


async def test_a_bucket_that_is_well(bucket):
    told = await look(store_url=bucket)
    assert states(told) == [GOOD, GOOD, GOOD]
    assert "signed links" in told[2][1]


async def test_links_that_nobody_uses_are_not_tried(bucket):
    told = await look(store_url=f"{bucket}&links=gateway")
    assert states(told) == [GOOD, GOOD]


async def test_nothing_is_left_in_a_bucket(bucket):
    await look(store_url=bucket)
    store = open_store(bucket)
    assert [facts async for facts in store.list("")] == []


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("SECRETEXAMPLE", "WRONGSECRET", "the secret key is refused"),
        ("AKIDEXAMPLE", "AKIDELSE", "it knows no such access key"),
        ("s3://fallow/", "s3://nowhere/", "there is no such bucket"),
    ],
)
async def test_a_bucket_that_does_not_let_us_in(ceph, old, new, said):
    told = await look(store_url=ceph.fresh_url().replace(old, new))
    assert GOOD in states(told)  # its clock
    assert said in next(text for state, text in told if state == BAD)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("Eby8", "WRON", "the secret key is refused"),
        ("az://fallow/", "az://nowhere/", "there is no such bucket or container"),
    ],
)
async def test_a_container_that_does_not_let_us_in(azurite, old, new, said):
    told = await look(store_url=azurite.fresh_url().replace(old, new))
    assert said in next(text for state, text in told if state == BAD)


async def test_credentials_that_cannot_sign_links(azurite):
    given = {"account_name": "devstoreaccount1", "sas_key": sas(), "endpoint": azurite.url}
    url = f"az://fallow/doctor?{urllib.parse.urlencode(given)}"
    told = await look(store_url=url)
    assert "cannot sign links" in of(WARNING, told)
    assert "pass through the gateway" in of(WARNING, told)
    assert "it does not delete objects" in of(BAD, told)  # Azurite knows no deletion by the SAS of an account
    assert WARNING not in states(await look(store_url=f"{url}&links=gateway"))


async def test_a_user_without_rights_in_the_bucket(ceph):
    key, secret = ceph.user("visitor")
    url = ceph.fresh_url().replace("AKIDEXAMPLE", key).replace("SECRETEXAMPLE", secret)
    told = await look(store_url=url)
    assert states(told) == [GOOD, BAD, BAD, WARNING]
    assert "may not store objects" in told[1][1]
    assert "may not list objects" in told[2][1]
    assert "by signed links" in told[3][1]


class _Skewed(http.server.BaseHTTPRequestHandler):
    """Passes everything on, and tells another time."""

    behind = 0.0
    port = 0

    def log_message(self, *_):
        pass

    def _pass_on(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        there = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        there.request(self.command, self.path, body, dict(self.headers))
        answer = there.getresponse()
        content = answer.read()
        self.send_response_only(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in ("date", "content-length", "transfer-encoding", "connection"):
                self.send_header(name, value)
        self.send_header("Date", formatdate(_now() - self.behind, usegmt=True))
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)
        there.close()

    def __getattr__(self, name):
        if name.startswith("do_"):
            return self._pass_on
        raise AttributeError(name)


def _now():
    return wiring.SystemClock().now()


@pytest.mark.parametrize(("behind", "state"), [(5, WARNING), (-600, BAD)])
async def test_a_bucket_whose_clock_differs(ceph, behind, state):
    handler = type("Handler", (_Skewed,), {"behind": behind, "port": ceph.port})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as proxy:
        threading.Thread(target=proxy.serve_forever, daemon=True).start()
        try:
            url = ceph.fresh_url().replace(str(ceph.port), str(proxy.server_port))
            told = await look(store_url=url)
        finally:
            await asyncio.to_thread(proxy.shutdown)
    assert ("behind" if behind > 0 else "ahead of") in of(state, told)
    assert states(told).count(GOOD) == 2


# All of them


def examples(language):
    """The examples of one kind in the how-to for clusters."""
    return re.findall(rf"```{language}\n(.*?)```", HOW_TO.read_text(), re.DOTALL)


async def test_what_the_how_to_says_is_enough(rabbit, mariadb, ceph):
    (sql,) = examples("sql")
    # The servers have a user of that name already.
    statements = sql.replace("'fallow'@", "'howto'@").split(";")
    mariadb.nodes[0].sql(*filter(None, map(str.strip, statements)))
    for line in "".join(examples("sh")).splitlines():
        if line.startswith("rabbitmqctl "):
            named = line.replace("add_user fallow", "add_user howto").replace("-p fallow fallow", "-p fallow howto")
            rabbit.nodes[0].control(*shlex.split(named)[1:])
    queue = f"amqp://howto:QUEUE_PASSWORD@127.0.0.1:{rabbit.nodes[0].port}/fallow"
    ledger = f"mysql://howto:LEDGER_PASSWORD@127.0.0.1:{mariadb.nodes[0].port}/fallow"
    migrate(ledger)
    told = await look(queue_url=queue, ledger_url=ledger, store_url=ceph.fresh_url())
    assert states(told) == [GOOD] * 8


async def test_all_three_at_once(rabbit, mariadb, database, ceph):
    migrate(database)
    told = await look(queue_url=rabbit.url, ledger_url=database, store_url=ceph.fresh_url())
    assert states(told) == [GOOD] * 8
