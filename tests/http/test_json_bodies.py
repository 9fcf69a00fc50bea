"""Bodies that are no JSON, or JSON of the wrong kind, are told so and leave nothing behind."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.http.standing import BODY_LIMIT, FOOD, HOLDER, Standing, case_body, faulty, problem
from tests.lookups.asking import lookup

JSON = {"Content-Type": "application/json"}
WHOLE = json.dumps(case_body("C-9"), ensure_ascii=False)


@pytest.fixture(autouse=True)
def nothing_changes(once: Standing) -> Iterator[None]:
    """Whatever a test here sends, no row and no object comes of it."""
    before = once.kept()
    yield
    assert once.kept() == before


def doors(once: Standing) -> list[tuple[httpx.Client, str]]:
    """Every door that takes JSON, with somebody who may knock."""
    return [
        (once.centre, "/v1/cases"),
        (once.centre, f"/v1/cases/{once.case}/materials/business-licence"),
        (once.centre, "/v1/authorizations"),
        (once.centre, "/v1/items"),
        (once.health, "/v1/lookups"),
        (once.health, "/v1/lookups/batch"),
        (once.market, f"/v1/certificates/{once.licence}/revocation"),
        (once.market, f"/v1/certificates/{once.licence}/suspension"),
        (once.market, f"/v1/certificates/{once.licence}/reinstatement"),
        (once.visitor, "/v1/verifications"),
        (once.visitor, "/v1/me/sessions"),
        (once.holder, f"/v1/me/authorizations/{once.authorization}/grant"),
    ]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"{",
        WHOLE.encode()[:-20],
        WHOLE.encode("gb18030"),
        WHOLE.encode("utf-16"),
        b"\xef\xbb\xbf" + WHOLE.encode(),
        b"\xff\xfe",
        b'{"a": "\xed\xa0\x80"}',
        b"{'a': 1}",
        b"{} {}",
        b"[",
        b"[" * 5_000 + b"]" * 5_000,
        b'{"a":' * 5_000 + b"1" + b"}" * 5_000,
        b"NaN",
        b"-Infinity",
        b'{"a": ' + b"9" * 5_000 + b"}",
    ],
    ids=[
        "empty", "blank", "open", "cut", "GB 18030", "UTF-16", "byte order mark", "no text",
        "surrogates in UTF-8", "single quotes", "two documents", "open list", "deep lists",
        "deep objects", "NaN", "Infinity", "endless number",
    ],
)  # fmt: skip
def test_what_is_no_json_is_a_bad_request_at_every_door(once: Standing, body: bytes) -> None:
    for speaker, path in doors(once):
        answer = speaker.post(path, content=body, headers=JSON)
        assert faulty(answer) == {"/"}, (path, answer.text)


@pytest.mark.parametrize("body", [b"null", b"[]", b"7", b'"text"', b"true"])
def test_json_that_is_no_object_is_a_bad_request_at_every_door(once: Standing, body: bytes) -> None:
    for speaker, path in doors(once):
        assert faulty(speaker.post(path, content=body, headers=JSON)) == {"/"}, path


def test_a_body_over_the_limit_is_refused_at_every_door(once: Standing) -> None:
    body = b'{"a":"' + b"x" * BODY_LIMIT + b'"}'
    for speaker, path in doors(once):
        problem(speaker.post(path, content=body, headers=JSON), 413)


def test_a_body_over_the_limit_is_refused_before_its_end_where_no_length_is_announced(
    once: Standing,
) -> None:
    sent = 0

    def endless() -> Iterator[bytes]:
        nonlocal sent
        while sent < 50 * BODY_LIMIT:
            sent += 1000
            yield b" " * 1000

    try:
        answer = once.centre.post("/v1/cases", content=endless(), headers=JSON)
    except httpx.WriteError:
        pass  # the server had answered and closed the connection already
    else:
        problem(answer, 413)
    assert sent < 50 * BODY_LIMIT


def test_a_body_exactly_at_the_limit_is_read(once: Standing) -> None:
    body = b'{"a":"' + b"x" * (BODY_LIMIT - 8) + b'"}'
    assert len(body) == BODY_LIMIT
    assert "/a" in faulty(once.centre.post("/v1/cases", content=body, headers=JSON))


@pytest.mark.parametrize("kind", ["text/plain", "application/xml", "application/octet-stream", ""])
def test_another_kind_of_body_is_not_accepted(once: Standing, kind: str) -> None:
    headers = {"Content-Type": kind} if kind else {}
    answer = once.centre.post("/v1/cases", content=WHOLE.encode(), headers=headers)
    problem(answer, 415)


def test_a_form_at_a_door_for_json_is_a_bad_request(once: Standing) -> None:
    assert faulty(once.centre.post("/v1/cases", data={"item": FOOD})) == {"/"}
    assert faulty(once.centre.post("/v1/cases", files={"file": ("a", b"b")})) == {"/"}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (WHOLE[:-1] + ', "item": "x"}', "/item"),
        (WHOLE.replace('"id_type"', '"id": "1", "id_type"'), "/holder/id"),
        (WHOLE[:-1] + ', "a/b~": 1, "a/b~": 2}', "/a~1b~0"),
    ],
)
def test_a_member_given_twice_is_named(once: Standing, body: str, field: str) -> None:
    answer = once.centre.post("/v1/cases", content=body.encode(), headers=JSON)
    assert faulty(answer) == {field}


@pytest.mark.parametrize("path", ["/v1/lookups", "/v1/lookups/batch"])
def test_a_lookups_member_given_twice_is_named(once: Standing, path: str) -> None:
    one = json.dumps(lookup(HOLDER)).replace('"id_type"', '"id": "1", "id_type"')
    single = path == "/v1/lookups"
    body = one if single else f'{{"lookups": [{one}]}}'
    answer = once.health.post(path, content=body.encode(), headers=JSON)
    assert faulty(answer) == {"/holder/id" if single else "/lookups/0/holder/id"}


TEXTS = {
    "NUL": "\\u0000",
    "NUL within": "a\\u0000b",
    "lone high surrogate": "\\ud800",
    "lone low surrogate": "\\udc00",
    "surrogates the wrong way round": "\\udc00\\ud800",
}


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS.keys())
def test_what_postgresql_cannot_hold_is_named_at_every_door(once: Standing, text: str) -> None:
    operator = {"account": "a", "name": "b", "unit": "c"}
    bodies: dict[str, tuple[Any, str]] = {
        "/v1/cases": ({**case_body("?"), "operator": operator}, "/case_number"),
        "materials": ({"how": "shared", "material": "?", "authorization": once.case}, "/material"),
        "/v1/authorizations": ({"case": once.case, "requests": [{"material": "?"}]}, "/requests/0"),
        "/v1/items": ({"code": "?"}, "/code"),
        "revocation": ({"reason": "?", "legal_ground": "x"}, "/reason"),
        "suspension": ({"reason": "x", "legal_ground": "?"}, "/legal_ground"),
        "reinstatement": ({"reason": "?", "legal_ground": "x"}, "/reason"),
        "verifications": ({"identifier": "?"}, "/identifier"),
        "sessions": ({"account": "?", "password": "x"}, "/account"),
        "grant": ({"fields": ["?"]}, "/fields/0"),
        "/v1/lookups": (lookup("?"), "/holder/id"),
        "batch": ({"lookups": [lookup("x"), lookup("?")]}, "/lookups/1/holder/id"),
    }
    tried = set()
    for speaker, path in doors(once):
        name = next(each for each in bodies if path.endswith(each) or each in path.split("/"))
        body, field = bodies[name]
        content = json.dumps(body).replace('"?"', f'"{text}"').encode()
        named = faulty(speaker.post(path, content=content, headers=JSON))
        # A parser that stops at such a text can only say where the document begins.
        assert any(each.startswith(field) or each == "/" for each in named), (path, named)
        tried.add(name)
    assert tried == set(bodies)


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS.keys())
def test_a_members_name_is_looked_at_too(once: Standing, text: str) -> None:
    body = WHOLE[:-1] + f', "{text}": 1}}'
    assert faulty(once.centre.post("/v1/cases", content=body.encode(), headers=JSON)) == {"/"}
    facts = f'{{"identifier": "{once.licence}", "facts": {{"{text}": "x"}}}}'
    answer = once.health.post("/v1/verifications", content=facts.encode(), headers=JSON)
    assert faulty(answer) == {"/facts"}


@pytest.mark.parametrize("value", [7, 7.5, True, None, [], {}, ["x"], {"a": "b"}])
@pytest.mark.parametrize(
    "place", [("item",), ("case_number",), ("holder", "id"), ("operator", "account")]
)
def test_another_type_than_text_is_named(
    once: Standing, place: tuple[str, ...], value: Any
) -> None:
    body = case_body("C-9")
    inner = body
    for name in place[:-1]:
        inner[name] = dict(inner[name])
        inner = inner[name]
    inner[place[-1]] = value
    assert faulty(once.centre.post("/v1/cases", json=body)) == {"/" + "/".join(place)}


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"item": "X" * 10_000}, "/item"),
        ({"case_number": "X" * 10_000}, "/case_number"),
        ({"case_number": ""}, "/case_number"),
        ({"case_number": "a\nb"}, "/case_number"),
        ({"holder": {"id_type": "001", "id": "9" * 10_000}}, "/holder/id"),
        ({"holder": {"id_type": "1" * 10_000, "id": "9"}}, "/holder/id_type"),
        ({"holder": {"id_type": "001"}}, "/holder/id"),
        ({"holder": {"id_type": "001", "id": HOLDER[:-1] + "0"}}, "/holder/id"),
        ({"holder": {"id_type": "no such", "id": HOLDER}}, "/holder/id_type"),
        ({"holder": None}, "/holder"),
        ({"item": "no such item"}, "/item"),
        ({"extra": 1}, "/extra"),
        ({"x" * 10_000: 1}, "/" + "x" * 100),
    ],
)
def test_what_is_wrong_with_a_case_is_named(
    once: Standing, changes: dict[str, Any], field: str
) -> None:
    answer = once.centre.post("/v1/cases", json={**case_body("C-9"), **changes})
    assert faulty(answer) == {field}
    assert len(answer.content) < 2_000


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"holder": {"id_type": "001", "id": "9" * 10_000}}, "/holder/id"),
        ({"holder": {"id_type": "001", "id": 91440101}}, "/holder/id"),
        ({"holder": None}, "/"),
        ({"fields": "name"}, "/fields"),
        ({"fields": ["x"] * 101}, "/fields"),
        ({"basis": {"kind": "holder", "authorization": "x"}}, "/basis/authorization"),
        ({"operator": {"account": "a", "name": "b"}}, "/operator/unit"),
        ({"shoe_size": 44}, "/shoe_size"),
    ],
)
def test_what_is_wrong_with_a_lookup_is_named(
    once: Standing, changes: dict[str, Any], field: str
) -> None:
    body = {**lookup(HOLDER), **changes}
    if body["holder"] is None:
        del body["holder"]
    assert faulty(once.health.post("/v1/lookups", json=body)) == {field}


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"materials": [7]}, "/materials/0"),
        ({"materials": []}, "/materials"),
        ({"materials": [{"code": ["x"], "name": {"zh": "x", "en": "x"}, "ways": []}]},
         "/materials/0/code"),
        ({"materials": [{"code": "x", "name": {"zh": "x", "en": "x"}, "ways": [7]}]},
         "/materials/0/ways/0"),
        ({"materials": [{"code": "x", "name": {"zh": "x", "en": "x"},
          "ways": [{"certificate": "y", "fields": "name"}]}]}, "/materials/0/ways/0/fields"),
        ({"materials": [{"code": "x", "name": {"zh": "x", "en": "x"},
          "ways": [{"certificate": "y", "fields": [{}]}]}]}, "/materials/0/ways/0/fields/0"),
        ({"name": "食品经营许可"}, "/name"),
        ({"time_limit_working_days": True}, "/time_limit_working_days"),
        ({"time_limit_working_days": "10"}, "/time_limit_working_days"),
        ({"time_limit_working_days": 0}, "/time_limit_working_days"),
        ({"code": "short"}, "/code"),
        ({"unheard_of": 1}, "/unheard_of"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_an_item_is_named(
    once: Standing, changes: dict[str, Any], field: str
) -> None:
    document = once.visitor.get("/openapi.json").json()
    example = document["components"]["schemas"]["ItemIn"]["examples"][0]
    assert field in faulty(once.centre.post("/v1/items", json={**example, **changes}))


def test_what_is_wrong_with_a_material_given_is_named_without_repeating_it(once: Standing) -> None:
    path = f"/v1/cases/{once.case}/materials/business-licence"
    for body in ({"how": HOLDER}, {"how": 7}, {}, {"lookup": once.case}):
        answer = once.centre.post(path, json=body)
        faulty(answer)
        assert HOLDER not in answer.text


def test_a_body_cut_off_by_the_line_leaves_nothing(once: Standing) -> None:
    host, port = once.served.url.removeprefix("http://").split(":")
    head = (
        f"POST /v1/cases HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n"
        f"Authorization: {once.centre.headers['authorization']}\r\n"
        f"Content-Length: {len(WHOLE.encode())}\r\n\r\n"
    )
    for kept in (0, 1, len(WHOLE) // 2):
        with socket.create_connection((host, int(port))) as line:
            line.sendall(head.encode() + WHOLE.encode()[:kept])
    # Asked afterwards on another line, so the server has noticed the others.
    assert once.visitor.get("/healthz").status_code == 200
