"""How a certificate stands and what happened to it, as its issuer and its holder see it."""

from __future__ import annotations

from datetime import date, datetime

from pydantic import BaseModel

from certstore.life_cycle import LAPSE
from certstore.masking import mask
from certstore.status import OPERATIONS, State
from exchange.certificates.records import Certificate, Event, state_of
from exchange.certificates.schemas import CodeOut, state_out
from exchange.certificates.service import AsOf, Standing


class EventOut(BaseModel):
    """One thing that happened to a certificate, or is planned to happen.

    ``standing``: `in-effect`, `planned`, `called-off`, or `overtaken` by something that left no
    room for it. ``statement`` is the issuer's signature over it; the calendar, which alone has no
    ``sequence``, needs none: the credential says when it ends.
    """

    sequence: int | None
    version: int
    operation: CodeOut
    state: CodeOut
    standing: str
    effective_at: datetime
    reason: str
    reason_code: str
    legal_ground: str | None
    recorded_at: datetime | None
    recorded_by: str | None
    withdraws: int | None
    related: str | None
    statement: str | None


class VersionOut(BaseModel):
    """One version of a certificate; ``takes_effect_at`` is None where it never does."""

    identifier: str
    version: int
    state: CodeOut
    valid_from: date | None
    valid_until: date | None
    issued_at: datetime
    takes_effect_at: datetime | None
    replaced_by: str | None


class AsOfOut(BaseModel):
    """How the certificate stood at the end of the day ``on`` (UTC+8), as known at ``known_at``.

    Null members but these two: it had not been issued yet.
    """

    on: date | None
    known_at: datetime | None
    identifier: str | None
    version: int | None
    state: CodeOut | None
    since: datetime | None

    @classmethod
    def of(cls, as_of: AsOf) -> AsOfOut:
        """The answer's form of it."""
        version, state = as_of.version, as_of.state
        return cls(
            on=as_of.on,
            known_at=as_of.known_at,
            identifier=version.identifier if version else None,
            version=version.version if version else None,
            state=state_out(state) if state else None,
            since=as_of.since,
        )


class StandingOut(BaseModel):
    """A certificate as its issuer sees it: without fields, the holder masked."""

    identifier: str
    type: str
    version: int
    state: CodeOut
    holder_id_type: str
    holder_masked: str
    issued_on: date
    valid_from: date | None
    valid_until: date | None
    takes_effect_at: datetime | None
    replaced_by: str | None
    versions: list[VersionOut]
    history: list[EventOut]
    as_of: AsOfOut | None

    @classmethod
    def of(cls, standing: Standing) -> StandingOut:
        """The answer's form of a certificate and its history."""
        certificate = standing.certificate
        versions = versions_out(standing)
        own = next(each for each in versions if each.version == certificate.version)
        return cls(
            identifier=certificate.identifier,
            type=certificate.type_key,
            version=certificate.version,
            state=own.state,
            holder_id_type=certificate.holder_id_type,
            holder_masked=str(mask(certificate.holder_name, "first1last1")),
            issued_on=certificate.issued_on,
            valid_from=certificate.valid_from,
            valid_until=certificate.valid_until,
            takes_effect_at=own.takes_effect_at,
            replaced_by=own.replaced_by,
            versions=versions,
            history=history_out(standing),
            as_of=AsOfOut.of(standing.as_of) if standing.as_of is not None else None,
        )


class HistoryOut(BaseModel):
    """What happened to one's own certificate."""

    identifier: str
    versions: list[VersionOut]
    history: list[EventOut]

    @classmethod
    def of(cls, standing: Standing) -> HistoryOut:
        """The answer's form of it."""
        return cls(
            identifier=standing.certificate.identifier,
            versions=versions_out(standing),
            history=history_out(standing),
        )


def versions_out(standing: Standing) -> list[VersionOut]:
    """Every version, the first one first, each with the one that replaced it."""
    return [_version(each, standing) for each in standing.versions]


def history_out(standing: Standing) -> list[EventOut]:
    """Every event in the order it was recorded, and what the calendar did since."""
    events = [_event(each, standing) for each in standing.events]
    lapsed = standing.life.at(standing.at)
    if lapsed is not None and lapsed.sequence < 0:
        events.append(_lapse(lapsed.version, lapsed.since))
    return events


def _version(certificate: Certificate, standing: Standing) -> VersionOut:
    life = standing.life
    begun = [
        each
        for each in standing.versions
        if each.version > certificate.version
        and (begins := life.begins_at(each.version)) is not None
        and begins <= standing.at
    ]
    return VersionOut(
        identifier=certificate.identifier,
        version=certificate.version,
        state=state_out(state_of(life, certificate.version, standing.at)),
        valid_from=certificate.valid_from,
        valid_until=certificate.valid_until,
        issued_at=certificate.issued_at,
        takes_effect_at=life.begins_at(certificate.version),
        replaced_by=begun[0].identifier if begun else None,
    )


def _event(event: Event, standing: Standing) -> EventOut:
    return EventOut(
        sequence=event.sequence,
        version=event.version,
        operation=_operation(event.operation),
        state=state_out(State.from_code(event.state)),
        standing=_standing_of(event, standing),
        effective_at=event.effective_at,
        reason=event.reason,
        reason_code=event.reason_code,
        legal_ground=event.legal_ground,
        recorded_at=event.recorded_at,
        recorded_by=event.recorded_by,
        withdraws=event.withdraws,
        related=event.related,
        statement=event.statement,
    )


def _standing_of(event: Event, standing: Standing) -> str:
    if event.sequence in standing.life.withdrawn:
        return "called-off"
    if event.sequence in standing.life.overtaken:
        return "overtaken"
    return "planned" if event.effective_at > standing.at else "in-effect"


def _lapse(version: int, at: datetime) -> EventOut:
    return EventOut(
        sequence=None,
        version=version,
        operation=_operation(LAPSE),
        state=state_out(State.EXPIRED),
        standing="in-effect",
        effective_at=at,
        reason="有效期届满 · The term has ended",
        reason_code="term-ended",
        legal_ground=None,
        recorded_at=None,
        recorded_by=None,
        withdraws=None,
        related=None,
        statement=None,
    )


def _operation(code: str) -> CodeOut:
    zh, en = OPERATIONS[code]
    return CodeOut(code=code, zh=zh, en=en)
