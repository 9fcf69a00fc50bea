"""A real installation, by its commands alone: PostgreSQL with the roles of docker-compose.yml."""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import yaml

from exchange.embedded import _as_whom as unprivileged
from exchange.embedded import binaries
from tests.conftest import ROOT
from tests.crash.programs import free_port


@dataclass(frozen=True)
class Postgres:
    """A server started by hand."""

    folder: Path
    port: int
    passwords: Mapping[str, str] = field(repr=False)

    def url(self, role: str, database: str = "yici") -> str:
        """The address for a role."""
        password = quote(self.passwords[role], safe="")
        return f"postgresql://{role}:{password}@127.0.0.1:{self.port}/{database}"


@contextmanager
def running(postgres: Postgres, **settings: str) -> Iterator[None]:
    """The server runs within the block, with these settings of its own."""
    options = {"listen_addresses": "127.0.0.1", "unix_socket_directories": "", **settings}
    command = [*unprivileged(postgres.folder), str(binaries() / "postgres"),
               "-D", str(postgres.folder / "data"), "-p", str(postgres.port)]  # fmt: skip
    command += [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
    with (postgres.folder / "server.log").open("ab") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
    try:
        ready = [str(binaries() / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(postgres.port)]
        deadline = time.monotonic() + 30
        while subprocess.run(ready).returncode:
            assert server.poll() is None and time.monotonic() < deadline
            time.sleep(0.05)
        yield
    finally:
        server.send_signal(signal.SIGINT)
        server.wait(30)


def initialise(folder: Path) -> Postgres:
    """A new cluster, with the superuser's password and nothing else in it."""
    folder.mkdir()
    passwords = {role: secrets.token_hex(16) for role in ("postgres", "yici_owner", "yici_app")}
    secret = folder / "password"
    secret.write_text(passwords["postgres"])
    subprocess.run(
        [*unprivileged(folder), str(binaries() / "initdb"), "-D", str(folder / "data"),
         "-U", "postgres", "-A", "scram-sha-256", f"--pwfile={secret}", "-E", "UTF8",
         "--locale=C.UTF-8"],
        check=True, capture_output=True,
    )  # fmt: skip
    return Postgres(folder, free_port(), passwords)


def make_roles(postgres: Postgres) -> None:
    """Run what docker-compose.yml has the database's container run when it is new."""
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))
    script = compose["configs"]["database-roles"]["content"].replace("$$", "$")
    subprocess.run(
        ["/bin/sh", "-eu", "-c", script],
        check=True,
        capture_output=True,
        env={
            "PATH": f"{binaries()}:/usr/bin:/bin",
            "PGHOST": "127.0.0.1",
            "PGPORT": str(postgres.port),
            "PGPASSWORD": postgres.passwords["postgres"],
            "OWNER_PASSWORD": postgres.passwords["yici_owner"],
            "APP_PASSWORD": postgres.passwords["yici_app"],
        },
    )


def psql(postgres: Postgres, statement: str) -> None:
    """Run a statement as the superuser."""
    subprocess.run(
        [str(binaries() / "psql"), "-q", "-v", "ON_ERROR_STOP=1", "-c", statement,
         postgres.url("postgres")],
        check=True, capture_output=True,
    )  # fmt: skip


def yici(
    *arguments: str, environment: Mapping[str, str], stdin: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end, with these settings and no others."""
    return subprocess.run(
        [sys.executable, "-m", "exchange", *arguments],
        env=surroundings(environment),
        input=stdin,
        capture_output=True,
        text=True,
        timeout=60,
        start_new_session=True,  # without a terminal, what is asked for is read from stdin
    )


def surroundings(environment: Mapping[str, str]) -> dict[str, str]:
    """What a process of the hub sees: what this one was given, but no settings of a hub."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("YICI_")}
    return inherited | dict(environment)
