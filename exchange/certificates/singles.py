"""Certificates issued, renewed and changed one at a time, by departments' own systems.

In three acts as in bulk: the intent with serial and place is committed, credential and event are
signed with no transaction open, the outcome is committed. A request that comes again, after an
answer was lost or a process died, comes to the same certificate.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa

from certstore.errors import CertstoreError, FaultsError
from certstore.holders import Holder, holder_key
from certstore.identifiers import CertificateIdentifier
from certstore.issue import CertificateDraft, sign_certificate
from certstore.life_cycle import ISSUE, RENEW, TRANSFER_IN, ImpossibleTransition
from certstore.status import INVALID, SUSPENDED, VALID, State
from certstore.types import CertificateType, Title
from exchange.access import Access, Permitted
from exchange.audit.records import prepare
from exchange.certificates import repository, requests
from exchange.certificates.acts import ATTEMPTS, Acts, Found, Overtaken, changed_meanwhile, read
from exchange.certificates.copying import Change
from exchange.certificates.drafts import CertificateIn, fault_of, faults_of_fields, serial_of
from exchange.certificates.places import Places
from exchange.certificates.records import Certificate, Event, Slot, civil_day, life_of
from exchange.certificates.requests import Request
from exchange.certificates.slots import StatusSlots
from exchange.certificates.transitions import Deed, conflict_of, effective_at, plan_act
from exchange.certificates.trusting import Keys
from exchange.clock import Clock
from exchange.errors import BadRequest, Conflict, Fault, NotFound
from exchange.unit_of_work import UnitOfWork, Work

BY_SYSTEM: Final = "system:"
"""How ``source_key`` begins of a version that no register stated."""


class Singles:
    """Issues one certificate, or the next version of one."""

    def __init__(
        self,
        work: UnitOfWork[Any, Any],
        access: Access,
        clock: Clock,
        keys: Keys,
        places: Places,
        acts: Acts,
        holder_hmac_key: bytes,
    ) -> None:
        self._work = work
        self._access = access
        self._clock = clock
        self._keys = keys
        self._places = places
        self._acts = acts
        self._holder_hmac_key = holder_hmac_key
        self._slots = StatusSlots(holder_hmac_key)

    def issue(
        self, permitted: Permitted, type_key: str, serial: str | None, wanted: CertificateIn
    ) -> CertificateIdentifier:
        """Issue a certificate, or take one over that another body transferred here.

        Raises:
            NotFound: there is no such type. BadRequest: every fault of what was sent.
            Conflict: there is one of that serial; the transferred one was not transferred out;
                the request's name was used for something else.
        """
        kind = self._access.snapshot().types.get(type_key)
        if kind is None:
            raise NotFound("没有该证照类型。", "There is no such certificate type.")
        now = self._clock.now()
        self._check(permitted, kind, serial, wanted, now)
        digest = requests.digest_of(type_key, serial, wanted.parts())
        intended = self._intend_issue(permitted, kind, serial, wanted, digest)
        if intended.done_at is not None:
            return _identifier(intended, intended.version or 1)
        certificate = self._certificate(permitted, kind, wanted, intended, 1)
        deed = _first_deed(wanted, certificate, permitted.caller.subject)
        certificate = self._sign(permitted, kind, certificate)
        signed = self._acts.sign(deed.events, None, {1: certificate})
        try:
            self._commit_issue(permitted, certificate, signed[0], deed, intended)
        except Overtaken:
            raise _exists() from None
        return _identifier(intended, 1)

    def revise(
        self,
        permitted: Permitted,
        identifier: CertificateIdentifier,
        operation: str,
        wanted: CertificateIn,
    ) -> CertificateIdentifier:
        """Renew (延续) or change (变更) the version named: its next version is issued.

        Raises:
            NotFound: the caller's department has issued no such certificate.
            BadRequest: every fault of what was sent. Conflict: the state does not allow it then.
        """
        kind = self._access.snapshot().types_by_code.get(identifier.type_code)
        if kind is None:
            raise NotFound("没有该证照。", "There is no such certificate.")
        digest = requests.digest_of(str(identifier), operation, wanted.parts())
        for _ in range(ATTEMPTS):
            found, intended = self._intend_revision(
                permitted, kind, identifier, operation, wanted, digest
            )
            if intended.done_at is not None:
                return _identifier(intended, intended.version or 1)
            version = found.versions[-1].version + 1
            draft = self._certificate(permitted, kind, wanted, intended, version)
            deed = _next_deed(permitted, identifier, operation, wanted, found, draft)
            brought = self._sign(permitted, kind, draft)
            signed = self._acts.sign(deed.events, found, {version: brought})

            def add(work: Work[Any, Any], brought: Certificate = brought) -> None:
                repository.add_certificate(work.connection, brought)
                repository.finish_batch(work.connection, brought.batch, work.now)

            try:
                self._acts.commit(permitted, found, signed, deed, wanted.request, add)
            except Overtaken:
                continue
            return _identifier(intended, self._done_version(permitted, wanted.request, version))
        raise changed_meanwhile()

    def _check(
        self,
        permitted: Permitted,
        kind: CertificateType,
        serial: str | None,
        wanted: CertificateIn,
        now: datetime,
    ) -> None:
        """Name every fault of what was sent at once."""
        faults = faults_of_fields(kind, permitted.department, wanted)
        if serial is not None:
            try:
                CertificateIdentifier(kind.code, permitted.department, serial, 1)
            except CertstoreError as error:
                faults.append(Fault("/serial", error.zh, error.en))
        on, today = wanted.effective_on, civil_day(now)
        if on is not None and on < today and not wanted.legal_ground:
            faults.append(
                fault_of("legal_ground", "追溯生效须载明依据", "back-dating needs a legal ground")
            )
        if faults:
            raise BadRequest(
                "证照内容有误,请按 faults 逐项修正。",
                "The certificate does not fit; mend each place named in faults.",
                faults=tuple(faults),
            )
        effective_at(on, now)

    def _intend_issue(
        self,
        permitted: Permitted,
        kind: CertificateType,
        serial: str | None,
        wanted: CertificateIn,
        digest: bytes,
    ) -> Request:
        department = permitted.department
        with self._work.begin() as work:
            known = requests.find_request(work.connection, department, wanted.request)
            if known is not None:
                requests.check_same(known, permitted.act, digest)
                return known
            batch = self._clock.new_id()
            chosen = serial or serial_of(batch)
            if repository.versions(work.connection, department, kind.code, chosen):
                raise _exists()
            if wanted.transferred_from is not None:
                _check_transferred(work.connection, wanted.transferred_from, department, work.now)
            (slot,) = self._slots.allocate(work.connection, department, 1)
            repository.add_batch(
                work.connection, batch=batch, issuer=department, type_code=kind.code,
                planned=1, pull=None, now=work.now,
            )  # fmt: skip
            intended = requests.intend(
                work.connection,
                Request(
                    department, wanted.request, digest, permitted.act, permitted.caller.subject,
                    work.now, department, kind.code, chosen, batch, slot,
                ),
            )  # fmt: skip
            work.commit()
        return intended

    def _intend_revision(
        self,
        permitted: Permitted,
        kind: CertificateType,
        identifier: CertificateIdentifier,
        operation: str,
        wanted: CertificateIn,
        digest: bytes,
    ) -> tuple[Found, Request]:
        department = permitted.department
        with self._work.begin() as work:
            found = read(work.connection, identifier)
            known = requests.find_request(work.connection, department, wanted.request)
            if known is not None:
                requests.check_same(known, permitted.act, digest)
                return found, known
            acted = next(each for each in found.versions if each.version == identifier.version)
            self._check_revision(permitted, kind, acted, operation, wanted, work.now)
            batch = self._clock.new_id()
            (slot,) = self._slots.allocate(work.connection, department, 1)
            intended = Request(
                department, wanted.request, digest, permitted.act, permitted.caller.subject,
                work.now, department, kind.code, identifier.serial, batch, slot,
            )  # fmt: skip
            draft = self._certificate(
                permitted, kind, wanted, intended, found.versions[-1].version + 1
            )
            _next_deed(permitted, identifier, operation, wanted, found, draft)
            repository.add_batch(
                work.connection, batch=batch, issuer=department, type_code=kind.code,
                planned=1, pull=None, now=work.now,
            )  # fmt: skip
            intended = requests.intend(work.connection, intended)
            work.commit()
        return found, intended

    def _check_revision(
        self,
        permitted: Permitted,
        kind: CertificateType,
        acted: Certificate,
        operation: str,
        wanted: CertificateIn,
        now: datetime,
    ) -> None:
        faults: list[Fault] = []
        if (acted.holder_id_type, acted.holder_id) != (wanted.holder.id_type, wanted.holder.id):
            faults.append(
                fault_of(
                    "holder",
                    "延续和变更不得更换持证主体,请另行颁发",
                    "a certificate stays with its holder; issue another one",
                )
            )
        if operation == RENEW and not _goes_on(acted, wanted):
            faults.append(
                fault_of(
                    "valid_until",
                    "延续后的截止日期须晚于原截止日期",
                    "a renewal ends later than the term that it renews",
                )
            )
        if acted.version >= 999:
            faults.append(fault_of("identifier", "版本号已用尽", "no version number is left"))
        if faults:
            faults += faults_of_fields(kind, permitted.department, wanted)
            raise BadRequest(
                "证照内容有误,请按 faults 逐项修正。",
                "The certificate does not fit; mend each place named in faults.",
                faults=tuple(faults),
            )
        self._check(permitted, kind, None, wanted, now)

    def _certificate(
        self,
        permitted: Permitted,
        kind: CertificateType,
        wanted: CertificateIn,
        intended: Request,
        version: int,
    ) -> Certificate:
        """The version as it will be, yet unsigned."""
        assert intended.slot and intended.batch  # noqa: S101  # written with every such request
        now = self._clock.now()
        at = effective_at(wanted.effective_on, now)
        department, holder = permitted.department, wanted.holder
        identifier = CertificateIdentifier(kind.code, department, intended.serial, version)
        return Certificate(
            issuer=department, type_code=kind.code, serial=intended.serial, version=version,
            type_key=kind.key, type_version=kind.version, identifier=str(identifier),
            holder_key=holder_key(self._holder_hmac_key, holder.id_type, holder.id),
            holder_id_type=holder.id_type, holder_id=holder.id, holder_name=holder.name,
            fields=wanted.fields, valid_from=wanted.valid_from, valid_until=wanted.valid_until,
            issued_on=min(civil_day(now), wanted.effective_on or civil_day(now)), issued_at=now,
            slot=intended.slot, source_key=f"{BY_SYSTEM}{intended.request}",
            source_hash=intended.digest.hex(), credential="", batch=intended.batch,
            effective_at=at if at > now else None,
        )  # fmt: skip

    def _sign(
        self, permitted: Permitted, kind: CertificateType, draft: Certificate
    ) -> Certificate:
        department = self._access.snapshot().departments[permitted.department]
        assert draft.valid_from is not None  # noqa: S101  # every draft has one
        credential = sign_certificate(
            CertificateDraft(
                identifier=CertificateIdentifier.parse(draft.identifier),
                type=kind,
                issuer_name=Title(department.name_zh, department.name_en),
                holder=Holder(draft.holder_id_type, draft.holder_id, draft.holder_name),
                fields=draft.fields,
                issued_on=draft.issued_on,
                valid_from=draft.valid_from,
                valid_until=draft.valid_until,
                status_uri=self._places.status_list(draft.issuer, draft.slot.number),
                status_index=draft.slot.index,
            ),
            self._keys.issuer(draft.issuer),
            issuer_uri=self._places.issuer(draft.issuer),
            issued_at=draft.issued_at,
        )
        return replace(draft, credential=credential)
