"""Rows of the registry of keys."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime

import sqlalchemy as sa
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from exchange.departments.tables import departments
from exchange.keyring.records import KeyEvent, KeyPlace, Root, SigningKey
from exchange.keyring.tables import (
    key_certificates,
    revocation_lists,
    root_certificates,
    signing_key_events,
    signing_keys,
)


def keys(connection: sa.Connection, root: Root | None) -> dict[str, SigningKey]:
    """Every key by its kid, in the order they were registered."""
    events = _events(connection)
    certificates = _certificates(connection, root)
    rows = connection.execute(
        sa.select(signing_keys).order_by(signing_keys.c.registered_at, signing_keys.c.kid)
    )
    return {
        row.kid: SigningKey(
            kid=row.kid,
            owner=row.owner,
            jwk=row.jwk,
            place=KeyPlace(row.place, row.label),
            made_at=row.made_at,
            events=events[row.kid],
            certificates=certificates[row.kid],
        )
        for row in rows
    }


def find_root(connection: sa.Connection) -> Root | None:
    """The root in use, the newest one, with its newest revocation list."""
    row = connection.execute(
        sa.select(root_certificates).order_by(root_certificates.c.sequence.desc()).limit(1)
    ).one_or_none()
    if row is None:
        return None
    newest = connection.execute(
        sa.select(revocation_lists.c.crl)
        .where(revocation_lists.c.root == row.sequence)
        .order_by(revocation_lists.c.number.desc())
        .limit(1)
    ).scalar_one_or_none()
    return Root(
        sequence=row.sequence,
        certificate=x509.load_der_x509_certificate(bytes(row.certificate)),
        place=KeyPlace(row.place, row.label),
        crl=None if newest is None else x509.load_der_x509_crl(bytes(newest)),
    )


def registered_departments(connection: sa.Connection) -> frozenset[str]:
    """The codes of all departments."""
    return frozenset(connection.execute(sa.select(departments.c.code)).scalars())


def find_name(connection: sa.Connection, department: str) -> str | None:
    """A department's name in Chinese."""
    return connection.execute(
        sa.select(departments.c.name_zh).where(departments.c.code == department)
    ).scalar_one_or_none()


def add_key(connection: sa.Connection, key: SigningKey, now: datetime, by: str) -> None:
    """Register a key, with nothing that became of it yet."""
    connection.execute(
        sa.insert(signing_keys).values(
            kid=key.kid,
            owner=key.owner,
            jwk=dict(key.jwk),
            place=key.place.kind,
            label=key.place.label,
            made_at=key.made_at,
            registered_at=now,
            registered_by=by,
        )
    )


def add_event(connection: sa.Connection, key: SigningKey, sequence: int, event: KeyEvent) -> None:
    """Write down what became of a key."""
    connection.execute(
        sa.insert(signing_key_events).values(
            kid=key.kid,
            sequence=sequence,
            event=event.event,
            effective_at=event.effective_at,
            reason=event.reason,
            recorded_at=event.recorded_at,
            recorded_by=event.recorded_by,
        )
    )


def add_root(connection: sa.Connection, root: Root, now: datetime, by: str) -> None:
    """Take a root into use."""
    connection.execute(
        sa.insert(root_certificates).values(
            sequence=root.sequence,
            certificate=root.certificate.public_bytes(Encoding.DER),
            place=root.place.kind,
            label=root.place.label,
            registered_at=now,
            registered_by=by,
        )
    )


def add_certificate(
    connection: sa.Connection,
    kid: str,
    root: Root,
    certificate: x509.Certificate,
    *,
    now: datetime,
    by: str,
) -> None:
    """Keep a key's new certificate."""
    number = connection.execute(
        sa.select(sa.func.coalesce(sa.func.max(key_certificates.c.sequence), 0)).where(
            key_certificates.c.kid == kid
        )
    ).scalar_one()
    connection.execute(
        sa.insert(key_certificates).values(
            kid=kid,
            sequence=number + 1,
            root=root.sequence,
            certificate=certificate.public_bytes(Encoding.DER),
            recorded_at=now,
            recorded_by=by,
        )
    )


def add_crl(
    connection: sa.Connection,
    root: int,
    crl: x509.CertificateRevocationList,
    *,
    number: int,
    now: datetime,
    by: str,
) -> None:
    """Publish a revocation list."""
    connection.execute(
        sa.insert(revocation_lists).values(
            root=root,
            number=number,
            crl=crl.public_bytes(Encoding.DER),
            recorded_at=now,
            recorded_by=by,
        )
    )


def _events(connection: sa.Connection) -> Mapping[str, list[KeyEvent]]:
    found: defaultdict[str, list[KeyEvent]] = defaultdict(list)
    table = signing_key_events
    for row in connection.execute(sa.select(table).order_by(table.c.kid, table.c.sequence)):
        found[row.kid].append(
            KeyEvent(row.event, row.effective_at, row.reason, row.recorded_at, row.recorded_by)
        )
    return found


def _certificates(
    connection: sa.Connection, root: Root | None
) -> Mapping[str, list[x509.Certificate]]:
    found: defaultdict[str, list[x509.Certificate]] = defaultdict(list)
    if root is not None:
        table = key_certificates
        for row in connection.execute(
            sa.select(table.c.kid, table.c.certificate)
            .where(table.c.root == root.sequence)
            .order_by(table.c.kid, table.c.sequence)
        ):
            found[row.kid].append(x509.load_der_x509_certificate(bytes(row.certificate)))
    return found
