"""Keys are rotated while the hub serves: what was signed holds, what comes is signed anew."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from certstore.errors import KeyFault
from certstore.jws import read_header
from certstore.keys import Es256Signer
from certstore.public_keys import TrustedKeys
from certstore.sdjwt import parse
from certstore.verify import TrustAnchors, Verdict, Verifier
from exchange.audit.tables import audit_records
from exchange.certificates import issuing as issuing_module
from exchange.certificates.records import Issuable
from exchange.certificates.signing import signing_for
from exchange.certificates.tables import certificates
from exchange.errors import BadRequest, Conflict
from exchange.hub import Hub, build_hub
from exchange.keyring.certifying import Certifying
from exchange.lookups.answers import AnswerRefused, digest, sign_answer, verify_answer
from tests.certificates.rows import enterprise
from tests.hub import CITY, HEALTH, MARKET, Served
from tests.lookups.asking import lookup

NOON = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)


def credentials(hub: Hub) -> dict[str, str]:
    """Every credential by its serial."""
    with hub.work.read() as connection:
        rows = connection.execute(sa.select(certificates.c.serial, certificates.c.credential))
        return {row.serial: row.credential for row in rows}


def kid_of(credential: str) -> str:
    kid: str = read_header(parse(credential).jws)["kid"]
    return kid


def judged(served: Served, credential: str) -> Verdict:
    trust = TrustAnchors.from_json(served.client.get("/v1/trust").json())
    return Verifier(trust).verify(credential, at=served.clock.now())


def kinds(hub: Hub) -> list[str]:
    with hub.work.read() as connection:
        found = connection.execute(
            sa.select(audit_records.c.kind).order_by(audit_records.c.index)
        ).scalars()
        return [kind for kind in found if kind.startswith(("key-", "root-", "crl-"))]


def test_a_key_is_rotated_in_the_middle_of_issuing(
    served: Served, at_work: Certifying, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub = served.hub
    monkeypatch.setattr(issuing_module, "CHUNK", 5)
    monkeypatch.setattr(issuing_module, "IN_FLIGHT", 1)
    at_work.prepare("根")
    before = hub.keys.signer_of(MARKET).kid
    rotated: list[str] = []

    def rows() -> Iterator[Issuable]:
        for number in range(1, 16):
            if number == 8:
                served.clock.advance(hours=1)
                rotated.append(at_work.rotate(MARKET).kid)
                served.clock.advance(hours=1)
            yield enterprise(number)

    with signing_for(hub.keys, MARKET, workers=0) as signing:
        for _ in hub.certificates.issue_records(
            MARKET, "business-licence", rows(), signing=signing
        ):
            pass
    found = credentials(hub)
    assert len(found) == 15
    signed_by = [kid_of(each) for each in found.values()]
    assert (signed_by.count(before), signed_by.count(rotated[0])) == (5, 10)
    assert {judged(served, each).issuer.code for each in found.values()} == {"issuer-trusted"}


def test_a_pool_opens_the_key_that_is_in_use_when_a_chunk_comes(
    served: Served, at_work: Certifying, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub = served.hub
    monkeypatch.setattr(issuing_module, "CHUNK", 5)
    monkeypatch.setattr(issuing_module, "IN_FLIGHT", 1)
    with signing_for(hub.keys, MARKET, workers=1) as signing:

        def issue(numbers: range) -> None:
            rows = [enterprise(number) for number in numbers]
            for _ in hub.certificates.issue_records(
                MARKET, "business-licence", rows, signing=signing
            ):
                pass

        issue(range(1, 4))
        kid = at_work.rotate(MARKET).kid
        issue(range(4, 6))
        at_work.changes.retire(kid, reason="closed")
        with pytest.raises(KeyFault, match="no-active-key"):
            issue(range(6, 7))
    signed_by = [kid_of(each) for each in credentials(hub).values()]
    assert signed_by.count(kid) == 2
    assert len(signed_by) == 5


def test_every_change_is_recorded_and_seen_by_another_process_at_once(
    served: Served, at_work: Certifying
) -> None:
    hub = served.hub
    other = build_hub(hub.settings, hub.clock)
    try:
        folder = other.keys.signer_of(MARKET).kid
        assert other.keys.current().keys[folder].registered is False
        at_work.prepare("根")
        assert other.keys.signer_of(MARKET).kid == folder
        kid = at_work.rotate(MARKET).kid
        assert kid != folder
        assert other.keys.signer_of(MARKET).kid == kid
        leaf, root = other.keys.chain_of(MARKET)
        assert other.keys.roots() == [root]
        assert leaf.public_key() == other.keys.verifying(other.keys.current().keys[kid]).public_key
    finally:
        other.engine.dispose()
    registered = ["key-registered"] * 5 + ["key-activated"] * 5
    assert kinds(hub) == [
        *registered, "root-registered", "crl-published", *["key-certified"] * 3,
        "key-registered", "key-certified", "key-retired", "key-activated",
    ]  # fmt: skip


def test_answers_and_tokens_are_rotated_under_load_and_old_ones_hold(
    served: Served, at_work: Certifying
) -> None:
    holder = served.issue_licence()
    body = httpx.Request("POST", "http://x", json=lookup(holder)).content

    def ask(client: httpx.Client) -> dict[str, Any]:
        answer = client.post(
            "/v1/lookups", content=body, headers={"Content-Type": "application/json"}
        )
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    with served.as_system(HEALTH) as client:
        first = ask(client)
        at_work.rotate("answers")
        at_work.rotate("tokens")
        second = ask(client)  # with the token of the key that was retired
    with served.as_system(HEALTH) as renewed:
        third = ask(renewed)
    signers = [read_header(each["answer"].encode())["kid"] for each in (first, second, third)]
    assert signers[0] != signers[1] == signers[2]
    hub_keys = TrustedKeys.from_jwks(served.client.get("/v1/trust").json()["hub"]["jwks"])
    assert {hub_keys.find_key(kid) is not None for kid in signers} == {True}
    published = {key["kid"] for key in served.client.get("/.well-known/jwks.json").json()["keys"]}
    assert len(published) == 4
    assert set(signers) <= published


def test_a_stolen_key_of_tokens_opens_nothing_from_the_next_request_on(
    served: Served, at_work: Certifying
) -> None:
    holder = served.issue_licence()
    with served.as_system(HEALTH) as client:
        assert client.post("/v1/lookups", json=lookup(holder)).status_code == 200
        stolen = served.hub.keys.tokens.kid
        at_work.compromised(stolen, since=served.clock.now(), reason="a copy was found")
        at_work.rotate("tokens")
        assert client.post("/v1/lookups", json=lookup(holder)).status_code == 401
        assert client.get(f"/v1/certificates/{holder}").status_code == 401
    published = served.client.get("/.well-known/jwks.json").json()["keys"]
    assert stolen not in {key["kid"] for key in published}
    with served.as_system(HEALTH) as renewed:
        assert renewed.post("/v1/lookups", json=lookup(holder)).status_code == 200


@pytest.mark.parametrize("act", ["activate", "retire", "compromised"])
def test_an_impossible_change_is_refused_and_nothing_is_written(
    served: Served, at_work: Certifying, act: str
) -> None:
    changes, now = at_work.changes, served.clock.now()
    changes.take_up()
    kid = served.hub.keys.signer_of(MARKET).kid
    before = served.hub.keys.current().revision
    refused: list[tuple[type[Exception], Any]] = {
        "activate": [
            (Conflict, lambda: changes.activate(kid)),
            (BadRequest, lambda: changes.activate("nothing begins so")),
            (BadRequest, lambda: changes.activate("")),
        ],
        "retire": [
            (Conflict, lambda: changes.retire(served.hub.keys.answers.kid, reason="x")),
            (BadRequest, lambda: changes.make("11440000MB2G0000XX")),
        ],
        "compromised": [
            (BadRequest, lambda: at_work.compromised(kid, since=now + timedelta(1), reason="x")),
            (Conflict, lambda: at_work.cut_off(HEALTH, reason="it has no key")),
            (Conflict, lambda: at_work.cut_off("answers", reason="x")),
            (Conflict, lambda: at_work.certify(kid)),
            (BadRequest, lambda: at_work.request(served.hub.keys.answers.kid)),
        ],
    }[act]
    for error, call in refused:
        with pytest.raises(error):
            call()
    assert served.hub.keys.current().revision == before


def test_a_department_without_a_key_signs_nothing_and_its_lists_are_still_signed(
    served: Served, at_work: Certifying
) -> None:
    served.issue_licence()
    first = served.client.get(f"/v1/status-lists/{MARKET}/1")
    at_work.changes.retire(served.hub.keys.signer_of(MARKET).kid, reason="merged into another")
    with pytest.raises(KeyFault, match="no-active-key"):
        served.hub.keys.signer_of(MARKET)
    with pytest.raises(KeyFault, match="no-active-key"):
        served.issue_licence(2)
    second = served.client.get(f"/v1/status-lists/{MARKET}/1")
    assert (first.status_code, second.status_code) == (200, 200)
    assert read_header(second.content)["kid"] == served.hub.keys.answers.kid
    trust = TrustAnchors.from_json(served.client.get("/v1/trust").json())
    (credential,) = credentials(served.hub).values()
    uri = f"http://hub.test/v1/status-lists/{MARKET}/1"
    verdict = Verifier(trust, {uri: second.content}).verify(credential, at=served.clock.now())
    assert (verdict.issuer.code, verdict.status.code) == ("issuer-trusted", "status-valid")
    assert served.hub.keys.signer_of(CITY)


@pytest.mark.parametrize(
    ("dates", "refused"),
    [
        ({}, None),
        ({"retired_at": NOON + timedelta(hours=1)}, None),
        ({"retired_at": NOON - timedelta(hours=1)}, "key-retired"),
        ({"compromised_from": NOON}, "key-compromised"),
        ({"compromised_from": NOON + timedelta(hours=1)}, "key-compromised-later"),
    ],
    ids=["in use", "retired since", "retired before", "stolen before", "stolen since"],
)
def test_an_answer_is_judged_by_the_term_of_its_key(
    dates: dict[str, datetime], refused: str | None
) -> None:
    signer = Es256Signer.generate()
    answer = sign_answer(
        signer, issuer="http://hub.test", audience=HEALTH, issued_at=int(NOON.timestamp()),
        request=digest(b"{}"), result=digest(b"[]"), origin="hub.test/log", index=0,
    )  # fmt: skip
    jwk = {**signer.public_jwk(), **{name: at.isoformat() for name, at in dates.items()}}
    keys = TrustedKeys.from_jwks({"keys": [jwk]})
    asked: dict[str, Any] = {"request": b"{}", "result": b"[]", "audience": HEALTH}
    if refused is None:
        assert verify_answer(answer, keys, **asked).audience == HEALTH
        return
    with pytest.raises(AnswerRefused) as caught:
        verify_answer(answer, keys, **asked)
    assert caught.value.code == refused
    if refused == "key-compromised-later":
        assert verify_answer(answer, keys, receipted=True, **asked)
