"""The first keys of a hub: encrypted files in one folder, made once by ``yici setup``.

``answers`` signs answers and authorizations, ``tokens`` signs access tokens (both ES256),
``log`` signs checkpoints and ``witness`` cosigns those of other logs (both Ed25519),
``issuers/<department>`` sign certificates (ES256).
What signs later, and where, is in the registry (``exchange.keyring``); ``log`` stays.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from certstore.errors import KeyFault
from certstore.keys import Ed25519Signer, Es256Signer, load_private
from exchange.audit.cosignatures import CosigningKey
from exchange.audit.notes import NoteSigner
from exchange.errors import SettingsFault

_FILES = ("answers", "tokens", "log", "witness")
_ED25519 = ("log", "witness")


def make_keys(folder: Path, passphrase: str, departments: Iterable[str] = ()) -> list[str]:
    """Make whatever key is not there yet. The names of those made."""
    made = []
    names = [*_FILES, *(f"issuers/{_checked(department)}" for department in departments)]
    for name in names:
        path = folder / f"{name}.pem"
        if not path.exists():
            signer = Ed25519Signer.generate() if name in _ED25519 else Es256Signer.generate()
            signer.save(path, passphrase.encode())
            made.append(name)
    return made


def load_log_key(folder: Path, passphrase: str, log_origin: str) -> NoteSigner:
    """The key that signs the log's checkpoints.

    Raises:
        SettingsFault: it cannot be used; says how to make it.
    """
    return NoteSigner.from_private_key(log_origin, _load_ed25519(folder, passphrase, "log"))


def load_witness_key(folder: Path, passphrase: str, log_origin: str) -> CosigningKey:
    """The key this hub cosigns other logs with, named after its own log.

    Raises:
        SettingsFault: as :func:`load_log_key`.
    """
    key = _load_ed25519(folder, passphrase, "witness")
    return CosigningKey.from_private_key(f"{log_origin}/witness", key)


def _load_ed25519(folder: Path, passphrase: str, name: str) -> Ed25519PrivateKey:
    try:
        key = load_private(folder / f"{name}.pem", passphrase.encode())
        if not isinstance(key, Ed25519PrivateKey):
            raise KeyFault(
                "wrong-kind", f"{name} 须为 Ed25519 密钥", f"{name} must be an Ed25519 key"
            )
    except KeyFault as fault:
        raise SettingsFault(
            (f"YICI_KEYS_DIR / YICI_KEYS_PASSPHRASE: {fault.en} ({fault.zh}); run `yici setup`",)
        ) from None
    return key


def _checked(department: str) -> str:
    if not re.fullmatch(r"[0-9A-Z]{18}", department):
        raise KeyFault("malformed", "部门代码须为18位", "a department code has 18 characters")
    return department
