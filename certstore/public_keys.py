"""Public keys that verify: parsed once from a JWK (RFC 7517), then kept as objects.

The key decides the algorithm. A set that carries secret or private material, or two keys under
one kid, is refused whole: which of them was meant would be a guess.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from hashlib import sha256
from typing import Any, Final

import orjson
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from certstore.base64url import b64url, b64url_decode
from certstore.errors import JwsError, KeyFault
from certstore.key_term import KeyTerm

_ECDSA: Final = ec.ECDSA(SHA256())
_MEMBERS: Final = {"EC": ("crv", "kty", "x", "y"), "OKP": ("crv", "kty", "x")}
_ALGS: Final = {("EC", "P-256"): "ES256", ("OKP", "Ed25519"): "EdDSA"}
_SECRET: Final = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})


def thumbprint(jwk: Mapping[str, Any]) -> str:
    """The RFC 7638 SHA-256 thumbprint of an EC or OKP key, in base64url.

    Raises KeyFault `malformed-jwk` when a member it is made of is missing.
    """
    names = _MEMBERS.get(str(jwk.get("kty")))
    if names is None or not all(isinstance(jwk.get(name), str) for name in names):
        raise _malformed("kty")
    ordered = {name: jwk[name] for name in names}
    return b64url(sha256(orjson.dumps(ordered)).digest()).decode()


def _malformed(field: str) -> KeyFault:
    return KeyFault(
        "malformed-jwk", "JWK不完整或有误", "the JWK is incomplete or wrong", field=field
    )


class VerifyingKey:
    """One public key, its `kid`, the one algorithm (`alg`) it verifies, and the `term` in which
    it signs; None is: no time is set."""

    __slots__ = ("_ec", "_ed", "alg", "kid", "term")

    def __init__(
        self,
        kid: str,
        public: ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey,
        term: KeyTerm | None = None,
    ) -> None:
        self.kid = kid
        self.term = term
        self._ec: ec.EllipticCurvePublicKey | None = None
        self._ed: ed25519.Ed25519PublicKey | None = None
        if isinstance(public, ed25519.Ed25519PublicKey):
            self._ed = public
            self.alg = "EdDSA"
        elif isinstance(public.curve, ec.SECP256R1):
            self._ec = public
            self.alg = "ES256"
        else:
            raise KeyFault("wrong-curve", "密钥曲线不是P-256", "the key is not on P-256")

    @classmethod
    def from_jwk(cls, jwk: Mapping[str, Any]) -> VerifyingKey:
        """The key of a public JWK; its kid, or its thumbprint when it has none.

        Raises KeyFault: `secret-in-jwk`, `wrong-kind`, `wrong-curve`, `wrong-alg`, `wrong-use`,
        `malformed-jwk`, `not-on-curve`.
        """
        if jwk.get("kty") == "oct" or not _SECRET.isdisjoint(jwk):
            raise KeyFault(
                "secret-in-jwk",
                "公钥集合中含有私钥或对称密钥",
                "a set of public keys carries a private or a symmetric key",
            )
        alg = _ALGS.get((str(jwk.get("kty")), str(jwk.get("crv"))))
        if alg is None:
            raise KeyFault(
                "wrong-kind", "不支持的密钥种类", "neither P-256 nor Ed25519", field="kty"
            )
        if jwk.get("alg", alg) not in ({alg, "Ed25519"} if alg == "EdDSA" else {alg}):
            raise KeyFault("wrong-alg", "算法与密钥不符", "alg does not fit the key", field="alg")
        if jwk.get("use", "sig") != "sig" or "verify" not in jwk.get("key_ops", ["verify"]):
            raise KeyFault(
                "wrong-use", "密钥不用于签名", "the key is not for signatures", field="use"
            )
        kid = jwk.get("kid", thumbprint(jwk))
        if not isinstance(kid, str) or not kid:
            raise _malformed("kid")
        return cls(kid, _public(jwk))

    def with_term(self, term: KeyTerm | None) -> VerifyingKey:
        """The same key with another term."""
        return VerifyingKey(self.kid, self.public_key, term)

    def verify(self, signature: bytes, data: bytes) -> bool:
        """Whether `signature` (raw JOSE form, 64 bytes) over `data` is of this key."""
        if len(signature) != 64:
            return False
        try:
            if self._ec is not None:
                self._ec.verify(
                    encode_dss_signature(
                        int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
                    ),
                    data,
                    _ECDSA,
                )
            elif self._ed is not None:
                self._ed.verify(signature, data)
        except InvalidSignature:
            return False
        return True

    @property
    def public_key(self) -> ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey:
        """The key as `cryptography` has it."""
        public = self._ec or self._ed
        assert public is not None  # noqa: S101  # one of them is there
        return public

    def __repr__(self) -> str:
        return f"<VerifyingKey {self.alg} {self.kid}>"


def _public(jwk: Mapping[str, Any]) -> ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey:
    x = _coordinate(jwk, "x")
    if jwk["kty"] == "OKP":
        return ed25519.Ed25519PublicKey.from_public_bytes(x)
    y = _coordinate(jwk, "y")
    try:
        return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), b"\x04" + x + y)
    except ValueError:
        raise KeyFault(
            "not-on-curve", "公钥不在曲线上", "the point is not on the curve", field="y"
        ) from None


def _coordinate(jwk: Mapping[str, Any], name: str) -> bytes:
    text = jwk.get(name)
    if not isinstance(text, str) or not text.isascii():
        raise _malformed(name)
    try:
        value = b64url_decode(text.encode("ascii"), field=name)
    except JwsError:
        raise _malformed(name) from None
    if len(value) != 32:
        raise _malformed(name)
    return value


class TrustedKeys:
    """Public keys by their kid."""

    __slots__ = ("_keys",)

    def __init__(self, keys: Iterable[VerifyingKey]) -> None:
        self._keys: dict[str, VerifyingKey] = {}
        for key in keys:
            if key.kid in self._keys:
                raise KeyFault(
                    "duplicate-kid", "密钥标识重复", "two keys have the same kid", field="kid"
                )
            self._keys[key.kid] = key

    @classmethod
    def from_jwks(cls, jwks: Mapping[str, Any]) -> TrustedKeys:
        """The keys of a JWK set `{"keys": [...]}`.

        Keys of a kind this library does not verify (RSA, other curves, for encryption) are
        passed over, as RFC 7517 section 5 asks. Raises KeyFault: `malformed-jwk`,
        `not-on-curve`, `wrong-alg`, and for the whole set `secret-in-jwk`, `duplicate-kid`.
        A key's term is read from its members (see `KeyTerm.of_jwk`).
        """
        listed = jwks.get("keys")
        if not isinstance(listed, list):
            raise _malformed("keys")
        found = []
        for jwk in listed:
            if not isinstance(jwk, Mapping):
                raise _malformed("keys")
            try:
                key = VerifyingKey.from_jwk(jwk)
                term = KeyTerm.of_jwk(jwk)
                found.append(key if term is None else key.with_term(term))
            except KeyFault as fault:
                if fault.code not in {"wrong-kind", "wrong-use"}:
                    raise
        return cls(found)

    def find_key(self, kid: str) -> VerifyingKey | None:
        return self._keys.get(kid)

    def __iter__(self) -> Iterator[VerifyingKey]:
        return iter(self._keys.values())

    def __len__(self) -> int:
        return len(self._keys)
