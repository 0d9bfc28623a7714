"""`fallow doctor` and MariaDB: every node named, login, database, version, Galera, tables, rights, clocks."""

from __future__ import annotations

import asyncio
import re
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any

import pymysql  # type: ignore[import-untyped]

from fallow.adapters.check_network import (
    STEP_SECONDS,
    Look,
    Trouble,
    beside,
    clocks,
    merged,
    place,
    reach,
    unusable,
)
from fallow.adapters.ledger_mysql import Server, connect_arguments, parsed
from fallow.adapters.ledger_tables import SCHEMA, marks, metadata, schema
from fallow.findings import BAD, GOOD, WARNING, Finding

OLDEST = (10, 6)
_ASKING_SECONDS = 3 * STEP_SECONDS  # for all that is asked of one node, each question in time

_GRANT = "Let an administrator run: GRANT ALL ON `{0.database}`.* TO '{0.user}'"
_SAID = {
    1045: ("the user {0.user} or the password is refused", "Correct them in FALLOW_LEDGER_URL."),
    1698: ("the user {0.user} or the password is refused", "Correct them in FALLOW_LEDGER_URL."),
    1049: (
        "there is no database {0.database}",
        "Let an administrator run: CREATE DATABASE `{0.database}` CHARACTER SET utf8mb4",
    ),
    1044: ("the user {0.user} may not use the database {0.database}", _GRANT),
    1142: ("the user {0.user} may not do all that is needed", _GRANT),
    1143: ("the user {0.user} may not do all that is needed", _GRANT),
    1130: ("this machine may not connect", "Let an administrator make the user for this host, or for '%'."),
    1040: ("it has too many connections", "Raise its max_connections; each service takes up to 12."),
    1047: ("it has lost its cluster, or is joining it", "Start the other nodes; see that most of them are up."),
    1146: ("the tables are not there", "Make them with: fallow migrate"),
    1290: ("it takes no writes (read_only)", "Name nodes that take writes, in FALLOW_LEDGER_URL."),
}


@dataclass(frozen=True)
class _Node:
    """A node that let us in."""

    host: str
    port: int
    version: str
    ahead: float  # seconds that its clock is before ours
    took: float  # seconds of a question
    galera: dict[str, str] = field(default_factory=dict)  # empty: it is no member of a cluster

    @property
    def place(self) -> str:
        return place(self.host, self.port)


async def check(url: str, most: float) -> list[Finding]:
    """Look at every node, then at the tables. Clocks may differ by less than `most` seconds. Raises BadSetting."""
    server = parsed(url)
    found = await asyncio.gather(*(_enter(server, *host) for host in server.hosts), return_exceptions=True)
    nodes = [node for node in found if isinstance(node, _Node)]
    looks = [
        _seen(node) if isinstance(node, _Node) else unusable(place(*host), _trouble(node, server), len(nodes))
        for host, node in zip(server.hosts, found, strict=True)
    ]
    findings = [*merged("ledger", looks), *_cluster(nodes)]
    if nodes:
        findings.append(clocks("ledger", max((node.ahead for node in nodes), key=abs), most))
        findings.append(await _tables(server, nodes))
    return findings


async def _enter(server: Server, host: str, port: int) -> _Node:
    """Raises Trouble, TimeoutError, or an error of the driver."""
    await reach(host, port)
    return await beside(lambda: _ask(server, host, port), _ASKING_SECONDS)


def _connect(server: Server, host: str, port: int) -> Any:
    timeouts = {"connect_timeout": STEP_SECONDS, "read_timeout": STEP_SECONDS, "write_timeout": STEP_SECONDS}
    return pymysql.connect(
        host=host,
        port=port,
        user=server.user,
        password=server.password,
        database=server.database,
        **{**connect_arguments(server), **timeouts},
    )


def _ask(server: Server, host: str, port: int) -> _Node:
    with _connect(server, host, port) as db, db.cursor() as cursor:
        galera = _galera(cursor)
        begun = time.time()
        cursor.execute("SELECT UTC_TIMESTAMP(6)")
        ended = time.time()
        theirs: datetime = cursor.fetchone()[0]
        ahead = theirs.replace(tzinfo=timezone.utc).timestamp() - (begun + ended) / 2
        return _Node(host, port, db.get_server_info(), ahead, ended - begun, galera)


def _galera(cursor: Any) -> dict[str, str]:
    """What a member of a cluster says of it. Raises Trouble for one that is out of it."""
    cursor.execute("SHOW VARIABLES LIKE 'wsrep_on'")
    if (cursor.fetchone() or ("", "OFF"))[1] != "ON":
        return {}
    cursor.execute("SHOW STATUS LIKE 'wsrep\\_%'")
    status = {str(name): str(value) for name, value in cursor.fetchall()}
    if status.get("wsrep_ready") != "ON":
        detail, remedy = _SAID[1047]
        raise Trouble(f"{detail} ({status.get('wsrep_local_state_comment', 'not ready')})", remedy)
    return status


def _seen(node: _Node) -> Look:
    version = node.version.removeprefix("5.5.5-")  # which is put before it for the sake of old clients
    numbers = tuple(map(int, re.findall(r"\d+", version)[:2]))
    if "mariadb" not in version.lower():
        return Look(node.place, WARNING, f"{version} is no MariaDB", "Fallow is tested with MariaDB alone.")
    if numbers < OLDEST:
        return Look(node.place, BAD, f"MariaDB {version} is too old", "Update MariaDB to 10.6 or later.")
    member = f", in a Galera cluster of {node.galera['wsrep_cluster_size']}" if node.galera else ""
    return Look(node.place, GOOD, f"{version}{member}")


def _cluster(nodes: Sequence[_Node]) -> list[Finding]:
    """Whether several nodes are one database."""
    if len({node.galera.get("wsrep_cluster_state_uuid", node.place) for node in nodes}) > 1:
        told = f"{', '.join(node.place for node in nodes)} are not nodes of one Galera cluster"
        return [Finding("ledger", BAD, told, "Name nodes of one cluster only, in FALLOW_LEDGER_URL.")]
    if any(node.galera.get("wsrep_cluster_size") == "2" for node in nodes):
        remedy = "Add a third node, or an arbitrator (garbd); see that none is down."
        return [Finding("ledger", WARNING, "the Galera cluster has two nodes: it stops when it loses one", remedy)]
    return []


def _trouble(error: BaseException, server: Server) -> Trouble:
    if isinstance(error, Trouble):
        return error
    if isinstance(error, TimeoutError):
        return Trouble("it takes connections, but says nothing", "See that this is MariaDB, and that it is well.")
    if not isinstance(error, pymysql.err.MySQLError):
        raise error
    code, *said = error.args or (0,)
    if code in _SAID:
        detail, remedy = (text.format(server) for text in _SAID[code])
        return Trouble(detail, remedy)
    if code in (2003, 2013) and "timed out" in str(said):
        return _trouble(TimeoutError(), server)
    text = " ".join(map(str, said)) or type(error).__name__
    return Trouble(f"it does not do what it is asked to ({text})", "See to MariaDB's log.")


async def _tables(server: Server, nodes: Sequence[_Node]) -> Finding:
    try:
        took = await beside(lambda: _write(server, nodes), _ASKING_SECONDS)
    except (Trouble, TimeoutError, pymysql.err.MySQLError) as error:
        trouble = _trouble(error, server)
        return Finding("ledger", BAD, f"{server.database}: {trouble.detail}", trouble.remedy)
    answer = 1000 * max(node.took for node in nodes)
    told = f"{server.database} has schema {SCHEMA}; a question takes {answer:.1f} ms, a commit {1000 * took:.1f} ms"
    return Finding("ledger", GOOD, told)


def _write(server: Server, nodes: Sequence[_Node]) -> float:
    """Write a row that is in nobody's way, see it on another node, and remove it; the seconds of its commit."""
    first, last = nodes[0], nodes[-1]
    mark = uuid.uuid4().hex
    with _connect(server, first.host, first.port) as db, db.cursor() as cursor:
        _check_schema(cursor)
        cursor.execute(f"INSERT INTO {marks.name} (mark, made) VALUES (%s, %s)", (mark, time.time()))  # noqa: S608
        begun = time.monotonic()
        db.commit()
        took = time.monotonic() - begun
        try:
            if last is not first:
                _see(server, last, mark)
        finally:
            cursor.execute(f"UPDATE {marks.name} SET made = 0 WHERE mark = %s", (mark,))  # noqa: S608
            cursor.execute(f"DELETE FROM {marks.name} WHERE mark = %s", (mark,))  # noqa: S608
            db.commit()
    return took


def _check_schema(cursor: Any) -> None:
    cursor.execute(f"SELECT version FROM {schema.name}")  # noqa: S608
    (version,) = cursor.fetchone() or (0,)
    if version < SCHEMA:
        raise Trouble(f"the tables are of schema {version}, not {SCHEMA}", "Update them with: fallow migrate")
    if version > SCHEMA:
        remedy = "Install the Fallow that wrote them, or a later one."
        raise Trouble(f"the tables are of schema {version}, which is newer than this Fallow's {SCHEMA}", remedy)
    cursor.execute(
        "SELECT TABLE_NAME FROM information_schema.TABLES"
        " WHERE TABLE_SCHEMA = DATABASE() AND TABLE_COLLATION NOT LIKE 'utf8mb4%%' AND TABLE_NAME IN %s",
        ([*metadata.tables, marks.name],),
    )
    if found := cursor.fetchone():
        remedy = f"Convert it: ALTER TABLE {found[0]} CONVERT TO CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin"
        raise Trouble(f"the table {found[0]} does not take every letter", remedy)


def _see(server: Server, node: _Node, mark: str) -> None:
    with _connect(server, node.host, node.port) as db, db.cursor() as cursor:
        if node.galera:
            cursor.execute("SET SESSION wsrep_sync_wait = 7")
        cursor.execute(f"SELECT 1 FROM {marks.name} WHERE mark = %s", (mark,))  # noqa: S608
        if not cursor.fetchone():
            detail = f"what is written at the first node is not seen at {node.place}"
            raise Trouble(detail, "Name nodes of one cluster only, in FALLOW_LEDGER_URL.")
