"""Client assertions: how a department's system proves who it is (``private_key_jwt``, RFC 7523)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import jwt

from exchange.errors import HubError

ALGORITHMS: Final = ("ES256", "EdDSA", "PS256")
ASSERTION_TYPE: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
# An assertion lives minutes: its jti is remembered until then, and no longer.
LONGEST_LIFE: Final = timedelta(minutes=5)
LEEWAY: Final = timedelta(seconds=30)
MOST_BYTES: Final = 8192


class InvalidClient(HubError):
    """The client could not be authenticated. Says no more to a stranger than the RFC asks for."""

    code = "invalid-client"


@dataclass(frozen=True, slots=True)
class Assertion:
    """A verified assertion: whose, by which key, usable once until then."""

    client_id: str
    key: str
    jti: str
    expires_at: datetime


def claimed_client(assertion: str) -> str:
    """The client an assertion says it is from, before anything is verified.

    Raises:
        InvalidClient: not a JWT of the accepted algorithms.
    """
    if len(assertion) > MOST_BYTES:
        raise _invalid("断言过长", "The assertion is too long")
    try:
        header = jwt.get_unverified_header(assertion)
        claims = jwt.decode(assertion, options={"verify_signature": False})
    except (jwt.PyJWTError, ValueError, RecursionError):
        raise _invalid("断言不是有效的 JWT", "The assertion is not a JWT") from None
    if header.get("alg") not in ALGORITHMS:
        raise _invalid(
            f"签名算法须为 {', '.join(ALGORITHMS)} 之一",
            f"The algorithm must be one of {', '.join(ALGORITHMS)}",
        )
    subject = claims.get("sub")
    if not isinstance(subject, str):
        raise _invalid("断言缺少 sub", "The assertion has no sub")
    return subject


def verify(
    assertion: str,
    client_id: str,
    jwks: Mapping[str, Any],
    *,
    audiences: Sequence[str],
    now: datetime,
) -> Assertion:
    """Verify an assertion with the client's registered keys.

    Raises:
        InvalidClient: with the reason; the caller is whoever claims to be this client, and is
            told what is wrong with the assertion, never anything about the client.
    """
    header = jwt.get_unverified_header(assertion)
    key = _key(jwks, header)
    try:
        claims = jwt.decode(
            assertion,
            key,
            algorithms=[header["alg"]],
            audience=list(audiences),
            issuer=client_id,
            options={
                "require": ["iss", "sub", "aud", "exp", "jti"],
                # Times are held against the hub's clock below, not the library's.
                "verify_exp": False,
                "verify_iat": False,
                "verify_nbf": False,
            },
        )
    except jwt.InvalidAudienceError:
        raise _invalid(f"aud 须为 {audiences[0]}", f"aud must be {audiences[0]}") from None
    except (jwt.PyJWTError, ValueError, TypeError):
        raise _invalid(
            "签名、iss 或必需声明无效", "The signature, iss or a required claim is not valid"
        ) from None
    expires_at = _instant(claims, "exp")
    if expires_at <= now - LEEWAY:
        raise _invalid("断言已过期", "The assertion has expired")
    if expires_at > now + LONGEST_LIFE + LEEWAY:
        raise _invalid("断言有效期不得超过5分钟", "The assertion may live 5 minutes at most")
    if "nbf" in claims and _instant(claims, "nbf") > now + LEEWAY:
        raise _invalid("断言尚未生效", "The assertion is not valid yet")
    jti = claims["jti"]
    if claims["sub"] != client_id or not isinstance(jti, str) or not 8 <= len(jti) <= 200:
        raise _invalid("sub 或 jti 无效", "sub or jti is not valid")
    return Assertion(
        client_id, str(header.get("kid") or key.key_id or ""), jti, expires_at + LEEWAY
    )


def _key(jwks: Mapping[str, Any], header: Mapping[str, Any]) -> jwt.PyJWK:
    family = {"ES256": ("EC", "P-256"), "EdDSA": ("OKP", "Ed25519"), "PS256": ("RSA", None)}
    kty, curve = family[header["alg"]]
    fitting = [
        key
        for key in jwks.get("keys", ())
        if key.get("kty") == kty
        and (curve is None or key.get("crv") == curve)
        and ("kid" not in header or key.get("kid") == header["kid"])
    ]
    if len(fitting) != 1:
        raise _invalid(
            "找不到与断言的 kid 和算法相符的登记公钥",
            "No one registered key fits the assertion's kid and algorithm",
        )
    try:
        return jwt.PyJWK(dict(fitting[0]), algorithm=header["alg"])
    except jwt.PyJWTError:
        raise _invalid("登记公钥不可用", "The registered key cannot be used") from None


def _instant(claims: Mapping[str, Any], name: str) -> datetime:
    value = claims[name]
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _invalid(f"{name} 须为数字", f"{name} must be a number")
    try:
        return datetime.fromtimestamp(value, UTC)
    except (OverflowError, ValueError, OSError):
        raise _invalid(f"{name} 超出范围", f"{name} is out of range") from None


def _invalid(zh: str, en: str) -> InvalidClient:
    return InvalidClient(f"{zh}。", f"{en}.")
