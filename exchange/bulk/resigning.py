"""Signing certificates anew with the department's active key: same identifier, same content.

Everything the old credential says stays as it is, salts and disclosures included; only ``iat``
and the signature are new. What is not what the hub once signed is not signed again.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NamedTuple

import orjson
import sqlalchemy as sa

from certstore.base64url import b64url_decode
from certstore.errors import CertstoreError
from certstore.issue import TYP
from certstore.jws import KeyFinder, read_header, sign_compact, verify_compact
from certstore.keys import Signer
from certstore.sdjwt import assemble, parse
from certstore.strict_json import parse_json
from certstore.trust import TrustAnchors
from exchange.access import Access, Permitted
from exchange.bulk.records import REFUSED, Job, Part, Refusal, Step
from exchange.certificates.resigned import newest_of, resigned_credentials
from exchange.certificates.service import Certificates
from exchange.certificates.tables import certificates
from exchange.clock import Clock
from exchange.errors import Conflict, NotFound
from exchange.unit_of_work import UnitOfWork

CHUNK: Final = 1000
SignerOf = Callable[[str], Signer]


class _Found(NamedTuple):
    type_code: str
    serial: str
    version: int
    identifier: str
    credential: str
    sequence: int | None


class Resigning:
    """The kind ``resign``."""

    def __init__(
        self,
        work: UnitOfWork[Any, Any],
        access: Access,
        clock: Clock,
        certificates: Certificates,
        signer_of: SignerOf,
    ) -> None:
        self._work = work
        self._access = access
        self._clock = clock
        self._certificates = certificates
        self._signer_of = signer_of

    @contextlib.contextmanager
    def open(self, job: Job, permitted: Permitted) -> Iterator[ResigningRun]:
        """Raises Conflict where the key to be replaced is still the active one, KeyFault."""
        code = type_code_of(self._access, job)
        replaced = job.parameters.get("key")
        if replaced is not None and self._signer_of(job.department).kid == replaced:
            raise Conflict(
                "该密钥仍是本部门的现用密钥,请先启用新密钥。",
                "That key is still the department's active one; activate another first.",
            )
        anchors = TrustAnchors.from_json(self._certificates.trust())
        keys = next(
            (each.keys for each in anchors.issuers.values() if each.department == job.department),
            None,
        )
        if keys is None:
            raise NotFound("本部门没有签发密钥。", "The department has no key to sign with.")
        with self._work.read() as connection:
            total = connection.execute(
                sa.select(sa.func.count())
                .select_from(certificates)
                .where(*of_department(job.department, code))
            ).scalar_one()
        yield ResigningRun(
            self._work, self._clock, self._signer_of, job, code, replaced, keys, total
        )


@dataclass(slots=True)
class ResigningRun:
    """One job's certificates in the order of their keys."""

    _work: UnitOfWork[Any, Any]
    _clock: Clock
    _signer_of: SignerOf
    _job: Job
    _type_code: str | None
    _replaced: str | None
    _keys: KeyFinder
    total: int

    def leave(self) -> Sequence[Part]:
        return ()

    def steps(self, cursor: Mapping[str, Any] | None) -> Iterator[Step]:
        """One step for each thousand certificates."""
        number = cursor["row"] if cursor else 0
        behind = tuple(cursor["behind"]) if cursor else None
        while found := self._read(behind):
            yield self._step(found, number)
            number += len(found)
            behind = found[-1][:3]

    def _read(self, behind: tuple[Any, ...] | None) -> list[_Found]:
        c = certificates.c
        with self._work.read() as connection:
            rows = connection.execute(
                sa.select(
                    c.type_code, c.serial, c.version, c.identifier,
                    sa.func.coalesce(newest_of("credential"), c.credential),
                    newest_of("sequence"),
                )
                .where(*of_department(self._job.department, self._type_code), *_behind(behind))
                .order_by(c.type_code, c.serial, c.version)
                .limit(CHUNK)
            )  # fmt: skip
            return [_Found(*row) for row in rows]

    def _step(self, found: Sequence[_Found], number: int) -> Step:
        # The active key as of this chunk: a rotation in the middle counts from the next one on.
        signer, now = self._signer_of(self._job.department), self._clock.now()
        fresh: list[dict[str, Any]] = []
        refusals: list[Refusal] = []
        unchanged = 0
        for row, each in enumerate(found, number + 1):
            try:
                credential = self._anew(each, signer, now)
            except CertstoreError as error:
                refusals.append(Refusal(row, error.field, error.code, error.zh, error.en))
                continue
            if credential is None:
                unchanged += 1
                continue
            fresh.append(
                {
                    "issuer": self._job.department,
                    "type_code": each.type_code,
                    "serial": each.serial,
                    "version": each.version,
                    "sequence": (each.sequence or 0) + 1,
                    "credential": credential,
                    "kid": signer.kid,
                    "job": self._job.id,
                    "signed_at": now,
                }
            )

        def write(connection: sa.Connection, _: datetime) -> None:
            if fresh:
                connection.execute(sa.insert(resigned_credentials), fresh)

        digests = sorted(hashlib.sha256(one["credential"].encode()).digest() for one in fresh)
        return Step(
            cursor={"row": number + len(found), "behind": list(found[-1][:3])},
            rows=len(found),
            counts={"resigned": len(fresh), "unchanged": unchanged, REFUSED: len(refusals)},
            digest=hashlib.sha256(b"".join(digests)).digest(),
            refusals=refusals,
            write=write,
        )

    def _anew(self, found: _Found, signer: Signer, now: datetime) -> str | None:
        """The credential signed anew; None where another key than the replaced one signed it."""
        parts = parse(found.credential)
        if self._replaced is not None and read_header(parts.jws).get("kid") != self._replaced:
            return None
        verify_compact(parts.jws, self._keys, typ=TYP)
        payload = parse_json(b64url_decode(parts.jws.split(b".")[1], field="payload"), field="jws")
        if payload.get("identifier") != found.identifier:
            raise CertstoreError(
                "other-certificate",
                "存档的证照文件属于另一证照",
                "the credential on record is of another certificate",
                field="identifier",
            )
        payload["iat"] = int(now.timestamp())
        jws = sign_compact(orjson.dumps(payload), signer, typ=TYP)
        return assemble(jws, parts.disclosures)


def type_code_of(access: Access, job: Job) -> str | None:
    """The GB/T 36904 code of a job's type, None for every type. Raises NotFound."""
    if job.type_key is None:
        return None
    kind = access.snapshot().types.get(job.type_key)
    if kind is None:
        raise NotFound("没有该证照类型。", "There is no such certificate type.")
    return kind.code


def of_department(department: str, type_code: str | None) -> list[sa.ColumnElement[bool]]:
    """Which certificates a job is about."""
    c = certificates.c
    wanted = [c.issuer == department]
    if type_code is not None:
        wanted.append(c.type_code == type_code)
    return wanted


def _behind(key: tuple[Any, ...] | None) -> list[sa.ColumnElement[bool]]:
    c = certificates.c
    return [] if key is None else [sa.tuple_(c.type_code, c.serial, c.version) > sa.tuple_(*key)]
