"""Ending certificates by list: 撤销, 注销 or 吊销, each with its own reason and legal ground.

Each row is an act of its own through the certificates room, signed, logged and refused as any
other, and each is a request with a name of its own: a worker that comes back repeats none.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, BinaryIO, Final

from certstore.errors import CertstoreError
from certstore.identifiers import CertificateIdentifier
from certstore.objects import ObjectStore
from exchange.access import Permitted
from exchange.bulk.records import REFUSED, Job, Part, Refusal, Step
from exchange.bulk.rows import Row, columns_of, read_rows
from exchange.bulk.surveys import Survey, at_hand, content_of, survey
from exchange.certificates.service import Certificates
from exchange.certificates.transitions import REASONS, REVOCATIONS
from exchange.errors import BadRequest, Conflict, Fault, NotFound

CHUNK: Final = 200
STATES: Final = tuple(REVOCATIONS)
_NEEDED: Final = ("identifier", "reason", "legal_ground")
_MEMBERS: Final = frozenset({*_NEEDED, "state", "reason_code"})
_LONGEST: Final = 300


class Ending:
    """The kind ``end``."""

    def __init__(self, certificates: Certificates, objects: ObjectStore) -> None:
        self._certificates = certificates
        self._objects = objects

    @contextlib.contextmanager
    def open(self, job: Job, permitted: Permitted) -> Iterator[EndingRun]:
        """Raises BadRequest for a CSV file without the columns, certstore's ObjectError."""
        form = job.parameters["format"]
        with at_hand(self._objects, job.file or "") as file:
            if form == "csv":
                _check_columns(columns_of(file))
            found = survey(lambda: read_rows(file, form), _identifier_of)
            yield EndingRun(self._certificates, job, permitted, file, found)


@dataclass(slots=True)
class EndingRun:
    """One job's list."""

    _certificates: Certificates
    _job: Job
    _permitted: Permitted
    _file: BinaryIO
    _survey: Survey

    @property
    def total(self) -> int:
        return self._survey.rows

    def leave(self) -> Sequence[Part]:
        return ()

    def steps(self, cursor: Mapping[str, Any] | None) -> Iterator[Step]:
        """One step for each two hundred rows."""
        number, offset = (cursor["row"], cursor["offset"]) if cursor else (0, 0)
        form = self._job.parameters["format"]
        rows = read_rows(self._file, form, number=number, offset=offset)
        while chunk := list(islice(rows, CHUNK)):
            yield self._step(chunk)

    def _step(self, rows: Sequence[Row]) -> Step:
        refusals: list[Refusal] = []
        for row in rows:
            refusals.extend(self._end(row))
        refused = len({refusal.row_number for refusal in refusals})
        return Step(
            cursor={"row": rows[-1].number, "offset": rows[-1].end},
            rows=len(rows),
            counts={"ended": len(rows) - refused, REFUSED: refused},
            digest=hashlib.sha256(b"".join(content_of(row) for row in rows)).digest(),
            refusals=refusals,
        )

    def _end(self, row: Row) -> list[Refusal]:
        """End one certificate, or say why not."""
        faults = _faults(row)
        if faults:
            return faults
        earlier = self._survey.earlier(row)
        if earlier is not None:
            return [_refusal(row, "identifier", "stated-twice", *_twice(earlier[0]))]
        state = row.values.get("state") or self._job.parameters.get("state")
        if state not in STATES:
            return [
                _refusal(row, "state", "state", "须为 03、04、05 或 07", "must be 03, 04, 05 or 07")
            ]
        try:
            identifier = CertificateIdentifier.parse(row.values["identifier"].strip())
            self._certificates.revoke(
                self._permitted,
                identifier,
                state=state,
                reason=row.values["reason"].strip(),
                legal_ground=row.values["legal_ground"].strip(),
                reason_code=row.values.get("reason_code") or "other",
                # The same row again, after a worker was killed, is the same request.
                request=f"bulk {self._job.id} {row.number}",
            )
        except BadRequest as error:
            return _of_faults(row, error)
        except (Conflict, NotFound) as error:
            return [_refusal(row, "identifier", error.code, error.zh, error.en)]
        except CertstoreError as error:
            return [_refusal(row, error.field, error.code, error.zh, error.en)]
        return []


def _check_columns(columns: Sequence[str]) -> None:
    missing = [Fault(name, "缺少此列", "the column is missing") for name in _NEEDED
               if name not in columns]  # fmt: skip
    unknown = [Fault(name, "没有此列", "no such column") for name in columns
               if name not in _MEMBERS]  # fmt: skip
    if missing or unknown:
        raise BadRequest(
            "文件的列有误。", "The file's columns are wrong.", faults=(*missing, *unknown)
        )


def _faults(row: Row) -> list[Refusal]:
    if row.fault is not None:
        return [row.fault]
    faults = [
        _refusal(row, name[:100], "unknown-member", "没有此项", "no such member")
        for name in row.values.keys() - _MEMBERS
    ]
    for name in _NEEDED:
        value = row.values.get(name)
        if not isinstance(value, str) or not 0 < len(value.strip()) <= _LONGEST:
            zh, en = f"须为 1 至 {_LONGEST} 个字符的文本", f"must be a text of 1 to {_LONGEST}"
            faults.append(_refusal(row, name, "text", zh, en))
    if (row.values.get("reason_code") or "other") not in REASONS:
        zh, en = "未知的原因代码", "no reason has this code"
        faults.append(_refusal(row, "reason_code", "reason-code", zh, en))
    return faults


def _identifier_of(row: Row) -> str | None:
    given = row.values.get("identifier")
    return given.strip() if isinstance(given, str) else None


def _twice(first: int) -> tuple[str, str]:
    return f"第 {first} 行已列出该证照", f"row {first} lists this certificate already"


def _of_faults(row: Row, error: BadRequest) -> list[Refusal]:
    if not error.faults:
        return [_refusal(row, None, error.code, error.zh, error.en)]
    return [_refusal(row, each.field, error.code, each.zh, each.en) for each in error.faults]


def _refusal(row: Row, field: str | None, rule: str, zh: str, en: str) -> Refusal:
    return Refusal(row.number, field, rule, zh, en)
