"""Puts materials to cases: by a certificate looked up, by a document reused, by an upload."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from certstore.errors import ObjectError
from certstore.objects import ObjectStore
from exchange.access import Access, Permitted
from exchange.audit.records import prepare
from exchange.authorizations import repository as authorizations
from exchange.authorizations.records import Authorization
from exchange.cases import repository
from exchange.cases.checks import (
    Place,
    check_newest,
    check_released,
    check_same,
    get_case_of_holder,
    get_document,
    given_otherwise,
    may_reuse,
    reachable,
    uploaded_before,
)
from exchange.cases.files import clean_file_name, media_type_of
from exchange.cases.reading import case_files, get_case, get_material, item_of
from exchange.cases.records import Case, CaseFile, Document, Given
from exchange.clock import Clock
from exchange.errors import BadRequest, Conflict, HubError, NotFound
from exchange.governance.snapshot import Governance
from exchange.unit_of_work import UnitOfWork, Work


@dataclass(frozen=True, slots=True)
class Uploaded:
    """A document as it stands in a case; ``new`` is False where it stood there already."""

    document: Document
    file: CaseFile
    new: bool


class Giving:
    """The room's service for materials."""

    def __init__(
        self,
        work: UnitOfWork[Any, Any],
        governance: Governance,
        access: Access,
        clock: Clock,
        objects: ObjectStore,
    ) -> None:
        self._work = work
        self._governance = governance
        self._access = access
        self._clock = clock
        self._objects = objects

    def by_certificate(
        self, permitted: Permitted, case: UUID, material: str, *, lookup: UUID
    ) -> CaseFile:
        """Put to a case what a lookup released to the department for this very case.

        The same lookup again changes nothing.

        Raises:
            NotFound: no such case or material, or no such lookup released for it.
            BadRequest: no certificate satisfies this material.
            Conflict: it was given another way, or the certificate is not in force any more.
        """
        with self._work.begin() as work:
            own = get_case(work.connection, case, permitted.department)
            place = self._lock(work.connection, own, material)
            if place.stands is not None:
                check_same(place.stands.lookup == lookup)
                return self._file(work, place)
            way = place.material.certificate
            if way is None or way.certificate_type is None:
                raise BadRequest(
                    "该材料不能以证照提供。", "No certificate satisfies this material."
                )
            check_released(work.connection, place.case, way.certificate_type, lookup, work.now)
            self._give(
                work, permitted, place, Given(material, "certificate", lookup, None, work.now)
            )
            file = self._file(work, place)
            work.commit()
        return file

    def by_reuse(
        self,
        permitted: Permitted,
        case: UUID,
        material: str,
        *,
        document: UUID,
        authorization: UUID,
    ) -> CaseFile:
        """Put to a case a document given earlier, taking one use of the holder's authorization.

        The same document again changes nothing and takes no use.

        Raises:
            NotFound: no such case, material or document of this holder.
            Refused: the authorization does not allow it; the refusal stands in the log.
            Conflict: it was given another way, a newer document replaced this one, or its
                content is no longer what was given.
        """
        with self._work.read() as connection:
            own = get_case(connection, case, permitted.department)
            wanted = get_document(connection, document, own.holder_key)
        self._check_unchanged(wanted)
        with self._work.begin() as work:
            place = self._lock(work.connection, own, material)
            if place.stands is not None:
                check_same(place.stands.document == document)
                return self._file(work, place)
            check_newest(work.connection, place, wanted)
            about = authorizations.lock(work.connection, authorization)
            decision = may_reuse(permitted, place, wanted.kind, about, work.now)
            if decision.allowed and about is not None:
                authorizations.take_use(
                    work.connection, about, by=self._clock.new_id(), now=work.now
                )
                given = Given(material, "shared", None, document, work.now)
                self._give(work, permitted, place, given, document=wanted, used=about)
                file = self._file(work, place)
                work.commit()
                return file
        raise self._access.refuse(
            permitted.caller,
            "reuse-material",
            decision,
            {
                "case": own.case_number,
                "item": own.item,
                "material": material,
                "authorization": str(authorization),
            },
        )

    def by_upload(
        self, permitted: Permitted, case: UUID, material: str, *, content: bytes, file_name: str
    ) -> Uploaded:
        """Put a document of the acting applicant to a case about this applicant.

        The content goes to the object store first: a content without a row is litter, a row
        without its content would be an incident. The same content again changes nothing; another
        content replaces an upload as long as the case is open.

        Raises:
            NotFound: no such case about this applicant, or no such material.
            BadRequest: no document satisfies this material.
            Unsupported: the content is no PDF, PNG or JPEG.
            Conflict: the case is complete, or the material was given another way.
        """
        media_type = media_type_of(content)
        digest = sha256(content).hexdigest()
        with self._work.read() as connection:
            own = get_case_of_holder(connection, case, permitted.holder_key)
            snapshot = self._governance.current(connection)
            wanted = get_material(item_of(connection, snapshot, own), material)
        way = wanted.document
        if way is None or way.material_kind is None:
            raise BadRequest("该材料不能以文件提供。", "No document satisfies this material.")
        if own.state == "open":
            with reachable():
                self._objects.put(content, media_type)
        with self._work.begin() as work:
            place = self._lock(work.connection, own, material)
            before = uploaded_before(work.connection, place)
            if before is not None and before.sha256 == digest:
                return Uploaded(before, self._file(work, place), new=False)
            if place.case.state != "open" or (place.stands is not None and before is None):
                raise given_otherwise()
            document = Document(
                id=self._clock.new_id(),
                holder_key=permitted.holder_key,
                kind=way.material_kind,
                sha256=digest,
                size=len(content),
                media_type=media_type,
                file_name=clean_file_name(file_name, media_type),
                case_id=own.id,
                given_at=work.now,
                given_by=permitted.caller.subject,
            )
            repository.add_document(work.connection, document)
            given = Given(material, "upload", None, document.id, work.now)
            self._give(work, permitted, place, given, document=document)
            file = self._file(work, place)
            work.commit()
        return Uploaded(document, file, new=True)

    def content(self, permitted: Permitted, case: UUID, material: str) -> tuple[Document, bytes]:
        """The document that stands in one of the department's cases; the reading is recorded.

        Raises:
            NotFound: no such case, or no document stands for this material.
        """
        with self._work.read() as connection:
            own = get_case(connection, case, permitted.department)
            stands = repository.given(connection, [own.id])[own.id].get(material)
            if stands is None or stands.document is None:
                raise NotFound("该材料没有文件。", "No document stands for this material.")
            document = get_document(connection, stands.document, own.holder_key)
        content = self._content(document)
        with self._work.begin() as work:
            work.record(
                prepare(
                    "material-read",
                    work.now,
                    department=own.department,
                    system=permitted.caller.subject,
                    key=permitted.caller.key,
                    case=own.case_number,
                    item=own.item,
                    material=material,
                    holder=own.holder_key,
                    result=document.sha256,
                    policy=permitted.decision.policy_set,
                    rules=permitted.decision.rules,
                    outcome="released",
                )
            )
            work.commit()
        return document, content

    def _lock(self, connection: sa.Connection, case: Case, material: str) -> Place:
        snapshot = self._governance.current(connection)
        locked = repository.lock_case(connection, case.id)
        item = item_of(connection, snapshot, locked)
        wanted = get_material(item, material)
        given = repository.given(connection, [locked.id])[locked.id]
        return Place(snapshot, locked, item, wanted, given)

    def _give(
        self,
        work: Work[Any, Any],
        permitted: Permitted,
        place: Place,
        given: Given,
        *,
        document: Document | None = None,
        used: Authorization | None = None,
    ) -> None:
        repository.give(work.connection, place.case.id, given)
        kind = {"certificate": "case-material", "shared": "material-reused"}.get(
            given.how, "material-uploaded"
        )
        common: dict[str, Any] = {
            "department": place.case.department,
            "case": place.case.case_number,
            "item": place.case.item,
            "holder": place.case.holder_key,
            "outcome": "done",
        }
        if permitted.caller.kind == "system":
            common |= {"system": permitted.caller.subject, "key": permitted.caller.key}
        work.record(
            prepare(
                kind,
                work.now,
                **common,
                material=given.material,
                lookup=str(given.lookup) if given.lookup else None,
                result=document.sha256 if document else None,
                basis=used.basis if used else None,
                authorization=str(used.id) if used else None,
                policy=permitted.decision.policy_set,
                rules=permitted.decision.rules,
            )
        )
        stands = place.given.keys() | {given.material}
        if place.case.state == "open" and all(m.code in stands for m in place.item.materials):
            repository.complete(work.connection, place.case.id, work.now)
            work.record(prepare("case-complete", work.now, **common))

    def _file(self, work: Work[Any, Any], place: Place) -> CaseFile:
        case = repository.lock_case(work.connection, place.case.id)
        return case_files(work.connection, place.snapshot, [case], work.now)[0]

    def _check_unchanged(self, document: Document) -> None:
        try:
            with reachable():
                self._objects.get(document.sha256)
        except ObjectError:
            raise Conflict(
                "已存文件与当初提交的内容不一致,不能复用,请申请人重新提交。",
                "The stored content is no longer what was given; it cannot be reused. "
                "Ask the applicant to give it anew.",
            ) from None

    def _content(self, document: Document) -> bytes:
        try:
            with reachable():
                return self._objects.get(document.sha256)
        except ObjectError:
            raise HubError(
                "已存文件缺失或内容被改动,未予提供。",
                "The stored content is missing or was altered; it is not handed out.",
            ) from None
