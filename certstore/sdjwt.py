"""SD-JWT (RFC 9901): a signed JSON document whose parts can be shown one by one.

Digest algorithm sha-256 only. Structured disclosures (`_sd` inside objects, `...` inside arrays,
either inside a disclosed value) are issued, presented and verified. A path names a claim:
("fields", "address") is the member `address` of the member `fields`, ("nationalities", 0) the
first item of an array; a bare text names a claim at the top.
"""

from __future__ import annotations

import secrets
from binascii import b2a_base64 as _b2a
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

import orjson
from orjson import dumps as _dumps

from certstore.base64url import TO_URL, b64url, b64url_decode
from certstore.errors import SdJwtError
from certstore.jws import KeyFinder, sign_compact, verify_compact
from certstore.keys import Signer
from certstore.reveal import SD_ALG, digests_of, reveal, trace
from certstore.strict_json import parse_json

Path = tuple[str | int, ...]

MAX_SIZE: Final = 256 * 1024
"""Bytes of an SD-JWT with all its disclosures."""
MAX_DISCLOSURES: Final = 1000

VISIBLE: Final = frozenset({"iss", "aud", "exp", "nbf", "cnf", "vct", "vct#integrity", "status"})
"""Claims at the top that decide whether the document counts; they are never hidden (RFC 9901
section 9.7, SD-JWT VC section 3.2.2.2)."""

_SALT_CHARACTERS: Final = 24


class SdJwt(NamedTuple):
    """The parts of an SD-JWT: the issuer's JWS, the disclosures, and a key binding JWT or None."""

    jws: bytes
    disclosures: Sequence[bytes]
    key_binding: bytes | None


class Disclosed(NamedTuple):
    """The disclosures of some claims, and the digest of each."""

    disclosures: list[bytes]
    digests: list[str]


def new_salts(count: int) -> list[str]:
    """`count` salts of 144 random bits in base64url (RFC 9901 section 9.3 asks for 128)."""
    drawn = b64url(secrets.token_bytes(count * 18)).decode("ascii")
    return [drawn[at : at + _SALT_CHARACTERS] for at in range(0, len(drawn), _SALT_CHARACTERS)]


def disclose(salt: str, name: str, value: Any) -> tuple[bytes, str]:
    """The disclosure of a claim and its digest, both base64url (RFC 9901 section 4.2.1)."""
    encoded = b64url(orjson.dumps([salt, name, value]))
    return encoded, digest_of(encoded)


def disclose_all(claims: Iterable[tuple[str, Any]], salts: Iterable[str]) -> Disclosed:
    """`disclose` for many claims of one object, without the cost of a call for each."""
    encoded = [
        _b2a(_dumps([salt, name, value]), newline=False).translate(TO_URL, b"=")
        for (name, value), salt in zip(claims, salts, strict=False)
    ]
    return Disclosed(encoded, digests_of(encoded))


def disclose_item(salt: str, value: Any) -> tuple[bytes, str]:
    """The disclosure of an array item and its digest (RFC 9901 section 4.2.2)."""
    encoded = b64url(orjson.dumps([salt, value]))
    return encoded, digest_of(encoded)


def digest_of(encoded: bytes) -> str:
    """The digest of a disclosure as it was sent (RFC 9901 section 4.2.3)."""
    return digests_of([encoded])[0]


def as_path(path: str | Path) -> Path:
    return (path,) if isinstance(path, str) else path


def issue(
    claims: Mapping[str, Any],
    disclosable: Iterable[str | Path],
    signer: Signer,
    *,
    typ: str,
    salts: Iterable[str] | None = None,
) -> str:
    """An SD-JWT over `claims` with every disclosure; the claims `disclosable` names are hidden.

    `salts` gives one text per hidden claim, fresh random ones when it is None.

    Raises SdJwtError: `no-such-claim` for a path that leads nowhere, `must-stay-visible`,
    `reserved-claim-name`, `not-json`, `too-few-salts`.
    """
    wanted = {as_path(path) for path in disclosable}
    for path in wanted:
        if path and path[0] in VISIBLE:
            raise SdJwtError(
                "must-stay-visible",
                "该声明不得选择性披露",
                "this claim is never selectively disclosable",
                field=str(path[0]),
            )
    drawn = iter(new_salts(len(wanted)) if salts is None else salts)
    disclosures: list[bytes] = []
    try:
        payload = _hide(claims, (), wanted, drawn, disclosures)
        if disclosures:
            payload[SD_ALG] = "sha-256"
        encoded = orjson.dumps(payload)
    except (TypeError, RecursionError):
        raise SdJwtError("not-json", "声明不是JSON值", "a claim is not a JSON value") from None
    if len(disclosures) != len(wanted):
        raise SdJwtError("no-such-claim", "没有要隐藏的声明", "a claim to be hidden does not exist")
    return assemble(sign_compact(encoded, signer, typ=typ), disclosures)


def assemble(jws: bytes, disclosures: Sequence[bytes]) -> str:
    """`<jws>~<disclosure>~…~`, ending in a tilde: no key binding JWT follows."""
    return b"~".join((jws, *disclosures, b"")).decode("ascii")


def _hide(
    value: Any, path: Path, wanted: set[Path], salts: Iterator[str], disclosures: list[bytes]
) -> Any:
    if isinstance(value, Mapping):
        return _hide_members(value, path, wanted, salts, disclosures)
    if isinstance(value, (list, tuple)):
        items: list[Any] = []
        for position, item in enumerate(value):
            at = (*path, position)
            inner = _hide(item, at, wanted, salts, disclosures)
            if at in wanted:
                encoded, digest = disclose_item(_next(salts), inner)
                disclosures.append(encoded)
                inner = {"...": digest}
            items.append(inner)
        return items
    return value


def _hide_members(
    value: Mapping[str, Any],
    path: Path,
    wanted: set[Path],
    salts: Iterator[str],
    disclosures: list[bytes],
) -> dict[str, Any]:
    members: dict[str, Any] = {}
    digests: list[str] = []
    for name, member in value.items():
        if name in ("_sd", "...") or (not path and name == SD_ALG):
            raise SdJwtError(
                "reserved-claim-name",
                "声明名称为SD-JWT保留",
                "a claim has a name that SD-JWT reserves",
                field=name,
            )
        at = (*path, name)
        inner = _hide(member, at, wanted, salts, disclosures)
        if at in wanted:
            encoded, digest = disclose(_next(salts), name, inner)
            disclosures.append(encoded)
            digests.append(digest)
        else:
            members[name] = inner
    if digests:
        # Sorted, so that the order of the digests says nothing about the claims.
        members["_sd"] = sorted(digests)
    return members


def _next(salts: Iterator[str]) -> str:
    try:
        return next(salts)
    except StopIteration:
        raise SdJwtError("too-few-salts", "盐值不足", "fewer salts than hidden claims") from None


def parse(sd_jwt: str | bytes) -> SdJwt:
    """The parts of `sd_jwt`; nothing is decoded or verified yet.

    Raises SdJwtError: `oversized`, `not-an-sd-jwt`, `too-many-disclosures`.
    """
    if len(sd_jwt) > MAX_SIZE:
        raise SdJwtError("oversized", "超过大小上限", f"more than {MAX_SIZE} bytes")
    if isinstance(sd_jwt, str):
        if not sd_jwt.isascii():
            raise _not_an_sd_jwt()
        sd_jwt = sd_jwt.encode("ascii")
    jws, *disclosures = sd_jwt.split(b"~")
    if not disclosures or jws.count(b".") != 2:
        raise _not_an_sd_jwt()
    if len(disclosures) > MAX_DISCLOSURES:
        raise SdJwtError(
            "too-many-disclosures", "披露项过多", f"more than {MAX_DISCLOSURES} disclosures"
        )
    last = disclosures.pop()
    if last and last.count(b".") != 2:
        raise SdJwtError(
            "truncated", "证照不完整：结尾被截断", "the document is cut off: no closing tilde"
        )
    return SdJwt(jws, disclosures, last or None)


def _not_an_sd_jwt() -> SdJwtError:
    return SdJwtError("not-an-sd-jwt", "不是SD-JWT文件", "not an SD-JWT")


def verify(sd_jwt: str | bytes, keys: KeyFinder, *, typ: str) -> dict[str, Any]:
    """The claims of `sd_jwt` with what its disclosures show, after every check of RFC 9901.

    Dates are not looked at, and a key binding JWT is not asked for. Raises JwsError and
    SdJwtError with the codes of `jws.verify_compact`, `parse` and `reveal.reveal`.
    """
    parts = parse(sd_jwt)
    _, payload = verify_compact(parts.jws, keys, typ=typ)
    return reveal(parse_json(payload, field="payload"), parts.disclosures)


def present(sd_jwt: str | bytes, paths: Iterable[str | Path]) -> str:
    """`sd_jwt` with only the disclosures that show `paths`.

    What a path needs above it (a hidden object around a hidden member) comes along; what is
    below a shown path stays hidden unless named. Signatures are not checked: this is done by
    the holder. Raises SdJwtError `no-such-claim` and what `parse` and `reveal.trace` raise.
    """
    parts = parse(sd_jwt)
    payload = b64url_decode(parts.jws.split(b".")[1], field="payload")
    chains = trace(parse_json(payload, field="payload"), parts.disclosures)
    kept: set[int] = set()
    for path in paths:
        chain = chains.get(as_path(path))
        if chain is None:
            raise SdJwtError(
                "no-such-claim", "没有可披露的该声明", "no disclosure shows this claim"
            )
        kept.update(chain)
    return assemble(parts.jws, [one for at, one in enumerate(parts.disclosures) if at in kept])


def disclosable_paths(sd_jwt: str | bytes) -> frozenset[Path]:
    """The paths that `present` can show of `sd_jwt`."""
    parts = parse(sd_jwt)
    payload = b64url_decode(parts.jws.split(b".")[1], field="payload")
    return frozenset(trace(parse_json(payload, field="payload"), parts.disclosures))
