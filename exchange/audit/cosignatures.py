"""Cosignatures: a witness's signed word that a checkpoint continues all it saw before.

C2SP tlog-cosignature, Ed25519 (``cosignature/v1``). Pure.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from hashlib import sha256

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from exchange.audit.notes import (
    MAX_SIZE,
    checked_name,
    encode_base64,
    key_parts,
    malformed,
    split_note,
)

COSIGNATURE = b"\x04"
_SIGNATURE_SIZE = 64
_TIME_SIZE = 8


@dataclass(frozen=True, slots=True)
class Cosigner:
    """One witness's public key."""

    name: str
    public_key: bytes
    key_id: bytes

    @classmethod
    def from_public_key(cls, name: str, public_key: bytes) -> Cosigner:
        """A cosigner from its key's name and 32 bytes (RFC 8032). Raises NoteRefused."""
        if len(public_key) != 32:
            raise malformed("Ed25519 公钥应为 32 字节", "an Ed25519 public key has 32 bytes")
        material = checked_name(name).encode() + b"\n" + COSIGNATURE + public_key
        return cls(name, public_key, sha256(material).digest()[:4])

    @classmethod
    def from_vkey(cls, vkey: str) -> Cosigner:
        """Parse `<name>+<key id>+<base64(0x04 ‖ public key)>`. Raises NoteRefused."""
        name, identifier, material = key_parts(vkey, COSIGNATURE)
        cosigner = cls.from_public_key(name, material)
        if cosigner.key_id.hex() != identifier:
            raise malformed("密钥标识与公钥不符", "the key id does not belong to the key")
        return cosigner

    @property
    def vkey(self) -> str:
        """The key as text, for other hubs' policy files."""
        return f"{self.name}+{self.key_id.hex()}+{encode_base64(COSIGNATURE + self.public_key)}"

    def find_time(self, text: str, blob: bytes) -> int | None:
        """When this key cosigned the text (seconds since the Epoch), or None if it did not."""
        if blob[:4] != self.key_id or len(blob) != 4 + _TIME_SIZE + _SIGNATURE_SIZE:
            return None
        at = int.from_bytes(blob[4 : 4 + _TIME_SIZE], "big")
        if not 0 < at <= MAX_SIZE:
            return None
        try:
            key = Ed25519PublicKey.from_public_bytes(self.public_key)
            key.verify(blob[4 + _TIME_SIZE :], _message(text, at))
        except (InvalidSignature, ValueError):
            return None
        return at


@dataclass(frozen=True, slots=True)
class CosigningKey:
    """A witness's private key. It is not shown by `repr`."""

    cosigner: Cosigner
    _key: Ed25519PrivateKey = field(repr=False)

    @classmethod
    def from_private_key(cls, name: str, key: Ed25519PrivateKey) -> CosigningKey:
        """A key of that name."""
        public = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        return cls(Cosigner.from_public_key(name, public), key)

    def signature_line(self, text: str, at: int) -> str:
        """The line that is added to the note; `at` is in seconds since the Epoch."""
        signed = at.to_bytes(_TIME_SIZE, "big") + self._key.sign(_message(text, at))
        return f"— {self.cosigner.name} {encode_base64(self.cosigner.key_id + signed)}\n"


def cosigned_times(note: str, cosigners: Iterable[Cosigner]) -> dict[bytes, int]:
    """When each of these keys cosigned the note, by public key; of several times the newest.

    Lines of other keys, and lines that do not hold, count for nothing. Raises NoteRefused if
    the note is malformed.
    """
    text, signatures = split_note(note)
    known = {(each.name, each.key_id): each for each in cosigners}
    times: dict[bytes, int] = {}
    for name, blob in signatures:
        cosigner = known.get((name, blob[:4]))
        at = cosigner.find_time(text, blob) if cosigner is not None else None
        if cosigner is not None and at is not None:
            times[cosigner.public_key] = max(at, times.get(cosigner.public_key, 0))
    return times


def _message(text: str, at: int) -> bytes:
    return f"cosignature/v1\ntime {at}\n{text}".encode()
