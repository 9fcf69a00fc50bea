"""What auditors find, that it is recorded, and that nobody else finds anything."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import psycopg2
import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key

from exchange import embedded
from exchange.access import Caller
from exchange.audit.search import Question
from exchange.client import Credentials, Holder, Yici
from exchange.departments.records import System
from tests.audit.witnessed import fresh_database
from tests.hub import AUDIT_OFFICE, HEALTH, Served, credit_code, served_hub
from tests.lookups.asking import lookup

OPERATOR = {"account": "li.na", "name": "李娜", "unit": "窗口1"}


@pytest.fixture(scope="module")
def once(
    postgres: embedded.EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Served]:
    """A hub with three lookups: two of one holder and case, one of another by somebody else."""
    folder: Path = tmp_path_factory.mktemp("search")
    with fresh_database(postgres) as database, served_hub(database, folder) as served:
        one, two = served.issue_licence(1), served.issue_licence(2)
        with served.as_system(HEALTH) as client:
            for holder, case, operator in (
                (one, "C-1", None), (one, "C-1", None), (two, "C-2", OPERATOR),
            ):  # fmt: skip
                body = lookup(holder)
                body["purpose"]["case"] = case
                body["operator"] = operator or body["operator"]
                assert client.post("/v1/lookups", json=body).status_code == 200
                served.clock.advance(minutes=1)
        yield served


@pytest.fixture
def auditor(once: Served) -> Iterator[httpx.Client]:
    with once.as_system(AUDIT_OFFICE) as client:
        yield client


def found(client: httpx.Client, **asked: Any) -> list[dict[str, Any]]:
    answer = client.post("/v1/audit/search", json=asked)
    assert answer.status_code == 200, answer.text
    return [each["record"] for each in answer.json()["records"]]


def holder_of(once: Served, number: int) -> dict[str, str]:
    return {"id_type": "001", "id": credit_code(number)}


def test_lookups_are_found_by_each_part_and_by_several(once: Served, auditor: httpx.Client) -> None:
    def cases(**asked: Any) -> list[str]:
        return [record["case"] for record in found(auditor, kind="lookup", **asked)]

    item = lookup("x")["purpose"]["item"]
    assert cases() == ["C-2", "C-1", "C-1"]
    assert cases(case="C-1") == ["C-1", "C-1"]
    assert cases(operator="li.na") == ["C-2"]
    assert cases(department=HEALTH, item=item) == ["C-2", "C-1", "C-1"]
    assert cases(system=HEALTH, case="C-2") == ["C-2"]
    assert cases(item="another") == cases(department=AUDIT_OFFICE) == []
    assert cases(holder=holder_of(once, 1)) == ["C-1", "C-1"]
    assert cases(holder=holder_of(once, 2), case="C-1") == []
    now = once.clock.now()
    assert cases(since=(now - timedelta(seconds=90)).isoformat()) == ["C-2"]
    assert cases(until=(now - timedelta(seconds=90)).isoformat()) == ["C-1", "C-1"]
    [one] = found(auditor, kind="lookup", case="C-2")
    assert found(auditor, lookup=one["lookup"]) == [one]


def test_pages_follow_each_other(auditor: httpx.Client) -> None:
    asked: dict[str, Any] = {"kind": "lookup", "limit": 2}
    first = auditor.post("/v1/audit/search", json=asked).json()
    rest = auditor.post("/v1/audit/search", json=asked | {"before": first["next"]}).json()
    assert [len(page["records"]) for page in (first, rest)] == [2, 1]
    assert rest["next"] is None


def test_a_search_is_recorded_with_what_it_asked_and_no_id(
    once: Served, auditor: httpx.Client
) -> None:
    holder = holder_of(once, 1)
    records = found(auditor, holder=holder, kind="lookup")
    search, *_ = found(auditor, kind="audit-read", system=AUDIT_OFFICE, holder=holder)
    assert (search["act"], search["count"], search["department"]) == ("search", 2, AUDIT_OFFICE)
    assert search["holder"] == records[0]["holder"]
    connection = psycopg2.connect(once.hub.settings.database_url.get_secret_value().replace(
        "+psycopg2", ""))  # fmt: skip
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT string_agg(convert_from(body, 'UTF8'), '') FROM audit_records"
                           " WHERE kind = 'audit-read'")  # fmt: skip
            assert holder["id"] not in cursor.fetchone()[0]
    finally:
        connection.close()


def test_whoever_has_not_the_scope_finds_nothing(once: Served) -> None:
    with once.as_system(HEALTH) as client:
        narrow = once.token(HEALTH, scope="lookups")
        answer = client.post(
            "/v1/audit/search", json={}, headers={"Authorization": f"Bearer {narrow}"}
        )
    assert answer.status_code == 403
    assert once.client.post("/v1/audit/search", json={}).status_code == 401


@pytest.mark.parametrize(
    "asked",
    [{"since": "2026-01-01T00:00:00"}, {"holder": "x"}, {"limit": 0}, {"who": "x"}, {"case": ""},
     {"before": -1}, {"lookup": "x"}],
    ids=["no-zone", "no-holder", "no-limit", "unknown", "empty", "negative", "no-id"],
)  # fmt: skip
def test_a_question_of_another_form_names_its_fault(
    auditor: httpx.Client, asked: dict[str, Any]
) -> None:
    answer = auditor.post("/v1/audit/search", json=asked)
    assert answer.status_code == 400
    assert next(iter(asked)) in answer.json()["faults"][0]["field"]


def test_the_operator_of_the_hub_searches_by_the_same_way(once: Served) -> None:
    hub = once.hub
    acting = Caller("operator", "command-line", None, frozenset({"audit"}))
    permitted = hub.access.permit(acting, "read-audit")
    assert len(hub.audit.search(permitted, Question(kind="lookup", case="C-1"))) == 2


def test_the_sdk_searches_and_proves_that_the_log_continues(once: Served) -> None:
    key = Credentials.of(generate_private_key(SECP256R1()))
    once.hub.publishing.register_system(
        System("sdk", AUDIT_OFFICE, "审计", {"keys": [key.public_jwk()]},
               frozenset({"audit"}), None)
    )  # fmt: skip
    issuer = once.hub.settings.public_url
    with Yici(once.url, client_id="sdk", key=key, issuer=issuer, clock=once.clock) as yici:
        older = once.client.get("/v1/audit/checkpoint").text
        asked = Holder(**holder_of(once, 1))
        assert len(yici.search(kind="lookup", holder=asked, until=once.clock.now())) == 2
        assert yici.continues(older).size == int(older.split("\n")[1]) + 2


def test_a_lookup_is_found_by_an_index_however_long_the_log_is(once: Served) -> None:
    plans = {
        "lookup = 'x'": "audit_records_lookup",
        "subject = '\\x00'": "audit_records_subject",
        "case_number = 'x'": "audit_records_case",
        "operator = 'x'": "audit_records_operator",
    }
    with once.hub.work.read() as connection:
        cursor = connection.connection.cursor()
        cursor.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_sort = off")
        for condition, index in plans.items():
            cursor.execute(
                f"EXPLAIN SELECT * FROM audit_records WHERE {condition} ORDER BY index DESC LIMIT 9"
            )
            assert index in "".join(line for (line,) in cursor), condition
