"""The room's doors over HTTP."""

from __future__ import annotations

from uuid import UUID

import pytest

from exchange.demo.registers import Manifest
from exchange.registers.pulling import Pulling
from tests.hub import CITY, MARKET, SERVICE_CENTRE, Served
from tests.registers.pulls import pull, request


def test_a_department_sees_its_own_registers_only(served: Served) -> None:
    with served.as_system(MARKET) as market, served.as_system(SERVICE_CENTRE) as centre:
        (register,) = market.get("/v1/registers").json()["registers"]
        assert centre.get("/v1/registers").json()["registers"] == []
    assert register["register"] == "market-regulator"
    assert register["certificate_type"] == "business-licence"
    assert register["newest_pull"] is None


def test_while_a_pull_is_not_finished_there_is_no_second(served: Served) -> None:
    wanted = request(served, "market-regulator")
    with served.as_system(MARKET) as market:
        answer = market.post("/v1/registers/market-regulator/pulls")
        (register,) = market.get("/v1/registers").json()["registers"]
    assert answer.status_code == 409
    assert answer.json()["pull"] == str(wanted)
    assert register["newest_pull"]["pull"] == str(wanted)


def test_the_newest_pull_is_the_one_shown(
    served: Served, pulling: Pulling, manifest: Manifest
) -> None:
    pull(served, pulling, "market-regulator")
    served.clock.advance(minutes=1)
    second = pull(served, pulling, "market-regulator")
    with served.as_system(MARKET) as market:
        (register,) = market.get("/v1/registers").json()["registers"]
    assert register["newest_pull"] == second


def test_quarantined_rows_say_which_pull_saw_them_last(
    served: Served, pulling: Pulling, manifest: Manifest
) -> None:
    first = pull(served, pulling, "market-regulator")
    second = pull(served, pulling, "market-regulator")
    with served.as_system(MARKET) as market:
        found = market.get("/v1/registers/market-regulator/quarantine").json()["findings"]
    rows = {each["row_number"] for each in found if each["last_pull"] == second["pull"]}
    assert len(rows) == second["quarantined"]
    assert {each["first_pull"] for each in found} == {first["pull"]}


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "pulls"),
        ("GET", f"pulls/{UUID(int=7)}"),
        ("GET", "quarantine"),
    ],
)
def test_another_departments_register_is_not_found(served: Served, method: str, path: str) -> None:
    with served.as_system(CITY) as city:
        answer = city.request(method, f"/v1/registers/market-regulator/{path}")
        unknown = city.request(method, f"/v1/registers/nobody/{path}")
    assert (answer.status_code, unknown.status_code) == (404, 404)
    assert answer.json() == unknown.json()


def test_a_pull_of_another_register_is_not_found_under_ones_own(served: Served) -> None:
    wanted = request(served, "market-regulator")
    with served.as_system(CITY) as city:
        answer = city.get(f"/v1/registers/licensing-office/pulls/{wanted}")
    assert answer.status_code == 404


def test_nobody_pulls_without_a_token_or_the_scope(served: Served) -> None:
    path = "/v1/registers/market-regulator/pulls"
    assert served.client.post(path).status_code == 401
    token = served.token(MARKET, scope="certificates")
    answer = served.client.post(path, headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 403
    assert {reason["rule"] for reason in answer.json()["reasons"]} == {"scope-registers-missing"}


@pytest.mark.parametrize("query", ["after=-1", "limit=0", "limit=1001", "after=x"])
def test_a_page_that_makes_no_sense_is_a_bad_request(served: Served, query: str) -> None:
    with served.as_system(MARKET) as market:
        answer = market.get(f"/v1/registers/market-regulator/quarantine?{query}")
    assert answer.status_code == 400


@pytest.mark.parametrize("after", [2**63, 10**30])
def test_a_page_beyond_all_numbers_is_a_bad_request_or_empty(served: Served, after: int) -> None:
    with served.as_system(MARKET) as market:
        answer = market.get(f"/v1/registers/market-regulator/quarantine?after={after}")
    assert answer.status_code in {200, 400}
