"""加注件: what a department gets of a certificate it looked up, and nothing it did not."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from typing import Any
from uuid import uuid4

import httpx
import pytest
import sqlalchemy as sa
from sqlalchemy.exc import ProgrammingError

from certstore.documents import check_pdf
from certstore.sdjwt import disclosable_paths
from exchange.certificates.repository import find_version
from exchange.documents.repository import find_released
from exchange.documents.service import end_of
from exchange.documents.tables import documents
from exchange.errors import Unavailable
from tests.documents.conftest import Room, licence
from tests.documents.test_files import records
from tests.http.standing import FOOD, case_body
from tests.hub import CULTURE, HEALTH, MARKET, SERVICE_CENTRE, credit_code
from tests.lookups.asking import lookup

WHY = {"reason": "办理公共场所卫生许可，核对主体资格", "valid_days": 30}


def ask(client: httpx.Client, number: int, **body: Any) -> httpx.Response:
    return client.post(f"/v1/certificates/{licence(number)}/copies", json={**WHY, **body})


def test_a_copy_says_who_why_for_which_case_and_until_when(room: Room) -> None:
    number = room.issue()
    looked_up = room.looked_up(number)
    answer = ask(room.health, number, lookup=looked_up)
    assert answer.status_code == 201, answer.text
    found = check_pdf(answer.content, [room.root], at=room.served.clock.now())
    assert (found.integrity.code, found.issuer.code) == ("seal-holds", "seal-trusted")
    metadata = found.metadata
    assert metadata is not None
    assert {name: metadata[name] for name in ("JZJZZZ", "JZJZZSY", "JZJYXQJZSJ", "KZ_BJBH")} == {
        "JZJZZZ": "部门4",
        "JZJZZSY": WHY["reason"],
        "JZJYXQJZSJ": "2026-06-30",
        "KZ_BJBH": "2026-000123",
    }
    assert metadata["JZJZZSJ"].startswith("2026-06-01T17:00")
    (record,) = records(room.served, licence(number), "copy-made")
    assert (record["department"], record["lookup"], record["case"]) == (
        HEALTH, looked_up, "2026-000123",
    )  # fmt: skip
    assert record["result"] == found.sha256
    assert WHY["reason"] not in json.dumps(record, ensure_ascii=False)


def test_a_copy_shows_exactly_the_fields_that_the_lookup_released(room: Room) -> None:
    number = room.issue()
    answer = ask(room.health, number, lookup=room.looked_up(number, fields=["name"]))
    found = check_pdf(answer.content, [room.root], at=room.served.clock.now())
    assert found.credential is not None
    shown = disclosable_paths(found.credential)
    # Released without the holder's word, the name is masked: it is not in the credential either.
    assert shown <= {("fields", "name")}
    assert not {"CZZTDM", "KZ_JYFW", "KZ_DQ"} & set(found.metadata or {})
    (record,) = records(room.served, licence(number), "copy-made")
    assert record["fields"] == ["name"]


def test_asking_again_gives_the_copy_that_was_made(room: Room) -> None:
    number = room.issue()
    looked_up = room.looked_up(number)
    first = ask(room.health, number, lookup=looked_up)
    again = ask(room.health, number, lookup=looked_up)
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.content == first.content
    assert again.headers["location"] == first.headers["location"]
    fetched = room.health.get(first.headers["location"])
    assert fetched.content == first.content
    other = ask(room.health, number, lookup=looked_up, reason="存档")
    assert other.status_code == 201
    assert other.content != first.content
    kinds = [each["kind"] for each in records(
        room.served, licence(number), "copy-made", "copy-read"
    )]  # fmt: skip
    assert kinds == ["copy-made", "copy-read", "copy-read", "copy-made"]


def test_a_department_without_a_lookup_of_its_own_is_refused_alike_for_all(room: Room) -> None:
    number = room.issue()
    looked_up = room.looked_up(number)
    with room.served.as_system(CULTURE) as culture:
        there = ask(culture, number, lookup=looked_up)
        nowhere = ask(culture, 998, lookup=str(uuid4()))
    for answer in (there, nowhere):
        assert answer.status_code == 403
        assert answer.json()["reasons"][0]["rule"] == "copy-without-lookup"
    assert there.json()["detail"] == nowhere.json()["detail"]


def test_a_lookup_of_another_holder_is_no_ground_for_a_copy(room: Room) -> None:
    one, another = room.issue(), room.issue()
    answer = ask(room.health, another, lookup=room.looked_up(one))
    assert answer.status_code == 403


def test_a_refused_lookup_is_no_ground_for_a_copy(room: Room) -> None:
    number = room.issue()
    refused = room.health.post("/v1/lookups", json=lookup(credit_code(number), operator=None))
    assert refused.status_code == 403
    answer = ask(room.health, number, lookup=refused.json()["lookup"])
    assert answer.status_code == 403


def test_a_lookup_answered_before_a_newer_version_is_of_the_older_one(room: Room) -> None:
    number = room.issue()
    looked_up = room.looked_up(number)
    room.served.clock.advance(seconds=1)
    room.served.issue_licence(number, source_hash="e" * 64)
    newer = room.health.post(
        f"/v1/certificates/{licence(number, 2)}/copies", json={**WHY, "lookup": looked_up}
    )
    older = ask(room.health, number, lookup=looked_up)
    assert (newer.status_code, older.status_code) == (409, 409)


def test_no_copy_is_made_of_what_is_not_in_force(room: Room) -> None:
    number = room.issue()
    looked_up = room.looked_up(number)
    why = {"reason": "提交虚假材料", "legal_ground": "市场主体登记管理条例 第40条"}
    room.market.post(f"/v1/certificates/{licence(number)}/revocation", json=why).raise_for_status()
    answer = ask(room.health, number, lookup=looked_up)
    assert answer.status_code == 409
    assert answer.json()["state"] == "07"


def test_a_copy_is_the_departments_own_until_its_last_day(room: Room) -> None:
    number = room.issue()
    made = ask(room.health, number, lookup=room.looked_up(number), valid_days=1)
    place = made.headers["location"]
    with room.served.as_system(CULTURE) as culture:
        assert culture.get(place).status_code == 404
    at = room.served.clock.at
    try:
        # 1 June 17:00 in China is the copy's only day; it ends at midnight there.
        room.served.clock.advance(hours=6, minutes=50)
        with room.served.as_system(HEALTH) as health:
            assert health.get(place).status_code == 200
        room.served.clock.advance(minutes=15)
        with room.served.as_system(HEALTH) as health:
            assert health.get(place).status_code == 409
    finally:
        room.served.clock.at = at


def test_the_holder_sees_every_copy_that_was_made(room: Room) -> None:
    looked_up = room.looked_up(1)
    assert ask(room.health, 1, lookup=looked_up).status_code == 201
    newest = room.holder.get("/v1/me/lookups").json()["lookups"][0]
    assert (newest["kind"], newest["department"]) == ("copy-made", HEALTH)
    assert newest["case_number"] == "2026-000123"


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"case": "2026-000123"},
        {"lookup": str(uuid4()), "case": "1", "authorization": str(uuid4())},
        {"lookup": str(uuid4()), "reason": "因" * 201},
        {"lookup": str(uuid4()), "reason": "因\n由"},
        {"lookup": str(uuid4()), "valid_days": 0},
        {"lookup": str(uuid4()), "valid_days": 366},
    ],
    ids=[
        "no-lookup", "case-alone", "two-ways", "long-reason", "line-in-reason", "no-days",
        "too-long",
    ],
)  # fmt: skip
def test_a_copy_needs_one_lookup_a_short_reason_and_an_end(
    room: Room, body: dict[str, Any]
) -> None:
    answer = ask(room.health, 1, **body)
    assert answer.status_code == 400
    assert answer.json()["faults"]


def test_the_issuer_itself_makes_no_copies_without_a_lookup(room: Room) -> None:
    assert ask(room.market, 1, lookup=str(uuid4())).status_code == 403


def test_no_row_of_a_file_can_be_changed_by_the_application(room: Room) -> None:
    for statement in (sa.delete(documents), sa.update(documents).values(size=1)):
        with (
            pytest.raises(ProgrammingError, match="permission denied"),
            room.served.hub.engine.begin() as connection,
        ):
            connection.execute(statement)


def test_a_case_and_an_authorization_name_the_lookup_as_well(room: Room) -> None:
    number = room.issue()
    looked_up = room.looked_up(number)
    by_nobody = ask(room.health, number, case="2026-000123", authorization=str(uuid4()))
    assert by_nobody.status_code == 403
    hub = room.served.hub
    with hub.work.read() as connection:
        read = find_version(connection, MARKET, f"{MARKET}001", credit_code(number), 1)
        assert read is not None
        found = find_released(
            connection, read, HEALTH, since=datetime(2026, 1, 1, tzinfo=UTC),
            case_number="2026-000123",
        )  # fmt: skip
    assert found is not None
    assert str(found.lookup) == looked_up


def test_a_case_with_a_granted_authorization_gets_a_copy_of_what_was_granted(room: Room) -> None:
    number = room.issue()
    account = f"granting-{number}"
    room.served.register_applicant(account, "001", credit_code(number), f"第{number}号有限公司")
    with (
        room.served.as_system(SERVICE_CENTRE) as centre,
        room.served.as_applicant(account) as holder,
    ):
        opened = centre.post("/v1/cases", json=case_body("C-77", holder=credit_code(number)))
        asked = {"case": opened.json()["case"], "requests": [{"material": "business-licence"}]}
        (wanted,) = centre.post("/v1/authorizations", json=asked).json()["authorizations"]
        granted = wanted["authorization"]
        named = {"case": "C-77", "authorization": granted}
        assert ask(centre, number, **named).status_code == 403
        agreed = holder.post(f"/v1/me/authorizations/{granted}/grant", json={"fields": ["name"]})
        assert agreed.status_code == 200, agreed.text
        looked = centre.post(
            "/v1/lookups",
            json=lookup(
                credit_code(number),
                fields=["name"],
                purpose={"item": FOOD, "case": "C-77"},
                basis={"kind": "holder", "authorization": granted},
            ),
        )
        assert looked.status_code == 200, looked.text
        made = ask(centre, number, **named)
        other_case = ask(centre, number, case="C-78", authorization=granted)
    assert made.status_code == 201, made.text
    found = check_pdf(made.content, [room.root], at=room.served.clock.now())
    assert found.credential is not None and found.integrity.outcome == "valid"
    # With the holder's word the name is released whole, and it alone.
    assert disclosable_paths(found.credential) == {("fields", "name")}
    assert found.metadata is not None
    assert found.metadata["JZJZZSY"] == WHY["reason"]
    (record,) = records(room.served, licence(number), "copy-made")
    assert (record["department"], record["case"]) == (SERVICE_CENTRE, "C-77")
    assert record["lookup"] == looked.json()["lookup"]
    assert other_case.status_code == 403


def test_a_file_is_locked_before_any_row_names_it(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    number, hub = room.issue(), room.served.hub

    def power_cut(*_: object) -> bool:
        raise Unavailable("断电", "power cut")

    before = set(hub.objects)
    with monkeypatch.context() as broken:
        broken.setattr("exchange.documents.repository.add", power_cut)
        assert room.market.get(f"/v1/certificates/{licence(number)}/file").status_code == 503
    (litter,) = set(hub.objects) - before
    kept = hub.objects.stat(litter).retain_until
    assert kept is not None and kept.year == 2056
    assert room.market.get(f"/v1/certificates/{licence(number)}/file").status_code == 200


def test_a_file_is_kept_to_the_end_of_the_calendar_at_the_longest() -> None:
    assert end_of(date(2056, 6, 1)) == datetime(2056, 6, 1, 16, tzinfo=UTC)
    assert end_of(date.max) == datetime(9999, 12, 30, 16, tzinfo=UTC)
