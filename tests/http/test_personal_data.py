"""What a person is called, and by which number, stands in no error, no log line, no record."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import sqlalchemy as sa
import structlog

from exchange import embedded
from exchange.observing import configure_logging
from tests.cases.documents import pdf
from tests.http.standing import OPERATOR, WHY, Standing, case_body
from tests.hub import credit_code
from tests.lookups.asking import lookup

UNKNOWN = credit_code(424242)
WRONG = UNKNOWN[:-1] + ("0" if UNKNOWN[-1] != "0" else "1")
NAME = "司马不出现"
PASSWORD = "a passphrase nobody may read 4711"
SECRETS = (UNKNOWN, WRONG, UNKNOWN[:-1], NAME, OPERATOR["name"], PASSWORD)


@contextmanager
def logged() -> Iterator[None]:
    """Log as a real server does, whatever other tests set before."""
    before = structlog.get_config()
    configure_logging("DEBUG")
    structlog.configure(cache_logger_on_first_use=False)
    try:
        yield
    finally:
        structlog.configure(**before)


def send_everything(own: Standing) -> list[str]:
    """Send personal data through every door, well and badly. The answers' texts and headers."""
    operator = {"account": "a", "name": NAME, "unit": "u"}
    answers = [
        own.visitor.post("/v1/me/sessions", json={"account": UNKNOWN, "password": PASSWORD}),
        own.visitor.post("/v1/me/sessions", json={"account": UNKNOWN, "password": [PASSWORD]}),
        own.visitor.post("/v1/me/sessions", json={"account": "a", "passwort": PASSWORD}),
        own.visitor.post("/v1/me/sessions", content=f'{{"account": "{UNKNOWN}'.encode()),
        own.centre.post(
            "/v1/cases", json={**case_body("C-1", holder=UNKNOWN), "operator": operator}
        ),
        own.centre.post("/v1/cases", json=case_body("C-3", holder=WRONG)),
        own.centre.post("/v1/cases", json={**case_body("C-3"), "holder": UNKNOWN}),
        own.centre.post("/v1/cases", json={**case_body("C-3"), "item": [UNKNOWN]}),
        own.centre.post("/v1/cases", json={**case_body("C-3"), "item": UNKNOWN + "\0"}),
        own.centre.post("/v1/cases", content=json.dumps(case_body("C", holder=UNKNOWN))[:-9]),
        own.centre.post(f"/v1/cases/{own.case}/materials/{UNKNOWN}", json={"how": NAME}),
        own.centre.get(f"/v1/cases/{UNKNOWN}"),
        own.centre.get("/v1/cases", params={"case_number": UNKNOWN}),
        own.centre.get("/v1/cases", params=[("case_number", UNKNOWN)] * 2),
        own.centre.get(f"/v1/nowhere/{UNKNOWN}", params={"name": NAME}),
        own.health.post("/v1/lookups", json=lookup(UNKNOWN, operator=operator)),
        own.health.post("/v1/lookups", json=lookup(UNKNOWN, basis=None, operator=operator)),
        own.health.post("/v1/lookups", json=lookup(UNKNOWN, fields=[])),
        own.health.post("/v1/lookups", json=lookup(UNKNOWN, basis={"kind": UNKNOWN * 5})),
        own.health.post("/v1/lookups", json=lookup(UNKNOWN)["holder"]),
        own.health.post("/v1/lookups/batch", json={"lookups": [lookup(UNKNOWN), 7]}),
        own.visitor.post("/v1/verifications", json={"identifier": UNKNOWN}),
        own.visitor.post("/v1/verifications", json={"credential": UNKNOWN}),
        own.visitor.post(
            "/v1/verifications", json={"identifier": own.licence, "facts": {"name": NAME}}
        ),
        own.market.get(f"/v1/certificates/{UNKNOWN}"),
        own.market.post(f"/v1/certificates/{UNKNOWN}/revocation", json=WHY),
        own.health.post(f"/v1/certificates/{own.licence}/revocation", json={**WHY, "reason": NAME}),
        own.holder.post(
            f"/v1/me/cases/{own.case}/materials/{UNKNOWN}",
            files={"file": (f"{NAME}.pdf", pdf())},
        ),
        own.holder.post(
            f"/v1/me/cases/{own.case}/materials/premises-floor-plan",
            files={"file": (f"{NAME}.pdf", b"nothing")},
        ),
        own.visitor.get("/v1/me", headers={"Authorization": f"Bearer {UNKNOWN}"}),
        own.visitor.post("/oauth/token", data={"grant_type": UNKNOWN, "client_assertion": NAME}),
        own.visitor.get("/metrics"),
    ]
    assert {answer.status_code for answer in answers} >= {200, 400, 401, 403, 404, 409}
    assert max(answer.status_code for answer in answers) < 500
    return [answer.text + str(answer.headers) for answer in answers]


def test_no_answer_no_log_line_and_no_record_repeats_what_names_a_person(
    own: Standing, capfd: pytest.CaptureFixture[str]
) -> None:
    capfd.readouterr()
    with logged():
        texts = send_everything(own)
    lines = "".join(capfd.readouterr())
    with own.served.hub.engine.connect() as connection:
        bodies = connection.execute(sa.text("SELECT convert_from(body, 'UTF8') FROM audit_records"))
        evidence = "\n".join(body for (body,) in bodies)
    assert '"refusal"' in evidence
    assert lines.count('"event": "request"') >= 20
    for secret in SECRETS:
        assert [text for text in texts if secret in text] == [], secret
        assert secret not in lines, secret
        assert secret not in evidence, secret


def test_an_error_of_the_database_is_logged_without_what_was_sent(
    own: Standing, capfd: pytest.CaptureFixture[str]
) -> None:
    body = case_body("C-4", holder=UNKNOWN)
    capfd.readouterr()
    with logged():
        embedded.drop_database(own.database.server, own.database.name)
        answer = own.centre.post("/v1/cases", json=body)
    lines = "".join(capfd.readouterr())
    assert answer.status_code == 503
    for secret in (*SECRETS, own.database.app_url, "yici_app"):
        assert secret not in answer.text and secret not in lines
