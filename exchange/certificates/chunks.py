"""A chunk of certificates on its way through the key: what goes in, what comes out.

Both ends are plain enough to cross between processes, and the signing end prepares the lines of
the COPY, so that the process which talks to the database is not the one that limits.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

import orjson

from certstore.holders import Holder
from certstore.identifiers import CertificateIdentifier
from certstore.issue import CertificateDraft, sign_chunk
from certstore.keys import Signer
from certstore.types import CertificateType, Title
from exchange.departments.records import Department

COLUMNS: Final = (
    "issuer, type_code, serial, version, type_key, type_version, identifier, holder_key,"
    " holder_id_type, holder_id, holder_name, fields, valid_from, valid_until, issued_on,"
    " issued_at, status_list, status_index, source_key, source_hash, credential, batch"
)
"""The columns of ``certificates`` in the order of a line."""

NULL: Final = r"\N"


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


@dataclass(frozen=True, slots=True)
class Chunk:
    """Versions of one issuer and type; ``status_uris`` are the addresses of their lists."""

    issuer: Department
    kind: CertificateType
    issuer_uri: str
    status_uris: Mapping[int, str]
    issued_at: datetime
    batch: UUID
    versions: Sequence[ToSign]


@dataclass(frozen=True, slots=True)
class SignedChunk:
    """``lines`` as COPY reads them (UTF-8), and what identifies the whole: SHA-256 over the
    sorted SHA-256 of the credentials."""

    lines: bytes
    digest: bytes


def sign(chunk: Chunk, signer: Signer) -> SignedChunk:
    """Sign a whole chunk, or raise certstore's FieldErrors for the first row it refuses."""
    drafts = [_draft(chunk, each) for each in chunk.versions]
    credentials = sign_chunk(drafts, signer, issuer_uri=chunk.issuer_uri, issued_at=chunk.issued_at)
    encoded = [credential.encode("ascii") for credential in credentials]
    at, batch = chunk.issued_at.isoformat(), str(chunk.batch)
    lines = [
        _line(each, draft, credential, at, batch)
        for each, draft, credential in zip(chunk.versions, drafts, encoded, strict=True)
    ]
    digests = sorted(hashlib.sha256(each).digest() for each in encoded)
    return SignedChunk(b"".join(lines), hashlib.sha256(b"".join(digests)).digest())


def _draft(chunk: Chunk, each: ToSign) -> CertificateDraft:
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
    )
    return b"%b%b\t%b\n" % (head.encode(), credential, batch.encode())


def escaped(text: str) -> str:
    r"""A text as COPY reads it: backslash, tab, line feed and return written \\ \t \n \r."""
    if "\\" in text:
        text = text.replace("\\", "\\\\")
    if "\t" in text or "\n" in text or "\r" in text:
        text = text.replace("\t", r"\t").replace("\n", r"\n").replace("\r", r"\r")
    return text
