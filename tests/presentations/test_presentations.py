"""One-time codes over HTTP: shown by a holder, redeemed by a counter, once."""

from __future__ import annotations

import io
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import typst
import zxingcpp
from PIL import Image

from exchange.audit.receipts import verify_receipt
from exchange.client.evidence import Evidence, Trust, prove
from exchange.lookups.answers import digest
from exchange.presentations.tables import presentations
from tests.hub import CITY, CULTURE, HEALTH, MARKET, SERVICE_CENTRE
from tests.presentations.people import Counter, Holder, Room, asked


def rule_of(answer: Any) -> str:
    assert answer.status_code == 403, answer.text
    rule: str = answer.json()["reasons"][0]["rule"]
    return rule


def test_a_counter_gets_the_chosen_fields_and_no_other(anybody: Holder, counter: Counter) -> None:
    made = anybody.show("name", "credit_code")
    answer = counter.redeem(made["code"])
    assert answer.status_code == 200, answer.text
    (certificate,) = answer.json()["certificates"]
    assert certificate["identifier"] == anybody.licence
    assert set(certificate["fields"]) == {"name", "credit_code"}
    assert certificate["fields"]["credit_code"] == anybody.id


def test_the_answer_is_signed_and_receipted_as_any_lookups(
    room: Room, anybody: Holder, counter: Counter
) -> None:
    made = anybody.show("name")
    body = json.dumps(asked(made["code"])).encode()
    answer = counter.client.post(
        "/v1/presentations/redeem", content=body, headers={"Content-Type": "application/json"}
    )
    assert answer.status_code == 200, answer.text
    trust = Trust.from_document(room.served.client.get("/v1/trust").json())
    proven = prove(Evidence(body, answer.json(), HEALTH), trust)
    (record,) = proven.records
    assert record["basis"] == "holder"
    assert record["authorization"] == made["presentation"]
    assert record["fields"] == ["name"]
    assert record["request"] == digest(body)
    assert record["operator"] == {"account": "zhang.wei", "unit": "综合窗口3号"}


def test_the_holder_sees_who_scanned_it(holder: Holder, counter: Counter) -> None:
    made = holder.show("name")
    lookup = counter.redeem(made["code"]).json()["lookup"]
    (seen,) = holder.client.get("/v1/me/lookups").json()["lookups"]
    assert (seen["department"], seen["basis"], seen["fields"]) == (HEALTH, "holder", ["name"])
    (shown,) = holder.shown()
    assert (shown["state"], shown["lookup"], shown["used_by"]) == ("used", lookup, HEALTH)
    assert shown["used_by_name"]["zh"]


def test_a_code_is_good_once(room: Room, anybody: Holder, counter: Counter) -> None:
    made = anybody.show("name")
    assert counter.redeem(made["code"]).status_code == 200
    again = counter.redeem(made["code"])
    assert rule_of(again) == "code-used"
    assert "已被使用" in again.json()["zh"]["detail"]
    assert "certificates" not in again.json()
    (refused,) = room.records(kind="refusal", authorization=made["presentation"])
    assert refused["reason"] == "code-used"
    assert verify_receipt(again.json()["receipt"], room.served.hub.log.vkey, "hub.test/log")


def test_of_many_scans_at_once_exactly_one_wins(room: Room, anybody: Holder) -> None:
    made = anybody.show("name")
    departments = [HEALTH] * 6
    with ThreadPoolExecutor(6) as pool, room.counter() as counter:
        answers = list(pool.map(lambda _: counter.redeem(made["code"]), departments))
    assert sorted(each.status_code for each in answers) == [200] + [403] * 5
    assert {rule_of(each) for each in answers if each.status_code == 403} == {"code-used"}
    assert len(room.records(kind="lookup", authorization=made["presentation"])) == 1


def test_a_withdrawn_code_is_refused_and_the_refusal_is_logged(
    room: Room, anybody: Holder, counter: Counter
) -> None:
    made = anybody.show("name")
    ended = anybody.withdraw(made["presentation"])
    assert ended.json()["state"] == "withdrawn", ended.text
    assert rule_of(counter.redeem(made["code"])) == "code-withdrawn"
    (refused,) = room.records(kind="refusal", authorization=made["presentation"])
    assert refused["reason"] == "code-withdrawn"
    assert room.records(kind="presentation-withdrawn", authorization=made["presentation"])


def test_an_expired_code_is_refused_and_the_refusal_is_logged(room: Room, holder: Holder) -> None:
    made = holder.show("name", seconds=30)
    room.served.clock.advance(seconds=30)
    with room.counter() as counter:
        assert rule_of(counter.redeem(made["code"])) == "code-expired"
    assert holder.shown()[0]["state"] == "expired"
    (refused,) = room.records(kind="refusal", authorization=made["presentation"])
    assert refused["reason"] == "code-expired"


def test_a_code_for_one_department_is_refused_to_another_and_stays_good(
    room: Room, anybody: Holder, counter: Counter
) -> None:
    made = anybody.show("name", audience=SERVICE_CENTRE)
    assert made["audience_name"]["zh"]
    assert rule_of(counter.redeem(made["code"])) == "code-of-another-department"
    with room.counter(SERVICE_CENTRE) as centre:
        answer = centre.redeem(made["code"], item=f"{SERVICE_CENTRE}2000131019000")
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize(
    ("fields", "changes", "rule"),
    [
        (["name", "region"], {}, "fields-beyond-item"),
        (["name"], {"item": "X" * 31}, "item-unknown"),
    ],
    ids=["fields the item does not list", "no such item"],
)
def test_what_no_lookup_may_do_no_code_allows_and_it_stays_good(
    holder: Holder, counter: Counter, fields: list[str], changes: dict[str, str], rule: str
) -> None:
    made = holder.show(*fields)
    assert rule_of(counter.redeem(made["code"], **changes)) == rule
    assert holder.shown()[0]["state"] == "open"


def test_a_department_without_agreement_gets_nothing(room: Room, holder: Holder) -> None:
    made = holder.show("name")
    with room.counter(CULTURE) as stranger:
        assert rule_of(stranger.redeem(made["code"])) == "no-rule"
    assert holder.shown()[0]["state"] == "open"


def test_unknown_codes_all_look_alike_and_are_limited(room: Room) -> None:
    with room.counter(MARKET) as guesser:
        answers = [
            guesser.redeem(code)
            for code in ["A" * 32, "not a code", "YICI:" + "7" * 32, "é", "A" * 31, "1" * 32]
        ]
        told = {json.dumps(each.json(), sort_keys=True) for each in answers}
        assert {each.status_code for each in answers} == {404}
        assert len(told) == 1
        for number in range(14):
            assert guesser.redeem(f"{number:0>32}").status_code == 404
        stopped = guesser.redeem("B" * 32)
    assert stopped.status_code == 429
    assert int(stopped.headers["retry-after"]) > 0
    refusals = room.records(kind="refusal", department=MARKET)
    assert [each["reason"] for each in refusals] == ["code-unknown"] * 20
    assert not any("holder" in each for each in refusals)
    room.served.clock.advance(minutes=11)
    with room.counter(MARKET) as patient:
        assert patient.redeem("B" * 32).status_code == 404


def test_who_guesses_too_much_cannot_use_a_right_code_either(room: Room, holder: Holder) -> None:
    made = holder.show("name")
    with room.counter(CITY) as guesser:
        for number in range(20):
            guesser.redeem(f"{number:0>32}")
        assert guesser.redeem(made["code"]).status_code == 429
    assert holder.shown()[0]["state"] == "open"


def test_the_qr_code_says_the_code_and_a_scanner_may_send_what_it_read(
    anybody: Holder, counter: Counter, tmp_path: Path
) -> None:
    made = anybody.show("name")
    assert made["text"] == "YICI:" + made["code"]
    read = zxingcpp.read_barcodes(drawn(made["svg"], tmp_path))
    assert [each.text for each in read] == [made["text"]]
    assert counter.redeem(read[0].text).status_code == 200


def drawn(svg: str, folder: Path) -> Image.Image:
    """An SVG as a screen shows it."""
    (folder / "qr.svg").write_text(svg)
    (folder / "page.typ").write_text('#set page(width: auto, height: auto)\n#image("qr.svg")')
    png = typst.compile(str(folder / "page.typ"), format="png", ppi=144.0)
    return Image.open(io.BytesIO(png))


def test_small_letters_blanks_and_hyphens_are_read(anybody: Holder, counter: Counter) -> None:
    code = anybody.show("name")["code"].lower()
    typed = " ".join(code[at : at + 4] for at in range(0, 32, 4)).replace(" ", "-", 3)
    assert counter.redeem(typed).status_code == 200


def test_the_code_is_kept_nowhere(room: Room, anybody: Holder, counter: Counter) -> None:
    made = anybody.show("name")
    counter.redeem(made["code"])
    with room.served.hub.work.read() as connection:
        (row,) = connection.execute(
            sa.select(presentations).where(presentations.c.id == made["presentation"])
        )
        assert len(row.code_hash) == 32
        for table in ("presentations", "audit_records"):
            dumped = connection.execute(sa.text(f"SELECT t::text FROM {table} t")).scalars().all()
            assert dumped and not any(
                made["code"] in each or made["code"].encode().hex() in each for each in dumped
            )
    assert "code" not in anybody.shown()[0]


def test_codes_differ_and_are_long(anybody: Holder) -> None:
    codes = {anybody.show("name")["code"] for _ in range(5)}
    assert len(codes) == 5 and all(len(code) * 5 >= 160 for code in codes)


def test_a_holder_has_at_most_20_codes_open(holder: Holder) -> None:
    made = [holder.show("name", seconds=600) for _ in range(20)]
    wanted = {"identifier": holder.licence, "fields": ["name"]}
    assert holder.client.post("/v1/me/presentations", json=wanted).status_code == 409
    holder.withdraw(made[0]["presentation"])
    assert holder.client.post("/v1/me/presentations", json=wanted).status_code == 201


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"fields": ["name", "shoe_size"]}, "/fields/1"),
        ({"fields": []}, "/fields"),
        ({"fields": ["name", "name"]}, "/"),
        ({"seconds": 601}, "/seconds"),
        ({"seconds": 29}, "/seconds"),
        ({"audience": "11440000MB2F0345XX"}, "/audience"),
        ({"audience": "x"}, "/audience"),
        ({"more": 1}, "/more"),
    ],
    ids=["unknown field", "no field", "field twice", "too long", "too short", "unknown department",
         "no department", "unknown member"],
)  # fmt: skip
def test_what_cannot_be_shown_is_named(holder: Holder, changes: dict[str, Any], field: str) -> None:
    wanted = {"identifier": holder.licence, "fields": ["name"], **changes}
    answer = holder.client.post("/v1/me/presentations", json=wanted)
    assert answer.status_code == 400, answer.text
    assert field in {fault["field"] for fault in answer.json()["faults"]}
    assert holder.shown() == []


def test_nobody_shows_what_another_holds(holder: Holder, stranger: Holder) -> None:
    wanted = {"identifier": holder.licence, "fields": ["name"]}
    assert stranger.client.post("/v1/me/presentations", json=wanted).status_code == 404
    made = holder.show("name")
    assert stranger.withdraw(made["presentation"]).status_code == 404
    assert stranger.shown() == []


def test_departments_show_nothing_and_holders_redeem_nothing(
    room: Room, holder: Holder, counter: Counter
) -> None:
    made = holder.show("name")
    wanted = {"identifier": holder.licence, "fields": ["name"]}
    assert counter.client.post("/v1/me/presentations", json=wanted).status_code == 403
    body = asked(made["code"])
    assert holder.client.post("/v1/presentations/redeem", json=body).status_code == 403
    assert room.served.client.post("/v1/presentations/redeem", json=body).status_code == 401
    assert holder.shown()[0]["state"] == "open"


def test_a_suspended_certificate_is_shown_to_nobody(
    room: Room, holder: Holder, counter: Counter
) -> None:
    made = holder.show("name")
    why = {"reason": "年检未通过", "legal_ground": "第40条"}
    with room.served.as_system(MARKET) as market:
        market.post(f"/v1/certificates/{holder.licence}/suspension", json=why).raise_for_status()
    wanted = {"identifier": holder.licence, "fields": ["name"]}
    answer = holder.client.post("/v1/me/presentations", json=wanted)
    assert (answer.status_code, answer.json()["state"]) == (409, "02")
    # What was shown before is answered as it stands now: with its state.
    (certificate,) = counter.redeem(made["code"]).json()["certificates"]
    assert certificate["state_code"] == "02"


def test_a_replaced_version_is_not_shown(room: Room, holder: Holder) -> None:
    room.served.issue_licence(7, holder=holder.id, source_hash="e" * 64)
    wanted = {"identifier": holder.licence, "fields": ["name"]}
    answer = holder.client.post("/v1/me/presentations", json=wanted)
    assert answer.status_code == 409
    assert ".002." in answer.json()["newest"]


@pytest.mark.parametrize("state", ["used", "withdrawn", "expired"])
def test_what_has_ended_cannot_be_withdrawn(
    room: Room, anybody: Holder, counter: Counter, state: str
) -> None:
    made = anybody.show("name", seconds=30)
    if state == "used":
        counter.redeem(made["code"]).raise_for_status()
    elif state == "withdrawn":
        anybody.withdraw(made["presentation"]).raise_for_status()
    else:
        room.served.clock.advance(seconds=31)
    answer = anybody.withdraw(made["presentation"])
    assert (answer.status_code, answer.json()["state"]) == (409, state)


def test_a_plain_lookup_cannot_borrow_a_code(room: Room, holder: Holder, counter: Counter) -> None:
    made = holder.show("name")
    body = {
        "certificate_type": "business-licence",
        "identifier": holder.licence,
        "fields": ["name"],
        "purpose": {"item": asked("")["item"], "case": "2026-000123"},
        "basis": {"kind": "holder", "authorization": made["presentation"]},
        "operator": asked("")["operator"],
    }
    assert rule_of(counter.client.post("/v1/lookups", json=body)) == "authorization-unknown"
    assert holder.shown()[0]["state"] == "open"


def test_showings_are_listed_page_by_page(holder: Holder) -> None:
    made = [holder.show("name")["presentation"] for _ in range(3)]
    first = holder.client.get("/v1/me/presentations", params={"limit": 2}).json()
    rest = holder.client.get("/v1/me/presentations", params={"before": first["next"]}).json()
    listed = [each["presentation"] for each in first["presentations"] + rest["presentations"]]
    assert listed == made[::-1]
    assert rest["next"] is None
