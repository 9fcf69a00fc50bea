"""The OpenAPI document is valid, complete and true."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import pytest
from fastapi.openapi.models import OpenAPI

from tests.http.standing import Standing, problem

METHODS = {"get", "post", "put", "patch", "delete"}
HAN = re.compile("[一-鿿]")
LATIN = re.compile("[A-Za-z]{2}")
# Who may send these without a token; everything else declares the bearer scheme.
PUBLIC = {
    ("post", "/oauth/token"),
    ("get", "/.well-known/oauth-authorization-server"),
    ("get", "/.well-known/jwks.json"),
    ("post", "/v1/me/sessions"),
    ("get", "/v1/items"),
    ("get", "/v1/items/{code}"),
    ("get", "/v1/certificate-types"),
    ("get", "/v1/certificate-types/{key}"),
    ("get", "/v1/certificate-types/{key}/versions/{version}"),
    ("get", "/v1/certificate-types/{key}/versions/{version}/definition"),
    ("get", "/v1/certificate-types/{key}/versions/{version}/schema"),
    ("get", "/v1/certificate-types/{key}/versions/{version}/metadata"),
    ("get", "/v1/status-lists/{issuer}/{number}"),
    ("get", "/v1/trust"),
    ("get", "/v/{identifier}"),
    ("get", "/v1/root"),
    ("get", "/v1/crl"),
    ("get", "/v1/audit/checkpoint"),
    ("get", "/v1/audit/consistency"),
    ("get", "/v1/objects/{sha256}"),
    ("get", "/log/checkpoint"),
    ("get", "/log/tile/{path}"),
    ("get", "/healthz"),
    ("get", "/readyz"),
    ("get", "/metrics"),
}
EITHER_WAY = {("post", "/v1/verifications"), ("post", "/v1/verifications/files")}


@pytest.fixture(scope="module")
def document(once: Standing) -> dict[str, Any]:
    found: dict[str, Any] = once.visitor.get("/openapi.json").json()
    return found


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in document["paths"].items():
        for method, operation in item.items():
            if method in METHODS:
                yield method, path, operation


def nodes(value: Any) -> Iterator[Any]:
    yield value
    for member in value.values() if isinstance(value, dict) else value:
        if isinstance(member, dict | list):
            yield from nodes(member)


def test_the_document_is_openapi_3_1(document: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.1.")
    OpenAPI.model_validate(document)
    assert document["info"]["title"] and document["servers"][0]["url"] == "http://hub.test"


def test_every_schema_is_valid_json_schema(document: dict[str, Any]) -> None:
    for name, schema in document["components"]["schemas"].items():
        jsonschema_rs.Draft202012Validator({**schema, "components": document["components"]})
        assert jsonschema_rs.meta.is_valid(schema), name


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    missing = set()
    for node in nodes(document):
        if isinstance(node, dict) and isinstance(node.get("$ref"), str):
            found: Any = document
            for part in node["$ref"].removeprefix("#/").split("/"):
                found = found.get(part) if isinstance(found, dict) else None
            if found is None:
                missing.add(node["$ref"])
    assert missing == set()


def test_every_operation_says_in_both_languages_what_it_does(document: dict[str, Any]) -> None:
    said = {(method, path): each.get("summary", "") for method, path, each in operations(document)}
    assert len(said) >= 44
    assert {
        place: summary
        for place, summary in said.items()
        if not (HAN.search(summary) and LATIN.search(summary))
    } == {}


def test_every_operation_has_its_own_id(document: dict[str, Any]) -> None:
    ids = [each.get("operationId") for _, _, each in operations(document)]
    assert None not in ids
    assert len(set(ids)) == len(ids)


def test_every_error_is_a_problem_and_422_is_never_answered(document: dict[str, Any]) -> None:
    for method, path, operation in operations(document):
        for status, response in operation["responses"].items():
            assert status != "422", (method, path)
            if int(status) < 400:
                continue
            assert set(response["content"]) == {"application/problem+json"}, (method, path, status)
            content = response["content"]["application/problem+json"]
            assert content["schema"] == {"$ref": "#/components/schemas/Problem"}
            assert content["example"]["status"] == int(status)
            assert response["description"]


def test_every_success_is_described(document: dict[str, Any]) -> None:
    for method, path, operation in operations(document):
        successes = {s: r for s, r in operation["responses"].items() if int(s) < 300}
        assert successes, (method, path)
        for response in successes.values():
            assert response["description"]
            assert response["content"], (method, path)


def test_what_wants_a_token_says_so(document: dict[str, Any]) -> None:
    assert document["components"]["securitySchemes"]["bearer"]["scheme"] == "bearer"
    declared: dict[tuple[str, str], Any] = {
        (method, path): operation.get("security")
        for method, path, operation in operations(document)
    }
    public = {place for place, security in declared.items() if security is None}
    assert public == PUBLIC
    either = {place for place, security in declared.items() if security and {} in security}
    assert either == EITHER_WAY
    for place, security in declared.items():
        if place not in PUBLIC:
            assert {"bearer": []} in security, place


@pytest.mark.parametrize("token", [None, "Bearer nonsense"])
def test_what_wants_a_token_answers_401_without_a_usable_one(
    once: Standing, document: dict[str, Any], token: str | None
) -> None:
    headers = {"Authorization": token} if token else {}
    for method, path, operation in operations(document):
        if (method, path) in PUBLIC | EITHER_WAY:
            continue
        assert "401" in operation["responses"]
        answer = once.visitor.request(method, filled(once, path), headers=headers)
        # A body is read before the token is; these bodies are missing or present alike.
        if answer.status_code == 400:
            pytest.fail(f"{method} {path} looks at the body before the token")
        problem(answer, 401)
        assert answer.headers["www-authenticate"].startswith("Bearer")


def filled(once: Standing, path: str) -> str:
    """A path with things that exist in place of its parameters."""
    values = {
        "code": "11440000MB2F03456K2000131019000",
        "key": "business-licence",
        "version": "1",
        "identifier": once.licence,
        "issuer": once.licence.split(".")[6],
        "number": "1",
        "register": "market-regulator",
        "pull": once.case,
        "case": once.case,
        "material": "premises-floor-plan",
        "authorization": once.authorization,
        "presentation": once.case,
        "index": "0",
        "sequence": "1",
        "job": once.case,
        "name": "manifest.json",
        "copy": once.case,
    }
    return re.sub(r"\{(\w+)\}", lambda found: values[found[1]], path)


def examples(
    document: dict[str, Any],
) -> Iterator[tuple[str, str, Any]]:
    """Every request body that the document shows as an example."""
    for method, path, operation in operations(document):
        for kind, content in operation.get("requestBody", {}).get("content", {}).items():
            if kind != "application/json":
                continue
            schema = content["schema"]
            own = schema.get("examples", [])
            if "$ref" in schema:
                schema = document["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]
            shown = [content["example"]] if "example" in content else []
            shown += own or schema.get("examples", [])
            shown += [each["value"] for each in content.get("examples", {}).values()]
            yield from ((method, path, example) for example in shown)


def test_every_json_body_has_an_example(document: dict[str, Any]) -> None:
    shown = {(method, path) for method, path, _ in examples(document)}
    wanted = {
        (method, path)
        for method, path, operation in operations(document)
        if "application/json" in operation.get("requestBody", {}).get("content", {})
    }
    assert wanted - shown == set()


def test_every_example_is_accepted_as_it_is_pasted(
    once: Standing, document: dict[str, Any]
) -> None:
    for method, path, example in examples(document):
        if path.startswith("/v1/me"):
            speaker = once.holder
        elif path.startswith("/v1/certificates"):
            speaker = once.market
        else:
            speaker = once.centre
        answer = speaker.request(
            method,
            filled(once, path),
            content=json.dumps(example, ensure_ascii=False).encode(),
            headers={"Content-Type": "application/json"},
        )
        assert answer.status_code != 400, (path, example, answer.text)
        assert answer.status_code < 500, (path, answer.text)


def test_the_examples_of_opening_a_case_and_looking_up_work(
    once: Standing, document: dict[str, Any]
) -> None:
    shown = {path: example for _, path, example in examples(document)}
    opened = once.centre.post("/v1/cases", json=shown["/v1/cases"])
    assert opened.status_code in (200, 201), opened.text
    for path in ("/v1/lookups", "/v1/lookups/batch"):
        asked = once.health.post(path, json=shown[path])
        assert asked.status_code == 200, asked.text


def test_the_pages_of_the_document_are_served(once: Standing) -> None:
    assert once.visitor.get("/docs").status_code == 200
