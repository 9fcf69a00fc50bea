"""Access tokens: JWTs of the hub's own (RFC 9068), read at every door."""

from __future__ import annotations

import threading
from collections import OrderedDict
from datetime import datetime
from typing import Any, Final

import jwt
import orjson

from certstore.jws import sign_compact
from certstore.keys import Signer
from exchange.access import Caller
from exchange.errors import Unauthenticated

_REMEMBERED: Final = 10_000
_MOST_BYTES: Final = 4096


class AccessTokens:
    """Mints and reads access tokens.

    A token once verified is remembered with its expiry, because verifying one costs more than
    a lookup; whether its system was disabled since is asked anew each time, elsewhere.
    """

    def __init__(self, issuer: str, signer: Signer) -> None:
        self._issuer = issuer
        self._signer = signer
        self._public = jwt.PyJWK(signer.public_jwk(), algorithm="ES256")
        self._verified: OrderedDict[str, tuple[Caller, float]] = OrderedDict()
        self._lock = threading.Lock()

    def mint(self, caller: Caller, *, token_id: str, now: datetime, seconds: int) -> str:
        """A token for a caller, valid for some seconds."""
        claims: dict[str, Any] = {
            "iss": self._issuer,
            "aud": self._issuer,
            "sub": caller.subject,
            "client_id": caller.subject,
            "kind": caller.kind,
            "scope": " ".join(sorted(caller.scopes)),
            "iat": int(now.timestamp()),
            "exp": int(now.timestamp()) + seconds,
            "jti": token_id,
        }
        if caller.department is not None:
            claims["department"] = caller.department
        if caller.key is not None:
            claims["key"] = caller.key
        if caller.holder_key is not None:
            claims["holder"] = caller.holder_key.hex()
        return sign_compact(orjson.dumps(claims), self._signer, typ="at+jwt").decode()

    def read(self, token: str, now: datetime) -> Caller:
        """Who a token stands for.

        Raises:
            Unauthenticated: not ours, altered, or expired.
        """
        instant = now.timestamp()
        known = self._verified.get(token)
        if known is not None:
            caller, expires = known
            if instant < expires:
                return caller
            raise _expired()
        caller, expires = self._verify(token)
        if instant >= expires:
            raise _expired()
        with self._lock:
            self._verified[token] = (caller, expires)
            while len(self._verified) > _REMEMBERED:
                self._verified.popitem(last=False)
        return caller

    def _verify(self, token: str) -> tuple[Caller, float]:
        try:
            if len(token) > _MOST_BYTES or jwt.get_unverified_header(token).get("typ") != "at+jwt":
                raise _not_ours()
            claims = jwt.decode(
                token,
                self._public,
                algorithms=["ES256"],
                audience=self._issuer,
                issuer=self._issuer,
                options={
                    "require": ["exp", "sub", "kind"],
                    "verify_exp": False,
                    "verify_iat": False,
                },
            )
        except (jwt.PyJWTError, ValueError, RecursionError):
            raise _not_ours() from None
        holder = claims.get("holder")
        caller = Caller(
            kind=claims["kind"],
            subject=claims["sub"],
            department=claims.get("department"),
            scopes=frozenset(claims.get("scope", "").split()),
            key=claims.get("key"),
            holder_key=bytes.fromhex(holder) if holder else None,
        )
        return caller, float(claims["exp"])


def _not_ours() -> Unauthenticated:
    return Unauthenticated(
        "访问令牌无效,请重新获取。", "The access token is not valid; obtain a new one."
    )


def _expired() -> Unauthenticated:
    return Unauthenticated(
        "访问令牌已过期,请重新获取。", "The access token has expired; obtain a new one."
    )
