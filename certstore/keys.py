"""Keys that sign: ES256 (RFC 7518) and Ed25519 (RFC 8037), and how they rest on disk.

A key is named by its RFC 7638 thumbprint. Private keys are written encrypted or not at all, and
no signer can be pickled, so that none slips into a queue or a cache.
"""

from __future__ import annotations

import os
import secrets
import stat
from pathlib import Path
from typing import Final, NoReturn, Protocol

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from certstore.base64url import b64url
from certstore.errors import KeyFault
from certstore.public_keys import TrustedKeys, VerifyingKey, thumbprint

__all__ = [
    "Ed25519Signer",
    "Es256Signer",
    "Signer",
    "TrustedKeys",
    "VerifyingKey",
    "load_private",
    "load_signer",
    "thumbprint",
]

_ECDSA: Final = ec.ECDSA(SHA256())
_EXPOSED: Final = stat.S_IRWXO | stat.S_IWGRP | stat.S_IXGRP


class Signer(Protocol):
    """Whoever can sign: a key in memory, a hardware module, a remote service."""

    @property
    def kid(self) -> str: ...

    @property
    def alg(self) -> str: ...

    def sign(self, data: bytes) -> bytes:
        """The raw JOSE signature over `data`: 64 bytes, for ES256 r ‖ s."""
        ...

    def public_jwk(self) -> dict[str, str]:
        """The public key as a JWK with kid, alg and use."""
        ...


class _KeyOnDisk:
    """What both kinds of signer share: a name, a public JWK, and a way to rest encrypted."""

    __slots__ = ("_jwk", "_private", "kid")

    alg: str
    _private: ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey

    def _name(self, members: dict[str, str]) -> None:
        self.kid = thumbprint(members)
        self._jwk = {**members, "kid": self.kid, "alg": self.alg, "use": "sig"}

    def public_jwk(self) -> dict[str, str]:
        return dict(self._jwk)

    def encrypted_pem(self, passphrase: bytes) -> bytes:
        """PKCS #8 PEM, encrypted. Raises KeyFault `no-passphrase` for an empty passphrase."""
        if not passphrase:
            raise KeyFault(
                "no-passphrase",
                "私钥必须用口令加密保存",
                "a private key is stored only under a passphrase",
            )
        return self._private.private_bytes(
            Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(passphrase)
        )

    def save(self, path: Path, passphrase: bytes) -> None:
        """Write the encrypted key to `path`, whole or not at all, readable by its owner only."""
        write_private(path, self.encrypted_pem(passphrase))

    def __reduce__(self) -> NoReturn:
        raise TypeError("a signer is not pickled; load it from its file where it is needed")

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.kid}>"


class Es256Signer(_KeyOnDisk):
    """ECDSA over P-256 with SHA-256."""

    __slots__ = ("_sign",)

    alg = "ES256"

    def __init__(self, private: ec.EllipticCurvePrivateKey) -> None:
        if not isinstance(private.curve, ec.SECP256R1):
            raise KeyFault("wrong-curve", "密钥曲线不是P-256", "the key is not on P-256")
        self._private = private
        self._sign = private.sign
        numbers = private.public_key().public_numbers()
        self._name(
            {
                "crv": "P-256",
                "kty": "EC",
                "x": b64url(numbers.x.to_bytes(32, "big")).decode(),
                "y": b64url(numbers.y.to_bytes(32, "big")).decode(),
            }
        )

    @classmethod
    def generate(cls) -> Es256Signer:
        return cls(ec.generate_private_key(ec.SECP256R1()))

    def sign(self, data: bytes) -> bytes:
        # DER: 30 len 02 len r 02 len s; both numbers shorter than 128 bytes, so each length is
        # one byte. A leading zero keeps a number positive, a short one needs padding.
        der = self._sign(data, _ECDSA)
        end_of_r = 4 + der[3]
        return der[4:end_of_r][-32:].rjust(32, b"\0") + der[end_of_r + 2 :][-32:].rjust(32, b"\0")


class Ed25519Signer(_KeyOnDisk):
    """Ed25519, alg EdDSA in JOSE; logs and checkpoints use the raw public key."""

    __slots__ = ("_sign", "public_bytes")

    alg = "EdDSA"

    def __init__(self, private: ed25519.Ed25519PrivateKey) -> None:
        self._private = private
        self._sign = private.sign
        self.public_bytes = private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        self._name({"crv": "Ed25519", "kty": "OKP", "x": b64url(self.public_bytes).decode()})

    @classmethod
    def generate(cls) -> Ed25519Signer:
        return cls(ed25519.Ed25519PrivateKey.generate())

    def sign(self, data: bytes) -> bytes:
        return self._sign(data)


def load_signer(path: Path, passphrase: bytes) -> Es256Signer | Ed25519Signer:
    """The signer whose encrypted PKCS #8 PEM is in `path`. Raises what `load_private` raises."""
    private = load_private(path, passphrase)
    if isinstance(private, ec.EllipticCurvePrivateKey):
        return Es256Signer(private)
    return Ed25519Signer(private)


def load_private(
    path: Path, passphrase: bytes
) -> ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey:
    """The private key whose encrypted PKCS #8 PEM is in `path`.

    Raises KeyFault, which names the file and the remedy: `no-passphrase`, `key-missing`,
    `key-exposed` (others than its owner's group may read it, or others than its owner write it),
    `key-unreadable` (also for an unencrypted file: the passphrase would protect nothing),
    `wrong-kind`, `wrong-curve`.
    """
    if not passphrase:
        raise KeyFault("no-passphrase", "缺少私钥口令", "no passphrase was given for the key")
    private = _decrypted(_read_private(path), path.name, passphrase)
    if isinstance(private, ec.EllipticCurvePrivateKey):
        if not isinstance(private.curve, ec.SECP256R1):
            raise KeyFault("wrong-curve", "密钥曲线不是P-256", "the key is not on P-256")
        return private
    if isinstance(private, ed25519.Ed25519PrivateKey):
        return private
    raise KeyFault("wrong-kind", "不支持的密钥种类", "neither a P-256 nor an Ed25519 key")


def _read_private(path: Path) -> bytes:
    name = path.name
    try:
        mode = path.stat().st_mode
        if mode & _EXPOSED:
            raise KeyFault(
                "key-exposed",
                f"私钥文件 {name} 可被他人读取或改写，请执行 chmod 600",
                f"the key file {name} is open to others; run chmod 600 on it",
                field=name,
            )
        return path.read_bytes()
    except FileNotFoundError:
        raise KeyFault(
            "key-missing",
            f"私钥文件 {name} 不存在",
            f"the key file {name} does not exist",
            field=name,
        ) from None
    except OSError:
        raise KeyFault(
            "key-unreadable",
            f"私钥文件 {name} 无法读取，请检查文件的所有者和权限",
            f"the key file {name} is unreadable; look at its owner and mode",
            field=name,
        ) from None


def _decrypted(pem: bytes, name: str, passphrase: bytes) -> object:
    try:
        return load_pem_private_key(pem, passphrase)
    except TypeError:
        zh, en = "未加密，请用口令加密后再放入", "is not encrypted; encrypt it under the passphrase"
    except (ValueError, UnsupportedAlgorithm):
        zh, en = "口令不符或文件损坏", "is damaged, or the passphrase is not the one it needs"
    raise KeyFault(
        "key-unreadable", f"私钥文件 {name} {zh}", f"the key file {name} {en}", field=name
    )


def write_private(path: Path, content: bytes) -> None:
    """Write `content` to `path` with mode 0600: temporary file, fsync, rename, fsync of folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
