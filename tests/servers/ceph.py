"""S3 by Ceph: one monitor, one store in memory and the RADOS gateway."""

import http.client
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.parse
import uuid
from datetime import timedelta
from pathlib import Path

import obstore
from obstore.store import S3Store

from servers import free_ports, need

KEY, SECRET = "AKIDEXAMPLE", "SECRETEXAMPLE"
BUCKET = "fallow"
DOMAIN = "s3.test"  # buckets are its hosts, too
PATIENCE = 120  # seconds
CONF = """[global]
fsid = {fsid}
mon host = [v2:127.0.0.1:{mon2},v1:127.0.0.1:{mon1}]
public addr = 127.0.0.1
cluster addr = 127.0.0.1
auth cluster required = cephx
auth service required = cephx
auth client required = cephx
auth allow insecure global id reclaim = true
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 4
osd pool default pgp num = 4
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
mon allow pool size one = true
mon warn on pool no redundancy = false
run dir = {folder}/run
admin socket = {folder}/run/$name.asok
pid file = {folder}/run/$name.pid
log file = {folder}/log/$name.log
mon data = {folder}/mon
osd data = {folder}/osd
osd objectstore = memstore
memstore device bytes = 2G
osd class dir = {classes}
osd class load list = *
osd class default list = *
debug ms = 0
mon data avail crit = 1
mon data avail warn = 2
mon osd min up ratio = 0
keyring = {folder}/keyring
[mon.a]
mon addr = 127.0.0.1
[client.admin]
rgw frontends = beast endpoint=127.0.0.1:{port}
rgw dns name = {domain}
rgw enable usage log = false
rgw num rados handles = 1
rgw thread pool size = 32
"""


def fresh_url(endpoint, **more):
    given = {"endpoint": endpoint, "access_key_id": KEY, "secret_access_key": SECRET, "region": "us-east-1", **more}
    return f"s3://{BUCKET}/tests/{uuid.uuid4().hex}?{urllib.parse.urlencode(given)}"


def make_bucket(endpoint):
    """By a link: the library makes none by itself."""
    options = {"access_key_id": KEY, "secret_access_key": SECRET, "region": "us-east-1"}
    bucket = S3Store(BUCKET, endpoint=endpoint, client_options={"allow_http": True}, **options)
    link = urllib.parse.urlsplit(obstore.sign(bucket, "PUT", "", timedelta(minutes=5)))
    connection = http.client.HTTPConnection(link.netloc, timeout=60)
    connection.request("PUT", f"{link.path}?{link.query}")
    answer = connection.getresponse()
    assert answer.status == 200, answer.read()
    connection.close()


class Ceph:
    """`url` is the endpoint; there is one bucket in it."""

    def __init__(self):
        need("ceph", "ceph-mon", "ceph-osd", "ceph-authtool", "monmaptool", "radosgw", "radosgw-admin")
        self.folder = Path(tempfile.mkdtemp(prefix="fallow-ceph-"))
        self.port, self._mon2, self._mon1 = free_ports(3)
        self.url = f"http://127.0.0.1:{self.port}"
        self._environment = {**os.environ, "CEPH_CONF": str(self.folder / "ceph.conf")}
        self._processes = []
        try:
            self._begin()
        except BaseException:
            self.stop()
            raise

    def fresh_url(self, **more):
        """A place in its bucket that no other test knows."""
        return fresh_url(self.url, **more)

    def user(self, name):
        """One more, who owns nothing and may do nothing; the keys."""
        key, secret = f"AKID{name}", f"SECRETEXAMPLE{name}"
        self._add_user(name, key, secret)
        return key, secret

    def stop(self):
        """In the order in which they need each other."""
        for process in reversed(self._processes):
            process.send_signal(signal.SIGKILL)
            process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def kill_gateway(self):
        """With -9; what is stored stays."""
        self._processes[-1].kill()
        self._processes.pop().wait()

    def start_gateway(self):
        self._start("radosgw", "-f", "-n", "client.admin")
        self._await()

    def limit(self, size):
        """Bytes that the user may store; -1: any number."""
        self._call("radosgw-admin", "quota", "set", "--quota-scope=user", "--uid=fallow", f"--max-size={size}")
        state = "enable" if size >= 0 else "disable"
        self._call("radosgw-admin", "quota", state, "--quota-scope=user", "--uid=fallow")

    def _begin(self):
        ids = {"fsid": uuid.uuid4(), "mon1": self._mon1, "mon2": self._mon2, "domain": DOMAIN}
        for name in ("mon", "osd", "run", "log"):
            (self.folder / name).mkdir()
        # Named, as Debian 13's Ceph looks for them under a relative path.
        classes = next(Path("/usr").glob("lib*/**/rados-classes"))
        given = {"folder": self.folder, "port": self.port, "classes": classes, **ids}
        (self.folder / "ceph.conf").write_text(CONF.format(**given))
        self._make_keys()
        members = f"[v2:127.0.0.1:{self._mon2},v1:127.0.0.1:{self._mon1}]"
        self._call("monmaptool", "--create", "--addv", "a", members, "--fsid", str(ids["fsid"]), "monmap")
        self._call("ceph-mon", "-i", "a", "--mkfs", "--monmap", "monmap", "--keyring", "keyring")
        self._start("ceph-mon", "-i", "a", "-f")
        osd = str(uuid.uuid4())
        self._call("ceph", "osd", "new", osd)
        self._call("ceph-osd", "-i", "0", "--mkfs", "--osd-uuid", osd)
        self._call("ceph", "osd", "crush", "add", "osd.0", "1.0", "root=default", "host=localhost")
        self._start("ceph-osd", "-i", "0", "-f")
        self.start_gateway()
        self._add_user("fallow", KEY, SECRET)
        make_bucket(self.url)

    def _make_keys(self):
        anything = ["--cap", "osd", "allow *", "--cap", "mgr", "allow *"]
        osd = ["--cap", "mon", "allow profile osd", "--cap", "osd", "allow *", "--cap", "mgr", "allow profile osd"]
        tool = ["ceph-authtool", "keyring", "--gen-key", "-n"]
        self._call("ceph-authtool", "-C", "keyring", "--gen-key", "-n", "mon.", "--cap", "mon", "allow *")
        self._call(*tool, "client.admin", "--cap", "mon", "allow *", *anything)
        self._call(*tool, "osd.0", *osd)

    def _add_user(self, name, key, secret):
        given = [f"--uid={name}", f"--display-name={name}", f"--access-key={key}", f"--secret-key={secret}"]
        self._call("radosgw-admin", "user", "create", *given)

    def _call(self, *command):
        done = subprocess.run(
            command, cwd=self.folder, env=self._environment, capture_output=True, text=True, timeout=PATIENCE
        )
        assert done.returncode == 0, f"{command}: {done.stderr}"

    def _start(self, *command):
        with (self.folder / "log" / "out").open("ab") as out:
            self._processes.append(
                subprocess.Popen(
                    command,
                    cwd=self.folder,
                    env=self._environment,
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=out,
                    start_new_session=True,
                )
            )

    def _await(self):
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            assert self._processes[-1].poll() is None, (self.folder / "log" / "out").read_text()[-2000:]
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                time.sleep(0.2)
        raise AssertionError("The RADOS gateway does not answer.")
