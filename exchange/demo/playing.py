"""What every act of the story shares: the stage, the systems that play, and the word "expect"."""

from __future__ import annotations

import json
import os
import subprocess
from base64 import b64decode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from certstore.identifiers import CertificateIdentifier
from exchange.client.applicant import Applicant
from exchange.client.lookups import Holder
from exchange.client.system import Yici
from exchange.client.transport import Transport
from exchange.demo.cast import SampleSystem
from exchange.demo.installation import Account
from exchange.demo.progress import Teller
from exchange.demo.stage import Stage

PROGRAM_SECONDS = 120


class StoryFailed(Exception):
    """Something that the story claims does not hold; ``zh`` and ``en`` say what."""

    def __init__(self, zh: str, en: str, quoted: str = "") -> None:
        super().__init__(en)
        self.zh = zh
        self.en = en
        self.quoted = quoted


def expect(holds: bool, zh: str, en: str, quoted: str = "") -> None:
    """Go on only where it holds.

    Raises:
        StoryFailed: it does not.
    """
    if not holds:
        raise StoryFailed(f"不成立：{zh}", f"this does not hold: {en}", quoted)


@dataclass(frozen=True, slots=True)
class Enterprise:
    """The applicant of one run: an enterprise whose business licence is in force."""

    credit_code: str
    name: str
    identifier: CertificateIdentifier

    @property
    def holder(self) -> Holder:
        """As lookups and cases name it."""
        return Holder("001", self.credit_code)


@dataclass(slots=True)
class Play:
    """One run of the story."""

    stage: Stage
    tell: Teller
    mark: str
    trust: Mapping[str, Any]
    _systems: dict[str, Yici] = field(default_factory=dict)
    _applicants: list[Applicant] = field(default_factory=list)
    _transports: list[Transport] = field(default_factory=list)

    @property
    def folder(self) -> Path:
        """What this run leaves to look at."""
        return self.stage.place.demo / self.mark

    def system(self, sample: SampleSystem) -> Yici:
        """A system's connection to the hub, authenticated with its own key."""
        if sample.client_id not in self._systems:
            self._systems[sample.client_id] = Yici(
                self.stage.url,
                client_id=sample.client_id,
                key=self.stage.place.credentials(sample),
                trust=self.trust,
                issuer=self.stage.issuer,
            )
        return self._systems[sample.client_id]

    def sign_in(self, account: Account) -> Applicant:
        """An applicant's connection to the hub."""
        applicant = Applicant.sign_in(self.stage.url, account.account, account.password)
        self._applicants.append(applicant)
        return applicant

    def closing(self, transport: Transport) -> Transport:
        """A connection that is closed with the others."""
        self._transports.append(transport)
        return transport

    def close(self) -> None:
        """Close all connections."""
        for transport in self._transports:
            transport.close()
        for system in self._systems.values():
            system.close()
        for applicant in self._applicants:
            applicant.close()

    def keep(self, name: str, content: str | bytes | Mapping[str, Any]) -> Path:
        """Leave a file of this run to look at."""
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / name
        if isinstance(content, bytes):
            path.write_bytes(content)
        elif isinstance(content, str):
            path.write_text(content, encoding="utf-8")
        else:
            path.write_text(json.dumps(content, ensure_ascii=False, indent=1), encoding="utf-8")
        return path

    def program(
        self, command: Sequence[str], *, environment: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run another program to its end. Without ``environment`` it knows nothing of the hub."""
        bare = {name: each for name, each in os.environ.items() if not name.startswith("YICI_")}
        return subprocess.run(  # noqa: S603
            list(command),
            cwd=self.folder,
            env=dict(environment) if environment is not None else bare,
            capture_output=True,
            text=True,
            timeout=PROGRAM_SECONDS,
            check=False,
        )


def fetch_trust(stage: Stage) -> Mapping[str, Any]:
    """The hub's trust document and root certificate, kept where whoever verifies finds them."""
    transport = Transport(stage.url)
    try:
        document: Mapping[str, Any] = transport.send("GET", "/v1/trust").json()
    finally:
        transport.close()
    stage.place.demo.mkdir(parents=True, exist_ok=True)
    text = json.dumps(document, ensure_ascii=False, indent=1)
    (stage.place.demo / "trust.json").write_text(text, encoding="utf-8")
    root = x509.load_der_x509_certificate(b64decode(document["root"]["certificate"]))
    (stage.place.demo / "root.pem").write_bytes(root.public_bytes(Encoding.PEM))
    return document
