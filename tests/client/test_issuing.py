"""The SDK as an issuer uses it, and files: issued, acted on, read and proven over HTTP."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta

import httpx
import pytest

from certstore.documents import check_pdf
from exchange import embedded
from exchange.client import Draft, History, Holder, Why, YiciProblem, YiciUnproven
from exchange.client.files import sealed
from exchange.client.transport import Reply
from tests.client.test_system import Connections, by_duty
from tests.conftest import Database
from tests.documents.certified import certify_department
from tests.hub import CITY, HEALTH, MARKET, credit_code, served_hub

TODAY = date(2026, 6, 1)


@pytest.fixture(scope="module")
def sdk(
    postgres: embedded.EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Connections]:
    name = f"test_{secrets.token_hex(6)}"
    embedded.create_database(postgres, name, template="template_yici")
    with served_hub(Database(name, postgres), tmp_path_factory.mktemp("hub")) as served:
        connections = Connections(served)
        yield connections
        connections.close()
    embedded.drop_database(postgres, name)


def draft(number: int, request: str, **changes: object) -> Draft:
    code = credit_code(number)
    fields = {"name": f"第{number}号有限公司", "credit_code": code, "region": "广州",
              "registered_on": "2020-01-15"}  # fmt: skip
    made = Draft(request, Holder("001", code), f"第{number}号有限公司", fields, date(2026, 6, 1))
    return replace(made, **changes)  # type: ignore[arg-type]


def why(**more: object) -> Why:
    return replace(Why("年检未通过", "市场主体登记管理条例 第四十六条"), **more)  # type: ignore[arg-type]


def test_a_certificate_lives_its_whole_life_through_the_sdk(sdk: Connections) -> None:
    issuing = sdk.yici(MARKET).issuing
    first = issuing.issue("business-licence", draft(1, "a-1"))
    assert issuing.issue("business-licence", draft(1, "a-1")).identifier == first.identifier
    assert (first.version, first.state.code) == (1, "01")
    changed = draft(1, "a-2", fields={**draft(1, "").fields, "region": "深圳"})
    second = issuing.change(first.identifier, changed)
    assert (second.version, second.versions) == (2, (first.identifier, second.identifier))
    assert issuing.suspend(second.identifier, why(request="s-1")).state.code == "02"
    again = issuing.suspend(second.identifier, why(request="s-1"))
    assert (again.state.code, len(again.history)) == ("02", 3)
    assert issuing.reinstate(second.identifier, why()).state.code == "01"
    with pytest.raises(YiciProblem) as endless:
        issuing.renew(second.identifier, draft(1, "a-3", valid_until=date(2030, 5, 31)))
    assert endless.value.status == 400 and endless.value.faults
    planned = issuing.revoke(
        second.identifier, why(effective_on=TODAY + timedelta(days=30)), state="04"
    )
    assert planned.state.code == "01" and planned.history[-1]["standing"] == "planned"
    kept = issuing.call_off(second.identifier, planned.history[-1]["sequence"], why())
    assert [each["standing"] for each in kept.history][-2:] == ["called-off", "in-effect"]
    out = issuing.transfer(second.identifier, why(reason_code="moved"))
    assert out.state.code == "06"
    then = issuing.standing(second.identifier, on=date(2026, 5, 31)).as_of
    assert then is not None and then["version"] is None
    with pytest.raises(YiciProblem) as refused:
        issuing.suspend(second.identifier, why())
    assert refused.value.status == 409


def test_a_history_is_proven_by_its_signatures_alone(sdk: Connections) -> None:
    market = sdk.yici(MARKET)
    issued = market.issuing.issue("business-licence", draft(2, "b-1"))
    market.issuing.suspend(issued.identifier, why())
    history = market.history(issued.identifier)
    proven = history.prove(market.trust.document)
    assert [each.operation for each in proven.statements] == ["01", "03"]
    holder = sdk.applicant(credit_code(2))
    assert holder.history(issued.identifier).statements == history.statements
    cut = History(history.identifier, history.versions, history.events[1:])
    other = market.issuing.issue("business-licence", draft(3, "b-2"))
    elsewhere = replace(history, identifier=other.identifier)
    for wrong, code in ((cut, "dropped"), (elsewhere, "other-certificate")):
        with pytest.raises(YiciUnproven) as unproven:
            wrong.prove(market.trust.document)
        assert unproven.value.code == code


def test_another_departments_certificate_is_not_found(sdk: Connections) -> None:
    issued = sdk.yici(MARKET).issuing.issue("business-licence", draft(4, "c-1"))
    city = sdk.yici(CITY)
    for ask in (city.issuing.standing, city.history, city.files.pdf, city.files.picture):
        with pytest.raises(YiciProblem) as refused:
            ask(issued.identifier)
        assert refused.value.status == 404


def test_files_pictures_and_copies_come_whole_and_sealed(sdk: Connections) -> None:
    served = sdk.served
    root = certify_department(served, MARKET)
    market, health = sdk.yici(MARKET), sdk.yici(HEALTH)
    issued = market.issuing.issue("business-licence", draft(5, "d-1"))
    holder = sdk.applicant(credit_code(5))
    pdf = market.files.pdf(issued.identifier)
    assert holder.pdf(issued.identifier) == pdf
    assert market.files.picture(issued.identifier).startswith(b"\x89PNG")
    assert b"<svg" in holder.picture(issued.identifier, "svg")[:500]
    found = health.look_up(by_duty(credit_code(5)))
    reason = {"reason": "核对主体资格", "valid_days": 7}
    copy = health.files.copy(issued.identifier, lookup=found.lookup, **reason)
    assert health.files.copy(issued.identifier, lookup=found.lookup, **reason) == copy
    assert health.files.copy_again(copy.id) == copy.content
    for content in (pdf, copy.content):
        checked = check_pdf(content, [root], at=served.clock.now())
        assert (checked.integrity.outcome, checked.department) == ("valid", MARKET)
    with pytest.raises(YiciProblem) as refused:
        market.files.copy(issued.identifier, lookup=found.lookup, **reason)
    assert refused.value.status == 403


@pytest.mark.parametrize("digest", [None, "sha-256=:AAAA:", f"sha-256=:{'A' * 43}=:"])
def test_a_file_that_is_not_what_was_stated_is_not_given_out(digest: str | None) -> None:
    headers = httpx.Headers({} if digest is None else {"Repr-Digest": digest})
    with pytest.raises(YiciUnproven):
        sealed(Reply(200, b"%PDF", "application/pdf", headers))
