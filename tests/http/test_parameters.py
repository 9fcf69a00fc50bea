"""Paths and queries that make no sense are told which part does not."""

from __future__ import annotations

import pytest

from tests.http.standing import WHY, Standing, faulty, problem

NO_UUIDS = ["x", "0", "01890a5d-ac96-774b-bcce-b302099a805", "%20", "a" * 10_000, "🙂"]


@pytest.mark.parametrize("value", NO_UUIDS)
def test_what_is_no_uuid_is_named(once: Standing, value: str) -> None:
    plan = "materials/premises-floor-plan"
    places = [
        (once.centre, "GET", f"/v1/cases/{value}", "case"),
        (once.centre, "GET", f"/v1/cases/{value}/{plan}/content", "case"),
        (once.centre, "GET", f"/v1/authorizations/{value}", "authorization"),
        (once.market, "GET", f"/v1/registers/market-regulator/pulls/{value}", "pull"),
        (once.holder, "POST", f"/v1/me/authorizations/{value}/refuse", "authorization"),
        (once.holder, "POST", f"/v1/me/authorizations/{value}/withdraw", "authorization"),
        (once.holder, "GET", f"/v1/me/cases?before={value}", "before"),
        (once.holder, "GET", f"/v1/me/materials?before={value}", "before"),
        (once.holder, "GET", f"/v1/me/authorizations?before={value}", "before"),
    ]
    for speaker, method, path, name in places:
        answer = speaker.request(method, path)
        assert name in faulty(answer), path
        assert len(answer.content) < 2_000


def test_an_identifier_whose_check_character_is_wrong_is_told_so(once: Standing) -> None:
    wrong = once.licence[:-1] + ("Z" if once.licence[-1] != "Z" else "Y")
    places = [
        (once.market, "GET", f"/v1/certificates/{wrong}"),
        (once.market, "POST", f"/v1/certificates/{wrong}/revocation"),
        (once.market, "POST", f"/v1/certificates/{wrong}/suspension"),
        (once.market, "POST", f"/v1/certificates/{wrong}/reinstatement"),
        (once.holder, "GET", f"/v1/me/certificates/{wrong}"),
    ]
    for speaker, method, path in places:
        document = problem(
            speaker.request(method, path, json=WHY if method == "POST" else None), 400
        )
        assert document["reason"] == "check-digit", path
        assert "check character" in document["detail"] and "校验位" in document["zh"]["detail"]
    # Who was shown it is told so too, and that is an answer.
    told = once.visitor.post("/v1/verifications", json={"identifier": wrong}).json()
    assert (told["identifier_sound"], told["found"]) == (False, False)


@pytest.mark.parametrize(
    "identifier", ["x", "1.2.156.3005.2", "1.2.156.3005.2.A.B.C.001.9", "x" * 301, "é" * 20]
)
def test_what_is_no_identifier_is_a_bad_request(once: Standing, identifier: str) -> None:
    for path in (f"/v1/certificates/{identifier}", f"/v1/me/certificates/{identifier}"):
        speaker = once.holder if "/me/" in path else once.market
        problem(speaker.get(path), 400)


@pytest.mark.parametrize(
    ("path", "name", "values"),
    [
        ("/v1/me/cases", "limit", ["0", "-1", "101", "x", "1.5", "", "9" * 30]),
        ("/v1/me/materials", "limit", ["0", "101"]),
        ("/v1/me/authorizations", "limit", ["0", "101"]),
        ("/v1/me/lookups", "limit", ["0", "101"]),
        ("/v1/me/lookups", "before", ["-1", "x", str(1 << 53), "9" * 30]),
        ("/v1/registers/market-regulator/quarantine", "limit", ["0", "1001", "x"]),
        ("/v1/registers/market-regulator/quarantine", "after", ["-1", "x"]),
        ("/v1/audit/records", "limit", ["0", "1001"]),
        ("/v1/audit/records", "after", ["-2", "x", str(1 << 53), "9" * 30]),
        ("/v1/audit/records", "kind", ["x" * 41]),
        ("/v1/audit/records", "case", ["x" * 201]),
        ("/v1/cases", "case_number", ["", "x" * 101]),
        ("/v1/audit/consistency?new=2", "old", ["0", "-1", "x", str(1 << 53), "9" * 30]),
        ("/v1/audit/consistency?old=1", "new", ["0", "x", str(1 << 53), "9" * 30]),
    ],
)
def test_a_query_beyond_its_limits_is_named(
    once: Standing, path: str, name: str, values: list[str]
) -> None:
    speaker = once.holder if "/me/" in path else once.market
    for value in values:
        bare, _, rest = path.partition("?")
        query = dict(part.split("=") for part in rest.split("&") if part)
        assert faulty(speaker.get(bare, params={**query, name: value})) == {name}, value


@pytest.mark.parametrize("index", ["-1", "x", "1.5", str(1 << 53), "9" * 30])
def test_a_receipt_of_no_index_is_named(once: Standing, index: str) -> None:
    assert faulty(once.centre.get(f"/v1/audit/receipts/{index}")) == {"index"}


@pytest.mark.parametrize(("issuer", "number"), [("x", "1"), ("x" * 18, "1"), ("é" * 18, "1")])
def test_a_status_list_of_no_issuer_is_named(once: Standing, issuer: str, number: str) -> None:
    assert faulty(once.visitor.get(f"/v1/status-lists/{issuer}/{number}")) == {"issuer"}


def test_what_a_query_gives_twice_is_named(once: Standing) -> None:
    answer = once.centre.get("/v1/cases?case_number=C-1&case_number=C-2")
    assert faulty(answer) == {"case_number"}
    assert faulty(once.holder.get("/v1/me/cases?limit=1&limit=1")) == {"limit"}


def test_a_nul_in_the_address_is_named(once: Standing) -> None:
    assert faulty(once.centre.get("/v1/cases?case_number=a%00b")) == {"case_number"}
    assert faulty(once.auditor.get("/v1/audit/records?case=%00&kind=%00")) == {"case", "kind"}
    assert faulty(once.auditor.get("/v1/audit/records?a%00b=1")) == {"query"}
    for path in (
        "/v1/items/%00",
        "/v1/registers/a%00b/quarantine",
        f"/v1/cases/{once.case}/materials/%00/content",
    ):
        assert faulty(once.market.get(path)) == {"path"}


@pytest.mark.parametrize(
    "path",
    ["/v1/items/%ff", "/v1/items/%ED%A0%80", "/v1/registers/%ff/quarantine", "/v1/items/%E4%BA%8B"],
)
def test_a_path_of_any_bytes_is_not_found_at_worst(once: Standing, path: str) -> None:
    problem(once.market.get(path), 404)


@pytest.mark.parametrize("query", ["case_number=%ff", "case_number=%ED%A0%80"])
def test_a_query_of_any_bytes_finds_nothing_at_worst(once: Standing, query: str) -> None:
    assert once.centre.get(f"/v1/cases?{query}").json() == {"cases": [], "next": None}


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 404),
        ("GET", "/v2/cases", 404),
        ("GET", "/v1/cases/", 404),
        ("POST", "/v1/nothing", 404),
        ("DELETE", "/v1/cases", 405),
        ("PUT", "/v1/items", 405),
        ("GET", "/v1/lookups", 405),
        ("GET", "/oauth/token", 405),
        ("TRACE", "/v1/items", 405),
    ],
)
def test_no_such_place_and_no_such_method_are_problems(
    once: Standing, method: str, path: str, status: int
) -> None:
    answer = once.centre.request(method, path)
    problem(answer, status)
    assert status != 405 or answer.headers["allow"]
