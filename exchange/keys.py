"""The hub's keys: encrypted files in one folder, made once by ``yici setup``.

``answers`` signs answers and authorizations, ``tokens`` signs access tokens (both ES256),
``log`` signs checkpoints (Ed25519), ``issuers/<department>`` sign certificates (ES256).
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from certstore.errors import KeyFault
from certstore.keys import Ed25519Signer, Es256Signer, load_signer
from exchange.audit.notes import NoteSigner
from exchange.errors import SettingsFault

_FILES = ("answers", "tokens", "log")


class Keyring:
    """The keys of one hub, loaded once; an issuer's key is loaded when it is first needed."""

    def __init__(self, folder: Path, passphrase: str, log_origin: str) -> None:
        self._folder = folder
        self._passphrase = passphrase.encode()
        self._issuers: dict[str, Es256Signer] = {}
        self._lock = threading.Lock()
        self.answers = self._es256("answers")
        self.tokens = self._es256("tokens")
        self.log = NoteSigner.from_private_key(log_origin, self._log_key())

    def issuer(self, department: str) -> Es256Signer:
        """The key a department's certificates are signed with.

        Raises:
            KeyFault: the department has none.
        """
        with self._lock:
            if department not in self._issuers:
                self._issuers[department] = self._es256(f"issuers/{_checked(department)}")
            return self._issuers[department]

    def issuers(self) -> list[str]:
        """The departments that have a key."""
        return sorted(path.stem for path in (self._folder / "issuers").glob("*.pem"))

    def _es256(self, name: str) -> Es256Signer:
        signer = load_signer(self._folder / f"{name}.pem", self._passphrase)
        if not isinstance(signer, Es256Signer):
            raise KeyFault("wrong-kind", f"{name} 须为 P-256 密钥", f"{name} must be a P-256 key")
        return signer

    def _log_key(self) -> Ed25519PrivateKey:
        key = load_pem_private_key((self._folder / "log.pem").read_bytes(), self._passphrase)
        if not isinstance(key, Ed25519PrivateKey):
            raise KeyFault("wrong-kind", "log 须为 Ed25519 密钥", "log must be an Ed25519 key")
        return key


def make_keys(folder: Path, passphrase: str, departments: Iterable[str] = ()) -> list[str]:
    """Make whatever key is not there yet. The names of those made."""
    made = []
    names = [*_FILES, *(f"issuers/{_checked(department)}" for department in departments)]
    for name in names:
        path = folder / f"{name}.pem"
        if not path.exists():
            signer = Ed25519Signer.generate() if name == "log" else Es256Signer.generate()
            signer.save(path, passphrase.encode())
            made.append(name)
    return made


def load_keyring(folder: Path, passphrase: str, log_origin: str) -> Keyring:
    """The keys of a folder.

    Raises:
        SettingsFault: the keys cannot be used; says how to make them.
    """
    try:
        return Keyring(folder, passphrase, log_origin)
    except KeyFault as fault:
        raise SettingsFault(
            (f"YICI_KEYS_DIR / YICI_KEYS_PASSPHRASE: {fault.en} ({fault.zh}); run `yici setup`",)
        ) from None


def _checked(department: str) -> str:
    if not re.fullmatch(r"[0-9A-Z]{18}", department):
        raise KeyFault("malformed", "部门代码须为18位", "a department code has 18 characters")
    return department
