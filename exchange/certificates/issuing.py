"""Issuing in bulk, in three acts: commit the intent, sign, commit the outcome.

1. Places in status lists are taken and the batch is written down; COMMIT.
2. The chunk is signed, with no transaction open.
3. Certificates, events, status changes and the log's record of them are written; COMMIT.

Killed between any two, nothing is issued twice: what is there is recognised by the row it came
from, and the places taken for nothing are never given out again. Two issuers at the same
certificates at once meet at the primary key; the later one decides anew.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa
from psycopg2.errors import DeadlockDetected, UniqueViolation

from certstore.errors import CertstoreError
from certstore.history import BY_REGISTER
from certstore.holders import Holder, holder_key
from certstore.identifiers import CertificateIdentifier
from certstore.life_cycle import ISSUE
from certstore.status import INVALID, State
from certstore.types import CertificateType
from exchange.audit.records import PreparedRecord, prepare
from exchange.certificates import copying, repository
from exchange.certificates.chunks import Chunk, SignedChunk, Stated, ToSign
from exchange.certificates.copying import OPERATION_OF, Change
from exchange.certificates.places import Places
from exchange.certificates.planning import Plan, Planned, make_plan
from exchange.certificates.records import Counts, Issuable, Slot, beginning_of, civil_day
from exchange.certificates.signing import Signing
from exchange.certificates.slots import StatusSlots
from exchange.clock import Clock
from exchange.departments.records import Department
from exchange.unit_of_work import UnitOfWork

CHUNK: Final = 2500
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
        return f"{BY_REGISTER}{self.pull or '-'}"


@dataclass(frozen=True, slots=True)
class _Intent:
    """A batch between its first and its third act; without anything to issue it has none."""

    rows: Sequence[Issuable]
    plan: Plan
    slots: Sequence[Slot] = ()
    chunk: Chunk | None = None
    signed: Future[SignedChunk] | None = None


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

    def _intend(self, order: _Order, rows: Sequence[Issuable], *, check: bool = False) -> _Intent:
        """Decide, commit the intent, have it signed.

        The key's own check of a row against its type comes last and costs one pass; ``check``
        makes the plan look first, once that has refused a row.
        """
        issuer, kind = order.issuer, order.kind
        serials = sorted({row.serial for row in rows})
        with self._work.begin() as work:
            histories = repository.histories(
                work.connection, issuer.code, kind.code, serials, work.now
            )
            plan = make_plan(
                rows,
                histories,
                _check_of(order) if check else _check_nothing,
                pull=order.pull,
                now=work.now,
            )
            if not plan.versions:
                return _Intent(rows, plan)
            links = repository.last_links(
                work.connection, issuer.code, kind.code, _serials_to_follow(plan)
            )
            batch = self._clock.new_id()
            slots = self._slots.allocate(work.connection, issuer.code, len(plan.versions))
            repository.add_batch(
                work.connection,
                batch=batch,
                issuer=issuer.code,
                type_code=kind.code,
                planned=len(plan.versions),
                pull=order.pull,
                now=work.now,
            )
            work.commit()
            issued_at = work.now
        chunk = self._chunk(order, plan, slots, links, batch, issued_at)
        return _Intent(rows, plan, slots, chunk, order.signing.submit(chunk))

    def _chunk(
        self,
        order: _Order,
        plan: Plan,
        slots: Sequence[Slot],
        links: Mapping[str, str],
        batch: UUID,
        issued_at: datetime,
    ) -> Chunk:
        issuer = order.issuer.code
        return Chunk(
            issuer=order.issuer,
            kind=order.kind,
            issuer_uri=self._places.issuer(issuer),
            status_uris={
                number: self._places.status_list(issuer, number)
                for number in {slot.number for slot in slots}
            },
            issued_at=issued_at,
            batch=batch,
            versions=[
                self._to_sign(planned, slot, links, issued_at)
                for planned, slot in zip(plan.versions, slots, strict=True)
            ],
            recorded_by=order.recorded_by,
        )

    def _to_sign(
        self, planned: Planned, slot: Slot, links: Mapping[str, str], now: datetime
    ) -> ToSign:
        row = planned.row
        assert row.valid_from is not None  # noqa: S101  # planning refused the others
        first = ToSign(
            row.serial,
            planned.version,
            row.holder_id_type,
            row.holder_id,
            row.holder_name,
            holder_key(self._holder_hmac_key, row.holder_id_type, row.holder_id),
            row.fields,
            row.valid_from,
            row.valid_until,
            row.issued_on or civil_day(now),
            slot.number,
            slot.index,
            row.source_key,
            row.source_hash,
        )
        if planned.operation == ISSUE and planned.state == State.VALID.code:
            return first
        begins = planned.effective_at
        return first._replace(
            operation=planned.operation,
            sequence=planned.events + (planned.operation != ISSUE),
            effective_at=begins,
            to_come=begins is not None and begins > now,
            previous=links.get(row.serial),
            stated=_stated(planned, now),
        )

    def _finish(self, order: _Order, intent: _Intent) -> Counts:
        """Commit the outcome. Where a row was refused or another was faster, decide anew."""
        for attempt in range(_ATTEMPTS):
            try:
                self._commit(order, intent)
            except (CertstoreError, UniqueViolation, DeadlockDetected):
                if attempt == _ATTEMPTS - 1:
                    raise
                intent = self._intend(order, intent.rows, check=True)
            else:
                break
        return _counts(intent.plan)

    def _commit(self, order: _Order, intent: _Intent) -> None:
        if intent.chunk is None or intent.signed is None:
            return
        signed = intent.signed.result()
        issuer, versions = order.issuer.code, intent.plan.versions
        changes = copying.status_changes_of(versions, intent.slots, intent.chunk.issued_at)
        with self._work.begin() as work:
            if changes:
                repository.lock_status_lists(
                    work.connection, issuer, (each.slot.number for each in changes)
                )
            copying.copy_certificates(work.connection, signed.lines)
            copying.copy_events(work.connection, signed.events)
            if changes:
                changes += _calling_off(work.connection, issuer, versions, changes, work.now)
                copying.copy_status_changes(work.connection, issuer, changes, work.now)
            repository.finish_batch(work.connection, intent.chunk.batch, work.now)
            work.record(_record(order, intent.chunk, signed, work.now))
            work.commit()


def _serials_to_follow(plan: Plan) -> list[str]:
    """The serials whose new version follows a statement that stands in the database."""
    return sorted(
        {
            each.row.serial
            for each in plan.versions
            if each.supersedes and each.supersedes[0].slot is not None
        }
    )


def _stated(planned: Planned, now: datetime) -> Stated | None:
    state = State.from_code(planned.state)
    if state is State.VALID:
        return None
    since = planned.row.state_since
    at = beginning_of(since) if since else planned.effective_at or now
    return Stated(OPERATION_OF[state], state.code, at)


def _calling_off(
    connection: sa.Connection,
    issuer: str,
    versions: Sequence[Planned],
    changes: Sequence[Change],
    now: datetime,
) -> list[Change]:
    """What was planned for places that are superseded by now: they stay as they are."""
    earlier = {
        before.slot for each in versions for before in each.supersedes if before.slot is not None
    }
    ends = {each.slot: each.effective_at or now for each in changes if each.slot in earlier}
    return [
        Change(slot, INVALID, at)
        for slot, at in repository.planned_changes(connection, issuer, ends, now)
        if at >= ends[slot]
    ]


def _check_nothing(row: Issuable) -> None:
    return None


def _check_of(order: _Order) -> Callable[[Issuable], None]:
    issuer, kind = order.issuer.code, order.kind

    def check(row: Issuable) -> None:
        CertificateIdentifier(kind.code, issuer, row.serial, 1)
        assert row.valid_from is not None  # noqa: S101  # planning refused the others
        kind.check(
            issuer=issuer,
            holder=Holder(row.holder_id_type, row.holder_id, row.holder_name),
            fields=row.fields,
            valid_from=row.valid_from,
            valid_until=row.valid_until,
        )

    return check


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


def _first_versions(plan: Plan) -> int:
    return sum(planned.version == 1 for planned in plan.versions)


def _counts(plan: Plan) -> Counts:
    first = _first_versions(plan)
    return Counts(
        issued=plan.issued_before + first,
        revised=plan.revised_before + len(plan.versions) - first,
        unchanged=plan.unchanged,
        faulty=plan.faulty,
        faults=tuple(plan.faults),
    )


def _record(order: _Order, chunk: Chunk, signed: SignedChunk, now: datetime) -> PreparedRecord:
    first = sum(each.version == 1 for each in chunk.versions)
    count = len(chunk.versions)
    return prepare(
        "issue",
        now,
        department=order.issuer.code,
        type=order.kind.key,
        count=count,
        counts={"issued": first, "revised": count - first},
        result=signed.digest,
        batch=str(chunk.batch),
        outcome="done",
    )
