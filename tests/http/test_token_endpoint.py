"""The token endpoint under bad input: errors speak RFC 6749 and RFC 9457 at once."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import httpx
import pytest

from tests.http.standing import Standing, problem
from tests.hub import HEALTH

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


def form(once: Standing, **changes: str | None) -> dict[str, str]:
    whole = {
        "grant_type": "client_credentials",
        "client_assertion_type": TYPE,
        "client_assertion": once.served.assertion(HEALTH),
        **changes,
    }
    return {name: value for name, value in whole.items() if value is not None}


def refused(answer: httpx.Response, status: int, error: str) -> dict[str, Any]:
    document = problem(answer, status)
    assert document["error"] == error
    said = document["error_description"]
    # RFC 6749 §5.2: printable ASCII without quotes and backslashes.
    assert said and all(" " <= each <= "~" and each not in '"\\' for each in said)
    assert answer.headers["cache-control"] == "no-store"
    return document


def test_a_right_request_gets_a_token_and_a_record(once: Standing) -> None:
    before = once.rows()["audit_records"]
    answer = once.visitor.post("/oauth/token", data=form(once))
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    assert once.rows()["audit_records"] == before + 1


@pytest.mark.parametrize("kind", ["application/json", "text/plain", "multipart/form-data", ""])
def test_another_kind_of_body_is_not_accepted(once: Standing, kind: str) -> None:
    headers = {"Content-Type": kind} if kind else {}
    content = b"{}" if kind == "application/json" else urlencode(form(once)).encode()
    answer = once.visitor.post("/oauth/token", content=content, headers=headers)
    document = problem(answer, 415)
    assert document["detail"]


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"grant_type": None}, "invalid_request"),
        ({"grant_type": ""}, "invalid_request"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
        ({"grant_type": "authorization_code"}, "unsupported_grant_type"),
        ({"client_assertion_type": None}, "invalid_request"),
        ({"client_assertion_type": "urn:x"}, "invalid_request"),
        ({"client_assertion": None}, "invalid_request"),
        ({"client_id": "somebody else"}, "invalid_request"),
    ],
)
def test_what_is_missing_or_unknown_is_said(
    once: Standing, changes: dict[str, str | None], error: str
) -> None:
    refused(once.visitor.post("/oauth/token", data=form(once, **changes)), 400, error)


@pytest.mark.parametrize(
    "name", ["grant_type", "client_assertion_type", "client_assertion", "scope"]
)
def test_a_parameter_given_twice_is_refused(once: Standing, name: str) -> None:
    pairs = [*form(once, scope="cases").items(), (name, form(once, scope="lookups")[name])]
    answer = once.visitor.post("/oauth/token", content=urlencode(pairs), headers=FORM)
    refused(answer, 400, "invalid_request")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff\xfe",
        "授权".encode(),
        b"grant_type",
        b"%zz=1",
        b"a=%ff",
        b"&".join([b"a=1"] * 500),
    ],
)
def test_what_is_no_form_is_refused(once: Standing, body: bytes) -> None:
    answer = once.visitor.post("/oauth/token", content=body, headers=FORM)
    refused(answer, 400, "invalid_request")


def test_a_request_over_the_limit_is_refused(once: Standing) -> None:
    for size in (17_000, 100_000):
        body = urlencode(form(once, scope="x" * size))
        answer = once.visitor.post("/oauth/token", content=body, headers=FORM)
        assert problem(answer, 413)


@pytest.mark.parametrize(
    "assertion",
    ["x", "a.b.c", "a.b.c.d", "e30.e30.", "é.é.é", "\0", "eyJhbGciOiJub25lIn0.e30.", "x" * 9_000],
)
def test_what_is_no_assertion_is_refused_as_the_client(once: Standing, assertion: str) -> None:
    answer = once.visitor.post("/oauth/token", data=form(once, client_assertion=assertion))
    refused(answer, 401, "invalid_client")
    assert "WWW-Authenticate" in answer.headers


@pytest.mark.parametrize("scope", ["everything", "cases everything", "cases\0", "案件"])
def test_a_scope_nobody_has_is_refused(once: Standing, scope: str) -> None:
    document = problem(once.visitor.post("/oauth/token", data=form(once, scope=scope)), 400)
    assert document["error"] == "invalid_scope"


def test_an_assertion_serves_once_only(once: Standing) -> None:
    same = form(once)
    assert once.visitor.post("/oauth/token", data=same).status_code == 200
    refused(once.visitor.post("/oauth/token", data=same), 401, "invalid_client")
