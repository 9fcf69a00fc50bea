"""Verifying a certificate that somebody presents, in whatever form, or that somebody names.

The verdict comes in parts, as offline; only the status lists are the live ones, and the hub also
says whether the very file is on its record. Every verification stands in the log.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from certstore.documents.check import PdfCheck, check_pdf
from certstore.errors import CertstoreError
from certstore.file_verdict import identifier_in, parts_of_file
from certstore.identifiers import CertificateIdentifier
from certstore.pictures import read_qr_code
from certstore.shown import Kind, Shown, read_shown, read_text
from certstore.trust import TrustAnchors
from certstore.verdict import PARTS, Part, Verdict
from exchange.access import Access, Permitted
from exchange.audit.records import PreparedRecord, prepare
from exchange.certificates import repository
from exchange.certificates.comparing import COMPARISONS, Comparison, compare
from exchange.certificates.guesses import (
    ALL_CERTIFICATES,
    ONE_CERTIFICATE,
    TooManyGuesses,
    add_guesses,
    check_guesses,
)
from exchange.certificates.judging import Expected, Judge
from exchange.certificates.on_record import RECORDS, Recall, record_of_credential
from exchange.certificates.places import Places
from exchange.certificates.published import PublishedLists
from exchange.certificates.records import Certificate
from exchange.certificates.resigned import current_credential
from exchange.certificates.trusting import Keys
from exchange.clock import Clock
from exchange.errors import BadRequest
from exchange.unit_of_work import UnitOfWork

__all__ = ["COMPARISONS", "Expected", "Verification", "Verifications"]

_GUESSING = "facts"


@dataclass(frozen=True, slots=True)
class Verification:
    """What can be said of something shown.

    ``parts`` are those of the verdict, empty where there is nothing to judge. ``found`` is None
    where a file was presented, else whether the identifier is known here; ``sound`` is False
    where its check character is wrong. ``record`` says whether the very file is on record.
    ``facts`` says for each supplied fact how it compares, and gives no data out.
    """

    kind: Kind
    parts: Mapping[str, Part]
    verdict: Verdict | None = None
    identifier: str | None = None
    sound: bool | None = None
    found: bool | None = None
    record: Part | None = None
    facts: Mapping[str, Comparison] | None = None
    pdf: PdfCheck | None = None


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
        self._judge = Judge(access, keys, places, lists)
        self._documents: Recall | None = None
        self._imported: Recall | None = None

    def know_also(
        self,
        *,
        documents: Recall | None = None,
        imported: Recall | None = None,
        elsewhere: Callable[[], TrustAnchors] | None = None,
    ) -> None:
        """What rooms above this one know: files drawn here, credentials imported (each by its
        SHA-256), and issuers elsewhere whose keys are registered."""
        self._documents = documents or self._documents
        self._imported = imported or self._imported
        self._judge.elsewhere = elsewhere or self._judge.elsewhere

    def of_credential(
        self, permitted: Permitted, credential: str, expected: Expected | None = None
    ) -> Verification:
        """The verdict on a presented SD-JWT VC, with what it discloses.

        With ``expected``, whoever shows it must also prove to hold the key it is bound to.
        """
        now = self._clock.now()
        verification = self._credential(credential, expected, now)
        self._record(permitted, verification)
        return verification

    def of_text(self, permitted: Permitted, text: str) -> Verification:
        """The verdict on what a QR code says. Raises certstore's ShownError."""
        return self._of_shown(permitted, read_text(text))

    def of_file(self, permitted: Permitted, data: bytes) -> Verification:
        """The verdict on a file: a PDF, a picture with a QR code, an SD-JWT VC.

        Raises certstore's ShownError for what is none of these, DocumentError `busy`.
        """
        shown = read_shown(data)
        if shown.kind == "pdf":
            verification = self._pdf(shown.data, self._clock.now())
            self._record(permitted, verification)
            return verification
        if shown.kind == "picture":
            shown = read_text(read_qr_code(shown.data))
        return self._of_shown(permitted, shown)

    def of_identifier(
        self, permitted: Permitted, identifier: str, facts: Mapping[str, str] | None = None
    ) -> Verification:
        """The verdict on the certificate of that identifier, without any of its data.

        An identifier whose check character is wrong is flagged, and nothing is looked for. Facts
        are compared by the rules of :func:`exchange.certificates.comparing.compare`.

        Raises:
            IdentifierError: it has not the form of an identifier.
            TooManyGuesses: this caller's facts differed too often; the refusal is logged.
        """
        wanted, sound = CertificateIdentifier.parse_flagged(identifier)
        place = (wanted.issuer, wanted.type_code, wanted.serial, wanted.version)
        with self._work.read() as connection:
            certificate = repository.find_version(connection, *place) if sound else None
            credential = current_credential(connection, *place) if certificate else None
        if certificate is None or credential is None:
            missing = Verification(
                "identifier", {}, identifier=identifier, sound=sound, found=False
            )
            self._record(permitted, missing)
            return missing
        compared = None
        if facts is not None:
            self._may_guess(permitted, certificate)
            compared = self._compare(permitted, certificate, facts)
        verdict = known_to_be_ours(self._judge.judge(credential, self._clock.now()))
        verification = Verification(
            "identifier",
            verdict.parts,
            verdict,
            certificate.identifier,
            sound=True,
            found=True,
            facts=compared,
        )
        self._record(permitted, verification, about=certificate)
        return verification

    def _of_shown(self, permitted: Permitted, shown: Shown) -> Verification:
        if shown.kind == "credential":
            return self.of_credential(permitted, shown.text)
        if shown.kind == "identifier":
            return self.of_identifier(permitted, shown.text)
        raise BadRequest(
            "这是用证码，请由窗口系统核用（POST /v1/presentations/redeem），不在此核验。",
            "This is a one-time code: a counter redeems it (POST /v1/presentations/redeem).",
        )

    def _credential(
        self, credential: str, expected: Expected | None, now: datetime
    ) -> Verification:
        verdict = self._judge.judge(credential, now, expected)
        with self._work.read() as connection:
            record = record_of_credential(
                connection, credential, verdict, self._places, self._imported
            )
        if record.outcome == "valid":
            verdict = known_to_be_ours(verdict)
        return Verification(
            "credential",
            verdict.parts,
            verdict,
            verdict.identifier,
            sound=verdict.identifier_sound,
            record=record,
        )

    def _pdf(self, data: bytes, now: datetime) -> Verification:
        check = check_pdf(data, self._keys.roots(), at=now, crl=self._keys.crl())
        inner = None
        if check.integrity.outcome == "valid" and check.credential is not None:
            inner = self._credential(check.credential, None, now)
        verdict = inner.verdict if inner else None
        parts = parts_of_file(check, verdict, at=now)
        identifier = (None if verdict is None else verdict.identifier) or identifier_in(check)
        drawn = self._is_drawn_here(data)
        record = RECORDS["on-record" if drawn else "not-on-record"]
        if check.integrity.outcome == "invalid":
            record = RECORDS["not-evaluated"]
        verification = Verification(
            "pdf", parts, verdict, identifier, _sound(identifier), record=record, pdf=check
        )
        return self._with_state_here(verification, now) if inner is None else verification

    def _with_state_here(self, verification: Verification, now: datetime) -> Verification:
        """With the state of the certificate that a sealed file without credential is of."""
        check, identifier = verification.pdf, verification.identifier
        if check is None or check.issuer.outcome != "valid" or not verification.sound:
            return verification
        wanted = CertificateIdentifier.parse(identifier or "")
        with self._work.read() as connection:
            credential = current_credential(
                connection, wanted.issuer, wanted.type_code, wanted.serial, wanted.version
            )
        if credential is None:
            return verification
        known = known_to_be_ours(self._judge.judge(credential, now))
        parts = {**verification.parts, "status": known.status}
        if parts["validity"].outcome == "unknown":
            parts["validity"] = known.validity
        return replace(verification, parts=parts)

    def _is_drawn_here(self, data: bytes) -> bool:
        if self._documents is None:
            return False
        with self._work.read() as connection:
            return self._documents(connection, hashlib.sha256(data).digest())

    def _may_guess(self, permitted: Permitted, certificate: Certificate) -> None:
        if permitted.caller.department == certificate.issuer:
            return
        limits = [
            (f"{_GUESSING}:{certificate.identifier}", ONE_CERTIFICATE),
            (_GUESSING, ALL_CERTIFICATES),
        ]
        try:
            with self._work.read() as connection:
                check_guesses(connection, permitted.caller.subject, limits, self._clock.now())
        except TooManyGuesses:
            self._record_exhausted(permitted, certificate)
            raise

    def _compare(
        self, permitted: Permitted, certificate: Certificate, facts: Mapping[str, str]
    ) -> dict[str, Comparison]:
        own = permitted.caller.department == certificate.issuer
        kind = self._access.snapshot().find_type(certificate.type_key, certificate.type_version)
        return compare(certificate, kind, facts, own=own)

    def _record(
        self,
        permitted: Permitted,
        verification: Verification,
        about: Certificate | None = None,
    ) -> None:
        facts = verification.facts or {}
        wrong = sum(each == "different" for each in facts.values())
        own = about is not None and permitted.caller.department == about.issuer
        with self._work.begin() as work:
            if wrong and not own:
                things = [_GUESSING, f"{_GUESSING}:{verification.identifier}"] * wrong
                add_guesses(work.connection, permitted.caller.subject, things, work.now)
            holder = about.holder_key if about is not None and verification.facts else None
            work.record(_record_of(permitted, verification, holder, work.now))
            work.commit()

    def _record_exhausted(self, permitted: Permitted, certificate: Certificate) -> None:
        caller = permitted.caller
        with self._work.begin() as work:
            work.record(
                prepare(
                    "refusal",
                    work.now,
                    act="compare-facts",
                    department=caller.department,
                    system=caller.subject if caller.kind == "system" else None,
                    key=caller.key,
                    holder=certificate.holder_key,
                    type=certificate.type_key,
                    certificates=[certificate.identifier],
                    outcome="refused",
                    reason="too-many-guesses",
                )
            )
            work.commit()


def known_to_be_ours(verdict: Verdict) -> Verdict:
    """The verdict on a credential that the hub itself has kept since it was issued.

    A key that fell into other hands later leaves open, offline, who signed; the record tells.
    """
    if verdict.issuer.code != "key-compromised-later":
        return verdict
    return verdict._replace(issuer=PARTS["issuer-on-record"])


def _record_of(
    permitted: Permitted, verification: Verification, holder: bytes | None, now: datetime
) -> PreparedRecord:
    caller, facts = permitted.caller, verification.facts
    codes = [part.code for part in verification.parts.values()] or ["not-found"]
    if verification.record is not None:
        codes.append(verification.record.code)
    # Only an identifier that a trusted signature vouches for, or that the hub's own parser has
    # read, may enter the log: anything else is whatever a stranger wrote.
    integrity = verification.parts.get("integrity")
    known = integrity is None or integrity.outcome == "valid"
    identifier = verification.identifier
    named = [identifier] if identifier and known and len(identifier) <= 300 else None
    return prepare(
        "verification",
        now,
        act=permitted.act,
        department=caller.department,
        system=caller.subject if caller.kind == "system" else None,
        key=caller.key,
        holder=holder or caller.holder_key,
        certificates=named,
        fields=sorted(facts) if facts else None,
        counts=_counts(facts) if facts else None,
        result=hashlib.sha256(" ".join(codes).encode()).digest(),
        reason=" ".join(codes),
        outcome="not-found" if verification.found is False else "done",
    )


def _counts(facts: Mapping[str, Comparison]) -> dict[str, int]:
    listed = list(facts.values())
    return {each: listed.count(each) for each in sorted(set(listed))}


def _sound(identifier: str | None) -> bool | None:
    if identifier is None:
        return None
    try:
        return CertificateIdentifier.parse_flagged(identifier)[1]
    except CertstoreError:
        return False
