"""A table whose rows name sealed objects, beside the real ones, and a check over a store."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg2
import psycopg2.extras
import pytest
import sqlalchemy as sa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from certstore.objects import FolderStore, ObjectStore
from exchange.audit.log import Log
from exchange.audit.notes import NoteSigner
from exchange.cases.tables import materials
from exchange.clock import SystemClock
from exchange.database import make_engine
from exchange.stores.checking import Options, StoreCheck
from exchange.stores.findings import Finding, Tally
from exchange.stores.named import NamesObjects, ObjectColumns
from exchange.unit_of_work import UnitOfWork
from tests.conftest import Database

SEALED = sa.Table(
    "sealed_of_a_test",
    sa.MetaData(),
    sa.Column("sha256", sa.Text, nullable=False),
    sa.Column("size", sa.Integer, nullable=False),
    sa.Column("retain_until", sa.DateTime(timezone=True)),
)
SOURCES: tuple[NamesObjects, ...] = (
    ObjectColumns(materials.c.sha256, materials.c.size, materials.c.media_type),
    ObjectColumns(SEALED.c.sha256, SEALED.c.size, retain_until=SEALED.c.retain_until),
)
UNTIL = datetime(2999, 1, 1, tzinfo=UTC)
QUIET = Options(grace=timedelta(hours=2))


class LaterClock:
    """The machine's clock, or what it will say later: objects are dated by the real one."""

    def __init__(self) -> None:
        self.by = timedelta(0)
        self._real = SystemClock()

    def now(self) -> datetime:
        return self._real.now() + self.by

    def new_id(self) -> UUID:
        return self._real.new_id()


@dataclass
class Checked:
    """What a run found and counted."""

    findings: list[Finding] = field(default_factory=list)
    tally: Tally = field(default_factory=Tally)

    @property
    def kinds(self) -> dict[str, str]:
        return {finding.sha256: finding.kind for finding in self.findings}


@dataclass
class Room:
    """Rows, a store, and a check over both."""

    superuser: Any
    work: UnitOfWork[Any, Any]
    store: ObjectStore
    clock: LaterClock
    folder: Path

    @property
    def service(self) -> StoreCheck:
        return StoreCheck(self.work, self.clock, self.store, SOURCES)

    def check(self, options: Options = QUIET, **more: Any) -> Checked:
        done = Checked(**more)
        self.service.run(
            options, done.tally, report=done.findings.append, reached=lambda tally: None
        )
        return done

    def give(self, content: bytes, *, stored: bool = True, size: int | None = None) -> str:
        """A material: the object first, then its row. Its name."""
        name = sha256(content).hexdigest()
        if stored:
            self.store.put(content, "application/pdf")
        self.name_material(name, len(content) if size is None else size)
        return name

    def seal(self, content: bytes, *, locked: bool = True, until: datetime = UNTIL) -> str:
        """A sealed file whose row wants it kept until a day."""
        ref = self.store.put(content, "application/pdf", retain_until=until if locked else None)
        self.write("INSERT INTO sealed_of_a_test VALUES (%s, %s, %s)", ref.sha256, ref.size, until)
        return ref.sha256

    def name_material(self, name: str, size: int) -> None:
        self.name_materials([(name, size)])

    def name_materials(self, named: Iterable[tuple[str, int]]) -> None:
        """Rows of materials alone; the case they belong to does not matter here."""
        with self.superuser.cursor() as cursor:
            cursor.execute("SET session_replication_role = replica")
            psycopg2.extras.execute_values(
                cursor,
                "INSERT INTO materials VALUES %s",
                named,
                "(gen_random_uuid(), '', 'plan', %s, %s, 'application/pdf', 'plan.pdf',"
                " gen_random_uuid(), now(), 'somebody')",
                page_size=1000,
            )
        self.superuser.commit()

    def write(self, statement: str, *values: Any) -> None:
        with self.superuser.cursor() as cursor:
            cursor.execute(statement, values)
        self.superuser.commit()

    def path(self, name: str) -> Path:
        return self.folder / name[:2] / name[2:4] / name

    def records(self) -> list[dict[str, Any]]:
        """The log's records about the store, the first one first, without their times."""
        with self.superuser.cursor() as cursor:
            cursor.execute(
                "SELECT convert_from(body, 'UTF8')::json FROM audit_records"
                " WHERE kind = 'store-check' ORDER BY index"
            )
            found = [row[0] for row in cursor]
        self.superuser.commit()
        return [{k: v for k, v in each.items() if k not in ("at", "kind", "v")} for each in found]


@pytest.fixture
def room(database: Database, tmp_path: Path) -> Iterator[Room]:
    superuser = psycopg2.connect(database.superuser_url.replace("+psycopg2", ""))
    engine = make_engine(database.app_url.replace("postgresql:", "postgresql+psycopg2:"))
    key = NoteSigner.from_private_key("hub.test/log", Ed25519PrivateKey.generate())
    clock = LaterClock()
    work: UnitOfWork[Any, Any] = UnitOfWork(engine, Log("hub.test/log", key), clock)
    folder = tmp_path / "objects"
    room = Room(superuser, work, FolderStore(folder), clock, folder)
    room.write(
        "CREATE TABLE sealed_of_a_test (sha256 text, size integer, retain_until timestamptz);"
        "GRANT SELECT ON sealed_of_a_test TO yici_app"
    )
    yield room
    engine.dispose()
    superuser.close()
