"""A served hub with people and things in it, and what tests look at from outside."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psycopg2
from psycopg2 import sql

from certstore.identifiers import CertificateIdentifier
from tests.cases.documents import pdf
from tests.conftest import Database
from tests.hub import (
    AUDIT_OFFICE,
    HEALTH,
    MARKET,
    SERVICE_CENTRE,
    Served,
    credit_code,
    served_hub,
)

FOOD = f"{SERVICE_CENTRE}2000131019000"
HOLDER = credit_code(1)
HOLDER_NAME = "第1号有限公司"
OPERATOR = {"account": "win-03", "name": "欧阳不留名", "unit": "综合窗口"}
WHY = {"reason": "提交虚假材料", "legal_ground": "市场主体登记管理条例 第40条"}
UPLOAD_LIMIT = 20_000
BODY_LIMIT = 60_000


@dataclass(frozen=True)
class Standing:
    """A hub in use: an issued licence, an open case with a document, an authorization asked for.

    ``centre`` owns the case, ``health`` is another department, ``market`` issued the licence,
    ``auditor`` reads the log, ``holder`` is the applicant and ``visitor`` is nobody.
    """

    served: Served
    database: Database
    folder: Path
    centre: httpx.Client
    health: httpx.Client
    market: httpx.Client
    auditor: httpx.Client
    holder: httpx.Client
    other_holder: httpx.Client
    visitor: httpx.Client
    case: str
    authorization: str
    licence: str

    def rows(self) -> dict[str, int]:
        """How many rows each table has."""
        return rows(self.database)

    def kept(self) -> dict[str, int]:
        """Everything that is kept: rows of every table, and objects."""
        objects = self.folder / "objects"
        found = [each for each in objects.rglob("*") if each.is_file()] if objects.exists() else []
        return {**self.rows(), "objects": len(found)}


def rows(database: Database) -> dict[str, int]:
    """How many rows each table of a database has."""
    connection = psycopg2.connect(database.superuser_url)
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
            counts = {}
            for (table,) in cursor.fetchall():
                cursor.execute(sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(table)))
                counts[table] = cursor.fetchone()[0]  # type: ignore[index]
    finally:
        connection.close()
    return counts


def problem(response: httpx.Response, *statuses: int) -> dict[str, Any]:
    """The problem document of a response: of one of these statuses, in both languages."""
    assert response.status_code in statuses, (response.status_code, response.text)
    assert response.headers["content-type"] == "application/problem+json"
    document: dict[str, Any] = response.json()
    assert document["status"] == response.status_code
    assert document["type"].startswith("urn:yici:problem:")
    for said in (document, document["zh"]):
        assert said["title"] and said["detail"], document
    for fault in document.get("faults", ()):
        assert fault["field"] and fault["zh"] and fault["en"], fault
        assert any("一" <= character <= "鿿" for character in fault["zh"]), fault
    return document


def faulty(response: httpx.Response) -> set[str]:
    """The places that a 400 names."""
    return {fault["field"] for fault in problem(response, 400)["faults"]}


def case_body(number: str, *, holder: str = HOLDER) -> dict[str, Any]:
    """What opens a case of the service centre."""
    return {
        "item": FOOD,
        "case_number": number,
        "holder": {"id_type": "001", "id": holder},
        "operator": OPERATOR,
    }


@contextmanager
def standing(database: Database, folder: Path, **more: Any) -> Iterator[Standing]:
    """Serve a hub and put people and things into it."""
    limits = {"upload_max_bytes": UPLOAD_LIMIT, "body_max_bytes": BODY_LIMIT, **more}
    with served_hub(database, folder, **limits) as served, ExitStack() as clients:
        served.issue_licence(1)
        for account, number in (("holder", 1), ("other", 2)):
            served.register_applicant(account, "001", credit_code(number), f"第{number}号有限公司")

        def system(department: str) -> httpx.Client:
            return clients.enter_context(served.as_system(department))

        centre, holder = (
            system(SERVICE_CENTRE),
            clients.enter_context(served.as_applicant("holder")),
        )
        case = made(centre.post("/v1/cases", json=case_body("C-1")))["case"]
        made(
            holder.post(
                f"/v1/me/cases/{case}/materials/premises-floor-plan",
                files={"file": ("plan.pdf", pdf())},
            )
        )
        asked = {"case": case, "requests": [{"material": "business-licence"}]}
        (authorization,) = made(centre.post("/v1/authorizations", json=asked))["authorizations"]
        yield Standing(
            served=served,
            database=database,
            folder=folder,
            centre=centre,
            health=system(HEALTH),
            market=system(MARKET),
            auditor=system(AUDIT_OFFICE),
            holder=holder,
            other_holder=clients.enter_context(served.as_applicant("other")),
            visitor=served.client,
            case=case,
            authorization=authorization["authorization"],
            licence=str(CertificateIdentifier(f"{MARKET}001", MARKET, HOLDER, 1)),
        )


def made(response: httpx.Response) -> Any:
    """The JSON of a response that succeeded."""
    assert response.is_success, response.text
    return response.json()
