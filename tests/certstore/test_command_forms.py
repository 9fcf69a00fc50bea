"""`python -m certstore verify` for every form a certificate may be shown in."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import segno
from cryptography.hazmat.primitives.serialization import Encoding

from certstore.__main__ import main
from certstore.certificate_type import CertificateType
from certstore.certification import certify, make_request, make_root
from certstore.documents import Drawer, seal
from certstore.documents.face import face_of
from certstore.issue import CertificateDraft
from certstore.keys import Es256Signer
from certstore.presentation import bind, present
from tests.certstore.conftest import NOW, status_token

AT = NOW.isoformat()
WHO, NONCE = "https://counter.example", "n-0S6"


@pytest.fixture
def folder(tmp_path: Path, trust_document: dict[str, Any], hub_signer: Es256Signer) -> Path:
    (tmp_path / "trust.json").write_text(json.dumps(trust_document))
    (tmp_path / "status.jwt").write_text(status_token(hub_signer, {}))
    return tmp_path


def run(folder: Path, content: str | bytes, *more: str) -> int:
    data = content.encode() if isinstance(content, str) else content
    (folder / "shown").write_bytes(data)
    return main(
        [
            "verify", str(folder / "shown"), "--trust", str(folder / "trust.json"),
            "--status", str(folder / "status.jwt"), "--at", AT, *more,
        ]
    )  # fmt: skip


def told(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(capsys.readouterr().out)
    return document


@pytest.fixture
def own() -> Es256Signer:
    return Es256Signer.generate()


@pytest.fixture
def shown(certificate: str, signer: Es256Signer, own: Es256Signer) -> str:
    copy = bind(certificate, own.public_jwk(), signer, issued_at=NOW)
    return present(copy, [("fields", "name")], key=own, audience=WHO, nonce=NONCE, at=NOW)


def test_a_presentation_with_proof_ends_with_0(
    folder: Path, shown: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(folder, shown, "--audience", WHO, "--nonce", NONCE) == 0
    assert "持证人 holder match: 有效 valid" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("more", "status", "code"),
    [
        ([], 3, "key-binding-unchecked"),
        (["--audience", WHO, "--nonce", "other"], 1, "other-nonce"),
        (["--audience", "https://else.example", "--nonce", NONCE], 1, "other-audience"),
        (["--audience", WHO, "--nonce", NONCE, "--at",
          (NOW + timedelta(minutes=3)).isoformat(), "--max-age", "60"], 1, "key-binding-too-old"),
    ],
    ids=["unchecked", "replayed", "shown to another", "too old"],
)  # fmt: skip
def test_a_proof_that_does_not_count_is_told(
    folder: Path,
    shown: str,
    capsys: pytest.CaptureFixture[str],
    more: list[str],
    status: int,
    code: str,
) -> None:
    assert run(folder, shown, "--json", *more) == status
    assert told(capsys)["holder_match"]["code"] == code


def test_audience_and_nonce_go_together(folder: Path, shown: str) -> None:
    with pytest.raises(SystemExit) as caught:
        run(folder, shown, "--nonce", NONCE)
    assert caught.value.code == 2


def picture(text: str) -> bytes:
    out = io.BytesIO()
    segno.make(text).save(out, kind="png", scale=4)
    return out.getvalue()


def test_an_identifier_proves_nothing_by_itself(
    folder: Path, draft: CertificateDraft, capsys: pytest.CaptureFixture[str]
) -> None:
    identifier = str(draft.identifier)
    address = f"https://hub.example/v/{identifier}"
    for content in (identifier, address + "\n", picture(address)):
        assert run(folder, content, "--json") == 3
        said = told(capsys)
        assert (said["identifier"], said["identifier_sound"]) == (identifier, True)
        assert said["integrity"]["code"] == "identifier-proves-nothing"
    assert run(folder, address) == 3
    assert identifier in capsys.readouterr().out


def test_a_wrong_check_character_ends_with_1(
    folder: Path, draft: CertificateDraft, capsys: pytest.CaptureFixture[str]
) -> None:
    identifier = str(draft.identifier)
    wrong = identifier[:-1] + ("0" if identifier[-1] != "0" else "1")
    assert run(folder, f"https://hub.example/v/{wrong}", "--json") == 1
    assert (told(capsys)["identifier"], wrong[-1]) == (wrong, wrong[-1])


def test_a_one_time_code_cannot_be_verified_offline(folder: Path) -> None:
    assert run(folder, picture("YICI:" + "A" * 32)) == 3


@pytest.mark.parametrize(
    "content",
    [picture("hello"), picture("https://hub.example/v/x")[:-30], b"\x89PNG\r\n\x1a\n", b"",
     b"\xff\xfe"],
    ids=["another QR code", "cut off", "no picture", "empty", "no text"],
)  # fmt: skip
def test_what_is_no_certificate_ends_with_2(folder: Path, content: bytes) -> None:
    assert run(folder, content) == 2


@pytest.fixture(scope="module")
def paper_of() -> dict[str, bytes]:
    """Kept between tests: drawing takes a while."""
    return {}


@pytest.fixture
def paper(
    folder: Path,
    draft: CertificateDraft,
    certificate: str,
    licence: CertificateType,
    signer: Es256Signer,
    paper_of: dict[str, bytes],
) -> bytes:
    """A sealed PDF with the certificate inside; its root lies in `root.pem`."""
    if not paper_of:
        owner, department = Es256Signer.generate(), licence.defined_by
        since, until = datetime(2026, 1, 1, tzinfo=UTC), datetime(2036, 1, 1, tzinfo=UTC)
        root = make_root(owner, name="根", valid_from=since, valid_until=until)
        leaf = certify(
            root,
            owner,
            make_request(signer, department=department, name="局"),
            department=department,
            name="局",
            valid_from=since,
            valid_until=until,
            crl_url="https://hub.example/v1/crl",
        )
        face = face_of(
            licence,
            draft.identifier,
            issuer_code=department,
            issuer=draft.issuer_name,
            holder=draft.holder,
            fields=draft.fields,
            issued_on=draft.issued_on,
            valid_from=draft.valid_from,
            valid_until=draft.valid_until,
            qr=f"https://hub.example/v/{draft.identifier}",
            credential=certificate,
        )
        drawn = Drawer().pdf(face, NOW)
        paper_of["pdf"] = seal(drawn, signer, [leaf, root], reason="颁发", place="广州", at=NOW)
        paper_of["root"] = root.public_bytes(Encoding.PEM)
        paper_of["certificate"] = certificate.encode()
    (folder / "root.pem").write_bytes(paper_of["root"])
    return paper_of["pdf"]


def parts(document: Mapping[str, Any]) -> dict[str, str]:
    names = ("integrity", "issuer", "status", "validity")
    return {name: document[name]["code"] for name in names}


def test_a_sealed_pdf_is_verified_with_what_travels_inside(
    folder: Path, paper: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(folder, paper, "--json") == 3
    said = told(capsys)
    assert parts(said) == {
        "integrity": "seal-holds",
        "issuer": "no-roots",
        "status": "status-valid",
        "validity": "within-validity",
    }
    assert said["certificate"]["integrity"]["outcome"] == "valid"
    assert "credential" not in said["seal"]
    run(folder, paper)
    out = capsys.readouterr().out
    assert "签章单位 sealed by" in out and "营业执照" in out


def test_an_altered_pdf_ends_with_1(
    folder: Path, paper: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    at = paper.index(b"stream") + 30
    altered = paper[:at] + bytes([paper[at] ^ 1]) + paper[at + 1 :]
    assert run(folder, altered, "--json") == 1
    said = told(capsys)
    assert said["integrity"]["outcome"] == "invalid" and said["certificate"] is None
    assert run(folder, paper[:-2000]) == 1
    assert run(folder, b"%PDF-1.7 nothing") == 1
