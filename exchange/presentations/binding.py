"""Binds an applicant's certificate to a key of the applicant's own (RFC 9901 section 4.3)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from typing import Any, Final

from sqlalchemy.exc import IntegrityError

from certstore.errors import KeyFault
from certstore.identifiers import CertificateIdentifier
from certstore.keys import Signer
from certstore.possession import check_possession, claimed_nonce
from certstore.presentation import bind
from certstore.public_keys import thumbprint
from exchange.access import Permitted
from exchange.audit.records import prepare
from exchange.certificates.bound_copies import BoundCopy, add_bound_copy, count_bound_copies
from exchange.certificates.records import Certificate
from exchange.certificates.service import Certificates
from exchange.certificates.trusting import Keys
from exchange.clock import Clock
from exchange.errors import Conflict
from exchange.presentations.nonces import Nonce, Nonces, nonce_hash
from exchange.presentations.own import get_own_in_force
from exchange.unit_of_work import UnitOfWork

MOST_A_DAY: Final = 50
"""Copies of one holder within 24 hours: every one is a signature of the issuer."""


@dataclass(frozen=True, slots=True)
class Challenge:
    """What a proof of possession is to be made over."""

    nonce: Nonce
    audience: str


class Binding:
    """Gives out nonces and makes bound copies."""

    def __init__(
        self,
        work: UnitOfWork[Any, Any],
        clock: Clock,
        certificates: Certificates,
        keys: Keys,
        nonces: Nonces,
        *,
        audience: str,
    ) -> None:
        self._work = work
        self._clock = clock
        self._certificates = certificates
        self._keys = keys
        self._nonces = nonces
        self._audience = audience

    def challenge(self, permitted: Permitted) -> Challenge:
        """A fresh nonce for the acting applicant."""
        made = self._nonces.make(permitted.caller.subject, self._clock.now())
        return Challenge(made, self._audience)

    def bind(
        self,
        permitted: Permitted,
        identifier: CertificateIdentifier,
        *,
        jwk: Mapping[str, Any],
        proof: str,
    ) -> str:
        """The applicant's certificate as an SD-JWT VC that names the applicant's public key.

        Raises:
            NotFound: the applicant holds no such certificate.
            Conflict: it is not in force, or a newer version replaced it; the nonce is stale; too
                many copies today; the issuer's key cannot be used.
            KeyFault, JwsError, KeyBindingError: the key or the proof does not hold.
        """
        # 1. What is to be bound, and whether the key is the applicant's.
        now = self._clock.now()
        certificate = get_own_in_force(self._certificates, permitted, identifier)
        nonce = claimed_nonce(proof)
        if not self._nonces.is_good(nonce, permitted.caller.subject, now):
            raise _stale_nonce()
        check_possession(proof, jwk, audience=self._audience, at=now)
        with self._work.read() as connection:
            made = count_bound_copies(connection, permitted.holder_key, now - timedelta(days=1))
        if made >= MOST_A_DAY:
            raise Conflict("今日绑定副本已达上限。", "No more bound copies can be made today.")
        # 2. Sign outside any transaction.
        signer = self._signer(certificate.issuer)
        copy = bind(certificate.credential, jwk, signer, issued_at=now)
        # 3. Write it down, unless the proof was used meanwhile; then the signature goes nowhere.
        row = BoundCopy(
            id=self._clock.new_id(),
            issuer=certificate.issuer,
            type_code=certificate.type_code,
            serial=certificate.serial,
            version=certificate.version,
            holder_key=permitted.holder_key,
            key_thumbprint=thumbprint(jwk),
            jws_digest=jws_digest(copy),
            kid=signer.kid,
            nonce_hash=nonce_hash(nonce),
            made_at=now,
        )
        self._write(permitted, certificate, row)
        return copy

    def _signer(self, department: str) -> Signer:
        try:
            return self._keys.issuer(department)
        except KeyFault:
            raise Conflict(
                "颁发部门目前没有可用的签名密钥，暂不能制作绑定副本。",
                "The issuing department has no usable key now, so no copy can be signed.",
            ) from None

    def _write(self, permitted: Permitted, certificate: Certificate, row: BoundCopy) -> None:
        with self._work.begin() as work:
            try:
                add_bound_copy(work.connection, row)
            except IntegrityError:
                raise _stale_nonce() from None
            work.record(
                prepare(
                    "certificate-bound",
                    work.now,
                    act=permitted.act,
                    department=certificate.issuer,
                    holder=permitted.holder_key,
                    type=certificate.type_key,
                    certificates=[certificate.identifier],
                    key=row.key_thumbprint,
                    policy=permitted.decision.policy_set,
                    rules=permitted.decision.rules,
                    result=row.jws_digest,
                    outcome="done",
                )
            )
            work.commit()


def jws_digest(credential: str) -> bytes:
    """SHA-256 of the issuer's JWS, the part before the first tilde."""
    return sha256(credential.partition("~")[0].encode("utf-8", "replace")).digest()


def _stale_nonce() -> Conflict:
    return Conflict(
        "随机数不是本枢纽给您的、已过期或已被使用；请重新获取。",
        "The nonce was not given to you, has expired or was used; get another.",
        members={"reason": "nonce-not-usable"},
    )
