"""Who stands on either side of a counter, and what each may send."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import httpx
import sqlalchemy as sa

from certstore.identifiers import CertificateIdentifier
from certstore.keys import Es256Signer, Signer
from certstore.possession import sign_possession
from exchange.audit.tables import audit_records
from tests.conftest import Database
from tests.hub import HEALTH, MARKET, Served, credit_code
from tests.lookups.asking import hygiene_item

OPERATOR = {"account": "zhang.wei", "name": "张伟", "unit": "综合窗口3号"}
HUB = "http://hub.test"


@dataclass(frozen=True)
class Person:
    """An enterprise with an account and a licence."""

    account: str
    id: str
    licence: str


@dataclass
class Holder:
    """A signed-in enterprise and its licence."""

    client: httpx.Client
    id: str
    licence: str
    room: Room

    def show(self, *fields: str, **more: Any) -> dict[str, Any]:
        """Make a one-time code for some fields; what came back."""
        asked = {"identifier": self.licence, "fields": list(fields) or ["name"], **more}
        answer = self.client.post("/v1/me/presentations", json=asked)
        assert answer.status_code == 201, answer.text
        made: dict[str, Any] = answer.json()
        return made

    def shown(self) -> list[dict[str, Any]]:
        """One's own showings, newest first."""
        listed: list[dict[str, Any]] = self.client.get("/v1/me/presentations").json()[
            "presentations"
        ]
        return listed

    def withdraw(self, presentation: str) -> httpx.Response:
        return self.client.post(f"/v1/me/presentations/{presentation}/withdraw")

    def nonce(self) -> str:
        answer = self.client.post("/v1/me/binding-nonces")
        assert answer.status_code == 201, answer.text
        nonce: str = answer.json()["nonce"]
        return nonce

    def proof(
        self,
        key: Signer,
        *,
        nonce: str | None = None,
        audience: str = HUB,
        at: datetime | None = None,
    ) -> str:
        now = at or self.room.served.clock.now()
        return sign_possession(key, audience=audience, nonce=nonce or self.nonce(), issued_at=now)

    def bind(
        self, key: Signer, *, proof: str | None = None, licence: str | None = None
    ) -> httpx.Response:
        return self.client.post(
            f"/v1/me/certificates/{licence or self.licence}/bound-copies",
            json={"jwk": public(key), "proof": proof or self.proof(key)},
        )


@dataclass
class Counter:
    """A department's system that scans codes."""

    client: httpx.Client

    def redeem(self, code: str, **changes: Any) -> httpx.Response:
        return self.client.post("/v1/presentations/redeem", json=asked(code, **changes))


@dataclass
class Room:
    """The served hub."""

    served: Served
    database: Database

    def register(self, number: int) -> Person:
        """Give an enterprise a licence and an account."""
        id = self.served.issue_licence(number)
        account = f"enterprise-{number}"
        self.served.register_applicant(account, "001", id, f"第{number}号有限公司")
        licence = str(CertificateIdentifier(f"{MARKET}001", MARKET, credit_code(number), 1))
        return Person(account, id, licence)

    @contextmanager
    def sign_in(self, person: Person) -> Iterator[Holder]:
        with self.served.as_applicant(person.account) as client:
            yield Holder(client, person.id, person.licence, self)

    @contextmanager
    def holder(self, number: int) -> Iterator[Holder]:
        with self.sign_in(self.register(number)) as found:
            yield found

    @contextmanager
    def counter(self, department: str = HEALTH) -> Iterator[Counter]:
        with self.served.as_system(department) as client:
            yield Counter(client)

    def records(self, **wanted: str) -> list[dict[str, Any]]:
        """Records of the log with these members."""
        with self.served.hub.work.read() as connection:
            bodies = connection.execute(
                sa.select(audit_records.c.body).order_by(audit_records.c.index)
            ).scalars()
            records = [json.loads(bytes(body)) for body in bodies]
        return [each for each in records if wanted.items() <= each.items()]


def asked(code: str, **changes: Any) -> dict[str, Any]:
    """What redeems a code."""
    return {
        "code": code,
        "item": hygiene_item(),
        "case": "2026-000123",
        "operator": OPERATOR,
        **changes,
    }


def public(key: Signer) -> dict[str, str]:
    """A key's public JWK, without the name the library gave it."""
    jwk = key.public_jwk()
    return {name: jwk[name] for name in ("kty", "crv", "x", "y") if name in jwk}


def new_key() -> Es256Signer:
    return Es256Signer.generate()
