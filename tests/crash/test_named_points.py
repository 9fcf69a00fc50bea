"""A server that dies between any two acts: no answer without a record, no row without its object.

Issuing between its three acts is in tests/certificates, a pull between two chunks in
tests/registers.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from typing import Any

import httpx
import psycopg2
import pytest

from certstore.objects import FolderStore
from tests.cases.documents import pdf
from tests.conftest import ROOT, Database
from tests.crash.mortal import DEAD
from tests.crash.people import FOOD, PLAN
from tests.hub import SERVICE_CENTRE, Served
from tests.registers.environment import environment

pytestmark = pytest.mark.slow
ACCOUNT = "applicant"
OPERATOR = {"account": "window-01", "name": "窗口", "unit": "综合窗口"}


@contextmanager
def dying(served: Served, act: str) -> Iterator[str]:
    """Another server over the same database that dies at an act; its address."""
    command = [sys.executable, "-m", "tests.crash.mortal", act, served.clock.now().isoformat()]
    server = subprocess.Popen(
        command, cwd=ROOT, env=environment(served.hub.settings), stdout=subprocess.PIPE, text=True
    )
    assert server.stdout is not None
    try:
        yield server.stdout.readline().strip()
        assert server.wait(20) == DEAD
    finally:
        server.kill()
        server.wait()
        server.stdout.close()


def rows(database: Database, statement: str) -> list[Any]:
    with psycopg2.connect(database.superuser_url) as connection, connection.cursor() as cursor:
        cursor.execute(statement)
        found: list[Any] = cursor.fetchall()
    connection.close()
    return found


def records(database: Database, kind: str) -> list[dict[str, Any]]:
    bodies = rows(database, f"SELECT body FROM audit_records WHERE kind = '{kind}' ORDER BY index")
    return [json.loads(bytes(row[0])) for row in bodies]


def open_case(served: Served, holder: str) -> str:
    with served.as_system(SERVICE_CENTRE) as centre:
        opened = centre.post(
            "/v1/cases",
            json={
                "item": FOOD,
                "case_number": "C-1",
                "holder": {"id_type": "001", "id": holder},
                "operator": OPERATOR,
            },
        )
    assert opened.status_code in (200, 201), opened.text
    case: str = opened.json()["case"]
    return case


def granted(served: Served, case: str, uses: int) -> str:
    """An authorization to look the holder's licence up, so many times."""
    with served.as_system(SERVICE_CENTRE) as centre, served.as_applicant(ACCOUNT) as applicant:
        wanted = {"material": "business-licence", "uses": uses, "days": 30, "basis": "holder"}
        asked = centre.post("/v1/authorizations", json={"case": case, "requests": [wanted]})
        authorization: str = asked.json()["authorizations"][0]["authorization"]
        path = f"/v1/me/authorizations/{authorization}/grant"
        assert applicant.post(path, json={}).status_code == 200
    return authorization


@pytest.fixture
def case(served: Served) -> str:
    """A case about an applicant who holds a licence."""
    holder = served.issue_licence()
    served.register_applicant(ACCOUNT, "001", holder, "第1号有限公司")
    return open_case(served, holder)


@pytest.mark.parametrize(
    ("act", "kept"), [("before-insert", 0), ("before-commit", 0), ("after-commit", 1)]
)
def test_a_lookup_that_is_cut_short_is_never_answered_without_its_record(
    served: Served, database: Database, case: str, act: str, kept: int
) -> None:
    authorization = granted(served, case, uses=2)
    [(holder,)] = rows(database, "SELECT holder_id FROM applicants")
    asked = {
        "certificate_type": "business-licence",
        "holder": {"id_type": "001", "id": holder},
        "fields": ["name"],
        "purpose": {"item": FOOD, "case": "C-1"},
        "basis": {"kind": "holder", "authorization": authorization},
        "operator": OPERATOR,
    }
    token = {"Authorization": f"Bearer {served.token(SERVICE_CENTRE)}"}
    with dying(served, act) as url, pytest.raises(httpx.TransportError):
        httpx.post(f"{url}/v1/lookups", json=asked, headers=token, timeout=20)
    assert len(records(database, "lookup")) == kept
    assert rows(database, "SELECT count(*) FROM authorization_uses") == [(kept,)]
    assert rows(database, "SELECT uses_taken FROM authorizations") == [(kept,)]

    answer = served.client.post("/v1/lookups", json=asked, headers=token)
    assert answer.status_code == 200, answer.text
    assert [each["outcome"] for each in records(database, "lookup")] == ["released"] * (kept + 1)
    again = served.client.post("/v1/lookups", json=asked, headers=token)
    assert again.status_code == (403 if kept else 200), "a use is counted with its record"


def test_an_upload_that_is_cut_short_leaves_litter_and_no_row(
    served: Served, database: Database, case: str
) -> None:
    content = pdf("plan")
    digest = sha256(content).hexdigest()
    path = f"/v1/me/cases/{case}/materials/{PLAN}"
    file = {"file": ("plan.pdf", content, "application/pdf")}
    assert served.hub.settings.objects_dir is not None
    store = FolderStore(served.hub.settings.objects_dir)
    with served.as_applicant(ACCOUNT) as applicant:
        token = applicant.headers["Authorization"]
        with dying(served, "after-object") as url, pytest.raises(httpx.TransportError):
            httpx.post(f"{url}{path}", files=file, headers={"Authorization": token}, timeout=20)
        assert store.get(digest) == content
        assert rows(database, "SELECT count(*) FROM materials") == [(0,)]
        assert records(database, "material-uploaded") == []

        given = applicant.post(path, files=file)
    assert given.status_code in (200, 201), given.text
    assert rows(database, "SELECT sha256 FROM materials") == [(digest,)]
    assert len(records(database, "material-uploaded")) == 1
    assert list(store) == [digest], "the litter became the document"
