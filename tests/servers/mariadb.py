"""MariaDB: one server, or a Galera cluster of three."""

import contextlib
import itertools
import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from pathlib import Path

import pymysql
from sqlalchemy import text

from fallow.adapters.ledger_migrate import migrate
from fallow.adapters.ledger_tables import SCHEMA, metadata, schema
from servers import free_ports, listens, need

SETTINGS = """[mariadbd]
bind-address=127.0.0.1
skip-name-resolve
binlog_format=ROW
innodb_autoinc_lock_mode=2
innodb_buffer_pool_size=64M
innodb_log_file_size=48M
innodb_flush_log_at_trx_commit=2
performance_schema=OFF
max_connections=300
"""
PROVIDER = "/usr/lib/galera/libgalera_smm.so"
PASSWORD, QUOTED = "p@ss/word", "p%40ss%2Fword"
PATIENCE = 90  # seconds
TRIES = 3
EMPTY = ["BEGIN", *(str(table.delete()) for table in reversed(metadata.sorted_tables) if table is not schema)]
EMPTY += [str(schema.update().values(version=text(str(SCHEMA)))), "COMMIT"]


class Node:
    """One mariadbd."""

    def __init__(self, folder, settings, clustered):
        self.folder, self.settings, self.clustered = folder, settings, clustered
        self.port = settings["port"]
        self.process = None
        folder.mkdir()
        given = "".join(f"{key}={value}\n" for key, value in settings.items())
        (folder / "my.cnf").write_text(SETTINGS + given)
        for name in ("data", "tmp"):
            (folder / name).mkdir()
        if os.getuid() == 0:
            for place in (folder, folder / "data", folder / "tmp"):
                shutil.chown(place, "mysql", "mysql")

    def init(self):
        """Tables of its own, and a user who may come in over TCP."""
        # Every server clears its temporary folder at its start: of what others have there, too.
        places = [f"--datadir={self.folder / 'data'}", f"--tmpdir={self.folder / 'tmp'}"]
        command = ["mariadb-install-db", "--no-defaults", *_user(), *places]
        command += ["--skip-test-db", "--auth-root-authentication-method=normal"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr

    def start(self, *flags):
        if (self.folder / "data" / "grastate.dat").exists():
            flags = (*flags, *self._position())
        out = (self.folder / "out").open("ab")
        self.process = subprocess.Popen(
            [*self._server(), *flags], stdout=out, stderr=out, stdin=subprocess.DEVNULL, start_new_session=True
        )

    def join(self):
        """Come into the cluster. A node that is not sent the state to its end gives up, as on a slow machine: it is
        started again, as by whatever runs servers."""
        for _ in range(TRIES):
            self.start()
            with contextlib.suppress(AssertionError):
                return self.wait()
            self.stop()
        raise AssertionError(self.log())

    def wait(self):
        """Until it answers, and is in step with its cluster."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            if self.process.poll() is not None:
                raise AssertionError(f"mariadbd has ended: {self.log()}")
            try:
                (state,) = self.sql("SHOW STATUS LIKE 'wsrep_local_state_comment'") or [("", "")]
                if not self.clustered or state[1] == "Synced":
                    return
            except pymysql.err.MySQLError:
                pass
            time.sleep(0.1)
        raise AssertionError(f"mariadbd is not ready: {self.log()}")

    def sql(self, *statements):
        # Without TLS, whose preparation takes longer than most questions; to a server that is known to be there, as
        # the driver parses source when it is not, which Python 3.11 cannot do in several threads at once.
        ways = {"autocommit": True, "connect_timeout": 2, "ssl_disabled": True}
        if not listens(self.port):
            raise pymysql.err.OperationalError(2003, "nobody listens")
        db = pymysql.connect(host="127.0.0.1", port=self.port, user="root", **ways)
        with db, db.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
            return cursor.fetchall()

    def insist(self, *statements):
        """Until it does it: on a machine that is slow, nodes lose sight of each other for a moment."""
        end = time.monotonic() + PATIENCE
        while True:
            try:
                return self.sql(*statements)
            except pymysql.err.MySQLError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.1)

    def kill(self):
        """As when the machine loses its power."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.kill()

    def log(self):
        return (self.folder / "out").read_text(errors="replace")[-2000:]

    def _server(self):
        return ["/usr/sbin/mariadbd", f"--defaults-file={self.folder}/my.cnf", *_user()]

    def _position(self):
        """Where a node that crashed stood, so that it is sent what it missed and no more."""
        log = self.folder / "recovered.err"  # to a name without an ending mariadbd adds one
        log.unlink(missing_ok=True)
        command = [*self._server(), "--wsrep_recover", f"--log-error={log}"]
        subprocess.run(command, check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        found = [line for line in log.read_text().splitlines() if "Recovered position:" in line]
        return [f"--wsrep_start_position={found[-1].rpartition(' ')[2]}"] if found else []


class MariaDB:
    """Nodes that stand for one database server."""

    def __init__(self, count, **more):
        """`more` settings for each node."""
        need("mariadbd", "mariadb-install-db", *(["rsync"] if count > 1 else []))
        self.folder = Path(tempfile.mkdtemp(prefix="fallow-mariadb-"))
        self.folder.chmod(0o755)
        self.numbers = itertools.count()
        self._ledger = None
        settings = _clustered(count) if count > 1 else [{"port": free_ports(1)[0]}]
        common = [self._places(number) for number in range(count)]
        self.nodes = [
            Node(self.folder / f"n{number}", {**common[number], **settings[number], **more}, count > 1)
            for number in range(count)
        ]

    def _places(self, number):
        folder = self.folder / f"n{number}"
        places = {"datadir": "data", "tmpdir": "tmp", "socket": "s", "pid-file": "pid"}
        return {setting: folder / name for setting, name in places.items()}

    def __enter__(self):
        try:
            first, *others = self.nodes
            first.init()
            first.start(*(["--wsrep-new-cluster"] if others else []))
            first.wait()
            first.sql(
                f"CREATE USER 'fallow'@'%' IDENTIFIED BY '{PASSWORD}'",
                "GRANT ALL ON `fallow%`.* TO 'fallow'@'%'",
            )
            for node in others:
                node.join()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for node in reversed(self.nodes):
            node.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def ledger(self, first=0):
        """The URL of a ledger with empty tables: always the same one, as to make one takes a while."""
        if self._ledger is None:
            self._ledger = self.database()
            migrate(self.url(self._ledger))
        self._insist(f"USE {self._ledger}", *EMPTY)
        return self.url(self._ledger, first)

    def _insist(self, *statements):
        """On whichever node is there, with what is committed on the others."""
        end = time.monotonic() + PATIENCE
        for node in itertools.cycle(self.nodes):
            try:
                node.sql(*(["SET SESSION wsrep_sync_wait = 7"] if node.clustered else []), *statements)
                return
            except pymysql.err.MySQLError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.1)

    def database(self):
        """The name of a new, empty database."""
        name = f"fallow{next(self.numbers)}"
        self.nodes[0].insist(f"CREATE DATABASE IF NOT EXISTS {name}")
        for node in self.nodes[1:]:
            node.insist("SET SESSION wsrep_sync_wait = 1", f"USE {name}", "SELECT 1")
        return name

    def url(self, database, first=0):
        """All nodes, one of them preferred."""
        nodes = self.nodes[first:] + self.nodes[:first]
        hosts = ",".join(f"127.0.0.1:{node.port}" for node in nodes)
        return f"mysql://fallow:{QUOTED}@{hosts}/{database}"


class Shaken(MariaDB):
    """A cluster of which, while anybody is at it, one node after the other is killed and comes back."""

    def __init__(self, count):
        super().__init__(count)
        self._used, self._over = threading.Event(), threading.Event()
        self.kills, self.trouble = 0, None
        self._thread = threading.Thread(target=self._shake)

    def __enter__(self):
        super().__enter__()
        self.ledger()  # made while all is well
        self._thread.start()
        return self

    def __exit__(self, *told):
        self._over.set()
        self._used.set()
        if self._thread.ident:
            self._thread.join()
        super().__exit__(*told)

    @contextlib.contextmanager
    def shaking(self):
        self._used.set()
        try:
            yield
        finally:
            self._used.clear()

    def _shake(self):
        try:
            for node in itertools.cycle(self.nodes):
                self._used.wait()
                if self._over.wait(0.5):
                    return
                node.kill()
                self.kills += 1
                node.join()
        except BaseException as error:
            self.trouble = error


def _user():
    # Never root: the program that sends a whole copy to a new node gives up root's rights, and cannot write then.
    return ["--user=mysql"] if os.getuid() == 0 else []


def _clustered(count):
    ports = free_ports(4 * count)
    each = [ports[4 * number : 4 * number + 4] for number in range(count)]
    members = ",".join(f"127.0.0.1:{group}" for _, group, _, _ in each)
    return [_member(*mine, members) for mine in each]


def _member(port, group, ist, sst, members):
    options = {
        "base_host": "127.0.0.1",
        "base_port": group,
        "gmcast.listen_addr": f"tcp://127.0.0.1:{group}",
        "ist.recv_addr": f"127.0.0.1:{ist}",
        "ist.recv_bind": f"127.0.0.1:{ist}",
        "gcache.size": "64M",
        "pc.recovery": "true",
        "evs.suspect_timeout": "PT3S",
        "evs.inactive_timeout": "PT8S",
        "evs.keepalive_period": "PT0.5S",
    }
    return {
        "port": port,
        "wsrep_on": "ON",
        "wsrep_provider": PROVIDER,
        "wsrep_cluster_address": f"gcomm://{members}",
        "wsrep_node_address": f"127.0.0.1:{group}",
        "wsrep_node_incoming_address": f"127.0.0.1:{port}",
        "wsrep_sst_method": "rsync",
        "wsrep_sst_receive_address": f"127.0.0.1:{sst}",
        "wsrep_slave_threads": 2,
        "wsrep_provider_options": '"' + ";".join(f"{key}={value}" for key, value in options.items()) + '"',
    }
