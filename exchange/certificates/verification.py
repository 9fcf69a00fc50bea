"""Verifying a certificate that somebody presents, or that somebody names.

The verdict comes in parts, as offline; only the status lists are the live ones. Every
verification stands in the log.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

from certstore.base64url import b64url_decode
from certstore.errors import CertstoreError
from certstore.identifiers import CertificateIdentifier
from certstore.sdjwt import parse
from certstore.strict_json import parse_json
from certstore.trust import TrustAnchors
from certstore.verdict import Verdict
from certstore.verify import verify
from exchange.access import Access, Permitted
from exchange.audit.records import PreparedRecord, prepare
from exchange.certificates import repository
from exchange.certificates.places import Places
from exchange.certificates.published import PublishedLists
from exchange.certificates.records import Certificate
from exchange.certificates.trusting import Keys, trust_document
from exchange.clock import Clock
from exchange.unit_of_work import UnitOfWork

Comparison = Literal["same", "different", "absent", "not-compared", "unknown-field"]

COMPARISONS: Final[Mapping[str, tuple[str, str]]] = {
    "same": ("一致", "the same"),
    "different": ("不一致", "different"),
    "absent": ("证照中没有该项", "the certificate does not state it"),
    "not-compared": (
        "该项不公开,须经查验接口并载明事项和依据",
        "not public: look it up, naming item and basis",
    ),
    "unknown-field": ("该类证照没有此项", "certificates of this type have no such field"),
}


@dataclass(frozen=True, slots=True)
class Verification:
    """A verdict; ``found`` is None where a credential was presented. ``facts`` says for each
    supplied fact how it compares, and gives no data out."""

    verdict: Verdict | None
    found: bool | None = None
    facts: Mapping[str, Comparison] | None = None


class Verifications:
    """Verifies with the hub's own trust document and live status lists."""

    def __init__(
        self,
        work: UnitOfWork[Any, Any],
        access: Access,
        clock: Clock,
        keys: Keys,
        places: Places,
        lists: PublishedLists,
    ) -> None:
        self._work = work
        self._access = access
        self._clock = clock
        self._keys = keys
        self._places = places
        self._lists = lists

    def of_credential(self, permitted: Permitted, credential: str) -> Verification:
        """The verdict on a presented SD-JWT VC, with what it discloses."""
        verdict = self._judge(credential, self._clock.now())
        self._record(permitted, verdict.identifier, verdict)
        return Verification(verdict)

    def of_identifier(
        self,
        permitted: Permitted,
        identifier: CertificateIdentifier,
        facts: Mapping[str, str] | None = None,
    ) -> Verification:
        """The verdict on the certificate of that identifier, without any of its data.

        Facts are compared only where the field is public, or the caller is the issuer: whoever
        may not look a field up may not guess it either.
        """
        with self._work.read() as connection:
            certificate = repository.find_version(
                connection,
                identifier.issuer,
                identifier.type_code,
                identifier.serial,
                identifier.version,
            )
        if certificate is None:
            self._record(permitted, str(identifier), None)
            return Verification(None, found=False)
        verdict = self._judge(certificate.credential, self._clock.now())
        compared = None if facts is None else self._compare(permitted, certificate, facts)
        self._record(permitted, certificate.identifier, verdict, facts)
        return Verification(verdict, found=True, facts=compared)

    def _judge(self, credential: str, now: datetime) -> Verdict:
        document = trust_document(self._keys, self._places, self._access.snapshot(), now)
        uri = _status_uri(credential)
        published = self._lists.find_by_uri(uri, now) if uri else None
        return verify(
            credential,
            trust=TrustAnchors.from_json(document),
            status_tokens={uri: published.token} if uri and published else {},
            at=now,
        )

    def _compare(
        self, permitted: Permitted, certificate: Certificate, facts: Mapping[str, str]
    ) -> dict[str, Comparison]:
        kind = self._access.snapshot().types_by_code.get(certificate.type_code)
        own = permitted.caller.department == certificate.issuer
        compared: dict[str, Comparison] = {}
        for name, supplied in facts.items():
            field = kind.find_field(name) if kind else None
            if field is None:
                compared[name] = "unknown-field"
            elif field.sensitivity != "public" and not own:
                compared[name] = "not-compared"
            elif name not in certificate.fields:
                compared[name] = "absent"
            else:
                stated = str(certificate.fields[name])
                compared[name] = "same" if stated == supplied.strip() else "different"
        return compared

    def _record(
        self,
        permitted: Permitted,
        identifier: str | None,
        verdict: Verdict | None,
        facts: Mapping[str, str] | None = None,
    ) -> None:
        with self._work.begin() as work:
            work.record(_record_of(permitted, identifier, verdict, facts, work.now))
            work.commit()


def _record_of(
    permitted: Permitted,
    identifier: str | None,
    verdict: Verdict | None,
    facts: Mapping[str, str] | None,
    now: datetime,
) -> PreparedRecord:
    caller = permitted.caller
    codes = [part.code for part in verdict.parts.values()] if verdict is not None else ["not-found"]
    # Only an identifier that a trusted signature vouches for, or that the hub's own parser has
    # read, may enter the log: anything else is whatever a stranger wrote.
    known = verdict is None or verdict.integrity.outcome == "valid"
    named = [identifier] if identifier and known and len(identifier) <= 300 else None
    return prepare(
        "verification",
        now,
        act=permitted.act,
        department=caller.department,
        system=caller.subject if caller.kind == "system" else None,
        key=caller.key,
        holder=caller.holder_key,
        certificates=named,
        fields=sorted(facts) if facts else None,
        result=hashlib.sha256(" ".join(codes).encode()).digest(),
        reason=" ".join(codes),
        outcome="done" if verdict is not None else "not-found",
    )


def _status_uri(credential: str) -> str | None:
    """The address of the status list that a credential names; nothing is trusted yet."""
    try:
        encoded = parse(credential).jws.split(b".")[1]
        payload = parse_json(b64url_decode(encoded, field="payload"), field="payload")
        uri = payload["status"]["status_list"]["uri"]
    except (CertstoreError, LookupError, TypeError):
        return None
    return uri if isinstance(uri, str) else None
