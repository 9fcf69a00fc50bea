"""Sealing: a PDF is certified by its issuer to PAdES baseline B, with a time-stamp B-T.

ETSI EN 319 142-1. The seal is a certifying signature that allows no later change (DocMDP 1), and
covers the whole file. The key is asked for nothing but a raw ES256 signature, so it may lie in a
hardware module.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from datetime import datetime
from io import BytesIO
from typing import Any, Final, Protocol

from asn1crypto import algos
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.misc import PdfError
from pyhanko.sign import signers, timestamps
from pyhanko.sign.fields import MDPPerm, SigSeedSubFilter
from pyhanko.sign.general import SigningError
from pyhanko.sign.signers.pdf_signer import PdfSigningSession
from pyhanko_certvalidator.registry import SimpleCertificateStore

from certstore.base64url import b64url
from certstore.errors import DocumentError
from certstore.keys import Signer

FIELD: Final = "IssuerSeal"
_DIGEST: Final = "sha256"
_RAW: Final = 64


class TimeStamper(Protocol):
    """Whoever answers RFC 3161 requests; pyHanko's `TimeStamper` and its descendants do."""

    async def async_timestamp(self, message_digest: bytes, md_algorithm: str) -> Any: ...


def time_stamper(url: str, *, seconds: int = 10) -> TimeStamper:
    """The time-stamping service at an address, asked over HTTP (RFC 3161 section 3.4)."""
    stamper: TimeStamper = timestamps.HTTPTimeStamper(url, timeout=seconds)
    return stamper


def seal(
    pdf: bytes,
    signer: Signer,
    chain: Sequence[x509.Certificate],
    *,
    reason: str,
    place: str,
    at: datetime,
    timestamper: TimeStamper | None = None,
) -> bytes:
    """`pdf` sealed by the holder of `signer`, whose certificate is `chain[0]`.

    `at` (aware) is the time the seal states. With a `timestamper` the result is PAdES B-T, else
    B-B. No network is used without one.

    Raises DocumentError: `wrong-key` when the certificate is not of this key or the key is not
    ES256, `not-sealable` for what is no PDF or already has a seal, `no-time-stamp` when the
    service does not answer as it should.
    """
    certificates = [_as_asn1(one) for one in chain]
    _check_key(signer, chain)
    metadata = signers.PdfSignatureMetadata(
        field_name=FIELD,
        md_algorithm=_DIGEST,
        reason=reason,
        location=place,
        subfilter=SigSeedSubFilter.PADES,
        certify=True,
        docmdp_permissions=MDPPerm.NO_CHANGES,
    )
    own = _SealSigner(signer, certificates)
    sealer = _Sealer(metadata, own, at, timestamper)
    try:
        writer = _Writer(BytesIO(pdf), strict=True)
        sealed = _run(sealer.async_sign_pdf(writer))
    except timestamps.TimestampRequestError:
        raise DocumentError(
            "no-time-stamp", "时间戳服务没有应答", "the time-stamping service does not answer"
        ) from None
    except (PdfError, SigningError, ValueError):
        raise DocumentError(
            "not-sealable", "文件不是可以加盖签章的PDF", "not a PDF that can be sealed"
        ) from None
    content: bytes = sealed.getvalue()
    return content


class _Writer(IncrementalPdfFileWriter):  # type: ignore[misc]
    """Adds the seal and nothing else: what PDF/A-3 and PDF/UA-1 ask for stays as it was drawn."""

    def ensure_output_version(self, version: tuple[int, int]) -> None:
        # PDF/A-3 is made of PDF 1.7, whatever the declared extensions were written for.
        pass

    def _update_meta(self) -> None:
        # The time of the machine and another producer would come into the metadata.
        pass


class _SealSigner(signers.Signer):  # type: ignore[misc]
    """A key of this library as pyHanko asks for one: DER instead of r ‖ s."""

    def __init__(self, signer: Signer, chain: Sequence[asn1_x509.Certificate]) -> None:
        registry = SimpleCertificateStore()
        registry.register_multiple(chain[1:])
        super().__init__(
            signing_cert=chain[0],
            cert_registry=registry,
            signature_mechanism=algos.SignedDigestAlgorithm({"algorithm": "sha256_ecdsa"}),
            # A verifier has its own roots; one that comes with the file proves nothing.
            embed_roots=False,
        )
        self._key = signer

    async def async_sign_raw(
        self, data: bytes, digest_algorithm: str, dry_run: bool = False
    ) -> bytes:
        # The size of a signature is asked for first: the longest a P-256 one can be.
        raw = b"\xff" * _RAW if dry_run else self._key.sign(data)
        half = _RAW // 2
        return encode_dss_signature(
            int.from_bytes(raw[:half], "big"), int.from_bytes(raw[half:], "big")
        )


class _Sealer(signers.PdfSigner):  # type: ignore[misc]
    """Signs at the time it is told, not at that of the machine."""

    def __init__(self, metadata: Any, signer: _SealSigner, at: datetime, timestamper: Any) -> None:
        super().__init__(metadata, signer=signer, timestamper=timestamper)
        self._at = at

    def init_signing_session(self, *args: Any, **kwargs: Any) -> PdfSigningSession:
        session = super().init_signing_session(*args, **kwargs)
        session.system_time = self._at
        return session


def _check_key(signer: Signer, chain: Sequence[x509.Certificate]) -> None:
    if signer.alg != "ES256" or not chain:
        raise _wrong_key()
    numbers = getattr(chain[0].public_key(), "public_numbers", None)
    jwk = signer.public_jwk()
    public = numbers() if numbers is not None else None
    if public is None or not hasattr(public, "y"):
        raise _wrong_key()
    coordinates = (public.x.to_bytes(32, "big"), public.y.to_bytes(32, "big"))
    if tuple(b64url(one).decode() for one in coordinates) != (jwk.get("x"), jwk.get("y")):
        raise _wrong_key()


def _as_asn1(certificate: x509.Certificate) -> asn1_x509.Certificate:
    return asn1_x509.Certificate.load(certificate.public_bytes(Encoding.DER))


def _run(coroutine: Any) -> Any:
    """Run to the end, also where this thread already has a loop running."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(coroutine)
    found: list[Any] = []
    failed: list[BaseException] = []

    def run() -> None:
        try:
            found.append(asyncio.run(coroutine))
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if failed:
        raise failed[0]
    return found[0]


def _wrong_key() -> DocumentError:
    return DocumentError(
        "wrong-key",
        "签章密钥须为ES256，且与其证书一致",
        "a seal's key is an ES256 one, and the certificate is of this very key",
        field="signer",
    )
