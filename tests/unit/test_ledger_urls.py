"""URLs of ledgers, the order in which nodes are tried, and how long."""

import socket

import pytest
from sqlalchemy.exc import OperationalError

from fallow.adapters.ledger_mysql import Nodes, Server, parsed, passes
from fallow.adapters.ledger_retry import Patience
from fallow.errors import BadSetting
from servers import free_ports


def test_a_url_names_several_hosts():
    server = parsed("mysql://me:p%40ss:w@db1,db2:3307,[::1]:3308/fallow?ssl_ca=/ca.pem")
    hosts = (("db1", 3306), ("db2", 3307), ("::1", 3308))
    assert server == Server(hosts, "me", "p@ss:w", "fallow", "/ca.pem")
    assert "p@ss" not in repr(server) + server.place


@pytest.mark.parametrize(
    "url",
    [
        "mysql://me:secret@/db",
        "mysql://me:secret@host",
        "mysql://:secret@host/db",
        "mysql://me:secret@host:port/db",
        "mysql://me:secret@host/db?what=1",
        "mysql://me:secret@host/db/more",
    ],
)
def test_a_url_that_is_none_is_refused_without_its_password(url):
    with pytest.raises(BadSetting, match="mysql://USER") as told:
        parsed(url)
    assert "secret" not in str(told.value)


class Refused(Exception):
    pass


class Dialect:
    """Its servers let nobody in."""

    class dbapi:  # noqa: N801 - as SQLAlchemy calls it
        MySQLError = OperationalError = Refused

    def __init__(self):
        self.asked = []

    def connect(self, host, port, **_):
        return Dialect.Connection(self.asked, port)

    class Connection:
        def __init__(self, asked, port):
            self.asked, self.port = asked, port

        def connect(self, line):
            line.close()
            self.asked.append(self.port)
            raise Refused(1045, "Access denied")


def test_the_next_node_is_asked_when_one_is_down_and_the_one_that_was_comes_last():
    (down,) = free_ports(1)
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as other:
        up = [one.getsockname()[1], other.getsockname()[1]]
        nodes, dialect = Nodes([("127.0.0.1", port) for port in (down, *up)]), Dialect()
        for _ in range(2):
            with pytest.raises(Refused):
                nodes.connect(dialect, None, (), {})
    assert dialect.asked == [up[0], up[0]]
    assert [port for _, port in nodes.order()] == [*up, down]


@pytest.mark.parametrize("code", [1213, 1205, 1047, 2003, 2006, 2013])
def test_what_a_cluster_refuses_for_the_moment_is_tried_again(code):
    assert passes(OperationalError("UPDATE", {}, Refused(code, "")))


def test_what_is_wrong_for_good_is_not_tried_again():
    assert not passes(OperationalError("UPDATE", {}, Refused(1146, "no such table")))


def test_pauses_grow_to_a_bound_and_come_to_an_end():
    now = [0.0]
    pauses = []
    for pause in Patience(seconds=10, first=0.01, most=1.0).pauses(lambda: now[0]):
        pauses.append(pause)
        now[0] += pause
    assert 10 <= now[0] < 11
    assert all(low / 4 <= pause <= low for low, pause in zip((0.01, 0.02, 0.04, 0.08), pauses, strict=False))
    assert max(pauses) <= 1.0
    assert len(set(pauses)) > 5
