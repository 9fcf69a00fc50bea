"""Running a pull: read, judge, issue, put what is faulty into quarantine, add up.

Each step can be killed. What was issued before a kill is recognised by its row when the pull is
taken up again and counts as issued by it; so the sum holds after a kill as well.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa
import structlog

from certstore.errors import CertstoreError
from certstore.types import CertificateType
from connectors import Batch, ConnectorError, Definition, RegisterRecord, WorkerGate, read_batch
from connectors.records import Held
from exchange.audit.records import prepare
from exchange.certificates.records import Counts, Issuable
from exchange.certificates.service import Certificates
from exchange.certificates.signing import BrokenProcessPool, Signing, signing_for
from exchange.database import is_unreachable
from exchange.errors import HubError, NotFound, Unavailable
from exchange.keyring.service import Keyring
from exchange.registers import repository
from exchange.registers.fitting import find_misfit
from exchange.registers.records import UNFINISHED, Failure, Finding, Pull
from exchange.unit_of_work import UnitOfWork, Work

POOL_FROM: Final = 20_000
"""Rows from which starting signing processes costs less than it saves."""
log = structlog.get_logger()


class Pulling:
    """Runs pulls, one of each register at a time in the whole installation."""

    def __init__(
        self,
        engine: sa.Engine,
        work: UnitOfWork[Any, Any],
        certificates: Certificates,
        types: Callable[[], Mapping[str, CertificateType]],
        definitions: Mapping[str, Definition],
        gate: WorkerGate,
        *,
        root: Path | None,
        keys: Keyring,
        workers: int,
    ) -> None:
        self._engine = engine
        self._work = work
        self._certificates = certificates
        self._types = types
        self._definitions = definitions
        self._gate = gate
        self._root = root
        self._keys = keys
        self._workers = workers

    def unfinished(self) -> list[UUID]:
        """The pulls that a killed worker may have left behind."""
        with self._work.read() as connection:
            return [pull.id for pull in repository.unfinished(connection)]

    def run(self, pull: UUID) -> None:
        """Run a pull that is requested, or take up one that was cut short."""
        with self._work.read() as connection:
            found = repository.find_pull(connection, pull)
        if found is None:
            return
        with self._alone(found.register) as alone:
            if not alone:
                return  # another worker has it
            with self._work.read() as connection:
                found = repository.find_pull(connection, pull)
            if found is not None and found.state in UNFINISHED:
                self._run(found)

    def _run(self, pull: Pull) -> None:
        try:
            self._pull(pull)
        except (BrokenProcessPool, Unavailable):
            raise  # the pull stays running and is taken up again
        except (ConnectorError, CertstoreError, HubError) as error:
            self._fail(pull, Failure(error.code, error.zh, error.en))
        except Exception as error:
            if is_unreachable(error):
                raise
            # The class, never the text: it may repeat a row.
            log.error("pull broken off", register=pull.register, error=type(error).__name__)
            zh, en = "系统内部错误,归集中止。", "Internal error; the pull was broken off."
            self._fail(pull, Failure("internal", zh, en))

    def _pull(self, pull: Pull) -> None:
        definition = self._definitions.get(pull.register)
        kind = self._types().get(definition.certificate_type) if definition else None
        if definition is None or kind is None:
            raise NotFound(
                "登记簿定义或其证照类型已不存在。",
                "The register's definition or its certificate type is gone.",
            )
        if self._root is None:
            raise NotFound(
                "未设置登记簿目录 YICI_REGISTERS_DIR。",
                "YICI_REGISTERS_DIR, the folder of the registers, is not set.",
            )
        misfit = find_misfit(definition, kind)
        if misfit is not None:
            self._fail(pull, misfit)
            return
        self._started(pull, definition)
        batch = read_batch(definition, self._root, gate=self._gate)
        if batch.held is not None:
            self._hold(pull, batch, batch.held)
        else:
            self._finish(pull, batch, self._issue(pull, definition, batch))

    def _issue(self, pull: Pull, definition: Definition, batch: Batch) -> Counts:
        counts = Counts()
        with self._signing(definition.department, len(batch.clean)) as signing:
            rows = (_issuable(record) for record in batch.clean)
            for chunk in self._certificates.issue_records(
                definition.department,
                definition.certificate_type,
                rows,
                signing=signing,
                pull=pull.id,
            ):
                counts += chunk
                self._progress(pull, batch, counts)
        return counts

    @contextlib.contextmanager
    def _signing(self, department: str, rows: int) -> Iterator[Signing]:
        workers = 0 if rows < POOL_FROM else self._workers
        with signing_for(self._keys, department, workers=workers) as signing:
            yield signing

    @contextlib.contextmanager
    def _alone(self, register: str) -> Iterator[bool]:
        """A lock of the session: PostgreSQL lets go of it when the worker ends, however it ends."""
        with self._engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            key = {"key": f"yici pull {register}"}
            held = connection.execute(
                sa.text("SELECT pg_try_advisory_lock(hashtextextended(:key, 0))"), key
            ).scalar()
            try:
                yield bool(held)
            finally:
                connection.invalidate()

    def _started(self, pull: Pull, definition: Definition) -> None:
        with self._work.begin() as work:
            repository.change(
                work.connection,
                pull.id,
                {
                    "state": "running",
                    "started_at": pull.started_at or work.now,
                    "definition_digest": definition.digest,
                },
            )
            work.commit()

    def _progress(self, pull: Pull, batch: Batch, counts: Counts) -> None:
        with self._work.begin() as work:
            repository.change(work.connection, pull.id, _sums(batch, counts))
            work.commit()

    def _finish(self, pull: Pull, batch: Batch, counts: Counts) -> None:
        findings = [*_findings(batch), *_issue_findings(counts)]
        self._end(pull, "done", batch, _sums(batch, counts), findings)

    def _hold(self, pull: Pull, batch: Batch, held: Held) -> None:
        values = {
            "received": batch.received,
            "quarantined": len(batch.quarantined),
            "failure_code": held.rule,
            "failure_zh": held.zh,
            "failure_en": held.en,
        }
        self._end(pull, "held", batch, values, _findings(batch))

    def _end(
        self,
        pull: Pull,
        state: str,
        batch: Batch,
        values: Mapping[str, Any],
        findings: Sequence[Finding],
    ) -> None:
        with self._work.begin() as work:
            repository.put_findings(work.connection, pull, findings, work.now)
            self._close(
                work, pull, state, {**values, "source_digest": batch.source_digest}, batch.received
            )

    def _fail(self, pull: Pull, failure: Failure) -> None:
        log.warning("pull failed", register=pull.register, code=failure.code)
        with self._work.begin() as work:
            values = {
                "failure_code": failure.code,
                "failure_zh": failure.zh,
                "failure_en": failure.en,
            }
            self._close(work, pull, "failed", values, 0)

    def _close(
        self,
        work: Work[Any, Any],
        pull: Pull,
        state: str,
        values: Mapping[str, Any],
        received: int,
    ) -> None:
        repository.change(
            work.connection, pull.id, {**values, "state": state, "finished_at": work.now}
        )
        names = ("issued", "revised", "unchanged", "quarantined")
        work.record(
            prepare(
                "pull",
                work.now,
                department=pull.department,
                source=pull.register,
                count=received,
                counts={name: values[name] for name in names if name in values} or None,
                reason=values.get("failure_code"),
                outcome="done" if state == "done" else "failed",
            )
        )
        work.commit()


def _sums(batch: Batch, counts: Counts) -> dict[str, int]:
    return {
        "received": batch.received,
        "issued": counts.issued,
        "revised": counts.revised,
        "unchanged": counts.unchanged,
        "quarantined": len(batch.quarantined) + counts.faulty,
    }


def _issuable(record: RegisterRecord) -> Issuable:
    return Issuable(
        source_key=record.record_key,
        source_hash=record.content_hash,
        serial=record.serial,
        holder_id_type=record.holder_id_type,
        holder_id=record.holder_id,
        holder_name=record.holder_name,
        fields=record.fields,
        valid_from=record.valid_from,
        valid_until=record.valid_until,
        issued_on=record.issued_on,
        state=record.state,
        state_since=record.state_since,
        row_number=record.row_number,
    )


def _findings(batch: Batch) -> list[Finding]:
    return [
        Finding(
            row.row_number, row.content_hash, fault.rule, fault.column or "", fault.severity,
            fault.masked_value or "", fault.zh, fault.en,
        )
        for row in batch.quarantined
        for fault in row.faults
    ]  # fmt: skip


def _issue_findings(counts: Counts) -> list[Finding]:
    return [
        Finding(
            fault.row_number, fault.source_hash, fault.rule, fault.column or "", "critical", "",
            fault.zh, fault.en,
        )
        for fault in counts.faults
    ]  # fmt: skip
