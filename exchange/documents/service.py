"""Files of certificates: made on demand, kept, handed out; nothing leaves before the log has it.

1. Read the certificate. 2. Draw and seal it, outside any transaction. 3. Put the object, locked
for as long as the type says from its first moment on. 4. Commit its row and the records of making
and of handing out. Who comes second gets what was kept; what they drew is litter.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from hashlib import sha256
from typing import Any, Final, Literal
from uuid import UUID

from certstore.certificate_type import CertificateType, Title
from certstore.documents.face import Annotation
from certstore.errors import ObjectError, StoreFault
from certstore.identifiers import CertificateIdentifier
from certstore.objects import ObjectStore
from certstore.status import State
from exchange.access import Access, Permitted
from exchange.audit.records import PreparedRecord, prepare
from exchange.certificates import repository as certificates
from exchange.certificates.records import (
    Certificate,
    beginning_of,
    civil_day,
    life_of,
    state_of,
)
from exchange.certificates.resigned import current_credential
from exchange.clock import Clock
from exchange.documents import repository
from exchange.documents.faces import copy_face, last_day, original_face
from exchange.documents.making import Drawn, Maker
from exchange.documents.records import PDF, Document, Released, Use
from exchange.errors import Conflict, NotFound, Unavailable
from exchange.unit_of_work import UnitOfWork

LOOKUP_COUNTS: Final = timedelta(days=30)
"""How long after a lookup a copy of what it released may be made."""
_ORIGINAL: Final = "颁发电子证照 certificate issued"
_COPY: Final = "制作加注件 annotated copy made"


@dataclass(frozen=True, slots=True)
class Evidence:
    """Which lookup a copy is asked for by: its id, or the case and the holder's authorization."""

    lookup: UUID | None = None
    case_number: str | None = None
    authorization: UUID | None = None


@dataclass(frozen=True, slots=True)
class _Read:
    """A certificate with what drawing it takes."""

    certificate: Certificate
    kind: CertificateType
    credential: str

    @property
    def digest(self) -> str:
        return sha256(self.credential.encode()).hexdigest()


class Documents:
    """The room's service."""

    def __init__(
        self,
        work: UnitOfWork[Any, Any],
        access: Access,
        clock: Clock,
        objects: ObjectStore,
        maker: Maker,
        *,
        public_url: str,
    ) -> None:
        self._work = work
        self._access = access
        self._clock = clock
        self._objects = objects
        self._maker = maker
        self._public_url = public_url

    def file(
        self, permitted: Permitted, identifier: CertificateIdentifier
    ) -> tuple[Document, bytes]:
        """The sealed PDF of a certificate, for its issuer or its holder.

        Raises:
            NotFound: there is no such certificate of the caller's.
        """
        read = self._own(permitted, identifier)
        with self._work.read() as connection:
            kept = repository.find_original(connection, read.certificate, read.digest)
        if kept is None:
            now = self._clock.now()
            face = original_face(read.certificate, read.kind, read.credential, self._public_url)
            drawn = self._maker.sealed(face, now, reason=_ORIGINAL)
            return self._keep(permitted, read, drawn, now)
        return self._hand_out(permitted, read.certificate, kept)

    def picture(
        self, permitted: Permitted, identifier: CertificateIdentifier, kind: Literal["png", "svg"]
    ) -> bytes:
        """A picture of a certificate for a screen, for its issuer or its holder. Not sealed, and
        not kept: it is drawn from what never changes.

        Raises:
            NotFound: there is no such certificate of the caller's.
        """
        read = self._own(permitted, identifier)
        face = original_face(read.certificate, read.kind, read.credential, self._public_url)
        drawn = self._maker.picture(face, self._clock.now(), kind)
        with self._work.begin() as work:
            read_record = _record("file-read", permitted, read.certificate, work.now, "picture")
            work.record(read_record)
            work.commit()
        return drawn

    def copy(
        self,
        permitted: Permitted,
        identifier: CertificateIdentifier,
        evidence: Evidence,
        *,
        reason: str,
        valid_days: int,
    ) -> tuple[Document, bytes, bool]:
        """The annotated copy of what the caller's own lookup released, and whether it is new.

        Asking again for the same lookup, reason and last day gives the copy that was made.

        Raises:
            Refused: no lookup of this certificate was answered to the department lately; a
                certificate that does not exist is refused alike.
            Conflict: the lookup was answered with another version, or the certificate is not in
                force any more.
        """
        now = self._clock.now()
        read = self._find(identifier)
        released = self._released(read, permitted.department, evidence, now)
        allowed = self._access.permit(
            permitted.caller, "copy-certificate", own=released is not None
        )
        if read is None or released is None:  # the rules permit no copy without a lookup
            raise _not_found()
        self._check_current(read.certificate, released, now)
        use = Use(
            allowed.department, allowed.caller.subject, released.lookup, released.case_number,
            reason, last_day(civil_day(now), valid_days),
        )  # fmt: skip
        with self._work.read() as connection:
            kept = repository.find_copy(connection, read.certificate, use)
        if kept is not None:
            return *self._hand_out(allowed, read.certificate, kept), False
        drawn = self._drawn_copy(read, released, use, now)
        document, content = self._keep(allowed, read, drawn, now, use=use, released=released)
        return document, content, True

    def copy_again(self, permitted: Permitted, copy: UUID) -> tuple[Document, bytes]:
        """A copy that was made for the caller's department.

        Raises:
            NotFound: there is none.
            Conflict: its last day of use is over.
        """
        with self._work.read() as connection:
            found = repository.find_copy_by_id(connection, copy, permitted.department)
            certificate = None
            if found is not None:
                place = (found.issuer, found.type_code, found.serial, found.version)
                certificate = certificates.find_version(connection, *place)
        if found is None or certificate is None or found.use is None:
            raise NotFound("没有该加注件。", "There is no such copy.")
        if found.use.valid_until < civil_day(self._clock.now()):
            raise Conflict(
                "加注件已过使用期限,请重新查验后再制作。",
                "The copy may not be used any more; look the certificate up and make another.",
            )
        return self._hand_out(permitted, certificate, found)

    def _drawn_copy(self, read: _Read, released: Released, use: Use, now: datetime) -> Drawn:
        department = self._access.snapshot().departments[use.department]
        annotation = Annotation(
            made_at=now,
            maker=Title(department.name_zh, department.name_en),
            reason=use.reason,
            valid_until=use.valid_until,
            case_number=use.case_number,
        )
        face = copy_face(
            read.certificate, read.kind, read.credential, self._public_url,
            released=released, annotation=annotation,
        )  # fmt: skip
        return self._maker.sealed(face, now, reason=_COPY)

    def _find(self, identifier: CertificateIdentifier) -> _Read | None:
        place = (
            identifier.issuer, identifier.type_code, identifier.serial, identifier.version,
        )  # fmt: skip
        with self._work.read() as connection:
            found = certificates.find_version(connection, *place)
            credential = current_credential(connection, *place)
        if found is None or credential is None:
            return None
        kind = self._access.snapshot().find_type(found.type_key, found.type_version)
        if kind is None:
            raise Unavailable(
                "证照所属类型版本未登记。", "The version of the certificate's type is not here."
            )
        return _Read(found, kind, credential)

    def _own(self, permitted: Permitted, identifier: CertificateIdentifier) -> _Read:
        read = self._find(identifier)
        if read is None:
            raise _not_found()
        caller, certificate = permitted.caller, read.certificate
        if caller.holder_key is not None:
            own = certificate.holder_key == caller.holder_key
        else:
            own = certificate.issuer == permitted.department
        if not own:
            raise _not_found()
        return read

    def _released(
        self, read: _Read | None, department: str, evidence: Evidence, now: datetime
    ) -> Released | None:
        if read is None:
            return None
        with self._work.read() as connection:
            return repository.find_released(
                connection,
                read.certificate,
                department,
                since=now - LOOKUP_COUNTS,
                lookup=evidence.lookup,
                case_number=evidence.case_number,
                authorization=evidence.authorization,
            )

    def _check_current(self, certificate: Certificate, released: Released, now: datetime) -> None:
        """Only the version that was the newest when the lookup was answered was looked up, and
        nobody is handed a fresh copy of what is in force no more."""
        with self._work.read() as connection:
            versions = certificates.versions(connection, *certificate.key)
            events = certificates.events(connection, *certificate.key)
        there = [each.version for each in versions if each.issued_at <= released.at]
        if not there or max(there) != certificate.version:
            raise Conflict(
                "该次查验提供的不是此版本,请重新查验。",
                "That lookup was answered with another version; look the certificate up again.",
            )
        state = state_of(life_of(versions, events), certificate.version, now)
        if state is not State.VALID:
            raise Conflict(
                f"证照当前状态为“{state.zh}”,不能制作加注件。",
                f"The certificate is {state.en}; no copy is made of it.",
                members={"state": state.code},
            )

    def _keep(
        self,
        permitted: Permitted,
        read: _Read,
        drawn: Drawn,
        now: datetime,
        *,
        use: Use | None = None,
        released: Released | None = None,
    ) -> tuple[Document, bytes]:
        certificate = read.certificate
        retain_until = end_of(
            read.kind.retention.kept_until(civil_day(now), certificate.valid_until)
        )
        ref = self._objects.put(drawn.content, PDF, retain_until=retain_until)
        document = Document(
            self._clock.new_id(), certificate.issuer, certificate.type_code, certificate.serial,
            certificate.version, read.digest, drawn.kid, ref.sha256, ref.size, PDF, now,
            retain_until, use,
        )  # fmt: skip
        with self._work.begin() as work:
            added = repository.add(work.connection, document)
            if added:
                for record in _made(permitted, certificate, document, released, work.now):
                    work.record(record)
                work.commit()
        if not added:
            # Another made it meanwhile: theirs counts, and ours is litter.
            with self._work.read() as connection:
                kept = (
                    repository.find_original(connection, certificate, read.digest)
                    if use is None
                    else repository.find_copy(connection, certificate, use)
                )
            if kept is None:
                raise _not_found()
            return self._hand_out(permitted, certificate, kept)
        return document, drawn.content

    def _hand_out(
        self, permitted: Permitted, certificate: Certificate, document: Document
    ) -> tuple[Document, bytes]:
        try:
            content = self._objects.get(document.sha256)
        except StoreFault:
            raise
        except ObjectError:
            raise Unavailable(
                "保存的文件缺失或已被改动,请运维人员执行 yici check-store。",
                "The kept file is missing or was altered; the operators run `yici check-store`.",
            ) from None
        kind = "file-read" if document.use is None else "copy-read"
        with self._work.begin() as work:
            work.record(
                _record(
                    kind, permitted, certificate, work.now, document.kind,
                    result=document.sha256,
                )
            )  # fmt: skip
            work.commit()
        return document, content


def _made(
    permitted: Permitted,
    certificate: Certificate,
    document: Document,
    released: Released | None,
    now: datetime,
) -> Sequence[PreparedRecord]:
    """The records of a file that was made and is handed out at once."""
    if document.use is None:
        return [
            _record(
                kind, permitted, certificate, now, document.kind, result=document.sha256
            )
            for kind in ("file-made", "file-read")
        ]  # fmt: skip
    fields = sorted(released.fields & certificate.fields.keys()) if released else []
    masked = sorted(released.masked & certificate.fields.keys()) if released else []
    return [
        _record(
            "copy-made",
            permitted,
            certificate,
            now,
            document.kind,
            result=document.sha256,
            lookup=str(document.use.lookup),
            case=document.use.case_number,
            fields=fields or None,
            masked=masked or None,
        )
    ]


def _record(
    kind: str,
    permitted: Permitted,
    certificate: Certificate,
    now: datetime,
    what: str,
    **more: Any,
) -> PreparedRecord:
    caller = permitted.caller
    return prepare(
        kind,
        now,
        act=permitted.act,
        department=caller.department,
        system=caller.subject if caller.kind == "system" else None,
        key=caller.key,
        holder=certificate.holder_key,
        type=certificate.type_key,
        certificates=[certificate.identifier],
        policy=permitted.decision.policy_set,
        rules=permitted.decision.rules or None,
        reason=what,
        outcome="done",
        **more,
    )


def end_of(day: date) -> datetime:
    """The moment after a day (UTC+8). The calendar ends with 31 December 9999, a day that is often
    named where there is no end: what is kept to then is kept to the day before."""
    return beginning_of(min(day, date.max - timedelta(days=1)) + timedelta(days=1))


def _not_found() -> NotFound:
    return NotFound("没有该证照。", "There is no such certificate.")
