"""Whether a file was drawn at this hub, or imported into it: asked by the file's hash."""

from __future__ import annotations

import sqlalchemy as sa

from exchange.bulk.tables import imported_certificates
from exchange.documents.tables import documents


def is_document(connection: sa.Connection, sha256: bytes) -> bool:
    """Whether a PDF with this hash was drawn and sealed here."""
    found = sa.select(documents.c.id).where(documents.c.sha256 == sha256.hex()).limit(1)
    return connection.execute(found).scalar_one_or_none() is not None


def is_imported(connection: sa.Connection, jws_sha256: bytes) -> bool:
    """Whether a credential whose issuer's JWS has this hash was imported."""
    column = imported_certificates.c
    found = sa.select(column.identifier).where(column.jws_digest == jws_sha256).limit(1)
    return connection.execute(found).scalar_one_or_none() is not None
