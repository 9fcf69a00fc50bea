"""Putting disclosures back into a payload (RFC 9901 section 7.1), every step of it.

Refused, each with its own code: an unknown digest algorithm, a digest that occurs twice, a
disclosure that no digest names (also a replaced one), one sent twice, one of the wrong shape,
one that would overwrite a claim or use a reserved name, and bottomless nesting.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from operator import itemgetter
from typing import Any, Final

from orjson import loads
from pybase64 import b64decode, b64encode_as_string

from certstore.base64url import FROM_URL, b64url_decode
from certstore.errors import SdJwtError
from certstore.strict_json import MAX_DEPTH, NESTED, parse_json

SD_ALG: Final = "_sd_alg"

_TEXT: Final = frozenset({str})
_SPECIAL: Final = frozenset({"_sd", "..."})
_BEGINNING: Final = itemgetter(slice(2))
_BRACKET: Final = frozenset({b"Wy"})
"""How base64 of an array begins whose first value is a text: it decodes to [ and half a quote."""
_COMMA: Final = (b"LAoK", b"!", b"ogLAoK", b"gLAoK")
"""By length modulo 4: base64 that fills a text up with white space to whole bytes and goes on with
a comma and two line breaks."""
_PLACES: Final = tuple(slice(at, at + 43) for at in range(0, 44 * 64, 44))


def reveal(payload: Any, disclosures: Sequence[bytes]) -> dict[str, Any]:
    """`payload` with every disclosure in its place and nothing of SD-JWT left.

    Raises SdJwtError: `payload-not-object`, `unknown-digest-alg`, `duplicate-disclosure`,
    `duplicate-digest`, `disclosure-unmatched`, `malformed-disclosure`, `malformed-digests`,
    `reserved-claim-name`, `claim-exists`, `too-deep`; JwsError when a disclosure is not JSON.
    """
    _check_payload(payload)
    found = dict(zip(digests_of(disclosures), decode_all(disclosures), strict=True))
    if len(found) != len(disclosures):
        raise SdJwtError("duplicate-disclosure", "披露项重复", "a disclosure is sent twice")
    work = _Revealing(found)
    claims = work.members(payload, MAX_DEPTH)
    claims.pop(SD_ALG, None)
    if work.used != len(found):
        raise SdJwtError(
            "disclosure-unmatched",
            "披露项与签名内容不符",
            "a disclosure is not among those that were signed",
        )
    return claims


def _check_payload(payload: Any) -> None:
    if not isinstance(payload, dict):
        raise SdJwtError("payload-not-object", "内容不是对象", "the payload is not an object")
    if payload.get(SD_ALG, "sha-256") != "sha-256":
        raise SdJwtError(
            "unknown-digest-alg",
            "摘要算法不受支持",
            "the digest algorithm is not sha-256",
            field=SD_ALG,
        )


def digests_of(disclosures: Sequence[bytes]) -> list[str]:
    """The digest of each disclosure as it was sent, in base64url (RFC 9901 section 4.2.3).

    All are encoded in one go: a digest and a zero byte are 33 bytes, so 44 characters, of which
    the first 43 are those of the digest alone.
    """
    joined = b"\0".join([sha256(encoded).digest() for encoded in disclosures])
    text = b64encode_as_string(joined + b"\0", b"-_")
    if len(disclosures) <= len(_PLACES):
        return list(map(text.__getitem__, _PLACES[: len(disclosures)]))
    return [text[at : at + 43] for at in range(0, 44 * len(disclosures), 44)]


def decode_all(disclosures: Sequence[bytes]) -> list[list[Any]]:
    """Each disclosure as `decode_disclosure` gives it.

    Nearly always all of them are claims whose values are no objects and no arrays. These are
    decoded and looked at together, as one array; anything else, also what is wrong, one by one.

    None can reach into the next unseen: what stands between two has a line break, which no JSON
    string may have, and in an array left open the next, which begins with a bracket, would be a
    value that is an array.
    """
    if disclosures and _BRACKET.issuperset(map(_BEGINNING, disclosures)):
        joined = b"".join([encoded + _COMMA[len(encoded) & 3] for encoded in disclosures])
        try:
            items: list[list[Any]] = loads(
                b"[%b]" % b64decode(joined[:-4].translate(FROM_URL), None, True)
            )
            salts, names, values = zip(*items, strict=True)
        except (ValueError, TypeError):
            pass
        else:
            if (
                len(items) == len(disclosures)
                and _TEXT.issuperset(map(type, salts + names))
                and _SPECIAL.isdisjoint(names)
                and NESTED.isdisjoint(map(type, values))
            ):
                return items
    return [decode_disclosure(encoded) for encoded in disclosures]


def decode_disclosure(encoded: bytes) -> list[Any]:
    """[salt, name, value] of a claim or [salt, value] of an array item.

    Raises SdJwtError `malformed-disclosure`, `reserved-claim-name`; JwsError when it is not
    base64url or not JSON.
    """
    # Its digest covers how a disclosure is spelt, so that spare bits need not be refused.
    content = b64url_decode(encoded, field="disclosure", spare_bits=True)
    parts = parse_json(content, field="disclosure")
    if type(parts) is list and parts and type(parts[0]) is str:
        if len(parts) == 2:
            return parts
        if len(parts) == 3 and type(parts[1]) is str:
            if parts[1] not in _SPECIAL:
                return parts
            raise SdJwtError(
                "reserved-claim-name",
                "披露项使用了保留名称",
                "a disclosure uses a reserved name",
                field=parts[1],
            )
    raise SdJwtError(
        "malformed-disclosure", "披露项格式不符", "a disclosure is not of the required form"
    )


class _Revealing:
    """One walk through a payload: the disclosures by digest, and which were met."""

    __slots__ = ("found", "seen", "used")

    def __init__(self, found: dict[str, list[Any]]) -> None:
        self.found = found
        self.seen: set[str] = set()
        self.used = 0

    def members(self, value: dict[str, Any], left: int) -> dict[str, Any]:
        if "..." in value:
            raise _malformed_digests()
        claims: dict[str, Any] = {}
        for name, member in value.items():
            if name == "_sd":
                continue
            claims[name] = self.walk(member, left) if type(member) in NESTED else member
        if "_sd" in value:
            self.disclosed(value["_sd"], claims, left)
        return claims

    def disclosed(self, digests: Any, claims: dict[str, Any], left: int) -> None:
        """Add to `claims` what the digests of its object show."""
        if type(digests) is not list or not _TEXT.issuperset(map(type, digests)):
            raise _malformed_digests()
        seen = self.seen
        known = len(seen)
        seen.update(digests)
        if len(seen) != known + len(digests):
            raise _duplicate_digest()
        for parts in map(self.found.get, digests):
            if parts is None:
                continue
            self.used += 1
            if len(parts) != 3:
                raise _wrong_place()
            _, name, member = parts
            if name in claims:
                raise SdJwtError(
                    "claim-exists",
                    "披露项与已有声明重名",
                    "a disclosure would overwrite a claim",
                    field=name,
                )
            claims[name] = self.walk(member, left) if type(member) in NESTED else member

    def walk(self, value: Any, left: int) -> Any:
        if left <= 0:
            raise SdJwtError("too-deep", "嵌套过深", "nested too deeply")
        if type(value) is dict:
            if "_sd" in value or "..." in value:
                return self.members(value, left - 1)
            for member in value.values():
                if type(member) in NESTED:
                    return self.members(value, left - 1)
            return value
        items = []
        for item in value:
            if type(item) is dict and "..." in item:
                parts = self.item(_only_digest(item))
                if parts is None:
                    continue
                item = parts[1]
            items.append(self.walk(item, left - 1) if type(item) in NESTED else item)
        return items

    def item(self, digest: Any) -> list[Any] | None:
        """The disclosure of an array item, None for one that is not shown (or a decoy)."""
        if type(digest) is not str:
            raise _malformed_digests()
        if digest in self.seen:
            raise _duplicate_digest()
        self.seen.add(digest)
        parts = self.found.get(digest)
        if parts is None:
            return None
        if len(parts) != 2:
            raise _wrong_place()
        self.used += 1
        return parts


def _duplicate_digest() -> SdJwtError:
    return SdJwtError("duplicate-digest", "摘要重复", "a digest occurs twice")


def _wrong_place() -> SdJwtError:
    return SdJwtError(
        "malformed-disclosure",
        "披露项格式不符",
        "a disclosure of a claim stands for an array item, or the other way round",
    )


def _only_digest(item: dict[str, Any]) -> Any:
    if len(item) != 1:
        raise _malformed_digests()
    return item["..."]


def _malformed_digests() -> SdJwtError:
    return SdJwtError(
        "malformed-digests", "摘要结构不符", "_sd or ... is not used as RFC 9901 defines it"
    )


def trace(
    payload: Any, disclosures: Sequence[bytes]
) -> dict[tuple[str | int, ...], tuple[int, ...]]:
    """For each hidden claim its path and the positions of the disclosures it takes to show it.

    The last position is the claim's own; those before belong to what surrounds it. Raises what
    `reveal` raises.
    """
    reveal(payload, disclosures)
    found = {
        digest: (at, decode_disclosure(disclosures[at]))
        for at, digest in enumerate(digests_of(disclosures))
    }
    chains: dict[tuple[str | int, ...], tuple[int, ...]] = {}

    def walk(value: Any, path: tuple[str | int, ...], chain: tuple[int, ...]) -> None:
        if isinstance(value, dict):
            for digest in value.get("_sd", ()):
                if digest in found:
                    at, (_, name, member) = found[digest]
                    chains[(*path, name)] = (*chain, at)
                    walk(member, (*path, name), (*chain, at))
            for name, member in value.items():
                if name != "_sd":
                    walk(member, (*path, name), chain)
        elif isinstance(value, list):
            for position, item in enumerate(value):
                here = (*path, position)
                digest = item.get("...") if isinstance(item, dict) else None
                if digest in found:
                    at, (_, member) = found[digest]
                    chains[here] = (*chain, at)
                    walk(member, here, (*chain, at))
                else:
                    walk(item, here, chain)

    walk(payload, (), ())
    return chains
