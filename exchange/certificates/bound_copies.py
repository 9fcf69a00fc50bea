"""Copies of certificates that were bound to a key of their holder: what the hub keeps of them.

Not the copy itself, which its holder has: its digest, so that the hub knows it again.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa

from exchange.database import metadata

bound_copies = sa.Table(
    "bound_copies",
    metadata,
    sa.Column("id", sa.Uuid, primary_key=True),
    sa.Column("issuer", sa.Text, nullable=False),
    sa.Column("type_code", sa.Text, nullable=False),
    sa.Column("serial", sa.Text, nullable=False),
    sa.Column("version", sa.SmallInteger, nullable=False),
    sa.Column("holder_key", sa.LargeBinary, nullable=False),
    sa.Column("key_thumbprint", sa.Text, nullable=False),
    sa.Column("jws_digest", sa.LargeBinary, nullable=False, unique=True),
    sa.Column("kid", sa.Text, nullable=False),
    sa.Column("nonce_hash", sa.LargeBinary, nullable=False, unique=True),
    sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
)


@dataclass(frozen=True, slots=True)
class BoundCopy:
    """A copy of one version of a certificate that is bound to a key of its holder.

    ``jws_digest`` is SHA-256 of the issuer's JWS, which stays the same in every presentation;
    ``key_thumbprint`` is that of the holder's key (RFC 7638), ``kid`` that of the issuer's.
    """

    id: UUID
    issuer: str
    type_code: str
    serial: str
    version: int
    holder_key: bytes
    key_thumbprint: str
    jws_digest: bytes
    kid: str
    nonce_hash: bytes
    made_at: datetime


def add_bound_copy(connection: sa.Connection, copy: BoundCopy) -> None:
    """Write a copy down. Raises IntegrityError where its nonce was used before."""
    values = {name: getattr(copy, name) for name in BoundCopy.__slots__}
    connection.execute(sa.insert(bound_copies).values(**values))


def is_bound_copy(connection: sa.Connection, jws_digest: bytes) -> bool:
    """Whether the hub has issued a bound copy with this JWS."""
    found = connection.execute(
        sa.select(bound_copies.c.id).where(bound_copies.c.jws_digest == jws_digest)
    ).one_or_none()
    return found is not None


def count_bound_copies(connection: sa.Connection, holder_key: bytes, since: datetime) -> int:
    """How many copies were made for a holder since a moment."""
    counted: int = connection.execute(
        sa.select(sa.func.count()).where(
            bound_copies.c.holder_key == holder_key, bound_copies.c.made_at > since
        )
    ).scalar_one()
    return counted
