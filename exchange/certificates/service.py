"""Issuers revoke, suspend and reinstate; issuers and holders read; anyone gets what is public."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.exc import IntegrityError

from certstore.errors import KeyFault
from certstore.identifiers import CertificateIdentifier
from certstore.status import State
from exchange.access import Access, Permitted
from exchange.audit.records import PreparedRecord, prepare
from exchange.certificates import repository
from exchange.certificates.issuing import Issuing
from exchange.certificates.places import Places
from exchange.certificates.published import PublishedList, PublishedLists
from exchange.certificates.records import (
    Certificate,
    Counts,
    Event,
    Issuable,
    state_of,
)
from exchange.certificates.signing import Signing
from exchange.certificates.transitions import (
    REINSTATEMENT,
    REVOCATIONS,
    SUSPENSION,
    Transition,
    check_transition,
)
from exchange.certificates.trusting import Keys, trust_document
from exchange.certificates.verification import Verifications
from exchange.clock import Clock
from exchange.errors import Conflict, NotFound
from exchange.unit_of_work import UnitOfWork


@dataclass(frozen=True, slots=True)
class Standing:
    """One version with its state, and the history and versions of its certificate."""

    certificate: Certificate
    state: State
    versions: Sequence[Certificate]
    events: Sequence[Event]


class Certificates:
    """The room's service."""

    def __init__(
        self,
        work: UnitOfWork[Any, Any],
        access: Access,
        clock: Clock,
        keys: Keys,
        places: Places,
        holder_hmac_key: bytes,
    ) -> None:
        self._work = work
        self._access = access
        self._clock = clock
        self._keys = keys
        self._places = places
        self._issuing = Issuing(work, clock, places, holder_hmac_key)
        self._lists = PublishedLists(work, keys, places)
        self.verifications = Verifications(work, access, clock, keys, places, self._lists)

    def issue_records(
        self,
        issuer: str,
        type_key: str,
        rows: Iterable[Issuable],
        *,
        signing: Signing,
        pull: UUID | None = None,
    ) -> Iterator[Counts]:
        """Issue what a department's register states, chunk by chunk; see :class:`Issuing`.

        Raises:
            NotFound: the department is not registered, or there is no such certificate type.
        """
        snapshot = self._access.snapshot()
        department = snapshot.departments.get(issuer)
        kind = snapshot.types.get(type_key)
        if department is None:
            raise NotFound("颁发部门未登记。", "The issuing department is not registered.")
        if kind is None:
            raise NotFound("没有该证照类型。", "There is no such certificate type.")
        return self._issuing.issue(department, kind, rows, signing=signing, pull=pull)

    def revoke(
        self,
        permitted: Permitted,
        identifier: CertificateIdentifier,
        *,
        state: str,
        reason: str,
        legal_ground: str,
    ) -> Standing:
        """End a certificate: ``state`` 03 撤销, 04 注销 or 07 吊销.

        Raises:
            NotFound: the issuer has no such certificate.
            Conflict: it was superseded, or its state does not allow it.
        """
        return self._act(permitted, identifier, REVOCATIONS[state], reason, legal_ground)

    def suspend(
        self,
        permitted: Permitted,
        identifier: CertificateIdentifier,
        *,
        reason: str,
        legal_ground: str,
    ) -> Standing:
        """Take a certificate away for a time (暂扣). Raises like :meth:`revoke`."""
        return self._act(permitted, identifier, SUSPENSION, reason, legal_ground)

    def reinstate(
        self,
        permitted: Permitted,
        identifier: CertificateIdentifier,
        *,
        reason: str,
        legal_ground: str,
    ) -> Standing:
        """Give a suspended certificate back (暂扣发还). Raises like :meth:`revoke`."""
        return self._act(permitted, identifier, REINSTATEMENT, reason, legal_ground)

    def get(self, permitted: Permitted, identifier: CertificateIdentifier) -> Standing:
        """A certificate of the caller's own department.

        Raises:
            NotFound: the department has issued no such certificate.
        """
        if identifier.issuer != permitted.department:
            raise _not_found()
        return self._standing(identifier)

    def own(self, permitted: Permitted) -> list[tuple[Certificate, State]]:
        """The newest version of each of the applicant's own certificates."""
        with self._work.read() as connection:
            held = repository.newest_of_holder(connection, permitted.holder_key)
            latest = repository.latest_events(connection, [each.key for each in held])
        now = self._clock.now()
        return [(each, state_of(each, each.version, latest.get(each.key), now)) for each in held]

    def own_file(self, permitted: Permitted, identifier: CertificateIdentifier) -> Certificate:
        """One version of the applicant's own certificate, with its file.

        Raises:
            NotFound: the applicant holds no such certificate.
        """
        with self._work.read() as connection:
            found = repository.find_version(connection, *_place(identifier))
        if found is None or found.holder_key != permitted.holder_key:
            raise _not_found()
        return found

    def status_list(self, issuer: str, number: int) -> PublishedList:
        """One status list as of now.

        Raises:
            NotFound: there is no such list.
        """
        try:
            published = self._lists.find(issuer, number, self._clock.now())
        except KeyFault:
            published = None
        if published is None:
            raise NotFound("没有该状态列表。", "There is no such status list.")
        return published

    def trust(self) -> Mapping[str, Any]:
        """Whom to trust, as ``certstore.trust`` reads it."""
        return trust_document(self._keys, self._places, self._access.snapshot(), self._clock.now())

    def _act(
        self,
        permitted: Permitted,
        identifier: CertificateIdentifier,
        transition: Transition,
        reason: str,
        legal_ground: str,
    ) -> Standing:
        if identifier.issuer != permitted.department:
            raise _not_found()
        key = (identifier.issuer, identifier.type_code, identifier.serial)
        with self._work.begin() as work:
            certificate = repository.find_version(work.connection, *_place(identifier))
            if certificate is None:
                raise _not_found()
            repository.lock_status_lists(
                work.connection, certificate.issuer, [certificate.slot.number]
            )
            newest = repository.newest_version(work.connection, *key) or certificate.version
            latest = repository.latest_events(work.connection, [key]).get(key)
            state = State.from_code(latest.state) if latest else State.VALID
            check_transition(transition, version=certificate.version, newest=newest, state=state)
            event = Event(
                sequence=latest.sequence + 1 if latest else 1,
                version=certificate.version,
                operation=transition.operation,
                state=transition.state.code,
                effective_at=work.now,
                reason=reason,
                legal_ground=legal_ground,
                recorded_at=work.now,
                recorded_by=permitted.caller.subject,
            )
            try:
                repository.add_event(work.connection, key, event)
            except IntegrityError:
                raise Conflict(
                    "证照刚刚发生了变化,请重新查看后再操作。",
                    "The certificate has just changed; look at it again first.",
                ) from None
            repository.add_status_change(
                work.connection, certificate.issuer, certificate.slot, transition.state, work.now
            )
            work.record(_record_of(permitted, certificate, transition, work.now))
            work.commit()
        return self._standing(identifier)

    def _standing(self, identifier: CertificateIdentifier) -> Standing:
        key = (identifier.issuer, identifier.type_code, identifier.serial)
        with self._work.read() as connection:
            versions = repository.versions(connection, *key)
            events = repository.events(connection, *key)
        for each in versions:
            if each.version == identifier.version:
                latest = events[-1] if events else None
                state = state_of(each, versions[-1].version, latest, self._clock.now())
                return Standing(each, state, versions, events)
        raise _not_found()


def _place(identifier: CertificateIdentifier) -> tuple[str, str, str, int]:
    return identifier.issuer, identifier.type_code, identifier.serial, identifier.version


def _record_of(
    permitted: Permitted, certificate: Certificate, transition: Transition, now: datetime
) -> PreparedRecord:
    return prepare(
        transition.kind,
        now,
        act=permitted.act,
        department=permitted.department,
        system=permitted.caller.subject,
        key=permitted.caller.key,
        holder=certificate.holder_key,
        type=certificate.type_key,
        certificates=[certificate.identifier],
        policy=permitted.decision.policy_set,
        rules=permitted.decision.rules,
        # The officer's own words may name persons; they stand with the certificate.
        reason=f"state-{transition.state.code}",
        outcome="done",
    )


def _not_found() -> NotFound:
    return NotFound("没有该证照。", "There is no such certificate.")
