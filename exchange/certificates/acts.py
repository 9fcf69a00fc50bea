"""Acts on one certificate, in three steps: commit the intent, sign, commit the outcome.

1. What is asked for is written down; COMMIT. The certificate is read, and the events that the act
   comes to are worked out, or refused.
2. The events are signed, each over the one before it, with no transaction open.
3. Events, list changes and the log's records are written; COMMIT. Where something else happened
   to the certificate since, the act is worked out anew from what is there now.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from certstore.history import Statement, link, sign_statement
from certstore.identifiers import CertificateIdentifier
from certstore.keys import Signer
from certstore.life_cycle import ISSUING, ImpossibleTransition
from exchange.access import Permitted
from exchange.audit.records import PreparedRecord, prepare
from exchange.certificates import repository, requests
from exchange.certificates.places import Places
from exchange.certificates.records import Certificate, Event, whole_history
from exchange.certificates.requests import Request
from exchange.certificates.transitions import (
    KINDS,
    Deed,
    Wanted,
    conflict_of,
    plan_act,
    plan_calling_off,
)
from exchange.certificates.trusting import Keys
from exchange.clock import Clock
from exchange.errors import Conflict, NotFound
from exchange.unit_of_work import UnitOfWork

ATTEMPTS: Final = 5


class Overtaken(Exception):
    """Something else happened to the certificate between reading and writing."""


@dataclass(frozen=True, slots=True)
class Found:
    """A certificate as it was read: its versions, and its history with every statement."""

    versions: tuple[Certificate, ...]
    history: tuple[Event, ...]

    @property
    def key(self) -> tuple[str, str, str]:
        """Issuer, type code and serial."""
        return self.versions[0].key


Planning = Callable[[Found, datetime], Deed]


class Acts:
    """Suspends, reinstates, ends, transfers and calls off."""

    def __init__(
        self, work: UnitOfWork[Any, Any], clock: Clock, keys: Keys, places: Places
    ) -> None:
        self._work = work
        self._clock = clock
        self._keys = keys
        self._places = places

    def act(
        self,
        permitted: Permitted,
        identifier: CertificateIdentifier,
        wanted: Wanted,
        request: str | None,
    ) -> None:
        """Do what is wanted to the version named.

        Raises:
            NotFound: the caller's department has issued no such certificate.
            Conflict: its state does not allow it then; or it changed again and again meanwhile.
            BadRequest: the day is too far ahead.
        """

        def plan(found: Found, now: datetime) -> Deed:
            return plan_act(
                wanted,
                version=identifier.version,
                versions=found.versions,
                history=found.history,
                by=permitted.caller.subject,
                now=now,
            )

        self._do(permitted, identifier, request, requests.digest_of(str(identifier), wanted), plan)

    def call_off(
        self,
        permitted: Permitted,
        identifier: CertificateIdentifier,
        sequence: int,
        wanted: Wanted,
        request: str | None,
    ) -> None:
        """Call off a planned event before it takes effect. Raises like :meth:`act`."""

        def plan(found: Found, now: datetime) -> Deed:
            return plan_calling_off(
                wanted,
                sequence,
                versions=found.versions,
                history=found.history,
                by=permitted.caller.subject,
                now=now,
            )

        digest = requests.digest_of(str(identifier), sequence, wanted)
        self._do(permitted, identifier, request, digest, plan)

    def _do(
        self,
        permitted: Permitted,
        identifier: CertificateIdentifier,
        request: str | None,
        digest: bytes,
        plan: Planning,
    ) -> None:
        name = request or str(self._clock.new_id())
        for _ in range(ATTEMPTS):
            with self._work.begin() as work:
                found = read(work.connection, identifier)
                intended = requests.intend(
                    work.connection, _request(permitted, identifier, name, digest, work.now)
                )
                if intended.done_at is not None:
                    return
                try:
                    deed = plan(found, work.now)
                except ImpossibleTransition as impossible:
                    raise conflict_of(impossible) from None
                work.commit()
            signed = self.sign(deed.events, found, {})
            try:
                self.commit(permitted, found, signed, deed, name)
            except Overtaken:
                continue
            return
        raise changed_meanwhile()

    def sign(
        self, events: Sequence[Event], found: Found | None, brought: dict[int, Certificate]
    ) -> tuple[Event, ...]:
        """The events with their statements, each signed over the one before it.

        ``brought`` are the versions that the events bring. No transaction may be open.
        """
        versions = {each.version: each for each in (found.versions if found else ())} | brought
        issuer = next(iter(versions.values())).issuer
        signer, uri = self._keys.issuer(issuer), self._places.issuer(issuer)
        before = found.history[-1].statement if found and found.history else None
        signed: list[Event] = []
        for event in events:
            certificate = versions[event.version]
            statement = _signed(event, certificate, before, signer, uri, event.version in brought)
            signed.append(replace(event, statement=statement))
            before = statement
        return tuple(signed)

    def commit(
        self,
        permitted: Permitted,
        found: Found,
        events: Sequence[Event],
        deed: Deed,
        request: str,
        brought: Certificate | None = None,
    ) -> None:
        """Write what was signed, in one unit of work with its records.

        Raises:
            Overtaken: the certificate is not any more as it was read.
        """
        key = found.key
        try:
            with self._work.begin() as work:
                done = requests.finish(
                    work.connection, permitted.department, request,
                    version=events[0].version, sequence=events[0].sequence, now=work.now,
                )  # fmt: skip
                if not done:
                    return  # another attempt at the same request was faster
                numbers = [each.slot.number for each in deed.changes]
                repository.lock_status_lists(work.connection, key[0], numbers)
                if not _is_as_read(work.connection, found):
                    raise Overtaken
                if brought is not None:
                    repository.add_certificate(work.connection, brought)
                    repository.finish_batch(work.connection, brought.batch, work.now)
                for event in events:
                    repository.add_event(work.connection, key, event)
                repository.add_status_changes(work.connection, key[0], deed.changes, work.now)
                for event in events:
                    work.record(record_of(permitted, found.versions[-1], event, brought, work.now))
                work.commit()
        except IntegrityError:
            raise Overtaken from None


def read(connection: sa.Connection, identifier: CertificateIdentifier) -> Found:
    """A certificate by one of its versions.

    Raises:
        NotFound: there is no such version.
    """
    key = (identifier.issuer, identifier.type_code, identifier.serial)
    versions = repository.versions(connection, *key)
    if not any(each.version == identifier.version for each in versions):
        raise NotFound("没有该证照。", "There is no such certificate.")
    events = repository.events(connection, *key)
    return Found(tuple(versions), tuple(whole_history(versions, events)))


def changed_meanwhile() -> Conflict:
    """The problem of whoever lost one race after the other."""
    return Conflict(
        "证照刚刚发生了变化,请重新查看后再操作。",
        "The certificate has just changed; look at it again first.",
        members={"reason": "changed-meanwhile"},
    )


def record_of(
    permitted: Permitted,
    known: Certificate,
    event: Event,
    brought: Certificate | None,
    now: datetime,
) -> PreparedRecord:
    """The log's record of one event: its statement by digest, never the officer's words, which
    may name persons and stand with the certificate."""
    identifier = CertificateIdentifier(known.type_code, known.issuer, known.serial, event.version)
    assert event.statement is not None  # noqa: S101  # every act is signed
    issued: dict[str, Any] = {}
    if brought is not None and event.version == brought.version and event.operation in ISSUING:
        issued = {"batch": str(brought.batch), "count": 1}
    return prepare(
        KINDS[event.operation],
        now,
        act=permitted.act,
        department=permitted.department,
        system=permitted.caller.subject,
        key=permitted.caller.key,
        holder=known.holder_key,
        type=known.type_key,
        certificates=[str(identifier)],
        policy=permitted.decision.policy_set,
        rules=permitted.decision.rules,
        reason=f"state-{event.state}",
        result=link(event.statement),
        outcome="done" if event.effective_at <= now else "pending",
        **issued,
    )


def _request(
    permitted: Permitted,
    identifier: CertificateIdentifier,
    name: str,
    digest: bytes,
    now: datetime,
) -> Request:
    return Request(
        permitted.department, name, digest, permitted.act, permitted.caller.subject, now,
        identifier.issuer, identifier.type_code, identifier.serial,
    )  # fmt: skip


def _is_as_read(connection: sa.Connection, found: Found) -> bool:
    key = found.key
    versions = repository.versions(connection, *key)
    events = repository.events(connection, *key)
    if not found.history:
        return not versions  # nothing was there, and nothing may be
    newest = events[-1].sequence if events else 0
    return len(versions) == len(found.versions) and newest == found.history[-1].sequence


def _signed(
    event: Event,
    certificate: Certificate,
    before: str | None,
    signer: Signer,
    issuer_uri: str,
    brought: bool,
) -> str:
    brings = brought and event.operation in ISSUING
    return sign_statement(
        Statement(
            identifier=certificate.identifier,
            version=event.version,
            sequence=event.sequence,
            operation=event.operation,
            state=event.state,
            effective_at=event.effective_at,
            recorded_at=event.recorded_at,
            recorded_by=event.recorded_by,
            reason_code=event.reason_code,
            reason=event.reason,
            legal_ground=event.legal_ground,
            previous=link(before) if before is not None else None,
            credential=link(certificate.credential) if brings else None,
            withdraws=event.withdraws,
            related=event.related,
            last_day=certificate.valid_until if brings else None,
        ),
        signer,
        issuer_uri=issuer_uri,
    )
