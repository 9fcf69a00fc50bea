"""Opening and reading cases, and the checklist's five states."""

from __future__ import annotations

from datetime import date
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from exchange.governance.service import operator
from tests.cases.documents import pdf
from tests.cases.room import CENTRE, FOOD, HEALTH, HOLDER, HYGIENE, OPERATOR, OTHER, Room


def opening(**changes: Any) -> dict[str, Any]:
    return {
        "item": FOOD,
        "case_number": "C-1",
        "holder": HOLDER,
        "operator": OPERATOR,
        **changes,
    }


def open_case(client: httpx.Client, **changes: Any) -> dict[str, Any]:
    answer = client.post("/v1/cases", json=opening(**changes))
    assert answer.status_code == 201, answer.text
    case: dict[str, Any] = answer.json()
    return case


def states(case: dict[str, Any]) -> dict[str, str]:
    return {each["material"]: each["state"] for each in case["materials"]}


def test_a_case_opens_with_its_checklist_and_a_record(room: Room) -> None:
    case = open_case(room.system(CENTRE))
    assert case["state"] == "open" and case["completed_at"] is None
    assert set(states(case).values()) == {"to-be-given"}
    [record] = room.records("case-opened")
    assert record["case"] == "C-1" and record["item"] == FOOD
    assert record["operator"] == {"account": "win-03", "unit": "综合窗口"}
    assert HOLDER["id"] not in str(record) and "李四" not in str(record)


def test_opening_again_gives_the_same_case_and_no_second_record(room: Room) -> None:
    centre = room.system(CENTRE)
    first = open_case(centre)
    again = centre.post("/v1/cases", json=opening())
    assert again.status_code == 200 and again.json() == first
    assert len(room.records("case-opened")) == 1


@pytest.mark.parametrize("change", [{"holder": OTHER}, {"item": HYGIENE}])
def test_a_case_number_used_for_something_else_is_a_conflict(
    room: Room, change: dict[str, Any]
) -> None:
    centre = room.system(CENTRE)
    open_case(centre)
    answer = centre.post("/v1/cases", json=opening(**change))
    assert answer.status_code == 409 and len(room.rows("cases")) == 1


def test_two_departments_may_use_the_same_case_number(room: Room) -> None:
    ours, theirs = open_case(room.system(CENTRE)), open_case(room.system(HEALTH))
    assert ours["case"] != theirs["case"]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"item": "X" * 31}, "/item"),
        ({"holder": {"id_type": "001", "id": "91440101000000001X"}}, "/holder/id"),
        ({"holder": {"id_type": "999", "id": "1"}}, "/holder/id_type"),
        ({"case_number": ""}, "/case_number"),
        ({"case_number": "a\nb"}, "/case_number"),
        ({"operator": {"account": "a", "unit": "b"}}, "/operator/name"),
        ({"surprise": 1}, "/surprise"),
    ],
)
def test_what_cannot_be_read_is_named_and_nothing_is_opened(
    room: Room, change: dict[str, Any], field: str
) -> None:
    answer = room.system(CENTRE).post("/v1/cases", json=opening(**change))
    assert answer.status_code == 400
    assert [each["field"] for each in answer.json()["faults"]] == [field]
    assert not room.rows("cases") and not room.records("case-opened")


def test_another_departments_case_is_not_found(room: Room) -> None:
    case = open_case(room.system(CENTRE))
    stranger = room.system(HEALTH)
    assert stranger.get(f"/v1/cases/{case['case']}").status_code == 404
    found = stranger.get("/v1/cases", params={"case_number": "C-1"})
    assert found.json()["cases"] == []
    answer = stranger.get(f"/v1/cases/{case['case']}/materials/premises-floor-plan/content")
    assert answer.status_code == 404


def test_a_case_is_found_by_its_number(room: Room) -> None:
    centre = room.system(CENTRE)
    case = open_case(centre)
    assert centre.get("/v1/cases", params={"case_number": "C-1"}).json()["cases"] == [case]


def test_a_token_without_the_scope_is_refused_and_the_refusal_stands_in_the_log(
    room: Room,
) -> None:
    answer = room.system(CENTRE, frozenset({"lookups"})).post("/v1/cases", json=opening())
    assert answer.status_code == 403
    assert answer.json()["reasons"][0]["rule"] == "scope-cases-missing"
    [refusal] = room.records("refusal")
    assert refusal["act"] == "open-case" and refusal["reason"] == "scope-cases-missing"


def test_a_certificate_in_the_library_needs_the_holders_authorization(room: Room) -> None:
    room.give_certificate()
    case = open_case(room.system(CENTRE))
    assert states(case)["business-licence"] == "needs-authorization"


def test_a_statutory_rule_makes_a_certificate_held(room_with_duty: Room) -> None:
    room_with_duty.give_certificate()
    case = open_case(room_with_duty.system(HEALTH), item=HYGIENE)
    licence = case["materials"][0]
    assert (licence["state"], licence["basis"]) == ("held", "statutory")


@pytest.mark.parametrize(
    "particulars",
    [{"state": "07"}, {"state": "02"}, {"valid_until": date(2026, 5, 31)}, {"holder": OTHER}],
)
def test_a_certificate_not_in_force_or_of_another_holder_does_not_count(
    room: Room, particulars: dict[str, Any]
) -> None:
    room.give_certificate(**particulars)
    assert states(open_case(room.system(CENTRE)))["business-licence"] == "to-be-given"


def test_a_document_given_earlier_needs_authorization_elsewhere_and_its_name_is_kept(
    room: Room,
) -> None:
    case = open_case(room.system(CENTRE))
    answer = room.applicant().post(
        f"/v1/me/cases/{case['case']}/materials/premises-floor-plan", files={"file": pdf()}
    )
    assert answer.status_code == 201
    elsewhere = open_case(room.system(HEALTH), item=HYGIENE)
    assert states(elsewhere)["premises-floor-plan"] == "needs-authorization"
    assert elsewhere["materials"][1]["document"] is None


def test_the_checklist_takes_the_same_number_of_statements_however_much_there_is(
    room: Room,
) -> None:
    centre, me = room.system(CENTRE), room.applicant()
    statements: list[str] = []
    listener = lambda *event: statements.append(event[2])  # noqa: E731
    sa.event.listen(room.engine, "before_cursor_execute", listener)

    def count() -> int:
        statements.clear()
        assert me.get("/v1/me/cases").status_code == 200
        return len(statements)

    open_case(centre)
    few = count()
    for number in range(2, 8):
        room.give_certificate(serial=f"S{number}")
        case = open_case(centre, case_number=f"C-{number}")
        content = {"file": pdf(str(number))}
        me.post(f"/v1/me/cases/{case['case']}/materials/premises-floor-plan", files=content)
    assert count() == few <= 12


def test_a_case_keeps_the_version_of_the_item_it_was_opened_for(room: Room) -> None:
    centre = room.system(CENTRE)
    case = open_case(centre)
    [definition] = [
        row["definition"] for row in room.rows("items") if row["definition"]["code"] == FOOD
    ]
    shorter = {**definition, "materials": definition["materials"][:1]}
    permitted = room.hub.access.permit(operator("tests"), "publish-item")
    room.hub.items.publish(permitted, shorter)
    assert len(centre.get(f"/v1/cases/{case['case']}").json()["materials"]) == 2
    newer = open_case(centre, case_number="C-2")
    assert newer["item"]["version"] == 2 and len(newer["materials"]) == 1
