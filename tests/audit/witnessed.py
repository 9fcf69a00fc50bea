"""Two whole hubs that countersign each other, each with a database of its own, by one clock."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import psycopg2

from exchange import embedded
from exchange.audit.witnessing import Submitter
from exchange.hub import Hub, build_hub
from exchange.keys import load_log_key, load_witness_key, make_keys
from tests.conftest import Database
from tests.crash.programs import free_port
from tests.hub import HEALTH, PASSPHRASE, Served, SetClock, install, make_settings, serving
from tests.lookups.asking import lookup

MOST_AGE = 600


@dataclass
class Side:
    """One hub: served, with what sends its checkpoints, and its database's superuser."""

    served: Served
    database: Database
    submitter: Submitter

    @property
    def hub(self) -> Hub:
        return self.served.hub

    def ask(self, holder: str) -> httpx.Response:
        """One lookup by the service centre."""
        with self.served.as_system(HEALTH) as client:
            return client.post("/v1/lookups", json=lookup(holder))

    def rows(self, query: str, *values: Any) -> list[Any]:
        """What the superuser reads, or does and reads."""
        connection = psycopg2.connect(self.database.superuser_url)
        try:
            with connection, connection.cursor() as cursor:
                cursor.execute(query, values)
                return cursor.fetchall() if cursor.description else []
        finally:
            connection.close()


@contextmanager
def two_hubs(server: embedded.EmbeddedPostgres, folder: Path) -> Iterator[tuple[Side, Side]]:
    """Two hubs; each one's policy demands the other's cosignature."""
    ports = {name: free_port() for name in "ab"}
    for name in "ab":
        make_keys(folder / name / "keys", PASSPHRASE)
    clock = SetClock(datetime(2026, 6, 1, 9, 0, tzinfo=UTC))
    with ExitStack() as stack:
        sides = []
        for name, other in ("ab", "ba"):
            database = stack.enter_context(fresh_database(server))
            policies = _policies(folder, name, other, ports[other])
            settings = make_settings(
                database,
                folder / name,
                log_origin=f"{name}.test/log",
                witness_max_age_seconds=MOST_AGE,
                **policies,
            )
            hub, signers = install(settings, clock)
            url = stack.enter_context(serving(hub, ports[name]))
            client = stack.enter_context(httpx.Client(base_url=url, timeout=30))
            served = Served(hub, clock, url, signers, client)
            sides.append(Side(served, database, hub.witnessing.submitter(hub.work)))
        yield sides[0], sides[1]


def restarted(side: Side) -> Hub:
    """The same hub as a new process would build it: nothing remembered but what is stored."""
    return build_hub(side.hub.settings, side.hub.clock, durable=False)


def _policies(folder: Path, name: str, other: str, port: int) -> dict[str, Path]:
    keys = folder / other / "keys"
    log = load_log_key(keys, PASSPHRASE, f"{other}.test/log").verifier.vkey
    cosigner = load_witness_key(keys, PASSPHRASE, f"{other}.test/log").cosigner.vkey
    policy, logs = folder / name / "witnesses.policy", folder / name / "logs.policy"
    policy.write_text(
        f"witness {other} {cosigner} http://127.0.0.1:{port}/witness\nquorum {other}\n"
    )
    logs.write_text(f"log {log}\nquorum none\n")
    return {"witness_policy": policy, "witnessed_logs": logs}


@contextmanager
def fresh_database(server: embedded.EmbeddedPostgres) -> Iterator[Database]:
    """A database of its own for as long as the block lasts."""
    name = f"test_{secrets.token_hex(6)}"
    embedded.create_database(server, name, template="template_yici")
    try:
        yield Database(name, server)
    finally:
        embedded.drop_database(server, name)
