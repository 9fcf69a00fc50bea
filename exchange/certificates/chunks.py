"""A chunk of certificates on its way through the key: what goes in, what comes out.

Both ends are plain enough to cross between processes, and the signing end prepares the lines of
the COPY, so that the process which talks to the database is not the one that limits.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

import orjson

from certstore.history import BY_REGISTER, Statement, link, sign_statement, succession
from certstore.holders import Holder
from certstore.identifiers import CertificateIdentifier
from certstore.issue import CertificateDraft, sign_certificate
from certstore.keys import Signer
from certstore.life_cycle import ISSUE
from certstore.status import State
from certstore.types import CertificateType, Title
from exchange.certificates.records import AS_REGISTERED, AS_STATED
from exchange.departments.records import Department

COLUMNS: Final = (
    "issuer, type_code, serial, version, type_key, type_version, identifier, holder_key,"
    " holder_id_type, holder_id, holder_name, fields, valid_from, valid_until, issued_on,"
    " issued_at, status_list, status_index, source_key, source_hash, effective_at, credential,"
    " batch"
)
"""The columns of ``certificates`` in the order of a line."""

EVENT_COLUMNS: Final = (
    "issuer, type_code, serial, sequence, version, operation, state, effective_at, reason,"
    " legal_ground, recorded_at, recorded_by, reason_code, withdraws, related, statement"
)
"""The columns of ``certificate_events`` in the order of a line."""

NULL: Final = r"\N"


class Stated(NamedTuple):
    """A state that a register states of a version it has just brought."""

    operation: str
    state: str
    effective_at: datetime


class ToSign(NamedTuple):
    """One version to be signed. A named tuple, because it is pickled by the hundred thousand."""

    serial: str
    version: int
    holder_id_type: str
    holder_id: str
    holder_name: str
    holder_key: bytes
    fields: Mapping[str, Any]
    valid_from: date
    valid_until: date | None
    issued_on: date
    status_list: int
    status_index: int
    source_key: str
    source_hash: str
    # Of a later version: the operation that brings it, its place in the history, when it takes
    # over, whether that is still to come, and the statement before it where that stands in the
    # database already.
    operation: str = ISSUE
    sequence: int = 0
    effective_at: datetime | None = None
    to_come: bool = False
    previous: str | None = None
    stated: Stated | None = None


@dataclass(frozen=True, slots=True)
class Chunk:
    """Versions of one issuer and type, those of one serial together and in order.

    ``status_uris`` are the addresses of their lists. ``recorded_by`` names the register.
    """

    issuer: Department
    kind: CertificateType
    issuer_uri: str
    status_uris: Mapping[int, str]
    issued_at: datetime
    batch: UUID
    versions: Sequence[ToSign]
    recorded_by: str = BY_REGISTER


@dataclass(frozen=True, slots=True)
class SignedChunk:
    """``lines`` as COPY reads them (UTF-8), and what identifies the whole: SHA-256 over the
    sorted SHA-256 of the credentials. ``events`` are the lines of the history, in part signed."""

    lines: bytes
    digest: bytes
    events: bytes = b""


def sign(chunk: Chunk, signer: Signer) -> SignedChunk:
    """Sign a whole chunk, or raise certstore's FieldErrors for the first row it refuses."""
    at, batch = chunk.issued_at.isoformat(), str(chunk.batch)
    lines: list[bytes] = []
    digests: list[bytes] = []
    events: list[str] = []
    serial, newest = "", b""  # the last statement signed, which the next of its serial follows
    for each in chunk.versions:
        previous = each.previous
        if each.operation != ISSUE and each.serial == serial:
            previous = link(newest)
        draft = _draft(chunk, each, previous)
        credential = sign_certificate(
            draft, signer, issuer_uri=chunk.issuer_uri, issued_at=chunk.issued_at
        ).encode("ascii")
        lines.append(_line(each, draft, credential, at, batch))
        digests.append(hashlib.sha256(credential).digest())
        serial, newest = each.serial, credential
        if each.operation != ISSUE or each.stated is not None:
            for line, statement in _events(chunk, each, draft, credential, signer):
                events.append(line)
                newest = statement
    digest = hashlib.sha256(b"".join(sorted(digests))).digest()
    return SignedChunk(b"".join(lines), digest, "".join(events).encode())


def _events(
    chunk: Chunk, each: ToSign, draft: CertificateDraft, credential: bytes, signer: Signer
) -> Iterable[tuple[str, bytes]]:
    """The lines of the history that a version brings, each with its statement."""
    head = f"{chunk.issuer.code}\t{chunk.kind.code}\t{each.serial}\t"
    at, sequence = chunk.issued_at, each.sequence

    def line(operation: str, state: str, effective_at: datetime, statement: str) -> str:
        return (
            f"{head}{sequence}\t{each.version}\t{operation}\t{state}\t{effective_at.isoformat()}\t"
            f"{AS_STATED}\t{NULL}\t{at.isoformat()}\t{chunk.recorded_by}\t{AS_REGISTERED}\t{NULL}\t"
            f"{NULL}\t{statement}\n"
        )

    if each.operation != ISSUE:
        yield line(each.operation, State.VALID.code, each.effective_at or at, NULL), credential
    if each.stated is not None:
        sequence += 1
        statement = sign_statement(
            Statement(
                identifier=str(draft.identifier),
                version=each.version,
                sequence=sequence,
                operation=each.stated.operation,
                state=each.stated.state,
                effective_at=each.stated.effective_at,
                recorded_at=at,
                recorded_by=chunk.recorded_by,
                reason_code=AS_REGISTERED,
                reason=AS_STATED,
                previous=link(credential),
            ),
            signer,
            issuer_uri=chunk.issuer_uri,
        )
        yield line(*each.stated, statement), statement.encode("ascii")


def _draft(chunk: Chunk, each: ToSign, previous: str | None) -> CertificateDraft:
    return CertificateDraft(
        identifier=CertificateIdentifier(
            chunk.kind.code, chunk.issuer.code, each.serial, each.version
        ),
        type=chunk.kind,
        issuer_name=Title(chunk.issuer.name_zh, chunk.issuer.name_en),
        holder=Holder(each.holder_id_type, each.holder_id, each.holder_name),
        fields=each.fields,
        issued_on=each.issued_on,
        valid_from=each.valid_from,
        valid_until=each.valid_until,
        status_uri=chunk.status_uris[each.status_list],
        status_index=each.status_index,
        history=None
        if previous is None
        else succession(
            sequence=each.sequence,
            operation=each.operation,
            effective_at=each.effective_at or chunk.issued_at,
            previous=previous,
        ),
    )


def _line(each: ToSign, draft: CertificateDraft, credential: bytes, at: str, batch: str) -> bytes:
    identifier, kind = draft.identifier, draft.type
    # Names and fields are put together apart from the credential, so that their 中文 does not
    # make Python keep its thousands of ASCII characters two bytes wide.
    head = (
        f"{identifier.issuer}\t{kind.code}\t{each.serial}\t{each.version}\t{kind.key}\t"
        f"{kind.version}\t{identifier}\t\\\\x{each.holder_key.hex()}\t"
        f"{escaped(each.holder_id_type)}\t{escaped(each.holder_id)}\t"
        f"{escaped(each.holder_name)}\t{escaped(orjson.dumps(each.fields).decode())}\t"
        f"{each.valid_from}\t{each.valid_until or NULL}\t{each.issued_on}\t{at}\t"
        f"{each.status_list}\t{each.status_index}\t{escaped(each.source_key)}\t"
        f"{escaped(each.source_hash)}\t"
        f"{each.effective_at.isoformat() if each.to_come and each.effective_at else NULL}\t"
    )
    return b"%b%b\t%b\n" % (head.encode(), credential, batch.encode())


def escaped(text: str) -> str:
    r"""A text as COPY reads it: backslash, tab, line feed and return written \\ \t \n \r."""
    if "\\" in text:
        text = text.replace("\\", "\\\\")
    if "\t" in text or "\n" in text or "\r" in text:
        text = text.replace("\t", r"\t").replace("\n", r"\n").replace("\r", r"\r")
    return text
