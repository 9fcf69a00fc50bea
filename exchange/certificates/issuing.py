"""Issuing in bulk, in three acts: commit the intent, sign, commit the outcome.

1. Places in status lists are taken and the batch is written down; COMMIT.
2. The chunk is signed, with no transaction open.
3. Certificates, events, status changes and the log's record of them are written; COMMIT.

Killed between any two, nothing is issued twice: what is there is recognised by the row it came
from, and the places taken for nothing are never given out again. Two issuers at the same
certificates at once meet at the primary key; the later one decides anew.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from psycopg2.errors import DeadlockDetected, UniqueViolation

from certstore.holders import Holder, holder_key
from certstore.identifiers import CertificateIdentifier
from certstore.issue import CertificateDraft
from certstore.types import CertificateType, Title
from exchange.audit.records import prepare
from exchange.certificates import copying, repository
from exchange.certificates.copying import Signed
from exchange.certificates.places import Places
from exchange.certificates.planning import Plan, Planned, make_plan
from exchange.certificates.records import Counts, Issuable, Slot, civil_day
from exchange.certificates.signing import Signing
from exchange.certificates.slots import StatusSlots
from exchange.clock import Clock
from exchange.departments.records import Department
from exchange.unit_of_work import UnitOfWork

CHUNK: Final = 1000
IN_FLIGHT: Final = 4
"""Chunks that are planned and being signed while an earlier one is written."""
_ATTEMPTS: Final = 5


@dataclass(frozen=True, slots=True)
class _Order:
    """What is issued, by whom, and for which pull."""

    issuer: Department
    kind: CertificateType
    pull: UUID | None
    signing: Signing

    @property
    def recorded_by(self) -> str:
        return f"{repository.BY_REGISTER}{self.pull or '-'}"


@dataclass(frozen=True, slots=True)
class _Intent:
    """A batch between its first and its third act."""

    rows: Sequence[Issuable]
    plan: Plan
    batch: UUID | None
    issued_at: datetime
    slots: Sequence[Slot]
    drafts: Sequence[CertificateDraft]
    signed: Future[list[str]] | None


class Issuing:
    """Issues what registers state."""

    def __init__(
        self, work: UnitOfWork[Any, Any], clock: Clock, places: Places, holder_hmac_key: bytes
    ) -> None:
        self._work = work
        self._clock = clock
        self._places = places
        self._holder_hmac_key = holder_hmac_key
        self._slots = StatusSlots(holder_hmac_key)

    def issue(
        self,
        issuer: Department,
        kind: CertificateType,
        rows: Iterable[Issuable],
        *,
        signing: Signing,
        pull: UUID | None = None,
    ) -> Iterator[Counts]:
        """Issue what the rows state, chunk by chunk; each chunk is durable when it is counted.

        Rows of one serial must come together, an earlier term before a later one. Stopping
        between two chunks loses nothing: the next run takes the rest up.
        """
        order = _Order(issuer, kind, pull, signing)
        waiting: deque[_Intent] = deque()
        for chunk in _chunks(rows):
            waiting.append(self._intend(order, chunk))
            if len(waiting) >= IN_FLIGHT:
                yield self._finish(order, waiting.popleft())
        while waiting:
            yield self._finish(order, waiting.popleft())

    def _intend(self, order: _Order, rows: Sequence[Issuable]) -> _Intent:
        """Decide, commit the intent, have it signed."""
        issuer, kind = order.issuer, order.kind

        def check(row: Issuable) -> None:
            CertificateIdentifier(kind.code, issuer.code, row.serial, 1)
            assert row.valid_from is not None  # noqa: S101  # planning refused the others
            kind.check(
                issuer=issuer.code, holder=_holder(row), fields=row.fields,
                valid_from=row.valid_from, valid_until=row.valid_until,
            )  # fmt: skip

        with self._work.begin() as work:
            histories = repository.histories(
                work.connection, issuer.code, kind.code, sorted({row.serial for row in rows})
            )
            plan = make_plan(rows, histories, check, pull=order.pull)
            if not plan.versions:
                return _Intent(rows, plan, None, work.now, (), (), None)
            batch = self._clock.new_id()
            slots = self._slots.allocate(work.connection, issuer.code, len(plan.versions))
            repository.add_batch(
                work.connection, batch=batch, issuer=issuer.code, type_code=kind.code,
                planned=len(plan.versions), pull=order.pull, now=work.now,
            )  # fmt: skip
            work.commit()
            issued_at = work.now
        drafts = [
            self._draft(order, planned, slot, issued_at)
            for planned, slot in zip(plan.versions, slots, strict=True)
        ]
        signed = order.signing.submit(
            drafts, issuer_uri=self._places.issuer(issuer.code), issued_at=issued_at
        )
        return _Intent(rows, plan, batch, issued_at, slots, drafts, signed)

    def _draft(
        self, order: _Order, planned: Planned, slot: Slot, issued_at: datetime
    ) -> CertificateDraft:
        row, issuer = planned.row, order.issuer
        assert row.valid_from is not None  # noqa: S101  # planning refused the others
        return CertificateDraft(
            identifier=CertificateIdentifier(
                order.kind.code, issuer.code, row.serial, planned.version
            ),
            type=order.kind,
            issuer_name=Title(issuer.name_zh, issuer.name_en),
            holder=_holder(row),
            fields=row.fields,
            issued_on=row.issued_on or civil_day(issued_at),
            valid_from=row.valid_from,
            valid_until=row.valid_until,
            status_uri=self._places.status_list(issuer.code, slot.number),
            status_index=slot.index,
        )

    def _finish(self, order: _Order, intent: _Intent) -> Counts:
        """Commit the outcome; where another was faster, decide anew."""
        for _ in range(_ATTEMPTS):
            try:
                self._commit(order, intent)
            except (UniqueViolation, DeadlockDetected):
                intent = self._intend(order, intent.rows)
            else:
                return _counts(intent.plan)
        self._commit(order, intent)
        return _counts(intent.plan)

    def _commit(self, order: _Order, intent: _Intent) -> None:
        if intent.batch is None or intent.signed is None:
            return
        credentials = intent.signed.result()
        key = self._holder_hmac_key
        signed = [
            Signed(
                planned, draft, slot, holder_key(key, draft.holder.id_type, draft.holder.id),
                credential,
            )
            for planned, draft, slot, credential in zip(
                intent.plan.versions, intent.drafts, intent.slots, credentials, strict=True
            )
        ]  # fmt: skip
        changes = copying.status_changes_of(signed)
        with self._work.begin() as work:
            if changes:
                repository.lock_status_lists(
                    work.connection, order.issuer.code, (slot.number for slot, _ in changes)
                )
            copying.copy_certificates(
                work.connection, signed, issued_at=intent.issued_at, batch=intent.batch
            )
            copying.copy_events(
                work.connection, signed, now=work.now, recorded_by=order.recorded_by
            )
            if changes:
                copying.copy_status_changes(work.connection, order.issuer.code, changes, work.now)
            repository.finish_batch(work.connection, intent.batch, work.now)
            work.record(_record(order, intent, credentials, work.now))
            work.commit()


def _chunks(rows: Iterable[Issuable]) -> Iterator[list[Issuable]]:
    """Chunks of about ``CHUNK`` rows that never part the terms of one serial."""
    chunk: list[Issuable] = []
    for row in rows:
        if len(chunk) >= CHUNK and row.serial != chunk[-1].serial:
            yield chunk
            chunk = []
        chunk.append(row)
    if chunk:
        yield chunk


def _holder(row: Issuable) -> Holder:
    return Holder(row.holder_id_type, row.holder_id, row.holder_name)


def _counts(plan: Plan) -> Counts:
    first = sum(planned.version == 1 for planned in plan.versions)
    return Counts(
        issued=plan.issued_before + first,
        revised=plan.revised_before + len(plan.versions) - first,
        unchanged=plan.unchanged,
        faulty=plan.faulty,
        faults=tuple(plan.faults),
    )


def _record(order: _Order, intent: _Intent, credentials: Sequence[str], now: datetime) -> Any:
    """The log's record of a batch: ``result`` is SHA-256 over the sorted SHA-256 of its
    credentials, so that a department can show later what exactly it issued."""
    digests = sorted(hashlib.sha256(each.encode()).digest() for each in credentials)
    first = sum(planned.version == 1 for planned in intent.plan.versions)
    return prepare(
        "issue",
        now,
        department=order.issuer.code,
        type=order.kind.key,
        count=len(credentials),
        counts={"issued": first, "revised": len(credentials) - first},
        result=hashlib.sha256(b"".join(digests)).digest(),
        batch=str(intent.batch),
        outcome="done",
    )
