"""How a department's system proves who it is: client assertions (RFC 7523, ``private_key_jwt``)."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import jwt
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

LIFE_SECONDS: Final = 120
PrivateKey = EllipticCurvePrivateKey | Ed25519PrivateKey | RSAPrivateKey
KeySource = PrivateKey | Mapping[str, Any] | str | bytes | Path
_PUBLIC: Final = {
    "EC": ("crv", "kty", "x", "y"),
    "OKP": ("crv", "kty", "x"),
    "RSA": ("e", "kty", "n"),
}


class KeyUnusable(ValueError):
    """A key is none of P-256 (ES256), Ed25519 (EdDSA) and RSA from 2048 bits (PS256)."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """A client's private key, with the algorithm and ``kid`` (RFC 7638) that go with it."""

    alg: str
    kid: str
    _key: PrivateKey = field(repr=False)

    @classmethod
    def of(cls, source: KeySource, *, passphrase: bytes | None = None) -> Credentials:
        """Read a private key: a JWK, a PEM text or file, or an object of ``cryptography``.

        Raises:
            KeyUnusable: it cannot be read, or is of a kind the hub does not accept.
        """
        key = _private_key(source, passphrase)
        if isinstance(key, EllipticCurvePrivateKey) and isinstance(key.curve, SECP256R1):
            alg = "ES256"
        elif isinstance(key, Ed25519PrivateKey):
            alg = "EdDSA"
        elif isinstance(key, RSAPrivateKey) and key.key_size >= 2048:
            alg = "PS256"
        else:
            raise KeyUnusable("the key must be P-256, Ed25519, or RSA of 2048 bits or more")
        kid = source.get("kid") if isinstance(source, Mapping) else None
        return cls(alg, kid if isinstance(kid, str) and kid else _thumbprint(key), key)

    def public_jwk(self) -> dict[str, Any]:
        """The public key, as it is registered at the hub (RFC 7517)."""
        return {**_public_members(self._key), "kid": self.kid, "alg": self.alg, "use": "sig"}

    def assertion(self, client_id: str, audience: str, *, issued_at: int, jti: UUID) -> str:
        """One assertion: usable once, for two minutes, at that token endpoint only."""
        claims = {
            "iss": client_id,
            "sub": client_id,
            "aud": audience,
            "iat": issued_at,
            "exp": issued_at + LIFE_SECONDS,
            "jti": str(jti),
        }
        return jwt.encode(claims, self._key, algorithm=self.alg, headers={"kid": self.kid})


def _private_key(source: KeySource, passphrase: bytes | None) -> Any:
    if isinstance(source, PrivateKey):
        return source
    try:
        if isinstance(source, Mapping):
            return jwt.PyJWK(dict(source), algorithm=_algorithm(source)).key
        pem = source.read_bytes() if isinstance(source, Path) else source
        return load_pem_private_key(pem.encode() if isinstance(pem, str) else pem, passphrase)
    except (jwt.PyJWTError, ValueError, TypeError, OSError):
        raise KeyUnusable("the private key cannot be read") from None


def _algorithm(jwk: Mapping[str, Any]) -> str | None:
    return {"EC": "ES256", "OKP": "EdDSA", "RSA": "PS256"}.get(str(jwk.get("kty")))


def _public_members(key: PrivateKey) -> dict[str, Any]:
    public = key.public_key()
    if isinstance(key, EllipticCurvePrivateKey):
        text = ECAlgorithm.to_jwk(public)  # type: ignore[arg-type]
    elif isinstance(key, Ed25519PrivateKey):
        text = OKPAlgorithm.to_jwk(public)  # type: ignore[arg-type]
    else:
        text = RSAAlgorithm.to_jwk(public)  # type: ignore[arg-type]
    members = json.loads(text)
    return {name: members[name] for name in _PUBLIC[members["kty"]]}


def _thumbprint(key: PrivateKey) -> str:
    members = json.dumps(_public_members(key), sort_keys=True, separators=(",", ":"))
    return base64.urlsafe_b64encode(sha256(members.encode()).digest()).rstrip(b"=").decode()
