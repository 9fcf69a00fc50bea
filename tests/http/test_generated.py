"""Generated requests, good and bad, at every operation: the hub keeps to its own document."""

from __future__ import annotations

import json
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, cast

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import CHECKS, load_all_checks

from exchange.app import create_framework
from tests.http.standing import Standing

load_all_checks()
KEPT = CHECKS.get_by_names(
    [
        "not_a_server_error",
        "status_code_conformance",
        "content_type_conformance",
        "response_headers_conformance",
        "response_schema_conformance",
        "negative_data_rejection",
        "unsupported_method",
        "ignored_auth",
    ]
)
# A body may be too large before it is anything else.
NO = ["400", "401", "403", "404", "405", "409", "413", "415"]
CONFIG = schemathesis.Config.from_dict(
    {
        "phases": {"coverage": {"enabled": True}, "stateful": {"enabled": False}},
        "checks": {"negative_data_rejection": {"expected-statuses": NO}},
        "generation": {"mode": "all", "deterministic": True, "database": "none"},
    }
)


@pytest.fixture(scope="module")
def session() -> Iterator[requests.Session]:
    with requests.Session() as session:
        yield session


def _document() -> dict[str, Any]:
    # The document depends on nothing of a hub but its address.
    settings_alone = SimpleNamespace(settings=SimpleNamespace(public_url="http://hub.test"))
    found: dict[str, Any] = create_framework(cast(Any, settings_alone)).openapi()
    return found


DOCUMENT = _document()
generated = schemathesis.openapi.from_dict(DOCUMENT, config=CONFIG)


def test_the_document_read_here_is_the_one_that_is_served(once: Standing) -> None:
    assert once.visitor.get("/openapi.json").json() == json.loads(json.dumps(DOCUMENT))


@generated.parametrize()
@settings(
    max_examples=8,
    derandomize=True,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
def test_whatever_is_sent_the_answer_fits_the_document(
    once: Standing, session: requests.Session, case: schemathesis.Case
) -> None:
    speaker = once.holder if case.operation.path.startswith("/v1/me") else once.centre
    headers = {"Authorization": speaker.headers["authorization"]}
    response = case.call(base_url=once.served.url, session=session, headers=headers)
    case.validate_response(response, checks=KEPT, headers=headers)
    if response.status_code >= 400:
        assert response.headers["content-type"] == ["application/problem+json"]
