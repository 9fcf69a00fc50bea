"""Checking a PDF that somebody shows: does its seal hold, whose is it, when was it made.

The file itself is opened in a child process only (`limited`). What comes back is small and plain:
the signer's certificate, times, and the credential and metadata that travelled inside.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, NoReturn

import orjson
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from certstore.certificate_path import check_crl, find_revocation, find_root
from certstore.certification import department_of
from certstore.documents.limited import Limits, run_limited
from certstore.documents.refusals import PARTS, REFUSALS
from certstore.errors import CertificationFault, DocumentError
from certstore.verdict import Part

MOST_BYTES: Final = 20 * 1024 * 1024
_WORKER: Final = "certstore.documents.inspect_worker"
_SKEW: Final = timedelta(minutes=5)
_LIMITS: Final = Limits()


@dataclass(frozen=True, slots=True)
class PdfCheck:
    """What can be said of a PDF at one moment.

    `integrity`: the seal covers the whole file and holds. `issuer`: the seal's certificate leads
    to one of the given roots. `time`: when it was sealed. Where integrity is not valid the other
    two are unknown and everything else is None. `department` is the code in the certificate.
    `certified` is true where the seal allows no later change. `credential` is the SD-JWT VC that
    travels inside, as sealed; it has a signature and a state of its own, for `certstore.verify`.
    """

    integrity: Part
    issuer: Part
    time: Part
    at: datetime
    sha256: str
    department: str | None = None
    certificate: x509.Certificate | None = field(default=None, repr=False)
    sealed_at: datetime | None = None
    stamped_at: datetime | None = None
    certified: bool = False
    credential: str | None = field(default=None, repr=False)
    metadata: Mapping[str, str] | None = field(default=None, repr=False)

    @property
    def parts(self) -> Mapping[str, Part]:
        return {"integrity": self.integrity, "issuer": self.issuer, "time": self.time}

    def as_dict(self) -> dict[str, Any]:
        """The check as JSON values; the certificate is left out."""
        return {
            "at": self.at.isoformat(),
            **{name: part.as_dict() for name, part in self.parts.items()},
            "sha256": self.sha256,
            "department": self.department,
            "sealed_at": None if self.sealed_at is None else self.sealed_at.isoformat(),
            "stamped_at": None if self.stamped_at is None else self.stamped_at.isoformat(),
            "certified": self.certified,
            "credential": self.credential,
            "metadata": None if self.metadata is None else dict(self.metadata),
        }

    def __bool__(self) -> NoReturn:
        raise TypeError("a check has three parts; ask for the one you mean")


def check_pdf(
    data: bytes,
    roots: Sequence[x509.Certificate],
    *,
    at: datetime,
    crl: x509.CertificateRevocationList | None = None,
    tsa_roots: Sequence[x509.Certificate] = (),
    limits: Limits = _LIMITS,
) -> PdfCheck:
    """What can be said of the PDF `data` at the aware moment `at`.

    `roots` are those that certify departments, `tsa_roots` those of trusted time-stamping
    services; `crl` is the root's revocation list. Every file has an answer, hostile ones too:
    `integrity` is then invalid, or unknown with `time-limit` or `memory-limit`.

    Raises DocumentError `busy` where no child is free, ValueError where `at` has no time zone.
    """
    if at.tzinfo is None:
        raise ValueError("at has no time zone")
    digest = hashlib.sha256(data).hexdigest()
    if len(data) > MOST_BYTES:
        return _refused("too-large", at, digest)
    found = _inspected(data, tsa_roots, at, limits)
    refusal = found.get("refusal")
    if refusal is not None:
        return _refused(str(refusal), at, digest)
    certificate = _certificate(found)
    sealed_at, stamped_at = _time(found["sealed_at"]), _time(found["stamped_at"])
    if certificate is None or sealed_at is None:
        return _refused("malformed", at, digest)
    proven = stamped_at if found["stamp_trusted"] else None
    return PdfCheck(
        integrity=PARTS["seal-holds"],
        issuer=PARTS[_issuer(certificate, roots, crl, sealed_at, proven, at)],
        time=PARTS[_timing(sealed_at, stamped_at, proven, at)],
        at=at,
        sha256=digest,
        department=department_of(certificate.subject),
        certificate=certificate,
        sealed_at=sealed_at,
        stamped_at=stamped_at,
        certified=bool(found["certified"]),
        credential=found["credential"],
        metadata=_metadata(found["metadata"]),
    )


def _inspected(
    data: bytes, tsa_roots: Sequence[x509.Certificate], at: datetime, limits: Limits
) -> dict[str, Any]:
    head = orjson.dumps(
        {
            "at": at.isoformat(),
            "tsa_roots": [
                base64.b64encode(one.public_bytes(Encoding.DER)).decode() for one in tsa_roots
            ],
        }
    )
    request = b"".join((len(head).to_bytes(4, "big"), head, data))
    try:
        answer = run_limited(_WORKER, request, limits)
        found = orjson.loads(answer)
    except DocumentError as error:
        if error.code == "busy":
            raise
        return {"refusal": error.code}
    except orjson.JSONDecodeError:
        return {"refusal": "malformed"}
    return found if isinstance(found, dict) else {"refusal": "malformed"}


def _issuer(
    certificate: x509.Certificate,
    roots: Sequence[x509.Certificate],
    crl: x509.CertificateRevocationList | None,
    sealed_at: datetime,
    proven: datetime | None,
    at: datetime,
) -> str:
    """The code of the issuer's part. A certificate is judged as of when it sealed, by the proven
    time where there is one: it may have run out since, and the seal still counts."""
    if not roots:
        return "no-roots"
    moment = proven or min(sealed_at, at)
    try:
        root = find_root([certificate], roots, at=moment)
        if crl is not None:
            check_crl(crl, root, at=at)
    except CertificationFault as fault:
        return _FAULTS.get(fault.code, "seal-not-trusted")
    revocation = None if crl is None else find_revocation(crl, certificate)
    if revocation is None:
        return "seal-trusted"
    if moment >= revocation.invalid_from:
        return "seal-revoked"
    # A thief can state any time, but no thief can have it stamped.
    return "seal-trusted" if proven is not None else "seal-revoked-since"


_FAULTS: Final[Mapping[str, str]] = {
    "certificate-not-yet": "seal-certificate-not-yet",
    "certificate-expired": "seal-certificate-expired",
    "crl-untrusted": "revocation-unknown",
    "crl-not-yet": "revocation-unknown",
    "crl-stale": "revocation-unknown",
}


def _timing(
    sealed_at: datetime, stamped_at: datetime | None, proven: datetime | None, at: datetime
) -> str:
    if sealed_at > at + _SKEW or (stamped_at is not None and stamped_at > at + _SKEW):
        return "sealed-in-future"
    if proven is not None:
        return "time-stamped"
    return "time-stamp-untrusted" if stamped_at is not None else "time-claimed"


def _certificate(found: Mapping[str, Any]) -> x509.Certificate | None:
    try:
        return x509.load_der_x509_certificate(base64.b64decode(found["certificate"]))
    except ValueError:
        return None


def _time(text: Any) -> datetime | None:
    if not isinstance(text, str):
        return None
    at = datetime.fromisoformat(text)
    return at if at.tzinfo is not None else None


def _metadata(text: Any) -> Mapping[str, str] | None:
    if not isinstance(text, str):
        return None
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    if not isinstance(found, dict):
        return None
    return {str(name): value for name, value in found.items() if isinstance(value, str)}


def _refused(code: str, at: datetime, digest: str) -> PdfCheck:
    part = REFUSALS.get(code, REFUSALS["malformed"])
    unknown = PARTS["not-evaluated"]
    return PdfCheck(part, unknown, unknown, at, digest)
