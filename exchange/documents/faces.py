"""From a certificate as it was signed to the face that is drawn. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any, Final

from certstore.base64url import b64url_decode
from certstore.certificate_type import CertificateType, Title
from certstore.documents.face import Annotation, Face, face_of
from certstore.holders import Holder
from certstore.masking import HIDDEN
from certstore.sdjwt import disclosable_paths, parse, present
from certstore.strict_json import parse_json
from exchange.certificates.records import Certificate
from exchange.documents.records import Released

VERIFY_PATH: Final = "/v"
"""Below the hub's public address, then the identifier: what the QR code leads to."""


def original_face(
    certificate: Certificate, kind: CertificateType, credential: str, public_url: str
) -> Face:
    """All of a certificate, with its whole credential inside."""
    return face_of(
        kind,
        certificate.identifier,
        issuer_code=certificate.issuer,
        issuer=_issuer(credential, certificate.issuer),
        holder=Holder(certificate.holder_id_type, certificate.holder_id, certificate.holder_name),
        fields=certificate.fields,
        issued_on=certificate.issued_on,
        valid_from=certificate.valid_from,
        valid_until=certificate.valid_until,
        qr=qr_text(public_url, certificate.identifier),
        credential=credential,
    )


def copy_face(
    certificate: Certificate,
    kind: CertificateType,
    credential: str,
    public_url: str,
    *,
    released: Released,
    annotation: Annotation,
) -> Face:
    """What a lookup released of a certificate, and no more.

    A field that was released masked is shown as ``***``, and the credential inside discloses
    only what was released whole. The holder is not named beside the fields.
    """
    fields = {
        name: HIDDEN if name in released.masked else value
        for name, value in certificate.fields.items()
        if name in released.fields
    }
    return face_of(
        kind,
        certificate.identifier,
        issuer_code=certificate.issuer,
        issuer=_issuer(credential, certificate.issuer),
        holder=None,
        fields={**dict.fromkeys(certificate.fields, HIDDEN), **fields},
        issued_on=certificate.issued_on,
        valid_from=certificate.valid_from,
        valid_until=certificate.valid_until,
        qr=qr_text(public_url, certificate.identifier),
        credential=_disclosing(credential, released),
        annotation=annotation,
        only=fields,
    )


def qr_text(public_url: str, identifier: str) -> str:
    """What the QR code on a certificate says: an address that leads to its verification."""
    return f"{public_url.rstrip('/')}{VERIFY_PATH}/{identifier}"


def last_day(made_on: date, days: int) -> date:
    """The last of ``days`` days of use that begin with the day of making."""
    return date.fromordinal(made_on.toordinal() + days - 1)


def _disclosing(credential: str, released: Released) -> str:
    whole = released.fields - released.masked
    there = disclosable_paths(credential)
    return present(credential, [path for name in whole if (path := ("fields", name)) in there])


def _issuer(credential: str, code: str) -> Title:
    """The issuer's names as the certificate itself states them."""
    stated = _payload(credential).get("issuer")
    if not isinstance(stated, dict):
        return Title(code, code)
    return Title(str(stated.get("zh", code)), str(stated.get("en", code)))


def _payload(credential: str) -> Mapping[str, Any]:
    encoded = parse(credential).jws.split(b".")[1]
    payload = parse_json(b64url_decode(encoded, field="payload"), field="payload")
    return payload if isinstance(payload, dict) else {}
