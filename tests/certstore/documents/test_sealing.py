"""A seal that pdfsig and pyHanko accept, and that both refuse once one byte was altered."""

from __future__ import annotations

import asyncio
import dataclasses
import subprocess
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from asn1crypto import keys as asn1_keys
from asn1crypto import tsp
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.timestamps.dummy_client import DummyTimeStamper
from pyhanko.sign.validation import validate_pdf_signature
from pyhanko_certvalidator import ValidationContext

from certstore.documents import check_pdf, seal
from certstore.documents.samples import MADE_AT
from certstore.documents.sealing import time_stamper
from certstore.errors import DocumentError
from certstore.keys import Ed25519Signer, Es256Signer
from tests.certstore.documents.conftest import DEPARTMENT, SINCE, UNTIL, Authority

STAMPED_AT = MADE_AT + timedelta(seconds=2)


def validated(pdf: bytes, root: x509.Certificate) -> Any:
    """What pyHanko's own validator says."""
    (signature,) = PdfFileReader(BytesIO(pdf)).embedded_regular_signatures
    context = ValidationContext(
        trust_roots=[asn1_x509.Certificate.load(root.public_bytes(Encoding.DER))],
        allow_fetching=False,
        moment=MADE_AT,
    )
    return validate_pdf_signature(signature, context)


def pdfsig(pdf: bytes, folder: Path, program: Callable[[str], str]) -> str:
    path = folder / "certificate.pdf"
    path.write_bytes(pdf)
    done = subprocess.run([program("pdfsig"), "-nocert", path], capture_output=True, text=True)
    return done.stdout


def altered(pdf: bytes, at: int) -> bytes:
    return pdf[:at] + bytes([pdf[at] ^ 1]) + pdf[at + 1 :]


def test_pdfsig_and_pyhanko_accept_a_sealed_file(
    sealed: bytes, authority: Authority, tmp_path: Path, program: Callable[[str], str]
) -> None:
    said = pdfsig(sealed, tmp_path, program)
    assert "Signature is Valid." in said
    assert "ETSI.CAdES.detached" in said
    assert "Total document signed" in said
    status = validated(sealed, authority.root)
    assert status.bottom_line
    assert status.trusted


def test_one_altered_byte_and_both_refuse(
    sealed: bytes, authority: Authority, tmp_path: Path, program: Callable[[str], str]
) -> None:
    inside = sealed.index(b"stream\r\n" if b"stream\r\n" in sealed else b"stream\n") + 40
    changed = altered(sealed, inside)
    assert "Signature is Valid." not in pdfsig(changed, tmp_path, program)
    assert not validated(changed, authority.root).bottom_line
    assert check_pdf(changed, [authority.root], at=MADE_AT).integrity.code == "altered"


def test_a_seal_allows_no_later_change_and_says_who_why_where_and_when(
    sealed: bytes, authority: Authority
) -> None:
    (signature,) = PdfFileReader(BytesIO(sealed)).embedded_regular_signatures
    told = signature.sig_object
    assert (told["/Reason"], told["/Location"]) == ("颁发电子证照", "云州市")
    assert signature.docmdp_level.value == 1
    found = check_pdf(sealed, [authority.root], at=MADE_AT)
    assert (found.certified, found.department, found.sealed_at) == (True, DEPARTMENT, MADE_AT)


def test_sealing_leaves_the_marks_of_pdf_a_and_the_time_of_drawing(
    sealed: bytes, drawn: bytes
) -> None:
    assert sealed.startswith(drawn)
    added = sealed[len(drawn) :]
    assert b"/Version" not in added
    assert b"pyHanko" not in added
    assert b"/ModDate" not in added


@pytest.mark.parametrize(
    "key", [Es256Signer.generate(), Ed25519Signer.generate()], ids=["another-key", "ed25519"]
)
def test_a_key_that_is_not_the_certificates_is_refused(
    key: Any, authority: Authority, drawn: bytes
) -> None:
    with pytest.raises(DocumentError) as refused:
        seal(drawn, key, [authority.certificate], reason="x", place="x", at=MADE_AT)
    assert refused.value.code == "wrong-key"


def test_a_key_without_a_certificate_seals_nothing(authority: Authority, drawn: bytes) -> None:
    with pytest.raises(DocumentError) as refused:
        seal(drawn, authority.signer, [], reason="x", place="x", at=MADE_AT)
    assert refused.value.code == "wrong-key"


@pytest.mark.parametrize("content", [b"", b"%PDF-1.7\n", b"x" * 100], ids=["empty", "head", "text"])
def test_what_is_no_pdf_is_not_sealed(authority: Authority, content: bytes) -> None:
    with pytest.raises(DocumentError) as refused:
        authority.sealed(content)
    assert refused.value.code == "not-sealable"


def test_a_sealed_file_is_not_sealed_again(authority: Authority, sealed: bytes) -> None:
    with pytest.raises(DocumentError) as refused:
        authority.sealed(sealed)
    assert refused.value.code == "not-sealable"


def test_sealing_works_where_a_loop_is_running(authority: Authority, drawn: bytes) -> None:
    async def inside() -> bytes:
        return authority.sealed(drawn)

    assert validated(asyncio.run(inside()), authority.root).bottom_line


@dataclasses.dataclass(frozen=True)
class Stamps:
    """A time-stamping service that answers over HTTP, and its certificate."""

    url: str
    certificate: x509.Certificate


@pytest.fixture(scope="module")
def stamps() -> Iterator[Stamps]:
    key = rsa.generate_private_key(65537, 2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "时间戳服务")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(SINCE)
        .not_valid_after(UNTIL)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING]), critical=True)
        .sign(key, SHA256())
    )
    stamper = DummyTimeStamper(
        asn1_x509.Certificate.load(certificate.public_bytes(Encoding.DER)),
        asn1_keys.PrivateKeyInfo.load(
            key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
        ),
        fixed_dt=STAMPED_AT,
    )

    class Service(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            request = tsp.TimeStampReq.load(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.send_header("Content-Type", "application/timestamp-reply")
            self.end_headers()
            self.wfile.write(stamper.request_tsa_response(request).dump())

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Service)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield Stamps(f"http://127.0.0.1:{server.server_address[1]}", certificate)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_time_stamp_proves_when_a_file_was_sealed(
    authority: Authority, drawn: bytes, stamps: Stamps
) -> None:
    pdf = authority.sealed(drawn, timestamper=time_stamper(stamps.url))
    at = datetime(2030, 1, 1, tzinfo=UTC)
    found = check_pdf(pdf, [authority.root], at=at, tsa_roots=[stamps.certificate])
    assert (found.integrity.code, found.issuer.code, found.time.code) == (
        "seal-holds", "seal-trusted", "time-stamped",
    )  # fmt: skip
    assert found.stamped_at == STAMPED_AT
    untrusted = check_pdf(pdf, [authority.root], at=MADE_AT + timedelta(hours=1))
    assert untrusted.time.code == "time-stamp-untrusted"


def test_a_service_that_does_not_answer_seals_nothing(authority: Authority, drawn: bytes) -> None:
    with pytest.raises(DocumentError) as refused:
        authority.sealed(drawn, timestamper=time_stamper("http://127.0.0.1:9", seconds=2))
    assert refused.value.code == "no-time-stamp"
