"""What a department's system wants issued, what is wrong with it, and what it comes to. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

from certstore.errors import CertstoreError, FaultsError
from certstore.holders import Holder, holder_key
from certstore.identifiers import CertificateIdentifier
from certstore.life_cycle import ISSUE, RENEW, TRANSFER_IN, ImpossibleTransition
from certstore.status import SUSPENDED, VALID, State
from certstore.types import CertificateType
from exchange.certificates.copying import Change
from exchange.certificates.planning import MOST_VERSIONS
from exchange.certificates.records import Certificate, Event, Slot, civil_day
from exchange.certificates.transitions import (
    Deed,
    Wanted,
    conflict_of,
    effective_at,
    plan_act,
)
from exchange.errors import BadRequest, Fault

BY_SYSTEM: Final = "system:"
"""How ``source_key`` begins of a version that a system asked for, not a register."""
_DIGITS: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"


@dataclass(frozen=True, slots=True)
class Draft:
    """A version that is wanted. ``request`` is the caller's own name for it.

    ``effective_on`` None is at once. ``transferred_from`` is the identifier of the certificate
    that another body transferred here.
    """

    request: str
    holder: Holder = field(repr=False)
    fields: Mapping[str, Any] = field(repr=False)
    valid_from: date
    valid_until: date | None
    effective_on: date | None
    reason: str
    reason_code: str
    legal_ground: str | None
    transferred_from: CertificateIdentifier | None = None

    def parts(self) -> list[Any]:
        """Everything that makes it another draft, for a digest."""
        return [
            self.holder.id_type, self.holder.id, self.holder.name, dict(self.fields),
            self.valid_from, self.valid_until, self.effective_on, self.reason, self.reason_code,
            self.legal_ground, str(self.transferred_from),
        ]  # fmt: skip


def serial_of(batch: UUID) -> str:
    """A serial for a certificate that was given none: the batch's number in base 36."""
    number, digits = batch.int, ""
    while number:
        number, digit = divmod(number, 36)
        digits = _DIGITS[digit] + digits
    return digits


def check_draft(
    kind: CertificateType, issuer: str, serial: str | None, wanted: Draft, now: datetime
) -> None:
    """Raise BadRequest naming every fault of what was sent."""
    faults = _faults(kind, issuer, wanted, now)
    if serial is not None:
        try:
            CertificateIdentifier(kind.code, issuer, serial, 1)
        except CertstoreError as error:
            faults.append(_fault("serial", error.zh, error.en))
    _raise_if_any(faults)
    effective_at(wanted.effective_on, now)


def check_revision(
    kind: CertificateType, acted: Certificate, operation: str, wanted: Draft, now: datetime
) -> None:
    """Raise BadRequest naming every fault of what is to follow the version ``acted``."""
    faults = _faults(kind, acted.issuer, wanted, now)
    if (acted.holder_id_type, acted.holder_id) != (wanted.holder.id_type, wanted.holder.id):
        zh = "延续和变更不得更换持证主体,请另行颁发"
        faults.append(_fault("holder", zh, "a certificate stays with its holder; issue another"))
    if operation == RENEW and not _goes_on(acted, wanted):
        zh = "延续后的截止日期须晚于原截止日期"
        faults.append(
            _fault("validity/valid_until", zh, "it must end later than the term it renews")
        )
    if acted.version >= MOST_VERSIONS:
        faults.append(_fault("identifier", "版本号已用尽", "no version number is left"))
    _raise_if_any(faults)
    effective_at(wanted.effective_on, now)


def certificate_of_draft(
    wanted: Draft,
    kind: CertificateType,
    *,
    identifier: CertificateIdentifier,
    slot: Slot,
    batch: UUID,
    source_hash: str,
    hmac_key: bytes,
    now: datetime,
) -> Certificate:
    """The version as it will be, yet unsigned."""
    holder, today = wanted.holder, civil_day(now)
    at = effective_at(wanted.effective_on, now)
    return Certificate(
        issuer=identifier.issuer, type_code=kind.code, serial=identifier.serial,
        version=identifier.version, type_key=kind.key, type_version=kind.version,
        identifier=str(identifier),
        holder_key=holder_key(hmac_key, holder.id_type, holder.id),
        holder_id_type=holder.id_type, holder_id=holder.id, holder_name=holder.name,
        fields=wanted.fields, valid_from=wanted.valid_from, valid_until=wanted.valid_until,
        issued_on=min(today, wanted.effective_on or today), issued_at=now, slot=slot,
        source_key=f"{BY_SYSTEM}{wanted.request}", source_hash=source_hash, credential="",
        batch=batch, effective_at=at if at > now else None,
    )  # fmt: skip


def first_deed(wanted: Draft, certificate: Certificate, by: str) -> Deed:
    """What issuing a first version comes to."""
    now = certificate.issued_at
    at = effective_at(wanted.effective_on, now)
    related = wanted.transferred_from
    event = Event(
        sequence=0,
        version=1,
        operation=ISSUE if related is None else TRANSFER_IN,
        state=State.VALID.code,
        effective_at=at,
        reason=wanted.reason,
        legal_ground=wanted.legal_ground,
        recorded_at=now,
        recorded_by=by,
        reason_code=wanted.reason_code,
        related=None if related is None else str(related),
    )
    slot = certificate.slot
    changes = (Change(slot, SUSPENDED), Change(slot, VALID, at)) if at > now else ()
    return Deed((event,), changes)


def next_deed(
    wanted: Draft,
    operation: str,
    *,
    acted: int,
    versions: Sequence[Certificate],
    history: Sequence[Event],
    brought: Certificate,
    by: str,
) -> Deed:
    """What a later version comes to.

    Raises:
        Conflict: the certificate's state does not allow it then.
    """
    act = Wanted(
        operation, wanted.reason, wanted.legal_ground, wanted.reason_code, wanted.effective_on
    )
    try:
        return plan_act(
            act, version=acted, versions=versions, history=history, by=by,
            now=brought.issued_at, brought=brought,
        )  # fmt: skip
    except ImpossibleTransition as impossible:
        raise conflict_of(impossible) from None


def _faults(kind: CertificateType, issuer: str, wanted: Draft, now: datetime) -> list[Fault]:
    faults: list[Fault] = []
    try:
        kind.check(
            issuer=issuer,
            holder=wanted.holder,
            fields=wanted.fields,
            valid_from=wanted.valid_from,
            valid_until=wanted.valid_until,
        )
    except FaultsError as error:
        faults = [_fault(_place(each.field), each.zh, each.en) for each in error.faults]
    on = wanted.effective_on
    if on is not None and on < civil_day(now) and not wanted.legal_ground:
        faults.append(_fault("legal_ground", "追溯须载明依据", "back-dating needs a legal ground"))
    return faults


def _place(name: str) -> str:
    """Where in the body a fault of the type's check lies."""
    if name in ("valid_from", "valid_until"):
        return f"validity/{name}"
    if name in ("holder", "issuer") or name.startswith("holder"):
        return name.replace(".", "/")
    return f"fields/{name.replace('.', '/')}" if name != "fields" else name


def _goes_on(acted: Certificate, wanted: Draft) -> bool:
    if wanted.valid_until is None:
        return acted.valid_until is not None
    return acted.valid_until is not None and wanted.valid_until > acted.valid_until


def _fault(place: str, zh: str, en: str) -> Fault:
    return Fault(f"/{place}", zh, en)


def _raise_if_any(faults: Sequence[Fault]) -> None:
    if faults:
        raise BadRequest(
            "证照内容有误,请按 faults 逐项修正。",
            "The certificate does not fit; mend each place named in faults.",
            faults=tuple(faults),
        )
