"""Certificates issued, renewed and changed one at a time, by departments' own systems.

In three acts as in bulk: the intent with serial and place is committed, credential and event are
signed with no transaction open, the outcome is committed. A request that comes again, after an
answer was lost or a process died, comes to the same certificate.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from certstore.holders import Holder
from certstore.identifiers import CertificateIdentifier
from certstore.issue import CertificateDraft, sign_certificate
from certstore.status import State
from certstore.types import CertificateType, Title
from exchange.access import Access, Permitted
from exchange.certificates import repository, requests
from exchange.certificates.acts import ATTEMPTS, Acts, Found, Overtaken, changed_meanwhile, read
from exchange.certificates.drafts import (
    Draft,
    certificate_of_draft,
    check_draft,
    check_revision,
    first_deed,
    next_deed,
    serial_of,
)
from exchange.certificates.places import Places
from exchange.certificates.records import Certificate, life_of
from exchange.certificates.requests import Request
from exchange.certificates.slots import StatusSlots
from exchange.certificates.transitions import Deed
from exchange.certificates.trusting import Keys
from exchange.clock import Clock
from exchange.errors import Conflict, NotFound
from exchange.unit_of_work import UnitOfWork, Work


@dataclass(frozen=True, slots=True)
class _Asked:
    """Who asks for what, of which type."""

    permitted: Permitted
    kind: CertificateType
    wanted: Draft
    digest: bytes


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
        self._hmac_key = holder_hmac_key
        self._slots = StatusSlots(holder_hmac_key)

    def issue(
        self, permitted: Permitted, type_key: str, serial: str | None, wanted: Draft
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
        check_draft(kind, permitted.department, serial, wanted, self._clock.now())
        digest = requests.digest_of(type_key, serial, wanted.parts())
        asked = _Asked(permitted, kind, wanted, digest)
        intended = self._intend_issue(asked, serial)
        identifier = _identifier(intended, 1)
        if intended.done_at is not None:
            return identifier
        certificate = self._signed(self._drafted(asked, intended, 1), kind)
        deed = first_deed(wanted, certificate, permitted.caller.subject)
        signed = self._acts.sign(deed.events, None, {1: certificate})
        found = Found((certificate,), ())
        try:
            self._acts.commit(permitted, found, signed, deed, wanted.request, certificate)
        except Overtaken:
            raise _exists() from None
        return identifier

    def revise(
        self,
        permitted: Permitted,
        identifier: CertificateIdentifier,
        operation: str,
        wanted: Draft,
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
        asked = _Asked(permitted, kind, wanted, digest)
        for _ in range(ATTEMPTS):
            found, intended = self._intend_revision(asked, identifier, operation)
            if intended.done_at is not None:
                return _identifier(intended, intended.version or 1)
            draft, deed = self._planned(asked, found, intended, identifier, operation)
            brought = self._signed(draft, kind)
            signed = self._acts.sign(deed.events, found, {brought.version: brought})
            try:
                self._acts.commit(permitted, found, signed, deed, wanted.request, brought)
            except Overtaken:
                continue
            return self._outcome(permitted, wanted.request)
        raise changed_meanwhile()

    def _intend_issue(self, asked: _Asked, serial: str | None) -> Request:
        department, kind = asked.permitted.department, asked.kind
        with self._work.begin() as work:
            known = self._known(work, asked)
            if known is not None:
                return known
            batch = self._clock.new_id()
            chosen = serial or serial_of(batch)
            if repository.versions(work.connection, department, kind.code, chosen):
                raise _exists()
            origin = asked.wanted.transferred_from
            if origin is not None:
                self._check_transferred(work, origin, department)
            (slot,) = self._slots.allocate(work.connection, department, 1)
            request = _request(asked, work, chosen)
            intended = self._write_down(work, replace(request, batch=batch, slot=slot))
            work.commit()
        return intended

    def _intend_revision(
        self, asked: _Asked, identifier: CertificateIdentifier, operation: str
    ) -> tuple[Found, Request]:
        department = asked.permitted.department
        with self._work.begin() as work:
            found = read(work.connection, identifier)
            known = self._known(work, asked)
            if known is not None:
                return found, known
            acted = next(each for each in found.versions if each.version == identifier.version)
            check_revision(asked.kind, acted, operation, asked.wanted, work.now)
            (slot,) = self._slots.allocate(work.connection, department, 1)
            request = _request(asked, work, identifier.serial)
            request = replace(request, batch=self._clock.new_id(), slot=slot)
            # Refused before anything is written down, where the state does not allow it.
            self._planned(asked, found, request, identifier, operation)
            intended = self._write_down(work, request)
            work.commit()
        return found, intended

    def _known(self, work: Work[Any, Any], asked: _Asked) -> Request | None:
        department, name = asked.permitted.department, asked.wanted.request
        known = requests.find_request(work.connection, department, name)
        if known is not None:
            requests.check_same(known, asked.permitted.act, asked.digest)
        return known

    def _write_down(self, work: Work[Any, Any], request: Request) -> Request:
        assert request.batch is not None  # noqa: S101  # given by both callers
        intended = requests.intend(work.connection, request)
        if intended.batch == request.batch:
            repository.add_batch(
                work.connection,
                batch=request.batch,
                issuer=request.issuer,
                type_code=request.type_code,
                planned=1,
                pull=None,
                now=work.now,
            )
        return intended

    def _check_transferred(
        self, work: Work[Any, Any], origin: CertificateIdentifier, department: str
    ) -> None:
        """Raise Conflict unless a certificate of this hub was transferred out by its issuer."""
        if origin.issuer == department:
            raise Conflict(
                "转入的证照须由其他机构颁发。", "Another body issued what is transferred here."
            )
        key = (origin.issuer, origin.type_code, origin.serial)
        versions = repository.versions(work.connection, *key)
        if not versions:
            return  # of a body that keeps no certificates here
        life = life_of(versions, repository.events(work.connection, *key))
        period = life.at(work.now)
        if period is None or period.condition.state is not State.TRANSFERRED:
            raise Conflict(
                "原证照尚未由颁发机构办理转出。",
                "Its issuer has not transferred that certificate out.",
                members={"reason": "not-transferred"},
            )

    def _planned(
        self,
        asked: _Asked,
        found: Found,
        intended: Request,
        identifier: CertificateIdentifier,
        operation: str,
    ) -> tuple[Certificate, Deed]:
        draft = self._drafted(asked, intended, found.versions[-1].version + 1)
        deed = next_deed(
            asked.wanted,
            operation,
            acted=identifier.version,
            versions=found.versions,
            history=found.history,
            brought=draft,
            by=asked.permitted.caller.subject,
        )
        return draft, deed

    def _drafted(self, asked: _Asked, intended: Request, version: int) -> Certificate:
        assert intended.slot and intended.batch  # noqa: S101  # written down with both
        return certificate_of_draft(
            asked.wanted,
            asked.kind,
            identifier=_identifier(intended, version),
            slot=intended.slot,
            batch=intended.batch,
            source_hash=asked.digest.hex(),
            hmac_key=self._hmac_key,
            now=self._clock.now(),
        )

    def _signed(self, draft: Certificate, kind: CertificateType) -> Certificate:
        department = self._access.snapshot().departments[draft.issuer]
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

    def _outcome(self, permitted: Permitted, request: str) -> CertificateIdentifier:
        with self._work.read() as connection:
            done = requests.find_request(connection, permitted.department, request)
        assert done is not None and done.version is not None  # noqa: S101  # just committed
        return _identifier(done, done.version)


def _request(asked: _Asked, work: Work[Any, Any], serial: str) -> Request:
    permitted = asked.permitted
    return Request(
        permitted.department, asked.wanted.request, asked.digest, permitted.act,
        permitted.caller.subject, work.now, permitted.department, asked.kind.code, serial,
    )  # fmt: skip


def _identifier(request: Request, version: int) -> CertificateIdentifier:
    return CertificateIdentifier(request.type_code, request.issuer, request.serial, version)


def _exists() -> Conflict:
    return Conflict(
        "该流水号的证照已经存在;延续或变更请用 versions。",
        "There is a certificate of that serial; renew or change it through its versions.",
        members={"reason": "exists"},
    )
