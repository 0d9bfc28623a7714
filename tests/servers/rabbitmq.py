"""RabbitMQ nodes, alone or as a cluster."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from pathlib import Path

from servers import free_ports, listens, need

# Another place has the programs of another version.
PROGRAMS = Path(os.environ.get("RABBITMQ_PROGRAMS", "/usr/lib/rabbitmq/bin"))
EPMD = "/usr/bin/epmd"
USER, PASSWORD = "fallow", "pa55?w@rd/x"
QUOTED = "pa55%3Fw%40rd%2Fx"
START_SECONDS = 180

CONFIGURATION = """\
listeners.tcp.default = 127.0.0.1:{port}
default_user = {user}
default_pass = {password}
log.file.level = info
vm_memory_high_watermark.absolute = 1GiB
disk_free_limit.absolute = 100MB
cluster_partition_handling = pause_minority
queue_leader_locator = balanced
"""


class Node:
    """One RabbitMQ node: a process that can be killed and started again."""

    def __init__(self, folder: Path, name: str, epmd: int, ports: tuple[int, int]) -> None:
        self.name, self.port, self._folder = f"{name}@localhost", ports[0], folder / name
        for part in ("data", "log"):
            (self._folder / part).mkdir(parents=True)
        self._environment = {
            **os.environ,
            "HOME": str(folder),
            "LANG": "C.UTF-8",
            "LC_ALL": "C.UTF-8",
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "ERL_EPMD_PORT": str(epmd),
            "RABBITMQ_HOME": str(PROGRAMS.parent),
            "RABBITMQ_NODENAME": self.name,
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_DIST_PORT": str(ports[1]),
            "RABBITMQ_CONF_ENV_FILE": "/dev/null",
            "RABBITMQ_CONFIG_FILE": str(self._folder / "rabbitmq.conf"),
            "RABBITMQ_MNESIA_BASE": str(self._folder / "data"),
            "RABBITMQ_LOG_BASE": str(self._folder / "log"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self._folder / "enabled_plugins"),
            "RABBITMQ_PID_FILE": str(self._folder / "pid"),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}",
            # No busy waiting: these share two cores with the tests.
            "RABBITMQ_SERVER_ERL_ARGS": "+S 1:1 +sbwt none +sbwtdcpu none +sbwtdio none",
        }
        self._process: subprocess.Popen[bytes] | None = None

    def configure(self, members: list[str], more: str) -> None:
        lines = [CONFIGURATION.format(port=self.port, user=USER, password=PASSWORD), more]
        if len(members) > 1:
            lines.append("cluster_formation.peer_discovery_backend = classic_config\n")
            lines += [f"cluster_formation.classic_config.nodes.{i} = {n}\n" for i, n in enumerate(members, 1)]
        (self._folder / "rabbitmq.conf").write_text("".join(lines))
        (self._folder / "enabled_plugins").write_text("[].\n")

    def start(self) -> None:
        with (self._folder / "log" / "out").open("ab") as output:
            self._process = subprocess.Popen(
                [PROGRAMS / "rabbitmq-server"],
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    def wait(self) -> None:
        end = time.monotonic() + START_SECONDS
        while not listens(self.port):
            assert self._process
            told = (self._folder / "log" / "out").read_text(errors="replace")[-3000:]
            assert self._process.poll() is None, f"{self.name} ended:\n{told}"
            assert time.monotonic() < end, f"{self.name} does not come up:\n{told}"
            time.sleep(0.1)

    def kill(self) -> None:
        """At once, with all that it started; as when the machine fails."""
        if self._process:
            with contextlib.suppress(ProcessLookupError):  # it has ended by itself
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None
            while listens(self.port):  # what the script started ends a moment later
                time.sleep(0.02)

    def control(self, *words: str) -> str:
        command = [PROGRAMS / "rabbitmqctl", "-n", self.name, *words]
        done = subprocess.run(command, env=self._environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


class Cluster:
    """Some nodes, up from `start` to `stop`."""

    def __init__(self, folder: Path, count: int = 1, more: str = "") -> None:
        """`more` lines for each node's configuration."""
        need("rabbitmq-server", "epmd")
        cookie = folder / ".erlang.cookie"
        cookie.write_text("FALLOWTESTS")
        cookie.chmod(0o400)
        self._epmd_port, *ports = free_ports(1 + 2 * count)
        pairs = zip(ports[::2], ports[1::2], strict=True)
        self.nodes = [Node(folder, f"r{i}", self._epmd_port, pair) for i, pair in enumerate(pairs, 1)]
        for node in self.nodes:
            node.configure([each.name for each in self.nodes], more)

    def __enter__(self) -> Cluster:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        # In the foreground, so that it is known by its process and ends with the tests.
        command = [EPMD, "-address", "127.0.0.1", "-port", str(self._epmd_port)]
        self._epmd = subprocess.Popen(command, stdin=subprocess.DEVNULL)
        while not listens(self._epmd_port):
            time.sleep(0.05)
        for node in self.nodes:
            node.start()
        for node in self.nodes:
            node.wait()

    def stop(self) -> None:
        for node in self.nodes:
            node.kill()
        self._epmd.kill()
        self._epmd.wait()

    @property
    def url(self) -> str:
        hosts = ",".join(f"127.0.0.1:{node.port}" for node in self.nodes)
        return f"amqp://{USER}:{QUOTED}@{hosts}/"
