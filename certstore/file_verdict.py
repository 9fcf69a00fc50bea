"""The verdict on a PDF together with the certificate that travels inside it.

A seal says whose paper it is; the certificate inside says of what it is the paper, and where its
state is published. Each part of the verdict is the worse of what the two have to say.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta, timezone
from types import MappingProxyType
from typing import Final

from certstore.documents.check import PdfCheck
from certstore.issue import CIVIL_UTC_OFFSET
from certstore.verdict import PARTS, Outcome, Part, Verdict

_CIVIL: Final = timezone(timedelta(seconds=CIVIL_UTC_OFFSET))
_RANK: Final[Mapping[Outcome, int]] = {"valid": 0, "unknown": 1, "invalid": 2}

FILE_PARTS: Final[Mapping[str, Part]] = MappingProxyType(
    {
        part.code: part
        for part in (
            Part(
                "invalid",
                "seal-of-another-department",
                "签章单位与证照的颁发机构不符",
                "the seal is another department's than the certificate's issuer",
            ),
            Part(
                "invalid",
                "annotated-copy-expired",
                "加注件已超过有效期",
                "the annotated copy is past its last day",
            ),
            Part(
                "invalid",
                "other-certificate-inside",
                "文件标明的证照与内含的证照数据不符",
                "the file is made out for another certificate than travels inside it",
            ),
            Part(
                "unknown",
                "no-certificate-inside",
                "文件内没有证照数据，状态须向枢纽查询",
                "no certificate travels inside the file; ask the hub for its state",
            ),
        )
    }
)
"""What only a file and its certificate together can say."""


def identifier_in(check: PdfCheck) -> str | None:
    """The identifier that a sealed file is made out for (ZZBS, GB/T 36903), None for none."""
    return None if check.metadata is None else check.metadata.get("ZZBS")


def is_annotated(check: PdfCheck) -> bool:
    """Whether the file is an annotated copy (加注件)."""
    return check.metadata is not None and "JZJYXQJZSJ" in check.metadata


def parts_of_file(check: PdfCheck, verdict: Verdict | None, *, at: datetime) -> dict[str, Part]:
    """Integrity, issuer, status and validity of a PDF at the aware moment `at`.

    `verdict` is that on the certificate inside, None where there is none (or none was looked at,
    because the seal does not hold).
    """
    if check.integrity.outcome != "valid":
        unjudged = PARTS["not-evaluated"]
        parts = {"integrity": check.integrity, "issuer": unjudged}
        return {**parts, "status": unjudged, "validity": unjudged}
    if verdict is None:
        unknown = FILE_PARTS["no-certificate-inside"]
        parts = {"integrity": check.integrity, "issuer": check.issuer}
        return {**parts, "status": unknown, "validity": _copy_validity(check, unknown, at)}
    return {
        "integrity": _worse(check.integrity, _same_certificate(check, verdict)),
        "issuer": _worse(check.issuer, _sealed_by_issuer(check, verdict)),
        "status": verdict.status,
        "validity": _copy_validity(check, verdict.validity, at),
    }


def _same_certificate(check: PdfCheck, verdict: Verdict) -> Part:
    named = identifier_in(check)
    if verdict.integrity.outcome == "valid" and named not in (None, verdict.identifier):
        return FILE_PARTS["other-certificate-inside"]
    return verdict.integrity


def _sealed_by_issuer(check: PdfCheck, verdict: Verdict) -> Part:
    issuer = verdict.claims.get("issuer")
    code = issuer.get("code") if isinstance(issuer, Mapping) else None
    # An annotated copy may be sealed by whoever made it.
    if code is not None and not is_annotated(check) and check.department not in (None, code):
        return FILE_PARTS["seal-of-another-department"]
    return verdict.issuer


def _copy_validity(check: PdfCheck, otherwise: Part, at: datetime) -> Part:
    if not is_annotated(check) or check.metadata is None:
        return otherwise
    today = at.astimezone(_CIVIL).date()
    try:
        last = date.fromisoformat(check.metadata["JZJYXQJZSJ"][:10])
    except ValueError:
        return PARTS["validity-not-stated"]
    return _worse(otherwise, FILE_PARTS["annotated-copy-expired"]) if today > last else otherwise


def _worse(first: Part, second: Part) -> Part:
    return second if _RANK[second.outcome] > _RANK[first.outcome] else first
