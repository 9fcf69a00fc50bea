"""Lookups by a one-time code (用证码): what the holder chose is read, judged and used up in the
very transaction in which the lookup is decided, so that of two scans at once exactly one wins.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

PREPARE = (
    """
    PREPARE presentations_to_use (bytea[]) AS
    SELECT id, code_hash, holder_key, certificate_type, fields, audience, made_at, expires_at,
        state
    FROM presentations WHERE code_hash = ANY ($1) ORDER BY id FOR UPDATE
    """,
    """
    PREPARE use_presentations (uuid[], uuid[], text[], timestamptz) AS
    UPDATE presentations
    SET state = 'used', ended_at = $4, lookup = used.lookup, used_by = used.department
    FROM unnest($1, $2, $3) AS used (id, lookup, department) WHERE presentations.id = used.id
    """,
)


@dataclass(frozen=True, slots=True)
class Presented:
    """What a holder shows by a code: whose, of which type, which fields, to whom (None is any
    department), until when. ``state`` is open, used or withdrawn."""

    id: UUID
    code_hash: bytes
    holder_key: bytes
    certificate_type: str
    fields: frozenset[str]
    audience: str | None
    made_at: datetime
    expires_at: datetime
    state: str


@dataclass(frozen=True, slots=True)
class CodeUse:
    """The one use of a code, by a lookup of a department."""

    presentation: UUID
    lookup: UUID
    department: str


def standing_of_code(
    presented: Presented | None,
    *,
    holder_key: bytes,
    department: str,
    certificate_type: str,
    fields: frozenset[str],
    now: datetime,
) -> str:
    """How a code stands towards a lookup: one word of ``policies.requests.Authorization``.

    What was done with it comes before its time: a used code stays used.
    """
    if presented is None:
        return "unknown"
    if presented.audience not in (None, department):
        return "code-elsewhere"
    if presented.holder_key != holder_key:
        return "other-holder"
    if presented.certificate_type != certificate_type:
        return "other-type"
    if not fields <= presented.fields:
        return "other-fields"
    if presented.state != "open":
        return "code-used" if presented.state == "used" else "code-withdrawn"
    if now >= presented.expires_at:
        return "code-expired"
    return "valid"


def presentations(cursor: Any, codes: Iterable[bytes]) -> Mapping[bytes, Presented]:
    """What these codes show, by their hash, locked until the end of the transaction, by id."""
    wanted = [f"\\x{code.hex()}" for code in codes]
    if not wanted:
        return {}
    cursor.execute("EXECUTE presentations_to_use (%s::bytea[])", (wanted,))
    found = (
        Presented(
            row[0], bytes(row[1]), bytes(row[2]), row[3], frozenset(row[4]), row[5], row[6],
            row[7], row[8],
        )
        for row in cursor.fetchall()
    )  # fmt: skip
    return {each.code_hash: each for each in found}


def use_codes(cursor: Any, uses: Sequence[CodeUse], now: datetime) -> None:
    """Write down by which lookup each code was used."""
    if not uses:
        return
    columns = (
        [str(use.presentation) for use in uses],
        [str(use.lookup) for use in uses],
        [use.department for use in uses],
    )
    cursor.execute("EXECUTE use_presentations (%s::uuid[], %s::uuid[], %s, %s)", (*columns, now))
