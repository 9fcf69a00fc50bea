"""Issuers issue and act; issuers and holders read; anyone gets what is public."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from certstore.errors import KeyFault
from certstore.identifiers import CertificateIdentifier
from certstore.life_cycle import REINSTATE, SUSPEND, TRANSFER_OUT, UNPLAN, Timeline
from certstore.status import State
from exchange.access import Access, Permitted
from exchange.certificates import repository
from exchange.certificates.acts import Acts
from exchange.certificates.drafts import Draft
from exchange.certificates.issuing import Issuing
from exchange.certificates.places import Places
from exchange.certificates.published import PublishedList, PublishedLists
from exchange.certificates.records import (
    Certificate,
    Counts,
    Event,
    Issuable,
    beginning_of,
    life_of,
    state_of,
    whole_history,
)
from exchange.certificates.resigned import current_credential
from exchange.certificates.signing import Signing
from exchange.certificates.singles import Singles
from exchange.certificates.transitions import REVOCATIONS, Wanted
from exchange.certificates.trusting import Keys, trust_document
from exchange.certificates.verification import Verifications
from exchange.clock import Clock
from exchange.errors import NotFound
from exchange.unit_of_work import UnitOfWork


@dataclass(frozen=True, slots=True)
class AsOf:
    """How a certificate stood at the end of a day (UTC+8), as it was known at a moment.

    ``version`` and ``state`` are None before it was issued; ``on`` and ``known_at`` are None
    where they were not asked for.
    """

    on: date | None
    known_at: datetime | None
    version: Certificate | None
    state: State | None
    since: datetime | None


@dataclass(frozen=True, slots=True)
class Standing:
    """One version with its state, and the history and versions of its certificate.

    ``events`` are all that was recorded, with the first issue. ``at`` is the moment of it all.
    """

    certificate: Certificate
    state: State
    versions: Sequence[Certificate]
    events: Sequence[Event]
    life: Timeline
    at: datetime
    as_of: AsOf | None = None


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
        self._acts = Acts(work, clock, keys, places)
        self._singles = Singles(work, access, clock, keys, places, self._acts, holder_hmac_key)
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

    def issue(
        self, permitted: Permitted, type_key: str, draft: Draft, *, serial: str | None = None
    ) -> Standing:
        """Issue one certificate (新发), or take one over from another body (转入).

        Without a serial it is given one. The same draft again comes to the same certificate.

        Raises:
            NotFound: there is no such type. BadRequest: every fault of the draft.
            Conflict: there is one of that serial, or the other one was not transferred out.
        """
        return self._standing(self._singles.issue(permitted, type_key, serial, draft))

    def revise(
        self,
        permitted: Permitted,
        identifier: CertificateIdentifier,
        operation: str,
        draft: Draft,
    ) -> Standing:
        """Renew (``operation`` 02 延续) or change (09 变更): issue the next version.

        Raises:
            NotFound: the issuer has no such certificate. BadRequest: every fault of the draft.
            Conflict: it was superseded, or its state does not allow it then.
        """
        self._check_own(permitted, identifier)
        return self._standing(self._singles.revise(permitted, identifier, operation, draft))

    def revoke(
        self,
        permitted: Permitted,
        identifier: CertificateIdentifier,
        *,
        state: str,
        reason: str,
        legal_ground: str,
        reason_code: str = "other",
        effective_on: date | None = None,
        request: str | None = None,
    ) -> Standing:
        """End a certificate: ``state`` 03 撤销, 04 注销, 05 失效 or 07 吊销.

        ``effective_on`` may lie ahead, or back to the version's issue. With a ``request`` the same
        act again changes nothing more.

        Raises:
            NotFound: the issuer has no such certificate.
            Conflict: it was superseded, or its state does not allow it then.
        """
        wanted = Wanted(REVOCATIONS[state], reason, legal_ground, reason_code, effective_on)
        return self.act(permitted, identifier, wanted, request)

    def suspend(
        self,
        permitted: Permitted,
        identifier: CertificateIdentifier,
        *,
        reason: str,
        legal_ground: str,
        reason_code: str = "other",
        effective_on: date | None = None,
        request: str | None = None,
    ) -> Standing:
        """Take a certificate away for a time (暂扣). Raises like :meth:`revoke`."""
        wanted = Wanted(SUSPEND, reason, legal_ground, reason_code, effective_on)
        return self.act(permitted, identifier, wanted, request)

    def reinstate(
        self,
        permitted: Permitted,
        identifier: CertificateIdentifier,
        *,
        reason: str,
        legal_ground: str,
        reason_code: str = "other",
        effective_on: date | None = None,
        request: str | None = None,
    ) -> Standing:
        """Give a suspended certificate back (暂扣发还). Raises like :meth:`revoke`."""
        wanted = Wanted(REINSTATE, reason, legal_ground, reason_code, effective_on)
        return self.act(permitted, identifier, wanted, request)

    def transfer_out(
        self,
        permitted: Permitted,
        identifier: CertificateIdentifier,
        *,
        reason: str,
        legal_ground: str,
        reason_code: str = "moved",
        effective_on: date | None = None,
        request: str | None = None,
    ) -> Standing:
        """Hand a certificate over to another body (办理转出). Raises like :meth:`revoke`."""
        wanted = Wanted(TRANSFER_OUT, reason, legal_ground, reason_code, effective_on)
        return self.act(permitted, identifier, wanted, request)

    def act(
        self,
        permitted: Permitted,
        identifier: CertificateIdentifier,
        wanted: Wanted,
        request: str | None = None,
    ) -> Standing:
        """Do what is wanted. Raises like :meth:`revoke`."""
        self._check_own(permitted, identifier)
        self._acts.act(permitted, identifier, wanted, request)
        return self._standing(identifier)

    def call_off(
        self,
        permitted: Permitted,
        identifier: CertificateIdentifier,
        sequence: int,
        *,
        reason: str,
        legal_ground: str,
        reason_code: str = "other",
        request: str | None = None,
    ) -> Standing:
        """Call off a planned event (撤回预定). Raises like :meth:`revoke`."""
        self._check_own(permitted, identifier)
        wanted = Wanted(UNPLAN, reason, legal_ground, reason_code)
        self._acts.call_off(permitted, identifier, sequence, wanted, request)
        return self._standing(identifier)

    def get(
        self,
        permitted: Permitted,
        identifier: CertificateIdentifier,
        *,
        on: date | None = None,
        known_at: datetime | None = None,
    ) -> Standing:
        """A certificate of the caller's own department; with ``on`` or ``known_at``, how it stood.

        Raises:
            NotFound: the department has issued no such certificate, or none was known then.
        """
        self._check_own(permitted, identifier)
        return self._standing(identifier, on, known_at)

    def own(self, permitted: Permitted) -> list[tuple[Certificate, State]]:
        """The version that counts of each of the applicant's own certificates; of one that is
        still to come, the first."""
        now = self._clock.now()
        with self._work.read() as connection:
            held = repository.of_holder(connection, permitted.holder_key)
            events = repository.events_of(connection, [each[0].key for each in held])
        found: list[tuple[Certificate, State]] = []
        for versions in held:
            life = life_of(versions, events[versions[0].key])
            period = life.at(now)
            number = period.version if period is not None else versions[0].version
            version = next(each for each in versions if each.version == number)
            if version.holder_key == permitted.holder_key:
                found.append((version, state_of(life, number, now)))
        return found

    def own_history(self, permitted: Permitted, identifier: CertificateIdentifier) -> Standing:
        """All that happened to the applicant's own certificate.

        Raises:
            NotFound: the applicant holds no such certificate.
        """
        self.own_file(permitted, identifier)
        return self._standing(identifier)

    def own_file(self, permitted: Permitted, identifier: CertificateIdentifier) -> Certificate:
        """One version of the applicant's own certificate, with its file as last signed.

        Raises:
            NotFound: the applicant holds no such certificate.
        """
        with self._work.read() as connection:
            found = repository.find_version(connection, *_place(identifier))
            current = current_credential(connection, *_place(identifier))
        if found is None or found.holder_key != permitted.holder_key:
            raise _not_found()
        return replace(found, credential=current or found.credential)

    def status_list(self, issuer: str, number: int, at: datetime | None = None) -> PublishedList:
        """One status list as of now, or as it was published at an earlier time.

        Raises:
            NotFound: there is no such list, or none was published then.
        """
        now = self._clock.now()
        try:
            if at is not None and at < now:
                published = self._lists.find_at(issuer, number, at)
            else:
                published = self._lists.find(issuer, number, now)
        except KeyFault:
            published = None
        if published is None:
            raise NotFound("没有该状态列表。", "There is no such status list.")
        return published

    def now(self) -> datetime:
        """The present moment, as this room counts it."""
        return self._clock.now()

    def trust(self) -> Mapping[str, Any]:
        """Whom to trust, as ``certstore.trust`` reads it."""
        return trust_document(self._keys, self._places, self._access.snapshot(), self._clock.now())

    def _check_own(self, permitted: Permitted, identifier: CertificateIdentifier) -> None:
        if identifier.issuer != permitted.department:
            raise _not_found()

    def _standing(
        self,
        identifier: CertificateIdentifier,
        on: date | None = None,
        known_at: datetime | None = None,
    ) -> Standing:
        key = (identifier.issuer, identifier.type_code, identifier.serial)
        with self._work.read() as connection:
            versions = repository.versions(connection, *key)
            events = repository.events(connection, *key)
        now = self._clock.now()
        for each in versions:
            if each.version == identifier.version:
                life = life_of(versions, events)
                as_of = None
                if on is not None or known_at is not None:
                    as_of = _as_of(versions, events, on, known_at, now)
                return Standing(
                    certificate=each,
                    state=state_of(life, each.version, now),
                    versions=versions,
                    events=whole_history(versions, events),
                    life=life,
                    at=now,
                    as_of=as_of,
                )
        raise _not_found()


def _as_of(
    versions: Sequence[Certificate],
    events: Sequence[Event],
    on: date | None,
    known_at: datetime | None,
    now: datetime,
) -> AsOf:
    """How it stood at the end of the day, or at the moment known at where no day is asked for."""
    if known_at is not None and versions[0].issued_at > known_at:
        raise NotFound("当时库中尚无该证照。", "The library knew no such certificate then.")
    moment = known_at or now
    if on is not None:
        moment = beginning_of(on) + timedelta(days=1, microseconds=-1)
    life = life_of(versions, events, known_at)
    period = life.at(moment)
    if period is None:
        return AsOf(on, known_at, None, None, None)
    version = next(each for each in versions if each.version == period.version)
    return AsOf(on, known_at, version, period.condition.state, period.since)


def _place(identifier: CertificateIdentifier) -> tuple[str, str, str, int]:
    return identifier.issuer, identifier.type_code, identifier.serial, identifier.version


def _not_found() -> NotFound:
    return NotFound("没有该证照。", "There is no such certificate.")
