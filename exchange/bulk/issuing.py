"""Issuing from a file of clean rows, through the same three acts as a register's pull.

What issuing committed before its progress was written is recognised when the rows come again:
they count as issued by this job, not as unchanged.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, BinaryIO, Final

from certstore.objects import ObjectStore
from certstore.types import CertificateType
from exchange.access import Access, Permitted
from exchange.bulk.records import REFUSED, Job, Part, Refusal, Step
from exchange.bulk.rows import Row, columns_of, read_rows
from exchange.bulk.stated import Stating
from exchange.bulk.surveys import Survey, at_hand, content_of, survey
from exchange.certificates.records import Counts, Issuable
from exchange.certificates.service import Certificates
from exchange.certificates.signing import Signing
from exchange.errors import BadRequest, NotFound

MOST_BACKLOG: Final = 10_000
"""Refused rows that may wait for the chunk they belong to."""
SigningFor = Callable[[str, int], contextlib.AbstractContextManager[Signing]]


class IssuingFromFile:
    """The kind ``issue``."""

    def __init__(
        self,
        access: Access,
        certificates: Certificates,
        objects: ObjectStore,
        signing_for: SigningFor,
    ) -> None:
        self._access = access
        self._certificates = certificates
        self._objects = objects
        self._signing_for = signing_for

    @contextlib.contextmanager
    def open(self, job: Job, permitted: Permitted) -> Iterator[IssuingRun]:
        """Raises NotFound, BadRequest, certstore's ObjectError and KeyFault."""
        kind = self._access.snapshot().types.get(job.type_key or "")
        if kind is None:
            raise NotFound("没有该证照类型。", "There is no such certificate type.")
        if not kind.may_issue(job.department):
            raise BadRequest(
                "本部门无权颁发此类证照。",
                "The department may not issue this certificate type.",
            )
        form = job.parameters["format"]
        stating = Stating(kind, form)
        with at_hand(self._objects, job.file or "") as file:
            if form == "csv":
                stating.check_columns(columns_of(file))
            found = survey(lambda: read_rows(file, form), _term_of)
            with self._signing_for(job.department, found.rows - job.done) as signing:
                yield IssuingRun(self._certificates, job, kind, stating, file, found, signing)


@dataclass(slots=True)
class _Waiting:
    """A row that was read and whose chunk is not finished yet. Unless it has refusals, or only
    ``repeats`` an earlier row, it was handed on to be issued."""

    row: int
    end: int
    content: bytes
    refusals: tuple[Refusal, ...] = ()
    repeats: bool = False

    @property
    def issued(self) -> bool:
        return not self.refusals and not self.repeats


@dataclass(slots=True)
class IssuingRun:
    """One job's rows on their way."""

    _certificates: Certificates
    _job: Job
    _kind: CertificateType
    _stating: Stating
    _file: BinaryIO
    _survey: Survey
    _signing: Signing
    _waiting: deque[_Waiting] = field(default_factory=deque)
    _backlog: int = 0
    _over: bool = False

    @property
    def total(self) -> int:
        return self._survey.rows

    def leave(self) -> Sequence[Part]:
        return ()

    def steps(self, cursor: Mapping[str, Any] | None) -> Iterator[Step]:
        """One step for each chunk that was issued, and one for rows behind the last."""
        number, offset = (cursor["row"], cursor["offset"]) if cursor else (0, 0)
        while not self._over:
            chunks = self._certificates.issue_records(
                self._job.department,
                self._kind.key,
                self._issuables(number, offset),
                signing=self._signing,
                pull=self._job.id,
            )
            with contextlib.closing(chunks):  # type: ignore[type-var]
                for counts in chunks:
                    yield self._step(self._rows_of(counts), counts)
            if self._waiting:
                last = self._waiting[-1]
                yield self._step(list(self._waiting), Counts())
                self._waiting.clear()
                self._backlog = 0
                number, offset = last.row, last.end
            elif not self._over:
                raise AssertionError("reading stopped for a backlog that is not there")

    def _issuables(self, number: int, offset: int) -> Iterator[Issuable]:
        """The rows that can be issued. Ends early, to go on anew, before a backlog of refused
        rows outgrows the memory."""
        form = self._job.parameters["format"]
        for row in read_rows(self._file, form, number=number, offset=offset):
            found = self._judged(row)
            if isinstance(found, Issuable):
                self._backlog = 0
                content = bytes.fromhex(found.source_hash)
                self._waiting.append(_Waiting(row.number, row.end, content))
                yield found
            else:
                self._backlog += 1
                content = b"%d" % row.number
                self._waiting.append(
                    _Waiting(row.number, row.end, content, tuple(found), repeats=not found)
                )
                if self._backlog >= MOST_BACKLOG:
                    return
        self._over = True

    def _judged(self, row: Row) -> Issuable | list[Refusal]:
        """What the row states, or why it is refused; no reason where it repeats an earlier one."""
        earlier = self._survey.earlier(row)
        if earlier is not None:
            if content_of(row) == earlier[1]:
                return []
            return [Refusal(row.number, "valid_from", "stated-twice", *_twice(earlier[0]))]
        return self._stating.read(row)

    def _rows_of(self, counts: Counts) -> list[_Waiting]:
        """The rows of the chunk that has just been finished, with the refused ones among them."""
        left = counts.issued + counts.revised + counts.unchanged + counts.faulty
        rows: list[_Waiting] = []
        while self._waiting and (left or not self._waiting[0].issued):
            row = self._waiting.popleft()
            left -= row.issued
            rows.append(row)
        return rows

    def _step(self, rows: list[_Waiting], counts: Counts) -> Step:
        refusals = [refusal for row in rows for refusal in row.refusals]
        refusals += [
            Refusal(fault.row_number, fault.column, fault.rule, fault.zh, fault.en)
            for fault in counts.faults
        ]
        refused = sum(1 for row in rows if row.refusals)
        return Step(
            cursor={"row": rows[-1].row, "offset": rows[-1].end},
            rows=len(rows),
            counts={
                "issued": counts.issued,
                "revised": counts.revised,
                "unchanged": counts.unchanged + sum(row.repeats for row in rows),
                REFUSED: counts.faulty + refused,
            },
            digest=hashlib.sha256(b"".join(row.content for row in rows)).digest(),
            refusals=refusals,
        )


def _twice(first: int) -> tuple[str, str]:
    return (
        f"第 {first} 行已对同一证照的同一有效期另有记载",
        f"row {first} states the same term of the same certificate otherwise",
    )


def _term_of(row: Row) -> str | None:
    serial, begins = row.values.get("serial"), row.values.get("valid_from")
    return f"{serial}\x1f{begins}" if serial is not None else None
