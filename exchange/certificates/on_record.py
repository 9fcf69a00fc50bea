"""Whether the hub has this very file on its record: whoever stole an issuer's key has signatures
that hold, but nothing that the hub ever wrote down.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from hashlib import sha256
from types import MappingProxyType
from typing import Final

import sqlalchemy as sa

from certstore.errors import IdentifierError
from certstore.identifiers import CertificateIdentifier
from certstore.verdict import Part, Verdict
from exchange.certificates.bound_copies import is_bound_copy
from exchange.certificates.places import Places
from exchange.certificates.resigned import resigned_credentials
from exchange.certificates.tables import certificates

Recall = Callable[[sa.Connection, bytes], bool]
"""Whether a room knows a file by the SHA-256 of its bytes."""

RECORDS: Final[Mapping[str, Part]] = MappingProxyType(
    {
        part.code: part
        for part in (
            Part(
                "valid", "on-record", "枢纽制发并留存的正是此文件", "the hub issued this very file"
            ),
            Part(
                "valid",
                "bound-copy-on-record",
                "枢纽曾制发此绑定副本",
                "the hub issued this very copy, bound to its holder's key",
            ),
            Part(
                "valid",
                "resigned-on-record",
                "枢纽曾重新签名并留存此文件",
                "the hub issued this very file when it was signed anew",
            ),
            Part(
                "valid",
                "imported-on-record",
                "枢纽曾导入此文件",
                "this very file was imported into the hub",
            ),
            Part(
                "invalid",
                "other-on-record",
                "枢纽留存的同一标识证照与此文件不同",
                "the hub has another file on record under this identifier",
            ),
            Part(
                "invalid",
                "never-issued",
                "文件自称由本枢纽制发，但枢纽没有留存",
                "it says to be issued at this hub, which never did",
            ),
            Part("unknown", "not-on-record", "枢纽没有此文件的记录", "the hub knows nothing of it"),
            Part(
                "unknown",
                "not-evaluated",
                "因签名未通过核验而未判断",
                "not judged, because the signature did not hold or was not checked",
            ),
        )
    }
)


def jws_of(credential: str) -> str:
    """The issuer's part of a credential: it stays the same however little is shown of it."""
    return credential.partition("~")[0]


def record_of_credential(
    connection: sa.Connection,
    credential: str,
    verdict: Verdict,
    places: Places,
    imported: Recall | None = None,
) -> Part:
    """What the hub's record says of a credential with this verdict."""
    if verdict.integrity.outcome == "invalid":
        return RECORDS["not-evaluated"]
    jws = jws_of(credential)
    digest = sha256(jws.encode("utf-8", "replace")).digest()
    if is_bound_copy(connection, digest):
        return RECORDS["bound-copy-on-record"]
    identifier = verdict.identifier
    stands = identifier is not None and _stands(connection, identifier, jws)
    if stands:
        return RECORDS[str(stands)]
    if imported is not None and imported(connection, digest):
        return RECORDS["imported-on-record"]
    claimed = verdict.claims.get("iss")
    if isinstance(claimed, str) and claimed.startswith(places.issuer("")):
        known = identifier is not None and stands is None
        return RECORDS["other-on-record" if known else "never-issued"]
    return RECORDS["not-on-record"]


def _stands(connection: sa.Connection, identifier: str, jws: str) -> str | bool | None:
    """The code of how this JWS is on record; None where the identifier has another, False where
    the hub has no such identifier."""
    try:
        wanted = CertificateIdentifier.parse_flagged(identifier)[0]
    except IdentifierError:
        return False
    c, r = certificates.c, resigned_credentials.c
    place = (wanted.issuer, wanted.type_code, wanted.serial, wanted.version)
    stored = connection.execute(
        sa.select(c.credential).where(
            sa.tuple_(c.issuer, c.type_code, c.serial, c.version) == place
        )
    ).scalar_one_or_none()
    if stored is None:
        return False
    if jws_of(stored) == jws:
        return "on-record"
    anew = connection.execute(
        sa.select(r.credential).where(
            sa.tuple_(r.issuer, r.type_code, r.serial, r.version) == place
        )
    ).scalars()
    return "resigned-on-record" if any(jws_of(each) == jws for each in anew) else None
