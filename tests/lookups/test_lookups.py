"""Lookups over HTTP: what is released, what is refused and why, what is malformed."""

from __future__ import annotations

import json
from typing import Any

import httpx
import psycopg2
import pytest

from exchange import embedded
from tests.conftest import Database
from tests.hub import CULTURE, HEALTH, MARKET, Served
from tests.lookups.asking import lookup


def ask(served: Served, body: Any, client_id: str = HEALTH) -> httpx.Response:
    with served.as_system(client_id) as system:
        return system.post("/v1/lookups", json=body)


def logged(database: Database) -> list[dict[str, Any]]:
    with psycopg2.connect(database.superuser_url) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT body FROM audit_records ORDER BY index")
        return [json.loads(bytes(row[0])) for row in cursor.fetchall()]


def test_only_the_named_fields_are_released(served: Served) -> None:
    response = ask(served, lookup(served.issue_licence(), fields=["credit_code"]))
    assert response.status_code == 200, response.text
    (certificate,) = response.json()["certificates"]
    assert set(certificate["fields"]) == {"credit_code"}
    assert certificate["state"] == "valid"


def test_no_such_record_is_an_answer_and_stands_in_the_log(
    served: Served, database: Database
) -> None:
    response = ask(served, lookup("91440101MA5XXXXXXX"))
    assert response.status_code == 200
    assert response.json()["found"] is False
    assert logged(database)[-1]["outcome"] == "not-found"


@pytest.mark.parametrize(
    ("changes", "client_id", "rule"),
    [
        ({"purpose": None}, HEALTH, "no-purpose"),
        ({"basis": None}, HEALTH, "no-basis"),
        ({"basis": {"kind": "curiosity"}}, HEALTH, "no-basis"),
        ({"purpose": {"item": "X" * 31, "case": "1"}}, HEALTH, "item-unknown"),
        (
            {"certificate_type": "parking-facility-licence"},
            HEALTH,
            "item-does-not-list-type",
        ),
        ({"fields": ["name", "address"]}, HEALTH, "fields-beyond-item"),
        ({"operator": None}, HEALTH, "no-operator"),
        ({}, CULTURE, "no-rule"),
        ({"basis": {"kind": "holder"}}, HEALTH, "authorization-missing"),
        (
            {"basis": {"kind": "holder", "authorization": "01890000-0000-7000-8000-000000000000"}},
            HEALTH,
            "authorization-unknown",
        ),
    ],
)
def test_a_lookup_is_refused_with_its_reason_and_the_refusal_is_logged(
    served: Served, database: Database, changes: Any, client_id: str, rule: str
) -> None:
    response = ask(served, lookup(served.issue_licence(), **changes), client_id)
    assert response.status_code == 403, response.text
    problem = response.json()
    assert response.headers["content-type"] == "application/problem+json"
    assert rule in [reason["rule"] for reason in problem["reasons"]]
    assert all(reason["zh"] and reason["en"] for reason in problem["reasons"])
    record = logged(database)[problem["record"]]
    assert record["kind"] == "refusal"
    assert record["outcome"] == "refused"
    assert record["department"] == client_id


def test_a_revocation_counts_from_the_next_lookup_on(served: Served) -> None:
    holder = served.issue_licence()
    with served.as_system(HEALTH) as asking, served.as_system(MARKET) as issuer:
        before = asking.post("/v1/lookups", json=lookup(holder)).json()["certificates"][0]
        revoked = issuer.post(
            f"/v1/certificates/{before['identifier']}/revocation",
            json={"reason": "虚假材料", "legal_ground": "行政许可法第六十九条"},
        )
        assert revoked.status_code in (200, 201), revoked.text
        after = asking.post("/v1/lookups", json=lookup(holder)).json()["certificates"][0]
    assert (before["state_code"], after["state_code"]) == ("01", "07")


def test_a_policy_counts_from_the_next_lookup_on(served: Served) -> None:
    body = lookup(served.issue_licence())
    assert ask(served, body).status_code == 200
    served.hub.publishing.publish_policy(
        '@id("nobody") @zh("停用") @en("closed") forbid (principal, action, resource);', by="test"
    )
    answer = ask(served, body)
    assert answer.status_code == 403
    assert answer.json()["reasons"][0]["rule"] == "nobody"


def test_a_disabled_systems_token_stops_at_once(served: Served) -> None:
    body = lookup(served.issue_licence())
    with served.as_system(HEALTH) as system:
        assert system.post("/v1/lookups", json=body).status_code == 200
        served.hub.publishing.disable_system(HEALTH)
        assert system.post("/v1/lookups", json=body).status_code == 401


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        (b"", 400, "/"),
        (b"{", 400, "/"),
        (b"\xff\xfe", 400, "/"),
        (b"[]", 400, "/"),
        (b"null", 400, "/"),
        (b'{"fields": ["name"]}', 400, "/certificate_type"),
        (b'{"certificate_type": 7, "holder": {"id_type": "001", "id": "x"}, "fields": ["a"]}', 400,
         "/certificate_type"),
        (b'{"certificate_type": "x", "holder": {"id_type": "001", "id": "x"}, "fields": []}', 400,
         "/fields"),
        (b'{"certificate_type": "x", "fields": ["a"]}', 400, "/"),
        (b"[" * 100_000, 400, "/"),
        (b" " * 1_100_000, 413, None),
    ],
    ids=["empty", "cut", "not utf-8", "a list", "null", "no type", "wrong type", "no fields",
         "neither holder nor identifier", "deep nesting", "too large"],
)  # fmt: skip
def test_a_malformed_body_gets_a_clear_problem(
    served: Served, body: bytes, status: int, field: str | None
) -> None:
    with served.as_system(HEALTH) as system:
        response = system.post("/v1/lookups", content=body)
    assert response.status_code == status, response.text
    problem = response.json()
    assert problem["zh"]["detail"] and problem["detail"]
    if field is not None:
        assert field in [fault["field"] for fault in problem["faults"]]


@pytest.mark.parametrize(
    "token", ["", "Bearer", "Bearer x.y.z", "Basic YTpi", "Bearer " + "a" * 9000]
)
def test_a_stranger_learns_nothing(served: Served, token: str) -> None:
    headers = {"Authorization": token} if token else {}
    response = served.client.post("/v1/lookups", json=lookup("x"), headers=headers)
    assert response.status_code == 401
    assert response.headers["www-authenticate"] == "Bearer"


def test_a_token_expires(served: Served) -> None:
    with served.as_system(HEALTH) as system:
        served.clock.advance(seconds=601)
        response = system.post("/v1/lookups", json=lookup("x"))
    assert response.status_code == 401


def test_without_its_database_the_hub_answers_nothing(served: Served, database: Database) -> None:
    body = lookup(served.issue_licence())
    with served.as_system(HEALTH) as system:
        assert system.post("/v1/lookups", json=body).status_code == 200
        embedded.drop_database(database.server, database.name)
        response = system.post("/v1/lookups", json=body)
    assert response.status_code == 503
    assert "certificates" not in response.json()


def test_an_answer_leaves_only_after_commit(served: Served, database: Database) -> None:
    body = lookup(served.issue_licence())
    with served.as_system(HEALTH) as system:
        with psycopg2.connect(database.superuser_url) as connection, connection.cursor() as cursor:
            # A deferred constraint fails at COMMIT, after every statement has succeeded.
            cursor.execute(
                "CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS"
                " $$ BEGIN RAISE EXCEPTION 'commit refused'; END $$;"
                "CREATE CONSTRAINT TRIGGER fails AFTER INSERT ON audit_records"
                " DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION fail()"
            )
        before = len(logged(database))
        response = system.post("/v1/lookups", json=body)
    assert response.status_code == 500
    assert "certificates" not in response.json()
    assert len(logged(database)) == before


def test_a_batch_has_one_answer_and_a_record_each(served: Served, database: Database) -> None:
    lookups = [lookup(served.issue_licence(n)) for n in range(1, 4)]
    lookups.insert(1, lookup("91440101MA5XXXXXXX"))
    lookups.append(lookup(lookups[0]["holder"]["id"], basis=None))
    with served.as_system(HEALTH) as system:
        response = system.post("/v1/lookups/batch", json={"lookups": lookups, "receipts": True})
    assert response.status_code == 200, response.text
    answered = response.json()
    outcomes = [each["outcome"] for each in answered["lookups"]]
    assert outcomes == ["released", "not-found", "released", "released", "refused"]
    records = logged(database)
    for each in answered["lookups"]:
        assert records[each["index"]]["lookup"] == each["lookup"]
    assert len(answered["receipts"]) == 5


def test_a_batch_of_501_is_refused_whole(served: Served, database: Database) -> None:
    with served.as_system(HEALTH) as system:
        before = len(logged(database))
        response = system.post("/v1/lookups/batch", json={"lookups": [lookup("x")] * 501})
    assert response.status_code == 400
    assert len(logged(database)) == before
