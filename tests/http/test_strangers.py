"""Who is not asked learns nothing: not who is here, not what is here."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID, uuid4

import httpx
import pytest

from certstore.identifiers import CertificateIdentifier
from exchange import embedded
from exchange.access import Caller
from exchange.certificate_types.schemas import SAMPLE
from exchange.tokens.access_tokens import AccessTokens
from tests.cases.documents import pdf
from tests.conftest import Database
from tests.http.standing import WHY, Standing, case_body, problem
from tests.hub import HEALTH, MARKET, SERVICE_CENTRE, credit_code, served_hub
from tests.lookups.asking import lookup

Asked = tuple[str, str, dict[str, object]]


def system_doors(once: Standing) -> list[Asked]:
    """What departments' systems ask; each of these would succeed for the right one."""
    case, plan = once.case, "materials/premises-floor-plan"
    return [
        ("POST", "/v1/cases", {"json": case_body("C-7")}),
        ("GET", "/v1/cases", {"params": {"case_number": "C-1"}}),
        ("GET", "/v1/cases/savings", {}),
        ("GET", f"/v1/cases/{case}", {}),
        ("GET", f"/v1/cases/{case}/{plan}/content", {}),
        ("POST", f"/v1/cases/{case}/{plan}", {"json": {"how": "certificate", "lookup": case}}),
        ("POST", "/v1/authorizations", {"json": asking(case)}),
        ("GET", f"/v1/authorizations/{once.authorization}", {}),
        ("GET", f"/v1/certificates/{once.licence}", {}),
        ("POST", f"/v1/certificates/{once.licence}/revocation", {"json": WHY}),
        ("POST", f"/v1/certificates/{once.licence}/suspension", {"json": WHY}),
        ("POST", f"/v1/certificates/{once.licence}/reinstatement", {"json": WHY}),
        ("GET", "/v1/registers", {}),
        ("POST", "/v1/registers/market-regulator/pulls", {}),
        ("GET", "/v1/registers/market-regulator/quarantine", {}),
        ("GET", "/v1/audit/records", {}),
        ("POST", "/v1/lookups", {"json": lookup(credit_code(1))}),
        ("POST", "/v1/lookups/batch", {"json": {"lookups": [lookup(credit_code(1))]}}),
        ("POST", "/v1/items", {"json": ITEM}),
        ("POST", "/v1/certificate-types", {"json": {"definition": SAMPLE}}),
    ]


def applicant_doors(once: Standing) -> list[Asked]:
    """What applicants ask; each of these would succeed for the right one."""
    plan = f"/v1/me/cases/{once.case}/materials/premises-floor-plan"
    decide = f"/v1/me/authorizations/{once.authorization}"
    return [
        ("GET", "/v1/me", {}),
        ("GET", "/v1/me/certificates", {}),
        ("GET", f"/v1/me/certificates/{once.licence}", {}),
        ("GET", "/v1/me/cases", {}),
        ("GET", "/v1/me/materials", {}),
        ("GET", "/v1/me/authorizations", {}),
        ("GET", "/v1/me/lookups", {}),
        ("POST", plan, {"files": {"file": ("a.pdf", pdf("a"))}}),
        ("POST", f"{decide}/grant", {"json": {}}),
        ("POST", f"{decide}/refuse", {}),
        ("POST", f"{decide}/withdraw", {}),
    ]


ITEM = {
    "code": f"{SERVICE_CENTRE}2000131019000",
    "basic_code": "000131019000",
    "department": SERVICE_CENTRE,
    "name": {"zh": "x", "en": "x"},
    "legal_ground": "x",
    "time_limit_working_days": 1,
    "materials": [{"code": "x", "name": {"zh": "x", "en": "x"}, "ways": [{"document": "x"}]}],
}


def asking(case: str) -> dict[str, object]:
    return {"case": case, "requests": [{"material": "business-licence"}]}


@pytest.fixture(scope="module")
def foreign_token(
    postgres: embedded.EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """A token that another hub of the same address gave the same system."""
    name = f"test_{secrets.token_hex(6)}"
    embedded.create_database(postgres, name, template="template_yici")
    folder: Path = tmp_path_factory.mktemp("other-hub")
    with served_hub(Database(name, postgres), folder) as other:
        yield other.token(HEALTH)
    embedded.drop_database(postgres, name)


def tokens(once: Standing, foreign: str) -> dict[str, str | None]:
    """Authorization headers that open nothing."""
    good = once.health.headers["authorization"].removeprefix("Bearer ")
    head, claims, signature = good.split(".")
    caller = Caller("system", HEALTH, HEALTH, frozenset({"cases"}), key="k")
    now = once.served.clock.now()
    keys = once.served.hub.keys

    def minted(issuer: str, hours: float) -> str:
        at = now.fromtimestamp(now.timestamp() + hours * 3600, now.tzinfo)
        return AccessTokens(issuer, keys).mint(caller, token_id="t", now=at, seconds=600)

    return {
        "none": None,
        "no scheme": good,
        "another scheme": f"Basic {good}",
        "empty": "Bearer",
        "nonsense": "Bearer x.y.z",
        "cut": f"Bearer {good[:-10]}",
        "unsigned": f"Bearer eyJhbGciOiJub25lIn0.{claims}.",
        "claims of another": f"Bearer {head}.{claims[:-4]}AAAA.{signature}",
        "the assertion itself": f"Bearer {once.served.assertion(HEALTH)}",
        "an answer's kind": f"Bearer {once.licence}",
        "very long": "Bearer " + "a" * 9_000,
        "expired": "Bearer " + minted("http://hub.test", -1),
        "another issuer's name": "Bearer " + minted("http://elsewhere.test", 0),
        "another hub's": f"Bearer {foreign}",
    }


def test_without_a_usable_token_every_door_is_shut_and_says_the_same(
    once: Standing, foreign_token: str
) -> None:
    before = once.kept()
    for kind, token in tokens(once, foreign_token).items():
        headers = {} if token is None else {"Authorization": token}
        for method, path, more in system_doors(once) + applicant_doors(once):
            answer = once.visitor.request(method, path, headers=headers, **more)  # type: ignore[arg-type]
            document = problem(answer, 401)
            assert answer.headers["www-authenticate"].startswith("Bearer"), (kind, path)
            assert set(document) <= {"type", "status", "title", "detail", "zh"}, (kind, path)
    assert once.kept() == before


def test_an_applicants_token_opens_no_department_door(once: Standing) -> None:
    before = once.kept()
    for method, path, more in system_doors(once):
        answer = once.holder.request(method, path, **more)  # type: ignore[arg-type]
        document = problem(answer, 403)
        assert document["reasons"], path
    after = once.kept()
    # Each refusal stands in the log, and nothing else came of it.
    assert after["audit_records"] - before["audit_records"] == len(system_doors(once))
    assert business(after) == business(before)


def test_a_systems_token_opens_no_applicants_door(once: Standing) -> None:
    before = once.kept()
    for method, path, more in applicant_doors(once):
        answer = once.centre.request(method, path, **more)  # type: ignore[arg-type]
        document = problem(answer, 403)
        assert document["reasons"], path
    after = once.kept()
    assert after["audit_records"] - before["audit_records"] == len(applicant_doors(once))
    assert business(after) == business(before)


def business(kept: dict[str, int]) -> dict[str, int]:
    return {name: count for name, count in kept.items() if not name.startswith("audit_")}


def same_body_whether_it_exists_or_not(
    speaker: httpx.Client, method: str, path: str, there: str, not_there: str,
    more: dict[str, object],
) -> httpx.Response:  # fmt: skip
    exists = speaker.request(method, path.format(there), **more)  # type: ignore[arg-type]
    unknown = speaker.request(method, path.format(not_there), **more)  # type: ignore[arg-type]
    assert exists.status_code == unknown.status_code, path
    assert exists.content == unknown.content, path
    return exists


@pytest.mark.parametrize(
    ("method", "path", "more"),
    [
        ("GET", "/v1/cases/{}", {}),
        ("GET", "/v1/cases/{}/materials/premises-floor-plan/content", {}),
        ("POST", "/v1/cases/{}/materials/business-licence",
         {"json": {"how": "certificate", "lookup": str(uuid4())}}),
        ("POST", "/v1/cases/{}/materials/premises-floor-plan",
         {"json": {"how": "shared", "material": str(uuid4()), "authorization": str(uuid4())}}),
    ],
)  # fmt: skip
def test_another_departments_case_is_not_found(
    once: Standing, method: str, path: str, more: dict[str, object]
) -> None:
    answer = same_body_whether_it_exists_or_not(
        once.health, method, path, once.case, str(uuid4()), more
    )
    problem(answer, 404)


def test_nobody_asks_for_authorizations_in_another_departments_case(once: Standing) -> None:
    theirs = once.health.post("/v1/authorizations", json=asking(once.case))
    nobodys = once.health.post("/v1/authorizations", json=asking(str(uuid4())))
    problem(theirs, 404)
    assert theirs.content == nobodys.content


def test_another_departments_authorization_is_not_found(once: Standing) -> None:
    answer = same_body_whether_it_exists_or_not(
        once.health, "GET", "/v1/authorizations/{}", once.authorization, str(uuid4()), {}
    )
    problem(answer, 404)


def test_another_departments_case_number_finds_nothing(once: Standing) -> None:
    assert once.health.get("/v1/cases", params={"case_number": "C-1"}).json()["cases"] == []


def test_another_departments_certificate_is_not_found(once: Standing) -> None:
    unknown = str(CertificateIdentifier(f"{MARKET}001", MARKET, "NOBODY", 1))
    answer = same_body_whether_it_exists_or_not(
        once.health, "GET", "/v1/certificates/{}", once.licence, unknown, {}
    )
    problem(answer, 404)


@pytest.mark.parametrize("act", ["revocation", "suspension", "reinstatement"])
def test_another_departments_certificate_is_not_acted_on(once: Standing, act: str) -> None:
    unknown = str(CertificateIdentifier(f"{MARKET}001", MARKET, "NOBODY", 1))
    answers = [
        problem(once.health.post(f"/v1/certificates/{each}/{act}", json=WHY), 403)
        for each in (once.licence, unknown)
    ]
    for answer in answers:
        answer.pop("record")
    assert answers[0] == answers[1]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "pulls"),
        ("GET", "quarantine"),
        ("GET", f"pulls/{UUID(int=7)}"),
    ],
)
def test_another_departments_register_is_not_found(once: Standing, method: str, path: str) -> None:
    answer = same_body_whether_it_exists_or_not(
        once.health, method, "/v1/registers/{}/" + path, "market-regulator", "nobodys", {}
    )
    problem(answer, 404)


def test_a_record_of_another_department_has_no_receipt_for_one_without_audit(
    once: Standing,
) -> None:
    token = once.served.token(HEALTH, scope="cases")
    headers = {"Authorization": f"Bearer {token}"}
    records = once.auditor.get("/v1/audit/records").json()["records"]
    theirs = next(each for each in records if each["record"].get("department") == SERVICE_CENTRE)
    found = once.visitor.get(f"/v1/audit/receipts/{theirs['index']}", headers=headers)
    absent = once.visitor.get("/v1/audit/receipts/999999", headers=headers)
    assert problem(found, 404) == problem(absent, 404)


@pytest.mark.parametrize(
    ("method", "path", "there", "more"),
    [
        ("POST", "/v1/me/cases/{}/materials/premises-floor-plan", "case",
         {"files": {"file": ("a.pdf", pdf("a"))}}),
        ("POST", "/v1/me/authorizations/{}/grant", "authorization", {"json": {}}),
        ("POST", "/v1/me/authorizations/{}/refuse", "authorization", {}),
        ("POST", "/v1/me/authorizations/{}/withdraw", "authorization", {}),
    ],
)  # fmt: skip
def test_what_concerns_another_applicant_is_not_found(
    once: Standing, method: str, path: str, there: str, more: dict[str, object]
) -> None:
    answer = same_body_whether_it_exists_or_not(
        once.other_holder, method, path, getattr(once, there), str(uuid4()), more
    )
    problem(answer, 404)


def test_another_applicants_certificate_is_not_found(once: Standing) -> None:
    unknown = str(CertificateIdentifier(f"{MARKET}001", MARKET, "NOBODY", 1))
    answer = same_body_whether_it_exists_or_not(
        once.other_holder, "GET", "/v1/me/certificates/{}", once.licence, unknown, {}
    )
    problem(answer, 404)


def test_another_applicants_lists_are_empty(once: Standing) -> None:
    for place in ("certificates", "cases", "materials", "authorizations", "lookups"):
        assert (
            once.other_holder.get(f"/v1/me/{place}").json()[place.replace("materials", "documents")]
            == []
        )


def test_an_unknown_account_is_told_from_a_wrong_password_by_nobody(once: Standing) -> None:
    wrong = {"account": "holder", "password": "wrong"}
    nobody = {"account": "nobody", "password": "wrong"}
    answers = [once.visitor.post("/v1/me/sessions", json=each) for each in (wrong, nobody)]
    assert problem(answers[0], 401) == problem(answers[1], 401)
