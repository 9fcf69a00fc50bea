"""The hot path: lookups that arrive while the last commit runs share the next one.

One thread and one connection per process. It takes everything that queued, reads once, decides
once, appends the records, commits, and only then signs and releases the answers. There is no
timer: under no load a lookup waits for nothing, under load a batch is as large as it must be.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

import psycopg2
import sqlalchemy as sa
import structlog

from certstore.errors import IdentifierError
from certstore.holders import holder_key
from certstore.identifiers import CertificateIdentifier
from certstore.keys import Signer
from exchange.access import Caller, disabled
from exchange.audit.gate import LogGate
from exchange.audit.log import Appended, Log, receipts
from exchange.certificates.records import civil_day
from exchange.clock import Clock
from exchange.database import is_unreachable
from exchange.errors import HubError, Overloaded, Unauthenticated, Unavailable
from exchange.governance.snapshot import Governance, Snapshot
from exchange.lookups import presented, reading
from exchange.lookups.answers import digest, sign_answer
from exchange.lookups.deciding import Asked, Decided, Deciding
from exchange.lookups.reading import Held
from exchange.lookups.releasing import release
from exchange.lookups.schemas import LookupIn
from exchange.lookups.units import Answered, Unit
from exchange.observing import count_lookups

MOST_LOOKUPS_PER_COMMIT = 1000
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Committed:
    """A batch whose records are durable and whose answers are not given yet."""

    units: Sequence[Unit]
    decided: Sequence[Decided]
    appended: Appended
    at: datetime
    signer: Signer


class AnswerKeys(Protocol):
    """Where the key of answers is found (``exchange.keyring.service.Keyring``)."""

    def answering(self, revision: int) -> Signer:
        """The key of answers as of a revision of what governs."""
        ...

    def refuses(self, token_key: str) -> bool:
        """True where tokens of that key no longer open anything."""
        ...


class LookupBatches:
    """The room's service. :meth:`start` it once per process, :meth:`stop` it at the end."""

    def __init__(
        self,
        engine: sa.Engine,
        governance: Governance,
        audit: Log,
        keys: AnswerKeys,
        clock: Clock,
        *,
        issuer: str,
        holder_hmac_key: bytes,
        most_waiting: int,
        gate: LogGate | None = None,
    ) -> None:
        self._engine = engine
        self._governance = governance
        self._audit = audit
        self._keys = keys
        self._clock = clock
        self._issuer = issuer
        self._holder_hmac_key = holder_hmac_key
        self._most_waiting = most_waiting
        self._gate = gate
        self._queue: deque[Unit] = deque()
        self._waiting = 0
        self._wake = threading.Condition()
        self._stopping = False
        self._thread: threading.Thread | None = None
        self._connection: psycopg2.extensions.connection | None = None

    def start(self) -> None:
        """Start the thread; a second call does nothing."""
        if self._thread is None:
            self._stopping = False
            self._thread = threading.Thread(target=self._run, name="lookups", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Serve what waits, then end the thread."""
        with self._wake:
            self._stopping = True
            self._wake.notify()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    async def answer(
        self,
        caller: Caller,
        lookups: Sequence[LookupIn],
        body: bytes,
        *,
        with_receipts: bool = True,
        code: bytes | None = None,
    ) -> Answered:
        """Answer the lookups of one request, after its records are committed.

        ``code`` is the hash of the one-time code that the request, of one lookup then, rests on.

        Raises:
            Overloaded: too many wait; nothing was done.
            Unavailable: the database cannot be reached; nothing is answered.
            Unwitnessed: too few witnesses saw the log for too long; nothing was done.
            Unauthenticated: the system was disabled.
        """
        loop = asyncio.get_running_loop()
        unit = Unit(caller, lookups, digest(body), with_receipts, loop, loop.create_future(), code)
        with self._wake:
            if self._waiting + len(lookups) > self._most_waiting or self._stopping:
                raise Overloaded(
                    "系统繁忙,请稍后重试。", "Too many lookups wait; try again shortly.",
                    headers={"Retry-After": "1"},
                )  # fmt: skip
            self._queue.append(unit)
            self._waiting += len(lookups)
            self._wake.notify()
        return await unit.future

    def _run(self) -> None:
        while True:
            with self._wake:
                while not self._queue and not self._stopping:
                    self._wake.wait()
                if not self._queue:
                    break
                units = self._take()
            self._serve(units)
        self._disconnect()

    def _take(self) -> list[Unit]:
        units = [self._queue.popleft()]
        count = len(units[0].lookups)
        while self._queue and count + len(self._queue[0].lookups) <= MOST_LOOKUPS_PER_COMMIT:
            unit = self._queue.popleft()
            count += len(unit.lookups)
            units.append(unit)
        self._waiting -= count
        return units

    def _serve(self, units: list[Unit]) -> None:
        try:
            committed = self._commit_together(units)
        except Exception as error:
            self._disconnect()
            if is_unreachable(error):
                for unit in units:
                    unit.outcome = _unavailable()
            elif len(units) > 1:
                # One of them cannot be served: it fails alone, the others are answered.
                for unit in units:
                    self._serve([unit])
                return
            else:
                log.error("lookup failed", error=type(error).__name__)
                units[0].outcome = error
        else:
            if committed is not None:
                self._answer(committed)
        release(units)

    def _commit_together(self, units: Sequence[Unit]) -> _Committed | None:
        now = self._clock.now()
        connection = self._connected()
        cursor = connection.cursor()
        refusal = self._gate.find_refusal(cursor, now) if self._gate else None
        if refusal is not None:
            connection.rollback()
            for unit in units:
                unit.outcome = refusal
            return None
        # 1. What governs, as of this instant.
        snapshot = self._snapshot(reading.revision(cursor))
        signer = self._keys.answering(snapshot.revision)
        serving = []
        for unit in units:
            if disabled(snapshot, unit.caller) or self._refuses(unit.caller):
                unit.outcome = Unauthenticated("应用系统已停用。", "The system has been disabled.")
            else:
                serving.append(unit)
        # 2. Read everything once. Authorizations first: their rows stay locked to the end.
        asked = self._asked(serving)
        deciding = Deciding(
            snapshot,
            dict(reading.authorizations(cursor, _authorizations(asked))),
            now,
            civil_day(now),
            presented.presentations(cursor, {each.code for each in asked if each.code}),
        )
        holders, held = self._held(cursor, asked, snapshot, now)
        # 3. Decide in the order they came.
        decided = [deciding.decide(each, holders[n], held[n]) for n, each in enumerate(asked)]
        if not decided:
            connection.rollback()
            return None
        # 4. Write the uses, then the records; the head of the log is locked last.
        reading.take_uses(cursor, deciding.uses, now)
        presented.use_codes(cursor, deciding.code_uses, now)
        appended = self._audit.append(cursor, [each.record for each in decided], now)
        connection.commit()
        return _Committed(serving, decided, appended, now, signer)

    def _answer(self, committed: _Committed) -> None:
        """5. Only now may anything leave. What fails here stands in the log: it is not retried."""
        try:
            count_lookups(each.outcome for each in committed.decided)
            self._sign(committed)
        except Exception as error:
            log.error("lookups committed but not answered", error=type(error).__name__)
            for unit in committed.units:
                unit.outcome = unit.outcome or error

    def _snapshot(self, revision: int) -> Snapshot:
        known = self._governance.known(revision)
        if known is not None:
            return known
        with self._engine.connect() as connection:
            return self._governance.at(revision, connection)

    def _asked(self, units: Sequence[Unit]) -> list[Asked]:
        asked = []
        for unit in units:
            unit.ids = [self._clock.new_id() for _ in unit.lookups]
            asked += [
                Asked(key, lookup, unit.caller, unit.request, unit.code)
                for key, lookup in zip(unit.ids, unit.lookups, strict=True)
            ]
        return asked

    def _held(
        self,
        cursor: psycopg2.extensions.cursor,
        asked: Sequence[Asked],
        snapshot: Snapshot,
        now: datetime,
    ) -> tuple[list[bytes | None], list[list[Held]]]:
        holders: list[bytes | None] = []
        by_holder: list[tuple[int, bytes, str]] = []
        by_number: list[tuple[int, str, str, str, str]] = []
        for n, each in enumerate(asked):
            lookup = each.lookup
            key = None
            if lookup.holder is not None:
                key = holder_key(self._holder_hmac_key, lookup.holder.id_type, lookup.holder.id)
            holders.append(key)
            if lookup.certificate_type not in snapshot.types:
                continue
            if lookup.identifier is not None:
                found = _parsed(lookup.identifier)
                if found is not None:
                    by_number.append(
                        (n, found.issuer, found.type_code, found.serial, lookup.certificate_type)
                    )
            elif key is not None:
                by_holder.append((n, key, lookup.certificate_type))
        held: list[list[Held]] = [[] for _ in asked]
        for n, certificate in reading.certificates_of_holders(cursor, by_holder, now):
            held[n].append(certificate)
        for n, certificate in reading.certificates_by_number(cursor, by_number, now):
            if holders[n] is None:
                holders[n] = certificate.holder_key
            if holders[n] == certificate.holder_key:
                held[n].append(certificate)
        return holders, held

    def _sign(self, committed: _Committed) -> None:
        appended = committed.appended
        proofs = receipts(appended)
        start = 0
        for unit in committed.units:
            end = start + len(unit.lookups)
            own = tuple(committed.decided[start:end])
            index = appended.first_index + start
            unit.outcome = Answered(
                ids=tuple(unit.ids),
                decided=own,
                indexes=range(index, index + len(own)),
                answer=sign_answer(
                    committed.signer,
                    issuer=self._issuer,
                    audience=unit.caller.subject,
                    issued_at=int(committed.at.timestamp()),
                    request=unit.request,
                    result=digest(result_of_unit(own, index)),
                    origin=self._audit.origin,
                    index=index,
                    count=len(own),
                ),
                checkpoint=appended.checkpoint,
                receipts=tuple(proofs[start:end]) if unit.with_receipts else (),
            )
            start = end

    def _refuses(self, caller: Caller) -> bool:
        return caller.token_key is not None and self._keys.refuses(caller.token_key)

    def _connected(self) -> psycopg2.extensions.connection:
        if self._connection is None:
            connection = self._engine.raw_connection()
            connection.detach()
            dbapi = connection.dbapi_connection
            assert isinstance(dbapi, psycopg2.extensions.connection)  # noqa: S101
            cursor = dbapi.cursor()
            for statement in (*reading.PREPARE, *presented.PREPARE):
                cursor.execute(statement)
            dbapi.commit()
            self._connection = dbapi
        return self._connection

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def result_of_unit(decided: Sequence[Decided], first_index: int) -> bytes:
    """The canonical JSON of what a unit is told: of one lookup its result, of several the list."""
    if len(decided) == 1:
        return decided[0].result
    return b"[" + b",".join(each.result for each in decided) + b"]"


def _authorizations(asked: Sequence[Asked]) -> set[UUID]:
    return {
        each.lookup.basis.authorization
        for each in asked
        if each.lookup.basis is not None
        and each.lookup.basis.authorization is not None
        and each.code is None
    }


def _parsed(identifier: str) -> CertificateIdentifier | None:
    try:
        return CertificateIdentifier.parse(identifier)
    except IdentifierError:
        return None


def _unavailable() -> HubError:
    return Unavailable(
        "数据库暂不可用,因此不作答复。请稍后重试。",
        "The database cannot be reached, so no answer is given. Try again later.",
        headers={"Retry-After": "5"},
    )
