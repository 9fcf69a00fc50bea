"""A root on a machine of its own, without a hub: files in, files out."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, cast

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from certstore.certification import (
    Reason,
    Revoked,
    certify,
    department_of,
    load_certificates,
    make_crl,
    make_root,
)
from certstore.errors import CertificationFault, KeyFault
from certstore.keys import Es256Signer, load_signer
from exchange.keyring.certifying import CRL_DAYS, KEY_DAYS, ROOT_DAYS


class OfflineRoot:
    """A folder with ``root.key``, encrypted, and ``root.pem``."""

    def __init__(self, folder: Path, passphrase: bytes) -> None:
        self._folder = folder
        self._passphrase = passphrase

    def make(self, name: str, now: datetime) -> x509.Certificate:
        """Make the root. Raises KeyFault ``key-exists``, ``no-passphrase``; CertificationFault."""
        if (self._folder / "root.key").exists():
            raise KeyFault("key-exists", "该目录已有根密钥", "the folder has a root key already")
        signer = Es256Signer.generate()
        root = make_root(
            signer, name=name, valid_from=now, valid_until=now + timedelta(days=ROOT_DAYS)
        )
        signer.save(self._folder / "root.key", self._passphrase)
        (self._folder / "root.pem").write_bytes(root.public_bytes(Encoding.PEM))
        return root

    def certify(self, request: bytes, *, crl_url: str, now: datetime) -> x509.Certificate:
        """Certify the key of a request (PKCS #10, PEM). Raises CertificationFault, KeyFault."""
        root, signer = self._opened()
        try:
            asked = x509.load_pem_x509_csr(request)
        except ValueError:
            raise CertificationFault(
                "bad-request", "不是PEM格式的申请文件", "not a request in PEM"
            ) from None
        organizations = asked.subject.get_attributes_for_oid(x509.NameOID.ORGANIZATION_NAME)
        return certify(
            root,
            signer,
            asked,
            department=department_of(asked.subject) or "",
            name=str(organizations[0].value) if organizations else "",
            valid_from=now,
            valid_until=min(now + timedelta(days=KEY_DAYS), root.not_valid_after_utc),
            crl_url=crl_url,
        )

    def list_revoked(self, revocations: bytes, now: datetime) -> x509.CertificateRevocationList:
        """Sign the list that a hub's file of revocations asks for. Raises CertificationFault."""
        root, signer = self._opened()
        number, lines = _read(revocations)
        return make_crl(
            root, signer, lines, number=number, issued_at=now,
            next_at=now + timedelta(days=CRL_DAYS),
        )  # fmt: skip

    def _opened(self) -> tuple[x509.Certificate, Es256Signer]:
        signer = load_signer(self._folder / "root.key", self._passphrase)
        try:
            (root,) = load_certificates((self._folder / "root.pem").read_bytes())
        except (OSError, ValueError):
            raise CertificationFault(
                "unreadable", "缺少根证书 root.pem", "there is no root certificate, root.pem"
            ) from None
        return root, cast(Es256Signer, signer)


def write_revocations(number: int, lines: Sequence[Revoked]) -> bytes:
    """What a hub hands to its root elsewhere: the next list's number, and what it has to name."""
    document = {
        "number": number,
        "revoked": [
            {
                "serial": f"{line.serial:x}",
                "revoked_at": line.revoked_at.isoformat(),
                "reason": line.reason,
                "invalid_from": line.invalid_from.isoformat() if line.invalid_from else None,
            }
            for line in lines
        ],
    }
    return json.dumps(document, indent=1).encode()


def _read(document: bytes) -> tuple[int, list[Revoked]]:
    try:
        content: Any = json.loads(document)
        return int(content["number"]), [
            Revoked(
                int(line["serial"], 16),
                datetime.fromisoformat(line["revoked_at"]),
                _reason(line["reason"]),
                datetime.fromisoformat(line["invalid_from"]) if line["invalid_from"] else None,
            )
            for line in content["revoked"]
        ]
    except (ValueError, LookupError, TypeError, RecursionError):
        raise CertificationFault(
            "unreadable", "吊销清单格式不符", "not a hub's file of revocations"
        ) from None


def _reason(value: str) -> Reason:
    if value not in ("compromised", "cut-off"):
        raise ValueError
    return cast(Reason, value)
