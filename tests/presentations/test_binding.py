"""Copies bound to the holder's key, over HTTP: made for who has the key, shown, verified."""

from __future__ import annotations

import json
from datetime import timedelta
from hashlib import sha256
from typing import Any

import pytest

from certstore.base64url import b64url_decode
from certstore.keys import Ed25519Signer, Es256Signer, Signer
from certstore.presentation import present
from certstore.public_keys import thumbprint
from certstore.sdjwt import parse
from certstore.trust import TrustAnchors
from certstore.verify import Verifier
from tests.hub import CITY, MARKET
from tests.presentations.people import Holder, Room, new_key, public

WHO, NONCE = "https://counter.example", "7kPz"


def payload_of(credential: str) -> dict[str, Any]:
    claims: dict[str, Any] = json.loads(
        b64url_decode(parse(credential).jws.split(b".")[1], field="test")
    )
    return claims


@pytest.mark.parametrize("key", [new_key(), Ed25519Signer.generate()], ids=["P-256", "Ed25519"])
def test_a_bound_copy_is_the_same_certificate_and_proves_its_holder(
    room: Room, anybody: Holder, key: Signer
) -> None:
    made = anybody.bind(key)
    assert made.status_code == 201, made.text
    assert made.headers["content-type"] == "application/dc+sd-jwt"
    original = payload_of(anybody.client.get(f"/v1/me/certificates/{anybody.licence}").text)
    copy = payload_of(made.text)
    assert copy["cnf"] == {"jwk": public(key)}
    for same in ("iss", "identifier", "status", "nbf", "vct", "type", "issuer", "issued_on"):
        assert copy[same] == original[same]
    now = room.served.clock.now()
    shown = present(made.text, [("fields", "name")], key=key, audience=WHO, nonce=NONCE, at=now)
    number = original["status"]["status_list"]["uri"].rpartition("/")[2]
    uri = f"http://hub.test/v1/status-lists/{MARKET}/{number}"
    token = room.served.client.get(f"/v1/status-lists/{MARKET}/{number}").text
    verifier = Verifier(
        TrustAnchors.from_json(room.served.client.get("/v1/trust").json()), {uri: token}
    )
    verdict = verifier.verify_presentation(shown, audience=WHO, nonce=NONCE, at=now)
    assert {name: part.outcome for name, part in verdict.parts.items()} == dict.fromkeys(
        ("integrity", "issuer", "status", "validity", "holder_match"), "valid"
    )
    replayed = verifier.verify_presentation(shown, audience=WHO, nonce="later", at=now)
    assert replayed.parts["holder_match"].code == "other-nonce"


def test_the_log_says_which_key_and_which_copy(room: Room, anybody: Holder) -> None:
    key = new_key()
    made = anybody.bind(key)
    (record,) = room.records(kind="certificate-bound", key=thumbprint(public(key)))
    assert record["certificates"] == [anybody.licence]
    assert record["department"] == MARKET
    assert record["result"] == sha256(made.text.partition("~")[0].encode()).hexdigest()


def test_a_nonce_binds_one_copy(anybody: Holder) -> None:
    key = new_key()
    proof = anybody.proof(key)
    assert anybody.bind(key, proof=proof).status_code == 201
    again = anybody.bind(key, proof=proof)
    assert (again.status_code, again.json()["reason"]) == (409, "nonce-not-usable")


def test_a_nonce_given_to_another_is_not_usable(anybody: Holder, stranger: Holder) -> None:
    key = new_key()
    answer = anybody.bind(key, proof=anybody.proof(key, nonce=stranger.nonce()))
    assert (answer.status_code, answer.json()["reason"]) == (409, "nonce-not-usable")


def test_a_nonce_expires(room: Room, anybody: Holder) -> None:
    key, nonce = new_key(), anybody.nonce()
    room.served.clock.advance(minutes=5)
    answer = anybody.bind(key, proof=anybody.proof(key, nonce=nonce))
    assert (answer.status_code, answer.json()["reason"]) == (409, "nonce-not-usable")


@pytest.mark.parametrize("nonce", ["made-up", "é", "A" * 54, "A" * 200, ""])
def test_a_made_up_nonce_is_not_usable(anybody: Holder, nonce: str) -> None:
    key = new_key()
    from certstore.possession import sign_possession

    proof = sign_possession(
        key, audience="http://hub.test", nonce=nonce, issued_at=anybody.room.served.clock.now()
    )
    assert anybody.bind(key, proof=proof).status_code == 409


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("another's key", "signature-invalid"),
        ("for another hub", "other-audience"),
        ("long ago", "key-binding-too-old"),
        ("no proof at all", "proof-malformed"),
    ],
)
def test_a_proof_that_does_not_hold_binds_nothing(
    room: Room, anybody: Holder, name: str, reason: str
) -> None:
    key = new_key()
    proof = {
        "another's key": lambda: anybody.proof(Es256Signer.generate()),
        "for another hub": lambda: anybody.proof(key, audience="http://else.test"),
        "long ago": lambda: anybody.proof(key, at=room.served.clock.now() - timedelta(minutes=7)),
        "no proof at all": lambda: "nothing",
    }[name]()
    answer = anybody.bind(key, proof=proof)
    assert (answer.status_code, answer.json()["reason"]) == (400, reason)
    assert room.records(kind="certificate-bound", key=thumbprint(public(key))) == []


@pytest.mark.parametrize(
    "jwk",
    [
        {"kty": "oct", "k": "AAAA"},
        {"kty": "EC", "crv": "P-384", "x": "AAAA", "y": "AAAA"},
        {"kty": "EC", "crv": "P-256", "x": "A" * 43, "y": "A" * 43},
        {"kty": "RSA", "n": "AQAB", "e": "AQAB"},
        {"kty": 7, "crv": None},
        {"kty": "EC", "crv": "P-256", "x": 1, "y": 2, "d": "A" * 43},
    ],
    ids=["symmetric", "P-384", "not on the curve", "RSA", "wrong types", "private part"],
)
def test_what_is_no_key_is_refused(anybody: Holder, jwk: dict[str, Any]) -> None:
    answer = anybody.client.post(
        f"/v1/me/certificates/{anybody.licence}/bound-copies",
        json={"jwk": jwk, "proof": anybody.proof(new_key())},
    )
    assert answer.status_code == 400, answer.text


def test_nobody_binds_what_another_holds(holder: Holder, stranger: Holder) -> None:
    assert stranger.bind(new_key(), licence=holder.licence).status_code == 404
    with holder.room.counter(CITY) as counter:
        assert counter.client.post("/v1/me/binding-nonces").status_code == 403


def test_a_suspended_certificate_is_not_bound(room: Room, holder: Holder) -> None:
    why = {"reason": "年检未通过", "legal_ground": "第40条"}
    with room.served.as_system(MARKET) as market:
        market.post(f"/v1/certificates/{holder.licence}/suspension", json=why).raise_for_status()
    answer = holder.bind(new_key())
    assert (answer.status_code, answer.json()["state"]) == (409, "02")
