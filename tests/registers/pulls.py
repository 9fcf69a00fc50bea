"""Pulls for tests: requested over HTTP, run by the worker's own code in this process."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from connectors import WorkerGate
from exchange.hub import Hub
from exchange.registers.pulling import Pulling
from tests.hub import CITY, MARKET, TRANSPORT, Served

REGISTERS = {
    "market-regulator": MARKET,
    "licensing-office": CITY,
    "transport-bureau": TRANSPORT,
}
PARTS = ("issued", "revised", "unchanged", "quarantined")


def pulling_of(
    hub: Hub, gate: WorkerGate, *, kind: type[Pulling] = Pulling, root: Path | None = None
) -> Pulling:
    """What a worker runs the pulls of a hub with."""
    return kind(
        hub.engine,
        hub.work,
        hub.certificates,
        lambda: hub.access.snapshot().types,
        hub.registers.definitions,
        gate,
        root=root or hub.settings.registers_dir,
        keys=hub.keys,
        workers=2,
    )


def request(served: Served, register: str) -> UUID:
    """Request a pull as the register's own department. Its id."""
    with served.as_system(REGISTERS[register]) as client:
        answer = client.post(f"/v1/registers/{register}/pulls")
    assert answer.status_code == 202, answer.text
    assert answer.json()["state"] == "requested"
    return UUID(answer.json()["pull"])


def seen(served: Served, register: str, pull: UUID) -> dict[str, Any]:
    """The pull as its department sees it."""
    with served.as_system(REGISTERS[register]) as client:
        answer = client.get(f"/v1/registers/{register}/pulls/{pull}")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def pull(served: Served, pulling: Pulling, register: str) -> dict[str, Any]:
    """Request a pull, run it, see it."""
    wanted = request(served, register)
    pulling.run(wanted)
    return seen(served, register, wanted)


def quarantine(served: Served, register: str) -> list[dict[str, Any]]:
    """All that waits in quarantine, fetched page by page."""
    found: list[dict[str, Any]] = []
    after: int | None = 0
    with served.as_system(REGISTERS[register]) as client:
        while after is not None:
            page = client.get(
                f"/v1/registers/{register}/quarantine", params={"after": after, "limit": 7}
            ).json()
            found.extend(page["findings"])
            after = page["next"]
    return found


def count(hub: Hub, table: sa.Table) -> int:
    """Rows of a table."""
    with hub.work.read() as connection:
        return connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()
