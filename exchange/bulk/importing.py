"""Importing certificates issued elsewhere, line by line: an SD-JWT VC, or an object with one.

What counts is the signature of an issuer that the hub's operator registered as trusted. A wrong
check digit is kept apart, flagged; an unknown issuer is refused and reported. No network is asked:
the address of the status list is kept, the state is not judged.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import partial
from itertools import islice
from typing import Any, BinaryIO, Final

import sqlalchemy as sa

from certstore.errors import CertstoreError, JwsError
from certstore.holders import holder_key
from certstore.jws import read_header
from certstore.objects import ObjectStore
from certstore.sdjwt import MAX_SIZE, parse
from certstore.strict_json import parse_json
from certstore.trust import TrustAnchors
from certstore.verdict import Verdict
from certstore.verify import Verifier
from exchange.access import Permitted
from exchange.bulk import repository
from exchange.bulk.foreign import trusted_elsewhere
from exchange.bulk.records import REFUSED, Imported, Job, Part, Refusal, Step
from exchange.bulk.rows import Row, read_lines
from exchange.bulk.surveys import at_hand
from exchange.clock import Clock
from exchange.errors import Conflict
from exchange.unit_of_work import UnitOfWork

CHUNK: Final = 500
_HOLDER: Final = ("id_type", "id", "name")


class Importing:
    """The kind ``import``."""

    def __init__(
        self,
        work: UnitOfWork[Any, Any],
        clock: Clock,
        objects: ObjectStore,
        holder_hmac_key: bytes,
    ) -> None:
        self._work = work
        self._clock = clock
        self._objects = objects
        self._holder_hmac_key = holder_hmac_key

    @contextlib.contextmanager
    def open(self, job: Job, permitted: Permitted) -> Iterator[ImportingRun]:
        """Raises Conflict where no issuer elsewhere is trusted, certstore's ObjectError."""
        with self._work.read() as connection:
            anchors = trusted_elsewhere(connection)
        if not anchors.issuers:
            raise Conflict(
                "尚未登记任何外部签发机构(`yici bulk trust`)。",
                "No issuer elsewhere is registered as trusted (`yici bulk trust`).",
            )
        with at_hand(self._objects, job.file or "") as file:
            total = sum(1 for _ in read_lines(file))
            yield ImportingRun(
                self._work, self._clock, job, anchors, file, total, self._holder_hmac_key
            )


@dataclass(slots=True)
class ImportingRun:
    """One job's lines."""

    _work: UnitOfWork[Any, Any]
    _clock: Clock
    _job: Job
    _anchors: TrustAnchors
    _file: BinaryIO
    total: int
    _key: bytes

    def leave(self) -> Sequence[Part]:
        return ()

    def steps(self, cursor: Mapping[str, Any] | None) -> Iterator[Step]:
        """One step for each five hundred lines."""
        number, offset = (cursor["row"], cursor["offset"]) if cursor else (0, 0)
        lines = read_lines(self._file, number=number, offset=offset)
        while chunk := list(islice(lines, CHUNK)):
            yield self._step(chunk)

    def _step(self, lines: Sequence[tuple[Row, bytes]]) -> Step:
        verifier, now = Verifier(self._anchors), self._clock.now()
        found: dict[bytes, Imported] = {}
        refusals: list[Refusal] = []
        repeated = 0
        for row, line in lines:
            if row.fault is not None:
                refusals.append(row.fault)
                continue
            try:
                one = self._read(verifier, row.number, line, now)
            except CertstoreError as error:
                refusals.append(Refusal(row.number, error.field, error.code, error.zh, error.en))
                continue
            repeated += one.digest in found
            found.setdefault(one.digest, one)
        with self._work.read() as connection:
            known = repository.known_imports(connection, self._job.department, found)
        fresh = [one for digest, one in found.items() if digest not in known]
        sound = sum(one.sound for one in fresh)
        return Step(
            cursor={"row": lines[-1][0].number, "offset": lines[-1][0].end},
            rows=len(lines),
            counts={
                "imported": sound,
                "flagged": len(fresh) - sound,
                "unchanged": len(known) + repeated,
                REFUSED: len(refusals),
            },
            digest=hashlib.sha256(
                b"".join(hashlib.sha256(line).digest() for _, line in lines)
            ).digest(),
            refusals=refusals,
            write=partial(_write, self._job, fresh),
        )

    def _read(self, verifier: Verifier, number: int, line: bytes, now: datetime) -> Imported:
        credential = credential_of(line)
        verdict = verifier.verify(credential, at=now)
        _check(verdict)
        claims, holder = verdict.claims, verdict.claims.get("holder")
        if not isinstance(holder, dict) or not all(
            isinstance(holder.get(name), str) and holder[name] for name in _HOLDER
        ):
            raise CertstoreError(
                "holder-not-shown",
                "未披露持证主体的证件类型、证件号和名称",
                "the holder's id type, id and name are not all disclosed",
                field="holder",
            )
        if verdict.identifier is None or verdict.identifier_sound is None:
            raise CertstoreError(
                "malformed", "没有电子证照标识", "it has no certificate identifier",
                field="identifier",
            )  # fmt: skip
        listed = _object(_object(claims.get("status")).get("status_list"))
        uri, index = listed.get("uri"), listed.get("idx")
        return Imported(
            digest=hashlib.sha256(credential).digest(),
            jws_digest=hashlib.sha256(credential.partition(b"~")[0]).digest(),
            identifier=verdict.identifier,
            sound=verdict.identifier_sound,
            issuer=str(claims["iss"]),
            kid=str(read_header(parse(credential).jws).get("kid")),
            vct=str(claims.get("vct", "")),
            holder_key=holder_key(self._key, holder["id_type"], holder["id"]),
            holder_id_type=holder["id_type"],
            holder_id=holder["id"],
            holder_name=holder["name"],
            fields=_object(claims.get("fields")),
            valid_from=_day(claims.get("valid_from")),
            valid_until=_day(claims.get("valid_until")),
            status_uri=uri if isinstance(uri, str) else None,
            status_index=index if type(index) is int and 0 <= index < 1 << 62 else None,
            credential=credential.decode("ascii"),
            row_number=number,
        )


def _write(job: Job, fresh: Sequence[Imported], connection: sa.Connection, now: datetime) -> None:
    repository.add_imports(connection, job.department, job.id, fresh, now)


def credential_of(line: bytes) -> bytes:
    """The SD-JWT of a line: the line itself, or the member ``credential`` of an object.

    Raises CertstoreError: `not-json`, `not-an-sd-jwt`.
    """
    if not line.startswith(b"{"):
        found: Any = line.decode("ascii", "replace")
    else:
        found = _object(parse_json(line, field="row")).get("credential")
    if not isinstance(found, str) or not found.isascii() or len(found) > MAX_SIZE:
        raise CertstoreError("not-an-sd-jwt", "不是SD-JWT文件", "not an SD-JWT")
    return found.encode("ascii")


def _check(verdict: Verdict) -> None:
    """Raise for what does not hold: the signature, the issuer. Dates and state are not judged."""
    # Where the signature was not checked, the issuer's part says why.
    first, then = verdict.integrity, verdict.issuer
    for part in (then, first) if first.outcome == "unknown" else (first, then):
        if part.outcome != "valid":
            raise CertstoreError(part.code, part.zh, part.en)
    text = str(verdict.claims)
    if "\\x00" in text or "\\ud" in text:
        raise JwsError("character", "含不可存储的字符", "holds a character that cannot be stored")


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _day(value: Any) -> date | None:
    try:
        return date.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
