"""Key binding: the holder proves possession to one verifier, once; every defect has its code."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jwcrypto.jwk import JWK
from sd_jwt.holder import SDJWTHolder
from sd_jwt.verifier import SDJWTVerifier

from certstore.base64url import b64url, b64url_decode
from certstore.errors import CertstoreError, KeyBindingError, KeyFault
from certstore.holder_match import judge_holder
from certstore.jws import sign_compact, verify_with_key
from certstore.key_binding import (
    check_key_binding,
    find_holder_key,
    holder_jwk,
    sd_hash,
)
from certstore.keys import Ed25519Signer, Es256Signer, Signer, TrustedKeys
from certstore.possession import check_possession, claimed_nonce, sign_possession
from certstore.presentation import bind, present
from certstore.public_keys import VerifyingKey
from certstore.sdjwt import disclosable_paths, parse, verify
from tests.certstore.conftest import ISSUER, NOW

AUDIENCE, NONCE = "https://counter.example", "n-0S6_WzA2Mj"
PATHS = [("fields", "name"), ("fields", "credit_code")]


@pytest.fixture(scope="module", params=["P-256", "Ed25519"])
def own(request: pytest.FixtureRequest) -> Signer:
    """The holder's key."""
    return Es256Signer.generate() if request.param == "P-256" else Ed25519Signer.generate()


@pytest.fixture
def bound(certificate: str, signer: Es256Signer, own: Signer) -> str:
    return bind(certificate, own.public_jwk(), signer, issued_at=NOW)


@pytest.fixture
def shown(bound: str, own: Signer) -> str:
    return present(bound, PATHS, key=own, audience=AUDIENCE, nonce=NONCE, at=NOW)


def split(shown: str) -> tuple[bytes, bytes]:
    """The SD-JWT and its KB-JWT."""
    head, _, proof = shown.rpartition("~")
    return f"{head}~".encode(), proof.encode()


def check(shown: str, own: Signer, **changes: Any) -> None:
    sd_jwt, proof = split(shown)
    key = VerifyingKey.from_jwk(own.public_jwk())
    expected = {"audience": AUDIENCE, "nonce": NONCE, "at": NOW, **changes}
    check_key_binding(proof, sd_jwt, key, **expected)


def test_a_bound_copy_says_the_same_and_names_the_key(
    certificate: str, bound: str, signer: Es256Signer, own: Signer
) -> None:
    keys = TrustedKeys.from_jwks({"keys": [signer.public_jwk()]})
    before = verify(certificate, keys, typ="dc+sd-jwt")
    after = verify(bound, keys, typ="dc+sd-jwt")
    assert after.pop("cnf") == {"jwk": holder_jwk(own.public_jwk())}
    assert after.pop("iat") == int(NOW.timestamp())
    assert after == {name: value for name, value in before.items() if name != "iat"}
    assert disclosable_paths(bound) == disclosable_paths(certificate)


def test_two_copies_have_no_digest_in_common(
    certificate: str, bound: str, signer: Es256Signer, own: Signer
) -> None:
    again = bind(certificate, own.public_jwk(), signer, issued_at=NOW)
    assert set(parse(bound).disclosures).isdisjoint(parse(again).disclosures)
    assert set(parse(bound).disclosures).isdisjoint(parse(certificate).disclosures)


def test_the_copy_carries_nothing_of_the_key_but_the_key(
    certificate: str, signer: Es256Signer, own: Signer
) -> None:
    named = {**own.public_jwk(), "kid": "zhang-wei", "x5c": ["AAAA"], "note": "mine"}
    payload = json.loads(
        b64url_decode(
            parse(bind(certificate, named, signer, issued_at=NOW)).jws.split(b".")[1], field="t"
        )
    )
    assert set(payload["cnf"]["jwk"]) <= {"kty", "crv", "x", "y"}


def test_what_the_holder_shows_is_accepted(shown: str, own: Signer) -> None:
    check(shown, own)
    sd_jwt, proof = split(shown)
    header = json.loads(b64url_decode(proof.split(b".")[0], field="t"))
    assert (header["typ"], header["alg"]) == ("kb+jwt", own.alg)
    payload = json.loads(b64url_decode(proof.split(b".")[1], field="t"))
    assert payload.keys() == {"iat", "aud", "nonce", "sd_hash"}
    assert payload["sd_hash"] == sd_hash(sd_jwt)


def test_a_certificate_bound_to_no_key_cannot_be_shown_with_proof(
    certificate: str, own: Signer
) -> None:
    with pytest.raises(KeyBindingError) as caught:
        present(certificate, PATHS, key=own, audience=AUDIENCE, nonce=NONCE, at=NOW)
    assert caught.value.code == "not-bound"


def test_another_key_than_the_bound_one_is_noticed_by_the_holder(bound: str) -> None:
    with pytest.raises(KeyBindingError) as caught:
        present(bound, PATHS, key=Es256Signer.generate(), audience="a", nonce="n", at=NOW)
    assert caught.value.code == "other-key"


@pytest.mark.parametrize(
    ("audience", "nonce", "code"),
    [("", "n", "audience-missing"), ("a", "", "nonce-missing"), ("a", "n" * 2000, "nonce-missing")],
    ids=["no audience", "no nonce", "long nonce"],
)
def test_nothing_is_shown_to_nobody(
    bound: str, own: Signer, audience: str, nonce: str, code: str
) -> None:
    with pytest.raises(KeyBindingError) as caught:
        present(bound, PATHS, key=own, audience=audience, nonce=nonce, at=NOW)
    assert caught.value.code == code


def test_dates_need_a_time_zone(bound: str, own: Signer, signer: Es256Signer) -> None:
    naive = datetime(2026, 3, 1)
    with pytest.raises(ValueError, match="time zone"):
        present(bound, PATHS, key=own, audience="a", nonce="n", at=naive)
    with pytest.raises(ValueError, match="at is needed"):
        present(bound, PATHS, key=own, audience="a", nonce="n")
    with pytest.raises(ValueError, match="time zone"):
        bind(bound, own.public_jwk(), signer, issued_at=naive)
    with pytest.raises(ValueError, match="time zone"):
        sign_possession(own, audience="a", nonce="n", issued_at=naive)


# The other implementation (package sd-jwt, of the authors of RFC 9901), in both directions.


def jwk_of(key: Any) -> JWK:
    return JWK.from_json(json.dumps(key))


def private_jwk(signer: Any) -> JWK:
    return JWK.from_pyca(signer._private)


def test_the_independent_verifier_accepts_what_we_show(
    certificate: str, signer: Es256Signer
) -> None:
    # It verifies ES256 key bindings only.
    own = Es256Signer.generate()
    bound = bind(certificate, own.public_jwk(), signer, issued_at=NOW)
    shown = present(bound, PATHS, key=own, audience=AUDIENCE, nonce=NONCE, at=NOW)
    issuer = jwk_of(signer.public_jwk())
    verified = SDJWTVerifier(shown, lambda *_: issuer, AUDIENCE, NONCE).get_verified_payload()
    assert verified["fields"].keys() == {"name", "credit_code"}
    with pytest.raises(ValueError, match="nonce"):
        SDJWTVerifier(shown, lambda *_: issuer, AUDIENCE, "another")


def test_we_accept_what_the_independent_holder_shows(bound: str, own: Any) -> None:
    holder = SDJWTHolder(bound)
    holder.create_presentation(
        {"fields": {"name": True}}, NONCE, AUDIENCE, private_jwk(own), sign_alg=own.alg
    )
    shown = holder.sd_jwt_presentation
    check(shown, own, at=datetime.now(UTC))
    assert disclosable_paths(shown) == {("fields", "name")}


# Every defect of a proof of possession, by its name.


def forged(
    own: Signer, shown: str, *, typ: str = "kb+jwt", signer: Signer | None = None, **claims: Any
) -> str:
    """`shown` with a proof over changed claims; None leaves a claim out."""
    sd_jwt, _ = split(shown)
    payload = {
        "iat": int(NOW.timestamp()),
        "aud": AUDIENCE,
        "nonce": NONCE,
        "sd_hash": sd_hash(sd_jwt),
        **claims,
    }
    payload = {name: value for name, value in payload.items() if value is not None}
    proof = sign_compact(orjson.dumps(payload), signer or own, typ=typ)
    return sd_jwt.decode() + proof.decode()


def with_header(own: Signer, shown: str, **header: Any) -> str:
    sd_jwt, proof = split(shown)
    _, payload, _ = proof.split(b".")
    signed = b64url(orjson.dumps({"typ": "kb+jwt", "alg": own.alg, **header})) + b"." + payload
    return sd_jwt.decode() + (signed + b"." + b64url(own.sign(signed))).decode()


def unsigned(shown: str) -> str:
    sd_jwt, proof = split(shown)
    header = b64url(b'{"alg":"none","typ":"kb+jwt"}')
    return sd_jwt.decode() + (header + b"." + proof.split(b".")[1] + b".").decode()


def repeated(own: Signer, shown: str) -> str:
    sd_jwt, proof = split(shown)
    payload = b64url_decode(proof.split(b".")[1], field="t").replace(b"{", b'{"nonce":"x",', 1)
    return sd_jwt.decode() + sign_compact(payload, own, typ="kb+jwt").decode()


def seconds(by: int) -> int:
    return int(NOW.timestamp()) + by


Make = Callable[[Signer, str, str], str]
"""From the holder's key, a sound presentation and another of the same certificate."""

DEFECTS: dict[str, tuple[str, Make]] = {
    "alg none": ("alg-none", lambda own, shown, _: unsigned(shown)),
    "algorithm of another key": (
        "alg-not-allowed",
        lambda own, shown, _: with_header(
            own, shown, alg="EdDSA" if own.alg == "ES256" else "ES256"
        ),
    ),
    "symmetric algorithm": (
        "alg-not-allowed",
        lambda own, shown, _: with_header(own, shown, alg="HS256"),
    ),
    "wrong typ": ("wrong-typ", lambda own, shown, _: forged(own, shown, typ="JWT")),
    "typ of a certificate": (
        "wrong-typ",
        lambda own, shown, _: forged(own, shown, typ="dc+sd-jwt"),
    ),
    "critical extension": (
        "unknown-critical",
        lambda own, shown, _: with_header(own, shown, crit=["x"], x=1),
    ),
    "signed by another key": (
        "signature-invalid",
        lambda own, shown, _: forged(own, shown, signer=type(own).generate()),  # type: ignore[attr-defined]
    ),
    "own key in the header": (
        "signature-invalid",
        lambda own, shown, _: brought_along(own, shown),
    ),
    "signature cut off": ("signature-invalid", lambda own, shown, _: shown[:-2]),
    "claim twice": ("duplicate-claims", lambda own, shown, _: repeated(own, shown)),
    "of another presentation": (
        "other-presentation",
        lambda own, shown, other: split(shown)[0].decode() + split(other)[1].decode(),
    ),
    "disclosure added": (
        "other-presentation",
        lambda own, shown, other: split(other)[0].decode() + split(shown)[1].decode(),
    ),
    "hash of another algorithm": (
        "other-presentation",
        lambda own, shown, _: forged(own, shown, sd_hash="A" * 86),
    ),
    "hash missing": ("key-binding-malformed", lambda o, s, _: forged(o, s, sd_hash=None)),
    "other audience": ("other-audience", lambda o, s, _: forged(o, s, aud="https://else.example")),
    "audience as a list": ("key-binding-malformed", lambda o, s, _: forged(o, s, aud=[AUDIENCE])),
    "audience missing": ("key-binding-malformed", lambda o, s, _: forged(o, s, aud=None)),
    "replayed with an old nonce": ("other-nonce", lambda o, s, _: forged(o, s, nonce="earlier")),
    "nonce missing": ("key-binding-malformed", lambda o, s, _: forged(o, s, nonce=None)),
    "nonce not a text": ("key-binding-malformed", lambda o, s, _: forged(o, s, nonce=7)),
    "too old": ("key-binding-too-old", lambda o, s, _: forged(o, s, iat=seconds(-361))),
    "dated in the future": ("key-binding-in-future", lambda o, s, _: forged(o, s, iat=seconds(61))),
    "not yet valid": ("key-binding-in-future", lambda o, s, _: forged(o, s, nbf=seconds(61))),
    "expired": ("key-binding-expired", lambda o, s, _: forged(o, s, exp=seconds(-60))),
    "undated": ("key-binding-malformed", lambda o, s, _: forged(o, s, iat=None)),
    "dated by a text": ("key-binding-malformed", lambda o, s, _: forged(o, s, iat="now")),
    "dated by a boolean": ("key-binding-malformed", lambda o, s, _: forged(o, s, iat=True)),
    "expiry a text": ("key-binding-malformed", lambda o, s, _: forged(o, s, exp="never")),
    "payload not an object": (
        "key-binding-malformed",
        lambda o, s, _: split(s)[0].decode() + sign_compact(b"[]", o, typ="kb+jwt").decode(),
    ),
    "oversized": ("key-binding-oversized", lambda o, s, _: forged(o, s, padding="x" * 5000)),
    "not base64": ("not-base64", lambda o, s, _: shown_with(o, s, b"e30.!!")),
}


def brought_along(own: Any, shown: str) -> str:
    """A proof by a stranger's key that the header itself offers for checking."""
    stranger = type(own).generate()
    sd_jwt, proof = split(shown)
    header = {"typ": "kb+jwt", "alg": own.alg, "jwk": holder_jwk(stranger.public_jwk())}
    signed = b64url(orjson.dumps(header)) + b"." + proof.split(b".")[1]
    return sd_jwt.decode() + (signed + b"." + b64url(stranger.sign(signed))).decode()


def shown_with(own: Signer, shown: str, rest: bytes) -> str:
    header = b64url(orjson.dumps({"typ": "kb+jwt", "alg": own.alg}))
    return split(shown)[0].decode() + (header + b"." + rest).decode()


@pytest.mark.parametrize("name", DEFECTS)
def test_a_defect_of_the_proof_is_refused_by_its_own_code(
    name: str, bound: str, shown: str, own: Signer
) -> None:
    code, make = DEFECTS[name]
    other = present(bound, PATHS[:1], key=own, audience=AUDIENCE, nonce=NONCE, at=NOW)
    with pytest.raises(CertstoreError) as caught:
        check(make(own, shown, other), own)
    assert caught.value.code == code
    assert caught.value.zh and caught.value.en


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"audience": "https://else.example"}, "other-audience"),
        ({"nonce": "another"}, "other-nonce"),
        ({"at": NOW + timedelta(minutes=7)}, "key-binding-too-old"),
        ({"at": NOW - timedelta(minutes=2)}, "key-binding-in-future"),
        ({"at": NOW + timedelta(minutes=2), "max_age": timedelta(0)}, "key-binding-too-old"),
    ],
    ids=["shown to another", "shown for another nonce", "shown long ago", "shown in the future",
         "shown too long ago for this verifier"],
)  # fmt: skip
def test_a_sound_proof_counts_only_where_and_when_it_was_meant(
    shown: str, own: Signer, changes: dict[str, Any], code: str
) -> None:
    with pytest.raises(KeyBindingError) as caught:
        check(shown, own, **changes)
    assert caught.value.code == code


@pytest.mark.parametrize(
    "cnf",
    [
        None,
        {},
        [],
        {"jwk": None},
        {"kid": "somewhere"},
        {"jwk": {"kty": "oct", "k": "AAAA"}},
        {"jwk": {"kty": "RSA", "n": "AQAB", "e": "AQAB"}},
        {"jwk": {"kty": "EC", "crv": "P-256", "x": "AAAA", "y": "AAAA"}},
        {"jwk": {"kty": "EC", "crv": "P-256", "x": b64url(bytes(32)).decode(), "y": 7}},
        {"jwk": {"kty": ["EC"], "crv": {}, "x": 1}},
        {"jwk": {"kty": "EC", "crv": "P-256", "x": "A" * 43, "y": "A" * 43}},
    ],
    ids=["null", "empty", "a list", "null key", "a name only", "symmetric", "RSA", "short",
         "number as coordinate", "wrong types", "not on the curve"],
)  # fmt: skip
def test_a_holder_key_that_cannot_be_used_is_refused(cnf: Any) -> None:
    with pytest.raises(KeyBindingError) as caught:
        find_holder_key({"cnf": cnf})
    assert caught.value.code == "holder-key-unusable"


@pytest.mark.parametrize("own_jwk", ["private", "symmetric", "another curve"])
def test_no_certificate_is_bound_to_what_is_no_public_key(
    certificate: str, signer: Es256Signer, own_jwk: str
) -> None:
    jwk = {
        "private": {**Es256Signer.generate().public_jwk(), "d": "A" * 43},
        "symmetric": {"kty": "oct", "k": "AAAA"},
        "another curve": {"kty": "EC", "crv": "P-384", "x": "A" * 64, "y": "A" * 64},
    }[own_jwk]
    with pytest.raises(KeyFault):
        bind(certificate, jwk, signer, issued_at=NOW)


def judged(shown: str, claims: dict[str, Any]) -> tuple[str, str]:
    part = judge_holder(shown, claims, audience=AUDIENCE, nonce=NONCE, at=NOW)
    assert part.zh and part.en
    return part.outcome, part.code


def test_the_verdict_says_who_shows_it(
    certificate: str, bound: str, shown: str, own: Signer
) -> None:
    claims = {"cnf": {"jwk": holder_jwk(own.public_jwk())}}
    sd_jwt, proof = (each.decode() for each in split(shown))
    assert judged(shown, claims) == ("valid", "holder-proved")
    assert judged(sd_jwt, claims) == ("invalid", "key-binding-missing")
    assert judged(certificate, {}) == ("unknown", "holder-not-bound")
    assert judged(certificate + proof, {}) == ("invalid", "key-binding-without-key")
    assert judged(shown, {"cnf": {}}) == ("invalid", "holder-key-unusable")


@given(st.binary(max_size=80))
def test_no_noise_in_a_proof_raises_anything_but_a_refusal(noise: bytes) -> None:
    for proof in (noise, b"e30." + noise + b".AAAA", _HEADER + b"." + b64url(noise) + b".AAAA"):
        with pytest.raises(CertstoreError):
            check_key_binding(proof, b"x~", _KEY, audience="a", nonce="n", at=NOW)
        with pytest.raises(CertstoreError):
            claimed_nonce(proof.decode("latin-1"))


_HEADER = b64url(b'{"typ":"kb+jwt","alg":"ES256"}')
_KEY = VerifyingKey.from_jwk(Es256Signer.generate().public_jwk())


# The proof that precedes binding.


def test_a_proof_of_possession_is_accepted_for_its_key_and_issuer(own: Signer) -> None:
    proof = sign_possession(own, audience=ISSUER, nonce=NONCE, issued_at=NOW)
    assert check_possession(proof, own.public_jwk(), audience=ISSUER, at=NOW) == NONCE
    assert claimed_nonce(proof) == NONCE
    key = VerifyingKey.from_jwk(own.public_jwk())
    assert verify_with_key(proof.encode(), key, typ="openid4vci-proof+jwt")


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("of another key", "signature-invalid"),
        ("for another issuer", "other-audience"),
        ("long ago", "key-binding-too-old"),
        ("in the future", "key-binding-in-future"),
        ("a key binding", "wrong-typ"),
        ("another key in the header", "proof-of-another-key"),
        ("without nonce", "proof-malformed"),
        ("too long", "proof-oversized"),
        ("not ASCII", "proof-oversized"),
    ],
)
def test_a_proof_of_possession_that_does_not_hold_is_refused(
    own: Any, name: str, code: str
) -> None:
    jwk, typ = own.public_jwk(), "openid4vci-proof+jwt"
    now = int(NOW.timestamp())

    def signed(payload: dict[str, Any], signer: Signer = own, typ: str = typ) -> str:
        whole = {"aud": ISSUER, "iat": now, "nonce": NONCE, **payload}
        kept = {name: value for name, value in whole.items() if value is not None}
        return sign_compact(orjson.dumps(kept), signer, typ=typ).decode()

    other = holder_jwk(type(own).generate().public_jwk())
    header = b64url(orjson.dumps({"typ": typ, "alg": own.alg, "jwk": other}))
    body = header + b"." + signed({}).split(".")[1].encode()
    proofs = {
        "of another key": signed({}, type(own).generate()),
        "for another issuer": signed({"aud": "https://else.example"}),
        "long ago": signed({"iat": now - 361}),
        "in the future": signed({"iat": now + 61}),
        "a key binding": signed({}, typ="kb+jwt"),
        "another key in the header": (body + b"." + b64url(own.sign(body))).decode(),
        "without nonce": signed({"nonce": None}),
        "too long": signed({"more": "x" * 5000}),
        "not ASCII": "é",
    }
    with pytest.raises(CertstoreError) as caught:
        check_possession(proofs[name], jwk, audience=ISSUER, at=NOW)
    assert caught.value.code == code
