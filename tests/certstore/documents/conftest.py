"""Drawn once, sealed once: what the tests of files look at and alter."""

from __future__ import annotations

import dataclasses
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest
from cryptography import x509

from certstore.certification import certify, make_request, make_root
from certstore.documents import Drawer, seal
from certstore.documents.face import Face
from certstore.documents.samples import MADE_AT, sample_faces
from certstore.keys import Es256Signer

DEPARTMENT = "11440000MB2F03456K"
NAME = "云州市市场监督管理局"
SINCE = datetime(2025, 1, 1, tzinfo=UTC)
UNTIL = datetime(2028, 1, 1, tzinfo=UTC)
CREDENTIAL = "eyJhbGciOiJFUzI1NiJ9.e30.c2ln~"


@dataclass(frozen=True)
class Authority:
    """A root and a department that it certified."""

    root_key: Es256Signer
    root: x509.Certificate
    signer: Es256Signer
    certificate: x509.Certificate

    def sealed(self, pdf: bytes, **more: object) -> bytes:
        values = {"reason": "颁发电子证照", "place": "云州市", "at": MADE_AT, **more}
        return seal(pdf, self.signer, [self.certificate, self.root], **values)  # type: ignore[arg-type]


def make_authority() -> Authority:
    root_key, signer = Es256Signer.generate(), Es256Signer.generate()
    root = make_root(
        root_key, name="根证书", valid_from=SINCE, valid_until=datetime(2045, 1, 1, tzinfo=UTC)
    )
    certificate = certify(
        root,
        root_key,
        make_request(signer, department=DEPARTMENT, name=NAME),
        department=DEPARTMENT,
        name=NAME,
        valid_from=SINCE,
        valid_until=UNTIL,
        crl_url="https://hub.example/v1/crl",
    )
    return Authority(root_key, root, signer, certificate)


@pytest.fixture(scope="session")
def authority() -> Authority:
    return make_authority()


@pytest.fixture(scope="session")
def drawer() -> Drawer:
    return Drawer()


@pytest.fixture(scope="session")
def faces() -> dict[str, Face]:
    """The sample faces by name, each with a credential inside."""
    return {name: dataclasses.replace(face, credential=CREDENTIAL) for name, face in sample_faces()}


@pytest.fixture(scope="session")
def drawn(drawer: Drawer, faces: dict[str, Face]) -> bytes:
    """A business licence as it is before it is sealed."""
    return drawer.pdf(faces["business-licence"], MADE_AT)


@pytest.fixture(scope="session")
def sealed(authority: Authority, drawn: bytes) -> bytes:
    return authority.sealed(drawn)


@pytest.fixture(scope="session")
def program() -> Callable[[str], str]:
    """Where a Debian program is; a test that needs one that is not there is skipped by name."""

    def find(name: str) -> str:
        path = shutil.which(name)
        if path is None:
            message = f"{name} is not installed (Debian package poppler-utils)"
            if os.environ.get("CI") == "true":
                pytest.fail(message)
            pytest.skip(message)
        return path

    return find
