"""Reads the log for those who may: auditors all of it, a department what it caused itself."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from certstore.holders import holder_key
from exchange.access import Access, Caller, Permitted
from exchange.audit import log
from exchange.audit.errors import RecordAbsent
from exchange.audit.published import read_bundle, read_tile
from exchange.audit.records import prepare
from exchange.audit.search import Question, find_lookup, find_records
from exchange.audit.stored import Cursor
from exchange.audit.tables import audit_records
from exchange.audit.tiles import Tile
from exchange.audit.witnessing import find_cosigned, well_witnessed_receipt
from exchange.errors import NotFound
from exchange.unit_of_work import UnitOfWork


@dataclass(frozen=True, slots=True)
class Entry:
    """One record as it stands in the log."""

    index: int
    recorded_at: datetime
    record: dict[str, Any]


class Audit:
    """The room's service."""

    def __init__(self, work: UnitOfWork[Any, Any], access: Access, holder_hmac_key: bytes) -> None:
        self._work = work
        self._access = access
        self._holder_hmac_key = holder_hmac_key

    def checkpoint(self) -> str:
        """The newest signed head of the log. Public: it says how much was logged, not what."""
        with self._work.read() as connection:
            checkpoint: str = self._proved(log.checkpoint, connection)
        return checkpoint

    def published_checkpoint(self) -> str:
        """The newest checkpoint that enough witnesses cosigned; without any, the newest. Public.

        Raises:
            NotFound: nothing is recorded yet.
        """
        with self._work.read() as connection:
            note: str = self._proved(_published, connection)
        return note

    def tile(self, path: str) -> tuple[Tile, bytes]:
        """A tile or an entry bundle by its path (C2SP tlog-tiles). Public: it names nobody.

        Raises:
            NotFound: the log has no such tile, or the path has another form.
        """
        read = read_bundle if path.startswith("tile/entries/") else read_tile
        with self._work.read() as connection:
            found: tuple[Tile, bytes] = self._proved(read, connection, path)
        return found

    def consistency(self, old: int, new: int) -> list[str]:
        """The proof that the log of one size is a prefix of the log of another. Public.

        Raises:
            NotFound: the log has no such sizes.
        """
        with self._work.read() as connection:
            return [step.hex() for step in self._proved(log.consistency, connection, old, new)]

    def receipt(self, caller: Caller, index: int) -> str:
        """The receipt of one record: for auditors, and for the department that caused it.

        Raises:
            NotFound: there is no such record, or it is none of the caller's.
        """
        with self._work.read() as connection:
            body = connection.execute(
                sa.select(audit_records.c.body).where(audit_records.c.index == index)
            ).scalar_one_or_none()
            own = body is not None and json.loads(bytes(body)).get("department")
            if body is None or (own != caller.department and "audit" not in caller.scopes):
                raise NotFound("日志中没有该记录。", "The log has no such record.")
            receipt: str = self._proved(well_witnessed_receipt, connection, index)
        self._access.permit(caller, "read-audit", resource_department=own or None)
        return receipt

    def records(
        self,
        permitted: Permitted,
        *,
        after: int,
        limit: int,
        kind: str | None = None,
        case: str | None = None,
    ) -> list[Entry]:
        """Records in order, from after an index on. Reading the log stands in the log itself."""
        with self._work.begin() as work:
            query = (
                # "index" is also a method of rows.
                sa.select(audit_records, audit_records.c.index.label("position"))
                .where(audit_records.c.index > after)
                .order_by(audit_records.c.index)
                .limit(limit)
            )
            if kind is not None:
                query = query.where(audit_records.c.kind == kind)
            if case is not None:
                query = query.where(audit_records.c.case_number == case)
            rows = work.connection.execute(query).all()
            caller = permitted.caller
            work.record(
                prepare(
                    "audit-read",
                    work.now,
                    department=caller.department,
                    system=caller.subject,
                    key=caller.key,
                    count=len(rows),
                    outcome="done",
                )
            )
            work.commit()
        return [Entry(row.position, row.recorded_at, json.loads(bytes(row.body))) for row in rows]

    def search(self, permitted: Permitted, asked: Question) -> list[Entry]:
        """Records that fit every part of the question, the newest first.

        A holder is found by the HMAC of the id, which is what stands in the record of the search
        too. The search is recorded before its result is given.
        """
        holder = None
        if asked.holder is not None:
            holder = holder_key(self._holder_hmac_key, *asked.holder)
        with self._work.begin() as work:
            rows = find_records(work.connection, asked, holder)
            caller = permitted.caller
            work.record(
                prepare(
                    "audit-read",
                    work.now,
                    act="search",
                    department=caller.department,
                    system=caller.subject if caller.kind == "system" else None,
                    key=caller.key,
                    holder=holder,
                    case=asked.case,
                    item=asked.item,
                    count=len(rows),
                    outcome="done",
                )
            )
            work.commit()
        return [Entry(row.position, row.recorded_at, json.loads(bytes(row.body))) for row in rows]

    def proof(self, permitted: Permitted, place: int | str) -> str:
        """The receipt of a record by its index or its lookup's id, for a third party; recorded.

        Raises:
            NotFound: there is no such record.
        """
        with self._work.begin() as work:
            cursor = work.connection.connection.cursor()
            index = place if isinstance(place, int) else find_lookup(cursor, place)
            receipt = None if index is None else _receipt(cursor, index)
            if receipt is None:
                raise NotFound("日志中没有该记录。", "The log has no such record.")
            work.record(
                prepare(
                    "audit-read",
                    work.now,
                    act="prove",
                    department=permitted.caller.department,
                    lookup=None if isinstance(place, int) else place,
                    count=1,
                    outcome="done",
                )
            )
            work.commit()
        return receipt

    @staticmethod
    def _proved(ask: Any, connection: sa.Connection, *arguments: int | str) -> Any:
        cursor = connection.connection.cursor()
        try:
            return ask(cursor, *arguments)
        except RecordAbsent as absent:
            raise NotFound(f"{absent.zh}。", f"{absent.en}.") from None
        finally:
            cursor.close()


def _receipt(cursor: Cursor, index: int) -> str | None:
    try:
        return well_witnessed_receipt(cursor, index)
    except RecordAbsent:
        return None


def _published(cursor: Cursor) -> str:
    cosigned = find_cosigned(cursor)
    return cosigned.checkpoint if cosigned is not None else log.checkpoint(cursor)
