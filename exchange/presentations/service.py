"""Holders show some fields of a certificate by a one-time code; counters redeem it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from certstore.identifiers import CertificateIdentifier
from exchange.access import Access, Permitted
from exchange.audit.records import PreparedRecord, prepare
from exchange.certificates.guesses import CODES, add_guesses, check_guesses
from exchange.certificates.service import Certificates
from exchange.clock import Clock
from exchange.errors import BadRequest, Conflict, Fault, NotFound
from exchange.presentations import repository
from exchange.presentations.codes import code_hash, new_code, read_code
from exchange.presentations.own import get_own_in_force
from exchange.presentations.records import Presentation
from exchange.unit_of_work import UnitOfWork

MOST_OPEN: Final = 20
"""Codes of one holder that may be open at a time."""
LONGEST: Final = 600
"""Seconds."""

_GUESSING: Final = "code"


@dataclass(frozen=True, slots=True)
class Made:
    """A showing just made, with its code, which is told this once."""

    presentation: Presentation
    code: str


class Presentations:
    """The room's service."""

    def __init__(
        self,
        work: UnitOfWork[Any, Any],
        access: Access,
        clock: Clock,
        certificates: Certificates,
        *,
        key: bytes,
    ) -> None:
        self._work = work
        self._access = access
        self._clock = clock
        self._certificates = certificates
        self._key = key

    def make(
        self,
        permitted: Permitted,
        identifier: CertificateIdentifier,
        *,
        fields: Collection[str],
        seconds: int,
        audience: str | None,
    ) -> Made:
        """Show some fields of one's own certificate to whoever scans the code within ``seconds``.

        Raises:
            NotFound: the applicant holds no such certificate.
            Conflict: it is not in force, a newer version replaced it, or too many codes are open.
            BadRequest: it does not state one of the fields, or there is no such department.
        """
        certificate = get_own_in_force(self._certificates, permitted, identifier)
        faults = [
            Fault(f"/fields/{at}", "该证照没有此项", "the certificate does not state this field")
            for at, name in enumerate(fields)
            if name not in certificate.fields
        ]
        if audience is not None and audience not in self._access.snapshot().departments:
            faults.append(Fault("/audience", "没有登记该部门", "no such department is registered"))
        if faults:
            raise BadRequest(
                "出示内容有误,请按 faults 逐项修正。",
                "What is to be shown is not usable; mend each place named in faults.",
                faults=tuple(faults),
            )
        code = new_code()
        with self._work.begin() as work:
            if repository.count_open(work.connection, permitted.holder_key, work.now) >= MOST_OPEN:
                raise Conflict(
                    f"未使用的用证码已达 {MOST_OPEN} 个，请先撤回或等待过期。",
                    f"{MOST_OPEN} codes are open; withdraw one or wait until one expires.",
                )
            made = Presentation(
                id=self._clock.new_id(),
                code_hash=code_hash(self._key, code),
                holder_key=permitted.holder_key,
                identifier=certificate.identifier,
                certificate_type=certificate.type_key,
                fields=frozenset(fields),
                audience=audience,
                made_at=work.now,
                expires_at=work.now + timedelta(seconds=seconds),
                stored="open",
            )
            repository.add(work.connection, made)
            work.record(_record_of("presentation-made", permitted, made, work.now, seconds=seconds))
            work.commit()
        return Made(made, code)

    def own(self, permitted: Permitted, *, before: UUID | None, limit: int) -> list[Presentation]:
        """What the acting applicant showed, newest first; the codes are not among it."""
        with self._work.read() as connection:
            return repository.of_holder(
                connection, permitted.holder_key, before=before, limit=limit
            )

    def withdraw(self, permitted: Permitted, presentation: UUID) -> Presentation:
        """Have a code count no more.

        Raises:
            NotFound: the applicant made no such showing.
            Conflict: it was used or withdrawn already, or has expired.
        """
        with self._work.begin() as work:
            found = repository.lock(work.connection, presentation)
            if found is None or found.holder_key != permitted.holder_key:
                raise NotFound("没有该次出示。", "There is no such presentation.")
            state = found.state(work.now)
            if state != "open":
                raise Conflict(
                    "该用证码已使用、已撤回或已过期。",
                    "The code was used or withdrawn, or has expired.",
                    members={"state": state},
                )
            repository.withdraw(work.connection, presentation, work.now)
            work.record(_record_of("presentation-withdrawn", permitted, found, work.now))
            work.commit()
        with self._work.read() as connection:
            ended = repository.find_by_code(connection, found.code_hash)
        return ended or found

    def find_redeemable(self, permitted: Permitted, text: str) -> Presentation:
        """What a scanned code shows. Whether it may be used, the lookup decides that follows.

        Raises:
            NotFound: no such code; the refusal stands in the log.
            TooManyGuesses: this system sent too many codes that nobody made.
        """
        caller = permitted.caller
        code = read_code(text)
        with self._work.read() as connection:
            now = self._clock.now()
            check_guesses(connection, caller.subject, [(_GUESSING, CODES)], now)
            hashed = code_hash(self._key, code) if code else b""
            found = repository.find_by_code(connection, hashed)
        if found is not None:
            return found
        with self._work.begin() as work:
            add_guesses(work.connection, caller.subject, [_GUESSING], work.now)
            work.record(
                prepare(
                    "refusal",
                    work.now,
                    act="redeem-presentation",
                    department=caller.department,
                    system=caller.subject,
                    key=caller.key,
                    outcome="refused",
                    reason="code-unknown",
                )
            )
            work.commit()
        raise NotFound("没有该用证码。", "There is no such code.")


def _record_of(
    kind: str,
    permitted: Permitted,
    shown: Presentation,
    at: datetime,
    *,
    seconds: int | None = None,
) -> PreparedRecord:
    return prepare(
        kind,
        at,
        act=permitted.act,
        department=shown.audience,
        authorization=str(shown.id),
        holder=shown.holder_key,
        type=shown.certificate_type,
        certificates=[shown.identifier],
        fields=sorted(shown.fields),
        counts=None if seconds is None else {"seconds": seconds},
        policy=permitted.decision.policy_set,
        rules=permitted.decision.rules,
        outcome="done",
    )
