"""Cases, authorizations, applicants and tokens over a fresh database, served over HTTP."""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import httpx
import psycopg2
import sqlalchemy as sa
import uvicorn
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from fastapi import FastAPI
from stdnum.cn import uscc

from certstore.holders import holder_key
from certstore.keys import Es256Signer
from certstore.objects import FolderStore
from exchange import problems
from exchange.access import Access, Caller
from exchange.applicants.routes import router as applicants_router
from exchange.applicants.service import Applicants
from exchange.audit.log import Log
from exchange.audit.notes import NoteSigner
from exchange.audit.records import prepare
from exchange.authorizations.routes import router as authorizations_router
from exchange.authorizations.service import Authorizations
from exchange.cases.routes import router as cases_router
from exchange.cases.service import Cases
from exchange.clock import SystemClock
from exchange.database import make_engine
from exchange.departments.records import SCOPES, Department, System
from exchange.governance.service import Publishing, operator
from exchange.governance.snapshot import Governance
from exchange.items.definitions import load_definitions
from exchange.items.service import Items
from exchange.keyring.opening import KeyOpener
from exchange.keyring.service import Keyring
from exchange.keys import make_keys
from exchange.tokens.access_tokens import AccessTokens
from exchange.tokens.repository import Applicant
from exchange.tokens.routes import router as tokens_router
from exchange.tokens.service import Tokens
from exchange.unit_of_work import UnitOfWork
from policies.engine import PolicyEngine
from tests.conftest import Database

CENTRE = "11440000MB2F03456K"
HEALTH = "11440000MB2G07890B"
CULTURE = "11440000MB2H02468Q"
FOOD = f"{CENTRE}2000131019000"
HYGIENE = f"{HEALTH}2000123008000"
PUBLIC_URL = "http://hub.test"
HOLDER_HMAC_KEY = b"k" * 32
STEM = "91440101000000001"
HOLDER = {"id_type": "001", "id": STEM + uscc.calc_check_digit(STEM)}
OTHER_STEM = "91440101000000002"
OTHER = {"id_type": "001", "id": OTHER_STEM + uscc.calc_check_digit(OTHER_STEM)}
OPERATOR = {"account": "win-03", "name": "李四", "unit": "综合窗口"}
PASSWORD = "a password of twelve"
MOST_BYTES = 200_000


class StandingClock:
    """A clock that stands until a test moves it."""

    def __init__(self) -> None:
        self.at = datetime(2026, 6, 1, 9, tzinfo=UTC)
        self._ids = SystemClock()

    def now(self) -> datetime:
        return self.at

    def new_id(self) -> UUID:
        return self._ids.new_id()

    def advance(self, **by: float) -> None:
        self.at += timedelta(**by)


@dataclass
class Room:
    """The served rooms, and what tests look into."""

    hub: SimpleNamespace
    clock: StandingClock
    engine: sa.Engine
    database: Database
    url: str
    signers: Mapping[str, Es256Signer]
    applicants: Mapping[str, Applicant]

    def system(self, department: str, scopes: frozenset[str] = SCOPES) -> httpx.Client:
        """A department's system with a valid token."""
        return self._speaking_as(Caller("system", department, department, scopes, key="key-1"))

    def applicant(self, account: str = "first") -> httpx.Client:
        """An applicant with a valid token."""
        found = self.applicants[account]
        return self._speaking_as(
            Caller("applicant", str(found.id), None, frozenset(), holder_key=found.holder_key)
        )

    def records(self, kind: str | None = None) -> list[dict[str, Any]]:
        """The log's records, of one kind where it is given."""
        query = "SELECT convert_from(body, 'UTF8') FROM audit_records ORDER BY index"
        with self.engine.connect() as connection:
            found = [json.loads(row[0]) for row in connection.execute(sa.text(query))]
        return [each for each in found if kind in (None, each["kind"])]

    def rows(self, table: str) -> list[dict[str, Any]]:
        """All rows of a table."""
        with self.engine.connect() as connection:
            rows = connection.execute(sa.text(f"SELECT * FROM {table}"))
            return [dict(row) for row in rows.mappings()]

    def give_certificate(
        self, key: str = "business-licence", *, holder: Mapping[str, str] = HOLDER,
        state: str = "01", valid_until: date | None = None, serial: str = "S1",
    ) -> None:  # fmt: skip
        """Have a certificate of this holder stand in the library."""
        kind = self.hub.access.snapshot().types[key]
        issuer = kind.defined_by
        hashed = holder_key(HOLDER_HMAC_KEY, holder["id_type"], holder["id"])
        with psycopg2.connect(self.database.owner_url) as connection, connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO certificates (issuer, type_code, serial, version, type_key,"
                " type_version, identifier, holder_key, holder_id_type, holder_id, holder_name,"
                " fields, valid_from, valid_until, issued_on, issued_at, status_list,"
                " status_index, source_key, source_hash, credential, batch) VALUES"
                " (%s, %s, %s, 1, %s, 1, %s, %s, %s, %s, '某公司', '{}', '2020-01-01', %s,"
                " '2020-01-01', now(), 0, 0, %s, 'h', 'c', gen_random_uuid())",
                (
                    issuer, kind.code, serial, key, f"id-{serial}", hashed, holder["id_type"],
                    holder["id"], valid_until, serial,
                ),
            )  # fmt: skip
        connection.close()
        if state != "01":
            self.change_state(key, state, serial=serial)

    def change_state(self, key: str, state: str, *, serial: str = "S1") -> None:
        """Have a certificate change its state."""
        kind = self.hub.access.snapshot().types[key]
        with psycopg2.connect(self.database.owner_url) as connection, connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO certificate_events (issuer, type_code, serial, sequence, version,"
                " operation, state, effective_at, reason, recorded_at, recorded_by)"
                " SELECT %s, %s, %s, count(*) + 1, 1, '05', %s, now(), 'test', now(), 'test'"
                " FROM certificate_events WHERE serial = %s",
                (kind.defined_by, kind.code, serial, state, serial),
            )
        connection.close()

    def record_lookup(
        self, *, department: str = CENTRE, case: str = "C-1", item: str = FOOD,
        type: str = "business-licence", outcome: str = "released",
        holder: Mapping[str, str] = HOLDER,
    ) -> str:  # fmt: skip
        """Have a lookup stand in the log as the hot path writes it."""
        lookup = str(self.clock.new_id())
        hashed = holder_key(HOLDER_HMAC_KEY, holder["id_type"], holder["id"])
        with self.hub.work.begin() as work:
            work.record(
                prepare(
                    "lookup",
                    work.now,
                    lookup=lookup,
                    department=department,
                    system=department,
                    case=case,
                    item=item,
                    type=type,
                    basis="statutory",
                    request="0" * 64,
                    fields=["name"],
                    holder=hashed,
                    outcome=outcome,
                )
            )
            work.commit()
        return lookup

    def _speaking_as(self, caller: Caller) -> httpx.Client:
        token = self.hub.access_tokens.mint(
            caller, token_id=secrets.token_hex(8), now=self.clock.now(), seconds=3600
        )
        return self._client(token)

    def _client(self, token: str) -> httpx.Client:
        return httpx.Client(
            base_url=self.url, headers={"Authorization": f"Bearer {token}"}, timeout=30
        )


@contextlib.contextmanager
def serve_room(database: Database, folder: Path, *, duty: bool = True) -> Iterator[Room]:
    """Build the rooms with the packaged rules, items and types, and serve them."""
    clock = StandingClock()
    engine = make_engine(database.app_url.replace("postgresql://", "postgresql+psycopg2://"))
    note_signer = NoteSigner.from_private_key("hub.test/log", _log_key())
    log = Log("hub.test/log", note_signer)
    raw = engine.raw_connection()
    log.initialise(raw.cursor())
    raw.commit()
    raw.close()
    work: UnitOfWork[Any, Any] = UnitOfWork(engine, log, clock)
    governance = Governance()
    access = Access(governance, work)
    publishing = Publishing(work, governance)
    make_keys(folder / "keys", PASSWORD)
    keys = Keyring(work, KeyOpener(folder / "keys", PASSWORD.encode()), note_signer)
    tokens = Tokens(
        work, governance, clock, keys,
        issuer=PUBLIC_URL, seconds=3600, holder_hmac_key=HOLDER_HMAC_KEY,
    )  # fmt: skip
    objects = FolderStore(folder / "objects")
    items = Items(work, access)
    hub = SimpleNamespace(
        settings=SimpleNamespace(public_url=PUBLIC_URL, upload_max_bytes=MOST_BYTES),
        work=work,
        access=access,
        access_tokens=AccessTokens(PUBLIC_URL, keys),
        governance=governance,
        tokens=tokens,
        objects=objects,
        publishing=publishing,
        items=items,
        keys=keys,
        cases=Cases(work, governance, access, clock, objects, holder_hmac_key=HOLDER_HMAC_KEY),
        authorizations=Authorizations(work, governance, access, clock, keys, issuer=PUBLIC_URL),
        applicants=Applicants(work, governance),
    )
    signers = _publish(publishing, items, access, duty=duty)
    applicants = {
        account: tokens.register_applicant(
            account, PASSWORD, id_type="001", holder_id=holder["id"], name=f"{account}公司"
        )
        for account, holder in (("first", HOLDER), ("second", OTHER))
    }
    app = FastAPI()
    app.state.hub = hub
    problems.install(app)
    for router in (tokens_router, cases_router, authorizations_router, applicants_router):
        app.include_router(router)
    with _serving(app) as url:
        yield Room(hub, clock, engine, database, url, signers, applicants)
    engine.dispose()


def _publish(
    publishing: Publishing, items: Items, access: Access, *, duty: bool
) -> dict[str, Es256Signer]:
    text = PolicyEngine.from_directory().text
    if not duty:
        text = text.replace('["holder", "entrusted", "statutory"].contains(context.basis)',
                            '["holder", "entrusted"].contains(context.basis)')  # fmt: skip
        # The rule that names the three lawful bases stays; only the permits lose the duty.
        text = text.replace(
            'unless { context has basis && ["holder", "entrusted"].contains(context.basis) };',
            "unless { context has basis &&"
            ' ["holder", "entrusted", "statutory"].contains(context.basis) };',
            1,
        )
    publishing.publish_policy(text, by="tests")
    publishing.publish_samples(by="tests")
    signers = {}
    for code in (CENTRE, HEALTH, CULTURE, "11440300MB2E09012L"):
        publishing.register_department(Department(code, f"部门{code[-4:]}", f"Department {code}"))
        signers[code] = Es256Signer.generate()
        jwks = {"keys": [{**signers[code].public_jwk(), "kid": signers[code].kid}]}
        publishing.register_system(System(code, code, "系统", jwks, SCOPES, None))
    permitted = access.permit(operator("tests"), "publish-item")
    for definition in load_definitions():
        items.publish(permitted, definition)
    return signers


def _log_key() -> Ed25519PrivateKey:
    return Ed25519PrivateKey.generate()


@contextlib.contextmanager
def _serving(app: FastAPI) -> Iterator[str]:
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", access_log=False))
    thread = threading.Thread(target=lambda: asyncio.run(server.serve([listener])))
    thread.start()
    deadline = time.monotonic() + 20
    while not server.started:
        assert thread.is_alive() and time.monotonic() < deadline, "the server does not start"
        time.sleep(0.005)
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
