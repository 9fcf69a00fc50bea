"""The SDK at both sides of a counter: what it makes, redeems and verifies."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from certstore.presentation import present
from exchange.client import Applicant, Operator, Yici, YiciProblem
from tests.hub import HEALTH
from tests.lookups.asking import hygiene_item
from tests.presentations.people import HUB, Person, Room, new_key

CLERK = Operator("window-03", "李四", "综合窗口3号")
WHO, NONCE = "https://bank.example", "n-0S6_WzA2Mj"


@pytest.fixture
def centre(room: Room) -> Iterator[Yici]:
    served = room.served
    with Yici(
        served.url,
        client_id=HEALTH,
        key=served.signers[HEALTH]._private,
        trust=served.client.get("/v1/trust").json(),
        issuer=HUB,
        clock=served.clock,
    ) as client:
        yield client


@pytest.fixture
def applicant(room: Room, registered: Person) -> Iterator[Applicant]:
    password = room.served.accounts[registered.account]
    with Applicant.sign_in(room.served.url, registered.account, password) as client:
        yield client


def test_a_code_is_shown_redeemed_and_proven(
    centre: Yici, applicant: Applicant, registered: Person
) -> None:
    code = applicant.show(registered.licence, ["name"], seconds=120)
    assert code.code not in repr(code)
    redeemed = centre.redeem(code.text, item=hygiene_item(), case="2026-1", operator=CLERK)
    assert redeemed.certificates[0].fields.keys() == {"name"}
    assert redeemed.record["basis"] == "holder"
    assert redeemed.evidence()["audience"] == HEALTH
    with pytest.raises(YiciProblem) as caught:
        centre.redeem(code.code, item=hygiene_item(), case="2026-1", operator=CLERK)
    assert (caught.value.status, caught.value.rules) == (403, ("code-used",))
    assert caught.value.evidence is not None
    newest = next(iter(applicant.showings()))
    assert (newest.id, newest.state, newest.used_by) == (code.id, "used", HEALTH)


def test_a_code_is_withdrawn(applicant: Applicant, registered: Person) -> None:
    code = applicant.show(registered.licence, ["name"], audience=HEALTH)
    assert code.audience == HEALTH
    assert applicant.withdraw_code(code.id).state == "withdrawn"


def test_a_bound_copy_is_shown_and_verified(
    room: Room, centre: Yici, applicant: Applicant, registered: Person
) -> None:
    own, now = new_key(), room.served.clock.now()
    copy = applicant.bind(registered.licence, own, at=now)
    shown = present(copy, [("fields", "name")], key=own, audience=WHO, nonce=NONCE, at=now)
    told = centre.verify_presentation(shown, audience=WHO, nonce=NONCE)
    assert told.holder_match and told.holder_match.code == "holder-proved"
    assert told.record and told.record.code == "bound-copy-on-record"
    file = centre.verify_file(applicant.download(registered.licence).encode())
    assert file.record and (file.kind, file.record.code) == ("credential", "on-record")


def test_facts_are_compared(centre: Yici, registered: Person) -> None:
    facts = {"holder.id": registered.id, "region": "广州"}
    told = centre.compare(registered.licence, facts)
    assert told.facts == {"holder.id": "same", "region": "same"}
