"""Access tokens: JWTs of the hub's own (RFC 9068), read at every door."""

from __future__ import annotations

import threading
from collections import OrderedDict
from datetime import datetime
from typing import Any, Final, Protocol

import jwt
import orjson

from certstore.jws import sign_compact
from certstore.keys import Signer
from exchange.access import Caller
from exchange.errors import Unauthenticated
from exchange.keyring.records import TOKENS, KeyRegister, SigningKey

_REMEMBERED: Final = 10_000
_MOST_BYTES: Final = 4096
_SKEW: Final = 60
"""Seconds that another process may have minted on before it saw that the key was retired."""
_NOT_OURS: Final = (
    "访问令牌无效,请重新获取。",
    "The access token is not valid; obtain a new one.",
)


class TokenKeys(Protocol):
    """Where the keys of tokens are found (``exchange.keyring.service.Keyring``)."""

    @property
    def tokens(self) -> Signer:
        """The key to mint with."""
        ...

    @property
    def last(self) -> KeyRegister | None:
        """The register as this process last read it, without asking the database."""
        ...


class UnknownKey(Unauthenticated):
    """No key of the register last read has signed this token; a newer register may have it."""


class AccessTokens:
    """Mints and reads access tokens.

    A token once verified is remembered with its expiry until the register of keys changes,
    because verifying one costs more than a lookup; whether its system was disabled since is asked
    anew each time, elsewhere. A retired key's tokens live out their time.
    """

    def __init__(self, issuer: str, keys: TokenKeys) -> None:
        self._issuer = issuer
        self._keys = keys
        self._register: KeyRegister | None = None
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
        return sign_compact(orjson.dumps(claims), self._keys.tokens, typ="at+jwt").decode()

    def read(self, token: str, now: datetime) -> Caller:
        """Who a token stands for.

        Raises:
            UnknownKey: its key is not in the register last read.
            Unauthenticated: not ours, altered, or expired.
        """
        instant = now.timestamp()
        if self._keys.last is not self._register:
            with self._lock:
                self._register = self._keys.last
                self._verified = OrderedDict()
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
            if len(token) > _MOST_BYTES:
                raise _not_ours()
            header = jwt.get_unverified_header(token)
            if header.get("typ") != "at+jwt":
                raise _not_ours()
            key = self._key(header.get("kid"))
            claims = jwt.decode(
                token,
                jwt.PyJWK(dict(key.jwk), algorithm="ES256"),
                algorithms=["ES256"],
                audience=self._issuer,
                issuer=self._issuer,
                options={
                    "require": ["exp", "iat", "sub", "kind"],
                    "verify_exp": False,
                    "verify_iat": False,
                },
            )
        except (jwt.PyJWTError, ValueError, RecursionError):
            raise _not_ours() from None
        if key.retired_at is not None and claims["iat"] > key.retired_at.timestamp() + _SKEW:
            raise _not_ours()
        holder = claims.get("holder")
        caller = Caller(
            kind=claims["kind"],
            subject=claims["sub"],
            department=claims.get("department"),
            scopes=frozenset(claims.get("scope", "").split()),
            key=claims.get("key"),
            holder_key=bytes.fromhex(holder) if holder else None,
            token_key=key.kid,
        )
        return caller, float(claims["exp"])

    def _key(self, kid: Any) -> SigningKey:
        key = self._register.keys.get(kid) if self._register and isinstance(kid, str) else None
        if key is None or key.owner != TOKENS:
            raise UnknownKey(*_NOT_OURS)
        if key.state not in ("active", "retired"):
            raise _not_ours()
        return key


def _not_ours() -> Unauthenticated:
    return Unauthenticated(*_NOT_OURS)


def _expired() -> Unauthenticated:
    return Unauthenticated(
        "访问令牌已过期,请重新获取。", "The access token has expired; obtain a new one."
    )
