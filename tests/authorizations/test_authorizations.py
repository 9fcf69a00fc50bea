"""Asking a holder, and the holder's decision: narrower, never wider, and decided once."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import httpx
import psycopg2
import pytest

from certstore.errors import JwsError
from certstore.keys import Es256Signer
from certstore.public_keys import TrustedKeys
from exchange.authorizations.artefacts import verify_grant
from tests.cases.room import CENTRE, HEALTH, Room
from tests.cases.test_cases import open_case, states

LICENCE = "business-licence"


def asking(case: dict[str, Any], **terms: Any) -> dict[str, Any]:
    return {"case": case["case"], "requests": [{"material": LICENCE, **terms}]}


def ask(client: httpx.Client, case: dict[str, Any], **terms: Any) -> dict[str, Any]:
    answer = client.post("/v1/authorizations", json=asking(case, **terms))
    assert answer.status_code == 201, answer.text
    [authorization] = answer.json()["authorizations"]
    found: dict[str, Any] = authorization
    return found


def decide(
    client: httpx.Client, authorization: dict[str, Any], how: str, **less: Any
) -> httpx.Response:
    path = f"/v1/me/authorizations/{authorization['authorization']}/{how}"
    return client.post(path, json=less) if how == "grant" else client.post(path)


def trusted(signer: Es256Signer) -> TrustedKeys:
    return TrustedKeys.from_jwks({"keys": [signer.public_jwk()]})


@pytest.fixture
def case(room: Room) -> dict[str, Any]:
    room.give_certificate()
    return open_case(room.system(CENTRE))


def test_a_request_takes_the_items_fields_and_waits_for_the_holder(
    room: Room, case: dict[str, Any]
) -> None:
    asked = ask(room.system(CENTRE), case, uses=2, days=7)
    assert set(asked["fields"]) == {"name", "credit_code", "registered_on", "business_scope"}
    assert (asked["state"], asked["standing"], asked["artefact"]) == (
        "requested",
        "not-granted",
        None,
    )
    [record] = room.records("authorization-requested")
    assert record["counts"] == {"days": 7, "uses": 2} and record["type"] == LICENCE


def test_the_holder_reads_the_request_in_plain_words(room: Room, case: dict[str, Any]) -> None:
    ask(room.system(CENTRE), case, uses=1, days=30)
    [asked] = room.applicant().get("/v1/me/authorizations").json()["authorizations"]
    for part in ("食品经营许可", "C-1", "营业执照", "统一社会信用代码", "最多1次", "30天"):
        assert part in asked["sentence"]["zh"]
    for part in ("Food business permit", "Business licence", "at most once", "30 days"):
        assert part in asked["sentence"]["en"]
    assert room.applicant("second").get("/v1/me/authorizations").json()["authorizations"] == []


def test_a_grant_verifies_by_itself_with_the_hubs_public_key(
    room: Room, case: dict[str, Any]
) -> None:
    asked = ask(room.system(CENTRE), case, uses=2, days=7)
    granted = decide(room.applicant(), asked, "grant").json()
    grant = verify_grant(granted["artefact"], trusted(room.hub.keys.answers))
    assert grant.id == asked["authorization"] and grant.department == CENTRE
    assert grant.case_number == "C-1" and grant.certificate_type == LICENCE and grant.uses == 2
    assert grant.valid_until - grant.valid_from == timedelta(days=7)
    assert "本人同意" in grant.sentence.zh and "I agree" in grant.sentence.en
    with pytest.raises(JwsError):
        verify_grant(granted["artefact"], trusted(Es256Signer.generate()))
    with pytest.raises(JwsError):
        verify_grant(granted["artefact"][:-4] + "AAAA", trusted(room.hub.keys.answers))


def test_a_grant_makes_the_certificate_held(room: Room, case: dict[str, Any]) -> None:
    centre = room.system(CENTRE)
    asked = ask(centre, case)
    decide(room.applicant(), asked, "grant")
    licence = centre.get(f"/v1/cases/{case['case']}").json()["materials"][0]
    assert licence["state"] == "held" and licence["authorization"] == asked["authorization"]
    room.clock.advance(days=31)
    assert states(room.system(CENTRE).get(f"/v1/cases/{case['case']}").json())[LICENCE] == (
        "needs-authorization"
    )


def test_a_grant_may_be_narrower(room: Room, case: dict[str, Any]) -> None:
    asked = ask(room.system(CENTRE), case, uses=3, days=30)
    granted = decide(room.applicant(), asked, "grant", fields=["name"], uses=1, days=2).json()
    assert (list(granted["fields"]), granted["uses"], granted["days"]) == (["name"], 1, 2)
    grant = verify_grant(granted["artefact"], trusted(room.hub.keys.answers))
    assert grant.fields == {"name"} and "经营范围" not in grant.sentence.zh


@pytest.mark.parametrize(
    "wider", [{"fields": ["name", "address"]}, {"uses": 4}, {"days": 31}, {"uses": 1, "days": 365}]
)
def test_a_wider_grant_is_refused_and_the_refusal_stands_in_the_log(
    room: Room, case: dict[str, Any], wider: dict[str, Any]
) -> None:
    asked = ask(room.system(CENTRE), case, uses=3, days=30)
    answer = decide(room.applicant(), asked, "grant", **wider)
    assert answer.status_code == 403
    [refusal] = room.records("refusal")
    assert refusal["reason"] == "grant-wider-than-asked"
    assert refusal["authorization"] == asked["authorization"]
    assert room.rows("authorizations")[0]["state"] == "requested"


@pytest.mark.parametrize("less", [{"fields": []}, {"uses": 0}, {"days": -1}, {"uses": "2"}])
def test_a_grant_of_nothing_is_a_bad_request(
    room: Room, case: dict[str, Any], less: dict[str, Any]
) -> None:
    asked = ask(room.system(CENTRE), case, uses=3, days=30)
    assert decide(room.applicant(), asked, "grant", **less).status_code == 400


@pytest.mark.parametrize(
    "beyond",
    [
        {"material": "household-register"},
        {"material": "premises-floor-plan", "way": "certificate"},
        {"material": LICENCE, "fields": ["name", "registered_capital"]},
    ],
)
def test_what_the_item_does_not_list_is_refused_and_recorded(
    room: Room, case: dict[str, Any], beyond: dict[str, Any]
) -> None:
    fine = LICENCE if beyond["material"] != LICENCE else "premises-floor-plan"
    body = {"case": case["case"], "requests": [{"material": fine}, beyond]}
    answer = room.system(CENTRE).post("/v1/authorizations", json=body)
    assert answer.status_code == 403
    assert answer.json()["reasons"][0]["rule"] == "request-beyond-item"
    [refusal] = room.records("refusal")
    assert refusal["material"] == beyond["material"] and not room.rows("authorizations")


def test_asking_again_for_the_same_gives_the_one_that_waits(
    room: Room, case: dict[str, Any]
) -> None:
    centre = room.system(CENTRE)
    first, again = ask(centre, case), ask(centre, case)
    assert first["authorization"] == again["authorization"]
    assert centre.post("/v1/authorizations", json=asking(case, uses=9)).status_code == 409
    assert len(room.rows("authorizations")) == 1


def test_another_departments_case_and_authorization_are_not_found(
    room: Room, case: dict[str, Any]
) -> None:
    health = room.system(HEALTH)
    assert health.post("/v1/authorizations", json=asking(case)).status_code == 404
    asked = ask(room.system(CENTRE), case)
    assert health.get(f"/v1/authorizations/{asked['authorization']}").status_code == 404


@pytest.mark.parametrize("how", ["grant", "refuse", "withdraw"])
def test_nobody_decides_for_another_holder(room: Room, case: dict[str, Any], how: str) -> None:
    asked = ask(room.system(CENTRE), case)
    assert decide(room.applicant("second"), asked, how).status_code == 404
    assert decide(room.system(CENTRE), asked, how).status_code == 403
    assert room.rows("authorizations")[0]["state"] == "requested"


def test_a_withdrawal_counts_at_once_and_only_once(room: Room, case: dict[str, Any]) -> None:
    centre, me = room.system(CENTRE), room.applicant()
    asked = ask(centre, case)
    assert decide(me, asked, "withdraw").status_code == 409
    decide(me, asked, "grant")
    assert decide(me, asked, "withdraw").json()["standing"] == "withdrawn"
    seen = centre.get(f"/v1/authorizations/{asked['authorization']}").json()
    assert seen["state"] == "withdrawn" and seen["artefact"]
    assert states(centre.get(f"/v1/cases/{case['case']}").json())[LICENCE] == "needs-authorization"
    again = decide(me, asked, "withdraw")
    assert again.status_code == 409 and again.json()["state"] == "withdrawn"
    assert len(room.records("authorization-withdrawn")) == 1


def test_a_refusal_is_final(room: Room, case: dict[str, Any]) -> None:
    asked, me = ask(room.system(CENTRE), case), room.applicant()
    assert decide(me, asked, "refuse").json()["state"] == "refused"
    assert decide(me, asked, "grant").status_code == 409
    [record] = room.records("authorization-refused")
    assert record["outcome"] == "done"


@pytest.mark.parametrize("others", [("grant", "grant"), ("grant", "refuse")])
def test_of_two_decisions_at_once_one_wins(
    room: Room, case: dict[str, Any], others: tuple[str, str]
) -> None:
    asked = ask(room.system(CENTRE), case)
    outcomes: list[int] = []

    def decided(how: str) -> None:
        with room.applicant() as me:
            outcomes.append(decide(me, asked, how).status_code)

    threads = [threading.Thread(target=decided, args=(how,)) for how in others]
    # Both have read that it waits before either may write.
    with held_back(room, writers=2):
        for thread in threads:
            thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == [200, 409]
    decisions = room.records("authorization-granted") + room.records("authorization-refused")
    assert len(decisions) == 1
    [row] = room.rows("authorizations")
    assert (row["state"] == "granted") == (row["artefact"] is not None)


@contextlib.contextmanager
def held_back(room: Room, *, writers: int) -> Iterator[None]:
    """Lock every authorization until that many others wait for one."""
    waiting = (
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    holding = psycopg2.connect(room.database.superuser_url)
    watching = psycopg2.connect(room.database.superuser_url)
    watching.autocommit = True  # within one transaction the view would never change
    try:
        with holding.cursor() as cursor, watching.cursor() as watcher:
            cursor.execute("SELECT FROM authorizations FOR UPDATE")
            yield
            deadline = time.monotonic() + 10
            found = 0
            while found < writers:
                assert time.monotonic() < deadline, "nobody waits"
                watcher.execute(waiting)
                [found] = watcher.fetchone()
    finally:
        holding.close()
        watching.close()


def test_a_page_of_authorizations_leads_to_the_next(room: Room, case: dict[str, Any]) -> None:
    centre, me = room.system(CENTRE), room.applicant()
    ask(centre, case)
    second = open_case(centre, case_number="C-2")
    newest = ask(centre, second)
    page = me.get("/v1/me/authorizations", params={"limit": 1}).json()
    assert [each["authorization"] for each in page["authorizations"]] == [newest["authorization"]]
    rest = me.get("/v1/me/authorizations", params={"before": page["next"]}).json()
    assert len(rest["authorizations"]) == 1 and rest["next"] is None
