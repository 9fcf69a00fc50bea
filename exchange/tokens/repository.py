"""Rows of the tokens room."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from exchange.tokens.assertions import Assertion
from exchange.tokens.tables import applicants, assertion_uses


@dataclass(frozen=True, slots=True)
class Applicant:
    """A person or enterprise that can sign in, and the holder it stands for."""

    id: UUID
    account: str
    password_hash: str
    holder_id_type: str
    holder_id: str
    holder_name: str
    holder_key: bytes
    failed_sign_ins: int
    locked_until: datetime | None


def use_assertion(connection: sa.Connection, assertion: Assertion) -> bool:
    """Remember an assertion as used. False where it was used before."""
    inserted = connection.execute(
        insert(assertion_uses)
        .values(client_id=assertion.client_id, jti=assertion.jti, expires_at=assertion.expires_at)
        .on_conflict_do_nothing()
        .returning(assertion_uses.c.jti)
    ).one_or_none()
    return inserted is not None


def forget_expired_assertions(connection: sa.Connection, now: datetime) -> None:
    """Drop what no longer could be replayed."""
    connection.execute(sa.delete(assertion_uses).where(assertion_uses.c.expires_at < now))


def find_applicant(
    connection: sa.Connection, account: str, *, for_update: bool = False
) -> Applicant | None:
    """The applicant of an account."""
    query = sa.select(applicants).where(applicants.c.account == account)
    row = connection.execute(query.with_for_update() if for_update else query).one_or_none()
    return _applicant(row) if row else None


def find_applicant_by_id(connection: sa.Connection, applicant: UUID) -> Applicant | None:
    """The applicant of an id."""
    row = connection.execute(
        sa.select(applicants).where(applicants.c.id == applicant)
    ).one_or_none()
    return _applicant(row) if row else None


def put_applicant(connection: sa.Connection, applicant: Applicant, now: datetime) -> None:
    """Register an applicant, or give the account its new password and holder."""
    values = {
        "password_hash": applicant.password_hash,
        "holder_id_type": applicant.holder_id_type,
        "holder_id": applicant.holder_id,
        "holder_name": applicant.holder_name,
        "holder_key": applicant.holder_key,
        "failed_sign_ins": 0,
        "locked_until": None,
    }
    connection.execute(
        insert(applicants)
        .values(id=applicant.id, account=applicant.account, registered_at=now, **values)
        .on_conflict_do_update(index_elements=[applicants.c.account], set_=values)
    )


def set_sign_in_failures(
    connection: sa.Connection, applicant: UUID, failures: int, locked_until: datetime | None
) -> None:
    """Count failed sign-ins, or forget them."""
    connection.execute(
        sa.update(applicants)
        .where(applicants.c.id == applicant)
        .values(failed_sign_ins=failures, locked_until=locked_until)
    )


def _applicant(row: Any) -> Applicant:
    return Applicant(
        row.id, row.account, row.password_hash, row.holder_id_type, row.holder_id,
        row.holder_name, bytes(row.holder_key), row.failed_sign_ins, row.locked_until,
    )  # fmt: skip
