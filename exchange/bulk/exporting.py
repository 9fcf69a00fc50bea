"""Exporting a department's certificates: parts of JSON Lines, status lists, whom to trust, and a
manifest over them all, so that everything verifies without the hub (``certstore.exports``).

A line is one version: its credential, its state as of the part's moment, and the certificate's
history. A part is written to the object store before its row is. Certificates issued while the
export runs are in it where they sort behind its place; each part says as of when it is.
"""

from __future__ import annotations

import contextlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import orjson
import sqlalchemy as sa

from certstore.exports import FORMAT, MANIFEST, TRUST, part_name, status_name
from certstore.history import statement_of_credential
from certstore.objects import ObjectStore
from exchange.access import Access, Permitted
from exchange.bulk import repository
from exchange.bulk.records import Job, Part, Step
from exchange.bulk.resigning import of_department, type_code_of
from exchange.certificates.places import Places
from exchange.certificates.records import Certificate, Event, life_of, state_of, whole_history
from exchange.certificates.repository import certificate_of, event_of
from exchange.certificates.resigned import newest_of
from exchange.certificates.service import Certificates
from exchange.certificates.tables import certificate_events, certificates, status_lists
from exchange.clock import Clock
from exchange.unit_of_work import UnitOfWork

CHUNK: Final = 2000
JSON_LINES: Final = "application/jsonl"
JSON: Final = "application/json"
STATUS_LIST: Final = "application/statuslist+jwt"
_Key = tuple[str, str]


class Exporting:
    """The kind ``export``."""

    def __init__(
        self,
        work: UnitOfWork[Any, Any],
        access: Access,
        clock: Clock,
        certificates: Certificates,
        objects: ObjectStore,
        places: Places,
    ) -> None:
        self._work = work
        self._access = access
        self._clock = clock
        self._certificates = certificates
        self._objects = objects
        self._places = places

    @contextlib.contextmanager
    def open(self, job: Job, permitted: Permitted) -> Iterator[ExportingRun]:
        """Raises NotFound where there is no such certificate type."""
        code = type_code_of(self._access, job)
        with self._work.read() as connection:
            total = connection.execute(
                sa.select(sa.func.count())
                .select_from(certificates)
                .where(*of_department(job.department, code))
            ).scalar_one()
        yield ExportingRun(
            self._work, self._clock, self._certificates, self._objects, self._places, job, code,
            total,
        )  # fmt: skip


@dataclass(slots=True)
class ExportingRun:
    """One job's certificates in the order of their keys, all versions of one together."""

    _work: UnitOfWork[Any, Any]
    _clock: Clock
    _certificates: Certificates
    _objects: ObjectStore
    _places: Places
    _job: Job
    _type_code: str | None
    total: int

    def steps(self, cursor: Mapping[str, Any] | None) -> Iterator[Step]:
        """One step for each part of about two thousand versions."""
        behind = tuple(cursor["behind"]) if cursor else None
        number = cursor["parts"] if cursor else 0
        while True:
            now = self._clock.now()
            with self._work.read() as connection:
                rows = self._rows(connection, behind)
                events = self._events(connection, rows)
            if not rows:
                return
            content = b"".join(_lines(rows, events, now))
            behind = rows[-1].type_code, rows[-1].serial
            number += 1
            part = self._put(part_name(number), content, JSON_LINES)
            yield Step(
                cursor={"behind": list(behind), "parts": number},
                rows=len(rows),
                counts={"exported": len(rows)},
                digest=bytes.fromhex(part.sha256),
                part=part,
            )

    def leave(self) -> Sequence[Part]:
        """Status lists, trust document and manifest, put in this order, as of now."""
        now, department = self._clock.now(), self._job.department
        with self._work.read() as connection:
            chunks = repository.chunks(connection, self._job.id)
            parts = {each.name: each for each in repository.parts(connection, self._job.id)}
            numbers = connection.execute(
                sa.select(status_lists.c.number)
                .where(status_lists.c.issuer == department)
                .order_by(status_lists.c.number)
            ).scalars()
            lists = [(number, self._places.status_list(department, number)) for number in numbers]
        left = [self._status_list(number) for number, _ in lists]
        trust = self._put(TRUST, orjson.dumps(self._certificates.trust()), JSON)
        manifest = {
            "format": FORMAT,
            "job": str(self._job.id),
            "department": department,
            "type": self._job.type_key,
            "as_of": _said(now),
            "versions": sum(each.rows for each in chunks),
            "parts": [
                {
                    **_entry(parts[part_name(each.number)]),
                    "versions": each.rows,
                    "as_of": _said(each.committed_at),
                }
                for each in chunks
            ],
            "status_lists": [
                {**_entry(part), "uri": uri} for part, (_, uri) in zip(left, lists, strict=True)
            ],
            "trust": _entry(trust),
        }
        content = orjson.dumps(manifest, option=orjson.OPT_INDENT_2)
        return [*left, trust, self._put(MANIFEST, content, JSON)]

    def _put(self, name: str, content: bytes, media_type: str) -> Part:
        ref = self._objects.put(content, media_type)
        return Part(name, ref.sha256, ref.size, media_type)

    def _status_list(self, number: int) -> Part:
        token = self._certificates.status_list(self._job.department, number).token
        return self._put(status_name(number), token.encode("ascii"), STATUS_LIST)

    def _rows(self, connection: sa.Connection, behind: _Key | None) -> list[Any]:
        """The next versions, never parting those of one certificate."""
        c = certificates.c
        wanted = of_department(self._job.department, self._type_code)
        if behind is not None:
            wanted.append(sa.tuple_(c.type_code, c.serial) > sa.tuple_(*behind))
        rows = self._select(connection, wanted, CHUNK)
        if len(rows) == CHUNK:
            last = rows[-1]
            same = [*wanted, c.type_code == last.type_code, c.serial == last.serial]
            rows += self._select(connection, [*same, c.version > last.version], None)
        return rows

    def _select(
        self, connection: sa.Connection, wanted: Iterable[Any], limit: int | None
    ) -> list[Any]:
        c = certificates.c
        asked = (
            sa.select(certificates, newest_of("credential").label("resigned"))
            .where(*wanted)
            .order_by(c.type_code, c.serial, c.version)
            .limit(limit)
        )
        return list(connection.execute(asked))

    def _events(self, connection: sa.Connection, rows: Sequence[Any]) -> dict[_Key, list[Event]]:
        found: dict[_Key, list[Event]] = defaultdict(list)
        if not rows:
            return found
        e = certificate_events.c
        key = sa.tuple_(e.type_code, e.serial)
        first, last = rows[0], rows[-1]
        for row in connection.execute(
            sa.select(certificate_events)
            .where(
                e.issuer == self._job.department,
                key >= sa.tuple_(first.type_code, first.serial),
                key <= sa.tuple_(last.type_code, last.serial),
            )
            .order_by(e.type_code, e.serial, e.sequence)
        ):
            found[row.type_code, row.serial].append(event_of(row))
        return found


def _lines(
    rows: Sequence[Any], events: Mapping[_Key, Sequence[Event]], now: datetime
) -> Iterator[bytes]:
    by_key: dict[_Key, list[Any]] = defaultdict(list)
    for row in rows:
        by_key[row.type_code, row.serial].append(row)
    for key, versions in by_key.items():
        known = [certificate_of(row) for row in versions]
        happened = events.get(key, [])
        life = life_of(known, happened)
        for row, certificate in zip(versions, known, strict=True):
            state = state_of(life, certificate.version, now)
            line = {
                "identifier": certificate.identifier,
                "credential": row.resigned or certificate.credential,
                "state": {"code": state.code, "zh": state.zh, "en": state.en},
                "history": _history(known, happened, certificate),
            }
            if row.resigned is not None:
                line["issued_credential"] = certificate.credential
            yield orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE)


def _history(
    versions: Sequence[Certificate], events: Sequence[Event], certificate: Certificate
) -> list[dict[str, Any]]:
    """What happened; the statement is left out where it is the line's own credential as issued."""
    own = statement_of_credential(certificate.credential)
    return [
        {
            "sequence": event.sequence,
            "version": event.version,
            "operation": event.operation,
            "state": event.state,
            "effective_at": _said(event.effective_at),
            "recorded_at": _said(event.recorded_at),
            "reason": event.reason,
            "legal_ground": event.legal_ground,
            **({} if event.statement == own else {"statement": event.statement}),
        }
        for event in whole_history(versions, events)
    ]


def _entry(part: Part) -> dict[str, Any]:
    return {"name": part.name, "sha256": part.sha256, "size": part.size}


def _said(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")
