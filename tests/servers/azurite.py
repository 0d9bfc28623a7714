"""Azure Blob by Azurite, the emulator of its makers."""

import base64
import hashlib
import hmac
import http.client
import shutil
import socket
import subprocess
import tempfile
import time
import urllib.parse
import uuid
from email.utils import formatdate
from pathlib import Path

from servers import free_ports, need

ACCOUNT = "devstoreaccount1"
# The well-known key of every emulator.
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
CONTAINER = "fallow"
VERSION = "2021-12-02"
PATIENCE = 60  # seconds


class Azurite:
    """`url` is the endpoint of the account; there is one container in it."""

    def __init__(self):
        need("azurite-blob")
        self.folder = Path(tempfile.mkdtemp(prefix="fallow-azurite-"))
        (self.port,) = free_ports(1)
        self.url = f"http://127.0.0.1:{self.port}/{ACCOUNT}"
        command = ["azurite-blob", "--blobHost", "127.0.0.1", "--blobPort", str(self.port), "--silent"]
        command += ["--location", str(self.folder), "--disableTelemetry", "--skipApiVersionCheck"]
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            self._await()
            self._make_container()
        except BaseException:
            self.stop()
            raise

    def fresh_url(self):
        """A place in its bucket that no other test knows."""
        given = {"account_name": ACCOUNT, "account_key": KEY, "endpoint": self.url}
        return f"az://{CONTAINER}/tests/{uuid.uuid4().hex}?{urllib.parse.urlencode(given)}"

    @property
    def connection_string(self):
        return f"DefaultEndpointsProtocol=http;AccountName={ACCOUNT};AccountKey={KEY};BlobEndpoint={self.url};"

    def stop(self):
        self._process.terminate()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _await(self):
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            assert self._process.poll() is None, "Azurite has ended."
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                time.sleep(0.1)
        raise AssertionError("Azurite does not answer.")

    def _make_container(self):
        path = f"/{ACCOUNT}/{CONTAINER}"
        headers = {"x-ms-date": formatdate(usegmt=True), "x-ms-version": VERSION}
        named = "".join(f"{name}:{value}\n" for name, value in headers.items())
        text = "PUT\n" + "\n" * 11 + named + f"/{ACCOUNT}{path}\nrestype:container"
        signature = base64.b64encode(hmac.digest(base64.b64decode(KEY), text.encode(), hashlib.sha256)).decode()
        headers["Authorization"] = f"SharedKey {ACCOUNT}:{signature}"
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.request("PUT", f"{path}?restype=container", headers=headers)
        answer = connection.getresponse()
        assert answer.status == 201, answer.read()
        connection.close()
