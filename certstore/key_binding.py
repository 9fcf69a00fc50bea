"""Key binding (RFC 9901 sections 4.3 and 7.3): whoever shows a certificate proves to be its holder.

The issuer writes the holder's public key into the certificate (`cnf`, RFC 7800). Whoever is shown
it names itself and gives a nonce; the holder's key signs both together with the hash of exactly
what is shown (KB-JWT, `typ: kb+jwt`). A copy of the file alone is then worth nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, Final

import orjson

from certstore.base64url import b64url
from certstore.errors import KeyBindingError, KeyFault
from certstore.jws import sign_compact, verify_with_key
from certstore.keys import Signer
from certstore.public_keys import VerifyingKey
from certstore.status import CLOCK_SKEW
from certstore.strict_json import parse_json

TYP: Final = "kb+jwt"

MAX_AGE: Final = timedelta(minutes=5)
"""How old a KB-JWT may be where the verifier says nothing else."""
MAX_SIZE: Final = 4096
"""Bytes of a KB-JWT. Audience and nonce are the verifier's own short texts."""
MAX_TEXT: Final = 1024
"""Characters of an audience or a nonce."""

_MEMBERS: Final = {"EC": ("kty", "crv", "x", "y"), "OKP": ("kty", "crv", "x")}


def holder_jwk(jwk: Mapping[str, Any]) -> dict[str, str]:
    """The members of a holder's public key that a certificate carries, and nothing else.

    Whatever came along (`kid`, a name, a certificate chain) could tell one holder's presentations
    from another's. Raises KeyFault as `VerifyingKey.from_jwk` does: P-256 and Ed25519 only, no
    private part, on the curve.
    """
    VerifyingKey.from_jwk(jwk)
    return {name: jwk[name] for name in _MEMBERS[jwk["kty"]]}


def find_holder_key(claims: Mapping[str, Any]) -> VerifyingKey | None:
    """The key a certificate is bound to, None where it is bound to none.

    Raises KeyBindingError `holder-key-unusable` for a `cnf` that names no usable key (only `jwk`
    is read, RFC 7800 section 3.2).
    """
    if "cnf" not in claims:
        return None
    confirmed = claims["cnf"]
    jwk = confirmed.get("jwk") if isinstance(confirmed, dict) else None
    try:
        if isinstance(jwk, dict):
            return VerifyingKey.from_jwk(jwk)
    except (KeyFault, TypeError):
        pass
    raise KeyBindingError(
        "holder-key-unusable",
        "证照中的持有人公钥无法使用",
        "the holder's key in the certificate cannot be used",
        field="cnf",
    )


def sd_hash(shown: bytes) -> str:
    """The hash over an SD-JWT as it is shown: JWS, disclosures, closing tilde, no KB-JWT (RFC 9901
    section 4.3.1), in base64url."""
    return b64url(sha256(shown).digest()).decode("ascii")


def sign_key_binding(
    shown: bytes, signer: Signer, *, audience: str, nonce: str, issued_at: datetime
) -> bytes:
    """The KB-JWT over `shown`, an SD-JWT ending in a tilde, for one verifier and one nonce.

    Raises ValueError when `issued_at` has no time zone, KeyBindingError `audience-missing` or
    `nonce-missing` for an empty or too long text.
    """
    if issued_at.tzinfo is None:
        raise ValueError("issued_at has no time zone")
    for name, text in (("audience", audience), ("nonce", nonce)):
        if not 0 < len(text) <= MAX_TEXT:
            raise KeyBindingError(
                f"{name}-missing",
                "须给出核验方及其随机数",
                "name the verifier and its nonce",
                field=name,
            )
    payload = {
        "iat": int(issued_at.timestamp()),
        "aud": audience,
        "nonce": nonce,
        "sd_hash": sd_hash(shown),
    }
    return sign_compact(orjson.dumps(payload), signer, typ=TYP)


def check_key_binding(
    key_binding: bytes,
    shown: bytes,
    key: VerifyingKey,
    *,
    audience: str,
    nonce: str,
    at: datetime,
    max_age: timedelta = MAX_AGE,
) -> None:
    """Check a KB-JWT over `shown` against the key in the certificate, at the aware moment `at`.

    That a nonce is used once only is the verifier's own affair: it gave the nonce.

    Raises JwsError with the codes of `jws.verify_with_key`, and KeyBindingError:
    `key-binding-oversized`, `key-binding-malformed`, `other-presentation` (made for other
    disclosures or another certificate), `other-audience`, `other-nonce` (also a replayed one),
    `key-binding-in-future`, `key-binding-too-old`, `key-binding-expired`.
    """
    if len(key_binding) > MAX_SIZE:
        raise _refused("key-binding-oversized", "持有证明过大", f"more than {MAX_SIZE} bytes")
    claims = parse_json(verify_with_key(key_binding, key, typ=TYP), field="key_binding")
    if not isinstance(claims, dict) or not _is_well_formed(claims):
        raise _refused(
            "key-binding-malformed",
            "持有证明缺少必需的声明或类型不符",
            "the proof of possession lacks a claim or has one of the wrong type",
        )
    if claims["sd_hash"] != sd_hash(shown):
        raise _refused(
            "other-presentation",
            "持有证明属于另一次出示",
            "the proof of possession was made for another presentation",
        )
    if claims["aud"] != audience:
        raise _refused(
            "other-audience",
            "持有证明是出示给另一方的",
            "the proof of possession was made for somebody else",
        )
    if claims["nonce"] != nonce:
        raise _refused(
            "other-nonce",
            "持有证明未使用本次的随机数，可能是重放",
            "the proof of possession has not the nonce of this time; it may be replayed",
        )
    check_times(claims, at, max_age)


def _is_well_formed(claims: Mapping[str, Any]) -> bool:
    # RFC 9901 section 4.3: aud is one text, not a list as elsewhere in JWT.
    return type(claims.get("iat")) is int and all(
        type(claims.get(name)) is str for name in ("aud", "nonce", "sd_hash")
    )


def check_times(claims: Mapping[str, Any], at: datetime, max_age: timedelta) -> None:
    """Raise KeyBindingError unless `iat` lies within `max_age` before `at`, and `nbf` and `exp`,
    where they are given, do not exclude it. Clocks may differ by a minute."""
    moment, skew = at.timestamp(), CLOCK_SKEW.total_seconds()
    begins, ends = claims.get("nbf", claims["iat"]), claims.get("exp")
    if {type(begins), type(ends)} - {int, float, type(None)}:
        raise _refused(
            "key-binding-malformed",
            "持有证明缺少必需的声明或类型不符",
            "the proof of possession lacks a claim or has one of the wrong type",
        )
    if max(claims["iat"], begins or 0) > moment + skew:
        raise _refused(
            "key-binding-in-future",
            "持有证明的签发时间在将来",
            "the proof of possession is dated in the future",
        )
    if moment - claims["iat"] > max_age.total_seconds() + skew:
        raise _refused(
            "key-binding-too-old", "持有证明已过时", "the proof of possession is too old"
        )
    if ends is not None and moment >= ends + skew:
        raise _refused(
            "key-binding-expired", "持有证明已失效", "the proof of possession has expired"
        )


def _refused(code: str, zh: str, en: str) -> KeyBindingError:
    return KeyBindingError(code, zh, en, field="key_binding")
