"""The room's doors over HTTP: revoking shows at once, strangers learn nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from certstore.identifiers import CertificateIdentifier
from certstore.sdjwt import present
from certstore.trust import TrustAnchors
from certstore.verify import verify
from exchange.audit.tables import audit_records
from tests.certificates.rows import enterprise, issue_terms
from tests.hub import CITY, CULTURE, HEALTH, MARKET, Served, credit_code

BUSINESS = "11440000MB2D01234C001"
LICENCE = str(CertificateIdentifier(BUSINESS, MARKET, credit_code(1), 1))
WHY = {"reason": "提交虚假材料", "legal_ground": "市场主体登记管理条例 第40条"}


@pytest.fixture
def licence(served: Served) -> str:
    """The identifier of an issued business licence."""
    served.issue_licence(1)
    return LICENCE


@pytest.fixture
def market(served: Served) -> Iterator[httpx.Client]:
    with served.as_system(MARKET) as client:
        yield client


@pytest.fixture
def holder(served: Served) -> Iterator[httpx.Client]:
    served.register_applicant("enterprise", "001", credit_code(1), "第1号有限公司")
    with served.as_applicant("enterprise") as client:
        yield client


def records(served: Served, kind: str) -> list[dict[str, Any]]:
    with served.hub.work.read() as connection:
        bodies = connection.execute(
            sa.select(audit_records.c.body)
            .where(audit_records.c.kind == kind)
            .order_by(audit_records.c.index)
        ).scalars()
        return [json.loads(bytes(body)) for body in bodies]


def status_of(served: Served, credential: str) -> str:
    """What an offline verifier says with freshly fetched trust and status list."""
    trust = served.client.get("/v1/trust").json()
    path = f"/v1/status-lists/{MARKET}/1"
    answer = served.client.get(path)
    assert answer.headers["content-type"] == "application/statuslist+jwt"
    verdict = verify(
        credential,
        trust=TrustAnchors.from_json(trust),
        status_tokens={f"http://hub.test{path}": answer.text},
        at=served.clock.now(),
    )
    assert verdict.integrity.outcome == "valid"
    assert verdict.issuer.outcome == "valid"
    return verdict.status.code


def test_a_revocation_shows_at_once_everywhere(
    served: Served, licence: str, market: httpx.Client, holder: httpx.Client
) -> None:
    file = holder.get(f"/v1/me/certificates/{licence}")
    assert file.headers["content-type"] == "application/dc+sd-jwt"
    assert status_of(served, file.text) == "status-valid"
    revoked = market.post(f"/v1/certificates/{licence}/revocation", json=WHY)
    assert revoked.status_code == 200, revoked.text
    assert revoked.json()["state"]["code"] == "07"
    assert revoked.json()["history"][-1]["reason"] == WHY["reason"]
    assert status_of(served, file.text) == "status-invalid"
    verified = served.client.post("/v1/verifications", json={"credential": file.text}).json()
    assert verified["status"]["outcome"] == "invalid"
    assert verified["integrity"]["outcome"] == "valid"
    (own,) = holder.get("/v1/me/certificates").json()["certificates"]
    assert own["state"]["code"] == "07"
    (record,) = records(served, "revoke")
    assert record["certificates"] == [licence]
    assert WHY["reason"] not in json.dumps(record, ensure_ascii=False)


@pytest.mark.parametrize("state", ["03", "04", "05", "07"])
def test_the_issuer_says_which_way_a_certificate_ends(
    licence: str, market: httpx.Client, state: str
) -> None:
    answer = market.post(f"/v1/certificates/{licence}/revocation", json={**WHY, "state": state})
    assert answer.json()["state"]["code"] == state


def test_a_suspended_certificate_can_be_given_back(
    served: Served, licence: str, market: httpx.Client
) -> None:
    asked = {"identifier": licence}
    market.post(f"/v1/certificates/{licence}/suspension", json=WHY).raise_for_status()
    said = served.client.post("/v1/verifications", json=asked).json()
    assert said["status"]["code"] == "status-suspended"
    market.post(f"/v1/certificates/{licence}/reinstatement", json=WHY).raise_for_status()
    said = served.client.post("/v1/verifications", json=asked).json()
    assert said["status"]["code"] == "status-valid"
    history = market.get(f"/v1/certificates/{licence}").json()["history"]
    assert [event["operation"]["code"] for event in history] == ["01", "03", "06"]


@pytest.mark.parametrize(
    ("first", "then"),
    [("revocation", "revocation"), ("revocation", "suspension"),
     ("revocation", "reinstatement"), ("suspension", "suspension")],
)  # fmt: skip
def test_what_the_state_does_not_allow_is_a_conflict(
    licence: str, market: httpx.Client, first: str, then: str
) -> None:
    market.post(f"/v1/certificates/{licence}/{first}", json=WHY).raise_for_status()
    answer = market.post(f"/v1/certificates/{licence}/{then}", json=WHY)
    assert answer.status_code == 409
    assert answer.json()["state"] in {"02", "07"}


def test_a_valid_certificate_cannot_be_reinstated(licence: str, market: httpx.Client) -> None:
    answer = market.post(f"/v1/certificates/{licence}/reinstatement", json=WHY)
    assert answer.status_code == 409


def test_a_superseded_version_cannot_be_acted_on(
    served: Served, licence: str, market: httpx.Client
) -> None:
    served.issue_licence(1, source_hash="f" * 64)
    answer = market.post(f"/v1/certificates/{licence}/revocation", json=WHY)
    assert answer.status_code == 409
    assert answer.json()["newest_version"] == 2


def test_another_department_is_refused_and_the_refusal_is_recorded(
    served: Served, licence: str
) -> None:
    with served.as_system(CITY) as city:
        answer = city.post(f"/v1/certificates/{licence}/revocation", json=WHY)
        unknown = city.post(
            f"/v1/certificates/{CertificateIdentifier(BUSINESS, MARKET, 'NONE', 1)}/revocation",
            json=WHY,
        )
        assert city.get(f"/v1/certificates/{licence}").status_code == 404
    assert (answer.status_code, unknown.status_code) == (403, 403)
    assert [record["act"] for record in records(served, "refusal")] == ["revoke-certificate"] * 2
    assert records(served, "revoke") == []


def test_an_unknown_certificate_is_not_found(market: httpx.Client) -> None:
    for method, path in (("GET", ""), ("POST", "/revocation")):
        answer = market.request(
            method, f"/v1/certificates/{LICENCE}{path}", json=WHY if path else None
        )
        assert answer.status_code == 404


@pytest.mark.parametrize("identifier", ["nonsense", LICENCE[:-1] + "!", LICENCE[:-1] + "Z"])
def test_what_is_no_identifier_is_a_bad_request(market: httpx.Client, identifier: str) -> None:
    assert market.get(f"/v1/certificates/{identifier}").status_code == 400
    answer = market.post(f"/v1/certificates/{identifier}/revocation", json=WHY)
    assert answer.status_code == 400


@pytest.mark.parametrize("body", [{}, {"reason": "x"}, {**WHY, "reason": " "}, {**WHY, "a": 1}])
def test_an_act_without_reason_or_ground_is_a_bad_request(
    licence: str, market: httpx.Client, body: dict[str, Any]
) -> None:
    answer = market.post(f"/v1/certificates/{licence}/revocation", json=body)
    assert answer.status_code == 400
    assert answer.json()["faults"]


def test_the_issuer_sees_versions_and_a_masked_holder(
    served: Served, licence: str, market: httpx.Client
) -> None:
    served.issue_licence(1, source_hash="f" * 64)
    seen = market.get(f"/v1/certificates/{licence}").json()
    assert [each["version"] for each in seen["versions"]] == [1, 2]
    assert seen["state"]["code"] == "05"
    assert "号有限公" not in seen["holder_masked"]


def test_nobody_downloads_what_another_holds(served: Served, holder: httpx.Client) -> None:
    served.issue_licence(2)
    other = CertificateIdentifier(BUSINESS, MARKET, credit_code(2), 1)
    assert holder.get(f"/v1/me/certificates/{other}").status_code == 404
    assert holder.get("/v1/me/certificates").json()["certificates"] == []


def test_a_certificate_shown_in_part_verifies_with_what_it_shows(
    served: Served, licence: str, holder: httpx.Client
) -> None:
    whole = holder.get(f"/v1/me/certificates/{licence}").text
    shown = present(whole, [("fields", "name")])
    text = shown if isinstance(shown, str) else shown.decode()
    said = served.client.post("/v1/verifications", json={"credential": text}).json()
    assert said["disclosed"]["fields"] == {"name": "第1号有限公司"}
    assert "id" not in said["disclosed"]["holder"]
    assert [said[part]["outcome"] for part in ("integrity", "issuer", "status", "validity")] == [
        "valid"
    ] * 4
    (record,) = records(served, "verification")
    assert "第1号" not in json.dumps(record, ensure_ascii=False)


def test_an_altered_certificate_is_said_to_be_altered(
    served: Served, licence: str, holder: httpx.Client
) -> None:
    whole = holder.get(f"/v1/me/certificates/{licence}").text
    head, payload, rest = whole.split(".", 2)
    altered = f"{head}.{payload}.{'A' * 86}{rest[86:]}"
    said = served.client.post("/v1/verifications", json={"credential": altered}).json()
    assert said["integrity"]["outcome"] == "invalid"
    assert "certificates" not in records(served, "verification")[0]


@pytest.mark.parametrize("credential", ["x", "a.b.c", "~~~", "é.é.é~"])
def test_what_is_no_certificate_gets_a_verdict_not_an_error(
    served: Served, credential: str
) -> None:
    answer = served.client.post("/v1/verifications", json={"credential": credential})
    assert answer.status_code == 200
    assert answer.json()["integrity"]["outcome"] == "invalid"


def test_an_identifier_nobody_issued_is_an_answer(served: Served) -> None:
    said = served.client.post("/v1/verifications", json={"identifier": LICENCE}).json()
    assert (said["found"], said["integrity"]) == (False, None)
    assert records(served, "verification")[0]["outcome"] == "not-found"


def test_facts_are_compared_and_nothing_is_given_out(served: Served, licence: str) -> None:
    facts = {
        "name": "第1号有限公司",
        "region": "深圳",
        "address": "x",
        "enterprise_type": "x",
        "shoe_size": "x",
    }
    with served.as_system(HEALTH) as client:
        said = client.post("/v1/verifications", json={"identifier": licence, "facts": facts})
    assert {name: each["outcome"] for name, each in said.json()["facts"].items()} == {
        "name": "same",
        "region": "different",
        "address": "not-compared",
        "enterprise_type": "absent",
        "shoe_size": "unknown-field",
    }
    assert said.json()["disclosed"] is None
    assert "广州" not in said.text
    assert records(served, "verification")[0]["fields"] == sorted(facts)


def test_a_visitor_may_not_compare_facts(served: Served, licence: str) -> None:
    answer = served.client.post(
        "/v1/verifications", json={"identifier": licence, "facts": {"name": "x"}}
    )
    assert answer.status_code == 403
    assert len(records(served, "refusal")) == 1


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"identifier": LICENCE, "credential": "x"},
        {"credential": "x", "facts": {"a": "b"}},
        {"identifier": 7},
        {"identifier": LICENCE, "facts": {}},
    ],
)
def test_a_verification_names_one_thing(served: Served, body: dict[str, Any]) -> None:
    assert served.client.post("/v1/verifications", json=body).status_code == 400


def test_a_certificate_past_its_last_day_is_said_to_be_expired(
    served: Served, holder: httpx.Client
) -> None:
    issue_terms(served.hub, enterprise(1, valid_until=date(2026, 6, 1)))
    (own,) = holder.get("/v1/me/certificates").json()["certificates"]
    assert own["state"]["code"] == "01"
    served.clock.advance(hours=7, minutes=1)  # 2026-06-02 00:01 in UTC+8
    with served.as_applicant("enterprise") as again:
        (own,) = again.get("/v1/me/certificates").json()["certificates"]
    assert own["state"]["code"] == "05"
    said = served.client.post("/v1/verifications", json={"identifier": own["identifier"]}).json()
    assert said["validity"]["code"] == "expired"


def test_a_status_list_is_not_sent_twice(served: Served, licence: str) -> None:
    path = f"/v1/status-lists/{MARKET}/1"
    first = served.client.get(path)
    again = served.client.get(path, headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    with served.as_system(MARKET) as market:
        market.post(f"/v1/certificates/{licence}/suspension", json=WHY).raise_for_status()
    changed = served.client.get(path, headers={"If-None-Match": first.headers["etag"]})
    assert changed.status_code == 200


@pytest.mark.parametrize(
    "place", [f"{MARKET}/2", f"{CULTURE}/1", f"{CITY}/1", "000000000000000000/1"]
)
def test_a_list_that_is_not_there_is_not_found(served: Served, place: str) -> None:
    assert served.client.get(f"/v1/status-lists/{place}").status_code == 404


def test_trust_names_issuers_hub_and_log(served: Served) -> None:
    trust = served.client.get("/v1/trust").json()
    assert {each["department"] for each in trust["issuers"]} >= {MARKET, CITY}
    market = next(each for each in trust["issuers"] if each["department"] == MARKET)
    assert market["types"] == ["business-licence"]
    assert trust["log"]["origin"] == "hub.test/log"
    assert TrustAnchors.from_json(trust).log_key == trust["log"]["key"]
