"""S3 by moto, which knows the conditions of requests but checks no signature."""

import subprocess
import sys
import time

from servers import free_ports, listens
from servers.ceph import fresh_url, make_bucket

PATIENCE = 60  # seconds


class Moto:
    """`url` is the endpoint; there is one bucket in it."""

    def __init__(self):
        (self.port,) = free_ports(1)
        self.url = f"http://127.0.0.1:{self.port}"
        quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(self.port)]
        self._process = subprocess.Popen(command, start_new_session=True, **quiet)
        try:
            end = time.monotonic() + PATIENCE
            while not listens(self.port):
                assert self._process.poll() is None, "moto has ended."
                assert time.monotonic() < end, "moto does not answer."
                time.sleep(0.1)
            make_bucket(self.url)
        except BaseException:
            self.stop()
            raise

    def fresh_url(self, **more):
        """A place in its bucket that no other test knows."""
        return fresh_url(self.url, **more)

    def stop(self):
        self._process.kill()
        self._process.wait()
