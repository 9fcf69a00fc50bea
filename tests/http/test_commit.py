"""No route says "done" before COMMIT has: a commit that fails is a 500 and leaves no row."""

from __future__ import annotations

from collections.abc import Callable

import httpx
import psycopg2

from tests.cases.documents import pdf
from tests.http.standing import WHY, Standing, case_body, problem

REFUSE = (
    "CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS"
    " $$ BEGIN RAISE EXCEPTION 'commit refused'; END $$;"
    "CREATE CONSTRAINT TRIGGER fails AFTER INSERT ON audit_records"
    " DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION fail()"
)


def break_commit(own: Standing) -> None:
    """From now on every statement succeeds and COMMIT fails."""
    with psycopg2.connect(own.database.superuser_url) as connection, connection.cursor() as cursor:
        cursor.execute(REFUSE)
    connection.close()


def mend_commit(own: Standing) -> None:
    with psycopg2.connect(own.database.superuser_url) as connection, connection.cursor() as cursor:
        cursor.execute("DROP TRIGGER fails ON audit_records; DROP FUNCTION fail()")
    connection.close()


def open_case(own: Standing) -> httpx.Response:
    return own.centre.post("/v1/cases", json=case_body("C-77"))


def give_document(own: Standing) -> httpx.Response:
    path = f"/v1/me/cases/{own.case}/materials/premises-floor-plan"
    return own.holder.post(path, files={"file": ("b.pdf", pdf("another"))})


def grant(own: Standing) -> httpx.Response:
    return own.holder.post(f"/v1/me/authorizations/{own.authorization}/grant", json={})


def revoke(own: Standing) -> httpx.Response:
    return own.market.post(f"/v1/certificates/{own.licence}/revocation", json=WHY)


def pull(own: Standing) -> httpx.Response:
    return own.market.post("/v1/registers/market-regulator/pulls")


def token(own: Standing) -> httpx.Response:
    form = {
        "grant_type": "client_credentials",
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        "client_assertion": own.served.assertion(own.licence.split(".")[6]),
    }
    return own.visitor.post("/oauth/token", data=form)


def refusal(own: Standing) -> httpx.Response:
    return own.health.post(f"/v1/certificates/{own.licence}/revocation", json=WHY)


ACTS: list[tuple[Callable[[Standing], httpx.Response], int]] = [
    (open_case, 201),
    (give_document, 201),
    (grant, 200),
    (revoke, 200),
    (pull, 202),
    (token, 200),
    (refusal, 403),
]


def acts_done(own: Standing) -> int:
    """Acts on certificates that came to something."""
    with psycopg2.connect(own.database.superuser_url) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM certificate_requests WHERE done_at IS NOT NULL")
        found: int = cursor.fetchone()[0]  # type: ignore[index]
    connection.close()
    return found


def test_a_commit_that_fails_is_a_500_and_leaves_no_row(own: Standing) -> None:
    before = own.rows()
    break_commit(own)
    for act, _ in ACTS:
        answer = act(own)
        document = problem(answer, 500)
        assert "commit refused" not in answer.text and set(document) <= {
            "type", "status", "title", "detail", "zh",
        }, act.__name__  # fmt: skip
        # The first of the three steps of revoking, what was asked for, had been committed.
        before["certificate_requests"] += act is revoke
        assert own.rows() == before, act.__name__
        assert acts_done(own) == 0
    mend_commit(own)
    for act, status in ACTS:
        recorded = own.rows()["audit_records"]
        assert act(own).status_code == status, act.__name__
        assert own.rows()["audit_records"] == recorded + 1, act.__name__
    assert own.rows()["cases"] == before["cases"] + 1
