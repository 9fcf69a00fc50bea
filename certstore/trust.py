"""Whom to trust: issuers with their department and public keys, the hub, and its log.

One JSON document, fetched beforehand, is all that verifying needs:

    {"as_of": "2026-01-01T00:00:00Z",
     "issuers": [{"id": <iss>, "department": <USCC>, "name": {"zh": …, "en": …},
                  "types": [<key>, …], "jwks": {"keys": […]}}],
     "hub": {"jwks": {"keys": […]}},
     "root": {"certificate": <DER, base64>, "crl": <DER, base64>},
     "log": {"origin": <origin>, "key": <C2SP verifier key>}}

`as_of`, `name`, `types` and `root` may be left out; without `types` an issuer is trusted for
every type. Keys that signed once are listed with their dates (`certstore.key_term`), and each
with its certificate under the root (`x5c`). Members not named here are ignored.

Whoever pins the root need not believe the document: an issuer's key then counts only with a
certificate of the root for that department, and what the root's own list says of it. The hub's
keys have no such certificate, so that none of them counts then.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from certstore.errors import JwsError, KeyFault, TrustError
from certstore.public_keys import TrustedKeys, VerifyingKey
from certstore.strict_json import parse_json

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

    from certstore.certified_keys import PinnedRoots

MAX_SIZE: Final = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class TrustedIssuer:
    """One issuer: its `iss`, its department's code, its name, the types it may issue (None is
    any), and its keys."""

    id: str
    department: str
    name: Mapping[str, str]
    types: frozenset[str] | None
    keys: TrustedKeys
    uncertified: frozenset[str] = frozenset()
    """Kids of listed keys that no pinned root has certified."""


@dataclass(frozen=True, slots=True)
class TrustAnchors:
    """The issuers by `iss`, the hub's keys, and the hub's log, all as of one moment."""

    issuers: Mapping[str, TrustedIssuer]
    hub: TrustedKeys
    log_origin: str | None = None
    log_key: str | None = None
    as_of: datetime | None = None
    _owners: Mapping[str, tuple[TrustedIssuer, ...]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        owners: dict[str, tuple[TrustedIssuer, ...]] = {}
        for issuer in self.issuers.values():
            for key in issuer.keys:
                owners[key.kid] = (*owners.get(key.kid, ()), issuer)
        object.__setattr__(self, "_owners", owners)

    def find_issuer(self, id: str) -> TrustedIssuer | None:
        return self.issuers.get(id)

    def find_owner(self, kid: str) -> TrustedIssuer | None:
        """An issuer that has a key of this kid."""
        return self._owners.get(kid, (None,))[0]

    @classmethod
    def from_json(
        cls,
        document: str | bytes | Mapping[str, Any],
        *,
        roots: Sequence[Certificate] | None = None,
    ) -> TrustAnchors:
        """The anchors of a trust document; with `roots`, only what stands under one of these.

        Raises TrustError: `oversized`, `not-json`, `malformed` (the member is in `field`),
        `repeated-issuer`, `keys` (a key set is refused; see KeyFault for the reasons); with
        roots also `crl-missing` and `crl` (the revocation list is not a root's, or was not
        current as of the document's `as_of`).
        """
        value = document if isinstance(document, Mapping) else _parse(document)
        if not isinstance(value, Mapping):
            raise _malformed("")
        as_of = _time(value["as_of"]) if value.get("as_of") is not None else None
        pinned = None if roots is None else _pinned(value, roots, as_of)
        issuers: dict[str, TrustedIssuer] = {}
        for position, one in enumerate(_list(value.get("issuers", []), "issuers")):
            issuer = _issuer(one, f"issuers/{position}", pinned)
            if issuer.id in issuers:
                raise TrustError(
                    "repeated-issuer",
                    "同一颁发机构重复出现",
                    "an issuer is named twice",
                    field=f"issuers/{position}/id",
                )
            issuers[issuer.id] = issuer
        hub, log = _object(value.get("hub", {}), "hub"), _object(value.get("log", {}), "log")
        return cls(
            issuers=issuers,
            hub=_keys(hub["jwks"], "hub/jwks")
            if "jwks" in hub and pinned is None
            else TrustedKeys(()),
            log_origin=_text(log["origin"], "log/origin") if "origin" in log else None,
            log_key=_text(log["key"], "log/key") if "key" in log else None,
            as_of=as_of,
        )


def _parse(document: str | bytes) -> Any:
    raw = document.encode("utf-8", "replace") if isinstance(document, str) else document
    if len(raw) > MAX_SIZE:
        raise TrustError("oversized", "可信名单过大", f"more than {MAX_SIZE} bytes")
    try:
        return parse_json(raw, field="trust")
    except JwsError as error:
        raise TrustError("not-json", error.zh, error.en) from None


def _pinned(
    value: Mapping[str, Any], roots: Sequence[Certificate], as_of: datetime | None
) -> PinnedRoots:
    # Only who pins a root pays for loading X.509.
    from certstore.certified_keys import PinnedRoots, read_crl

    if as_of is None:
        raise _malformed("as_of")
    return PinnedRoots(roots, read_crl(value.get("root")), at=as_of)


def _issuer(one: Any, at: str, pinned: PinnedRoots | None) -> TrustedIssuer:
    entry = _object(one, at)
    types = entry.get("types")
    id = _text(entry.get("id"), f"{at}/id")
    department = _text(entry.get("department"), f"{at}/department")
    keys, uncertified = _keys(entry.get("jwks"), f"{at}/jwks"), frozenset[str]()
    if pinned is not None:
        keys, uncertified = pinned.certified(entry["jwks"], keys, department)
    return TrustedIssuer(
        id=id,
        department=department,
        name={
            str(language): _text(text, f"{at}/name")
            for language, text in _object(entry.get("name", {}), f"{at}/name").items()
        },
        types=None
        if types is None
        else frozenset(_text(one, f"{at}/types") for one in _list(types, f"{at}/types")),
        keys=keys,
        uncertified=uncertified,
    )


def _keys(value: Any, at: str) -> TrustedKeys:
    try:
        return TrustedKeys.from_jwks(_object(value, at))
    except KeyFault as fault:
        raise TrustError("keys", fault.zh, fault.en, field=at) from None


def _object(value: Any, at: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise _malformed(at)
    return value


def _list(value: Any, at: str) -> list[Any]:
    if not isinstance(value, list):
        raise _malformed(at)
    return value


def _text(value: Any, at: str) -> str:
    if not isinstance(value, str) or not value:
        raise _malformed(at)
    return value


def _time(value: Any) -> datetime:
    try:
        at = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        raise _malformed("as_of") from None
    if at.tzinfo is None:
        raise _malformed("as_of")
    return at.astimezone(UTC)


def _malformed(at: str) -> TrustError:
    return TrustError(
        "malformed", "可信名单格式不符", "the trust document is not of the required form", field=at
    )


class KeysOf:
    """Several key sets asked one after the other."""

    __slots__ = ("_sets",)

    def __init__(self, sets: Iterable[TrustedKeys]) -> None:
        self._sets = tuple(sets)

    def find_key(self, kid: str) -> VerifyingKey | None:
        for keys in self._sets:
            found = keys.find_key(kid)
            if found is not None:
                return found
        return None
