"""A durable installation whose every part can be killed: PostgreSQL, servers, worker."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key

from exchange import embedded, migrating
from exchange.client import Credentials
from exchange.clock import SystemClock
from exchange.demo.registers import Manifest, generate
from exchange.departments.records import SCOPES, System
from exchange.hub import Hub
from exchange.settings import Settings
from tests.conftest import Database
from tests.crash.programs import Program, free_port
from tests.hub import EVERYONE, install, make_settings
from tests.registers.environment import environment

PATIENCE = 60.0


class Standing:
    """One installation in a folder. The hub in this process prepares it and looks into it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._port = free_port()
        self.server_of_log = self._start_postgres()
        self.database = Database("yici", self.server_of_log)
        migrating.migrate(self.database.owner_url)
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        self.settings: Settings = make_settings(
            self.database, folder, public_url=self.url, log_level="warning"
        )
        self.hub: Hub = install(self.settings, SystemClock())[0]
        self.credentials = {code: self._register_system(code) for code in EVERYONE}
        metrics = folder / "metrics"
        metrics.mkdir()
        surroundings = {
            **environment(self.settings),
            "PROMETHEUS_MULTIPROC_DIR": str(metrics),
            "TMPDIR": str(folder),
        }
        self.server = Program(
            "serve", "--port", str(port), "--processes", "2",
            environment=surroundings, log=folder / "server.log",
        )  # fmt: skip
        self.worker = Program("worker", environment=surroundings, log=folder / "worker.log")

    @property
    def registers(self) -> Path:
        """The folder of the registers."""
        assert self.settings.registers_dir is not None
        return self.settings.registers_dir

    def generate_registers(self, scale: int) -> Manifest:
        """Write the three registers."""
        return generate(self.registers, scale=scale)

    def start(self) -> None:
        """Start servers and worker, and wait until requests may be sent."""
        self.server.start()
        self.worker.start()
        self.wait_until_ready()

    def wait_until_ready(self) -> None:
        """Poll until the server is ready."""
        wait_for(lambda: self.readiness() == 200, "the server is ready", self.server)

    def readiness(self) -> int:
        """The status of ``/readyz``; 0 where nobody answers. It never takes half a minute."""
        try:
            return httpx.get(f"{self.url}/readyz", timeout=30, trust_env=False).status_code
        except httpx.TimeoutException:
            raise AssertionError("/readyz gave no answer within 30 s") from None
        except httpx.TransportError:
            return 0

    def kill_postgres(self, sign: signal.Signals) -> None:
        """End PostgreSQL without a checkpoint: all at once (SIGQUIT), or its first process only."""
        pid = int((self._folder / "postgres" / "data" / "postmaster.pid").read_text().split()[0])
        os.kill(pid, sign)
        wait_for(lambda: not embedded.is_running(self._folder / "postgres"), "PostgreSQL is gone")

    def start_postgres(self) -> None:
        """Start PostgreSQL again, where it was."""
        self._start_postgres()

    def take_down(self) -> None:
        """End everything."""
        self.worker.kill()
        self.server.kill()
        self.hub.engine.dispose()
        embedded.stop(self._folder / "postgres", immediate=True)

    def _start_postgres(self) -> embedded.EmbeddedPostgres:
        return embedded.start(self._folder / "postgres", durable=True, port=self._port)

    def _register_system(self, department: str) -> Credentials:
        credentials = Credentials.of(generate_private_key(SECP256R1()))
        keys = {"keys": [credentials.public_jwk()]}
        self.hub.publishing.register_system(
            System(f"{department}-crash", department, "系统", keys, SCOPES, None)
        )
        return credentials


@contextmanager
def standing(folder: Path) -> Iterator[Standing]:
    """An installation that is taken down at the end of the block."""
    installation = Standing(folder)
    try:
        yield installation
    finally:
        installation.take_down()


def wait_for(
    holds: Callable[[], Any], what: str, program: Program | None = None, patience: float = PATIENCE
) -> None:
    """Poll until something holds."""
    deadline = time.monotonic() + patience
    while not holds():
        if program is not None and program.has_ended:
            raise AssertionError(f"ended before {what}:\n{program.last_words()}")
        if time.monotonic() > deadline:
            said = program.last_words() if program else ""
            raise AssertionError(f"not within {patience:.0f} s: {what}\n{said}")
        time.sleep(0.02)
