"""What a holder does with a certificate: bind it to a key, and show as much of it as is wanted.

copy = bind(certificate, jwk, signer, issued_at=now)           # the issuer, once
shown = present(copy, [("fields", "name")], key=own, audience=who, nonce=theirs, at=now)
verdict = verifier.verify_presentation(shown, audience=who, nonce=theirs, at=now)
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final

from certstore import sdjwt
from certstore.base64url import b64url_decode
from certstore.errors import KeyBindingError
from certstore.key_binding import find_holder_key, holder_jwk, sign_key_binding
from certstore.keys import Signer
from certstore.reveal import reveal
from certstore.sdjwt import Path
from certstore.strict_json import parse_json

TYP: Final = "dc+sd-jwt"


def bind(
    certificate: str | bytes, jwk: Mapping[str, Any], signer: Signer, *, issued_at: datetime
) -> str:
    """The same certificate signed anew, bound to the holder's public key `jwk` (`cnf`).

    Identifier, version, dates and place in the status list stay; `iat` is `issued_at`, salts are
    fresh, so that two copies shown in part cannot be told to be the same by their digests. The
    caller sees to it that `certificate` is its own: its signature is not looked at.

    Raises KeyFault for a key that cannot be used, JwsError and SdJwtError for what is no
    SD-JWT, ValueError when `issued_at` has no time zone.
    """
    if issued_at.tzinfo is None:
        raise ValueError("issued_at has no time zone")
    confirmed = {"jwk": holder_jwk(jwk)}
    parts = sdjwt.parse(certificate)
    payload = parse_json(b64url_decode(parts.jws.split(b".")[1], field="payload"), field="payload")
    claims = reveal(payload, parts.disclosures)
    claims["iat"] = int(issued_at.timestamp())
    claims["cnf"] = confirmed
    return sdjwt.issue(claims, sdjwt.disclosable_paths(certificate), signer, typ=TYP)


def present(
    certificate: str | bytes,
    paths: Iterable[str | Path],
    *,
    key: Signer | None = None,
    audience: str = "",
    nonce: str = "",
    at: datetime | None = None,
) -> str:
    """`certificate` with only the disclosures that show `paths`, and with `key` a proof of
    possession for one `audience` and its `nonce`.

    A key binding that was there before is left out: it was for another presentation. Raises
    SdJwtError `no-such-claim`; KeyBindingError `not-bound` or `other-key` where the certificate
    is bound to no key or not to this one, `audience-missing`, `nonce-missing`; ValueError when
    there is a `key` but no `at` with a time zone.
    """
    shown = sdjwt.present(certificate, paths)
    if key is None:
        return shown
    if at is None:
        raise ValueError("at is needed to date the key binding")
    _check_own(shown, key)
    proof = sign_key_binding(
        shown.encode("ascii"), key, audience=audience, nonce=nonce, issued_at=at
    )
    return shown + proof.decode("ascii")


def _check_own(shown: str, key: Signer) -> None:
    encoded = sdjwt.parse(shown).jws.split(b".")[1]
    claims = parse_json(b64url_decode(encoded, field="payload"), field="payload")
    bound = find_holder_key(claims)
    if bound is None:
        raise KeyBindingError(
            "not-bound",
            "该证照未绑定持有人密钥；请先向颁发方申请绑定副本",
            "the certificate is bound to no key; ask the issuer for a bound copy first",
            field="cnf",
        )
    if holder_jwk(key.public_jwk()) != holder_jwk(claims["cnf"]["jwk"]):
        raise KeyBindingError(
            "other-key", "该证照绑定的是另一密钥", "the certificate is bound to another key"
        )
