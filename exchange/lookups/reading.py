"""The reads of a batch: one for all certificates, one for all authorizations.

The statements are prepared once per connection, because planning one would cost more than
running it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from certstore.identifiers import CertificateIdentifier
from certstore.status import State
from exchange.authorizations.facts import AuthorizationFacts
from exchange.certificates.in_force import EVENTS, counting

_COLUMNS = """
    c.identifier, c.type_key, c.version, c.fields::text, c.valid_from, c.valid_until,
    c.holder_key, e.events, c.type_version
"""
# Only the constants above are put into the statements.
PREPARE = (
    f"""
    PREPARE certificates_of_holders (int[], bytea[], text[], timestamptz) AS
    SELECT asked.n, {_COLUMNS}
    FROM unnest($1, $2, $3) AS asked (n, holder_key, type_key)
    JOIN LATERAL (
        SELECT DISTINCT ON (issuer, type_code, serial) * FROM certificates
        WHERE holder_key = asked.holder_key AND type_key = asked.type_key
            AND (effective_at IS NULL OR effective_at <= $4)
        ORDER BY issuer, type_code, serial, version DESC
    ) c ON true {EVENTS}
    """,  # noqa: S608
    f"""
    PREPARE certificates_by_number (int[], text[], text[], text[], text[], timestamptz) AS
    SELECT asked.n, {_COLUMNS}
    FROM unnest($1, $2, $3, $4, $5) AS asked (n, issuer, type_code, serial, type_key)
    JOIN LATERAL (
        SELECT * FROM certificates
        WHERE issuer = asked.issuer AND type_code = asked.type_code AND serial = asked.serial
            AND type_key = asked.type_key
            AND (effective_at IS NULL OR effective_at <= $6)
        ORDER BY version DESC LIMIT 1
    ) c ON true {EVENTS}
    """,  # noqa: S608
    """
    PREPARE authorizations_to_use (uuid[]) AS
    SELECT a.id, a.department, a.item_code, k.case_number, a.holder_key,
        a.certificate_type, a.material_kind, a.fields, a.uses_max, a.uses_taken,
        a.valid_from, a.valid_until, a.state
    FROM authorizations a JOIN cases k ON k.id = a.case_id
    WHERE a.id = ANY ($1) ORDER BY a.id FOR UPDATE OF a
    """,
    """
    PREPARE take_uses (uuid[], int[]) AS
    UPDATE authorizations SET uses_taken = taken.uses
    FROM unnest($1, $2) AS taken (id, uses) WHERE authorizations.id = taken.id
    """,
    """
    PREPARE list_uses (uuid[], int[], uuid[], timestamptz) AS
    INSERT INTO authorization_uses (authorization_id, use_number, lookup, used_at)
    SELECT id, number, lookup, $4 FROM unnest($1, $2, $3) AS used (id, number, lookup)
    """,
)


_VERSION = f"""
    SELECT {_COLUMNS} FROM certificates c LEFT JOIN (SELECT NULL AS events) e ON true
    WHERE type_code = %s AND issuer = %s AND serial = %s AND version = %s
"""  # noqa: S608  # constants alone


@dataclass(frozen=True, slots=True)
class Held:
    """The version of one certificate that counts now, with its state by what happened to it."""

    identifier: str
    type_key: str
    version: int
    fields: str
    valid_from: date | None
    valid_until: date | None
    holder_key: bytes
    state: str
    type_version: int


@dataclass(frozen=True, slots=True)
class Use:
    """One use of an authorization by a lookup."""

    authorization: UUID
    number: int
    lookup: UUID


def revision(cursor: Any) -> int:
    """The revision of everything that governs."""
    cursor.execute("SELECT revision FROM governance")
    return int(cursor.fetchone()[0])


def certificates_of_holders(
    cursor: Any, asked: Sequence[tuple[int, bytes, str]], now: datetime
) -> Iterable[tuple[int, Held]]:
    """The certificates of (n, holder key, type) triples, each with its n."""
    if not asked:
        return []
    numbers, keys, types = zip(*asked, strict=True)
    cursor.execute(
        "EXECUTE certificates_of_holders (%s, %s::bytea[], %s, %s)",
        (list(numbers), [f"\\x{key.hex()}" for key in keys], list(types), now),
    )
    return [(row[0], _held(cursor, row, now)) for row in cursor.fetchall()]


def certificates_by_number(
    cursor: Any, asked: Sequence[tuple[int, str, str, str, str]], now: datetime
) -> Iterable[tuple[int, Held]]:
    """The certificates of (n, issuer, type code, serial, type) tuples, each with its n."""
    if not asked:
        return []
    columns = [list(column) for column in zip(*asked, strict=True)]
    cursor.execute("EXECUTE certificates_by_number (%s, %s, %s, %s, %s, %s)", (*columns, now))
    return [(row[0], _held(cursor, row, now)) for row in cursor.fetchall()]


def authorizations(cursor: Any, ids: Iterable[UUID]) -> Mapping[UUID, AuthorizationFacts]:
    """The authorizations of these ids, locked until the end of the transaction, in id order."""
    wanted = [str(each) for each in ids]
    if not wanted:
        return {}
    cursor.execute("EXECUTE authorizations_to_use (%s::uuid[])", (wanted,))
    found = {}
    for row in cursor.fetchall():
        # SQLAlchemy has registered uuid on its connections, this one too.
        found[row[0]] = AuthorizationFacts(
            id=row[0],
            department=row[1],
            item=row[2],
            case_number=row[3],
            holder_key=bytes(row[4]),
            certificate_type=row[5],
            material_kind=row[6],
            fields=frozenset(row[7]),
            uses_max=row[8],
            uses_taken=row[9],
            valid_from=row[10],
            valid_until=row[11],
            state=row[12],
        )
    return found


def take_uses(cursor: Any, uses: Sequence[Use], now: datetime) -> None:
    """Write each use, and how many are taken of each authorization now."""
    if not uses:
        return
    taken = {use.authorization: use.number for use in uses}  # the last one counts
    ids = [str(key) for key in taken]
    cursor.execute("EXECUTE take_uses (%s::uuid[], %s)", (ids, list(taken.values())))
    cursor.execute(
        "EXECUTE list_uses (%s::uuid[], %s, %s::uuid[], %s)",
        (
            [str(use.authorization) for use in uses],
            [use.number for use in uses],
            [str(use.lookup) for use in uses],
            now,
        ),
    )


def _held(cursor: Any, row: Sequence[Any], now: datetime) -> Held:
    found = counting(row[8], row[3], now)
    if found.version == row[3]:
        return _held_of(row[1:], found.state)
    if found.version > row[3]:
        return _held_of(row[1:], State.EXPIRED.code)  # it passed on to another holder
    # The version found was to come and was called off: an earlier one still counts.
    identifier = CertificateIdentifier.parse(row[1])
    cursor.execute(_VERSION, (*identifier.certificate, found.version))
    return _held_of(cursor.fetchone(), found.state)


def _held_of(row: Sequence[Any], state: str) -> Held:
    return Held(row[0], row[1], row[2], row[3], row[4], row[5], bytes(row[6]), state, row[8])
