"""Draws and seals: slow work, a few at a time, outside every transaction and the event loop."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, Protocol

from cryptography import x509

from certstore import documents
from certstore.documents.drawing import Drawer
from certstore.documents.face import Face
from certstore.keys import Signer
from exchange.errors import Overloaded

if TYPE_CHECKING:
    from certstore.documents.sealing import TimeStamper

AT_ONCE: Final = 2
WAIT_SECONDS: Final = 20.0
_PLACE: Final = "中国 CN"


class SealKeys(Protocol):
    """Where a department's key and its certificate are found (``exchange.keyring``)."""

    def signer_of(self, owner: str) -> Signer: ...

    def chain_of(self, department: str) -> Sequence[x509.Certificate]: ...


@dataclass(frozen=True, slots=True)
class Drawn:
    """A sealed PDF, and the id of the key that sealed it."""

    content: bytes
    kid: str


class Maker:
    """Makes the files of one process. Safe to share between threads.

    ``fonts`` and ``looks`` are folders as certstore's ``Drawer`` has them; ``seals`` a folder of
    departments' own seals, ``<code>.svg`` or ``<code>.png``; ``stamps`` the address of an
    RFC 3161 service.
    """

    def __init__(
        self,
        keys: SealKeys,
        *,
        fonts: Path | None = None,
        looks: Path | None = None,
        seals: Path | None = None,
        stamps: str | None = None,
    ) -> None:
        self._keys = keys
        self._folders = (fonts, looks)
        self._seals = seals
        self._stamper: TimeStamper | None = documents.time_stamper(stamps) if stamps else None
        self._drawer: Drawer | None = None
        self._lock = threading.Lock()
        self._slots = threading.BoundedSemaphore(AT_ONCE)

    def sealed(self, face: Face, at: datetime, *, reason: str) -> Drawn:
        """The PDF of a face, sealed by its issuer.

        Raises:
            Overloaded: too many are being drawn.
            KeyFault: the issuer's key cannot be used or has no certificate.
            DocumentError: it cannot be drawn, or no time-stamp could be had.
        """
        with self._slot():
            # A key that cannot seal is told of before anything is drawn.
            signer = self._keys.signer_of(face.issuer_code)
            chain = self._keys.chain_of(face.issuer_code)
            pdf = self._ready().pdf(face, at, seal_picture=self._own_seal(face.issuer_code))
            # Loaded when first used: sealing takes half a second to import.
            content = documents.seal(
                pdf, signer, chain, reason=reason, place=_PLACE, at=at, timestamper=self._stamper
            )
        return Drawn(content, signer.kid)

    def picture(self, face: Face, at: datetime, kind: Literal["png", "svg"]) -> bytes:
        """The first page of a face for a screen. Raises as :meth:`sealed` does."""
        with self._slot():
            own = self._own_seal(face.issuer_code)
            return self._ready().picture(face, at, kind, seal_picture=own)[0]

    def _ready(self) -> Drawer:
        with self._lock:
            # Fonts take some tenths of a second to read; who never draws never reads them.
            if self._drawer is None:
                self._drawer = Drawer(*self._folders)
            return self._drawer

    def _own_seal(self, department: str) -> bytes | None:
        if self._seals is None or not department.isalnum():
            return None
        for suffix in ("svg", "png"):
            path = self._seals / f"{department}.{suffix}"
            if path.is_file():
                return path.read_bytes()
        return None

    @contextmanager
    def _slot(self) -> Iterator[None]:
        if not self._slots.acquire(timeout=WAIT_SECONDS):
            raise Overloaded(
                "正在制作的文件过多,请稍后重试。", "Too many files are being made; try again later."
            )
        try:
            yield
        finally:
            self._slots.release()
