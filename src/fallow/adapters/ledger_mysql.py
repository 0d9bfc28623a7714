"""The ledger in MariaDB, alone or as a Galera cluster whose nodes all take writes."""

from __future__ import annotations

import socket
import threading
import time
import urllib.parse
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from pymysql.constants import CLIENT  # type: ignore[import-untyped]
from sqlalchemy import URL, Connection, Engine, create_engine, event, inspect, select
from sqlalchemy.exc import DBAPIError, OperationalError

from fallow.adapters.ledger_flavour import Flavour
from fallow.adapters.ledger_tables import check_schema, schema
from fallow.errors import BadSetting, StorageFull

FORM = "mysql://USER:PASSWORD@HOST[:PORT][,HOST…]/DATABASE"
WRITERS, READERS = 8, 4
CONNECT_SECONDS, ANSWER_SECONDS = 3, 30
REST_SECONDS = 60.0  # that a node which failed is asked last
RECYCLE_SECONDS = 300  # then connections are made anew: so they come back to the first node when that is back

# Deadlock or lost certification, lock wait, not in the primary component; changed since read; commit refused.
AGAIN = {1213, 1205, 1047, 1020, 1180}
# Cannot connect, gone away, lost during the query; too many connections, shutting down, connection killed.
LOST = {2002, 2003, 2006, 2013, 1040, 1053, 1927}
DENIED = {1044: "permission", 1045: "user or password", 1049: "name of the database", 1698: "user or password"}
FULL = {1021, 1114}
# A table, column, index or row that is there, or a column or index that is not any more; a table that is being
# changed, or was since it was looked at.
MADE = {1050, 1060, 1061, 1062, 1091, 1684, 1412}
_NOT_ALLOWED = {1142, 1143, 1227}
_NO_TABLE = 1146
_NO_PARENT = 1452

SESSION = (
    # Every transaction begins with what is committed on any node: a decision is never made on what is outdated.
    "SET SESSION wsrep_sync_wait = 7",
    # Here and not by SQLAlchemy, which would end autocommit with it.
    "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED",
    "SET SESSION innodb_lock_wait_timeout = 5",
    "SET SESSION sql_mode = 'STRICT_ALL_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION'",
)


@dataclass(frozen=True)
class Server:
    """What a URL says. The password is in no message and no repr."""

    hosts: tuple[tuple[str, int], ...]
    user: str
    password: str = field(repr=False)
    database: str
    ca: str = ""  # file of the authority that the servers' certificates must be of; "": no TLS asked for

    @property
    def place(self) -> str:
        return f"{self.database} on " + ", ".join(f"{host}:{port}" for host, port in self.hosts)


def parsed(url: str) -> Server:
    """Raises BadSetting."""
    # By hand: several hosts are no URL, and Python 3.13 refuses brackets in the middle.
    rest, _, fragment = url.partition("://")[2].partition("#")
    rest, _, query = rest.partition("?")
    netloc, _, path = rest.partition("/")
    who, _, where = netloc.rpartition("@")
    user, _, password = who.partition(":")
    options = dict(urllib.parse.parse_qsl(query, keep_blank_values=True))
    ca = options.pop("ssl_ca", "")
    database = urllib.parse.unquote(path.strip("/"))
    try:
        hosts = tuple(_host(name) for name in where.split(",") if name)
    except ValueError:
        hosts = ()
    if not (hosts and user and database and "/" not in database) or options or fragment:
        raise BadSetting(f"The ledger's URL is not of the form {FORM}[?ssl_ca=FILE].")
    return Server(hosts, urllib.parse.unquote(user), urllib.parse.unquote(password), database, ca)


def flavour(url: str) -> Flavour:
    server = parsed(url)
    return Flavour(
        place=server.place,
        engine=engine(server),
        writers=WRITERS,
        readers=READERS,
        seconds=RECYCLE_SECONDS,
        prepare=_prepare,
        settle=lambda _: None,
        passes=passes,
        broken=lambda error: error.connection_invalidated or code(error) in {1047, *LOST},
        told=lambda error: _told(error, server.place),
        made=lambda error: code(error) in MADE,
        orphan=lambda error: code(error) == _NO_PARENT,
        marks=True,
    )


def engine(server: Server) -> Engine:
    """Connections to whichever node answers, the first one named preferred."""
    url = URL.create("mysql+pymysql", server.user, server.password, "-", database=server.database)
    made = create_engine(
        url,
        pool_size=WRITERS + READERS,
        max_overflow=0,
        connect_args=connect_arguments(server),
    )
    nodes = Nodes(server.hosts)
    event.listen(made, "do_connect", nodes.connect)
    event.listen(made, "handle_error", _notice)
    return made


def passes(error: DBAPIError) -> bool:
    """Whether the same transaction may succeed when it is run again."""
    return error.connection_invalidated or code(error) in AGAIN | LOST


def code(error: DBAPIError) -> int:
    return _code(error.orig)


class Nodes:
    """Which node to connect to: in the order named, but those that have failed lately last."""

    def __init__(self, hosts: Sequence[tuple[str, int]]) -> None:
        self._hosts = hosts
        self._failed: dict[tuple[str, int], float] = {}
        self._lock = threading.Lock()

    def order(self) -> list[tuple[str, int]]:
        with self._lock:
            recent = time.monotonic() - REST_SECONDS
            return sorted(self._hosts, key=lambda host: max(recent, self._failed.get(host, recent)))

    def connect(self, dialect: Any, _record: Any, arguments: Any, parameters: dict[str, Any]) -> Any:
        """A connection to the first node that answers and is ready; the last node's error when none is."""
        trouble: Exception | None = None
        for host in self.order():
            try:
                line = _line(host, dialect.dbapi)
                place = {"host": host[0], "port": host[1], "defer_connect": True}
                connection = dialect.connect(*arguments, **{**parameters, **place})
                connection.connect(line)
                _set_up(connection, dialect.dbapi)
                # The driver has one patience for the greeting, which is quick or never comes, and for every answer.
                connection._read_timeout = ANSWER_SECONDS
                return connection
            except dialect.dbapi.MySQLError as error:
                if _code(error) in DENIED:
                    raise
                with self._lock:
                    self._failed[host] = time.monotonic()
                trouble = error
        raise trouble or AssertionError("no hosts")


def _line(host: tuple[str, int], driver: Any) -> socket.socket:
    """To a server. The driver would write down where each one that does not answer was called from, for which it
    parses source: Python 3.11 cannot do that in several threads at once."""
    try:
        line = socket.create_connection(host, CONNECT_SECONDS)
    except OSError as error:
        raise driver.OperationalError(2003, f"Can't connect to {host[0]}:{host[1]} ({error})") from error
    line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    line.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    return line


def _host(text: str) -> tuple[str, int]:
    parts = urllib.parse.urlsplit(f"//{text}")
    if not parts.hostname:
        raise ValueError(text)
    return parts.hostname, parts.port or 3306


def connect_arguments(server: Server) -> dict[str, Any]:
    timeouts = {"read_timeout": CONNECT_SECONDS, "write_timeout": ANSWER_SECONDS}
    tls = {"ssl": {"ca": server.ca}} if server.ca else {}
    flags = CLIENT.FOUND_ROWS | CLIENT.MULTI_STATEMENTS
    ways = {"charset": "utf8mb4", "client_flag": flags, "autocommit": True}
    return {"connect_timeout": CONNECT_SECONDS, **ways, **timeouts, **tls}


def _set_up(connection: Any, driver: Any) -> None:
    """A node that has lost its cluster answers, but does nothing: such a one is as good as down."""
    with connection.cursor() as cursor:
        cursor.execute("SHOW VARIABLES LIKE 'wsrep_on'")
        clustered = (cursor.fetchone() or ("", "OFF"))[1] == "ON"
        cursor.execute("SHOW STATUS LIKE 'wsrep_ready'")
        if clustered and (cursor.fetchone() or ("", "OFF"))[1] != "ON":
            connection.close()
            raise driver.OperationalError(1047, "This node has lost its cluster, or is joining it.")
        for statement in SESSION if clustered else SESSION[1:]:
            cursor.execute(statement)
    connection.takes_scripts = not clustered


def _notice(context: Any) -> None:
    """Leave a node that says it can do nothing."""
    if _code(context.original_exception) in {1047, *LOST}:
        context.is_disconnect = True


def _code(error: BaseException | None) -> int:
    first = error.args[0] if error is not None and error.args else 0
    return first if isinstance(first, int) else 0


def _prepare(db: Connection) -> None:
    if not inspect(db).has_table(schema.name):
        raise BadSetting("The ledger's database has no tables yet; make them with `fallow migrate`.")
    check_schema(db.execute(select(schema.c.version)).scalar())


def _reason(error: DBAPIError) -> str:
    return str(error.orig.args[-1]) if error.orig is not None and error.orig.args else str(error.orig)


def _told(error: DBAPIError, place: str) -> Exception:
    number = code(error)
    if number in DENIED:
        return BadSetting(f"The ledger {place} refuses the connection: see to its {DENIED[number]}.")
    if number in _NOT_ALLOWED:
        return BadSetting(
            f"The ledger {place} does not allow its user that ({_reason(error)}); grant it that right."
        )
    if number in FULL:
        return StorageFull(f"No space is left for the ledger {place}; free some.")
    if isinstance(error, OperationalError) and number == _NO_TABLE:
        return BadSetting(f"The ledger {place} lacks a table; run `fallow migrate`.")
    return error
