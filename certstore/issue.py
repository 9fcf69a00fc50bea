"""Issuing: a checked draft becomes an SD-JWT VC (`dc+sd-jwt`), signed once and never changed.

Always visible: who issued which certificate when, until when it counts, where its state is
published, and by what kind of id its holder is named. The holder's id and name and the fields are
selectively disclosable, each by itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

import orjson

from certstore.certificate_type import CertificateType, Title
from certstore.errors import Fault, FieldErrors
from certstore.holders import Holder
from certstore.identifiers import CertificateIdentifier
from certstore.jws import sign_compact
from certstore.keys import Signer
from certstore.sdjwt import assemble, disclose_all, new_salts

TYP: Final = "dc+sd-jwt"

CIVIL_UTC_OFFSET: Final = 8 * 3600
"""Seconds. A day in a certificate begins at midnight of China Standard Time, UTC+8."""

_EPOCH_DAY: Final = date(1970, 1, 1).toordinal()


@dataclass(frozen=True, slots=True)
class CertificateDraft:
    """All that goes into one version of a certificate; may be pickled.

    `fields` maps the names of the type's fields to JSON values, fields without a value left out.
    `valid_until` is the last day it counts, None when it has no end. The state of the certificate
    is published at `status_uri` under `status_index`. `history` is what `history.succession` gives
    for a later version that is its own statement of what happened.
    """

    identifier: CertificateIdentifier
    type: CertificateType
    issuer_name: Title
    holder: Holder
    fields: Mapping[str, Any]
    issued_on: date
    valid_from: date
    valid_until: date | None
    status_uri: str
    status_index: int
    history: Mapping[str, Any] | None = None

    def check(self) -> None:
        """Raise FieldErrors naming every fault; a draft that passes can be signed."""
        if self.identifier.type_code != self.type.code:
            raise FieldErrors(
                "certificate-invalid",
                "证照内容不符合类型定义",
                "the certificate does not fit its type",
                [
                    Fault(
                        "identifier",
                        "other-type",
                        "标识中的类型代码与证照类型不符",
                        "the identifier is of another certificate type",
                    )
                ],
            )
        self.type.check(
            issuer=self.identifier.issuer,
            holder=self.holder,
            fields=self.fields,
            valid_from=self.valid_from,
            valid_until=self.valid_until,
        )


def start_of_day(on: date) -> int:
    """The beginning of a civil day, in seconds since 1970-01-01 UTC."""
    return (on.toordinal() - _EPOCH_DAY) * 86400 - CIVIL_UTC_OFFSET


def sign_certificate(
    draft: CertificateDraft, signer: Signer, *, issuer_uri: str, issued_at: datetime
) -> str:
    """The certificate of `draft` as an SD-JWT VC with all its disclosures.

    `issuer_uri` becomes `iss`, `issued_at` (aware) becomes `iat`. Raises FieldErrors when the
    draft does not fit its type, ValueError when `issued_at` has no time zone.
    """
    if issued_at.tzinfo is None:
        raise ValueError("issued_at has no time zone")
    draft.check()
    holder = draft.holder
    salts = new_salts(2 + len(draft.fields))
    disclosures, digests = disclose_all(
        (("id", holder.id), ("name", holder.name), *draft.fields.items()), salts
    )
    payload = _visible(draft, issuer_uri, int(issued_at.timestamp()))
    # Sorted, so that the order of the digests says nothing about the claims.
    payload["holder"] = {"id_type": holder.id_type, "_sd": sorted(digests[:2])}
    payload["fields"] = {"_sd": sorted(digests[2:])}
    payload["_sd_alg"] = "sha-256"
    return assemble(sign_compact(orjson.dumps(payload), signer, typ=TYP), disclosures)


def _visible(draft: CertificateDraft, issuer_uri: str, issued_at: int) -> dict[str, Any]:
    kind, identifier = draft.type, draft.identifier
    payload = {
        "iss": issuer_uri,
        "iat": issued_at,
        "nbf": start_of_day(draft.valid_from),
        "vct": kind.vct,
        "status": {"status_list": {"idx": draft.status_index, "uri": draft.status_uri}},
        "identifier": str(identifier),
        "type": {
            "code": kind.code,
            "key": kind.key,
            "version": kind.version,
            "zh": kind.title.zh,
            "en": kind.title.en,
        },
        "issuer": {
            "code": identifier.issuer,
            "zh": draft.issuer_name.zh,
            "en": draft.issuer_name.en,
        },
        "issued_on": draft.issued_on.isoformat(),
        "valid_from": draft.valid_from.isoformat(),
        "valid_until": None,
    }
    if draft.valid_until is not None:
        payload["valid_until"] = draft.valid_until.isoformat()
        payload["exp"] = start_of_day(draft.valid_until) + 86400
    if draft.history is not None:
        payload["history"] = dict(draft.history)
    return payload


def sign_chunk(
    drafts: Iterable[CertificateDraft], signer: Signer, *, issuer_uri: str, issued_at: datetime
) -> list[str]:
    """`sign_certificate` for each draft, in order; all of them or, at the first fault, none."""
    return [
        sign_certificate(draft, signer, issuer_uri=issuer_uri, issued_at=issued_at)
        for draft in drafts
    ]
