"""Compact JWS (RFC 7515): nothing in a header picks the algorithm, the key does."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Protocol

import orjson

from certstore.base64url import b64url, b64url_decode
from certstore.errors import JwsError
from certstore.keys import Signer, VerifyingKey
from certstore.strict_json import parse_json


class KeyFinder(Protocol):
    """Whoever knows public keys by their kid, such as `keys.TrustedKeys`."""

    def find_key(self, kid: str) -> VerifyingKey | None: ...


@lru_cache(maxsize=256)
def _header(alg: str, kid: str, typ: str) -> bytes:
    return b64url(orjson.dumps({"alg": alg, "kid": kid, "typ": typ}))


def sign_compact(payload: bytes, signer: Signer, *, typ: str) -> bytes:
    """`payload` as a compact JWS whose header carries the signer's alg and kid, and `typ`."""
    signing_input = b"%b.%b" % (_header(signer.alg, signer.kid, typ), b64url(payload))
    return b"%b.%b" % (signing_input, b64url(signer.sign(signing_input)))


def read_header(token: bytes) -> Mapping[str, Any]:
    """The header of a compact JWS; nothing is checked yet but its form.

    Raises JwsError: `malformed`, `not-base64`, `not-json`, `duplicate-claims`, `too-deep`.
    """
    if token.count(b".") != 2:
        raise JwsError(
            "malformed", "不是三段式的签名", "not a signature of three parts", field="jws"
        )
    return decode_header(token[: token.index(b".")])


@lru_cache(maxsize=256)
def decode_header(encoded: bytes) -> Mapping[str, Any]:
    """The header behind its base64url. Raises what `read_header` raises."""
    header = parse_json(b64url_decode(encoded, field="header"), field="header")
    if not isinstance(header, dict):
        raise JwsError("malformed", "头部不是对象", "the header is not an object", field="header")
    return header


def refuse_alg_none(header: Mapping[str, Any]) -> None:
    """Raise JwsError `alg-none` for an unsigned token, however none is spelt."""
    alg = header.get("alg")
    if isinstance(alg, str) and alg.lower() == "none":
        raise JwsError("alg-none", "签名算法为none", "the algorithm is none", field="alg")


def check_header(header: Mapping[str, Any], *, typ: str, key: VerifyingKey) -> None:
    """Raise JwsError unless the header is of `typ` and names the algorithm of `key`.

    Codes: `alg-none`, `alg-not-allowed`, `wrong-typ`, `unknown-critical`.
    """
    refuse_alg_none(header)
    if header.get("alg") != key.alg:
        raise JwsError(
            "alg-not-allowed",
            "签名算法与密钥不符",
            "the algorithm is not the one of the key",
            field="alg",
        )
    if header.get("typ") != typ:
        raise JwsError("wrong-typ", "令牌类型不符", f"typ is not {typ}", field="typ")
    if "crit" in header or "b64" in header:
        raise JwsError(
            "unknown-critical",
            "头部要求了不支持的扩展",
            "the header demands an extension that is not supported",
            field="crit",
        )


def verify_with_key(token: bytes, key: VerifyingKey, *, typ: str) -> bytes:
    """The payload of a compact JWS signed with `key`.

    Raises JwsError: the codes of `read_header` and `check_header`, and `signature-invalid`.
    """
    check_header(read_header(token), typ=typ, key=key)
    signing_input, _, encoded = token.rpartition(b".")
    if not key.verify(b64url_decode(encoded, field="signature"), signing_input):
        raise JwsError(
            "signature-invalid", "签名无效", "the signature does not hold", field="signature"
        )
    return b64url_decode(signing_input[signing_input.index(b".") + 1 :], field="payload")


def verify_compact(token: bytes, keys: KeyFinder, *, typ: str) -> tuple[Mapping[str, Any], bytes]:
    """Header and payload of a compact JWS signed with the key of `keys` that its kid names.

    Raises JwsError: `key-unknown` and the codes of `verify_with_key`.
    """
    header = read_header(token)
    refuse_alg_none(header)
    kid = header.get("kid")
    key = keys.find_key(kid) if isinstance(kid, str) else None
    if key is None:
        raise JwsError("key-unknown", "签名密钥未知", "no known key has this kid", field="kid")
    return header, verify_with_key(token, key, typ=typ)
