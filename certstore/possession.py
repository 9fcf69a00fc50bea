"""Proof that somebody holds the private part of a key, before a certificate is bound to it.

The form is the one wallets speak: the JWT proof of OpenID for Verifiable Credential Issuance 1.0
(appendix F.1), `typ: openid4vci-proof+jwt` over the issuer's address (`aud`), the issuer's nonce
and the time. Whoever asks for a copy bound to another's key cannot make it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

import orjson

from certstore.base64url import b64url_decode
from certstore.errors import KeyBindingError
from certstore.jws import read_header, sign_compact, verify_with_key
from certstore.key_binding import MAX_AGE, MAX_SIZE, check_times, holder_jwk
from certstore.keys import Signer
from certstore.public_keys import VerifyingKey
from certstore.strict_json import parse_json

TYP: Final = "openid4vci-proof+jwt"


def sign_possession(signer: Signer, *, audience: str, nonce: str, issued_at: datetime) -> str:
    """The proof for one issuer and one nonce. Raises ValueError without a time zone."""
    if issued_at.tzinfo is None:
        raise ValueError("issued_at has no time zone")
    payload = {"aud": audience, "iat": int(issued_at.timestamp()), "nonce": nonce}
    return sign_compact(orjson.dumps(payload), signer, typ=TYP).decode("ascii")


def check_possession(
    proof: str,
    jwk: Mapping[str, Any],
    *,
    audience: str,
    at: datetime,
    max_age: timedelta = MAX_AGE,
) -> str:
    """Check that `proof` was made with the private part of `jwk`, for this issuer.

    Gives the nonce it holds, which only the issuer can know to be its own and unused.

    Raises KeyFault for an unusable `jwk`, JwsError with the codes of `jws.verify_with_key`, and
    KeyBindingError: `proof-oversized`, `proof-malformed`, `proof-of-another-key` (its header
    carries another key), `other-audience`, `key-binding-in-future`, `key-binding-too-old`,
    `key-binding-expired`.
    """
    if len(proof) > MAX_SIZE or not proof.isascii():
        raise _refused("proof-oversized", "持有证明过大", f"more than {MAX_SIZE} ASCII characters")
    token = proof.encode("ascii")
    key = VerifyingKey.from_jwk(jwk)
    claims = parse_json(verify_with_key(token, key, typ=TYP), field="proof")
    carried = read_header(token).get("jwk", jwk)
    if not isinstance(carried, dict) or holder_jwk(carried) != holder_jwk(jwk):
        raise _refused(
            "proof-of-another-key", "持有证明属于另一密钥", "the proof carries another key"
        )
    if not isinstance(claims, dict) or not (
        type(claims.get("iat")) is int
        and type(claims.get("aud")) is str
        and type(claims.get("nonce")) is str
    ):
        raise _malformed()
    if claims["aud"] != audience:
        raise _refused("other-audience", "持有证明是给另一方的", "the proof is for another issuer")
    check_times(claims, at, max_age)
    return str(claims["nonce"])


def claimed_nonce(proof: str) -> str:
    """The nonce a proof says it was made with; nothing is checked yet.

    Raises JwsError and KeyBindingError `proof-malformed` for what has not the form of a proof.
    """
    if len(proof) > MAX_SIZE or not proof.isascii() or proof.count(".") != 2:
        raise _malformed()
    encoded = proof.split(".")[1].encode("ascii")
    claims = parse_json(b64url_decode(encoded, field="proof"), field="proof")
    nonce = claims.get("nonce") if isinstance(claims, dict) else None
    if not isinstance(nonce, str):
        raise _malformed()
    return nonce


def _malformed() -> KeyBindingError:
    return _refused(
        "proof-malformed",
        "持有证明缺少必需的声明或类型不符",
        "the proof lacks a claim or has one of the wrong type",
    )


def _refused(code: str, zh: str, en: str) -> KeyBindingError:
    return KeyBindingError(code, zh, en, field="proof")
