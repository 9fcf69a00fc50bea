"""What the registers room sends."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, Field

from connectors import Definition
from exchange.registers.records import Pull, Waiting


class Text(BaseModel):
    """A text in both languages."""

    zh: str
    en: str


class Failure(BaseModel):
    """Why a pull was held or failed."""

    code: str
    zh: str
    en: str


class PullOut(BaseModel):
    """One reading of a register; once done, received is the sum of the four counts behind it."""

    pull: UUID
    key: Annotated[str, Field(serialization_alias="register")]
    state: str
    requested_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    received: int
    issued: int
    revised: int
    unchanged: int
    quarantined: int
    failure: Failure | None

    @classmethod
    def of(cls, pull: Pull) -> PullOut:
        """The answer's form of a pull."""
        failure = None
        if pull.failure_code is not None:
            failure = Failure(
                code=pull.failure_code, zh=pull.failure_zh or "", en=pull.failure_en or ""
            )
        return cls(
            pull=pull.id,
            key=pull.register,
            state=pull.state,
            requested_at=pull.requested_at,
            started_at=pull.started_at,
            finished_at=pull.finished_at,
            received=pull.received,
            issued=pull.issued,
            revised=pull.revised,
            unchanged=pull.unchanged,
            quarantined=pull.quarantined,
            failure=failure,
        )


class RegisterOut(BaseModel):
    """A register: its department, the certificate type it feeds, its newest pull."""

    key: Annotated[str, Field(serialization_alias="register")]
    name: Text
    department: str
    certificate_type: str
    newest_pull: PullOut | None

    @classmethod
    def of(cls, definition: Definition, pull: Pull | None) -> RegisterOut:
        """The answer's form of a register."""
        return cls(
            key=definition.key,
            name=Text(zh=definition.register.zh, en=definition.register.en),
            department=definition.department,
            certificate_type=definition.certificate_type,
            newest_pull=PullOut.of(pull) if pull else None,
        )


class RegistersOut(BaseModel):
    """A department's registers."""

    registers: list[RegisterOut]


class WaitingOut(BaseModel):
    """One finding in quarantine. The value is masked; the row itself stays at its department."""

    id: int
    row_number: int
    content_hash: str
    rule: str
    column: str
    severity: str
    masked_value: str
    zh: str
    en: str
    first_pull: UUID
    first_seen_at: datetime
    last_pull: UUID
    last_seen_at: datetime

    @classmethod
    def of(cls, waiting: Waiting) -> WaitingOut:
        """The answer's form of a finding."""
        finding = waiting.finding
        return cls(
            id=waiting.id,
            row_number=finding.row_number,
            content_hash=finding.content_hash,
            rule=finding.rule,
            column=finding.column,
            severity=finding.severity,
            masked_value=finding.masked_value,
            zh=finding.zh,
            en=finding.en,
            first_pull=waiting.first_pull,
            first_seen_at=waiting.first_seen_at,
            last_pull=waiting.last_pull,
            last_seen_at=waiting.last_seen_at,
        )


class QuarantineOut(BaseModel):
    """Findings; ``next`` continues after the last one."""

    findings: list[WaitingOut]
    next: int | None
