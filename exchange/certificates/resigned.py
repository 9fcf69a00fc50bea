"""Credentials signed anew: the same certificate, the same content, a later signature.

What was issued stays as it was issued; whoever hands a certificate out takes the newest.
"""

from __future__ import annotations

import sqlalchemy as sa

from exchange.certificates.tables import certificates
from exchange.database import metadata

resigned_credentials = sa.Table(
    "resigned_credentials",
    metadata,
    sa.Column("issuer", sa.Text, primary_key=True),
    sa.Column("type_code", sa.Text, primary_key=True),
    sa.Column("serial", sa.Text, primary_key=True),
    sa.Column("version", sa.SmallInteger, primary_key=True),
    sa.Column("sequence", sa.Integer, primary_key=True),
    sa.Column("credential", sa.Text, nullable=False),
    sa.Column("kid", sa.Text, nullable=False),
    sa.Column("job", sa.Uuid, nullable=False),
    sa.Column("signed_at", sa.DateTime(timezone=True), nullable=False),
)


def newest_of(column: str) -> sa.ScalarSelect[str]:
    """A column of the newest signature made anew of the row of ``certificates``; NULL if none."""
    r, c = resigned_credentials.c, certificates.c
    return (
        sa.select(r[column])
        .where(
            r.issuer == c.issuer,
            r.type_code == c.type_code,
            r.serial == c.serial,
            r.version == c.version,
        )
        .order_by(r.sequence.desc())
        .limit(1)
        .correlate(certificates)
        .scalar_subquery()
    )


def current_credential(
    connection: sa.Connection, issuer: str, type_code: str, serial: str, version: int
) -> str | None:
    """The credential that counts today of one version; None where there is no such version."""
    c = certificates.c
    found: str | None = connection.execute(
        sa.select(sa.func.coalesce(newest_of("credential"), c.credential)).where(
            c.issuer == issuer,
            c.type_code == type_code,
            c.serial == serial,
            c.version == version,
        )
    ).scalar_one_or_none()
    return found
