"""A grant as a signed artefact: what the holder agreed to, verifiable by itself.

Compact JWS by the hub's answer key, ``typ: yici-authorization+jwt``. Needs no database, so that
a court, an auditor or the holder can hold it against the hub's public keys years later.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from certstore.jws import KeyFinder, sign_compact, verify_compact
from certstore.keys import Signer
from certstore.strict_json import parse_json
from exchange.audit.records import canonical, format_time, parse_time
from exchange.authorizations.records import Authorization
from exchange.authorizations.wording import Words

TYPE: Final = "yici-authorization+jwt"


class ArtefactRefused(Exception):
    """A grant does not hold together; ``zh`` and ``en`` say why."""

    def __init__(self, zh: str, en: str) -> None:
        super().__init__(en)
        self.zh = zh
        self.en = en


@dataclass(frozen=True, slots=True)
class Grant:
    """What a verified artefact says. ``holder`` is the holder's key in hexadecimal."""

    issuer: str
    id: str
    holder: str
    department: str
    item: str
    case_number: str
    material: str
    basis: str
    certificate_type: str | None
    material_kind: str | None
    fields: frozenset[str]
    uses: int
    valid_from: datetime
    valid_until: datetime
    sentence: Words


def sign_grant(granted: Authorization, sentence: Words, signer: Signer, *, issuer: str) -> str:
    """Sign a granted authorization with the sentence its holder was shown.

    Raises:
        ValueError: it has no validity period, so it was not granted.
    """
    if granted.valid_from is None or granted.valid_until is None:
        raise ValueError("only a granted authorization is signed")
    claims: dict[str, Any] = {
        "iss": issuer,
        "jti": str(granted.id),
        "iat": int(granted.valid_from.timestamp()),
        "holder": granted.holder_key.hex(),
        "department": granted.department,
        "item": granted.item,
        "case": granted.case_number,
        "material": granted.material,
        "basis": granted.basis,
        "fields": sorted(granted.fields),
        "uses": granted.uses_max,
        "from": format_time(granted.valid_from.astimezone(UTC)),
        "until": format_time(granted.valid_until.astimezone(UTC)),
        "sentence": {"zh": sentence.zh, "en": sentence.en},
    }
    if granted.certificate_type is not None:
        claims["type"] = granted.certificate_type
    if granted.material_kind is not None:
        claims["kind"] = granted.material_kind
    return sign_compact(canonical(claims), signer, typ=TYPE).decode()


def verify_grant(artefact: str, keys: KeyFinder) -> Grant:
    """Verify a grant with the hub's public keys alone.

    Whether it was withdrawn since, or how often it was used, no artefact can say.

    Raises:
        JwsError: the signature does not hold, or is none of a grant.
        ArtefactRefused: signed, but a claim is missing or of the wrong shape.
    """
    _, payload = verify_compact(artefact.encode(), keys, typ=TYPE)
    claims = parse_json(payload, field="authorization")
    try:
        return Grant(
            issuer=str(claims["iss"]),
            id=str(claims["jti"]),
            holder=str(claims["holder"]),
            department=str(claims["department"]),
            item=str(claims["item"]),
            case_number=str(claims["case"]),
            material=str(claims["material"]),
            basis=str(claims["basis"]),
            certificate_type=claims.get("type"),
            material_kind=claims.get("kind"),
            fields=frozenset(claims["fields"]),
            uses=int(claims["uses"]),
            valid_from=parse_time(claims["from"]),
            valid_until=parse_time(claims["until"]),
            sentence=Words(str(claims["sentence"]["zh"]), str(claims["sentence"]["en"])),
        )
    except (KeyError, TypeError, ValueError, AttributeError):
        raise ArtefactRefused("授权书缺少内容", "the grant lacks a claim") from None
