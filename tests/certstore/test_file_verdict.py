"""A PDF and the certificate inside it: each part is the worse of what the two have to say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from certstore.documents.check import PdfCheck
from certstore.documents.refusals import PARTS as SEAL
from certstore.documents.refusals import REFUSALS
from certstore.file_verdict import identifier_in, is_annotated, parts_of_file
from certstore.verdict import Verdict
from certstore.verify import Verifier
from tests.certstore.conftest import NOW


@pytest.fixture
def verdict(verifier: Verifier, certificate: str) -> Verdict:
    return verifier.verify(certificate, at=NOW)


@pytest.fixture
def check(verdict: Verdict) -> PdfCheck:
    return PdfCheck(
        integrity=SEAL["seal-holds"],
        issuer=SEAL["seal-trusted"],
        time=SEAL["time-claimed"],
        at=NOW,
        sha256="00" * 32,
        department=verdict.claims["issuer"]["code"],
        metadata={"ZZBS": verdict.identifier or ""},
    )


def codes(check: PdfCheck, verdict: Verdict | None, *, at: datetime = NOW) -> list[str]:
    return [part.code for part in parts_of_file(check, verdict, at=at).values()]


def test_a_sound_file_says_what_its_certificate_says(check: PdfCheck, verdict: Verdict) -> None:
    assert codes(check, verdict) == [
        "seal-holds", "seal-trusted", "status-valid", "within-validity",
    ]  # fmt: skip
    assert identifier_in(check) == verdict.identifier


def test_nothing_of_an_altered_file_is_judged(check: PdfCheck, verdict: Verdict) -> None:
    altered = replace(check, integrity=REFUSALS["altered"])
    assert codes(altered, verdict) == ["altered", *["not-evaluated"] * 3]


@pytest.mark.parametrize(
    ("changes", "place", "code"),
    [
        ({"issuer": SEAL["no-roots"]}, 1, "no-roots"),
        ({"issuer": SEAL["seal-not-trusted"]}, 1, "seal-not-trusted"),
        ({"department": "11440300MB2E09012L"}, 1, "seal-of-another-department"),
        ({"metadata": {"ZZBS": "1.2.156.3005.2.X"}}, 0, "other-certificate-inside"),
    ],
    ids=["no root", "another root", "another department's seal", "another certificate inside"],
)
def test_what_the_seal_spoils_the_certificate_does_not_mend(
    check: PdfCheck, verdict: Verdict, changes: Mapping[str, Any], place: int, code: str
) -> None:
    assert codes(replace(check, **changes), verdict)[place] == code


def test_a_seal_does_not_mend_a_bad_certificate(
    check: PdfCheck, verifier: Verifier, certificate: str
) -> None:
    jws, *rest = certificate.split("~")
    forged = verifier.verify("~".join([jws[:-4] + "AAAA", *rest]), at=NOW)
    assert codes(check, forged)[0] == "signature-invalid"


def test_without_a_certificate_inside_the_state_is_unknown(check: PdfCheck) -> None:
    assert codes(check, None) == [
        "seal-holds", "seal-trusted", "no-certificate-inside", "no-certificate-inside",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("later", "code"),
    [
        (timedelta(0), "within-validity"),
        (timedelta(hours=11, minutes=59), "within-validity"),
        (timedelta(hours=12), "annotated-copy-expired"),
    ],
    ids=["on its last day", "just before midnight in China", "at midnight in China"],
)
def test_an_annotated_copy_ends_with_its_last_day(
    check: PdfCheck, verdict: Verdict, later: timedelta, code: str
) -> None:
    # 12:00 in China, twelve hours before the day ends.
    metadata = {**(check.metadata or {}), "JZJYXQJZSJ": "2026-03-01"}
    copy = replace(check, metadata=metadata, department="11440000MB2G07890B")
    assert is_annotated(copy) and not is_annotated(check)
    told = parts_of_file(copy, verdict, at=NOW + later)
    assert told["validity"].code == code
    assert told["issuer"].code == "seal-trusted"


def test_an_annotated_copy_with_an_unreadable_day_is_not_said_to_be_valid(
    check: PdfCheck, verdict: Verdict
) -> None:
    copy = replace(check, metadata={"JZJYXQJZSJ": "soon"})
    assert codes(copy, verdict)[3] == "validity-not-stated"
